//! The files that travel inside the binary: `profiles/`, `mappings/`, `deploy/` and the records of the demo.

use crate::pure::fhir::File;
use std::borrow::Cow;

static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The embedded files below a folder (`mappings/`), their paths counted from there.
#[must_use]
pub fn files(folder: &str) -> Vec<File> {
    let below = FILES.iter().filter_map(|(path, bytes)| Some((path.strip_prefix(folder)?, bytes)));
    below
        .map(|(path, bytes)| File { path: path.trim_start_matches('/').to_owned(), bytes: Cow::Borrowed(*bytes) })
        .collect()
}
