//! A decision that is kept is the decision that would be made: at no epoch, no instant and for nobody is it another one.

mod plans;

use jiff::{SignedDuration, Timestamp};
use plans::{choice, consent, definitions, evidence, party, policy, read, tree, whole_plan};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::json;
use sharewell::edge::store::Person;
use sharewell::embedded;
use sharewell::gateway::decisions::Decisions;
use sharewell::pure::decide::{
    Action, Asked, BreakGlass, Choice, Evidence, Outcome, Policy, Question, Relation, decide, decide_question,
};
use sharewell::pure::fhir::Tree;
use sharewell::pure::validate::Validated;
use std::sync::{Arc, OnceLock};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn decisions() -> Decisions {
    let policy = Policy::compile(&embedded::files("deploy/sharing/")).unwrap_or_else(|r| panic!("{:?}", r.issues));
    Decisions::new(Arc::new(policy))
}

fn record(which: usize) -> &'static Validated {
    static KEPT: OnceLock<[Validated; 2]> = OnceLock::new();
    let valid = |t| Validated::new(t, &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues));
    let both = KEPT.get_or_init(|| {
        let mut other = whole_plan();
        other["entry"].as_array_mut().expect("entries").retain(|e| e["resource"]["resourceType"] != "Goal");
        let plan = other["entry"].as_array_mut().expect("entries");
        let plan = plan.iter_mut().find(|e| e["resource"]["resourceType"] == "CarePlan").expect("a plan");
        plan["resource"].as_object_mut().expect("an object").remove("goal");
        let task = other["entry"].as_array_mut().expect("entries");
        let task = task.iter_mut().find(|e| e["resource"]["resourceType"] == "Task").expect("a task");
        task["resource"].as_object_mut().expect("an object").remove("focus");
        [valid(tree(&whole_plan())), valid(tree(&other))]
    });
    &both[which]
}

/// The choices of each epoch: what ends at noon, what ended, what was withdrawn.
fn choices(epoch: u64) -> Vec<Choice> {
    let mut timed = consent("t", "Y99001", "permit", &["needs", "goals"], &["budget"], None);
    timed["provision"]["period"] = json!({ "start": "2026-11-22T09:00:00.5Z", "end": "2026-11-22T12:00:00Z" });
    let by_day = choice("d", "Y99002", "permit", &[], &["budget"], Some("2026-11-22"));
    match epoch {
        0 => vec![read(&timed), by_day],
        1 => vec![read(&timed), choice("x", "Y99001", "deny", &[], &[], None)],
        _ => vec![by_day, choice("g", "Y99001", "permit", &[], &[], None)],
    }
}

/// Instants about which something begins or ends, and those beside them.
fn instants() -> Vec<Timestamp> {
    let mut found = Vec::new();
    let day = "2026-11-22";
    for edge in ["09:00:00.5", "09:59:30", "10:00:00", "11:00:00", "12:00:00", "12:00:01", "23:59:59.9"] {
        let edge = at(&format!("{day}T{edge}Z"));
        for milli in [-1000, -500, -1, 0, 1, 400, 500, 600, 1000] {
            found.push(edge + SignedDuration::from_millis(milli));
        }
    }
    found.push(at("2026-11-23T00:00:00Z"));
    found
}

#[derive(Clone, Debug)]
struct Ask {
    epoch: u64,
    record: usize,
    now: Timestamp,
    ods: &'static str,
    audience: &'static str,
    purpose: &'static str,
    action: Action,
    basis: bool,
    glass: bool,
    about: bool,
    presumed: bool,
    age: Option<u16>,
}

fn any_ask() -> impl Strategy<Value = Ask> {
    let who =
        prop::sample::select(vec![("Y99001", "gp-practice"), ("Y99002", "hospice"), ("Y99004", "voluntary-sector")]);
    let purpose = prop::sample::select(vec!["TREAT", "TREAT", "BTG", "HRESCH"]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.1));
    let age = prop::sample::select(vec![None, None, Some(15), Some(16)]);
    (0..3u64, 0..2usize, prop::sample::select(instants()), who, purpose, any::<bool>(), flags, age).prop_map(
        |(epoch, record, now, (ods, audience), purpose, reads, (basis, glass, about, presumed), age)| {
            let action = if reads { Action::Access } else { Action::Disclose };
            Ask { epoch, record, now, ods, audience, purpose, action, basis, glass, about, presumed, age }
        },
    )
}

fn put(ask: &Ask) -> (Question, Evidence) {
    let mut who = party(ask.ods, ask.audience);
    who.roles.push("break-glass".to_owned());
    let mut question = Question::new(who, ask.purpose, ask.action, ask.now);
    if ask.basis {
        question.declared_bases.push("s251".to_owned());
    }
    if ask.glass {
        question.break_glass = Some(BreakGlass {
            reason: "unconscious".to_owned(),
            text: "found at home".to_owned(),
            cannot_ask: true,
            declared_at: Some(at("2026-11-22T10:00:00Z")),
            ..BreakGlass::default()
        });
    }
    if ask.presumed {
        question.relation = Relation::Presumed;
    }
    let mut evidence = Evidence { epoch: ask.epoch, read_at: ask.now, ..evidence(choices(ask.epoch)) };
    evidence.facts.age = ask.age;
    (question, evidence)
}

