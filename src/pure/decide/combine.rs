//! What one choice says about data, and what all of them say together. No permit beats an objection but a narrower, later one.

use super::choice::{Choice, Dialect, Scope, Standing};
use super::evidence::Evidence;
use super::policy::Policy;
use super::provision::{Asking, Data, Held, Known, Rule, Says, in_span};
use super::rules::RuleId;
use super::words::Truth;
use jiff::Timestamp;
use std::collections::HashMap;

/// A choice that counts, held against the question once.
pub(super) struct Live<'e> {
    pub choice: &'e Choice,
    /// It may permit. Where not, it only objects.
    pub permits: bool,
    /// Its rules, reading by reading.
    asked: Vec<Asked<'e>>,
    /// How many of them can speak.
    firing: usize,
}

/// A rule, and what of it is the same for all data: worked out once for the question.
struct Asked<'e> {
    rule: &'e Rule,
    /// Reading and number.
    at: (usize, usize),
    asking: Asking,
    /// Whether it can speak at all: a permit that is true, a deny that is not false.
    fires: bool,
    /// How narrowly it names the data.
    data: u8,
    /// Which of several that weigh the same is told, the lowest first: of objections the widest, of agreements one that is
    /// not for some sections alone.
    cited: u8,
    /// The sections it names.
    covered: Option<u32>,
}

impl<'e> Asked<'e> {
    fn of(rule: &'e Rule, at: (usize, usize), known: &Known<'_>, policy: &Policy) -> Asked<'e> {
        let asking = rule.asking(known, policy);
        let fires = asking.truth >= enough(rule);
        let cited = if rule.says == Says::Permit { u8::from(rule.by_sections()) } else { rule.objects_as() as u8 };
        Asked { rule, at, asking, fires, data: rule.data_rank(), cited, covered: rule.covered(policy) }
    }
}

/// How true a rule has to be to speak. A deny fires on what cannot be told.
fn enough(rule: &Rule) -> Truth {
    if rule.says == Says::Permit { Truth::True } else { Truth::Unknown }
}

impl<'e> Live<'e> {
    fn of(choice: &'e Choice, permits: bool, known: &Known<'_>, policy: &Policy) -> Live<'e> {
        let mut asked = Vec::with_capacity(choice.readings.iter().map(Vec::len).sum());
        for (reading, rules) in choice.readings.iter().enumerate() {
            asked.extend(rules.iter().enumerate().map(|(n, rule)| Asked::of(rule, (reading, n), known, policy)));
        }
        let firing = asked.iter().filter(|a| a.fires).count();
        Live { choice, permits, asked, firing }
    }

    /// Its rules, each with how it stands to the question.
    pub fn rules(&self) -> impl Iterator<Item = (&Rule, Truth)> {
        self.asked.iter().map(|a| (a.rule, a.asking.truth))
    }
}

/// Room to weigh in, kept from part to part, so that nothing is worked out or set aside twice.
#[derive(Default)]
pub(super) struct Scratch {
    /// What each choice said of the part that was weighed last.
    pub claims: Vec<Claim>,
    /// How each rule that can speak stands to one resource, its parts left aside.
    held: Vec<Held>,
    /// Which resource that was.
    of: Option<*const ()>,
    /// An objection stood against an agreement that says as much, and nothing tells which is the later word.
    pub contested: bool,
}

impl Scratch {
    fn turn_to(&mut self, live: &[Live<'_>], data: &Data<'_, '_>, policy: &Policy) {
        let this = data.resource.map(|resource| std::ptr::from_ref(resource).cast::<()>());
        if this.is_some() && this == self.of {
            return;
        }
        self.of = this;
        self.held.clear();
        let rules = live.iter().flat_map(|l| &l.asked).filter(|a| a.fires);
        self.held.extend(rules.map(|a| a.rule.held(data, policy)));
    }
}

/// A choice that does not count, and why that is worth knowing.
pub(super) struct Aside {
    pub index: usize,
    pub rule: RuleId,
    /// It agreed to exactly this, for a time that is not now: then the default does not step in where she set an end.
    pub ended: bool,
}

/// What one choice says about data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub says: Says,
    /// Which of the live choices.
    pub live: usize,
    /// Reading and rule; none where the choice cannot be read.
    pub rule: Option<(usize, usize)>,
    who: u8,
    data: u8,
    /// Which of several that weigh the same is told, the lowest first.
    cited: u8,
    /// The permit rests on something the request did not say.
    pub open: bool,
    /// For want of a label or a date it cannot be told whether the rule speaks about these data.
    pub unsure: bool,
}

