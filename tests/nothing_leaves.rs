//! Nothing leaves without a permit, and nothing withheld leaves: tried over generated choices, questions and plans.

mod plans;

use plans::{SECTION, choice, council_plan, definitions, evidence, party, policy, question, tree, whole_plan};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};
use sharewell::pure::decide::{Action, Choice, Decision, Outcome, Relation, decide, decide_prepared, explain, prepare};
use sharewell::pure::fhir::{Item, Kind};
use sharewell::pure::redact::{Releasable, redact, shape_search};
use sharewell::pure::validate::Validated;
use std::collections::HashSet;

// ---- plans that are different every time, and valid ------------------------------------------------------------------------

/// How many of each, and which points at which.
#[derive(Clone, Debug)]
struct Shape {
    needs: usize,
    goals: usize,
    actions: usize,
    links: Vec<usize>,
    narrative: bool,
    note_of_another: bool,
}

fn any_shape() -> impl Strategy<Value = Shape> {
    (1..4usize, 1..4usize, 1..5usize, proptest::collection::vec(0..12usize, 24), any::<bool>(), any::<bool>()).prop_map(
        |(needs, goals, actions, links, narrative, note_of_another)| Shape {
            needs,
            goals,
            actions,
            links,
            narrative,
            note_of_another,
        },
    )
}

fn resource<'v>(bundle: &'v Value, type_: &str) -> &'v Value {
    let entries = bundle["entry"].as_array().expect("entries");
    entries.iter().map(|e| &e["resource"]).find(|r| r["resourceType"] == type_).expect("the example has one of each")
}

fn entry(resource: Value) -> Value {
    let url = format!(
        "https://sharewell.example/fhir/{}/{}",
        resource["resourceType"].as_str().expect("a type"),
        resource["id"].as_str().expect("an id")
    );
    json!({ "fullUrl": url, "resource": resource })
}

fn several(example: &Value, name: &str, count: usize, mut fill: impl FnMut(usize, &mut Value)) -> Vec<Value> {
    let one = |n: usize| {
        let mut made = example.clone();
        made["id"] = json!(format!("{name}-{n}"));
        made["identifier"][0]["value"] = json!(format!("own-key-of-{name}-{n}"));
        fill(n, &mut made);
        made
    };
    (1..=count).map(one).collect()
}

/// A plan of this shape. Every text in it says which resource it stands in.
fn plan(shape: &Shape) -> Value {
    let example = whole_plan();
    let link = |at: usize, of: usize| shape.links[at % shape.links.len()] % of + 1;
    let needs = several(resource(&example, "Condition"), "need", shape.needs, |n, r| {
        r["code"]["text"] = json!(format!("text of need {n} quokka"));
    });
    let goals = several(resource(&example, "Goal"), "goal", shape.goals, |n, r| {
        r["description"] = json!({ "text": format!("text of goal {n} quokka") });
        r["addresses"] =
            json!([{ "reference": format!("Condition/need-{}", link(n, shape.needs)), "display": "a need of hers" }]);
        r["note"] = json!([{ "text": format!("why goal {n} quokka") }]);
    });
    let actions = several(resource(&example, "Task"), "action", shape.actions, |n, r| {
        r["code"] = json!({ "text": format!("text of action {n} quokka") });
        r["focus"] = json!({ "reference": format!("Goal/goal-{}", link(n + 6, shape.goals)) });
        if shape.narrative {
            r["text"] = json!({
                "status": "generated",
                "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">narrative that tells of all quokka</div>"
            });
        }
    });
    let mut care_plan = resource(&example, "CarePlan").clone();
    let references = |type_: &str, list: &[Value]| -> Value {
        list.iter().map(|r| json!({ "reference": format!("{type_}/{}", r["id"].as_str().expect("an id")) })).collect()
    };
    care_plan["addresses"] = references("Condition", &needs);
    care_plan["goal"] = references("Goal", &goals);
    care_plan["activity"] = actions
        .iter()
        .map(|r| json!({ "reference": { "reference": format!("Task/{}", r["id"].as_str().expect("an id")) } }))
        .collect();
    if shape.note_of_another {
        care_plan["note"] = json!([{ "text": "note for the whole plan quokka" }]);
    }
    let mut bundle = example.clone();
    let keep = ["Patient", "CareTeam", "PractitionerRole", "Provenance"];
    let mut entries: Vec<Value> = keep.iter().map(|t| entry(resource(&example, t).clone())).collect();
    entries.push(entry(care_plan));
    entries.extend(needs.into_iter().chain(goals).chain(actions).map(entry));
    bundle["entry"] = json!(entries);
    bundle
}

