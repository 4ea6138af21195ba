//! One resource, row by row: nothing is made until there is something to write.

use super::super::convert::Fault;
use super::super::mapping::{Block, From, Loop, Row};
use super::super::path::{Step, Test, satisfy, split_loop};
use super::super::put::{self, Made, put_literal, put_made};
use super::{Instance, Run, is_nothing, local, loop_items};
use crate::pure::fhir::{Id, Issue, Item, Kind};
use serde_json::Value;
use std::borrow::Cow;

/// An element that rows write into, made when the first of them does.
struct Frame<'m> {
    /// To the list, from the frame above; the resource itself has none.
    steps: &'m [Step],
    tests: &'m [Test],
    offset: Option<u32>,
    node: Option<Id>,
}

/// What is being written: which resource, and the loops inside it.
struct Pen<'m> {
    kind: usize,
    instance: usize,
    frames: Vec<Frame<'m>>,
}

impl<'m, 'r> Run<'m, 'r> {
    /// Makes all resources of a kind.
    pub(super) fn make(&mut self, kind: usize) {
        let mapping = self.mapping;
        let of = &mapping.kinds[kind];
        for instance in 0..self.made[kind].len() {
            let items = self.made[kind][instance].items.clone();
            let frame = Frame { steps: &[], tests: &[], offset: None, node: None };
            let mut pen = Pen { kind, instance, frames: vec![frame] };
            if of.each.is_empty() && of.conditions.is_empty() && of.when_out.is_none() {
                self.ensure(&mut pen, 0);
            }
            self.rows(&of.block, &items, &mut pen, false);
            if self.made[kind][instance].node.is_some() {
                self.rows(&of.block, &items, &mut pen, true);
                self.fixed(kind, instance);
            }
        }
    }

    /// The rows of the Bundle itself.
    pub(super) fn bundle_rows(&mut self) {
        let root = self.out.root().id();
        let frame = Frame { steps: &[], tests: &[], offset: None, node: Some(root) };
        let mut pen = Pen { kind: usize::MAX, instance: 0, frames: vec![frame] };
        let items = vec![self.local.root()];
        let mapping = self.mapping;
        self.rows(&mapping.bundle, &items, &mut pen, false);
        self.rows(&mapping.bundle, &items, &mut pen, true);
    }

