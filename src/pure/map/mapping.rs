//! A mapping, compiled: what `mappings/<name>/map.yaml` says, checked and ready to run in both directions.

use super::convert::Convert;
use super::loss::Cover;
use super::path::{Step, Test};
use super::raw::Spot;
use crate::pure::fhir::{File, Kind, Report};
use crate::pure::fhirpath::Expression;
use crate::pure::parse::Syntax;
use crate::pure::profile::Definitions;
use serde_json::Value;

/// One local format, compiled. Immutable; share it.
pub struct Mapping {
    pub(super) name: String,
    pub(super) syntax: Syntax,
    pub(super) record: Vec<Step>,
    pub(super) record_line: u32,
    pub(super) kinds: Vec<ResourceKind>,
    /// The rows of the Bundle itself.
    pub(super) bundle: Block,
    pub(super) provenance: Option<Provenance>,
    pub(super) lists: Vec<List>,
    pub(super) local_cover: Cover,
    pub(super) fhir_cover: Vec<Cover>,
    pub(super) warnings: Report,
}

impl std::fmt::Debug for Mapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mapping({}, {} kinds of resources)", self.name, self.kinds.len())
    }
}

/// A kind of resource: one per record, or one per item of a list.
pub(super) struct ResourceKind {
    pub name: String,
    pub resource: String,
    pub profile: Option<String>,
    pub line: u32,
    pub each: Vec<LocalLoop>,
    pub key: Vec<Key>,
    pub conditions: Vec<Condition>,
    pub is: Vec<(Vec<Step>, String, Kind)>,
    pub fixed: Vec<(Vec<Step>, Value)>,
    pub refs: Vec<Ref>,
    pub when_out: Option<Expression>,
    pub when_in: Option<Expression>,
    pub way: Way,
    pub required: bool,
    pub block: Block,
}

/// Which directions something is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Both,
    Out,
    In,
}

impl Way {
    pub fn goes_out(self) -> bool {
        self != Way::In
    }

    pub fn comes_in(self) -> bool {
        self != Way::Out
    }
}

/// A loop over a local list, from the item of the loop around it.
#[derive(Clone, Debug)]
pub(super) struct LocalLoop {
    /// Which item the steps start from: 0 is the record, 1 the item of the outermost loop.
    pub level: usize,
    pub steps: Vec<Step>,
    pub tests: Vec<Test>,
    /// Position in [`Mapping::lists`].
    pub list: usize,
}

/// A local list, and what names an item of it.
#[derive(Clone, Debug)]
pub(super) struct List {
    /// `goals[].steps[]`
    pub path: String,
    pub key: Vec<Key>,
}

/// A field that names an item.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub from: LocalPath,
    /// `name?`: may be missing.
    pub optional: bool,
}

/// A local field, seen from the items that are bound.
#[derive(Clone, Debug)]
pub(super) struct LocalPath {
    /// 0 is the record, 1 the item of the outermost loop.
    pub level: usize,
    pub steps: Vec<Step>,
    /// As written, for messages and loss reports.
    pub text: String,
}

/// `where:` on one field.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub from: LocalPath,
    pub must: Must,
}

#[derive(Clone, Debug)]
pub(super) enum Must {
    BePresent,
    BeAbsent,
    Be(Vec<String>),
}

/// A reference to other resources made.
pub(super) struct Ref {
    pub path: Vec<Step>,
    pub to: Vec<usize>,
    pub how: RefHow,
    pub line: u32,
}

pub(super) enum RefHow {
    /// To the one there is, to the one whose item is around this one, or to each.
    Made,
    /// To the one whose key stands in this field; with a list, to each of several.
    By { from: LocalPath, list: Option<Vec<Step>> },
}

/// Rows and loops that start from one local item and one FHIR element.
#[derive(Default)]
pub(super) struct Block {
    pub rows: Vec<Row>,
    pub loops: Vec<Loop>,
}

/// A local list that is a list in FHIR.
pub(super) struct Loop {
    pub local: LocalLoop,
    /// To the FHIR list; the last step is its name.
    pub fhir: Vec<Step>,
    pub tests: Vec<Test>,
    /// Items that rows outside the loop claim.
    pub not: Vec<Vec<Test>>,
    pub block: Block,
    /// Whether a reference goes into the items of the same FHIR list.
    pub referred: bool,
    /// Which loop it is, to find it again when a further row belongs to it.
    pub same: (String, String),
}

/// One row.
pub(super) struct Row {
    pub spot: Spot,
    pub from: From,
    pub fhir: Vec<Step>,
    /// One cell or text that is several values in FHIR: separator, and the path from each item.
    pub split: Option<(String, Vec<Step>, Vec<Test>)>,
    pub join: Option<(String, Vec<Step>)>,
    pub convert: Convert,
    pub required_out: bool,
    pub required_in: bool,
    pub way: Way,
    pub fallback: bool,
    pub conditions: Vec<Condition>,
    pub when_out: Option<Expression>,
    pub when_in: Option<Expression>,
    /// What the local schema says about the field.
    pub local_kind: Option<Kind>,
}

/// Where the value of a row comes from.
pub(super) enum From {
    Local(LocalPath),
    Value(Value),
    /// Pieces of text and fields.
    Template(Vec<(String, Option<LocalPath>)>),
}

pub(super) struct Provenance {
    pub target: usize,
    /// A kind of resource, or the sender.
    pub author: Option<usize>,
}

impl Mapping {
    /// Compiles `<name>/map.yaml` and what stands beside it. `files` are those below `mappings/`.
    ///
    /// # Errors
    /// A report of every mistake in the mapping, with file, line, column and remedy.
    pub fn compile(name: &str, files: &[File], definitions: &Definitions) -> Result<Mapping, Report> {
        super::compile::compile(name, files, definitions)
    }

    /// The name of the format: its folder in `mappings/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How records of this format are written down.
    #[must_use]
    pub fn syntax(&self) -> &Syntax {
        &self.syntax
    }

    /// What its author should look at, though it runs.
    #[must_use]
    pub fn warnings(&self) -> &Report {
        &self.warnings
    }

    pub(super) fn rule(&self, line: u32) -> String {
        format!("mappings/{}/map.yaml:{line}", self.name)
    }

    /// What a field is called where records of this syntax come from.
    pub(super) fn field_word(&self) -> &'static str {
        if matches!(self.syntax, Syntax::CsvZip(_)) { "column" } else { "field" }
    }
}
