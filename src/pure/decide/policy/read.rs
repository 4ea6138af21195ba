//! The tables of the rule files, one reader each.

use super::hierarchy;
use super::sections::{Bits, MOST, Mark, ResourceRow, WHOLE, Where};
use super::sensitive;
use super::shape::{self, Shape};
use super::site;
use super::toml::{Reader, place_of};
use super::{Audience, Kind, Minimum, Policy, Purpose};
use crate::pure::decide::evidence::Authority;
use crate::pure::fhir::Report;
use std::ops::Range;
use std::sync::Arc;
use toml::de::DeTable;

const TABLES: &[&str] = &[
    "policy",
    "freshness",
    "purpose",
    "audience",
    "default",
    "secondary",
    "register",
    "identity",
    "choices",
    "break-glass",
    "sensitive",
    "labels",
    "minimum",
    "recipient",
    "section",
    "resource",
    "element",
    "whole",
    "extensions",
    "mark",
    "whereabouts",
    "impersonal",
    "masked",
    "misleading",
    "is-a",
    "codes",
];

/// Reads all files into the policy: what declares first, what uses afterwards.
pub(super) fn read(files: &[(&str, &str)], policy: &mut Policy, report: &mut Report) {
    for (file, text) in files {
        // everything is read again below, and complained of there, once
        let mut unheard = Report::default();
        let mut reader = Reader::new(file, text, &mut unheard);
        let root = reader.root();
        declare(&mut reader, root.get_ref(), policy);
    }
    let mut shape = Shape::default();
    let mut twice = site::Twice::default();
    for (file, text) in files {
        let mut reader = Reader::new(file, text, report);
        let root = reader.root();
        twice.check(&mut reader, root.get_ref());
        site::circles(&mut reader, root.get_ref(), policy);
        apply(&mut reader, root.get_ref(), policy);
        shape::read(&mut reader, root.get_ref(), &mut shape);
    }
    policy.shape = Arc::new(shape);
    Arc::make_mut(&mut policy.sets).link(&policy.codes, report);
}

fn declare(reader: &mut Reader<'_>, root: &DeTable<'_>, policy: &mut Policy) {
    for (row, _) in reader.rows(root, "section") {
        if let (Some(code), Some(name)) = (reader.text(row, "code"), reader.text(row, "name")) {
            policy.sections.names.push((code, name));
        }
    }
    for (row, _) in reader.rows(root, "purpose") {
        let Some(code) = reader.text(row, "code") else { continue };
        let kind = match reader.text(row, "kind").as_deref() {
            Some("direct-care") => Kind::DirectCare,
            Some("patient") => Kind::Patient,
            Some("safeguarding") => Kind::Safeguarding,
            _ => Kind::Secondary,
        };
        let (parent, objection_below) = (reader.text(row, "parent"), reader.text(row, "objection-below"));
        policy.purposes.insert(code, Purpose { kind, parent, objection_below });
    }
    for (row, _) in reader.rows(root, "audience") {
        let Some(code) = reader.text(row, "code") else { continue };
        let expected = reader.truth(row, "expected").unwrap_or(false);
        let everyone_in_direct_care = reader.text(row, "everyone").as_deref() == Some("direct-care");
        policy.audiences.insert(code, Audience { expected, everyone_in_direct_care });
    }
}

fn apply(reader: &mut Reader<'_>, root: &DeTable<'_>, policy: &mut Policy) {
    reader.only(root, TABLES);
    check_declared(reader, root, policy);
    settings(reader, root, policy);
    sensitive::read(reader, root, Arc::make_mut(&mut policy.sets));
    hierarchy::read(reader, root, &mut policy.codes);
    for (row, at) in reader.rows(root, "minimum") {
        reader.only(row, &["purpose", "audience", "sections"]);
        site::needed_list(reader, row, &at, "sections");
        let purpose = known_purpose(reader, row, &at, "purpose", policy);
        let audience = reader.text(row, "audience");
        if let Some(code) = audience.as_deref().filter(|c| !policy.audiences.contains_key(*c)) {
            let text = format!("audience `{code}` is not declared");
            reader.mistake(
                &place_of(row, "audience"),
                "policy-unknown-audience",
                text,
                "add an [[audience]] with this code",
            );
        }
        let sections = section_list(reader, row, "sections", policy);
        if let Some(purpose) = purpose {
            policy.minimums.push(Minimum { purpose, audience, sections });
        }
    }
    for (row, at) in reader.rows(root, "recipient") {
        reader.only(row, &["id", "sections"]);
        site::needed_list(reader, row, &at, "sections");
        let sections = section_list(reader, row, "sections", policy);
        if let Some(id) = reader.needed(row, &at, "id") {
            policy.caps.insert(id, sections);
        }
    }
    section_rows(reader, root, policy);
    element_rows(reader, root, policy);
    mark_rows(reader, root, policy);
}

