//! The register over HTTP: a fact about a person is recorded, read as of a time, or ended.
//!
//! Comes in: a caller that may record, or one that may ask and declares an emergency for itself. Goes out: 201 with the
//! fact's id once it is on the disk with its trail and the person's raised epoch; what is on record; 204. Refused, with
//! the place of each mistake: a body its schema does not allow, a section or reason that the site's rules do not have.
//! Nobody learns here whether anything is held about a person but from those whose task it is to record.

use super::receive::store_fault;
use super::{Gateway, name_of, person_of};
use crate::config::Right;
use crate::edge::authenticate::Caller;
use crate::edge::listen::{Answer, Door, Inbound, routes::Deed};
use crate::edge::store::{Ending, NewFact, Person, Recorded, StoreError, StoredFact};
use crate::pure::audit::{Event, Kind as Act, Outcome as Went, Thing};
use crate::pure::decide::RuleId;
use crate::pure::fhir::{Issue, Report, When, nhs_number};
use crate::pure::register::{Entry, Fact, Kind};
use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The type that AuditEvents name a fact of the register by: R4 has none of its own for it.
const THING: &str = "Basic";
/// Purposes under which a declared emergency counts.
const IN_EMERGENCY: [&str; 2] = ["BTG", "ETREAT"];

/// Why it is not done.
struct Refusal {
    status: StatusCode,
    report: Report,
}

impl Refusal {
    fn new(status: StatusCode, issue: Issue) -> Box<Refusal> {
        Box::new(Refusal { status, report: issue.into() })
    }
}

pub(super) async fn register(gateway: &Gateway, caller: &Caller, inbound: &Inbound) -> Answer {
    let Door::Register { deed, kind, id } = &inbound.door else { return absent() };
    let done = match deed {
        Deed::Record => record(gateway, caller, inbound, *kind).await,
        Deed::Read => read(gateway, caller, inbound, *kind).await,
        Deed::End => end(gateway, caller, inbound, *kind, id.as_deref().unwrap_or_default()).await,
    };
    match done {
        Ok(answer) => answer,
        Err(refusal) => refused(gateway, caller, inbound, *refusal).await,
    }
}

async fn record(gateway: &Gateway, caller: &Caller, inbound: &Inbound, kind: Kind) -> Result<Answer, Box<Refusal>> {
    let unprocessable = |report| Box::new(Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, report });
    let entry = gateway.forms.read(kind, &inbound.body).map_err(unprocessable)?;
    by_the_rules(gateway, caller, &entry)?;
    let now = gateway.clock.now();
    not_yet(&entry, now)?;
    let id = inbound.headers.idempotency_key.as_ref();
    let id = id.map_or_else(|| gateway.clock.id(), |key| id_of(&caller.party().identity.id, key));
    let person = Person::verified(&entry.patient);
    let event = change(gateway, caller, inbound, (&person, kind, &id), "recorded");
    let mut entries = vec![event.entry()];
    if kind == Kind::Emergency {
        entries.push(gateway.alert_of(&event, RuleId::E1).entry());
    }
    let fact = NewFact {
        id: id.clone(),
        person,
        kind: kind.word().to_owned(),
        fact: entry.body,
        recorder: caller.party().identity.id.clone(),
        now,
        request: inbound.request_id.clone(),
        entries,
    };
    let recorded = match gateway.store.record_fact(fact).await {
        Ok(Recorded::New) if kind == Kind::Emergency => {
            gateway.ring(&event, RuleId::E1);
            now
        }
        Ok(Recorded::New) => now,
        Ok(Recorded::Before(then)) => then,
        Ok(Recorded::Conflict) => return Err(key_used()),
        Err(error) => return Ok(store_fault(&error)),
    };
    let said = json!({ "id": id, "kind": kind.word(), "recorded": recorded.to_string() });
    let location = format!("/register/{}/{id}", kind.word());
    Ok(answer(StatusCode::CREATED, &said).header("location", location))
}

