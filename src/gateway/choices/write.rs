//! Choices are recorded, changed, withdrawn and confirmed over HTTP (R4 §3.1.0): each a new version, nothing overwritten.
//!
//! Comes in: who does it and to which choice. Goes out: 201 or 200 with Location, ETag, Last-Modified and what was
//! understood. Refused: a stale version (412, 409), what another party recorded, a person or an identifier that changed,
//! what cannot be read, and whoever has no right to (C7). What the caller may not see is absent, as everywhere.

use super::super::receive::{Refusal, conflict, of_kind, refused, store_fault, unavailable};
use super::super::watch::Room;
use super::super::{Gateway, ask, hex};
use super::read::{Asking, stamped};
use super::{Incoming, chosen, incoming, person, told, unprocessable, weigh, with_status};
use crate::edge::authenticate::Caller;
use crate::edge::evidence;
use crate::edge::listen::{Answer, Door, Inbound, answer::FHIR_JSON};
use crate::edge::store::{Acceptance, Accepted, Act, NewMessage, NewRecord, Person, Reply, StoredConsent};
use crate::pure::decide::words::Truth;
use crate::pure::decide::{self, Choice, Taken};
use crate::pure::fhir::{Issue, Item, Limits, Report, Tree, json};
use crate::pure::map;
use crate::pure::parse::{self, Syntax};
use crate::pure::validate::{self, Validated};
use hyper::StatusCode;
use openssl::sha::sha256;

/// How often a choice is recorded anew because another version came between.
const TURNS: usize = 3;
/// How far a sender's clock may be ahead of ours.
const AHEAD: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// One that is to be recorded.
struct Next {
    person: Person,
    one: Incoming,
    /// What is kept of the request: the Consent, or what it asked for.
    body: String,
    report: Report,
    status: StatusCode,
}

/// Carries out a door that changes a choice.
pub(in crate::gateway) async fn write(gateway: &Gateway, caller: &Caller, inbound: &Inbound) -> Answer {
    let done = match &inbound.door {
        Door::Update { id } => change(gateway, caller, inbound, id).await,
        Door::Withdraw { id } => withdraw(gateway, caller, inbound, id).await,
        Door::Confirm { id } => confirm(gateway, caller, inbound, id).await,
        _ => create(gateway, caller, inbound).await,
    };
    match done {
        Ok(answer) => answer,
        Err(refusal) => refused(gateway, caller, inbound, refusal).await,
    }
}

// ---- the four doors ----------------------------------------------------------------------------------------------------------

async fn create(gateway: &Gateway, caller: &Caller, inbound: &Inbound) -> Result<Answer, Refusal> {
    if let Some(answer) = replayed(gateway, caller, inbound).await? {
        return Ok(answer);
    }
    let (record, choice) = read(gateway, inbound)?;
    let person = person(&choice, record.bundle().root())?;
    for _ in 0..TURNS {
        let held = gateway.store.consents(&person).await.map_err(unavailable)?;
        let mut one = made(gateway, caller, &record, choice.clone());
        if one.choice.key().is_none() {
            // R4 §3.1.0.8: the id of a resource that is created is ours to give, so it tells nothing
            one.new.identifier = format!("content|{}", hex(&sha256(one.new.consent.as_bytes())));
        }
        let party = &caller.party().identity.id;
        let own = |c: &&StoredConsent| c.sender == *party && c.identifier == one.new.identifier;
        let current = held.iter().filter(own).find(|c| c.in_force);
        if let Some(current) = current {
            if current.consent == one.new.consent {
                return Ok(unchanged(gateway, current, StatusCode::OK));
            }
            in_time(&one, current, gateway)?;
        }
        one.new.follows = Some(current.map_or(0, |c| c.newest));
        let status = if current.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        judged(gateway, caller, &mut one, &person, &held).await?;
        let (body, report) = (one.new.consent.clone(), record.report().clone());
        let next = Next { person: person.clone(), one, body, report, status };
        if let Some(answer) = record_next(gateway, caller, inbound, next).await? {
            return Ok(answer);
        }
    }
    Err(moved(StatusCode::CONFLICT))
}

