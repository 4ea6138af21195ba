//! The operators on both their sides: arithmetic, comparison, membership, text.

use super::ast::Operator;
use super::collection::Collection;
use super::evaluate::{Error, Outcome, Run};
use super::moment::{CalendarUnit, Moment, MomentKind};
use super::navigate::is_shadow;
use super::quantity::Quantity;
use super::value::Value;
use crate::pure::fhir::Kind;
use std::borrow::Cow;
use std::cmp::Ordering;

/// An integer where it fits 32 bits, as FHIRPath's do.
pub(super) fn integer<'a>(value: i128) -> Option<Value<'a>> {
    i32::try_from(value).ok().map(|i| Value::Integer(i64::from(i)))
}

impl<'a> Run<'a> {
    pub(super) fn both(&self, operator: Operator, left: Collection<'a>, right: Collection<'a>, at: u32) -> Outcome<'a> {
        use Operator as O;
        Ok(match operator {
            O::Equal => self.equal(&left, &right)?.into(),
            O::NotEqual => self.equal(&left, &right)?.map(|same| !same).into(),
            O::Equivalent => self.equivalent(&left, &right)?.into(),
            O::NotEquivalent => (!self.equivalent(&left, &right)?).into(),
            O::Less => self.ordered(&left, &right, at, Ordering::is_lt)?,
            O::LessOrEqual => self.ordered(&left, &right, at, Ordering::is_le)?,
            O::Greater => self.ordered(&left, &right, at, Ordering::is_gt)?,
            O::GreaterOrEqual => self.ordered(&left, &right, at, Ordering::is_ge)?,
            O::In => self.member(left, &right, at)?,
            O::Contains => self.member(right, &left, at)?,
            O::Union => {
                let mut all = left;
                all.append(right);
                self.bounded(&all)?;
                self.distinct(all)?
            }
            O::Concatenate => self.concatenate(&left, &right, at)?,
            _ => match (self.single(&left, at)?, self.single(&right, at)?) {
                (Some(a), Some(b)) => self.arithmetic(operator, &a, &b, at)?.into(),
                _ => Collection::Empty,
            },
        })
    }

    /// The one item of a collection, as a system value where it has one; none for a primitive without value; wrong where
    /// there are more.
    pub(super) fn single(&self, values: &Collection<'a>, at: u32) -> Result<Option<Value<'a>>, Error> {
        match values.as_slice() {
            [] => Ok(None),
            [Value::Element(item, _)] if item.kind() == Kind::Null || is_shadow(*item) => Ok(None),
            [value] => Ok(Some(self.system(value).unwrap_or_else(|| value.clone()))),
            _ => Err(self.wrong(at, "several items stand where one may")),
        }
    }

    fn ordered(
        &self,
        left: &Collection<'a>,
        right: &Collection<'a>,
        at: u32,
        test: fn(Ordering) -> bool,
    ) -> Outcome<'a> {
        match (left.as_slice(), right.as_slice()) {
            ([], _) | (_, []) => Ok(Collection::Empty),
            ([a], [b]) => Ok(self.order(a, b, at)?.map(test).into()),
            _ => Err(self.wrong(at, "several items stand where one may")),
        }
    }

    fn member(&self, item: Collection<'a>, of: &Collection<'a>, at: u32) -> Outcome<'a> {
        match item.as_slice() {
            [] => Ok(Collection::Empty),
            [item] => Ok(self.holds(of.as_slice(), item)?.into()),
            _ => Err(self.wrong(at, "several items stand where one may")),
        }
    }

    fn concatenate(&self, left: &Collection<'a>, right: &Collection<'a>, at: u32) -> Outcome<'a> {
        let text = |values| -> Result<Cow<'a, str>, Error> {
            match self.single(values, at)? {
                None => Ok(Cow::Borrowed("")),
                Some(Value::String(text)) => Ok(text),
                Some(other) => match other.to_text() {
                    Some(text) => Ok(text),
                    None => Err(self.wrong(at, "`&` joins texts")),
                },
            }
        };
        let (left, right) = (text(left)?, text(right)?);
        self.join(&left, &right)
    }

    fn join(&self, left: &str, right: &str) -> Outcome<'a> {
        self.bounded_text(left.len() + right.len())?;
        Ok(Value::String(Cow::Owned([left, right].concat())).into())
    }

    fn arithmetic(
        &self,
        operator: Operator,
        a: &Value<'a>,
        b: &Value<'a>,
        at: u32,
    ) -> Result<Option<Value<'a>>, Error> {
        match (a, b) {
            (Value::String(a), Value::String(b)) if operator == Operator::Plus => Ok(self.join(a, b)?.into_vec().pop()),
            (Value::Moment(moment), Value::Quantity(by)) => self.move_moment(operator, *moment, by, at),
            (Value::Integer(a), Value::Integer(b)) if operator != Operator::Over => {
                Ok(integers(operator, i128::from(*a), i128::from(*b)))
            }
            (Value::Quantity(a), Value::Quantity(b)) => self.quantities(operator, a, b, at),
            (Value::Quantity(a), n) if n.decimal().is_some() => {
                let Some(n) = n.decimal() else { return Ok(None) };
                self.quantities(operator, a, &Quantity::number(n), at)
            }
            (n, Value::Quantity(b)) if n.decimal().is_some() => {
                let Some(n) = n.decimal() else { return Ok(None) };
                self.quantities(operator, &Quantity::number(n), b, at)
            }
            _ => match (a.decimal(), b.decimal()) {
                (Some(a), Some(b)) => Ok(match operator {
                    Operator::Plus => a.plus(b).map(Value::Decimal),
                    Operator::Minus => a.plus(b.negated()).map(Value::Decimal),
                    Operator::Times => a.times(b).map(Value::Decimal),
                    Operator::Over => a.over(b).map(Value::Decimal),
                    Operator::Div => a.divided(b).and_then(|(whole, _)| integer(whole.mantissa)),
                    _ => a.divided(b).map(|(_, rest)| Value::Decimal(rest)),
                }),
                _ => Err(self.wrong(at, "this operator does not fit what stands on its two sides")),
            },
        }
    }

    fn quantities(
        &self,
        operator: Operator,
        a: &Quantity<'a>,
        b: &Quantity<'a>,
        at: u32,
    ) -> Result<Option<Value<'a>>, Error> {
        let result = match operator {
            Operator::Plus => a.plus(b),
            Operator::Minus => a.plus(&Quantity { value: b.value.negated(), ..b.clone() }),
            Operator::Times => a.times(b),
            Operator::Over => a.over(b),
            _ => return Err(self.wrong(at, "`div` and `mod` take numbers without unit")),
        };
        Ok(result.map(|q| Value::Quantity(Box::new(q))))
    }

    /// A date plus or minus so many units; parts of a unit do not count (FHIRPath N1 §6.7).
    fn move_moment(
        &self,
        operator: Operator,
        moment: Moment,
        by: &Quantity<'a>,
        at: u32,
    ) -> Result<Option<Value<'a>>, Error> {
        let sign = match operator {
            Operator::Plus => 1,
            Operator::Minus => -1,
            _ => return Err(self.wrong(at, "a date or time can only be moved by `+` and `-`")),
        };
        let Some(unit) = by.calendar_unit() else {
            return Err(self.wrong(at, "a date or time can only be moved by units of the calendar"));
        };
        if moment.kind == MomentKind::Time && unit < CalendarUnit::Hour {
            return Err(self.wrong(at, "a time of day can only be moved by hours and what is shorter"));
        }
        let count = by.value.truncated(0).to_integer().and_then(|c| c.checked_mul(sign));
        match count.and_then(|count| moment.moved(count, unit)) {
            Some(moved) => Ok(Some(Value::Moment(moved))),
            None => Err(self.wrong(at, "no calendar reaches so far")),
        }
    }

    pub(super) fn negate(&self, values: Collection<'a>, at: u32) -> Outcome<'a> {
        Ok(match self.single(&values, at)? {
            None => Collection::Empty,
            Some(Value::Integer(value)) => Value::Integer(-value).into(),
            Some(Value::Decimal(value)) => Value::Decimal(value.negated()).into(),
            Some(Value::Quantity(q)) => Value::Quantity(Box::new(Quantity { value: q.value.negated(), ..*q })).into(),
            Some(_) => return Err(self.wrong(at, "only numbers have a sign")),
        })
    }
}

fn integers<'a>(operator: Operator, a: i128, b: i128) -> Option<Value<'a>> {
    let result = match operator {
        Operator::Plus => a + b,
        Operator::Minus => a - b,
        Operator::Times => a * b,
        Operator::Div => a.checked_div(b)?,
        _ => a.checked_rem(b)?,
    };
    integer(result)
}
