//! What the tests of choices share: a gateway over TLS with everybody who plays a part, Consents, and what is told of them.
#![allow(dead_code, reason = "each test file uses its part")]

use reqwest::Method;
use serde_json::{Value, json};
use sharewell::cli::demo::notebook::Noted;
use sharewell::cli::demo::records::zipped;
use sharewell::cli::demo::stage::Stage;
use sharewell::gateway::watch::End;
use std::time::{Duration, Instant};

pub const NUMBER: &str = "9990000018";
/// Nobody of whom anything is held.
pub const NOBODY: &str = "9990000026";
pub const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number";
pub const APP: &str = "winifreds-app";
pub const COUNCIL: &str = "northmere-council";
pub const SURGERY: &str = "beckside-surgery";
pub const HOSPICE: &str = "st-orrins-hospice";
pub const CHARITY: &str = "tandem-trust";

/// An answer.
#[derive(Debug)]
pub struct Told {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Told {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    fn issues(&self) -> Vec<(String, Value)> {
        let outcome = self.json();
        let issues = outcome["issue"].as_array().cloned().unwrap_or_default();
        let id = |issue: &Value| {
            let extensions = issue["extension"].as_array()?;
            let named = |e: &&Value| e["url"].as_str().is_some_and(|u| u.ends_with("operationoutcome-message-id"));
            extensions.iter().find(named)?["valueCode"].as_str().map(str::to_owned)
        };
        issues.into_iter().filter_map(|issue| Some((id(&issue)?, issue))).collect()
    }

    /// The ids of what it finds.
    pub fn finds(&self) -> Vec<String> {
        self.issues().into_iter().map(|(id, _)| id).collect()
    }

    /// What it finds under this id, in words.
    pub fn words(&self, id: &str) -> String {
        let found = self.issues().into_iter().find(|(i, _)| i == id);
        found.map(|(_, i)| i["details"]["text"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
    }

    /// The id of the choice it tells of.
    pub fn id(&self) -> String {
        let location = self.header("location");
        let id = location.split("/fhir/Consent/").nth(1).and_then(|rest| rest.split('/').next());
        id.unwrap_or_else(|| panic!("no choice is named: {self:?}")).to_owned()
    }
}

/// Asks as one of the parties.
pub async fn ask(stage: &Stage, party: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Told {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = stage.client(party).unwrap().request(method, format!("{}{path}", stage.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_null() {
        request = request.header("content-type", "application/fhir+json").body(body.to_string());
    }
    let response = request.send().await.unwrap();
    let headers = response.headers().iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()));
    Told { status: response.status().as_u16(), headers: headers.collect(), text: response.text().await.unwrap() }
}

pub async fn record(stage: &Stage, party: &str, consent: &Value) -> Told {
    ask(stage, party, "POST", "/fhir/Consent", &[], consent).await
}

pub async fn put(stage: &Stage, party: &str, id: &str, consent: &Value, version: Option<u32>) -> Told {
    let mut consent = consent.clone();
    consent["id"] = json!(id);
    let tag = version.map(|v| format!("W/\"{v}\"")).unwrap_or_default();
    let headers: Vec<(&str, &str)> = version.iter().map(|_| ("if-match", tag.as_str())).collect();
    ask(stage, party, "PUT", &format!("/fhir/Consent/{id}"), &headers, &consent).await
}

pub async fn withdraw(stage: &Stage, party: &str, id: &str) -> Told {
    ask(stage, party, "DELETE", &format!("/fhir/Consent/{id}"), &[], &Value::Null).await
}

pub async fn confirm(stage: &Stage, party: &str, id: &str, reading: &str) -> Told {
    let parameters =
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "reading", "valueCode": reading }] });
    ask(stage, party, "POST", &format!("/fhir/Consent/{id}/$confirm"), &[], &parameters).await
}

pub async fn get(stage: &Stage, party: &str, path: &str) -> Told {
    ask(stage, party, "GET", path, &[], &Value::Null).await
}

/// The address of a search for the choices of a person.
pub fn choices_of(number: &str) -> String {
    format!("/fhir/Consent?patient=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C{number}")
}

// ---- Consents ----------------------------------------------------------------------------------------------------------------

pub fn organisation(ods: &str, name: &str) -> Value {
    json!({
        "role": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP" }] },
        "reference": {
            "identifier": { "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": ods }, "display": name
        }
    })
}

pub fn hospice() -> Value {
    organisation("Y99002", "St Orrin's Hospice")
}

pub fn surgery() -> Value {
    organisation("Y99001", "Beckside Surgery")
}

/// A Consent of plain R4 with this provision.
pub fn plain(identifier: &str, provision: Value) -> Value {
    json!({
        "resourceType": "Consent",
        "identifier": [{ "system": "https://sharewell.example/Id/sharing-choice", "value": identifier }],
        "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
        "patient": { "identifier": { "system": NHS, "value": NUMBER } },
        "dateTime": "2026-03-28T18:30:00Z",
        "policyRule": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "INFA" }] },
        "provision": provision
    })
}

pub fn agreed(identifier: &str, who: Value) -> Value {
    plain(identifier, json!({ "type": "permit", "actor": [who] }))
}

pub fn refused(identifier: &str, who: Value) -> Value {
    plain(identifier, json!({ "type": "deny", "actor": [who] }))
}

/// Opted in, with a root provision that may be what is agreed to, or an exception to it.
pub fn two_ways(identifier: &str) -> Value {
    let mut consent = plain(identifier, json!({ "actor": [hospice()] }));
    consent["policyRule"]["coding"][0]["code"] = json!("OPTIN");
    consent
}

pub fn with(mut consent: Value, key: &str, value: Value) -> Value {
    consent[key] = value;
    consent
}

// ---- what comes of them ------------------------------------------------------------------------------------------------------

/// The council posts the plan; what was decided for a recipient.
pub async fn plan_for(stage: &Stage, recipient: &str) -> (String, Noted) {
    let url = format!("{}/local/care-act", stage.base);
    let request = stage.client(COUNCIL).unwrap().post(url).header("content-type", "application/zip");
    let request = request.header("idempotency-key", jiff::Timestamp::now().to_string());
    let response = request.body(zipped("care-act-1").unwrap()).send().await.unwrap();
    assert_eq!(response.status(), 202, "{}", response.text().await.unwrap());
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let noted = stage.notebook.decided(&id, recipient).expect("it was decided");
    (id, noted)
}

/// Waits until a copy for this recipient came to this end.
pub async fn ends(stage: &Stage, request: &str, recipient: &str, end: End) {
    let start = Instant::now();
    let here = || stage.notebook.ended(request).iter().any(|e| e.recipient == recipient && e.end == end);
    while !here() {
        assert!(start.elapsed() < Duration::from_secs(15), "the copy for {recipient} did not come to {end:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
