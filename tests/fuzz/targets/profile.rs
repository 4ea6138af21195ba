//! The profile compiler: a StructureDefinition, however mangled, compiles or is refused with its file and a text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sharewell::pure::fhir::{Limits, json};
use sharewell::pure::profile::{compile, structure};
use sharewell_fuzz::{PROFILES, definitions, made, within};

fuzz_target!(|data: &[u8]| {
    let text = made(PROFILES, data).to_string();
    let Ok(tree) = json::read(text.as_bytes(), &Limits::default()) else { return };
    let compiled = within((64 << 20) + 2_000 * text.len(), || {
        let structure = structure::build(tree.root(), "fuzz.json", definitions(), 0)?;
        compile::compile(&structure, 0, "fuzz.json", definitions())
    });
    match compiled {
        Ok(profile) => assert!(!profile.nodes.is_empty()),
        Err(report) => assert!(report.issues.iter().all(|i| !i.text.is_empty()) && !report.is_valid()),
    }
});
