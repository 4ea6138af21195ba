//! What may be watched of the walk: rooms and their times, decisions, ends. Metrics watch it; so does the demo.
//! Nothing here names a person; a decision holds paths and rules, no values.

use crate::edge::listen::metrics::Metrics;
use crate::pure::decide::{Decision, RuleId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A room of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Room {
    /// Bytes to a tree.
    Parse,
    /// A local record to FHIR.
    Map,
    /// Against the profiles.
    Validate,
    /// Who may have what.
    Decide,
    /// The rest taken out.
    Redact,
    /// Written and flushed.
    Store,
    /// A system of record asked.
    Source,
    /// Handed to the recipient.
    Deliver,
}

impl Room {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Room::Parse => "parse",
            Room::Map => "map",
            Room::Validate => "validate",
            Room::Decide => "decide",
            Room::Redact => "redact",
            Room::Store => "store",
            Room::Source => "source",
            Room::Deliver => "deliver",
        }
    }
}

/// How a copy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It arrived.
    Delivered,
    /// It will be tried again.
    Retry,
    /// A person has to look.
    Held,
    /// The choices, or the law, no longer let it leave.
    Withdrawn,
}

impl End {
    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            End::Delivered => "delivered",
            End::Retry => "retry",
            End::Held => "held",
            End::Withdrawn => "withdrawn",
        }
    }
}

/// Somebody who watches.
pub trait Watch: Send + Sync {
    /// A room was passed through.
    fn room(&self, _request: &str, _room: Room, _took: Duration) {}
    /// It was decided what a party may have.
    fn decided(&self, _request: &str, _party: &str, _decision: &Decision) {}
    /// The privacy officer has to look at something this party did, by this rule.
    fn alerted(&self, _request: &str, _party: &str, _rule: RuleId) {}
    /// A queued copy came to an end, or will be tried again; why.
    fn ended(&self, _request: &str, _recipient: &str, _end: End, _why: &str) {}
}

/// All who watch.
#[derive(Clone, Default)]
pub struct Watches(Vec<Arc<dyn Watch>>);

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watches({})", self.0.len())
    }
}

impl Watches {
    /// These watch.
    #[must_use]
    pub fn new(watches: Vec<Arc<dyn Watch>>) -> Watches {
        Watches(watches)
    }

    pub(super) fn room(&self, request: &str, room: Room, took: Duration) {
        self.0.iter().for_each(|w| w.room(request, room, took));
    }

    pub(super) fn decided(&self, request: &str, party: &str, decision: &Decision) {
        self.0.iter().for_each(|w| w.decided(request, party, decision));
    }

    pub(super) fn alerted(&self, request: &str, party: &str, rule: RuleId) {
        self.0.iter().for_each(|w| w.alerted(request, party, rule));
    }

    pub(super) fn ended(&self, request: &str, recipient: &str, end: End, why: &str) {
        self.0.iter().for_each(|w| w.ended(request, recipient, end, why));
    }
}

impl Watch for Metrics {
    fn room(&self, _request: &str, room: Room, took: Duration) {
        Metrics::room(self, room.name(), took);
    }

    fn decided(&self, _request: &str, _party: &str, decision: &Decision) {
        Metrics::decided(self, decision.outcome().code());
    }

    fn alerted(&self, _request: &str, party: &str, rule: RuleId) {
        Metrics::alerted(self, party, rule.id());
    }

    fn ended(&self, _request: &str, recipient: &str, end: End, _why: &str) {
        self.delivered(recipient, end.name());
    }
}
