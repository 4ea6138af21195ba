//! FHIR XML → [`Tree`], the same tree that JSON gives (R4 §2.6.1 XML, §2.6.2 JSON), within limits.
//!
//! Comes in: bytes as sent, and the types (XML does not say what repeats, what is a number, what is a choice). Goes out:
//! a tree whose elements remember where they stood. Refuses, with line and column: a document type (so no entities and
//! nothing external, ever), other encodings than UTF-8, text between elements, attributes FHIR does not have, what is
//! not well-formed, and input beyond the limits. What the types do not know is kept, for the validator to name.

mod convert;
mod elements;

use super::issue::{Issue, Report};
use super::json::{Limits, utf8};
use super::tree::{Place, Tree, line_and_column};
use crate::pure::fhirpath::Model;

/// The namespace of FHIR's elements.
const FHIR: &str = "http://hl7.org/fhir";

/// What is wrong, and where.
struct Fault {
    at: usize,
    id: &'static str,
    text: String,
    remedy: &'static str,
}

impl Fault {
    fn new(at: usize, id: &'static str, text: impl Into<String>, remedy: &'static str) -> Fault {
        Fault { at, id, text: text.into(), remedy }
    }
}

/// Reads a resource.
///
/// # Errors
/// A report of one issue, pointing at the first thing that is wrong.
pub fn read(bytes: &[u8], limits: &Limits, model: &dyn Model) -> Result<Tree, Report> {
    let text = utf8(bytes, None)?;
    let root = match elements::parse(text, limits) {
        Ok(root) => root,
        Err(fault) => return Err(report(text, fault)),
    };
    convert::tree(text, &root, model).map_err(|fault| report(text, fault))
}

fn report(text: &str, fault: Fault) -> Report {
    let (line, column) = line_and_column(text, u32::try_from(fault.at).unwrap_or(u32::MAX));
    Issue::error("structure", fault.id, fault.text)
        .at(Some(Place { file: None, line, column }))
        .remedy(fault.remedy)
        .into()
}
