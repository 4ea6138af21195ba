//! Plans, choices and questions for the tests of `decide` and `redact`. Everybody in them is invented.
#![allow(dead_code, reason = "each test file uses its part")]

use jiff::Timestamp;
use serde_json::{Value, json};
use sharewell::embedded;
use sharewell::pure::decide::{Action, Choice, Evidence, Identity, Party, Policy, Question, read_choice};
use sharewell::pure::fhir::{Limits, Tree, json as reader};
use sharewell::pure::profile::Definitions;
use std::sync::OnceLock;

pub const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number";
pub const NUMBER: &str = "9990000018";
pub const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
pub const SECTION: &str = "https://sharewell.example/fhir/CodeSystem/plan-section";

pub fn definitions() -> &'static Definitions {
    static KEPT: OnceLock<Definitions> = OnceLock::new();
    KEPT.get_or_init(|| Definitions::base().unwrap_or_else(|r| panic!("{:?}", r.issues)))
}

pub fn policy() -> &'static Policy {
    static KEPT: OnceLock<Policy> = OnceLock::new();
    KEPT.get_or_init(|| {
        Policy::compile(&embedded::files("deploy/sharing/")).unwrap_or_else(|r| panic!("{:?}", r.issues))
    })
}

pub fn tree(value: &Value) -> Tree {
    reader::read(value.to_string().as_bytes(), &Limits::default()).expect("it is JSON")
}

pub fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("an instant")
}

pub fn subject() -> Identity {
    Identity { references: vec!["Patient/winifred".to_owned()], identifiers: vec![(NHS.to_owned(), NUMBER.to_owned())] }
}

pub fn party(ods: &str, audience: &str) -> Party {
    Party {
        id: ods.to_owned(),
        name: ods.to_owned(),
        identifiers: vec![(ODS.to_owned(), ods.to_owned())],
        audiences: vec![audience.to_owned()],
        purposes: vec!["TREAT".to_owned(), "BTG".to_owned(), "HRESCH".to_owned(), "PATRQT".to_owned()],
        ..Party::default()
    }
}

pub fn question(party: Party, action: Action) -> Question {
    Question::new(party, "TREAT", action, now())
}

pub fn evidence(choices: Vec<Choice>) -> Evidence {
    Evidence { choices, ..Evidence::none(subject(), now()) }
}

fn sections(codes: &[&str]) -> Value {
    codes.iter().map(|c| json!({ "system": SECTION, "code": c })).collect()
}

/// A sharing choice in our own shape.
pub fn consent(id: &str, ods: &str, says: &str, what: &[&str], except: &[&str], until: Option<&str>) -> Value {
    let mut provision = json!({
        "type": says,
        "actor": [{
            "role": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP" }] },
            "reference": { "identifier": { "system": ODS, "value": ods } }
        }]
    });
    if !what.is_empty() {
        provision["class"] = sections(what);
    }
    if !except.is_empty() {
        provision["provision"] = json!([{ "type": "deny", "class": sections(except) }]);
    }
    if let Some(until) = until {
        provision["period"] = json!({ "end": until });
    }
    json!({
        "resourceType": "Consent",
        "id": id,
        "identifier": [{ "system": "https://sharewell.example/Id/sharing-choice", "value": id }],
        "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-6" }] }],
        "patient": { "identifier": { "system": NHS, "value": NUMBER } },
        "dateTime": "2026-03-28T18:30:00Z",
        "provision": provision
    })
}

pub fn choice(id: &str, ods: &str, says: &str, what: &[&str], except: &[&str], until: Option<&str>) -> Choice {
    read(&consent(id, ods, says, what, except, until))
}

pub fn read(consent: &Value) -> Choice {
    let tree = tree(consent);
    read_choice(tree.root()).unwrap_or_else(|r| panic!("{:?}", r.issues))
}

/// A whole plan: the example that the profiles are held to.
pub fn whole_plan() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/profiles/bundle/valid/whole.json");
    serde_json::from_slice(&std::fs::read(path).expect("the example is there")).expect("it is JSON")
}

/// The same, validated.
pub fn council_plan() -> Tree {
    tree(&whole_plan())
}
