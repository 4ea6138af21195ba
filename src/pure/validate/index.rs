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
    bundles: HashMap<Id, Entries<'t>>,
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
                self.bundles.insert(resource.id(), Entries::of(resource));
                for entry in resource.all("entry") {
                    entry.get("resource").into_iter().for_each(|inner| self.add(inner));
                    let outcome = entry.get("response").and_then(|r| r.get("outcome"));
                    outcome.into_iter().for_each(|inner| self.add(inner));
                }
            }
            Some("Parameters") => resource.all("parameter").for_each(|parameter| self.add_parameter(parameter)),
            _ => {
                for inner in resource.all("contained") {
                    if let Some(id) = inner.str_at(&["id"]) {
                        self.contained.entry((resource.id(), id)).or_insert(inner);
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

    /// The entries of a Bundle of the record.
    pub fn entries(&self, bundle: Item<'_>) -> Option<&Entries<'t>> {
        if self.knows(bundle) { self.bundles.get(&bundle.id()) } else { None }
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

/// The entries of one Bundle.
pub(super) struct Entries<'t> {
    by_url: HashMap<&'t str, Item<'t>>,
    by_name: HashMap<(&'t str, &'t str), Item<'t>>,
    bundle: Id,
}

impl<'t> Entries<'t> {
    fn of(bundle: Item<'t>) -> Entries<'t> {
        let mut entries = Entries { by_url: HashMap::new(), by_name: HashMap::new(), bundle: bundle.id() };
        for entry in bundle.all("entry") {
            let Some(resource) = entry.get("resource") else { continue };
            if let Some(url) = entry.str_at(&["fullUrl"]) {
                entries.by_url.entry(url).or_insert(resource);
            }
            if let (Some(name), Some(id)) = (resource.resource_type(), resource.str_at(&["id"])) {
                entries.by_name.entry((name, id)).or_insert(resource);
            }
        }
        entries
    }

    /// The entry that a reference written in `from` points to (R4 §2.36.4.1).
    pub fn find(&self, reference: &str, from: Item<'_>) -> Option<Item<'t>> {
        let plain = without_version(reference);
        if plain.contains(':') {
            return self.by_url.get(plain).copied();
        }
        let named = self.named(plain);
        let Some(base) = self.base_of(from) else { return named };
        // mostly the entry of that type and id is the one, and then no text is made
        let ends = |url: &str| {
            let rest = url.strip_prefix(base).and_then(|rest| rest.strip_prefix('/'));
            rest == Some(plain)
        };
        if let Some(resource) = named
            && let Some(url) = resource.parent().and_then(|entry| entry.str_at(&["fullUrl"]))
            && ends(url)
        {
            return named;
        }
        self.by_url.get(format!("{base}/{plain}").as_str()).copied()
    }

    /// The entry of this type and id, whether or not R4's rules lead to it.
    pub fn namesake(&self, reference: &str) -> Option<Item<'t>> {
        self.named(without_version(reference))
    }

    fn named(&self, plain: &str) -> Option<Item<'t>> {
        self.by_name.get(&plain.split_once('/')?).copied()
    }

    /// The server part of the fullUrl of the entry that holds an item.
    fn base_of<'i>(&self, from: Item<'i>) -> Option<&'i str> {
        let mut at = from;
        while let Some(parent) = at.parent() {
            if parent.stands_under("entry") && parent.parent().is_some_and(|p| p.id() == self.bundle) {
                let url = at.str_at(&["fullUrl"])?;
                let (rest, _) = url.rsplit_once('/')?;
                let (base, name) = rest.rsplit_once('/')?;
                return name.starts_with(|c: char| c.is_ascii_uppercase()).then_some(base);
            }
            at = parent;
        }
        None
    }
}
