//! Promises that only the whole gateway can keep, over real TLS sockets with the embedded store: what is withheld is
//! absent (P2), accepted means durable (P3), a withdrawn choice stops what is queued (P5), and it needs nothing outside (P9).

use reqwest::Response;
use sharewell::cli::demo::peers::Answers;
use sharewell::cli::demo::records::{file, zipped};
use sharewell::cli::demo::stage::Stage;
use sharewell::edge::store::Person;
use sharewell::gateway::watch::End;
use sharewell::pure::fhir::{Limits, xml};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const NUMBER: &str = "9990000018";
const EMPTY: &str = r#"{"resourceType":"Bundle","type":"searchset","total":0}"#;

async fn post(stage: &Stage, party: &str, format: &str, body: Vec<u8>) -> Response {
    let media = if format == "care-act" { "application/zip" } else { "application/json" };
    let request = stage.client(party).unwrap().post(format!("{}/local/{format}", stage.base));
    request.header("content-type", media).body(body).send().await.unwrap()
}

async fn accepted(stage: &Stage, party: &str, format: &str, body: Vec<u8>) -> String {
    let response = post(stage, party, format, body).await;
    assert_eq!(response.status(), 202);
    response.headers()["x-request-id"].to_str().unwrap().to_owned()
}

/// Waits until a copy for this recipient came to this end.
async fn ends(stage: &Stage, request: &str, recipient: &str, end: End) {
    let start = Instant::now();
    let here = || stage.notebook.ended(request).iter().any(|e| e.recipient == recipient && e.end == end);
    while !here() {
        assert!(start.elapsed() < Duration::from_secs(15), "the copy for {recipient} did not come to {end:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_withdrawn_while_a_copy_waits_stops_that_copy() {
    let stage = Stage::set(None, None).await.unwrap();
    let first = accepted(&stage, "winifreds-app", "person-held", file("person-held-1.json").unwrap()).await;
    ends(&stage, &first, "st-orrins-hospice", End::Delivered).await;
    let got = stage.peers.hospice.count();

    stage.peers.hospice.be_busy(true);
    let plan = accepted(&stage, "northmere-council", "care-act", zipped("care-act-1").unwrap()).await;
    ends(&stage, &plan, "st-orrins-hospice", End::Retry).await;
    let choice = accepted(&stage, "winifreds-app", "person-held", file("person-held-2.json").unwrap()).await;
    ends(&stage, &choice, "beckside-surgery", End::Delivered).await;
    stage.peers.hospice.be_busy(false);
    ends(&stage, &plan, "st-orrins-hospice", End::Withdrawn).await;
    assert_eq!(stage.peers.hospice.count(), got, "the hospice got a copy after she withdrew it");
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_means_stored_and_a_repeat_is_answered_and_not_done_again() {
    let stage = Stage::set(None, None).await.unwrap();
    let body = file("person-held-1.json").unwrap();
    let first = post(&stage, "winifreds-app", "person-held", body.clone()).await;
    assert_eq!(first.status(), 202);
    let counts = stage.gateway.store().counts().await.unwrap();
    assert_eq!(counts.records, 1);
    let choices = stage.gateway.store().choices(&Person::verified(NUMBER)).await.unwrap();
    assert_eq!(choices.consents.len(), 4);

    let again = post(&stage, "winifreds-app", "person-held", body).await;
    assert_eq!(again.status(), 202);
    assert_eq!(again.bytes().await.unwrap(), first.bytes().await.unwrap());
    assert_eq!(stage.gateway.store().counts().await.unwrap().records, 1);
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_for_two_bodies_is_a_conflict() {
    let stage = Stage::set(None, None).await.unwrap();
    for (name, status) in [("person-held-1.json", 202), ("person-held-2.json", 409)] {
        let request = stage.client("winifreds-app").unwrap().post(format!("{}/local/person-held", stage.base));
        let request = request.header("content-type", "application/json").header("idempotency-key", "monday");
        let response = request.body(file(name).unwrap()).send().await.unwrap();
        assert_eq!(response.status(), status);
    }
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_party_may_not_send_what_is_anothers_to_send() {
    let stage = Stage::set(None, None).await.unwrap();
    let response = post(&stage, "northmere-council", "person-held", file("person-held-1.json").unwrap()).await;
    assert_eq!(response.status(), 403);
    assert_eq!(post(&stage, "beckside-surgery", "care-act", b"x".to_vec()).await.status(), 403);
    assert_eq!(stage.gateway.store().counts().await.unwrap().records, 0);
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fhir_bundle_walks_the_same_way_as_a_local_record() {
    let stage = Stage::set(None, None).await.unwrap();
    let choices = accepted(&stage, "winifreds-app", "person-held", file("person-held-1.json").unwrap()).await;
    ends(&stage, &choices, "beckside-surgery", End::Delivered).await;
    ends(&stage, &choices, "st-orrins-hospice", End::Delivered).await;
    let plan = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/care-act/examples/whole.fhir.json");
    let plan = std::fs::read_to_string(plan).unwrap();
    let send = async |path: &str, body: &str| {
        let request = stage.client("northmere-council").unwrap().post(format!("{}{path}", stage.base));
        request.header("content-type", "application/fhir+json").body(body.to_owned()).send().await.unwrap()
    };
    let (surgery, hospice) = (stage.peers.surgery.count(), stage.peers.hospice.count());
    let response = send("/fhir", &plan).await;
    assert_eq!(response.status(), 202, "{}", response.text().await.unwrap());
    let request = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    ends(&stage, &request, "beckside-surgery", End::Delivered).await;
    ends(&stage, &request, "st-orrins-hospice", End::Delivered).await;
    assert_eq!((stage.peers.surgery.count(), stage.peers.hospice.count()), (surgery + 1, hospice + 1));
    let got = stage.peers.hospice.last().unwrap();
    assert!(!String::from_utf8_lossy(&got).contains("StructureDefinition/budget"), "she kept the budget back");
    // Nobody's goal, no FHIR, not even JSON.
    assert_eq!(send("/fhir/Goal", r#"{"resourceType":"Goal"}"#).await.status(), 422);
    assert_eq!(send("/fhir/Goal", &plan).await.status(), 422);
    assert_eq!(send("/fhir", r#"{"resourceType":"Bundle","resourceType":"Bundle"}"#).await.status(), 400);
    assert_eq!(send("/fhir", "").await.status(), 400);
    stage.strike().await.unwrap();
}

/// Status, headers but for the date, and body, the id and the times of the answer and of its request left out.
async fn seen(response: Response) -> (u16, Vec<(String, String)>, String) {
    let status = response.status().as_u16();
    let varies = ["date", "x-request-id"];
    let headers = response.headers().iter().filter(|(name, _)| !varies.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let body = response.text().await.unwrap();
    let varying = regex::Regex::new(r#""(id|lastUpdated|timestamp)":"[^"]*""#).unwrap();
    (status, headers, varying.replace_all(&body, r#""$1":"…""#).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_withheld_is_absent_to_the_byte() {
    let full = Arc::new(AtomicBool::new(true));
    let (switch, plan) = (full.clone(), String::from_utf8(file("upstream.json").unwrap()).unwrap());
    let answers: Answers =
        Arc::new(move |_| Some(if switch.load(Ordering::SeqCst) { plan.clone() } else { EMPTY.to_owned() }));
    let stage = Stage::set(None, Some(answers)).await.unwrap();
    accepted(&stage, "winifreds-app", "person-held", file("person-held-1.json").unwrap()).await;

    let person = format!("https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C{NUMBER}");
    let upstream: serde_json::Value = serde_json::from_slice(&file("upstream.json").unwrap()).unwrap();
    let plan = upstream["entry"].as_array().unwrap().iter().find(|e| e["resource"]["resourceType"] == "CarePlan");
    let id = plan.unwrap()["resource"]["id"].as_str().unwrap().to_owned();
    let questions = [
        format!("/fhir/CarePlan?patient={person}"),
        format!("/fhir/Goal?patient={person}"),
        format!("/fhir/Consent?patient={person}"),
        format!("/fhir/CarePlan/{id}"),
    ];
    let ask = async |party: &str, question: &str| {
        seen(stage.client(party).unwrap().get(format!("{}{question}", stage.base)).send().await.unwrap()).await
    };
    for question in &questions {
        full.store(true, Ordering::SeqCst);
        let withheld = ask("tandem-trust", question).await;
        full.store(false, Ordering::SeqCst);
        assert_eq!(withheld, ask("tandem-trust", question).await, "{question}");
    }
    full.store(true, Ordering::SeqCst);
    assert!(
        ask("beckside-surgery", &questions[0]).await.2.contains(&id),
        "the surgery is told what the charity is not"
    );
    assert_eq!(ask("beckside-surgery", &questions[3]).await.0, 200);
    assert_eq!(ask("tandem-trust", &questions[3]).await.0, 404);
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_answered_in_xml_as_it_is_in_json() {
    let plan = String::from_utf8(file("upstream.json").unwrap()).unwrap();
    let stage = Stage::set(None, Some(Arc::new(move |_| Some(plan.clone())))).await.unwrap();
    accepted(&stage, "winifreds-app", "person-held", file("person-held-1.json").unwrap()).await;
    let definitions = sharewell::pure::profile::Definitions::base().unwrap();
    let person = format!("https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C{NUMBER}");
    for (question, status) in [(format!("CarePlan?patient={person}"), 200), ("CarePlan/nobodys".to_owned(), 404)] {
        let ask = async |media: &str| {
            let request = stage.client("beckside-surgery").unwrap().get(format!("{}/fhir/{question}", stage.base));
            let response = request.header("accept", media).send().await.unwrap();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()["content-type"], format!("{media}; fhirVersion=4.0"));
            response.text().await.unwrap()
        };
        let mut by_json: serde_json::Value = serde_json::from_str(&ask("application/fhir+json").await).unwrap();
        let by_xml = ask("application/fhir+xml").await;
        let by_xml = xml::read(by_xml.as_bytes(), &Limits::default(), &definitions).unwrap();
        let mut by_xml: serde_json::Value = serde_json::from_str(&by_xml.root().to_json()).unwrap();
        for varies in ["id", "timestamp", "meta"] {
            (by_json[varies], by_xml[varies]) = (().into(), ().into());
        }
        assert_eq!(by_xml, by_json);
    }
    stage.strike().await.unwrap();
}

/// The upstream's answer with a second person in it: everything once more, under other ids and another number.
fn with_a_stranger(alone: bool) -> String {
    let hers = String::from_utf8(file("upstream.json").unwrap()).unwrap();
    let mut hers: serde_json::Value = serde_json::from_str(&hers).unwrap();
    let theirs = hers["entry"].to_string().replace(NUMBER, "9990000026").replace("Attwater-Osei", "Somebody-Else");
    let ids: Vec<String> =
        hers["entry"].as_array().unwrap().iter().map(|e| e["resource"]["id"].as_str().unwrap().to_owned()).collect();
    let theirs = ids.iter().fold(theirs, |text, id| text.replace(id.as_str(), &format!("other-{id}")));
    let theirs: Vec<serde_json::Value> = serde_json::from_str(&theirs).unwrap();
    let entries = hers["entry"].as_array_mut().unwrap();
    if alone {
        entries.clear();
    }
    entries.extend(theirs);
    let total = entries.iter().filter(|e| e["search"]["mode"] == "match").count();
    hers["total"] = total.into();
    hers.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_persons_record_in_a_sources_answer_goes_to_nobody() {
    for alone in [false, true] {
        let answer = with_a_stranger(alone);
        let stage = Stage::set(None, Some(Arc::new(move |_| Some(answer.clone())))).await.unwrap();
        accepted(&stage, "winifreds-app", "person-held", file("person-held-1.json").unwrap()).await;
        for kind in ["CarePlan", "Goal"] {
            let question =
                format!("{}/fhir/{kind}?patient=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C{NUMBER}", stage.base);
            let response = stage.client("beckside-surgery").unwrap().get(question).send().await.unwrap();
            let status = response.status();
            let body = response.text().await.unwrap();
            assert!(!body.contains("other-") && !body.contains("Somebody-Else"), "{status}: another's {kind} left");
            if status == 200 && !alone {
                assert!(body.contains(&format!("\"resourceType\":\"{kind}\"")), "her own {kind} is told");
            }
        }
        stage.strike().await.unwrap();
    }
}

#[test]
fn the_demo_comes_out_as_promised_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_sharewell")).arg("demo").env("TMPDIR", folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_the_demo_keeps_proves_itself_until_a_byte_is_flipped() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_sharewell")).args(arguments).current_dir(folder.path()).output().unwrap()
    };
    assert!(run(&["demo", "--keep", "kept"]).status.success());
    assert!(run(&["config", "check", "kept/gateway.toml"]).status.success());
    assert!(run(&["audit", "verify", "kept/sharewell.db"]).status.success());
    let path = folder.path().join("kept/sharewell.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let output = run(&["audit", "verify", "kept/sharewell.db"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("page "), "it says where");
}
