//! `sharewell decide` as somebody new to it meets it: mistakes of the request are told with file, line and column, and
//! nothing that was given is left out quietly.

use std::process::Command;

const CONSENT: &str = r#"{"resourceType":"Consent","id":"c","status":"active","dateTime":"2026-01-01","patient":{"reference":"Patient/1"},
"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
"provision":{"type":"permit","actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Organization/hospice",
"display":"St Orrin's"}}],"provision":[{"type":"deny","class":[{"code":"Observation"}]}]}}"#;

/// Exit code, what is said, and what is complained of.
fn decide(request: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("consent.json"), CONSENT).unwrap();
    std::fs::write(folder.path().join("request.json"), request).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sharewell"))
        .args(["decide", "--consent", "consent.json", "--request", "request.json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn every_mistake_of_a_request_is_told_with_file_line_and_column() {
    let request = "{\"actor\": [\"Organization/hospice\"],\n \"acton\": \"access\",\n \"facts\": {\"capacity\": \"maybe\",\n \
        \"death\": \"yes\", \"dead\": true, \"restricted\": 1},\n \"now\": \"2026-06-30\"}";
    let (code, _, said) = decide(request);
    assert_eq!(code, Some(3));
    for (place, what) in [
        ("request.json:2:", "`acton` is not a key"),
        ("request.json:3:", "`capacity` is not known"),
        ("request.json:4:", "`death` cannot be read"),
        ("request.json:4:", "`dead` is not a key"),
        ("request.json:4:", "`restricted` cannot be read"),
    ] {
        assert!(said.lines().any(|line| line.starts_with(place) && line.contains(what)), "{place} {what}: {said}");
    }
}

#[test]
fn the_answer_reads_well_and_says_what_has_to_be_taken_out() {
    let request = r#"{"actor": ["Organization/hospice"], "purposeOfUse": ["TREAT"], "now": "2026-06-30T12:00:00Z"}"#;
    let (code, said, _) = decide(request);
    assert_eq!(code, Some(0));
    assert!(said.starts_with("permit\n  C2   the person has agreed, Consent/c version 1\n"), "{said}");
    assert!(said.contains("St Orrin's may have the plan, but not every Observation."), "{said}");
    assert!(said.contains("obligation: REDACT take out class Observation\n"), "{said}");
}

#[test]
fn who_cares_for_the_person_may_be_said_among_the_facts() {
    let with = |organisation: &str| {
        let request = format!(
            r#"{{"actor": ["Organization/surgery"], "purposeOfUse": ["TREAT"], "now": "2026-06-30T12:00:00Z",
            "patient": "Patient/2", "defaultPolicy": "permit",
            "facts": {{"relationships": [{{"reference": "{organisation}", "until": "2026-12-31"}}]}}}}"#
        );
        let (code, said, complained) = decide(&request);
        assert_eq!(code, Some(0), "{complained}");
        said
    };
    assert!(with("Organization/surgery").starts_with("permit"));
    let stranger = with("Organization/other");
    assert!(stranger.starts_with("deny") && stranger.contains("P2"), "{stranger}");
}