/// What was declared in the first pass is complained of here, in the one pass that reports.
fn check_declared(reader: &mut Reader<'_>, root: &DeTable<'_>, policy: &Policy) {
    for (row, at) in reader.rows(root, "section") {
        reader.only(row, &["code", "name"]);
        reader.needed(row, &at, "code");
        reader.needed(row, &at, "name");
    }
    if policy.sections.names.len() > MOST {
        let text = format!("more than {MOST} sections");
        reader.mistake(&place_of(root, "section"), "policy-too-many-sections", text, "join some of them");
    }
    for (row, at) in reader.rows(root, "purpose") {
        reader.only(row, &["code", "kind", "parent", "objection-below"]);
        reader.needed(row, &at, "code");
        reader.needed(row, &at, "kind");
        reader.word(row, "kind", &["direct-care", "secondary", "patient", "safeguarding"]);
        for key in ["parent", "objection-below"] {
            if row.contains_key(key) {
                known_purpose(reader, row, &at, key, policy);
            }
        }
    }
    for (row, at) in reader.rows(root, "audience") {
        reader.only(row, &["code", "expected", "everyone"]);
        reader.needed(row, &at, "code");
        reader.truth(row, "expected");
        reader.word(row, "everyone", &["direct-care"]);
    }
}

fn known_purpose(
    reader: &mut Reader<'_>,
    row: &DeTable<'_>,
    at: &Range<usize>,
    key: &str,
    policy: &Policy,
) -> Option<String> {
    let code = reader.needed(row, at, key)?;
    if !policy.purposes.contains_key(&code) {
        let text = format!("purpose `{code}` is not declared");
        reader.mistake(&place_of(row, key), "policy-unknown-purpose", text, "add a [[purpose]] with this code");
        return None;
    }
    Some(code)
}

