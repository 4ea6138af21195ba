//! Search results (R4 §3.1.1.5.1): matches are of the type that was searched for, and what is not a match is said to be none.

use crate::pure::fhir::Item;
use crate::pure::validate::walk::Walk;

impl<'a> Walk<'a> {
    /// What a Bundle of type `searchset` asks of its entries.
    pub(super) fn search_set(&mut self, bundle: Item<'a>) {
        let asked = bundle.all("link").find(|l| l.str_at(&["relation"]) == Some("self"));
        let types = asked.and_then(|l| l.str_at(&["url"])).map(|url| self.searched(url)).unwrap_or_default();
        for entry in bundle.all("entry") {
            let Some(resource) = entry.get("resource") else {
                let text = "an entry of a search result should hold a resource".to_owned();
                self.error("invalid", "entry-without-resource", entry, None, text, "add it, or leave the entry out");
                continue;
            };
            let Some(mode) = entry.str_at(&["search", "mode"]) else { continue };
            self.result(resource, mode, &types);
        }
    }

    fn result(&mut self, resource: Item<'a>, mode: &str, types: &[&str]) {
        let name = resource.resource_type().unwrap_or_default();
        if mode == "outcome" {
            if name != "OperationOutcome" {
                let text = "what is said of a search should be an OperationOutcome".to_owned();
                self.error("invalid", "search-outcome", resource, None, text, "correct `search.mode`");
            }
            return;
        }
        if resource.get("id").is_none() {
            let text = "a search result should have an id".to_owned();
            self.error("invalid", "result-without-id", resource, None, text, "add the id of the resource");
        }
        if mode == "match" && !types.is_empty() && !types.contains(&name) {
            let text = format!("a `{name}` is no match of a search for {}", types.join(", "));
            self.error(
                "invalid",
                "result-of-wrong-type",
                resource,
                None,
                text,
                "correct `search.mode`, or leave it out",
            );
        }
    }

    /// The types that a search asks for: `…/Patient?…`, or `_type=`.
    fn searched<'u>(&self, url: &'u str) -> Vec<&'u str> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let last = path.rsplit('/').next().unwrap_or(path);
        if self.definitions.type_profile(last).is_some_and(|p| p.is_resource) {
            return vec![last];
        }
        let kinds = query.split('&').filter_map(|part| part.strip_prefix("_type="));
        kinds.flat_map(|kinds| kinds.split(',')).filter(|kind| !kind.is_empty()).collect()
    }
}
