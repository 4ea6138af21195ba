//! A record is posted: parse, map, validate, decide for each recipient, and one flushed transaction before the answer.
//!
//! Comes in: a caller and what it posted. Goes out: 202 with what the sender should know of its own record, or a refusal
//! that says file, row, column, rule and remedy. The sender is never told who may have what: that is the person's affair.

mod replace;

use super::choices::{self, Incoming};
use super::watch::Room;
use super::{Case, Gateway, format_of, hex, name_of, person_of, status_of};
use crate::config::Party;
use crate::edge::authenticate::Caller;
use crate::edge::listen::{Answer, Door, Inbound, answer::FHIR_JSON};
use crate::edge::store::{Acceptance, Accepted, NewMessage, NewRecord, Person, Reply, StoreError};
use crate::pure::audit::{Entry, Event, Kind, Outcome as Went, Thing};
use crate::pure::decide::recorded::{About, Gathered};
use crate::pure::decide::{self, Action, Evidence, Outcome};
use crate::pure::fhir::{Issue, Item, Report, Severity, nhs_number};
use crate::pure::map::{self, Circumstances, Loss};
use crate::pure::parse::{self, Syntax};
use crate::pure::validate::{self, Validated};
use hyper::StatusCode;
use openssl::sha::sha256;
use std::sync::Arc;

/// Why a record is not taken.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) report: Report,
}

/// A record that passed the pure rooms.
struct Walked {
    record: Arc<Validated>,
    loss: Vec<Loss>,
    /// What the version held before had to add to it.
    kept: Report,
}

pub(super) async fn receive(gateway: &Gateway, caller: &Caller, inbound: &Inbound) -> Answer {
    let alone = matches!(&inbound.door, Door::Create { kind } if kind == "Consent");
    if alone || inbound.door.has_versions() {
        return choices::write(gateway, caller, inbound).await;
    }
    let format = format_of(&inbound.door);
    if !caller.sends(format) {
        let text = format!("you may not send `{format}`");
        let issue = Issue::error("forbidden", "format-not-yours", text).remedy("ask the operator of this gateway");
        return refused(gateway, caller, inbound, Refusal { status: StatusCode::FORBIDDEN, report: issue.into() })
            .await;
    }
    match take_in(gateway, caller, inbound).await {
        Ok(answer) => answer,
        Err(refusal) => refused(gateway, caller, inbound, refusal).await,
    }
}

async fn take_in(gateway: &Gateway, caller: &Caller, inbound: &Inbound) -> Result<Answer, Refusal> {
    let party = caller.party();
    let digest = sha256(&inbound.body);
    let key = key_of(inbound, digest);
    match gateway.store.replay(&party.identity.id, &key, digest).await.map_err(unavailable)? {
        Some(Accepted::Replay(reply)) => return Ok(spoken(reply)),
        Some(_) => return Err(conflict()),
        None => {}
    }
    let walked = walk(gateway, party, inbound)?;
    let person = person(&walked.record, &party.identity.id)?;
    let walked = replace::held_to_what_is_stored(gateway, party, inbound, &person, walked).await?;
    let mut chosen = choices::carried(gateway, &walked.record, party)?;
    let evidence = gateway.gather(&person, Some(&walked.record)).await.map_err(unavailable)?;
    if !chosen.is_empty() {
        let held = gateway.store.consents(&person).await.map_err(unavailable)?;
        choices::weigh(&mut chosen, &held, &evidence.facts, party, gateway.clock.now())?;
    }
    let evidence = choices::with_choices(evidence, &chosen);

    let id = gateway.clock.id();
    let mut entries = vec![created(gateway, party, inbound, &person, &id).entry()];
    let written = |one| choices::chosen(gateway, party, &inbound.request_id, &person, one).entry();
    entries.extend(chosen.iter().map(written));
    let about = About::Stored { id: id.clone(), digest: walked.record.digest() };
    let messages = messages(gateway, party, inbound, &person, (&walked.record, &about), &evidence, &mut entries);
    let acceptance = Acceptance {
        sender: party.identity.id.clone(),
        key,
        digest,
        now: gateway.clock.now(),
        record: NewRecord {
            id: id.clone(),
            plan: plan_key(&walked.record, &party.identity.id),
            person,
            request: inbound.request_id.clone(),
            format: format_of(&inbound.door).to_owned(),
            bundle: walked.record.bundle().root().to_json(),
            original: matches!(inbound.door, Door::Local { .. }).then(|| inbound.body.to_vec()),
        },
        messages,
        entries,
        reply: reply(&id, &walked, &chosen),
        choices: chosen.into_iter().map(|one| one.new).collect(),
    };
    let start = std::time::Instant::now();
    let accepted = gateway.store.accept(acceptance).await.map_err(unavailable)?;
    gateway.watches.room(&inbound.request_id, Room::Store, start.elapsed());
    match accepted {
        Accepted::New(reply) => {
            gateway.fresh.insert(id, walked.record);
            gateway.queued.notify_one();
            Ok(spoken(reply))
        }
        Accepted::Replay(reply) => Ok(spoken(reply)),
        Accepted::Conflict | Accepted::Stale => Err(conflict()),
    }
}

