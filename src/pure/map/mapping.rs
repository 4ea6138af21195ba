//! A mapping, compiled: what `mappings/<name>/map.yaml` says, checked and ready to run in both directions.

use crate::pure::fhir::{File, Issue, Report};
use crate::pure::parse::Syntax;
use crate::pure::profile::Definitions;

/// One local format, compiled. Immutable; share it.
#[derive(Debug)]
pub struct Mapping {
    name: String,
    syntax: Syntax,
}

impl Mapping {
    /// Compiles `<name>/map.yaml` and what stands beside it. `files` are those below `mappings/`.
    ///
    /// # Errors
    /// A report of every mistake in the mapping, with file, line, column and remedy.
    pub fn compile(name: &str, files: &[File], definitions: &Definitions) -> Result<Mapping, Report> {
        let _ = (files, definitions);
        Err(Issue::error("not-supported", "mapping-not-ready", format!("mapping `{name}` cannot be compiled yet"))
            .into())
    }

    /// The name of the format: its folder in `mappings/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How records of this format are written down.
    #[must_use]
    pub fn syntax(&self) -> &Syntax {
        &self.syntax
    }
}
