//! A choice about a code: anywhere in a resource, with what lies below it, as far as the hierarchies that are loaded tell.

use crate::plans::{definitions, evidence, read, tree};
use crate::world::*;
use serde_json::{Value, json};
use sharewell::embedded;
use sharewell::pure::decide::{Decision, Obligation, Policy, RuleId, explain};
use sharewell::pure::fhir::File;
use sharewell::pure::profile::Definitions;
use std::sync::Arc;

const TREE: &str =
    "[[is-a]]\nsystem = \"http://snomed.info/sct\"\ncode = \"40733004\"\nbelow = [\"86406008\", \"56717001\"]\n";

fn policy(more: &str) -> Policy {
    let mut files = embedded::files("deploy/sharing/");
    files.push(File { path: "site.toml".to_owned(), bytes: more.as_bytes().to_vec().into() });
    Policy::compile(&files).unwrap_or_else(|r| panic!("{:?}", r.issues))
}

fn about(policy: &Policy, says: &str, code: Value, resource: &Value) -> Decision {
    let choice = read(&consent(json!({ "type": says, "code": [code] })));
    let tree = tree(resource);
    explain(&surgery(), &[tree.root()], &evidence(vec![choice]), policy)
}

fn condition(code: Value) -> Value {
    hers("Condition", "need", json!({ "code": code }))
}

fn goes(policy: &Policy, says: &str, named: &str, found: &str) -> bool {
    let condition = condition(concept(SNOMED, found));
    !about(policy, says, concept(SNOMED, named), &condition).released().is_empty()
}

#[test]
fn what_lies_below_a_code_is_meant_with_it_and_what_lies_above_might_be() {
    let policy = policy(TREE);
    assert!(goes(&policy, "permit", "40733004", "56717001"));
    assert!(!goes(&policy, "permit", "56717001", "40733004"));
    assert!(!goes(&policy, "deny", "40733004", "56717001"));
    assert!(!goes(&policy, "deny", "56717001", "40733004"), "coded more broadly than what is refused");
    assert!(goes(&policy, "deny", "56717001", "44054006"), "something else");
}

#[test]
fn a_code_is_found_wherever_it_stands() {
    let policy = policy("");
    let inside = hers(
        "MedicationRequest",
        "m",
        json!({ "status": "active", "intent": "order",
        "medicationReference": { "reference": "#drug" }, "reasonCode": [concept(SNOMED, "44054006")],
        "contained": [{ "resourceType": "Medication", "id": "drug", "code": concept(SNOMED, "56717001") }] }),
    );
    for code in ["44054006", "56717001"] {
        assert!(about(&policy, "deny", concept(SNOMED, code), &inside).released().is_empty(), "{code}");
        assert!(!about(&policy, "permit", concept(SNOMED, code), &inside).released().is_empty(), "{code}");
    }
}

#[test]
fn a_system_that_is_not_loaded_tells_equal_codes_and_somebody_is_asked_to_look() {
    let policy = policy("");
    assert!(!goes(&policy, "deny", "56717001", "56717001"));
    assert!(goes(&policy, "deny", "56717001", "44054006"));
    assert!(!goes(&policy, "permit", "56717001", "44054006"));
    let decision = about(&policy, "deny", concept(SNOMED, "56717001"), &condition(concept(SNOMED, "44054006")));
    assert!(decision.obligations().contains(&Obligation::Review(RuleId::R2)));
    // two codes that the site counts to one sensitive set
    let pregnant = ["57797005", "386639001"];
    assert!(!goes(&policy, "deny", pregnant[0], pregnant[1]));
}

#[test]
fn a_site_may_have_everything_of_an_unknown_system_kept_back() {
    let mut files = embedded::files("deploy/sharing/");
    for file in &mut files {
        let text = String::from_utf8(file.bytes.to_vec()).expect("UTF-8");
        file.bytes = text.replace("not-loaded = \"other\"", "not-loaded = \"might-be\"").into_bytes().into();
    }
    let policy = Policy::compile(&files).unwrap_or_else(|r| panic!("{:?}", r.issues));
    assert!(!goes(&policy, "deny", "56717001", "44054006"));
}

#[test]
fn code_systems_among_the_definitions_tell_it_too() {
    let _ = definitions();
    let known = Arc::new(Definitions::r4().unwrap_or_else(|r| panic!("{:?}", r.issues)));
    let policy = policy("").with_definitions(known);
    let goal =
        |code: &str| hers("Goal", "g", json!({ "lifecycleStatus": "active", "description": concept(REASON, code) }));
    assert!(about(&policy, "deny", concept(REASON, "HRESCH"), &goal("CLINTRCH")).released().is_empty());
    assert!(!about(&policy, "deny", concept(REASON, "HRESCH"), &goal("TREAT")).released().is_empty());
}

#[test]
fn what_is_said_in_words_alone_might_be_what_is_refused() {
    let policy = policy("");
    let worded = condition(json!({ "text": "that illness" }));
    assert!(about(&policy, "deny", concept(SNOMED, "56717001"), &worded).released().is_empty());
    assert!(about(&policy, "permit", concept(SNOMED, "56717001"), &worded).released().is_empty());
}

#[test]
fn what_lies_below_a_code_of_a_sensitive_set_is_labelled_as_the_set_is() {
    let below = "[[is-a]]\nsystem = \"http://snomed.info/sct\"\ncode = \"86406008\"\nbelow = [\"111880001\"]\n";
    let condition = condition(concept(SNOMED, "111880001"));
    let level = json!({ "type": "permit", "securityLabel": [coding(LEVEL, "N")] });
    let goes = |policy: &Policy| {
        let tree = tree(&condition);
        !explain(&surgery(), &[tree.root()], &evidence(vec![read(&consent(level.clone()))]), policy)
            .released()
            .is_empty()
    };
    assert!(goes(&policy("")) && !goes(&policy(below)));
}
