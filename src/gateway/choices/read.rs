//! Choices are read: the one in force, a version, the history, and what held at any time.
//!
//! Comes in: who asks and for what. Goes out: what `decide` and `redact` let this caller have, and nothing by another way:
//! every answer is made of [`Releasable`]s. What may not be seen is absent.

use super::super::watch::Room;
use super::super::{Case, Gateway, ask};
use super::represented;
use crate::edge::authenticate::Caller;
use crate::edge::evidence;
use crate::edge::listen::{Answer, Inbound};
use crate::edge::store::{Act, Person, StoreError, StoredConsent};
use crate::pure::audit::{Entry, Part};
use crate::pure::decide::recorded::{About, Gathered};
use crate::pure::decide::{Evidence, Identity};
use crate::pure::fhir::{Issue, When, nhs_number};
use crate::pure::redact::{self, PastVersion, Releasable};
use hyper::StatusCode;
use jiff::Timestamp;

/// Parameters of a history that are carried out (R4 §3.1.0.8); `_count` changes nothing that is found.
const PARAMETERS: [&str; 3] = ["_since", "_at", "_count"];

/// Who asks, and what is written down about it.
pub(in crate::gateway) struct Asking<'a> {
    pub(in crate::gateway) gateway: &'a Gateway,
    pub(in crate::gateway) caller: &'a Caller,
    pub(in crate::gateway) inbound: &'a Inbound,
    pub(in crate::gateway) entries: &'a mut Vec<Entry>,
}

impl Asking<'_> {
    /// What this caller may have of one version, if anything.
    async fn release(&mut self, person: &Person, stored: &StoredConsent) -> Result<Option<Releasable>, StoreError> {
        let gateway = self.gateway;
        let Some(number) = person.nhs_number() else { return Ok(None) };
        let mut subject = Identity::by_identifier(nhs_number::SYSTEM, number);
        subject.references.extend(evidence::read(stored).patient().references.iter().cloned());
        let Some(tree) = represented(stored, person) else { return Ok(None) };
        let request = &self.inbound.request_id;
        // A choice that no longer passes is enforced all the same, as an objection; but it cannot be shown.
        let Ok(record) = gateway.walk_fhir(request, tree.root().to_json().as_bytes()) else { return Ok(None) };
        let evidence = Evidence { subject, ..gateway.gather(person, None).await? };
        let question = gateway.asked(self.caller.party(), &self.inbound.headers, &evidence);
        let decision = gateway.decide(request, person, &question, &record, &evidence);
        let about = About::Passing(Part::new("record", record.bundle().root().to_json()));
        let case = Case { question: &question, gathered: &Gathered::of(&evidence), about: &about };
        self.entries.push(gateway.decision_event(request, &case, person, &decision).entry());
        let Ok(permit) = decision.into_permit() else { return Ok(None) };
        let redacted = gateway.room(request, Room::Redact, || redact::redact(&record, permit, &gateway.definitions));
        Ok(redacted.ok())
    }

    /// Whether this caller may see the choice in force.
    pub(super) async fn may_see(&mut self, person: &Person, stored: &StoredConsent) -> Result<bool, StoreError> {
        Ok(self.release(person, stored).await?.is_some())
    }
}

/// One choice, or one version of it. None where there is none that this caller may see.
pub(in crate::gateway) async fn one(
    mut asking: Asking<'_>,
    id: &str,
    version: Option<&str>,
) -> Result<Option<Answer>, StoreError> {
    let Some((person, versions)) = asking.gateway.store.consent(id).await? else { return Ok(None) };
    let wanted = |c: &&StoredConsent| version.map_or(c.in_force, |v| v == c.version.to_string());
    let Some(stored) = versions.iter().find(wanted) else { return Ok(None) };
    let found = asking.release(&person, stored).await?;
    let tree = found.as_ref().and_then(|found| ask::resource(found, "Consent", id));
    Ok(tree.map(|tree| stamped(Answer::fhir(StatusCode::OK, &tree), stored)))
}

