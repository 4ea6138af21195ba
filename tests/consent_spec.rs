//! The decision, told a second time: slowly, plainly, from the Consents' own JSON. Both must agree on every generated case.
//!
//! The twin knows our own shape of Consent (a typed root, sections, at most one level of exceptions) and one whole plan.
//! It shares no code with the engine. Test names are the properties of `sharing-choices` §5.

mod plans;

use plans::{council_plan, definitions, evidence, now, party, policy, read};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};
use sharewell::pure::decide::{Action, Decision, Outcome, Question, Relation, RuleId, decide};
use sharewell::pure::validate::Validated;
use std::sync::OnceLock;

// ---- the twin ------------------------------------------------------------------------------------------------------------

const PARTIES: [(&str, &str, bool); 4] = [
    ("Y99001", "gp-practice", true),
    ("Y99002", "hospice", true),
    ("Y99003", "care-provider", false),
    ("Y99004", "voluntary-sector", false),
];
const SECTIONS: [&str; 5] = ["needs", "goals", "actions", "contacts", "budget"];

#[derive(Clone, Debug)]
struct Ask {
    party: usize,
    purpose: &'static str,
    cares: bool,
}

struct Rule<'c> {
    permits: bool,
    depth: u8,
    who: u8,
    by_class: bool,
    dated: Option<&'c str>,
}

fn names_party(provision: &Value, ask: &Ask) -> Option<u8> {
    let Some(actor) = provision["actor"].as_array().and_then(|a| a.first()) else { return Some(0) };
    let identifier = &actor["reference"]["identifier"];
    let (ods, audience, _) = PARTIES[ask.party];
    match identifier["value"].as_str() {
        Some(v) if v == ods => Some(2),
        Some(v) if v == audience => Some(1),
        _ => None,
    }
}

fn has_section(provision: &Value, section: Option<&str>) -> bool {
    let classes: Vec<&str> =
        provision["class"].as_array().into_iter().flatten().filter_map(|c| c["code"].as_str()).collect();
    match section {
        // the frame goes along with any agreement, and is hit by no refusal of sections
        None => provision["type"] == "permit" || classes.is_empty(),
        Some(section) => classes.is_empty() || classes.contains(&section),
    }
}

fn is_live(consent: &Value, all: &[Value]) -> bool {
    let in_time = consent["provision"]["period"]["end"].as_str().is_none_or(|end| end >= "2026-11-22");
    consent["status"] == "active" && in_time && is_last(consent, all)
}

fn is_last(consent: &Value, all: &[Value]) -> bool {
    let replaced = all.iter().any(|other| {
        other["identifier"] == consent["identifier"]
            && matches!(other["status"].as_str(), Some("active" | "inactive"))
            && matches!((other["dateTime"].as_str(), consent["dateTime"].as_str()), (Some(a), Some(b)) if a > b)
    });
    !replaced
}

/// A refusal without a purpose is for all purposes, an agreement without one is for care.
fn speaks_of(consent: &Value, permits: bool, ask: &Ask) -> bool {
    match consent["provision"]["purpose"][0]["code"].as_str() {
        None => !permits || ask.purpose == "TREAT",
        Some(code) => code == ask.purpose,
    }
}

/// What one Consent says about a section: its deepest rule that fits, refusals first.
fn says<'c>(consent: &'c Value, ask: &Ask, section: Option<&str>) -> Option<Rule<'c>> {
    let root = &consent["provision"];
    let who = names_party(root, ask)?;
    let mut fits = Vec::new();
    for (depth, provision) in [(0, root), (1, &root["provision"][0])] {
        let permits = provision["type"] == "permit";
        if provision.is_object() && speaks_of(consent, permits, ask) && has_section(provision, section) {
            let by_class = provision["class"].is_array() || root["class"].is_array();
            fits.push(Rule { permits, depth, who, by_class, dated: consent["dateTime"].as_str() });
        }
    }
    fits.into_iter().max_by_key(|r| (r.depth, !r.permits))
}

fn beats(permit: &Rule<'_>, refusal: &Rule<'_>) -> bool {
    let no_wider = permit.who >= refusal.who && permit.by_class >= refusal.by_class;
    let narrower = permit.who > refusal.who || (permit.by_class && !refusal.by_class);
    let later = matches!((permit.dated, refusal.dated), (Some(p), Some(r)) if p >= r);
    no_wider && narrower && later
}

