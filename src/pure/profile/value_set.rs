//! A ValueSet (R4 §4.9): which codes are in it, as far as that can be known here.
//!
//! Comes in: `compose` (lists, whole systems, filters, other sets, exclusions) or an `expansion`, and the code systems
//! that are loaded. Goes out: [`Membership`] of a code, three-valued: what depends on a system that is not loaded is
//! [`Membership::Unknown`] and never counted as in or out.

use super::Definitions;
use super::code_system::{CodeSystem, by_rule};
use super::quick::{NameSet, Names};
use crate::pure::fhir::Item;
use std::sync::Arc;

/// Whether a code is in a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It is.
    In,
    /// It is not.
    Out,
    /// It cannot be known: the system, or set, that it depends on.
    Unknown(Arc<str>),
}

/// A value set.
#[derive(Clone, Debug, Default)]
pub struct ValueSet {
    /// Canonical url.
    pub url: Arc<str>,
    /// Listed codes, with their systems: the common case, found at once.
    listed: Names<Vec<Arc<str>>>,
    parts: Vec<Part>,
    excluded: Vec<Part>,
    /// Words that this set gives to a code, besides those of its system.
    words: Names<Vec<Arc<str>>>,
}

#[derive(Clone, Debug)]
struct Part {
    system: Option<Arc<str>>,
    codes: Codes,
    sets: Vec<Result<Arc<ValueSet>, Arc<str>>>,
}

#[derive(Clone, Debug)]
enum Codes {
    /// All of a system, or of the sets.
    All,
    /// A whole system that is loaded.
    System(Arc<CodeSystem>),
    /// Those that filters leave, and listed ones where sets narrow them.
    These(NameSet),
    /// The system is not loaded, or not in full.
    Unknown,
}

/// Value sets may import one another this deep.
const DEEPEST: usize = 16;

impl ValueSet {
    /// Reads the resource; none where it says nothing about its codes.
    #[must_use]
    pub fn build(item: Item<'_>, definitions: &Definitions, depth: usize) -> Option<ValueSet> {
        let mut set = ValueSet { url: Arc::from(item.str_at(&["url"]).unwrap_or_default()), ..ValueSet::default() };
        let Some(compose) = item.get("compose") else {
            let expansion = item.get("expansion")?;
            let mut open: Vec<Item<'_>> = expansion.all("contains").collect();
            while let Some(entry) = open.pop() {
                if let (Some(system), Some(code)) = (entry.str_at(&["system"]), entry.str_at(&["code"])) {
                    set.list(system, code);
                    set.word(entry, code);
                }
                open.extend(entry.all("contains"));
            }
            return Some(set);
        };
        for include in compose.all("include") {
            let is_plain = include.get("concept").is_some() && include.get("valueSet").is_none();
            match include.str_at(&["system"]) {
                Some(system) if is_plain => {
                    for concept in include.all("concept") {
                        let Some(code) = concept.str_at(&["code"]) else { continue };
                        set.list(system, code);
                        set.word(concept, code);
                    }
                }
                _ => set.parts.push(part(include, definitions, depth)),
            }
        }
        set.excluded = compose.all("exclude").map(|exclude| part(exclude, definitions, depth)).collect();
        if compose.get("inactive").and_then(Item::bool) == Some(false) {
            let systems = set.systems();
            set.excluded.extend(systems.iter().filter_map(|system| inactive(system, definitions)));
        }
        Some(set)
    }

    /// The systems its codes can be of, as far as it names them or the sets that it imports do.
    fn systems(&self) -> Vec<Arc<str>> {
        let mut found: Vec<Arc<str>> = self.listed.values().flatten().cloned().collect();
        found.extend(self.parts.iter().filter_map(|part| part.system.clone()));
        for set in self.parts.iter().flat_map(|part| &part.sets).flatten() {
            found.extend(set.systems());
        }
        found.sort();
        found.dedup();
        found
    }

