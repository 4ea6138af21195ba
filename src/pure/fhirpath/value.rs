//! What an expression yields: elements of the record, and values that the expression made.

use super::context::Context;
use super::decimal::Decimal;
use super::evaluate::Run;
use super::model::Type;
use super::moment::{Moment, MomentKind};
use super::navigate::is_shadow;
use super::quantity::Quantity;
use crate::pure::fhir::{Item, Kind};
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

impl<'a> Value<'a> {
    /// Type and value as the official suite writes them: `("boolean", "true")`, `("date", "@2026-06-30")`,
    /// `("Quantity", "4 'mg'")`; elements with children as JSON; a primitive without value as nothing.
    #[must_use]
    pub fn written(&self, context: &Context<'a>) -> (String, String) {
        let kind = match self {
            Value::Element(item, kind) => return written_element(context, *item, *kind),
            Value::Boolean(_) => "boolean",
            Value::Integer(_) => "integer",
            Value::Decimal(_) => "decimal",
            Value::String(_) => "string",
            Value::Moment(moment) => match moment.kind {
                MomentKind::Date => "date",
                MomentKind::DateTime => "dateTime",
                MomentKind::Time => "time",
            },
            Value::Quantity(_) => "Quantity",
            Value::TypeInfo(..) => "TypeInfo",
        };
        let text = self.to_text().unwrap_or_default();
        let mark = match self {
            Value::Moment(moment) if moment.kind == MomentKind::Time => "@T",
            Value::Moment(_) => "@",
            _ => "",
        };
        (kind.to_owned(), format!("{mark}{text}"))
    }
}

fn written_element<'a>(context: &Context<'a>, item: Item<'a>, kind: Option<Type>) -> (String, String) {
    let run = Run::outside(context);
    let name = match run.type_of(item, kind) {
        Some(kind) => context.model.name(kind),
        None => match item.kind() {
            Kind::Bool => "boolean",
            Kind::Number => "decimal",
            Kind::String => "string",
            _ => "Element",
        },
    };
    if item.kind() == Kind::Null || is_shadow(item) {
        return (name.to_owned(), String::new());
    }
    if item.is_container() {
        return (name.to_owned(), item.to_json());
    }
    let mark = match name {
        "date" | "dateTime" | "instant" => "@",
        "time" => "@T",
        _ => "",
    };
    (name.to_owned(), format!("{mark}{}", item.text()))
}