/// A repeat under the sender's own key is the same fact: its id is made of both.
fn id_of(party: &str, key: &str) -> String {
    let digest = openssl::sha::sha256(format!("sharewell register {} {party} {key}", party.len()).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

fn key_used() -> Box<Refusal> {
    let text = "this key was used before, for something else".to_owned();
    let issue = Issue::error("conflict", "key-used", text).remedy("use a new Idempotency-Key for a new fact");
    Refusal::new(StatusCode::CONFLICT, issue)
}

/// What has happened lies in the past: an assessment, a check or a death that is still to come is a slip of the pen.
fn not_yet(entry: &Entry, now: Timestamp) -> Result<(), Box<Refusal>> {
    let (element, at) = match &entry.fact {
        Fact::Capacity(_, span) => ("assessed", span.from),
        Fact::OptOut(_, checked) => ("checked", Some(*checked)),
        Fact::Death(died) => ("died", Some(*died)),
        _ => return Ok(()),
    };
    // Two machines' clocks are never quite one.
    let late = at.is_some_and(|at| at.as_second() > now.as_second() + 60);
    if !late {
        return Ok(());
    }
    let issue = Issue::error("value", "register-future", format!("`{element}` lies in the future"));
    let issue = issue.expression(element).remedy("write when it was");
    Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, issue))
}

/// What a schema cannot say: the words of the site's own rules, and who may declare an emergency.
fn by_the_rules(gateway: &Gateway, caller: &Caller, entry: &Entry) -> Result<(), Box<Refusal>> {
    let wrong = |element: &'static str, id: &'static str, text: &str, remedy: &'static str| {
        let issue = Issue::error("value", id, text.to_owned()).expression(element).remedy(remedy);
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, issue)
    };
    match &entry.fact {
        Fact::Order(order) => {
            let known = |code: &String| gateway.policy.sections().any(|(section, _)| section == code);
            if !order.sections.iter().all(known) {
                let text = "a section is not one of the site's rules";
                return Err(wrong(
                    "sections",
                    "register-section",
                    text,
                    "use codes of `[[section]]` in the sharing rules",
                ));
            }
        }
        Fact::Emergency(declared) => {
            let (roles, reasons, _) = gateway.policy.emergency();
            let party = &caller.party().identity;
            let may = party.roles.iter().any(|r| roles.contains(r))
                && party.purposes.iter().any(|p| IN_EMERGENCY.contains(&p.as_str()));
            if !may {
                let text = "this caller may not declare an emergency".to_owned();
                let issue = Issue::error("forbidden", "register-no-emergency", text);
                let remedy = "ask the operator of this gateway for the role, and for the purpose `BTG` or `ETREAT`";
                return Err(Refusal::new(StatusCode::FORBIDDEN, issue.remedy(remedy)));
            }
            if !reasons.contains(&declared.reason) {
                let text = "the reason is not one of the site's rules";
                return Err(wrong(
                    "reason",
                    "register-reason",
                    text,
                    "use a code of `[break-glass]` in the sharing rules",
                ));
            }
        }
        _ => {}
    }
    Ok(())
}

async fn read(gateway: &Gateway, caller: &Caller, inbound: &Inbound, kind: Kind) -> Result<Answer, Box<Refusal>> {
    let (number, at) = asked(&inbound.parameters)?;
    let person = Person::verified(&number);
    let at = at.unwrap_or_else(|| gateway.clock.now());
    let mut query = gateway.journal.event(Act::Query, &inbound.request_id);
    named(&mut query, caller);
    query.person = person_of(&person);
    query.query = Some(format!("register/{}?at={at}", kind.word()));
    let begun = match gateway.journal.begin(query).await {
        Ok(begun) => begun,
        Err(error) => return Ok(store_fault(&error)),
    };
    let facts = gateway.store.facts_at(&person, at).await;
    let went = if facts.is_ok() { (Went::Success, "answered") } else { (Went::Major, "not answered") };
    let completed = gateway.journal.complete(begun, went.0, went.1, Vec::new()).await;
    let facts = match facts.and_then(|facts| completed.map(|()| facts)) {
        Ok(facts) => facts,
        Err(error) => return Ok(store_fault(&error)),
    };
    // Who declares emergencies sees its own; who keeps the register sees all of it.
    let own = |fact: &&StoredFact| caller.may(Right::Record) || fact.recorder == caller.party().identity.id;
    let facts: Vec<Value> = facts.iter().filter(|f| f.kind == kind.word()).filter(own).map(told).collect();
    Ok(answer(StatusCode::OK, &json!({ "kind": kind.word(), "at": at.to_string(), "facts": facts })))
}

fn told(fact: &StoredFact) -> Value {
    let body: Value = serde_json::from_str(&fact.fact).unwrap_or_default();
    let ended = fact.ended.as_ref();
    json!({ "id": fact.id, "recorded": fact.recorded.to_string(), "recorder": fact.recorder,
        "ended": ended.map(|(at, _)| at.to_string()), "endedBy": ended.map(|(_, by)| by), "fact": body })
}