fn settings(reader: &mut Reader<'_>, root: &DeTable<'_>, policy: &mut Policy) {
    if let Some(table) = root.get("policy").and_then(|v| reader.table(v, "policy")) {
        reader.only(table, &["name", "owner", "dated"]);
        let at = place_of(root, "policy");
        policy.name = reader.needed(table, &at, "name").unwrap_or_default();
        reader.needed(table, &at, "owner");
        reader.needed(table, &at, "dated");
        site::dated(reader, table);
    }
    if let Some(table) = root.get("freshness").and_then(|v| reader.table(v, "freshness")) {
        reader.only(table, &["max-age-seconds"]);
        policy.max_age_seconds = reader.count(table, "max-age-seconds");
    }
    if let Some(table) = root.get("default").and_then(|v| reader.table(v, "default")) {
        let words = ["direct-care", "highest-label", "basis", "self-claimed", "tell-withheld"];
        reader.only(table, &[&words[..], &["implicit", "decided", "decided-by"]].concat());
        policy.default.implicit = site::implicit(reader, table);
        policy.default.direct_care_permits = reader.word(table, "direct-care", &["permit", "deny"]) == Some("permit");
        let label = reader.word(table, "highest-label", &["U", "L", "M", "N", "R", "V"]);
        policy.default.highest_label = label.and_then(super::super::label::rank);
        policy.default.basis = reader.text(table, "basis");
        policy.default.self_claimed = reader.truth(table, "self-claimed").unwrap_or(false);
        policy.default.tell_withheld = reader.truth(table, "tell-withheld").unwrap_or(false);
    }
    if let Some(table) = root.get("secondary").and_then(|v| reader.table(v, "secondary")) {
        reader.only(table, &["bases", "opt-out-applies-to", "opt-out-days"]);
        policy.secondary.bases = reader.texts(table, "bases");
        policy.secondary.opt_out_applies_to = reader.texts(table, "opt-out-applies-to");
        policy.secondary.opt_out_seconds = reader.count(table, "opt-out-days").map(|days| days.saturating_mul(86_400));
    }
    if let Some(table) = root.get("register").and_then(|v| reader.table(v, "register")) {
        reader.only(table, &["representatives", "care-team"]);
        policy.care_team = reader.truth(table, "care-team").unwrap_or(false);
        if reader.word(table, "representatives", &["checked", "as-recorded"]) == Some("as-recorded") {
            policy.representatives = Authority::AsRecorded;
        }
    }
    if let Some(table) = root.get("identity").and_then(|v| reader.table(v, "identity")) {
        reader.only(table, &["unverified", "unstated"]);
        policy.hold_unverified = reader.word(table, "unverified", &["hold", "take"]) == Some("hold");
        policy.hold_unstated = reader.word(table, "unstated", &["hold", "take"]) == Some("hold");
    }
    if let Some(table) = root.get("choices").and_then(|v| reader.table(v, "choices")) {
        reader.only(table, &["readers"]);
        policy.choice_readers = reader.texts(table, "readers");
    }
    if let Some(table) = root.get("break-glass").and_then(|v| reader.table(v, "break-glass")) {
        reader.only(table, &["roles", "reasons", "minutes", "objection", "decided", "decided-by"]);
        policy.emergency.over_objection = site::objection(reader, table);
        policy.emergency.roles = reader.texts(table, "roles");
        policy.emergency.reasons = reader.texts(table, "reasons");
        policy.emergency.minutes = reader.count(table, "minutes").unwrap_or(0);
    }
    if let Some(table) = root.get("whereabouts").and_then(|v| reader.table(v, "whereabouts")) {
        reader.only(table, &["elements", "patient-label"]);
        policy.whereabouts_label = reader.word(table, "patient-label", &["R", "V"]).map(str::to_owned);
        for path in reader.texts(table, "elements") {
            policy.whereabouts.push(match path.split_once('.') {
                Some((type_, element)) => (type_.to_owned(), Some(element.to_owned())),
                None => (path, None),
            });
        }
    }
    if let Some(table) = root.get("codes").and_then(|v| reader.table(v, "codes")) {
        reader.only(table, &["not-loaded"]);
        policy.spare_untold = reader.word(table, "not-loaded", &["other", "might-be"]) == Some("other");
    }
    if let Some(table) = root.get("labels").and_then(|v| reader.table(v, "labels")) {
        for (key, value) in table {
            let below = reader.text_list(value, key.get_ref());
            Arc::make_mut(&mut policy.sets).below.insert(key.get_ref().to_string(), below);
        }
    }
}

fn section_list(reader: &mut Reader<'_>, row: &DeTable<'_>, key: &str, policy: &Policy) -> Bits {
    let mut bits = 0;
    for code in reader.texts(row, key) {
        bits |= section(reader, row, key, &code, policy).unwrap_or(0);
    }
    bits
}

fn section(reader: &mut Reader<'_>, row: &DeTable<'_>, key: &str, code: &str, policy: &Policy) -> Option<Bits> {
    let bits = policy.sections.bits(code);
    if bits.is_none() {
        let text = format!("section `{code}` is not declared");
        reader.mistake(&place_of(row, key), "policy-unknown-section", text, "add a [[section]] with this code");
    }
    bits
}

fn destination(reader: &mut Reader<'_>, row: &DeTable<'_>, at: &Range<usize>, policy: &Policy) -> Option<Where> {
    let code = reader.needed(row, at, "section")?;
    match code.as_str() {
        "addressee" => Some(Where::Addressee),
        "target" => {
            let otherwise = reader.text(row, "otherwise").unwrap_or_else(|| "whole-plan".to_owned());
            Some(Where::Target(section(reader, row, "otherwise", &otherwise, policy).unwrap_or(WHOLE)))
        }
        _ => section(reader, row, "section", &code, policy).map(Where::Sections),
    }
}

