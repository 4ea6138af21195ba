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
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
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
