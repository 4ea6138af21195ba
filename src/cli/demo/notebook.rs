//! What the demo notes while it watches the walk: how long each room took, what was decided, how each copy ended.

use crate::gateway::watch::{End, Room, Watch};
use crate::pure::decide::{ChoiceRef, Decision, Outcome, Sent};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A decision, as far as the terminal shows it.
#[derive(Clone)]
pub struct Noted {
    /// Permit, redact or deny.
    pub outcome: Outcome,
    /// The rule that decided.
    pub rule: &'static str,
    /// What that rule says.
    pub means: &'static str,
    /// Section by section: code, what becomes of it, the rule, and the choice behind it.
    pub sections: Vec<(String, Sent, &'static str, Option<ChoiceRef>)>,
}

/// A copy that came to an end.
#[derive(Clone)]
pub struct Ended {
    /// X-Request-Id of what caused it.
    pub request: String,
    /// To whom.
    pub recipient: String,
    /// How.
    pub end: End,
    /// Why.
    pub why: String,
}

#[derive(Default)]
struct Pages {
    rooms: BTreeMap<(String, Room), Duration>,
    decided: BTreeMap<(String, String), Noted>,
    ended: Vec<Ended>,
}

/// The notebook.
#[derive(Default)]
pub struct Notebook(Mutex<Pages>);

impl Notebook {
    fn open(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a request spent in each room, in the order of the walk.
    pub fn rooms(&self, request: &str) -> Vec<(Room, Duration)> {
        let pages = self.open();
        pages.rooms.iter().filter(|((r, _), _)| r == request).map(|((_, room), took)| (*room, *took)).collect()
    }

    /// What was decided last for a party.
    pub fn decided(&self, request: &str, party: &str) -> Option<Noted> {
        self.open().decided.get(&(request.to_owned(), party.to_owned())).cloned()
    }

    /// The copies of a request that came to an end.
    pub fn ended(&self, request: &str) -> Vec<Ended> {
        self.open().ended.iter().filter(|e| e.request == request).cloned().collect()
    }
}

impl Watch for Notebook {
    fn room(&self, request: &str, room: Room, took: Duration) {
        *self.open().rooms.entry((request.to_owned(), room)).or_default() += took;
    }

    fn decided(&self, request: &str, party: &str, decision: &Decision) {
        let rule = decision.reasons().first().map(|r| r.rule);
        let section = |s: &crate::pure::decide::decision::Section| {
            (s.code.clone(), s.sent, s.reason.rule.id(), s.reason.choice.clone())
        };
        let noted = Noted {
            outcome: decision.outcome(),
            rule: rule.map_or("", |r| r.id()),
            means: rule.map_or("", |r| r.text()),
            sections: decision.sections().iter().map(section).collect(),
        };
        self.open().decided.insert((request.to_owned(), party.to_owned()), noted);
    }

    fn ended(&self, request: &str, recipient: &str, end: End, why: &str) {
        let (request, recipient, why) = (request.to_owned(), recipient.to_owned(), why.to_owned());
        self.open().ended.push(Ended { request, recipient, end, why });
    }
}
