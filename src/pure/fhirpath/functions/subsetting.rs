//! Subsetting: parts of a collection by position or membership (FHIRPath N1 §5.3).

use super::{Call, Function};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::evaluate::{Error, Outcome};

pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let count = focus.len();
    Ok(match function {
        Function::Single if count > 1 => return Err(call.wrong("several items stand where a single one should")),
        Function::Single => focus,
        Function::First => focus.part(0, 1),
        Function::Last => focus.part(count.saturating_sub(1), count),
        Function::Tail => focus.part(1, count),
        Function::Skip => focus.part(position(call)?, count),
        Function::Take => focus.part(0, position(call)?),
        Function::Intersect => call.run.distinct(kept(call, focus, true)?)?,
        _ => kept(call, focus, false)?,
    })
}

fn position(call: &Call<'_, '_, '_>) -> Result<usize, Error> {
    let count = call.integer(0)?.ok_or_else(|| call.wrong("a number of items should be given"))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

fn kept<'a>(call: &Call<'_, '_, 'a>, focus: Collection<'a>, wanted: bool) -> Outcome<'a> {
    let other = call.argument(0)?;
    let mut kept = Collection::Empty;
    for value in focus {
        if call.run.holds(other.as_slice(), &value)? == wanted {
            kept.push(value);
        }
    }
    Ok(kept)
}
