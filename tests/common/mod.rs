//! What tests over fixtures share: the cases, the mappings, who receives, what they are known by, and golden files.
#![allow(dead_code)]

use jiff::Timestamp;
use sharewell::embedded;
use sharewell::pure::decide::{
    self, Action, Authority, Capacity, Choice, Evidence, Identity, Party, Policy, Question, Relationship,
    Representative, Right,
};
use sharewell::pure::fhir::{Item, Report};
use sharewell::pure::map::{self, Circumstances, Mapping};
use sharewell::pure::parse::{self, ParseLimits, Record};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::{self, Validated};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// One folder `fixtures/<format>/<name>/`.
pub struct Case {
    pub format: String,
    pub name: String,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fixtures/{}/{}", self.format, self.name)
    }
}

impl Case {
    pub fn of(format: &str, name: &str) -> Case {
        Case { format: format.to_owned(), name: name.to_owned() }
    }

    pub fn folder(&self) -> PathBuf {
        root().join("fixtures").join(&self.format).join(&self.name)
    }

    /// `in.json`, or the folder `in/`.
    pub fn input(&self) -> PathBuf {
        let file = self.folder().join("in.json");
        if file.exists() { file } else { self.folder().join("in") }
    }
}

pub fn folders(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap_or_else(|_| panic!("{} can be read", path.display()));
    let mut names: Vec<String> =
        entries.flatten().filter(|e| e.path().is_dir()).filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The local formats: folders of `mappings/`.
pub fn formats() -> Vec<String> {
    folders(&root().join("mappings"))
}

/// Every case of every local format.
pub fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for format in formats() {
        let path = root().join("fixtures").join(&format);
        all.extend(folders(&path).into_iter().map(|name| Case { format: format.clone(), name }));
    }
    all
}

/// A file's bytes; of a folder, the zip of its files: by name, no folders, time 1980-01-01, so always the same bytes.
pub fn bytes_at(path: &Path) -> Vec<u8> {
    if !path.is_dir() {
        return fs::read(path).unwrap_or_else(|_| panic!("{} can be read", path.display()));
    }
    let mut files: Vec<PathBuf> = fs::read_dir(path).expect("it can be read").flatten().map(|e| e.path()).collect();
    files.sort();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    for file in files {
        let name = file.file_name().expect("it has a name").to_string_lossy().into_owned();
        zip.start_file(name, options).expect("a file starts");
        zip.write_all(&fs::read(&file).expect("it can be read")).expect("it is written");
    }
    zip.finish().expect("the zip is finished").into_inner()
}

pub fn definitions() -> &'static Definitions {
    static ONCE: OnceLock<Definitions> = OnceLock::new();
    ONCE.get_or_init(|| Definitions::base().expect("the definitions of this program load"))
}

pub fn policy() -> &'static Policy {
    static ONCE: OnceLock<Policy> = OnceLock::new();
    ONCE.get_or_init(|| {
        Policy::compile(&embedded::files("deploy/sharing/")).expect("the rules of this program compile")
    })
}

pub fn mapping(format: &str) -> &'static Mapping {
    static ONCE: OnceLock<BTreeMap<String, Mapping>> = OnceLock::new();
    let all = ONCE.get_or_init(|| {
        let compiled = |name: String| {
            let files = embedded::files("mappings/");
            let mapping = Mapping::compile(&name, &files, definitions());
            (name, mapping.unwrap_or_else(|report| panic!("a mapping does not compile: {report:#?}")))
        };
        formats().into_iter().map(compiled).collect()
    });
    &all[format]
}

pub fn now() -> Timestamp {
    "2026-11-22T09:30:00Z".parse().expect("it is an instant")
}

/// Who sends records of a format.
pub fn circumstances(format: &str) -> Circumstances<'static> {
    let (sender_name, sender_identifier) = match format {
        "person-held" => ("Winifred's app", ("https://sharewell.example/Id/app", "app-001")),
        "provider-portal" => ("Brightside Care", (ODS, "Y99003")),
        _ => ("Northmere Council", (ODS, "X9N01")),
    };
    Circumstances { now: now(), sender_name, sender_identifier, request_id: "trip" }
}

pub fn record(case: &Case, mapping: &Mapping) -> Result<Record, Report> {
    parse::parse(&case.format, mapping.syntax(), &bytes_at(&case.input()), &ParseLimits::default())
}

/// Somebody who may receive copies.
pub struct Recipient {
    pub id: &'static str,
    pub name: &'static str,
    pub ods: &'static str,
    pub audience: &'static str,
    /// The local format they take; none takes FHIR.
    pub takes: Option<&'static str>,
}

pub fn recipients() -> [Recipient; 4] {
    let one = |id, name, ods, audience, takes| Recipient { id, name, ods, audience, takes };
    [
        one("beckside-surgery", "Beckside Surgery", "Y99001", "gp-practice", None),
        one("st-orrins-hospice", "St Orrin's Hospice", "Y99002", "hospice", None),
        one("brightside-care", "Brightside Care", "Y99003", "care-provider", Some("provider-portal")),
        one("tandem-trust", "Tandem Trust", "Y99004", "voluntary-sector", None),
    ]
}

