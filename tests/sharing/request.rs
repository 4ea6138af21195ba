//! The request document of `sharewell decide` (`sharing-choices` §6): each key does something, and no other key is taken.

use crate::world::*;
use serde_json::{Value, json};
use std::process::{Command, Output};

fn run(consents: &[Value], request: &Value, resources: &[Value]) -> Output {
    let work = tempfile::tempdir().expect("a folder");
    let write = |name: String, value: &Value| {
        let path = work.path().join(name);
        std::fs::write(&path, value.to_string()).expect("it is written");
        path
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_sharewell"));
    command.args(["decide", "--output", "json", "--request"]).arg(write("request.json".into(), request));
    for (at, consent) in consents.iter().enumerate() {
        command.arg("--consent").arg(write(format!("consent-{at}.json"), consent));
    }
    for (at, resource) in resources.iter().enumerate() {
        command.arg("--resource").arg(write(format!("resource-{at}.json"), resource));
    }
    command.output().expect("the command runs")
}

fn answer(provision: Value, change: Value) -> Value {
    let request = with(
        json!({ "patient": "Patient/winifred", "actor": ["Organization/beckside"], "purposeOfUse": ["TREAT"], "now": "2026-11-22" }),
        change,
    );
    let output = run(&[consent(provision)], &request, &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

fn decision(provision: Value, change: Value) -> String {
    answer(provision, change)["decision"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_unknown_key_is_refused_by_name_wherever_it_stands() {
    for (wrong, name) in [
        (json!({ "purpose": "TREAT" }), "purpose"),
        (json!({ "facts": { "mood": "good" } }), "mood"),
        (json!({ "breakGlass": { "why": "x" } }), "why"),
        (json!({ "facts": { "representatives": [{ "nickname": "x" }] } }), "nickname"),
    ] {
        let output = run(&[consent(json!({ "type": "permit" }))], &with(json!({ "now": "2026-11-22" }), wrong), &[]);
        assert_eq!(output.status.code(), Some(3));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(&format!("`{name}`")), "{text}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_and_not_read_as_if_it_were_absent() {
    for wrong in [
        json!({ "now": "soon" }),
        json!({ "action": "burn" }),
        json!({ "dataDate": "once" }),
        json!({ "defaultPolicy": "maybe" }),
    ] {
        let output =
            run(&[consent(json!({ "type": "permit" }))], &with(json!({ "now": "2026-11-22" }), wrong.clone()), &[]);
        assert_eq!(output.status.code(), Some(3), "{wrong}");
    }
}

#[test]
fn each_key_that_describes_the_request_is_heeded() {
    let all = || json!({ "type": "permit" });
    assert_eq!(decision(all(), json!({})), "permit");
    // who
    let named = json!({ "type": "permit", "actor": [recipient("Organization/elsewhere")] });
    assert_eq!(decision(named.clone(), json!({})), "deny");
    assert_eq!(decision(named, json!({ "actor": ["Organization/elsewhere"] })), "permit");
    let by_code = json!({ "type": "permit", "actor": [{ "role": { "coding": [{ "code": "IRCP" }] },
        "reference": { "identifier": { "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Y99001" } } }] });
    let ods = json!({ "actorIdentifiers": [{ "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Y99001" }] });
    assert_eq!((decision(by_code.clone(), json!({})), decision(by_code, ods)), ("deny".into(), "permit".into()));
    let team = json!({ "type": "permit", "actor": [recipient("Group/team")] });
    let group = json!({ "resourceType": "Group", "id": "team", "type": "practitioner", "actual": true,
        "member": [{ "entity": { "reference": "Organization/beckside" } }] });
    assert_eq!(decision(team.clone(), json!({})), "deny");
    assert_eq!(decision(team, json!({ "actorResources": { "Group/team": group } })), "permit");
    // for what, as code, Coding, or list
    let care = || json!({ "type": "permit", "purpose": [coding(REASON, "TREAT")] });
    for purpose in [json!("TREAT"), json!(["TREAT"]), coding(REASON, "TREAT"), json!([coding(REASON, "TREAT")])] {
        assert_eq!(decision(care(), json!({ "purposeOfUse": purpose })), "permit");
    }
    assert_eq!(decision(care(), json!({ "purposeOfUse": "HRESCH" })), "deny");
    // what
    let read_only = json!({ "type": "permit", "action": [concept("http://terminology.hl7.org/CodeSystem/consentaction", "access")] });
    assert_eq!(decision(read_only.clone(), json!({})), "permit");
    assert_eq!(decision(read_only, json!({ "action": "correct" })), "deny");
    let goals = json!({ "type": "deny", "class": [coding("http://hl7.org/fhir/resource-types", "Goal")] });
    let open = json!({ "defaultPolicy": "permit" });
    assert_eq!(decision(goals.clone(), with(open.clone(), json!({ "class": "Goal" }))), "deny");
    assert_eq!(decision(goals, with(open.clone(), json!({ "class": "Task" }))), "permit");
    let code = json!({ "type": "deny", "code": [concept(SNOMED, "56717001")] });
    assert_eq!(decision(code.clone(), with(open.clone(), json!({ "code": coding(SNOMED, "56717001") }))), "deny");
    assert_eq!(decision(code, with(open.clone(), json!({ "code": coding(SNOMED, "44054006") }))), "permit");
    let level = json!({ "type": "permit", "securityLabel": [coding(LEVEL, "N")] });
    assert_eq!(decision(level.clone(), json!({ "labels": "N" })), "permit");
    assert_eq!(decision(level, json!({ "labels": [coding(LEVEL, "R")] })), "deny");
    let one = json!({ "type": "deny", "data": [{ "meaning": "instance", "reference": { "reference": "Goal/1" } }] });
    assert_eq!(decision(one.clone(), with(open.clone(), json!({ "resource": "Goal/1" }))), "deny");
    assert_eq!(decision(one, with(open.clone(), json!({ "resource": "Goal/2" }))), "permit");
    let year = json!({ "type": "permit", "dataPeriod": { "start": "2022-01-01", "end": "2022-12-31" } });
    assert_eq!(decision(year.clone(), json!({ "dataDate": "2022-06-01" })), "permit");
    assert_eq!(decision(year, json!({ "dataDate": "2023-06-01" })), "deny");
    // of whom, at whose, under which kind of Consent
    assert_eq!(decision(all(), json!({ "patient": "Patient/philippa" })), "deny");
    let holder = json!({ "type": "permit", "actor": [actor("CST", "Organization/council")] });
    for key in ["custodian", "dataCustodian"] {
        assert_eq!(decision(holder.clone(), json!({ key: "Organization/council" })), "permit");
        assert_eq!(decision(holder.clone(), json!({ key: "Organization/other" })), "deny");
    }
    assert_eq!(decision(all(), json!({ "category": [coding("http://loinc.org", "59284-6")] })), "permit");
    assert_eq!(decision(all(), json!({ "category": [coding("http://loinc.org", "57016-8")] })), "deny");
    // when
    let ended = json!({ "type": "permit", "period": { "end": "2026-11-21" } });
    assert_eq!(decision(ended, json!({})), "deny");
    // what holds otherwise
    let none = json!({ "type": "deny", "purpose": [coding(REASON, "HMARKT")] });
    assert_eq!(answer(none.clone(), json!({}))["reasons"][0]["rule"], "no-consent");
    assert_eq!(decision(none, json!({ "defaultPolicy": "permit" })), "permit");
    assert_eq!(decision(all(), json!({ "relationship": "none" })), "deny");
}

#[test]
fn a_choice_that_cannot_be_read_is_said_to_be_indeterminate() {
    let answer = answer(json!({}), json!({ "defaultPolicy": "permit" }));
    assert_eq!((&answer["decision"], &answer["reasons"][0]["rule"]), (&json!("deny"), &json!("indeterminate")));
    assert!(answer["obligations"].as_array().is_some_and(|o| o.iter().any(|o| o["code"] == "REVIEW")));
}

#[test]
fn what_is_forbidden_of_data_nobody_described_is_named_in_an_obligation() {
    let but = json!({ "type": "permit", "provision": [
        { "type": "deny", "securityLabel": [coding(LEVEL, "R")] },
        { "type": "deny", "code": [concept(SNOMED, "56717001")] },
        { "type": "deny", "class": [coding("http://hl7.org/fhir/resource-types", "Goal")] }] });
    let answer = answer(but, json!({}));
    assert_eq!(answer["decision"], "permit");
    let redact =
        answer["obligations"].as_array().expect("a list").iter().find(|o| o["code"] == "REDACT").expect("REDACT");
    assert_eq!(redact["labels"], json!([coding(LEVEL, "R")]));
    assert_eq!(redact["codes"], json!([coding(SNOMED, "56717001")]));
    assert_eq!(redact["classes"], json!([coding("http://hl7.org/fhir/resource-types", "Goal")]));
}

#[test]
fn an_emergency_and_facts_are_taken_from_the_request() {
    let elsewhere = json!({ "type": "permit", "actor": [recipient("Organization/elsewhere")] });
    let glass =
        json!({ "purposeOfUse": "BTG", "breakGlass": { "reason": "unconscious", "text": "brought in by ambulance" } });
    assert_eq!(answer(elsewhere, glass.clone())["reasons"][0]["rule"], "E1");
    assert_eq!(answer(json!({ "type": "deny" }), glass)["reasons"][0]["rule"], "E2");
    let research =
        json!({ "purposeOfUse": "HRESCH", "declaredBasis": "s251", "facts": { "ndop": { "optedOut": false } } });
    assert_eq!(decision(json!({ "type": "deny", "purpose": [coding(REASON, "HMARKT")] }), research.clone()), "permit");
    let out = with(research, json!({ "facts": { "ndop": { "optedOut": true } } }));
    assert_eq!(decision(json!({ "type": "deny", "purpose": [coding(REASON, "HMARKT")] }), out), "deny");
    let child = json!({ "facts": { "age": 13 } });
    assert_eq!(decision(json!({ "type": "permit" }), child.clone()), "deny");
    assert_eq!(decision(json!({ "type": "permit" }), json!({ "facts": { "age": 13, "capacity": "has" } })), "permit");
}
