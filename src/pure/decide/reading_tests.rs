//! Consents that are malformed, foreign, hostile or huge: refused with a reason, never read as leave.

use super::choice::{Dialect, Standing};
use super::{read_choice, unread_choice};
use crate::pure::fhir::{Limits, json};

fn consent(more: &str, provision: &str) -> String {
    format!(
        r#"{{"resourceType":"Consent","id":"c","status":"active","dateTime":"2026-01-01","patient":{{"reference":"Patient/1"}},
        "scope":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}}]}},
        {more}"provision":{provision}}}"#
    )
}

fn refused(text: &str) -> String {
    let tree = json::read(text.as_bytes(), &Limits::default()).expect("JSON");
    let why = read_choice(tree.root()).expect_err("it is refused");
    let kept = unread_choice(tree.root(), why.clone());
    assert_eq!((kept.dialect(), kept.standing()), (Dialect::Unread, Standing::Active));
    why.issues[0].id.to_string()
}

#[test]
fn what_r5_or_a_modifier_says_is_not_guessed_at() {
    assert_eq!(refused(&consent(r#""decision":"permit","#, r#"{"type":"permit"}"#)), "consent-is-r5");
    assert_eq!(refused(&consent("", r#"[{"type":"permit"}]"#)), "consent-is-r5");
    assert_eq!(refused(&consent(r#""implicitRules":"http://x","#, r#"{"type":"permit"}"#)), "consent-modifier");
    assert_eq!(refused(&consent("", r#"{"type":"permit","modifierExtension":[{"url":"x"}]}"#)), "consent-modifier");
}

#[test]
fn what_is_not_written_as_in_r4_is_not_read_as_if_it_were() {
    assert_eq!(refused(&consent("", r#"{"type":"maybe"}"#)), "provision-type-unknown");
    assert_eq!(refused(&consent("", r#"{"type":"permit","surprise":true}"#)), "provision-element-unknown");
    assert_eq!(refused(&consent("", r#"{"type":"permit","code":{"coding":[]}}"#)), "provision-not-an-array");
    assert_eq!(refused(&consent("", r#"{"type":"permit","provision":[{}]}"#)), "provision-without-type");
    assert_eq!(refused(&consent("", r#"{"type":"permit","period":{"end":"soon"}}"#)), "period-unreadable");
    assert_eq!(refused(&consent("", "{}")), "consent-indeterminate");
}

#[test]
fn the_huge_and_the_deep_are_refused_and_in_no_time() {
    let many = vec![r#"{"type":"deny"}"#; 10_001].join(",");
    assert_eq!(refused(&consent("", &format!(r#"{{"type":"permit","provision":[{many}]}}"#))), "consent-too-large");
    let mut deep = r#"{"type":"deny"}"#.to_owned();
    for _ in 0..40 {
        deep = format!(r#"{{"type":"deny","provision":[{deep}]}}"#);
    }
    assert_eq!(refused(&consent("", &deep)), "consent-too-large");
}

#[test]
fn a_root_without_a_type_is_read_both_ways_where_it_could_mean_either() {
    let opt_in =
        r#""policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},"#;
    let read = |provision: &str| {
        let text = consent(opt_in, provision);
        let tree = json::read(text.as_bytes(), &Limits::default()).expect("JSON");
        let choice = read_choice(tree.root()).expect("readable");
        (choice.dialect(), choice.readings().len(), choice.warnings().issues.len())
    };
    assert_eq!(read(r#"{"purpose":[{"code":"TREAT"}]}"#), (Dialect::A, 2, 1));
    assert_eq!(read(r#"{"period":{"end":"2027-01-01"}}"#), (Dialect::A, 1, 0));
    assert_eq!(read(r#"{"type":"deny","action":[{"coding":[{"code":"access"}]}]}"#), (Dialect::A, 1, 0));
    assert_eq!(read(r#"{"type":"permit"}"#), (Dialect::B, 1, 0));
}
