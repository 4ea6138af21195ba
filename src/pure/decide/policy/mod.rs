//! The site's sharing rules: strict TOML (`deploy/sharing/*.toml`) → [`Policy`], or all mistakes at once.
//!
//! Comes in: the files. Goes out: tables to decide by, and the digest that names their version in every decision.
//! Refuses: unknown words, missing words, sections and purposes that are used and not declared. A policy with nothing in
//! it denies everything.

mod hierarchy;
mod read;
mod sections;
mod sensitive;
mod shape;
mod site;
mod toml;

#[cfg(test)]
mod tests;

pub(super) use hierarchy::Relation;
pub(super) use sections::{FRAME, SectionTable, WHOLE, Where};
pub(super) use sensitive::Sets;
pub use shape::Shape;
pub(super) use site::Decided;

use super::evidence::Authority;
use super::question::Fallback;
use super::words::{Code, Truth};
use crate::pure::fhir::{File, Issue, Report};
use crate::pure::profile::Definitions;
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
    pub(super) sets: Arc<Sets>,
    pub(super) codes: hierarchy::Hierarchy,
    /// Whether an objection to a code reaches other codes of a system of which nothing is loaded.
    pub(super) spare_untold: bool,
    pub(super) default: Default_,
    pub(super) secondary: Secondary,
    pub(super) emergency: Emergency,
    pub(super) minimums: Vec<Minimum>,
    pub(super) caps: HashMap<String, u32>,
    pub(super) max_age_seconds: Option<i64>,
    /// Roles that may read every choice: those who answer for the flows.
    pub(super) choice_readers: Vec<String>,
    /// How what is released is shaped.
    pub(super) shape: Arc<Shape>,
    /// Elements, or whole types, that tell where a person is.
    pub(super) whereabouts: Vec<(String, Option<String>)>,
    /// The Confidentiality code that says on a Patient that the address is restricted, and nothing of the rest.
    pub(super) whereabouts_label: Option<String>,
    representatives: Authority,
    care_team: bool,
    hold_unverified: bool,
    hold_unstated: bool,
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
    /// What the site has put in England's place, where nobody has spoken.
    pub implicit: Option<(Fallback, Decided)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Secondary {
    pub bases: Vec<String>,
    pub opt_out_applies_to: Vec<String>,
    /// How old a check of the opt-out may be.
    pub opt_out_seconds: Option<i64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Emergency {
    pub roles: Vec<String>,
    pub reasons: Vec<String>,
    pub minutes: i64,
    /// The site has decided that a declared emergency goes over an objection too.
    pub over_objection: Option<Decided>,
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

    /// Whether a label of a Patient speaks of the address alone.
    pub(super) fn tells_whereabouts(&self, label: crate::pure::fhir::Item<'_>) -> bool {
        let system = label.str_at(&["system"]).map(super::words::plain_system);
        system == Some(super::words::CONFIDENTIALITY)
            && self.whereabouts_label.is_some()
            && label.str_at(&["code"]) == self.whereabouts_label.as_deref()
    }

    /// SHA-256 of the files it was compiled from: its version in decisions.
    #[must_use]
    pub fn version(&self) -> [u8; 32] {
        self.version
    }

    /// The same rules, with the CodeSystems of these definitions to tell which codes lie below which. They are part of the
    /// program and its profiles, as the engine is; the version names the rule files alone.
    #[must_use]
    pub fn with_definitions(mut self, definitions: Arc<Definitions>) -> Policy {
        Arc::make_mut(&mut self.sets).learn(&definitions, &self.codes);
        self.codes.learn(definitions);
        self
    }

    /// What the rules name and the definitions do not hold: value sets whose codes raise a label. While one is not known,
    /// every coded resource counts as labelled with something unknown.
    #[must_use]
    pub fn unresolved(&self) -> Report {
        self.sets.unresolved()
    }

    /// How a code on data stands to a code of a rule, three-valued. A system that is not written counts as any, and then
    /// only the same code is the same.
    pub(super) fn code_reaches(&self, rule: &Code, system: Option<&str>, data: &str, objection: bool) -> Truth {
        let system = system.map(super::words::plain_system);
        let same_system = match (rule.system.as_deref(), system) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        if !same_system || rule.code == data {
            return Truth::from(same_system);
        }
        let Some(system) = rule.system.as_deref().or(system) else { return Truth::False };
        match self.codes.relation(system, &rule.code, data) {
            Relation::Covered => Truth::True,
            // an objection reaches what might be meant; an agreement only what is
            Relation::Broader if objection => Truth::Unknown,
            // nothing is loaded that could tell: what the policy counts to one sensitive set belongs together all the same
            Relation::Untold if objection && (!self.spare_untold || self.of_one_set(system, &rule.code, data)) => {
                Truth::Unknown
            }
            _ => Truth::False,
        }
    }

    fn of_one_set(&self, system: &str, one: &str, other: &str) -> bool {
        let mut sets = self.sets.of(Some(system), one);
        sets.any(|set| self.sets.of(Some(system), other).any(|s| s == set))
    }

    /// Whether the codes of a rule are of a system of which nothing is loaded, so that only the same code is told.
    pub(super) fn is_blind_to(&self, codes: &[Code]) -> bool {
        codes.iter().any(|c| c.system.as_deref().is_some_and(|s| !self.codes.knows(s)))
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

    /// Who may declare an emergency, for which reasons, and for how many minutes it then lasts.
    #[must_use]
    pub fn emergency(&self) -> (&[String], &[String], i64) {
        (&self.emergency.roles, &self.emergency.reasons, self.emergency.minutes)
    }

    /// Whether the register is the whole truth about who may speak for a person.
    #[must_use]
    pub fn representatives(&self) -> Authority {
        self.representatives
    }

    /// Whether a CareTeam in the record is evidence that its members care for the person.
    #[must_use]
    pub fn care_team(&self) -> bool {
        self.care_team
    }

    /// What the rules make of how a record states that the NHS number was verified (rule L1): `Some(false)` holds it.
    #[must_use]
    pub fn verified(&self, stated: Option<bool>) -> Option<bool> {
        match stated {
            Some(false) if !self.hold_unverified => None,
            None if self.hold_unstated => Some(false),
            stated => stated,
        }
    }

    /// What kind of use a purpose is; none where the policy does not know it.
    pub(super) fn kind(&self, purpose: &Code) -> Option<Kind> {
        self.purposes.get(&purpose.code).filter(|_| is_reason(purpose)).map(|p| p.kind)
    }

    /// Whether a rule about `rule` speaks about a request for `asked`: the same purpose, or one below it. What a purpose that
    /// the policy does not know covers nobody can tell: an objection to it might be one to this.
    pub(super) fn purpose_reaches(&self, rule: &Code, asked: &Code, objection: bool) -> Truth {
        if rule.same(asked)
            || (is_reason(rule) && is_reason(asked) && self.lies_below(&asked.code, &rule.code, objection))
        {
            return Truth::True;
        }
        if objection && self.kind(rule).is_none() { Truth::Unknown } else { Truth::False }
    }

    /// Up the tree of purposes; for an objection also where only an objection leads.
    fn lies_below(&self, code: &str, above: &str, objection: bool) -> bool {
        let mut open = [code; 2];
        for _ in 0..16 {
            if open.contains(&above) {
                return true;
            }
            let up = |code: &str| self.purposes.get(code);
            let parent = up(open[0]).and_then(|p| p.parent.as_deref());
            let beside =
                up(open[1]).filter(|_| objection).and_then(|p| p.objection_below.as_deref().or(p.parent.as_deref()));
            if parent.is_none() && beside.is_none() {
                return false;
            }
            open = [parent.unwrap_or(open[0]), beside.unwrap_or(open[1])];
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
