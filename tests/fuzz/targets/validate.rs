//! The validator: any record gets a verdict, the same one twice, and the same one in XML where XML can say it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sharewell::pure::fhir::{Limits, Report, json, xml};
use sharewell::pure::validate::check;
use sharewell_fuzz::{RECORDS, definitions, made, within};

/// The findings, without what depends on syntax.
fn findings(report: &Report) -> Vec<(String, Option<String>)> {
    let mut all: Vec<_> = report.issues.iter().map(|i| (i.id.to_string(), i.expression.clone())).collect();
    all.sort();
    all
}

fuzz_target!(|data: &[u8]| {
    let value = made(RECORDS, data);
    let text = value.to_string();
    let Ok(tree) = json::read(text.as_bytes(), &Limits::default()) else { return };
    let report = within((64 << 20) + 5_000 * text.len(), || check(&tree, &[], definitions()));
    for issue in &report.issues {
        assert!(!issue.text.is_empty());
    }
    assert!(report.issues.len() <= 501);
    assert_eq!(check(&tree, &[], definitions()), report);
    assert!(!report.outcome().is_empty());
    if let Ok(written) = xml::write(tree.root(), definitions()) {
        let again =
            xml::read(written.as_bytes(), &Limits::default(), definitions()).expect("what we write can be read");
        let again = check(&again, &[], definitions());
        assert_eq!(again.is_valid(), report.is_valid(), "{:?}\n{:?}", findings(&report), findings(&again));
    }
});
