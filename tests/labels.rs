//! The labels that the gateway gives: by code, by word, by value set, on every kind of resource; raised, never lowered.

mod plans;

use plans::{choice, definitions, evidence, party, policy, question, tree, whole_plan};
use serde_json::{Value, json};
use sharewell::embedded;
use sharewell::pure::decide::label::{Labelling, labelling};
use sharewell::pure::decide::{Action, Decision, Outcome, Policy, Relation, decide};
use sharewell::pure::fhir::File;
use sharewell::pure::profile::Definitions;
use sharewell::pure::redact::redact;
use sharewell::pure::validate::Validated;
use std::sync::Arc;

const SCT: &str = "http://snomed.info/sct";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

fn labelled(resource: &Value) -> Labelling {
    labelling(tree(resource).root(), policy())
}

fn sets(resource: &Value) -> Vec<String> {
    let mut found: Vec<String> = labelled(resource).labels.into_iter().filter_map(|l| l.set).collect();
    found.dedup();
    found
}

fn concept(code: &str) -> Value {
    json!({ "coding": [{ "system": SCT, "code": code }] })
}

#[test]
fn a_code_raises_the_label_of_whatever_resource_it_stands_in() {
    let hiv = concept("86406008");
    let contained = json!([{ "resourceType": "Condition", "id": "c", "code": hiv }]);
    let cases = [
        json!({ "resourceType": "Condition", "code": hiv }),
        json!({ "resourceType": "Observation", "valueCodeableConcept": hiv }),
        json!({ "resourceType": "Observation", "component": [{ "code": hiv }] }),
        json!({ "resourceType": "MedicationStatement", "reasonCode": [hiv] }),
        json!({ "resourceType": "MedicationRequest", "contained": contained }),
        json!({ "resourceType": "ServiceRequest", "code": hiv }),
        json!({ "resourceType": "Procedure", "complication": [hiv] }),
        json!({ "resourceType": "CarePlan", "activity": [{ "detail": { "code": hiv } }] }),
        json!({ "resourceType": "QuestionnaireResponse", "item": [{ "answer": [{ "valueCoding": hiv["coding"][0] }] }] }),
        json!({ "resourceType": "Basic", "extension": [{ "url": "https://x.example/y", "valueCoding": hiv["coding"][0] }] }),
        json!({ "resourceType": "Bundle", "entry": [{ "resource": { "resourceType": "Condition", "code": hiv } }] }),
        json!({ "resourceType": "Parameters", "parameter": [{ "resource": { "resourceType": "Flag", "code": hiv } }] }),
    ];
    for case in cases {
        let found = labelled(&case);
        assert_eq!(sets(&case), ["hiv"], "{case}");
        assert_eq!(found.confidentiality, "R", "{case}");
        assert!(found.labels.iter().any(|l| l.system == ACT_CODE && l.code == "HIV" && l.told), "{case}");
    }
    assert!(sets(&json!({ "resourceType": "Condition", "code": concept("38341003") })).is_empty());
}

#[test]
fn a_code_is_found_under_every_name_of_its_system_and_inside_expressions() {
    for (system, code) in [
        ("http://snomed.info/sct/83821000000107", "86406008"),
        ("urn:oid:2.16.840.1.113883.6.96", "86406008"),
        (SCT, "86406008|Human immunodeficiency virus infection|"),
        (SCT, "416940007:246090004=86406008"),
    ] {
        let coded = json!({ "resourceType": "Condition", "code": { "coding": [{ "system": system, "code": code }] } });
        assert_eq!(sets(&coded), ["hiv"], "{system} {code}");
    }
    let without_system = json!({ "resourceType": "Condition", "code": { "coding": [{ "code": "86406008" }] } });
    assert_eq!(sets(&without_system), ["hiv"], "a system that is not written counts as any");
    let other = json!({ "resourceType": "Condition", "code": { "coding": [{ "system": "http://loinc.org", "code": "86406008" }] } });
    assert!(sets(&other).is_empty());
}

