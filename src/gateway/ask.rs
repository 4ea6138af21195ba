//! A question is put: it is decided before anybody is asked, the source's answer walks the same rooms as a posted record,
//! and what may not be told is absent.
//!
//! Comes in: a caller and a search or a read. Goes out: a searchset, a resource, or the 404 of something that does not
//! exist. A caller who may have nothing gets, byte for byte but for id and time, the answer for a person of whom nothing
//! is held (P2). Refused: parameters we do not carry out, since leaving one out would answer another question.

use super::choices::{self, Asking};
use super::explain;
use super::receive::{resources, store_fault};
use super::watch::Room;
use super::{Case, Gateway, name_of, person_of, subject_of};
use crate::edge::authenticate::Caller;
use crate::edge::listen::{Answer, Door, Inbound};
use crate::edge::store::Person;
use crate::pure::audit::{Entry, Event, Kind, Outcome as Went, Part};
use crate::pure::decide::recorded::{About, Gathered};
use crate::pure::decide::{self, Asked, Decision, Evidence, Identity, Outcome, Question, Relationship};
use crate::pure::fhir::{Issue, Tree, When, nhs_number};
use crate::pure::redact::{self, Releasable};
use crate::pure::validate::Validated;
use hyper::StatusCode;

/// Names under which a person is asked for.
const PERSON: [&str; 6] =
    ["patient", "patient.identifier", "patient:identifier", "subject", "subject.identifier", "subject:identifier"];
/// Parameters that do not change what is found.
const HARMLESS: [&str; 1] = ["_count"];

/// What was found, and what was written about it.
#[derive(Default)]
struct Found {
    releasable: Vec<Releasable>,
    entries: Vec<Entry>,
}

pub(super) async fn ask(gateway: &Gateway, caller: &Caller, inbound: &Inbound) -> Answer {
    match &inbound.door {
        Door::Search { kind } => search(gateway, caller, inbound, kind).await,
        Door::Read { kind, id } => read(gateway, caller, inbound, kind, id).await,
        Door::History { .. } | Door::Version { .. } => of_choice(gateway, caller, inbound).await,
        Door::Explain | Door::Preview => explain::explain(gateway, caller, inbound).await,
        _ => absent(),
    }
}

/// A version of a choice, or its history: only what is recorded here has versions.
async fn of_choice(gateway: &Gateway, caller: &Caller, inbound: &Inbound) -> Answer {
    let begun = match gateway.journal.begin(query(gateway, caller, inbound, None)).await {
        Ok(begun) => begun,
        Err(error) => return store_fault(&error),
    };
    let mut entries = Vec::new();
    let asking = Asking { gateway, caller, inbound, entries: &mut entries };
    let found = match &inbound.door {
        Door::History { id } => choices::history(asking, id).await,
        Door::Version { id, version } => choices::one(asking, id, Some(version)).await,
        _ => Ok(None),
    };
    let answer = match found {
        Ok(found) => found.unwrap_or_else(absent),
        Err(error) => store_fault(&error),
    };
    let went = if answer.status == StatusCode::OK { Went::Success } else { Went::Serious };
    match gateway.journal.complete(begun, went, "answered", entries).await {
        Ok(()) => answer,
        Err(error) => store_fault(&error),
    }
}

async fn search(gateway: &Gateway, caller: &Caller, inbound: &Inbound, kind: &str) -> Answer {
    let (number, at) = match asked_for(&inbound.parameters, kind) {
        Ok(asked) => asked,
        Err(issue) => return Answer::issue(StatusCode::BAD_REQUEST, *issue),
    };
    let person = Person::verified(number);
    let begun = match gateway.journal.begin(query(gateway, caller, inbound, Some(&person))).await {
        Ok(begun) => begun,
        Err(error) => return store_fault(&error),
    };
    let names = inbound.parameters.iter().map(|(name, _)| name.clone()).collect();
    let asked = Asked { types: vec![kind.to_owned()], parameters: names };
    let found = found(gateway, caller, inbound, &person, &asked, |source| {
        source.search(kind, (nhs_number::SYSTEM, number), &inbound.request_id)
    });
    let found = match at {
        None => found.await,
        // no source can tell what held at a time that is past
        Some(_) => Ok(Found::default()),
    };
    let found = match (found, kind) {
        (Ok(mut found), "Consent") => {
            let asking = Asking { gateway, caller, inbound, entries: &mut found.entries };
            match choices::of_person(asking, &person, at).await {
                Ok(own) => {
                    found.releasable.splice(0..0, own);
                    Ok(found)
                }
                Err(error) => Err((store_fault(&error), found.entries)),
            }
        }
        (found, _) => found,
    };
    let (found, went, why) = match found {
        Ok(found) => (Some(found.releasable), (Went::Success, "answered", found.entries), None),
        Err((answer, entries)) => (None, (Went::Major, "not answered", entries), Some(answer)),
    };
    let (outcome, reason, entries) = went;
    if let Err(error) = gateway.journal.complete(begun, outcome, reason, entries).await {
        return store_fault(&error);
    }
    match (found, why) {
        (Some(found), _) => Answer::fhir(StatusCode::OK, &searchset(gateway, inbound, found, kind)),
        (None, Some(answer)) => answer,
        (None, None) => absent(),
    }
}

