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

mod sqlite;

pub use sqlite::Sqlite;
pub(crate) use sqlite::schema;

use crate::pure::audit::Entry;
use crate::pure::fhir::time::When;
use crate::pure::fhir::tree::{Item, Tree};
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

    /// A person's choices in force, and their epoch, read together.
    fn choices(&self, person: &Person) -> Answer<'_, StoredChoices>;

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

/// Whom records are about: the key that lanes, choices and caches go by.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Person(String);

impl Person {
    /// Somebody whose NHS number was checked.
    #[must_use]
    pub fn verified(nhs_number: &str) -> Person {
        Person(format!("nhs:{nhs_number}"))
    }

    /// Somebody a sender knows by its own identifier, and we by nothing better. The sender's id is an id of the
    /// configuration and has no colon.
    #[must_use]
    pub fn known_to(sender: &str, local: &str) -> Person {
        Person(format!("local:{sender}:{local}"))
    }

    /// The key as text: to be stored, never logged.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.0
    }

    /// The NHS number, where it was checked.
    #[must_use]
    pub fn nhs_number(&self) -> Option<&str> {
        self.0.strip_prefix("nhs:")
    }

    fn from_key(key: String) -> Person {
        Person(key)
    }
}

impl fmt::Debug for Person {
    /// Without the number (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(…)")
    }
}

/// Everything that follows from one request, to be stored before it is answered.
#[derive(Clone)]
pub struct Acceptance {
    /// The sender's id in the configuration.
    pub sender: String,
    /// What makes a repeat of the request a repeat: Idempotency-Key, MessageHeader.id, Bundle.identifier, or the body's
    /// digest in hexadecimal; with a word before it that says which.
    pub key: String,
    /// SHA-256 of the body as it came.
    pub digest: [u8; 32],
    /// When.
    pub now: Timestamp,
    /// The record.
    pub record: NewRecord,
    /// The sharing choices it carries. An earlier choice of the person, by this sender and with the same identifier, is
    /// superseded. Another sender's is not: a stale export of a council's must not undo what the person's own app said,
    /// and where two senders disagree it is for `decide` to say what holds.
    pub choices: Vec<NewChoice>,
    /// One for every recipient it may have to go to.
    pub messages: Vec<NewMessage>,
    /// The trail of accepting and deciding. At least one.
    pub entries: Vec<Entry>,
    /// What the sender is told.
    pub reply: Reply,
}

impl fmt::Debug for Acceptance {
    /// Without the record and the key (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acceptance({} from {}, {} messages)", self.record.id, self.sender, self.messages.len())
    }
}

/// A record to be stored.
#[derive(Clone)]
pub struct NewRecord {
    /// A new UUID.
    pub id: String,
    /// Whom it is about.
    pub person: Person,
    /// What a newer version of the same record has in common with it: the sender's system and plan id, no version. An
    /// unsent message about an older one is superseded.
    pub plan: Option<String>,
    /// X-Request-Id.
    pub request: String,
    /// `fhir`, or the mapping's name.
    pub format: String,
    /// The validated FHIR Bundle, compact JSON.
    pub bundle: String,
    /// The bytes as they came, where the format is local: private fields survive in them.
    pub original: Option<Vec<u8>>,
}

impl fmt::Debug for NewRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewRecord({})", self.id)
    }
}

/// A sharing choice to be stored.
#[derive(Clone)]
pub struct NewChoice {
    /// Consent.identifier: the same for every version of one choice of one person by one sender.
    pub identifier: String,
    /// Consent.dateTime; none counts as when it is accepted. An older one that comes late supersedes nothing.
    pub dated: Option<Timestamp>,
    /// The Consent, compact JSON; or a Bundle of it and of what it refers to, the Consent first.
    pub consent: String,
}

impl NewChoice {
    /// The choices that a record carries: the Consent itself, or those of a Bundle. One without an identifier goes by its
    /// id, and one without either by its content.
    #[must_use]
    pub fn all_in(record: Item<'_>) -> Vec<NewChoice> {
        if record.resource_type() == Some("Consent") {
            return vec![NewChoice::of(record, record.to_json())];
        }
        let resources = record.all("entry").filter_map(|entry| entry.get("resource"));
        let consents = resources.filter(|resource| resource.resource_type() == Some("Consent"));
        consents.map(|consent| NewChoice::of(consent, with_what_it_names(consent, record).root().to_json())).collect()
    }

    fn of(consent: Item<'_>, stored: String) -> NewChoice {
        let system = consent.str_at(&["identifier", "system"]).unwrap_or_default();
        let identifier = match (consent.str_at(&["identifier", "value"]), consent.str_at(&["id"])) {
            (Some(value), _) => format!("{system}|{value}"),
            (None, Some(id)) => format!("id|{id}"),
            (None, None) => format!("content|{:x?}", openssl::sha::sha256(stored.as_bytes())),
        };
        let dated = consent.str_at(&["dateTime"]).and_then(When::date_time).map(When::earliest);
        NewChoice { identifier, dated, consent: stored }
    }
}

