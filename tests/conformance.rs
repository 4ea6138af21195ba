//! The official validator cases and HL7's own examples, run whole. What we do not pass is listed by name with a reason
//! in `tests/conformance/*.txt`; the lists only shrink. The cases are not part of the project: set SHAREWELL_CASES to
//! the folder that holds them (default `../shared/cases`); where it is missing there is nothing to run. Of another folder
//! the figures and misses are printed and nothing is asserted: the lists are about the default one.
//!
//! Two figures. *Verdict*: any error, or none, as the case expects. *Place*: each error issue that a case expects and
//! that has an expression counts once; it is found where we report at least one error at the same expression, whatever
//! its words. Expressions are compared as written, without comments (`/*…*/`) and with old XPaths (`/f:Patient/f:name`)
//! read as paths. SHAREWELL_CASE=<part of an id> prints these cases whole; SHAREWELL_PLACES=1 the places that differ.

use serde_json::Value;
use sharewell::pure::fhir::{File, Limits, Report, Tree, json, xml};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::{Options, References, check_with};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// The least part of the expected error issues, in percent, that we report at the same expression. It only rises.
const PLACES: f64 = 85.0;

/// The record, and what its syntax alone lets us say.
fn read(bytes: &[u8], definitions: &Definitions) -> Result<(Tree, Report), Report> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    if text.first() == Some(&b'<') {
        xml::read_whole(bytes, &Limits::default(), definitions)
    } else {
        json::read(bytes, &Limits::default()).map(|tree| (tree, Report::default()))
    }
}

fn judge(bytes: &[u8], profiles: &[&str], definitions: &Definitions, mut options: Options, folder: &Path) -> Report {
    match read(bytes, definitions) {
        Ok((tree, mut report)) => {
            if matches!(options.references, References::ExistAndType | References::Valid) {
                options.records = neighbours(&tree, folder, definitions);
            }
            report.extend(check_with(&tree, profiles, definitions, options));
            report
        }
        Err(report) => report,
    }
}

/// The records that references lead to, one from another. They lie beside the cases, in files named after the reference.
fn neighbours(tree: &Tree, folder: &Path, definitions: &Definitions) -> Vec<Arc<Tree>> {
    let (mut found, mut seen, mut next) = (vec![Arc::new(tree.clone())], BTreeSet::new(), 0);
    while let Some(tree) = found.get(next).cloned() {
        next += 1;
        for item in tree.root().descendants().into_iter().filter(|i| i.key() == "reference") {
            let name = item.text().to_lowercase();
            let names = [name.replace('/', "-"), name.rsplit('/').next().unwrap_or_default().to_owned()];
            let files = names.iter().flat_map(|n| [format!("{n}.json"), format!("{n}.xml")]).map(|n| folder.join(n));
            let Some(file) = files.into_iter().find(|f| f.is_file()) else { continue };
            if seen.insert(file.clone())
                && let Ok((tree, _)) = read(&fs::read(file).expect("the case has its files"), definitions)
            {
                found.push(Arc::new(tree));
            }
        }
    }
    found.split_off(1)
}

/// What a case asks of the validator, besides the defaults of the command.
fn options(case: &Value) -> Options {
    let said = &case["options"];
    let is = |name: &str| said[name].as_bool() == Some(true);
    let mut entry_profiles = Vec::new();
    if let (Some(rule), Some(url)) = (said["bundle-param"]["rule"].as_str(), said["bundle-param"]["profile"].as_str()) {
        entry_profiles.push((rule.to_owned(), url.to_owned()));
    }
    let languages = said["language"].as_str().unwrap_or_default().split(',');
    Options {
        definitions_only: true,
        refuse_unknown_extensions: true,
        now: "2026-11-22T12:00:00Z".parse().ok(),
        best_practice: said["best-practice"].is_string(),
        security_checks: is("security-checks"),
        refuse_html_in_markdown: is("noHtmlInMarkdown"),
        refuse_examples: said["examples"].as_bool() == Some(false),
        languages: languages.map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect(),
        extension_domains: said["allowed-extension-domain"].as_str().map(str::to_owned).into_iter().collect(),
        references: match said["validateReference"].as_str() {
            Some("IGNORE") => References::Ignored,
            Some("CHECK_EXISTS_AND_TYPE") => References::ExistAndType,
            Some("CHECK_VALID") => References::Valid,
            _ => References::WhereHeld,
        },
        assume_rest_references: is("assumeValidRestReferences"),
        entry_profiles,
        ..Options::default()
    }
}

fn file(folder: &Path, name: &str) -> File {
    File { path: name.to_owned(), bytes: Cow::Owned(fs::read(folder.join(name)).expect("the case has its files")) }
}

/// The canonical url of a definition.
fn url_of(file: &File, definitions: &Definitions) -> Option<String> {
    let bytes = file.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&file.bytes);
    if let Ok((tree, _)) = read(bytes, definitions) {
        return tree.root().str_at(&["url"]).map(str::to_owned);
    }
    // one with a slip of the pen in it
    let text = String::from_utf8_lossy(bytes);
    let after = text.split("<url").nth(1)?.split("value=\"").nth(1)?;
    after.split('"').next().map(str::to_owned)
}

