//! A person's choice, normalised: rules with every dimension spelled out, and where they come from.

use super::decision::ChoiceRef;
use super::provision::{Rule, Span};
use super::words::{Code, Identity};
use crate::pure::fhir::Report;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the Consent was written (`sharing-choices` §1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    #[serde(skip)]
    pub(super) warnings: Report,
    pub(super) digest: [u8; 32],
    pub(super) recorder: Option<String>,
    pub(super) taken: Taken,
}

/// Which of its readings holds, where a choice can be read in more than one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taken {
    /// As it is written. Of two readings, what either keeps back is kept back.
    #[default]
    AsWritten,
    /// Nobody has said yet which is meant: its objections count, its permissions do not.
    Awaiting,
    /// The person, or who recorded it, has said that it is this one, counted from 0.
    Reading(usize),
}

impl Taken {
    /// Its word: `as-written`, `awaiting`, `scope` or `exception`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Taken::AsWritten => "as-written",
            Taken::Awaiting => "awaiting",
            Taken::Reading(0) => "scope",
            Taken::Reading(_) => "exception",
        }
    }

    /// The one of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Taken> {
        Some(match word {
            "as-written" => Taken::AsWritten,
            "awaiting" => Taken::Awaiting,
            "scope" => Taken::Reading(0),
            "exception" => Taken::Reading(1),
            _ => return None,
        })
    }
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

    /// Who is named as having chosen; empty where nobody is.
    #[must_use]
    pub fn performers(&self) -> &[Identity] {
        &self.performers
    }

    /// By what right it was chosen, in the words of CodeSystem decided-by: `person`, `lpa-health-welfare`.
    #[must_use]
    pub fn decided_by(&self) -> Option<&str> {
        self.decided_by.as_deref()
    }

    /// What it is about.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The party that recorded it, by its id in the configuration, where the store told.
    #[must_use]
    pub fn recorder(&self) -> Option<&str> {
        self.recorder.as_deref()
    }

    /// Which of its readings holds.
    #[must_use]
    pub fn taken(&self) -> Taken {
        self.taken
    }

    /// Whether it can be read in two ways that differ, so that somebody has to say which is meant.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.readings.len() > 1 && self.taken == Taken::AsWritten
    }

    /// The same choice as the store holds it: its id and version there, and the party that recorded it. A later version
    /// replaces an earlier one of the same party's only.
    #[must_use]
    pub fn stored(mut self, id: &str, version: u64, recorder: &str) -> Choice {
        self.id = format!("Consent/{id}");
        self.version = version.to_string();
        self.recorder = Some(recorder.to_owned());
        self
    }

    /// The same choice with what was said about its readings. A reading that it does not have leaves it awaiting.
    #[must_use]
    pub fn taken_as(mut self, taken: Taken) -> Choice {
        self.taken = match taken {
            Taken::Reading(at) if at < self.readings.len() => {
                self.readings = vec![self.readings.swap_remove(at)];
                taken
            }
            Taken::Reading(_) => Taken::Awaiting,
            other => other,
        };
        self
    }

    /// Whether whoever made it had the right to, as far as these facts tell. Unknown: its objections count, its permissions
    /// do not (rule C7).
    #[must_use]
    pub fn authority(&self, facts: &super::Facts, now: Timestamp) -> super::words::Truth {
        super::authority::had_authority(self, facts, now)
    }

    /// Whether any of its rules, in any reading, objects to something.
    #[must_use]
    pub fn objects(&self) -> bool {
        self.dialect == Dialect::Unread
            || self.standing == Standing::Active
                && self.dialect != Dialect::Vrs
                && self.readings.iter().flatten().any(|rule| rule.says == super::provision::Says::Deny)
    }

    /// Whether any of its rules, in any reading, permits something.
    #[must_use]
    pub fn permits(&self) -> bool {
        self.standing == Standing::Active
            && self.readings.iter().flatten().any(|rule| rule.says == super::provision::Says::Permit)
    }
}
