//! Codings: a code that its code system does not have, a system that is no system (R4 §2.24 Coding).

use crate::pure::fhir::{Item, Severity};
use crate::pure::profile::code_system::by_rule;
use crate::pure::profile::element::Strength;
use crate::pure::profile::primitive::is_absolute;
use crate::pure::validate::walk::{By, Walk};

impl<'a> Walk<'a> {
    /// Looks a Coding up in its code system, where that is loaded.
    pub(in crate::pure::validate) fn coding(&mut self, item: Item<'a>, by: By<'a>) {
        let Some(system) = item.get("system") else { return };
        let Some(url) = system.str().filter(|s| !s.is_empty()) else { return };
        if !is_absolute(url) {
            // beside others in a concept, or where a binding judges the code, the other codings and the binding speak for it
            let is_bound = by.node.binding.as_ref().is_some_and(|b| b.strength <= Strength::Preferred);
            let is_one_of_several = &*by.node.id == "CodeableConcept.coding";
            let severity = if is_bound || is_one_of_several { Severity::Warning } else { Severity::Error };
            let text = "the system of a code should be an absolute URI".to_owned();
            let remedy = "write the whole URI of the code system";
            self.find(severity, "code-invalid", "relative-system", system, Some(by), text, remedy);
            return;
        }
        if self.definitions.value_set(url).is_some() && self.definitions.code_system(url).is_none() {
            let text = "the system of a Coding should be a code system, and this is a value set".to_owned();
            self.error("invalid", "value-set-as-system", system, Some(by), text, "name the code system instead");
            return;
        }
        let Some(code) = item.get("code") else {
            if &*by.node.name == "coding" && self.definitions.code_system(url).is_some_and(|s| s.is_complete) {
                let text = "a code system is named, and no code of it".to_owned();
                self.error(
                    "code-invalid",
                    "coding-without-code",
                    item,
                    Some(by),
                    text,
                    "add the code, or leave the system out",
                );
            }
            return;
        };
        if let Some(known) = self.definitions.code_system(url) {
            if known.is_complete && known.find(code.text()).is_none() {
                let text = "the code system has no such code".to_owned();
                self.error("code-invalid", "unknown-code", code, Some(by), text, "use a code of that system");
            } else if let (Some(display), Some(concept)) = (item.get("display"), known.find(code.text())) {
                self.display(display, concept, by);
            }
        } else if by_rule(url, code.text()) == Some(false) {
            let text = "the code system has no such code".to_owned();
            self.error("code-invalid", "unknown-code", code, Some(by), text, "use a code of that system");
        }
    }

    fn display(&mut self, display: Item<'a>, concept: &crate::pure::profile::code_system::Concept, by: By<'a>) {
        let said = normal(display.text());
        let mut words = concept.display.iter().chain(&concept.others).map(|w| normal(w)).peekable();
        if words.peek().is_none() || words.any(|w| w == said) {
            return;
        }
        let text = "the display is not one of the code's own".to_owned();
        let remedy = "write the display of the code system, or leave it out";
        self.find(Severity::Warning, "invalid", "wrong-display", display, Some(by), text, remedy);
    }
}

/// Words without the differences that do not count.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
