//! A person's choice, normalised: rules with every dimension spelled out, and where they come from.

use super::decision::ChoiceRef;
use super::provision::{Rule, Span};
use super::words::{Code, Identity};
use crate::pure::fhir::Report;
use jiff::Timestamp;
use std::fmt;

/// How the Consent was written (`sharing-choices` §1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// R4 core: `policyRule` OPTIN or OPTOUT is the base, the root provision an exception to it.
    A,
    /// Typed root: the root provision is the choice, nested ones are exceptions to it.
    B,
    /// NHS Validated Relationships Service: a proxy's role, not a disclosure.
    Vrs,
    /// NHS End of Life: active is given, inactive is refused.
    Eol,
    /// Not readable: kept as an objection to all it might cover.
    Unread,
}

impl Dialect {
    /// Its word in decision records.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Dialect::A => "A",
            Dialect::B => "B",
            Dialect::Vrs => "vrs",
            Dialect::Eol => "eol",
            Dialect::Unread => "unread",
        }
    }
}

/// Whether a choice is in force, going by its status alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It counts.
    Active,
    /// It was in force and is no longer.
    Ended,
    /// It is not in force yet: draft, proposed.
    Proposed,
    /// It was entered in error.
    Error,
}

/// What the choice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Disclosure of the record.
    Privacy,
    /// Research: speaks to research only.
    Research,
    /// Treatment, an advance decision: speaks to no disclosure at all.
    Other,
    /// It does not say one thing: what it refuses counts, what it permits does not.
    Unclear,
}

/// A proxy's role (NHS VRS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Who may act for the person.
    pub proxy: Identity,
    /// The legal basis, as written: `parental-responsibility`; none where it is not known.
    pub basis: Option<String>,
    /// Why the status is what it is: `ROLE_CREATED`.
    pub status_reason: Option<String>,
}

/// One reading of a Consent: its rules, spelled out. An ambiguous Consent has two, and a deny of either counts.
pub type Reading = Vec<Rule>;

/// One choice of one person, ready to be matched. Made by [`super::read_choice`]; start from nothing else.
#[derive(Clone)]
pub struct Choice {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) dialect: Dialect,
    pub(super) patient: Identity,
    pub(super) standing: Standing,
    pub(super) scope: Scope,
    pub(super) categories: Vec<Code>,
    pub(super) dated: Option<Timestamp>,
    pub(super) key: Option<(String, String)>,
    pub(super) performers: Vec<Identity>,
    pub(super) decided_by: Option<String>,
    /// `verification` says that the instruction could not be verified with the person or the family.
    pub(super) unverified: bool,
    pub(super) validity: Option<Span>,
    pub(super) readings: Vec<Reading>,
    pub(super) role: Option<Role>,
    pub(super) warnings: Report,
    pub(super) digest: [u8; 32],
}

impl fmt::Debug for Choice {
    /// Which and how read; not whose (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Choice({}, {} readings)", self.dialect.code(), self.readings.len())
    }
}

impl Choice {
    /// Its id and version, as decisions cite it.
    #[must_use]
    pub fn reference(&self) -> ChoiceRef {
        ChoiceRef { reference: self.id.clone(), version: self.version.clone(), dialect: self.dialect.code() }
    }

    /// How it was written.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whose choice it is.
    #[must_use]
    pub fn patient(&self) -> &Identity {
        &self.patient
    }

    /// While it is in force, where it says so.
    #[must_use]
    pub fn validity(&self) -> Option<Span> {
        self.validity
    }

    /// Its identifier: a later choice with the same one replaces it.
    #[must_use]
    pub fn key(&self) -> Option<&(String, String)> {
        self.key.as_ref()
    }

    /// When it was decided, as far as it says.
    #[must_use]
    pub fn dated(&self) -> Option<Timestamp> {
        self.dated
    }

    /// Whether it is in force, going by its status.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Its readings; two where it can be read two ways.
    #[must_use]
    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }

    /// The proxy's role, where it is one (NHS VRS).
    #[must_use]
    pub fn role(&self) -> Option<&Role> {
        self.role.as_ref()
    }

    /// What its sender should hear: two readings, a missing date, a performer who is not the person.
    #[must_use]
    pub fn warnings(&self) -> &Report {
        &self.warnings
    }

    /// The same choice under the version that the store gave it.
    #[must_use]
    pub fn with_version(mut self, version: &str) -> Choice {
        version.clone_into(&mut self.version);
        self
    }
}
