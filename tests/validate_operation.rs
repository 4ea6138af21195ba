//! `$validate` and the front door of the whole gateway, over real TLS: the same engine at both, JSON and XML, and what
//! changes a record's meaning unknown to us is kept out.

mod common;

use common::{definitions, root};
use reqwest::Response;
use serde_json::{Value, json};
use sharewell::cli::demo::stage::Stage;
use sharewell::pure::fhir::{Limits, json as reader, xml};
use std::fs;

const FHIR_JSON: &str = "application/fhir+json";
const FHIR_XML: &str = "application/fhir+xml";

async fn post(stage: &Stage, party: &str, path: &str, media: &str, body: impl Into<Vec<u8>>) -> Response {
    let request = stage.client(party).unwrap().post(format!("{}{path}", stage.base));
    request.header("content-type", media).body(body.into()).send().await.unwrap()
}

/// Status, and of each issue severity, id and expression.
async fn told(response: Response) -> (u16, Vec<(String, String, String)>) {
    let status = response.status().as_u16();
    let outcome: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    let issues = outcome["issue"].as_array().unwrap().iter().map(|issue| {
        let extensions = issue["extension"].as_array().unwrap();
        let id = extensions.iter().find(|e| e["url"].as_str().unwrap().ends_with("message-id")).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&issue["severity"]), text(&id["valueCode"]), text(&issue["expression"][0]))
    });
    (status, issues.collect())
}

async fn ask(stage: &Stage, path: &str, body: &Value) -> (u16, Vec<(String, String, String)>) {
    told(post(stage, "northmere-council", path, FHIR_JSON, body.to_string()).await).await
}

fn errors(issues: &[(String, String, String)]) -> Vec<&str> {
    issues.iter().filter(|i| i.0 == "error").map(|i| i.1.as_str()).collect()
}

