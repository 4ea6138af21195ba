//! The answer: permit, redact or deny, part by part, with its reasons; and the permit that only a permitting answer gives.

use super::policy::{Sets, Shape};
use super::rules::RuleId;
use crate::pure::fhir::{Id, Item};
use std::fmt;
use std::sync::Arc;

/// The answer as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All of it may go.
    Permit,
    /// Some of it may go.
    Redact,
    /// None of it may go.
    Deny,
}

impl Outcome {
    /// `permit`, `redact` or `deny`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Outcome::Permit => "permit",
            Outcome::Redact => "redact",
            Outcome::Deny => "deny",
        }
    }
}

/// What a reason works towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It lets something go.
    Permit,
    /// It keeps something back.
    Deny,
    /// It changes nothing, and is worth knowing.
    Note,
}

/// The choice a reason rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChoiceRef {
    /// `Consent/<id>`.
    pub reference: String,
    /// Its version.
    pub version: String,
    /// The dialect it was read in: `A`, `B`, `vrs`, `eol`, or `unread`.
    pub dialect: &'static str,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// The published rule.
    pub rule: RuleId,
    /// Towards what.
    pub effect: Effect,
    /// The choice it rests on.
    pub choice: Option<ChoiceRef>,
    /// The law or the legal basis, where there is one.
    pub basis: Option<String>,
}

/// What happened to one section of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sent {
    /// All of it goes.
    Sent,
    /// Some of it goes.
    Partly,
    /// None of it goes.
    Withheld,
}

impl Sent {
    /// `sent`, `partly` or `withheld`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Sent::Sent => "sent",
            Sent::Partly => "partly",
            Sent::Withheld => "withheld",
        }
    }
}

/// One section of the record, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Code of plan-section, `frame`, or `other` for marks nobody named.
    pub code: String,
    /// What becomes of it.
    pub sent: Sent,
    /// Parts of it that go.
    pub released: usize,
    /// Parts of it that stay.
    pub withheld: usize,
    /// Why: for what stays if anything does, else for what goes.
    pub reason: Reason,
}

/// One resource or element that stays behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The node of the record, with all below it.
    pub node: Id,
    /// Its FHIRPath, without any value.
    pub path: String,
    /// Whether it is a whole resource.
    pub whole: bool,
    /// It never belonged to what is sent: a choice that stands beside a plan. Nothing is said of its absence.
    pub aside: bool,
    /// Codes of the sections it belongs to.
    pub sections: Vec<String>,
    /// Why.
    pub reason: Reason,
}

/// Something that has to be done together with the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obligation {
    /// Record the intent before, and the completion after.
    Audit,
    /// Mark the copy: it is not to be handed on without the person's word (v3 ActCode `NORDSCLCD`).
    NoOnwardSharing,
    /// Mark the copy with the purposes it may be used for (v3 ActReason).
    ForPurpose(Vec<super::words::Code>),
    /// Mark what was cut as `SUBSETTED`.
    Subsetted,
    /// Record what was sent and what was withheld, by hash and path.
    Manifest,
    /// Decide again before sending if the person's choices epoch is no longer this.
    RedecideAfter(u64),
    /// The answer ends by itself at this time, in seconds since 1970.
    Expires(i64),
    /// Tell the privacy officer, without clinical content: why.
    Alert(RuleId),
    /// Tell the person.
    NotifyPerson(RuleId),
    /// Somebody has to look: why.
    Review(RuleId),
    /// The performer's right to choose was taken at the custodian's word.
    AuthorityNotChecked(ChoiceRef),
    /// Nobody has been told which data: these must be taken out of whatever is sent.
    Redact(Residual),
    /// Nobody has been told which data: only these may be sent.
    Limit(Residual),
    /// Part of a released resource is withheld: its FHIRPath.
    Withhold(String),
    /// Safeguarding (L7) may still be used, by a named decision-maker.
    OfferSafeguarding,
}

/// Kinds of data that a choice speaks of, when no data are at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Residual {
    /// Security labels.
    pub labels: Vec<super::words::Code>,
    /// Classes.
    pub classes: Vec<super::words::Code>,
    /// Codes.
    pub codes: Vec<super::words::Code>,
    /// Resources, with the meaning of the reference: `instance`, `related`, `dependents`, `authoredby`.
    pub data: Vec<(String, String)>,
    /// Start and end of the data's own time, as written.
    pub data_period: Option<(String, String)>,
}

/// What the caller may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// What is withheld is absent; nothing is said.
    Nothing,
    /// That something is withheld, not what.
    SomethingWithheld,
}

/// The policy's sets, to label what is released as it is.
#[derive(Clone, Default)]
pub(super) struct Teller(pub Option<Arc<Sets>>);

impl PartialEq for Teller {
    /// Whether there is something to tell: of which policy, the fingerprint says.
    fn eq(&self, other: &Teller) -> bool {
        self.0.is_some() == other.0.is_some()
    }
}

impl Eq for Teller {}

/// The answer to one question about one record.
#[derive(Clone, PartialEq, Eq)]
pub struct Decision {
    pub(super) outcome: Outcome,
    pub(super) reasons: Vec<Reason>,
    pub(super) sections: Vec<Section>,
    pub(super) cuts: Vec<Cut>,
    pub(super) released: Vec<String>,
    pub(super) withheld: Vec<String>,
    pub(super) obligations: Vec<Obligation>,
    pub(super) told: Told,
    pub(super) legal_basis: Option<String>,
    pub(super) fingerprint: [u8; 32],
    pub(super) epoch: u64,
    pub(super) record: Option<[u8; 32]>,
    pub(super) recipient: String,
    pub(super) boundaries: Vec<i64>,
    /// When what it rests on is too old (X2). Apart from the others: it moves with every reading.
    pub(super) stale: Option<i64>,
    pub(super) asked_at: Option<jiff::Timestamp>,
    pub(super) shape: Arc<Shape>,
    /// The sets that put labels on what goes; none where none of them is told.
    pub(super) teller: Teller,
}

