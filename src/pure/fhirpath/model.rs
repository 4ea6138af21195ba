//! What the engine asks about types: the face that definitions show to FHIRPath.

/// Names one type of one [`Model`]: a resource, a datatype, or an element that has elements of its own
/// (`Patient.contact`). The number is the model's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Type(pub u32);

/// What stands under one JSON name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its type. `Resource` where any resource may stand (`contained`, `Bundle.entry.resource`): the engine then reads
    /// `resourceType`.
    pub is: Type,
    /// Whether the JSON name is one form of a choice: `valueQuantity` of `value[x]`. FHIRPath calls it `value`.
    pub choice: bool,
    /// Whether JSON writes it as an array (maximum above 1).
    pub array: bool,
    /// Its position among the elements of its type, in order of definition. XML keeps that order (R4 §2.6.1).
    pub position: u16,
}

/// The types of one FHIR version with its profiles. Shared by all threads; every answer must be cheap.
pub trait Model: Send + Sync {
    /// The type of this name in the namespace `FHIR`: `Patient`, `HumanName`, `code`, `Resource`, `Element`.
    fn find(&self, name: &str) -> Option<Type>;

    /// The name of a type; `BackboneElement` or `Element` for an element that has elements of its own.
    fn name(&self, of: Type) -> &str;

    /// The type it specialises: `code` → `string`, `Patient` → `DomainResource`, `Patient.contact` →
    /// `BackboneElement` → `Element`. None above `Resource` and `Element`.
    fn base(&self, of: Type) -> Option<Type>;

    /// What stands under a JSON name (`birthDate`, `valueQuantity`; no leading `_`) in an object of type `of`,
    /// inherited elements included. Always answers for `id` and `extension`.
    fn element(&self, of: Type, name: &str) -> Option<Element>;

    /// The types of the choice called `name` (`value`, `deceased`) in an object of type `of`; empty where there is no
    /// such choice. The JSON name of each is `name` with the type's name, first letter in upper case.
    fn choices(&self, of: Type, name: &str) -> &[Type];
}

/// Whether a type is another, or specialises it.
#[must_use]
pub fn is_a(model: &dyn Model, mut kind: Type, other: Type) -> bool {
    // A model that goes in circles must not hang us: R4's deepest line has five steps.
    for _ in 0..16 {
        if kind == other {
            return true;
        }
        match model.base(kind) {
            Some(base) => kind = base,
            None => return false,
        }
    }
    false
}
