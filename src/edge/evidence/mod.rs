//! Gathers what a decision about a person needs to know: their choices and what the register says of them, as the store
//! holds them at one epoch, and when they were read. The policy information point.
//!
//! Comes in: a person. Goes out: [`Evidence`] for `decide`, with the epoch it was read at. Refuses nothing that is stored:
//! a choice that cannot be read is kept as an objection to all that it might cover (rule C4), because it might be one, and
//! a fact that cannot be read lets nothing go, because it might be a bar.
//! What was written down when a choice was recorded is read first; the original only where another reader wrote it.
//! Both are read once per epoch and kept in memory; a change of either is a new epoch, so nothing kept outlives it. What
//! time alone changes is not kept: the facts are put together anew for each question, as of its instant.

use crate::edge::clock::Clock;
use crate::edge::store::{Person, Store, StoreError, StoredChoices, StoredConsent, StoredFact};
use crate::pure::decide::{Choice, Evidence, Identity, Taken, read_choice, unread_choice};
use crate::pure::fhir::json::{self, Limits};
use crate::pure::fhir::{Item, Tree};
use crate::pure::register::{self, Fact, Kind, Known};
use moka::sync::Cache;
use std::fmt;
use std::sync::Arc;

/// How many persons' choices are kept in memory.
const KEPT: u64 = 10_000;

/// Where evidence is gathered.
#[derive(Clone)]
pub struct Gatherer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    read: Cache<(Person, u64), Arc<Read>>,
}

/// What was read of a person at one epoch.
struct Read {
    choices: Vec<Choice>,
    known: Vec<Known>,
}

impl fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gatherer({:?})", self.store)
    }
}

impl Gatherer {
    /// Gathers from this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Gatherer {
        Gatherer { store, clock, read: Cache::new(KEPT) }
    }

    /// What is known of a person. `subject` is how their choices and records name them.
    ///
    /// # Errors
    /// When the store cannot say: nothing may be decided but deny.
    pub async fn gather(&self, person: &Person, subject: Identity) -> Result<Evidence, StoreError> {
        let read_at = self.clock.now();
        let stored = self.store.choices(person).await?;
        let key = (person.clone(), stored.epoch);
        let read = match self.read.get(&key) {
            Some(read) => read,
            None => {
                let known = stored.facts.iter().map(known).collect();
                let read = Arc::new(Read { choices: read_all(&stored), known });
                self.read.insert(key, Arc::clone(&read));
                read
            }
        };
        let facts = register::facts(&read.known, read_at);
        let choices = read.choices.clone();
        Ok(Evidence { choices, facts, epoch: stored.epoch, ..Evidence::none(subject, read_at) })
    }
}

fn read_all(stored: &StoredChoices) -> Vec<Choice> {
    stored.consents.iter().map(read).collect()
}

/// A stored choice, ready to be matched.
#[must_use]
pub fn read(stored: &StoredConsent) -> Choice {
    let understood = stored.understood.as_ref();
    let written = understood.filter(|u| u.reader == Choice::reader()).and_then(|u| Choice::from_rules(&u.rules));
    let choice = written.unwrap_or_else(|| read_original(stored));
    let taken = understood.and_then(|u| Taken::from_word(&u.taken));
    let taken = match taken {
        Some(taken) => taken,
        // recorded before anybody was asked which reading is meant
        None if choice.is_ambiguous() => Taken::Awaiting,
        None => Taken::AsWritten,
    };
    choice.stored(&stored.id, stored.version, &stored.sender).taken_as(taken)
}

fn read_original(stored: &StoredConsent) -> Choice {
    match json::read(stored.consent.as_bytes(), &Limits::default()) {
        Ok(tree) => {
            let consent = original(&tree);
            read_choice(consent).unwrap_or_else(|why| {
                tracing::error!(choice = stored.id, version = stored.version, "a stored choice cannot be read");
                unread_choice(consent, why)
            })
        }
        Err(why) => {
            tracing::error!(choice = stored.id, version = stored.version, "a stored choice cannot be read");
            unread_choice(Tree::object().root(), why)
        }
    }
}

/// The Consent of what is stored: a choice that came in a Bundle is kept with what it refers to, and stands first there.
#[must_use]
pub fn original(stored: &Tree) -> Item<'_> {
    let root = stored.root();
    root.at_path(&["entry", "resource"]).unwrap_or(root)
}

fn known(stored: &StoredFact) -> Known {
    let tree = json::read(stored.fact.as_bytes(), &Limits::default()).ok();
    let kind = Kind::from_word(&stored.kind);
    let fact = tree.zip(kind).and_then(|(tree, kind)| Fact::read(kind, tree.root()).ok());
    if fact.is_none() {
        tracing::error!(fact = stored.id, "a fact of the register cannot be read");
    }
    let (id, recorder, recorded) = (stored.id.clone(), stored.recorder.clone(), stored.recorded);
    Known { id, fact: fact.unwrap_or(Fact::Unreadable), recorder, recorded }
}