fn twin(consents: &[Value], ask: &Ask, section: Option<&str>) -> bool {
    if !ask.cares && ask.purpose == "TREAT" {
        return false;
    }
    let live: Vec<&Value> = consents.iter().filter(|c| is_live(c, consents)).collect();
    let all: Vec<Rule<'_>> = live.iter().filter_map(|c| says(c, ask, section)).collect();
    let refusals: Vec<&Rule<'_>> = all.iter().filter(|r| !r.permits).collect();
    if all.iter().any(|p| p.permits && refusals.iter().all(|r| beats(p, r))) {
        return true;
    }
    let agrees = |c: &Value| {
        let root = &c["provision"];
        speaks_of(c, true, ask) && (root["type"] == "permit" || root["provision"][0]["type"] == "permit")
    };
    let agreed_until_lately = consents.iter().any(|c| {
        c["status"] == "active"
            && !is_live(c, &[])
            && is_last(c, consents)
            && agrees(c)
            && names_party(&c["provision"], ask).is_some()
    });
    if !refusals.is_empty() || live.iter().any(|c| agrees(c)) || agreed_until_lately {
        return false;
    }
    ask.purpose == "TREAT" && PARTIES[ask.party].2
}

// ---- generated cases ------------------------------------------------------------------------------------------------------

fn classes() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![2 => Just(Vec::new()), 3 => proptest::sample::subsequence(SECTIONS.to_vec(), 1..4)]
}

fn coded(codes: &[&str]) -> Value {
    codes.iter().map(|c| json!({ "system": plans::SECTION, "code": c })).collect()
}

fn any_consent() -> impl Strategy<Value = Value> {
    let actor = prop_oneof![
        1 => Just(None),
        4 => (0..4usize).prop_map(|p| Some((plans::ODS, PARTIES[p].0))),
        2 => (0..4usize).prop_map(|p| Some(("https://sharewell.example/fhir/CodeSystem/sharing-audience", PARTIES[p].1))),
    ];
    let dated = prop_oneof![
        Just(None),
        Just(Some("2026-01-01T00:00:00Z")),
        Just(Some("2026-03-01T00:00:00Z")),
        Just(Some("2026-06-01T00:00:00Z"))
    ];
    let until = prop_oneof![3 => Just(None), 1 => Just(Some("2026-11-21")), 1 => Just(Some("2026-11-22")), 1 => Just(Some("2027-06-30"))];
    let status =
        prop_oneof![8 => Just("active"), 1 => Just("inactive"), 1 => Just("proposed"), 1 => Just("entered-in-error")];
    let purpose = prop_oneof![4 => Just(None), 2 => Just(Some("TREAT")), 1 => Just(Some("HRESCH"))];
    let says = prop_oneof![2 => Just("permit"), 1 => Just("deny")];
    let nested = prop_oneof![2 => Just(None), 2 => classes().prop_map(Some)];
    (0..5u8, actor, says, classes(), nested, until, dated, status, purpose).prop_map(
        |(key, actor, says, what, nested, until, dated, status, purpose)| {
            let mut consent = plans::consent(&format!("c{key}"), "x", says, &what, &[], until);
            let provision = &mut consent["provision"];
            match actor {
                Some((system, value)) => {
                    provision["actor"][0]["reference"]["identifier"] = json!({ "system": system, "value": value });
                }
                None => {
                    provision.as_object_mut().expect("an object").remove("actor");
                }
            }
            if let Some(except) = nested {
                let mut inner = json!({ "type": if says == "permit" { "deny" } else { "permit" } });
                if !except.is_empty() {
                    inner["class"] = coded(&except);
                } else if !what.is_empty() {
                    // without classes of its own it has its parent's
                    inner["class"] = coded(&what);
                }
                provision["provision"] = json!([inner]);
            }
            if let Some(code) = purpose {
                provision["purpose"] =
                    json!([{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code }]);
            }
            consent["status"] = json!(status);
            match dated {
                Some(dated) => consent["dateTime"] = json!(dated),
                None => {
                    consent.as_object_mut().expect("an object").remove("dateTime");
                }
            }
            consent
        },
    )
}

