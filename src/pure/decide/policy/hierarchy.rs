//! Which codes lie below which: the `[[is-a]]` rows of the rule files, and the CodeSystems among the definitions.
//!
//! A choice about a code speaks about what lies below it too (R4 Consent.provision.code: "the code is found", by
//! subsumption). Only what is loaded is known; see [`Relation::Untold`] for what is not.

use super::toml::Reader;
use crate::pure::profile::Definitions;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use toml::de::DeTable;

/// How a code on data stands to the code of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pure::decide) enum Relation {
    /// It is the rule's code, or lies below it.
    Covered,
    /// It lies above the rule's code: what it says more exactly might be what the rule means.
    Broader,
    /// Both are of one system of which nothing is loaded.
    Untold,
    /// It is something else.
    Other,
}

/// What is known of the order among codes.
#[derive(Default)]
pub(in crate::pure::decide) struct Hierarchy {
    /// System → code → the codes right above it.
    above: HashMap<String, HashMap<String, Vec<String>>>,
    definitions: Option<Arc<Definitions>>,
}

impl Hierarchy {
    /// Takes up the CodeSystems of these definitions too, each when it is first asked about.
    pub fn learn(&mut self, definitions: Arc<Definitions>) {
        self.definitions = Some(definitions);
    }

    /// How `data` stands to `rule`, two different codes of one system.
    pub fn relation(&self, system: &str, rule: &str, data: &str) -> Relation {
        if self.is_below(system, data, rule) {
            Relation::Covered
        } else if self.is_below(system, rule, data) {
            Relation::Broader
        } else if self.knows(system) {
            Relation::Other
        } else {
            Relation::Untold
        }
    }

    /// Whether anything of a system is loaded, so that what is not said of it is not so.
    pub fn knows(&self, system: &str) -> bool {
        self.above.contains_key(system)
            || self.definitions.as_ref().and_then(|d| d.code_system(system)).is_some_and(|s| s.is_complete)
    }

    fn is_below(&self, system: &str, code: &str, above: &str) -> bool {
        if self.above.get(system).is_some_and(|codes| reaches(codes, code, above)) {
            return true;
        }
        let loaded = self.definitions.as_ref().and_then(|d| d.code_system(system));
        loaded.is_some_and(|s| s.is_below(code, above))
    }

    /// All codes below one, by the rule files.
    pub fn below(&self, system: &str, above: &str) -> Vec<String> {
        let Some(codes) = self.above.get(system) else { return Vec::new() };
        codes.keys().filter(|c| *c != above && reaches(codes, c, above)).cloned().collect()
    }
}

/// Upwards, each code once: a circle ends by itself.
fn reaches(codes: &HashMap<String, Vec<String>>, from: &str, to: &str) -> bool {
    let mut open = vec![from];
    let mut seen = HashSet::new();
    while let Some(code) = open.pop() {
        for parent in codes.get(code).into_iter().flatten() {
            if parent == to {
                return true;
            }
            if seen.insert(parent) {
                open.push(parent);
            }
        }
    }
    false
}

/// Reads `[[is-a]]`: `system`, `code`, and the codes right `below` it.
pub(super) fn read(reader: &mut Reader<'_>, root: &DeTable<'_>, hierarchy: &mut Hierarchy) {
    for (row, at) in reader.rows(root, "is-a") {
        reader.only(row, &["system", "code", "below"]);
        let (system, code) = (reader.needed(row, &at, "system"), reader.needed(row, &at, "code"));
        let below = reader.texts(row, "below");
        if below.is_empty() {
            let text = "`below` names no code".to_owned();
            reader.mistake(&at, "policy-missing-key", text, "add `below = [\"…\"]`, or leave the row out");
        }
        let (Some(system), Some(code)) = (system, code) else { continue };
        let system = crate::pure::decide::words::plain_system(&system).to_owned();
        let codes = hierarchy.above.entry(system).or_default();
        codes.entry(code.clone()).or_default();
        for child in below {
            let parents = codes.entry(child).or_default();
            if !parents.contains(&code) {
                parents.push(code.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::fhir::Report;

    fn hierarchy(text: &str) -> (Hierarchy, Report) {
        let (mut found, mut report) = (Hierarchy::default(), Report::default());
        let mut reader = Reader::new("x.toml", text, &mut report);
        let root = reader.root();
        read(&mut reader, root.get_ref(), &mut found);
        (found, report)
    }

    const TREE: &str = "[[is-a]]\nsystem = \"s\"\ncode = \"a\"\nbelow = [\"b\", \"c\"]\n\
        [[is-a]]\nsystem = \"s\"\ncode = \"b\"\nbelow = [\"d\"]\n";

    #[test]
    fn what_lies_below_is_covered_what_lies_above_might_be_meant_and_the_rest_is_something_else() {
        let (tree, report) = hierarchy(TREE);
        assert!(report.is_valid());
        assert_eq!(tree.relation("s", "a", "d"), Relation::Covered);
        assert_eq!(tree.relation("s", "d", "a"), Relation::Broader);
        assert_eq!(tree.relation("s", "c", "d"), Relation::Other);
        assert_eq!(tree.relation("t", "a", "d"), Relation::Untold);
        assert_eq!(tree.below("s", "a").len(), 3);
    }

    #[test]
    fn a_circle_ends() {
        let (tree, _) = hierarchy(&format!("{TREE}[[is-a]]\nsystem = \"s\"\ncode = \"d\"\nbelow = [\"a\"]\n"));
        assert_eq!(tree.relation("s", "d", "a"), Relation::Covered);
        assert_eq!(tree.relation("s", "c", "x"), Relation::Other);
    }

    #[test]
    fn code_systems_among_the_definitions_say_it_too() {
        let mut tree = Hierarchy::default();
        tree.learn(Arc::new(Definitions::r4().expect("the base compiles")));
        let reasons = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
        assert_eq!(tree.relation(reasons, "HRESCH", "CLINTRCH"), Relation::Covered);
        assert_eq!(tree.relation(reasons, "TREAT", "HRESCH"), Relation::Other);
    }

    #[test]
    fn a_row_without_its_words_is_a_mistake() {
        let (_, report) = hierarchy("[[is-a]]\ncode = \"a\"\n");
        assert_eq!(report.issues.len(), 2, "{:?}", report.issues);
    }
}
