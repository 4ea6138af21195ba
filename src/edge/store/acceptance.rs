//! What is given to be stored: everything that follows from one request, and how it was taken.

use super::Person;
use crate::pure::audit::Entry;
use crate::pure::fhir::time::When;
use crate::pure::fhir::tree::{Item, Tree};
use jiff::Timestamp;
use std::fmt;

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
    /// A new UUID. Of the first version under this identifier it becomes the Consent's id here.
    pub id: String,
    /// Who sent the choice, by its id in the configuration: whoever else confirms it does not make it theirs.
    pub sender: String,
    /// The version that this one follows, where it must follow that one and no other; 0: it must be the first.
    pub follows: Option<u64>,
    /// How it was understood.
    pub understood: Understood,
    /// Consent.identifier: the same for every version of one choice of one person by one sender.
    pub identifier: String,
    /// Consent.dateTime; none counts as when it is accepted. An older one that comes late supersedes nothing.
    pub dated: Option<Timestamp>,
    /// The Consent, compact JSON; or a Bundle of it and of what it refers to, the Consent first.
    pub consent: String,
}

/// What was done to a choice by a version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It was recorded for the first time.
    Recorded,
    /// It was changed.
    Changed,
    /// It was withdrawn.
    Withdrawn,
    /// Somebody said which of its readings is meant.
    Confirmed,
}

impl Act {
    /// Its word in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Act::Recorded => "recorded",
            Act::Changed => "changed",
            Act::Withdrawn => "withdrawn",
            Act::Confirmed => "confirmed",
        }
    }

    /// The one of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Act> {
        [Act::Recorded, Act::Changed, Act::Withdrawn, Act::Confirmed].into_iter().find(|act| act.word() == word)
    }
}

/// How a version of a choice was understood when it was recorded: what is enforced, word for word.
#[derive(Clone, PartialEq, Eq)]
pub struct Understood {
    /// What was done.
    pub act: Act,
    /// The party that did it, by its id in the configuration. Of a confirmation it need not be the choice's sender.
    pub actor: String,
    /// Which reading was taken: `as-written`, `awaiting`, `scope`, `exception`.
    pub taken: String,
    /// How it was written: `A`, `B`, `vrs`, `eol`.
    pub dialect: String,
    /// Whether whoever chose had the right to, as far as was known then: `yes`, `no`, `unknown`.
    pub authority: String,
    /// Which reader made `rules`: another one reads the original again.
    pub reader: String,
    /// The rules, spelled out.
    pub rules: String,
}

impl fmt::Debug for Understood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Understood({}, {}, {})", self.act.word(), self.dialect, self.taken)
    }
}

/// The choices that a record carries, each with what is stored of it: the Consent itself, or of a Bundle the Consent with
/// what it refers to.
#[must_use]
pub fn consents_in(record: Item<'_>) -> Vec<(Item<'_>, String)> {
    if record.resource_type() == Some("Consent") {
        return vec![(record, record.to_json())];
    }
    let resources = record.all("entry").filter_map(|entry| entry.get("resource"));
    let consents = resources.filter(|resource| resource.resource_type() == Some("Consent"));
    consents.map(|consent| (consent, with_what_it_names(consent, record).root().to_json())).collect()
}

impl NewChoice {
    /// A Consent to be stored as `stored`. One without an identifier goes by its id, and one without either by its
    /// content.
    #[must_use]
    pub fn of(consent: Item<'_>, stored: String, id: String, sender: &str, understood: Understood) -> NewChoice {
        let system = consent.str_at(&["identifier", "system"]).unwrap_or_default();
        let identifier = match (consent.str_at(&["identifier", "value"]), consent.str_at(&["id"])) {
            (Some(value), _) => format!("{system}|{value}"),
            (None, Some(id)) => format!("id|{id}"),
            (None, None) => format!("content|{:x?}", openssl::sha::sha256(stored.as_bytes())),
        };
        let dated = consent.str_at(&["dateTime"]).and_then(When::date_time).map(When::earliest);
        NewChoice { id, sender: sender.to_owned(), follows: None, understood, identifier, dated, consent: stored }
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
    /// A choice has moved on from the version that was to be followed. Nothing was stored.
    Stale,
}
