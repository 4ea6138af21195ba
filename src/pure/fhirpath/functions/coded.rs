//! `memberOf()`, `subsumes()`, `subsumedBy()`: what codes mean, as far as the code systems are known (R4 fhirpath §2.9.1.5).

use super::{Call, Function};
use crate::pure::fhir::Item;
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::evaluate::{Error, Outcome};
use crate::pure::fhirpath::value::Value;

pub(super) fn member_of<'a>(call: &Call<'_, '_, 'a>, focus: &Collection<'a>) -> Outcome<'a> {
    let (Some(item), Some(set)) = (coded(call, focus)?, call.text(0)?) else { return Ok(Collection::Empty) };
    match call.run.context.world.member_of(&set, item) {
        Some(answer) => Ok(answer.into()),
        None => Err(call.run.unknown(call.offset, "the value set is not known here")),
    }
}

/// Whether a code is another or stands above it (`subsumes`), or below it (`subsumedBy`); one coding of a concept is enough.
pub(super) fn subsumes<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: &Collection<'a>) -> Outcome<'a> {
    let (own, given) = (coded(call, focus)?, coded(call, &call.argument(0)?)?);
    let (Some(own), Some(given)) = (own, given) else { return Ok(Collection::Empty) };
    let (upper, lower) = if function == Function::Subsumes { (own, given) } else { (given, own) };
    let (mut related, mut unknown) = (false, false);
    for upper in codings(upper) {
        for lower in codings(lower) {
            call.run.tick(1)?;
            let (Some(a), Some(b)) = (upper.str_at(&["code"]), lower.str_at(&["code"])) else { continue };
            let system = upper.str_at(&["system"]);
            if system != lower.str_at(&["system"]) {
                continue;
            }
            let answer = match system {
                _ if a == b => Some(true),
                Some(system) => call.run.context.world.subsumes(system, a, b),
                None => None,
            };
            match answer {
                Some(true) => return Ok(true.into()),
                Some(false) => related = true,
                None => unknown = true,
            }
        }
    }
    match (unknown, related) {
        (true, _) => Err(call.run.unknown(call.offset, "the code system is not known here")),
        (false, true) => Ok(false.into()),
        // Nothing is known of how different code systems relate.
        (false, false) => Ok(Collection::Empty),
    }
}

/// The one coded element of a collection.
fn coded<'a>(call: &Call<'_, '_, 'a>, values: &Collection<'a>) -> Result<Option<Item<'a>>, Error> {
    match values.as_slice() {
        [] => Ok(None),
        [Value::Element(item, _)] => Ok(Some(*item)),
        _ => Err(call.wrong("one coded element should stand here")),
    }
}

/// The codings of a CodeableConcept, or the Coding itself.
fn codings<'a>(item: Item<'a>) -> Vec<Item<'a>> {
    match item.get("coding") {
        Some(_) => item.all("coding").collect(),
        None => vec![item],
    }
}