/// The sender's own key for the event, or what it sent and where: the same bytes at another door are another question.
fn key_of(inbound: &Inbound, digest: [u8; 32]) -> String {
    match (&inbound.headers.idempotency_key, &inbound.door) {
        (Some(key), _) => format!("key:{key}"),
        (None, Door::Create { kind }) => format!("body:fhir/{kind}:{}", hex(&digest)),
        (None, door) => format!("body:{}:{}", format_of(door), hex(&digest)),
    }
}

/// Parse, map, validate. Malformed is 400; what a person has to mend in the record is 422.
fn walk(gateway: &Gateway, party: &Party, inbound: &Inbound) -> Result<Walked, Refusal> {
    let request = inbound.request_id.as_str();
    let refuse = |room: Room| move |report: Report| Refusal { status: status_of(room), report };
    let mapping = match &inbound.door {
        Door::Local { format } => Some(gateway.mappings.get(format).ok_or_else(|| unknown_format(format))?),
        _ => None,
    };
    let syntax = mapping.map_or(&Syntax::FhirJson, |m| m.syntax());
    let record = gateway
        .room(request, Room::Parse, || parse::parse(format_of(&inbound.door), syntax, &inbound.body, &gateway.limits()))
        .map_err(refuse(Room::Parse))?;
    let draft = gateway.room(request, Room::Map, || match mapping {
        Some(mapping) => map::map(record, mapping, &around(gateway, party, request)),
        None => map::adopt(record),
    });
    let draft = draft.map_err(refuse(Room::Map))?;
    if let Door::Create { kind } = &inbound.door {
        of_kind(draft.tree.root(), kind)?;
    }
    let loss = draft.loss.clone();
    let record = gateway.room(request, Room::Validate, || validate::validate(draft, &gateway.definitions));
    Ok(Walked { record: Arc::new(record.map_err(refuse(Room::Validate))?), loss, kept: Report::default() })
}

fn around<'a>(gateway: &Gateway, party: &'a Party, request: &'a str) -> Circumstances<'a> {
    Circumstances {
        now: gateway.clock.now(),
        sender_name: &party.identity.name,
        sender_identifier: (&party.identifier.0, &party.identifier.1),
        request_id: request,
    }
}

pub(super) fn of_kind(root: Item<'_>, kind: &str) -> Result<(), Refusal> {
    if root.resource_type() == Some(kind) {
        return Ok(());
    }
    let issue = Issue::error("invalid", "wrong-type", format!("a {kind} should stand here"))
        .on(root)
        .remedy("post a resource to the address of its own type");
    Err(Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, report: issue.into() })
}

