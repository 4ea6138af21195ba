//! The fingerprint of a decision: SHA-256 over its inputs, written down in one way, and the policy's version.
//!
//! The page that is hashed, in this order: `sharewell-decision-2`, the policy's version, the digests of the record, the
//! choices, the epoch and when it was read, the question, the facts, the others. A text is its length (4 bytes, most significant
//! first) and its UTF-8; a number 8 bytes; a truth one byte; an instant seconds (8) and nanoseconds (4) since 1970; what
//! may be missing a byte that says whether it is there; a list its length (4) and its items. Lists without an order of
//! their own are put into the order of their bytes, so that it does not matter how they were gathered. Words of closed
//! sets are written as their code, one byte each, as listed here.

use super::choice::Choice;
use super::evidence::{
    Authority, Bar, Capacity, Evidence, Facts, Order, Other, Relationship, Representative, Restriction, Right,
};
use super::policy::Policy;
use super::question::{BreakGlass, Fallback, Party, Question, Relation};
use super::rules::RuleId;
use super::words::{Code, Identity};
use jiff::Timestamp;
use openssl::sha::sha256;

/// The same inputs give the same fingerprint, whatever order choices, facts and purposes were gathered in.
pub(super) fn of(question: &Question, record: &[[u8; 32]], evidence: &Evidence, policy: &Policy) -> [u8; 32] {
    // every field is named below, so that none can be added and forgotten here
    let Evidence { subject, choices, epoch, facts, read_at, others } = evidence;
    let mut page = Page(Vec::with_capacity(1024));
    page.raw(b"sharewell-decision-2");
    page.raw(&policy.version());
    page.count(record.len());
    record.iter().for_each(|digest| page.raw(digest));
    page.choices(choices);
    page.raw(&epoch.to_be_bytes());
    page.time(*read_at);
    page.question(question);
    page.person(subject);
    page.facts(facts);
    page.list(others, |page, Other { who, choices, facts }| {
        page.person(who);
        page.choices(choices);
        page.facts(facts);
    });
    sha256(&page.0)
}

/// What is hashed.
struct Page(Vec<u8>);

impl Page {
    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn code(&mut self, code: u8) {
        self.0.push(code);
    }

    fn is(&mut self, truth: bool) {
        self.code(u8::from(truth));
    }