async fn change(gateway: &Gateway, caller: &Caller, inbound: &Inbound, id: &str) -> Result<Answer, Refusal> {
    let (person, current) = match target(gateway, caller, inbound, id).await? {
        Ok(found) => found,
        Err(answer) => return Ok(answer),
    };
    own(caller, &current)?;
    matching(inbound, &current)?;
    let (record, choice) = read(gateway, inbound)?;
    let root = record.bundle().root();
    if root.str_at(&["id"]) != Some(id) {
        let text = "the Consent does not bear the id of the address";
        let issue = Issue::error("invalid", "choice-id-differs", text.to_owned()).on(root);
        let report = issue.remedy("write the id of the address into `id`").into();
        return Err(Refusal { status: StatusCode::BAD_REQUEST, report });
    }
    if self::person(&choice, root)? != person {
        let text = "a choice cannot become another person's";
        let issue = Issue::error("business-rule", "choice-of-another-person", text.to_owned()).on(root);
        return Err(unprocessable(
            issue.rule("sharing-choices L1").remedy("record a new choice for that person").into(),
        ));
    }
    if evidence::read(&current).key().is_some_and(|key| choice.key() != Some(key)) {
        let text = "a choice keeps its identifier through all its versions";
        let issue = Issue::error("business-rule", "choice-identifier-differs", text.to_owned()).on(root);
        return Err(unprocessable(issue.remedy("keep the identifier, or record a new choice").into()));
    }
    let mut one = made(gateway, caller, &record, choice);
    one.new.identifier.clone_from(&current.identifier);
    if current.consent == one.new.consent {
        return Ok(unchanged(gateway, &current, StatusCode::OK));
    }
    in_time(&one, &current, gateway)?;
    one.new.follows = Some(current.newest);
    judged(gateway, caller, &mut one, &person, std::slice::from_ref(&current)).await?;
    let (body, report) = (one.new.consent.clone(), record.report().clone());
    finish(gateway, caller, inbound, Next { person, one, body, report, status: StatusCode::OK }).await
}

async fn withdraw(gateway: &Gateway, caller: &Caller, inbound: &Inbound, id: &str) -> Result<Answer, Refusal> {
    let (person, current) = match target(gateway, caller, inbound, id).await? {
        Ok(found) => found,
        Err(answer) => return Ok(answer),
    };
    own(caller, &current)?;
    matching(inbound, &current)?;
    let held = evidence::read(&current);
    let withdrawn = current.understood.as_ref().is_some_and(|u| u.act == Act::Withdrawn);
    if withdrawn || held.standing() != decide::Standing::Active {
        return Ok(unchanged(gateway, &current, StatusCode::OK));
    }
    if held.objects() && !is_person(caller, &held) {
        let text = "this would take back an objection, and it is not said who chose to";
        let issue = Issue::error("forbidden", "choice-without-authority", text.to_owned()).rule("sharing-choices C7");
        let remedy = "put the Consent with status `inactive`, and name in `performer` or `policyRule` who chose";
        return Err(Refusal { status: StatusCode::FORBIDDEN, report: issue.remedy(remedy).into() });
    }
    let now = gateway.clock.now();
    let stored = with_status(&current, "inactive", now).ok_or_else(unreadable)?;
    let tree = json::read(stored.as_bytes(), &Limits::default()).map_err(unprocessable)?;
    let consent = evidence::original(&tree);
    let choice = decide::read_choice(consent).map_err(unprocessable)?;
    let mut one = incoming(gateway, caller.party(), consent, choice, stored);
    one.new.identifier.clone_from(&current.identifier);
    one.new.dated = Some(now.max(current.dated));
    one.new.follows = Some(current.newest);
    one.choice = one.choice.clone().stored(&current.id, current.newest + 1, &current.sender);
    one.new.understood.act = Act::Withdrawn;
    one.new.understood.authority = super::authority_word(Truth::True).to_owned();
    let body = one.new.consent.clone();
    finish(gateway, caller, inbound, Next { person, one, body, report: Report::default(), status: StatusCode::OK })
        .await
}

