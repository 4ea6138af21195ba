//! FHIR → local: recognise each resource, find the local item it belongs to by key, and write only what changed.
//!
//! Begins with the base record, so what no row carries stays as it was, and a field whose meaning did not change keeps the
//! very text it had. Where the Bundle says that parts were withheld (`SUBSETTED`), absence deletes nothing.

mod fields;
mod lists;
mod modifiers;

use super::convert::is_nothing;
use super::data::{Data, Seg};
use super::loss::Gatherer;
use super::mapping::{From, Key, LocalLoop, Mapping, Must, RefHow, ResourceKind};
use super::out::{condition_holds, holds};
use super::path::{Select, all_hold, pick, read, split_loop};
use super::{Local, Loss};
use crate::pure::fhir::{Id, Issue, Item, Kind, Report, Tree};
use crate::pure::parse::{Record, Syntax};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};

/// A local item: where it is being written, and what it was.
#[derive(Clone)]
struct Spot<'t> {
    address: Vec<Seg>,
    base: Option<Item<'t>>,
}

/// A resource that was recognised.
struct Found<'t> {
    item: Item<'t>,
    key: Vec<String>,
    /// The record, then the item of each loop; empty until it is placed.
    stack: Vec<Spot<'t>>,
}

type ByKey<'t> = HashMap<String, Vec<(usize, Item<'t>)>>;

struct Run<'m, 't> {
    mapping: &'m Mapping,
    base: Option<&'t Tree>,
    doc: Data,
    report: Report,
    loss: Gatherer<'m>,
    found: Vec<Vec<Found<'t>>>,
    /// `Type/id` and fullUrl to kind and position.
    by_reference: HashMap<String, (usize, usize)>,
    /// For each kind and item around: the base items by their key, with their positions.
    by_key: HashMap<(usize, Id), ByKey<'t>>,
    /// Base items that some resource belongs to.
    touched: HashSet<(usize, Id)>,
    /// Items that were not in the base: list, item around and key to position. Two kinds may be made from one item.
    made: HashMap<(usize, String), usize>,
    /// Local fields that some resource filled.
    filled: HashSet<String>,
    partial: bool,
}

pub(super) fn to_local(bundle: Item<'_>, mapping: &Mapping, base: Option<&Record>) -> Result<Local, Report> {
    let base = base.map(Record::tree);
    let mut run = Run {
        mapping,
        base,
        doc: base.map_or(Data::Object(Vec::new()), |tree| Data::of(tree.root())),
        report: Report::default(),
        loss: Gatherer { mapping: &mapping.name, found: Vec::new() },
        found: mapping.kinds.iter().map(|_| Vec::new()).collect(),
        by_reference: HashMap::new(),
        by_key: HashMap::new(),
        touched: HashSet::new(),
        made: HashMap::new(),
        filled: HashSet::new(),
        partial: false,
    };
    let resources = resources(bundle);
    run.partial = resources.iter().any(|(_, r)| is_subsetted(*r)) || is_subsetted(bundle);
    for (url, resource) in resources {
        run.recognise(url, resource);
    }
    let mut order: Vec<usize> = (0..mapping.kinds.len()).collect();
    order.sort_by_key(|kind| mapping.kinds[*kind].each.len());
    for kind in &order {
        run.name(*kind);
        run.place(*kind);
    }
    for kind in &order {
        run.fill(*kind);
    }
    for kind in &order {
        run.absent(*kind);
    }
    run.remove_untouched();
    run.finish()
}

/// The resources of a Bundle with their fullUrl, or the one resource that was given.
fn resources<'t>(bundle: Item<'t>) -> Vec<(&'t str, Item<'t>)> {
    if bundle.resource_type() != Some("Bundle") {
        return vec![("", bundle)];
    }
    let entries = bundle.all("entry");
    entries.filter_map(|e| Some((e.get("fullUrl").and_then(Item::str).unwrap_or(""), e.get("resource")?))).collect()
}

fn is_subsetted(resource: Item<'_>) -> bool {
    let tags = resource.get("meta").into_iter().flat_map(|m| m.all("tag"));
    tags.into_iter().any(|tag| tag.get("code").and_then(Item::str) == Some("SUBSETTED"))
}

