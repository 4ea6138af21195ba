//! The invariants of the house: what no room may do, held by reading the source.

use std::fs;
use std::path::{Path, PathBuf};

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code of a file without its tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("the file can be read");
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn pure_rooms_know_no_clock_socket_file_chance_or_async() {
    let banned = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::io::stdin",
        "std::time::Instant",
        "SystemTime",
        "Timestamp::now",
        "Zoned::now",
        "tokio",
        "hyper",
        "reqwest",
        "rusqlite",
        "uuid::",
        "async fn",
        ".await",
        "crate::edge",
        "crate::gateway",
        "crate::cli",
        "rand::",
        "println!",
        "eprintln!",
        "tracing::",
    ];
    for path in rust_files(&source().join("pure")) {
        let code = code(&path);
        for word in banned {
            assert!(!code.contains(word), "{} uses `{word}`", path.display());
        }
    }
}

#[test]
fn every_file_says_in_its_first_line_what_it_is_for() {
    for path in rust_files(&source()) {
        let text = fs::read_to_string(&path).expect("the file can be read");
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 20, "{} does not introduce itself", path.display());
        assert!(!first.contains("being built"), "{} is a stub", path.display());
    }
}

/// Where a type that carries a promise may be made: its own room, and nowhere else.
#[test]
fn what_carries_a_promise_is_made_in_its_own_room_only() {
    let rooms = [
        ("Caller", "edge/authenticate"),
        ("Validated", "pure/validate"),
        ("Permit", "pure/decide"),
        ("Releasable", "pure/redact"),
        ("Departure", "edge/store"),
        ("Begun", "edge/record"),
    ];
    for path in rust_files(&source()) {
        let below = path.strip_prefix(source()).expect("it is below").to_string_lossy().replace('\\', "/");
        let code = code(&path);
        for (name, room) in rooms {
            let made = code.lines().any(|line| makes(line, name));
            assert!(!made || below.starts_with(room), "{below} makes a `{name}`, which only `{room}` may");
        }
    }
}

/// Whether a line builds a value of this struct: `Name { field`, not its definition, an impl, or a pattern's type.
fn makes(line: &str, name: &str) -> bool {
    let Some(at) = line.find(&format!("{name} {{")) else { return false };
    let before = &line[..at];
    let word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let declared = ["struct ", "impl ", "for ", "enum ", "-> "].iter().any(|k| before.ends_with(k));
    // `Effect::Permit {` is a variant of something else.
    let variant = before.ends_with("::") && !before.ends_with("Self::");
    !word && !declared && !variant && !before.contains("impl")
}

#[test]
fn fields_of_what_carries_a_promise_are_private() {
    let structs = [
        ("pure/validate/mod.rs", "Validated"),
        ("pure/decide/decision.rs", "Permit"),
        ("pure/redact/mod.rs", "Releasable"),
        ("edge/authenticate/mod.rs", "Caller"),
        ("edge/store/message.rs", "Departure"),
    ];
    for (file, name) in structs {
        let text = code(&source().join(file));
        let body = text.split(&format!("pub struct {name} {{")).nth(1).unwrap_or_else(|| panic!("{file} has `{name}`"));
        let body = body.split('}').next().unwrap_or_default();
        assert!(!body.lines().any(|l| l.trim_start().starts_with("pub ")), "`{name}` has a public field");
    }
}

#[test]
fn deliver_takes_a_releasable_and_nothing_else_of_a_record() {
    let code = code(&source().join("edge/deliver/mod.rs"));
    assert!(code.contains("pub async fn deliver(&self, releasable: &Releasable, departure: &Departure)"));
    for other in ["Validated", "Draft", "StoredRecord"] {
        assert!(!code.contains(other), "deliver knows `{other}`");
    }
}

#[test]
fn only_the_gateway_joins_the_pure_rooms_to_the_edge() {
    let walk =
        ["parse::parse(", "map::map(", "validate::validate(", "decide::decide", "decide::prepare(", "redact::redact("];
    for path in rust_files(&source().join("edge")) {
        let code = code(&path);
        for call in walk {
            assert!(!code.contains(call), "{} calls `{call}…)`", path.display());
        }
    }
}

#[test]
fn a_choice_is_told_as_a_releasable_and_in_no_other_way() {
    let code = code(&source().join("gateway/choices/read.rs"));
    // what answers is made of what `redact` gave; the stored text goes into `walk_fhir`, and nowhere else
    let answers: Vec<&str> = code.lines().filter(|l| l.contains("Answer::")).map(str::trim).collect();
    let by = |line: &&str| line.contains("Answer::fhir(StatusCode::OK, &tree)") || line.contains("Answer::issue(");
    assert!(!answers.is_empty() && answers.iter().all(by), "{answers:?}");
    for made in
        ["let tree = found.as_ref().and_then(|found| ask::resource(found", "let tree = redact::shape_history(&found"]
    {
        assert!(code.contains(made), "a tree is made otherwise than by `{made}`");
    }
    assert!(
        code.contains(
            "async fn release(&mut self, person: &Person, stored: &StoredConsent) -> Result<Option<Releasable>"
        )
    );
    assert_eq!(code.matches("represented(").count(), 1, "a stored choice is written out in one place");
    assert!(!code.contains("stored.consent"), "the stored text is not touched");
}

#[test]
fn no_file_is_so_large_that_nobody_tends_it() {
    for path in rust_files(&source()) {
        let lines = fs::read_to_string(&path).expect("the file can be read").lines().count();
        assert!(lines <= 600, "{} has {lines} lines", path.display());
    }
}
