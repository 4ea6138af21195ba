//! What a plan costs: processor time for the whole walk and for each room, against a bare parse of the same bytes in the
//! same run. Prints microseconds of processor time per plan, and ratios; decides nothing.
//!
//! `cargo bench --bench walk`

use cpu_time::ThreadTime;
use sharewell::embedded;
use sharewell::pure::decide::{
    Action, Choice, Evidence, Identity, Party, Policy, Question, decide_prepared, prepare, read_choice,
};
use sharewell::pure::fhir::{File, Item, Report};
use sharewell::pure::map::{self, Circumstances, Mapping};
use sharewell::pure::parse::{self, ParseLimits, Syntax};
use sharewell::pure::profile::Definitions;
use sharewell::pure::redact::redact;
use sharewell::pure::validate::{Validated, validate};
use std::hint::black_box;
use std::io::{Cursor, Read, Write};
use std::time::Duration;

const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number";
const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
const NOW: &str = "2026-07-09T10:00:00Z";

fn said(report: Report) -> String {
    report.issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Processor time of one call, the median of batches of at least 20 ms.
fn cost(mut work: impl FnMut()) -> Duration {
    let mut times = 1;
    loop {
        let start = ThreadTime::now();
        (0..times).for_each(|_| work());
        if start.elapsed() > Duration::from_millis(20) {
            break;
        }
        times *= 2;
    }
    let mut batches: Vec<Duration> = (0..7)
        .map(|_| {
            let start = ThreadTime::now();
            (0..times).for_each(|_| work());
            start.elapsed() / times
        })
        .collect();
    batches.sort();
    batches[3]
}

fn row(name: &str, took: Duration, base: Duration) {
    let micros = took.as_secs_f64() * 1e6;
    println!("  {name:<34} {micros:>9.1} µs  {:>7.2} x", took.as_secs_f64() / base.as_secs_f64());
}

struct Setting {
    definitions: Definitions,
    policy: Policy,
    mappings: Vec<File>,
}

impl Setting {
    fn mapping(&self, name: &str) -> Mapping {
        Mapping::compile(name, &self.mappings, &self.definitions).map_err(said).expect("the mapping compiles")
    }
}

fn around() -> Circumstances<'static> {
    let now = NOW.parse().expect("an instant");
    Circumstances { now, sender_name: "Northmere Council", sender_identifier: (ODS, "X9N01"), request_id: "bench" }
}

fn questions() -> Vec<Question> {
    let parties = [
        ("beckside-surgery", "Y99001", "gp-practice"),
        ("st-orrins-hospice", "Y99002", "hospice"),
        ("brightside-care", "Y99003", "care-provider"),
    ];
    let question = |(id, ods, audience): (&str, &str, &str)| {
        let party = Party {
            id: id.to_owned(),
            name: id.to_owned(),
            identifiers: vec![(ODS.to_owned(), ods.to_owned())],
            audiences: vec![audience.to_owned()],
            purposes: vec!["TREAT".to_owned()],
            groups_known: true,
            ..Party::default()
        };
        Question::new(party, "TREAT", Action::Disclose, NOW.parse().expect("an instant"))
    };
    parties.into_iter().map(question).collect()
}

