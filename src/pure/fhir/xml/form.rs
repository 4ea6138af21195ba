//! What the values of a type look like, in JSON and in XML: one answer for reader and writer.

use crate::pure::fhirpath::{Model, Type, is_a};

/// The look of a type's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Bool,
    Number,
    Text,
    Narrative,
    Object,
    /// An element that holds a resource
    Resource,
}

impl Form {
    pub(super) fn of(model: &dyn Model, kind: Type) -> Form {
        match model.name(kind) {
            "boolean" => Form::Bool,
            "integer" | "positiveInt" | "unsignedInt" | "decimal" => Form::Number,
            "xhtml" => Form::Narrative,
            "Resource" | "DomainResource" => Form::Resource,
            name if name.starts_with(|c: char| c.is_ascii_lowercase()) => Form::Text,
            _ => Form::Object,
        }
    }

    /// Whether it is one value, which XML writes as an attribute.
    pub(super) fn is_primitive(self) -> bool {
        matches!(self, Form::Bool | Form::Number | Form::Text)
    }
}

/// Whether a type is a resource: those have an element `id`, everything else an attribute (R4 §2.6.1).
pub(super) fn is_resource(model: &dyn Model, kind: Type) -> bool {
    model.find("Resource").is_some_and(|resource| is_a(model, kind, resource))
}
