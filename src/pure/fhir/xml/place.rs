//! Where a fault is, in FHIRPath: `Observation.value.ofType(Quantity).code`, as the validator says it of the same element.

use crate::pure::fhir::tree::Item;
use crate::pure::fhirpath::{Model, Type};
use std::fmt::Write;

/// The path of an item, and below it of a name and its index there. What the types do not know is written as it was sent.
pub(super) fn expression(item: Item<'_>, below: Option<(&str, Option<usize>)>, model: &dyn Model) -> String {
    let mut line = vec![item];
    while let Some(parent) = line.last().and_then(|i| i.parent()) {
        line.push(parent);
    }
    let mut path = String::new();
    let mut kind = None;
    for step in line.into_iter().rev() {
        if step.parent().is_none() {
            path.push_str(step.resource_type().unwrap_or_default());
        } else if let Some(index) = step.index() {
            let _ = write!(path, "[{index}]");
        } else {
            kind = name(step.key(), kind, model, &mut path);
        }
        if let Some(resource) = step.resource_type() {
            kind = model.find(resource);
        }
    }
    if let Some((key, index)) = below {
        name(key, kind, model, &mut path);
        if let Some(index) = index {
            let _ = write!(path, "[{index}]");
        }
    }
    path
}

/// Writes one name; answers the type of what stands there.
fn name(key: &str, holder: Option<Type>, model: &dyn Model, path: &mut String) -> Option<Type> {
    let plain = key.strip_prefix('_').unwrap_or(key);
    path.push('.');
    let found = holder.and_then(|holder| model.element(holder, plain));
    let Some(element) = found else {
        path.push_str(plain);
        // beside a primitive of a type that is not known stand the elements of Element
        return if plain == key { None } else { model.find("Element") };
    };
    let of = model.name(element.is);
    match plain.len().checked_sub(of.len()).filter(|_| element.choice) {
        Some(stem) => {
            let _ = write!(path, "{}.ofType({of})", plain.get(..stem).unwrap_or(plain));
        }
        None => path.push_str(plain),
    }
    Some(element.is)
}
