//! The answer to a search: what was released, counted anew.

use super::Releasable;
use crate::pure::decide::policy::Shape;
use crate::pure::fhir::{Item, Tree};
use jiff::Timestamp;
use std::collections::HashSet;

/// The answer to a search: a Bundle of type `searchset` with the resources of these types, total and link counted anew.
/// With nothing found it is the same Bundle as for a person of whom nothing is held.
#[must_use]
pub fn shape_search(found: Vec<Releasable>, types: &[&str], id: &str, link: &str, now: Timestamp) -> Tree {
    let mut tree = Tree::object();
    let top = tree.root().id();
    tree.push_str(top, "resourceType", "Bundle");
    tree.push_str(top, "id", id);
    let meta = tree.push_object(top, "meta");
    // To the millisecond, always: a length that varied with the time would differ between two equal answers.
    tree.push_str(meta, "lastUpdated", &format!("{now:.3}"));
    tree.push_str(top, "type", "searchset");
    let mut seen = HashSet::new();
    let mut matches: Vec<(Option<String>, Item<'_>)> = Vec::new();
    for releasable in &found {
        for (url, resource) in resources(releasable.bundle().root()) {
            let type_ = resource.resource_type().unwrap_or_default();
            let name = format!("{type_}/{}", resource.str_at(&["id"]).unwrap_or_default());
            if types.contains(&type_) && seen.insert(name) {
                matches.push((url.map(str::to_owned), resource));
            }
        }
    }
    tree.push_number(top, "total", &matches.len().to_string());
    let links = tree.push_array(top, "link");
    let own = tree.push_object(links, "");
    tree.push_str(own, "relation", "self");
    tree.push_str(own, "url", link);
    if !matches.is_empty() {
        let entries = tree.push_array(top, "entry");
        for (url, resource) in matches {
            let entry = tree.push_object(entries, "");
            if let Some(url) = url {
                tree.push_str(entry, "fullUrl", &url);
            }
            tree.push_copy(entry, "resource", resource);
            let search = tree.push_object(entry, "search");
            tree.push_str(search, "mode", "match");
        }
    }
    tree
}

/// Adds to an answer that there may be more of these types, where the policy wants that said: always, so that it tells
/// nothing about this person.
pub fn say_incomplete(answer: &mut Tree, types: &[&str], shape: &Shape) {
    if !types.iter().any(|t| shape.may_be_incomplete.iter().any(|l| l == t)) {
        return;
    }
    let top = answer.root().id();
    let entries = match answer.root().get("entry").map(Item::id) {
        Some(entries) => entries,
        None => answer.push_array(top, "entry"),
    };
    let entry = answer.push_object(entries, "");
    // it has no identity of its own, and the same one in every answer tells nothing
    answer.push_str(entry, "fullUrl", "urn:uuid:5d0b1f0a-7c4e-4f59-9d0e-2f6a3c1e8b47");
    let outcome = answer.push_object(entry, "resource");
    answer.push_str(outcome, "resourceType", "OperationOutcome");
    let issues = answer.push_array(outcome, "issue");
    let issue = answer.push_object(issues, "");
    answer.push_str(issue, "severity", "warning");
    answer.push_str(issue, "code", "incomplete");
    let details = answer.push_object(issue, "details");
    answer.push_str(details, "text", "this list may be incomplete: ask the person");
    let search = answer.push_object(entry, "search");
    answer.push_str(search, "mode", "outcome");
}

fn resources<'t>(root: Item<'t>) -> Vec<(Option<&'t str>, Item<'t>)> {
    if root.resource_type() != Some("Bundle") {
        return vec![(None, root)];
    }
    let entries = root.all("entry").filter_map(|e| Some((e.str_at(&["fullUrl"]), e.get("resource")?)));
    // what came along with the matches of a source is not itself a match
    entries.collect()
}
