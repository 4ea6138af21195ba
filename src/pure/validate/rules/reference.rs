//! References (R4 §2.3): written as R4 asks, leading to a type and profile that are allowed there, in the place (R4 §2.4,
//! aggregation) and version (versioning) that are allowed.

use crate::pure::fhir::{Item, Severity};
use crate::pure::profile::node::TypeRef;
use crate::pure::profile::primitive::is_absolute;
use crate::pure::validate::References;
use crate::pure::validate::index::{Entries, Lead, without_version};
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

/// What a reference leads to.
#[derive(Clone, Copy)]
enum Target<'a> {
    /// A resource inside the same resource, or that resource itself.
    Contained(Item<'a>),
    /// The resource of an entry around.
    Entry(Item<'a>),
    /// Another record that was handed in.
    Beside(Item<'a>),
    /// Nothing that is at hand.
    Away,
}

impl<'a> Target<'a> {
    fn item(self) -> Option<Item<'a>> {
        match self {
            Target::Contained(item) | Target::Entry(item) | Target::Beside(item) => Some(item),
            Target::Away => None,
        }
    }

    /// As the aggregation modes see it (R4 §2.4, ElementDefinition.type.aggregation).
    fn word(self) -> &'static str {
        match self {
            Target::Contained(_) => "contained",
            Target::Entry(_) => "bundled",
            Target::Beside(_) | Target::Away => "referenced",
        }
    }
}

/// What stands before the name of one of R4's own types in a canonical url.
const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

impl<'a> Walk<'a> {
    /// One Reference: its form, and its target beside what the element's type allows.
    pub(in crate::pure::validate) fn reference(&mut self, item: Item<'a>, by: By<'a>, of: &'a TypeRef) {
        let Some(text) = item.get("reference").and_then(Item::str).filter(|t| !t.is_empty()) else {
            return self.said_type(item, None, by, of);
        };
        if let Some(links) = &mut self.links {
            links.push((item, text));
        }
        let kind = literal(text);
        let lead = self.lead(text, item);
        if self.reference_form(item, text, kind, lead, by) {
            self.target_of(item, text, kind, lead, by, of);
        }
    }

    /// Where a reference leads within the Bundle or Parameters around.
    fn lead(&self, text: &str, from: Item<'a>) -> Lead<'a> {
        match self.entries {
            Some(entries) if !text.starts_with('#') => entries.lead(text, from),
            _ => Lead::Nowhere,
        }
    }

    /// Whether a literal reference is written as R4 asks. False where it is not, and nothing more is to be said.
    fn reference_form(&mut self, item: Item<'a>, text: &str, kind: Literal<'a>, lead: Lead<'a>, by: By<'a>) -> bool {
        if text.bytes().any(|b| b <= b' ') {
            let text = "a reference should hold no white space".to_owned();
            self.error("invalid", "reference-form", item, Some(by), text, "take it out, or write it as `%20`");
            return false;
        }
        let bundle = self.entries.filter(|e| e.is_bundle);
        // R4 §3.1.0.11.2: a search in place of a reference, for the server to resolve
        if let Some((name, _)) = text.split_once('?')
            && bundle.is_none_or(|b| matches!(b.kind, "transaction" | "batch"))
            && self.definitions.type_profile(name).is_some_and(|p| p.is_resource)
        {
            return false;
        }
        // within a Bundle a reference is matched with entries, so its form counts; alone, only a server can resolve it
        let severity = if bundle.is_some() { Severity::Error } else { Severity::Warning };
        let remedy = "write the type and the id of the target";
        if kind == Literal::Other {
            let text = "a relative reference should have the form `Type/id`".to_owned();
            self.find(severity, "invalid", "reference-form", item, Some(by), text, remedy);
            return false;
        }
        if let Literal::Relative(name) = kind
            && self.definitions.type_profile(name).is_none_or(|p| !p.is_resource)
        {
            let text = "the reference names a type that is no resource of R4".to_owned();
            self.find(severity, "invalid", "reference-form", item, Some(by), text, remedy);
            return false;
        }
        if let (Some(bundle), Literal::Relative(_)) = (bundle, kind) {
            self.relative_reference(item, lead, bundle, by);
        }
        true
    }

    /// A relative reference in a Bundle is read from the fullUrl of its entry (R4 §2.36.4.1).
    fn relative_reference(&mut self, item: Item<'a>, lead: Lead<'a>, bundle: &Entries<'a>, by: By<'a>) {
        let nameless = bundle.entry_of(item).filter(|e| e.get("fullUrl").is_none());
        // only what is to be created, and what an operation answers, may go without (R4 Bundle.entry.fullUrl)
        let is_free = |entry: Item<'_>| match bundle.kind {
            "transaction" | "batch" => entry.str_at(&["request", "method"]).is_none_or(|method| method == "POST"),
            kind => matches!(kind, "transaction-response" | "batch-response"),
        };
        if let Some(entry) = nameless.filter(|entry| !is_free(*entry)) {
            if matches!(bundle.kind, "transaction" | "batch") {
                let text = "an entry that is not posted should have a `fullUrl`".to_owned();
                self.error("required", "entry-without-full-url", entry, None, text, "add the identity of its resource");
            }
            let text = "the entry has no `fullUrl`, so a relative reference in it leads nowhere".to_owned();
            let remedy = "give the entry a `fullUrl`";
            self.error("required", "reference-without-full-url", item, Some(by), text, remedy);
            return;
        }
        match lead {
            // the versions of a resource in a history, and what a server is to make of them, are its matter
            Lead::Several if bundle.kind != "history" => {
                let text = "more than one entry has the `fullUrl` that the reference leads to".to_owned();
                let remedy = "name the version (`/_history/`), or keep one entry";
                self.error("invalid", "reference-ambiguous", item, Some(by), text, remedy);
            }
            // of documents and messages it is an error, and is said there
            Lead::Namesake if !matches!(bundle.kind, "document" | "message") => {
                let text = "an entry has this type and id, but the reference does not lead to it by the `fullUrl`s";
                let remedy = "give both entries a `fullUrl` of the same server, or refer to the `fullUrl` itself";
                let (severity, id) = (Severity::Warning, "reference-and-full-url-differ");
                self.find(severity, "not-found", id, item, Some(by), text.to_owned(), remedy);
            }
            _ => {}
        }
    }

