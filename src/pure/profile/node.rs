//! A compiled profile: one vector of nodes, referring to one another by index, ready to be walked along.
//!
//! A type (Patient, HumanName) has a node for each element of its own; what lies below an element of another type is in
//! that type's own profile. A constraint (a profile on Patient) has nodes only for what it adds to its type.

use super::control::Controls;
use super::element::{Binding, Constant, Demands, Slicing};
use super::primitive::Primitive;
use super::quick::quick;
use crate::pure::fhirpath::{self, Expression};
use std::sync::Arc;

/// Index of a node in its profile.
pub type NodeIndex = u32;
/// Index of a structure among the definitions.
pub type StructureIndex = u32;

/// A compiled type or profile.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Where it stands among the definitions.
    pub index: StructureIndex,
    /// Canonical url.
    pub url: Arc<str>,
    /// Version.
    pub version: Option<Arc<str>>,
    /// The type it describes.
    pub type_name: Arc<str>,
    /// Whether it narrows a type and does not define one.
    pub is_constraint: bool,
    /// Whether it defines a resource (or narrows one).
    pub is_resource: bool,
    /// Whether no instance can be of it.
    pub is_abstract: bool,
    /// The native datatype, where it is a primitive type.
    pub primitive: Option<Primitive>,
    /// What it builds on.
    pub base: Option<StructureIndex>,
    /// Where an extension may stand.
    pub contexts: Vec<(Arc<str>, Arc<str>)>,
    /// What must hold at that place.
    pub context_invariants: Vec<Rule>,
    /// The nodes; the first is the root.
    pub nodes: Vec<Node>,
}

/// Slices by name, in order.
pub type Slices = Vec<(Arc<str>, NodeIndex)>;

/// One element.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Element id.
    pub id: Arc<str>,
    /// Name, of a choice without `[x]`.
    pub name: Arc<str>,
    /// Whether the name in JSON carries the type: `onset[x]`.
    pub is_choice: bool,
    /// Whether JSON writes it as an array.
    pub is_list: bool,
    /// Fewest.
    pub min: u32,
    /// Most.
    pub max: u32,
    /// Allowed types; in a constraint empty where it does not narrow them.
    pub types: Vec<TypeRef>,
    /// The types as FHIRPath names them, in the same order.
    pub choices: Vec<fhirpath::Type>,
    /// What lies below it.
    pub kids: Option<Kids>,
    /// The node whose kids it shares.
    pub shared: Option<NodeIndex>,
    /// Equal to this.
    pub fixed: Option<Constant>,
    /// Holds at least this.
    pub pattern: Option<Constant>,
    /// Not less.
    pub min_value: Option<Constant>,
    /// Not more.
    pub max_value: Option<Constant>,
    /// Characters.
    pub max_length: Option<u32>,
    /// Rules by extension.
    pub controls: Option<Box<Controls>>,
    /// Binding, and the value set where it is loaded.
    pub binding: Option<Binding>,
    /// What is asked of its value by extensions.
    pub demands: Option<Arc<Demands>>,
    /// Invariants.
    pub rules: Vec<Rule>,
    /// How it is cut, and the slices.
    pub slicing: Option<(Slicing, Slices)>,
    /// It changes the meaning of what holds it.
    pub is_modifier: bool,
    /// A receiver must heed it.
    pub must_support: bool,
}

/// One allowed type.
#[derive(Clone, Debug, Default)]
pub struct TypeRef {
    /// Its name.
    pub code: Arc<str>,
    /// The native datatype, where it is a primitive.
    pub primitive: Option<Primitive>,
    /// The structure that defines it.
    pub structure: Option<StructureIndex>,
    /// Profiles, one of which the value must meet.
    pub profiles: Vec<Arc<str>>,
    /// Profiles, one of which the target of a reference must meet.
    pub targets: Vec<Arc<str>>,
    /// `contained`, `referenced`, `bundled`.
    pub aggregation: Vec<Arc<str>>,
    /// `independent`, `specific`; none where either will do.
    pub versioning: Option<Arc<str>>,
}

/// The children of a node, found by their JSON name.
#[derive(Clone, Debug, Default)]
pub struct Kids {
    /// In order of definition.
    pub nodes: Vec<NodeIndex>,
    /// Places in `nodes` of those that must be there.
    pub required: Vec<u16>,
    slots: Vec<Option<Slot>>,
}

#[derive(Clone, Debug)]
struct Slot {
    name: Box<str>,
    kid: u16,
    type_index: u16,
}

impl Kids {
    /// Makes the table. `names` gives for each JSON name the place of its node in `nodes`, and its type's place.
    #[must_use]
    pub fn new(nodes: Vec<NodeIndex>, required: Vec<u16>, names: Vec<(String, u16, u16)>) -> Kids {
        let size = (names.len() * 2).next_power_of_two().max(4);
        let mut slots: Vec<Option<Slot>> = vec![None; size];
        for (name, kid, type_index) in names {
            let mut at = quick(&name) & (size - 1);
            while slots[at].is_some() {
                at = (at + 1) & (size - 1);
            }
            slots[at] = Some(Slot { name: name.into(), kid, type_index });
        }
        Kids { nodes, required, slots }
    }

    /// The place in `nodes`, and the place of the type, of what stands under a JSON name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(u16, u16)> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = quick(name) & mask;
        loop {
            let slot = self.slots[at].as_ref()?;
            if *slot.name == *name {
                return Some((slot.kid, slot.type_index));
            }
            at = (at + 1) & mask;
        }
    }
}

/// An invariant, compiled.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `ele-1`
    pub key: Arc<str>,
    /// Whether breaking it is an error, else a warning.
    pub is_error: bool,
    /// Whether it is marked as best practice.
    pub is_best_practice: bool,
    /// What the profile's author says it asks for.
    pub human: Option<Arc<str>>,
    /// How to mend what breaks it.
    pub mend: Option<Arc<str>>,
    /// FHIRPath as written.
    pub text: Arc<str>,
    /// Whether it asks for the time.
    pub asks_now: bool,
    /// How it is judged.
    pub check: Check,
}

/// How an invariant is judged.
#[derive(Clone, Debug)]
pub enum Check {
    /// By a function of ours, equal to the expression.
    Native(Native),
    /// By the expression.
    Expression(Box<Expression>),
}

/// Invariants that every record meets many times, judged without FHIRPath.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    /// ref-1: a reference to a fragment is one to a contained resource of the same resource.
    LocalReference,
    /// per-1: a period does not end before it starts.
    PeriodInOrder,
    /// dom-2: contained resources contain none.
    ContainedOnce,
    /// dom-3: contained resources are referred to.
    ContainedReferenced,
    /// dom-4: contained resources have no version or date.
    ContainedWithoutVersion,
    /// dom-5: contained resources have no security label.
    ContainedWithoutLabel,
    /// dom-6: a narrative should be there.
    Narrative,
}

impl Native {
    /// The function for an invariant of R4's own.
    #[must_use]
    pub fn of(key: &str) -> Option<Native> {
        Some(match key {
            "ref-1" => Native::LocalReference,
            "per-1" => Native::PeriodInOrder,
            "dom-2" => Native::ContainedOnce,
            "dom-3" => Native::ContainedReferenced,
            "dom-4" => Native::ContainedWithoutVersion,
            "dom-5" => Native::ContainedWithoutLabel,
            "dom-6" => Native::Narrative,
            _ => return None,
        })
    }
}
