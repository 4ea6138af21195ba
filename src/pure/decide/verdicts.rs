//! The verdicts on all parts of a record, gathered into one decision.

use super::combine::{self, Aside, Live};
use super::decision::{Cut, Decision, Effect, Obligation, Outcome, Reason, Told};
use super::evidence::Evidence;
use super::policy::{FRAME, Policy};
use super::provision::{Known, Span};
use super::question::Question;
use super::record::{Prepared, Record, Resource, Unit, Whose};
use super::rules::RuleId;
use super::steps::{Bench, Verdict};
use super::tally::Tally;
use super::words::Code;
use crate::pure::fhir::When;

/// All steps, for all parts of a record.
pub(super) fn judge(question: &Question, prepared: &Prepared<'_>, evidence: &Evidence) -> Decision {
    let policy = prepared.policy();
    let known = Known::of(question);
    let (live, aside) = combine::live(&known, evidence, policy);
    let bench = Bench::of(&known, evidence, policy, &live, &aside);
    let theirs = super::others::kept_back(question, prepared, evidence);
    let record = Record::of(prepared, &known.who, evidence, &theirs);
    let mut scratch = combine::Scratch::default();
    let mut verdicts: Vec<Verdict> = record.units().iter().map(|u| bench.judge(u, &record, &mut scratch)).collect();
    fall_with_the_resource(&record, &mut verdicts);
    leave_no_frame_alone(&record, &mut verdicts);
    fall_with_the_resource(&record, &mut verdicts);
    let mut decision = gather(&record, &verdicts, &bench, evidence);
    asides(&mut decision, &aside, evidence);
    settle(&mut decision, &bench, &live, evidence);
    if scratch.contested {
        decision.obligations.push(Obligation::Review(RuleId::C1));
    }
    decision.fingerprint = super::fingerprint::of(question, prepared.digests(), evidence, policy);
    decision.record = prepared.record();
    decision
}

/// A frame goes wherever something of the plan goes, never alone: where there is content and none of it goes, the frame
/// stays too; where there is only frame, it needs leave for more than some sections. Nobody's resource goes only where
/// something of the person does.
fn leave_no_frame_alone(record: &Record<'_, '_>, verdicts: &mut [Verdict]) {
    let units = || record.units().iter().zip(verdicts.iter()).filter(|(u, _)| !u.addressee);
    let nobodys = |u: &Unit<'_>| record.whose(u) == Whose::Nobody;
    // another person's content is none of this person's: what stands beside it fares as it would alone
    let is_content = |u: &Unit<'_>| u.sections != FRAME && record.whose(u) == Whose::Subject;
    let has_content = units().any(|(u, _)| is_content(u));
    let content = units().any(|(u, v)| v.goes && is_content(u));
    let person = units().any(|(u, v)| v.goes && !nobodys(u) && (content || !v.by_sections));
    for (unit, verdict) in record.units().iter().zip(verdicts.iter_mut()) {
        if !verdict.goes || unit.addressee {
            continue;
        }
        let frame = unit.sections == FRAME && !nobodys(unit);
        let alone = frame && !content && (has_content || verdict.by_sections);
        if alone || (nobodys(unit) && (!person || (has_content && !content))) {
            *verdict = Verdict { goes: false, rule: RuleId::C3, ..*verdict };
        }
    }
}

/// Elements of a resource that stays, stay.
fn fall_with_the_resource(record: &Record<'_, '_>, verdicts: &mut [Verdict]) {
    let mut owner = 0;
    for i in 0..verdicts.len() {
        if record.units()[i].whole {
            owner = i;
        } else if !verdicts[owner].goes {
            verdicts[i] = Verdict { goes: false, ..if verdicts[i].goes { verdicts[owner] } else { verdicts[i] } };
        }
    }
}

/// What is the same for all parts that stay or go for one reason.
type Kind = (bool, RuleId, Option<usize>, Option<usize>);

/// The different reasons of a record's parts, each put into words once.
struct Reasons<'b> {
    bench: &'b Bench<'b>,
    evidence: &'b Evidence,
    found: Vec<(Kind, Reason)>,
}

impl Reasons<'_> {
    fn of(&mut self, verdict: &Verdict) -> usize {
        let kind = (verdict.goes, verdict.rule, verdict.live, verdict.order);
        if let Some(known) = self.found.iter().position(|(k, _)| *k == kind) {
            return known;
        }
        let order = verdict.order.map(|o| &self.evidence.facts.orders[o]);
        let reason = Reason {
            rule: verdict.rule,
            effect: if verdict.goes { Effect::Permit } else { Effect::Deny },
            choice: verdict.live.map(|l| self.bench.live[l].choice.reference()),
            basis: order.map(|o| o.basis.clone()).or_else(|| self.bench.basis(verdict.rule)),
        };
        self.found.push((kind, reason));
        self.found.len() - 1
    }
}