/// The resources of a record: the entries of a Bundle, or the one resource.
pub(super) fn resources(record: &Validated) -> impl Iterator<Item = Item<'_>> {
    let root = record.bundle().root();
    let bundle = root.resource_type() == Some("Bundle");
    let entries = root.all("entry").filter_map(|entry| entry.get("resource"));
    let alone = (!bundle).then_some(root);
    alone.into_iter().chain(entries)
}

/// Whom a record is about. More than one person in one record is refused: it could not be decided for each.
pub(super) fn person(record: &Validated, sender: &str) -> Result<Person, Refusal> {
    let mut patients = resources(record).filter(|r| r.resource_type() == Some("Patient"));
    let refuse = |id: &'static str, text: &str, remedy: &'static str| {
        let issue = Issue::error("business-rule", id, text.to_owned())
            .on(record.bundle().root())
            .rule("sharing-choices L1")
            .remedy(remedy);
        Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, report: issue.into() }
    };
    let Some(patient) = patients.next() else {
        return Err(refuse("no-person", "no person is named", "send a Bundle with the Patient it is about"));
    };
    if patients.next().is_some() {
        return Err(refuse("several-persons", "more than one person is named", "send one record per person"));
    }
    let identifiers = || patient.all("identifier");
    let nhs = identifiers().find(|i| i.str_at(&["system"]) == Some(nhs_number::SYSTEM));
    if let Some(number) = nhs.and_then(|i| i.str_at(&["value"])).filter(|n| nhs_number::is_valid(n)) {
        return Ok(Person::verified(number));
    }
    let local = identifiers().find_map(|i| i.str_at(&["value"])).or_else(|| patient.str_at(&["id"]));
    match local {
        Some(local) => Ok(Person::known_to(sender, local)),
        None => Err(refuse("no-identifier", "the person has no identifier", "send the NHS number or your own")),
    }
}

/// What versions of one plan have in common: the sender and the plan's identifier, without its version.
fn plan_key(record: &Validated, sender: &str) -> Option<String> {
    Some(format!("{sender}:{}", plan_name(record)?))
}

fn plan_name(record: &Validated) -> Option<&str> {
    let plan = resources(record).find(|r| r.resource_type() == Some("CarePlan") && r.get("partOf").is_none())?;
    plan.all("identifier").find_map(|i| i.str_at(&["value"]))
}

/// One message for each recipient that may have something of it. Who may not is in the trail, and nowhere else.
fn messages(
    gateway: &Gateway,
    sender: &Party,
    inbound: &Inbound,
    person: &Person,
    (record, about): (&Validated, &About),
    evidence: &Evidence,
    entries: &mut Vec<Entry>,
) -> Vec<NewMessage> {
    let mut messages = Vec::new();
    // what is the same for all recipients, once
    let gathered = Gathered::of(evidence);
    let prepared = gateway.room(&inbound.request_id, Room::Decide, || decide::prepare(record, &gateway.policy));
    // choices that come along are not of this epoch yet: what is decided with them is not kept
    let brings_choices = resources(record).any(|r| r.resource_type() == Some("Consent"));
    for outlet in gateway.outlets.values().filter(|o| o.recipient.party.identity.id != sender.identity.id) {
        let to = &outlet.recipient;
        let question = gateway.question(&to.party, Action::Disclose, gateway.clock.now());
        let make = || decide::decide_prepared(&question, &prepared, evidence);
        let decision = gateway.room(&inbound.request_id, Room::Decide, || {
            if brings_choices {
                return make();
            }
            gateway.decisions.about_record(person, &question, record.digest(), evidence, make)
        });
        gateway.watches.decided(&inbound.request_id, &question.party.id, &decision);
        let case = Case { question: &question, gathered: &gathered, about };
        let event = gateway.decision_event(&inbound.request_id, &case, person, &decision);
        entries.push(event.entry());
        if decision.outcome() != Outcome::Deny {
            let (id, recipient) = (gateway.clock.id(), to.id.clone());
            messages.push(NewMessage { id, recipient, repeatable: to.idempotent });
        }
    }
    messages
}