/// The link says how the question was understood, as far as it was.
fn searchset(gateway: &Gateway, inbound: &Inbound, found: Vec<Releasable>, kind: &str) -> Tree {
    let link = link(inbound, &format!("{}/fhir/{kind}", gateway.config.gateway.base));
    let mut answer = redact::shape_search(found, &[kind], &gateway.clock.id(), &link, gateway.clock.now());
    redact::say_incomplete(&mut answer, &[kind], gateway.policy.shape());
    answer
}

/// An address with the parameters of the question.
pub(super) fn link(inbound: &Inbound, address: &str) -> String {
    let parameters: Vec<String> =
        inbound.parameters.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    if parameters.is_empty() { address.to_owned() } else { format!("{address}?{}", parameters.join("&")) }
}

/// RFC 3986 §2.1, everything but what is unreserved.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

async fn read(gateway: &Gateway, caller: &Caller, inbound: &Inbound, kind: &str, id: &str) -> Answer {
    let begun = match gateway.journal.begin(query(gateway, caller, inbound, None)).await {
        Ok(begun) => begun,
        Err(error) => return store_fault(&error),
    };
    let mut entries = Vec::new();
    let mut answer = absent();
    if kind == "Consent" {
        match choices::one(Asking { gateway, caller, inbound, entries: &mut entries }, id, None).await {
            Ok(found) => answer = found.unwrap_or(answer),
            Err(error) => return store_fault(&error),
        }
    }
    for source in &gateway.sources {
        if answer.status == StatusCode::OK {
            break;
        }
        let start = std::time::Instant::now();
        let bytes = source.by_id(kind, id, &inbound.request_id).await;
        gateway.watches.room(&inbound.request_id, Room::Source, start.elapsed());
        // A source that fails, or answers what cannot be read, is to a stranger no different from one that holds nothing.
        let Ok(bytes) = bytes else { continue };
        let Ok(record) = gateway.walk_fhir(&inbound.request_id, &bytes) else { continue };
        let Some(person) = person_in(&record) else { continue };
        let Ok(Some(found)) = release(gateway, caller, inbound, &person, &record, &mut entries).await else { continue };
        if let Some(tree) = resource(&found, kind, id) {
            answer = Answer::fhir(StatusCode::OK, &tree);
            break;
        }
    }
    let went = if answer.status == StatusCode::OK { Went::Success } else { Went::Serious };
    match gateway.journal.complete(begun, went, "answered", entries).await {
        Ok(()) => answer,
        Err(error) => store_fault(&error),
    }
}

pub(super) fn resource(found: &Releasable, kind: &str, id: &str) -> Option<Tree> {
    let root = found.bundle().root();
    let entries = root.all("entry").filter_map(|entry| entry.get("resource"));
    let mut alone = std::iter::once(root).chain(entries);
    let item = alone.find(|r| r.resource_type() == Some(kind) && r.str_at(&["id"]) == Some(id))?;
    Some(Tree::copy_of(item))
}

fn person_in(record: &Validated) -> Option<Person> {
    let patient = resources(record).find(|r| r.resource_type() == Some("Patient"))?;
    let nhs = patient.all("identifier").find(|i| i.str_at(&["system"]) == Some(nhs_number::SYSTEM))?;
    nhs.str_at(&["value"]).filter(|n| nhs_number::is_valid(n)).map(Person::verified)
}

