//! A fact of the register as it is given to be stored, and as it is read back.

use super::Person;
use crate::pure::audit::Entry;
use jiff::Timestamp;
use std::fmt;

/// Something known of a person besides their choices, to be stored.
#[derive(Clone)]
pub struct NewFact {
    /// A new UUID.
    pub id: String,
    /// Of whom it is known.
    pub person: Person,
    /// Kind of the register: `relationship`, `opt-out`.
    pub kind: String,
    /// The body as it was checked, compact JSON. It names the person: to be stored, never logged.
    pub fact: String,
    /// Who records it, an id of the configuration.
    pub recorder: String,
    /// When.
    pub now: Timestamp,
    /// X-Request-Id.
    pub request: String,
    /// The trail of recording it. At least one.
    pub entries: Vec<Entry>,
}

impl fmt::Debug for NewFact {
    /// Without the fact and the person (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewFact({} {})", self.kind, self.id)
    }
}

/// How a fact was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// For the first time: it is stored.
    New,
    /// Again, word for word: it was stored then.
    Before(Timestamp),
    /// Its id is another fact's.
    Conflict,
}

/// A fact that is to count no longer.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Its id.
    pub fact: String,
    /// Who ends it.
    pub recorder: String,
    /// When.
    pub now: Timestamp,
    /// X-Request-Id.
    pub request: String,
    /// The trail of ending it. At least one.
    pub entries: Vec<Entry>,
}

/// A fact as stored. It is never overwritten.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredFact {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// The body, compact JSON.
    pub fact: String,
    /// Who recorded it.
    pub recorder: String,
    /// When it was recorded: before that nobody here knew of it.
    pub recorded: Timestamp,
    /// When and by whom it was ended, where it was.
    pub ended: Option<(Timestamp, String)>,
}

impl fmt::Debug for StoredFact {
    /// Without the fact (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredFact({} {})", self.kind, self.id)
    }
}
