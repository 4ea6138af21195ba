//! The official validator cases and HL7's own examples, run whole. What we do not pass is listed by name with a reason
//! in `tests/conformance/*.txt`; the lists only shrink. The cases are not part of the project: set SHAREWELL_CASES to
//! the folder that holds them (default `../shared/cases`); where it is missing there is nothing to run.

use serde_json::Value;
use sharewell::pure::fhir::{File, Limits, Report, json, xml};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::{Options, check_with};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn cases() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = std::env::var_os("SHAREWELL_CASES").map_or_else(|| root.join("../shared/cases"), PathBuf::from);
    found.join("validator/cases.json").exists().then_some(found)
}

/// The names of a list of apologies: `name: reason`, one a line.
fn apologies(file: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(file);
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter(|l| !l.starts_with("//") && !l.trim().is_empty());
    lines.filter_map(|l| l.rsplit_once(": ")).map(|(n, r)| (n.to_owned(), r.to_owned())).collect()
}

fn judge(bytes: &[u8], profiles: &[&str], definitions: &Definitions) -> Report {
    let now = "2026-11-22T12:00:00Z".parse().ok();
    let options = Options { definitions_only: true, refuse_unknown_extensions: true, now, ..Options::default() };
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    let read = if text.first() == Some(&b'<') {
        xml::read(bytes, &Limits::default(), definitions)
    } else {
        json::read(bytes, &Limits::default())
    };
    match read {
        Ok(tree) => check_with(&tree, profiles, definitions, options),
        Err(report) => report,
    }
}

fn file(folder: &Path, name: &str) -> File {
    File { path: name.to_owned(), bytes: Cow::Owned(fs::read(folder.join(name)).expect("the case has its files")) }
}

/// The canonical url in a definition, whichever syntax.
fn url_of(file: &File) -> Option<String> {
    let text = String::from_utf8_lossy(&file.bytes);
    if file.path.ends_with(".json") {
        let value: Value = serde_json::from_str(&text).ok()?;
        return value["url"].as_str().map(str::to_owned);
    }
    let after = text.split("<url").nth(1)?.split("value=\"").nth(1)?;
    after.split('"').next().map(str::to_owned)
}

fn verdict(case: &Value, folder: &Path, base: &Definitions) -> Result<Report, String> {
    let input = file(folder, case["file"].as_str().unwrap_or_default());
    let is_plain = case["supporting"].as_array().is_none_or(Vec::is_empty) && case["profile"].is_null();
    if is_plain {
        return Ok(judge(&input.bytes, &[], base));
    }
    let mut files = Vec::new();
    for name in case["supporting"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        files.push(file(folder, name));
    }
    let mut profiles = Vec::new();
    if let Some(name) = case["profile"].as_str() {
        let profile = file(folder, name);
        profiles.extend(url_of(&profile));
        files.push(profile);
    }
    let definitions = Definitions::r4().map_err(|r| r.issues[0].to_string())?;
    let definitions = definitions.with_files(&files).map_err(|r| r.issues[0].to_string())?;
    let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
    Ok(judge(&input.bytes, &profiles, &definitions))
}

#[test]
fn the_official_cases_get_the_official_verdict() {
    let Some(root) = cases() else { return };
    let text = fs::read_to_string(root.join("validator/cases.json")).expect("it can be read");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("it is JSON");
    let folder = root.join("validator/files");
    let base = Definitions::r4().expect("the R4 base loads");
    let expected = apologies("official.txt");
    let only = std::env::var("SHAREWELL_CASE").ok();
    let (mut right, mut news, mut mended, mut ran) = (0, Vec::new(), Vec::new(), 0);
    for case in &cases {
        let id = case["id"].as_str().unwrap_or_default();
        if only.as_deref().is_some_and(|o| !id.contains(o)) {
            continue;
        }
        ran += 1;
        let should = case["errors"].as_u64() == Some(0);
        let got = verdict(case, &folder, &base);
        let is = got.as_ref().is_ok_and(Report::is_valid);
        if only.is_some() {
            println!("{id}: should be {should}, is {is}: {got:#?}");
        }
        if is == should && got.is_ok() {
            right += 1;
            if expected.contains_key(id) {
                mended.push(id.to_owned());
            }
        } else if !expected.contains_key(id) {
            news.push(describe(id, should, &got, case));
        }
    }
    println!("official validator cases: {right} of {ran} the same verdict ({:.1} %)", percent(right, ran));
    assert!(news.is_empty(), "not listed in tests/conformance/official.txt:\n{}", news.join("\n"));
    assert!(mended.is_empty(), "pass now, take them off tests/conformance/official.txt: {mended:?}");
}

fn describe(id: &str, should: bool, got: &Result<Report, String>, case: &Value) -> String {
    let found = match got {
        Ok(report) => report.issues.iter().find(|i| i.is_error()).map_or("no error".to_owned(), ToString::to_string),
        Err(problem) => format!("definitions: {problem}"),
    };
    let wanted = case["issues"].as_array().into_iter().flatten().find(|i| i["severity"] == "error");
    let wanted = wanted.map_or(String::new(), |i| format!("{} at {}", i["text"], i["expression"]));
    format!("{id}: should be {should}: found {found}; wanted {wanted}")
}

fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}