/// Decides the question, asks the sources, and walks what they answer.
async fn found<'g, F>(
    gateway: &'g Gateway,
    caller: &Caller,
    inbound: &Inbound,
    person: &Person,
    asked: &Asked,
    put: impl Fn(&'g crate::edge::source::Upstream) -> F,
) -> Result<Found, (Answer, Vec<Entry>)>
where
    F: Future<Output = Result<bytes::Bytes, crate::edge::source::SourceFault>>,
{
    let mut found = Found::default();
    let evidence = match gateway.gather(person, None).await {
        Ok(evidence) => evidence,
        Err(error) => return Err((store_fault(&error), found.entries)),
    };
    let question = gateway.asked(caller.party(), &inbound.headers, &evidence);
    let (decision, evidence) =
        gateway.room(&inbound.request_id, Room::Decide, || may_ask(gateway, person, &question, asked, evidence));
    let party = &caller.party().identity.id;
    let about = About::Asked(asked.clone());
    let case = Case { question: &question, gathered: &Gathered::of(&evidence), about: &about };
    found.entries.push(gateway.decision_event(&inbound.request_id, &case, person, &decision).entry());
    if decision.outcome() == Outcome::Deny {
        gateway.watches.decided(&inbound.request_id, party, &decision);
        return Ok(found);
    }
    for source in &gateway.sources {
        let start = std::time::Instant::now();
        let answered = put(source).await;
        gateway.watches.room(&inbound.request_id, Room::Source, start.elapsed());
        let bytes = match answered {
            Ok(bytes) => bytes,
            Err(fault) => {
                tracing::warn!(request = %inbound.request_id, source = source.id(), %fault, "a source did not answer");
                return Err((unanswered(), found.entries));
            }
        };
        let record = match gateway.walk_fhir(&inbound.request_id, &bytes) {
            Ok(record) => record,
            Err(report) => {
                let ids: Vec<&str> = report.issues.iter().filter(|i| i.is_error()).map(|i| i.id.as_ref()).collect();
                tracing::warn!(request = %inbound.request_id, source = source.id(), findings = ?ids,
                    "a source answered with a record that is not valid");
                return Err((unanswered(), found.entries));
            }
        };
        match release(gateway, caller, inbound, person, &record, &mut found.entries).await {
            Ok(releasable) => found.releasable.extend(releasable),
            Err(answer) => return Err((answer, found.entries)),
        }
    }
    Ok(found)
}

/// Whether the sources may be asked. How old the person is, and whose names stand in a care team the rules take for
/// evidence, is in the record, which is not here yet: where that could make another answer they are asked, and what they
/// answer is decided by what it says. With the decision comes the evidence it was made by.
fn may_ask(
    gateway: &Gateway,
    person: &Person,
    question: &Question,
    asked: &Asked,
    evidence: Evidence,
) -> (Decision, Evidence) {
    let decide = |evidence: &Evidence| {
        let make = || decide::decide_question(question, asked, evidence, &gateway.policy);
        gateway.decisions.about_asked(person, question, asked, evidence, make)
    };
    let decision = decide(&evidence);
    if decision.outcome() != Outcome::Deny {
        return (decision, evidence);
    }
    let of_a_child = evidence.facts.age.is_none().then(|| {
        let mut child = evidence.clone();
        child.facts.age = Some(0);
        child
    });
    let of_a_child = of_a_child.map(|child| (decide(&child), child));
    // not by way of the kept decisions: a relationship that is only supposed has the key of none
    let on_the_team = gateway.policy.care_team().then(|| {
        let mut known = evidence.clone();
        let party = &question.party;
        let with = Identity { references: party.references.clone(), identifiers: party.identifiers.clone() };
        known.facts.relationships.push(Relationship { with, from: None, until: None });
        (decide::decide_question(question, asked, &known, &gateway.policy), known)
    });
    let others = of_a_child.into_iter().chain(on_the_team);
    others.into_iter().find(|(d, _)| d.outcome() != Outcome::Deny).unwrap_or((decision, evidence))
}

/// Decides about one answer of a source and takes out what the caller may not have.
async fn release(
    gateway: &Gateway,
    caller: &Caller,
    inbound: &Inbound,
    person: &Person,
    record: &Validated,
    entries: &mut Vec<Entry>,
) -> Result<Option<Releasable>, Answer> {
    if resources(record).next().is_none() {
        return Ok(None);
    }
    if subject_of(record, person).is_empty() {
        // Rule L1: a source that answers with somebody else's record, or nobody's, has told nothing about this person.
        tracing::warn!(request = %inbound.request_id, "a source's answer does not name the person it was asked for");
        return Ok(None);
    }
    // Gathered again: the choices may have changed while the source was thinking.
    let evidence = match gateway.gather(person, Some(record)).await {
        Ok(evidence) => evidence,
        Err(error) => return Err(store_fault(&error)),
    };
    let question = gateway.asked(caller.party(), &inbound.headers, &evidence);
    let decision = gateway.decide(&inbound.request_id, person, &question, record, &evidence);
    let about = About::Passing(Part::new("record", record.bundle().root().to_json()));
    let case = Case { question: &question, gathered: &Gathered::of(&evidence), about: &about };
    let decided = gateway.decision_event(&inbound.request_id, &case, person, &decision);
    let obligations = decision.obligations().to_vec();
    entries.push(decided.entry());
    let Ok(permit) = decision.into_permit() else { return Ok(None) };
    let redacted =
        gateway.room(&inbound.request_id, Room::Redact, || redact::redact(record, permit, &gateway.definitions));
    match redacted {
        Ok(releasable) => {
            entries.extend(gateway.carry_out(&decided, &obligations));
            Ok(Some(releasable))
        }
        Err(withheld) => {
            let ids: Vec<&str> = withheld.report.issues.iter().map(|i| i.id.as_ref()).collect();
            tracing::warn!(request = %inbound.request_id, findings = ?ids, "what is left after redaction is not whole");
            Ok(None)
        }
    }
}

