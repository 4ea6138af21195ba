//! What validating costs, all rules on, on one core: parsed input, processor time, against a bare parse of the same bytes in
//! the same run; and, where the reference Java validator is at hand, its warm speed on the same files in the same run.
//!
//! `cargo bench --bench validate [-- [--java ORACLE | --no-java] [--seconds N] FILE…]`. Without files: the demo's plan as
//! mapped, HL7's CarePlan example where `../shared` has it, and Bundles of 10 to 10,000 entries. ORACLE is a program that answers `bench --seconds N FILE…`
//! with one JSON line a file that holds `file` and `per_second`; without it `../shared/tools/hapi/oracle` where that is.

use cpu_time::ThreadTime;
use sharewell::embedded;
use sharewell::pure::fhir::{Limits, Report, Tree, json};
use sharewell::pure::map::{self, Circumstances, Mapping};
use sharewell::pure::parse::{self, ParseLimits};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::check;
use std::hint::black_box;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Processor time of one call: the least of five batches, since others may be at work on the machine.
fn cost(mut work: impl FnMut()) -> Duration {
    let mut times = 16;
    loop {
        let start = ThreadTime::now();
        (0..times).for_each(|_| work());
        if start.elapsed() > Duration::from_millis(60) {
            break;
        }
        times *= 2;
    }
    let batch = |_| {
        let start = ThreadTime::now();
        (0..times).for_each(|_| work());
        start.elapsed() / times
    };
    (0..5).map(batch).min().unwrap_or_default()
}

/// How often a second by the clock on the wall, as the Java validator counts.
fn wall_rate(mut work: impl FnMut()) -> f64 {
    let (start, mut times) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(700) {
        (0..20).for_each(|_| work());
        times += 20;
    }
    f64::from(times) / start.elapsed().as_secs_f64()
}

