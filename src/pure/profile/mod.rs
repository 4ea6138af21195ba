//! What the definitions say: StructureDefinitions, ValueSets and CodeSystems, compiled once into tables to walk along.
//!
//! Comes in: FHIR packages, as files. Goes out: [`Definitions`], immutable, to be shared by all rooms.
//! Refuses: a definition that contradicts itself, naming file, element and line (R4 §5.1 profiling).

use crate::pure::fhir::{File, Issue, Report};

/// Everything known about types, profiles and codes. Immutable; share it as an `Arc`.
#[derive(Default)]
pub struct Definitions {}

impl Definitions {
    /// The R4 base and Sharewell's own profiles, both out of the binary.
    ///
    /// # Errors
    /// A report that names file, element and line of each definition that cannot be compiled.
    pub fn base() -> Result<Definitions, Report> {
        Err(unavailable())
    }

    /// The R4 base alone.
    ///
    /// # Errors
    /// As [`Definitions::base`].
    pub fn r4() -> Result<Definitions, Report> {
        Err(unavailable())
    }

    /// The same with a further package: its files, one by one, or as a `.tgz`.
    ///
    /// # Errors
    /// As [`Definitions::base`].
    pub fn with_files(self, _files: &[File]) -> Result<Definitions, Report> {
        Err(unavailable())
    }
}

fn unavailable() -> Report {
    Issue::error("exception", "definitions-missing", "there are no definitions in this program".to_owned()).into()
}

impl std::fmt::Debug for Definitions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Definitions")
    }
}
