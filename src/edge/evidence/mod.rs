//! Gathers what a decision about a person needs to know: their choices as the store holds them, and when they were read.
//! The policy information point.
//!
//! Comes in: a person. Goes out: [`Evidence`] for `decide`, with the epoch it was read at. Refuses: a person of whom a
//! stored choice cannot be read, because whatever it says might be a refusal.
//! Choices are read once per epoch and kept in memory; a change of choices is a new epoch, so nothing kept outlives it.

use crate::edge::clock::Clock;
use crate::edge::store::{Person, Store, StoreError, StoredChoices};
use crate::pure::decide::{Choice, Evidence, Identity, read_choice};
use crate::pure::fhir::json::{self, Limits};
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

/// Why there is no evidence. Then there is no decision but deny.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceError {
    /// The store could not say.
    Store(StoreError),
    /// A stored choice cannot be read: its id in the store.
    Unreadable(String),
}

impl fmt::Display for EvidenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvidenceError::Store(error) => error.fmt(f),
            EvidenceError::Unreadable(id) => write!(f, "the stored choice `{id}` cannot be read"),
        }
    }
}

impl std::error::Error for EvidenceError {}

impl Gatherer {
    /// Gathers from this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Gatherer {
        Gatherer { store, clock, read: Cache::new(KEPT) }
    }

    /// What is known of a person. `subject` is how their choices and records name them.
    ///
    /// # Errors
    /// When the store cannot say, or a stored choice cannot be read: nothing may be decided but deny.
    pub async fn gather(&self, person: &Person, subject: Identity) -> Result<Evidence, EvidenceError> {
        let read_at = self.clock.now();
        let stored = self.store.choices(person).await.map_err(EvidenceError::Store)?;
        let key = (person.clone(), stored.epoch);
        let choices = match self.read.get(&key) {
            Some(choices) => choices,
            None => {
                let choices = Arc::new(read_all(&stored)?);
                self.read.insert(key, Arc::clone(&choices));
                choices
            }
        };
        Ok(Evidence { choices: choices.to_vec(), epoch: stored.epoch, ..Evidence::none(subject, read_at) })
    }
}

fn read_all(stored: &StoredChoices) -> Result<Vec<Choice>, EvidenceError> {
    let read = stored.consents.iter().map(|stored| {
        let unreadable = || EvidenceError::Unreadable(stored.id.clone());
        let tree = json::read(stored.consent.as_bytes(), &Limits::default()).map_err(|_| unreadable())?;
        // A choice that came in a Bundle is kept with what it refers to: it stands first there.
        let root = tree.root();
        let consent = root.at_path(&["entry", "resource"]).unwrap_or(root);
        let choice = read_choice(consent).map_err(|_| unreadable())?;
        Ok(choice.with_version(&stored.version.to_string()))
    });
    read.collect()
}
