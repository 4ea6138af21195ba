//! Writing along a path: find what is there, make what is missing, never an empty object.

use super::codes::Target;
use super::path::{Select, Step, all_hold, satisfy};
use crate::pure::fhir::{Id, Kind, Tree};
use serde_json::Value;
use std::borrow::Cow;

/// A value on its way into FHIR.
#[derive(Debug)]
pub(super) enum Made<'a> {
    Plain(Kind, Cow<'a, str>),
    Words(Vec<&'a str>),
    Money { value: Cow<'a, str>, currency: &'a str },
    Quantity { value: Cow<'a, str>, unit: &'a str, code: &'a str },
    Coding(&'a Target),
    Concept { coding: Option<&'a Target>, text: Cow<'a, str> },
}

/// Where a value goes: a name of an object, or the end of an array; or what is there already.
enum Slot<'p> {
    Free(Id, &'p str),
    Taken(Id),
}

fn child(out: &Tree, parent: Id, name: &str) -> Option<Id> {
    out.item(parent).get(name).map(|c| c.id())
}

fn mark(out: &mut Tree, id: Id, offset: Option<u32>) {
    if let Some(offset) = offset {
        out.set_offset(id, offset);
    }
}

/// The array under a name, made where it is missing.
pub(super) fn array(out: &mut Tree, parent: Id, name: &str) -> Id {
    child(out, parent, name).unwrap_or_else(|| out.push_array(parent, name))
}

fn slot<'p>(out: &mut Tree, parent: Id, step: &'p Step) -> Slot<'p> {
    let found = match step.select {
        Select::One => {
            return child(out, parent, &step.name).map_or(Slot::Free(parent, &step.name), Slot::Taken);
        }
        Select::Nth(index) => child(out, parent, &step.name).and_then(|a| out.item(a).each().nth(index)),
        Select::Slice => {
            child(out, parent, &step.name).and_then(|a| out.item(a).each().find(|item| all_hold(&step.tests, *item)))
        }
        Select::Each => None,
    };
    match found.map(|item| item.id()) {
        Some(id) => Slot::Taken(id),
        None => Slot::Free(array(out, parent, &step.name), ""),
    }
}

/// The object that a step means, made where it is missing.
fn enter(out: &mut Tree, parent: Id, step: &Step, offset: Option<u32>) -> Id {
    match slot(out, parent, step) {
        Slot::Taken(id) => id,
        Slot::Free(container, key) => {
            let id = out.push_object(container, key);
            mark(out, id, offset);
            satisfy(out, id, &step.tests);
            id
        }
    }
}

/// The object that a path means, made where it is missing.
pub(super) fn reach(out: &mut Tree, from: Id, path: &[Step], offset: Option<u32>) -> Id {
    path.iter().fold(from, |at, step| enter(out, at, step, offset))
}

/// Writes a plain value at a path; leaves what is there already. Says whether it wrote.
pub(super) fn put(out: &mut Tree, from: Id, path: &[Step], kind: Kind, text: &str, offset: Option<u32>) -> bool {
    put_made(out, from, path, &Made::Plain(kind, Cow::Borrowed(text)), offset)
}

/// Writes any value at a path. An empty path means the end of the array `from`.
pub(super) fn put_made(out: &mut Tree, from: Id, path: &[Step], made: &Made<'_>, offset: Option<u32>) -> bool {
    let Some((last, before)) = path.split_last() else {
        return write(out, Slot::Free(from, ""), made, offset);
    };
    let parent = reach(out, from, before, offset);
    let slot = slot(out, parent, last);
    if let (Slot::Free(container, key), Select::Slice) = (&slot, last.select) {
        let id = out.push_object(*container, key);
        mark(out, id, offset);
        satisfy(out, id, &last.tests);
        return write(out, Slot::Taken(id), made, offset);
    }
    write(out, slot, made, offset)
}

fn write(out: &mut Tree, slot: Slot<'_>, made: &Made<'_>, offset: Option<u32>) -> bool {
    let plain = |out: &mut Tree, kind: Kind, text: &str| match slot {
        Slot::Free(container, key) => {
            let id = out.push_value(container, key, kind, text);
            mark(out, id, offset);
            true
        }
        Slot::Taken(_) => false,
    };
    match made {
        Made::Plain(kind, text) => plain(out, *kind, text),
        Made::Words(words) => {
            let list = match slot {
                Slot::Free(container, key) => out.push_array(container, key),
                Slot::Taken(id) => id,
            };
            for word in words {
                let id = out.push_str(list, "", word);
                mark(out, id, offset);
            }
            true
        }
        Made::Money { value, currency } => {
            let id = object(out, slot, offset);
            member(out, id, "value", Kind::Number, value, offset);
            member(out, id, "currency", Kind::String, currency, offset);
            true
        }
        Made::Quantity { value, unit, code } => {
            let id = object(out, slot, offset);
            member(out, id, "value", Kind::Number, value, offset);
            member(out, id, "unit", Kind::String, unit, offset);
            member(out, id, "system", Kind::String, "http://unitsofmeasure.org", offset);
            member(out, id, "code", Kind::String, code, offset);
            true
        }
        Made::Coding(target) => {
            let id = object(out, slot, offset);
            coding(out, id, target, offset);
            true
        }
        Made::Concept { coding: target, text } => {
            let id = object(out, slot, offset);
            if let Some(target) = target {
                let list = array(out, id, "coding");
                let entry = out.push_object(list, "");
                mark(out, entry, offset);
                coding(out, entry, target, offset);
            }
            member(out, id, "text", Kind::String, text, offset);
            true
        }
    }
}

fn object(out: &mut Tree, slot: Slot<'_>, offset: Option<u32>) -> Id {
    match slot {
        Slot::Taken(id) => id,
        Slot::Free(container, key) => {
            let id = out.push_object(container, key);
            mark(out, id, offset);
            id
        }
    }
}

fn member(out: &mut Tree, id: Id, name: &str, kind: Kind, text: &str, offset: Option<u32>) {
    if child(out, id, name).is_none() {
        let made = out.push_value(id, name, kind, text);
        mark(out, made, offset);
    }
}

fn coding(out: &mut Tree, id: Id, target: &Target, offset: Option<u32>) {
    if let Some(system) = &target.system {
        member(out, id, "system", Kind::String, system, offset);
    }
    member(out, id, "code", Kind::String, &target.code, offset);
    if let Some(display) = &target.display {
        member(out, id, "display", Kind::String, display, offset);
    }
}

/// The kind of a fixed plain value, told by the last name of its path: `valueBoolean`, `valueInteger`.
pub(super) fn literal_kind(path: &[Step], value: &str) -> Kind {
    let name = path.last().map_or("", |s| s.name.as_str());
    if name.ends_with("Boolean") && matches!(value, "true" | "false") {
        Kind::Bool
    } else if ["Integer", "Decimal", "Int"].iter().any(|end| name.ends_with(end)) && value.parse::<f64>().is_ok() {
        Kind::Number
    } else {
        Kind::String
    }
}

/// Writes a fixed value of any structure at a path, beside what is there already.
pub(super) fn put_literal(out: &mut Tree, from: Id, path: &[Step], value: &Value) {
    let Some((last, before)) = path.split_last() else {
        merge(out, Slot::Free(from, ""), value);
        return;
    };
    let parent = reach(out, from, before, None);
    if last.select == Select::Slice && value.is_object() {
        let id = enter(out, parent, last, None);
        merge(out, Slot::Taken(id), value);
        return;
    }
    let slot = slot(out, parent, last);
    merge(out, slot, value);
}

fn merge(out: &mut Tree, slot: Slot<'_>, value: &Value) {
    match (value, slot) {
        (Value::Object(members), slot) => {
            let id = object(out, slot, None);
            if out.item(id).kind() != Kind::Object {
                return;
            }
            for (name, member) in members {
                let slot = child(out, id, name).map_or(Slot::Free(id, name), Slot::Taken);
                merge(out, slot, member);
            }
        }
        (Value::Array(items), Slot::Free(container, key)) => {
            let id = out.push_array(container, key);
            for item in items {
                merge(out, Slot::Free(id, ""), item);
            }
        }
        (Value::String(text), Slot::Free(container, key)) => {
            out.push_str(container, key, text);
        }
        (Value::Bool(truth), Slot::Free(container, key)) => {
            out.push_bool(container, key, *truth);
        }
        (Value::Number(number), Slot::Free(container, key)) => {
            out.push_number(container, key, &number.to_string());
        }
        _ => {}
    }
}
