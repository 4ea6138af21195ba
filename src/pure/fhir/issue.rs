//! What is wrong with a record, said so that its sender can mend it.
//!
//! [`Issue`] is one finding, [`Report`] all of them and what could not be checked. A report is a value, not an error of
//! ours: invalid data is expected. No issue quotes a value of the record (P10); it says where, what, and the remedy.
//! As FHIR: OperationOutcome (R4 §2.36), with the extensions that the reference validator uses for line, column and id.

use super::message::message;
use super::tree::{Id, Item, Place, Tree};
use std::borrow::Cow;
use std::fmt;

/// How bad it is (R4 value set issue-severity). Ordered: worse is less, so that sorting puts the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing more could be read.
    Fatal,
    /// The record cannot be accepted.
    Error,
    /// It can, but somebody should look.
    Warning,
    /// Worth knowing.
    Information,
}

impl Severity {
    /// The code of value set issue-severity.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Severity::Fatal => "fatal",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "information",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Issue {
    /// How bad.
    pub severity: Severity,
    /// Code of value set issue-type: `structure`, `required`, `value`, `invariant`, `code-invalid`, `business-rule` …
    pub code: &'static str,
    /// Stable message id, in words joined by hyphens.
    pub id: Cow<'static, str>,
    /// What is wrong: lower case, no full stop, no value of the record.
    pub text: String,
    /// FHIRPath of the element, or the field of a local record (`goals[2].due`).
    pub expression: Option<String>,
    /// Where in what the sender sent.
    pub place: Option<Place>,
    /// Who says so: profile url and element id, or mapping file and line, or standard and section.
    pub rule: Option<String>,
    /// How to mend it.
    pub remedy: Option<Cow<'static, str>>,
}

impl Issue {
    /// A finding of any severity, with the rule and the remedy that the table of ids has for it.
    #[must_use]
    pub fn new(severity: Severity, code: &'static str, id: impl Into<Cow<'static, str>>, text: String) -> Issue {
        let id = id.into();
        let known = message(&id);
        let rule = known.map(|m| m.rule).filter(|r| !r.is_empty()).map(str::to_owned);
        let remedy = known.map(|m| m.remedy).filter(|r| !r.is_empty()).map(Cow::Borrowed);
        Issue { severity, code, id, text, expression: None, place: None, rule, remedy }
    }

    /// An error.
    #[must_use]
    pub fn error(code: &'static str, id: impl Into<Cow<'static, str>>, text: String) -> Issue {
        Issue::new(Severity::Error, code, id, text)
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: &'static str, id: impl Into<Cow<'static, str>>, text: String) -> Issue {
        Issue::new(Severity::Warning, code, id, text)
    }

    /// Something worth knowing.
    #[must_use]
    pub fn information(code: &'static str, id: impl Into<Cow<'static, str>>, text: String) -> Issue {
        Issue::new(Severity::Information, code, id, text)
    }

    /// Points at an item of what was sent: its path and its place, or the nearest place above it.
    #[must_use]
    pub fn on(mut self, item: Item<'_>) -> Issue {
        self.expression = Some(item.path());
        let mut at = Some(item);
        while let Some(item) = at {
            if let Some(place) = item.place() {
                self.place = Some(place);
                break;
            }
            at = item.parent();
        }
        self
    }

    /// Says the place.
    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Issue {
        self.place = place;
        self
    }

    /// Says the path.
    #[must_use]
    pub fn expression(mut self, expression: impl Into<String>) -> Issue {
        self.expression = Some(expression.into());
        self
    }

    /// Says whose rule it is.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Issue {
        self.rule = Some(rule.into());
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Issue {
        self.remedy = Some(remedy.into());
        self
    }

    /// Whether it keeps a record out.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity <= Severity::Error
    }
}

impl fmt::Display for Issue {
    /// `goals.csv:4:12: error: … (goals[2].due; mappings/care-act/map.yaml:31); remedy`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: {}", self.severity.code(), self.text)?;
        let aside: Vec<&str> = [&self.expression, &self.rule].into_iter().flatten().map(String::as_str).collect();
        if !aside.is_empty() {
            write!(f, " ({})", aside.join("; "))?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

/// Something that was not checked, and why. A result that hides this would claim too much.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unchecked {
    /// What: a code system, a profile, a rule.
    pub what: String,
    /// Why not.
    pub why: String,
    /// How often it came up.
    pub count: usize,
}

impl fmt::Display for Unchecked {
    /// `not checked: value set `http://…` (3 times): it is not loaded`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not checked: {}", self.what)?;
        if self.count > 1 {
            write!(f, " ({} times)", self.count)?;
        }
        write!(f, ": {}", self.why)
    }
}

