//! The types of local records, for FHIRPath conditions: there are none.

use crate::pure::fhirpath::{Element, Model, Type};

/// A model that knows no type.
pub(super) struct Untyped;

impl Model for Untyped {
    fn find(&self, _name: &str) -> Option<Type> {
        None
    }

    fn name(&self, _of: Type) -> &str {
        ""
    }

    fn base(&self, _of: Type) -> Option<Type> {
        None
    }

    fn element(&self, _of: Type, _name: &str) -> Option<Element> {
        None
    }

    fn choices(&self, _of: Type, _name: &str) -> &[Type] {
        &[]
    }
}