fn any_ask() -> impl Strategy<Value = Ask> {
    let purpose = prop_oneof![4 => Just("TREAT"), 1 => Just("HRESCH")];
    (0..4usize, purpose, prop_oneof![5 => Just(true), 1 => Just(false)]).prop_map(|(party, purpose, cares)| Ask {
        party,
        purpose,
        cares,
    })
}

fn plan() -> &'static Validated {
    static KEPT: OnceLock<Validated> = OnceLock::new();
    KEPT.get_or_init(|| Validated::new(council_plan(), &[], definitions()).expect("the plan is valid"))
}

fn question(ask: &Ask) -> Question {
    let (ods, audience, _) = PARTIES[ask.party];
    let mut question = Question::new(party(ods, audience), ask.purpose, Action::Disclose, now());
    question.relation = if ask.cares { Relation::Presumed } else { Relation::Absent };
    question
}

fn engine(consents: &[Value], ask: &Ask) -> Decision {
    decide(&question(ask), plan(), &evidence(consents.iter().map(read).collect()), policy())
}

/// Which of the sections go, by what becomes of the resources and the one element that carry them.
fn goes(decision: &Decision, section: &str) -> bool {
    let resource = |name: &str| decision.released().iter().any(|r| r == name);
    match section {
        "needs" => resource("Condition/need-1"),
        "goals" => resource("Goal/goal-1"),
        "actions" => resource("Task/action-1"),
        "contacts" => resource("CareTeam/team"),
        _ => resource("CarePlan/plan") && !decision.cuts().iter().any(|c| c.sections == ["budget"]),
    }
}

/// 2,000 in a quick run; `SHAREWELL_CASES=100000 cargo test --release --test consent_spec` for the long one.
fn cases() -> Config {
    let wanted = std::env::var("SHAREWELL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    Config { cases: wanted, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_engine_and_its_plain_twin_agree(consents in proptest::collection::vec(any_consent(), 0..6), ask in any_ask()) {
        let decision = engine(&consents, &ask);
        let frame = twin(&consents, &ask, None);
        for section in SECTIONS {
            let expected = twin(&consents, &ask, Some(section)) && (section != "budget" || frame);
            prop_assert_eq!(goes(&decision, section), expected, "{}: {:?}", section, decision);
        }
    }

    #[test]
    fn the_order_of_choices_and_repeating_one_change_nothing(
        consents in proptest::collection::vec(any_consent(), 0..6), ask in any_ask(), turn in 0..6usize
    ) {
        let mut turned = consents.clone();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
        }
        let (one, other) = (engine(&consents, &ask), engine(&turned, &ask));
        prop_assert_eq!(one.released(), other.released());
        prop_assert_eq!(one.cuts(), other.cuts());
        prop_assert_eq!(one.fingerprint(), other.fingerprint());
        let mut doubled = consents.clone();
        doubled.extend(consents.first().cloned());
        let doubled = engine(&doubled, &ask);
        prop_assert_eq!(doubled.released(), one.released());
    }

    #[test]
    fn one_more_refusal_never_releases_more(
        consents in proptest::collection::vec(any_consent(), 0..5), more in any_consent(), ask in any_ask()
    ) {
        let before = engine(&consents, &ask);
        let mut refusal = more;
        refusal["provision"]["type"] = json!("deny");
        refusal["provision"].as_object_mut().expect("an object").remove("provision");
        refusal["identifier"][0]["value"] = json!("another");
        let mut with = consents.clone();
        with.push(refusal);
        let after = engine(&with, &ask);
        for section in SECTIONS {
            prop_assert!(goes(&before, section) || !goes(&after, section), "{}", section);
        }
    }

    #[test]
    fn every_denial_gives_a_published_reason(consents in proptest::collection::vec(any_consent(), 0..5), ask in any_ask()) {
        let decision = engine(&consents, &ask);
        prop_assert!(!decision.reasons().is_empty());
        prop_assert!(decision.reasons().iter().all(|r| RuleId::ALL.contains(&r.rule)));
        if decision.outcome() == Outcome::Deny {
            prop_assert!(decision.into_permit().is_err());
        }
    }
}
