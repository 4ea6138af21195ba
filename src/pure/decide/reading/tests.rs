//! Consents that are malformed, foreign, hostile or huge: refused with a reason, never read as leave.

use super::{read_choice, unread_choice};
use crate::pure::decide::choice::{Dialect, Scope, Standing};
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
    let deep = r#"{"type":"permit","actor":[{"modifierExtension":[{"url":"x"}],"reference":{"display":"y"}}]}"#;
    assert_eq!(refused(&consent("", deep)), "consent-modifier");
    assert_eq!(refused(&consent(r#""modifierExtension":[{"url":"x"}],"#, r#"{"type":"permit"}"#)), "consent-modifier");
}

#[test]
fn every_element_that_only_r5_has_is_refused_as_r5() {
    let fields = [
        "decision",
        "regulatoryBasis",
        "controller",
        "grantor",
        "grantee",
        "manager",
        "subject",
        "date",
        "period",
        "policyBasis",
        "policyText",
    ];
    for field in fields {
        assert_eq!(
            refused(&consent(&format!(r#""{field}":"x","#), r#"{"type":"permit"}"#)),
            "consent-is-r5",
            "{field}"
        );
    }
    for field in ["documentType", "resourceType", "expression"] {
        let provision = format!(r#"{{"type":"permit","{field}":[{{"code":"Goal"}}]}}"#);
        assert_eq!(refused(&consent("", &provision)), "consent-is-r5", "{field}");
        let nested = format!(r#"{{"type":"deny","provision":[{provision}]}}"#);
        assert_eq!(refused(&consent("", &nested)), "consent-is-r5", "{field} below");
    }
}

#[test]
fn an_element_nobody_knows_is_never_skipped() {
    assert_eq!(refused(&consent(r#""except":[{"type":"deny"}],"#, r#"{"type":"permit"}"#)), "consent-element-unknown");
    for part in [
        r#""period":{"stop":"2020-01-01"}"#,
        r#""period":{"start":"2020-01-01","_end":{"extension":[]}}"#,
        r#""actor":[{"except":true}]"#,
        r#""data":[{"meaning":"instance","not":true,"reference":{"reference":"Goal/1"}}]"#,
        r#""purpose":[{"coding":[{"code":"TREAT"}]}]"#,
        r#""securityLabel":[{"code":"N","not":true}]"#,
        r#""_type":{"extension":[]}"#,
    ] {
        let provision = format!(r#"{{"provision":[{{"type":"permit"}}],{part}}}"#);
        let opt_in = r#""policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},"#;
        assert_eq!(refused(&consent(opt_in, &provision)), "provision-element-unknown", "{part}");
    }
}

#[test]
fn an_empty_list_is_not_read_as_everything() {
    for list in ["actor", "action", "securityLabel", "purpose", "class", "code", "data", "provision"] {
        let provision = format!(r#"{{"type":"permit","{list}":[]}}"#);
        assert_eq!(refused(&consent("", &provision)), "provision-list-empty", "{list}");
        let provision = format!(r#"{{"type":"permit","{list}":{{}}}}"#);
        assert_eq!(refused(&consent("", &provision)), "provision-not-an-array", "{list}");
    }
    assert_eq!(refused(&consent("", r#"{"type":"permit","period":"2026"}"#)), "provision-not-an-object");
    assert_eq!(refused(&consent("", r#"{"type":"permit","actor":["x"]}"#)), "provision-not-an-object");
    assert_eq!(refused(&consent("", r#""permit""#)), "provision-not-an-object");
}

#[test]
fn a_status_or_scope_that_is_not_of_r4_is_refused() {
    let of = |from: &str, to: &str| consent("", r#"{"type":"permit"}"#).replace(from, to);
    for status in ["", "unknown", "not-done", "Active"] {
        assert_eq!(refused(&of(r#""status":"active""#, &format!(r#""status":"{status}""#))), "consent-status-unknown");
    }
    assert_eq!(refused(&of("patient-privacy", "marketing")), "consent-scope-unknown");
}

/// Whether what it permits counts, and how many rules are not understood.
fn read(text: &str) -> (Scope, bool, usize) {
    let tree = json::read(text.as_bytes(), &Limits::default()).expect("JSON");
    let choice = read_choice(tree.root()).expect("readable");
    let unclear = choice.readings.iter().flatten().filter(|r| r.unclear).count();
    (choice.scope, choice.unverified, unclear)
}

#[test]
fn a_scope_in_words_or_missing_is_not_taken_for_leave() {
    let of = |scope: &str, category: &str| {
        let text = consent(&format!(r#""category":[{{"coding":[{{"code":"{category}"}}]}}],"#), r#"{"type":"permit"}"#);
        let from = text.find(r#""scope""#).expect("a scope");
        let to = from + text[from..].find("},").expect("its end") + 2;
        read(&format!("{}{scope}{}", &text[..from], &text[to..])).0
    };
    assert_eq!(of("", "INFA"), Scope::Privacy);
    assert_eq!(of("", "research"), Scope::Research);
    assert_eq!(of("", "dnr"), Scope::Other);
    assert_eq!(of(r#""scope":{"text":"sharing"},"#, "INFA"), Scope::Unclear);
    let both = r#"{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"research"},
        {"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}"#;
    assert_eq!(of(&format!(r#""scope":{{"coding":[{both}]}},"#), "INFA"), Scope::Unclear);
}

#[test]
fn what_is_not_understood_in_a_rule_marks_that_rule() {
    let of = |part: &str| read(&consent("", &format!(r#"{{"type":"permit",{part}}}"#))).2;
    assert_eq!(of(r#""action":[{"coding":[{"code":"access"}]}]"#), 0);
    assert_eq!(of(r#""action":[{"coding":[{"code":"burn"}]}]"#), 1);
    assert_eq!(of(r#""action":[{"coding":[{"code":"access"}]},{"text":"and more"}]"#), 1);
    assert_eq!(of(r#""purpose":[{"display":"care"}]"#), 1);
    assert_eq!(of(r#""code":[{"text":"my mental health"}]"#), 1);
    assert_eq!(of(r#""data":[{"meaning":"like","reference":{"reference":"Goal/1"}}]"#), 1);
    let optinr =
        r#""policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTINR"}]},"#;
    let alone = consent(optinr, "{}").replace(r#","provision":{}"#, "").replace(r#"]},"provision":{}"#, "]}");
    assert_eq!(read(&alone.replace(r#""provision":{}"#, r#""language":"en""#)).2, 1);
}

#[test]
fn an_instruction_that_was_not_verified_is_marked_until_a_later_verification() {
    let of =
        |verification: &str| read(&consent(&format!(r#""verification":{verification},"#), r#"{"type":"permit"}"#)).1;
    assert!(!of(r#"[{"verified":true}]"#));
    assert!(of(r#"[{"verified":false}]"#));
    assert!(of(r#"[{"verified":true},{"verified":false}]"#));
    assert!(!of(
        r#"[{"verified":false,"verificationDate":"2026-01-01"},{"verified":true,"verificationDate":"2026-02-01"}]"#
    ));
    assert!(of(
        r#"[{"verified":true,"verificationDate":"2026-01-01"},{"verified":false,"verificationDate":"2026-02-01"}]"#
    ));
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
