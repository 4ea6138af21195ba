//! `is`, `as`, `ofType` and `type()`.

use super::ast::{Namespace, TypeName, TypeTest};
use super::collection::Collection;
use super::evaluate::{Error, Outcome, Run};
use super::model::{Type, is_a};
use super::moment::MomentKind;
use super::navigate::is_primitive;
use super::value::Value;
use crate::pure::fhir::Item;
use std::borrow::Cow;

/// The types of FHIRPath's own.
pub(super) const SYSTEM: [&str; 8] =
    ["Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"];

/// What a type test looks for.
struct Wanted<'n> {
    name: &'n str,
    system: Option<&'n str>,
    fhir: Option<Type>,
}

impl<'a> Value<'a> {
    /// The name of its type in the namespace `System`; none for elements.
    #[must_use]
    pub fn system_type(&self) -> Option<&'static str> {
        Some(match self {
            Value::Element(..) => return None,
            Value::Boolean(_) => "Boolean",
            Value::Integer(_) => "Integer",
            Value::Decimal(_) => "Decimal",
            Value::String(_) => "String",
            Value::Moment(moment) => match moment.kind {
                MomentKind::Date => "Date",
                MomentKind::DateTime => "DateTime",
                MomentKind::Time => "Time",
            },
            Value::Quantity(_) => "Quantity",
            Value::TypeInfo(..) => "TypeInfo",
        })
    }
}

impl<'a> Run<'a> {
    fn wanted<'n>(&self, name: &'n TypeName, at: u32) -> Result<Wanted<'n>, Error> {
        let system = name.is_system;
        let fhir = match name.namespace {
            Some(Namespace::System) => None,
            _ => self.context.model.find(&name.name).or_else(|| {
                // R4's own invariants say `Boolean` where they mean `boolean` (que-7).
                let lenient = self.context.lenient && system && &*name.name != "Quantity";
                lenient.then(|| self.context.model.find(&name.name.to_ascii_lowercase())).flatten()
            }),
        };
        // A name that `System` does not have is no item's type; without a namespace it is a slip.
        if !system && fhir.is_none() && name.namespace != Some(Namespace::System) {
            return Err(self.wrong(at, format!("there is no type `{}`", name.name)));
        }
        Ok(Wanted { name: &name.name, system: system.then_some(&*name.name), fhir })
    }

    fn fits(&self, value: &Value<'a>, wanted: &Wanted<'_>, exact: bool) -> bool {
        let Value::Element(item, kind) = value else { return value.system_type() == wanted.system };
        if wanted.fhir.is_some() && item.resource_type() == Some(wanted.name) {
            return true;
        }
        let (Some(kind), Some(wanted)) = (self.type_of(*item, *kind), wanted.fhir) else { return false };
        // `as(string)` and `ofType(string)` take strings, not codes: primitives are taken by their own type.
        if exact && is_primitive(*item) { kind == wanted } else { is_a(self.context.model, kind, wanted) }
    }

    /// `is`, `as` or `ofType` on a collection.
    pub(super) fn typed(&self, values: Collection<'a>, test: TypeTest, name: &TypeName, at: u32) -> Outcome<'a> {
        let wanted = self.wanted(name, at)?;
        let filters = test == TypeTest::OfType || (test == TypeTest::As && self.context.lenient);
        if values.len() > 1 && !filters {
            return Err(self.wrong(at, "several items stand where one may be tested for its type"));
        }
        if test == TypeTest::Is {
            return Ok(values.iter().next().map(|value| self.fits(value, &wanted, false)).into());
        }
        self.tick(values.len())?;
        let mut kept = Collection::Empty;
        for value in values {
            if self.fits(&value, &wanted, true) {
                kept.push(value);
            }
        }
        Ok(kept)
    }

    /// Whether a path that starts with `name` starts at this element: `Patient.name` on a Patient.
    pub(super) fn is_named(&self, item: Item<'a>, kind: Option<Type>, name: &str) -> bool {
        if item.resource_type() == Some(name) {
            return true;
        }
        let model = self.context.model;
        match (self.type_of(item, kind), model.find(name)) {
            (Some(kind), Some(named)) => is_a(model, kind, named),
            _ => false,
        }
    }

    /// `type()` of one item.
    pub(super) fn type_info(&self, value: &Value<'a>) -> Option<Value<'a>> {
        match value {
            Value::Element(item, kind) => {
                let model: &'a dyn super::model::Model = self.context.model;
                let name = self.type_of(*item, *kind).map(|kind| model.name(kind))?;
                Some(Value::TypeInfo("FHIR", Cow::Borrowed(name)))
            }
            other => other.system_type().map(|name| Value::TypeInfo("System", Cow::Borrowed(name))),
        }
    }
}
