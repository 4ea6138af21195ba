//! What is known when a decision is made: the person's choices, facts about them, bars and orders. Values, gathered before.

use super::choice::Choice;
use super::question::BreakGlass;
use super::words::{Identity, Truth};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything the decision rests on. Gathered outside and handed in, so that a decision can be replayed.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Whose record it is.
    pub subject: Identity,
    /// Their choices, in any order.
    pub choices: Vec<Choice>,
    /// Counts up with every change of the person's choices.
    pub epoch: u64,
    /// What is known about them.
    pub facts: Facts,
    /// When all this was read.
    pub read_at: Timestamp,
    /// Others whose data may stand in the record: a carer, a sibling. Their own choices speak for what is theirs.
    pub others: Vec<Other>,
}

/// Somebody else whose data may stand in the person's record, and what they have chosen about them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Other {
    /// Who.
    pub who: Identity,
    /// Their choices, in any order.
    pub choices: Vec<Choice>,
    /// What is known about them.
    pub facts: Facts,
}

impl Evidence {
    /// When it is too old to decide by (rule X2), in seconds since 1970; none where the policy sets no limit.
    pub(super) fn stale_at(&self, policy: &super::policy::Policy) -> Option<i64> {
        policy.max_age_seconds.map(|limit| self.read_at.as_second().saturating_add(limit).saturating_add(1))
    }

    /// Nothing is known but whose record it is.
    #[must_use]
    pub fn none(subject: Identity, read_at: Timestamp) -> Evidence {
        Evidence { subject, choices: Vec::new(), epoch: 0, facts: Facts::default(), read_at, others: Vec::new() }
    }
}

/// Whether the person can decide about sharing for themselves (Mental Capacity Act 2005: presumed, decision-specific).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Capacity {
    /// Nobody has said otherwise: presumed from 16 (MCA s1).
    #[default]
    Presumed,
    /// Assessed for this decision: has it. For a child under 16: Gillick-competent.
    Has,
    /// Assessed for this decision: lacks it.
    Lacks,
}

/// Facts about the person, as far as they are known. The default knows nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// Capacity to decide about sharing.
    pub capacity: Capacity,
    /// Since when that was so: the day it was assessed. None: nobody says, and it counts for all times.
    pub capacity_since: Option<Timestamp>,
    /// Age in whole years; the youngest they can be, where their date of birth is not known to the day.
    pub age: Option<u16>,
    /// The oldest they can be, where that is more than `age`.
    pub age_at_most: Option<u16>,
    /// When they died.
    pub died: Option<Timestamp>,
    /// Who may speak for them, and by what right.
    pub representatives: Vec<Representative>,
    /// Whether a missing entry in `representatives` means that there is none (true), or that nobody has looked (false).
    pub authority: Authority,
    /// Parties who care for them.
    pub relationships: Vec<Relationship>,
    /// National Data Opt-Out: whether they opted out, where it was checked.
    pub opted_out: Option<bool>,
    /// When that was checked. None: for this very question.
    pub opt_out_checked: Option<Timestamp>,
    /// PDS says that their address is restricted.
    pub restricted: bool,
    /// Whether their NHS number was verified. None = not asked for.
    pub verified: Option<bool>,
    /// Standing legal bars on parts of their record.
    pub bars: Vec<Bar>,
    /// Orders that go before the choices: law, safeguarding, public interest.
    pub orders: Vec<Order>,
    /// Times in which what is held may be stored and nothing else (UK GDPR Art 18).
    pub restrictions: Vec<Restriction>,
    /// Emergencies that parties declared about them. What counts of it is put into the question.
    pub emergencies: Vec<Emergency>,
    /// Something was recorded that cannot be read: it might be a bar, so nothing goes.
    pub unreadable: bool,
    /// Instants at which these facts change by time alone: a birthday, the end of an assessment.
    pub changes_at: Vec<Timestamp>,
}

