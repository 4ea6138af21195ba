//! How strict a validation is. The defaults are what the command, the front door and `$validate` use.

use crate::pure::fhir::Tree;
use jiff::Timestamp;
use std::sync::Arc;

/// How strict to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only what definitions say; without it also rules of ours, such as the check digit of an NHS number.
    pub definitions_only: bool,
    /// Invariants marked as best practice count too, as information: a narrative in every resource (dom-6).
    pub best_practice: bool,
    /// Extensions that are not loaded are errors, but for those of example domains; without it they are only told of.
    pub refuse_unknown_extensions: bool,
    /// Extensions whose url starts with one of these are never refused, loaded or not.
    pub extension_domains: Vec<String>,
    /// HTML in strings is an error and not a warning (R4 §6.1.0, injected content).
    pub security_checks: bool,
    /// HTML in markdown is an error.
    pub refuse_html_in_markdown: bool,
    /// Urls of example domains (`http://example.org/…`) are errors; without it they stand for what will be there.
    pub refuse_examples: bool,
    /// The languages whose displays are right, as tags of BCP 47; empty: those of the code system's own, and designations.
    pub languages: Vec<String>,
    /// What is asked of a reference's target.
    pub references: References,
    /// Further records that references may lead to, besides what the record itself holds; found by type and id.
    pub records: Vec<Arc<Tree>>,
    /// References that look like those of a server (`Type/id`) count as leading somewhere.
    pub assume_rest_references: bool,
    /// Profiles that the resources in a Bundle or Parameters should meet: place (`Patient:0`) and canonical url.
    pub entry_profiles: Vec<(String, String)>,
    /// Elements that a profile marks as must-support and that are absent are told, as information.
    pub must_support: bool,
    /// Modifier extensions and implicit rules that nobody here knows are errors: whoever acts on a record must know what
    /// changes its meaning (R4 extensibility.html#modifierExtension, resource.html#implicitRules).
    pub refuse_unknown_modifiers: bool,
    /// The time, for invariants that ask for it; without it those are not checked, and the report says so.
    pub now: Option<Timestamp>,
}

/// What is asked of the target of a reference. What lies outside the record is not fetched: validation works offline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// Its type and profile, where the record itself holds it.
    #[default]
    WhereHeld,
    /// Nothing.
    Ignored,
    /// That it is there, and of a type that is allowed.
    ExistAndType,
    /// That it meets the profiles that are allowed, where they ask for more than its type: what is not at hand is not
    /// shown to.
    Valid,
}
