//! What is read back: records, choices, numbers.

use super::{Person, StoredFact, Understood};
use jiff::Timestamp;
use std::fmt;

/// A record as stored.
#[derive(Clone)]
pub struct StoredRecord {
    /// Its id.
    pub id: String,
    /// Whose it was.
    pub sender: String,
    /// Whom it is about.
    pub person: Person,
    /// X-Request-Id it came with.
    pub request: String,
    /// `fhir`, or the mapping's name.
    pub format: String,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// The Bundle, compact JSON.
    pub bundle: String,
    /// The bytes as they came.
    pub original: Option<Vec<u8>>,
}

impl fmt::Debug for StoredRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredRecord({})", self.id)
    }
}

/// A copy that went and has not been called off since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOut {
    /// Whom it went to: the recipient's id in the configuration.
    pub recipient: String,
    /// The message it came by.
    pub message: String,
    /// The record it was a copy of.
    pub record: String,
}

/// A person's choices in force, and what the register says of them, read together.
#[derive(Clone, Debug, Default)]
pub struct StoredChoices {
    /// Counts every change of either. 0: never chose, and nothing is on record.
    pub epoch: u64,
    /// Those in force, oldest first.
    pub consents: Vec<StoredConsent>,
    /// The facts of the register that have not been ended, oldest first.
    pub facts: Vec<StoredFact>,
}

/// One version of a choice as stored.
#[derive(Clone)]
pub struct StoredConsent {
    /// The Consent's id here: the same for all its versions.
    pub id: String,
    /// Who sent it.
    pub sender: String,
    /// Consent.identifier.
    pub identifier: String,
    /// 1 for the first under this identifier.
    pub version: u64,
    /// The newest version there is; another one may be in force, where an older choice came late.
    pub newest: u64,
    /// Whether no other version is dated later.
    pub in_force: bool,
    /// When it was decided, as far as it said.
    pub dated: Timestamp,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The Consent, compact JSON; or a Bundle of it and of what it refers to, the Consent first.
    pub consent: String,
    /// How it was understood, where it was recorded by a program that wrote that down.
    pub understood: Option<Understood>,
}

impl fmt::Debug for StoredConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredConsent({}/_history/{})", self.id, self.version)
    }
}

/// Numbers for the operator; none of them tells a person from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages by recipient and state.
    pub messages: Vec<(String, String, u64)>,
    /// When the oldest message that is not finished was accepted.
    pub oldest: Option<Timestamp>,
    /// Records held.
    pub records: u64,
    /// Entries in the trail.
    pub entries: u64,
    /// Intents without a completion.
    pub unresolved: u64,
}
