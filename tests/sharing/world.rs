//! A few resources of one person, a Consent in few words, and the answer to a question about them.

use crate::plans::{evidence, now, party, policy, read, tree};
use serde_json::{Value, json};
use sharewell::pure::decide::{Action, Choice, Decision, Outcome, Question, Relation, RuleId, explain};
use sharewell::pure::fhir::Item;

pub const REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
pub const LEVEL: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
pub const KIND: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
pub const SNOMED: &str = "http://snomed.info/sct";

/// Her surgery, which cares for her, asks to read for her care.
pub fn surgery() -> Question {
    let mut surgery = party("Y99001", "gp-practice");
    surgery.references = vec!["Organization/beckside".to_owned()];
    surgery.groups_known = true;
    let mut question = Question::new(surgery, "TREAT", Action::Access, now());
    question.relation = Relation::Presumed;
    question
}

/// A Consent that she made on 28 March 2026, with this provision.
pub fn consent(provision: Value) -> Value {
    json!({
        "resourceType": "Consent", "id": "c", "status": "active", "dateTime": "2026-03-28T18:30:00Z",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-6" }] }],
        "patient": { "reference": "Patient/winifred" }, "provision": provision
    })
}

/// The same under an id, with more elements.
pub fn with(mut consent: Value, more: Value) -> Value {
    for (key, value) in more.as_object().expect("an object") {
        consent[key] = value.clone();
    }
    consent
}

pub fn recipient(reference: &str) -> Value {
    actor("IRCP", reference)
}

pub fn actor(role: &str, reference: &str) -> Value {
    let role =
        json!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": role }] });
    json!({ "role": role, "reference": { "reference": reference } })
}

pub fn coding(system: &str, code: &str) -> Value {
    json!({ "system": system, "code": code })
}

pub fn concept(system: &str, code: &str) -> Value {
    json!({ "coding": [coding(system, code)] })
}

/// A resource of hers, with more elements.
pub fn hers(type_: &str, id: &str, more: Value) -> Value {
    let subject = json!({ "reference": "Patient/winifred" });
    with(json!({ "resourceType": type_, "id": id, "subject": subject }), more)
}

pub fn goal() -> Value {
    hers("Goal", "g", json!({ "lifecycleStatus": "active", "description": { "text": "walk to the allotment" } }))
}

/// The decision about these resources under these Consents.
pub fn decided(question: &Question, consents: &[Value], resources: &[Value]) -> Decision {
    with_choices(question, consents.iter().map(read).collect(), resources)
}

pub fn with_choices(question: &Question, choices: Vec<Choice>, resources: &[Value]) -> Decision {
    let trees: Vec<_> = resources.iter().map(tree).collect();
    let roots: Vec<Item<'_>> = trees.iter().map(|t| t.root()).collect();
    explain(question, &roots, &evidence(choices), policy())
}

/// Ids of what goes of these resources.
pub fn goes(question: &Question, consents: &[Value], resources: &[Value]) -> Vec<String> {
    decided(question, consents, resources).released().to_vec()
}

/// Whether her goal goes to her surgery.
pub fn goal_goes(consents: &[Value]) -> bool {
    !goes(&surgery(), consents, &[goal()]).is_empty()
}

/// Outcome and deciding rule about her goal.
pub fn answer(question: &Question, consents: &[Value]) -> (Outcome, RuleId) {
    let decision = decided(question, consents, &[goal()]);
    (decision.outcome(), decision.reasons()[0].rule)
}

pub fn cites(decision: &Decision, rule: RuleId) -> bool {
    decision.reasons().iter().any(|r| r.rule == rule)
}
