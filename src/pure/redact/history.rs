//! The answer to a question for a history: what was released of each version, newest first.

use super::Releasable;
use crate::pure::fhir::Tree;
use jiff::Timestamp;

/// A version of a resource that may be told, and how it came about.
#[derive(Debug)]
pub struct PastVersion {
    /// What may be told of it.
    pub releasable: Releasable,
    /// The method that made it: `POST`, `PUT`.
    pub method: &'static str,
    /// What that was answered: `201`, `200`.
    pub status: &'static str,
    /// Its version.
    pub version: u64,
    /// When it was recorded.
    pub recorded: Timestamp,
}

/// A Bundle of type `history` (R4 §3.1.0.8.1) of the versions that were released, in the order given. `base` is the address
/// below which resources stand.
#[must_use]
pub fn shape_history(found: &[PastVersion], base: &str, id: &str, link: &str, now: Timestamp) -> Tree {
    let mut tree = Tree::object();
    let top = tree.root().id();
    tree.push_str(top, "resourceType", "Bundle");
    tree.push_str(top, "id", id);
    let meta = tree.push_object(top, "meta");
    tree.push_str(meta, "lastUpdated", &format!("{now:.3}"));
    tree.push_str(top, "type", "history");
    tree.push_number(top, "total", &found.len().to_string());
    let links = tree.push_array(top, "link");
    let own = tree.push_object(links, "");
    tree.push_str(own, "relation", "self");
    tree.push_str(own, "url", link);
    if found.is_empty() {
        return tree;
    }
    let entries = tree.push_array(top, "entry");
    for past in found {
        let resource = past.releasable.bundle().root();
        let [kind, id] = [resource.resource_type(), resource.str_at(&["id"])].map(Option::unwrap_or_default);
        let entry = tree.push_object(entries, "");
        tree.push_str(entry, "fullUrl", &format!("{base}/{kind}/{id}"));
        tree.push_copy(entry, "resource", resource);
        let request = tree.push_object(entry, "request");
        tree.push_str(request, "method", past.method);
        let url = if past.method == "POST" { kind.to_owned() } else { format!("{kind}/{id}") };
        tree.push_str(request, "url", &url);
        let response = tree.push_object(entry, "response");
        tree.push_str(response, "status", past.status);
        tree.push_str(response, "etag", &format!("W/\"{}\"", past.version));
        tree.push_str(response, "lastModified", &format!("{:.3}", past.recorded));
    }
    tree
}