const SECTIONS: [&str; 7] = ["needs", "goals", "actions", "contacts", "budget", "legal-capacity", "whole-plan"];

fn any_sections(most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(SECTIONS.to_vec(), 0..=most)
}

/// Whose choice, what it says, of which sections, and which it keeps back.
type Said = (usize, &'static str, Vec<&'static str>, Vec<&'static str>);

fn any_choices() -> impl Strategy<Value = Vec<Choice>> {
    let one = (0..2usize, prop_oneof![3 => Just("permit"), 1 => Just("deny")], any_sections(4), any_sections(3));
    proptest::collection::vec(one, 1..4).prop_map(|all| {
        let made = |(n, (whose, says, what, except)): (usize, Said)| {
            let except = if says == "permit" { except } else { Vec::new() };
            choice(&format!("c{n}"), ["Y99001", "Y99003"][whose], says, &what, &except, None)
        };
        all.into_iter().enumerate().map(made).collect()
    })
}

// ---- what may not be there any more ------------------------------------------------------------------------------------------

fn texts<'t>(item: Item<'t>, without: &HashSet<sharewell::pure::fhir::Id>, into: &mut HashSet<&'t str>) {
    if without.contains(&item.id()) {
        return;
    }
    if !item.is_container() && item.kind() != Kind::Null && item.text().len() > 3 {
        into.insert(item.text());
    }
    for child in item.children() {
        texts(child, without, into);
    }
}

/// Values that stand in what was withheld and nowhere else, and the names of the resources that were.
fn secrets<'t>(record: &'t Validated, decision: &Decision) -> (HashSet<&'t str>, Vec<String>) {
    let cut: HashSet<_> = decision.cuts().iter().map(|c| c.node).collect();
    let mut open = HashSet::new();
    texts(record.bundle().root(), &cut, &mut open);
    let mut closed = HashSet::new();
    for node in &cut {
        texts(record.bundle().item(*node), &HashSet::new(), &mut closed);
    }
    (closed.difference(&open).copied().collect(), decision.withheld().to_vec())
}

fn contains_name(json: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
    json.match_indices(name).any(|(at, _)| ends(&json[at + name.len()..]))
}

fn released(record: &Validated, decision: Decision) -> Option<Releasable> {
    let permit = decision.into_permit().ok()?;
    redact(record, permit, definitions()).ok()
}

fn cases() -> Config {
    let wanted = std::env::var("SHAREWELL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    Config { cases: wanted, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_withheld_stands_nowhere_in_what_is_released(
        shape in any_shape(), choices in any_choices(), whose in 0..3usize, reads in any::<bool>()
    ) {
        let record = Validated::new(tree(&plan(&shape)), &[], definitions());
        prop_assert!(record.is_ok(), "{:?}", record.err().map(|r| r.issues));
        let Ok(record) = record else { return Ok(()) };
        let ods = ["Y99001", "Y99003", "Y99009"][whose];
        let action = if reads { Action::Access } else { Action::Disclose };
        let mut question = question(party(ods, "care-provider"), action);
        question.relation = Relation::Presumed;
        let decision = decide(&question, &record, &evidence(choices), policy());
        for cut in decision.cuts() {
            let node = record.bundle().item(cut.node).path();
            prop_assert_eq!(&cut.path, &if cut.whole { format!("{node}.resource") } else { node });
        }
        let (secrets, names) = secrets(&record, &decision);
        let outcome = decision.outcome();
        let released = released(&record, decision);
        prop_assert!(outcome != Outcome::Deny || released.is_none());
        let Some(released) = released else { return Ok(()) };
        let json = released.bundle().root().to_json();
        let mut values = HashSet::new();
        texts(released.bundle().root(), &HashSet::new(), &mut values);
        for secret in secrets {
            // a short code can be part of an innocent word; then the whole value is compared
            let found = if secret.len() < 12 { values.contains(secret) } else { json.contains(secret) };
            prop_assert!(!found, "`{}` is withheld and released", secret);
        }
        for name in names {
            prop_assert!(!contains_name(&json, &name), "{} is still named", name);
            let id = name.split_once('/').map_or("", |(_, id)| id).to_owned();
            prop_assert!(!contains_name(&json, &format!("\"{id}\"")), "{} is still named", name);
        }
        prop_assert!(outcome != Outcome::Redact || !json.contains("narrative that tells"));
        prop_assert_eq!(outcome == Outcome::Redact, json.contains("SUBSETTED"));
        prop_assert_eq!(released.recipient(), ods);
    }

    #[test]
    fn a_permit_is_good_for_its_own_record_only(one in any_shape(), other in any_shape()) {
        let (one, other) = (tree(&plan(&one)), tree(&plan(&other)));
        let (Ok(one), Ok(other)) = (Validated::new(one, &[], definitions()), Validated::new(other, &[], definitions())) else {
            return Err(TestCaseError::fail("a generated plan is not valid"));
        };
        let question = question(party("Y99001", "gp-practice"), Action::Disclose);
        let choices = vec![choice("gp", "Y99001", "permit", &[], &[], None)];
        let permit = decide(&question, &one, &evidence(choices), policy()).into_permit().expect("a permit");
        prop_assert_eq!(redact(&other, permit, definitions()).is_err(), one.digest() != other.digest());
    }
}