    fn count(&mut self, count: usize) {
        self.raw(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.raw(text.as_bytes());
    }

    fn time(&mut self, at: Timestamp) {
        self.raw(&at.as_second().to_be_bytes());
        self.raw(&at.subsec_nanosecond().to_be_bytes());
    }

    fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Page, T)) {
        self.is(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// A list whose order says nothing.
    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Page, &T)) {
        self.count(items.len());
        let start = self.0.len();
        if let [one] = items {
            return write(self, one);
        }
        let mut parts: Vec<(usize, usize)> = Vec::with_capacity(items.len());
        for item in items {
            let from = self.0.len();
            write(self, item);
            parts.push((from, self.0.len()));
        }
        parts.sort_unstable_by(|a, b| self.0[a.0..a.1].cmp(&self.0[b.0..b.1]));
        if !parts.is_sorted_by_key(|p| p.0) {
            let sorted: Vec<u8> = parts.iter().flat_map(|(from, to)| &self.0[*from..*to]).copied().collect();
            self.0.truncate(start);
            self.raw(&sorted);
        }
    }

    fn choices(&mut self, choices: &[Choice]) {
        self.list(choices, |page, c: &Choice| {
            page.raw(&c.digest);
            page.text(&c.version);
            page.maybe(c.recorder.as_deref(), Page::text);
            page.text(c.taken.word());
        });
    }

    fn texts(&mut self, texts: &[String]) {
        self.list(texts, |page, text| page.text(text));
    }

    fn pairs(&mut self, pairs: &[(String, String)]) {
        self.list(pairs, |page, (system, value)| {
            page.text(system);
            page.text(value);
        });
    }

    fn codes(&mut self, codes: &[Code]) {
        self.list(codes, |page, Code { system, code }| {
            page.maybe(system.as_deref(), Page::text);
            page.text(code);
        });
    }

    fn person(&mut self, Identity { references, identifiers }: &Identity) {
        self.texts(references);
        self.pairs(identifiers);
    }

    fn rule(&mut self, rule: RuleId) {
        self.text(rule.id());
    }

    fn question(&mut self, question: &Question) {
        let Question {
            party,
            purposes,
            action,
            now,
            now_known,
            custodian,
            break_glass,
            declared_bases,
            self_claimed,
            categories,
            relation,
            fallback,
        } = question;
        self.party(party);
        self.codes(purposes);
        self.text(action.code());
        self.maybe(now_known.then_some(*now), Page::time);
        self.maybe(custodian.as_ref(), Page::person);
        self.maybe(break_glass.as_ref(), Page::glass);
        self.texts(declared_bases);
        self.is(*self_claimed);
        self.codes(categories);
        self.code(match relation {
            Relation::Evidence => 0,
            Relation::Presumed => 1,
            Relation::Absent => 2,
        });
        self.maybe(*fallback, |page, fallback| {
            page.code(match fallback {
                Fallback::Permit => 0,
                Fallback::Deny => 1,
                Fallback::BasicNormal => 2,
                Fallback::AllNormal => 3,
                Fallback::BreakGlassOnly => 4,
            });
        });
    }

    fn party(&mut self, party: &Party) {
        // what people call it changes nothing
        let Party { id, name: _, identifiers, audiences, purposes, references, groups, groups_known, roles, person } =
            party;
        self.text(id);
        self.pairs(identifiers);
        for list in [audiences, purposes, references, groups, roles] {
            self.texts(list);
        }
        self.is(*groups_known);
        self.maybe(person.as_ref(), Page::person);
    }

    fn glass(&mut self, glass: &BreakGlass) {
        let BreakGlass { reason, text, agreed_now, cannot_ask, declared_at } = glass;
        self.text(reason);
        self.text(text);
        self.is(*agreed_now);
        self.is(*cannot_ask);
        self.maybe(*declared_at, Page::time);
    }

    fn facts(&mut self, facts: &Facts) {
        let Facts {
            capacity,
            capacity_since,
            age,
            age_at_most,
            died,
            representatives,
            authority,
            relationships,
            opted_out,
            opt_out_checked,
            restricted,
            verified,
            bars,
            orders,
            restrictions,
            // what counts of these is in the question
            emergencies: _,
            unreadable,
            changes_at,
        } = facts;
        self.code(match capacity {
            Capacity::Presumed => 0,
            Capacity::Has => 1,
            Capacity::Lacks => 2,
        });
        self.maybe(*capacity_since, Page::time);
        self.maybe(*age, |page, age| page.raw(&age.to_be_bytes()));
        self.maybe(*age_at_most, |page, age| page.raw(&age.to_be_bytes()));
        self.maybe(*died, Page::time);
        self.list(representatives, Page::representative);
        self.code(match authority {
            Authority::Checked => 0,
            Authority::AsRecorded => 1,
        });
        self.list(relationships, |page, Relationship { with, from, until }| {
            page.person(with);
            page.maybe(*from, Page::time);
            page.maybe(*until, Page::time);
        });
        self.maybe(*opted_out, Page::is);
        self.maybe(*opt_out_checked, Page::time);
        self.is(*restricted);
        self.maybe(*verified, Page::is);
        self.list(bars, Page::bar);
        self.list(orders, Page::order);
        self.list(restrictions, |page, Restriction { from, until }| {
            page.maybe(*from, Page::time);
            page.maybe(*until, Page::time);
        });
        self.is(*unreadable);
        self.list(changes_at, |page, at| page.time(*at));
    }

    fn representative(&mut self, one: &Representative) {
        let Representative { who, right, registered, from, until } = one;
        self.person(who);
        self.code(match right {
            Right::HealthAndWelfareAttorney => 0,
            Right::PropertyAttorney => 1,
            Right::WelfareDeputy => 2,
            Right::ParentalResponsibility => 3,
            Right::Consent => 4,
            Right::BestInterests => 5,
            Right::Unknown => 6,
        });
        self.is(*registered);
        self.maybe(*from, Page::time);
        self.maybe(*until, Page::time);
    }

    fn bar(&mut self, bar: &Bar) {
        let Bar { id, rule, references, texts, exemption, recipients } = bar;
        self.text(id);
        self.rule(*rule);
        self.texts(references);
        self.texts(texts);
        self.maybe(exemption.as_deref(), Page::text);
        self.list(recipients, Page::person);
    }

    fn order(&mut self, order: &Order) {
        let Order { id, rule, basis, decided_by, recipient, sections, from, until, tell_person } = order;
        self.text(id);
        self.rule(*rule);
        self.text(basis);
        self.maybe(decided_by.as_deref(), Page::text);
        self.person(recipient);
        self.texts(sections);
        self.maybe(*from, Page::time);
        self.maybe(*until, Page::time);
        self.is(*tell_person);
    }
}
