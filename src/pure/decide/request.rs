//! Decisions about data that are not at hand: what a pull asks for, and what a request only describes.

use super::combine::{self, Claim, Live, Scratch, Word, weigh};
use super::decision::{Decision, Effect, Obligation, Outcome, Reason, Residual};
use super::evidence::Evidence;
use super::label::NORMAL;
use super::policy::Policy;
use super::provision::{Data, Known, Meaning, Rule, Says, Stated};
use super::question::{Asked, Question};
use super::rules::RuleId;
use super::steps::Bench;
use super::verdicts::{asides, settle};
use super::words::{Code, RESOURCE_TYPES, Truth};
use crate::pure::fhir::When;

/// What a request says of the data it is about. What it does not say is open: the answer then carries obligations.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    /// Classes of content.
    pub classes: Vec<Code>,
    /// Codes.
    pub codes: Vec<Code>,
    /// Security labels.
    pub labels: Vec<Code>,
    /// One resource, by reference.
    pub resource: Option<String>,
    /// The time of the data.
    pub date: Option<When>,
}

/// Parameters that say whose record and how much of it, and nothing of what is in it.
const HARMLESS: [&str; 12] = [
    "patient",
    "subject",
    "for",
    "_id",
    "_count",
    "_format",
    "_pretty",
    "_summary",
    "patient.identifier",
    "patient:identifier",
    "subject:identifier",
    "_total",
];

/// Step 1 to 10 for the question of a pull. A parameter that looks into data which may be withheld would tell of them.
pub(super) fn asked(question: &Question, asked: &Asked, evidence: &Evidence, policy: &Policy) -> Decision {
    let class = |t: &String| Code::of(RESOURCE_TYPES, t);
    let sketch = Sketch { classes: asked.types.iter().map(class).collect(), ..Sketch::default() };
    let mut decision = sketch_of(question, &sketch, evidence, policy);
    decision.fingerprint = super::fingerprint::of(question, &[digest_of(asked)], evidence, policy);
    if decision.outcome != Outcome::Deny && asked.parameters.iter().any(|p| !HARMLESS.contains(&p.as_str())) {
        decision.outcome = Outcome::Deny;
        decision.obligations.clear();
        decision.obligations.push(Obligation::Audit);
        decision.reasons.insert(0, Reason { rule: RuleId::R6, effect: Effect::Deny, choice: None, basis: None });
    }
    decision
}

/// The same for a described request.
pub(super) fn sketched(question: &Question, sketch: &Sketch, evidence: &Evidence, policy: &Policy) -> Decision {
    let mut decision = sketch_of(question, sketch, evidence, policy);
    decision.fingerprint = super::fingerprint::of(question, &[digest(sketch)], evidence, policy);
    decision
}

fn sketch_of(question: &Question, sketch: &Sketch, evidence: &Evidence, policy: &Policy) -> Decision {
    let known = Known::of(question);
    let (live, aside) = combine::live(&known, evidence, policy);
    let bench = Bench::of(&known, evidence, policy, &live, &aside);
    let stated = Stated {
        classes: sketch.classes.clone(),
        codes: sketch.codes.clone(),
        labels: sketch.labels.clone(),
        resource: sketch.resource.clone(),
        date: sketch.date,
    };
    let data = Data { stated: Some(&stated), ..Data::default() };
    let mut decision = Decision::empty(question, evidence);
    let mut scratch = Scratch::default();
    let confidentiality =
        if stated.labels.is_empty() { NORMAL } else { super::label::stated(&stated.labels, policy).confidentiality };
    let verdict = bench.sketch(&data, confidentiality, &mut scratch);
    let choice = verdict.live.map(|l| live[l].choice.reference());
    let effect = if verdict.goes { Effect::Permit } else { Effect::Deny };
    decision.reasons.push(Reason { rule: verdict.rule, effect, choice, basis: bench.basis(verdict.rule) });
    if verdict.goes {
        decision.outcome = Outcome::Permit;
        let residuals = residuals(&live, &data, policy, &scratch.claims);
        decision.obligations.extend(residuals);
    }
    asides(&mut decision, &aside, evidence);
    settle(&mut decision, &bench, &live, evidence);
    if scratch.contested {
        decision.obligations.push(Obligation::Review(RuleId::C1));
    }
    if decision.outcome == Outcome::Permit && decision.limits() {
        decision.outcome = Outcome::Redact;
    }
    decision
}

