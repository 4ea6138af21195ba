//! Bundles (R4 §2.36, §3.1.0.11): entries found by fullUrl through one index, and what the kind of Bundle asks for.

use crate::pure::fhir::{Item, Severity};
use crate::pure::profile::primitive::is_absolute;
use crate::pure::validate::walk::Walk;
use std::collections::HashMap;
use std::rc::Rc;

/// The entries of a Bundle by fullUrl, made once.
pub(in crate::pure::validate) struct Entries<'a> {
    by_url: HashMap<&'a str, Vec<Item<'a>>>,
    by_name: HashMap<(&'a str, &'a str), Item<'a>>,
    bundle: Item<'a>,
}

impl<'a> Entries<'a> {
    /// The index of a Bundle, where this is one.
    pub fn around(bundle: Item<'a>) -> Option<Rc<Entries<'a>>> {
        if bundle.resource_type() != Some("Bundle") {
            return None;
        }
        let mut by_url: HashMap<&str, Vec<Item<'_>>> = HashMap::new();
        let mut by_name = HashMap::new();
        for entry in bundle.all("entry") {
            let Some(resource) = entry.get("resource") else { continue };
            if let Some(url) = entry.str_at(&["fullUrl"]) {
                by_url.entry(url).or_default().push(resource);
            }
            if let (Some(name), Some(id)) = (resource.resource_type(), resource.str_at(&["id"])) {
                by_name.entry((name, id)).or_insert(resource);
            }
        }
        Some(Rc::new(Entries { by_url, by_name, bundle }))
    }

    /// The entry that a reference written in `from` points to (R4 §2.36.4.1).
    pub fn find(&self, reference: &str, from: Item<'a>) -> Option<Item<'a>> {
        let plain = reference.split("/_history/").next().unwrap_or(reference);
        if plain.contains(':') {
            return self.by_url.get(plain).and_then(|found| found.first()).copied();
        }
        if let Some(base) = self.base_of(from) {
            let whole = format!("{base}/{plain}");
            return self.by_url.get(whole.as_str()).and_then(|found| found.first()).copied();
        }
        let (name, id) = plain.split_once('/')?;
        self.by_name.get(&(name, id)).copied()
    }

    /// Whether an entry has this type and id although R4's rules do not lead to it.
    pub fn has_namesake(&self, reference: &str) -> bool {
        let plain = reference.split("/_history/").next().unwrap_or(reference);
        plain.split_once('/').is_some_and(|(name, id)| self.by_name.contains_key(&(name, id)))
    }

    /// The server part of the fullUrl of the entry that holds an item.
    fn base_of(&self, from: Item<'a>) -> Option<&'a str> {
        let mut at = from;
        while let Some(parent) = at.parent() {
            if parent.key() == "entry" && parent.parent() == Some(self.bundle) {
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

impl<'a> Walk<'a> {
    /// What R4 asks of a Bundle beyond its invariants.
    pub(in crate::pure::validate) fn bundle(&mut self, bundle: Item<'a>) {
        let kind = bundle.str_at(&["type"]).unwrap_or_default();
        for entry in bundle.all("entry") {
            self.full_url(entry, kind);
        }
        self.first_entry(bundle, kind);
        let mut relations = std::collections::HashSet::new();
        for link in bundle.all("link") {
            if link.str_at(&["relation"]).is_some_and(|r| !relations.insert(r)) {
                let text = "a Bundle should have one link of each relation".to_owned();
                self.error("invalid", "link-repeated", link, None, text, "keep one of them");
            }
        }
    }

    fn full_url(&mut self, entry: Item<'a>, kind: &str) {
        let Some(full_url) = entry.get("fullUrl") else {
            let is_free = matches!(kind, "transaction" | "batch" | "transaction-response" | "batch-response" | "");
            if !is_free && entry.get("resource").is_some() {
                let text = "an entry of this kind of Bundle should have a `fullUrl`".to_owned();
                self.error("required", "entry-without-full-url", entry, None, text, "add the identity of its resource");
            }
            return;
        };
        let Some(url) = full_url.str().filter(|u| !u.is_empty()) else { return };
        if !is_absolute(url) {
            let text = "`fullUrl` should be an absolute URL".to_owned();
            self.error(
                "invalid",
                "relative-full-url",
                full_url,
                None,
                text,
                "write the whole URL, or `urn:uuid:` and a UUID",
            );
            return;
        }
        let Some(resource) = entry.get("resource") else { return };
        let looks_rest = url.starts_with("http")
            && url
                .rsplit('/')
                .nth(1)
                .is_some_and(|name| self.definitions.type_profile(name).is_some_and(|p| p.is_resource));
        if !looks_rest {
            return;
        }
        let ends_well = match (resource.resource_type(), resource.str_at(&["id"])) {
            (Some(name), Some(id)) => {
                url.strip_suffix(id).and_then(|u| u.strip_suffix('/')).and_then(|u| u.strip_suffix(name)).is_some()
            }
            _ => false,
        };
        if !ends_well {
            let text = "a `fullUrl` of a server should end with the type and id of its resource".to_owned();
            let remedy = "give the resource that id, or use `urn:uuid:`";
            self.error("invalid", "full-url-and-id-differ", entry, None, text, remedy);
        }
    }

    fn first_entry(&mut self, bundle: Item<'a>, kind: &str) {
        let wanted = match kind {
            "document" => "Composition",
            "message" => "MessageHeader",
            _ => return,
        };
        let first = bundle.all("entry").next();
        let Some(first) = first else {
            let text = format!("a Bundle of this type should start with a `{wanted}`");
            self.find(Severity::Error, "required", "first-entry", bundle, None, text, "add it as the first entry");
            return;
        };
        if first.get("resource").and_then(Item::resource_type).is_some_and(|name| name != wanted) {
            let text = format!("the first entry of a Bundle of this type should be a `{wanted}`");
            self.error("invalid", "first-entry", first, None, text, "move it to the front");
        }
    }
}
