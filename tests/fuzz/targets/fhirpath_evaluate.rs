//! The FHIRPath evaluator: an expression on a record ends within its limits, and ends the same twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sharewell::pure::fhir::{Limits, Tree, json};
use sharewell::pure::fhirpath::{Context, Expression};
use sharewell::pure::validate::world;
use sharewell_fuzz::{RECORDS, definitions, within};
use std::sync::OnceLock;

fn records() -> &'static [Tree] {
    static TREES: OnceLock<Vec<Tree>> = OnceLock::new();
    let read = |text: &&str| json::read(text.as_bytes(), &Limits::default()).expect("a seed is JSON");
    TREES.get_or_init(|| RECORDS.iter().map(read).collect())
}

fuzz_target!(|data: &[u8]| {
    let Some((which, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(expression) = Expression::compile(text) else { return };
    let tree = &records()[usize::from(*which) % RECORDS.len()];
    let world = world(definitions());
    let mut context = Context::new(definitions(), &world, "2026-11-22T12:00:00Z".parse().expect("it is a time"));
    context.lenient = which & 0x80 == 0;
    let once = || {
        within(512 << 20, || {
            let values = expression.evaluate(&context, tree.root()).map_err(|error| format!("{error:?}"));
            values.map(|values| values.iter().take(100).map(|v| v.written(&context)).collect::<Vec<_>>())
        })
    };
    assert_eq!(once(), once());
});