    fn word(&mut self, concept: Item<'_>, code: &str) {
        let words = concept.all("designation").filter_map(|d| d.str_at(&["value"])).chain(concept.str_at(&["display"]));
        let words: Vec<Arc<str>> = words.map(Arc::from).collect();
        if !words.is_empty() {
            self.words.entry(Arc::from(code)).or_default().extend(words);
        }
    }

    /// The words that this set gives to a code (R4 ValueSet.compose.include.concept: display, designation).
    #[must_use]
    pub fn words(&self, code: &str) -> &[Arc<str>] {
        self.words.get(code).map_or(&[], Vec::as_slice)
    }

    fn list(&mut self, system: &str, code: &str) {
        let system = match self.listed.values().flatten().find(|s| ***s == *system) {
            Some(same) => same.clone(),
            None => Arc::from(system),
        };
        self.listed.entry(Arc::from(code)).or_default().push(system);
    }

    /// Whether a code is in it. Without a system (a `code` element) the set's own systems count.
    #[must_use]
    pub fn contains(&self, system: Option<&str>, code: &str) -> Membership {
        let mut unknown = None;
        let listed = self.listed.get(code).is_some_and(|s| system.is_none_or(|w| s.iter().any(|s| **s == *w)));
        let mut is_in = listed;
        for part in &self.parts {
            if is_in {
                break;
            }
            match part.contains(system, code) {
                Membership::In => is_in = true,
                Membership::Unknown(what) => unknown = Some(what),
                Membership::Out => {}
            }
        }
        if is_in {
            for part in &self.excluded {
                match part.contains(system, code) {
                    Membership::In => return Membership::Out,
                    unknown @ Membership::Unknown(_) => return unknown,
                    Membership::Out => {}
                }
            }
            return Membership::In;
        }
        unknown.map_or(Membership::Out, Membership::Unknown)
    }

    /// The one system whose code this is, for elements of type `code` that name none.
    #[must_use]
    pub fn system_of(&self, code: &str) -> Option<Arc<str>> {
        if let Some(systems) = self.listed.get(code) {
            return systems.first().cloned();
        }
        self.parts.iter().find(|p| p.contains(None, code) == Membership::In).and_then(|p| p.system.clone())
    }

    /// All its codes with their systems, sorted; none where they cannot all be known.
    #[must_use]
    pub fn expand(&self) -> Option<Vec<(Arc<str>, Arc<str>)>> {
        let mut found: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for (code, systems) in &self.listed {
            found.extend(systems.iter().map(|s| (s.clone(), code.clone())));
        }
        for part in &self.parts {
            found.extend(part.expand()?);
        }
        found.sort();
        found.dedup();
        found.retain(|(system, code)| self.contains(Some(system), code) == Membership::In);
        Some(found)
    }
}

impl Part {
    fn contains(&self, system: Option<&str>, code: &str) -> Membership {
        if let (Some(mine), Some(theirs)) = (&self.system, system)
            && **mine != *theirs
        {
            return Membership::Out;
        }
        let mut answer = match &self.codes {
            Codes::All => Membership::In,
            Codes::System(all) => match all.find(code) {
                Some(_) => Membership::In,
                None if all.is_complete => Membership::Out,
                None => Membership::Unknown(all.url.clone()),
            },
            Codes::These(these) if these.contains(code) => Membership::In,
            Codes::These(_) => Membership::Out,
            Codes::Unknown => match by_rule(self.system.as_deref().unwrap_or_default(), code) {
                Some(true) => Membership::In,
                Some(false) => Membership::Out,
                None => Membership::Unknown(self.system.clone().unwrap_or_else(|| Arc::from("?"))),
            },
        };
        for set in &self.sets {
            let here = match set {
                Ok(set) => set.contains(system, code),
                Err(missing) => Membership::Unknown(missing.clone()),
            };
            answer = match (answer, here) {
                (Membership::Out, _) | (_, Membership::Out) => Membership::Out,
                (Membership::Unknown(what), _) | (_, Membership::Unknown(what)) => Membership::Unknown(what),
                _ => Membership::In,
            };
        }
        answer
    }

