//! What an expression yields: elements of the record, and values that the expression made.

use super::decimal::Decimal;
use super::model::Type;
use super::moment::Moment;
use super::quantity::Quantity;
use crate::pure::fhir::Item;
use std::borrow::Cow;
use std::fmt;

/// One item of a result.
#[derive(Clone)]
pub enum Value<'a> {
    /// An element of the record. Where a primitive has no value but extensions, the item is its `_name` object, or the
    /// `null` in its array.
    Element(Item<'a>, Option<Type>),
    /// `System.Boolean`
    Boolean(bool),
    /// `System.Integer`, within 32 bits
    Integer(i64),
    /// `System.Decimal`, exact
    Decimal(Decimal),
    /// `System.String`
    String(Cow<'a, str>),
    /// `System.Date`, `System.DateTime` or `System.Time`, as precise as written
    Moment(Moment),
    /// `System.Quantity`
    Quantity(Box<Quantity<'a>>),
    /// What `type()` answers: namespace and name
    TypeInfo(&'static str, Cow<'a, str>),
}

impl fmt::Debug for Value<'_> {
    /// Says what kind, never what: values come from a person's record (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Value::Element(item, _) => return write!(f, "{item:?}"),
            Value::Boolean(_) => "Boolean",
            Value::Integer(_) => "Integer",
            Value::Decimal(_) => "Decimal",
            Value::String(_) => "String",
            Value::Moment(_) => "Moment",
            Value::Quantity(_) => "Quantity",
            Value::TypeInfo(..) => "TypeInfo",
        };
        f.write_str(kind)
    }
}