fn gather(record: &Record<'_, '_>, verdicts: &[Verdict], bench: &Bench<'_>, evidence: &Evidence) -> Decision {
    let mut decision = Decision::empty(bench.known.question, evidence);
    decision.shape = std::sync::Arc::clone(&bench.policy.shape);
    let mut reasons = Reasons { bench, evidence, found: Vec::new() };
    let mut tally = Tally::default();
    let mut cited = Vec::new();
    let told = |l: &super::label::Labels<'_>| l.sets.iter().any(|s| bench.policy.sets.sets[*s].told);
    decision.teller.0 = record.prepared.labels().any(told).then(|| std::sync::Arc::clone(&bench.policy.sets));
    let mut whole_goes = true;
    for (unit, verdict) in record.units().iter().zip(verdicts) {
        let resource = record.resource(unit);
        if unit.whole {
            whole_goes = verdict.goes;
            let list = if verdict.goes { &mut decision.released } else { &mut decision.withheld };
            list.push(resource.reference.clone());
        }
        let why = reasons.of(verdict);
        // a choice that does not go along with a plan is no part of the plan
        if !unit.addressee {
            if !cited.contains(&why) {
                cited.push(why);
            }
            tally.count(unit.sections, verdict.goes, why);
        }
        if !verdict.goes && (unit.whole || whole_goes) {
            decision.cuts.push(cut(unit, resource, &reasons.found[why].1, bench.policy));
            if !unit.whole {
                let path = format!("{}.{}", resource.reference, unit.path_within());
                decision.obligations.push(Obligation::Withhold(path));
            }
        }
    }
    for why in cited {
        note(&mut decision.reasons, &reasons.found[why].1);
    }
    decision.sections = tally.sections(&bench.policy.sections, |why| reasons.found[why].1.clone());
    let waits = |c: &Cut| c.reason.rule == RuleId::R2 && c.reason.choice.is_none();
    if decision.cuts.iter().any(waits) {
        decision.obligations.push(Obligation::Review(RuleId::R2));
    }
    decision.outcome = if decision.released.is_empty() {
        Outcome::Deny
    } else if decision.cuts.iter().any(|c| !c.aside) {
        Outcome::Redact
    } else {
        Outcome::Permit
    };
    decision
}

fn cut(unit: &Unit<'_>, resource: &Resource<'_>, why: &Reason, policy: &Policy) -> Cut {
    let mut path = resource.path();
    if !unit.whole {
        path.push('.');
        path.push_str(&unit.path_within());
    }
    Cut {
        node: if unit.whole { resource.node } else { unit.item.id() },
        path,
        whole: unit.whole,
        aside: unit.addressee,
        sections: policy.sections.codes(unit.sections),
        reason: why.clone(),
    }
}

fn note(reasons: &mut Vec<Reason>, why: &Reason) {
    if !reasons.contains(why) {
        reasons.push(why.clone());
    }
}

/// What did not count, and why: worth knowing, and never a reason for more.
pub(super) fn asides(decision: &mut Decision, aside: &[Aside], evidence: &Evidence) {
    for a in aside {
        let choice = Some(evidence.choices[a.index].reference());
        note(&mut decision.reasons, &Reason { rule: a.rule, effect: Effect::Note, choice, basis: None });
    }
}