fn said(report: &Report) -> String {
    report.issues.iter().filter(|i| i.is_error()).map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A file to validate.
struct Input {
    name: String,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Input {
    fn read(path: &Path) -> Option<Input> {
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some(Input { name, path: path.to_owned(), bytes: std::fs::read(path).ok()? })
    }
}

fn measure(input: &Input, definitions: &Definitions) {
    let Ok(tree) = json::read(&input.bytes, &Limits::default()) else { return println!("{}: not JSON", input.name) };
    let bare = cost(|| drop(black_box(serde_json::from_slice::<serde_json::Value>(&input.bytes))));
    let took = cost(|| drop(black_box(check(&tree, &[], definitions))));
    let report = check(&tree, &[], definitions);
    let valid = if report.is_valid() { String::new() } else { format!("  invalid: {}", said(&report)) };
    let per_second = 1.0 / took.as_secs_f64();
    let ratio = took.as_secs_f64() / bare.as_secs_f64();
    let name = format!("{} ({} bytes)", input.name, input.bytes.len());
    println!("{name:<44} {per_second:>9.0}/s  {ratio:>6.2} x the time of a bare parse (serde_json){valid}");
}

/// The reference validator on the same files, both by the clock and both from text.
fn beside_java(oracle: &Path, seconds: u32, inputs: &[Input], definitions: &Definitions) {
    let mut command = Command::new(oracle);
    command.args(["bench", "--seconds", &seconds.to_string()]).args(inputs.iter().map(|i| &i.path));
    let Ok(output) = command.output() else { return println!("{} does not run", oracle.display()) };
    println!("\nfrom text, by the clock:            ours/s  with Java, warm/s      ratio");
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(answer) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let file = answer["file"].as_str().unwrap_or_default();
        let Some(input) = inputs.iter().find(|i| i.path == Path::new(file)) else { continue };
        let ours = wall_rate(|| {
            let tree = json::read(&input.bytes, &Limits::default());
            drop(black_box(tree.map(|tree| check(&tree, &[], definitions))));
        });
        let theirs = answer["per_second"].as_f64().unwrap_or(f64::NAN);
        println!("{:<30} {ours:>11.0}  {theirs:>17.1}  {:>7.0} x", input.name, ours / theirs);
    }
}

/// A collection of patients that refer to one another in both directions: what one entry costs.
fn linear(entries: u32, definitions: &Definitions) {
    let one = |n: u32| {
        let (next, before) = ((n + 1) % entries, (n + entries - 1) % entries);
        let link = |to: u32| format!(r#"{{"other":{{"reference":"Patient/p{to}"}},"type":"seealso"}}"#);
        let (url, links) =
            (format!("https://sharewell.example/fhir/Patient/p{n}"), [link(next), link(before)].join(","));
        format!(r#"{{"fullUrl":"{url}","resource":{{"resourceType":"Patient","id":"p{n}","link":[{links}]}}}}"#)
    };
    let all: Vec<String> = (0..entries).map(one).collect();
    let text = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, all.join(","));
    let tree = json::read(text.as_bytes(), &Limits::default()).expect("it is JSON");
    drop(check(&tree, &[], definitions));
    let times = (20_000 / entries).max(4);
    let batch = |_| {
        let start = ThreadTime::now();
        (0..times).for_each(|_| drop(black_box(check(&tree, &[], definitions))));
        start.elapsed() / times / entries
    };
    let each = (0..3).map(batch).min().unwrap_or_default();
    println!("Bundle of {entries:>6} entries, references in both directions: {:>6} ns an entry", each.as_nanos());
}

/// The demo's plan as the mapping makes it: a Bundle of 27 KB that claims our profiles.
fn mapped(definitions: &Definitions) -> Tree {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for file in embedded::files("fixtures/demo/care-act-1/") {
        zip.start_file(&file.path, zip::write::SimpleFileOptions::default()).expect("a zip in memory");
        zip.write_all(&file.bytes).expect("a zip in memory");
    }
    let zip = zip.finish().expect("a zip in memory").into_inner();
    let mapping = Mapping::compile("care-act", &embedded::files("mappings/"), definitions).expect("it compiles");
    let record = parse::parse("care-act", mapping.syntax(), &zip, &ParseLimits::default()).expect("it parses");
    let around = Circumstances {
        now: "2026-07-09T10:00:00Z".parse().expect("an instant"),
        sender_name: "Northmere Council",
        sender_identifier: ("https://fhir.nhs.uk/Id/ods-organization-code", "X9N01"),
        request_id: "bench",
    };
    map::map(record, &mapping, &around).expect("it maps").tree
}

fn main() {
    let definitions = Definitions::base().expect("the definitions compile");
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let (mut oracle, mut seconds, mut inputs) = (Some(shared.join("tools/hapi/oracle")), 3, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--java" => oracle = arguments.next().map(PathBuf::from),
            "--no-java" => oracle = None,
            "--seconds" => seconds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(seconds),
            "--bench" => {}
            path => match Input::read(Path::new(path)) {
                Some(input) => inputs.push(input),
                None => println!("{path} cannot be read"),
            },
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let is_whole = inputs.is_empty();
    if is_whole {
        let plan = folder.path().join("our-plan.json");
        std::fs::write(&plan, mapped(&definitions).root().to_json()).expect("a file");
        let example = shared.join("cases/fhir/hl7-r4-examples/CarePlan-example.json");
        inputs.extend([plan.as_path(), &example].into_iter().filter_map(Input::read));
    }
    println!("parsed input, all rules, processor time of one thread:");
    inputs.iter().for_each(|input| measure(input, &definitions));
    for entries in [10, 100, 1_000, 10_000].into_iter().filter(|_| is_whole) {
        linear(entries, &definitions);
    }
    match oracle.filter(|path| path.exists()) {
        Some(oracle) => beside_java(&oracle, seconds, &inputs, &definitions),
        None => println!("the reference Java validator is not at hand: `--java ORACLE` names it"),
    }
}
