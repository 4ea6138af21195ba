//! Definitions from outside: in whatever form they come they say the same, broken ones are refused with file, element and
//! line, two of one url are told, hostile packages with a sentence, and value sets hold the codes that their `compose` says.

mod broken;
mod codes;
mod forms;
mod twice;

use serde_json::Value;
use sharewell::pure::fhir::File;
use std::borrow::Cow;

/// A file of definitions.
fn file(name: &str, content: &Value) -> File {
    let text = serde_json::to_string_pretty(content).expect("it can be written");
    File { path: name.to_owned(), bytes: Cow::Owned(text.into_bytes()) }
}

fn raw(name: &str, content: impl Into<Vec<u8>>) -> File {
    File { path: name.to_owned(), bytes: Cow::Owned(content.into()) }
}
