//! How long a decision holds by time alone, and a decision made before taken up again.
//!
//! Comes in: a [`Decision`], and the question and evidence as they are now. Goes out: the same decision under the
//! fingerprint of today's inputs, so that it is replayed from them. Refuses: another record, recipient or epoch.

use super::decision::Decision;
use super::evidence::Evidence;
use super::policy::Policy;
use super::question::{Asked, Question};
use jiff::Timestamp;

/// A span of time, from (included) until (excluded), in which a decision stays what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting {
    from: Timestamp,
    until: Timestamp,
}

impl Lasting {
    /// Whether it holds at this instant.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

impl Decision {
    /// How long the same question of the same epoch gets the same answer: from when it was decided to the next instant at
    /// which a period, an age, a time box or the freshness of the evidence changes it. None where that is not known, or
    /// where it is within the very second: boundaries are told to the second.
    #[must_use]
    pub fn lasts(&self, question: &Question, evidence: &Evidence, policy: &Policy) -> Option<Lasting> {
        let from = question.now;
        if !question.now_known {
            return None;
        }
        let now = from.as_second();
        let stale = evidence.stale_at(policy);
        let declared = question.break_glass.as_ref().and_then(|g| g.declared_at).map(Timestamp::as_second);
        let checked = evidence.facts.opt_out_checked.map(|c| c.as_second().saturating_sub(60));
        let ends = self.boundaries.iter().copied().chain(stale).chain(declared).chain(checked);
        let mut until = i64::MAX;
        for end in ends {
            if end == now {
                return None;
            }
            if end > now {
                until = until.min(end);
            }
        }
        Some(Lasting { from, until: Timestamp::from_second(until).unwrap_or(Timestamp::MAX) })
    }

    /// The same answer for the same question about the same record, as it is put now. None where it is not the same.
    #[must_use]
    pub fn again(
        &self,
        question: &Question,
        record: [u8; 32],
        evidence: &Evidence,
        policy: &Policy,
    ) -> Option<Decision> {
        (self.record == Some(record)).then_some(())?;
        self.under(question, record, evidence, policy)
    }

    /// The same answer for the same question of a pull, as it is put now. None where it is not the same.
    #[must_use]
    pub fn asked_again(
        &self,
        question: &Question,
        asked: &Asked,
        evidence: &Evidence,
        policy: &Policy,
    ) -> Option<Decision> {
        self.record.is_none().then_some(())?;
        self.under(question, super::request::digest_of(asked), evidence, policy)
    }

    fn under(&self, question: &Question, about: [u8; 32], evidence: &Evidence, policy: &Policy) -> Option<Decision> {
        let same = self.epoch == evidence.epoch && self.recipient == question.party.id;
        let fingerprint = || super::fingerprint::of(question, &[about], evidence, policy);
        let asked_at = question.now_known.then_some(question.now);
        let today = |decision: Decision| Decision {
            fingerprint: fingerprint(),
            asked_at,
            stale: evidence.stale_at(policy),
            ..decision
        };
        same.then(|| today(self.clone()))
    }
}
