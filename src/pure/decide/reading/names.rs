//! Whom a Reference of a Consent names: its own words, and the identifiers of the resource where that is at hand.

use crate::pure::decide::words::Identity;
use crate::pure::fhir::Item;

/// Whom a Reference names: its own words, and the identifiers of the resource where that is at hand.
pub(in crate::pure::decide) fn identity(reference: Item<'_>, from: Item<'_>) -> Identity {
    let mut found = Identity::default();
    if let Some(identifier) = reference.get("identifier") {
        push_identifier(&mut found, identifier);
    }
    let Some(text) = reference.str_at(&["reference"]) else { return found };
    let target = match text.strip_prefix('#') {
        Some(id) => from.all("contained").find(|c| c.str_at(&["id"]) == Some(id)),
        None => {
            found.references.push(text.to_owned());
            entry_of(from.tree().root(), text)
        }
    };
    for identifier in target.into_iter().flat_map(|t| t.all("identifier")) {
        push_identifier(&mut found, identifier);
    }
    found
}

fn push_identifier(found: &mut Identity, identifier: Item<'_>) {
    if let (Some(system), Some(value)) = (identifier.str_at(&["system"]), identifier.str_at(&["value"])) {
        found.identifiers.push((system.to_owned(), value.to_owned()));
    }
}

fn entry_of<'t>(bundle: Item<'t>, reference: &str) -> Option<Item<'t>> {
    let named = |entry: &Item<'_>| {
        entry.str_at(&["fullUrl"]) == Some(reference)
            || entry.get("resource").is_some_and(|r| {
                let (type_, id) = (r.resource_type().unwrap_or_default(), r.str_at(&["id"]).unwrap_or_default());
                reference.strip_prefix(type_).and_then(|rest| rest.strip_prefix('/')) == Some(id)
            })
    };
    bundle.all("entry").find(named)?.get("resource")
}