/// Somebody says which of two readings is meant: the person, or who recorded it.
async fn confirm(gateway: &Gateway, caller: &Caller, inbound: &Inbound, id: &str) -> Result<Answer, Refusal> {
    let (person, current) = match target(gateway, caller, inbound, id).await? {
        Ok(found) => found,
        Err(answer) => return Ok(answer),
    };
    let held = evidence::read(&current);
    if !is_person(caller, &held) {
        own(caller, &current)?;
    }
    matching(inbound, &current)?;
    let taken = reading(gateway, inbound)?;
    if held.taken() == taken {
        return Ok(unchanged(gateway, &current, StatusCode::OK));
    }
    if held.taken() != Taken::Awaiting {
        let text = "this choice can be read in one way only, or it has been said how it is meant";
        let issue = Issue::error("conflict", "nothing-to-confirm", text.to_owned());
        let report = issue.remedy("to say something else, put a new version").into();
        return Err(Refusal { status: StatusCode::CONFLICT, report });
    }
    let tree = json::read(current.consent.as_bytes(), &Limits::default()).map_err(unprocessable)?;
    let consent = evidence::original(&tree);
    let choice = decide::read_choice(consent).map_err(unprocessable)?;
    let mut one = incoming(gateway, caller.party(), consent, choice.clone(), current.consent.clone());
    one.new.sender.clone_from(&current.sender);
    one.new.identifier.clone_from(&current.identifier);
    one.new.dated = Some(current.dated);
    one.new.follows = Some(current.newest);
    one.new.understood.act = Act::Confirmed;
    one.new.understood.taken = taken.word().to_owned();
    one.new.understood.authority =
        current.understood.as_ref().map_or_else(|| "unknown".to_owned(), |u| u.authority.clone());
    one.choice = choice.stored(&current.id, current.newest + 1, &current.sender).taken_as(taken);
    let body = String::from_utf8_lossy(&inbound.body).into_owned();
    finish(gateway, caller, inbound, Next { person, one, body, report: Report::default(), status: StatusCode::OK })
        .await
}

// ---- what they share ---------------------------------------------------------------------------------------------------------

/// The Consent of the body: read as a choice before it is validated, so that what is wrong with it as a choice is said
/// first, and in the words of choices.
fn read(gateway: &Gateway, inbound: &Inbound) -> Result<(Validated, Choice), Refusal> {
    let request = inbound.request_id.as_str();
    let malformed = |report: Report| Refusal { status: StatusCode::BAD_REQUEST, report };
    let parsed = gateway
        .room(request, Room::Parse, || parse::parse("fhir", &Syntax::FhirJson, &inbound.body, &gateway.limits()));
    let draft = map::adopt(parsed.map_err(malformed)?).map_err(malformed)?;
    of_kind(draft.tree.root(), "Consent")?;
    let choice = decide::read_choice(draft.tree.root()).map_err(unprocessable)?;
    whole_and_past(gateway, &choice, draft.tree.root())?;
    let record = gateway.room(request, Room::Validate, || validate::validate(draft, &gateway.definitions));
    Ok((record.map_err(unprocessable)?, choice))
}