fn plan() -> Value {
    let path = root().join("fixtures/profiles/bundle/valid/whole.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn patient() -> Value {
    json!({ "resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1941-06-02" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_checked_is_answered_with_200_whatever_was_found() {
    let stage = Stage::set(None, None).await.unwrap();
    let (status, issues) = ask(&stage, "/fhir/$validate", &patient()).await;
    assert_eq!((status, errors(&issues)), (200, vec![]));
    assert_eq!(issues[0].1, "all-ok");
    let mut wrong = patient();
    wrong["gender"] = json!("f");
    wrong["nosuch"] = json!(1);
    for path in ["/fhir/$validate", "/fhir/Patient/$validate", "/fhir/Patient/p1/$validate"] {
        let (status, issues) = ask(&stage, path, &wrong).await;
        assert_eq!((status, errors(&issues)), (200, vec!["code-not-in-value-set", "unknown-element"]), "{path}");
        assert_eq!(issues[0].2, "Patient.gender");
    }
    let (status, issues) = ask(&stage, "/fhir/Goal/$validate", &patient()).await;
    assert_eq!((status, errors(&issues)), (200, vec!["wrong-type"]), "the address names another type");
    let (status, issues) = ask(&stage, "/fhir/Patient/p2/$validate", &patient()).await;
    assert_eq!((status, errors(&issues)), (200, vec!["id-and-address-differ"]));
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_hold_a_resource_whose_findings_stand_where_the_sender_sees_them() {
    let stage = Stage::set(None, None).await.unwrap();
    let body = "{\"resourceType\":\"Parameters\",\"parameter\":[\n {\"name\":\"resource\",\"resource\":{\n  \
                \"resourceType\":\"Patient\",\n    \"gender\":\"f\"}}]}";
    let response = post(&stage, "northmere-council", "/fhir/Patient/$validate", FHIR_JSON, body).await;
    let outcome: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    let place = |name: &str| {
        let all = outcome["issue"][0]["extension"].as_array().unwrap();
        all.iter().find(|e| e["url"].as_str().unwrap().ends_with(name)).unwrap()["valueInteger"].clone()
    };
    assert_eq!(outcome["issue"][0]["expression"][0], "Patient.gender", "the path starts at the resource");
    assert_eq!((place("issue-line"), place("issue-col")), (json!(4), json!(14)), "the place is one of the body");

    let url = "https://sharewell.example/fhir/StructureDefinition/sharewell-patient";
    let wrapped = |more: Value| {
        let mut all = vec![json!({ "name": "resource", "resource": { "resourceType": "Patient" } })];
        all.extend(more.as_array().unwrap().iter().cloned());
        json!({ "resourceType": "Parameters", "parameter": all })
    };
    let named = wrapped(json!([{ "name": "profile", "valueUri": url }, { "name": "mode", "valueCode": "profile" }]));
    let (status, by_body) = ask(&stage, "/fhir/$validate", &named).await;
    assert!(status == 200 && errors(&by_body).contains(&"too-few"), "{by_body:?}");
    let (_, by_address) = ask(&stage, &format!("/fhir/$validate?profile={url}"), &wrapped(json!([]))).await;
    assert_eq!(by_body, by_address);
    let (_, bare) = ask(&stage, &format!("/fhir/$validate?profile={url}"), &json!({ "resourceType": "Patient" })).await;
    assert_eq!(bare, by_address);
    let (status, issues) = ask(&stage, "/fhir/Parameters/$validate", &json!({ "resourceType": "Parameters" })).await;
    assert_eq!((status, errors(&issues)), (200, vec![]), "a Parameters resource can be what is checked");
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_cannot_be_put_is_refused_and_says_why() {
    let stage = Stage::set(None, None).await.unwrap();
    for (path, status, id) in [
        ("/fhir/$validate?mode=invent", 400, "unknown-mode"),
        ("/fhir/$validate?mode=update", 400, "mode-needs-address"),
        ("/fhir/Patient/$validate?mode=delete", 400, "mode-needs-address"),
        ("/fhir/$validate?mode=profile", 400, "profile-missing"),
        ("/fhir/$validate?mode=create&mode=create", 400, "parameter-form"),
        ("/fhir/$validate?depth=3", 400, "unknown-parameter"),
        ("/fhir/$validate?profile=http://no.such/profile", 422, "unknown-profile"),
        ("/fhir/NoSuchThing/$validate", 404, "unknown-resource-type"),
    ] {
        let (got, issues) = ask(&stage, path, &patient()).await;
        assert_eq!((got, errors(&issues)), (status, vec![id]), "{path}");
    }
    for (media, body, id) in [
        (FHIR_JSON, "{\"resourceType\":\"Patient\",", "json-syntax"),
        (FHIR_XML, "<Patient xmlns=\"http://hl7.org/fhir\">", "xml-syntax"),
        (FHIR_XML, "<!DOCTYPE x><Patient xmlns=\"http://hl7.org/fhir\"/>", "xml-document-type"),
        (FHIR_JSON, "{\"resourceType\":\"Parameters\"}", "resource-missing"),
        (FHIR_JSON, "{}", "resource-missing"),
        (FHIR_JSON, "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"resource\"}]}", "parameter-form"),
    ] {
        let request = stage.client("northmere-council").unwrap().post(format!("{}/fhir/$validate", stage.base));
        let request = request.header("content-type", media).header("accept", FHIR_JSON).body(body);
        let (status, issues) = told(request.send().await.unwrap()).await;
        assert_eq!((status, errors(&issues)), (400, vec![id]), "{body}");
    }
    let (status, _) = told(post(&stage, "northmere-council", "/fhir/$validate", "text/plain", "x").await).await;
    assert_eq!(status, 415);
    let client = stage.client("northmere-council").unwrap();
    let get = client.get(format!("{}/fhir/Patient/p1/$validate", stage.base)).send().await.unwrap();
    assert_eq!(get.status(), 405, "what is stored is not checked by its address");
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mode_says_what_would_come_of_it() {
    let stage = Stage::set(None, None).await.unwrap();
    let (status, issues) = ask(&stage, "/fhir/$validate?mode=create", &plan()).await;
    assert_eq!((status, errors(&issues)), (200, vec![]), "{issues:?}");
    // what `create` says is what happens
    let (status, _) = ask(&stage, "/fhir", &plan()).await;
    assert_eq!(status, 202);
    let (_, issues) = ask(
        &stage,
        "/fhir/Goal/$validate?mode=create",
        &json!({ "resourceType": "Goal",
        "lifecycleStatus": "active", "description": { "text": "x" }, "subject": { "display": "x" } }),
    )
    .await;
    assert_eq!(errors(&issues), ["no-person"], "a Goal alone names nobody");
    let create = post(&stage, "beckside-surgery", "/fhir/$validate?mode=create", FHIR_JSON, plan().to_string()).await;
    assert_eq!(errors(&told(create).await.1), ["format-not-yours"], "who may not send is told so");
    let (status, issues) = ask(&stage, "/fhir/Patient/p1/$validate?mode=update", &patient()).await;
    assert_eq!((status, errors(&issues)), (200, vec!["no-updates"]));
    let client = stage.client("northmere-council").unwrap();
    let delete = client.post(format!("{}/fhir/Patient/p1/$validate?mode=delete", stage.base)).send().await.unwrap();
    let (status, issues) = told(delete).await;
    assert_eq!((status, errors(&issues)), (200, vec!["no-deletes"]), "delete needs no body");
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xml_is_checked_and_answered_as_json_is() {
    let stage = Stage::set(None, None).await.unwrap();
    let mut wrong = plan();
    wrong["entry"][0]["resource"]["gender"] = json!("f");
    let (_, by_json) = ask(&stage, "/fhir/$validate", &wrong).await;
    let tree = reader::read(wrong.to_string().as_bytes(), &Limits::default()).unwrap();
    let in_xml = xml::write(tree.root(), definitions()).unwrap();
    let request = || {
        let client = stage.client("northmere-council").unwrap();
        let request = client.post(format!("{}/fhir/$validate", stage.base)).header("content-type", FHIR_XML);
        request.body(in_xml.clone())
    };
    let (status, by_xml) = told(request().header("accept", FHIR_JSON).send().await.unwrap()).await;
    assert_eq!(status, 200);
    assert!(!errors(&by_json).is_empty());
    let pairs = |all: &[(String, String, String)]| all.iter().map(|i| (i.1.clone(), i.2.clone())).collect::<Vec<_>>();
    assert_eq!(pairs(&by_xml), pairs(&by_json), "both syntaxes are found the same faults");
    for (accept, media) in [
        ("*/*", "application/fhir+json; fhirVersion=4.0"),
        (FHIR_XML, "application/fhir+xml; fhirVersion=4.0"),
        ("application/xml", "application/xml; charset=utf-8"),
    ] {
        let response = request().header("accept", accept).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()), (200, media));
        let text = response.text().await.unwrap();
        assert!(text.starts_with(if media.contains("xml") { "<OperationOutcome" } else { "{" }), "{text}");
    }
    let elsewhere = stage.client("northmere-council").unwrap().get(format!("{}/fhir/metadata", stage.base));
    assert_eq!(
        elsewhere.header("accept", FHIR_XML).send().await.unwrap().status(),
        406,
        "not everywhere is XML spoken"
    );
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_whose_meaning_is_changed_in_a_way_unknown_here_is_refused_at_the_door_and_told_of_by_validate() {
    let stage = Stage::set(None, None).await.unwrap();
    let modifier = json!([{ "url": "https://council.test/fhir/negated", "valueBoolean": true }]);
    let mut at_root = plan();
    let mut deep = plan();
    let mut implicit = plan();
    let last = at_root["entry"].as_array().unwrap().len() - 1;
    at_root["entry"][last]["resource"]["modifierExtension"] = modifier.clone();
    deep["entry"][0]["resource"]["contact"] = json!([{ "name": { "text": "x" }, "modifierExtension": modifier }]);
    implicit["entry"][last]["resource"]["implicitRules"] = json!("https://council.test/fhir/rules");
    for (record, id) in
        [(&at_root, "unknown-modifier-extension"), (&deep, "unknown-modifier-extension"), (&implicit, "implicit-rules")]
    {
        let (status, issues) = ask(&stage, "/fhir", record).await;
        assert_eq!((status, errors(&issues)), (422, vec![id]));
        let (status, issues) = ask(&stage, "/fhir/$validate?mode=create", record).await;
        assert_eq!((status, errors(&issues)), (200, vec![id]), "`create` says beforehand");
        let (status, issues) = ask(&stage, "/fhir/$validate", record).await;
        assert_eq!((status, errors(&issues)), (200, vec![]), "the content itself is no error: {issues:?}");
    }
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_checked_is_kept_or_quoted() {
    let stage = Stage::set(None, None).await.unwrap();
    let mark = "Quillfeather";
    for (media, body) in [
        (FHIR_JSON, json!({ "resourceType": mark }).to_string()),
        (FHIR_JSON, json!({ "resourceType": "Patient", "birthDate": mark, "gender": mark }).to_string()),
        (
            FHIR_JSON,
            json!({ "resourceType": "Parameters", "parameter": [{ "name": "mode", "valueCode": mark }] }).to_string(),
        ),
        (FHIR_JSON, json!({ "resourceType": "Parameters", "parameter": [{ "name": mark }] }).to_string()),
        (FHIR_XML, format!("<Patient xmlns=\"http://hl7.org/fhir\"><birthDate value=\"{mark}\"/></Patient>")),
    ] {
        let response = post(&stage, "northmere-council", "/fhir/$validate", media, body.clone()).await;
        assert!(!response.text().await.unwrap().contains(mark), "{body}");
    }
    let path = format!("/fhir/$validate?profile=http://{mark}.test&mode=create");
    assert!(!post(&stage, "northmere-council", &path, FHIR_JSON, "{}").await.text().await.unwrap().contains(mark));
    stage.strike().await.unwrap();
}
