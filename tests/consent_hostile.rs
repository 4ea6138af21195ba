//! Consents that mean harm, or are broken: huge, deep, cyclic, foreign, twice there. Each is read in time that grows with its size,
//! and what cannot be read keeps back what it might cover, says why, and is put up for review.

mod plans;

use cpu_time::ThreadTime;
use plans::{consent, council_plan, definitions, evidence, now, party, policy, tree};
use serde_json::{Value, json};
use sharewell::pure::decide::{
    Action, Choice, Decision, Dialect, Obligation, Outcome, Question, Relation, RuleId, decide, read_choice,
    unread_choice,
};
use sharewell::pure::fhir::{Limits, json as reader};
use sharewell::pure::validate::Validated;
use std::sync::OnceLock;
use std::time::Duration;

fn plan() -> &'static Validated {
    static KEPT: OnceLock<Validated> = OnceLock::new();
    KEPT.get_or_init(|| Validated::new(council_plan(), &[], definitions()).expect("the plan is valid"))
}

/// As the gateway reads it: what cannot be read is kept as an objection. Says why.
fn read(consent: &Value) -> (Choice, Option<String>) {
    let tree = tree(consent);
    match read_choice(tree.root()) {
        Ok(choice) => (choice, None),
        Err(report) => {
            let why = report.issues[0].id.to_string();
            assert!(report.issues[0].remedy.is_some(), "{why} says no remedy");
            (unread_choice(tree.root(), report), Some(why))
        }
    }
}

fn asked(choices: Vec<Choice>) -> Decision {
    let mut question = Question::new(party("Y99001", "gp-practice"), "TREAT", Action::Access, now());
    question.relation = Relation::Presumed;
    decide(&question, plan(), &evidence(choices), policy())
}

fn permit() -> Value {
    consent("c", "Y99001", "permit", &[], &[], None)
}

/// It is refused for this reason; kept in stock it stops everything, and somebody is asked to look.
fn stops_everything(consent: &Value, reason: &str) {
    let (choice, why) = read(consent);
    assert_eq!(why.as_deref(), Some(reason));
    assert_eq!(choice.dialect(), Dialect::Unread);
    let decision = asked(vec![choice, read(&permit()).0]);
    assert_eq!((decision.outcome(), decision.reasons()[0].rule), (Outcome::Deny, RuleId::C4));
    assert!(decision.obligations().contains(&Obligation::Review(RuleId::C4)));
}

fn with_provisions(count: usize) -> Value {
    let mut consent = permit();
    let nested = |n: usize| json!({ "type": if n.is_multiple_of(2) { "deny" } else { "permit" }, "code": [{ "coding": [{ "system": "http://snomed.info/sct", "code": format!("9{n:06}") }] }] });
    consent["provision"]["provision"] = (0..count).map(nested).collect();
    consent
}

fn with_depth(depth: usize) -> Value {
    let mut inner = json!({ "type": "permit" });
    for _ in 1..depth {
        inner = json!({ "type": "permit", "provision": [inner] });
    }
    let mut consent = permit();
    consent["provision"] = inner;
    consent
}

#[test]
fn nearly_ten_thousand_provisions_are_read_and_one_too_many_are_refused() {
    let (choice, why) = read(&with_provisions(9_999));
    assert_eq!(why, None);
    assert_ne!(asked(vec![choice]).outcome(), Outcome::Deny);
    stops_everything(&with_provisions(10_000), "consent-too-large");
}

#[test]
fn provisions_deeper_than_we_follow_are_refused_and_deeper_than_json_may_be_is_no_json() {
    assert_eq!(read(&with_depth(9)).1, None);
    for depth in [10, 20, 45] {
        stops_everything(&with_depth(depth), "consent-too-large");
    }
    for depth in [100, 1_000, 100_000] {
        let mut text = r#"{"resourceType":"Consent","provision":"#.to_owned();
        text += &r#"{"type":"permit","provision":["#.repeat(depth);
        text += &"]}".repeat(depth);
        text += "}";
        assert!(reader::read(text.as_bytes(), &Limits::default()).is_err());
    }
}

#[test]
fn what_refers_to_itself_or_round_in_a_circle_comes_to_an_end() {
    let mut circle = permit();
    circle["contained"] = json!([
        { "resourceType": "Group", "id": "a", "type": "person", "actual": true, "member": [{ "entity": { "reference": "#b" } }] },
        { "resourceType": "Group", "id": "b", "type": "person", "actual": true, "member": [{ "entity": { "reference": "#a" } }] }
    ]);
    circle["performer"] = json!([{ "reference": "#a" }]);
    circle["provision"]["actor"][0]["reference"] = json!({ "reference": "#a" });
    let (choice, _) = read(&circle);
    assert_eq!(asked(vec![choice]).outcome(), Outcome::Deny, "nobody can say whom a circle names");
    let mut own = permit();
    own["provision"]["data"] = json!([{ "meaning": "related", "reference": { "reference": "Consent/c" } }]);
    assert_eq!(asked(vec![read(&own).0]).outcome(), Outcome::Deny);
}