impl<'m, 't> Run<'m, 't> {
    /// Which kind a resource is of: the first of its type whose `is` it says.
    fn recognise(&mut self, url: &str, resource: Item<'t>)
    where
        't: 'm,
    {
        let mapping = self.mapping;
        let mut twice = false;
        for (index, kind) in mapping.kinds.iter().enumerate() {
            if !kind.way.comes_in() || !self.is_of(kind, resource) {
                continue;
            }
            if kind.each.is_empty() && !self.found[index].is_empty() {
                twice = true;
                continue;
            }
            let position = self.found[index].len();
            let id = resource.get("id").and_then(Item::str).unwrap_or_default();
            self.by_reference.insert(format!("{}/{id}", kind.resource), (index, position));
            if !url.is_empty() {
                self.by_reference.insert(url.to_owned(), (index, position));
            }
            self.found[index].push(Found { item: resource, key: Vec::new(), stack: Vec::new() });
            self.loss.walk(resource, &[&mapping.fhir_cover[index]], &[]);
            self.carry_modifiers(resource, index);
            return;
        }
        // Who made a Bundle is for the receiver's own log; a local record has no place for it.
        if resource.resource_type() != Some("Provenance") {
            let why = if twice {
                "the local format holds one of these only"
            } else {
                "no resource of the mapping is like it"
            };
            self.loss.lose(resource, why, None, false);
        }
    }

    fn is_of(&mut self, kind: &ResourceKind, resource: Item<'t>) -> bool {
        let says = |(path, value, _): &(Vec<_>, String, Kind)| read(resource, path).is_some_and(|i| i.text() == value);
        resource.resource_type() == Some(&kind.resource)
            && kind.is.iter().all(says)
            && kind.when_in.as_ref().is_none_or(|e| holds(e, resource, Timestamp::UNIX_EPOCH).unwrap_or(false))
    }

    /// The keys of all resources of a kind, by the rows that carry them.
    fn name(&mut self, kind: usize) {
        let of = &self.mapping.kinds[kind];
        let Some(innermost) = of.each.last() else { return };
        let parts = if of.key.is_empty() { &self.mapping.lists[innermost.list].key } else { &of.key };
        for position in 0..self.found[kind].len() {
            let resource = self.found[kind][position].item;
            let key: Vec<String> = parts
                .iter()
                .map(|part| {
                    let rows = of.block.rows.iter().filter(|r| r.way.comes_in());
                    let carry = rows.filter(|r| matches!(&r.from, From::Local(p) if p.text == part.from.text));
                    let mut values = carry.filter(|r| self.row_reads(r, resource)).filter_map(|row| {
                        read(resource, &row.fhir).and_then(|item| row.convert.back(item).ok().flatten())
                    });
                    values.next().unwrap_or_default()
                })
                .collect();
            if key.iter().all(String::is_empty) {
                let text = format!("nothing in this {} names it for the local format", of.resource);
                let names: Vec<&str> = parts.iter().map(|p| p.from.text.as_str()).collect();
                let issue = Issue::error("required", "key-missing", text).on(resource).rule(self.mapping.rule(of.line));
                self.report.push(issue.remedy(format!("send what rows carry to `{}`", names.join("`, `"))));
            }
            self.found[kind][position].key = key;
        }
    }

    fn row_reads(&self, row: &super::mapping::Row, resource: Item<'_>) -> bool {
        row.when_in.as_ref().is_none_or(|e| holds(e, resource, Timestamp::UNIX_EPOCH).unwrap_or(false))
    }

    /// Finds or makes the local item of each resource of a kind.
    fn place(&mut self, kind: usize) {
        let of = &self.mapping.kinds[kind];
        let root = Spot { address: Vec::new(), base: self.base.map(Tree::root) };
        for position in 0..self.found[kind].len() {
            let mut stack = vec![root.clone()];
            if of.each.len() > 1 {
                match self.around(kind, position) {
                    Some(above) => stack = above,
                    None => {
                        let item = self.found[kind][position].item;
                        let text = "it is not known which local item this belongs to";
                        self.loss.lose(item, text, Some(self.mapping.rule(of.line)), false);
                        continue;
                    }
                }
            }
            if let Some(innermost) = of.each.last() {
                let key = self.found[kind][position].key.clone();
                let spot = self.item(kind, innermost, &stack, &key);
                stack.push(spot);
            }
            self.found[kind][position].stack = stack;
        }
    }

    /// The stack of the resource whose item is around this one's: referred to by it, or referring to it.
    fn around(&self, kind: usize, position: usize) -> Option<Vec<Spot<'t>>> {
        let of = &self.mapping.kinds[kind];
        let outer = &of.each[..of.each.len() - 1];
        let encloses = |target: usize| {
            let each = &self.mapping.kinds[target].each;
            each.len() == outer.len() && each.iter().zip(outer).all(|(a, b)| a.list == b.list)
        };
        for reference in of.refs.iter().filter(|r| matches!(r.how, RefHow::Made)) {
            for text in references(self.found[kind][position].item, &reference.path) {
                if let Some((target, at)) = self.resolve(text).filter(|(target, _)| encloses(*target)) {
                    return Some(self.found[target][at].stack.clone()).filter(|s| !s.is_empty());
                }
            }
        }
        for (target, other) in self.mapping.kinds.iter().enumerate().filter(|(target, _)| encloses(*target)) {
            for reference in other.refs.iter().filter(|r| r.to.contains(&kind)) {
                for found in &self.found[target] {
                    let mut texts = references(found.item, &reference.path).into_iter();
                    if texts.any(|t| self.resolve(t) == Some((kind, position))) {
                        return Some(found.stack.clone()).filter(|s| !s.is_empty());
                    }
                }
            }
        }
        None
    }

