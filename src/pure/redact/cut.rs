//! The knife: a copy of a record without what was withheld, and without anything that still points at it.

use super::mark::{Marks, Rules};
use super::names::Names;
use super::tag;
use crate::pure::decide::Decision;
use crate::pure::fhir::{Id, Item, Kind, Tree};
use crate::pure::profile::Definitions;
use std::collections::HashSet;

/// A record after cutting.
pub(super) struct Remainder {
    pub tree: Tree,
    /// The entries that are left, as they were before: the resource by itself where it is no Bundle.
    pub entries: Vec<Id>,
    pub names: Names,
}

/// How often what falls with what has fallen is looked for. A chain that is longer is not followed to its end: nothing of
/// such a record goes.
const ROUNDS: usize = 16;

/// Cuts. `more` are entries that have to go as well; those that fall with the cut are added. None where something would
/// have to go without end.
pub(super) fn cut(
    record: &Tree,
    decision: &Decision,
    more: &mut HashSet<Id>,
    thorough: bool,
    definitions: &Definitions,
) -> Option<Remainder> {
    let root = record.root();
    let single = [(root.id(), root)];
    let bundle: Vec<(Id, Item<'_>)>;
    let resources: &[(Id, Item<'_>)] = if root.resource_type() == Some("Bundle") {
        bundle = root.all("entry").filter_map(|e| Some((e.id(), e.get("resource")?))).collect();
        bundle.as_slice()
    } else {
        &single
    };
    for _ in 0..ROUNDS {
        let nodes: HashSet<Id> = decision.cuts().iter().map(|c| c.node).chain(more.iter().copied()).collect();
        let names = Names::of(record, &nodes);
        let something = !more.is_empty() || decision.cuts().iter().any(|c| !c.aside);
        let maskable = decision.maskable();
        let rules = Rules { definitions, nodes: &nodes, names: &names, narratives: something, thorough, maskable };
        let left = resources.iter().filter(|(node, _)| !nodes.contains(node));
        let marked: Vec<(Id, Marks)> = left.map(|(node, resource)| (*node, Marks::of(*resource, &rules))).collect();
        let before = more.len();
        more.extend(marked.iter().filter(|(_, marks)| marks.whole).map(|(node, _)| *node));
        more.extend(misleading(resources, &marked, &nodes, decision));
        if more.len() == before {
            let tree = copy(record, &marked, something);
            let entries = marked.into_iter().map(|(node, _)| node).collect();
            return Some(Remainder { tree, entries, names });
        }
    }
    None
}

/// Resources of a type of which all goes or nothing, where something of that type goes.
fn misleading(
    resources: &[(Id, Item<'_>)],
    marked: &[(Id, Marks)],
    nodes: &HashSet<Id>,
    decision: &Decision,
) -> Vec<Id> {
    let cut = |node: &Id| nodes.contains(node) || marked.iter().any(|(n, m)| n == node && m.touched);
    let of = |type_: &str| -> Vec<Id> {
        resources.iter().filter(|(_, r)| r.resource_type() == Some(type_)).map(|(node, _)| *node).collect()
    };
    let types = decision.shape().all_or_none.iter().map(|t| of(t));
    types.filter(|all| all.iter().any(cut)).flatten().filter(|node| !nodes.contains(node)).collect()
}

fn copy(record: &Tree, marked: &[(Id, Marks)], something: bool) -> Tree {
    let root = record.root();
    let mut tree = Tree::object_as_large_as(record);
    let top = tree.root().id();
    if root.resource_type() != Some("Bundle") {
        if let Some((_, marks)) = marked.first() {
            copy_resource(&mut tree, top, root, marks);
        }
        return tree;
    }
    let skipped = ["link", "total", "signature"];
    for child in root.children().filter(|c| !skipped.contains(&c.key()) || (!something && c.key() != "link")) {
        if child.key() != "entry" {
            tree.push_copy(top, child.key(), child);
        } else if !marked.is_empty() {
            let list = tree.push_array(top, "entry");
            for (node, marks) in marked {
                copy_entry(&mut tree, list, record.item(*node), marks, something);
            }
        }
    }
    finish_bundle(&mut tree, root, something);
    tree
}

/// An entry without its links, and without what a server said of it where that could tell of what is gone.
fn copy_entry(tree: &mut Tree, list: Id, entry: Item<'_>, marks: &Marks, something: bool) {
    let at = tree.push_object(list, "");
    for child in entry.children() {
        match child.key() {
            "resource" => {
                let copy = tree.push_object(at, "resource");
                copy_resource(tree, copy, child, marks);
            }
            "link" => {}
            "response" if something => {
                tree.push_copy_where(at, "response", child, |i| !i.stands_under("outcome"));
            }
            key => {
                tree.push_copy(at, key, child);
            }
        }
    }
}

fn copy_resource(tree: &mut Tree, at: Id, resource: Item<'_>, marks: &Marks) {
    copy_children(tree, at, resource, marks);
    if marks.touched {
        tag::subsetted(tree, at);
    }
}

fn copy_children(tree: &mut Tree, at: Id, item: Item<'_>, marks: &Marks) {
    for child in item.children().filter(|c| !marks.gone.contains(&c.id())) {
        if marks.masked.contains(&child.id()) {
            mask(tree, at, child);
        } else {
            let copy = tree.push_value(at, child.key(), child.kind(), child.text());
            copy_children(tree, copy, child, marks);
        }
    }
}

/// In place of something mandatory: that it was masked (R4 extension data-absent-reason).
fn mask(tree: &mut Tree, at: Id, item: Item<'_>) {
    const URL: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
    let element = match item.kind() {
        Kind::Object => tree.push_object(at, item.key()),
        Kind::Array => {
            let list = tree.push_array(at, item.key());
            tree.push_object(list, "")
        }
        _ => tree.push_object(at, &format!("_{}", item.key())),
    };
    let extensions = tree.push_array(element, "extension");
    let extension = tree.push_object(extensions, "");
    tree.push_str(extension, "url", URL);
    tree.push_str(extension, "valueCode", "masked");
}

fn finish_bundle(tree: &mut Tree, before: Item<'_>, something: bool) {
    let top = tree.root().id();
    let kind = before.str_at(&["type"]);
    if matches!(kind, Some("searchset" | "history")) {
        let matches = tree.root().all("entry").filter(|e| e.str_at(&["search", "mode"]).is_none_or(|m| m == "match"));
        let total = matches.count().to_string();
        if let Some(old) = tree.root().get("total").map(Item::id) {
            tree.remove(old);
        }
        tree.push_number(top, "total", &total);
    } else if something {
        tag::subsetted(tree, top);
    }
}
