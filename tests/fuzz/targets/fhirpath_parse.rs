//! The FHIRPath parser: text is an expression, or an error at a place inside the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sharewell::pure::fhirpath::Expression;
use sharewell_fuzz::within;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // patterns are compiled with the expression, sixteen at most
    match within(2_000 * data.len() + (64 << 20), || Expression::compile(text)) {
        Ok(expression) => assert_eq!(expression.text(), text),
        Err(error) => {
            assert!(error.offset <= text.len(), "{error:?}");
            assert!(!error.text.is_empty());
        }
    }
});