fn cases() -> Config {
    let wanted = std::env::var("SHAREWELL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    Config { cases: wanted, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_kept_is_what_would_be_decided(asks in prop::collection::vec(any_ask(), 60)) {
        let decisions = decisions();
        let person = Person::verified(plans::NUMBER);
        let asked = Asked { types: vec!["CarePlan".to_owned()], parameters: vec!["patient".to_owned()] };
        for ask in asks {
            let (question, evidence) = put(&ask);
            let record = record(ask.record);
            let (found, made) = if ask.about {
                let make = || decide(&question, record, &evidence, policy());
                (decisions.about_record(&person, &question, record.digest(), &evidence, make), make())
            } else {
                let make = || decide_question(&question, &asked, &evidence, policy());
                (decisions.about_asked(&person, &question, &asked, &evidence, make), make())
            };
            prop_assert!(found == made, "{:?}: kept {:?}, made {:?}", ask, found, made);
        }
    }
}

fn ask(now: &str, epoch: u64) -> Ask {
    Ask {
        epoch,
        record: 0,
        now: at(now),
        ods: "Y99001",
        audience: "gp-practice",
        purpose: "TREAT",
        action: Action::Access,
        basis: false,
        glass: false,
        about: true,
        presumed: false,
        age: None,
    }
}

/// Asks, and says what came out, and whether it was kept before.
fn outcome(decisions: &Decisions, ask: &Ask) -> (Outcome, bool) {
    let (question, evidence) = put(ask);
    let person = Person::verified(plans::NUMBER);
    let record = record(ask.record);
    let kept = decisions.holds(&person, &question, record.digest(), &evidence);
    let made = || decide(&question, record, &evidence, policy());
    (decisions.about_record(&person, &question, record.digest(), &evidence, made).outcome(), kept)
}

#[test]
fn a_kept_decision_is_found_again_until_time_changes_it_and_not_a_millisecond_longer() {
    let decisions = decisions();
    assert_eq!(outcome(&decisions, &ask("2026-11-22T11:59:40Z", 0)), (Outcome::Redact, false));
    assert_eq!(outcome(&decisions, &ask("2026-11-22T11:59:59.999Z", 0)), (Outcome::Redact, true));
    // the period ends at noon to the second, the whole of it
    assert_eq!(outcome(&decisions, &ask("2026-11-22T12:00:01Z", 0)), (Outcome::Deny, false));
}

#[test]
fn a_decision_of_an_older_epoch_is_never_found() {
    let decisions = decisions();
    assert_eq!(outcome(&decisions, &ask("2026-11-22T11:00:00.5Z", 2)), (Outcome::Permit, false));
    assert_eq!(outcome(&decisions, &ask("2026-11-22T11:00:00.6Z", 2)), (Outcome::Permit, true));
    assert_eq!(outcome(&decisions, &ask("2026-11-22T11:00:00.7Z", 1)), (Outcome::Redact, false));
}

#[test]
fn a_clock_that_goes_back_finds_nothing() {
    let decisions = decisions();
    assert_eq!(outcome(&decisions, &ask("2026-11-22T11:00:00Z", 0)), (Outcome::Redact, false));
    assert_eq!(outcome(&decisions, &ask("2026-11-22T10:59:59Z", 0)), (Outcome::Redact, false));
}

#[test]
fn a_question_that_says_more_than_its_key_is_always_decided_anew() {
    let decisions = decisions();
    let presumed = Ask { presumed: true, ..ask("2026-11-22T11:00:00Z", 0) };
    for _ in 0..2 {
        assert!(!outcome(&decisions, &presumed).1);
    }
}

#[test]
fn what_is_kept_serves_no_other_record_though_only_the_numbers_of_its_nodes_differ() {
    // the same plan, built from its end: other numbers, the same JSON
    let plan = tree(&whole_plan());
    let mut built = Tree::object();
    let entries: Vec<_> = plan.root().all("entry").collect();
    let top = built.root().id();
    let list = built.push_array(top, "later");
    for entry in entries.iter().rev() {
        built.push_copy(list, "", *entry);
    }
    for child in plan.root().children() {
        built.push_copy(top, child.key(), child);
    }
    built.remove(list);
    assert!(!built.is_in_order() && plan.is_in_order());
    let built = Validated::new(built, &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues));
    let read = Validated::new(plan, &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues));
    assert_eq!(built.digest(), read.digest());
    assert!(built.bundle().is_in_order());
    let paths = |record: &Validated| {
        let items = record.bundle().root().descendants();
        let mut all: Vec<_> = items.iter().map(|item| (item.id(), item.path())).collect();
        all.sort();
        all
    };
    assert_eq!(paths(&built), paths(&read));
}
