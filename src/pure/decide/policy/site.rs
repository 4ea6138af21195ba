//! What a site may decide otherwise than England does: what holds where nobody has spoken, and over what an emergency goes.
//! Each such decision has an owner and a date, and stands in every answer that rests on it.

use super::Policy;
use super::toml::{Reader, place_of};
use crate::pure::decide::question::Fallback;
use crate::pure::fhir::When;
use std::collections::HashSet;
use std::ops::Range;
use toml::de::DeTable;

/// A decision of the site: by whom and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::pure::decide) struct Decided {
    pub by: String,
    pub dated: String,
}

impl Decided {
    /// For the reason of a decision that rests on it.
    pub fn words(&self) -> String {
        format!("rule of this site, decided {} by {}", self.dated, self.by)
    }
}

/// IHE PCF's implicit policies by their names, and England's, which is the rest of `[default]`.
const IMPLICIT: [(&str, Option<Fallback>); 5] = [
    ("England-direct-care", None),
    ("Policy-basic-normal", Some(Fallback::BasicNormal)),
    ("Policy-all-normal", Some(Fallback::AllNormal)),
    ("Policy-break-glass-only", Some(Fallback::BreakGlassOnly)),
    ("Policy-deny", Some(Fallback::Deny)),
];

/// `implicit` of `[default]`. Any but England's has to be decided by somebody, on a day.
pub(super) fn implicit(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<(Fallback, Decided)> {
    let names = IMPLICIT.map(|(name, _)| name);
    let name = reader.word(table, "implicit", &names)?;
    let fallback = IMPLICIT.iter().find(|(n, _)| *n == name)?.1?;
    let at = place_of(table, "implicit");
    Some((fallback, decided(reader, table, &at)?))
}

/// `objection` of `[break-glass]`: whether an objection made with capacity stands against a declared emergency (rule E2), as
/// it does in England, or may be overridden.
pub(super) fn objection(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Decided> {
    let word = reader.word(table, "objection", &["stands", "may-be-overridden"])?;
    let at = place_of(table, "objection");
    if word == "stands" { None } else { decided(reader, table, &at) }
}

/// Who decided, and when: both have to be there.
fn decided(reader: &mut Reader<'_>, table: &DeTable<'_>, at: &Range<usize>) -> Option<Decided> {
    let by = reader.needed(table, at, "decided-by");
    let dated = reader.needed(table, at, "decided");
    if let Some(text) = dated.as_deref().filter(|d| When::date(d).is_none()) {
        let text = format!("`{text}` is not a day");
        reader.mistake(&place_of(table, "decided"), "policy-not-a-date", text, "write it as 2026-11-01");
        return None;
    }
    Some(Decided { by: by?, dated: dated? })
}

/// `[policy] dated`: a day.
pub(super) fn dated(reader: &mut Reader<'_>, table: &DeTable<'_>) {
    let Some(text) = table.get("dated").and_then(|v| v.get_ref().as_str()) else { return };
    if !text.trim().is_empty() && When::date(text).is_none() {
        let text = format!("`{text}` is not a day");
        reader.mistake(&place_of(table, "dated"), "policy-not-a-date", text, "write it as 2026-11-01");
    }
}

/// Tables that stand once in all files together, and rows that are told apart by this key.
const SINGLE: [&str; 11] = [
    "policy",
    "freshness",
    "default",
    "secondary",
    "break-glass",
    "register",
    "identity",
    "codes",
    "extensions",
    "impersonal",
    "whereabouts",
];
const KEYED: [(&str, &str); 5] =
    [("purpose", "code"), ("audience", "code"), ("section", "code"), ("recipient", "id"), ("sensitive", "id")];

/// What is said twice, in one file or in two: the second would silently undo the first, so it is a mistake.
#[derive(Default)]
pub(super) struct Twice(HashSet<(&'static str, String)>);

impl Twice {
    pub fn check(&mut self, reader: &mut Reader<'_>, root: &DeTable<'_>) {
        for table in SINGLE.into_iter().filter(|t| root.contains_key(*t)) {
            self.note(reader, table, "", &place_of(root, table));
        }
        for (table, key) in KEYED {
            for row in root.get(table).and_then(|v| v.get_ref().as_array()).into_iter().flatten() {
                let value = row.get_ref().as_table().and_then(|row| row.get(key)?.get_ref().as_str());
                if let Some(value) = value {
                    self.note(reader, table, value, &row.span());
                }
            }
        }
    }

    fn note(&mut self, reader: &mut Reader<'_>, table: &'static str, key: &str, at: &Range<usize>) {
        if !self.0.insert((table, key.to_owned())) {
            let name = if key.is_empty() { format!("[{table}]") } else { format!("[[{table}]] `{key}`") };
            reader.mistake(at, "policy-said-twice", format!("{name} is declared already"), "leave one of them out");
        }
    }
}

/// A purpose above itself would cover everything between.
pub(super) fn circles(reader: &mut Reader<'_>, root: &DeTable<'_>, policy: &Policy) {
    for (row, at) in reader.rows(root, "purpose") {
        let Some(code) = row.get("code").and_then(|v| v.get_ref().as_str()) else { continue };
        let mut up = policy.purposes.get(code).and_then(|p| p.parent.as_deref());
        for _ in 0..policy.purposes.len() {
            if up == Some(code) {
                let text = format!("purpose `{code}` lies below itself");
                reader.mistake(&at, "policy-circle", text, "give one of the purposes above it another `parent`");
                break;
            }
            up = up.and_then(|u| policy.purposes.get(u)).and_then(|p| p.parent.as_deref());
        }
    }
}

/// A list that may not be left out.
pub(super) fn needed_list(reader: &mut Reader<'_>, row: &DeTable<'_>, at: &Range<usize>, key: &str) {
    if !row.contains_key(key) {
        reader.mistake(at, "policy-missing-key", format!("`{key}` is missing"), format!("add `{key} = [\"…\"]`"));
    }
}
