//! What validating costs, all rules on, on one core, parsed input: against a bare parse of the same bytes in the same run.
//!
//! `cargo bench --bench validate [-- FILE…]`; without files, the plan of the demo.

use cpu_time::ThreadTime;
use sharewell::embedded;
use sharewell::pure::fhir::{Limits, Report, json};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::check;
use std::hint::black_box;
use std::time::Duration;

fn cost(mut work: impl FnMut()) -> Duration {
    (0..50).for_each(|_| work());
    let start = ThreadTime::now();
    let mut times = 0;
    while start.elapsed() < Duration::from_millis(700) {
        (0..50).for_each(|_| work());
        times += 50;
    }
    start.elapsed() / times
}

fn said(report: &Report) -> String {
    report.issues.iter().filter(|i| i.is_error()).map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn measure(name: &str, bytes: &[u8], definitions: &Definitions) {
    let Ok(tree) = json::read(bytes, &Limits::default()) else { return println!("{name}: not JSON") };
    let bare = cost(|| drop(black_box(serde_json::from_slice::<serde_json::Value>(bytes))));
    let took = cost(|| drop(black_box(check(&tree, &[], definitions))));
    let report = check(&tree, &[], definitions);
    let valid = if report.is_valid() { String::new() } else { format!("  invalid: {}", said(&report)) };
    let per_second = 1.0 / took.as_secs_f64();
    let ratio = took.as_secs_f64() / bare.as_secs_f64();
    println!("{name:<44} {:>7} bytes {per_second:>9.0}/s  {ratio:>6.2} x a bare parse{valid}", bytes.len());
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
    let start = ThreadTime::now();
    let times = 20_000 / entries;
    (0..times).for_each(|_| drop(black_box(check(&tree, &[], definitions))));
    let each = start.elapsed() / times / entries;
    println!("Bundle of {entries:>6} entries: {:>6} ns an entry", each.as_nanos());
}

fn main() {
    let definitions = Definitions::base().expect("the definitions compile");
    let files: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if files.is_empty() {
        for file in embedded::files("fixtures/demo/").iter().filter(|f| f.path == "upstream.json") {
            measure(&file.path, &file.bytes, &definitions);
        }
    }
    for entries in [10, 100, 1_000, 10_000] {
        linear(entries, &definitions);
    }
    for path in files {
        match std::fs::read(&path) {
            Ok(bytes) => measure(path.rsplit('/').next().unwrap_or(&path), &bytes, &definitions),
            Err(error) => println!("{path}: {error}"),
        }
    }
}
