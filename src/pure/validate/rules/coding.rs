//! Codings: a code that its code system does not have, a system that is no system (R4 §2.24 Coding). Codes of a system
//! that is not loaded are not checked, and the report says so.

use crate::pure::fhir::{Item, Severity};
use crate::pure::profile::code_system::{Concept, by_rule};
use crate::pure::profile::element::Strength;
use crate::pure::profile::primitive::is_absolute;
use crate::pure::validate::walk::{By, Walk};

macro_rules! elsewhere {
    ($($url:literal)*) => { &[$(($url, concat!("codes of `", $url, "`"))),*] };
}

/// Code systems that are seldom loaded, and what is said of their codes. Others are not named: a url that nobody here
/// knows is a value of the record (P10).
const ELSEWHERE: &[(&str, &str)] = elsewhere!(
    "http://snomed.info/sct"
    "http://loinc.org"
    "https://dmd.nhs.uk"
    "http://hl7.org/fhir/sid/icd-10"
    "http://hl7.org/fhir/sid/icd-10-uk"
    "http://hl7.org/fhir/sid/icd-10-cm"
    "http://hl7.org/fhir/sid/icd-9-cm"
    "http://hl7.org/fhir/sid/cvx"
    "http://hl7.org/fhir/sid/ndc"
    "http://www.nlm.nih.gov/research/umls/rxnorm"
    "http://www.whocc.no/atc"
    "http://www.ama-assn.org/go/cpt"
    "urn:iso:std:iso:3166"
);

/// Id of the finding that a display is not one of the code's own.
pub(super) const WRONG_DISPLAY: &str = "wrong-display";

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
            let is_found = known.find(code.text()).is_some();
            if !is_found && !known.is_complete {
                self.not_loaded(url);
            } else if !is_found {
                let text = "the code system has no such code".to_owned();
                self.error("code-invalid", "unknown-code", code, Some(by), text, "use a code of that system");
            } else if let (Some(display), Some(concept)) = (item.get("display"), known.find(code.text())) {
                self.display(display, concept, by);
            }
        } else {
            match by_rule(url, code.text()) {
                Some(true) => {}
                Some(false) => {
                    let text = "the code system has no such code".to_owned();
                    self.error("code-invalid", "unknown-code", code, Some(by), text, "use a code of that system");
                }
                None => self.not_loaded(url),
            }
        }
    }

    fn not_loaded(&mut self, url: &str) {
        let known = ELSEWHERE.iter().find(|(system, _)| *system == url);
        let what = known.map_or("codes of code systems that are not known here", |(_, what)| what);
        self.report.not_checked(what, "the code system is not loaded");
    }

    /// The display is one of the code's own: the code system's, or a designation; of the languages asked for, where some are.
    fn display(&mut self, display: Item<'a>, concept: &Concept, by: By<'a>) {
        let said = display.text();
        let own =
            concept.display.iter().map(|w| (w, None)).chain(concept.others.iter().map(|(w, l)| (w, l.as_deref())));
        let mut own = own.filter(|(_, language)| self.is_read(*language)).peekable();
        if own.peek().is_none() || own.any(|(word, _)| same_words(word, said)) {
            return;
        }
        let text = "the display is not one of the code's own".to_owned();
        let remedy = "write the display of the code system, or leave it out";
        self.error("code-invalid", WRONG_DISPLAY, display, Some(by), text, remedy);
    }

    /// Whether words of a language count. Those of the code system itself, without a language, always do.
    fn is_read(&self, language: Option<&str>) -> bool {
        let Some(language) = language else { return true };
        let starts = |asked: &String| {
            let asked = asked.split('-').next().unwrap_or(asked);
            language.split('-').next().is_some_and(|l| l.eq_ignore_ascii_case(asked))
        };
        self.options.languages.is_empty() || self.options.languages.iter().any(starts)
    }
}

/// Whether words are the same but for case and white space.
pub(super) fn same_words(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    fn letters(text: &str) -> impl Iterator<Item = char> {
        text.chars().flat_map(char::to_lowercase)
    }
    let (mut left, mut right) = (one.split_whitespace(), other.split_whitespace());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if letters(a).eq(letters(b)) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::same_words;

    #[test]
    fn case_and_white_space_do_not_make_other_words() {
        assert!(same_words("Never Married", " never  married"));
        assert!(!same_words("Never Married", "never"));
    }
}
