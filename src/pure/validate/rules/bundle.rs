//! Bundles (R4 §2.36, §3.1.0.11): what the kind of Bundle asks of its entries and links.

use crate::pure::fhir::{Item, Severity};
use crate::pure::profile::primitive::is_absolute;
use crate::pure::validate::walk::Walk;

impl<'a> Walk<'a> {
    /// What R4 asks of a Bundle beyond its invariants.
    pub(in crate::pure::validate) fn bundle(&mut self, bundle: Item<'a>) {
        let kind = bundle.str_at(&["type"]).unwrap_or_default();
        for entry in bundle.all("entry") {
            self.full_url(entry, kind);
        }
        self.first_entry(bundle, kind);
        self.links(bundle, kind);
        match kind {
            "document" | "message" => self.interlinked(bundle, kind),
            "searchset" => self.search_set(bundle),
            _ => {}
        }
        self.entry_profiles(bundle);
    }

    /// The links of a Bundle: pages only of what can have pages, each once; a style sheet that the document holds.
    fn links(&mut self, bundle: Item<'a>, kind: &str) {
        let has_pages = matches!(kind, "searchset" | "history");
        let mut relations = std::collections::HashSet::new();
        for link in bundle.all("link") {
            let Some(relation) = link.get("relation") else { continue };
            let is_page = matches!(relation.text(), "first" | "previous" | "next" | "last");
            if is_page && !has_pages {
                let text = format!("a Bundle of type `{kind}` has no pages");
                self.error("invalid", "link-not-allowed", relation, None, text, "leave the link out");
            } else if (is_page || relation.text() == "self") && !relations.insert(relation.text()) {
                let text = "a Bundle should have one link of this relation".to_owned();
                self.error("invalid", "link-repeated", link, None, text, "keep one of them");
            }
            let sheet = link.get("url").filter(|_| kind == "document" && relation.text() == "stylesheet");
            if let Some(url) = sheet
                && !url.text().contains(':')
                && !bundle.all("entry").any(|entry| is_of(entry, url.text()))
            {
                let text = "the style sheet is not in the document".to_owned();
                self.error("not-found", "style-sheet-missing", url, None, text, "add it as a Binary");
            }
        }
    }

    /// Profiles that whoever validates asks of entries, by place: `Patient:0`, `Patient`, `0`.
    fn entry_profiles(&mut self, bundle: Item<'a>) {
        if self.options.entry_profiles.is_empty() {
            return;
        }
        let mut seen = std::collections::HashMap::new();
        for (at, entry) in bundle.all("entry").enumerate() {
            let Some(resource) = entry.get("resource") else { continue };
            let Some(name) = resource.resource_type() else { continue };
            let count = seen.entry(name).and_modify(|count| *count += 1).or_insert(0_usize);
            for (place, url) in &self.options.entry_profiles {
                let fits = match place.split_once(':') {
                    Some((kind, index)) => kind == name && index.parse() == Ok(*count),
                    None => place == name || place.parse() == Ok(at),
                };
                match self.definitions.profile(url) {
                    Some(profile) if fits => self.as_resource(resource, |walk| walk.against(resource, profile)),
                    None if fits => self.report.not_checked(&format!("profile `{url}`"), "it is not loaded"),
                    _ => {}
                }
            }
        }
    }

    fn full_url(&mut self, entry: Item<'a>, kind: &str) {
        let Some(full_url) = entry.get("fullUrl") else {
            let is_free = matches!(kind, "transaction" | "batch" | "transaction-response" | "batch-response" | "");
            if !is_free && entry.get("resource").is_some() {
                let text = "an entry of this kind of Bundle should have a `fullUrl`".to_owned();
                let remedy = "add the identity of its resource";
                self.error("required", "entry-without-full-url", entry, None, text, remedy);
            }
            return;
        };
        let Some(url) = full_url.str().filter(|u| !u.is_empty()) else { return };
        if !is_absolute(url) {
            let text = "`fullUrl` should be an absolute URL".to_owned();
            let remedy = "write the whole URL, or `urn:uuid:` and a UUID";
            self.error("invalid", "relative-full-url", entry, None, text, remedy);
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

/// Whether an entry holds the resource of this `Type/id`.
pub(super) fn is_of(entry: Item<'_>, name_and_id: &str) -> bool {
    let resource = entry.get("resource");
    let named = resource.and_then(|r| Some((r.resource_type()?, r.str_at(&["id"])?)));
    named.is_some_and(|(name, id)| name_and_id.split_once('/') == Some((name, id)))
}
