//! A message on its way out, and how it ends.

use super::Person;
use jiff::Timestamp;

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
    pub(super) message: Message,
    pub(super) epoch: u64,
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
    /// It arrived, and was no copy but the notice to hand an earlier one on to nobody.
    Told,
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
