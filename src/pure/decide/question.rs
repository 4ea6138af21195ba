//! What is asked: who wants which record of whom, for what purpose, to do what, and when.

use super::words::{Action, Code, Identity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A recipient or a caller, as configuration knows it. Start from `Party::default()`: nobody, who may have nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Party {
    /// Its name in configuration: `st-orrins-hospice`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How it is known: an ODS code, an app id.
    pub identifiers: Vec<(String, String)>,
    /// Codes of sharing-audience it belongs to.
    pub audiences: Vec<String>,
    /// Purposes of use it may ask under (v3 ActReason). None = none.
    pub purposes: Vec<String>,
    /// References by which choices may name it: `Organization/x`, the user's `Practitioner/y`.
    pub references: Vec<String>,
    /// Groups and teams it is a member of, by reference, resolved before the decision.
    pub groups: Vec<String>,
    /// Whether all groups and roles it could be in are known. Where not, a choice that names a group is unknown.
    pub groups_known: bool,
    /// Roles of the policy it holds: `break-glass`, `health-professional`, `safeguarding-lead`.
    pub roles: Vec<String>,
    /// The person it acts for, where it is a person or their app, and not an organisation.
    pub person: Option<Identity>,
}

/// A declared emergency, or a declared need to go past what the choices say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakGlass {
    /// Reason code of the policy: `unconscious`, `life-threat`.
    pub reason: String,
    /// The caller's own words. Goes to the audit log, never to a log line.
    pub text: String,
    /// The person has agreed just now.
    pub agreed_now: bool,
    /// The person cannot be asked.
    pub cannot_ask: bool,
    /// When it was declared. None counts as now.
    pub declared_at: Option<Timestamp>,
}

/// Whether the party is taken to care for the person (rule P2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// As the evidence has it: a recorded relationship, or a choice that names the party.
    #[default]
    Evidence,
    /// Somebody else has seen to it.
    Presumed,
    /// It is known that there is none.
    Absent,
}

/// What holds where no choice speaks, when the request says so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fallback {
    /// Everything may go.
    Permit,
    /// Nothing may go.
    Deny,
    /// IHE PCF `Policy-basic-normal`: treatment, payment, operations, up to label N.
    BasicNormal,
    /// IHE PCF `Policy-all-normal`: any purpose, up to label N.
    AllNormal,
    /// IHE PCF `Policy-break-glass-only`.
    BreakGlassOnly,
}

/// One question to decide.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Who would receive it.
    pub party: Party,
    /// For what (v3 ActReason): `TREAT`. Several must all be covered.
    pub purposes: Vec<Code>,
    /// To do what.
    pub action: Action,
    /// Now. Never read from a clock in here.
    pub now: Timestamp,
    /// Whether `now` is known. Where it is not, whatever depends on the time is unknown.
    pub now_known: bool,
    /// Who holds the data, where that is known.
    pub custodian: Option<Identity>,
    /// A declared emergency.
    pub break_glass: Option<BreakGlass>,
    /// Legal bases and statutory exemptions the caller declares: `gra-2005-635`, `s251`.
    pub declared_bases: Vec<String>,
    /// The caller says that they care for the person, and nobody else does.
    pub self_claimed: bool,
    /// Categories or scopes of Consent it is asked under; none = any.
    pub categories: Vec<Code>,
    /// Whether the party is taken to care for the person.
    pub relation: Relation,
    /// What holds where no choice speaks; none = as the policy says.
    pub fallback: Option<Fallback>,
}

impl Question {
    /// May `party` have it, for one purpose of v3 ActReason?
    #[must_use]
    pub fn new(party: Party, purpose: &str, action: Action, now: Timestamp) -> Question {
        Question {
            party,
            purposes: vec![Code::of(super::words::ACT_REASON, purpose)],
            action,
            now,
            now_known: true,
            custodian: None,
            break_glass: None,
            declared_bases: Vec::new(),
            self_claimed: false,
            categories: Vec::new(),
            relation: Relation::Evidence,
            fallback: None,
        }
    }
}

/// What a pull asks a source for, before the source is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Resource types: `CarePlan`.
    pub types: Vec<String>,
    /// Search parameters, names with their modifiers and chains as written: `category`, `goal.description`.
    pub parameters: Vec<String>,
}
