//! From the facts on record to what a decision rests on, as of a time.
//!
//! What has a span of its own in [`Facts`] goes in with it, for `decide` to weigh by its own clock. Of what can be so only
//! one way (capacity, the opt-out) the latest word counts, and the instants at which that changes are kept.

use super::{Fact, Span};
use crate::pure::decide::{Capacity, Emergency, Facts, Restriction};
use jiff::Timestamp;

/// A fact, and who recorded it when.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its id in the store.
    pub id: String,
    /// What is known.
    pub fact: Fact,
    /// Who recorded it: a party's id.
    pub recorder: String,
    /// When it was recorded.
    pub recorded: Timestamp,
}

/// What the facts on record, oldest first, come to now.
#[must_use]
pub fn facts(known: &[Known], now: Timestamp) -> Facts {
    let mut facts = Facts::default();
    let mut assessed: Option<Timestamp> = None;
    for one in known {
        match &one.fact {
            Fact::Relationship(relationship) => facts.relationships.push(relationship.clone()),
            Fact::Representative(representative) => facts.representatives.push(representative.clone()),
            Fact::Capacity(capacity, span) => {
                changes(&mut facts, *span);
                if span.holds(now) && assessed <= span.from {
                    (assessed, facts.capacity) = (span.from, later(assessed == span.from, facts.capacity, *capacity));
                }
            }
            Fact::OptOut(opted_out, checked) => opt_out(&mut facts, *opted_out, *checked, now),
            Fact::RestrictedAddress(span) => {
                changes(&mut facts, *span);
                facts.restricted |= span.holds(now);
            }
            Fact::Death(died) => facts.died = Some(facts.died.map_or(*died, |d| d.min(*died))),
            Fact::Bar(bar, span) => {
                changes(&mut facts, *span);
                if span.holds(now) {
                    facts.bars.push(crate::pure::decide::Bar { id: one.id.clone(), ..bar.clone() });
                }
            }
            Fact::Order(order) => facts.orders.push(order.clone()),
            Fact::Emergency(declared) => {
                let mut declared = declared.clone();
                declared.declared_at = Some(one.recorded);
                facts.emergencies.push(Emergency { party: one.recorder.clone(), declared });
            }
            Fact::Unreadable => facts.unreadable = true,
            Fact::Restriction(Span { from, until }) => {
                facts.restrictions.push(Restriction { from: *from, until: *until });
            }
        }
    }
    facts.capacity_since = assessed.filter(|_| facts.capacity != Capacity::Presumed);
    facts.changes_at.extend(facts.died);
    facts.changes_at.sort_unstable();
    facts.changes_at.dedup();
    facts
}

/// Of two assessments of one day that contradict each other, neither can be told to be the later: capacity is presumed.
fn later(same: bool, before: Capacity, now: Capacity) -> Capacity {
    if same && before != Capacity::Presumed && before != now { Capacity::Presumed } else { now }
}

/// The latest check counts; of two at one time, that they opted out. One from the future is a broken clock: it can stop
/// and clear nothing.
fn opt_out(facts: &mut Facts, opted_out: bool, checked: Timestamp, now: Timestamp) {
    if checked > now && !opted_out {
        facts.changes_at.push(checked);
        return;
    }
    let same = facts.opt_out_checked == Some(checked);
    if same || facts.opt_out_checked.is_none_or(|before| before < checked) {
        facts.opted_out = Some(opted_out || (same && facts.opted_out == Some(true)));
        facts.opt_out_checked = Some(checked);
    }
}

fn changes(facts: &mut Facts, span: Span) {
    facts.changes_at.extend(span.from);
    facts.changes_at.extend(span.until);
}
