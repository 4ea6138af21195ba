//! The elements of a Consent itself, each row of `sharing-choices` §1.1 above the provision.

use crate::plans::{NHS, NUMBER, read};
use crate::world::{answer, cites, concept, consent, decided, goal, goal_goes, recipient, surgery, with};
use serde_json::json;
use sharewell::pure::decide::{Code, Obligation, Outcome, RuleId};

fn refusal() -> serde_json::Value {
    consent(json!({ "type": "deny" }))
}

fn leave() -> serde_json::Value {
    consent(json!({ "type": "permit", "actor": [recipient("Organization/elsewhere")] }))
}

#[test]
fn only_an_active_choice_is_enforced_and_a_rejected_one_is_an_objection() {
    assert!(goal_goes(&[]), "nobody has said anything, and her surgery cares for her");
    for (status, goes) in [("active", false), ("draft", true), ("proposed", true), ("entered-in-error", true)] {
        assert_eq!(goal_goes(&[with(refusal(), json!({ "status": status }))]), goes, "{status}");
    }
    let rejected = consent(json!({ "type": "permit", "actor": [recipient("Organization/beckside")] }));
    assert!(!goal_goes(&[with(rejected, json!({ "status": "rejected" }))]), "dissent to sharing with the surgery");
}

#[test]
fn a_choice_about_treatment_or_in_advance_authorises_no_disclosure_and_forbids_none() {
    for scope in ["treatment", "adr"] {
        let scope = json!({ "scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", scope) });
        assert!(goal_goes(&[with(refusal(), scope.clone())]));
        let decision = decided(&surgery(), &[with(leave(), scope)], &[goal()]);
        assert!(cites(&decision, RuleId::D1), "it neither permits nor closes the world");
    }
}

#[test]
fn a_choice_about_research_says_nothing_about_care() {
    let scope = json!({ "scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", "research") });
    assert!(goal_goes(&[with(refusal(), scope)]));
}

#[test]
fn a_category_only_filters() {
    let mut question = surgery();
    question.categories = vec![Code::of("http://loinc.org", "57016-8")];
    assert_eq!(answer(&question, &[refusal()]).0, Outcome::Permit, "asked under another category");
    question.categories = vec![Code::of("http://loinc.org", "59284-6")];
    assert_eq!(answer(&question, &[refusal()]).0, Outcome::Deny);
    question.categories = vec![Code::of("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")];
    assert_eq!(answer(&question, &[refusal()]).0, Outcome::Deny, "a scope may be asked under too");
}

#[test]
fn a_choice_of_somebody_else_is_not_hers_and_one_that_names_her_by_number_is() {
    let of = |patient: serde_json::Value| goal_goes(&[with(refusal(), json!({ "patient": patient }))]);
    assert!(of(json!({ "identifier": { "system": NHS, "value": "9990000026" } })));
    assert!(!of(json!({ "identifier": { "system": NHS, "value": NUMBER } })));
    assert!(of(json!({ "reference": "Patient/philippa" })));
    // one that cannot be told from hers: what it refuses counts
    assert!(!of(json!({ "display": "Winifred" })));
}

#[test]
fn without_a_date_no_choice_goes_before_another_whatever_the_order() {
    let late = with(leave_for_surgery(), json!({ "id": "p", "dateTime": "2026-09-01" }));
    let undated = |mut c: serde_json::Value| {
        c.as_object_mut().expect("an object").remove("dateTime");
        c
    };
    let both = [refusal(), late.clone()];
    assert!(goal_goes(&both), "narrower and later");
    for pair in [[undated(refusal()), late.clone()], [refusal(), undated(late)]] {
        let [one, other] = pair;
        assert!(!goal_goes(&[one.clone(), other.clone()]));
        assert!(!goal_goes(&[other, one]));
    }
}

fn leave_for_surgery() -> serde_json::Value {
    consent(json!({ "type": "permit", "actor": [recipient("Organization/beckside")] }))
}

#[test]
fn the_organisation_that_keeps_the_consent_is_no_recipient() {
    let kept = json!({ "organization": [{ "reference": "Organization/beckside" }] });
    assert_eq!(answer(&surgery(), &[with(leave(), kept)]), (Outcome::Deny, RuleId::C3));
}

#[test]
fn what_could_not_be_verified_is_neither_leave_nor_void_but_for_review() {
    let failed = json!({ "verification": [{ "verified": false }] });
    let permitted = with(leave_for_surgery(), failed.clone());
    let mut question = surgery();
    question.party.audiences = vec!["voluntary-sector".to_owned()];
    assert_eq!(answer(&question, &[leave_for_surgery()]).0, Outcome::Permit);
    let decision = decided(&question, &[permitted], &[goal()]);
    assert_eq!(decision.outcome(), Outcome::Deny);
    assert!(decision.obligations().contains(&Obligation::Review(RuleId::C7)));
    assert!(!goal_goes(&[with(refusal(), failed.clone())]), "what it refuses counts");
    // she meant some sharing, and not with everybody
    assert_eq!(answer(&surgery(), &[with(leave(), failed)]), (Outcome::Deny, RuleId::C3));
}

#[test]
fn a_scope_that_says_nothing_permits_nothing_and_its_refusals_count() {
    let own = json!({ "scope": { "text": "sharing" } });
    let decision = decided(&surgery(), &[with(leave_for_surgery(), own.clone())], &[goal()]);
    assert!(cites(&decision, RuleId::C4) && decision.outcome() == Outcome::Deny);
    assert!(!goal_goes(&[with(refusal(), own)]));
}

#[test]
fn the_sender_hears_that_several_purposes_are_read_as_any_of_them() {
    let purposes = json!([{ "code": "TREAT" }, { "code": "HPAYMT" }]);
    let choice = read(&consent(json!({ "type": "permit", "purpose": purposes })));
    assert!(choice.warnings().issues.iter().any(|i| i.id == "consent-purposes-any"));
}