impl fmt::Debug for Decision {
    /// Rules only: paths and choices are for the audit log (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<&str> = self.reasons.iter().map(|r| r.rule.id()).collect();
        write!(f, "Decision({}, {})", self.outcome.code(), rules.join(" "))
    }
}

impl Decision {
    /// A deny without a reason yet, to be filled.
    pub(super) fn empty(question: &super::Question, evidence: &super::Evidence) -> Decision {
        Decision {
            outcome: Outcome::Deny,
            reasons: Vec::new(),
            sections: Vec::new(),
            cuts: Vec::new(),
            released: Vec::new(),
            withheld: Vec::new(),
            obligations: Vec::new(),
            told: Told::Nothing,
            legal_basis: None,
            fingerprint: [0; 32],
            epoch: evidence.epoch,
            record: None,
            recipient: question.party.id.clone(),
            boundaries: Vec::new(),
            stale: None,
            asked_at: question.now_known.then_some(question.now),
            shape: Arc::default(),
            teller: Teller::default(),
        }
    }

    /// Whether it permits only some kinds of data.
    pub(super) fn limits(&self) -> bool {
        self.obligations.iter().any(|o| matches!(o, Obligation::Redact(_) | Obligation::Limit(_)))
    }

    /// Permit, redact or deny.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Why, the deciding reason first. Never empty.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Section by section, in the policy's order: only sections the record has.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// What stays behind, node by node.
    #[must_use]
    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// References (`Type/id`) of the resources that go, whole or in part.
    #[must_use]
    pub fn released(&self) -> &[String] {
        &self.released
    }

    /// References of the resources that stay behind whole.
    #[must_use]
    pub fn withheld(&self) -> &[String] {
        &self.withheld
    }

    /// What has to be done with it.
    #[must_use]
    pub fn obligations(&self) -> &[Obligation] {
        &self.obligations
    }

    /// What the caller may be told.
    #[must_use]
    pub fn told(&self) -> Told {
        self.told
    }

    /// The legal basis of the flow, for the record of processing.
    #[must_use]
    pub fn legal_basis(&self) -> Option<&str> {
        self.legal_basis.as_deref()
    }

    /// SHA-256 over the inputs and the version of the policy. The same inputs give the same.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The person's choices epoch it was made under.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The times, in seconds since 1970, at which the same question would have to be decided again.
    #[must_use]
    pub fn boundaries(&self) -> Vec<i64> {
        let mut all = self.boundaries.clone();
        all.extend(self.stale);
        all.sort_unstable();
        all.dedup();
        all
    }

    /// How what is released is shaped, by the policy it was made under.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether labels of the policy's own go along with something of what goes.
    pub(in crate::pure) fn tells_labels(&self) -> bool {
        self.teller.0.is_some()
    }

    /// The labels, by system and code, that go along with a resource as it is released.
    pub(in crate::pure) fn labels_told(&self, resource: Item<'_>) -> Vec<(&'static str, String)> {
        self.teller.0.as_ref().map(|sets| super::label::told(resource, sets)).unwrap_or_default()
    }

    /// Mandatory elements in whose place it may be said that they were masked. None where a legal bar keeps something back:
    /// a mark would be the hint that the law forbids.
    pub(in crate::pure) fn maskable(&self) -> &[String] {
        use RuleId::{L2, L3, L4, L5, R4, R5};
        let is_bar = |c: &Cut| matches!(c.reason.rule, L2 | L3 | L4 | L5 | R4 | R5);
        if self.cuts.iter().any(is_bar) { &[] } else { &self.shape.masked }
    }

    /// Until when it stands, as far as time alone can change it: the first of its boundaries still to come, in seconds since
    /// 1970. None: for ever, or nobody said what time it was.
    #[must_use]
    pub fn until(&self) -> Option<i64> {
        let now = self.asked_at?.as_second();
        let to_come = self.boundaries.iter().copied().find(|at| *at > now);
        to_come.into_iter().chain(self.stale.filter(|at| *at > now)).min()
    }

    /// The permit, if this is a permitting answer about a validated record.
    ///
    /// # Errors
    /// The decision itself, where it denies, or was not made about a validated record.
    pub fn into_permit(self) -> Result<Permit, Box<Decision>> {
        match self.record {
            Some(record) if self.outcome != Outcome::Deny => Ok(Permit { record, decision: self }),
            _ => Err(Box::new(self)),
        }
    }
}

/// Leave to send one record to one recipient, without its cuts. Made only from a permitting [`Decision`], used up by
/// `redact`, good for that record alone.
pub struct Permit {
    record: [u8; 32],
    decision: Decision,
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({})", self.decision.recipient)
    }
}

impl Permit {
    /// Digest of the record it is good for.
    #[must_use]
    pub fn record(&self) -> [u8; 32] {
        self.record
    }

    /// Id of the party it is good for.
    #[must_use]
    pub fn recipient(&self) -> &str {
        &self.decision.recipient
    }

    /// The decision it comes from.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}
