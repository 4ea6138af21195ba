//! What the gateway must not forget: records, choices, the queue of what is to be sent, and the trail.
//!
//! Comes in: an [`Acceptance`] (a record with everything that follows from it) before a 2xx is sent; later the steps of
//! each message's way out. Goes out: the stored reply to a repeated request, [`Message`]s to send, the choices of a
//! person, numbers for the operator. An answer `Ok` means flushed to the disk, not in memory somewhere.
//!
//! The way of a message: `accepted` (waits behind an earlier one to the same recipient about the same person) →
//! `ready` → `claimed` (somebody decides and redacts it, under a lease) → `sent` (its intent is in the trail, it may have
//! left) → `delivered` | `retry` | `held` | `withdrawn` | `superseded`.
//! [`Store`] is the door; [`Sqlite`] is behind it.

mod acceptance;
mod fact;
mod message;
mod person;
mod sqlite;
mod stored;

pub use acceptance::{Acceptance, Accepted, Act, NewChoice, NewMessage, NewRecord, Reply, Understood, consents_in};
pub use fact::{Ending, NewFact, Recorded, StoredFact};
pub use message::{Departure, Fate, Held, Message, Released};
pub use person::Person;
pub use sqlite::Sqlite;
pub(crate) use sqlite::schema;
pub use stored::{CopyOut, Counts, StoredChoices, StoredConsent, StoredRecord};

use crate::pure::audit::Entry;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// What a store answers, when it has.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A place that does not forget. Used as `Arc<dyn Store>`. Every change is one flushed transaction.
pub trait Store: Send + Sync + fmt::Debug {
    /// What was answered to this sender under this key, if it asked before: [`Accepted::Replay`] or
    /// [`Accepted::Conflict`], never `New`. Lets a repeat be answered before any work.
    fn replay(&self, sender: &str, key: &str, digest: [u8; 32]) -> Answer<'_, Option<Accepted>>;

    /// Stores a record, its choices, its messages, its entries and the reply, or none of it.
    fn accept(&self, acceptance: Acceptance) -> Answer<'_, Accepted>;

    /// Takes up to `limit` messages that are due, first come first served, never two of one lane (recipient and
    /// person), and keeps others off them until `now + lease`.
    fn claim(&self, now: Timestamp, lease: SignedDuration, limit: usize) -> Answer<'_, Vec<Message>>;

    /// Writes the intent and marks the message sent, unless the person's choices have moved on since `epoch` or the
    /// lease was lost. The [`Departure`] it gives is what `deliver` asks for.
    fn release(&self, message: Message, epoch: u64, entries: Vec<Entry>) -> Answer<'_, Released>;

    /// Says how a claimed or sent message ended, or when to try again, with its entries.
    fn complete(&self, message: &Message, fate: Fate, entries: Vec<Entry>) -> Answer<'_, ()>;

    /// A record as it was accepted.
    fn record(&self, id: &str) -> Answer<'_, Option<StoredRecord>>;

    /// The last version of a plan of this name that each sender sent of a person. A plan's name is its identifier's value.
    fn versions(&self, person: &Person, plan: &str) -> Answer<'_, Vec<StoredRecord>>;

    /// The newest record of each plan of a person, by whomever it was sent, oldest first.
    fn plans(&self, person: &Person) -> Answer<'_, Vec<StoredRecord>>;

    /// A person's choices in force, the facts of the register that stand, and the epoch of both, read together.
    fn choices(&self, person: &Person) -> Answer<'_, StoredChoices>;

    /// Every version of every choice of a person, oldest first.
    fn consents(&self, person: &Person) -> Answer<'_, Vec<StoredConsent>>;

    /// Whose choice has this id, and its versions, oldest first.
    fn consent(&self, id: &str) -> Answer<'_, Option<(Person, Vec<StoredConsent>)>>;

    /// Adds a fact to the register, raises the person's epoch and writes the entries, or none of it. A fact whose id is
    /// there already adds nothing.
    fn record_fact(&self, fact: NewFact) -> Answer<'_, Recorded>;

    /// Ends a fact of the register: it stays readable as of any earlier time. Raises the person's epoch.
    /// [`StoreError::Absent`] where there is none that could be ended.
    fn end_fact(&self, ending: Ending) -> Answer<'_, ()>;

    /// One fact of the register, ended or not, and whose it is.
    fn fact(&self, id: &str) -> Answer<'_, Option<(Person, StoredFact)>>;

    /// What the register said of a person at a time: facts recorded until then and not ended by then.
    fn facts_at(&self, person: &Person, at: Timestamp) -> Answer<'_, Vec<StoredFact>>;

    /// Who has a copy of something of this person's: each recipient's last, where no notice went after it.
    fn copies_out(&self, person: &Person) -> Answer<'_, Vec<CopyOut>>;

    /// Adds to the trail.
    fn append(&self, entries: Vec<Entry>) -> Answer<'_, ()>;

    /// The messages a person has to look at, oldest first.
    fn held(&self, limit: usize) -> Answer<'_, Vec<Held>>;

    /// Sends a held message on its way again, with the entries that say who did so.
    fn retry_held(&self, message: &str, now: Timestamp, entries: Vec<Entry>) -> Answer<'_, ()>;

    /// When the next message becomes due, if none is now.
    fn next_due(&self) -> Answer<'_, Option<Timestamp>>;

    /// Numbers for the operator.
    fn counts(&self) -> Answer<'_, Counts>;

    /// Writes and flushes something small: `Ok` means that an accept would work now.
    fn check(&self) -> Answer<'_, ()>;

    /// Finishes what is under way, puts everything into the one file, signs it and closes. Later calls fail.
    fn close(&self) -> Answer<'_, ()>;
}

/// Why a store did not do it. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// It is closed.
    Closed,
    /// More is waiting than it can take; try later.
    Busy,
    /// The lease was lost: somebody else has the message, or it is finished.
    LeaseLost,
    /// No such thing.
    Absent,
    /// What was asked for cannot be: an acceptance without an entry.
    Refused(&'static str),
    /// What is stored is not what was written: the table, and what is wrong.
    Damaged(String),
    /// The disk, or the database: its own words, which quote no values.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Closed => f.write_str("the store is closed"),
            StoreError::Busy => f.write_str("the store has more to write than it can take now"),
            StoreError::LeaseLost => f.write_str("the message is no longer ours to send"),
            StoreError::Absent => f.write_str("the store holds no such thing"),
            StoreError::Refused(why) => write!(f, "the store refuses: {why}"),
            StoreError::Damaged(what) => write!(f, "the store is damaged: {what}"),
            StoreError::Failed(why) => write!(f, "the store could not write or read: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}
