//! The published consent cases, run whole through `sharewell decide`: never a wrong permit, and every other difference listed.

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = root.join("../shared/cases/consent");
    found.is_dir().then_some(found)
}

fn load(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Runs the command as a stranger would.
fn decide(consents: &[PathBuf], resources: &[PathBuf], request: &Value, work: &Path) -> Value {
    let file = work.join("request.json");
    fs::write(&file, request.to_string()).expect("the request is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sharewell"));
    command.args(["decide", "--output", "json", "--request"]).arg(&file);
    for consent in consents {
        command.arg("--consent").arg(consent);
    }
    for resource in resources {
        command.arg("--resource").arg(resource);
    }
    let output = command.output().expect("the command runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}{errors}"))
}

fn names(value: &Value) -> Vec<String> {
    let mut names: Vec<String> =
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    names.sort();
    names
}

/// What is different from what the source expects; a wrong permit is said as such.
fn differences(case: &Value, answer: &Value) -> Vec<String> {
    let expected = &case["expected"];
    let mut found = Vec::new();
    if let Some(decision) = expected["decision"].as_str() {
        let wanted = if decision == "permit" { "permit" } else { "deny" };
        let given = if answer["decision"] == "deny" { "deny" } else { "permit" };
        if wanted != given {
            found.push(if given == "permit" {
                "WRONG PERMIT".to_owned()
            } else {
                "denied, expected permit".to_owned()
            });
        }
        if decision == "no-consent"
            && !answer["reasons"].as_array().is_some_and(|r| r.iter().any(|r| r["rule"] == "no-consent"))
        {
            found.push("not said to be no-consent".to_owned());
        }
    }
    let unspecified = names(&expected["unspecified"]);
    for list in ["released", "withheld"] {
        if expected[list].is_array() {
            let keep = |names: Vec<String>| names.into_iter().filter(|n| !unspecified.contains(n)).collect::<Vec<_>>();
            let (wanted, given) = (keep(names(&expected[list])), keep(names(&answer[list])));
            if wanted != given {
                let wrong = list == "released" && given.iter().any(|g| !wanted.contains(g));
                found.push(format!(
                    "{}{list} {given:?}, expected {wanted:?}",
                    if wrong { "WRONG PERMIT: " } else { "" }
                ));
            }
        }
    }
    for key in ["relationship", "basis", "authoritative", "statusReason", "mayDecideSharing", "review"] {
        if !expected[key].is_null() && expected[key] != answer[key] {
            found.push(format!("{key} is {}, expected {}", answer[key], expected[key]));
        }
    }
    found
}

fn run(folder: &Path, suite: &str) -> Vec<(String, String, Vec<String>)> {
    let work = tempfile::tempdir().expect("a folder");
    let base = folder.join(suite);
    let cases = load(&base.join("cases.json"));
    let mut results = Vec::new();
    for case in cases["cases"].as_array().expect("cases") {
        let mut request = case["request"].clone();
        let mut consents = Vec::new();
        for consent in case["consents"].as_array().into_iter().flatten() {
            if let Some(path) = consent.as_str() {
                consents.push(base.join(path));
                continue;
            }
            // one Consent of a Bundle, by its id
            let bundle = load(&base.join(consent["bundle"].as_str().expect("a bundle")));
            let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
            let found = entries.iter().map(|e| &e["resource"]).find(|r| r["id"] == consent["resourceId"]);
            if let Some(resource) = found {
                let path = work.path().join("consent.json");
                fs::write(&path, resource.to_string()).expect("the consent is written");
                consents.push(path);
            }
        }
        let paths = case["resources"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let resources: Vec<PathBuf> = paths.map(|p| base.join(p)).collect();
        if suite == "ihe-pcf" {
            // group membership is looked up before a decision, not during it
            let group = load(&base.join("resources/Group-ex-privilegedUsers.json"));
            request["actorResources"] = json!({ "Group/ex-privilegedUsers": group });
        }
        let answer = decide(&consents, &resources, &request, work.path());
        let id = case["id"].as_str().unwrap_or_default().to_owned();
        let from = case["expectedFrom"].as_str().unwrap_or_default().to_owned();
        results.push((id, from, differences(case, &answer)));
    }
    results
}

/// Differences that are known, with the reading taken.
fn apologies() -> Vec<(String, String)> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/consent-expected.txt"));
    let text = text.expect("the list of apologies is there");
    let lines = text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty());
    lines.filter_map(|l| l.split_once(": ")).map(|(id, why)| (id.trim().to_owned(), why.to_owned())).collect()
}

#[test]
fn published_cases_are_never_permitted_wrongly_and_every_other_difference_is_listed() {
    let Some(folder) = folder() else {
        println!("SKIPPED: ../shared/cases/consent is not here, so no published consent case was run");
        return;
    };
    let mut apologies = apologies();
    let mut wrong = Vec::new();
    for suite in ["ihe-pcf", "hl7-r4-examples", "nhs-vrs"] {
        let results = run(&folder, suite);
        let right = results.iter().filter(|(_, _, d)| d.is_empty()).count();
        println!("{suite}: {right} of {} as expected", results.len());
        for (id, from, differences) in results {
            let listed = apologies.iter().position(|(a, _)| *a == id);
            if differences.is_empty() {
                if listed.is_some() {
                    wrong.push(format!("{id} is listed, and is as expected: take it off the list"));
                }
                continue;
            }
            println!("  {id} ({from}): {}", differences.join("; "));
            let permits = differences.iter().any(|d| d.contains("WRONG PERMIT"));
            match listed {
                Some(at) if !permits && !from.starts_with("source-stated") => {
                    apologies.remove(at);
                }
                _ => wrong.push(format!("{id} ({from}): {}", differences.join("; "))),
            }
        }
    }
    wrong.extend(apologies.iter().map(|(id, _)| format!("{id} is listed, and is no case")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
