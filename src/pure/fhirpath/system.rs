//! Elements of the record → FHIRPath's own values, and the reading of results as one boolean, integer or text.

use super::collection::Collection;
use super::decimal::Decimal;
use super::evaluate::{Error, Run};
use super::model::{Type, is_a};
use super::moment::{Moment, MomentKind};
use super::navigate::{is_shadow, name_and_holder};
use super::quantity::Quantity;
use super::value::Value;
use crate::pure::fhir::{Item, Kind};
use std::borrow::Cow;

const UCUM: &str = "http://unitsofmeasure.org";

/// Whether a text could be a date or time; only then its type is looked up.
fn looks_like_moment(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes, [a, b, c, d] | [a, b, c, d, b'-', ..] if [a, b, c, d].iter().all(|x| x.is_ascii_digit()))
        || matches!(bytes, [a, b, b':', ..] if a.is_ascii_digit() && b.is_ascii_digit())
}

impl<'a> Value<'a> {
    /// The number, where it is one without unit.
    #[must_use]
    pub fn decimal(&self) -> Option<Decimal> {
        match self {
            Value::Integer(value) => Some(Decimal::from(*value)),
            Value::Decimal(value) => Some(*value),
            _ => None,
        }
    }

    /// As `toString()` writes it; none for elements with children.
    #[must_use]
    pub fn to_text(&self) -> Option<Cow<'a, str>> {
        Some(match self {
            Value::Element(item, _) if item.is_container() || item.kind() == Kind::Null => return None,
            Value::Element(item, _) => Cow::Borrowed(item.text()),
            Value::Boolean(true) => Cow::Borrowed("true"),
            Value::Boolean(false) => Cow::Borrowed("false"),
            Value::Integer(value) => Cow::Owned(value.to_string()),
            Value::Decimal(value) => Cow::Owned(value.to_string()),
            Value::String(text) => text.clone(),
            Value::Moment(moment) => Cow::Owned(moment.to_string()),
            Value::Quantity(quantity) => Cow::Owned(quantity.to_string()),
            Value::TypeInfo(namespace, name) => Cow::Owned(format!("{namespace}.{name}")),
        })
    }
}

impl Moment {
    pub(super) fn is_time(self) -> bool {
        self.kind == MomentKind::Time
    }
}

impl<'a> Run<'a> {
    /// The value of an item; none for elements with children and primitives without value.
    pub fn system(&self, value: &Value<'a>) -> Option<Value<'a>> {
        let Value::Element(item, kind) = value else {
            self.charge(value);
            return Some(value.clone());
        };
        match item.kind() {
            Kind::Bool => item.bool().map(Value::Boolean),
            Kind::Number => number(item.text()),
            Kind::String => Some(self.text_value(*item, *kind)),
            Kind::Object => self.quantity_of(*item).map(|q| Value::Quantity(Box::new(q))),
            Kind::Null | Kind::Array => None,
        }
    }

    /// The same, knowing what it will be compared with: beside a text, a text needs no look-up.
    pub fn system_beside(&self, value: &Value<'a>, other: &Value<'a>) -> Option<Value<'a>> {
        if let (Value::Element(item, _), Value::String(_)) = (value, other)
            && let Some(text) = item.str()
        {
            return Some(Value::String(Cow::Borrowed(text)));
        }
        self.system(value)
    }

