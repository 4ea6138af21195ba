//! Takes out of a record what a permit does not cover, and checks that what is left is whole. With `deliver`, the
//! policy enforcement point.
//!
//! Comes in: a `Validated` record and the [`Permit`] made for it. Goes out: [`Releasable`], the only thing that may be sent.
//! Refuses: a permit made for another record, and a remainder that is no longer valid or still names what was taken out.

mod cut;
mod history;
mod mark;
mod names;
pub mod notice;
pub mod replace;
mod required;
mod search;
mod tag;

pub use history::{PastVersion, shape_history};
pub use search::{say_incomplete, shape_search};

use crate::pure::decide::{Cut, Decision, Permit, RuleId};
use crate::pure::fhir::{Id, Issue, Report, Tree};
use crate::pure::profile::Definitions;
use crate::pure::validate::{Validated, check};
use cut::Remainder;
use std::collections::HashSet;
use std::fmt;

/// One thing that stayed behind: for the audit, without values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// FHIRPath in the record it was taken from.
    pub path: String,
    /// The published rule that kept it.
    pub rule: &'static str,
    /// The choice that kept it: `Consent/x`, with its version.
    pub choice: Option<(String, String)>,
}

/// What may be sent, and to whom. Only this room makes one: [`redact`] from a permit, and [`notice::stop_onward`], which can
/// hold the ids of two messages and nothing of a record.
pub struct Releasable {
    tree: Tree,
    fingerprint: [u8; 32],
    recipient: String,
    epoch: u64,
    manifest: Vec<Kept>,
}

impl fmt::Debug for Releasable {
    /// To whom and how much, never what (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Releasable({}, {:?}, {} withheld)", self.recipient, self.tree, self.manifest.len())
    }
}

impl Releasable {
    /// What may be sent.
    #[must_use]
    pub fn bundle(&self) -> &Tree {
        &self.tree
    }

    /// Fingerprint of the decision behind it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Id of the party it may be sent to.
    #[must_use]
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// The person's choices epoch it was decided under.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What stayed behind, by which rule and choice.
    #[must_use]
    pub fn manifest(&self) -> &[Kept] {
        &self.manifest
    }
}

/// Why nothing is released after all.
#[derive(Clone, Debug, PartialEq)]
pub struct Withheld {
    /// What is wrong, without values.
    pub report: Report,
}

/// How often the rest is looked at again after a resource that no longer conforms was taken out.
const ROUNDS: usize = 16;

/// Takes out what the permit does not cover.
///
/// # Errors
/// The permit is for another record, or what is left is not valid.
pub fn redact(record: &Validated, permit: Permit, definitions: &Definitions) -> Result<Releasable, Withheld> {
    if permit.record() != record.digest() {
        return Err(withheld("permit-of-another-record", "the permit was made for another record"));
    }
    let decision = permit.decision();
    let mut more = HashSet::new();
    if decision.cuts().is_empty() && record.bundle().root().get("link").is_none() {
        let mut tree = Tree::copy_of(record.bundle().root());
        // nothing is taken out of what was found valid, so there is nothing to look at again but what was added
        let report = if dress(&mut tree, decision) { check(&tree, &[], definitions) } else { Report::default() };
        return if report.is_valid() { Ok(release(tree, permit, record, &more)) } else { Err(Withheld { report }) };
    }
    let mut thorough = false;
    for _ in 0..ROUNDS {
        let cut = cut::cut(record.bundle(), decision, &mut more, thorough, definitions);
        let Some(mut remainder) = cut.filter(|r| !r.entries.is_empty()) else {
            return Err(withheld("nothing-left", "nothing is left to release"));
        };
        if remainder.names.occur_in(&remainder.tree.root().to_json()) {
            if thorough {
                return Err(withheld("withheld-name-remains", "what is left still names what was withheld"));
            }
            thorough = true;
            continue;
        }
        dress(&mut remainder.tree, decision);
        let report = check(&remainder.tree, &[], definitions);
        if report.is_valid() {
            return Ok(release(remainder.tree, permit, record, &more));
        }
        let before = more.len();
        more.extend(no_longer_whole(&remainder, &report));
        if more.len() == before {
            return Err(Withheld { report });
        }
    }
    Err(withheld("nothing-conforms", "too little of the record is left to conform"))
}

/// Adds what released resources have to say of themselves. Whether there was anything to add.
fn dress(tree: &mut Tree, decision: &Decision) -> bool {
    let labelled = tag::labelled(tree, decision);
    tag::may_be_incomplete(tree, decision.shape()) || labelled
}

fn withheld(id: &'static str, text: &str) -> Withheld {
    Withheld { report: Issue::error("security", id, text.to_owned()).into() }
}

fn release(tree: Tree, permit: Permit, record: &Validated, more: &HashSet<Id>) -> Releasable {
    let decision = permit.decision();
    let mut manifest: Vec<Kept> = decision.cuts().iter().map(kept).collect();
    for id in more {
        let path = record.bundle().item(*id).path();
        manifest.push(Kept { path, rule: RuleId::R6.id(), choice: None });
    }
    manifest.sort_by(|a, b| a.path.cmp(&b.path));
    Releasable {
        tree,
        fingerprint: decision.fingerprint(),
        recipient: permit.recipient().to_owned(),
        epoch: decision.epoch(),
        manifest,
    }
}

fn kept(cut: &Cut) -> Kept {
    let choice = cut.reason.choice.as_ref().map(|c| (c.reference.clone(), c.version.clone()));
    Kept { path: cut.path.clone(), rule: cut.reason.rule.id(), choice }
}

/// The entries that an error points into: what was taken out of them, or of what they rest on, they cannot do without.
/// They are withheld whole, rather than completed with something false.
fn no_longer_whole(remainder: &Remainder, report: &Report) -> Vec<Id> {
    let mut found = Vec::new();
    for issue in report.issues.iter().filter(|i| i.is_error()) {
        let path = issue.expression.as_deref().unwrap_or_default();
        let Some((_, rest)) = path.split_once("entry[") else { continue };
        let index = rest.split_once(']').and_then(|(n, _)| n.parse::<usize>().ok());
        found.extend(index.and_then(|i| remainder.entries.get(i)).copied());
    }
    found
}