/// Reasons in one order, obligations, what may be told, and when to ask again.
pub(super) fn settle(decision: &mut Decision, bench: &Bench<'_>, live: &[Live<'_>], evidence: &Evidence) {
    let question = bench.known.question;
    if decision.reasons.iter().all(|r| r.effect == Effect::Note) {
        let rule = bench.gate.unwrap_or(RuleId::D2);
        decision.reasons.push(Reason { rule, effect: Effect::Deny, choice: None, basis: None });
    }
    let denied = decision.outcome == Outcome::Deny;
    let place = |r: &Reason| {
        let first = if denied { Effect::Deny } else { Effect::Permit };
        (if r.effect == first { 0 } else { 1 + r.effect as u8 }, weight(r.rule))
    };
    decision.reasons.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.cmp(b)));
    let rules: Vec<RuleId> = decision.reasons.iter().map(|r| r.rule).collect();
    let mut add = |o: Obligation| decision.obligations.push(o);
    add(Obligation::Audit);
    if !denied {
        add(Obligation::Manifest);
        add(Obligation::NoOnwardSharing);
        add(Obligation::ForPurpose(sorted(&question.purposes)));
        add(Obligation::RedecideAfter(evidence.epoch));
        if decision.outcome == Outcome::Redact {
            add(Obligation::Subsetted);
        }
    }
    if rules.contains(&RuleId::E1) {
        let seconds = bench.policy.emergency.minutes.saturating_mul(60);
        let from = question.break_glass.as_ref().and_then(|g| g.declared_at).unwrap_or(question.now);
        add(Obligation::Expires(from.as_second().saturating_add(seconds)));
        add(Obligation::Alert(RuleId::E1));
        add(Obligation::NotifyPerson(RuleId::E1));
    }
    if rules.contains(&RuleId::E2) {
        add(Obligation::OfferSafeguarding);
    }
    // on hold, not readable, by nobody with the right to: somebody has to ask
    let unread = live.iter().any(|l| l.choice.dialect() == super::Dialect::Unread);
    let asked = |r: &RuleId| rules.contains(r) || (*r == RuleId::C4 && unread);
    for rule in [RuleId::L1, RuleId::C4, RuleId::C7].into_iter().filter(asked) {
        add(Obligation::Review(rule));
    }
    if bench.is_blind() {
        add(Obligation::Review(RuleId::R2));
    }
    if question.self_claimed && !denied {
        add(Obligation::Alert(RuleId::P2));
    }
    for order in bench.orders().map(|o| &evidence.facts.orders[o]).filter(|_| !denied) {
        if order.tell_person {
            add(Obligation::NotifyPerson(order.rule));
        }
        if let Some(until) = order.until {
            add(Obligation::Expires(until.as_second()));
        }
    }
    if evidence.facts.authority == super::Authority::AsRecorded && !denied {
        let other =
            |l: &&Live<'_>| l.choice.performers.iter().any(|p| p.same(&l.choice.patient) != super::words::Truth::True);
        let mut taken: Vec<_> = live.iter().filter(|l| l.permits).filter(other).map(|l| l.choice.reference()).collect();
        taken.sort();
        taken.into_iter().for_each(|choice| add(Obligation::AuthorityNotChecked(choice)));
    }
    // told in a direct-care safety case alone, and never of what the law keeps back: to say so would be the hint
    let tellable = |c: &Cut| !c.aside && !c.reason.rule.is_bar();
    let tell = bench.policy.default.tell_withheld
        && decision.outcome == Outcome::Redact
        && super::steps::direct_care(question, bench.policy)
        && decision.cuts.iter().any(tellable);
    decision.told = if tell { Told::SomethingWithheld } else { Told::Nothing };
    if !denied {
        decision.legal_basis =
            decision.reasons.iter().find_map(|r| r.basis.clone()).or_else(|| bench.policy.default.basis.clone());
    }
    decision.boundaries = boundaries(live, bench);
    decision.stale = evidence.stale_at(bench.policy);
}

fn sorted(purposes: &[Code]) -> Vec<Code> {
    let mut purposes = purposes.to_vec();
    purposes.sort();
    purposes.dedup();
    purposes
}

/// The order in which rules are cited: what goes before the choices, the choices, the defaults, the rest.
fn weight(rule: RuleId) -> usize {
    use RuleId::{C1, C2, C3, C4, C5, D1, D2, E1, E2, L1, L6, L7};
    let first = [L6, L7, L1, E2, C1, C4, C5, C2, C3, E1, D1, D2];
    first.iter().position(|r| *r == rule).unwrap_or(first.len() + rule as usize)
}

/// The instants at which an answer can change by time alone.
fn boundaries(live: &[Live<'_>], bench: &Bench<'_>) -> Vec<i64> {
    let evidence = bench.evidence;
    let mut found = bench.boundaries();
    let mut add = |span: Option<Span>| {
        if let Some(span) = span {
            found.extend(span.from.map(|f| f.earliest().as_second()));
            found.extend(span.until.map(|u: When| u.end().as_second()));
        }
    };
    for choice in live.iter().map(|l| l.choice) {
        add(choice.validity);
        choice.readings.iter().flatten().for_each(|r| add(r.period));
    }
    for choice in evidence.choices.iter().chain(evidence.others.iter().flat_map(|o| &o.choices)) {
        add(choice.validity);
    }
    for choice in evidence.others.iter().flat_map(|o| &o.choices) {
        choice.readings().iter().flatten().for_each(|r| add(r.period));
    }
    found.sort_unstable();
    found.dedup();
    found
}
