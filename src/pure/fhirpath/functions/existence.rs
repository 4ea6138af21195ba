//! Existence: is anything there, how much, how often (FHIRPath N1 §5.1).

use super::{Call, Function};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::distinct::Seen;
use crate::pure::fhirpath::evaluate::{Error, Outcome};
use crate::pure::fhirpath::value::Value;

pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    call.run.tick(focus.len())?;
    Ok(match function {
        Function::Empty => focus.is_empty().into(),
        Function::Exists if call.arguments.is_empty() => (!focus.is_empty()).into(),
        Function::Exists => any(call, focus)?.into(),
        Function::All => all(call, focus)?.into(),
        Function::AllTrue => booleans(call, &focus)?.iter().all(|b| *b).into(),
        Function::AnyTrue => booleans(call, &focus)?.contains(&true).into(),
        Function::AllFalse => booleans(call, &focus)?.iter().all(|b| !*b).into(),
        Function::AnyFalse => booleans(call, &focus)?.contains(&false).into(),
        Function::SubsetOf => within(call, &focus, &call.argument(0)?)?.into(),
        Function::SupersetOf => within(call, &call.argument(0)?, &focus)?.into(),
        Function::Count => Value::Integer(i64::try_from(focus.len()).unwrap_or(i64::MAX)).into(),
        Function::Distinct => call.run.distinct(focus)?,
        Function::IsDistinct => is_distinct(call, &focus)?.into(),
        _ => call.run.truth(&focus, call.offset)?.map(|answer| !answer).into(),
    })
}

fn any<'a>(call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Result<bool, Error> {
    for (index, value) in focus.into_iter().enumerate() {
        if call.holds(&value.into(), index)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn all<'a>(call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Result<bool, Error> {
    for (index, value) in focus.into_iter().enumerate() {
        if !call.holds(&value.into(), index)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn booleans<'a>(call: &Call<'_, '_, 'a>, focus: &Collection<'a>) -> Result<Vec<bool>, Error> {
    let boolean = |value| match call.run.system(value) {
        Some(Value::Boolean(answer)) => Ok(answer),
        _ => Err(call.wrong("only booleans may stand here")),
    };
    focus.iter().map(boolean).collect()
}

fn within<'a>(call: &Call<'_, '_, 'a>, part: &Collection<'a>, whole: &Collection<'a>) -> Result<bool, Error> {
    for value in part.iter() {
        if !call.run.holds(whole.as_slice(), value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_distinct<'a>(call: &Call<'_, '_, 'a>, focus: &Collection<'a>) -> Result<bool, Error> {
    let mut seen = Seen::new(focus.len());
    for value in focus.iter() {
        if !seen.insert(call.run, value)? {
            return Ok(false);
        }
    }
    Ok(true)
}
