//! By what right a choice counts (rule C7): what the register knows of who may speak for the person, felt over the front door.

mod gate;

use gate::{Gate, NHS, NUMBER, Reply, ods};
use serde_json::{Value, json};

/// How the council names Philippa, her daughter.
const SYSTEM: &str = "https://council.test/person";

/// A choice of hers, made by her daughter, that the surgery may or may not have her plan.
fn by_the_daughter(id: &str, says: &str) -> Value {
    json!({
        "resourceType": "Consent",
        "identifier": [{ "system": "https://council.test/choice", "value": id }],
        "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
        "patient": { "identifier": { "system": NHS, "value": NUMBER } },
        "dateTime": "2026-10-01T09:00:00Z",
        "performer": [{ "identifier": { "system": SYSTEM, "value": "philippa" } }],
        "policyRule": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "INFA" }] },
        "provision": { "type": says, "actor": [{
            "role": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP" }] },
            "reference": { "identifier": ods("surgery") } }] }
    })
}

async fn records(gate: &Gate, consent: &Value) -> Reply {
    let reply = gate.send("council", "POST", "/fhir/Consent", &[], Some(consent)).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply
}

async fn lacks_capacity(gate: &Gate) -> String {
    let fact =
        json!({ "decision": "sharing", "capacity": "lacks", "assessed": "2026-09-20", "assessor": "Dr Quillfeather" });
    gate.records("capacity", fact).await
}

async fn speaks_for_her(gate: &Gate, right: &str, registered: bool) -> String {
    let mut fact = json!({ "who": { "system": SYSTEM, "value": "philippa" }, "right": right });
    if right.contains("lasting-power") {
        fact["registered"] = json!(registered);
    }
    gate.records("representative", fact).await
}

fn doubted(reply: &Reply) -> bool {
    reply.issues().contains(&"choice-without-authority".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attorneys_agreement_counts_where_the_power_is_registered_and_capacity_is_lacking() {
    let gate = Gate::open().await;
    let told = records(&gate, &by_the_daughter("1", "permit")).await;
    assert!(doubted(&told), "{}", told.body);
    assert_eq!(gate.asks("surgery", &[]).await.total(), 0, "nobody knows of any right of hers");
    speaks_for_her(&gate, "health-and-welfare-lasting-power-of-attorney", true).await;
    assert_eq!(gate.asks("surgery", &[]).await.total(), 0, "the person has capacity, and decides for herself");
    let capacity = lacks_capacity(&gate).await;
    assert_eq!(gate.asks("surgery", &[]).await.total(), 1, "now it is the attorney's to decide");
    let again = records(&gate, &by_the_daughter("2", "permit")).await;
    assert!(!doubted(&again), "{}", again.body);
    gate.ends("capacity", &capacity).await;
    assert_eq!(gate.asks("surgery", &[]).await.total(), 0);
    gate.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unregistered_power_and_one_for_property_decide_nothing_and_are_told_so() {
    for (right, registered) in [
        ("health-and-welfare-lasting-power-of-attorney", false),
        ("property-and-financial-affairs-lasting-power-of-attorney", true),
        ("unknown", true),
    ] {
        let gate = Gate::open().await;
        lacks_capacity(&gate).await;
        speaks_for_her(&gate, right, registered).await;
        assert!(doubted(&records(&gate, &by_the_daughter("1", "permit")).await), "{right}");
        assert_eq!(gate.asks("surgery", &[]).await.total(), 0, "{right}");
        gate.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_objection_of_somebody_unknown_counts_and_only_somebody_with_the_right_takes_it_back() {
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    assert_eq!(gate.asks("surgery", &[]).await.total(), 1);
    let told = records(&gate, &by_the_daughter("1", "deny")).await;
    assert!(doubted(&told));
    assert_eq!(gate.asks("surgery", &[]).await.total(), 0, "it may be meant");
    let location = told.headers.iter().find(|(name, _)| name == "location").unwrap().1.clone();
    let id = location.split("/fhir/Consent/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let mut back = by_the_daughter("1", "permit");
    back["id"] = json!(id);
    let path = format!("/fhir/Consent/{id}");
    let refused = gate.send("council", "PUT", &path, &[], Some(&back)).await;
    assert_eq!((refused.status, refused.issues()), (403, vec!["choice-without-authority".to_owned()]));
    assert_eq!(gate.asks("surgery", &[]).await.total(), 0);
    lacks_capacity(&gate).await;
    speaks_for_her(&gate, "court-appointed-personal-welfare-deputy", true).await;
    let taken = gate.send("council", "PUT", &path, &[], Some(&back)).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    assert_eq!(gate.asks("surgery", &[]).await.total(), 1);
    gate.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_answers_for_the_flows_reads_a_choice_and_who_does_not_learns_nothing_of_it() {
    let gate = Gate::open().await;
    let told = records(&gate, &by_the_daughter("1", "deny")).await;
    let location = told.headers.iter().find(|(name, _)| name == "location").unwrap().1.clone();
    let path = location.strip_prefix("https://gate.test").unwrap().to_owned();
    assert_eq!(gate.send("officer", "GET", &path, &[], None).await.status, 200);
    assert_eq!(gate.send("council", "GET", &path, &[], None).await.status, 200);
    let nowhere = gate.send("charity", "GET", "/fhir/Consent/none/_history/1", &[], None).await;
    for party in ["charity", "hospital", "planners", "surgery"] {
        let reply = gate.send(party, "GET", &path, &[], None).await;
        assert_eq!(reply.lasting(), nowhere.lasting(), "{party}: a refusal is not told to whom it refuses");
    }
    let wrong_purpose = [("purpose-of-use", "HRESCH")];
    assert_eq!(gate.send("officer", "GET", &path, &wrong_purpose, None).await.lasting(), nowhere.lasting());
    gate.close().await;
}
