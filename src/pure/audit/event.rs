//! The facts of an act, from which its AuditEvent and its line in the trail are made.

use super::{Entry, Grounds, Kind, Outcome, Phase};
use crate::pure::fhir::tree::Tree;
use jiff::Timestamp;
use std::sync::Arc;

/// A party, a device or a person as the trail names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// Identifier system and value (an ODS code, a certificate's subject), where there is one.
    pub identifier: Option<(String, String)>,
    /// What people call it.
    pub display: String,
    /// Network address: a URL or an IP address.
    pub address: Option<String>,
}

/// Something the act was about: a record, a consent, a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// FHIR resource type: `Bundle`, `Consent`, `CarePlan`.
    pub kind: String,
    /// Its id and version in the store, `ID` or `ID/_history/VERSION`; no name, no NHS number.
    pub reference: String,
}

/// The facts of one act.
#[derive(Clone, PartialEq)]
pub struct Event {
    /// A new UUID.
    pub id: String,
    /// What is done.
    pub kind: Kind,
    /// Before or after.
    pub phase: Phase,
    /// For a completion: the id of its intent.
    pub intent: Option<String>,
    /// How it went.
    pub outcome: Outcome,
    /// Why, in words without values of the record; AuditEvent.outcomeDesc.
    pub reason: String,
    /// X-Request-Id.
    pub request: String,
    /// When.
    pub recorded: Timestamp,
    /// This gateway.
    pub gateway: Name,
    /// The other party's id in the configuration.
    pub party: Option<String>,
    /// The other party: sender, caller or recipient.
    pub other: Option<Name>,
    /// Purposes of use, v3-ActReason: `TREAT`, `PATRQT`.
    pub purposes: Vec<String>,
    /// Identifier system and value of the person, where known.
    pub person: Option<(String, String)>,
    /// The queued message it is about.
    pub message: Option<String>,
    /// What it was about.
    pub things: Vec<Thing>,
    /// For a query: method, path and parameters as asked, kept base64 (AuditEvent.entity.query).
    pub query: Option<String>,
    /// Further facts by name: `decision` (the whole decision as JSON), `manifest`, `policy`. Text, kept base64.
    pub details: Vec<(String, String)>,
    /// For a decision: what it rests on. No part of the AuditEvent.
    pub grounds: Option<Arc<Grounds>>,
}

impl std::fmt::Debug for Event {
    /// Without the person (P10).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Event({} {} {})", self.kind.word(), self.phase.word(), self.id)
    }
}

impl Event {
    /// An act of this kind, whole and successful, about nothing yet.
    #[must_use]
    pub fn new(kind: Kind, id: String, request: &str, recorded: Timestamp, gateway: Name) -> Event {
        Event {
            id,
            kind,
            phase: Phase::Whole,
            intent: None,
            outcome: Outcome::Success,
            reason: String::new(),
            request: request.to_owned(),
            recorded,
            gateway,
            party: None,
            other: None,
            purposes: Vec::new(),
            person: None,
            message: None,
            things: Vec::new(),
            query: None,
            details: Vec::new(),
            grounds: None,
        }
    }

    /// The AuditEvent (R4 §6.4), without content of a record.
    #[must_use]
    pub fn tree(&self) -> Tree {
        super::balp::tree(self)
    }

    /// The line of the trail.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry {
            id: self.id.clone(),
            kind: self.kind,
            phase: self.phase,
            intent: self.intent.clone(),
            outcome: self.outcome,
            request: self.request.clone(),
            party: self.party.clone(),
            message: self.message.clone(),
            recorded: self.recorded,
            event: self.tree().root().to_json(),
            grounds: self.grounds.clone(),
        }
    }
}
