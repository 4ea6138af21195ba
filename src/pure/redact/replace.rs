//! What a write may not take away from the version that is stored: a part never replaces the whole, and a label that was put
//! on stays on. Sharing choices are no part of this: they are kept by themselves, and changed only by a Consent.
//!
//! Comes in: what is written, and the stored versions of the same record. Goes out: nothing, a refusal, or the record with
//! the labels it had. Labels are put back and not refused: a local format has no field for most of them, so a sender who
//! does nothing wrong could never write again.

use super::tag;
use crate::pure::decide::words::{CONFIDENTIALITY, OBSERVATION_VALUE, PLAN_SECTION, plain_system};
use crate::pure::fhir::{Id, Issue, Item, Kind, Tree};
use std::collections::{HashMap, HashSet};

/// What says that a resource is only a part (v3 ObservationValue), in `meta.tag` or `meta.security`.
const PARTS: [&str; 3] = ["SUBSETTED", "REDACTED", "MASKED"];
const LABELS: [&str; 2] = ["security", "tag"];

/// Whether a write may stand in the place of a stored version, as far as its completeness goes.
///
/// # Errors
/// It is a part of a record, and the version stored is whole where this is not; or it is a part of a sharing choice.
pub fn may_replace(new: Item<'_>, stored: &[Item<'_>]) -> Result<(), Box<Issue>> {
    let marked = parts(new);
    if let Some((consent, _)) = marked.iter().find(|(item, _)| item.resource_type() == Some("Consent")) {
        let text = "a sharing choice is marked as a part of one, and what it leaves out may be what it forbids";
        let issue = Issue::error("business-rule", "partial-choice", text.to_owned()).on(*consent);
        return Err(Box::new(
            issue.rule("sharing-choices §4 write").remedy("send the whole Consent, without the mark"),
        ));
    }
    for version in stored.iter().filter(|_| !marked.is_empty()) {
        let before: HashSet<String> = parts(*version).into_iter().flat_map(|(_, names)| names).collect();
        if let Some((item, _)) = marked.iter().find(|(_, names)| !names.iter().any(|n| before.contains(n))) {
            let text = "it is marked as a part (SUBSETTED or REDACTED), and the version held of it is whole";
            let issue = Issue::error("business-rule", "partial-over-whole", text.to_owned()).on(*item);
            let remedy = "send the whole record from the system that holds it, or under an identifier of its own";
            return Err(Box::new(issue.rule("sharing-choices §4 write").remedy(remedy)));
        }
    }
    Ok(())
}

/// Whether a stored record has to be looked at when another version is written: it holds a label, or the new one a mark.
#[must_use]
pub fn concerns(new: Item<'_>, stored: &str) -> bool {
    ["\"security\"", "\"tag\"", "inline-sec-label"].iter().any(|word| stored.contains(word)) || !parts(new).is_empty()
}

/// The record with the labels that the stored version has and it has not, and how many resources they were put back on.
/// None where none is missing.
#[must_use]
pub fn with_labels_kept(new: &Tree, stored: Item<'_>) -> Option<(Tree, usize)> {
    let mut before: HashMap<String, HashSet<Label>> = HashMap::new();
    for (resource, names) in named(stored) {
        let labels = labels(resource);
        if !labels.is_empty() {
            names.into_iter().for_each(|name| before.entry(name).or_default().extend(labels.iter().cloned()));
        }
    }
    let missing = |root: Item<'_>| -> Vec<(Id, Vec<Label>)> {
        let all = named(root).into_iter().map(|(resource, names)| {
            let own: HashSet<Label> = labels(resource).into_iter().collect();
            let had: HashSet<Label> = names.iter().filter_map(|n| before.get(n)).flatten().cloned().collect();
            let mut gone: Vec<Label> = had.into_iter().filter(|l| !own.contains(l)).collect();
            gone.sort();
            (resource.id(), gone)
        });
        all.filter(|(_, gone)| !gone.is_empty()).collect()
    };
    if before.is_empty() || missing(new.root()).is_empty() {
        return None;
    }
    let mut tree = Tree::taken_from(new.root());
    let back = missing(tree.root());
    for (resource, labels) in &back {
        for label in labels {
            tag::add(&mut tree, *resource, label.list, &label.system, &label.code);
        }
    }
    Some((tree, back.len()))
}