fn section_rows(reader: &mut Reader<'_>, root: &DeTable<'_>, policy: &mut Policy) {
    for (row, at) in reader.rows(root, "resource") {
        reader.only(row, &["type", "has", "element", "system", "codes", "section"]);
        let to = destination(reader, row, &at, policy);
        let element = reader.text(row, "element");
        let coded = match element {
            Some(element) => reader.needed(row, &at, "system").map(|s| (element, s, reader.texts(row, "codes"))),
            None => None,
        };
        let has = reader.text(row, "has");
        if let (Some(type_), Some(to)) = (reader.needed(row, &at, "type"), to) {
            policy.sections.resources.entry(type_).or_default().push(ResourceRow { has, coded, to });
        }
    }
    for (row, at) in reader.rows(root, "whole") {
        reader.only(row, &["section", "type", "except"]);
        let bits = section_list_of_one(reader, row, &at, policy);
        let except = reader.texts(row, "except");
        if let (Some(type_), Some(bits)) = (reader.needed(row, &at, "type"), bits) {
            policy.sections.undivided.push((type_, bits, except));
        }
    }
    if let Some(table) = root.get("extensions").and_then(|v| reader.table(v, "extensions")) {
        reader.only(table, &["base", "own"]);
        let base = reader.text(table, "base").unwrap_or_default();
        policy.sections.own_extensions = reader.texts(table, "own").iter().map(|o| url(&base, o)).collect();
    }
    if let Some(table) = root.get("impersonal").and_then(|v| reader.table(v, "impersonal")) {
        reader.only(table, &["types"]);
        policy.sections.impersonal = reader.texts(table, "types");
    }
}

fn section_list_of_one(reader: &mut Reader<'_>, row: &DeTable<'_>, at: &Range<usize>, policy: &Policy) -> Option<Bits> {
    let code = reader.needed(row, at, "section")?;
    section(reader, row, "section", &code, policy)
}

fn url(base: &str, name: &str) -> String {
    if name.contains("://") || name == "*" { name.to_owned() } else { format!("{base}{name}") }
}

const OURS: &str = "https://sharewell.example/fhir/StructureDefinition/";

fn element_rows(reader: &mut Reader<'_>, root: &DeTable<'_>, policy: &mut Policy) {
    for (row, at) in reader.rows(root, "element") {
        reader.only(row, &["type", "elements", "extensions", "section", "otherwise"]);
        let to = destination(reader, row, &at, policy);
        let (Some(type_), Some(to)) = (reader.needed(row, &at, "type"), to) else { continue };
        let (names, extensions) = (reader.texts(row, "elements"), reader.texts(row, "extensions"));
        let elements = policy.sections.elements.entry(type_).or_default();
        for name in names {
            match name.strip_suffix("[x]") {
                Some(stem) => elements.choices.push((stem.to_owned(), to)),
                None => {
                    elements.by_name.insert(name, to);
                }
            }
        }
        for extension in extensions {
            if extension == "*" {
                elements.any_extension = Some(to);
            } else {
                elements.by_extension.insert(url(OURS, &extension), to);
            }
        }
    }
}

fn mark_rows(reader: &mut Reader<'_>, root: &DeTable<'_>, policy: &mut Policy) {
    for (row, at) in reader.rows(root, "mark") {
        reader.only(row, &["type", "element", "system", "codes", "section"]);
        let (type_, codes) = (reader.text(row, "type"), reader.texts(row, "codes"));
        let section = match row.contains_key("section") {
            true => section_list_of_one(reader, row, &at, policy),
            false => None,
        };
        if let (Some(element), Some(system)) = (reader.needed(row, &at, "element"), reader.needed(row, &at, "system")) {
            let element = element.split('.').map(str::to_owned).collect();
            policy.sections.marks.push(Mark { type_, element, system, codes, section });
        }
    }
}
