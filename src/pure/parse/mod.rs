//! Parse: the bytes of a sender → [`Record`], a tree that remembers file, line and column of everything in it.
//!
//! Comes in: FHIR JSON, local JSON, or a zip of CSV files in a declared [`Layout`]. Goes out: a record whose shape is what
//! the format's schema or layout says. Refuses everything else, in bounded time and memory, with file, row, column, rule
//! and remedy; sizes that a file claims about itself are never believed. No message quotes a value of the record (P10).

mod csv;
pub mod layout;
mod render;
pub mod schema;
mod tables;
pub(crate) mod zip;

pub use layout::Layout;
pub use render::render;
pub use schema::Schema;

use crate::pure::fhir::{Limits, Report, Tree};
use std::sync::Arc;

/// How a format is written down.
#[derive(Clone, Debug)]
pub enum Syntax {
    /// FHIR R4 in JSON: a Bundle or one resource.
    FhirJson,
    /// A local record in JSON, with the schema of its format where it has one.
    Json(Option<Arc<Schema>>),
    /// A local record as a zip of CSV files.
    CsvZip(Arc<Layout>),
}

/// What is accepted before parsing gives up.
#[derive(Clone, Copy, Debug)]
pub struct ParseLimits {
    /// For JSON, and for the records that CSV becomes.
    pub json: Limits,
    /// Bytes that all files of a zip may inflate to.
    pub unzipped: usize,
    /// How many times larger than the zip they may be, once they are larger than a megabyte.
    pub ratio: usize,
    /// Files in a zip.
    pub entries: usize,
    /// Bytes in one CSV cell.
    pub cell: usize,
    /// Rows of one CSV file.
    pub rows: usize,
    /// Findings after which reading stops.
    pub issues: usize,
}

impl Default for ParseLimits {
    fn default() -> Self {
        ParseLimits {
            json: Limits::default(),
            unzipped: 32 << 20,
            ratio: 200,
            entries: 64,
            cell: 1 << 20,
            rows: 100_000,
            issues: 200,
        }
    }
}

/// A record that was read, in the words of its own format.
#[derive(Clone)]
pub struct Record {
    format: String,
    tree: Tree,
}

impl std::fmt::Debug for Record {
    /// Says which format, never what is in it (P10).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({}, {} nodes)", self.format, self.tree.len())
    }
}

impl Record {
    /// The name of its format: a folder of `mappings/`, or `fhir`.
    #[must_use]
    pub fn format(&self) -> &str {
        &self.format
    }

    /// What it holds.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Takes the tree out.
    #[must_use]
    pub fn into_tree(self) -> Tree {
        self.tree
    }
}

/// Reads a record.
///
/// # Errors
/// A report of everything that is wrong with the syntax, the layout or the schema, as far as reading could go on.
pub fn parse(format: &str, syntax: &Syntax, bytes: &[u8], limits: &ParseLimits) -> Result<Record, Report> {
    let tree = match syntax {
        Syntax::FhirJson => crate::pure::fhir::json::read(bytes, &limits.json)?,
        Syntax::Json(schema) => {
            let tree = crate::pure::fhir::json::read(bytes, &limits.json)?;
            if let Some(schema) = schema {
                schema.check(&tree, bytes, limits.issues)?;
            }
            tree
        }
        Syntax::CsvZip(layout) => tables::read(layout, format, bytes, limits)?,
    };
    Ok(Record { format: format.to_owned(), tree })
}