#[test]
fn every_sensitivity_of_the_policy_has_a_set_that_works() {
    let by_code = [
        ("sexually-transmitted", "105629000"),
        ("hiv", "165816005"),
        ("termination", "386639001"),
        ("substance-use", "7200002"),
        ("mental-health", "35489007"),
        ("domestic-abuse", "706893006"),
        ("safeguarding", "514331000000104"),
        ("fertility", "63487001"),
    ];
    for (set, code) in by_code {
        assert_eq!(sets(&json!({ "resourceType": "Condition", "code": concept(code) })), [set]);
    }
    let by_word =
        [("gender-recognition", "a gender recognition certificate"), ("sexual-health", "seen at the GUM clinic")];
    for (set, words) in by_word {
        assert_eq!(sets(&json!({ "resourceType": "Observation", "note": [{ "text": words }] })), [set]);
    }
}

#[test]
fn words_are_found_wherever_people_read_and_not_inside_other_words() {
    let found = |more: Value| sets(&more).first().cloned();
    let div = |text: &str| {
        json!({ "resourceType": "Goal", "text": { "status": "generated",
        "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{text}</div>") } })
    };
    assert_eq!(
        found(json!({ "resourceType": "Condition", "code": { "text": "Chlamydia" } })).as_deref(),
        Some("sexually-transmitted")
    );
    assert_eq!(
        found(json!({ "resourceType": "Goal", "description": { "coding": [{ "display": "HIV-positive" }] } }))
            .as_deref(),
        Some("hiv")
    );
    assert_eq!(found(div("in <i>vitro</i>\n fertilisation")).as_deref(), Some("fertility"));
    assert_eq!(found(div("dom&#101;stic <b>ab</b>use")).as_deref(), Some("domestic-abuse"));
    assert_eq!(
        found(json!({ "resourceType": "Goal", "note": [{ "text": "domestic\u{a0}\u{200b}violence" }] })).as_deref(),
        Some("domestic-abuse")
    );
    assert_eq!(found(json!({ "resourceType": "Goal", "note": [{ "text": "antiretroviralesque" }] })), None);
    assert_eq!(
        found(
            json!({ "resourceType": "Goal", "note": [{ "authorReference": { "reference": "Practitioner/syphilis" } }] })
        ),
        None
    );
}

#[test]
fn a_word_that_holds_keeps_the_resource_back_until_somebody_has_looked_and_one_that_labels_does_not() {
    let held = labelled(&json!({ "resourceType": "Goal", "note": [{ "text": "termination of pregnancy" }] }));
    assert!(held.held && held.confidentiality == "R");
    let said = labelled(&json!({ "resourceType": "Goal", "note": [{ "text": "after domestic abuse" }] }));
    assert!(!said.held && said.confidentiality == "R");
    let barred = labelled(&json!({ "resourceType": "Goal", "note": [{ "text": "IVF treatment" }] }));
    assert_eq!(barred.bar.map(|b| b.id()), Some("L3"));
    assert!(barred.labels.iter().all(|l| !l.told), "the label of a barred set is never told");
}

#[test]
fn labels_are_raised_and_never_lowered() {
    let said = |code: &str| {
        json!({ "resourceType": "Condition", "meta": { "security": [
        { "system": CONFIDENTIALITY, "code": code }] }, "code": concept("86406008") })
    };
    assert_eq!(labelled(&said("V")).confidentiality, "V");
    for lower in ["U", "L", "M", "N"] {
        assert_eq!(labelled(&said(lower)).confidentiality, "R", "{lower}");
    }
    let patient =
        json!({ "resourceType": "Patient", "meta": { "security": [{ "system": CONFIDENTIALITY, "code": "U" }] } });
    assert_eq!(labelled(&patient).confidentiality, "N", "`U` of PDS is not public");
    let strange = json!({ "resourceType": "Goal", "meta": { "security": [{ "system": "https://x.example/labels", "code": "9" }] } });
    assert!(labelled(&strange).unknown && !labelled(&patient).unknown);
    let inside = json!({ "resourceType": "Bundle", "entry": [{ "resource": { "resourceType": "Bundle", "entry": [{
        "resource": { "resourceType": "Goal", "meta": { "security": [{ "system": CONFIDENTIALITY, "code": "V" }] } } }] } }] });
    assert_eq!(labelled(&inside).confidentiality, "V", "a Bundle in a Bundle is looked into");
}

