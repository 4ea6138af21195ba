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

fn main() {
    let definitions = Definitions::base().expect("the definitions compile");
    let files: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if files.is_empty() {
        for file in embedded::files("fixtures/demo/").iter().filter(|f| f.path == "upstream.json") {
            measure(&file.path, &file.bytes, &definitions);
        }
    }
    for path in files {
        match std::fs::read(&path) {
            Ok(bytes) => measure(path.rsplit('/').next().unwrap_or(&path), &bytes, &definitions),
            Err(error) => println!("{path}: {error}"),
        }
    }
}
