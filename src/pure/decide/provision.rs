//! One rule of a choice with every dimension spelled out, and whether it matches: three-valued, dimensions ANDed.

use super::words::{Action, Code, Identity};
use crate::pure::fhir::When;

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// It may go.
    Permit,
    /// It may not.
    Deny,
}

impl Says {
    /// The other one.
    #[must_use]
    pub fn opposite(self) -> Says {
        match self {
            Says::Permit => Says::Deny,
            Says::Deny => Says::Permit,
        }
    }
}

/// In what part an actor stands in a provision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Who receives: IRCP, PRCP, or no role at all.
    Recipient,
    /// Who holds the data (CST): not the recipient.
    Custodian,
    /// Some other part, which we do not judge by.
    Other,
}

/// An actor of a provision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// In what part.
    pub part: Part,
    /// Who. Empty where only an audience is named.
    pub who: Identity,
    /// Code of sharing-audience.
    pub audience: Option<String>,
}

/// A span of time; either end may be open, both count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From.
    pub from: Option<When>,
    /// Until, the whole of it.
    pub until: Option<When>,
}

/// How a provision's `data.reference` reaches data (R4 consent-data-meaning).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// That resource.
    Instance,
    /// That resource and what it refers to.
    Related,
    /// That resource and what refers to it.
    Dependents,
    /// What that party wrote.
    AuthoredBy,
}

/// One rule. An empty dimension says nothing, and so covers everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Permit or deny.
    pub says: Says,
    /// How deep it stands: the deepest that matches wins.
    pub depth: u8,
    /// Any of these.
    pub actors: Vec<Actor>,
    /// Any of these, or what lies below them.
    pub purposes: Vec<Code>,
    /// Any of these.
    pub actions: Vec<Action>,
    /// While this lasts.
    pub period: Option<Span>,
    /// Data of this time.
    pub data_period: Option<Span>,
    /// Any of these labels.
    pub labels: Vec<Code>,
    /// Any of these classes.
    pub classes: Vec<Code>,
    /// Any of these codes.
    pub codes: Vec<Code>,
    /// Any of these.
    pub data: Vec<(Meaning, String)>,
    /// Holds something that we could not read: then it matches nothing for certain, and everything perhaps.
    pub unclear: bool,
}
