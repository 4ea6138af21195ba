//! The fingerprint of a decision: SHA-256 over its inputs, written down in one order, and the policy's version.

use super::evidence::Evidence;
use super::policy::Policy;
use super::question::Question;
use super::words::Identity;
use openssl::sha::Sha256;
use std::fmt::{Debug, Write};

/// The same inputs give the same fingerprint, whatever order choices, facts and purposes were gathered in.
pub(super) fn of(question: &Question, record: &[[u8; 32]], evidence: &Evidence, policy: &Policy) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"sharewell-decision-1");
    hash.update(&policy.version());
    for digest in record {
        hash.update(digest);
    }
    let input = |c: &'_ super::Choice| (c.digest, c.version.clone(), c.taken);
    let mut choices: Vec<_> = evidence.choices.iter().map(input).collect();
    choices.sort_unstable_by(|a, b| (a.0, &a.1, a.2.word()).cmp(&(b.0, &b.1, b.2.word())));
    for (digest, version, taken) in choices {
        hash.update(&digest);
        put(&mut hash, &version);
        if taken != super::choice::Taken::AsWritten {
            put(&mut hash, taken.word());
        }
    }
    hash.update(&evidence.epoch.to_be_bytes());
    put(&mut hash, &evidence.read_at.to_string());
    asked(&mut hash, question);
    facts(&mut hash, evidence);
    hash.finish()
}

fn asked(hash: &mut Sha256, question: &Question) {
    let party = &question.party;
    put(hash, &party.id);
    pairs(hash, &party.identifiers);
    for list in [&party.audiences, &party.purposes, &party.references, &party.groups, &party.roles] {
        sorted(hash, list);
    }
    put(hash, if party.groups_known { "groups-known" } else { "groups-unknown" });
    person(hash, party.person.as_ref());
    let purposes: Vec<String> = question.purposes.iter().map(|p| format!("{:?}", (&p.system, &p.code))).collect();
    sorted(hash, &purposes);
    put(hash, question.action.code());
    put(hash, &if question.now_known { question.now.to_string() } else { String::new() });
    person(hash, question.custodian.as_ref());
    let glass = question.break_glass.as_ref();
    let glass = glass.map(|g| (&g.reason, &g.text, g.agreed_now, g.cannot_ask, g.declared_at.map(|d| d.to_string())));
    worded(hash, &glass);
    sorted(hash, &question.declared_bases);
    worded(hash, &(question.self_claimed, question.relation, question.fallback));
    let categories: Vec<String> = question.categories.iter().map(|p| format!("{:?}", (&p.system, &p.code))).collect();
    sorted(hash, &categories);
}

fn facts(hash: &mut Sha256, evidence: &Evidence) {
    person(hash, Some(&evidence.subject));
    let facts = &evidence.facts;
    worded(hash, &(facts.capacity, facts.age, facts.died.map(|d| d.to_string()), facts.authority));
    worded(hash, &(facts.opted_out, facts.restricted, facts.verified));
    // later facts are put in by name and only where they are known, so that older fingerprints stay what they were
    if let Some(most) = facts.age_at_most {
        worded(hash, &("age-at-most", most));
    }
    if let Some(checked) = facts.opt_out_checked {
        worded(hash, &("opt-out-checked", checked.to_string()));
    }
    if facts.unreadable {
        put(hash, "unreadable");
    }
    if !facts.restrictions.is_empty() {
        put(hash, "restrictions");
        unordered(hash, &facts.restrictions);
    }
    unordered(hash, &facts.representatives);
    unordered(hash, &facts.relationships);
    unordered(hash, &facts.bars);
    unordered(hash, &facts.orders);
}

fn put(hash: &mut Sha256, text: &str) {
    hash.update(&(text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

/// Rust's own spelling of a value: stable for the types used here, and pinned by a test.
fn worded(hash: &mut Sha256, value: &impl Debug) {
    let mut text = String::new();
    let _ = write!(text, "{value:?}");
    put(hash, &text);
}

fn unordered<T: Debug>(hash: &mut Sha256, values: &[T]) {
    let words: Vec<String> = values.iter().map(|v| format!("{v:?}")).collect();
    sorted(hash, &words);
}

fn sorted(hash: &mut Sha256, list: &[String]) {
    let mut list: Vec<&String> = list.iter().collect();
    list.sort_unstable();
    hash.update(&(list.len() as u64).to_be_bytes());
    for text in list {
        put(hash, text);
    }
}

fn pairs(hash: &mut Sha256, list: &[(String, String)]) {
    let list: Vec<String> = list.iter().map(|p| format!("{p:?}")).collect();
    sorted(hash, &list);
}

fn person(hash: &mut Sha256, who: Option<&Identity>) {
    let Some(who) = who else { return put(hash, "nobody") };
    sorted(hash, &who.references);
    pairs(hash, &who.identifiers);
}