impl Unchecked {
    /// As a finding among others: information, and no error.
    #[must_use]
    pub fn issue(&self) -> Issue {
        Issue::information("informational", "not-checked", self.to_string())
    }
}

/// All findings on one record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// In the order of the record.
    pub issues: Vec<Issue>,
    /// What was not checked.
    pub unchecked: Vec<Unchecked>,
}

impl From<Issue> for Report {
    fn from(issue: Issue) -> Report {
        Report { issues: vec![issue], unchecked: Vec::new() }
    }
}

impl Report {
    /// Whether nothing in it is an error.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.issues.iter().any(Issue::is_error)
    }

    /// Adds a finding.
    pub fn push(&mut self, issue: Issue) {
        self.issues.push(issue);
    }

    /// Adds all of another report.
    pub fn extend(&mut self, other: Report) {
        self.issues.extend(other.issues);
        for unchecked in other.unchecked {
            self.not_checked_times(&unchecked.what, &unchecked.why, unchecked.count);
        }
    }

    /// Says that something was not checked; the same thing again only counts up.
    pub fn not_checked(&mut self, what: &str, why: &str) {
        self.not_checked_times(what, why, 1);
    }

    fn not_checked_times(&mut self, what: &str, why: &str, count: usize) {
        match self.unchecked.iter_mut().find(|u| u.what == what && u.why == why) {
            Some(same) => same.count += count,
            None => self.unchecked.push(Unchecked { what: what.to_owned(), why: why.to_owned(), count }),
        }
    }

    /// The report as an OperationOutcome. One that found nothing says "all ok", as R4 asks for at least one issue.
    #[must_use]
    pub fn outcome(&self) -> Tree {
        let mut tree = Tree::object();
        let root = tree.root().id();
        tree.push_str(root, "resourceType", "OperationOutcome");
        let list = tree.push_array(root, "issue");
        for issue in &self.issues {
            write_issue(&mut tree, list, issue);
        }
        for unchecked in &self.unchecked {
            write_issue(&mut tree, list, &unchecked.issue());
        }
        if self.issues.is_empty() && self.unchecked.is_empty() {
            write_issue(&mut tree, list, &Issue::information("informational", "all-ok", "all ok".to_owned()));
        }
        tree
    }
}

const EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-";

fn write_issue(tree: &mut Tree, list: Id, issue: &Issue) {
    let id = tree.push_object(list, "");
    if issue.place.is_some() || issue.rule.is_some() || !issue.id.is_empty() {
        let extensions = tree.push_array(id, "extension");
        let mut extension = |name: &str, key: &str, value: &str, number: bool| {
            let entry = tree.push_object(extensions, "");
            tree.push_str(entry, "url", &format!("{EXTENSION}{name}"));
            if number {
                tree.push_number(entry, key, value);
            } else {
                tree.push_str(entry, key, value);
            }
        };
        if let Some(place) = &issue.place {
            if let Some(file) = &place.file {
                extension("file", "valueString", file, false);
            }
            extension("issue-line", "valueInteger", &place.line.to_string(), true);
            extension("issue-col", "valueInteger", &place.column.to_string(), true);
        }
        if let Some(rule) = &issue.rule {
            extension("issue-source", "valueString", rule, false);
        }
        extension("message-id", "valueCode", &issue.id, false);
    }
    tree.push_str(id, "severity", issue.severity.code());
    tree.push_str(id, "code", issue.code);
    let details = tree.push_object(id, "details");
    tree.push_str(details, "text", &issue.text);
    if let Some(remedy) = &issue.remedy {
        tree.push_str(id, "diagnostics", remedy);
    }
    if let Some(expression) = issue.expression.as_deref().filter(|e| !e.is_empty()) {
        let expressions = tree.push_array(id, "expression");
        tree.push_str(expressions, "", expression);
    }
}
