//! Is this record what the definitions say a record is? One walk over the tree, one report.
//!
//! Comes in: a tree (or a Draft) and [`Definitions`]. Goes out: a [`Report`], or [`Validated`], which only this room makes.
//! Refuses: a record with an error. What could not be checked is said in the report and never counted as right.

mod index;
mod options;
mod overlay;
mod place;
mod rules;
mod walk;
mod world;

use crate::pure::fhir::{Issue, Report, Tree};
use crate::pure::fhirpath::World;
use crate::pure::map::Draft;
use crate::pure::profile::Definitions;
use index::Index;
use openssl::sha::sha256;
use walk::Walk;
use world::Known;

pub use options::{Options, References};

/// What the definitions know beyond a record, for FHIRPath: value sets and profiles.
#[must_use]
pub fn world(definitions: &Definitions) -> impl World + '_ {
    Known::new(definitions, Index::default(), Vec::new())
}

/// Checks a resource against its type, the profiles it claims in `meta.profile`, and these further ones (canonical urls).
#[must_use]
pub fn check(tree: &Tree, profiles: &[&str], definitions: &Definitions) -> Report {
    check_with(tree, profiles, definitions, Options::default())
}

/// The same, with options.
#[must_use]
pub fn check_with(tree: &Tree, profiles: &[&str], definitions: &Definitions, options: Options) -> Report {
    if tree.is_empty() {
        return Issue::error("structure", "empty", "there is nothing here".to_owned()).into();
    }
    let root = tree.root();
    let beside = options.records.iter().map(|tree| Index::of(tree.root())).collect();
    let known = Known::new(definitions, Index::of(root), beside);
    let mut walk = Walk::new(definitions, &known, &options, root);
    if walk.resource(root).is_some() {
        for url in profiles {
            match definitions.profile(url) {
                Some(profile) => walk.against(root, profile),
                None => walk.report.push(
                    Issue::error("not-found", "unknown-profile", format!("the profile `{url}` is not loaded")).on(root),
                ),
            }
        }
    }
    tidy(walk.report)
}

/// One finding once, in the order of the record: profiles that build on one another find the same thing again, and each
/// profile walks the record anew. What a mapping made keeps the order of the walk: its places are in several files.
fn tidy(mut report: Report) -> Report {
    let mut seen = std::collections::HashSet::new();
    report.issues.retain(|issue| seen.insert((issue.id.clone(), issue.expression.clone(), issue.text.clone())));
    if report.issues.iter().all(|i| i.place.as_ref().is_none_or(|p| p.file.is_none())) {
        report.issues.sort_by_key(|i| i.place.as_ref().map(|p| (p.line, p.column)));
    }
    report.unchecked.sort();
    report
}

/// Checks what a mapping made, or what was sent as FHIR. What a mapping made is held to our own profile for Bundles.
///
/// # Errors
/// The report, where it holds an error.
pub fn validate(draft: Draft, definitions: &Definitions) -> Result<Validated, Report> {
    const BUNDLE: &str = "https://sharewell.example/fhir/StructureDefinition/sharewell-bundle";
    let is_ours = draft.mapping.is_some() && definitions.profile(BUNDLE).is_some();
    let profiles: &[&str] = if is_ours { &[BUNDLE] } else { &[] };
    let mut before = draft.report;
    match Validated::new(draft.tree, profiles, definitions) {
        Ok(mut validated) if before.is_valid() => {
            before.extend(std::mem::take(&mut validated.report));
            validated.report = before;
            Ok(validated)
        }
        Ok(validated) => {
            before.extend(validated.report);
            Err(before)
        }
        Err(report) => {
            before.extend(report);
            Err(before)
        }
    }
}

/// A record without errors, and the report that says so. Nothing but this room can make one.
pub struct Validated {
    tree: Tree,
    report: Report,
    digest: [u8; 32],
}

impl Validated {
    /// Checks a tree as [`check`] does, refuses what changes its meaning in a way that is not known here, and keeps it where
    /// no error is found.
    ///
    /// # Errors
    /// The report, where it holds an error.
    pub fn new(tree: Tree, profiles: &[&str], definitions: &Definitions) -> Result<Validated, Report> {
        let options = Options { refuse_unknown_modifiers: true, ..Options::default() };
        let report = check_with(&tree, profiles, definitions, options);
        if !report.is_valid() {
            return Err(report);
        }
        let digest = sha256(tree.root().to_json().as_bytes());
        // what was built piece by piece is put in order: records of one digest are then the same node for node, and what
        // is decided of one by its nodes holds for the other
        let tree = if tree.is_in_order() { tree } else { Tree::copy_of(tree.root()) };
        Ok(Validated { tree, report, digest })
    }

    /// The record: a Bundle of type collection, or one resource. Its nodes are numbered in the order of its JSON.
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
