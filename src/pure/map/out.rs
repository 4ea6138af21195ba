//! Local → FHIR: enumerate what is to be made, make it row by row, then tie it together with references.

mod header;
mod made;
mod refs;

use super::convert::is_nothing;
use super::loss::Gatherer;
use super::mapping::{Condition, Key, LocalLoop, LocalPath, Mapping, Must, ResourceKind, Row};
use super::path::{all_hold, read};
use super::{Circumstances, Draft};
use crate::pure::fhir::{Id, Issue, Item, Report, Tree};
use crate::pure::fhirpath::{Context, Expression};
use crate::pure::parse::Record;
use std::collections::HashMap;

/// A resource to be made.
pub(super) struct Instance<'r> {
    /// The record, then the item of each loop.
    pub items: Vec<Item<'r>>,
    pub key: Vec<String>,
    pub id: String,
    /// The resource, once something was written into it.
    pub node: Option<Id>,
}

pub(super) struct Run<'m, 'r> {
    pub mapping: &'m Mapping,
    pub around: &'m Circumstances<'m>,
    pub local: &'r Tree,
    pub out: Tree,
    pub report: Report,
    /// What names the record.
    pub record: String,
    /// By kind.
    pub made: Vec<Vec<Instance<'r>>>,
    /// The entries of the Bundle.
    pub entries: Option<Id>,
    /// Of loops that references go into: resource, local item, FHIR list, to the element made.
    pub elements: HashMap<(Id, Id, &'m str), Id>,
}

/// No more than this many findings are told at once.
const ENOUGH: usize = 200;

pub(super) fn map(record: &Record, mapping: &Mapping, around: &Circumstances<'_>) -> Result<Draft, Report> {
    let local = record.tree();
    let mut run = Run {
        mapping,
        around,
        local,
        out: Tree::object_with_sources_of(local),
        report: Report::default(),
        record: String::new(),
        made: Vec::new(),
        entries: None,
        elements: HashMap::new(),
    };
    run.name_record();
    run.enumerate();
    if !run.report.is_valid() && run.record.is_empty() {
        return Err(run.report);
    }
    run.begin_bundle();
    for index in 0..mapping.kinds.len() {
        run.make(index);
    }
    run.refer();
    run.provenance();
    if !run.report.is_valid() {
        return Err(run.report);
    }
    let mut gatherer = Gatherer { mapping: &mapping.name, found: Vec::new() };
    gatherer.walk(local.root(), &[&mapping.local_cover], &[]);
    Ok(Draft { tree: run.out, loss: gatherer.found, report: run.report, mapping: Some(mapping.name.clone()) })
}

impl<'m, 'r> Run<'m, 'r> {
    pub fn push(&mut self, issue: Issue) {
        if self.report.issues.len() < ENOUGH {
            self.report.push(issue);
        }
    }

    fn name_record(&mut self) {
        let root = self.local.root();
        let rule = self.mapping.rule(self.mapping.record_line);
        match read(root, &self.mapping.record).filter(|i| !is_nothing(*i)) {
            Some(item) if !item.is_container() => self.record = item.text().trim().to_owned(),
            _ => {
                let field = self.mapping.record.last().map_or("", |s| s.name.as_str());
                let text = format!("{} `{field}` is missing: it names the record", self.mapping.field_word());
                let above = read(root, &self.mapping.record[..self.mapping.record.len() - 1]).unwrap_or(root);
                self.push(
                    Issue::error("required", "record-without-name", text).on(above).rule(rule).remedy("fill it in"),
                );
            }
        }
    }

    fn enumerate(&mut self) {
        let mapping = self.mapping;
        for kind in &mapping.kinds {
            let mut found = Vec::new();
            if kind.way.goes_out() {
                self.instances(kind, vec![self.local.root()], &mut found);
            }
            self.no_twins(kind, &found);
            if kind.required && found.is_empty() {
                let text = format!("nothing in the record becomes a `{}`", kind.name);
                let issue = Issue::error("required", "resource-missing", text).on(self.local.root());
                self.push(issue.rule(mapping.rule(kind.line)).remedy("the mapping requires one"));
            }
            self.made.push(found);
        }
    }

    fn instances(&mut self, kind: &ResourceKind, items: Vec<Item<'r>>, found: &mut Vec<Instance<'r>>) {
        let Some(each) = kind.each.get(items.len() - 1) else {
            if self.wanted(kind, &items) {
                let key = self.key(kind, &items);
                let id = self.id(kind, &key);
                found.push(Instance { items, key, id, node: None });
            }
            return;
        };
        for item in loop_items(each, &items) {
            let mut deeper = items.clone();
            deeper.push(item);
            self.instances(kind, deeper, found);
        }
    }

