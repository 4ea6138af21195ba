//! What resources of one record are called, found once: entries of Bundles by `fullUrl`, contained resources by id.
//!
//! Both the walk and FHIRPath's `resolve()` look here, so that a reference costs the same however many resources there
//! are (R4 §2.36.4.1 for Bundles, §2.3.0.1 for contained resources).

use crate::pure::fhir::{Id, Item, Tree};
use std::collections::HashMap;

/// The names of all resources of a record.
#[derive(Default)]
pub(super) struct Index<'t> {
    tree: Option<&'t Tree>,
    groups: HashMap<Id, Entries<'t>>,
    contained: HashMap<(Id, &'t str), Item<'t>>,
}

impl<'t> Index<'t> {
    /// Looks at a resource and at what stands in it as a resource.
    pub fn of(root: Item<'t>) -> Index<'t> {
        let mut index = Index { tree: Some(root.tree()), ..Index::default() };
        index.add(root);
        index
    }

    fn add(&mut self, resource: Item<'t>) {
        match resource.resource_type() {
            Some("Bundle") => {
                self.groups.insert(resource.id(), Entries::of(resource));
                for entry in resource.all("entry") {
                    entry.get("resource").into_iter().for_each(|inner| self.add(inner));
                    let outcome = entry.get("response").and_then(|r| r.get("outcome"));
                    outcome.into_iter().for_each(|inner| self.add(inner));
                }
            }
            Some("Parameters") => {
                self.groups.insert(resource.id(), Entries::of(resource));
                resource.all("parameter").for_each(|parameter| self.add_parameter(parameter));
            }
            _ => {
                for inner in resource.all("contained") {
                    if let Some(id) = inner.str_at(&["id"]) {
                        self.contained.entry((resource.id(), id)).or_insert(inner);
                    }
                    if matches!(inner.resource_type(), Some("Bundle" | "Parameters")) {
                        self.add(inner);
                    }
                }
            }
        }
    }

    fn add_parameter(&mut self, parameter: Item<'t>) {
        parameter.get("resource").into_iter().for_each(|inner| self.add(inner));
        parameter.all("part").for_each(|part| self.add_parameter(part));
    }

    /// Whether an item is of this record.
    pub fn knows(&self, item: Item<'_>) -> bool {
        self.tree.is_some_and(|tree| std::ptr::eq(tree, item.tree()))
    }

    /// The entries of a Bundle of the record, or the resources of a Parameters.
    pub fn entries(&self, whole: Item<'_>) -> Option<&Entries<'t>> {
        if self.knows(whole) { self.groups.get(&whole.id()) } else { None }
    }

    /// The resource of this id that another one contains.
    pub fn contained(&self, container: Item<'_>, id: &str) -> Option<Item<'t>> {
        if self.knows(container) { self.contained.get(&(container.id(), id)).copied() } else { None }
    }
}

/// A reference without `/_history/` and the version it ends in.
pub(super) fn without_version(reference: &str) -> &str {
    let before = reference.rsplit_once('/').and_then(|(before, _)| before.strip_suffix("/_history"));
    before.unwrap_or(reference)
}

/// The resources that stand around a reference: the entries of one Bundle, or the resources of one Parameters.
pub(super) struct Entries<'t> {
    by_url: HashMap<&'t str, Item<'t>>,
    /// Further entries of the same fullUrl: other versions.
    again: HashMap<&'t str, Vec<Item<'t>>>,
    by_name: HashMap<(&'t str, &'t str), Item<'t>>,
    whole: Item<'t>,
    /// `type` of the Bundle.
    pub kind: &'t str,
    /// Whether relative references are read by the fullUrls around them: in Bundles, not in Parameters.
    pub is_bundle: bool,
}

/// Where a reference leads.
#[derive(Clone, Copy)]
pub(super) enum Lead<'t> {
    /// To one resource.
    To(Item<'t>),
    /// To more than one.
    Several,
    /// To none; but one has the type and id that it names.
    Namesake,
    /// To none.
    Nowhere,
}

impl<'t> Entries<'t> {
    fn of(whole: Item<'t>) -> Entries<'t> {
        let (by_url, again, by_name) = (HashMap::new(), HashMap::new(), HashMap::new());
        let kind = whole.str_at(&["type"]).unwrap_or_default();
        let is_bundle = whole.resource_type() == Some("Bundle");
        let mut entries = Entries { by_url, again, by_name, whole, kind, is_bundle };
        for entry in whole.all("entry") {
            let Some(resource) = entry.get("resource") else { continue };
            if let Some(url) = entry.str_at(&["fullUrl"])
                && let Some(before) = entries.by_url.insert(url, resource)
            {
                entries.by_url.insert(url, before);
                entries.again.entry(url).or_default().push(resource);
            }
            entries.name(resource);
        }
        let mut parameters: Vec<Item<'t>> = whole.all("parameter").collect();
        while let Some(parameter) = parameters.pop() {
            parameter.get("resource").into_iter().for_each(|resource| entries.name(resource));
            parameters.extend(parameter.all("part"));
        }
        entries
    }

    fn name(&mut self, resource: Item<'t>) {
        if let (Some(name), Some(id)) = (resource.resource_type(), resource.str_at(&["id"])) {
            self.by_name.entry((name, id)).or_insert(resource);
        }
    }

    /// Where a reference written in `from` leads by R4's rules (R4 §2.36.4.1): a relative one is read from the fullUrl of
    /// its entry.
    pub fn lead(&self, reference: &str, from: Item<'_>) -> Lead<'t> {
        let end = reference.bytes().position(|b| b == b'#').unwrap_or(reference.len());
        let plain = &reference[..end];
        let url = without_version(plain);
        let version = plain[url.len()..].strip_prefix("/_history/");
        let found = if plain.contains(':') {
            self.by_url(url, version)
        } else if !self.is_bundle {
            self.namesake(url).map_or(Lead::Nowhere, Lead::To)
        } else {
            self.base_of(from).map_or(Lead::Nowhere, |base| self.relative(base, url, version))
        };
        match found {
            Lead::Nowhere if self.namesake(url).is_some() => Lead::Namesake,
            found => found,
        }
    }

    fn relative(&self, base: &str, url: &str, version: Option<&str>) -> Lead<'t> {
        // mostly the entry of that type and id is the one, and then no text is made
        let named = self.namesake(url).and_then(|n| n.parent()).and_then(|entry| entry.str_at(&["fullUrl"]));
        match named.filter(|full| full.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')) == Some(url)) {
            Some(full) => self.by_url(full, version),
            None => self.by_url(&format!("{base}/{url}"), version),
        }
    }

    fn by_url(&self, url: &str, version: Option<&str>) -> Lead<'t> {
        let Some(first) = self.by_url.get(url) else { return Lead::Nowhere };
        let others = if self.again.is_empty() { None } else { self.again.get(url) };
        let all = std::iter::once(first).chain(others.into_iter().flatten());
        let mut fits = all.filter(|r| version.is_none() || r.str_at(&["meta", "versionId"]) == version);
        match (fits.next(), fits.next()) {
            (Some(one), None) => Lead::To(*one),
            (Some(_), Some(_)) => Lead::Several,
            (None, _) => Lead::Nowhere,
        }
    }

    /// The entry that a reference leads to, or else one of the type and id it names: what FHIRPath's `resolve()` finds.
    pub fn find(&self, reference: &str, from: Item<'_>) -> Option<Item<'t>> {
        match self.lead(reference, from) {
            Lead::To(found) => Some(found),
            _ => self.namesake(reference),
        }
    }

    /// The entry whose fullUrl is a `urn:` of the id in a relative reference, where the reference stands in such an entry.
    /// R4 gives that no meaning; whoever writes it means that entry.
    pub fn meant(&self, reference: &str, from: Item<'_>) -> Option<Item<'t>> {
        let (_, id) = named(reference)?;
        let (stem, _) = self.entry_of(from)?.str_at(&["fullUrl"])?.strip_prefix("urn:")?.rsplit_once(':')?;
        self.by_url.get(format!("urn:{stem}:{id}").as_str()).copied()
    }

    /// The entry of this type and id, whether or not R4's rules lead to it.
    pub fn namesake(&self, reference: &str) -> Option<Item<'t>> {
        self.by_name.get(&named(reference)?).copied()
    }

    /// The entry that holds an item.
    pub fn entry_of<'i>(&self, from: Item<'i>) -> Option<Item<'i>> {
        let mut at = from;
        while let Some(parent) = at.parent() {
            if parent.stands_under("entry") && parent.parent().is_some_and(|p| p.id() == self.whole.id()) {
                return Some(at);
            }
            at = parent;
        }
        None
    }

    /// The server part of the fullUrl of the entry that holds an item.
    fn base_of<'i>(&self, from: Item<'i>) -> Option<&'i str> {
        let (rest, _) = self.entry_of(from)?.str_at(&["fullUrl"])?.rsplit_once('/')?;
        let (base, name) = rest.rsplit_once('/')?;
        name.starts_with(|c: char| c.is_ascii_uppercase()).then_some(base)
    }
}

/// Type and id of a relative reference.
fn named(reference: &str) -> Option<(&str, &str)> {
    let (name, rest) = reference.split_once('/')?;
    Some((name, rest.split('/').next().unwrap_or(rest)))
}
