//! The JSON reader: never a panic, never more memory than the text deserves, the verdict of `serde_json` but for what we
//! refuse on purpose, and what was read is written as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sharewell::pure::fhir::{Limits, json};
use sharewell_fuzz::within;

/// What receivers read differently, or cannot hold.
const STRICTER: &[&str] = &["json-duplicate-name", "number-range", "too-deep", "json-surrogate", "encoding"];

fuzz_target!(|data: &[u8]| {
    let read = within(400 * data.len() + (1 << 20), || json::read(data, &Limits::default()));
    let theirs = serde_json::from_slice::<serde_json::Value>(data);
    match read {
        Ok(tree) => {
            theirs.expect("serde_json reads what we read");
            let written = tree.root().to_json();
            let again = json::read(written.as_bytes(), &Limits::default()).expect("what we write can be read");
            assert_eq!(again.root().to_json(), written);
            assert_eq!(
                json::read(tree.root().to_json_pretty().as_bytes(), &Limits::default()).map(|t| t.len()).ok(),
                Some(tree.len())
            );
            for item in tree.root().descendants().into_iter().step_by(tree.len() / 50 + 1) {
                item.place().expect("what was read has a place");
                let _ = item.path();
            }
        }
        Err(report) => {
            let issue = &report.issues[0];
            assert!(issue.remedy.is_some() && (issue.place.is_some() || issue.id == "too-large"), "{issue}");
            assert!(theirs.is_err() || STRICTER.contains(&&*issue.id), "{issue}");
        }
    }
});
