//! Value sets and concept maps as records (R4 §4.9, §4.10): the code systems they name, and codes that those do not have.

use crate::pure::fhir::Item;
use crate::pure::profile::primitive::is_absolute;
use crate::pure::profile::value_set::{Membership, ValueSet};
use crate::pure::validate::walk::Walk;

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
