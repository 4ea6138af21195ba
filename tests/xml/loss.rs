//! Nothing is lost between JSON and XML: over our own fixtures always, over the examples of others where they are at hand
//! (`../shared/cases/fhir`, and folders that `SHAREWELL_PAIRS` names, separated by `:`).
//!
//! What XML has no way to say is refused, not lost; which files those are is printed, and their number is.
//!
//! The laws. JSON → XML → JSON is the same tree, the order of members apart. XML → JSON → XML is the same document, as
//! canonical XML sees it, and its JSON the same bytes. Where a folder has an example in both, both are read as the same.

use super::canonical::canonical;
use super::{definitions, read_xml};
use sharewell::pure::fhir::{Item, Kind, Limits, Tree, json, xml};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A tree as text that does not depend on the order of members. Narratives count as their canonical XML.
fn ordered(item: Item<'_>) -> String {
    match item.kind() {
        Kind::Object => {
            let members = item.children().map(|c| (c.key(), ordered(c)));
            let members: BTreeMap<&str, String> = members.collect();
            let members: Vec<String> = members.iter().map(|(k, v)| format!("{k:?}:{v}")).collect();
            format!("{{{}}}", members.join(","))
        }
        Kind::Array => format!("[{}]", item.children().map(ordered).collect::<Vec<_>>().join(",")),
        Kind::String if item.key() == "div" => format!("{:?}", item.text().trim()),
        Kind::String => format!("{:?}", item.text()),
        Kind::Null => "null".to_owned(),
        Kind::Bool | Kind::Number => item.text().to_owned(),
    }
}

/// The same, with narratives as canonical XML: pairs were made by different hands.
fn ordered_narrative(item: Item<'_>) -> String {
    let mut text = ordered(item);
    for div in item.descendants().into_iter().filter(|i| i.key() == "div" && i.kind() == Kind::String) {
        let said = format!("{:?}", div.text().trim());
        let shape: String = canonical(div.text().trim());
        text = text.replacen(&said, &format!("{shape:?}"), 1);
    }
    text
}

/// How a law went.
enum Outcome {
    Kept,
    /// It could not be said in XML, and the writer said so.
    Refused(String),
    Lost(String),
}

fn outcome(tree: &Tree, law: impl Fn(&str) -> Result<(), String>) -> Outcome {
    match xml::write(tree.root(), definitions()) {
        Err(report) => Outcome::Refused(report.issues[0].to_string()),
        Ok(written) => law(&written).map_or_else(Outcome::Lost, |()| Outcome::Kept),
    }
}

fn from_json(tree: &Tree, written: &str) -> Result<(), String> {
    let again = read_xml(written.as_bytes()).map_err(|r| format!("what is written cannot be read: {}", r.issues[0]))?;
    if ordered(tree.root()) != ordered(again.root()) {
        return Err(format!("another tree: {}", difference(&ordered(tree.root()), &ordered(again.root()))));
    }
    let second = xml::write(again.root(), definitions()).map_err(|r| format!("not twice: {}", r.issues[0]))?;
    if second == written { Ok(()) } else { Err("the second writing differs".to_owned()) }
}

fn from_xml(text: &str, tree: &Tree, written: &str) -> Result<(), String> {
    let again = read_xml(written.as_bytes()).map_err(|r| format!("what is written cannot be read: {}", r.issues[0]))?;
    let (before, after) = (tree.root().to_json(), again.root().to_json());
    if before != after {
        return Err(format!("another tree: {}", difference(&before, &after)));
    }
    let (before, after) = (canonical(text), canonical(written));
    if before == after { Ok(()) } else { Err(format!("another document: {}", difference(&before, &after))) }
}

/// Where two texts part, a little of each.
fn difference(one: &str, other: &str) -> String {
    let same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| {
        let bytes = &text.as_bytes()[same.saturating_sub(60)..(same + 60).min(text.len())];
        String::from_utf8_lossy(bytes).replace('\n', " | ")
    };
    format!("…{}… became …{}…", around(one), around(other))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|e| e.path()) {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "json" || e == "xml") {
            found.push(path);
        }
    }
}