impl Claim {
    /// Whether it names both the recipient and the data: what a law means by consent to tell somebody something.
    pub fn is_explicit(&self) -> bool {
        self.who >= 2 && self.data >= 1 && !self.open
    }
}

/// What all choices say together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    /// A permit; over an objection that is older and wider where `over` is set.
    /// `explicit` where one of them names both the recipient and the data.
    Permit { claim: Claim, over: bool, explicit: bool },
    /// An objection.
    Deny(Claim),
    /// Nothing.
    Silent,
}

/// Choices by their identifier, so that each is held against its own versions and no others.
type ByKey<'e> = HashMap<&'e (String, String), Vec<&'e Choice>>;

/// Step 6: which choices count.
pub(super) fn live<'e>(known: &Known<'_>, evidence: &'e Evidence, policy: &Policy) -> (Vec<Live<'e>>, Vec<Aside>) {
    let (mut live, mut aside) = (Vec::new(), Vec::new());
    let mut by_key = ByKey::new();
    for choice in &evidence.choices {
        choice.key.iter().for_each(|key| by_key.entry(key).or_default().push(choice));
    }
    for (index, choice) in evidence.choices.iter().enumerate() {
        match standing(choice, known, evidence, &by_key) {
            Ok(permits) => {
                let settled = choice.taken != super::choice::Taken::Awaiting;
                live.push(Live::of(choice, permits == Truth::True && settled, known, policy));
                if permits == Truth::Unknown {
                    let rule = if choice.scope == Scope::Unclear { RuleId::C4 } else { RuleId::C7 };
                    aside.push(Aside { index, rule, ended: false });
                }
            }
            Err(Some(rule)) => {
                let rules = choice.readings.iter().flatten();
                // where it cannot be told whether she meant this party, it might have been meant
                let agreed = || rules.filter(|r| r.says == Says::Permit).any(|r| r.might_concern(known, policy));
                let ended = rule == RuleId::C6 && choice.standing == Standing::Active && agreed();
                aside.push(Aside { index, rule, ended });
            }
            Err(None) => {}
        }
    }
    (live, aside)
}

/// `True`: it counts. `Unknown`: only its objections do. Error: it does not, and why.
fn standing(
    choice: &Choice,
    known: &Known<'_>,
    evidence: &Evidence,
    by_key: &ByKey<'_>,
) -> Result<Truth, Option<RuleId>> {
    let question = known.question;
    if choice.dialect == Dialect::Vrs || choice.scope == Scope::Other {
        return Err(None);
    }
    let mine = choice.patient.same(&evidence.subject);
    if mine == Truth::False {
        return Err(None);
    }
    if !question.categories.is_empty() && choice.dialect != Dialect::Unread {
        let asked = |c: &super::words::Code| question.categories.iter().any(|q| q.same(c));
        if !choice.categories.iter().any(asked) {
            return Err(None);
        }
    }
    if choice.standing != Standing::Active {
        return Err(Some(RuleId::C6));
    }
    let replaced = superseded(choice, by_key, evidence, question.now);
    if replaced == Truth::True {
        return Err(None);
    }
    let in_force = in_span(choice.validity, question);
    if in_force == Truth::False {
        return Err(Some(RuleId::C6));
    }
    let authority = super::authority::had_authority(choice, &evidence.facts, question.now);
    if authority == Truth::False {
        return Err(Some(RuleId::C7));
    }
    // unverified, or about nobody knows what: evidence for review, neither leave nor void
    let sure = if choice.unverified || choice.scope == Scope::Unclear { Truth::Unknown } else { Truth::True };
    // where it is not certain that a later word replaces this one, the objections of both stand
    let stands = if replaced == Truth::False { Truth::True } else { Truth::Unknown };
    Ok(mine.and(in_force).and(authority).and(sure).and(stands))
}

