//! A number with a unit: UCUM, or a calendar's words.

use super::decimal::Decimal;
use std::borrow::Cow;

/// A number with a unit.
#[derive(Clone, Debug)]
pub struct Quantity<'a> {
    /// How much.
    pub value: Decimal,
    /// Of what: a UCUM code.
    pub unit: Cow<'a, str>,
}