    /// Rows that read fields first; fixed ones go along with what was made.
    fn rows(&mut self, block: &'m Block, items: &[Item<'r>], pen: &mut Pen<'m>, fixed: bool) {
        for row in &block.rows {
            if matches!(row.from, From::Local(_)) != fixed && self.row_applies(row, items) {
                self.row(row, items, pen);
            }
        }
        if !fixed {
            for one in &block.loops {
                self.each(one, items, pen);
            }
        }
    }

    fn each(&mut self, one: &'m Loop, items: &[Item<'r>], pen: &mut Pen<'m>) {
        for item in loop_items(&one.local, items) {
            let mut deeper = items.to_vec();
            deeper.push(item);
            pen.frames.push(Frame { steps: &one.fhir, tests: &one.tests, offset: item.offset(), node: None });
            self.rows(&one.block, &deeper, pen, false);
            self.rows(&one.block, &deeper, pen, true);
            let frame = pen.frames.pop();
            if let (true, Some(node), Some(resource)) = (one.referred, frame.and_then(|f| f.node), pen.frames[0].node) {
                self.elements.insert((resource, item.id(), one.same.1.as_str()), node);
            }
        }
    }

    fn row(&mut self, row: &'m Row, items: &[Item<'r>], pen: &mut Pen<'m>) {
        match &row.from {
            From::Local(path) => {
                let base = items.get(path.level).copied();
                if let Some((separator, list)) = &row.join {
                    self.join(row, base, separator, list, pen);
                    return;
                }
                let found = base.and_then(|b| super::read(b, &path.steps));
                let Some(item) = found.filter(|i| !is_nothing(*i)) else {
                    self.missing(row, found.or(base), &path.text);
                    return;
                };
                if let Some((separator, list, tests)) = &row.split {
                    self.split(row, item, separator, (list, tests), pen);
                    return;
                }
                match row.convert.out(item) {
                    Ok(Some(made)) => self.place(row, item, &made, pen),
                    Ok(None) => self.missing(row, Some(item), &path.text),
                    Err(fault) => self.refuse(row, item, fault),
                }
            }
            From::Value(value) => {
                let value = self.fill(value, pen);
                let node = self.ensure_for(row, pen);
                put_literal(&mut self.out, node, &row.fhir, &value);
            }
            From::Template(pieces) => {
                let mut text = String::new();
                for (before, field) in pieces {
                    text.push_str(before);
                    let Some(field) = field else { continue };
                    match local(items, field).filter(|i| !is_nothing(*i)) {
                        Some(item) => text.push_str(item.text().trim()),
                        None => return self.missing(row, items.last().copied(), &field.text),
                    }
                }
                let made = Made::Plain(Kind::String, Cow::Owned(text));
                let node = self.ensure_for(row, pen);
                put_made(&mut self.out, node, &row.fhir, &made, None);
            }
        }
    }

    fn place(&mut self, row: &Row, item: Item<'r>, made: &Made<'_>, pen: &mut Pen<'m>) {
        if let Made::Concept { coding: None, text } = made
            && !row.convert.knows(text)
        {
            self.words_only(row, item);
        }
        let node = self.ensure_for(row, pen);
        put_made(&mut self.out, node, &row.fhir, made, item.offset());
    }

    /// Where a row writes from: the element of the innermost loop, or its list where the items are plain values.
    fn ensure_for(&mut self, row: &Row, pen: &mut Pen<'m>) -> Id {
        let last = pen.frames.len() - 1;
        if row.fhir.is_empty() && last > 0 { self.ensure_list(pen, last) } else { self.ensure(pen, last) }
    }

    fn ensure(&mut self, pen: &mut Pen<'m>, index: usize) -> Id {
        if let Some(node) = pen.frames[index].node {
            return node;
        }
        let node = if index == 0 {
            let node = self.begin_resource(pen.kind, pen.instance);
            // What it is known by comes first, so that a row that adds to the same list does not stand in its place.
            for (path, value, kind) in &self.mapping.kinds[pen.kind].is {
                put::put(&mut self.out, node, path, *kind, value, None);
            }
            node
        } else {
            let list = self.ensure_list(pen, index);
            let frame = &pen.frames[index];
            let node = self.out.push_object(list, "");
            if let Some(offset) = frame.offset {
                self.out.set_offset(node, offset);
            }
            satisfy(&mut self.out, node, frame.tests);
            node
        };
        pen.frames[index].node = Some(node);
        node
    }

    fn ensure_list(&mut self, pen: &mut Pen<'m>, index: usize) -> Id {
        let above = self.ensure(pen, index - 1);
        let frame = &pen.frames[index];
        list(&mut self.out, above, frame.steps, frame.offset)
    }

    fn join(&mut self, row: &'m Row, base: Option<Item<'r>>, separator: &str, path: &[Step], pen: &mut Pen<'m>) {
        let Some((to_list, _)) = split_loop(path) else { return };
        let Some((last, before)) = to_list.split_last() else { return };
        let found = base.and_then(|b| super::read(b, before)).and_then(|b| b.get(&last.name));
        let Some(items) = found.filter(|i| !is_nothing(*i)) else {
            let text = &last.name;
            return self.missing(row, base, text);
        };
        let texts: Vec<&str> = items.each().filter(|i| !is_nothing(*i)).map(Item::text).collect();
        let joined = texts.join(separator);
        match row.convert.out_text(&joined, Kind::String) {
            Ok(Some(made)) => {
                let node = self.ensure_for(row, pen);
                put_made(&mut self.out, node, &row.fhir, &made, items.offset());
            }
            Ok(None) => {}
            Err(fault) => self.refuse(row, items, fault),
        }
    }

    fn split(&mut self, row: &'m Row, item: Item<'r>, by: &str, to: (&'m [Step], &'m [Test]), pen: &mut Pen<'m>) {
        for part in item.text().split(by).map(str::trim).filter(|p| !p.is_empty()) {
            match row.convert.out_text(part, Kind::String) {
                Ok(Some(made)) => {
                    pen.frames.push(Frame { steps: to.0, tests: to.1, offset: item.offset(), node: None });
                    let node = self.ensure_for(row, pen);
                    put_made(&mut self.out, node, &row.fhir, &made, item.offset());
                    pen.frames.pop();
                }
                Ok(None) => {}
                Err(fault) => self.refuse(row, item, fault),
            }
        }
    }

    fn fixed(&mut self, kind: usize, instance: usize) {
        let mapping = self.mapping;
        let of = &mapping.kinds[kind];
        let Some(node) = self.made[kind][instance].node else { return };
        for (path, value) in &of.fixed {
            let value = self.fill_for(value, Some(&self.made[kind][instance]));
            put_literal(&mut self.out, node, path, &value);
        }
    }

    fn fill<'v>(&self, value: &'v Value, pen: &Pen<'_>) -> Cow<'v, Value> {
        let instance = self.made.get(pen.kind).and_then(|of| of.get(pen.instance));
        self.fill_for(value, instance)
    }

    /// A fixed value with what begins with `$` filled in.
    fn fill_for<'v>(&self, value: &'v Value, instance: Option<&Instance<'_>>) -> Cow<'v, Value> {
        if !is_filled_in(value) {
            return Cow::Borrowed(value);
        }
        match value {
            Value::String(text) => {
                self.builtin(text, instance).map_or(Cow::Borrowed(value), |t| Cow::Owned(Value::String(t)))
            }
            Value::Object(members) => Cow::Owned(Value::Object(
                members.iter().map(|(k, v)| (k.clone(), self.fill_for(v, instance).into_owned())).collect(),
            )),
            Value::Array(items) => {
                Cow::Owned(Value::Array(items.iter().map(|v| self.fill_for(v, instance).into_owned()).collect()))
            }
            _ => Cow::Borrowed(value),
        }
    }

    fn missing(&mut self, row: &Row, near: Option<Item<'r>>, path: &str) {
        if !row.required_out {
            return;
        }
        let field = path.rsplit('.').next().unwrap_or(path);
        let text = format!("{} `{field}` is empty or missing", self.mapping.field_word());
        let issue = Issue::error("required", "field-missing", text).on(near.unwrap_or_else(|| self.local.root()));
        let near_path = issue.expression.clone().unwrap_or_default();
        let expression = if near_path.ends_with(field) { near_path } else { join_path(&near_path, field) };
        self.push(issue.expression(expression).rule(self.mapping.rule(row.spot.line)).remedy("fill it in"));
    }

    fn refuse(&mut self, row: &Row, item: Item<'_>, fault: Fault) {
        let text = format!("{} {}", self.called(item), fault.text);
        let issue = Issue::error(fault.code, fault.id, text).on(item);
        self.push(issue.rule(self.mapping.rule(row.spot.line)).remedy(fault.remedy));
    }

    fn words_only(&mut self, row: &Row, item: Item<'_>) {
        let codes = row.convert.codes.as_ref().map_or("", |c| c.name.as_str());
        let text =
            format!("{} holds words that code map `{codes}` does not know; they travel as text", self.called(item));
        let issue = Issue::warning("code-invalid", "words-without-code", text).on(item);
        self.push(
            issue.rule(self.mapping.rule(row.spot.line)).remedy("use a code of the map, or add these words to it"),
        );
    }

    fn called(&self, item: Item<'_>) -> String {
        let mut named = item;
        while named.key().is_empty() {
            match named.parent() {
                Some(parent) => named = parent,
                None => break,
            }
        }
        format!("{} `{}`", self.mapping.field_word(), named.key())
    }
}

/// Whether anything in a fixed value begins with `$`.
fn is_filled_in(value: &Value) -> bool {
    match value {
        Value::String(text) => text.starts_with('$'),
        Value::Object(members) => members.values().any(is_filled_in),
        Value::Array(items) => items.iter().any(is_filled_in),
        _ => false,
    }
}

fn join_path(near: &str, field: &str) -> String {
    if near.is_empty() { field.to_owned() } else { format!("{near}.{field}") }
}

/// The array that a path of steps ends in.
fn list(out: &mut crate::pure::fhir::Tree, from: Id, steps: &[Step], offset: Option<u32>) -> Id {
    let Some((last, before)) = steps.split_last() else { return from };
    let parent = put::reach(out, from, before, offset);
    put::array(out, parent, &last.name)
}