    fn wanted(&mut self, kind: &ResourceKind, items: &[Item<'r>]) -> bool {
        kind.conditions.iter().all(|c| condition_holds(c, items))
            && kind.when_out.as_ref().is_none_or(|e| self.says_yes(e, items[items.len() - 1], kind.line))
    }

    /// Whether a FHIRPath condition holds; one that cannot be evaluated is an error, never a guess.
    pub fn says_yes(&mut self, expression: &Expression, on: Item<'_>, line: u32) -> bool {
        match holds(expression, on, self.around.now) {
            Ok(answer) => answer,
            Err(why) => {
                let text = format!("the condition of the row cannot be evaluated: {why}");
                let rule = self.mapping.rule(line);
                self.push(
                    Issue::error("processing", "condition-failed", text).on(on).rule(rule).remedy("mend the mapping"),
                );
                false
            }
        }
    }

    /// The keys of all loops around an instance, and its own.
    fn key(&mut self, kind: &ResourceKind, items: &[Item<'r>]) -> Vec<String> {
        let mapping = self.mapping;
        let mut key = Vec::new();
        for (depth, each) in kind.each.iter().enumerate() {
            let innermost = depth + 1 == kind.each.len();
            let parts = if innermost && !kind.key.is_empty() { &kind.key } else { &mapping.lists[each.list].key };
            self.key_parts(parts, items, kind, &mut key);
        }
        if kind.each.is_empty() {
            self.key_parts(&kind.key, items, kind, &mut key);
        }
        key
    }

    /// A key of several fields may have holes, as long as something is there.
    fn key_parts(&mut self, parts: &[Key], items: &[Item<'r>], kind: &ResourceKind, key: &mut Vec<String>) {
        let (mut empty, mut at) = (true, None);
        for part in parts {
            let found = local(items, &part.from);
            let value = found.filter(|i| !is_nothing(*i));
            empty &= value.is_none();
            at = at.or(found).or(items.get(part.from.level).copied());
            key.push(value.map(|i| i.text().trim().to_owned()).unwrap_or_default());
        }
        if empty && parts.iter().any(|p| !p.optional) {
            let names: Vec<String> = parts.iter().map(|p| format!("`{}`", p.from.text)).collect();
            let text =
                format!("{} {} is missing: it names the {}", self.mapping.field_word(), names.join(" or "), kind.name);
            let issue = Issue::error("required", "key-missing", text).on(at.unwrap_or_else(|| self.local.root()));
            self.push(issue.rule(self.mapping.rule(kind.line)).remedy("give it a key that stays the same"));
        }
    }

    fn no_twins(&mut self, kind: &ResourceKind, found: &[Instance<'r>]) {
        let mut seen: HashMap<&str, ()> = HashMap::with_capacity(found.len());
        for instance in found {
            if seen.insert(&instance.id, ()).is_some() {
                let text = format!("two of `{}` have the same key", kind.name);
                let issue = Issue::error("duplicate", "key-twice", text).on(instance.items[instance.items.len() - 1]);
                self.push(issue.rule(self.mapping.rule(kind.line)).remedy("give each its own key"));
            }
        }
    }

    /// An id that stays the same as long as the sender's own keys do.
    pub fn id(&self, kind: &ResourceKind, key: &[String]) -> String {
        let mut hash = openssl::sha::Sha256::new();
        let (system, value) = self.around.sender_identifier;
        let record = if kind.each.is_empty() && key.iter().any(|k| !k.is_empty()) { "" } else { &self.record };
        for part in [system, value, &self.mapping.name, &kind.name, record] {
            hash.update(part.as_bytes());
            hash.update(&[0]);
        }
        for part in key {
            hash.update(part.as_bytes());
            hash.update(&[0]);
        }
        let mut id = String::with_capacity(kind.name.len() + 21);
        id.push_str(&kind.name);
        id.push('-');
        for byte in &hash.finish()[..10] {
            for half in [byte >> 4, byte & 15] {
                id.push(char::from(b"0123456789abcdef"[usize::from(half)]));
            }
        }
        id
    }

    /// Whether the conditions of a row hold.
    pub fn row_applies(&mut self, row: &Row, items: &[Item<'r>]) -> bool {
        row.way.goes_out()
            && row.conditions.iter().all(|c| condition_holds(c, items))
            && row.when_out.as_ref().is_none_or(|e| self.says_yes(e, items[items.len() - 1], row.spot.line))
    }
}

/// Evaluates a condition on an item, without types: local records have none.
pub(super) fn holds(expression: &Expression, on: Item<'_>, now: jiff::Timestamp) -> Result<bool, String> {
    let context = Context::new(&super::untyped::Untyped, &crate::pure::fhirpath::Alone, now);
    expression.check(&context, on).map_err(|error| error.text)
}

/// The item that a local path means.
pub(super) fn local<'r>(items: &[Item<'r>], path: &LocalPath) -> Option<Item<'r>> {
    read(*items.get(path.level)?, &path.steps)
}

/// The items of a loop: those of the list that pass its filter.
pub(super) fn loop_items<'r>(each: &LocalLoop, items: &[Item<'r>]) -> Vec<Item<'r>> {
    let Some((last, before)) = each.steps.split_last() else { return Vec::new() };
    let list = items.get(each.level).and_then(|from| read(*from, before)).and_then(|i| i.get(&last.name));
    let Some(list) = list else { return Vec::new() };
    list.each().filter(|item| !is_nothing(*item) && all_hold(&each.tests, *item)).collect()
}

pub(super) fn condition_holds(condition: &Condition, items: &[Item<'_>]) -> bool {
    let found = local(items, &condition.from).filter(|i| !is_nothing(*i));
    match &condition.must {
        Must::BePresent => found.is_some(),
        Must::BeAbsent => found.is_none(),
        Must::Be(values) => found.is_some_and(|i| values.iter().any(|v| v == i.text().trim())),
    }
}
