//! FHIR's own functions (R4 fhirpath §2.9.1.5): extensions, values, references, value sets, profiles.

use super::{Call, Function, coded, html, resolve};
use crate::pure::fhir::Item;
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::evaluate::Outcome;
use crate::pure::fhirpath::model::is_a;
use crate::pure::fhirpath::navigate::{content, is_primitive};
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
        // Not in R4's list of functions, but R4's search parameter `item-subject` calls it.
        Function::HasExtension => (!extensions(call, &focus)?.is_empty()).into(),
        Function::Resolve => resolve::resolved(call, &focus)?,
        Function::HtmlChecks => html_checks(call, &focus),
        Function::MemberOf => coded::member_of(call, &focus)?,
        Function::Subsumes | Function::SubsumedBy => coded::subsumes(function, call, &focus)?,
        Function::CheckModifiers => check_modifiers(call, focus)?,
        Function::ConformsTo => conforms_to(call, &focus)?,
        _ if focus.is_empty() => Collection::Empty,
        _ => return Err(call.run.unknown(call.offset, "this function needs definitions that are not kept here")),
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

/// The elements, where none has a modifier extension other than those named (R4 fhirpath §2.9.1.5).
fn check_modifiers<'a>(call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let mut known = Vec::with_capacity(call.arguments.len());
    for index in 0..call.arguments.len() {
        known.extend(call.text(index)?);
    }
    for value in focus.iter() {
        let Value::Element(item, _) = value else { continue };
        for extension in item.all("modifierExtension") {
            call.run.tick(1)?;
            let url = extension.str_at(&["url"]);
            if !known.iter().any(|known| url == Some(known)) {
                return Err(call.wrong("an element has a modifier extension that is not among those named"));
            }
        }
    }
    Ok(focus)
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