// ---- sets by value set, by system, by hierarchy ------------------------------------------------------------------------------

fn file(path: &str, text: String) -> File {
    File { path: path.to_owned(), bytes: text.into_bytes().into() }
}

fn with_rules(text: &str) -> Result<Policy, Vec<String>> {
    let mut files = embedded::files("deploy/sharing/");
    files.push(file("site.toml", text.to_owned()));
    Policy::compile(&files).map_err(|r| r.issues.iter().map(ToString::to_string).collect())
}

const BY_REFERENCE: &str = "[[sensitive]]\nid = \"site\"\nlabel = \"SICKLE\"\n\
    [[sensitive.codes]]\nvalue-set = \"https://x.example/ValueSet/blood\"\n\
    [[sensitive.codes]]\ncode-system = \"https://x.example/CodeSystem/all\"\n\
    [[sensitive.codes]]\nsystem = \"https://x.example/CodeSystem/tree\"\ncodes = [\"top\"]\n";

fn site_definitions() -> Arc<Definitions> {
    let tree = json!({ "resourceType": "CodeSystem", "url": "https://x.example/CodeSystem/tree", "status": "active",
        "content": "complete", "caseSensitive": true, "concept": [
            { "code": "top", "concept": [{ "code": "middle", "concept": [{ "code": "low" }] }] }, { "code": "beside" }] });
    let blood = json!({ "resourceType": "ValueSet", "url": "https://x.example/ValueSet/blood", "status": "active",
        "compose": { "include": [{ "system": SCT, "concept": [{ "code": "417357006" }] }] } });
    let files = [file("CodeSystem-tree.json", tree.to_string()), file("ValueSet-blood.json", blood.to_string())];
    let base = Definitions::base().unwrap_or_else(|r| panic!("{:?}", r.issues));
    Arc::new(base.with_files(&files).unwrap_or_else(|r| panic!("{:?}", r.issues)))
}

#[test]
fn a_set_may_name_a_value_set_a_whole_system_or_what_lies_below_a_code() {
    let policy = with_rules(BY_REFERENCE).expect("it compiles").with_definitions(site_definitions());
    assert!(policy.unresolved().is_valid());
    let is_in = |system: &str, code: &str| {
        let coded = json!({ "resourceType": "Condition", "code": { "coding": [{ "system": system, "code": code }] } });
        labelling(tree(&coded).root(), &policy).labels.iter().any(|l| l.set.as_deref() == Some("site"))
    };
    assert!(is_in(SCT, "417357006") && !is_in(SCT, "38341003"));
    assert!(is_in("https://x.example/CodeSystem/all", "anything"));
    for code in ["top", "middle", "low"] {
        assert!(is_in("https://x.example/CodeSystem/tree", code), "{code}");
    }
    assert!(!is_in("https://x.example/CodeSystem/tree", "beside"));
}

#[test]
fn while_a_value_set_is_not_loaded_every_code_might_be_in_it_and_the_operator_is_told_where() {
    let policy = with_rules(BY_REFERENCE).expect("it compiles");
    let said: Vec<String> = policy.unresolved().issues.iter().map(ToString::to_string).collect();
    assert!(said.len() == 1 && said[0].starts_with("site.toml:5:13"), "{said:?}");
    let coded = json!({ "resourceType": "Condition", "code": concept("38341003") });
    assert!(labelling(tree(&coded).root(), &policy).unknown);
}

