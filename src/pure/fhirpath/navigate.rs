//! The record as FHIRPath sees it: choice types under one name, a primitive and its `_name` as one element.

use super::model::{Model, Type};
use crate::pure::fhir::{Item, Kind};

/// The name an element stands under, and the object that holds it.
pub(super) fn name_and_holder(item: Item<'_>) -> Option<(&str, Item<'_>)> {
    let parent = item.parent()?;
    if parent.kind() == Kind::Array { Some((parent.key(), parent.parent()?)) } else { Some((item.key(), parent)) }
}

/// Whether the item is what stands under `_name` where the primitive has no value.
pub(super) fn is_shadow(item: Item<'_>) -> bool {
    item.kind() == Kind::Object && name_and_holder(item).is_some_and(|(name, _)| name.starts_with('_'))
}

/// Whether the item is a primitive's value.
pub(super) fn is_primitive(item: Item<'_>) -> bool {
    matches!(item.kind(), Kind::Bool | Kind::Number | Kind::String)
}

fn under_score<'a>(holder: Item<'a>, name: &str) -> Option<Item<'a>> {
    let is_it = |key: &[u8]| key.len() == name.len() + 1 && key[0] == b'_' && key[1..] == *name.as_bytes();
    holder.children().find(|c| is_it(c.key_bytes()))
}

/// The object with the extensions of a primitive, where it has any.
pub(super) fn shadow(item: Item<'_>) -> Option<Item<'_>> {
    if item.kind() == Kind::Object {
        return is_shadow(item).then_some(item);
    }
    let (name, holder) = name_and_holder(item)?;
    let beside = under_score(holder, name)?;
    let own = match item.index() {
        Some(index) => beside.children().nth(index)?,
        None => beside,
    };
    (own.kind() == Kind::Object).then_some(own)
}

/// The object that holds an element's children: itself, or the one beside a primitive.
pub(super) fn content(item: Item<'_>) -> Option<Item<'_>> {
    match item.kind() {
        Kind::Object => Some(item),
        Kind::Array => None,
        _ => shadow(item),
    }
}

/// Goes on while the visitor answers true; answers whether it did to the end.
type Visit<'v, 'a> = &'v mut dyn FnMut(Item<'a>) -> bool;

/// Visits the elements under one JSON name of `holder`: `stands` is what stands under the name itself.
fn each<'a>(holder: Item<'a>, name: &str, stands: Item<'a>, visit: Visit<'_, 'a>) -> bool {
    if stands.kind() != Kind::Array {
        return if stands.kind() == Kind::Null { true } else { visit(stands) };
    }
    let beside = under_score(holder, name);
    let mut shadows = beside.map(Item::children);
    for value in stands.children() {
        let own = shadows.as_mut().and_then(Iterator::next);
        let exists = value.kind() != Kind::Null || own.is_some_and(|o| o.kind() == Kind::Object);
        if exists && !visit(value) {
            return false;
        }
    }
    // More extensions than values: primitives without a value at the end of the array.
    shadows.into_iter().flatten().filter(|s| s.kind() == Kind::Object).all(visit)
}

/// Visits what stands under `_name` alone.
fn each_shadow<'a>(stands: Item<'a>, visit: Visit<'_, 'a>) -> bool {
    stands.each().filter(|s| s.kind() == Kind::Object).all(visit)
}

fn is_form_of(key: &[u8], name: &str) -> bool {
    key.get(name.len()).is_some_and(u8::is_ascii_uppercase) && key.starts_with(name.as_bytes())
}

/// Visits the children of this name; `kind` says the type of the item where a choice has to be told from a long name.
pub(super) fn visit_named<'a>(
    model: &dyn Model,
    item: Item<'a>,
    name: &str,
    kind: &dyn Fn() -> Option<Type>,
    visit: Visit<'_, 'a>,
) -> bool {
    let Some(holder) = content(item) else { return true };
    let (mut form, mut alone) = (None, None);
    let wanted = name.as_bytes();
    for child in holder.children() {
        let key = child.key_bytes();
        // Most keys are shorter or differ in their first letter, and this runs more often than anything else.
        let start = key.first();
        if key.len() < wanted.len() {
            continue;
        }
        if start == wanted.first() {
            if key == wanted {
                return if name == "resourceType" { true } else { each(holder, name, child, visit) };
            }
            if form.is_none() && is_form_of(key, name) {
                form = Some(child);
            }
        } else if start == Some(&b'_') {
            let plain = &key[1..];
            if plain == wanted {
                alone = Some(child);
            } else if form.is_none() && is_form_of(plain, name) {
                form = Some(child);
            }
        }
    }
    match (alone, form) {
        // The value may come after its `_name`, but then it was found above.
        (Some(stands), _) => each_shadow(stands, visit),
        (None, Some(_)) => visit_forms(model, holder, name, kind(), visit),
        (None, None) => true,
    }
}

/// Visits the forms of a choice: `valueQuantity` for `value`.
fn visit_forms<'a>(model: &dyn Model, holder: Item<'a>, name: &str, kind: Option<Type>, visit: Visit<'_, 'a>) -> bool {
    let is_choice = |key: &str| match kind {
        Some(kind) => !model.choices(kind, name).is_empty() && model.element(kind, key).is_some_and(|e| e.choice),
        None => names_type(model, &key[name.len()..]),
    };
    for child in holder.children() {
        let key = child.key();
        if is_form_of(key.as_bytes(), name) && is_choice(key) {
            if !each(holder, key, child, visit) {
                return false;
            }
        } else if let Some(plain) = key.strip_prefix('_').filter(|k| is_form_of(k.as_bytes(), name)) {
            let alone = holder.get(plain).is_none() && is_choice(plain);
            if alone && !each_shadow(child, visit) {
                return false;
            }
        }
    }
    true
}

/// Whether a choice's ending names a type: `Quantity`, `DateTime`.
fn names_type(model: &dyn Model, ending: &str) -> bool {
    let mut lower = ending.to_owned();
    if let Some(first) = lower.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    model.find(ending).is_some() || model.find(&lower).is_some()
}

/// Visits all children, in the record's order.
pub(super) fn visit_children<'a>(item: Item<'a>, visit: Visit<'_, 'a>) -> bool {
    let Some(holder) = content(item) else { return true };
    for child in holder.children() {
        let key = child.key();
        let more = match key.strip_prefix('_') {
            Some(plain) if holder.get(plain).is_some() => true,
            Some(_) => each_shadow(child, visit),
            None if key == "resourceType" => true,
            None => each(holder, key, child, visit),
        };
        if !more {
            return false;
        }
    }
    true
}

/// The resource that holds an item (itself, where it is one).
pub(super) fn resource_of(item: Item<'_>) -> Item<'_> {
    let mut at = item;
    while at.resource_type().is_none() {
        match at.parent() {
            Some(parent) => at = parent,
            None => return item,
        }
    }
    at
}

/// The resource that contains a contained resource; otherwise the resource itself.
pub(super) fn root_of(resource: Item<'_>) -> Item<'_> {
    match name_and_holder(resource) {
        Some(("contained", holder)) => resource_of(holder),
        _ => resource,
    }
}
