//! Every finding has its parts: id, words, path, line and column, whose rule it is, and a remedy; and every id is in the
//! table.

use super::common::{definitions, root};
use super::records::{Sample, fixtures, variants, xml as to_xml};
use sharewell::pure::fhir::{Issue, Limits, Report, json, message, messages, xml};
use sharewell::pure::validate::{Options, check_with};
use std::collections::BTreeSet;
use std::fs;

fn judge_json(sample: &Sample) -> Report {
    let bytes = serde_json::to_vec_pretty(&sample.value).expect("it can be written");
    match json::read(&bytes, &Limits::default()) {
        Ok(tree) => check_with(&tree, &[], definitions(), Options { must_support: true, ..Options::default() }),
        Err(report) => report,
    }
}

fn judge_xml(sample: &Sample) -> Report {
    match xml::read(to_xml(&sample.value).as_bytes(), &Limits::default(), definitions()) {
        Ok(tree) => check_with(&tree, &[], definitions(), Options { must_support: true, ..Options::default() }),
        Err(report) => report,
    }
}

/// What a finding lacks.
fn lacking(issue: &Issue) -> Vec<&'static str> {
    let unread = ["json-", "xml-", "encoding", "empty", "too-deep"].iter().any(|p| issue.id.starts_with(p));
    let mut found = Vec::new();
    let mut need = |is_there: bool, what| {
        if !is_there {
            found.push(what);
        }
    };
    need(message(&issue.id).is_some(), "a row in the table of ids");
    need(issue.place.as_ref().is_some_and(|p| p.line > 0 && p.column > 0), "a line and column");
    need(unread || issue.expression.as_ref().is_some_and(|e| !e.is_empty()), "a path");
    need(issue.rule.as_ref().is_some_and(|r| !r.is_empty()), "whose rule it is");
    need(issue.remedy.as_ref().is_some_and(|r| !r.is_empty()), "a remedy");
    need(!issue.text.is_empty() && !issue.text.ends_with('.'), "words without a full stop");
    need(!issue.text.starts_with(|c: char| c.is_uppercase()) || issue.id == "invariant-broken", "a lower-case start");
    found
}

#[test]
fn every_finding_has_all_its_parts_in_json_and_in_xml() {
    let mut wrong = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for sample in fixtures() {
        let mut all = variants(&sample, 211);
        all.push(sample);
        for sample in &all {
            for (syntax, report) in [("json", judge_json(sample)), ("xml", judge_xml(sample))] {
                for issue in &report.issues {
                    seen.insert(issue.id.to_string());
                    for what in lacking(issue) {
                        wrong.insert(format!("{} has not {what}, e.g. {} in {syntax}: {issue}", issue.id, sample.name));
                    }
                }
            }
        }
    }
    let mut told = BTreeSet::new();
    let first = wrong.iter().filter(|w| told.insert(w.split(", e.g.").next().unwrap_or_default().to_owned()));
    let first: Vec<&str> = first.map(String::as_str).collect();
    assert!(first.is_empty(), "{}", first.join("\n"));
    assert!(seen.len() > 30, "the defects are of many kinds: {seen:?}");
}

#[test]
fn a_defect_that_a_type_and_its_profiles_find_is_told_once() {
    let url = "https://sharewell.example/fhir/StructureDefinition/sharewell-careplan";
    let record = serde_json::json!({ "resourceType": "CarePlan", "meta": { "profile": [url] }, "status": "no-such",
        "subject": { "reference": "Patient/1" }, "title": "", "category": [] });
    let tree = json::read(record.to_string().as_bytes(), &Limits::default()).expect("it is JSON");
    let report = check_with(&tree, &[url], definitions(), Options::default());
    for (id, path) in [
        ("code-not-in-value-set", "CarePlan.status"),
        ("missing-element", "CarePlan"),
        ("empty-value", "CarePlan.title"),
        ("empty-array", "CarePlan.category"),
    ] {
        let same = report.issues.iter().filter(|i| i.id == id && i.expression.as_deref() == Some(path));
        assert_eq!(same.count(), 1, "{id} at {path}: {:#?}", report.issues);
    }
    let intent = report.issues.iter().filter(|i| i.text.contains("`CarePlan.intent`")).count();
    assert_eq!(intent, 1, "{:#?}", report.issues);
}

