//! May this party have this record of this person, for this purpose, now? The policy decision point.
//!
//! Comes in: a [`Question`], a `Validated` record (or what a pull asks for), the [`Evidence`] gathered before, the site's
//! [`Policy`]. Goes out: a [`Decision`]: permit, redact or deny, part by part, each with the published rule and the choice
//! behind it, and a fingerprint to replay it by. Refuses: everything it cannot read, tell or find permitted.
//!
//! Three separate places, after cedar: `provision` matches one rule, `combine` weighs choices against each other,
//! `decision` says what came out. Rules of law and practice: `RuleId`; FHIR R4 §6.2 (Consent), read in three dialects.

pub mod choice;
pub mod decision;
pub mod evidence;
pub mod policy;
pub mod provision;
pub mod question;
pub mod rules;
pub mod words;

pub use choice::{Choice, Dialect, Scope, Standing};
pub use decision::{ChoiceRef, Cut, Decision, Effect, Obligation, Outcome, Permit, Reason, Section, Sent, Told};
pub use evidence::{Authority, Bar, Capacity, Evidence, Facts, Order, Relationship, Representative, Right};
pub use policy::Policy;
pub use question::{Asked, BreakGlass, Party, Question};
pub use rules::RuleId;
pub use words::{Action, Code, Identity};

use crate::pure::fhir::{Issue, Item, Report};
use crate::pure::validate::Validated;

/// Reads a Consent (R4) into a choice. It may stand in a Bundle: then its patient is looked up there.
///
/// # Errors
/// What cannot be read, or read in no way that is safe. Ingest refuses these; see [`unread_choice`] for stock.
pub fn read_choice(consent: Item<'_>) -> Result<Choice, Report> {
    Err(Issue::error("not-supported", "choice-unreadable", "sharing choices are not read yet".to_owned())
        .on(consent)
        .into())
}

/// Decides one question about one record.
#[must_use]
pub fn decide(question: &Question, record: &Validated, evidence: &Evidence, _policy: &Policy) -> Decision {
    denied(question, Some(record.digest()), evidence)
}

/// Decides what a pull asks for, before the source is asked: types and search parameters. Permit and redact mean that
/// the source may be asked; its answer is decided again, part by part.
#[must_use]
pub fn decide_question(question: &Question, _asked: &Asked, evidence: &Evidence, _policy: &Policy) -> Decision {
    denied(question, None, evidence)
}

fn denied(question: &Question, record: Option<[u8; 32]>, evidence: &Evidence) -> Decision {
    Decision {
        outcome: Outcome::Deny,
        reasons: vec![Reason { rule: RuleId::D2, effect: Effect::Deny, choice: None, basis: None }],
        sections: Vec::new(),
        cuts: Vec::new(),
        released: Vec::new(),
        withheld: Vec::new(),
        obligations: vec![Obligation::Audit],
        told: Told::Nothing,
        legal_basis: None,
        fingerprint: [0; 32],
        epoch: evidence.epoch,
        record,
        recipient: question.party.id.clone(),
        boundaries: Vec::new(),
    }
}
