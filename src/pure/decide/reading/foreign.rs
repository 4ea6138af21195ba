//! What makes a Consent unreadable before its rules are looked at: another version of FHIR, modifiers, unknown elements.
//!
//! An element that we skip might have been the one that says "not". So whatever R4 does not know is refused by name, and
//! whatever carries a modifier is refused wherever it stands (R4 §2.1.4: a modifier that is not understood forbids use).

use super::refuse;
use crate::pure::fhir::{Item, Kind, Report};

/// Elements that only R5 has, or that R5 gives another meaning.
const R5: [&str; 11] = [
    "decision",
    "subject",
    "grantor",
    "grantee",
    "manager",
    "controller",
    "regulatoryBasis",
    "policyBasis",
    "policyText",
    "date",
    "period",
];

/// The same of its provisions.
const R5_PROVISION: [&str; 3] = ["documentType", "resourceType", "expression"];

const CONSENT: [&str; 20] = [
    "resourceType",
    "id",
    "meta",
    "language",
    "text",
    "contained",
    "extension",
    "identifier",
    "status",
    "scope",
    "category",
    "patient",
    "dateTime",
    "performer",
    "organization",
    "sourceAttachment",
    "sourceReference",
    "policy",
    "policyRule",
    "verification",
];

const PROVISION: [&str; 13] = [
    "id",
    "extension",
    "type",
    "period",
    "actor",
    "action",
    "securityLabel",
    "purpose",
    "class",
    "code",
    "dataPeriod",
    "data",
    "provision",
];

const LISTS: [&str; 8] = ["actor", "action", "securityLabel", "purpose", "class", "code", "data", "provision"];

/// What each element of a provision may hold.
const PARTS: [(&str, &[&str]); 7] = [
    ("period", &["id", "extension", "start", "end"]),
    ("dataPeriod", &["id", "extension", "start", "end"]),
    ("actor", &["id", "extension", "role", "reference"]),
    ("data", &["id", "extension", "meaning", "reference"]),
    ("purpose", CODING),
    ("securityLabel", CODING),
    ("class", CODING),
];

const CODING: &[&str] = &["id", "extension", "system", "version", "code", "display", "userSelected"];

/// The Consent's own elements.
pub(super) fn consent(consent: Item<'_>) -> Result<(), Report> {
    for child in consent.children() {
        let key = child.key();
        if R5.contains(&key) || (key == "provision" && child.kind() == Kind::Array) {
            return Err(refuse(child, "consent-is-r5", "this is written as in FHIR R5", "send it as FHIR R4"));
        }
        if key == "implicitRules" {
            return Err(modifier(child));
        }
        if key == "provision" && child.kind() != Kind::Object {
            return Err(refuse(child, "provision-not-an-object", "this has to be an object", "write it in { }"));
        }
        let plain = key.strip_prefix('_').unwrap_or(key);
        if !CONSENT.contains(&plain) && !matches!(plain, "provision" | "modifierExtension") {
            let text = "it has an element that R4 does not know";
            return Err(refuse(child, "consent-element-unknown", text, "say it with the elements of R4"));
        }
        if !matches!(key, "contained" | "text") {
            unmodified(child)?;
        }
    }
    Ok(())
}

/// The elements of one provision.
pub(super) fn provision(provision: Item<'_>) -> Result<(), Report> {
    if provision.kind() != Kind::Object {
        return Err(refuse(provision, "provision-not-an-object", "this has to be an object", "write it in { }"));
    }
    for child in provision.children() {
        let key = child.key();
        if R5_PROVISION.contains(&key) {
            return Err(refuse(child, "consent-is-r5", "this is written as in FHIR R5", "send it as FHIR R4"));
        }
        let shadow = key.strip_prefix('_');
        // a value that is missing, with an extension in its place: something was meant, and we do not know what
        if shadow.is_some_and(|k| provision.get(k).is_none()) || (shadow.is_none() && !PROVISION.contains(&key)) {
            return Err(unknown(child));
        }
        if LISTS.contains(&key) {
            if child.kind() != Kind::Array {
                return Err(refuse(child, "provision-not-an-array", "this has to be an array", "write it in [ ]"));
            }
            if child.children().next().is_none() {
                let text = "an empty list says neither everything nor nothing";
                return Err(refuse(child, "provision-list-empty", text, "name what is meant, or leave the list out"));
            }
        }
        parts(child)?;
    }
    Ok(())
}

fn parts(element: Item<'_>) -> Result<(), Report> {
    let Some((_, known)) = PARTS.iter().find(|(name, _)| *name == element.key()) else { return Ok(()) };
    for part in element.each() {
        if part.kind() != Kind::Object {
            return Err(refuse(part, "provision-not-an-object", "this has to be an object", "write it in { }"));
        }
        for child in part.children() {
            let key = child.key();
            let plain = key.strip_prefix('_').unwrap_or(key);
            if !known.contains(&plain) || (plain != key && part.get(plain).is_none()) {
                return Err(unknown(child));
            }
        }
    }
    Ok(())
}

fn unknown(item: Item<'_>) -> Report {
    let text = "it has an element that R4 does not know";
    refuse(item, "provision-element-unknown", text, "say it with the elements of R4")
}

/// No modifier extension, however deep.
fn unmodified(item: Item<'_>) -> Result<(), Report> {
    if item.key() == "modifierExtension" {
        return Err(modifier(item));
    }
    item.children().try_for_each(unmodified)
}

fn modifier(item: Item<'_>) -> Report {
    let text = "it carries a modifier that is not understood";
    refuse(item, "consent-modifier", text, "say it without modifier extensions and implicit rules")
}
