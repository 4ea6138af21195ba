//! Decisions that were made a moment ago and still hold, so that the same question about the same record is not weighed
//! twice: a copy decided when it was accepted and again when it leaves, a plan that is read over and over.
//!
//! Comes in: a question as it is put now, with the evidence as it is now. Goes out: the answer, made before or made now;
//! always under the fingerprint of today's inputs. Refuses to keep: an answer without an end that can be told, and one to a
//! question that says more than the key does. The evidence, and with it the epoch, is read from the store each time: what
//! is kept under an older epoch is never found again. Nothing is kept for longer than a minute, nor past the next instant
//! at which time alone makes another answer.

use crate::edge::store::Person;
use crate::pure::decide::{Asked, BreakGlass, Code, Decision, Evidence, Identity, Lasting, Policy, Question, Relation};
use moka::sync::Cache;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Bytes that kept decisions may take, more or less.
const ROOM: u64 = 64 << 20;
/// How long one is kept at most.
const LONGEST: Duration = Duration::from_secs(60);

/// Decisions in memory.
pub struct Decisions {
    policy: Arc<Policy>,
    kept: Cache<Key, Arc<Kept>>,
}

struct Kept {
    decision: Decision,
    lasting: Lasting,
}

/// All that an answer rests on and that neither the epoch nor the digest of the record stands for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    person: Person,
    epoch: u64,
    policy: [u8; 32],
    about: About,
    party: String,
    purposes: Vec<Code>,
    action: &'static str,
    bases: Vec<String>,
    glass: Option<Glass>,
    /// Who is asked about, as the record names them, and whether that was verified.
    subject: Identity,
    verified: Option<bool>,
    /// As the record says it, or as it is supposed.
    age: Option<u16>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum About {
    Record([u8; 32]),
    Asked(Vec<String>, Vec<String>),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Glass {
    reason: String,
    text: String,
    agreed_now: bool,
    cannot_ask: bool,
    declared_at: Option<jiff::Timestamp>,
}

impl Glass {
    fn of(glass: &BreakGlass) -> Glass {
        let BreakGlass { reason, text, agreed_now, cannot_ask, declared_at } = glass.clone();
        Glass { reason, text, agreed_now, cannot_ask, declared_at }
    }
}

impl fmt::Debug for Decisions {
    /// How many, never whose (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decisions({} kept)", self.kept.entry_count())
    }
}

impl Decisions {
    /// Keeps decisions made by these rules.
    #[must_use]
    pub fn new(policy: Arc<Policy>) -> Decisions {
        let kept = Cache::builder()
            .max_capacity(ROOM)
            .weigher(|_: &Key, kept: &Arc<Kept>| weight(&kept.decision))
            .time_to_live(LONGEST)
            .build();
        Decisions { policy, kept }
    }

    /// The answer about a record of this digest: kept, or made by `make` now.
    pub fn about_record(
        &self,
        person: &Person,
        question: &Question,
        record: [u8; 32],
        evidence: &Evidence,
        make: impl FnOnce() -> Decision,
    ) -> Decision {
        let key = self.key(person, question, About::Record(record), evidence);
        let again = |kept: &Decision| kept.again(question, record, evidence, &self.policy);
        self.through(key, question, evidence, again, make)
    }

    /// The answer to what a pull asks: kept, or made by `make` now.
    pub fn about_asked(
        &self,
        person: &Person,
        question: &Question,
        asked: &Asked,
        evidence: &Evidence,
        make: impl FnOnce() -> Decision,
    ) -> Decision {
        let about = About::Asked(asked.types.clone(), asked.parameters.clone());
        let key = self.key(person, question, about, evidence);
        let again = |kept: &Decision| kept.asked_again(question, asked, evidence, &self.policy);
        self.through(key, question, evidence, again, make)
    }

    /// Whether an answer about a record of this digest is kept and holds.
    #[must_use]
    pub fn holds(&self, person: &Person, question: &Question, record: [u8; 32], evidence: &Evidence) -> bool {
        let key = self.key(person, question, About::Record(record), evidence);
        key.and_then(|key| self.kept.get(&key)).is_some_and(|kept| kept.lasting.holds_at(question.now))
    }

    fn through(
        &self,
        key: Option<Key>,
        question: &Question,
        evidence: &Evidence,
        again: impl FnOnce(&Decision) -> Option<Decision>,
        make: impl FnOnce() -> Decision,
    ) -> Decision {
        let Some(key) = key else { return make() };
        let kept = self.kept.get(&key).filter(|kept| kept.lasting.holds_at(question.now));
        if let Some(decision) = kept.and_then(|kept| again(&kept.decision)) {
            return decision;
        }
        let decision = make();
        if let Some(lasting) = decision.lasts(question, evidence, &self.policy) {
            self.kept.insert(key, Arc::new(Kept { decision: decision.clone(), lasting }));
        }
        decision
    }

    /// None where the question says something that no key holds: then nothing is kept of it.
    fn key(&self, person: &Person, question: &Question, about: About, evidence: &Evidence) -> Option<Key> {
        let plain = question.custodian.is_none()
            && !question.self_claimed
            && question.categories.is_empty()
            && question.relation == Relation::Evidence
            && question.fallback.is_none();
        plain.then(|| Key {
            person: person.clone(),
            epoch: evidence.epoch,
            policy: self.policy.version(),
            about,
            party: question.party.id.clone(),
            purposes: question.purposes.clone(),
            action: question.action.code(),
            bases: question.declared_bases.clone(),
            glass: question.break_glass.as_ref().map(Glass::of),
            subject: evidence.subject.clone(),
            verified: evidence.facts.verified,
            age: evidence.facts.age,
        })
    }
}

/// About how many bytes a decision takes.
fn weight(decision: &Decision) -> u32 {
    let parts = decision.cuts().len() + decision.obligations().len() + decision.reasons().len();
    let names = decision.released().len() + decision.withheld().len() + decision.sections().len();
    u32::try_from(1024 + 320 * parts + 128 * names).unwrap_or(u32::MAX)
}
