//! The site's sharing rules: strict TOML (`deploy/sharing/*.toml`) → [`Policy`], or all mistakes at once.
//!
//! Comes in: the files. Goes out: tables to decide by, and the digest that names their version in every decision.
//! Refuses: unknown words, missing words, sections and purposes that are used and not declared. A policy with nothing in
//! it denies everything.

mod read;
mod sections;
mod sensitive;
mod shape;
mod toml;

#[cfg(test)]
mod tests;

pub(super) use sections::{FRAME, SectionTable, WHOLE, Where};
pub(super) use sensitive::Sets;
pub use shape::Shape;

use super::words::{Code, Truth};
use crate::pure::fhir::{File, Issue, Report};
use openssl::sha::Sha256;
use std::collections::HashMap;
use std::sync::Arc;

/// The rules of a site, compiled. Immutable; share it as an `Arc`.
#[derive(Default)]
pub struct Policy {
    pub(super) version: [u8; 32],
    pub(super) name: String,
    pub(super) sections: SectionTable,
    pub(super) purposes: HashMap<String, Purpose>,
    pub(super) audiences: HashMap<String, Audience>,
    pub(super) sets: Sets,
    pub(super) default: Default_,
    pub(super) secondary: Secondary,
    pub(super) emergency: Emergency,
    pub(super) minimums: Vec<Minimum>,
    pub(super) caps: HashMap<String, u32>,
    pub(super) max_age_seconds: Option<i64>,
    /// How what is released is shaped.
    pub(super) shape: Arc<Shape>,
    /// Elements, or whole types, that tell where a person is.
    pub(super) whereabouts: Vec<(String, Option<String>)>,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Policy({}, {} purposes)", self.name, self.purposes.len())
    }
}

/// What kind of use a purpose is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    DirectCare,
    Secondary,
    Patient,
    Safeguarding,
}

#[derive(Clone, Debug)]
pub(super) struct Purpose {
    pub kind: Kind,
    pub parent: Option<String>,
    pub objection_below: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Audience {
    pub expected: bool,
    pub everyone_in_direct_care: bool,
}

/// What holds where nobody has said anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Default_ {
    pub direct_care_permits: bool,
    pub highest_label: Option<u8>,
    pub basis: Option<String>,
    pub self_claimed: bool,
    pub tell_withheld: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Secondary {
    pub bases: Vec<String>,
    pub opt_out_applies_to: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Emergency {
    pub roles: Vec<String>,
    pub reasons: Vec<String>,
    pub minutes: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Minimum {
    pub purpose: String,
    pub audience: Option<String>,
    pub sections: u32,
}

impl Policy {
    /// Compiles the rules of these files, in any order.
    ///
    /// # Errors
    /// Every mistake, with file, line, column and remedy.
    pub fn compile(files: &[File]) -> Result<Policy, Report> {
        let mut files: Vec<&File> = files.iter().filter(|f| f.path.ends_with(".toml")).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut policy = Policy::default();
        let mut report = Report::default();
        let mut hash = Sha256::new();
        let mut texts = Vec::new();
        for file in &files {
            hash.update(file.path.as_bytes());
            hash.update(&(file.bytes.len() as u64).to_be_bytes());
            hash.update(&file.bytes);
            match std::str::from_utf8(&file.bytes) {
                Ok(text) => texts.push((file.path.as_str(), text)),
                Err(_) => report.push(
                    Issue::error("invalid", "policy-not-utf8", format!("`{}` is not UTF-8", file.path))
                        .remedy("save it as UTF-8"),
                ),
            }
        }
        if files.is_empty() {
            let text = "there are no sharing rules".to_owned();
            report.push(Issue::error("invalid", "policy-missing", text).remedy("name a folder with *.toml files"));
        }
        read::read(&texts, &mut policy, &mut report);
        policy.version = hash.finish();
        if report.is_valid() { Ok(policy) } else { Err(report) }
    }

    /// SHA-256 of the files it was compiled from: its version in decisions.
    #[must_use]
    pub fn version(&self) -> [u8; 32] {
        self.version
    }

    /// Its name, as its owner wrote it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How what is released is shaped.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The sections it knows, in their order: code and plain English.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sections.names.iter().map(|(code, name)| (code.as_str(), name.as_str()))
    }

    /// What kind of use a purpose is; none where the policy does not know it.
    pub(super) fn kind(&self, purpose: &Code) -> Option<Kind> {
        self.purposes.get(&purpose.code).filter(|_| is_reason(purpose)).map(|p| p.kind)
    }

    /// Whether a rule about `covering` speaks about a request for `asked`.
    pub(super) fn covers(&self, covering: &Code, asked: &Code, objection: bool) -> bool {
        if covering.same(asked) {
            return true;
        }
        if !is_reason(covering) || !is_reason(asked) {
            return false;
        }
        let mut at = Some(asked.code.as_str());
        for _ in 0..16 {
            let Some(code) = at else { return false };
            if code == covering.code {
                return true;
            }
            let purpose = self.purposes.get(code);
            at = purpose.and_then(|p| {
                let below = if objection { p.objection_below.as_deref() } else { None };
                p.parent.as_deref().or(below)
            });
        }
        false
    }

    /// Whether an agreement that names no purpose covers this one: care, and the person's own access.
    pub(super) fn goes_without_saying(&self, purpose: &Code) -> bool {
        matches!(self.kind(purpose), Some(Kind::DirectCare | Kind::Patient))
    }

    /// Whether two purposes are of one family: the same kind of use, or the same foreign code.
    pub(super) fn same_family(&self, one: &Code, other: &Code) -> bool {
        match (self.kind(one), self.kind(other)) {
            (Some(Kind::DirectCare), Some(Kind::DirectCare)) => true,
            (Some(_), Some(_)) => self.root(&one.code) == self.root(&other.code),
            _ => one.same(other),
        }
    }

    fn root<'a>(&'a self, code: &'a str) -> &'a str {
        let mut at = code;
        for _ in 0..16 {
            match self.purposes.get(at).and_then(|p| p.parent.as_deref()) {
                Some(parent) => at = parent,
                None => break,
            }
        }
        at
    }

    /// Whether a label of a rule reaches a label on data: the same, or below it. A broader one on the data might be.
    pub(super) fn label_reaches(&self, rule: &str, data: &str) -> Truth {
        if rule == data || self.below(rule, data) {
            Truth::True
        } else if self.below(data, rule) {
            Truth::Unknown
        } else {
            Truth::False
        }
    }

    fn below(&self, above: &str, code: &str) -> bool {
        self.sets.below.get(above).is_some_and(|list| list.iter().any(|c| c == code))
    }
}

/// Purposes of v3 ActReason are in the tree; others only ever equal themselves.
fn is_reason(code: &Code) -> bool {
    code.system.as_deref().is_none_or(|s| s == super::words::ACT_REASON)
}
