//! Why, and what exactly, over the real front door: decisions explained in rules and plain English, copies previewed, a
//! choice tried out before it is made; to the person and to the IG team, and to nobody who might learn what is hidden.

use reqwest::Method;
use serde_json::{Value, json};
use sharewell::cli::demo::peers::Answers;
use sharewell::cli::demo::records::{file, zipped};
use sharewell::cli::demo::stage::Stage;
use sharewell::edge::store::Person;
use sharewell::gateway::watch::End;
use std::sync::Arc;
use std::time::{Duration, Instant};

const NUMBER: &str = "9990000018";
const PERSON: &str = "patient=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9990000018";

async fn post(stage: &Stage, party: &str, format: &str, body: Vec<u8>) -> String {
    let media = if format == "care-act" { "application/zip" } else { "application/json" };
    let request = stage.client(party).unwrap().post(format!("{}/local/{format}", stage.base));
    let response = request.header("content-type", media).body(body).send().await.unwrap();
    assert_eq!(response.status(), 202);
    response.headers()["x-request-id"].to_str().unwrap().to_owned()
}

async fn arrives(stage: &Stage, request: &str, recipient: &str) {
    let start = Instant::now();
    while !stage.notebook.ended(request).iter().any(|e| e.recipient == recipient && e.end == End::Delivered) {
        assert!(start.elapsed() < Duration::from_secs(15), "the copy for {recipient} did not arrive");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn ask(stage: &Stage, party: &str, question: &str, body: Option<Value>) -> (u16, Value) {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let mut request = stage.client(party).unwrap().request(method, format!("{}/fhir/{question}", stage.base));
    if let Some(body) = body {
        request = request.header("content-type", "application/fhir+json").body(body.to_string());
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

/// The values of all parameters or parts of this name below a list.
fn all<'v>(list: &'v Value, name: &str) -> Vec<&'v Value> {
    list.as_array().into_iter().flatten().filter(|p| p["name"] == name).collect()
}

fn word<'v>(list: &'v Value, name: &str) -> &'v str {
    let found = all(list, name).first().and_then(|p| {
        p.as_object().unwrap().iter().find(|(key, _)| key.starts_with("value")).and_then(|(_, v)| v.as_str())
    });
    found.unwrap_or_default()
}

