//! The walk through the rooms: the one place where pure rooms and the edge meet.
//!
//! Three ways through it, and no other way in or out: `receive` (a record is posted), `send` (a queued copy leaves)
//! and `ask` (a question is put and answered). Beside them `register` keeps what is known of a person besides choices. Each calls the rooms in their order and hands every value on; none of
//! them decides anything itself. What the operator or the demo may watch of it stands in [`watch`].

mod ask;
mod choices;
pub mod decisions;
mod duties;
mod explain;
mod load;
mod receive;
mod register;
mod send;
mod syntax;
mod validate;
pub mod watch;

use crate::config::{Config, Recipient};
use crate::edge::authenticate::Caller;
use crate::edge::clock::Clock;
use crate::edge::deliver::{Patience, Sender};
use crate::edge::evidence::Gatherer;
use crate::edge::listen::{Answer, Check, Door, Inbound, Kept, Pending, Walk};
use crate::edge::record::Journal;
use crate::edge::source::Upstream;
use crate::edge::store::{Person, Store, StoreError};
use crate::pure::audit::{Event, Kind, Name, Outcome as Went};
use crate::pure::decide::recorded::{self, About, Gathered, Rules};
use crate::pure::decide::{self, Decision, Evidence, Obligation, Outcome, Policy, Question};
use crate::pure::fhir::{Item, Report, nhs_number};
use crate::pure::map::{self, Mapping};
use crate::pure::parse::{self, ParseLimits, Syntax};
use crate::pure::profile::Definitions;
use crate::pure::register::{self as known, Forms};
use crate::pure::validate::{self as checks, Validated};
use decisions::Decisions;
use hyper::StatusCode;
use jiff::Timestamp;
use moka::sync::Cache;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Notify;
use watch::{Room, Watches};

pub use load::Unready;

/// A recipient and the way to it.
struct Outlet {
    recipient: Recipient,
    sender: Sender,
    patience: Patience,
}

/// What one decision rests on, for the trail.
struct Case<'a> {
    question: &'a Question,
    gathered: &'a Gathered,
    about: &'a About,
}

/// Everything the walk needs, wired once.
pub struct Gateway {
    config: Arc<Config>,
    definitions: Arc<Definitions>,
    /// What a fact of the register must look like.
    forms: Forms,
    mappings: BTreeMap<String, Arc<Mapping>>,
    policy: Arc<Policy>,
    /// The files that policy was made from, kept with the decisions made by it.
    rules: Rules,
    store: Arc<dyn Store>,
    journal: Journal,
    evidence: Gatherer,
    outlets: BTreeMap<String, Outlet>,
    sources: Vec<Upstream>,
    clock: Arc<dyn Clock>,
    watches: Watches,
    /// Says that something was queued.
    queued: Notify,
    /// An invented person's plan that walked the rooms when we started; see [`Gateway::self_test`].
    sample: Validated,
    /// Decisions that were made a moment ago and still hold.
    decisions: Decisions,
    /// Records that were validated a moment ago and are about to be sent. What is in here never changes.
    fresh: Cache<String, Arc<Validated>>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway({} mappings, {} recipients)", self.mappings.len(), self.outlets.len())
    }
}

impl Gateway {
    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Runs a room and lets those who watch know how long it took.
    fn room<T>(&self, request: &str, room: Room, work: impl FnOnce() -> T) -> T {
        let start = std::time::Instant::now();
        let value = work();
        self.watches.room(request, room, start.elapsed());
        value
    }

    /// Parse and validate FHIR that is already ours or a source's: the same rooms as for what a sender posts.
    fn walk_fhir(&self, request: &str, bytes: &[u8]) -> Result<Validated, Report> {
        let record =
            self.room(request, Room::Parse, || parse::parse("fhir", &Syntax::FhirJson, bytes, &self.limits()))?;
        let draft = self.room(request, Room::Map, || map::adopt(record))?;
        self.room(request, Room::Validate, || checks::validate(draft, &self.definitions))
    }

    fn limits(&self) -> ParseLimits {
        let mut limits = ParseLimits::default();
        limits.json.bytes = self.config.listen.limits.unpacked;
        limits.unzipped = self.config.listen.limits.unpacked;
        limits
    }

    /// What a party would be asking, if this were sent to it now.
    fn question(&self, party: &crate::config::Party, action: decide::Action, now: Timestamp) -> Question {
        let purpose = party.identity.purposes.first().map_or("", String::as_str);
        Question::new(party.identity.clone(), purpose, action, now)
    }