fn choices(record: &Validated) -> Vec<Choice> {
    let resources = record.bundle().root().all("entry").filter_map(|e| e.get("resource"));
    let consents = resources.filter(|r: &Item<'_>| r.resource_type() == Some("Consent"));
    consents.map(|c| read_choice(c).map_err(said).expect("the choice can be read")).collect()
}

/// Each room by itself, then all of them in a row, for one format.
fn walk(setting: &Setting, title: &str, bytes: &[u8], mapping: Option<&Mapping>, choices: &[Choice], base: Duration) {
    let limits = ParseLimits::default();
    let format = mapping.map_or("fhir", Mapping::name);
    let syntax = mapping.map_or(&Syntax::FhirJson, Mapping::syntax);
    let parse = || parse::parse(format, syntax, bytes, &limits).map_err(said).expect("it parses");
    let draft = |record| match mapping {
        Some(mapping) => map::map(record, mapping, &around()).map_err(said).expect("it maps"),
        None => map::adopt(record).map_err(said).expect("it is FHIR"),
    };
    let whole = |record| validate(draft(record), &setting.definitions).map_err(said).expect("it is valid");
    let record = whole(parse());
    let size = record.bundle().root().to_json().len();
    println!("\n{title}: {} bytes in, {size} bytes of FHIR, for three recipients", bytes.len());
    println!("  {:<34} {:>9}     {:>7}", "", "per plan", "bare");
    row("bare parse of the same bytes", base, base);
    let parsed = cost(|| drop(black_box(parse())));
    row("parse", parsed, base);
    let mapped = cost(|| drop(black_box(draft(parse()))));
    row("map", mapped.saturating_sub(parsed), base);
    let validated = cost(|| drop(black_box(whole(parse()))));
    row("validate, with digest", validated.saturating_sub(mapped), base);
    let subject = Identity::by_identifier(NHS, "9990000018");
    let mut evidence = Evidence::none(subject, NOW.parse().expect("an instant"));
    evidence.choices = choices.to_vec();
    let questions = questions();
    let prepared = cost(|| drop(black_box(prepare(&record, &setting.policy))));
    row("take apart, once for all", prepared, base);
    let decided = cost(|| {
        let prepared = prepare(&record, &setting.policy);
        questions.iter().for_each(|q| drop(black_box(decide_prepared(q, &prepared, &evidence))));
    });
    row("decide, three times", decided.saturating_sub(prepared), base);
    let release = |record: &Validated| {
        let prepared = prepare(record, &setting.policy);
        for question in &questions {
            if let Ok(permit) = decide_prepared(question, &prepared, &evidence).into_permit() {
                let released = redact(record, permit, &setting.definitions);
                let released = released.map_err(|w| said(w.report)).expect("what is left is whole");
                black_box(openssl::sha::sha256(released.bundle().root().to_json().as_bytes()));
            }
        }
    };
    let released = cost(|| release(&record));
    row("redact, hash, serialise, 3 times", released.saturating_sub(decided), base);
    row("the whole walk", cost(|| release(&whole(parse()))), base);
}

fn zipped(folder: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for file in embedded::files(folder) {
        zip.start_file(&file.path, zip::write::SimpleFileOptions::default()).expect("a zip in memory");
        zip.write_all(&file.bytes).expect("a zip in memory");
    }
    zip.finish().expect("a zip in memory").into_inner()
}

/// Inflates and reads every cell, and makes nothing of it.
fn bare_zip(bytes: &[u8]) {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    for index in 0..zip.len() {
        let mut text = Vec::new();
        zip.by_index(index).expect("an entry").read_to_end(&mut text).expect("it inflates");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_slice());
        reader.records().for_each(|r| drop(black_box(r)));
    }
}

fn main() {
    let definitions = Definitions::base().map_err(said).expect("the definitions compile");
    let policy = Policy::compile(&embedded::files("deploy/sharing/")).map_err(said).expect("the rules compile");
    let setting = Setting { definitions, policy, mappings: embedded::files("mappings/") };
    let (council, app) = (setting.mapping("care-act"), setting.mapping("person-held"));

    let files = embedded::files("fixtures/demo/");
    let held = &files.iter().find(|f| f.path == "person-held-1.json").expect("the app's record").bytes;
    let record = parse::parse("person-held", app.syntax(), held, &ParseLimits::default()).map_err(said);
    let draft = map::map(record.expect("it parses"), &app, &around()).map_err(said).expect("it maps");
    let hers = choices(&validate(draft, &setting.definitions).map_err(said).expect("it is valid"));

    let zip = zipped("fixtures/demo/care-act-1/");
    walk(&setting, "care-act, zip of CSV", &zip, Some(&council), &hers, cost(|| bare_zip(&zip)));
    let json = |bytes: &[u8]| drop(black_box(serde_json::from_slice::<serde_json::Value>(bytes)));
    walk(&setting, "person-held, JSON", held, Some(&app), &hers, cost(|| json(held)));
    let record = parse::parse("care-act", council.syntax(), &zip, &ParseLimits::default()).map_err(said);
    let draft = map::map(record.expect("it parses"), &council, &around()).map_err(said).expect("it maps");
    let bundle = draft.tree.root().to_json().into_bytes();
    walk(&setting, "FHIR Bundle, JSON", &bundle, None, &hers, cost(|| json(&bundle)));
}
