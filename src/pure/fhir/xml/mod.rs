//! FHIR XML ⇄ [`Tree`], the same tree that JSON gives (R4 §2.6.1 XML, §2.6.2 JSON), within limits.
//!
//! Comes in: bytes as sent, and the types (XML does not say what repeats, what is a number, what is a choice). Goes out:
//! a tree whose elements remember where they stood. Refuses, with line and column: a document type (so no entities and
//! nothing external, ever), other encodings than UTF-8, other namespaces than FHIR's and XHTML's, text between elements,
//! attributes and instructions FHIR does not have, elements out of order, what is not well-formed, and input beyond the
//! limits. What the types do not know is kept, for the validator to name.
//! And back: [`write()`] takes a tree and gives the XML that is read as the same tree.

mod convert;
mod elements;
mod form;
mod namespaces;
mod narrative;
mod place;
mod write;

pub use write::write;

use super::issue::{Issue, Report};
use super::json::{Limits, utf8};
use super::tree::{Place, Tree, line_and_column};
use crate::pure::fhirpath::Model;
use std::borrow::Cow;

/// The namespace of FHIR's elements.
const FHIR: &str = "http://hl7.org/fhir";
/// The namespace of a narrative's elements.
const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// Where rules of FHIR's stand.
const R4: &str = "R4 section 2.6.1, XML representation of resources";
/// Where rules of XML's stand.
const XML: &str = "XML 1.0 and Namespaces in XML 1.0";

/// The most faults that one reading tells of.
const MOST_FAULTS: usize = 100;

/// What is wrong, and where.
#[derive(Clone)]
struct Fault {
    at: usize,
    id: &'static str,
    text: String,
    remedy: &'static str,
    rule: &'static str,
    expression: Option<String>,
}

impl Fault {
    fn new(at: usize, id: &'static str, text: impl Into<String>, remedy: &'static str) -> Fault {
        let rule = "R4 section 2.6.1, XML representation of resources, within the limits of this gateway";
        Fault { at, id, text: text.into(), remedy, rule, expression: None }
    }

    fn rule(mut self, rule: &'static str) -> Fault {
        self.rule = rule;
        self
    }
}

/// Reads a resource.
///
/// # Errors
/// A report of what is wrong with the XML, in the order of the document.
pub fn read(bytes: &[u8], limits: &Limits, model: &dyn Model) -> Result<Tree, Report> {
    let (tree, report) = read_whole(bytes, limits, model)?;
    if report.issues.is_empty() { Ok(tree) } else { Err(report) }
}

/// Reads a resource even where its XML is not what FHIR asks for, as long as it is XML: for a validator, which tells of
/// the resource's mistakes too, and where some of its letters are not UTF-8. The report is what [`read`] refuses.
///
/// # Errors
/// A report whose last issue points at the place where the text stops being XML, or is too much.
pub fn read_whole(bytes: &[u8], limits: &Limits, model: &dyn Model) -> Result<(Tree, Report), Report> {
    if bytes.len() > limits.bytes {
        let text = format!("the text is longer than {} bytes", limits.bytes);
        return Err(report("", vec![Fault::new(0, "too-large", text, "send less at once")]));
    }
    // XML 1.0 §4.3.3: the mark is part of the encoding and not of the text
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let (text, mut found) = decoded(bytes)?;
    let root = elements::parse(&text, limits).map_err(|fault| {
        found.extend(report(&text, vec![fault]));
        std::mem::take(&mut found)
    })?;
    let (tree, faults) = convert::tree(&text, &root, model);
    found.extend(report(&text, faults));
    found.issues.truncate(MOST_FAULTS);
    Ok((tree, found))
}

/// The text; where some bytes of it are no UTF-8, with a mark in place of each, and the finding.
fn decoded(bytes: &[u8]) -> Result<(Cow<'_, str>, Report), Report> {
    match utf8(bytes, None).map_err(of_xml) {
        Ok(text) => Ok((Cow::Borrowed(text), Report::default())),
        // UTF-16, or no text at all
        Err(report) if bytes.contains(&0) || bytes.starts_with(b"\xFE\xFF") || bytes.starts_with(b"\xFF\xFE") => {
            Err(report)
        }
        Err(report) => Ok((String::from_utf8_lossy(bytes), report)),
    }
}

/// What is said of an encoding says whose rule it is.
fn of_xml(mut report: Report) -> Report {
    for issue in &mut report.issues {
        issue.rule = Some("R4 section 2.6.1, XML representation of resources: UTF-8".to_owned());
        issue.remedy = Some("save the file as UTF-8".into());
    }
    report
}

fn report(text: &str, mut faults: Vec<Fault>) -> Report {
    faults.sort_by_key(|fault| fault.at);
    let mut report = Report::default();
    for fault in faults {
        let (line, column) = line_and_column(text, u32::try_from(fault.at).unwrap_or(u32::MAX));
        let mut issue = Issue::error("structure", fault.id, fault.text)
            .at(Some(Place { file: None, line, column }))
            .rule(fault.rule)
            .remedy(fault.remedy);
        issue.expression = fault.expression;
        report.push(issue);
    }
    report
}

/// A name as it may be shown: names that a sender made up are cut.
fn shown(name: &str) -> &str {
    name.char_indices().nth(40).map_or(name, |(end, _)| &name[..end])
}