/// A Coding that a write may not take away.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Label {
    list: &'static str,
    system: String,
    code: String,
}

/// The labels of a resource: its security labels, those on its elements, and the sections it is tagged with. How it was
/// altered on its way is not about what it says.
fn labels(resource: Item<'_>) -> Vec<Label> {
    let mut found = Vec::new();
    let mut add = |list: &'static str, coding: Item<'_>| {
        let system = plain_system(coding.str_at(&["system"]).unwrap_or_default());
        let kept = if list == "tag" { system == PLAN_SECTION } else { system != OBSERVATION_VALUE };
        if let (Some(code), true) = (coding.str_at(&["code"]), kept) {
            found.push(Label { list, system: system.to_owned(), code: code.to_owned() });
        }
    };
    for list in LABELS {
        resource.get("meta").into_iter().flat_map(|m| m.all(list)).for_each(|c| add(list, c));
    }
    for inside in below(resource) {
        if inside.str_at(&["url"]).is_some_and(|u| u.ends_with("inline-sec-label")) {
            inside.all("valueCoding").for_each(|c| add("security", c));
        }
    }
    // one that is higher says all that a lower one does
    let rank = |l: &Label| ["U", "L", "M", "N", "R", "V"].iter().position(|c| *c == l.code);
    let is_rank = |l: &Label| l.system == CONFIDENTIALITY;
    let highest = found.iter().filter(|l| is_rank(l)).filter_map(rank).max();
    found.retain(|l| !is_rank(l) || rank(l) == highest || rank(l).is_none());
    found
}

/// Every object of a resource, but not those of resources in a Bundle.
fn below(resource: Item<'_>) -> Vec<Item<'_>> {
    let is_bundle = resource.resource_type() == Some("Bundle") && resource.parent().is_none();
    let all = if is_bundle { Vec::new() } else { resource.descendants() };
    all.into_iter().filter(|i| i.kind() == Kind::Object).collect()
}

/// The resources of a record with the names they go by: type and id, type and identifiers. The Bundle is one of them.
fn named(root: Item<'_>) -> Vec<(Item<'_>, Vec<String>)> {
    let entries = root.all("entry").filter_map(|e| e.get("resource"));
    let all = std::iter::once(root).chain(entries);
    all.map(|resource| (resource, names(resource, root))).collect()
}

fn names(resource: Item<'_>, root: Item<'_>) -> Vec<String> {
    let type_ = resource.resource_type().unwrap_or_default();
    if resource == root && type_ == "Bundle" {
        return vec!["Bundle".to_owned()];
    }
    let mut names: Vec<String> = resource.str_at(&["id"]).map(|id| format!("{type_}/{id}")).into_iter().collect();
    for identifier in resource.all("identifier") {
        let part = |name| identifier.str_at(&[name]).unwrap_or_default();
        names.push(format!("{type_}?{}|{}", part("system"), part("value")));
    }
    names
}

/// The resources of a record that are marked as parts, with their names.
fn parts(root: Item<'_>) -> Vec<(Item<'_>, Vec<String>)> {
    let says = |c: Item<'_>| c.str_at(&["code"]).is_some_and(|code| PARTS.contains(&code));
    let marked = |r: Item<'_>| LABELS.iter().any(|list| r.get("meta").into_iter().flat_map(|m| m.all(list)).any(says));
    let is_part = |r: Item<'_>| marked(r) || r.all("contained").any(marked) || has_masked(r);
    named(root).into_iter().filter(|(resource, _)| is_part(*resource)).collect()
}

/// Whether something in a resource was masked: the mark was taken off, the gap was not filled.
fn has_masked(resource: Item<'_>) -> bool {
    below(resource).iter().any(|i| {
        i.str_at(&["url"]).is_some_and(|u| u.ends_with("/data-absent-reason"))
            && i.str_at(&["valueCode"]) == Some("masked")
    })
}