/// At 16 a person decides as an adult (MCA s2(5)); proxy access by parents is suspended (DAPB3051).
const ADULT: u16 = 16;

impl Facts {
    /// Whether they are 16 or more. Unknown where their age is, or where it is not known well enough.
    #[must_use]
    pub fn adult(&self) -> Truth {
        match (self.age, self.age_at_most) {
            (None, _) => Truth::Unknown,
            (Some(age), _) if age >= ADULT => Truth::True,
            (Some(_), Some(most)) if most >= ADULT => Truth::Unknown,
            (Some(_), _) => Truth::False,
        }
    }
}

/// A time in which what is held may be stored and nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restriction {
    /// From when.
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// An emergency that a party declared for itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// The party's id in the configuration.
    pub party: String,
    /// What it declared, and when.
    pub declared: BreakGlass,
}

/// How far the right to choose was looked into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authority {
    /// `representatives` is complete: who is not in it has no right to permit.
    #[default]
    Checked,
    /// Nobody has looked; a Consent's performer is taken at its custodian's word, and that is said.
    AsRecorded,
}

/// By what right somebody speaks for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Right {
    /// Lasting power of attorney, health and welfare: only if registered, and capacity is lacking.
    HealthAndWelfareAttorney,
    /// Lasting power of attorney, property and financial affairs: decides no sharing of care records.
    PropertyAttorney,
    /// Personal-welfare deputy of the Court of Protection, within the order's dates.
    WelfareDeputy,
    /// Parental responsibility: under 16 and not competent.
    ParentalResponsibility,
    /// The person agreed to this proxy; may act for them while they have capacity, but not choose in their place.
    Consent,
    /// A best-interests decision, by a named decision-maker, where capacity is lacking.
    BestInterests,
    /// Not known (NHS VRS: NullFlavor UNK): no authority.
    Unknown,
}

/// Somebody who may speak for the person.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Representative {
    /// Who.
    pub who: Identity,
    /// By what right.
    pub right: Right,
    /// Registered with the Office of the Public Guardian, where that matters.
    pub registered: bool,
    /// From when.
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// Somebody who cares for the person.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relationship {
    /// Who: an organisation, a team, a professional.
    pub with: Identity,
    /// From when.
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// A legal bar on parts of a record. Rules L2 to L5.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// The record's own name for it, for the audit.
    pub id: String,
    /// Which: L2 gender recognition, L3 fertility, L4 court or safety injunction, L5 anonymous provider, R5 somebody
    /// else's data.
    pub rule: super::rules::RuleId,
    /// References of resources it covers, whole.
    pub references: Vec<String>,
    /// Texts that must not occur (an old name, a place of refuge): the smallest element that holds one is withheld.
    pub texts: Vec<String>,
    /// The exemption that lifts it when declared and held as a role; none = nothing lifts it.
    pub exemption: Option<String>,
    /// Against whom it stands: a carer's objection to one council. None = everybody.
    pub recipients: Vec<Identity>,
}

/// An order that goes before the choices. Rules L6 and L7.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Its reference: the court's, the enquiry's.
    pub id: String,
    /// L6 mandatory law, L7 safeguarding or public interest.
    pub rule: super::rules::RuleId,
    /// The law or the reason.
    pub basis: String,
    /// Who decided. L7 needs one.
    pub decided_by: Option<String>,
    /// For whom.
    pub recipient: Identity,
    /// The sections it covers: the minimum. None = nothing.
    pub sections: Vec<String>,
    /// From when.
    pub from: Option<Timestamp>,
    /// Until when. L7 needs one.
    pub until: Option<Timestamp>,
    /// Whether the person is to be told.
    pub tell_person: bool,
}

/// Whether `now` lies within a span; either end may be open, both count.
#[must_use]
pub(super) fn within(now: Timestamp, from: Option<Timestamp>, until: Option<Timestamp>) -> Truth {
    Truth::from(from.is_none_or(|f| f <= now) && until.is_none_or(|u| now < u))
}