#[test]
fn unknown_words_refuse_and_never_permit() {
    let words = [
        ("action", json!([{ "coding": [{ "code": "devour" }] }])),
        ("purpose", json!([{ "system": "https://elsewhere.example/purposes", "code": "ANY" }])),
        ("securityLabel", json!([{ "system": "https://elsewhere.example/labels", "code": "x" }])),
        ("class", json!([{ "display": "everything" }])),
        ("code", json!([{ "text": "all of it" }])),
        ("data", json!([{ "meaning": "nearby", "reference": { "reference": "Goal/goal-1" } }])),
    ];
    for (dimension, word) in words {
        let mut agreed = permit();
        agreed["provision"][dimension] = word;
        let decision = asked(vec![read(&agreed).0]);
        assert!(decision.reasons().iter().all(|r| r.rule != RuleId::C2), "{dimension}");
        let mut refused = consent("d", "Y99001", "deny", &[], &[], None);
        refused["provision"][dimension] = agreed["provision"][dimension].clone();
        let decision = asked(vec![read(&refused).0]);
        let elsewhere = matches!(dimension, "securityLabel" | "class" | "data");
        assert!(elsewhere || decision.outcome() != Outcome::Permit, "{dimension}");
    }
    let modified = |at: fn(&mut Value) -> &mut Value| {
        let mut consent = permit();
        at(&mut consent)["modifierExtension"] =
            json!([{ "url": "https://elsewhere.example/not", "valueBoolean": true }]);
        consent
    };
    for at in [
        (|c| c) as fn(&mut Value) -> &mut Value,
        |c| &mut c["provision"],
        |c| &mut c["provision"]["actor"][0],
        |c| &mut c["category"][0],
    ] {
        let (choice, why) = read(&modified(at));
        assert!(why.is_some(), "a modifier is not passed over");
        assert_eq!(asked(vec![choice]).outcome(), Outcome::Deny);
    }
}

#[test]
fn a_text_of_a_megabyte_is_only_a_long_text() {
    let long = "x".repeat(1 << 20);
    for (place, value) in [
        (
            "display",
            json!([{ "reference": { "identifier": { "system": plans::ODS, "value": "Y99001" }, "display": long } }]),
        ),
        ("identifier", json!([{ "reference": { "identifier": { "system": plans::ODS, "value": long } } }])),
        ("reference", json!([{ "reference": { "reference": long } }])),
    ] {
        let mut consent = permit();
        consent["provision"]["actor"] = value;
        let (choice, why) = read(&consent);
        assert_eq!(why, None, "{place}");
        let expected = if place == "display" { Outcome::Permit } else { Outcome::Deny };
        assert_eq!(asked(vec![choice]).outcome(), expected, "{place}");
    }
}

#[test]
fn two_choices_of_one_id_both_count_and_the_refusal_stands_whatever_their_order() {
    let refusal = consent("c", "Y99001", "deny", &[], &[], None);
    let both = [read(&permit()).0, read(&refusal).0];
    let turned = [both[1].clone(), both[0].clone()];
    for choices in [both, turned] {
        let decision = asked(choices.to_vec());
        assert_eq!((decision.outcome(), decision.reasons()[0].rule), (Outcome::Deny, RuleId::C1));
    }
    let twice = r#"{"resourceType":"Consent","status":"active","status":"inactive"}"#;
    assert!(reader::read(twice.as_bytes(), &Limits::default()).is_err(), "a name given twice is no JSON of ours");
}

// ---- the cost grows with the size and no faster ----------------------------------------------------------------------------

fn least(mut work: impl FnMut()) -> Duration {
    let once = |work: &mut dyn FnMut()| {
        let start = ThreadTime::now();
        work();
        start.elapsed()
    };
    (0..3).map(|_| once(&mut work)).min().expect("three times")
}

/// Processor time of reading and deciding, small against eight times as large: the square would be 64.
fn grows_with_its_size(what: &str, small: usize, of: impl Fn(usize) -> Vec<Value>) {
    let cost = |size: usize| {
        let trees: Vec<_> = of(size).iter().map(tree).collect();
        least(|| {
            let choices = trees.iter().map(|t| read_choice(t.root()).expect("it can be read")).collect();
            std::hint::black_box(asked(choices));
        })
    };
    let (little, much) = (cost(small), cost(small * 8));
    let ratio = much.as_secs_f64() / little.as_secs_f64();
    assert!(ratio < 30.0, "{what}: {ratio:.1} times the cost for eight times the size");
}

#[test]
fn the_cost_grows_with_provisions_actors_codes_and_choices_and_no_faster() {
    grows_with_its_size("provisions", 400, |n| vec![with_provisions(n)]);
    grows_with_its_size("actors", 400, |n| {
        let mut consent = permit();
        let actor = |n: usize| json!({ "reference": { "reference": format!("Practitioner/p{n}") } });
        consent["provision"]["actor"] = (0..n).map(actor).collect();
        vec![consent]
    });
    grows_with_its_size("sections", 400, |n| {
        let mut consent = permit();
        let class = |n: usize| json!({ "system": plans::SECTION, "code": format!("s{n}") });
        consent["provision"]["class"] = (0..n).map(class).collect();
        vec![consent]
    });
    grows_with_its_size("choices", 150, |n| {
        (0..n).map(|n| consent(&format!("c{n}"), "Y99001", "permit", &["goals"], &[], None)).collect()
    });
    grows_with_its_size("versions of one choice", 150, |n| {
        let version = |n: usize| {
            let mut consent = permit();
            consent["dateTime"] = json!(format!("2026-01-01T{:02}:{:02}:{:02}Z", n / 3600, n / 60 % 60, n % 60));
            consent
        };
        (0..n).map(version).collect()
    });
}