    /// The recognised resource that a reference means.
    fn resolve(&self, reference: &str) -> Option<(usize, usize)> {
        let last_two = || {
            let slash = reference.rfind('/')?;
            let start = reference[..slash].rfind('/').map_or(0, |i| i + 1);
            self.by_reference.get(&reference[start..])
        };
        self.by_reference.get(reference).or_else(last_two).copied()
    }

    /// The local item of a key in a loop, from the base or new.
    fn item(&mut self, kind: usize, each: &LocalLoop, stack: &[Spot<'t>], key: &[String]) -> Spot<'t> {
        let of = &self.mapping.kinds[kind];
        let above = &stack[each.level.min(stack.len() - 1)];
        let parts = if of.key.is_empty() { &self.mapping.lists[each.list].key } else { &of.key };
        let base = above.base.and_then(|b| {
            let index = self.by_key.entry((kind, b.id())).or_insert_with(|| {
                let mut index: ByKey<'t> = HashMap::new();
                for (position, item) in base_items(each, b).enumerate().filter(|(_, i)| all_hold(&each.tests, *i)) {
                    let text = |part: &Key| {
                        read(item, &part.from.steps).filter(|i| !is_nothing(*i)).map_or("", |i| i.text().trim())
                    };
                    let key: Vec<&str> = parts.iter().map(text).collect();
                    index.entry(key.join("\u{1f}")).or_default().push((position, item));
                }
                index
            });
            let key: Vec<&str> = key.iter().map(|k| k.trim()).collect();
            index.get(&key.join("\u{1f}"))?.iter().find(|(_, item)| !self.touched.contains(&(kind, item.id()))).copied()
        });
        let mut address = above.address.clone();
        address.extend(segs(each));
        let index = match base {
            Some((index, item)) => {
                self.touched.insert((kind, item.id()));
                index
            }
            None => {
                let name = (each.list, format!("{address:?}\u{1f}{}", key.join("\u{1f}")));
                let length = self.doc.at(&address).list().len();
                *self.made.entry(name).or_insert(length)
            }
        };
        address.push(Seg::Index(index));
        let made = self.doc.at(&address);
        if *made == Data::Nothing {
            *made = Data::Object(Vec::new());
        }
        made.satisfy(&each.tests);
        for condition in &of.conditions {
            if let Must::Be(values) = &condition.must
                && let [value] = values.as_slice()
                && condition.from.level == stack.len()
                && made.look(&condition.from.steps).and_then(Data::text).is_none_or(|(text, _)| text.trim() != value)
            {
                *made.follow(&condition.from.steps) = Data::Plain(Kind::String, value.clone());
            }
        }
        Spot { address, base: base.map(|(_, item)| item) }
    }

    fn fill(&mut self, kind: usize) {
        let of = &self.mapping.kinds[kind];
        for position in 0..self.found[kind].len() {
            let stack = self.found[kind][position].stack.clone();
            if stack.is_empty() {
                continue;
            }
            let item = self.found[kind][position].item;
            self.block(&of.block, Some(item), item, &stack);
            self.refs_by(kind, item, &stack);
        }
    }

    /// Kinds of which the Bundle has none: what they carried goes, unless something else filled it.
    fn absent(&mut self, kind: usize) {
        let of = &self.mapping.kinds[kind];
        if !self.found[kind].is_empty() || !of.way.comes_in() {
            return;
        }
        if of.required {
            let text = format!("there is no {} to make `{}` from", of.resource, of.name);
            let issue = Issue::error("required", "resource-missing", text).rule(self.mapping.rule(of.line));
            self.report.push(issue.remedy("send one"));
        }
        let Some(base) = self.base.map(Tree::root) else { return };
        let was = of.each.is_empty() && of.conditions.iter().all(|c| condition_holds(c, &[base]));
        if was && !self.partial {
            let stack = [Spot { address: Vec::new(), base: Some(base) }];
            self.block(&of.block, None, base, &stack);
        }
    }

    /// Base items that would have become a resource, and of which there is none any more.
    fn remove_untouched(&mut self) {
        let Some(base) = self.base.map(Tree::root).filter(|_| !self.partial) else { return };
        let touched: HashSet<Id> = self.touched.iter().map(|(_, id)| *id).collect();
        let mut gone: Vec<Vec<Seg>> = Vec::new();
        for kind in self.mapping.kinds.iter().filter(|k| k.way == super::mapping::Way::Both && !k.each.is_empty()) {
            let mut stacks = vec![vec![Spot { address: Vec::new(), base: Some(base) }]];
            for each in &kind.each {
                let mut deeper = Vec::new();
                for stack in &stacks {
                    let above = &stack[each.level];
                    let Some(from) = above.base else { continue };
                    for (index, item) in base_items(each, from).enumerate() {
                        if is_nothing(item) || !all_hold(&each.tests, item) {
                            continue;
                        }
                        let mut address = above.address.clone();
                        address.extend(segs(each));
                        address.push(Seg::Index(index));
                        let mut stack = stack.clone();
                        stack.push(Spot { address, base: Some(item) });
                        deeper.push(stack);
                    }
                }
                stacks = deeper;
            }
            for stack in stacks {
                let items: Vec<Item<'_>> = stack.iter().filter_map(|s| s.base).collect();
                let last = &stack[stack.len() - 1];
                let touched = last.base.is_some_and(|i| touched.contains(&i.id()));
                if !touched && kind.conditions.iter().all(|c| condition_holds(c, &items)) {
                    gone.push(last.address.clone());
                }
            }
        }
        for address in gone {
            *self.doc.at(&address) = Data::Nothing;
        }
    }

    fn finish(mut self) -> Result<Local, Report> {
        let tables = matches!(self.mapping.syntax, Syntax::CsvZip(_));
        if let Syntax::CsvZip(layout) = &self.mapping.syntax {
            lists::fill_keys(&mut self.doc, layout);
        }
        self.doc.tidy(tables);
        let named = self.doc.look(&self.mapping.record).and_then(Data::text).is_some();
        if !named {
            let text = "nothing in the FHIR names the local record".to_owned();
            let issue = Issue::error("required", "record-without-name", text);
            self.report.push(
                issue
                    .rule(self.mapping.rule(self.mapping.record_line))
                    .remedy("send what the row of this field carries"),
            );
        }
        if self.partial {
            let text = "parts of the plan were withheld; what is absent was not taken for deleted".to_owned();
            self.report.push(Issue::information("informational", "subsetted", text));
        }
        if !self.report.is_valid() {
            return Err(self.report);
        }
        let loss: Vec<Loss> = self.loss.found;
        Ok(Local { tree: self.doc.tree(), loss, report: self.report })
    }
}

/// The references that stand at a path, loops and all.
fn references<'t>(from: Item<'t>, path: &[super::path::Step]) -> Vec<&'t str> {
    let reference = |item: Item<'t>| item.get("reference").and_then(Item::str);
    match split_loop(path) {
        None => read(from, path).and_then(reference).into_iter().collect(),
        Some((to_list, rest)) => {
            let Some((last, before)) = to_list.split_last() else { return Vec::new() };
            let list = read(from, before).and_then(|i| i.get(&last.name));
            let items = list.into_iter().flat_map(Item::each).filter(|i| all_hold(&last.tests, *i));
            items.flat_map(|item| references(item, rest)).collect()
        }
    }
}

/// All items of a loop's list in the base, whether or not they pass the filter: positions must stay.
fn base_items<'t>(each: &LocalLoop, from: Item<'t>) -> impl Iterator<Item = Item<'t>> + use<'t> {
    let list = each.steps.split_last().and_then(|(last, before)| read(from, before)?.get(&last.name));
    list.into_iter().flat_map(Item::each)
}

/// The way to a loop's list.
fn segs(each: &LocalLoop) -> Vec<Seg> {
    let mut segs = Vec::new();
    for step in &each.steps {
        segs.push(Seg::Name(step.name.clone()));
        if let Select::Nth(index) = step.select {
            segs.push(Seg::Index(index));
        }
    }
    segs
}

/// The item of a list that a step means, for readers in this room.
fn list_of<'t>(from: Item<'t>, path: &[super::path::Step]) -> Option<Item<'t>> {
    let (last, before) = path.split_last()?;
    let parent = before.iter().try_fold(from, |item, step| pick(item, step))?;
    parent.get(&last.name)
}
