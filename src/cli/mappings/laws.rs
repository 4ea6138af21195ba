//! The laws of a mapping, tried on its examples: there and back is the same (GetPut), and so is back and there (PutGet).

use crate::pure::fhir::{File, Issue, Item, Kind, Limits, Report, json};
use crate::pure::map::{self, Circumstances, Mapping};
use crate::pure::parse::{self, ParseLimits, Record};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The sender of examples, and the moment where `examples/*.fhir.json` does not say it.
pub(crate) fn circumstances() -> Circumstances<'static> {
    Circumstances {
        now: "2026-06-01T09:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH),
        sender_name: "Example Council",
        sender_identifier: ("https://fhir.nhs.uk/Id/ods-organization-code", "X9N01"),
        request_id: "example",
    }
}

/// Tries every example of a mapping.
pub(crate) fn try_examples(mapping: &Mapping, files: &[File]) -> Report {
    let mut report = mapping.warnings().clone();
    let examples = examples(mapping.name(), files);
    if examples.is_empty() {
        let text = "the mapping has no example".to_owned();
        report.push(
            Issue::error("not-found", "no-example", text)
                .remedy(format!("write mappings/{}/examples/…", mapping.name())),
        );
    }
    for (case, bytes) in examples {
        let expected = files.iter().find(|f| f.path == format!("{}/examples/{case}.fhir.json", mapping.name()));
        let found = try_one(mapping, &bytes, expected);
        for mut issue in found.issues {
            issue.text = format!("example {case}: {}", issue.text);
            report.push(issue);
        }
    }
    report
}

/// The local records of a mapping's examples, folders of CSV files zipped.
fn examples(name: &str, files: &[File]) -> Vec<(String, Vec<u8>)> {
    let prefix = format!("{name}/examples/");
    let mut single = Vec::new();
    let mut folders: BTreeMap<String, Vec<(String, Vec<u8>)>> = BTreeMap::new();
    for file in files {
        let Some(path) = file.path.strip_prefix(&prefix) else { continue };
        if let Some((folder, inside)) = path.split_once(".local/") {
            folders.entry(folder.to_owned()).or_default().push((inside.to_owned(), file.bytes.to_vec()));
        } else if let Some(case) = path.strip_suffix(".local.json").or_else(|| path.strip_suffix(".local.zip")) {
            single.push((case.to_owned(), file.bytes.to_vec()));
        }
    }
    single.extend(folders.into_iter().filter_map(|(case, files)| Some((case, parse::zip::pack(&files)?))));
    single
}

fn try_one(mapping: &Mapping, bytes: &[u8], expected: Option<&File>) -> Report {
    match laws(mapping, bytes, expected) {
        Ok(report) | Err(report) => report,
    }
}

fn read(mapping: &Mapping, bytes: &[u8]) -> Result<Record, Report> {
    parse::parse(mapping.name(), mapping.syntax(), bytes, &ParseLimits::default())
}

fn laws(mapping: &Mapping, bytes: &[u8], expected: Option<&File>) -> Result<Report, Report> {
    let mut report = Report::default();
    let mut around = circumstances();
    let wanted = expected.map(|file| json::read(&file.bytes, &Limits::default())).transpose()?;
    if let Some(made) = wanted.as_ref().and_then(|w| w.root().str_at(&["timestamp"])) {
        around.now = made.parse().unwrap_or(around.now);
    }
    let record = read(mapping, bytes)?;
    let draft = map::map(record.clone(), mapping, &around)?;
    if let Some(wanted) = &wanted {
        differ("forward", "the Bundle of the example", draft.tree.root(), wanted.root(), &mut report);
    }
    let back = map::to_local(draft.tree.root(), mapping, Some(&record))?;
    differ("law-get-put", "the record after a round trip", back.tree.root(), record.tree().root(), &mut report);
    // Without a base only what rows carry can come back; it must map to the same Bundle.
    if let Ok(alone) = map::to_local(draft.tree.root(), mapping, None)
        && let Ok(bytes) = map::write(&alone, mapping)
    {
        let again = map::map(read(mapping, &bytes)?, mapping, &around)?;
        differ(
            "law-put-get",
            "the Bundle after a round trip without base",
            again.tree.root(),
            draft.tree.root(),
            &mut report,
        );
    }
    Ok(report)
}

/// Says where two trees differ, by path and never by value.
fn differ(law: &'static str, what: &str, is: Item<'_>, should: Item<'_>, report: &mut Report) {
    if let Some(path) = first_difference(is, should) {
        let issue = Issue::error("processing", law, format!("{what} is not what it should be"));
        report.push(issue.expression(path).remedy("compare the two with `sharewell map`"));
    }
}

/// The path of the first difference, names in any order, nothing and absence the same.
pub(crate) fn first_difference(is: Item<'_>, should: Item<'_>) -> Option<String> {
    let nothing =
        |item: &Item<'_>| item.kind() == Kind::Null || (item.is_container() && item.children().next().is_none());
    let here = |item: Item<'_>| Some(if item.path().is_empty() { "(record)".to_owned() } else { item.path() });
    match (is.kind(), should.kind()) {
        (Kind::Object, Kind::Object) => {
            for child in should.children().filter(|c| !nothing(c)) {
                match is.get(child.key()).filter(|c| !nothing(c)) {
                    Some(same) => {
                        if let Some(path) = first_difference(same, child) {
                            return Some(path);
                        }
                    }
                    None => return here(child),
                }
            }
            let more = is.children().find(|c| !nothing(c) && should.get(c.key()).is_none_or(|s| nothing(&s)));
            more.and_then(here)
        }
        (Kind::Array, Kind::Array) => {
            let (mut a, mut b) = (is.children(), should.children());
            loop {
                match (a.next(), b.next()) {
                    (None, None) => return None,
                    (Some(a), Some(b)) => {
                        if let Some(path) = first_difference(a, b) {
                            return Some(path);
                        }
                    }
                    (Some(more), None) | (None, Some(more)) => return here(more),
                }
            }
        }
        _ if is.kind() == should.kind() && is.text() == should.text() => None,
        _ => here(should),
    }
}
