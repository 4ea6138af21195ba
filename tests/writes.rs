//! What a write may not take away: a part does not replace the whole, labels stay on, choices stay made.

mod plans;

use plans::{SECTION, tree, whole_plan};
use serde_json::{Value, json};
use sharewell::cli::demo::records::file;
use sharewell::cli::demo::stage::Stage;
use sharewell::edge::store::Person;
use sharewell::pure::redact::replace::{concerns, may_replace, with_labels_kept};

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const PART: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

fn with(mut plan: Value, type_: &str, list: &str, system: &str, code: &str) -> Value {
    let entries = plan["entry"].as_array_mut().expect("entries");
    let found = entries.iter_mut().map(|e| &mut e["resource"]).find(|r| r["resourceType"] == type_);
    let meta = &mut found.expect("there is one")["meta"];
    let codings = meta.as_object_mut().expect("meta").entry(list).or_insert_with(|| json!([]));
    codings.as_array_mut().expect("a list").push(json!({ "system": system, "code": code }));
    plan
}

fn whole_tagged(code: &str) -> Value {
    let mut plan = whole_plan();
    plan["meta"]["tag"] = json!([{ "system": PART, "code": code }]);
    plan
}

/// The id of the refusal, where there is one.
fn refused(new: &Value, stored: &[&Value]) -> Option<String> {
    let stored: Vec<_> = stored.iter().map(|s| tree(s)).collect();
    let roots: Vec<_> = stored.iter().map(|t| t.root()).collect();
    may_replace(tree(new).root(), &roots).err().map(|issue| issue.id.to_string())
}

#[test]
fn a_part_never_replaces_what_is_stored_whole() {
    let whole = whole_plan();
    for mark in ["SUBSETTED", "REDACTED", "MASKED"] {
        assert_eq!(refused(&whole_tagged(mark), &[&whole]).as_deref(), Some("partial-over-whole"), "{mark}");
        for list in ["tag", "security"] {
            let goal = with(whole_plan(), "Goal", list, PART, mark);
            assert_eq!(refused(&goal, &[&whole]).as_deref(), Some("partial-over-whole"), "{mark} in {list}");
            assert_eq!(refused(&goal, &[&goal]), None, "a part may replace the same part");
            let other = with(whole_plan(), "Task", list, PART, mark);
            assert_eq!(refused(&goal, &[&other]).as_deref(), Some("partial-over-whole"), "the goal was whole");
        }
    }
    assert_eq!(refused(&whole_tagged("SUBSETTED"), &[]), None, "there is nothing that it would replace");
    assert_eq!(refused(&whole, &[&whole_tagged("SUBSETTED")]), None, "the whole may replace a part");
    assert_eq!(refused(&whole, &[&whole]), None);
    let second = [&whole_tagged("SUBSETTED"), &whole];
    assert_eq!(
        refused(&whole_tagged("SUBSETTED"), &second).as_deref(),
        Some("partial-over-whole"),
        "another's is whole"
    );
}

