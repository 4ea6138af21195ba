//! Value sets, code systems and concept maps as records (R4 §4.8 to §4.10), beside the invariants of their types: the code
//! systems they name, codes that those do not have, and what a code system says of its own concepts.

use crate::pure::fhir::{Item, Severity};
use crate::pure::profile::code_system::CodeSystem;
use crate::pure::profile::primitive::is_absolute;
use crate::pure::profile::value_set::{Membership, ValueSet};
use crate::pure::validate::walk::Walk;
use std::collections::{HashMap, HashSet};

impl<'a> Walk<'a> {
    /// A system that a value set includes or excludes is an absolute URI, and its version stands in `version`.
    pub(in crate::pure::validate) fn included_systems(&mut self, value_set: Item<'a>) {
        let compose = value_set.get("compose");
        let parts = compose.into_iter().flat_map(|c| c.all("include").chain(c.all("exclude")));
        for part in parts {
            let Some(system) = part.get("system") else { continue };
            let Some(url) = system.str().filter(|s| !s.is_empty()) else { continue };
            if !is_absolute(url) {
                let text = "the system of a part of a value set should be an absolute URI".to_owned();
                let remedy = "write the whole URI of the code system";
                self.error("invalid", "relative-system", system, None, text, remedy);
            } else if url.contains('|') {
                let text = "the system of a part of a value set should be without its version".to_owned();
                self.error("invalid", "system-with-version", system, None, text, "write the version in `version`");
            } else if let Some(known) = self.definitions.code_system(url) {
                self.listed_codes(part, &known);
            } else if self.definitions.value_set(url).is_some() {
                let text =
                    "the system of a part of a value set should be a code system, and this is a value set".to_owned();
                self.error("invalid", "value-set-as-system", system, None, text, "name it under `valueSet` instead");
            }
        }
    }

    /// What a value set lists of a system that is loaded whole are codes of that system.
    fn listed_codes(&mut self, part: Item<'a>, system: &CodeSystem) {
        if !system.is_complete || part.get("version").is_some_and(|v| system.version.as_deref() != v.str()) {
            return;
        }
        for code in part.all("concept").filter_map(|concept| concept.get("code")) {
            if code.str().is_some_and(|text| !text.is_empty()) && system.find(code.text()).is_none() {
                let text = "the code system of this part has no such code".to_owned();
                self.error("code-invalid", "unknown-code", code, None, text, "use a code of that system");
            }
        }
    }

    /// How many concepts a code system has, and whose: R4 CodeSystem.content, count and supplements.
    pub(in crate::pure::validate) fn code_system(&mut self, system: Item<'a>) {
        let mut concepts = Vec::new();
        let mut open: Vec<Item<'a>> = system.all("concept").collect();
        open.reverse();
        while let Some(concept) = open.pop() {
            concepts.push(concept);
            let at = open.len();
            open.extend(concept.all("concept"));
            open[at..].reverse();
        }
        match (system.str_at(&["content"]), system.get("count")) {
            (Some("complete"), Some(count)) if count.text().parse() != Ok(concepts.len()) => {
                let text = "a complete code system should have as many concepts as its `count` says".to_owned();
                self.error("invalid", "concept-count", count, None, text, "count its concepts again");
            }
            (Some("not-present"), _) if !concepts.is_empty() => {
                let text = "the code system says that its concepts are not present, and some are".to_owned();
                let remedy = "say `fragment` or `complete`, or leave the concepts out";
                self.error("invalid", "concepts-not-present", concepts[0], None, text, remedy);
            }
            (Some("supplement"), _) if system.get("supplements").is_none() => {
                let text = "a supplement should say which code system it supplements".to_owned();
                self.error("business-rule", "supplement-of-nothing", system, None, text, "name it under `supplements`");
            }
            _ => {}
        }
        self.properties(system, &concepts);
    }

    /// The properties of concepts have the types that the code system declares (R4 CodeSystem.property.type).
    fn properties(&mut self, system: Item<'a>, concepts: &[Item<'a>]) {
        let (mut types, mut codes) = (HashMap::<&str, &str>::new(), HashSet::new());
        for property in system.all("property") {
            let (Some(code), Some(of)) = (property.get("code"), property.str_at(&["type"])) else { continue };
            types.entry(code.text()).or_insert(of);
            if !codes.insert(code.text()) {
                // R4 does not forbid it, and its own example of SNOMED CT does it
                let text = "two properties have the same code".to_owned();
                let (severity, remedy) = (Severity::Warning, "give each a code of its own");
                self.find(severity, "business-rule", "property-repeated", code, None, text, remedy);
            }
        }
        for property in concepts.iter().flat_map(|concept| concept.all("property")) {
            let declared = property.str_at(&["code"]).and_then(|code| types.get(code));
            let value = property.children().find(|child| child.key().starts_with("value"));
            if let (Some(declared), Some(value)) = (declared, value)
                && !value.key()["value".len()..].eq_ignore_ascii_case(declared)
            {
                let text = "the value of a property should be of the type that the code system declares".to_owned();
                let remedy = "send it as that type, or declare another";
                self.error("business-rule", "property-type", property, None, text, remedy);
            }
        }
    }

    /// What a concept map maps, and what it maps to, are codes of the systems its groups name; what it maps is in the value
    /// set that it names as its source.
    pub(in crate::pure::validate) fn mapped_codes(&mut self, map: Item<'a>) {
        let whole = map.str_at(&["sourceUri"]).or_else(|| map.str_at(&["sourceCanonical"]));
        let whole = whole.and_then(|url| self.definitions.value_set(url));
        for group in map.all("group") {
            if let (Some(set), Some(system)) = (&whole, group.str_at(&["source"])) {
                self.sources(group, set, system);
            }
            for element in group.all("element") {
                self.mapped_code(group.str_at(&["source"]), element);
                for target in element.all("target") {
                    self.mapped_code(group.str_at(&["target"]), target);
                }
            }
        }
    }

    fn sources(&mut self, group: Item<'a>, set: &ValueSet, system: &str) {
        for code in group.all("element").filter_map(|element| element.get("code")) {
            if set.contains(Some(system), code.text()) == Membership::Out {
                let text = "the value set that is mapped has no such code".to_owned();
                self.error("code-invalid", "code-not-in-value-set", code, None, text, "use a code of that set");
            }
        }
    }

    fn mapped_code(&mut self, system: Option<&str>, holder: Item<'a>) {
        let Some(code) = holder.get("code").filter(|c| c.str().is_some_and(|t| !t.is_empty())) else { return };
        let Some(system) = system.and_then(|url| self.definitions.code_system(url)) else { return };
        if system.is_complete && system.find(code.text()).is_none() {
            let text = "the code system of this group has no such code".to_owned();
            self.error("code-invalid", "unknown-code", code, None, text, "use a code of that system");
        }
    }
}
