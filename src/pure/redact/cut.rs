//! The knife: a copy of a record without what was withheld, and without anything that still points at it.

use crate::pure::decide::Decision;
use crate::pure::fhir::{Id, Item, Kind, Tree};
use std::collections::{BTreeSet, HashMap, HashSet};

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

    /// Whether the bytes still name something withheld. One pass for each letter that stands before an id, however many
    /// names there are: only what follows such a letter can be the end of a name.
    pub fn occur_in(&self, json: &str) -> bool {
        let mut ends: HashMap<&str, Vec<&str>> = HashMap::new();
        let (mut before, mut lengths) = (BTreeSet::new(), 0u64);
        for name in &self.references {
            let id = &name[word_start(name)..];
            match name[..name.len() - id.len()].chars().next_back() {
                Some(letter) if !id.is_empty() => {
                    before.insert(letter);
                    lengths |= 1 << id.len().min(63);
                    ends.entry(id).or_default().push(name);
                }
                // no id to tell it by: looked for by itself
                _ if json.match_indices(name).any(|(at, _)| word_end(&json[at + name.len()..]) == 0) => return true,
                _ => {}
            }
        }
        before.into_iter().any(|letter| {
            json.match_indices(letter).any(|(at, _)| {
                let start = at + letter.len_utf8();
                let end = start + word_end(&json[start..]);
                lengths & (1 << (end - start).min(63)) != 0
                    && ends.get(&json[start..end]).is_some_and(|names| names.iter().any(|n| json[..end].ends_with(n)))
            })
        })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// Where the letters, digits and signs of an id begin that a text ends in.
fn word_start(text: &str) -> usize {
    text.bytes().rposition(|b| !is_word(b)).map_or(0, |at| at + 1)
}

/// How many letters, digits and signs of an id a text begins with.
fn word_end(text: &str) -> usize {
    text.bytes().position(|b| !is_word(b)).unwrap_or(text.len())
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
        let mut knife = sharpened(root, &nodes, &names, something);
        let mut tree = Tree::copy_where(root, |i| knife.keeps(i));
        let top = tree.root().id();
        if knife.contents {
            mark_subsetted(&mut tree, top);
        }
        return (Remainder { tree, entries: vec![(root.id(), knife.contents)] }, names);
    }
    let mut tree = Tree::object_as_large_as(record);
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

/// Makes a knife that knows whether something of the resource goes.
fn sharpened<'d>(item: Item<'_>, nodes: &'d HashSet<Id>, names: &'d Names, something: bool) -> Knife<'d> {
    let mut knife = knife(item, nodes, names, something);
    look(item, &mut knife);
    if knife.touched {
        knife.contents = true;
        knife.contained = contained_ids(item, |_| true);
    }
    knife
}

/// Goes where a copy would go, and copies nothing.
fn look(item: Item<'_>, knife: &mut Knife<'_>) {
    if knife.keeps(item) {
        item.children().for_each(|child| look(child, knife));
    }
}

fn knife<'d>(item: Item<'_>, nodes: &'d HashSet<Id>, names: &'d Names, something: bool) -> Knife<'d> {
    let contained = contained_ids(item, |c| nodes.contains(&c.id()));
    Knife { nodes, names, contained, narratives: something, contents: false, touched: false }
}

/// Whether a copy of an item would have anything in it.
fn leaves(item: Item<'_>, knife: &mut Knife<'_>) -> bool {
    let mut children = item.children().peekable();
    knife.keeps(item) && (children.peek().is_none() || children.any(|child| leaves(child, knife)))
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
        let mut knife = sharpened(resource, nodes, names, something);
        // a Provenance of nothing that is sent has nothing to say
        let is_provenance = resource.resource_type() == Some("Provenance");
        if is_provenance && !resource.get("target").is_some_and(|targets| leaves(targets, &mut knife)) {
            continue;
        }
        let top = tree.root().id();
        let list = *list.get_or_insert_with(|| tree.push_array(top, "entry"));
        let at = tree.push_object(list, "");
        for child in entry.children() {
            match child.key() {
                "resource" => {
                    let copy = tree.push_copy_where(at, "resource", resource, |i| knife.keeps(i));
                    let copy = copy.unwrap_or_else(|| tree.push_object(at, "resource"));
                    if knife.contents {
                        mark_subsetted(tree, copy);
                    }
                }
                "link" => {}
                key => {
                    tree.push_copy(at, key, child);
                }
            }
        }
        left.push((entry.id(), knife.contents));
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

#[cfg(test)]
mod tests {
    use super::{Names, word_end};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_are_found_as_by_looking_for_each_alone(
            names in proptest::collection::hash_set("[ab/:-]{1,4}", 0..4),
            text in "[ab/:\"é-]{0,24}",
        ) {
            let alone = |name: &String| {
                text.match_indices(name.as_str()).any(|(at, _)| word_end(&text[at + name.len()..]) == 0)
            };
            let found = names.iter().any(alone);
            prop_assert_eq!(Names { references: names, ..Names::default() }.occur_in(&text), found);
        }
    }
}
