//! What a decision asks for besides its answer: somebody is alerted, the person is to be told.
//!
//! Comes in: the trail's line about a decision, and its obligations. Goes out: further lines of the trail, and a bell for
//! the operator. An alert names who did it, by which rule, and what to look at in the trail; no person, nothing clinical.

use super::Gateway;
use crate::pure::audit::{Entry, Event, Kind, Thing};
use crate::pure::decide::{Obligation, RuleId};

impl Gateway {
    /// The lines that carry out what a decision asks for once something of it is released; rings the bell for each alert.
    pub(super) fn carry_out(&self, decided: &Event, obligations: &[Obligation]) -> Vec<Entry> {
        let line = |obligation: &Obligation| match obligation {
            Obligation::Alert(rule) => {
                self.ring(decided, *rule);
                Some(self.alert_of(decided, *rule))
            }
            Obligation::NotifyPerson(rule) => Some(self.notice(decided, *rule)),
            _ => None,
        };
        obligations.iter().filter_map(line).map(|event| event.entry()).collect()
    }

    /// The trail's line that the privacy officer has to look at what `about` says.
    pub(super) fn alert_of(&self, about: &Event, rule: RuleId) -> Event {
        let mut event = self.about(about, Kind::Alert);
        event.reason = format!("alert: {}: {}", rule.id(), rule.text());
        event
    }

    /// Tells the operator's side of it: a log line and a counter.
    pub(super) fn ring(&self, about: &Event, rule: RuleId) {
        let party = about.party.as_deref().unwrap_or_default();
        tracing::warn!(request = %about.request, party, rule = rule.id(), look_at = %about.id,
            "the privacy officer has to look at this");
        self.watches.alerted(&about.request, party, rule);
    }

    /// The person is to be told.
    fn notice(&self, about: &Event, rule: RuleId) -> Event {
        let mut event = self.about(about, Kind::Notice);
        event.person.clone_from(&about.person);
        event.reason = format!("the person is to be told: {}: {}", rule.id(), rule.text());
        event
    }

    /// A line that points at another, and names the party and no person.
    fn about(&self, about: &Event, kind: Kind) -> Event {
        let mut event = self.journal.event(kind, &about.request);
        (event.party, event.other) = (about.party.clone(), about.other.clone());
        event.things.push(Thing { kind: "AuditEvent".to_owned(), reference: about.id.clone() });
        event
    }
}