#[derive(Default)]
struct Tally {
    good: usize,
    all: usize,
    unread: Vec<String>,
    refused: Vec<String>,
    lost: Vec<String>,
}

impl Tally {
    fn count(&mut self, law: &str, path: &Path, outcome: Outcome) {
        self.all += 1;
        match outcome {
            Outcome::Kept => self.good += 1,
            Outcome::Refused(why) => self.refused.push(format!("{law} {}: {why}", path.display())),
            Outcome::Lost(why) => self.lost.push(format!("{law} {}: {why}", path.display())),
        }
    }
}

/// A resource of a type that R4 knows; none for what is not FHIR, or not of R4.
fn resource(path: &Path, bytes: &[u8]) -> Option<Result<Tree, String>> {
    use sharewell::pure::fhirpath::Model;
    let read = if path.extension().is_some_and(|e| e == "xml") {
        let is_fhir = String::from_utf8_lossy(bytes).contains("\"http://hl7.org/fhir\"");
        is_fhir.then(|| read_xml(bytes))?
    } else {
        json::read(bytes, &Limits::default())
    };
    match read {
        Err(report) => Some(Err(report.issues[0].to_string())),
        Ok(tree) => {
            let known = tree.root().resource_type().is_some_and(|name| definitions().find(name).is_some());
            known.then_some(Ok(tree))
        }
    }
}

fn tally(folder: &Path) -> Tally {
    let mut found = Vec::new();
    files(folder, &mut found);
    found.sort();
    let mut tally = Tally::default();
    for path in &found {
        let bytes = fs::read(path).expect("the file can be read");
        let is_xml = path.extension().is_some_and(|e| e == "xml");
        let tree = match resource(path, &bytes) {
            None => continue,
            Some(Err(why)) => {
                tally.unread.push(format!("{}: {why}", path.display()));
                continue;
            }
            Some(Ok(tree)) => tree,
        };
        if !is_xml {
            tally.count("json-xml-json", path, outcome(&tree, |written| from_json(&tree, written)));
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        tally.count("xml-json-xml", path, outcome(&tree, |written| from_xml(&text, &tree, written)));
        let beside = twin(path);
        if let Some(Some(Ok(other))) = fs::read(&beside).ok().map(|bytes| resource(&beside, &bytes)) {
            let (one, other) = (ordered_narrative(other.root()), ordered_narrative(tree.root()));
            let same = if one == other { Outcome::Kept } else { Outcome::Lost(difference(&one, &other)) };
            tally.count("json=xml", path, same);
        }
    }
    tally
}

/// The same example in JSON: beside it, or in a folder `json` beside a folder `xml`.
fn twin(path: &Path) -> PathBuf {
    let name = path.with_extension("json");
    match path.parent() {
        Some(folder) if folder.ends_with("xml") => {
            folder.with_file_name("json").join(name.file_name().unwrap_or_default())
        }
        _ => name,
    }
}

fn told(folder: &Path) -> Tally {
    let tally = tally(folder);
    println!("{}: {} of {} without loss", folder.display(), tally.good, tally.all);
    for (what, list) in [("lost", &tally.lost), ("refused", &tally.refused), ("cannot be read", &tally.unread)] {
        for line in list {
            println!("  {what}: {line}");
        }
    }
    tally
}

#[test]
fn our_own_fixtures_lose_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["fixtures", "profiles"] {
        let tally = told(&root.join(folder));
        assert!(tally.good > 0 && tally.good == tally.all, "{folder}");
    }
}

#[test]
fn examples_of_others_lose_nothing() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases");
    let mut folders = vec![shared.join("fhir"), shared.join("validator/files")];
    folders.extend(std::env::split_paths(&std::env::var_os("SHAREWELL_PAIRS").unwrap_or_default()));
    folders.retain(|f| f.is_dir());
    let lost: usize = folders.iter().map(|folder| told(folder).lost.len()).sum();
    assert_eq!(lost, 0);
}