    /// Whether the target is there, of a type and profile that are allowed, in the place and version that are allowed.
    pub(in crate::pure::validate) fn reference_target(&mut self, item: Item<'a>, by: By<'a>, of: &'a TypeRef) {
        let Some(text) = item.get("reference").and_then(Item::str).filter(|t| !t.is_empty()) else { return };
        self.target_of(item, text, literal(text), self.lead(text, item), by, of);
    }

    fn target_of(
        &mut self,
        item: Item<'a>,
        text: &'a str,
        kind: Literal<'a>,
        lead: Lead<'a>,
        by: By<'a>,
        of: &'a TypeRef,
    ) {
        if self.options.references == References::Ignored {
            return;
        }
        let target = self.target(text, lead, item);
        if matches!(target, Target::Away) && self.must_exist(text) {
            let text = "the reference leads to nothing that is at hand".to_owned();
            self.error("structure", "reference-unresolved", item, Some(by), text, "hand its target in too");
        }
        if !matches!(lead, Lead::To(_))
            && let Some(entries) = self.entries
            && let Literal::Relative(name) = kind
            && let Some(meant) = entries.meant(text, item).and_then(Item::resource_type)
            && meant != name
        {
            let text = format!("the reference names a `{name}`, and the entry of that id is a `{meant}`");
            self.error("structure", "reference-to-wrong-type", item, Some(by), text, "name the type of the entry");
            return;
        }
        self.aggregation(item, target, by, of);
        self.versioning(item, text, by, of);
        let found = target.item();
        let name = match (found.and_then(Item::resource_type), kind) {
            (Some(name), _) => Some(name),
            (None, Literal::Relative(name) | Literal::Absolute(Some(name))) => Some(name),
            _ => None,
        };
        self.said_type(item, name, by, of);
        if let Some(name) = name.or_else(|| item.str_at(&["type"])) {
            self.target_type(item, found, name, by, &of.targets);
        }
    }

    fn must_exist(&self, text: &str) -> bool {
        let is_asked = self.options.references == References::ExistAndType;
        is_asked && !text.starts_with('#') && !self.is_free_example(text)
    }

    /// Whether a reference stands for something in an example, and that is allowed.
    fn is_free_example(&self, text: &str) -> bool {
        !self.options.refuse_examples && ["example.org", "acme.com"].iter().any(|domain| text.contains(domain))
    }

    /// `type` names the type of the target (R4 §2.3.0.1 Reference.type), which is one that is allowed there.
    fn said_type(&mut self, item: Item<'a>, actual: Option<&str>, by: By<'a>, of: &'a TypeRef) {
        let Some(said) = item.get("type") else { return };
        let name = said.text().strip_prefix(BASE).unwrap_or(said.text());
        let is_allowed = of.targets.is_empty()
            || of
                .targets
                .iter()
                .map(|t| self.definitions.profile(t))
                .any(|p| p.is_none_or(|p| self.is_type(name, &p.type_name)));
        let is_other = |real: &str| real != name && self.definitions.type_profile(real).is_some_and(|p| p.is_resource);
        if !is_allowed || actual.is_some_and(is_other) {
            let text = "the `type` of a reference should be the type of its target, and one that is allowed".to_owned();
            self.error("structure", "reference-type-differs", item, Some(by), text, "write that type, or leave it out");
        }
    }

