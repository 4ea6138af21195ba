//! Map: a local [`Record`] → a [`Draft`] in FHIR, and FHIR → a [`Local`] record, by one file of rows read both ways.
//!
//! Comes in: a record, a compiled [`Mapping`], and the [`Circumstances`]. Goes out: a Bundle whose nodes still know where
//! they stood in the sender's file, and what was not carried ([`Loss`]), never silently (P8). Refuses a record with every
//! mistake in it at once. The language is described in `mappings/README.md`.

mod check;
mod codes;
mod compile;
mod convert;
mod data;
mod inward;
mod loss;
pub mod mapping;
mod out;
mod path;
mod put;
mod raw;
mod untyped;

pub use mapping::Mapping;

use crate::pure::fhir::{Issue, Item, Place, Report, Tree};
use crate::pure::parse::Record;
use jiff::Timestamp;

/// What a mapping needs to know about the moment and the sender.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// When the record arrived.
    pub now: Timestamp,
    /// The sender's name, as people know it.
    pub sender_name: &'a str,
    /// The sender's identifier: system and value (ODS for NHS and council organisations).
    pub sender_identifier: (&'a str, &'a str),
    /// The request this is part of.
    pub request_id: &'a str,
}

/// A FHIR tree that nobody has validated yet: a Bundle, or one resource.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The Bundle or resource; places point into what the sender sent.
    pub tree: Tree,
    /// What of the record is not in it.
    pub loss: Vec<Loss>,
    /// What the mapping has to say that is no error.
    pub report: Report,
    /// The mapping that made it; none for FHIR as it came.
    pub mapping: Option<String>,
}

/// A record in a local format, made from FHIR.
#[derive(Clone, Debug)]
pub struct Local {
    /// In the shape of the format.
    pub tree: Tree,
    /// What of the FHIR is not in it.
    pub loss: Vec<Loss>,
    /// What the mapping has to say that is no error.
    pub report: Report,
}

/// Something that was not carried, and why. Holds a path, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The field or element, without positions: `goals[].worker_note`, `Goal.note`.
    pub path: String,
    /// Where it first stood.
    pub place: Option<Place>,
    /// Why it was not carried.
    pub why: String,
    /// The row that says so: mapping file and line.
    pub rule: Option<String>,
    /// How often.
    pub count: usize,
    /// Whether the mapping's author meant it (`drop`, `keep-local`, `keep-fhir`, `only`), or nobody thought of it.
    pub intended: bool,
}

impl Loss {
    /// As JSON, for programs.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut tree = Tree::object();
        let root = tree.root().id();
        tree.push_str(root, "path", &self.path);
        if let Some(place) = &self.place {
            tree.push_str(root, "place", &place.to_string());
        }
        tree.push_str(root, "why", &self.why);
        if let Some(rule) = &self.rule {
            tree.push_str(root, "rule", rule);
        }
        tree.push_number(root, "count", &self.count.to_string());
        tree.push_bool(root, "intended", self.intended);
        tree.root().to_json()
    }
}

impl std::fmt::Display for Loss {
    /// `goals.csv:2:14: not carried: goals[].worker (3 times): kept by the sender (mappings/tiny/map.yaml:44)`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "not carried: {}", self.path)?;
        if self.count > 1 {
            write!(f, " ({} times)", self.count)?;
        }
        write!(f, ": {}", self.why)?;
        if let Some(rule) = &self.rule {
            write!(f, " ({rule})")?;
        }
        Ok(())
    }
}

/// Maps a local record to a Bundle.
///
/// # Errors
/// A report of every mistake in the record that a row of the mapping finds, each with place, rule and remedy.
pub fn map(record: Record, mapping: &Mapping, around: &Circumstances<'_>) -> Result<Draft, Report> {
    out::map(&record, mapping, around)
}

/// Takes FHIR as it came: a Bundle or one resource.
///
/// # Errors
/// A report, where the record is no FHIR resource.
pub fn adopt(record: Record) -> Result<Draft, Report> {
    let tree = record.into_tree();
    if tree.root().resource_type().is_none_or(str::is_empty) {
        return Err(Issue::error("structure", "no-resource-type", "this is not a FHIR resource".to_owned())
            .on(tree.root())
            .rule("FHIR R4 json: resourceType")
            .remedy("send a Bundle or a resource with its `resourceType`")
            .into());
    }
    Ok(Draft { tree, loss: Vec::new(), report: Report::default(), mapping: None })
}

/// Maps a Bundle to a local record. With a `base`, what the mapping does not carry is kept from it, matched by key.
///
/// # Errors
/// A report of everything the local format cannot do without.
pub fn to_local(bundle: Item<'_>, mapping: &Mapping, base: Option<&Record>) -> Result<Local, Report> {
    inward::to_local(bundle, mapping, base)
}

/// Writes a local record in the syntax of its format.
///
/// # Errors
/// A report, where the record does not fit the format.
pub fn write(local: &Local, mapping: &Mapping) -> Result<Vec<u8>, Report> {
    crate::pure::parse::render(&local.tree, mapping.syntax(), mapping.name())
}