/// What outside suites hold, where they lie beside the project: records with defects of every kind.
#[test]
fn every_finding_on_the_cases_of_outside_suites_has_all_its_parts() {
    let folder = root().join("../shared/cases/validator/files");
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    let mut wrong = std::collections::BTreeMap::new();
    for path in paths {
        let Ok(bytes) = fs::read(&path) else { continue };
        if bytes.len() > 200_000 {
            continue;
        }
        let read = match path.extension().and_then(|e| e.to_str()) {
            Some("json") => json::read(&bytes, &Limits::default()),
            Some("xml") => xml::read(&bytes, &Limits::default(), definitions()),
            _ => continue,
        };
        let report = match read {
            Ok(tree) => check_with(&tree, &[], definitions(), Options { must_support: true, ..Options::default() }),
            Err(report) => report,
        };
        for issue in &report.issues {
            for what in lacking(issue) {
                wrong.entry((issue.id.to_string(), what)).or_insert_with(|| format!("{}: {issue}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Words with hyphens in the rooms of the validator that are no ids of findings.
/// Codes of R4's own value sets, and names in its extensions and indexes.
const OTHER_WORDS: &[&str] = &[
    "batch-response",
    "business-rule",
    "code-invalid",
    "descendent-of",
    "entered-in-error",
    "in-progress",
    "index-version",
    "is-not-a",
    "issue-col",
    "issue-line",
    "issue-source",
    "message-id",
    "narrative-language-control",
    "narrative-source-control",
    "not-found",
    "not-in",
    "not-present",
    "not-supported",
    "open-choice",
    "transaction-response",
];

#[test]
fn every_id_in_the_source_has_a_row_and_every_row_an_id_in_the_source() {
    let mut open: Vec<_> = ["validate", "fhir", "profile"].iter().map(|r| root().join("src/pure").join(r)).collect();
    let mut words = BTreeSet::new();
    let word = regex::Regex::new("\"([a-z]+(?:-[a-z0-9]+)*)\"").expect("it is a pattern");
    let hyphenated = |w: &str| w.contains('-') && !w.chars().any(|c| c.is_ascii_digit()) && w.len() > 5;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("it can be read").flatten().map(|e| e.path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("it can be read");
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            words.extend(word.captures_iter(code).map(|c| c[1].to_owned()));
        }
    }
    // names of R4's extensions begin with the type they are for
    let types = definitions().resource_types();
    let is_extension = |w: &str| types.iter().any(|t| w.starts_with(&format!("{}-", t.to_ascii_lowercase())));
    let strangers: Vec<&String> = words
        .iter()
        .filter(|w| hyphenated(w) && message(w).is_none() && !OTHER_WORDS.contains(&w.as_str()) && !is_extension(w))
        .collect();
    assert!(
        strangers.is_empty(),
        "give each a row in src/pure/fhir/messages.md, or list it in OTHER_WORDS: {strangers:?}"
    );
    let unused: Vec<&str> = messages().iter().map(|m| m.id).filter(|id| !words.contains(*id)).collect();
    assert!(unused.is_empty(), "in messages.md and nowhere in the source: {unused:?}");
}

#[test]
fn findings_stand_in_the_order_of_the_record_and_once() {
    for sample in fixtures().iter().flat_map(|s| variants(s, 151)) {
        let report = judge_json(&sample);
        let places: Vec<_> = report.issues.iter().map(|i| i.place.clone()).collect();
        assert!(places.is_sorted(), "{}: {:?}", sample.name, report.issues);
        let unique: BTreeSet<_> =
            report.issues.iter().map(|i| (i.id.to_string(), i.expression.clone(), i.text.clone())).collect();
        assert_eq!(unique.len(), report.issues.len(), "{}", sample.name);
        assert_eq!(report, judge_json(&sample), "{}: another run says something else", sample.name);
    }
}
