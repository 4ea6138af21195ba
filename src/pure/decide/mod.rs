//! May this party have this record of this person, for this purpose, now? The policy decision point.
//!
//! Comes in: a [`Question`], a `Validated` record (or what a pull asks for), the [`Evidence`] gathered before, the site's
//! [`Policy`]. Goes out: a [`Decision`]: permit, redact or deny, part by part, each with the published rule and the choice
//! behind it, and a fingerprint to replay it by. Refuses: everything it cannot read, tell or find permitted.
//!
//! Three separate places, after cedar: `provision` matches one rule, `combine` weighs choices against each other,
//! `decision` says what came out; `steps` is the order of the whole. Rules of law and practice: [`RuleId`]; FHIR R4 §6.2
//! (Consent), read in three dialects by `reading`.

mod addressee;
pub mod authority;
pub mod choice;
mod combine;
pub mod decision;
pub mod evidence;
mod fingerprint;
pub mod label;
mod lasting;
mod normal;
mod others;
pub mod policy;
pub mod provision;
pub mod question;
mod reading;
mod record;
pub mod recorded;
mod request;
pub mod rules;
mod steps;
mod tally;
mod verdicts;
pub mod words;

pub use choice::{Choice, Dialect, Scope, Standing, Taken};
pub use decision::{
    ChoiceRef, Cut, Decision, Effect, Obligation, Outcome, Permit, Reason, Residual, Section, Sent, Told,
};
pub use evidence::{
    Authority, Bar, Capacity, Emergency, Evidence, Facts, Order, Other, Relationship, Representative, Restriction,
    Right,
};
pub use lasting::Lasting;
pub use policy::Policy;
pub use question::{Asked, BreakGlass, Fallback, Party, Question, Relation};
pub use reading::{read_choice, unread_choice};
pub use record::Prepared;
pub use request::Sketch;
pub use rules::RuleId;
pub use words::{Action, Code, Identity};

use crate::pure::fhir::Item;
use crate::pure::validate::Validated;

/// Decides one question about one record.
#[must_use]
pub fn decide(question: &Question, record: &Validated, evidence: &Evidence, policy: &Policy) -> Decision {
    decide_prepared(question, &prepare(record, policy), evidence)
}

/// Takes a record apart by the rules it will be decided by: what of a decision is the same for all recipients, made once.
#[must_use]
pub fn prepare<'t>(record: &'t Validated, policy: &'t Policy) -> Prepared<'t> {
    Prepared::of_record(record, policy)
}

/// Decides one question about a record that was prepared, by the rules it was prepared by. The same answer as [`decide`].
#[must_use]
pub fn decide_prepared(question: &Question, prepared: &Prepared<'_>, evidence: &Evidence) -> Decision {
    verdicts::judge(question, prepared, evidence)
}

/// What the answer would be for resources that nobody has validated: to explain and to test. No permit comes of it.
#[must_use]
pub fn explain(question: &Question, resources: &[Item<'_>], evidence: &Evidence, policy: &Policy) -> Decision {
    let digests = resources.iter().map(|r| openssl::sha::sha256(r.to_json().as_bytes())).collect();
    verdicts::judge(question, &Prepared::of(resources, digests, policy), evidence)
}

/// Decides what a pull asks for, before the source is asked: types and search parameters. Permit and redact mean that
/// the source may be asked; its answer is decided again, part by part. No permit comes of it.
#[must_use]
pub fn decide_question(question: &Question, asked: &Asked, evidence: &Evidence, policy: &Policy) -> Decision {
    request::asked(question, asked, evidence, policy)
}

/// Decides a request about data that are not at hand, as far as the request describes them. No permit comes of it.
#[must_use]
pub fn decide_sketch(question: &Question, sketch: &Sketch, evidence: &Evidence, policy: &Policy) -> Decision {
    request::sketched(question, sketch, evidence, policy)
}
