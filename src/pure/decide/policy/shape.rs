//! How what is released is shaped: what may be masked, and what a list says that may not be whole.

use super::toml::{Reader, place_of};
use toml::de::DeTable;

/// What the policy says of the shape of what is released.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Mandatory elements in whose place it may be said that they were masked: `Type.element`.
    pub(in crate::pure::decide) masked: Vec<String>,
    /// Types of which all goes or nothing: what is left of a list would mislead.
    pub(in crate::pure) all_or_none: Vec<String>,
    /// Types of which it is always said that there may be more, hidden or not.
    pub(in crate::pure) may_be_incomplete: Vec<String>,
}

/// Reads `[masked]` and `[[misleading]]`.
pub(super) fn read(reader: &mut Reader<'_>, root: &DeTable<'_>, shape: &mut Shape) {
    if let Some(table) = root.get("masked").and_then(|v| reader.table(v, "masked")) {
        reader.only(table, &["elements"]);
        for path in reader.texts(table, "elements") {
            if path.split('.').count() < 2 {
                let text = format!("`{path}` names no element");
                let remedy = "write type and element: `Provenance.agent.who`";
                reader.mistake(&place_of(table, "elements"), "policy-not-an-element", text, remedy);
            }
            shape.masked.push(path);
        }
    }
    for (row, at) in reader.rows(root, "misleading") {
        reader.only(row, &["type", "then"]);
        let type_ = reader.needed(row, &at, "type");
        reader.needed(row, &at, "then");
        let then = reader.word(row, "then", &["say", "withhold"]);
        match (type_, then) {
            (Some(type_), Some("say")) => shape.may_be_incomplete.push(type_),
            (Some(type_), Some(_)) => shape.all_or_none.push(type_),
            _ => {}
        }
    }
}