    fn text_value(&self, item: Item<'a>, kind: Option<Type>) -> Value<'a> {
        let text = item.text();
        let plain = Value::String(Cow::Borrowed(text));
        if !looks_like_moment(text) {
            return plain;
        }
        let moment = match self.type_of(item, kind).map(|kind| self.context.model.name(kind)) {
            Some("date") => Moment::read_date(text),
            Some("dateTime" | "instant") => Moment::read_date_time(text),
            Some("time") => Moment::read_time(text),
            Some(_) => None,
            None if text.as_bytes().get(2) == Some(&b':') => Moment::read_time(text),
            None => Moment::read_date_time(text).filter(|_| text.len() >= 10),
        };
        moment.map_or(plain, Value::Moment)
    }

    /// Whether a value is a quantity, or an element of that type, however little it says.
    pub fn is_quantity(&self, value: &Value<'a>) -> bool {
        let model = self.context.model;
        match value {
            Value::Quantity(_) => true,
            Value::Element(item, kind) => self
                .type_of(*item, *kind)
                .zip(model.find("Quantity"))
                .is_some_and(|(kind, quantity)| is_a(model, kind, quantity)),
            _ => false,
        }
    }

    /// A FHIR Quantity as a quantity; none where it has no value, a comparator, or is none.
    pub fn quantity_of(&self, item: Item<'a>) -> Option<Quantity<'a>> {
        let value = item.get("value").filter(|v| v.kind() == Kind::Number)?;
        if item.get("comparator").is_some() || is_shadow(item) {
            return None;
        }
        if let Some(kind) = self.type_of(item, None) {
            let model = self.context.model;
            if !model.find("Quantity").is_some_and(|quantity| is_a(model, kind, quantity)) {
                return None;
            }
        }
        let text = |name| item.get(name).and_then(Item::str);
        let value = Decimal::parse(value.text())?;
        let unit = text("code").or_else(|| text("unit")).unwrap_or("1");
        let recorded = text("system") == Some(UCUM);
        Some(Quantity { value, unit: Cow::Borrowed(unit), calendar: false, recorded })
    }

    /// The type of an element, from where it stands: known, told by `resourceType`, or asked of its holder's type.
    pub fn type_of(&self, item: Item<'a>, known: Option<Type>) -> Option<Type> {
        if known.is_some() {
            return known;
        }
        if let Some(name) = item.resource_type() {
            return self.context.model.find(name);
        }
        if self.focus.item == Some(item) && self.focus.is.is_some() {
            return self.focus.is;
        }
        let (name, holder) = name_and_holder(item)?;
        let name = name.strip_prefix('_').unwrap_or(name);
        // R4 types `Resource.id` as a text; its own page calls it `id`.
        if name == "id" && holder.resource_type().is_some() {
            return self.context.model.find("id");
        }
        let holder = self.type_of(holder, None)?;
        self.context.model.element(holder, name).map(|element| element.is)
    }

    /// One boolean, or none; any other single item counts as true (FHIRPath N1 §4.5).
    pub fn truth(&self, values: &Collection<'a>, at: u32) -> Result<Option<bool>, Error> {
        match values.as_slice() {
            [] => Ok(None),
            [Value::Boolean(answer)] => Ok(Some(*answer)),
            [Value::Element(item, _)] => Ok(Some(item.bool().unwrap_or(true))),
            [_] => Ok(Some(true)),
            _ => Err(self.wrong(at, "several items stand where one boolean may")),
        }
    }

    /// One integer, or none.
    pub fn integer(&self, values: &Collection<'a>, at: u32) -> Result<Option<i64>, Error> {
        match self.single(values, at)? {
            None => Ok(None),
            Some(Value::Integer(value)) => Ok(Some(value)),
            Some(_) => Err(self.wrong(at, "an integer should stand here")),
        }
    }

    /// One text, or none. Primitives of the record count as text as they are written.
    pub fn text(&self, values: &Collection<'a>, at: u32) -> Result<Option<Cow<'a, str>>, Error> {
        match values.as_slice() {
            [] => Ok(None),
            [value @ Value::String(text)] => {
                self.charge(value);
                Ok(Some(text.clone()))
            }
            [Value::Element(item, _)] if item.kind() == Kind::String => Ok(Some(Cow::Borrowed(item.text()))),
            [Value::Element(item, _)] if item.kind() == Kind::Null || is_shadow(*item) => Ok(None),
            [_] => Err(self.wrong(at, "a text should stand here")),
            _ => Err(self.wrong(at, "several items stand where one text may")),
        }
    }
}

/// A JSON number: an integer where it is written as one and fits, a decimal otherwise.
fn number<'a>(text: &'a str) -> Option<Value<'a>> {
    let whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    match text.parse::<i32>() {
        Ok(value) if whole => Some(Value::Integer(i64::from(value))),
        _ => Decimal::parse(text).map(Value::Decimal),
    }
}