    /// What a caller asks: for the purposes and by the bases it states, in an emergency that it declared.
    fn asked(&self, party: &crate::config::Party, stated: &Kept, evidence: &Evidence) -> Question {
        let mut question = self.question(party, decide::Action::Access, self.clock.now());
        if !stated.purposes.is_empty() {
            let codes = stated.purposes.iter().map(|code| decide::Code::of(decide::words::ACT_REASON, code));
            question.purposes = codes.collect();
        }
        question.declared_bases.clone_from(&stated.declared_bases);
        let own = evidence.facts.emergencies.iter().filter(|e| e.party == party.identity.id);
        question.break_glass = own.max_by_key(|e| e.declared.declared_at).map(|e| e.declared.clone());
        question
    }

    /// What is known of a person: choices and register, and what the record at hand says of them itself.
    async fn gather(&self, person: &Person, record: Option<&Validated>) -> Result<Evidence, StoreError> {
        let by_number = || decide::Identity::by_identifier(nhs_number::SYSTEM, person.nhs_number().unwrap_or_default());
        let subject = record.map_or_else(by_number, |record| subject_of(record, person));
        let mut evidence = self.evidence.gather(person, subject).await?;
        if let Some(record) = record {
            let patients = receive::resources(record).filter(|r| r.resource_type() == Some("Patient"));
            for patient in patients.filter(|p| is_them(*p, person)) {
                known::take_up(&mut evidence.facts, patient, evidence.read_at);
            }
            if self.policy.care_team() {
                known::take_up_teams(&mut evidence.facts, receive::resources(record));
            }
            evidence.facts.verified = self.policy.verified(evidence.facts.verified);
        }
        evidence.facts.authority = self.policy.representatives();
        Ok(evidence)
    }

    /// Decides about a record, or takes up a decision that was made before and holds. The evidence is as it was gathered.
    fn decide(
        &self,
        request: &str,
        person: &Person,
        question: &Question,
        record: &Validated,
        evidence: &Evidence,
    ) -> Decision {
        let make = || decide::decide(question, record, evidence, &self.policy);
        let decision = self.room(request, Room::Decide, || {
            self.decisions.about_record(person, question, record.digest(), evidence, make)
        });
        self.watches.decided(request, &question.party.id, &decision);
        decision
    }

    /// The trail's line about a decision (BALP AuthZ-Consent), with what it rests on.
    fn decision_event(&self, request: &str, case: &Case<'_>, person: &Person, decision: &Decision) -> Event {
        let mut event = self.journal.event(Kind::Decision, request);
        let question = case.question;
        let party = &question.party.id;
        event.party = Some(party.clone());
        event.purposes = question.purposes.iter().map(|p| p.code.clone()).collect();
        event.details.push(("declared-basis".to_owned(), question.declared_bases.join(" ")));
        event.other = self.config.party(party).map(|p| name_of(&p.identity.name, &p.identifier));
        event.outcome = if decision.outcome() == Outcome::Deny { Went::Serious } else { Went::Success };
        event.reason = reason_of(decision);
        event.person = person_of(person);
        event.details.push(("decision".to_owned(), record_of(decision, &self.policy)));
        event.grounds =
            Some(Arc::new(recorded::write(case.question, case.gathered, case.about, decision, &self.rules)));
        event
    }

    /// Whether an accept would work now, and whether the rules are in force: a stranger must be denied the sample plan.
    async fn self_test(&self) -> Vec<Check> {
        let store = self.store.check().await.err().map(|_| "the store cannot be written".to_owned());
        let now = self.clock.now();
        let stranger = Question::new(decide::Party::default(), "TREAT", decide::Action::Access, now);
        let nobody = Evidence::none(decide::Identity::default(), now);
        let denied = decide::decide(&stranger, &self.sample, &nobody, &self.policy).outcome() == Outcome::Deny;
        let policy = (!denied).then(|| "a stranger would be permitted".to_owned());
        vec![Check { name: "store", fault: store }, Check { name: "policy", fault: policy }]
    }
}

/// The rules of a decision in words for the trail, the deciding one first.
fn reason_of(decision: &Decision) -> String {
    let rules: Vec<&str> = decision.reasons().iter().map(|r| r.rule.id()).collect();
    format!("{}: {}", decision.outcome().code(), rules.join(" "))
}

