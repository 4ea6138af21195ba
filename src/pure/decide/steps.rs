//! The steps of a decision, in order (`sharing-choices` §4). Each is one function; the first that settles a part ends it.

use super::combine::{Aside, Live, Scratch, Word, closes_the_world, weigh};
use super::evidence::{Capacity, Evidence, Order, within};
use super::label::NORMAL;
use super::policy::{Decided, FRAME, Kind, Policy};
use super::provision::{Data, Known, Rule};
use super::question::{Fallback, Question, Relation};
use super::record::{Record, Unit, Whose};
use super::rules::RuleId;
use super::words::{Code, Truth};
use jiff::Timestamp;

/// What becomes of one part, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    pub goes: bool,
    pub rule: RuleId,
    /// The live choice it rests on.
    pub live: Option<usize>,
    /// The order it rests on.
    pub order: Option<usize>,
    /// The permit is for some sections only: the frame needs company.
    pub by_sections: bool,
}

impl Verdict {
    pub fn stays(rule: RuleId) -> Verdict {
        Verdict { goes: false, rule, live: None, order: None, by_sections: false }
    }

    pub fn goes(rule: RuleId) -> Verdict {
        Verdict { goes: true, ..Verdict::stays(rule) }
    }

    fn by(self, live: usize) -> Verdict {
        Verdict { live: Some(live), ..self }
    }
}

/// The question and all it is held against.
pub(super) struct Bench<'b> {
    pub known: &'b Known<'b>,
    pub evidence: &'b Evidence,
    pub policy: &'b Policy,
    pub live: &'b [Live<'b>],
    /// Steps 1 and 5, settled for the whole question: no choice and no default lifts this. Orders do.
    pub gate: Option<RuleId>,
    /// Step 5: a declared basis beyond direct care that holds by itself (P3), or the person's own access (P4).
    pub own_basis: Option<RuleId>,
    /// Step 9: the choice that closes the world.
    pub closed: Option<usize>,
    /// Step 9: she agreed to this for a time that is not now.
    pub ended: bool,
    /// Nothing but the emergency that this party declares says that it cares for the person: then nothing goes by
    /// default, and what goes, goes as emergency access (E1), which somebody is told of.
    pub stranger: bool,
}

/// Whether all purposes asked under are direct care.
pub(super) fn direct_care(question: &Question, policy: &Policy) -> bool {
    !question.purposes.is_empty() && question.purposes.iter().all(|p| policy.kind(p) == Some(Kind::DirectCare))
}