/// A copy from which something was taken out is not the choice; and nobody has chosen yet what they will choose.
fn whole_and_past(gateway: &Gateway, choice: &Choice, consent: Item<'_>) -> Result<(), Refusal> {
    let marks = consent.get("meta").into_iter().flat_map(|meta| meta.all("tag").chain(meta.all("security")));
    if marks.filter_map(|mark| mark.str_at(&["code"])).any(|code| matches!(code, "SUBSETTED" | "REDACTED")) {
        let text = "this is a copy from which something was taken out, and must not replace the whole";
        let issue = Issue::error("business-rule", "choice-subsetted", text.to_owned()).on(consent);
        return Err(unprocessable(issue.remedy("send all of the Consent, without the tag").into()));
    }
    let now = gateway.clock.now();
    if choice.dated().is_some_and(|dated| dated > now + AHEAD) {
        let text = "it is dated in time to come";
        let issue = Issue::error("business-rule", "choice-in-the-future", text.to_owned()).on(consent);
        let remedy = "write into `dateTime` when it was decided, and into `provision.period` from when it holds";
        return Err(unprocessable(issue.remedy(remedy).into()));
    }
    Ok(())
}

fn made(gateway: &Gateway, caller: &Caller, record: &Validated, choice: Choice) -> Incoming {
    let root = record.bundle().root();
    incoming(gateway, caller.party(), root, choice, root.to_json())
}

/// By what right it was chosen, beside what it follows.
async fn judged(
    gateway: &Gateway,
    caller: &Caller,
    one: &mut Incoming,
    person: &Person,
    held: &[StoredConsent],
) -> Result<(), Refusal> {
    let evidence = gateway.gather(person, None).await.map_err(unavailable)?;
    weigh(std::slice::from_mut(one), held, &evidence.facts, caller.party(), gateway.clock.now())
}

/// The choice that the address names, in force, where this caller may see it; else the answer of one that does not exist.
async fn target(
    gateway: &Gateway,
    caller: &Caller,
    inbound: &Inbound,
    id: &str,
) -> Result<Result<(Person, StoredConsent), Answer>, Refusal> {
    let found = gateway.store.consent(id).await.map_err(unavailable)?;
    let current = found.and_then(|(person, versions)| Some((person, versions.into_iter().find(|c| c.in_force)?)));
    let Some((person, current)) = current else { return Ok(Err(ask::absent())) };
    if current.sender == caller.party().identity.id {
        return Ok(Ok((person, current)));
    }
    let mut entries = Vec::new();
    let mut asking = Asking { gateway, caller, inbound, entries: &mut entries };
    let seen = asking.may_see(&person, &current).await.map_err(unavailable)?;
    gateway.store.append(entries).await.map_err(unavailable)?;
    Ok(if seen { Ok((person, current)) } else { Err(ask::absent()) })
}

/// Nobody changes what another party recorded: what they have to say is a choice of its own, and weighed beside it.
fn own(caller: &Caller, current: &StoredConsent) -> Result<(), Refusal> {
    if current.sender == caller.party().identity.id {
        return Ok(());
    }
    let text = "another party recorded this choice, and it alone can change it";
    let issue = Issue::error("forbidden", "choice-of-another-party", text.to_owned()).rule("sharing-choices C7");
    let remedy = "post a choice of your own: it stands beside this one, and both are weighed";
    Err(Refusal { status: StatusCode::FORBIDDEN, report: issue.remedy(remedy).into() })
}

/// Whether the caller is the app of the person whose choice it is.
fn is_person(caller: &Caller, choice: &Choice) -> bool {
    let person = caller.party().identity.person.as_ref();
    person.is_some_and(|p| p.same(choice.patient()) == Truth::True)
}

/// If-Match names the version in force, or any (RFC 9110 §13.1.1).
fn matching(inbound: &Inbound, current: &StoredConsent) -> Result<(), Refusal> {
    let Some(wanted) = inbound.headers.if_match.as_deref() else { return Ok(()) };
    let is_current = |tag: &str| {
        let tag = tag.trim();
        let version = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        tag == "*" || version == current.version.to_string()
    };
    if wanted.split(',').any(is_current) { Ok(()) } else { Err(moved(StatusCode::PRECONDITION_FAILED)) }
}

