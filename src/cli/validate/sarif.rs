//! The result as SARIF 2.1.0 (OASIS), which code reviews show beside the line.
//!
//! One run; the rules are the ids that occur, in their order. What was not checked is a result of kind `open`. Columns
//! count characters and the run says so. No times and no random ids: the same files give the same bytes.

use super::{Exit, Judged};
use crate::pure::fhir::{Issue, Report, Severity, Unchecked, message};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// The document.
pub(super) fn document(all: &[Judged], exit: Exit) -> Value {
    let rules = rules(all);
    let results: Vec<Value> = all.iter().flat_map(|judged| results(judged, &rules)).collect();
    let faults: Vec<Value> = all.iter().filter_map(fault).collect();
    let driver = json!({
        "name": "Sharewell",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules.iter().map(|id| rule(id)).collect::<Vec<_>>(),
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": faults.is_empty(),
                "exitCode": exit as u8,
                "toolExecutionNotifications": faults,
            }],
            "artifacts": all.iter().map(|j| json!({ "location": { "uri": uri(&j.name) } })).collect::<Vec<_>>(),
            "results": results,
        }],
    })
}

/// The ids that occur, in order.
fn rules(all: &[Judged]) -> Vec<&str> {
    let reports = || all.iter().filter_map(|j| j.result.as_ref().ok());
    let mut ids: BTreeSet<&str> = reports().flat_map(|r| &r.issues).map(|i| &*i.id).collect();
    if reports().any(|r| !r.unchecked.is_empty()) {
        ids.insert("not-checked");
    }
    ids.into_iter().collect()
}

fn rule(id: &str) -> Value {
    match message(id) {
        Some(known) => json!({
            "id": id,
            "shortDescription": { "text": known.means },
            "help": { "text": format!("rule: {}\nremedy: {}", known.rule, known.remedy) },
        }),
        None => json!({ "id": id }),
    }
}

fn results(judged: &Judged, rules: &[&str]) -> Vec<Value> {
    let Ok(Report { issues, unchecked }) = &judged.result else { return Vec::new() };
    let found = issues.iter().map(|issue| finding(&judged.name, issue, rules));
    found.chain(unchecked.iter().map(|u| open(&judged.name, u, rules))).collect()
}

fn finding(name: &str, issue: &Issue, rules: &[&str]) -> Value {
    let (kind, level) = match issue.severity {
        Severity::Fatal | Severity::Error => ("fail", "error"),
        Severity::Warning => ("fail", "warning"),
        Severity::Information => ("fail", "note"),
    };
    let mut location = json!({ "physicalLocation": { "artifactLocation": { "uri": uri(name) } } });
    if let Some(place) = &issue.place {
        location["physicalLocation"]["region"] = json!({ "startLine": place.line, "startColumn": place.column });
    }
    if let Some(expression) = issue.expression.as_deref().filter(|e| !e.is_empty()) {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": expression, "kind": "element" }]);
    }
    let mut text = issue.text.clone();
    if let Some(remedy) = &issue.remedy {
        text = format!("{text}; {remedy}");
    }
    json!({
        "ruleId": issue.id,
        "ruleIndex": index(rules, &issue.id),
        "kind": kind,
        "level": level,
        "message": { "text": text },
        "locations": [location],
        "properties": { "source": issue.rule, "remedy": issue.remedy },
    })
}

fn open(name: &str, unchecked: &Unchecked, rules: &[&str]) -> Value {
    json!({
        "ruleId": "not-checked",
        "ruleIndex": index(rules, "not-checked"),
        "kind": "open",
        "level": "none",
        "message": { "text": unchecked.to_string() },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(name) } } }],
        "occurrenceCount": unchecked.count,
    })
}

fn index(rules: &[&str], id: &str) -> Option<usize> {
    rules.binary_search(&id).ok()
}

/// A file that could not be opened: nothing of the record, so no result.
fn fault(judged: &Judged) -> Option<Value> {
    let problem = judged.result.as_ref().err()?;
    Some(json!({
        "level": "error",
        "message": { "text": problem },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(&judged.name) } } }],
    }))
}

/// A file's name as a URI reference (RFC 3986): relative where the file lies below the current folder.
fn uri(name: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = Path::new(name);
    let below = path.strip_prefix(&here).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let below = below.trim_start_matches("./");
    let mut out = String::from(if below.starts_with('/') { "file://" } else { "" });
    for byte in below.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn names_become_uris_relative_to_here() {
        assert_eq!(uri("./plans/Winifred's plan.json"), "plans/Winifred%27s%20plan.json");
        assert_eq!(uri("a:b.json"), "a%3Ab.json");
        assert_eq!(uri("/no such/é.xml"), "file:///no%20such/%C3%A9.xml");
        let here = std::env::current_dir().unwrap().join("plan.json");
        assert_eq!(uri(&here.display().to_string()), "plan.json");
    }
}
