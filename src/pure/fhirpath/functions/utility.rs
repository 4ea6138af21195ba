//! Utilities: time, types, precision and its boundaries; `trace()`, which says nothing (FHIRPath N1 §5.9).

use super::{Call, Function};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::decimal::Decimal;
use crate::pure::fhirpath::evaluate::Outcome;
use crate::pure::fhirpath::moment::{Moment, MomentKind};
use crate::pure::fhirpath::quantity::Quantity;
use crate::pure::fhirpath::value::Value;

/// Digits after the point of a boundary that was not asked to have others.
const USUAL: i64 = 8;
/// The most digits after the point that a boundary can have.
const MOST: i64 = 28;

pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let now = || Moment::now(call.run.context.now);
    Ok(match function {
        Function::Itself | Function::Trace => focus,
        Function::Now => Value::Moment(now()).into(),
        Function::Today => Value::Moment(Moment::day(now().civil.date())).into(),
        Function::TimeOfDay => Value::Moment(Moment { kind: MomentKind::Time, offset: None, ..now() }).into(),
        Function::Type => {
            call.run.tick(focus.len())?;
            focus.iter().filter_map(|value| call.run.type_info(value)).collect::<Vec<_>>().into()
        }
        Function::LowBoundary => boundary(call, &focus, false)?,
        Function::HighBoundary => boundary(call, &focus, true)?,
        Function::Precision => match call.single(&focus)? {
            Some(Value::Moment(moment)) => Value::Integer(moment.written()).into(),
            Some(other) => other.decimal().map(|d| Value::Integer(i64::from(d.scale))).into(),
            None => Collection::Empty,
        },
        _ => match (call.single(&focus)?, call.single(&call.argument(0)?)?) {
            (Some(a), Some(b)) => match (measured(a), measured(b)) {
                (Some(a), Some(b)) => a.is_comparable(&b).into(),
                _ => return Err(call.wrong("`comparable` takes quantities")),
            },
            _ => Collection::Empty,
        },
    })
}

/// A quantity, or a number as one.
fn measured(value: Value<'_>) -> Option<Quantity<'_>> {
    match value {
        Value::Quantity(quantity) => Some(*quantity),
        other => other.decimal().map(Quantity::number),
    }
}

fn boundary<'a>(call: &Call<'_, '_, 'a>, focus: &Collection<'a>, high: bool) -> Outcome<'a> {
    let digits = call.integer(0)?;
    let number = |value: Decimal| {
        let digits = u32::try_from(digits.unwrap_or(USUAL)).ok().filter(|d| i64::from(*d) <= MOST)?;
        edge(value, digits, high)
    };
    Ok(match call.single(focus)? {
        None => Collection::Empty,
        Some(Value::Moment(moment)) if high => moment.high_boundary(digits).map(Value::Moment).into(),
        Some(Value::Moment(moment)) => moment.low_boundary(digits).map(Value::Moment).into(),
        Some(Value::Quantity(q)) => {
            number(q.value).map(|value| Value::Quantity(Box::new(Quantity { value, ..*q }))).into()
        }
        Some(value) => match value.decimal() {
            Some(decimal) => number(decimal).map(Value::Decimal).into(),
            None => return Err(call.wrong("a number, a quantity, a date or a time should stand here")),
        },
    })
}

/// Half a unit of the last digit written below or above, to so many digits.
fn edge(value: Decimal, digits: u32, high: bool) -> Option<Decimal> {
    let half = Decimal { mantissa: if high { 5 } else { -5 }, scale: value.scale + 1 };
    let exact = value.plus(half)?;
    // A number too small to show at this many digits stays nought, as the official suite has it.
    if value.truncated(digits).mantissa == 0 && value.scale > digits && exact.truncated(digits).mantissa == 0 {
        return Decimal { mantissa: 0, scale: 0 }.widened(digits);
    }
    let cut = if high { exact.ceiling(digits) } else { exact.floor(digits) };
    cut.widened(digits)
}