fn moved(status: StatusCode) -> Refusal {
    let text = "the choice has another version by now";
    let issue = Issue::error("conflict", "choice-moved-on", text.to_owned());
    Refusal { status, report: issue.remedy("read it again, and name its version in `If-Match`").into() }
}

fn unreadable() -> Refusal {
    let text = "the choice is stored and cannot be read, so it counts as an objection";
    let issue = Issue::error("business-rule", "choice-unreadable", text.to_owned()).rule("sharing-choices C4");
    unprocessable(issue.remedy("put a new version that can be read").into())
}

/// A version is not decided before the one it follows, nor in time to come: either would make it unclear what holds.
fn in_time(one: &Incoming, current: &StoredConsent, gateway: &Gateway) -> Result<(), Refusal> {
    let dated = one.new.dated.unwrap_or_else(|| gateway.clock.now());
    if dated >= current.dated {
        return Ok(());
    }
    let text = "it was decided before the version it would replace";
    let issue =
        Issue::error("business-rule", "choice-older", text.to_owned()).expression("Consent.dateTime".to_owned());
    Err(unprocessable(issue.remedy("write into `dateTime` when this was decided").into()))
}

/// Which reading the body names.
fn reading(gateway: &Gateway, inbound: &Inbound) -> Result<Taken, Refusal> {
    let malformed = |report: Report| Refusal { status: StatusCode::BAD_REQUEST, report };
    let parsed = parse::parse("fhir", &Syntax::FhirJson, &inbound.body, &gateway.limits()).map_err(malformed)?;
    let draft = map::adopt(parsed).map_err(malformed)?;
    let root = draft.tree.root();
    let named = root.all("parameter").find(|p| p.str_at(&["name"]) == Some("reading"));
    let value = named.and_then(|p| p.str_at(&["valueCode"]).or_else(|| p.str_at(&["valueString"])));
    match value.and_then(Taken::from_word) {
        Some(taken @ Taken::Reading(_)) if root.resource_type() == Some("Parameters") => Ok(taken),
        _ => {
            let issue = Issue::error("value", "reading-unknown", "it is not said which reading is meant".to_owned());
            let remedy = "post a Parameters with `reading` as `valueCode`: `scope` or `exception`";
            Err(unprocessable(issue.on(root).remedy(remedy).into()))
        }
    }
}

async fn finish(gateway: &Gateway, caller: &Caller, inbound: &Inbound, next: Next) -> Result<Answer, Refusal> {
    if let Some(answer) = replayed(gateway, caller, inbound).await? {
        return Ok(answer);
    }
    record_next(gateway, caller, inbound, next).await?.ok_or_else(|| moved(StatusCode::CONFLICT))
}

/// The sender's own key for the event. Without one each request is an event of its own: whether a choice is a repeat, its
/// content and its version tell better than the bytes do.
fn key(inbound: &Inbound) -> String {
    match &inbound.headers.idempotency_key {
        Some(key) => format!("key:{key}"),
        None => format!("request:{}", inbound.request_id),
    }
}

async fn replayed(gateway: &Gateway, caller: &Caller, inbound: &Inbound) -> Result<Option<Answer>, Refusal> {
    if inbound.headers.idempotency_key.is_none() {
        return Ok(None);
    }
    let sender = &caller.party().identity.id;
    match gateway.store.replay(sender, &key(inbound), sha256(&inbound.body)).await.map_err(unavailable)? {
        Some(Accepted::Replay(reply)) => Ok(Some(spoken(gateway, reply).await)),
        Some(_) => Err(conflict()),
        None => Ok(None),
    }
}

