//! What one decision costs: one question (party, purpose, action), one person's choices already read, one record already
//! taken apart, all steps and the fingerprint, until the `Decision` stands; against reading the Consent's JSON, in the same
//! run. Prints microseconds of processor time and ratios for 20, 200 and 2,000 provisions; decides nothing.
//!
//! `cargo bench --bench decide`

use cpu_time::ThreadTime;
use serde_json::{Value, json};
use sharewell::edge::store::Person;
use sharewell::embedded;
use sharewell::gateway::decisions::Decisions;
use sharewell::pure::decide::{
    Action, Asked, Choice, Decision, Evidence, Identity, Party, Policy, Question, decide_prepared, decide_question,
    prepare, read_choice,
};
use sharewell::pure::fhir::json::{self as reader, Limits};
use sharewell::pure::fhir::{Report, Tree};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::Validated;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number";
const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
const NOW: &str = "2026-07-09T10:00:00Z";

fn said(report: Report) -> String {
    report.issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Processor time of one call: the least of seven batches, since others may be at work on the machine.
fn cost(mut work: impl FnMut()) -> Duration {
    let mut times = 4;
    loop {
        let start = ThreadTime::now();
        (0..times).for_each(|_| work());
        if start.elapsed() > Duration::from_millis(40) {
            break;
        }
        times *= 2;
    }
    let batch = |_| {
        let start = ThreadTime::now();
        (0..times).for_each(|_| work());
        start.elapsed() / times
    };
    (0..7).map(batch).min().unwrap_or_default()
}

fn coding(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}

/// One exception of a choice. All name the party that asks, so that none is passed over; the data they speak of differ.
fn exception(number: usize) -> Value {
    const TERMS: &str = "http://terminology.hl7.org/CodeSystem";
    let mut provision = json!({
        "type": if number.is_multiple_of(3) { "permit" } else { "deny" },
        "actor": [{
            "role": coding(&format!("{TERMS}/v3-ParticipationType"), "IRCP"),
            "reference": { "identifier": { "system": ODS, "value": "Y99001" } }
        }]
    });
    let section = "https://sharewell.example/fhir/CodeSystem/plan-section";
    let sections = ["sexual-health", "safeguarding", "budget", "mental-health", "end-of-life"];
    let (name, value) = match number % 6 {
        0 => ("class", json!([{ "system": section, "code": sections[number / 6 % sections.len()] }])),
        1 => ("code", json!([coding("http://snomed.info/sct", &format!("{}", 100_000_000 + number))])),
        2 => ("securityLabel", json!([{ "system": format!("{TERMS}/v3-Confidentiality"), "code": "V" }])),
        3 => ("class", json!([{ "system": "http://hl7.org/fhir/resource-types", "code": "DocumentReference" }])),
        4 => ("data", json!([{ "meaning": "instance", "reference": { "reference": format!("Goal/other-{number}") } }])),
        _ => ("dataPeriod", json!({ "start": "1990-01-01", "end": "1990-12-31" })),
    };
    provision[name] = value;
    provision
}

/// A Consent of so many provisions, the root counted.
fn consent(provisions: usize) -> Vec<u8> {
    const TERMS: &str = "http://terminology.hl7.org/CodeSystem";
    let exceptions: Vec<Value> = (1..provisions).map(exception).collect();
    let mut consent = json!({
        "resourceType": "Consent",
        "id": "choice",
        "status": "active",
        "scope": coding(&format!("{TERMS}/consentscope"), "patient-privacy"),
        "category": [coding("http://loinc.org", "59284-6")],
        "patient": { "identifier": { "system": NHS, "value": "9990000018" } },
        "dateTime": "2026-03-28T18:30:00Z",
        "provision": {
            "type": "permit",
            "actor": [{
                "role": coding(&format!("{TERMS}/v3-ParticipationType"), "IRCP"),
                "reference": { "identifier": { "system": ODS, "value": "Y99001" } }
            }]
        }
    });
    if !exceptions.is_empty() {
        consent["provision"]["provision"] = json!(exceptions);
    }
    consent.to_string().into_bytes()
}

fn tree(bytes: &[u8]) -> Tree {
    reader::read(bytes, &Limits::default()).map_err(said).expect("it is JSON")
}

fn choice(bytes: &[u8]) -> Choice {
    read_choice(tree(bytes).root()).map_err(said).expect("the choice can be read")
}

fn question() -> Question {
    let party = Party {
        id: "beckside-surgery".to_owned(),
        name: "Beckside Surgery".to_owned(),
        identifiers: vec![(ODS.to_owned(), "Y99001".to_owned())],
        audiences: vec!["gp-practice".to_owned()],
        purposes: vec!["TREAT".to_owned()],
        groups_known: true,
        ..Party::default()
    };
    Question::new(party, "TREAT", Action::Access, NOW.parse().expect("an instant"))
}

/// The example plan that the profiles are held to, or the first of its resources of one type, alone.
fn record(type_: Option<&str>, definitions: &Definitions) -> Validated {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/profiles/bundle/valid/whole.json");
    let plan = tree(&std::fs::read(path).expect("the example is there"));
    let entries = || plan.root().all("entry").filter_map(|e| e.get("resource"));
    let root = type_.map_or(plan.root(), |t| entries().find(|r| r.resource_type() == Some(t)).expect("it has one"));
    Validated::new(Tree::copy_of(root), &[], definitions).map_err(said).expect("it is valid")
}

fn row(what: &str, took: Duration, base: Duration, note: &str) {
    let micros = took.as_secs_f64() * 1e6;
    println!("  {what:<44} {micros:>10.2} µs {:>9.3} x  {note}", took.as_secs_f64() / base.as_secs_f64());
}

fn outcome(decision: &Decision) -> String {
    let reasons: Vec<&str> = decision.reasons().iter().map(|r| r.rule.id()).collect();
    format!("{} ({})", decision.outcome().code(), reasons.join(" "))
}

/// The same decision found again: whether one is kept that holds (the key made, looked up, its span looked at), and taken
/// up again (copied, under the fingerprint of today's inputs).
fn kept(question: &Question, record: &Validated, evidence: &Evidence, policy: &Arc<Policy>, base: Duration) {
    let (decisions, person) = (Decisions::new(Arc::clone(policy)), Person::verified("9990000018"));
    let make = || decide_prepared(question, &prepare(record, policy), evidence);
    let ask = || decisions.about_record(&person, question, record.digest(), evidence, make);
    ask();
    assert!(decisions.holds(&person, question, record.digest(), evidence), "it is kept");
    let took = cost(|| {
        black_box(decisions.holds(&person, question, record.digest(), evidence));
    });
    row("cached: found, and holds", took, base, "");
    row("cached: taken up as put now", cost(|| drop(black_box(ask()))), base, "copied, fingerprint of today's inputs");
}

fn main() {
    let definitions = Definitions::base().map_err(said).expect("the definitions compile");
    let policy = Policy::compile(&embedded::files("deploy/sharing/")).map_err(said).expect("the rules compile");
    let policy = Arc::new(policy);
    let subject = Identity {
        references: vec!["Patient/winifred".to_owned()],
        identifiers: vec![(NHS.to_owned(), "9990000018".to_owned())],
    };
    let question = question();
    let asked = Asked { types: vec!["CarePlan".to_owned()], parameters: vec!["patient".to_owned()] };
    let (one, plan) = (record(Some("CarePlan"), &definitions), record(None, &definitions));
    let prepared = [("one resource (CarePlan)", prepare(&one, &policy)), ("a plan", prepare(&plan, &policy))];
    println!("one decision: choices read, record taken apart; x = against serde_json reading the Consent");
    for provisions in [1, 20, 200, 2_000] {
        let bytes = consent(provisions);
        println!("\n{provisions} provisions, {} bytes of JSON", bytes.len());
        let base = cost(|| drop(black_box(serde_json::from_slice::<Value>(&bytes))));
        row("serde_json reads the Consent", base, base, "");
        row("our reader reads the Consent", cost(|| drop(black_box(tree(&bytes)))), base, "");
        let read = tree(&bytes);
        row("the choice is read from it", cost(|| drop(black_box(read_choice(read.root())))), base, "");
        let mut evidence = Evidence::none(subject.clone(), question.now);
        evidence.choices = vec![choice(&bytes)];
        for (name, prepared) in &prepared {
            let note = format!("{prepared:?}, {}", outcome(&decide_prepared(&question, prepared, &evidence)));
            let took = cost(|| drop(black_box(decide_prepared(&question, prepared, &evidence))));
            row(&format!("decide {name}"), took, base, &note);
        }
        kept(&question, &plan, &evidence, &policy, base);
        let note = outcome(&decide_question(&question, &asked, &evidence, &policy));
        let took = cost(|| drop(black_box(decide_question(&question, &asked, &evidence, &policy))));
        row("decide the question of a pull", took, base, &note);
    }
    println!();
    let base = cost(|| drop(black_box(plan.bundle().root().to_json())));
    row("the plan written as JSON", base, base, "");
    row("the plan taken apart", cost(|| drop(black_box(prepare(&plan, &policy)))), base, "once for all recipients");
}