/// Her choices and a plan of the council's; the systems of record hold nothing.
async fn stage() -> Stage {
    let nothing: Answers = Arc::new(|_| Some(r#"{"resourceType":"Bundle","type":"searchset","total":0}"#.to_owned()));
    let stage = Stage::set(None, Some(nothing)).await.unwrap();
    let choices = post(&stage, "winifreds-app", "person-held", file("person-held-1.json").unwrap()).await;
    arrives(&stage, &choices, "st-orrins-hospice").await;
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_is_explained_in_rules_choices_and_plain_english() {
    let stage = stage().await;
    for party in ["winifreds-app", "northmere-ig"] {
        let (status, told) =
            ask(&stage, party, &format!("Consent/$explain?{PERSON}&recipient=st-orrins-hospice"), None).await;
        let told = &told["parameter"];
        assert_eq!((status, word(told, "outcome")), (200, "redact"), "{party}: {told}");
        assert!(word(told, "text").starts_with("St Orrin's Hospice may have part of the plan for TREAT: "), "{told}");
        let by_choice = all(told, "reason").into_iter().find(|r| word(&r["part"], "rule") == "C2").expect("she agreed");
        assert!(word(&by_choice["part"], "consent").starts_with("Consent/"));
        assert_eq!((word(&by_choice["part"], "version"), word(&by_choice["part"], "dialect")), ("1", "B"));
        assert!(word(&by_choice["part"], "text").contains("St Orrin's Hospice may have"), "{by_choice}");
        let states: Vec<&str> = all(told, "choice").iter().map(|c| word(&c["part"], "status")).collect();
        assert_eq!(states, ["in-force"; 4], "{told}");
        assert!(!all(told, "obligation").is_empty() && word(told, "policy").len() == 64);

        let question = format!("Consent/$explain?{PERSON}&recipient=tandem-trust");
        let (_, told) = ask(&stage, party, &question, None).await;
        assert_eq!(word(&told["parameter"], "outcome"), "deny");
        assert!(!word(&all(&told["parameter"], "reason")[0]["part"], "rule").is_empty());
    }
    // what is superseded, and by which version, stays told
    let changed = post(&stage, "winifreds-app", "person-held", file("person-held-2.json").unwrap()).await;
    arrives(&stage, &changed, "beckside-surgery").await;
    let question = format!("Consent/$explain?{PERSON}&recipient=st-orrins-hospice");
    let (_, told) = ask(&stage, "winifreds-app", &question, None).await;
    let states: Vec<&str> = all(&told["parameter"], "choice").iter().map(|c| word(&c["part"], "status")).collect();
    assert!(states.contains(&"superseded"), "{states:?}");
    assert_eq!(word(&told["parameter"], "outcome"), "deny", "she withdrew it");
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_is_the_copy_that_is_sent_and_says_what_stays_and_by_which_choice() {
    let stage = stage().await;
    let plan = post(&stage, "northmere-council", "care-act", zipped("care-act-1").unwrap()).await;
    arrives(&stage, &plan, "st-orrins-hospice").await;
    let sent: Value = serde_json::from_slice(&stage.peers.hospice.last().unwrap()).unwrap();
    let delivered = stage.peers.hospice.count();

    let question = format!("CarePlan/$preview?{PERSON}&recipient=st-orrins-hospice");
    let (status, told) = ask(&stage, "winifreds-app", &question, None).await;
    assert_eq!(status, 200, "{told}");
    let record = all(&told["parameter"], "record")
        .into_iter()
        .find(|r| word(&r["part"], "from") == "sent by northmere-council")
        .expect("the council's plan");
    let part = &record["part"];
    assert_eq!(word(part, "outcome"), "redact");
    let ids = |bundle: &Value| -> Vec<String> {
        let entries = bundle["entry"].as_array().unwrap();
        let mut ids: Vec<String> = entries.iter().map(|e| e["resource"]["id"].to_string()).collect();
        ids.sort();
        ids
    };
    let copy = &all(part, "copy")[0]["resource"];
    let whole = all(part, "complete")[0]["valueBoolean"].as_bool().unwrap();
    if whole {
        let sent: Vec<String> = ids(&sent).into_iter().filter(|id| ids(copy).contains(id)).collect();
        assert_eq!(sent, ids(copy), "the same resources as were sent");
        assert_eq!(copy["entry"].as_array().unwrap().len(), sent.len());
    }
    assert!(!copy.to_string().contains("StructureDefinition/budget"), "she kept the budget back");
    let withheld = all(part, "withheld");
    assert!(withheld.iter().any(|w| word(&w["part"], "consent").starts_with("Consent/")), "{part}");

    // The IG team sees the shape, and not one word of the plan.
    let (status, told) = ask(&stage, "northmere-ig", &question, None).await;
    assert_eq!(status, 200);
    let text = told.to_string();
    assert!(text.contains("\"section\"") && text.contains("budget"), "{text}");
    for secret in ["\"copy\"", "\"withheld\",\"part\"", "Attwater", NUMBER, "CarePlan\"", "Goal"] {
        assert!(!text.contains(secret), "`{secret}` is told to somebody who may not see it");
    }
    assert_eq!(stage.peers.hospice.count(), delivered, "a preview sends nothing");
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_is_tried_out_over_all_recipients_and_stored_nowhere() {
    let stage = stage().await;
    // She refused the charity once; the same choice, taken back.
    let stored = stage.gateway.store().choices(&Person::verified(NUMBER)).await.unwrap().consents;
    let refused = stored.iter().map(|c| serde_json::from_str::<Value>(&c.consent).unwrap());
    let refused = refused.map(|c| if c["entry"].is_array() { c["entry"][0]["resource"].clone() } else { c });
    let refused = refused.into_iter().find(|c| c["provision"].to_string().contains("Y99004")).expect("her refusal");
    let consent = json!({
        "resourceType": "Consent", "identifier": refused["identifier"], "status": "active", "dateTime": "2026-11-22T09:00:00Z",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
        "patient": { "identifier": { "system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBER } },
        "provision": { "type": "permit", "actor": [{
            "role": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP" }] },
            "reference": { "display": "Tandem Trust", "identifier":
                { "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Y99004" } } }] }
    });
    let before = stage.gateway.store().counts().await.unwrap();
    let (status, told) =
        ask(&stage, "winifreds-app", &format!("CarePlan/$preview?{PERSON}"), Some(consent.clone())).await;
    assert_eq!(status, 200, "{told}");
    let parameters = &told["parameter"];
    assert_eq!(word(parameters, "text"), "Tandem Trust may have the plan.");
    let would = |party: &str| {
        let all_of = all(parameters, "recipient");
        let one = all_of.into_iter().find(|r| word(&r["part"], "id") == party).unwrap();
        let record = all(&one["part"], "record")[0];
        (word(&record["part"], "now").to_owned(), word(&record["part"], "then").to_owned())
    };
    assert_eq!(all(parameters, "recipient").len(), 4);
    let (now, then) = would("tandem-trust");
    assert!(now == "deny" && then != "deny", "{now} → {then}: {told:#}");
    assert_eq!(would("brightside-care").0, would("brightside-care").1, "it changes nothing for others");
    assert!(!told.to_string().contains("Attwater"), "a trial shows no content");
    // Not stored, and not in force.
    let question = format!("Consent/$explain?{PERSON}&recipient=tandem-trust");
    let (_, told) = ask(&stage, "winifreds-app", &question, None).await;
    assert_eq!(word(&told["parameter"], "outcome"), "deny");
    assert_eq!(stage.gateway.store().counts().await.unwrap().records, before.records);
    // Another person's choice, or none that can be read, is told why.
    let mut other = consent.clone();
    other["patient"]["identifier"]["value"] = json!("9990000026");
    let mut broken = consent;
    broken["provision"] = json!({});
    for wrong in [other, broken] {
        assert_eq!(ask(&stage, "winifreds-app", &format!("CarePlan/$preview?{PERSON}"), Some(wrong)).await.0, 422);
    }
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_learns_by_it_what_is_hidden_from_them() {
    let stage = stage().await;
    for operation in ["Consent/$explain", "CarePlan/$preview"] {
        for party in ["st-orrins-hospice", "tandem-trust", "northmere-council"] {
            let question = format!("{operation}?{PERSON}&recipient={party}");
            assert_eq!(ask(&stage, party, &question, None).await.0, 403, "{party}");
        }
        // Her app asks about her alone; of anybody else it is told what it is told of nobody.
        let mut answers = Vec::new();
        for number in ["9990000026", "9990000034"] {
            let question = format!("{operation}?{}&recipient=tandem-trust", PERSON.replace(NUMBER, number));
            answers.push(ask(&stage, "winifreds-app", &question, None).await);
        }
        assert_eq!(answers[0].0, 404);
        assert_eq!(answers[0].1["issue"], answers[1].1["issue"]);
        for wrong in ["recipient=tandem-trust", PERSON, &format!("{PERSON}&recipient=x&code=1")] {
            assert_eq!(ask(&stage, "winifreds-app", &format!("{operation}?{wrong}"), None).await.0, 400, "{wrong}");
        }
    }
    stage.strike().await.unwrap();
}