fn verdict(case: &Value, folder: &Path, base: &Definitions) -> Result<Report, String> {
    let input = file(folder, case["file"].as_str().unwrap_or_default());
    let is_plain = case["supporting"].as_array().is_none_or(Vec::is_empty) && case["profile"].is_null();
    if is_plain {
        return Ok(judge(&input.bytes, &[], base, options(case), folder));
    }
    let mut files = Vec::new();
    for name in case["supporting"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        files.push(file(folder, name));
    }
    let mut profiles = Vec::new();
    if let Some(name) = case["profile"].as_str() {
        let profile = file(folder, name);
        profiles.extend(url_of(&profile, base));
        files.push(profile);
    }
    let definitions = Definitions::r4().map_err(|r| r.issues[0].to_string())?;
    let definitions = definitions.with_files(&files).map_err(|r| r.issues[0].to_string())?;
    let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
    Ok(judge(&input.bytes, &profiles, &definitions, options(case), folder))
}

/// An expression as it is compared.
fn plain(expression: &str) -> String {
    let mut plain = String::new();
    let mut rest = expression;
    while let Some((before, after)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    plain.trim_start_matches('/').replace("/f:", ".").trim_start_matches("f:").to_owned()
}

/// Of the errors a case expects at an expression: how many there are, and those where we report none.
fn places(case: &Value, got: &Result<Report, String>) -> (usize, Vec<String>) {
    let errors = got.as_ref().ok().into_iter().flat_map(|r| &r.issues).filter(|i| i.is_error());
    let ours: BTreeSet<String> = errors.filter_map(|i| i.expression.as_deref()).map(plain).collect();
    let (mut all, mut missed) = (0, Vec::new());
    for issue in case["issues"].as_array().into_iter().flatten() {
        let is_error = matches!(issue["severity"].as_str(), Some("error" | "fatal"));
        let Some(expression) = issue["expression"].as_str().filter(|_| is_error).map(plain) else { continue };
        all += 1;
        if !ours.contains(&expression) {
            let text = issue["text"].as_str().unwrap_or_default();
            missed.push(format!("{}: {expression}: {text}; ours: {ours:?}", case["id"].as_str().unwrap_or_default()));
        }
    }
    (all, missed)
}

/// What was counted of one module.
#[derive(Default)]
struct Count {
    cases: usize,
    right: usize,
    places: usize,
    found: usize,
}

impl Count {
    fn add(&mut self, is_right: bool, places: usize, missed: usize) {
        self.cases += 1;
        self.right += usize::from(is_right);
        self.places += places;
        self.found += places - missed;
    }
}

#[test]
fn the_official_cases_get_the_official_verdict() {
    let Some(root) = cases() else { return };
    let is_default = std::env::var_os("SHAREWELL_CASES").is_none();
    let text = fs::read_to_string(root.join("validator/cases.json")).expect("it can be read");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("it is JSON");
    let folder = root.join("validator/files");
    let base = Definitions::r4().expect("the R4 base loads");
    let expected = apologies("official.txt");
    let only = std::env::var("SHAREWELL_CASE").ok();
    let shows_places = std::env::var_os("SHAREWELL_PLACES").is_some();
    let (mut news, mut mended) = (Vec::new(), Vec::new());
    let (mut counts, mut whole) = (BTreeMap::<&str, Count>::new(), Count::default());
    for case in &cases {
        let id = case["id"].as_str().unwrap_or_default();
        if only.as_deref().is_some_and(|o| !id.contains(o)) {
            continue;
        }
        let should = case["errors"].as_u64() == Some(0);
        let got = verdict(case, &folder, &base);
        let is = got.as_ref().is_ok_and(Report::is_valid);
        if only.is_some() {
            println!("{id}: should be {should}, is {is}: {got:#?}");
        }
        let (places, missed) = places(case, &got);
        let is_right = is == should && got.is_ok();
        if shows_places {
            missed.iter().for_each(|m| println!("place: {}: {m}", if is_right { "right" } else { "wrong" }));
        }
        counts.entry(case["module"].as_str().unwrap_or_default()).or_default().add(is_right, places, missed.len());
        whole.add(is_right, places, missed.len());
        if is_right && is_default && expected.contains_key(id) {
            mended.push(id.to_owned());
        } else if !(is_right || is_default && expected.contains_key(id)) {
            news.push(describe(id, should, &got, case));
        }
    }
    for (module, count) in counts.iter().chain([(&"all", &whole)]) {
        let Count { cases, right, places, found } = count;
        println!(
            "official validator cases, {module}: {right} of {cases} the same verdict ({:.1} %), {found} of {places} errors \
             at the same expression ({:.1} %)",
            percent(*right, *cases),
            percent(*found, *places)
        );
    }
    if !is_default {
        println!("misses:\n{}", news.join("\n"));
        return;
    }
    assert!(news.is_empty(), "not listed in tests/conformance/official.txt:\n{}", news.join("\n"));
    assert!(mended.is_empty(), "pass now, take them off tests/conformance/official.txt: {mended:?}");
    assert!(only.is_some() || percent(whole.found, whole.places) >= PLACES, "fewer errors at their places than before");
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