impl<'b> Bench<'b> {
    pub fn of(
        known: &'b Known<'b>,
        evidence: &'b Evidence,
        policy: &'b Policy,
        live: &'b [Live<'b>],
        aside: &[Aside],
    ) -> Bench<'b> {
        let ended = aside.iter().any(|a| a.ended);
        let closed = closes_the_world(live, known, policy);
        let mut bench =
            Bench { known, evidence, policy, live, gate: None, own_basis: None, closed, ended, stranger: false };
        let unreadable = evidence.facts.unreadable.then_some(RuleId::C4);
        bench.gate = bench.admit().or_else(|| bench.fresh()).or(unreadable).or_else(|| bench.stored_only());
        if bench.gate.is_none() {
            bench.purpose_gate();
        }
        bench
    }

    fn question(&self) -> &'b Question {
        self.known.question
    }

    /// Step 1: the purpose is declared, known, and one this party may ask under. A purpose is known to the policy, or to the
    /// person, who has named it in a choice.
    fn admit(&self) -> Option<RuleId> {
        let question = self.question();
        let named = |p: &Code| self.live.iter().flat_map(Live::rules).any(|(rule, _)| rule.purposes.contains(p));
        let known = |p: &Code| self.policy.kind(p).is_some() || named(p);
        let may = |p: &Code| question.party.purposes.contains(&p.code) && known(p);
        (question.purposes.is_empty() || !question.purposes.iter().all(may)).then_some(RuleId::P1)
    }

    /// Step 14: what is known is fresh enough. Evidence from the future is a broken clock: too old as well.
    fn fresh(&self) -> Option<RuleId> {
        let limit = self.policy.max_age_seconds?;
        let age = self.question().now.as_second().saturating_sub(self.evidence.read_at.as_second());
        (age > limit || age < -60).then_some(RuleId::X2)
    }

    /// UK GDPR Art 18: what is held is stored and nothing else, but by an order, and for the person themself.
    fn stored_only(&self) -> Option<RuleId> {
        let now = self.question().now;
        let restricts = |r: &super::evidence::Restriction| within(now, r.from, r.until) == Truth::True;
        (self.evidence.facts.restrictions.iter().any(restricts) && !self.itself()).then_some(RuleId::R4)
    }

    /// The instants, in seconds since 1970, at which what is known besides the choices makes another answer.
    pub fn boundaries(&self) -> Vec<i64> {
        let facts = &self.evidence.facts;
        let spans = facts.relationships.iter().map(|r| (r.from, r.until));
        let spans = spans.chain(facts.representatives.iter().map(|r| (r.from, r.until)));
        let spans = spans.chain(facts.orders.iter().map(|o| (o.from, o.until)));
        let others = self.evidence.others.iter().flat_map(|o| &o.facts.representatives);
        let spans = spans.chain(others.map(|r| (r.from, r.until)));
        let spans = spans.chain(facts.restrictions.iter().map(|r| (r.from, r.until)));
        let ends = spans.flat_map(|(from, until)| from.into_iter().chain(until));
        let stale = facts.opt_out_checked.zip(self.policy.secondary.opt_out_seconds);
        let stale = stale.map(|(checked, seconds)| checked.as_second().saturating_add(seconds).saturating_add(1));
        // a declared emergency counts from when it was declared until its time is over
        let declared = self.question().break_glass.as_ref().and_then(|g| g.declared_at).map(Timestamp::as_second);
        let over = declared.map(|d| d.saturating_add(self.policy.emergency.minutes.saturating_mul(60)));
        let changes = self.evidence.others.iter().flat_map(|o| &o.facts.changes_at).chain(&facts.changes_at);
        let alone = [stale, declared, over].into_iter().flatten();
        ends.chain(changes.copied()).map(Timestamp::as_second).chain(alone).collect()
    }

    /// Whether the opt-out was checked and is clear. A check that is older than the rules allow is none.
    fn opt_out_is_clear(&self) -> bool {
        let facts = &self.evidence.facts;
        let age = facts.opt_out_checked.map_or(0, |c| self.question().now.as_second().saturating_sub(c.as_second()));
        let fresh = self.policy.secondary.opt_out_seconds.is_none_or(|limit| (-60..=limit).contains(&age));
        facts.opted_out == Some(false) && fresh
    }

    /// Step 5: a gate for each kind of purpose. With several purposes, each has to pass, in whatever order they are named.
    fn purpose_gate(&mut self) {
        let kinds: Vec<Option<Kind>> = self.question().purposes.iter().map(|p| self.policy.kind(p)).collect();
        let stranger = kinds.contains(&Some(Kind::DirectCare)) && !self.cares();
        self.stranger = stranger && self.emergency();
        if stranger && !self.stranger {
            self.gate = Some(RuleId::P2);
        } else if kinds.contains(&Some(Kind::Safeguarding)) {
            self.gate = Some(RuleId::L7);
        }
        let basis = |kind: &Option<Kind>| match kind {
            Some(Kind::Secondary) => self.secondary_basis(),
            Some(Kind::Patient) => self.patient_access(),
            Some(Kind::DirectCare | Kind::Safeguarding) | None => None,
        };
        // a purpose without a basis of its own is not carried by that of another
        let bases: Option<Vec<RuleId>> = kinds.iter().map(basis).collect();
        self.own_basis = bases.and_then(|b| b.into_iter().min());
    }

    /// Rule P2: a relationship is recorded, or the person has named this party in a choice, or the site trusts a claim.
    pub fn cares(&self) -> bool {
        let question = self.question();
        match question.relation {
            Relation::Presumed => return true,
            Relation::Absent => return false,
            Relation::Evidence => {}
        }
        let recorded = self.evidence.facts.relationships.iter().any(|r| {
            r.with.same(&self.known.who) == Truth::True && within(question.now, r.from, r.until) == Truth::True
        });
        // a choice names the party where it permits it this, now, by somebody who may choose
        let named = || {
            let permits = self.live.iter().filter(|l| l.permits).flat_map(Live::rules);
            permits.filter(|(_, truth)| *truth == Truth::True).any(|(rule, _)| {
                let (truth, rank) = named(rule, self.known, self.policy);
                truth == Truth::True && rank > 0
            })
        };
        recorded || named() || self.itself() || (question.self_claimed && self.policy.default.self_claimed)
    }

    /// The person, or an app that acts for the person.
    pub fn itself(&self) -> bool {
        let person = self.question().party.person.as_ref();
        person.is_some_and(|p| p.same(&self.evidence.subject) == Truth::True)
    }

    /// Rule P3: a declared basis of the policy; where the National Data Opt-Out applies, it was checked and is clear.
    fn secondary_basis(&self) -> Option<RuleId> {
        self.declared_basis().map(|_| RuleId::P3)
    }

    /// The declared basis that holds: the first in the policy's order, whatever order they are declared in.
    fn declared_basis(&self) -> Option<&'b String> {
        let secondary = &self.policy.secondary;
        secondary.bases.iter().find(|basis| {
            let declared = self.question().declared_bases.contains(basis);
            // explicit consent is a choice on file, not a word of the caller's
            let own = *basis != "explicit-consent";
            let clear = !secondary.opt_out_applies_to.contains(basis) || self.opt_out_is_clear();
            declared && own && clear
        })
    }

    /// Rule P4: the person themself, or a proxy whose role is in force and has authority.
    fn patient_access(&self) -> Option<RuleId> {
        if self.itself() {
            return Some(RuleId::P4);
        }
        let proxy = self.question().party.person.as_ref()?;
        let evidence = self.evidence;
        let found =
            super::authority::relation(&evidence.choices, &evidence.subject, proxy, self.question(), &evidence.facts);
        (found.state == "in-force" && found.authoritative && !found.review).then_some(RuleId::P4)
    }

    /// All steps for one part of a record.
    pub fn judge(&self, unit: &Unit<'_>, record: &Record<'_, '_>, scratch: &mut Scratch) -> Verdict {
        let resource = record.resource(unit);
        if record.whose(unit) == Whose::Other {
            return Verdict::stays(RuleId::L1);
        }
        let data = Data {
            record: Some(record.prepared),
            resource: Some(resource),
            sections: Some(unit.sections),
            labels: Some(record.prepared.labels_of(unit)),
            stated: None,
        };
        if let Some(rule) = self.barred(unit, resource.bar) {
            let lifted = unit.bar.is_none() && self.consent_lifts(rule) && {
                let word = weigh(self.live, &data, self.policy, scratch);
                matches!(word, Word::Permit { explicit: true, .. })
            };
            if !lifted {
                return Verdict::stays(rule);
            }
        }
        if self.gate == Some(RuleId::P1) {
            return Verdict::stays(RuleId::P1);
        }
        if let Some(verdict) = self.ordered(unit) {
            return verdict;
        }
        let choice = super::addressee::choice_of(unit, record);
        // whoever recorded a choice need not care for the person to be shown it again
        if let Some(consent) = choice.filter(|_| self.gate.is_none_or(|gate| gate == RuleId::P2))
            && let Some(verdict) = self.owns(consent)
        {
            return verdict;
        }
        if let Some(rule) = self.gate {
            return self.gated(rule, weigh(self.live, &data, self.policy, scratch));
        }
        if let Some(consent) = choice {
            return self.addressed(unit, consent);
        }
        if resource.review {
            return Verdict::stays(RuleId::R2);
        }
        let labels = record.prepared.labels_of(unit);
        let normal = labels.confidentiality <= NORMAL.max(self.policy.default.highest_label.unwrap_or(0));
        let plain = normal && !labels.unknown;
        let verdict = match weigh(self.live, &data, self.policy, scratch) {
            Word::Permit { claim, over, .. } => self.permitted(&claim, over),
            Word::Deny(claim) => self.denied(&claim),
            Word::Silent => self.silent(plain, labels.confidentiality),
        };
        let verdict = if verdict.goes { verdict } else { self.overridden(verdict) };
        self.minimised(unit, verdict)
    }

    /// Behind a closed gate nothing goes. Where the person has also refused this party, their word is the reason that is
    /// given: it says more than that nobody knows of any care.
    fn gated(&self, gate: RuleId, word: Word) -> Verdict {
        match word {
            Word::Deny(claim) if gate == RuleId::P2 && self.denied(&claim).rule == RuleId::C1 => self.denied(&claim),
            _ => Verdict::stays(gate),
        }
    }

    /// Step 3: bars. Nothing lifts one but its own exemption, declared by a party that holds it.
    fn barred(&self, unit: &Unit<'_>, by_set: Option<RuleId>) -> Option<RuleId> {
        let rule = unit.bar.or(by_set)?;
        let sets = self.policy.sets.sets.iter().filter(|s| s.bar == Some(rule)).filter_map(|s| s.exemption.as_deref());
        let bars = self.evidence.facts.bars.iter().filter(|b| b.rule == rule).filter_map(|b| b.exemption.as_deref());
        let question = self.question();
        let holds =
            |e: &str| question.declared_bases.iter().any(|d| d == e) && question.party.roles.iter().any(|r| r == e);
        let exempt = if unit.bar.is_some() { bars.into_iter().any(holds) } else { sets.into_iter().any(holds) };
        (!exempt).then_some(rule)
    }

    /// Whether the law behind all sets of a bar lets the person's explicit consent lift it.
    fn consent_lifts(&self, rule: RuleId) -> bool {
        let mut sets = self.policy.sets.sets.iter().filter(|s| s.bar == Some(rule)).peekable();
        sets.peek().is_some() && sets.all(|s| s.consent_lifts)
    }

    /// Steps 4 and 10a: an order of law, or of safeguarding with a named decision-maker and an end.
    fn ordered(&self, unit: &Unit<'_>) -> Option<Verdict> {
        let covers = |at: &usize| {
            let sections = self.evidence.facts.orders[*at].sections.iter();
            let bits = sections.filter_map(|s| self.policy.sections.bits(s)).fold(0, |a, b| a | b);
            unit.sections & !bits == 0 && bits != 0
        };
        let at = self.orders().find(covers).filter(|_| !unit.addressee)?;
        Some(self.by_order(at))
    }

    /// What an order says of data that are not at hand: its sections may be asked for.
    pub fn by_order(&self, at: usize) -> Verdict {
        Verdict { order: Some(at), by_sections: true, ..Verdict::goes(self.evidence.facts.orders[at].rule) }
    }

    /// Whether somebody has to review an objection to codes of a system of which nothing is loaded: what lies below them goes
    /// unnoticed.
    pub fn is_blind(&self) -> bool {
        let mut objections = self
            .live
            .iter()
            .flat_map(Live::rules)
            .filter(|(r, t)| r.says == super::provision::Says::Deny && *t != Truth::False);
        objections.any(|(rule, _)| self.policy.is_blind_to(&rule.codes))
    }

    /// The legal basis that a rule stands for.
    pub fn basis(&self, rule: RuleId) -> Option<String> {
        match rule {
            RuleId::D1 | RuleId::D2 if self.policy.default.implicit.is_some() => {
                self.policy.default.implicit.as_ref().map(|(_, decided)| decided.words())
            }
            RuleId::D1 | RuleId::C2 | RuleId::C5 if direct_care(self.question(), self.policy) => {
                self.policy.default.basis.clone()
            }
            RuleId::P3 => self.declared_basis().cloned(),
            RuleId::E1 => self.policy.emergency.over_objection.as_ref().map(Decided::words),
            RuleId::L2 | RuleId::L3 | RuleId::L4 | RuleId::L5 => {
                let set = self.policy.sets.sets.iter().find(|s| s.bar == Some(rule));
                set.and_then(|s| s.law.clone())
            }
            _ => None,
        }
    }

    /// The orders that are in force for this party, the law's before safeguarding's.
    pub fn orders(&self) -> impl Iterator<Item = usize> + use<> {
        let now = self.question().now;
        // what cannot be read might bar what an order names
        let readable = !self.evidence.facts.unreadable;
        let counts = move |o: &Order| {
            let complete = o.rule == RuleId::L6 || (o.decided_by.is_some() && o.until.is_some());
            matches!(o.rule, RuleId::L6 | RuleId::L7)
                && readable
                && complete
                && within(now, o.from, o.until) == Truth::True
                && o.recipient.same(&self.known.who) == Truth::True
        };
        let orders = &self.evidence.facts.orders;
        let mut found: Vec<usize> = (0..orders.len()).filter(|at| counts(&orders[*at])).collect();
        // the same one is cited whatever order they were gathered in
        found.sort_by_key(|at| (orders[*at].rule, &orders[*at].id, &orders[*at].basis, orders[*at].until));
        found.into_iter()
    }

    fn rule_of(&self, claim: &super::combine::Claim) -> Option<&'b Rule> {
        let (reading, rule) = claim.rule?;
        self.live[claim.live].choice.readings.get(reading)?.get(rule)
    }

    pub fn permitted(&self, claim: &super::combine::Claim, over: bool) -> Verdict {
        let rule = if over { RuleId::C5 } else { RuleId::C2 };
        let by_sections = self.rule_of(claim).is_some_and(Rule::by_sections);
        Verdict { by_sections, ..Verdict::goes(rule).by(claim.live) }
    }

    pub fn denied(&self, claim: &super::combine::Claim) -> Verdict {
        let id = match self.rule_of(claim) {
            None => RuleId::C4,
            Some(_) if claim.unsure => RuleId::X1,
            Some(rule) => rule.objects_as(),
        };
        Verdict::stays(id).by(claim.live)
    }

    /// Step 9: nobody has said anything about this.
    pub fn silent(&self, plain: bool, confidentiality: u8) -> Verdict {
        if let Some(live) = self.closed {
            return Verdict::stays(RuleId::C3).by(live);
        }
        if let Some(rule) = self.own_basis {
            return Verdict::goes(rule);
        }
        if self.question().party.person.is_some() && self.asks_as_patient() {
            return Verdict::stays(RuleId::P4);
        }
        if let Some(fallback) = self.question().fallback {
            return if self.fallback(fallback, confidentiality) {
                Verdict::goes(RuleId::D1)
            } else {
                Verdict::stays(RuleId::D2)
            };
        }
        if self.ended {
            return Verdict::stays(RuleId::C6);
        }
        if let Some((implicit, _)) = self.policy.default.implicit {
            // a site's own break-glass policy asks for the declaration, not for the word alone
            let declared = implicit != Fallback::BreakGlassOnly || self.emergency();
            // a use beyond care needs its own basis all the same (P3), and that was looked for before
            let care = self.question().purposes.iter().all(|p| self.policy.kind(p) != Some(Kind::Secondary));
            let goes = declared && care && self.fallback(implicit, confidentiality);
            return if goes { Verdict::goes(RuleId::D1) } else { Verdict::stays(RuleId::D2) };
        }
        let direct = direct_care(self.question(), self.policy);
        let expected = self
            .question()
            .party
            .audiences
            .iter()
            .any(|a| self.policy.audiences.get(a).is_some_and(|a| a.expected && !a.everyone_in_direct_care));
        match direct && self.policy.default.direct_care_permits && expected {
            true if plain && self.stranger => Verdict::stays(RuleId::D2),
            true if plain => Verdict::goes(RuleId::D1),
            true => Verdict::stays(RuleId::R1),
            false => Verdict::stays(RuleId::D2),
        }
    }

    fn asks_as_patient(&self) -> bool {
        self.question().purposes.iter().any(|p| self.policy.kind(p) == Some(Kind::Patient))
    }

    fn fallback(&self, fallback: Fallback, confidentiality: u8) -> bool {
        let question = self.question();
        let all = |codes: &[&str]| {
            !question.purposes.is_empty() && question.purposes.iter().all(|p| codes.contains(&p.code.as_str()))
        };
        match fallback {
            Fallback::Permit => true,
            Fallback::Deny => false,
            Fallback::BasicNormal => all(&["TREAT", "HPAYMT", "HOPERAT"]) && confidentiality <= NORMAL,
            Fallback::AllNormal => confidentiality <= NORMAL,
            Fallback::BreakGlassOnly => all(&["BTG"]),
        }
    }

    /// Step 10b: break-glass, over a default or a gap, never over an objection (E2), unless the site has decided so. What was
    /// kept back by its label alone, with no word of hers, is a default too.
    pub fn overridden(&self, verdict: Verdict) -> Verdict {
        if !self.emergency() {
            return verdict;
        }
        match verdict.rule {
            RuleId::C3 | RuleId::C4 | RuleId::C6 | RuleId::D2 => {
                Verdict { live: verdict.live, ..Verdict::goes(RuleId::E1) }
            }
            RuleId::R1 if verdict.live.is_none() => Verdict::goes(RuleId::E1),
            RuleId::C1 if self.policy.emergency.over_objection.is_some() => {
                Verdict { live: verdict.live, ..Verdict::goes(RuleId::E1) }
            }
            RuleId::C1 => Verdict { rule: RuleId::E2, ..verdict },
            _ => verdict,
        }
    }

    /// Whether an emergency is declared as the policy asks: role, reason, words, purpose, and within its time box.
    pub fn emergency(&self) -> bool {
        let question = self.question();
        let Some(glass) = &question.break_glass else { return false };
        let rules = &self.policy.emergency;
        let age = glass.declared_at.map_or(0, |d| question.now.as_second().saturating_sub(d.as_second()));
        question.party.roles.iter().any(|r| rules.roles.contains(r))
            && rules.reasons.contains(&glass.reason)
            && !glass.text.trim().is_empty()
            && (glass.agreed_now || glass.cannot_ask || self.evidence.facts.capacity == Capacity::Lacks)
            && (0..rules.minutes.saturating_mul(60)).contains(&age)
            && question.purposes.iter().any(|p| matches!(p.code.as_str(), "BTG" | "ETREAT"))
    }

    /// Step 11: the most this recipient may ever have, and the least this purpose needs. What the person has permitted
    /// in their own words is not narrowed by the second.
    fn minimised(&self, unit: &Unit<'_>, verdict: Verdict) -> Verdict {
        if !verdict.goes || unit.sections == FRAME {
            return verdict;
        }
        let question = self.question();
        let over = |most: u32| unit.sections & !most != 0;
        let capped = self.policy.caps.get(&question.party.id).is_some_and(|most| over(*most));
        let own_words = matches!(verdict.rule, RuleId::C2 | RuleId::C5);
        let applies = |m: &&super::policy::Minimum| {
            question.purposes.iter().any(|p| p.code == m.purpose)
                && m.audience.as_ref().is_none_or(|a| question.party.audiences.contains(a))
        };
        let mut minimums = self.policy.minimums.iter().filter(applies);
        if capped || (!own_words && minimums.any(|m| over(m.sections))) {
            return Verdict::stays(RuleId::R6);
        }
        verdict
    }
}

/// Whether a rule names the party itself, and not merely everybody.
fn named(rule: &Rule, known: &Known<'_>, policy: &Policy) -> (Truth, u8) {
    let permits = rule.says == super::provision::Says::Permit;
    let names = rule.actors.iter().filter(|a| a.audience.is_none()).map(|a| a.is(known, policy));
    let found = names.max().unwrap_or((Truth::False, 0));
    if permits { found } else { (Truth::False, 0) }
}
