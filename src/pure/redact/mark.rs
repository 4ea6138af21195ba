//! What of one resource goes: what was withheld, what points at it, and what is nothing without either.
//!
//! One walk, from the leaves upwards. Nothing is copied here.

use super::names::Names;
use super::required::{is_required, path_in_resource};
use crate::pure::fhir::{Id, Item, Kind};
use crate::pure::profile::Definitions;
use std::collections::HashSet;

/// What holds for the whole record.
pub(super) struct Rules<'d> {
    pub definitions: &'d Definitions,
    /// The nodes that the decision withholds, and the entries that fall with them.
    pub nodes: &'d HashSet<Id>,
    pub names: &'d Names,
    /// Something of the record goes: narratives may tell of it, and go too.
    pub narratives: bool,
    /// Texts that hold a name somewhere go as well: for the rare record that names what was withheld in its words.
    pub thorough: bool,
    /// Mandatory elements that may be masked, as `Type.element`; none where a legal bar keeps something back.
    pub maskable: &'d [String],
}

/// What of one resource goes.
#[derive(Default)]
pub(super) struct Marks {
    pub gone: HashSet<Id>,
    /// Mandatory: a mark that it was masked stands in their place.
    pub masked: HashSet<Id>,
    /// The resource cannot do without what goes.
    pub whole: bool,
    /// Something of it goes besides its narrative.
    pub touched: bool,
    contained: HashSet<String>,
}

/// Elements that R4 lets stand without what they refer to, and that say nothing then: list, and child.
const CARRIERS: [(&str, &str); 12] = [
    ("activity", "reference"),
    ("participant", "member"),
    ("participant", "individual"),
    ("participant", "actor"),
    ("context", "related"),
    ("content", "attachment"),
    ("diagnosis", "condition"),
    ("evidence", "detail"),
    ("stage", "assessment"),
    ("attester", "party"),
    ("event", "detail"),
    ("hospitalization", "destination"),
];

/// Leaves that hold words of a code system, an address of a definition, or the resource's own name.
const NOT_NAMES: [&str; 9] = ["code", "system", "resourceType", "linkId", "status", "profile", "div", "id", "version"];

impl Marks {
    /// Marks one resource.
    pub fn of(resource: Item<'_>, rules: &Rules<'_>) -> Marks {
        let mut marks = Marks { contained: contained(resource, |c| rules.nodes.contains(&c.id())), ..Marks::default() };
        marks.visit(resource, rules);
        let all = contained(resource, |_| true);
        if marks.touched && !all.is_empty() && !marks.whole {
            // what it contains may tell of what is gone
            let inside = resource.get("contained").map(Item::id);
            marks = Marks { contained: all, gone: inside.into_iter().collect(), touched: true, ..Marks::default() };
            marks.visit(resource, rules);
        }
        marks
    }

    /// Whether an item goes.
    fn visit(&mut self, item: Item<'_>, rules: &Rules<'_>) -> bool {
        if self.gone.contains(&item.id()) {
            return true;
        }
        let is_narrative = item.stands_under("text") && item.get("div").is_some();
        let goes = if rules.nodes.contains(&item.id()) {
            self.touched = true;
            true
        } else if is_narrative {
            rules.narratives
        } else {
            let goes = self.points(item, rules) || self.is_hollow(item, rules);
            self.touched |= goes;
            goes
        };
        if goes {
            self.gone.insert(item.id());
        }
        goes
    }

    /// Whether an item names what is withheld.
    fn points(&self, item: Item<'_>, rules: &Rules<'_>) -> bool {
        match item.kind() {
            Kind::Object => {
                let local = item.get("reference").and_then(Item::str).filter(|r| r.starts_with('#'));
                local.is_some_and(|r| self.contained.contains(r)) || rules.names.pointed_at_by(item)
            }
            Kind::String if !rules.names.is_empty() && !NOT_NAMES.contains(&name(item)) => {
                let text = item.text();
                let named = text.contains(['/', ':']) && rules.names.mean(text);
                named || rules.names.hold_id(text) || (rules.thorough && rules.names.occur_in(text))
            }
            _ => false,
        }
    }

