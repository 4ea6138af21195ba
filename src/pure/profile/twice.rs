//! A canonical url names one definition (R4 references.html#canonical): whoever loads two that are not the same is told.
//!
//! Comes in: a definition from outside and those that came before it. Refuses: a second one of the same url and version
//! that says something else, naming both files. What only differs in its form (JSON or XML, order of names, narrative,
//! a snapshot or expansion that one of them lacks) is the same: packages repeat one another. What the program brings may be replaced.

use super::Definitions;
use super::load::Card;
use super::package::Packed;
use crate::pure::fhir::{Issue, Item, Kind, Place, Report};
use std::sync::Arc;

impl Definitions {
    /// Refuses a definition that was loaded before and said something else.
    pub(super) fn only_once(&mut self, card: &Card<'_>, packed: &Packed) -> Result<(), Report> {
        let key = format!("{} {}|{}", card.resource_type, card.url, card.version.unwrap_or_default());
        let Some(before) = self.outside.insert(Arc::from(key), packed.clone()) else { return Ok(()) };
        self.repeated += 1;
        if before.read().is_none() && packed.read().is_none() && before.text() == packed.text() {
            return Ok(());
        }
        let (first, second) = (self.parsed(&before)?, self.parsed(packed)?);
        if is_same_definition(first.root(), second.root()) {
            return Ok(());
        }
        let there = place(first.root(), &before.name).map_or_else(|| before.name.clone(), |place| place.to_string());
        let which = card.version.map_or_else(|| card.url.to_owned(), |version| format!("{}|{version}", card.url));
        let text = format!("`{which}` is defined here, and otherwise in `{there}`");
        Err(Issue::error("conflict", "definition-twice", text).at(place(second.root(), &packed.name)).into())
    }
}

fn place(item: Item<'_>, file: &str) -> Option<Place> {
    item.place().map(|place| Place { file: Some(file.to_owned()), ..place })
}

fn is_same_definition(one: Item<'_>, other: Item<'_>) -> bool {
    let counts = |item: Item<'_>, beside: Item<'_>| match item.key() {
        "id" | "meta" | "text" => false,
        made @ ("snapshot" | "expansion") => beside.get(made).is_some(),
        _ => true,
    };
    let has = |all: Item<'_>, beside: Item<'_>| {
        all.children().filter(|child| counts(*child, beside)).all(|mine| {
            let theirs = beside.get(mine.key());
            theirs.is_some_and(|theirs| is_same(mine, theirs))
        })
    };
    has(one, other) && has(other, one)
}

/// Whether two values are the same, whatever the order of names.
fn is_same(one: Item<'_>, other: Item<'_>) -> bool {
    if one.kind() != other.kind() {
        return false;
    }
    match one.kind() {
        Kind::Object => {
            one.children().count() == other.children().count()
                && one.children().all(|mine| other.get(mine.key()).is_some_and(|theirs| is_same(mine, theirs)))
        }
        Kind::Array => {
            one.children().count() == other.children().count()
                && one.children().zip(other.children()).all(|(mine, theirs)| is_same(mine, theirs))
        }
        _ => one.text() == other.text(),
    }
}
