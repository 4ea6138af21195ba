//! References (R4 §2.3): written as R4 asks, pointing at a type that is allowed there, and within a Bundle at an entry.

use crate::pure::fhir::{Item, Severity};
use crate::pure::profile::primitive::is_absolute;
use crate::pure::validate::index::without_version;
use crate::pure::validate::walk::{By, Walk};
use std::sync::Arc;

/// What a literal reference says of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pure::validate) enum Literal<'a> {
    /// `#id`
    Contained(&'a str),
    /// `Type/id`, with or without history.
    Relative(&'a str),
    /// `http://…/Type/id`
    Absolute(Option<&'a str>),
    /// `urn:uuid:…`, `urn:oid:…`
    Urn,
    /// None of them.
    Other,
}

/// Reads a literal reference.
pub(in crate::pure::validate) fn literal(text: &str) -> Literal<'_> {
    if let Some(id) = text.strip_prefix('#') {
        return Literal::Contained(id);
    }
    if text.starts_with("urn:") {
        return Literal::Urn;
    }
    let end = text.bytes().position(|b| matches!(b, b'?' | b'#')).unwrap_or(text.len());
    let plain = without_version(&text[..end]);
    let mut steps = plain.rsplit('/');
    let (id, name) = (steps.next().unwrap_or_default(), steps.next());
    let is_type =
        |t: &&str| t.starts_with(|c: char| c.is_ascii_uppercase()) && t.bytes().all(|b| b.is_ascii_alphabetic());
    let is_id =
        !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if is_absolute(text) {
        return Literal::Absolute(name.filter(is_type).filter(|_| is_id));
    }
    match (name.filter(is_type), steps.next()) {
        (Some(name), None) if is_id => Literal::Relative(name),
        _ => Literal::Other,
    }
}

impl<'a> Walk<'a> {
    /// One Reference, with the profiles its target may have.
    pub(in crate::pure::validate) fn reference(&mut self, item: Item<'a>, by: By<'a>, targets: &'a [Arc<str>]) {
        let Some(reference) = item.get("reference") else { return };
        let Some(text) = reference.str().filter(|t| !t.is_empty()) else { return };
        if text.bytes().any(|b| b <= b' ') {
            let text = "a reference should hold no white space".to_owned();
            self.error("invalid", "reference-form", reference, Some(by), text, "take it out, or write it as `%20`");
            return;
        }
        let kind = literal(text);
        let found = self.resolve(text, item);
        // within a Bundle a reference is matched with entries, so its form counts; alone, only a server can resolve it
        let severity = if self.entries.is_some() { Severity::Error } else { Severity::Warning };
        let remedy = "write the type and the id of the target";
        if kind == Literal::Other {
            let text = "a relative reference should have the form `Type/id`".to_owned();
            self.find(severity, "invalid", "reference-form", reference, Some(by), text, remedy);
            return;
        }
        if let Literal::Relative(name) = kind
            && self.definitions.type_profile(name).is_none_or(|p| !p.is_resource)
        {
            let text = "the reference names a type that is no resource of R4".to_owned();
            self.find(severity, "invalid", "reference-form", reference, Some(by), text, remedy);
            return;
        }
        if matches!(kind, Literal::Relative(_))
            && let Some(entries) = self.entries
            && found.is_none()
            && entries.namesake(text).is_some()
        {
            let text =
                "an entry has this type and id, but the reference does not lead to it by the `fullUrl`s".to_owned();
            let remedy = "give both entries a `fullUrl` of the same server, or refer to the `fullUrl` itself";
            let severity = Severity::Warning;
            self.find(severity, "not-found", "reference-and-full-url-differ", reference, Some(by), text, remedy);
        }
        self.reference_target(item, found, kind, by, targets);
        self.reference_type(item, found, kind, by, targets);
    }

    /// `type` names the type of the target (R4 §2.3.0.1 Reference.type), which is one that is allowed there.
    fn reference_type(
        &mut self,
        item: Item<'a>,
        found: Option<Item<'a>>,
        kind: Literal<'a>,
        by: By<'a>,
        targets: &'a [Arc<str>],
    ) {
        let Some(said) = item.get("type") else { return };
        let name = said.text().strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(said.text());
        let found = found.and_then(Item::resource_type);
        let real = match (found, kind) {
            (Some(name), _) | (None, Literal::Relative(name) | Literal::Absolute(Some(name))) => Some(name),
            _ => None,
        };
        let profiles = || targets.iter().filter_map(|t| self.definitions.profile(t));
        let is_allowed = targets.is_empty()
            || targets.iter().any(|t| self.definitions.profile(t).is_none())
            || profiles().any(|p| self.is_type(name, &p.type_name));
        let is_other = |real: &str| real != name && self.definitions.type_profile(real).is_some_and(|p| p.is_resource);
        if !is_allowed || real.is_some_and(is_other) {
            let text = "the `type` of a reference should be the type of its target, and one that is allowed".to_owned();
            self.error("structure", "reference-type-differs", said, Some(by), text, "write that type, or leave it out");
        }
    }

    /// Whether the target may be of the type it is.
    pub(in crate::pure::validate) fn reference_target(
        &mut self,
        item: Item<'a>,
        found: Option<Item<'a>>,
        kind: Literal<'a>,
        by: By<'a>,
        targets: &'a [Arc<str>],
    ) {
        let name = match (found.and_then(Item::resource_type), kind) {
            (Some(name), _) => Some(name),
            (None, Literal::Relative(name) | Literal::Absolute(Some(name))) => Some(name),
            _ => item.str_at(&["type"]),
        };
        let Some(name) = name else { return };
        if targets.is_empty() {
            return;
        }
        let mut is_right_type = false;
        for target in targets {
            let Some(profile) = self.definitions.profile(target) else { return };
            if self.is_type(name, &profile.type_name) {
                // what the record itself holds is held to the profile, what lies elsewhere cannot be
                let meets = match found {
                    Some(target) if profile.is_constraint => self.conforms(target, profile) != Some(false),
                    _ => true,
                };
                if meets {
                    return;
                }
                is_right_type = true;
            }
        }
        if is_right_type {
            let text = format!("what `{}` refers to meets none of the profiles it may have", by.node.id);
            let remedy = "make the target meet one of them, or refer to another";
            let reference = item.get("reference").unwrap_or(item);
            self.error("structure", "target-meets-no-profile", reference, Some(by), text, remedy);
            return;
        }
        // a URL that ends like `…/Type/id` is only a hint when the type is none of ours
        if found.is_none() && self.definitions.type_profile(name).is_none() {
            return;
        }
        let types = targets.iter().filter_map(|t| self.definitions.profile(t)).map(|p| &*p.type_name);
        let mut allowed: Vec<&str> = types.collect();
        allowed.dedup();
        let reference = item.get("reference").unwrap_or(item);
        let text = format!("`{}` may refer to {}, and this is a `{name}`", by.node.id, allowed.join(", "));
        self.error("structure", "reference-to-wrong-type", reference, Some(by), text, "refer to one of these");
    }

    /// The resource a reference points to, within the record: contained, or in an entry of the Bundle around.
    pub(in crate::pure::validate) fn resolve(&self, reference: &str, from: Item<'a>) -> Option<Item<'a>> {
        if let Some(id) = reference.strip_prefix('#') {
            if id.is_empty() {
                return Some(self.root);
            }
            return self.world.index.contained(self.root, id);
        }
        self.entries?.find(reference, from)
    }
}

#[cfg(test)]
mod tests {
    use super::{Literal, literal};

    #[test]
    fn references_are_read_as_r4_writes_them() {
        assert_eq!(literal("Patient/1"), Literal::Relative("Patient"));
        assert_eq!(literal("Patient/1/_history/2"), Literal::Relative("Patient"));
        assert_eq!(literal("http://a/b/Patient/1"), Literal::Absolute(Some("Patient")));
        assert_eq!(literal("#x"), Literal::Contained("x"));
        assert_eq!(literal("urn:uuid:1"), Literal::Urn);
        assert_eq!(literal("1c5f"), Literal::Other);
        assert_eq!(literal("a/Patient/1"), Literal::Other);
        assert_eq!(literal("Patient/http://a/Patient/1"), Literal::Other);
    }
}
