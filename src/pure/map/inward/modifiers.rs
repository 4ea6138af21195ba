//! What changes the meaning of a resource has to be carried, or the resource is not (R4 extensibility: modifierExtension).
//!
//! A local record without it would say something else than the FHIR it was made from: a plan that is not to be acted on,
//! an action that was never meant. So a format that has no row for a modifier does not get the copy, and the operator is
//! told which one; everything else that a format cannot carry is a loss, and said as one.

use super::Run;
use crate::pure::fhir::{Issue, Item};

impl Run<'_, '_> {
    /// Refuses the modifier extensions of a resource that no row of its kind reads.
    pub(super) fn carry_modifiers(&mut self, resource: Item<'_>, kind: usize) {
        let modifiers = resource.descendants().into_iter().filter(|i| i.stands_under("modifierExtension"));
        for modifier in modifiers {
            let path = path(modifier, resource);
            if self.mapping.fhir_cover[kind].reads(&path) {
                continue;
            }
            let type_ = resource.resource_type().unwrap_or_default();
            let text = format!(
                "`{type_}.{}` changes what the resource means, and the format `{}` has no field for it",
                path.join("."),
                self.mapping.name
            );
            let issue = Issue::error("business-rule", "modifier-not-carried", text).on(modifier);
            let issue = issue.rule("R4 extensibility.html#modifierExtension");
            self.report.push(issue.remedy("add a row that carries it, or send FHIR to this recipient"));
        }
    }
}

/// The names from a resource down to an item.
fn path<'t>(item: Item<'t>, resource: Item<'t>) -> Vec<&'t str> {
    let mut names = Vec::new();
    let mut at = item;
    while at != resource {
        if !at.key().is_empty() {
            names.push(at.key());
        }
        match at.parent() {
            Some(parent) => at = parent,
            None => break,
        }
    }
    names.reverse();
    names
}
