//! The second pass: along a profile, over the parts of the record that it says something about.
//!
//! A profile's nodes hold only what it adds to its type, so what the first pass has checked is not checked again.

use super::walk::{By, Walk};
use crate::pure::fhir::{Item, Kind, Severity};
use crate::pure::profile::element::MANY;
use crate::pure::profile::node::{Node, NodeIndex, Profile};
use std::sync::Arc;

/// One value of an element as a profile sees it: the value, or what stands beside a value that is absent.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub item: Item<'a>,
    /// Of a choice, the type that its name carries: `Quantity` of `valueQuantity`.
    pub type_name: Option<&'a str>,
}

/// Profiles may be tried inside one another this deep.
const DEEPEST_TRIAL: usize = 12;

impl<'a> Walk<'a> {
    /// Holds an element to a node of a profile, and what lies below it to the nodes below.
    pub fn overlay(&mut self, item: Item<'a>, profile: &'a Profile, index: NodeIndex) {
        let by = By::new(profile, index);
        let type_name = by.node.types.first().map_or("", |t| &t.code);
        self.constraints(item, by, index, type_name);
        self.overlay_kids(item, profile, index);
    }

    fn overlay_kids(&mut self, item: Item<'a>, profile: &'a Profile, index: NodeIndex) {
        let node = &profile.nodes[index as usize];
        // what shares the content of another element (contentReference) shares what its type says, not what a profile adds
        let Some(kids) = &node.kids else { return };
        for kid in &kids.nodes {
            let found = gather(item, &profile.nodes[*kid as usize]);
            self.overlay_values(item, &found, profile, *kid);
        }
    }

    /// All values of one element: their number, each of them, and the slices they fall into.
    pub fn overlay_values(&mut self, holder: Item<'a>, found: &[Found<'a>], profile: &'a Profile, index: NodeIndex) {
        let by = By::new(profile, index);
        self.count(holder, found.len(), by);
        if self.options.must_support && found.is_empty() && by.node.must_support {
            self.must_support(holder, by);
        }
        for one in found {
            self.overlay_value(*one, profile, index);
        }
        if let Some((slicing, slices)) = &by.node.slicing {
            self.slices(holder, found, by, slicing, slices);
        }
    }

    /// Whether there are as many as the profile asks for.
    pub fn count(&mut self, holder: Item<'a>, count: usize, by: By<'a>) {
        let node = by.node;
        if count < node.min as usize {
            let text = format!("`{}` should be there {} times at least, and is {count} times", node.id, node.min);
            self.error("structure", "too-few", holder, Some(by), text, "add what is missing");
        }
        if node.max != MANY && count > node.max as usize {
            let text = format!("`{}` may be there {} times at most, and is {count} times", node.id, node.max);
            self.error("structure", "too-many", holder, Some(by), text, "keep as many as allowed");
        }
    }

    /// One value: its type, its own constraints, what lies below.
    pub fn overlay_value(&mut self, found: Found<'a>, profile: &'a Profile, index: NodeIndex) {
        let by = By::new(profile, index);
        if !by.node.types.is_empty() && !self.overlay_type(found, by) {
            return;
        }
        let type_name = found.type_name.or_else(|| by.node.types.first().map(|t| &*t.code)).unwrap_or_default();
        if let Some(demands) = &by.node.demands {
            self.demands(found.item, demands, by);
        }
        // an invariant on a resource inside another sees the outer one; those below see the inner one
        self.constraints(found.item, by, index, type_name);
        let before = (self.resource, self.root);
        if found.item.resource_type().is_some() && index != 0 {
            self.resource = found.item;
            if found.item.parent().is_none_or(|p| p.key() != "contained") {
                self.root = found.item;
            }
        }
        self.overlay_kids(found.item, profile, index);
        (self.resource, self.root) = before;
    }

    /// The types that a profile leaves. False where the value is of none of them.
    fn overlay_type(&mut self, found: Found<'a>, by: By<'a>) -> bool {
        let item = found.item;
        let of = match (found.type_name, item.resource_type()) {
            (Some(name), _) => by.node.types.iter().find(|t| *t.code == *name),
            (None, Some(name)) => by.node.types.iter().find(|t| self.is_type(name, &t.code)),
            (None, None) => by.node.types.first(),
        };
        let Some(of) = of else {
            let names: Vec<&str> = by.node.types.iter().map(|t| &*t.code).collect();
            let text = format!("`{}` should be of type {}", by.node.id, names.join(" or "));
            self.error("structure", "type-not-allowed", item, Some(by), text, "send it as one of these types");
            return false;
        };
        if !of.targets.is_empty() || !of.aggregation.is_empty() || of.versioning.is_some() {
            self.reference_target(item, by, of);
        }
        match of.profiles.as_slice() {
            [] => {}
            [url] => match self.definitions.profile_element(url) {
                Some((profile, node)) => {
                    if self.trials < DEEPEST_TRIAL {
                        self.trials += 1;
                        if node == 0 {
                            self.against(item, profile);
                        } else {
                            self.overlay(item, profile, node);
                        }
                        self.trials -= 1;
                    }
                }
                None => self.unknown_profile(item, url, by),
            },
            several => {
                if !several.iter().any(|url| self.conforms_to(item, url) != Some(false)) {
                    let text = format!("`{}` meets none of the profiles it may have", by.node.id);
                    let remedy = "make it meet one of them";
                    self.error("structure", "no-profile-met", item, Some(by), text, remedy);
                    self.why_none(item, several);
                }
            }
        }
        true
    }

    /// What each of several profiles finds wrong.
    fn why_none(&mut self, item: Item<'a>, several: &'a [Arc<str>]) {
        for url in several {
            if let (Some((profile, node)), true) = (self.definitions.profile_element(url), self.trials < DEEPEST_TRIAL)
            {
                self.trials += 1;
                self.overlay(item, profile, node);
                self.trials -= 1;
            }
        }
    }

    /// A profile asks for another one that is not loaded: nobody can say that the value meets it. What is asked of
    /// extensions is another matter (`rules/extension.rs`).
    fn unknown_profile(&mut self, item: Item<'a>, url: &str, by: By<'a>) {
        if matches!(&*by.node.name, "extension" | "modifierExtension") {
            self.report.not_checked(&format!("profile `{url}`"), "it is not loaded");
            return;
        }
        let text = format!("`{}` should meet the profile `{url}`, which is not loaded", by.node.id);
        self.error("not-found", "unknown-profile", item, Some(by), text, "load the package that holds it");
    }

    /// Whether an element meets a profile, tried aside; none where the profile is not loaded.
    pub fn conforms_to(&mut self, item: Item<'a>, url: &str) -> Option<bool> {
        match self.definitions.profile_element(url)? {
            (profile, 0) => self.conforms(item, profile),
            (profile, node) => Some(self.tried(|walk| walk.overlay(item, profile, node))),
        }
    }

    /// The same, of a compiled profile. Each element is tried once; one that is being tried already counts as meeting it,
    /// so that records which refer to one another in a circle come to an end.
    pub fn conforms(&mut self, item: Item<'a>, profile: &'a Profile) -> Option<bool> {
        let key = (profile.index, std::ptr::from_ref(item.tree()) as usize, item.id());
        if let Some(known) = self.tried.get(&key) {
            return *known;
        }
        self.tried.insert(key, None);
        let is_elsewhere = !std::ptr::eq(item.tree(), self.resource.tree());
        let meets = self.tried(|walk| {
            if is_elsewhere {
                walk.resource(item);
            }
            if item.resource_type().is_some() {
                walk.as_resource(item, |walk| walk.against(item, profile));
            } else {
                walk.against(item, profile);
            }
        });
        self.tried.insert(key, Some(meets));
        Some(meets)
    }

    /// Whether something finds no error, tried aside.
    pub fn tried(&mut self, check: impl FnOnce(&mut Walk<'a>)) -> bool {
        if self.trials >= DEEPEST_TRIAL {
            self.report.not_checked("profiles inside profiles", "they stand too deep inside one another");
            return true;
        }
        let kept = std::mem::take(&mut self.report);
        let links = self.links.take();
        self.trials += 1;
        check(self);
        self.trials -= 1;
        self.links = links;
        let tried = std::mem::replace(&mut self.report, kept);
        !tried.issues.iter().any(|i| i.severity <= Severity::Error)
    }
}

