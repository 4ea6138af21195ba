//! Bindings: a coded element takes its codes from a value set (R4 §4.1.4). Required: an error otherwise; extensible: a
//! warning; preferred: information, where a profile asks and not R4 itself; example: nothing. What depends on a code system that is not loaded is not checked, and the report says so.

use super::coding::{WRONG_DISPLAY, same_words};
use crate::pure::fhir::{Item, Kind, Severity};
use crate::pure::profile::element::{Binding, Strength};
use crate::pure::profile::value_set::{Membership, ValueSet};
use crate::pure::validate::walk::{By, Walk};
use std::sync::Arc;

const NOT_IN_SET: &str = "code-not-in-value-set";

impl<'a> Walk<'a> {
    /// Holds a coded value to its value set.
    pub(in crate::pure::validate) fn binding(
        &mut self,
        item: Item<'a>,
        binding: &'a Binding,
        by: By<'a>,
        type_name: &str,
    ) {
        if let Some(largest) = &binding.largest {
            // words alone are allowed: the largest set only bounds the codes
            if has_code(item) {
                self.bound(item, largest, Strength::Required, by, type_name);
            }
        }
        for (strength, url) in &binding.additional {
            self.bound(item, url, *strength, by, type_name);
        }
        match (&binding.value_set, binding.strength) {
            (Some(url), Strength::Required | Strength::Extensible) => {
                self.bound(item, url, binding.strength, by, type_name);
            }
            (Some(url), Strength::Preferred) if by.profile.is_constraint => self.preferred(item, url, by, type_name),
            _ => {}
        }
    }

    /// Other codes are no fault (R4 §4.1.4.3); whoever chose the profile may still want to know. What cannot be checked
    /// need not be told.
    fn preferred(&mut self, item: Item<'a>, url: &str, by: By<'a>, type_name: &str) {
        let Some(set) = self.definitions.value_set(url) else { return };
        if has_code(item) && membership(item, &set, type_name) == Membership::Out {
            let text = format!("the code of `{}` is recommended to come from value set `{url}`", by.node.id);
            let remedy = "use a code of that set where one fits";
            self.find(Severity::Information, "code-invalid", "code-not-preferred", item, Some(by), text, remedy);
        }
    }

    fn bound(&mut self, item: Item<'a>, url: &'a Arc<str>, strength: Strength, by: By<'a>, type_name: &str) {
        let Some(set) = self.definitions.value_set(url) else {
            self.report.not_checked(&format!("value set `{url}`"), "it is not loaded");
            return;
        };
        match membership(item, &set, type_name) {
            Membership::In => {
                self.replaced(item, by, strength);
                self.displayed(item, &set);
            }
            Membership::Unknown(what) => {
                self.report.not_checked(&format!("codes of `{what}`"), "the code system is not loaded");
            }
            Membership::Out => self.not_bound(item, url, strength, by),
        }
    }

    /// A profile that binds an element to codes of its own, and requires them, has replaced the extensible binding of the
    /// type (R4 §4.1.6.2): what met the profile is not told to use a code of the type's set.
    fn replaced(&mut self, item: Item<'a>, by: By<'a>, strength: Strength) {
        if !by.profile.is_constraint || strength != Strength::Required || self.report.issues.is_empty() {
            return;
        }
        let path = self.expression(item);
        self.report.issues.retain(|issue| {
            let is_told = issue.id == NOT_IN_SET && issue.severity == Severity::Warning;
            !(is_told && issue.expression.as_deref() == Some(path.as_str()))
        });
    }

    /// A display that the code system does not have may be one that the value set gives to the code.
    fn displayed(&mut self, item: Item<'a>, set: &ValueSet) {
        if !self.report.issues.iter().any(|issue| issue.id == WRONG_DISPLAY) {
            return;
        }
        for coding in item.all("coding").chain(item.get("code").map(|_| item)) {
            let (Some(code), Some(display)) = (coding.str_at(&["code"]), coding.get("display")) else { continue };
            if set.words(code).iter().any(|word| same_words(word, display.text())) {
                let path = self.expression(display);
                self.report.issues.retain(|i| i.id != WRONG_DISPLAY || i.expression.as_deref() != Some(path.as_str()));
            }
        }
    }

    fn not_bound(&mut self, item: Item<'a>, url: &str, strength: Strength, by: By<'a>) {
        let (severity, word) = match (strength, has_code(item)) {
            (Strength::Required, _) => (Severity::Error, "shall"),
            (_, true) => (Severity::Warning, "should"),
            (_, false) => return,
        };
        let text = format!("the code of `{}` {word} come from value set `{url}`", by.node.id);
        self.find(severity, "code-invalid", NOT_IN_SET, item, Some(by), text, "use a code of that set");
    }
}

/// Whether there is a code at all, and not words alone.
fn has_code(item: Item<'_>) -> bool {
    item.kind() != Kind::Object || item.all("coding").any(|c| c.get("code").is_some()) || item.get("code").is_some()
}

/// Whether a code, Coding, CodeableConcept or Quantity is in a set. One coding of a concept is enough.
pub(in crate::pure::validate) fn membership(item: Item<'_>, set: &ValueSet, type_name: &str) -> Membership {
    match item.kind() {
        Kind::String => set.contains(None, item.text()),
        Kind::Object if item.get("coding").is_some() || type_name == "CodeableConcept" => {
            let mut unknown = None;
            for coding in item.all("coding") {
                match coded(coding, set, None) {
                    Membership::In => return Membership::In,
                    Membership::Unknown(what) => unknown = Some(what),
                    Membership::Out => {}
                }
            }
            unknown.map_or(Membership::Out, Membership::Unknown)
        }
        Kind::Object => coded(item, set, None),
        _ => Membership::Out,
    }
}

fn coded(item: Item<'_>, set: &ValueSet, default: Option<&str>) -> Membership {
    match item.str_at(&["code"]) {
        Some(code) => match item.str_at(&["system"]).or(default) {
            // a code without a system names nothing (R4 Coding)
            None => Membership::Out,
            system => set.contains(system, code),
        },
        // a Quantity without a coded unit, a Coding that is only words
        None => Membership::Out,
    }
}
