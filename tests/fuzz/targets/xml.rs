//! The XML reader: never a panic, never more memory than the text deserves, findings that are placed and few; and what was
//! read without a finding is written, where it can be, as what reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sharewell::pure::fhir::{Limits, xml};
use sharewell_fuzz::{definitions, within};

fuzz_target!(|data: &[u8]| {
    let definitions = definitions();
    let read = within(1_000 * data.len() + (1 << 20), || xml::read_whole(data, &Limits::default(), definitions));
    let (tree, report) = match read {
        Ok(read) => read,
        Err(report) => (Default::default(), report),
    };
    for issue in &report.issues {
        assert!(issue.remedy.is_some() && issue.rule.is_some() || issue.id == "encoding", "{issue}");
        assert!(issue.place.is_some(), "{issue}");
    }
    assert!(report.issues.len() <= 100);
    if tree.is_empty() || !report.issues.is_empty() {
        return;
    }
    // what a type does not know, or what is empty, may be refused; what is written must be the same
    if let Ok(written) = xml::write(tree.root(), definitions) {
        let again = xml::read(written.as_bytes(), &Limits::default(), definitions).expect("what we write can be read");
        assert_eq!(again.root().to_json(), tree.root().to_json());
        assert_eq!(xml::write(again.root(), definitions).ok(), Some(written));
    }
});