/// Stores a version with all that follows from it. None where another version came between.
async fn record_next(
    gateway: &Gateway,
    caller: &Caller,
    inbound: &Inbound,
    next: Next,
) -> Result<Option<Answer>, Refusal> {
    let Next { person, one, body, report, status } = next;
    let party = caller.party();
    let event = chosen(gateway, party, &inbound.request_id, &person, &one);
    let copies = gateway.store.copies_out(&person).await.map_err(unavailable)?;
    let acceptance = Acceptance {
        sender: party.identity.id.clone(),
        // A second of one request would be another's: each turn is a request of its own.
        key: key(inbound),
        digest: sha256(&inbound.body),
        now: gateway.clock.now(),
        record: NewRecord {
            id: gateway.clock.id(),
            plan: None,
            person,
            request: inbound.request_id.clone(),
            format: "fhir".to_owned(),
            bundle: body,
            original: None,
        },
        messages: copies.into_iter().filter_map(|copy| look_again(gateway, copy.recipient)).collect(),
        entries: vec![event.entry()],
        reply: reply(gateway, &one, &report, status),
        choices: vec![one.new],
    };
    let start = std::time::Instant::now();
    let accepted = gateway.store.accept(acceptance).await.map_err(unavailable)?;
    gateway.watches.room(&inbound.request_id, Room::Store, start.elapsed());
    match accepted {
        Accepted::New(reply) => {
            gateway.queued.notify_one();
            Ok(Some(spoken(gateway, reply).await))
        }
        Accepted::Replay(reply) => Ok(Some(spoken(gateway, reply).await)),
        Accepted::Conflict => Err(conflict()),
        Accepted::Stale => Ok(None),
    }
}

/// A message that makes the gateway look again at the copy a recipient has: where the changed choice no longer lets it
/// have that, it is told to hand it on to nobody.
fn look_again(gateway: &Gateway, recipient: String) -> Option<NewMessage> {
    let repeatable = gateway.outlets.get(&recipient)?.recipient.idempotent;
    Some(NewMessage { id: gateway.clock.id(), recipient, repeatable })
}

fn reply(gateway: &Gateway, one: &Incoming, validated: &Report, status: StatusCode) -> Reply {
    let reference = one.choice.reference();
    let location =
        format!("{}/fhir/{}/_history/{}", gateway.config.gateway.base, reference.reference, reference.version);
    let mut report = Report::default();
    let text = format!("recorded as `{}` version {}", reference.reference, reference.version);
    report.push(Issue::information("informational", "choice-recorded", text));
    report.extend(told(one));
    report.extend(validated.clone());
    Reply {
        status: status.as_u16(),
        content_type: FHIR_JSON.to_owned(),
        location: Some(location),
        body: report.outcome().root().to_json().into_bytes(),
    }
}

/// The stored answer with its headers: version and time are those of the version it tells of.
async fn spoken(gateway: &Gateway, reply: Reply) -> Answer {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut answer = Answer::bytes(status, FHIR_JSON, reply.body);
    let Some(location) = reply.location else { return answer };
    let parts = location.rsplit_once("/_history/").and_then(|(before, v)| Some((before.rsplit_once('/')?.1, v)));
    if let Some((id, version)) = parts {
        match gateway.store.consent(id).await {
            Ok(Some((_, versions))) => {
                if let Some(stored) = versions.iter().find(|c| c.version.to_string() == version) {
                    answer = stamped(answer, stored);
                }
            }
            Ok(None) => {}
            Err(error) => return store_fault(&error),
        }
    }
    answer.header("location", location)
}

/// Nothing was to be changed: the version in force is told.
fn unchanged(gateway: &Gateway, current: &StoredConsent, status: StatusCode) -> Answer {
    let location = format!("{}/fhir/Consent/{}/_history/{}", gateway.config.gateway.base, current.id, current.version);
    let text = format!("`Consent/{}` version {} says so already", current.id, current.version);
    let answer = Answer::issue(status, Issue::information("informational", "choice-unchanged", text));
    stamped(answer, current).header("location", location)
}

/// A tree of what is stored, for those who change it.
pub(super) fn tree_of(stored: &StoredConsent) -> Option<Tree> {
    json::read(stored.consent.as_bytes(), &Limits::default()).ok()
}
