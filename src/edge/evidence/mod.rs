//! Gathers what a decision about a person needs to know: their choices as the store holds them, and when they were read.
//! The policy information point.
//!
//! Comes in: a person. Goes out: [`Evidence`] for `decide`, with the epoch it was read at. Refuses nothing that is stored:
//! a choice that cannot be read is kept as an objection to all that it might cover (rule C4), because it might be one.
//! What was written down when a choice was recorded is read first; the original only where another reader wrote it.
//! Choices are read once per epoch and kept in memory; a change of choices is a new epoch, so nothing kept outlives it.

use crate::edge::clock::Clock;
use crate::edge::store::{Person, Store, StoreError, StoredChoices, StoredConsent};
use crate::pure::decide::{Choice, Evidence, Identity, Taken, read_choice, unread_choice};
use crate::pure::fhir::json::{self, Limits};
use crate::pure::fhir::{Item, Tree};
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
    read: Cache<(Person, u64), Arc<Vec<Choice>>>,
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
        let choices = match self.read.get(&key) {
            Some(choices) => choices,
            None => {
                let choices = Arc::new(read_all(&stored));
                self.read.insert(key, Arc::clone(&choices));
                choices
            }
        };
        Ok(Evidence { choices: choices.to_vec(), epoch: stored.epoch, ..Evidence::none(subject, read_at) })
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
