//! Bundles (R4 §2.36, §3.1.0.11): what the kind of Bundle asks for.

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
