//! Somebody else's data in her plan, and their own choices about them (scenario 32); when an answer may change by time alone.

use crate::plans::{self, evidence, policy, read, tree};
use crate::world::*;
use serde_json::{Value, json};
use sharewell::pure::decide::{Decision, Facts, Identity, Other, Outcome, RuleId, explain};

const PHILIPPA: &str = "9990000026";

/// Her daughter's choice about what is hers in the plan.
fn daughters(provision: Value) -> Other {
    let who = Identity::by_identifier(plans::NHS, PHILIPPA);
    let patient = json!({ "identifier": { "system": plans::NHS, "value": PHILIPPA } });
    let choices = vec![read(&with(consent(provision), json!({ "patient": patient, "id": "daughter" })))];
    Other { who, choices, facts: Facts::default() }
}

fn plan() -> Value {
    let by_daughter = json!({ "reference": "RelatedPerson/philippa" });
    let resources = [
        json!({ "resourceType": "RelatedPerson", "id": "philippa", "patient": { "reference": "Patient/winifred" },
            "identifier": [{ "system": plans::NHS, "value": PHILIPPA }] }),
        hers(
            "Goal",
            "g",
            json!({ "lifecycleStatus": "active", "description": { "text": "walk" },
            "note": [{ "text": "hers" }, { "text": "his", "authorReference": by_daughter }] }),
        ),
        hers("Observation", "seen", json!({ "status": "final", "performer": [by_daughter] })),
        hers("CarePlan", "p", json!({ "status": "active", "intent": "plan", "author": by_daughter })),
    ];
    let entries: Vec<Value> = resources.into_iter().map(|r| json!({ "resource": r })).collect();
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
}

fn under(others: Vec<Other>, own: Value) -> Decision {
    let mut evidence = evidence(vec![read(&consent(own))]);
    evidence.others = others;
    let plan = tree(&plan());
    explain(&surgery(), &[plan.root()], &evidence, policy())
}

fn all() -> Value {
    json!({ "type": "permit" })
}

#[test]
fn what_names_a_carer_stays_where_the_carer_objects_and_the_plan_goes() {
    let nobody_asked = under(vec![], all());
    assert_eq!(nobody_asked.outcome(), Outcome::Permit);
    let decision = under(vec![daughters(json!({ "type": "deny" }))], all());
    assert_eq!(decision.outcome(), Outcome::Redact);
    assert_eq!(decision.withheld(), ["RelatedPerson/philippa", "Observation/seen"]);
    assert!(cites(&decision, RuleId::R5));
    let paths: Vec<&str> = decision.cuts().iter().filter(|c| !c.whole).map(|c| c.path.as_str()).collect();
    assert_eq!(paths, ["Bundle.entry[1].resource.note[1]", "Bundle.entry[3].resource.author"], "her own note stays in");
}

#[test]
fn a_carers_leave_for_others_closes_their_data_to_this_one_and_their_leave_for_this_one_does_not_open_hers() {
    let elsewhere = json!({ "type": "permit", "actor": [recipient("Organization/elsewhere")] });
    assert_eq!(under(vec![daughters(elsewhere)], all()).outcome(), Outcome::Redact);
    let here = json!({ "type": "permit", "actor": [recipient("Organization/beckside")] });
    assert_eq!(under(vec![daughters(here.clone())], all()).outcome(), Outcome::Permit);
    assert_eq!(under(vec![daughters(here)], json!({ "type": "deny" })).outcome(), Outcome::Deny);
}

#[test]
fn a_choice_of_the_others_is_part_of_what_the_answer_rests_on() {
    let one = under(vec![daughters(json!({ "type": "deny" }))], all());
    assert_ne!(one.fingerprint(), under(vec![], all()).fingerprint());
    let again = under(vec![daughters(json!({ "type": "deny" }))], all());
    assert_eq!(one.fingerprint(), again.fingerprint());
}

#[test]
fn an_answer_says_until_when_it_stands() {
    let until = |provision: Value, more: &dyn Fn(&mut sharewell::pure::decide::Evidence)| {
        let mut evidence = evidence(vec![read(&consent(provision))]);
        more(&mut evidence);
        let goal = tree(&goal());
        let second = explain(&surgery(), &[goal.root()], &evidence, policy()).until().expect("a boundary");
        jiff::Timestamp::from_second(second).expect("an instant").to_string()
    };
    let for_ever = json!({ "type": "permit" });
    // what was read is good for a quarter of an hour
    assert_eq!(until(for_ever.clone(), &|_| {}), "2026-11-22T10:15:01Z");
    let soon = json!({ "type": "permit", "period": { "end": "2026-11-22T10:05:00Z" } });
    assert_eq!(until(soon, &|_| {}), "2026-11-22T10:05:01Z");
    let inner =
        json!({ "type": "permit", "provision": [{ "type": "deny", "period": { "start": "2026-11-22T10:02:00Z" } }] });
    assert_eq!(until(inner, &|_| {}), "2026-11-22T10:02:00Z");
    let birthday = |e: &mut sharewell::pure::decide::Evidence| {
        e.facts.changes_at.push("2026-11-22T10:01:00Z".parse().expect("an instant"));
    };
    assert_eq!(until(for_ever, &birthday), "2026-11-22T10:01:00Z");
}
