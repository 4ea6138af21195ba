//! Conversion: `toX()` and `convertsToX()` (FHIRPath N1 §5.5).

use super::{Call, Function};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::decimal::Decimal;
use crate::pure::fhirpath::evaluate::Outcome;
use crate::pure::fhirpath::moment::{Moment, MomentKind, Precision};
use crate::pure::fhirpath::quantity::Quantity;
use crate::pure::fhirpath::value::Value;

pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let Some(value) = call.single(&focus)? else { return Ok(Collection::Empty) };
    let unit = call.text(0)?;
    let converted = match function {
        Function::ToBoolean | Function::ConvertsToBoolean => boolean(&value).map(Value::Boolean),
        Function::ToInteger | Function::ConvertsToInteger => integer(&value),
        Function::ToDecimal | Function::ConvertsToDecimal => decimal(&value).map(Value::Decimal),
        Function::ToText | Function::ConvertsToText => value.to_text().map(Value::String),
        Function::ToDate | Function::ConvertsToDate => moment(&value, MomentKind::Date).map(Value::Moment),
        Function::ToDateTime | Function::ConvertsToDateTime => moment(&value, MomentKind::DateTime).map(Value::Moment),
        Function::ToTime | Function::ConvertsToTime => moment(&value, MomentKind::Time).map(Value::Moment),
        _ => quantity(&value, unit.as_deref()).map(|q| Value::Quantity(Box::new(q))),
    };
    Ok(if asks(function) { converted.is_some().into() } else { converted.into() })
}

fn asks(function: Function) -> bool {
    matches!(
        function,
        Function::ConvertsToBoolean
            | Function::ConvertsToInteger
            | Function::ConvertsToDecimal
            | Function::ConvertsToText
            | Function::ConvertsToDate
            | Function::ConvertsToDateTime
            | Function::ConvertsToTime
            | Function::ConvertsToQuantity
    )
}

fn boolean(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Boolean(answer) => Some(*answer),
        Value::Integer(1) => Some(true),
        Value::Integer(0) => Some(false),
        Value::Decimal(d) if *d == Decimal::from(1) => Some(true),
        Value::Decimal(d) if *d == Decimal::from(0) => Some(false),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => Some(true),
            "false" | "f" | "no" | "n" | "0" | "0.0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn integer<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    match value {
        Value::Integer(_) => Some(value.clone()),
        Value::Boolean(answer) => Some(Value::Integer(i64::from(*answer))),
        Value::String(text) => text.parse::<i32>().ok().map(|i| Value::Integer(i64::from(i))),
        _ => None,
    }
}

fn decimal(value: &Value<'_>) -> Option<Decimal> {
    match value {
        Value::Integer(i) => Some(Decimal::from(*i)),
        Value::Decimal(d) => Some(*d),
        Value::Boolean(answer) => Some(Decimal { mantissa: if *answer { 10 } else { 0 }, scale: 1 }),
        Value::String(text) if !text.contains(['e', 'E']) => Decimal::parse(text),
        _ => None,
    }
}

fn moment(value: &Value<'_>, kind: MomentKind) -> Option<Moment> {
    match (value, kind) {
        (Value::Moment(m), _) if m.kind == kind => Some(*m),
        (Value::Moment(m), MomentKind::Date) if m.kind == MomentKind::DateTime => {
            Some(Moment { kind, precision: m.precision.min(Precision::Day), offset: None, digits: 0, ..*m })
        }
        (Value::Moment(m), MomentKind::DateTime) if m.kind == MomentKind::Date => Some(Moment { kind, ..*m }),
        (Value::String(text), MomentKind::Date) => {
            let moment = Moment::read_date_time(text)?;
            Some(Moment { kind, precision: moment.precision.min(Precision::Day), offset: None, digits: 0, ..moment })
        }
        (Value::String(text), MomentKind::DateTime) => Moment::read_date_time(text),
        (Value::String(text), MomentKind::Time) => Moment::read_time(text.strip_prefix('T').unwrap_or(text)),
        _ => None,
    }
}

fn quantity<'a>(value: &Value<'a>, unit: Option<&str>) -> Option<Quantity<'a>> {
    let quantity = match value {
        Value::Quantity(quantity) => (**quantity).clone(),
        Value::Integer(_) | Value::Decimal(_) | Value::Boolean(_) => Quantity::number(decimal(value)?),
        Value::String(text) => Quantity::parse(text)?,
        _ => return None,
    };
    let Some(unit) = unit else { return Some(quantity) };
    let wanted = Quantity::parse(&format!("1 {unit}")).or_else(|| Quantity::parse(&format!("1 '{unit}'")))?;
    Some(Quantity { value: quantity.in_unit_of(&wanted)?, ..wanted })
}
