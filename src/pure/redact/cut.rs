//! The knife: a copy of a record without what was withheld, and without anything that still points at it.

use crate::pure::decide::Decision;
use crate::pure::fhir::{Id, Item, Kind, Tree};
use std::collections::HashSet;

/// A record after cutting.
pub(super) struct Remainder {
    pub tree: Tree,
    /// For each entry that is left, the node it was in the record before, and whether something was taken out of it.
    pub entries: Vec<(Id, bool)>,
}

/// What names the withheld: any reference to one of these goes too.
#[derive(Default)]
pub(super) struct Names {
    references: HashSet<String>,
    identifiers: HashSet<(String, String)>,
}

impl Names {
    /// The names of these resources that no resource which stays shares.
    fn of(record: &Tree, gone: &HashSet<Id>) -> Names {
        let mut names = Names::default();
        let mut kept = HashSet::new();
        for entry in record.root().all("entry") {
            let Some(resource) = entry.get("resource") else { continue };
            let identifiers = resource.all("identifier").filter_map(|i| {
                Some((i.str_at(&["system"]).unwrap_or_default().to_owned(), i.str_at(&["value"])?.to_owned()))
            });
            if !gone.contains(&entry.id()) {
                kept.extend(identifiers);
                continue;
            }
            names.identifiers.extend(identifiers);
            names.references.extend(entry.str_at(&["fullUrl"]).map(str::to_owned));
            if let (Some(type_), Some(id)) = (resource.resource_type(), resource.str_at(&["id"])) {
                names.references.insert(format!("{type_}/{id}"));
            }
        }
        names.identifiers.retain(|i| !kept.contains(i));
        names
    }

    /// Whether a Reference points at something withheld.
    fn named_by(&self, reference: Item<'_>) -> bool {
        if let Some(text) = reference.get("reference").and_then(Item::str) {
            let text = text.split_once("/_history/").map_or(text, |(before, _)| before);
            let tail = text.rmatch_indices('/').nth(1).map_or(text, |(at, _)| &text[at + 1..]);
            if self.references.contains(text) || self.references.contains(tail) {
                return true;
            }
        }
        let Some(identifier) = reference.get("identifier").filter(|i| i.kind() == Kind::Object) else { return false };
        let system = identifier.str_at(&["system"]).unwrap_or_default().to_owned();
        let value = identifier.str_at(&["value"]).unwrap_or_default().to_owned();
        is_reference(reference) && self.identifiers.contains(&(system, value))
    }

    /// Whether the bytes still name something withheld.
    pub fn occur_in(&self, json: &str) -> bool {
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
        self.references
            .iter()
            .any(|name| json.match_indices(name.as_str()).any(|(at, _)| ends(&json[at + name.len()..])))
    }
}

fn is_reference(item: Item<'_>) -> bool {
    item.children().all(|c| matches!(c.key(), "reference" | "type" | "identifier" | "display" | "id" | "extension"))
}

/// Elements that are nothing without what they refer to: with the reference, all of the element goes.
const CARRIERS: [(&str, &str); 12] = [
    ("activity", "reference"),
    ("entry", "item"),
    ("member", "entity"),
    ("participant", "member"),
    ("participant", "individual"),
    ("entity", "what"),
    ("item", "reference"),
    ("context", "related"),
    ("relatesTo", "target"),
    ("link", "other"),
    ("link", "target"),
    ("content", "attachment"),
];

struct Knife<'d> {
    nodes: &'d HashSet<Id>,
    names: &'d Names,
    /// Ids of contained resources that go, as `#id`.
    contained: HashSet<String>,
    /// Something of the record goes: narratives may tell of it, and go too.
    narratives: bool,
    /// Something of this resource goes: what it contains goes too.
    contents: bool,
    touched: bool,
}

impl Knife<'_> {
    fn keeps(&mut self, item: Item<'_>) -> bool {
        if self.nodes.contains(&item.id()) {
            self.touched = true;
            return false;
        }
        if item.kind() != Kind::Object {
            return !(self.contents && item.key() == "contained");
        }
        if item.key() == "text" && item.get("div").is_some() {
            return !self.narratives;
        }
        let gone = self.names.named_by(item) || self.to_contained(item) || self.carries(item);
        self.touched |= gone;
        !gone
    }

    fn to_contained(&self, item: Item<'_>) -> bool {
        let local = item.get("reference").and_then(Item::str).filter(|r| r.starts_with('#'));
        local.is_some_and(|r| self.contained.contains(r))
    }

    fn carries(&self, item: Item<'_>) -> bool {
        let Some(list) = item.parent().filter(|p| p.kind() == Kind::Array) else { return false };
        let carried = CARRIERS.iter().filter(|(name, _)| *name == list.key()).filter_map(|(_, child)| item.get(child));
        carried
            .into_iter()
            .flat_map(Item::each)
            .any(|r| r.kind() == Kind::Object && (self.names.named_by(r) || self.to_contained(r)))
    }
}