/// Whether a later version of the same choice is on file, of the same person and by somebody who may choose. What another
/// party recorded is another choice, though it bear the same identifier: nobody replaces what somebody else recorded.
fn superseded(choice: &Choice, by_key: &ByKey<'_>, evidence: &Evidence, now: Timestamp) -> Truth {
    let Some(key) = &choice.key else { return Truth::False };
    let replaces = |other: &Choice| {
        let counts = matches!(other.standing, Standing::Active | Standing::Ended);
        let later = match (other.dated, choice.dated) {
            (Some(a), Some(b)) if a == b => number(&other.version) > number(&choice.version),
            (Some(a), Some(b)) => a > b,
            _ => false,
        };
        if other.recorder != choice.recorder || !counts || !later {
            return Truth::False;
        }
        let authority = super::authority::had_authority(other, &evidence.facts, now);
        other.patient.same(&choice.patient).and(authority)
    };
    // the last recorded stands last as a rule, and nothing is surer than certain: a long history is not walked for each of it
    let mut found = Truth::False;
    for other in by_key.get(key).into_iter().flatten().rev() {
        found = found.or(replaces(other));
        if found == Truth::True {
            break;
        }
    }
    found
}

fn number(version: &str) -> Option<u64> {
    version.parse().ok()
}

/// Step 7: what one choice says. The deepest rules that fire win, a tie denies. With two readings, a deny of either counts.
/// Rules can be equally deep, one narrower in whom it names and another in what: then each of them speaks.
/// `held` is how its rules that can speak stand to the resource, in their order.
fn claim(live: &Live<'_>, at: usize, sections: Option<u32>, held: &[Held], claims: &mut Vec<Claim>) {
    if live.choice.dialect == Dialect::Unread {
        claims.push(Claim {
            says: Says::Deny,
            live: at,
            rule: None,
            who: 0,
            data: 0,
            cited: 0,
            open: false,
            unsure: false,
        });
        return;
    }
    let from = claims.len();
    // the readings are at most two and mostly one: one pass over its rules each
    let mut rest = live.asked.iter().filter(|a| a.fires).zip(held).peekable();
    while let Some(reading) = rest.peek().map(|(a, _)| a.at.0) {
        let rules = std::iter::from_fn(|| rest.next_if(|(a, _)| a.at.0 == reading));
        let begin = claims.len();
        strongest(rules, at, sections, claims);
        if claims[begin..].first().is_some_and(|c| c.says == Says::Deny) {
            claims.drain(from..begin);
            return;
        }
    }
    // two readings, one of which says nothing: the other one's permit stands, as it is the narrower reading that is silent
    if !live.permits {
        claims.truncate(from);
    }
}

/// The deepest rules of one reading that speak about a part of these sections: permits, or denies if there is one.
fn strongest<'a>(
    rules: impl Iterator<Item = (&'a Asked<'a>, &'a Held)>,
    live: usize,
    sections: Option<u32>,
    claims: &mut Vec<Claim>,
) {
    let begin = claims.len();
    let mut best = None;
    for (asked, held) in rules {
        let rule = asked.rule;
        let found = rule.part(*held, asked.covered, sections);
        if found.truth < enough(rule) || (found.open && rule.says == Says::Deny) {
            continue;
        }
        let this = Some((rule.depth, rule.says));
        if this < best {
            continue;
        }
        if this > best {
            claims.truncate(begin);
            best = this;
        }
        let (who, data, cited) = (asked.asking.who, asked.data, asked.cited);
        let unsure = found.truth != Truth::True && (!rule.labels.is_empty() || rule.data_period.is_some());
        let claim = Claim { says: rule.says, live, rule: Some(asked.at), who, data, cited, open: found.open, unsure };
        // of those that weigh the same one is enough: however many rules there are, few claims are left
        match claims[begin..].iter_mut().find(|c| (c.who, c.data, c.open) == (who, data, found.open)) {
            Some(same) if (cited, unsure) < (same.cited, same.unsure) => *same = claim,
            Some(_) => {}
            None => claims.push(claim),
        }
    }
}

