//! Takes out of a record what a permit does not cover, and checks that what is left is whole. With `deliver`, the
//! policy enforcement point.
//!
//! Comes in: a `Validated` record and the [`Permit`] made for it. Goes out: [`Releasable`], the only thing that may be sent.
//! Refuses: a permit made for another record, and a remainder that is no longer valid or still names what was taken out.

use crate::pure::decide::Permit;
use crate::pure::fhir::{Issue, Report, Tree};
use crate::pure::profile::Definitions;
use crate::pure::validate::Validated;
use jiff::Timestamp;
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

/// What may be sent, and to whom. Nothing but [`redact`] makes one.
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

/// Takes out what the permit does not cover.
///
/// # Errors
/// The permit is for another record, or what is left is not valid.
pub fn redact(record: &Validated, permit: Permit, _definitions: &Definitions) -> Result<Releasable, Withheld> {
    if permit.record() != record.digest() {
        let text = "the permit was made for another record".to_owned();
        return Err(Withheld { report: Issue::error("security", "permit-of-another-record", text).into() });
    }
    let text = "redaction is not available".to_owned();
    Err(Withheld { report: Issue::error("exception", "redaction-missing", text).into() })
}

/// The answer to a search: a Bundle of type `searchset` with the resources of these types, total and link counted anew.
/// With nothing found it is the same Bundle as for a person of whom nothing is held.
#[must_use]
pub fn shape_search(found: Vec<Releasable>, types: &[&str], id: &str, link: &str, now: Timestamp) -> Tree {
    let _ = (found, types, id, link, now);
    Tree::object()
}