    fn expand(&self) -> Option<Vec<(Arc<str>, Arc<str>)>> {
        let of = |code: &Arc<str>| Some((self.system.clone()?, code.clone()));
        match &self.codes {
            Codes::System(all) if all.is_complete => all.concepts.iter().map(|c| of(&c.code)).collect(),
            Codes::These(these) => these.iter().map(of).collect(),
            Codes::All if !self.sets.is_empty() => self.sets[0].as_ref().ok()?.expand(),
            _ => None,
        }
    }
}

/// The codes of a system that are no longer in use, where it is loaded (R4 ValueSet.compose.inactive).
fn inactive(system: &Arc<str>, definitions: &Definitions) -> Option<Part> {
    let all = definitions.code_system(system)?;
    let codes: NameSet = all.concepts.iter().filter(|c| c.is_inactive).map(|c| c.code.clone()).collect();
    (!codes.is_empty()).then(|| Part { system: Some(system.clone()), codes: Codes::These(codes), sets: Vec::new() })
}

fn part(include: Item<'_>, definitions: &Definitions, depth: usize) -> Part {
    let system = include.str_at(&["system"]);
    let sets = include.all("valueSet").filter_map(Item::str).map(|url| {
        let found = if depth < DEEPEST { definitions.value_set_at(url, depth + 1) } else { None };
        found.ok_or_else(|| Arc::from(url))
    });
    let codes = match system {
        None => Codes::All,
        Some(system) => codes(include, definitions.code_system(system)),
    };
    Part { system: system.map(Arc::from), codes, sets: sets.collect() }
}

fn codes(include: Item<'_>, system: Option<Arc<CodeSystem>>) -> Codes {
    if include.get("concept").is_some() {
        let listed = include.all("concept").filter_map(|c| c.str_at(&["code"]));
        return Codes::These(listed.map(Arc::from).collect());
    }
    let filters: Vec<Item<'_>> = include.all("filter").collect();
    let Some(system) = system else { return Codes::Unknown };
    if filters.is_empty() {
        return Codes::System(system);
    }
    if !system.is_complete {
        return Codes::Unknown;
    }
    let mut left = NameSet::default();
    for concept in &system.concepts {
        let mut passes = true;
        for filter in &filters {
            match passes_filter(&system, &concept.code, *filter) {
                Some(answer) => passes &= answer,
                None => return Codes::Unknown,
            }
        }
        if passes {
            left.insert(concept.code.clone());
        }
    }
    Codes::These(left)
}

/// Whether a code passes one filter (value set filter-operator); none where the filter is not understood.
fn passes_filter(system: &CodeSystem, code: &str, filter: Item<'_>) -> Option<bool> {
    let property = filter.str_at(&["property"])?;
    let operator = filter.str_at(&["op"])?;
    let value = filter.str_at(&["value"])?;
    let is_hierarchy = matches!(property, "concept" | "code");
    let concept = system.find(code)?;
    let values = || concept.properties.iter().filter(|(n, _)| &**n == property).map(|(_, v)| &**v);
    let has = |wanted: &str| match property {
        "concept" | "code" => code == wanted,
        "display" => concept.display.as_deref() == Some(wanted),
        _ => values().any(|v| v == wanted),
    };
    Some(match operator {
        "is-a" if is_hierarchy => system.is_below(code, value),
        "descendent-of" if is_hierarchy => code != value && system.is_below(code, value),
        "is-not-a" if is_hierarchy => !system.is_below(code, value),
        "generalizes" if is_hierarchy => system.is_below(value, code),
        "=" => has(value),
        "in" => value.split(',').any(|v| has(v.trim())),
        "not-in" => !value.split(',').any(|v| has(v.trim())),
        "exists" => (values().next().is_some()) == (value == "true"),
        "regex" => {
            let pattern = regex::Regex::new(&format!("^(?:{value})$")).ok()?;
            match property {
                "concept" | "code" => pattern.is_match(code),
                "display" => concept.display.as_deref().is_some_and(|d| pattern.is_match(d)),
                _ => values().any(|v| pattern.is_match(v)),
            }
        }
        _ => return None,
    })
}
