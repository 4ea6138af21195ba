//! Is this record what the definitions say a record is? One walk over the tree, one report.
//!
//! Comes in: a tree (or a Draft) and [`Definitions`]. Goes out: a [`Report`], or [`Validated`], which only this room makes.
//! Refuses: a record with an error. What could not be checked is said in the report and never counted as right.

use crate::pure::fhir::{Issue, Report, Tree};
use crate::pure::profile::Definitions;
use openssl::sha::sha256;

/// Checks a resource against its type, the profiles it claims in `meta.profile`, and these further ones (canonical urls).
#[must_use]
pub fn check(_tree: &Tree, _profiles: &[&str], _definitions: &Definitions) -> Report {
    Issue::error("exception", "definitions-missing", "there are no definitions to check against".to_owned()).into()
}

/// A record without errors, and the report that says so. Nothing but this room can make one.
pub struct Validated {
    tree: Tree,
    report: Report,
    digest: [u8; 32],
}

impl Validated {
    /// Checks a tree as [`check`] does and keeps it where no error is found.
    ///
    /// # Errors
    /// The report, where it holds an error.
    pub fn new(tree: Tree, profiles: &[&str], definitions: &Definitions) -> Result<Validated, Report> {
        let report = check(&tree, profiles, definitions);
        if !report.is_valid() {
            return Err(report);
        }
        let digest = sha256(tree.root().to_json().as_bytes());
        Ok(Validated { tree, report, digest })
    }

    /// The record: a Bundle of type collection, or one resource.
    #[must_use]
    pub fn bundle(&self) -> &Tree {
        &self.tree
    }

    /// Warnings, and what was not checked.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// SHA-256 of the record as compact JSON.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

impl std::fmt::Debug for Validated {
    /// Says how large, never what (P10).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Validated({:?}, {} findings)", self.tree, self.report.issues.len())
    }
}
