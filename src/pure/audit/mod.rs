//! The trail: what is written down about every act, and the arithmetic that shows whether anybody changed it since.
//!
//! Comes in: the facts of an act ([`Event`]). Goes out: an [`Entry`], which is a FHIR AuditEvent (R4 §6.4, shaped after
//! IHE BALP) with the few words it is found by. [`merkle`] is the log of RFC 6962 that the entries are leaves of.
//! Refuses nothing: a trail that refuses to write is a trail with a hole.
//!
//! The words an entry is found by (kind, outcome, request, party, message) name no person and outlive the erasure of the
//! event itself.

mod balp;
mod event;
mod grounds;
pub mod merkle;

pub use event::{Event, Name, Thing};
pub use grounds::{Grounds, Part};

use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A record came in and was accepted (BALP Create).
    Create,
    /// A sharing choice was recorded (BALP Create, of a Consent).
    Choice,
    /// A sharing choice was changed, or it was said how it is meant (BALP Update).
    ChoiceUpdate,
    /// A sharing choice was withdrawn (BALP Delete; what it said is kept).
    ChoiceWithdraw,
    /// It was decided what a party may have (BALP AuthZ-Consent).
    Decision,
    /// Something was sent to a party, or held, or not sent after all (BALP Privacy Disclosure, source side).
    Disclosure,
    /// A party asked for something (BALP Query).
    Query,
    /// The register was changed: something known of a person was recorded or ended (BALP Update).
    Register,
    /// The privacy officer has to look: an emergency, a claim nobody has checked. Names no person, only what to look at.
    Alert,
    /// The person is to be told what was done with their record, and by which rule.
    Notice,
    /// Something was refused before any decision: an unknown caller, a broken record.
    Refusal,
    /// The gateway itself started, stopped, or did something by an operator's hand.
    System,
}

impl Kind {
    /// Every kind, in the order above.
    pub const ALL: [Kind; 12] = [
        Kind::Create,
        Kind::Choice,
        Kind::ChoiceUpdate,
        Kind::ChoiceWithdraw,
        Kind::Decision,
        Kind::Disclosure,
        Kind::Query,
        Kind::Register,
        Kind::Alert,
        Kind::Notice,
        Kind::Refusal,
        Kind::System,
    ];

    /// Its word in the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Create => "create",
            Kind::Choice => "choice",
            Kind::ChoiceUpdate => "choice-update",
            Kind::ChoiceWithdraw => "choice-withdraw",
            Kind::Decision => "decision",
            Kind::Disclosure => "disclosure",
            Kind::Query => "query",
            Kind::Register => "register",
            Kind::Alert => "alert",
            Kind::Notice => "notice",
            Kind::Refusal => "refusal",
            Kind::System => "system",
        }
    }
}

/// Begin before, complete after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Written before the act; without a completion it is an unresolved intent, and somebody should look.
    Intent,
    /// Written after the act, naming its intent.
    Completion,
    /// An act and its record in one step: what is written down is the act.
    Whole,
}

impl Phase {
    /// Its word in the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Phase::Intent => "intent",
            Phase::Completion => "completion",
            Phase::Whole => "whole",
        }
    }
}

/// How it went (R4 value set audit-event-outcome).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// `0`: done; for a decision: permitted, wholly or in part.
    Success,
    /// `4`: not now: it will be tried again.
    Minor,
    /// `8`: refused, denied, withdrawn, held.
    Serious,
    /// `12`: the gateway itself failed.
    Major,
}

impl Outcome {
    /// The code of value set audit-event-outcome.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Outcome::Success => "0",
            Outcome::Minor => "4",
            Outcome::Serious => "8",
            Outcome::Major => "12",
        }
    }
}

/// One line of the trail, ready to be stored.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// AuditEvent.id, a UUID.
    pub id: String,
    /// What was done.
    pub kind: Kind,
    /// Before or after.
    pub phase: Phase,
    /// For a completion: the id of its intent.
    pub intent: Option<String>,
    /// How it went; of an intent, how it stands so far.
    pub outcome: Outcome,
    /// X-Request-Id of the exchange that caused it.
    pub request: String,
    /// The other party's id in the configuration: sender, caller or recipient.
    pub party: Option<String>,
    /// The queued message it is about, where it is about one.
    pub message: Option<String>,
    /// When.
    pub recorded: Timestamp,
    /// The AuditEvent, compact JSON. It names the person: to be stored, never logged.
    pub event: String,
    /// For a decision: what it rests on, stored with the entry to be replayed by.
    pub grounds: Option<Arc<Grounds>>,
}

impl fmt::Debug for Entry {
    /// Without the event, which names a person (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} {} {})", self.kind.word(), self.phase.word(), self.id)
    }
}