/// The NHS number asked for, and of choices the time.
fn asked_for<'p>(parameters: &'p [(String, String)], kind: &str) -> Result<(&'p str, Option<When>), Box<Issue>> {
    let at = parameters.iter().find(|(name, _)| kind == "Consent" && name == "_at");
    let at = at.map(|(_, value)| choices::time(value)).transpose()?;
    let others = parameters.iter().filter(|(name, _)| at.is_none() || name != "_at");
    Ok((person_asked(others)?, at))
}

/// The NHS number asked for. Any parameter that we would have to leave out is refused.
pub(super) fn person_asked<'p>(parameters: impl Iterator<Item = &'p (String, String)>) -> Result<&'p str, Box<Issue>> {
    let mut number = None;
    for (name, value) in parameters {
        if HARMLESS.contains(&name.as_str()) {
            continue;
        }
        if !PERSON.contains(&name.as_str()) {
            let issue =
                Issue::error("not-supported", "parameter-unknown", "a search parameter is not carried out".into());
            return Err(Box::new(issue.remedy("ask by `patient` alone; see /fhir/metadata")));
        }
        let asked = value.split_once('|').filter(|(system, _)| *system == nhs_number::SYSTEM).map(|(_, value)| value);
        let asked = asked.filter(|number| nhs_number::is_valid(number));
        if asked.is_none() || number.is_some_and(|n| Some(n) != asked) {
            let text = "the person is not asked for by one NHS number with a right check digit".to_owned();
            let issue = Issue::error("value", "person-not-identified", text);
            return Err(Box::new(issue.remedy("write `patient=https://fhir.nhs.uk/Id/nhs-number|<ten digits>`")));
        }
        number = asked;
    }
    number.ok_or_else(|| {
        let issue = Issue::error("required", "person-missing", "it is not said whose record is asked for".to_owned());
        Box::new(issue.remedy("write `patient=https://fhir.nhs.uk/Id/nhs-number|<ten digits>`"))
    })
}

pub(super) fn query(gateway: &Gateway, caller: &Caller, inbound: &Inbound, person: Option<&Person>) -> Event {
    let mut event = gateway.journal.event(Kind::Query, &inbound.request_id);
    event.party = Some(caller.party().identity.id.clone());
    event.other = Some(name_of(&caller.party().identity.name, &caller.party().identifier));
    event.purposes.clone_from(&inbound.headers.purposes);
    if event.purposes.is_empty() {
        event.purposes.extend(caller.party().identity.purposes.first().cloned());
    }
    event.person = person.and_then(person_of);
    let parameters: Vec<String> = inbound.parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let what = match &inbound.door {
        Door::Search { kind } => format!("{kind}?{}", parameters.join("&")),
        Door::Read { kind, id } => format!("{kind}/{id}"),
        Door::History { id } => format!("Consent/{id}/_history?{}", parameters.join("&")),
        Door::Version { id, version } => format!("Consent/{id}/_history/{version}"),
        Door::Explain => format!("Consent/$explain?{}", parameters.join("&")),
        Door::Preview => format!("CarePlan/$preview?{}", parameters.join("&")),
        _ => String::new(),
    };
    event.query = Some(what);
    event
}

/// What does not exist, and what may not be seen.
pub(super) fn absent() -> Answer {
    let issue = Issue::error("not-found", "not-found", "there is no such resource".to_owned());
    Answer::issue(StatusCode::NOT_FOUND, issue)
}

fn unanswered() -> Answer {
    let issue =
        Issue::error("transient", "source-unavailable", "a system of record did not answer as it should".into());
    Answer::issue(StatusCode::BAD_GATEWAY, issue.remedy("ask again in a while"))
}