/// The history of a choice, newest first. None where there is nothing that this caller may see.
pub(in crate::gateway) async fn history(mut asking: Asking<'_>, id: &str) -> Result<Option<Answer>, StoreError> {
    let span = match Span::of(&asking.inbound.parameters) {
        Ok(span) => span,
        Err(issue) => return Ok(Some(Answer::issue(StatusCode::BAD_REQUEST, *issue))),
    };
    let Some((person, versions)) = asking.gateway.store.consent(id).await? else { return Ok(None) };
    let mut seen = false;
    let mut found = Vec::new();
    for stored in versions.iter().rev() {
        let Some(releasable) = asking.release(&person, stored).await? else { continue };
        seen = true;
        if span.since.is_none_or(|since| stored.recorded >= since)
            && span.at.is_none_or(|at| was_current(&versions, stored.version, at))
        {
            found.push(past(releasable, stored));
        }
    }
    if !seen {
        return Ok(None);
    }
    let gateway = asking.gateway;
    let base = format!("{}/fhir", gateway.config.gateway.base);
    let link = ask::link(asking.inbound, &format!("{base}/Consent/{id}/_history"));
    let tree = redact::shape_history(&found, &base, &gateway.clock.id(), &link, gateway.clock.now());
    Ok(Some(Answer::fhir(StatusCode::OK, &tree)))
}

/// A person's choices that this caller may see: those in force, or those that were at a time.
pub(in crate::gateway) async fn of_person(
    mut asking: Asking<'_>,
    person: &Person,
    at: Option<When>,
) -> Result<Vec<Releasable>, StoreError> {
    let all = asking.gateway.store.consents(person).await?;
    let mut found = Vec::new();
    for stored in &all {
        let versions = || all.iter().filter(|c| c.id == stored.id);
        let current = match at {
            None => stored.in_force,
            // of a day, what held when it ended
            Some(at) => current_before(versions(), at.end()) == Some(stored.version),
        };
        if current {
            found.extend(asking.release(person, stored).await?);
        }
    }
    Ok(found)
}

/// ETag and Last-Modified of a version (RFC 9110 §8.8; R4 §3.1.0.2).
pub(super) fn stamped(answer: Answer, stored: &StoredConsent) -> Answer {
    let modified = stored.recorded.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    answer.header("etag", format!("W/\"{}\"", stored.version)).header("last-modified", modified)
}

fn past(releasable: Releasable, stored: &StoredConsent) -> PastVersion {
    let act = stored.understood.as_ref().map_or(Act::Recorded, |u| u.act);
    let (method, status) = match act {
        Act::Recorded if stored.version == 1 => ("POST", "201"),
        Act::Recorded | Act::Changed | Act::Confirmed | Act::Withdrawn => ("PUT", "200"),
    };
    PastVersion { releasable, method, status, version: stored.version, recorded: stored.recorded }
}

/// Which version of one choice held just before a time: of those recorded by then the one dated last.
fn current_before<'c>(versions: impl Iterator<Item = &'c StoredConsent>, end: Timestamp) -> Option<u64> {
    versions.filter(|c| c.recorded < end).max_by_key(|c| (c.dated, c.version)).map(|c| c.version)
}

/// Whether a version held at some moment of a span of time.
fn was_current(versions: &[StoredConsent], version: u64, at: When) -> bool {
    let (from, end) = (at.earliest(), at.end());
    let within = versions.iter().map(|c| c.recorded).filter(|r| *r >= from && *r < end);
    // what held when it began, and what held after each change within it
    let moments = std::iter::once(from).chain(within).map(|m| m + jiff::SignedDuration::from_nanos(1));
    moments.into_iter().any(|moment| current_before(versions.iter(), moment) == Some(version))
}

/// What part of a history is asked for.
struct Span {
    since: Option<Timestamp>,
    at: Option<When>,
}

impl Span {
    fn of(parameters: &[(String, String)]) -> Result<Span, Box<Issue>> {
        let mut span = Span { since: None, at: None };
        for (name, value) in parameters {
            if !PARAMETERS.contains(&name.as_str()) {
                let text = "a parameter is not carried out".to_owned();
                let issue = Issue::error("not-supported", "parameter-unknown", text);
                return Err(Box::new(issue.remedy("ask for a history by `_since` and `_at`")));
            }
            match name.as_str() {
                "_since" => span.since = Some(time(value)?.earliest()),
                "_at" => span.at = Some(time(value)?),
                _ => {}
            }
        }
        Ok(span)
    }
}

/// A date or time of a parameter.
pub(in crate::gateway) fn time(value: &str) -> Result<When, Box<Issue>> {
    When::date_time(value).ok_or_else(|| {
        let issue = Issue::error("value", "time-unreadable", "a time of the question cannot be read".to_owned());
        Box::new(issue.remedy("write it as in R4: `2026-06-30` or `2026-06-30T09:00:00Z`"))
    })
}