/// Cuts. `more` are entries that have to go as well.
pub(super) fn cut(record: &Tree, decision: &Decision, more: &HashSet<Id>) -> (Remainder, Names) {
    let nodes: HashSet<Id> = decision.cuts().iter().map(|c| c.node).chain(more.iter().copied()).collect();
    let something = !more.is_empty() || decision.cuts().iter().any(|c| !c.aside);
    let names = Names::of(record, &nodes);
    let root = record.root();
    if root.resource_type() != Some("Bundle") {
        let (tree, touched) = resource_without(root, &nodes, &names, something);
        return (Remainder { tree, entries: vec![(root.id(), touched)] }, names);
    }
    let mut tree = Tree::object();
    let top = tree.root().id();
    let skipped = ["entry", "link", "total", "signature"];
    for child in root.children().filter(|c| !skipped.contains(&c.key()) || (!something && c.key() != "link")) {
        if child.key() != "entry" {
            tree.push_copy(top, child.key(), child);
        }
    }
    let entries = entries_without(&mut tree, record, &nodes, &names, something);
    finish_bundle(&mut tree, root, something);
    (Remainder { tree, entries }, names)
}

fn resource_without(item: Item<'_>, nodes: &HashSet<Id>, names: &Names, something: bool) -> (Tree, bool) {
    let mut knife = knife(item, nodes, names, something);
    // twice: whether something of it goes is known only after the first time
    let first = Tree::copy_where(item, |i| knife.keeps(i));
    if !knife.touched {
        return (first, false);
    }
    knife.contents = true;
    knife.contained = contained_ids(item, |_| true);
    let mut tree = Tree::copy_where(item, |i| knife.keeps(i));
    let top = tree.root().id();
    mark_subsetted(&mut tree, top);
    (tree, true)
}

fn knife<'d>(item: Item<'_>, nodes: &'d HashSet<Id>, names: &'d Names, something: bool) -> Knife<'d> {
    let contained = contained_ids(item, |c| nodes.contains(&c.id()));
    Knife { nodes, names, contained, narratives: something, contents: false, touched: false }
}

fn contained_ids(item: Item<'_>, gone: impl Fn(Item<'_>) -> bool) -> HashSet<String> {
    let ids = item.all("contained").filter(|c| gone(*c)).filter_map(|c| c.str_at(&["id"]));
    ids.map(|id| format!("#{id}")).collect()
}

fn entries_without(
    tree: &mut Tree,
    record: &Tree,
    nodes: &HashSet<Id>,
    names: &Names,
    something: bool,
) -> Vec<(Id, bool)> {
    let mut left = Vec::new();
    let mut list = None;
    for entry in record.root().all("entry").filter(|e| !nodes.contains(&e.id())) {
        let Some(resource) = entry.get("resource") else { continue };
        let (cut, touched) = resource_without(resource, nodes, names, something);
        // a Provenance of nothing that is sent has nothing to say
        if cut.root().resource_type() == Some("Provenance") && cut.root().get("target").is_none() {
            continue;
        }
        let top = tree.root().id();
        let list = *list.get_or_insert_with(|| tree.push_array(top, "entry"));
        let at = tree.push_object(list, "");
        for child in entry.children() {
            match child.key() {
                "resource" => {
                    tree.push_copy(at, "resource", cut.root());
                }
                "link" => {}
                key => {
                    tree.push_copy(at, key, child);
                }
            }
        }
        left.push((entry.id(), touched));
    }
    left
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
        mark_subsetted(tree, top);
    }
}

/// Marks a resource as a part of a whole, so that nobody writes it back as the whole.
pub(super) fn mark_subsetted(tree: &mut Tree, resource: Id) {
    const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
    let meta = tree.item(resource).get("meta");
    let marked = |t: Item<'_>| t.str_at(&["code"]) == Some("SUBSETTED");
    if meta.is_some_and(|m| m.all("tag").any(marked)) {
        return;
    }
    let meta = match meta.map(Item::id) {
        Some(meta) => meta,
        None => tree.push_object(resource, "meta"),
    };
    let tags = match tree.item(meta).get("tag").map(Item::id) {
        Some(tags) => tags,
        None => tree.push_array(meta, "tag"),
    };
    let tag = tree.push_object(tags, "");
    tree.push_str(tag, "system", SYSTEM);
    tree.push_str(tag, "code", "SUBSETTED");
}
