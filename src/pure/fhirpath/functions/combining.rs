//! Combining: two collections as one, with or without repetitions (FHIRPath N1 §5.4).

use super::{Call, Function};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::evaluate::Outcome;

pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let mut all = focus;
    all.append(call.argument(0)?);
    call.run.tick(all.len())?;
    call.run.bounded(&all)?;
    if function == Function::Union { call.run.distinct(all) } else { Ok(all) }
}