    /// Whether what goes of an item leaves nothing of it that means anything.
    fn is_hollow(&mut self, item: Item<'_>, rules: &Rules<'_>) -> bool {
        let (mut some, mut left) = (false, false);
        for child in item.children() {
            let goes = self.visit(child, rules);
            some |= goes;
            left |= !goes;
        }
        match item.kind() {
            _ if !some => false,
            Kind::Array => !left || self.lost_its_order(item),
            _ => self.is_nothing_now(item, rules),
        }
    }

    /// Values of a list of primitives, and what stands beside them, are matched by position (R4 §2.6.2).
    fn lost_its_order(&self, list: Item<'_>) -> bool {
        let values = list.children().all(|c| !c.is_container());
        let is_beside = |holder: Item<'_>| holder.get(&format!("_{}", list.key())).is_some();
        list.key().starts_with('_') || (values && list.parent().is_some_and(is_beside))
    }

    fn is_nothing_now(&mut self, item: Item<'_>, rules: &Rules<'_>) -> bool {
        self.drop_what_stands_beside(item);
        let is_resource = item.resource_type().is_some();
        let modifier = item.get("modifierExtension").is_some_and(|m| m.each().chain([m]).any(|e| self.is_gone(e)));
        if modifier || self.lacks_what_is_required(item, rules) {
            // of a resource that is sent by itself, somebody else takes it out, and whatever names it
            self.whole |= is_resource && !is_contained(item);
            return !is_resource || is_contained(item);
        }
        let left = || item.children().filter(|c| !self.is_gone(*c));
        let list = item.parent().map_or("", Item::key);
        if matches!(list, "extension" | "modifierExtension") {
            return left().all(|c| matches!(c.key(), "url" | "id"));
        }
        if is_resource {
            return false;
        }
        let carried = |c: Item<'_>| self.is_gone(c) && CARRIERS.contains(&(name(item), c.key()));
        let section = list == "section" && !left().any(|c| matches!(c.key(), "text" | "entry" | "section"));
        section || item.children().any(carried) || left().all(|c| c.stands_under("id"))
    }

    /// With a value goes what stands beside it, `_status` with `status`.
    fn drop_what_stands_beside(&mut self, item: Item<'_>) {
        let beside: Vec<Id> = item
            .children()
            .filter(|c| self.is_gone(*c) && !c.key().starts_with('_'))
            .filter_map(|c| item.get(&format!("_{}", c.key())))
            .map(Item::id)
            .collect();
        self.gone.extend(beside);
    }

    /// Whether a mandatory child went and may not be masked.
    fn lacks_what_is_required(&mut self, item: Item<'_>, rules: &Rules<'_>) -> bool {
        let mut lacks = false;
        for child in item.children().filter(|c| self.gone.contains(&c.id())).collect::<Vec<_>>() {
            if child.key().starts_with('_') || !is_required(child, rules.definitions) {
                continue;
            }
            let path = path_in_resource(child).join(".");
            if rules.maskable.contains(&path) {
                self.gone.remove(&child.id());
                self.masked.insert(child.id());
            } else {
                lacks = true;
            }
        }
        lacks
    }

    fn is_gone(&self, item: Item<'_>) -> bool {
        self.gone.contains(&item.id())
    }
}

/// The name an item stands under, or that of the list it stands in.
fn name(item: Item<'_>) -> &str {
    match item.key() {
        "" => item.parent().map_or("", Item::key),
        name => name,
    }
}

fn is_contained(resource: Item<'_>) -> bool {
    resource.parent().is_some_and(|p| p.stands_under("contained"))
}

fn contained(item: Item<'_>, goes: impl Fn(Item<'_>) -> bool) -> HashSet<String> {
    let ids = item.all("contained").filter(|c| goes(*c)).filter_map(|c| c.str_at(&["id"]));
    ids.map(|id| format!("#{id}")).collect()
}