// ---- by example ---------------------------------------------------------------------------------------------------------------

fn example() -> Validated {
    Validated::new(council_plan(), &[], definitions()).expect("the plan is valid")
}

fn ask(ods: &str, audience: &str, choices: Vec<Choice>) -> Decision {
    decide(&question(party(ods, audience), Action::Disclose), &example(), &evidence(choices), policy())
}

#[test]
fn the_whole_plan_goes_unchanged_where_the_person_agreed_to_all_of_it() {
    let decision = ask("Y99001", "gp-practice", vec![choice("gp", "Y99001", "permit", &[], &[], None)]);
    assert_eq!(decision.outcome(), Outcome::Permit, "{decision:?}");
    let releasable = released(&example(), decision).expect("it is released");
    assert_eq!(releasable.bundle().root().to_json(), example().bundle().root().to_json());
    assert!(releasable.manifest().is_empty());
}

#[test]
fn a_plan_without_its_budget_says_that_it_is_a_part_and_no_word_of_money() {
    let decision = ask("Y99002", "hospice", vec![choice("h", "Y99002", "permit", &[], &["budget"], None)]);
    assert_eq!(decision.outcome(), Outcome::Redact);
    let releasable = released(&example(), decision).expect("it is released");
    let json = releasable.bundle().root().to_json();
    for gone in ["budget", "248.5", "GBP", "direct-payment"] {
        assert!(!json.contains(gone), "{gone}");
    }
    assert!(json.contains("SUBSETTED"));
    let kept: Vec<(&str, bool)> = releasable.manifest().iter().map(|k| (k.rule, k.choice.is_some())).collect();
    assert_eq!(kept, [("R2", true)]);
}

#[test]
fn goals_and_actions_alone_come_with_the_frame_and_nothing_else() {
    let decision =
        ask("Y99003", "care-provider", vec![choice("p", "Y99003", "permit", &["goals", "actions"], &[], None)]);
    let releasable = released(&example(), decision).expect("it is released");
    let mut types: Vec<&str> = releasable
        .bundle()
        .root()
        .all("entry")
        .filter_map(|e| e.get("resource").and_then(Item::resource_type))
        .collect();
    types.sort_unstable();
    assert_eq!(types, ["CarePlan", "Goal", "Patient", "Provenance", "Task"]);
    let json = releasable.bundle().root().to_json();
    for gone in ["Condition", "CareTeam", "postalCode", "Tobias", "Falls prevention", "capacity"] {
        assert!(!json.contains(gone), "{gone}");
    }
}

#[test]
fn a_choice_that_stands_beside_a_plan_does_not_go_along_and_nobody_can_tell() {
    let mut with = whole_plan();
    let mut consent = plans::consent("c1", "Y99002", "deny", &[], &[], None);
    consent["patient"] = json!({ "reference": "Patient/winifred" });
    consent["policyRule"] =
        json!({ "coding": [{ "system": "https://sharewell.example/fhir/CodeSystem/decided-by", "code": "person" }] });
    with["entry"].as_array_mut().expect("entries").push(entry(consent));
    let record = Validated::new(tree(&with), &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues));
    let question = question(party("Y99001", "gp-practice"), Action::Disclose);
    let choices = vec![choice("gp", "Y99001", "permit", &[], &[], None)];
    let decision = decide(&question, &record, &evidence(choices), policy());
    assert_eq!(decision.outcome(), Outcome::Permit);
    let releasable = released(&record, decision).expect("it is released");
    assert_eq!(releasable.bundle().root().to_json(), example().bundle().root().to_json());
}

#[test]
fn a_person_of_whom_nothing_goes_and_one_of_whom_nothing_is_held_get_the_same_answer() {
    let now = plans::now();
    let nothing = shape_search(Vec::new(), &["CarePlan"], "answer", "https://gateway/fhir/CarePlan?patient=1", now);
    let decision = ask("Y99004", "voluntary-sector", vec![choice("c", "Y99004", "deny", &[], &[], None)]);
    let found: Vec<Releasable> = released(&example(), decision).into_iter().collect();
    let withheld = shape_search(found, &["CarePlan"], "answer", "https://gateway/fhir/CarePlan?patient=1", now);
    assert_eq!(nothing.root().to_json(), withheld.root().to_json());
    assert!(nothing.root().to_json().contains("\"total\":0"));
}