/// What the trail keeps of a decision: rules, choices and their versions, sections, and what to replay it by. No values.
fn record_of(decision: &Decision, policy: &Policy) -> String {
    let reason = |r: &decide::Reason| {
        let choice = r.choice.as_ref();
        serde_json::json!({ "rule": r.rule.id(), "choice": choice.map(|c| &c.reference),
            "version": choice.map(|c| &c.version), "dialect": choice.map(|c| c.dialect), "basis": &r.basis })
    };
    let section = |s: &decide::Section| serde_json::json!({ "section": &s.code, "sent": s.sent.code(), "why": reason(&s.reason) });
    serde_json::json!({
        "decision": decision.outcome().code(),
        "reasons": decision.reasons().iter().map(reason).collect::<Vec<_>>(),
        "sections": decision.sections().iter().map(section).collect::<Vec<_>>(),
        "basis": decision.legal_basis(),
        "obligations": decision.obligations().iter().filter_map(duty).collect::<Vec<_>>(),
        "epoch": decision.epoch(),
        "fingerprint": hex(&decision.fingerprint()),
        "policy": hex(&policy.version()),
    })
    .to_string()
}

/// What has to be done with a decision, where it is more than every decision asks for.
fn duty(obligation: &Obligation) -> Option<String> {
    Some(match obligation {
        Obligation::NoOnwardSharing => "NORDSCLCD".to_owned(),
        Obligation::Alert(rule) => format!("ALERT {}", rule.id()),
        Obligation::NotifyPerson(rule) => format!("NOTIFY {}", rule.id()),
        Obligation::Review(rule) => format!("REVIEW {}", rule.id()),
        Obligation::Expires(second) => format!("EXPIRES {}", Timestamp::from_second(*second).ok()?),
        Obligation::OfferSafeguarding => "OFFER L7".to_owned(),
        _ => return None,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn name_of(display: &str, identifier: &(String, String)) -> Name {
    Name { identifier: Some(identifier.clone()), display: display.to_owned(), address: None }
}

/// How a record names this person: the identifiers and references of the Patient that is them, and of no other that may
/// stand beside it. A record about somebody else names nobody here, so that no choice of theirs is taken for its leave.
fn subject_of(record: &Validated, person: &Person) -> decide::Identity {
    let mut subject = decide::Identity::default();
    let patients = receive::resources(record).filter(|r| r.resource_type() == Some("Patient"));
    for patient in patients.filter(|p| is_them(*p, person)) {
        let pair = |i: Item<'_>| Some((i.str_at(&["system"])?.to_owned(), i.str_at(&["value"])?.to_owned()));
        subject.identifiers.extend(patient.all("identifier").filter_map(pair));
        subject.references.extend(patient.str_at(&["id"]).map(|id| format!("Patient/{id}")));
    }
    subject
}

/// Whether a Patient is this person. Somebody known by a sender's own identifier is told by it when the record comes in,
/// and a record has one Patient then.
fn is_them(patient: Item<'_>, person: &Person) -> bool {
    let Some(number) = person.nhs_number() else { return true };
    let nhs = patient.all("identifier").filter(|i| i.str_at(&["system"]) == Some(nhs_number::SYSTEM));
    let mut numbers = nhs.filter_map(|i| i.str_at(&["value"])).peekable();
    numbers.peek().is_some() && numbers.all(|n| n == number)
}

fn person_of(person: &Person) -> Option<(String, String)> {
    person.nhs_number().map(|number| (nhs_number::SYSTEM.to_owned(), number.to_owned()))
}

impl Walk for Gateway {
    fn receive(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer> {
        Box::pin(async move { receive::receive(&self, &caller, &inbound).await })
    }

    fn ask(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer> {
        Box::pin(async move {
            let answer = ask::ask(&self, &caller, &inbound).await;
            syntax::spoken(answer, inbound.wanted, &self.definitions)
        })
    }

    fn validate(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer> {
        Box::pin(async move {
            let answer = validate::validate(&self, &caller, &inbound);
            syntax::spoken(answer, inbound.wanted, &self.definitions)
        })
    }

    fn register(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer> {
        Box::pin(async move { register::register(&self, &caller, &inbound).await })
    }

    fn ready(self: Arc<Self>) -> Pending<Vec<Check>> {
        Box::pin(async move { self.self_test().await })
    }

    fn formats(&self) -> Vec<String> {
        self.mappings.keys().cloned().collect()
    }
}

/// The name of the format a request brings.
fn format_of(door: &Door) -> &str {
    match door {
        Door::Local { format } => format,
        _ => "fhir",
    }
}

/// Malformed is 400, anything a person has to mend in the record itself is 422.
fn status_of(room: Room) -> StatusCode {
    if room == Room::Parse { StatusCode::BAD_REQUEST } else { StatusCode::UNPROCESSABLE_ENTITY }
}