/// Step 8: what all of them say together. Needs no order among choices.
pub(super) fn weigh(live: &[Live<'_>], data: &Data<'_, '_>, policy: &Policy, scratch: &mut Scratch) -> Word {
    scratch.turn_to(live, data, policy);
    let Scratch { claims, held, contested, .. } = scratch;
    claims.clear();
    let mut rest = held.as_slice();
    for (at, live) in live.iter().enumerate() {
        let (own, others) = rest.split_at(live.firing);
        rest = others;
        claim(live, at, data.sections, own, claims);
    }
    let claims = &*claims;
    let denies = || claims.iter().filter(|c| c.says == Says::Deny);
    let beats_all = |p: &&Claim| denies().all(|d| beats(p, d, live));
    let winners = || claims.iter().filter(|c| c.says == Says::Permit).filter(beats_all);
    // any of them will do; the same one is cited whatever the order
    let winner = winners().min_by_key(|c| (c.open, c.cited, reference(c, live)));
    if winner.is_none() {
        let mut permits = claims.iter().filter(|c| c.says == Says::Permit);
        *contested |= permits.any(|p| denies().any(|d| is_contested(p, d, live)));
    }
    match winner {
        Some(claim) => {
            let (over, explicit) = (denies().next().is_some(), winners().any(Claim::is_explicit));
            Word::Permit { claim: *claim, over, explicit }
        }
        None => denies().min_by_key(|c| cited_first(c, live)).map_or(Word::Silent, |deny| Word::Deny(*deny)),
    }
}

/// The objection that is cited: the one that names the party most narrowly, of those the widest. What cannot be read is
/// never beaten, and hides no objection that can: a declared emergency goes over the first and not over the second (E2).
fn cited_first<'e>(deny: &Claim, live: &[Live<'e>]) -> impl Ord + use<'e> {
    (deny.rule.is_none(), std::cmp::Reverse(deny.who), deny.cited, deny.unsure, reference(deny, live))
}

/// What tells one claim from another, whatever order the choices came in.
fn reference<'e>(claim: &Claim, live: &[Live<'e>]) -> (&'e str, &'e str, &'e [u8; 32]) {
    let choice = live[claim.live].choice;
    (&choice.id, &choice.version, &choice.digest)
}

/// Whether a permit goes before an objection: narrower in one thing, wider in none, both dated, not older.
fn beats(permit: &Claim, deny: &Claim, live: &[Live<'_>]) -> bool {
    if deny.rule.is_none() || permit.live == deny.live {
        return false;
    }
    let narrower =
        permit.who >= deny.who && permit.data >= deny.data && (permit.who, permit.data) != (deny.who, deny.data);
    let later = match (live[permit.live].choice.dated, live[deny.live].choice.dated) {
        (Some(permit), Some(deny)) => permit >= deny,
        _ => false,
    };
    narrower && later
}

/// Whether an agreement stands beside an objection that is no narrower, and is not the older of the two: two parents of one
/// day, or two choices without a date. The objection holds; somebody should ask what is meant.
fn is_contested(permit: &Claim, deny: &Claim, live: &[Live<'_>]) -> bool {
    let older = match (live[permit.live].choice.dated, live[deny.live].choice.dated) {
        (Some(permit), Some(deny)) => permit < deny,
        _ => false,
    };
    permit.live != deny.live && deny.rule.is_some() && permit.who >= deny.who && permit.data >= deny.data && !older
}

/// Whether some live choice of the same family of purposes permits somebody something: then what it does not cover is closed.
pub(super) fn closes_the_world(live: &[Live<'_>], known: &Known<'_>, policy: &Policy) -> Option<usize> {
    let question = known.question;
    let family = |rule: &Rule| {
        // an agreement without a purpose is about care: it closes no door to the person's own access
        (rule.purposes.is_empty() && super::steps::direct_care(question, policy))
            || rule.purposes.iter().any(|p| question.purposes.iter().any(|asked| policy.same_family(p, asked)))
    };
    let permits = |l: &Live<'_>| {
        // an agreement that does not count as one still says that she meant some sharing and not all
        l.choice
            .readings
            .iter()
            .flatten()
            .any(|r| r.says == Says::Permit && family(r) && in_span(r.period, question) != Truth::False)
    };
    let found = live.iter().enumerate().filter(|(_, l)| permits(l));
    found.min_by_key(|(_, l)| (&l.choice.id, &l.choice.version, &l.choice.digest)).map(|(at, _)| at)
}