/// A Bundle of a Consent and of what it refers to in its own Bundle: the patient, who chose, who is meant. Alone it would
/// not say whose choice it is.
fn with_what_it_names(consent: Item<'_>, record: Item<'_>) -> Tree {
    let below = consent.descendants();
    let named: Vec<&str> = below.iter().filter(|i| i.key() == "reference").filter_map(|i| i.str()).collect();
    let mut bundle = Tree::object();
    let root = bundle.root().id();
    bundle.push_str(root, "resourceType", "Bundle");
    bundle.push_str(root, "type", "collection");
    let entries = bundle.push_array(root, "entry");
    let mut add = |resource: Item<'_>| {
        let entry = bundle.push_object(entries, "");
        if let Some(url) = resource.parent().and_then(|entry| entry.str_at(&["fullUrl"])) {
            bundle.push_str(entry, "fullUrl", url);
        }
        bundle.push_copy(entry, "resource", resource);
    };
    add(consent);
    for entry in record.all("entry") {
        let Some(resource) = entry.get("resource").filter(|r| *r != consent) else { continue };
        let local = [resource.resource_type(), resource.str_at(&["id"])].map(Option::unwrap_or_default).join("/");
        let url = entry.str_at(&["fullUrl"]);
        if named.iter().any(|reference| *reference == local || Some(*reference) == url) {
            add(resource);
        }
    }
    bundle
}

impl fmt::Debug for NewChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewChoice(…)")
    }
}

/// A message to be queued.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// A new UUID; the same at every attempt, so that the receiver can tell a repeat.
    pub id: String,
    /// The recipient's id in the configuration.
    pub recipient: String,
    /// Whether the recipient tells repeats by the message's id. Where not, a message that may have arrived is held.
    pub repeatable: bool,
}

/// What the sender is told, kept for repeats.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub content_type: String,
    /// Location header, where there is one.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, {} bytes)", self.status, self.body.len())
    }
}

/// How a request was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// For the first time: stored, and this is to be said.
    New(Reply),
    /// Again: this was said.
    Replay(Reply),
    /// The key was used before, for another body.
    Conflict,
}

/// A message on its way out, claimed.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id, the same at every attempt: Idempotency-Key and MessageHeader.id.
    pub id: String,
    /// The record it carries.
    pub record: String,
    /// The recipient's id in the configuration.
    pub recipient: String,
    /// Whom it is about.
    pub person: Person,
    /// X-Request-Id of the request that caused it.
    pub request: String,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// How often it was claimed, this time included. Also the fence: an older claim cannot complete it.
    pub attempt: u32,
    /// Whether it was sent before and nobody answered: it may have arrived. Where a repeat cannot be told, it has to be
    /// held, and `release` refuses it.
    pub unanswered: bool,
    /// Whether a repeat is told by its id.
    pub repeatable: bool,
}

/// Proof that the intent is in the trail and the choices are those it was decided by. Only a store makes one.
#[derive(Debug)]
pub struct Departure {
    message: Message,
    epoch: u64,
}

impl Departure {
    /// The message that may leave.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The epoch of the person's choices it was let go under.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

/// Whether a message may leave now.
#[derive(Debug)]
pub enum Released {
    /// It may, once.
    Go(Departure),
    /// The person's choices changed in between: decide again.
    ChoicesMoved(Message),
}

/// How a message ended, or goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Delivered,
    /// Not this time; again at this instant.
    Retry {
        /// When.
        at: Timestamp,
        /// Why, without values of the record.
        reason: String,
    },
    /// A person has to look; its lane waits.
    Held {
        /// Why, without values of the record.
        reason: String,
    },
    /// The person's choices, or the law, no longer let it leave.
    Withdrawn {
        /// By which rule.
        reason: String,
    },
}

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

/// A person's choices in force.
#[derive(Clone, Debug, Default)]
pub struct StoredChoices {
    /// Counts every change. 0: never chose.
    pub epoch: u64,
    /// Those in force, oldest first.
    pub consents: Vec<StoredConsent>,
}

/// One choice as stored.
#[derive(Clone)]
pub struct StoredConsent {
    /// Its id in the store.
    pub id: String,
    /// Who sent it.
    pub sender: String,
    /// Consent.identifier.
    pub identifier: String,
    /// 1 for the first under this identifier.
    pub version: u64,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The Consent, compact JSON; or a Bundle of it and of what it refers to, the Consent first.
    pub consent: String,
}

impl fmt::Debug for StoredConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredConsent({}/_history/{})", self.id, self.version)
    }
}

/// A message that waits for a person.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its id.
    pub message: String,
    /// To whom.
    pub recipient: String,
    /// Since when it is held.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
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