fn party(recipient: &Recipient) -> Party {
    Party {
        id: recipient.id.to_owned(),
        name: recipient.name.to_owned(),
        identifiers: vec![(ODS.to_owned(), recipient.ods.to_owned())],
        audiences: vec![recipient.audience.to_owned()],
        purposes: vec!["TREAT".to_owned()],
        groups_known: true,
        ..Party::default()
    }
}

/// The question a push asks, and what is known: the choices she made in her app, those of the record itself, and that all
/// four care for her, so that her choices alone make the difference.
pub fn asked(case: &Case, validated: &Validated, recipient: &str) -> (Question, Evidence) {
    let everyone = recipients();
    let recipient = everyone.iter().find(|r| r.id == recipient).expect("there is such a recipient");
    let question = Question::new(party(recipient), "TREAT", Action::Disclose, now());
    let mut choices: Vec<Choice> = if case.format == "person-held" { Vec::new() } else { choices_of(standing()) };
    choices.extend(choices_of(validated));
    let mut evidence = Evidence::none(subject(validated), now());
    evidence.choices = choices;
    evidence.facts.authority = Authority::AsRecorded;
    attorney(case, &mut evidence);
    let cares = |r: &Recipient| Relationship { with: Identity::by_identifier(ODS, r.ods), from: None, until: None };
    evidence.facts.relationships = everyone.iter().map(cares).collect();
    (question, evidence)
}

/// `facts.json` of a case says that she lacks capacity, and whether her attorney's power is registered.
fn attorney(case: &Case, evidence: &mut Evidence) {
    let Ok(text) = fs::read_to_string(case.folder().join("facts.json")) else { return };
    let facts: serde_json::Value = serde_json::from_str(&text).expect("facts.json is JSON");
    let registered = facts["attorney-registered"].as_bool().expect("facts.json says whether it is registered");
    let right = Right::HealthAndWelfareAttorney;
    evidence.facts.capacity = Capacity::Lacks;
    evidence.facts.authority = Authority::Checked;
    evidence.facts.representatives =
        vec![Representative { who: Identity::default(), right, registered, from: None, until: None }];
}

/// Her record in the app, which holds the choices that every other record is decided by.
fn standing() -> &'static Validated {
    static ONCE: OnceLock<Validated> = OnceLock::new();
    ONCE.get_or_init(|| {
        let case = Case::of("person-held", "whole-plan");
        let mapping = mapping(&case.format);
        let parsed = record(&case, mapping).expect("it parses");
        let draft = map::map(parsed, mapping, &circumstances(&case.format)).expect("it maps");
        validate::validate(draft, definitions()).expect("it conforms")
    })
}

fn resources<'t>(validated: &'t Validated, kind: &str) -> Vec<Item<'t>> {
    let entries = validated.bundle().root().all("entry").filter_map(|e| e.get("resource"));
    entries.filter(|r| r.resource_type() == Some(kind)).collect()
}

fn choices_of(validated: &Validated) -> Vec<Choice> {
    let consents = resources(validated, "Consent").into_iter();
    consents.map(|c| decide::read_choice(c).expect("a choice of ours can be read")).collect()
}

fn subject(validated: &Validated) -> Identity {
    let patient = resources(validated, "Patient")[0];
    let id = patient.str_at(&["id"]).unwrap_or_default();
    let named = |i: Item<'_>| Some((i.str_at(&["system"])?.to_owned(), i.str_at(&["value"])?.to_owned()));
    Identity {
        references: vec![format!("Patient/{id}")],
        identifiers: patient.all("identifier").filter_map(named).collect(),
    }
}

/// Compares with the golden file, or writes it where `UPDATE_GOLDEN` is set. The first line that differs is told, without
/// what it says.
pub fn golden(case: &Case, name: &str, text: &str, wrong: &mut Vec<String>) {
    let path = case.folder().join(name);
    let text = format!("{}\n", text.trim_end());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).expect("the golden file is written");
        return;
    }
    let Ok(kept) = fs::read_to_string(&path) else {
        wrong.push(format!("{case}/{name} is missing"));
        return;
    };
    if kept != text {
        let line = kept.lines().zip(text.lines()).take_while(|(a, b)| a == b).count() + 1;
        wrong.push(format!("{case}/{name}:{line} is no longer what comes out (UPDATE_GOLDEN=1 writes it anew)"));
    }
}

/// Says which golden files nothing makes any more.
pub fn nothing_else(case: &Case, made: &BTreeSet<String>, wrong: &mut Vec<String>) {
    for entry in fs::read_dir(case.folder()).expect("the case can be read").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "in" || name == "facts.json" || name.starts_with("in.") || made.contains(&name) {
            continue;
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::remove_file(entry.path()).expect("the stale golden file goes");
        } else {
            wrong.push(format!("{case}/{name} is made by nothing"));
        }
    }
}