/// Whose facts, and as of when.
fn asked(parameters: &[(String, String)]) -> Result<(String, Option<Timestamp>), Box<Refusal>> {
    let refuse = |code, id, text: &str, remedy: &'static str| {
        Refusal::new(StatusCode::BAD_REQUEST, Issue::error(code, id, text.to_owned()).remedy(remedy))
    };
    let (mut number, mut at) = (None, None);
    for (name, value) in parameters {
        match name.as_str() {
            "patient" if number.is_none() => {
                let found = value.split_once('|').filter(|(system, _)| *system == nhs_number::SYSTEM).map(|(_, v)| v);
                number = found.filter(|n| nhs_number::is_valid(n)).map(str::to_owned);
                if number.is_none() {
                    let text = "the person is not asked for by one NHS number with a right check digit";
                    let remedy = "write `patient=https://fhir.nhs.uk/Id/nhs-number|<ten digits>`";
                    return Err(refuse("value", "person-not-identified", text, remedy));
                }
            }
            "at" if at.is_none() => {
                at = When::instant(value).map(When::earliest);
                if at.is_none() {
                    let text = "`at` is not an instant";
                    return Err(refuse("value", "register-at", text, "write `at=2026-06-30T12:00:00Z`"));
                }
            }
            _ => {
                let text = "a parameter is not carried out, or stands twice";
                return Err(refuse(
                    "not-supported",
                    "parameter-unknown",
                    text,
                    "ask by `patient`, and `at` where wanted",
                ));
            }
        }
    }
    let text = "it is not said whose facts are asked for";
    let remedy = "write `patient=https://fhir.nhs.uk/Id/nhs-number|<ten digits>`";
    number.map(|n| (n, at)).ok_or_else(|| refuse("required", "person-missing", text, remedy))
}

async fn end(
    gateway: &Gateway,
    caller: &Caller,
    inbound: &Inbound,
    kind: Kind,
    id: &str,
) -> Result<Answer, Box<Refusal>> {
    let party = &caller.party().identity.id;
    let (person, found) = match gateway.store.fact(id).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(absent()),
        Err(error) => return Ok(store_fault(&error)),
    };
    // A declared emergency is its caller's own to end; another kind's id names nothing here.
    let own = kind != Kind::Emergency || found.recorder == *party || caller.may(Right::Record);
    if found.kind != kind.word() || !own {
        return Ok(absent());
    }
    let ending = Ending {
        fact: id.to_owned(),
        recorder: party.clone(),
        now: gateway.clock.now(),
        request: inbound.request_id.clone(),
        entries: vec![change(gateway, caller, inbound, (&person, kind, id), "ended").entry()],
    };
    match gateway.store.end_fact(ending).await {
        Ok(()) => Ok(Answer::bytes(StatusCode::NO_CONTENT, "", "")),
        Err(StoreError::Absent) => Ok(absent()),
        Err(error) => Ok(store_fault(&error)),
    }
}

fn named(event: &mut Event, caller: &Caller) {
    let party = caller.party();
    event.party = Some(party.identity.id.clone());
    event.other = Some(name_of(&party.identity.name, &party.identifier));
}

fn change(
    gateway: &Gateway,
    caller: &Caller,
    inbound: &Inbound,
    (person, kind, id): (&Person, Kind, &str),
    deed: &str,
) -> Event {
    let mut event = gateway.journal.event(Act::Register, &inbound.request_id);
    named(&mut event, caller);
    event.person = person_of(person);
    event.reason = format!("{deed}: {}", kind.word());
    event.things.push(Thing { kind: THING.to_owned(), reference: id.to_owned() });
    event
}

fn answer(status: StatusCode, body: &Value) -> Answer {
    Answer::bytes(status, "application/json", body.to_string())
}

fn absent() -> Answer {
    let issue = Issue::error("not-found", "not-found", "there is no such fact that could be ended".to_owned());
    Answer::issue(StatusCode::NOT_FOUND, issue)
}

/// A refusal is written down as well. If that fails the caller is refused all the same: nothing was recorded.
async fn refused(gateway: &Gateway, caller: &Caller, inbound: &Inbound, refusal: Refusal) -> Answer {
    let mut event = gateway.journal.event(Act::Refusal, &inbound.request_id);
    named(&mut event, caller);
    event.outcome = Went::Serious;
    let ids: Vec<&str> = refusal.report.issues.iter().filter(|i| i.is_error()).map(|i| i.id.as_ref()).collect();
    event.reason = ids.join(" ");
    if let Err(error) = gateway.journal.note(event).await {
        tracing::error!(request = %inbound.request_id, fault = %error, "a refusal could not be written down");
    }
    Answer::outcome(refusal.status, &refusal.report)
}