/// SHA-256 of what a pull asks for: types, then parameters, each after its length.
pub(super) fn digest_of(asked: &Asked) -> [u8; 32] {
    let mut page = Vec::with_capacity(128);
    for list in [&asked.types, &asked.parameters] {
        page.extend((list.len() as u64).to_be_bytes());
        for text in list {
            page.extend((text.len() as u64).to_be_bytes());
            page.extend(text.as_bytes());
        }
    }
    openssl::sha::sha256(&page)
}

fn digest(sketch: &Sketch) -> [u8; 32] {
    openssl::sha::sha256(format!("{sketch:?}").as_bytes())
}

impl Bench<'_> {
    fn sketch(&self, data: &Data<'_, '_>, confidentiality: u8, scratch: &mut Scratch) -> super::steps::Verdict {
        if self.gate == Some(RuleId::P1) {
            return super::steps::Verdict::stays(RuleId::P1);
        }
        if let Some(order) = self.orders().next() {
            return self.by_order(order);
        }
        if let Some(rule) = self.gate.filter(|g| *g != RuleId::P2) {
            return super::steps::Verdict::stays(rule);
        }
        let verdict = match weigh(self.live, data, self.policy, scratch) {
            Word::Deny(claim) => self.denied(&claim),
            _ if self.gate.is_some() => return super::steps::Verdict::stays(RuleId::P2),
            Word::Permit { claim, over, .. } => self.permitted(&claim, over),
            Word::Silent => self.silent(confidentiality <= NORMAL, confidentiality),
        };
        if verdict.goes || self.gate.is_some() { verdict } else { self.overridden(verdict) }
    }
}

/// What has to be taken out, and what alone may go, of data that nobody has described.
fn residuals(live: &[Live<'_>], data: &Data<'_, '_>, policy: &Policy, claims: &[Claim]) -> Vec<Obligation> {
    let mut found = Vec::new();
    let mut redact = Residual::default();
    for l in live {
        for (rule, _) in l.rules().filter(|(r, t)| r.says == Says::Deny && *t >= Truth::Unknown) {
            let matched = rule.matching(data, policy);
            if matched.open && matched.truth >= Truth::Unknown {
                add(&mut redact, rule);
            }
        }
    }
    if redact != Residual::default() {
        found.push(Obligation::Redact(redact));
    }
    let permits = || claims.iter().filter(|c| c.says == Says::Permit);
    if permits().next().is_some() && permits().all(|c| c.open) {
        let mut limit = Residual::default();
        for l in live.iter().filter(|l| l.permits) {
            for (rule, _) in l.rules().filter(|(r, t)| r.says == Says::Permit && *t == Truth::True) {
                let matched = rule.matching(data, policy);
                if matched.open && matched.truth == Truth::True {
                    add(&mut limit, rule);
                }
            }
        }
        found.push(Obligation::Limit(limit));
    }
    found
}

fn add(residual: &mut Residual, rule: &Rule) {
    let join = |list: &mut Vec<Code>, more: &[Code]| {
        for code in more {
            if !list.contains(code) {
                list.push(code.clone());
            }
        }
    };
    join(&mut residual.labels, &rule.labels);
    join(&mut residual.classes, &rule.classes);
    join(&mut residual.codes, &rule.codes);
    for (meaning, reference) in &rule.data {
        let meaning = match meaning {
            Meaning::Instance => "instance",
            Meaning::Related => "related",
            Meaning::Dependents => "dependents",
            Meaning::AuthoredBy => "authoredby",
        };
        let entry = (meaning.to_owned(), reference.clone());
        if !residual.data.contains(&entry) {
            residual.data.push(entry);
        }
    }
    if let Some(span) = rule.data_period {
        let day = |w: Option<When>| w.map(|w| w.civil.date().to_string()).unwrap_or_default();
        residual.data_period = Some((day(span.from), day(span.until)));
    }
}
