//! FHIR's own functions (R4 fhirpath §2.9.1.5): extensions, values, references, value sets, profiles.

use super::{Call, Function, html};
use crate::pure::fhir::{Item, Kind};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::evaluate::Outcome;
use crate::pure::fhirpath::model::is_a;
use crate::pure::fhirpath::navigate::{content, is_primitive, resource_of};
use crate::pure::fhirpath::value::Value;

/// Where the definitions of R4's own types stand.
const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    call.run.tick(focus.len())?;
    Ok(match function {
        Function::Extension => extensions(call, &focus)?,
        Function::HasValue => match focus.as_slice() {
            [Value::Element(item, _)] => is_primitive(*item).into(),
            [Value::Quantity(_) | Value::TypeInfo(..)] => false.into(),
            [_] => true.into(),
            _ => false.into(),
        },
        Function::GetValue => match focus.as_slice() {
            [value] => call.run.system(value).into(),
            _ => Collection::Empty,
        },
        Function::Resolve => focus.iter().filter_map(|value| resolve(call, value)).collect::<Vec<_>>().into(),
        Function::HtmlChecks => html_checks(call, &focus),
        Function::MemberOf => member_of(call, &focus)?,
        Function::ConformsTo => conforms_to(call, &focus)?,
        _ if focus.is_empty() => Collection::Empty,
        _ => return Err(call.run.unknown(call.offset, "this function needs a terminology or profile not known here")),
    })
}

/// For one element that is XHTML; nothing on any other.
fn html_checks<'a>(call: &Call<'_, '_, 'a>, focus: &Collection<'a>) -> Collection<'a> {
    let [Value::Element(item, kind)] = focus.as_slice() else { return Collection::Empty };
    let kind = call.run.type_of(*item, *kind).map(|kind| call.run.context.model.name(kind));
    match item.str() {
        Some(text) if kind.is_none_or(|name| name == "xhtml") => html::is_safe(text).into(),
        _ => Collection::Empty,
    }
}

fn extensions<'a>(call: &Call<'_, '_, 'a>, focus: &Collection<'a>) -> Outcome<'a> {
    let Some(url) = call.text(0)? else { return Ok(Collection::Empty) };
    let mut found = Collection::Empty;
    for value in focus.iter() {
        let Value::Element(item, _) = value else { continue };
        let Some(holder) = content(*item) else { continue };
        for extension in holder.all("extension") {
            call.run.tick(1)?;
            if extension.get("url").and_then(Item::str) == Some(url.as_ref()) {
                found.push(Value::Element(extension, None));
            }
        }
    }
    Ok(found)
}

/// The resource that a Reference, or a text that is one, points to.
fn resolve<'a>(call: &Call<'_, '_, 'a>, value: &Value<'a>) -> Option<Value<'a>> {
    let (text, from) = match value {
        Value::Element(item, _) if item.kind() == Kind::Object => (item.get("reference")?.str()?, *item),
        Value::Element(item, _) => (item.str()?, *item),
        _ => return None,
    };
    let found = within(call, text, from).or_else(|| call.run.context.world.resolve(text, from))?;
    Some(Value::Element(found, None))
}

/// Looks in the contained resources, then through the entries of the Bundles around.
fn within<'a>(call: &Call<'_, '_, 'a>, text: &str, from: Item<'a>) -> Option<Item<'a>> {
    let root = call.run.context.root.unwrap_or_else(|| {
        let own = resource_of(from);
        crate::pure::fhirpath::navigate::root_of(own)
    });
    let world = call.run.context.world;
    if let Some(id) = text.strip_prefix('#') {
        if id.is_empty() {
            return Some(root);
        }
        let indexed = world.within(text, root, from);
        return indexed.unwrap_or_else(|| root.all("contained").find(|c| c.str_at(&["id"]) == Some(id)));
    }
    let mut at = Some(root);
    while let Some(item) = at {
        if item.resource_type() == Some("Bundle") {
            let found = world.within(text, item, from).unwrap_or_else(|| {
                let entry = item.all("entry").find(|entry| is_entry(*entry, text))?;
                entry.get("resource")
            });
            if found.is_some() {
                return found;
            }
        }
        at = item.parent();
    }
    None
}

fn is_entry(entry: Item<'_>, reference: &str) -> bool {
    let full = entry.get("fullUrl").and_then(Item::str);
    if full == Some(reference) {
        return true;
    }
    let Some((kind, id)) = reference.split_once('/') else { return false };
    let Some(resource) = entry.get("resource") else { return false };
    resource.resource_type() == Some(kind) && resource.str_at(&["id"]) == Some(id.split('/').next().unwrap_or(id))
}

fn member_of<'a>(call: &Call<'_, '_, 'a>, focus: &Collection<'a>) -> Outcome<'a> {
    let (value, Some(set)) = (focus.as_slice(), call.text(0)?) else { return Ok(Collection::Empty) };
    match value {
        [] => Ok(Collection::Empty),
        [Value::Element(item, _)] => match call.run.context.world.member_of(&set, *item) {
            Some(answer) => Ok(answer.into()),
            None => Err(call.run.unknown(call.offset, "the value set is not known here")),
        },
        _ => Err(call.wrong("one coded element should stand here")),
    }
}

fn conforms_to<'a>(call: &Call<'_, '_, 'a>, focus: &Collection<'a>) -> Outcome<'a> {
    let Some(profile) = call.text(0)? else { return Ok(Collection::Empty) };
    match focus.as_slice() {
        [] => Ok(Collection::Empty),
        [Value::Element(item, kind)] => match conforms(call, *item, *kind, &profile) {
            Some(answer) => Ok(answer.into()),
            None => Err(call.run.unknown(call.offset, "the profile is not known here")),
        },
        _ => Err(call.wrong("one element should stand here")),
    }
}

/// Profiles are the world's matter; R4's own types can be told by the type alone where the world says nothing.
fn conforms<'a>(
    call: &Call<'_, '_, 'a>,
    item: Item<'a>,
    kind: Option<crate::pure::fhirpath::Type>,
    profile: &str,
) -> Option<bool> {
    let context = &call.run.context;
    if let Some(answer) = context.world.conforms_to(profile, item) {
        return Some(answer);
    }
    let wanted = context.model.find(profile.strip_prefix(BASE)?)?;
    call.run.type_of(item, kind).map(|kind| is_a(context.model, kind, wanted))
}