    /// Where the target may stand: inside the resource, in the Bundle, elsewhere.
    fn aggregation(&mut self, item: Item<'a>, target: Target<'a>, by: By<'a>, of: &'a TypeRef) {
        // what is bundled or elsewhere is referenced, in either place
        let fits = |mode: &str| mode == target.word() || (mode == "referenced" && target.word() == "bundled");
        if of.aggregation.is_empty() || of.aggregation.iter().any(|mode| fits(mode)) {
            return;
        }
        let modes: Vec<&str> = of.aggregation.iter().map(|m| &**m).collect();
        let text =
            format!("the target of `{}` should be {}, and it is {}", by.node.id, modes.join(" or "), target.word());
        self.error("structure", "target-in-wrong-place", item, Some(by), text, "send the target where it should be");
    }

    /// Whether the reference names a version where it should, and none where it should not.
    fn versioning(&mut self, item: Item<'a>, text: &str, by: By<'a>, of: &'a TypeRef) {
        let wrong = match of.versioning.as_deref() {
            Some("specific") if !text.contains("/_history/") => "should name the version of its target",
            Some("independent") if text.contains("/_history/") => "should not name a version of its target",
            _ => return,
        };
        let text = format!("`{}` {wrong}", by.node.id);
        let remedy = "add `/_history/` and the version, or take it away";
        self.error("structure", "reference-version", item, Some(by), text, remedy);
    }

    /// Whether the target may be of the type it is, and meets one of the profiles it may have.
    fn target_type(
        &mut self,
        item: Item<'a>,
        found: Option<Item<'a>>,
        name: &str,
        by: By<'a>,
        targets: &'a [Arc<str>],
    ) {
        if targets.is_empty() {
            return;
        }
        let mut allowed = Vec::new();
        let mut is_right_type = false;
        // whether it meets a profile, nobody can say of what is not at hand
        let is_away = found.is_none()
            && self.options.references == References::Valid
            && !item.str_at(&["reference"]).is_none_or(|text| self.is_free_example(text));
        for target in targets {
            let Some(profile) = self.definitions.profile(target) else { return };
            if self.is_type(name, &profile.type_name) {
                // what the record itself holds is held to the profile, what lies elsewhere cannot be
                let meets = match found {
                    Some(target) if profile.is_constraint && self.options.references != References::ExistAndType => {
                        self.conforms(target, profile) != Some(false)
                    }
                    None => !(is_away && profile.is_constraint),
                    _ => true,
                };
                if meets {
                    return;
                }
                is_right_type = true;
            }
            allowed.push(profile.type_name.to_string());
        }
        if is_right_type && is_away {
            let text = format!("what `{}` refers to is not at hand, so it is not shown to meet a profile", by.node.id);
            self.error("structure", "reference-unresolved", item, Some(by), text, "hand its target in too");
            return;
        }
        if is_right_type {
            let text = format!("what `{}` refers to meets none of the profiles it may have", by.node.id);
            let remedy = "make the target meet one of them, or refer to another";
            self.error("structure", "target-meets-no-profile", item, Some(by), text, remedy);
            return;
        }
        // a URL that ends like `…/Type/id` is only a hint when the type is none of ours
        if found.is_none() && self.definitions.type_profile(name).is_none() {
            return;
        }
        allowed.dedup();
        let text = format!("`{}` may refer to {}, and this is a `{name}`", by.node.id, allowed.join(", "));
        self.error("structure", "reference-to-wrong-type", item, Some(by), text, "refer to one of these");
    }

    /// What a reference leads to: something contained, an entry around, or another record that was handed in.
    fn target(&self, reference: &str, lead: Lead<'a>, from: Item<'a>) -> Target<'a> {
        if reference.starts_with('#') {
            return self.contained(reference).map_or(Target::Away, Target::Contained);
        }
        if let Lead::To(found) = lead {
            return Target::Entry(found);
        }
        if let Some(found) = self.entries.and_then(|entries| entries.meant(reference, from)) {
            return Target::Entry(found);
        }
        let found = (!self.beside.is_empty()).then(|| self.beside_by(reference)).flatten();
        found.map_or(Target::Away, Target::Beside)
    }

    fn contained(&self, reference: &str) -> Option<Item<'a>> {
        let id = reference.strip_prefix('#')?;
        if id.is_empty() {
            return Some(self.root);
        }
        self.world.index_of(self.root).contained(self.root, id)
    }

    /// The other record of the type and id that a reference ends with.
    fn beside_by(&self, reference: &str) -> Option<Item<'a>> {
        let (rest, id) = without_version(reference).rsplit_once('/')?;
        let name = rest.rsplit('/').next().unwrap_or(rest);
        self.beside.get(&(name, id)).copied()
    }

    /// The resource a reference points to, as FHIRPath's `resolve()` finds it: what slices are told apart by.
    pub(in crate::pure::validate) fn resolve(&self, reference: &str, from: Item<'a>) -> Option<Item<'a>> {
        if reference.starts_with('#') {
            return self.contained(reference);
        }
        let entry = self.entries.and_then(|e| e.find(reference, from));
        entry.or_else(|| self.beside_by(reference))
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
