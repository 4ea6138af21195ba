//! What an evaluation is given from outside: types, other records, value sets, the time, and how far it may go.

use super::model::{Model, Type};
use crate::pure::fhir::Item;
use jiff::Timestamp;
use std::fmt;

/// What lies outside the record: other records, value sets, profiles. Every answer may be "not known".
pub trait World: Send + Sync {
    /// The resource that a reference written in `from` points to (`Patient/1`, an absolute URL, `#contained`,
    /// `urn:uuid:…`). Contained resources and entries of the same Bundle are found without asking the world.
    fn resolve<'a>(&'a self, reference: &str, from: Item<'a>) -> Option<Item<'a>> {
        let _ = (reference, from);
        None
    }

    /// Where an index is kept: the resource that a reference written in `from` points to within `holder`, a Bundle or the
    /// container of `#contained`. None where there is no index, and then the engine looks through all of them.
    fn within<'a>(&'a self, reference: &str, holder: Item<'a>, from: Item<'a>) -> Option<Option<Item<'a>>> {
        let _ = (reference, holder, from);
        None
    }

    /// Whether a code, Coding or CodeableConcept is in a value set; none where that cannot be known here.
    fn member_of(&self, value_set: &str, coded: Item<'_>) -> Option<bool> {
        let _ = (value_set, coded);
        None
    }

    /// Whether a code is another code of the same system or stands above it; none where that cannot be known here.
    fn subsumes(&self, system: &str, upper: &str, lower: &str) -> Option<bool> {
        let _ = (system, upper, lower);
        None
    }

    /// Whether an element conforms to a profile; none where the profile is not known.
    fn conforms_to(&self, profile: &str, item: Item<'_>) -> Option<bool> {
        let _ = (profile, item);
        None
    }
}

/// A world that knows nothing beyond the record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl World for Alone {}

/// How far one evaluation may go before it is stopped.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Steps: items visited, operators and functions applied.
    pub steps: u64,
    /// Items of one collection.
    pub items: usize,
    /// Bytes of one string made by the expression.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { steps: 5_000_000, items: 200_000, bytes: 1 << 20 }
    }
}

/// Everything an evaluation is given besides the focus. Copying it is free; one serves a whole record.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The types.
    pub model: &'a dyn Model,
    /// Other records, value sets, profiles.
    pub world: &'a dyn World,
    /// What `now()` and `today()` say (`today()` in London).
    pub now: Timestamp,
    /// `%resource`: the resource that holds the focus; found from the focus where it is none.
    pub resource: Option<Item<'a>>,
    /// `%rootResource`: the container of `%resource` where that is contained; found from the focus where it is none.
    pub root: Option<Item<'a>>,
    /// Whether to read expressions as R4's own invariants are written: `as(canonical)` keeps what fits of many items
    /// (dom-3), and `answer is Boolean` means FHIR's `boolean` (que-7).
    pub lenient: bool,
    /// How far to go.
    pub limits: Limits,
}

impl<'a> Context<'a> {
    /// A context for R4's invariants: lenient, with the usual limits, `%resource` found from the focus.
    #[must_use]
    pub fn new(model: &'a dyn Model, world: &'a dyn World, now: Timestamp) -> Context<'a> {
        Context { model, world, now, resource: None, root: None, lenient: true, limits: Limits::default() }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({:?})", self.limits)
    }
}

/// What an expression is evaluated on.
#[derive(Clone, Copy, Debug)]
pub struct Focus<'a> {
    /// The element; none for an expression that needs no record.
    pub item: Option<Item<'a>>,
    /// Its type, where the caller knows it (a validator does): then no look-up from the root is needed.
    pub is: Option<Type>,
}

impl<'a> Focus<'a> {
    /// No focus at all.
    pub const EMPTY: Focus<'static> = Focus { item: None, is: None };

    /// An element whose type the caller knows.
    #[must_use]
    pub fn typed(item: Item<'a>, is: Type) -> Focus<'a> {
        Focus { item: Some(item), is: Some(is) }
    }
}

impl<'a> From<Item<'a>> for Focus<'a> {
    /// An element whose type follows from where it stands.
    fn from(item: Item<'a>) -> Focus<'a> {
        Focus { item: Some(item), is: None }
    }
}

/// An expression that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where, in bytes from the start of the expression.
    pub offset: usize,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at {})", self.text, self.offset)
    }
}

impl std::error::Error for ParseError {}

/// Why an evaluation gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The expression does not fit the record: two items where one may stand, `1 + 'a'`.
    Wrong,
    /// It went beyond [`Limits`].
    Limit,
    /// It asked for a value set or profile that is not known here.
    Unknown,
}

/// An evaluation that gave no answer. Its text names the step, never a value of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    /// Why.
    pub fault: Fault,
    /// Where, in bytes from the start of the expression.
    pub offset: usize,
    /// What went wrong.
    pub text: String,
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at {})", self.text, self.offset)
    }
}

impl std::error::Error for EvaluationError {}
