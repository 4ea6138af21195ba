//! Begin before, complete after: the trail of an act that is not queued, such as answering a question.
//!
//! Comes in: an [`Event`]. Goes out: a [`Begun`], which is proof that the intent is on the disk; without one nothing may
//! be told. What is queued takes another door with the same lock: `Store::release` and `Store::complete`.

use crate::edge::clock::Clock;
use crate::edge::store::{Store, StoreError};
use crate::pure::audit::{Entry, Event, Kind, Name, Outcome, Phase};
use std::sync::Arc;

/// Where acts are written down.
#[derive(Clone, Debug)]
pub struct Journal {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    gateway: Name,
}

/// Proof that an intent is on the disk. To be given back to [`Journal::complete`].
#[derive(Debug)]
#[must_use = "an intent without a completion is an alarm"]
pub struct Begun {
    event: Event,
}

impl Begun {
    /// The AuditEvent.id of the intent.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.event.id
    }
}

impl Journal {
    /// A journal of this gateway.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, gateway: Name) -> Journal {
        Journal { store, clock, gateway }
    }

    /// The facts of an act of ours, about nothing yet, to be filled in.
    #[must_use]
    pub fn event(&self, kind: Kind, request: &str) -> Event {
        Event::new(kind, self.clock.id(), request, self.clock.now(), self.gateway.clone())
    }

    /// Writes what is about to be done.
    ///
    /// # Errors
    /// When it cannot be written: then it must not be done.
    pub async fn begin(&self, mut event: Event) -> Result<Begun, StoreError> {
        event.phase = Phase::Intent;
        self.store.append(vec![event.entry()]).await?;
        Ok(Begun { event })
    }

    /// Writes how it went. `also` are entries that belong to it, such as decisions.
    ///
    /// # Errors
    /// When it cannot be written. The intent stays unresolved, which is a query of the IG officer's.
    pub async fn complete(
        &self,
        begun: Begun,
        outcome: Outcome,
        reason: &str,
        also: Vec<Entry>,
    ) -> Result<(), StoreError> {
        let mut entries = also;
        entries.push(self.completion(&begun.event, outcome, reason).entry());
        self.store.append(entries).await
    }

    /// The completion of an intent, for where the store writes it together with something else.
    #[must_use]
    pub fn completion(&self, intent: &Event, outcome: Outcome, reason: &str) -> Event {
        Event {
            id: self.clock.id(),
            phase: Phase::Completion,
            intent: Some(intent.id.clone()),
            outcome,
            reason: reason.to_owned(),
            recorded: self.clock.now(),
            ..intent.clone()
        }
    }

    /// Writes down an act that is whole in itself: a refusal.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn note(&self, event: Event) -> Result<(), StoreError> {
        self.store.append(vec![event.entry()]).await
    }
}
