//! Arithmetic functions (FHIRPath N1 §5.7): exact where an exact answer exists.

use super::{Call, Function};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::decimal::Decimal;
use crate::pure::fhirpath::evaluate::{Error, Outcome};
use crate::pure::fhirpath::operators::integer;
use crate::pure::fhirpath::quantity::Quantity;
use crate::pure::fhirpath::value::Value;

pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let Some(value) = call.single(&focus)? else { return Ok(Collection::Empty) };
    if let Value::Quantity(quantity) = value {
        return of_quantity(function, call, &quantity);
    }
    let Some(number) = value.decimal() else { return Err(call.wrong("a number should stand here")) };
    let whole = matches!(value, Value::Integer(_));
    let inexact = |result: f64| Decimal::from_f64(result).map(Value::Decimal);
    Ok(match function {
        Function::Abs if whole => integer(number.mantissa.abs()),
        Function::Abs => Some(Value::Decimal(if number.mantissa < 0 { number.negated() } else { number })),
        Function::Ceiling => integer(number.ceiling(0).mantissa),
        Function::Floor => integer(number.floor(0).mantissa),
        Function::Truncate => integer(number.truncated(0).mantissa),
        Function::Round => rounded(call, number)?,
        Function::Exp => inexact(number.to_f64().exp()),
        Function::Ln => inexact(number.to_f64().ln()),
        Function::Sqrt => inexact(number.to_f64().sqrt()),
        Function::Log => argument(call)?.and_then(|base| inexact(number.to_f64().ln() / base.to_f64().ln())),
        _ => argument(call)?.and_then(|by| power(number, by, whole)),
    }
    .into())
}

fn argument(call: &Call<'_, '_, '_>) -> Result<Option<Decimal>, Error> {
    match call.single(&call.argument(0)?)? {
        None => Ok(None),
        Some(value) => match value.decimal() {
            Some(number) => Ok(Some(number)),
            None => Err(call.wrong("the argument should be a number")),
        },
    }
}

fn rounded<'a>(call: &Call<'_, '_, 'a>, number: Decimal) -> Result<Option<Value<'a>>, Error> {
    let digits = call.integer(0)?.unwrap_or(0);
    let Ok(digits) = u32::try_from(digits) else { return Err(call.wrong("digits cannot be fewer than none")) };
    Ok(Some(Value::Decimal(number.rounded(digits))))
}

/// Whole powers by multiplication, exactly; others by logarithms.
fn power<'a>(number: Decimal, by: Decimal, whole: bool) -> Option<Value<'a>> {
    let times = by.to_integer().filter(|t| (0..=64).contains(t));
    let exact = times.and_then(|times| (0..times).try_fold(Decimal::from(1), |product, _| product.times(number)));
    match exact {
        Some(result) if whole => integer(result.mantissa).or(Some(Value::Decimal(result))),
        Some(result) => Some(Value::Decimal(result)),
        None => Decimal::from_f64(number.to_f64().powf(by.to_f64())).map(Value::Decimal),
    }
}

fn of_quantity<'a>(function: Function, call: &Call<'_, '_, 'a>, quantity: &Quantity<'a>) -> Outcome<'a> {
    let value = match function {
        Function::Abs if quantity.value.mantissa < 0 => quantity.value.negated(),
        Function::Abs => quantity.value,
        Function::Round => match rounded(call, quantity.value)? {
            Some(Value::Decimal(value)) => value,
            _ => return Ok(Collection::Empty),
        },
        Function::Ceiling => quantity.value.ceiling(0),
        Function::Floor => quantity.value.floor(0),
        Function::Truncate => quantity.value.truncated(0),
        _ => return Err(call.wrong("a number without unit should stand here")),
    };
    Ok(Value::Quantity(Box::new(Quantity { value, ..quantity.clone() })).into())
}