#[test]
fn a_gap_that_was_masked_is_a_part_even_where_the_mark_was_taken_off() {
    let mut plan = whole_plan();
    let gap = json!({ "extension": [{
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked" }] });
    let entries = plan["entry"].as_array_mut().expect("entries");
    let provenance = entries.iter_mut().map(|e| &mut e["resource"]).find(|r| r["resourceType"] == "Provenance");
    provenance.expect("there is one")["agent"][0]["who"] = gap;
    assert_eq!(refused(&plan, &[&whole_plan()]).as_deref(), Some("partial-over-whole"));
}

#[test]
fn a_part_of_a_sharing_choice_is_refused_whatever_is_stored() {
    let mut consent = plans::consent("c1", "Y99002", "permit", &[], &[], None);
    consent["meta"] = json!({ "tag": [{ "system": PART, "code": "SUBSETTED" }] });
    assert_eq!(refused(&consent, &[]).as_deref(), Some("partial-choice"));
}

/// The labels of the first resource of a type after a write.
fn kept(new: &Value, stored: &Value, type_: &str, list: &str) -> Option<Vec<String>> {
    let (tree, _) = with_labels_kept(&tree(new), tree(stored).root())?;
    let found =
        tree.root().all("entry").filter_map(|e| e.get("resource")).find(|r| r.resource_type() == Some(type_))?;
    let codes = found.get("meta")?.all(list).filter_map(|c| c.str_at(&["code"])).map(str::to_owned);
    Some(codes.collect())
}

#[test]
fn labels_of_the_stored_version_are_put_back_and_never_lowered() {
    let stored = with(whole_plan(), "Goal", "security", ACT_CODE, "SDV");
    let stored = with(stored, "Goal", "security", CONFIDENTIALITY, "V");
    let stored = with(stored, "Condition", "tag", SECTION, "mental-health");
    let plain = kept(&whole_plan(), &stored, "Goal", "security").expect("they are put back");
    assert_eq!(plain, ["SDV", "V"]);
    let lower = with(whole_plan(), "Goal", "security", CONFIDENTIALITY, "N");
    assert_eq!(kept(&lower, &stored, "Goal", "security").expect("they are put back"), ["N", "SDV", "V"]);
    assert_eq!(kept(&lower, &stored, "Condition", "tag").expect("they are put back"), ["mental-health"]);
    assert_eq!(kept(&stored, &whole_plan(), "Goal", "security"), None, "labels may be raised");
    assert_eq!(kept(&stored, &stored, "Goal", "security"), None);
    let again = with(whole_plan(), "Goal", "tag", PART, "SUBSETTED");
    assert_eq!(kept(&whole_plan(), &again, "Goal", "tag"), None, "how a copy was altered is no label");
}

#[test]
fn a_label_on_an_element_becomes_one_on_the_resource_where_the_element_has_lost_it() {
    let mut stored = whole_plan();
    let entries = stored["entry"].as_array_mut().expect("entries");
    let goal = entries.iter_mut().map(|e| &mut e["resource"]).find(|r| r["resourceType"] == "Goal").expect("a goal");
    goal["note"][0]["extension"] = json!([{
        "url": "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
        "valueCoding": { "system": ACT_CODE, "code": "PSY" } }]);
    assert_eq!(kept(&whole_plan(), &stored, "Goal", "security").expect("it is put back"), ["PSY"]);
    assert_eq!(kept(&stored, &stored, "Goal", "security"), None);
}

#[test]
fn a_resource_that_got_another_id_is_known_by_its_identifier() {
    let stored = with(whole_plan(), "Goal", "security", ACT_CODE, "SDV");
    let mut new = whole_plan();
    let entries = new["entry"].as_array_mut().expect("entries");
    let goal = entries.iter_mut().map(|e| &mut e["resource"]).find(|r| r["resourceType"] == "Goal").expect("a goal");
    goal["id"] = json!("renamed");
    assert_eq!(kept(&new, &stored, "Goal", "security").expect("it is put back"), ["SDV"]);
}

#[test]
fn a_stored_version_without_labels_is_not_looked_at() {
    let new = tree(&whole_plan());
    assert!(!concerns(new.root(), &whole_plan().to_string()));
    assert!(concerns(new.root(), &with(whole_plan(), "Goal", "security", ACT_CODE, "SDV").to_string()));
    assert!(concerns(tree(&whole_tagged("SUBSETTED")).root(), "{}"));
}

// ---- through the front door -------------------------------------------------------------------------------------------------

fn plan_of_the_council() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/care-act/examples/whole.fhir.json");
    serde_json::from_slice(&std::fs::read(path).expect("the example is there")).expect("it is JSON")
}

async fn post(stage: &Stage, plan: &Value) -> (u16, String) {
    let request = stage.client("northmere-council").unwrap().post(format!("{}/fhir", stage.base));
    let response = request.header("content-type", "application/fhir+json").body(plan.to_string()).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_front_door_a_part_is_refused_and_labels_stay_on() {
    let stage = Stage::set(None, None).await.unwrap();
    let (status, said) = post(&stage, &with(plan_of_the_council(), "Goal", "security", ACT_CODE, "SDV")).await;
    assert_eq!(status, 202, "{said}");
    let mut second = plan_of_the_council();
    second["timestamp"] = json!("2026-07-01T09:00:00Z");
    let (status, said) = post(&stage, &second).await;
    assert_eq!(status, 202, "{said}");
    assert!(said.contains("labels-kept") || said.contains("keep the security labels"), "{said}");
    let plan = second["entry"].as_array().unwrap().iter().map(|e| &e["resource"]);
    let plan = plan.clone().find(|r| r["resourceType"] == "CarePlan" && r.get("partOf").is_none()).unwrap();
    let name = plan["identifier"][0]["value"].as_str().unwrap();
    let patient = second["entry"].as_array().unwrap().iter().map(|e| &e["resource"]);
    let patient = patient.clone().find(|r| r["resourceType"] == "Patient").unwrap();
    let number = patient["identifier"][0]["value"].as_str().unwrap();
    let versions = stage.gateway.store().versions(&Person::verified(number), name).await.unwrap();
    assert_eq!(versions.len(), 1, "the last of this sender");
    assert!(versions[0].bundle.contains("2026-07-01T09:00:00Z") && versions[0].bundle.contains("SDV"));

    second["meta"]["tag"] = json!([{ "system": PART, "code": "SUBSETTED" }]);
    let (status, said) = post(&stage, &second).await;
    assert_eq!(status, 422, "{said}");
    assert!(said.contains("partial-over-whole"), "{said}");
    assert_eq!(stage.gateway.store().counts().await.unwrap().records, 2);
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_without_the_choices_of_the_one_before_takes_none_of_them_away() {
    let stage = Stage::set(None, None).await.unwrap();
    let send = async |body: Vec<u8>| {
        let request = stage.client("winifreds-app").unwrap().post(format!("{}/local/person-held", stage.base));
        request.header("content-type", "application/json").body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(file("person-held-1.json").unwrap()).await, 202);
    let person = Person::verified(plans::NUMBER);
    let before = stage.gateway.store().choices(&person).await.unwrap();
    let mut without: Value = serde_json::from_slice(&file("person-held-1.json").unwrap()).unwrap();
    let sharing = without.as_object_mut().unwrap().remove("sharing");
    assert!(sharing.is_some(), "the record carries choices: {:?}", without.as_object().unwrap().keys());
    assert_eq!(send(without.to_string().into_bytes()).await, 202);
    let after = stage.gateway.store().choices(&person).await.unwrap();
    assert_eq!((after.epoch, after.consents.len()), (before.epoch, before.consents.len()));
    stage.strike().await.unwrap();
}