fn sent_by(gateway: &Gateway, party: &Party, inbound: &Inbound, kind: Kind) -> Event {
    let mut event = gateway.journal.event(kind, &inbound.request_id);
    event.party = Some(party.identity.id.clone());
    event.other = Some(name_of(&party.identity.name, &party.identifier));
    event
}

fn created(gateway: &Gateway, party: &Party, inbound: &Inbound, person: &Person, id: &str) -> Event {
    let mut event = sent_by(gateway, party, inbound, Kind::Create);
    event.person = person_of(person);
    event.things.push(Thing { kind: "Bundle".to_owned(), reference: id.to_owned() });
    event
}

/// What the sender should know: that it is safe with us, what could not be carried, and what to look at.
fn reply(id: &str, walked: &Walked, chosen: &[Incoming]) -> Reply {
    let mut report = Report::default();
    report.push(Issue::information("informational", "accepted", format!("accepted as {id}")));
    for loss in walked.loss.iter().filter(|loss| !loss.intended) {
        let issue = Issue::new(Severity::Warning, "not-supported", "not-carried", loss.why.clone());
        let issue = issue.at(loss.place.clone()).expression(loss.path.clone());
        report.push(match &loss.rule {
            Some(rule) => issue.rule(rule.clone()),
            None => issue,
        });
    }
    report.extend(walked.kept.clone());
    report.extend(walked.record.report().clone());
    chosen.iter().for_each(|one| report.extend(choices::told(one)));
    Reply {
        status: StatusCode::ACCEPTED.as_u16(),
        content_type: FHIR_JSON.to_owned(),
        location: None,
        body: report.outcome().root().to_json().into_bytes(),
    }
}

fn spoken(reply: Reply) -> Answer {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::ACCEPTED);
    Answer::bytes(status, FHIR_JSON, reply.body)
}

pub(super) fn conflict() -> Refusal {
    let text = "this key was used before, for something else".to_owned();
    let issue = Issue::error("conflict", "key-used", text).remedy("use a new Idempotency-Key for a new event");
    Refusal { status: StatusCode::CONFLICT, report: issue.into() }
}

fn unknown_format(format: &str) -> Refusal {
    let issue = Issue::error("not-found", "no-such-format", format!("there is no format `{format}`"));
    Refusal { status: StatusCode::NOT_FOUND, report: issue.into() }
}

pub(super) fn store_fault(error: &StoreError) -> Answer {
    tracing::error!(fault = %error, "the store did not do it");
    let text = "nothing was stored".to_owned();
    let issue = Issue::error("transient", "store-unavailable", text).remedy("send it again in a while");
    Answer::issue(StatusCode::SERVICE_UNAVAILABLE, issue).header("retry-after", "5")
}

pub(super) fn unavailable(error: StoreError) -> Refusal {
    tracing::error!(fault = %error, "the store did not do it");
    let text = "nothing was stored".to_owned();
    let issue = Issue::error("transient", "store-unavailable", text).remedy("send it again in a while");
    Refusal { status: StatusCode::SERVICE_UNAVAILABLE, report: issue.into() }
}

/// A refusal is written down as well. If that fails the sender is refused all the same: nothing was to leave.
pub(super) async fn refused(gateway: &Gateway, caller: &Caller, inbound: &Inbound, refusal: Refusal) -> Answer {
    let mut event = sent_by(gateway, caller.party(), inbound, Kind::Refusal);
    event.outcome = Went::Serious;
    let ids: Vec<&str> = refusal.report.issues.iter().filter(|i| i.is_error()).map(|i| i.id.as_ref()).collect();
    event.reason = ids.join(" ");
    if let Err(error) = gateway.journal.note(event).await {
        tracing::error!(request = %inbound.request_id, fault = %error, "a refusal could not be written down");
    }
    let answer = Answer::outcome(refusal.status, &refusal.report);
    if refusal.status == StatusCode::SERVICE_UNAVAILABLE { answer.header("retry-after", "5") } else { answer }
}
