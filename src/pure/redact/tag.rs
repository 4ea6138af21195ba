//! What a released resource says of itself: that it is a part, and which labels go with it.

use crate::pure::decide::Decision;
use crate::pure::decide::policy::Shape;
use crate::pure::fhir::{Id, Item, Tree};

/// Of a type whose lists would mislead where one entry is missing: said of each resource of it, whether or not one is.
const COMPLETENESS: &str = "https://sharewell.example/fhir/CodeSystem/completeness";
const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// Marks a resource as a part of a whole, so that nobody writes it back as the whole.
pub(super) fn subsetted(tree: &mut Tree, resource: Id) {
    add(tree, resource, "tag", SYSTEM, "SUBSETTED");
}

/// Says of each resource of a type that may be incomplete that it may be, hidden or not. Whether anything was said.
pub(super) fn may_be_incomplete(tree: &mut Tree, shape: &Shape) -> bool {
    let listed = |r: &Item<'_>| r.resource_type().is_some_and(|t| shape.may_be_incomplete.iter().any(|l| l == t));
    let found: Vec<Id> = resources(tree).filter(listed).map(Item::id).collect();
    for resource in &found {
        add(tree, *resource, "tag", COMPLETENESS, "may-be-incomplete");
    }
    !found.is_empty()
}

/// Puts the labels on each resource that the policy's sets give it as it is, where the policy lets them be told. Whether
/// there were any.
pub(super) fn labelled(tree: &mut Tree, decision: &Decision) -> bool {
    if !decision.tells_labels() {
        return false;
    }
    let told = resources(tree).map(|r| (r.id(), decision.labels_told(r)));
    let told: Vec<(Id, Vec<(&str, String)>)> = told.filter(|(_, labels)| !labels.is_empty()).collect();
    for (resource, labels) in &told {
        labels.iter().for_each(|(system, code)| add(tree, *resource, "security", system, code));
    }
    !told.is_empty()
}

/// The resources of a record: those of a Bundle's entries, or the one.
fn resources(tree: &Tree) -> impl Iterator<Item = Item<'_>> {
    let root = tree.root();
    let alone = (root.resource_type() != Some("Bundle")).then_some(root);
    alone.into_iter().chain(root.all("entry").filter_map(|e| e.get("resource")))
}

/// Adds a Coding to a list of `meta`, unless it is there.
pub(super) fn add(tree: &mut Tree, resource: Id, list: &str, system: &str, code: &str) {
    let meta = tree.item(resource).get("meta");
    let is_it = |t: Item<'_>| t.str_at(&["code"]) == Some(code) && t.str_at(&["system"]).is_none_or(|s| s == system);
    if meta.is_some_and(|m| m.all(list).any(is_it)) {
        return;
    }
    let meta = match meta.map(Item::id) {
        Some(meta) => meta,
        None => tree.push_object(resource, "meta"),
    };
    let codings = match tree.item(meta).get(list).map(Item::id) {
        Some(codings) => codings,
        None => tree.push_array(meta, list),
    };
    let coding = tree.push_object(codings, "");
    tree.push_str(coding, "system", system);
    tree.push_str(coding, "code", code);
}
