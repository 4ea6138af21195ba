//! fixed[x]: the value is this and nothing else. pattern[x]: the value holds at least this (R4 §2.4 ElementDefinition).

use crate::pure::fhir::{Item, Kind};
use crate::pure::profile::element::Constant;
use crate::pure::validate::walk::{By, Walk};

impl<'a> Walk<'a> {
    /// Holds a value to a fixed one.
    pub(in crate::pure::validate) fn fixed(&mut self, item: Item<'a>, fixed: &Constant, by: By<'a>) {
        if equals(item, fixed.tree.root()) {
            return;
        }
        let text = format!("`{}` should be exactly the value that the profile fixes: {}", by.node.id, said(fixed));
        let mut found = Vec::new();
        differing(item, fixed.tree.root(), &mut found);
        for place in found {
            self.error("value", "not-the-fixed-value", place, Some(by), text.clone(), "send that value");
        }
    }

    /// Holds a value to a pattern.
    pub(in crate::pure::validate) fn pattern(&mut self, item: Item<'a>, pattern: &Constant, by: By<'a>) {
        if !holds(item, pattern.tree.root()) {
            let text = format!("`{}` should hold what the profile asks for: {}", by.node.id, said(pattern));
            self.error("value", "pattern-not-met", item, Some(by), text, "add what is asked for");
        }
    }
}

/// A value of a definition, which is no one's personal data.
fn said(constant: &Constant) -> String {
    let text = constant.tree.root().to_json();
    if text.len() > 200 { "see the profile".to_owned() } else { format!("`{text}`") }
}

/// Where a value is other than the one it should be: what is too much, what is different, what lacks something.
fn differing<'a>(item: Item<'a>, other: Item<'_>, found: &mut Vec<Item<'a>>) {
    if (item.kind(), other.kind()) != (Kind::Object, Kind::Object) {
        found.push(item);
        return;
    }
    if other.children().any(|theirs| item.get(theirs.key()).is_none()) {
        found.push(item);
    }
    for mine in item.children() {
        match other.get(mine.key()) {
            Some(theirs) if equals(mine, theirs) => {}
            Some(theirs) => differing(mine, theirs, found),
            None => found.push(mine),
        }
    }
}

/// Whether two values are the same, whatever the order of names.
pub(in crate::pure::validate) fn equals(item: Item<'_>, other: Item<'_>) -> bool {
    if item.kind() != other.kind() {
        return false;
    }
    match item.kind() {
        Kind::Object => {
            item.children().count() == other.children().count()
                && other.children().all(|theirs| item.get(theirs.key()).is_some_and(|mine| equals(mine, theirs)))
        }
        Kind::Array => {
            item.children().count() == other.children().count()
                && item.children().zip(other.children()).all(|(mine, theirs)| equals(mine, theirs))
        }
        _ => item.text() == other.text(),
    }
}

/// Whether a value holds at least what a pattern says: of arrays, some item for each item of the pattern.
pub(in crate::pure::validate) fn holds(item: Item<'_>, pattern: Item<'_>) -> bool {
    match (item.kind(), pattern.kind()) {
        (Kind::Object, Kind::Object) => {
            pattern.children().all(|theirs| item.get(theirs.key()).is_some_and(|mine| holds(mine, theirs)))
        }
        (Kind::Array, Kind::Array) => pattern.children().all(|theirs| item.children().any(|mine| holds(mine, theirs))),
        (mine, theirs) => mine == theirs && item.text() == pattern.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::{equals, holds};
    use crate::pure::fhir::{Limits, Tree, json};

    fn tree(text: &str) -> Tree {
        json::read(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_pattern_is_held_by_more_and_a_fixed_value_only_by_itself() {
        let pattern = tree(r#"{"coding":[{"system":"s","code":"c"}]}"#);
        let more = tree(r#"{"coding":[{"code":"x"},{"code":"c","system":"s","display":"d"}],"text":"t"}"#);
        assert!(holds(more.root(), pattern.root()));
        assert!(!equals(more.root(), pattern.root()));
        assert!(!holds(tree(r#"{"coding":[{"code":"c"}]}"#).root(), pattern.root()));
        assert!(equals(tree(r#"{"coding":[{"code":"c","system":"s"}]}"#).root(), pattern.root()));
    }
}
