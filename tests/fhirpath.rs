//! The FHIRPath engine: our own cases, which need nothing outside; random expressions; and the official R4 suite, where
//! it is at hand.

use sharewell::pure::profile::Definitions;
use std::sync::OnceLock;

#[path = "fhirpath/command.rs"]
mod command;
#[path = "fhirpath/hostile.rs"]
mod hostile;
#[path = "fhirpath/language.rs"]
mod language;
#[path = "fhirpath/patterns.rs"]
mod patterns;
#[path = "fhirpath/precedence.rs"]
mod precedence;
#[path = "fhirpath/random.rs"]
mod random;
#[path = "fhirpath/record.rs"]
mod record;
#[path = "fhirpath/suite.rs"]
mod suite;
#[path = "fhirpath/world.rs"]
mod world;

/// The R4 definitions out of the binary, loaded once.
fn definitions() -> &'static Definitions {
    static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();
    DEFINITIONS.get_or_init(|| Definitions::r4().expect("the definitions are embedded"))
}