/// The values of an element in an object. For a choice, of whatever type.
pub(super) fn gather<'a>(holder: Item<'a>, node: &Node) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    let wanted = node.name.as_bytes();
    for child in holder.children() {
        let key = child.key();
        let is_shadow = key.as_bytes().first() == Some(&b'_');
        let name = &key[usize::from(is_shadow)..];
        // most names are other ones, and differ in their length or first letter
        let is_longer = name.len() > wanted.len();
        if name.len() < wanted.len() || is_longer != node.is_choice || name.as_bytes().first() != wanted.first() {
            continue;
        }
        let (stem, ending) = name.as_bytes().split_at(wanted.len());
        if stem != wanted || ending.first().is_some_and(|letter| !letter.is_ascii_uppercase()) {
            continue;
        }
        let type_name = is_longer.then(|| type_named(&name[wanted.len()..]));
        if is_shadow {
            let mut values = holder.get(name).map(Item::each);
            for one in child.each() {
                let value = values.as_mut().and_then(Iterator::next);
                if value.is_none_or(|v| v.kind() == Kind::Null) && one.kind() == Kind::Object {
                    found.push(Found { item: one, type_name });
                }
            }
        } else {
            found.extend(child.each().filter(|c| c.kind() != Kind::Null).map(|item| Found { item, type_name }));
        }
    }
    found
}

/// `DateTime` → `dateTime`; complex types keep their capital.
fn type_named(suffix: &str) -> &str {
    const NAMES: &[(&str, &str)] = &[
        ("Boolean", "boolean"),
        ("Integer", "integer"),
        ("UnsignedInt", "unsignedInt"),
        ("PositiveInt", "positiveInt"),
        ("Decimal", "decimal"),
        ("String", "string"),
        ("Markdown", "markdown"),
        ("Code", "code"),
        ("Id", "id"),
        ("Uri", "uri"),
        ("Url", "url"),
        ("Canonical", "canonical"),
        ("Oid", "oid"),
        ("Uuid", "uuid"),
        ("Base64Binary", "base64Binary"),
        ("Date", "date"),
        ("DateTime", "dateTime"),
        ("Instant", "instant"),
        ("Time", "time"),
    ];
    NAMES.iter().find(|(capital, _)| *capital == suffix).map_or(suffix, |(_, name)| name)
}
