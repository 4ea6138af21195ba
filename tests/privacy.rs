//! P10: nothing that the program prints, logs, counts or answers to strangers names a person of the fixtures.

use std::process::Command;

/// The people of the fixtures, as `tests/names.sh` lists them: words, and the 999 test range.
fn people() -> regex::Regex {
    let script = include_str!("names.sh");
    let list = script.split("NAMES'").nth(1).and_then(|rest| rest.split("NAMES").next()).expect("the list is there");
    let words: Vec<&str> = list.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    assert!(words.len() >= 5, "the list of names is read");
    regex::Regex::new(&words.join("|")).expect("the names are patterns")
}

fn sharewell(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sharewell"))
        .args(arguments)
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "1")
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.is_empty(), "{arguments:?} says something");
    text
}

fn names_nobody(text: &str, what: &str) {
    if let Some(found) = people().find(text) {
        let line = text[..found.start()].matches('\n').count() + 1;
        panic!("{what} names a person of the fixtures in line {line}");
    }
}

#[test]
fn the_list_of_names_finds_the_people_of_the_fixtures() {
    let record = include_str!("../fixtures/demo/person-held-1.json");
    assert!(people().find_iter(record).count() > 3);
}

#[test]
fn the_demo_with_every_log_line_names_nobody() {
    names_nobody(&sharewell(&["demo"]), "the demo");
}

#[test]
fn refusals_on_the_terminal_name_nobody() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo");
    for file in ["person-held-1.json", "upstream.json"] {
        let path = format!("{folder}/{file}");
        names_nobody(&sharewell(&["validate", &path]), file);
        // The wrong mapping for the file: everything about it is refused.
        names_nobody(&sharewell(&["map", "--mapping", "provider-portal", "--to", "fhir", &path]), file);
    }
}