#[test]
fn a_search_counts_and_holds_what_is_released_and_only_the_types_asked_for() {
    let decision = ask("Y99001", "gp-practice", vec![choice("gp", "Y99001", "permit", &[], &[], None)]);
    let found = vec![released(&example(), decision).expect("it is released")];
    let answer = shape_search(found, &["Goal"], "answer", "https://gateway/fhir/Goal?patient=1", plans::now());
    assert!(answer.root().to_json().contains("\"total\":1"));
    assert_eq!(answer.root().all("entry").count(), 1);
}

#[test]
fn an_explanation_is_never_a_permit() {
    let record = example();
    let question = question(party("Y99001", "gp-practice"), Action::Disclose);
    let choices = vec![choice("gp", "Y99001", "permit", &[], &[], None)];
    let decision = explain(&question, &[record.bundle().root()], &evidence(choices), policy());
    assert_eq!(decision.outcome(), Outcome::Permit);
    assert!(decision.into_permit().is_err());
}

#[test]
fn a_tag_puts_a_resource_into_a_further_section_and_both_have_to_be_allowed() {
    let mut tagged = whole_plan();
    for entry in tagged["entry"].as_array_mut().expect("entries") {
        if entry["resource"]["resourceType"] == "Goal" {
            entry["resource"]["meta"]["tag"] = json!([{ "system": SECTION, "code": "mental-health" }]);
        }
    }
    let record = Validated::new(tree(&tagged), &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues));
    let question = question(party("Y99003", "care-provider"), Action::Disclose);
    let some = vec![choice("p", "Y99003", "permit", &["goals", "actions"], &[], None)];
    let decision = decide(&question, &record, &evidence(some), policy());
    assert!(!decision.released().contains(&"Goal/goal-1".to_owned()));
    let both = vec![choice("p", "Y99003", "permit", &["goals", "actions", "mental-health"], &[], None)];
    let decision = decide(&question, &record, &evidence(both), policy());
    assert!(decision.released().contains(&"Goal/goal-1".to_owned()));
}

#[test]
fn the_order_of_a_records_entries_changes_nothing_of_what_goes() {
    let turned = |turn: &dyn Fn(&mut Vec<Value>)| {
        let mut plan = whole_plan();
        let entries = plan["entry"].as_array_mut().expect("entries");
        // what supports a plan is of the section of whatever it refers to, wherever that stands
        let care_plan = entries.iter_mut().find(|e| e["resource"]["resourceType"] == "CarePlan").expect("a plan");
        care_plan["resource"]["supportingInfo"] = json!([{ "reference": "Condition/need-1" }]);
        turn(entries);
        Validated::new(tree(&plan), &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues))
    };
    let question = question(party("Y99003", "care-provider"), Action::Disclose);
    let choices = vec![choice("p", "Y99003", "permit", &["needs", "goals"], &[], None)];
    let said = |record: &Validated| {
        let decision = decide(&question, record, &evidence(choices.clone()), policy());
        // entries stand in another place: what comes before the resource is left out
        let below = |path: &str| path.split_once(".resource").map_or(String::new(), |(_, rest)| rest.to_owned());
        let mut cuts: Vec<_> = decision.cuts().iter().map(|c| (below(&c.path), c.sections.clone())).collect();
        let mut released = decision.released().to_vec();
        cuts.sort();
        released.sort();
        (released, cuts, decision.sections().to_vec())
    };
    let forth = said(&turned(&|_| ()));
    assert_eq!(said(&turned(&|entries| entries.reverse())), forth);
    assert_eq!(said(&turned(&|entries| entries.rotate_left(3))), forth);
}

#[test]
fn a_record_taken_apart_once_is_decided_for_everybody_as_if_it_were_taken_apart_for_each() {
    let record = example();
    let prepared = prepare(&record, policy());
    let choices = vec![
        choice("gp", "Y99001", "permit", &[], &["budget"], None),
        choice("p", "Y99003", "permit", &["goals", "actions"], &[], None),
    ];
    for ods in ["Y99001", "Y99003", "Y99009"] {
        let question = question(party(ods, "care-provider"), Action::Disclose);
        let evidence = evidence(choices.clone());
        let alone = decide(&question, &record, &evidence, policy());
        assert!(decide_prepared(&question, &prepared, &evidence) == alone, "{ods}: {alone:?}");
    }
}