#[test]
fn mistakes_in_a_set_are_said_with_their_place() {
    let wrong = "[[sensitive]]\nid = \"a\"\nbar = \"L2\"\nlaw = \"x\"\ntold = true\non-words = \"shout\"\n\
        [[sensitive.codes]]\ncodes = [\"1\"]\n[[sensitive.codes]]\nsystem = \"s\"\n";
    let said = with_rules(wrong).expect_err("it is wrong");
    for start in ["site.toml:5:8", "site.toml:6:12", "site.toml:7:", "site.toml:9:"] {
        assert!(said.iter().any(|s| s.starts_with(start)), "{start} {said:#?}");
    }
}

// ---- what follows from a label ---------------------------------------------------------------------------------------------------

fn plan_with(change: impl Fn(&mut Value)) -> Validated {
    let mut plan = whole_plan();
    for entry in plan["entry"].as_array_mut().expect("entries") {
        change(&mut entry["resource"]);
    }
    Validated::new(tree(&plan), &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues))
}

fn ask(record: &Validated, except: &[&str]) -> Decision {
    let mut question = question(party("Y99001", "gp-practice"), Action::Disclose);
    question.relation = Relation::Presumed;
    let choices = vec![choice("gp", "Y99001", "permit", &[], except, None)];
    decide(&question, record, &evidence(choices), policy())
}

fn sent(record: &Validated, except: &[&str]) -> String {
    let permit = ask(record, except).into_permit().unwrap_or_else(|d| panic!("{d:?}"));
    let released = redact(record, permit, definitions()).unwrap_or_else(|w| panic!("{:?}", w.report.issues));
    released.bundle().root().to_json()
}

#[test]
fn a_section_is_kept_back_by_what_a_resource_is_about_and_not_only_by_what_it_is_tagged_with() {
    let record = plan_with(|r| {
        if r["resourceType"] == "Condition" {
            r["code"] = json!({ "coding": [{ "system": SCT, "code": "86406008" }], "text": "the quokka virus" });
        }
    });
    assert!(sent(&record, &[]).contains("the quokka virus"), "she agreed to all of it");
    assert!(!sent(&record, &["sexual-health"]).contains("the quokka virus"));
    assert!(sent(&record, &["mental-health"]).contains("the quokka virus"));
}

#[test]
fn what_is_released_carries_the_labels_it_was_given_and_those_of_what_is_left() {
    let record = plan_with(|r| {
        if r["resourceType"] == "Goal" {
            r["note"] = json!([{ "text": "since the domestic abuse ended" }]);
        }
    });
    let json = sent(&record, &[]);
    assert!(json.contains("\"SDV\"") && json.contains("\"R\""), "{json}");
    let barred = plan_with(|_| {});
    assert!(!sent(&barred, &[]).contains("\"security\""), "what needs no label gets none");
}

#[test]
fn a_label_on_an_element_cuts_the_element_where_the_resource_says_so_and_else_the_resource() {
    let inline = json!([{
        "url": "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
        "valueCoding": { "system": ACT_CODE, "code": "PSY" } }]);
    let plan = |says: bool| {
        plan_with(|r| {
            if r["resourceType"] == "Goal" {
                r["note"] = json!([{ "text": "the hidden quokka", "extension": inline }]);
                r["startDate"] = json!("2026-05-23");
                r["_startDate"] = json!({ "extension": inline });
                if says {
                    r["meta"]["security"] = json!([{ "code": "PROCESSINLINELABEL" }]);
                }
            }
        })
    };
    let record = plan(true);
    let json = sent(&record, &["mental-health"]);
    assert!(json.contains("Goal/goal-1") && !json.contains("hidden quokka") && !json.contains("2026-05-23"), "{json}");
    assert!(sent(&record, &[]).contains("hidden quokka"));
    let json = sent(&plan(false), &["mental-health"]);
    assert!(!json.contains("\"goal-1\"") && !json.contains("hidden quokka"), "{json}");
    let restricted = ask(&record, &["mental-health"]);
    assert_eq!(restricted.outcome(), Outcome::Redact);
    assert!(restricted.obligations().iter().any(|o| format!("{o:?}").contains("Goal/goal-1.note")), "{restricted:?}");
}
