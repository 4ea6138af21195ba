//! What exactly would a recipient receive, what not, and by which choice; and what a choice that is not made yet would do.
//!
//! A preview is no release to the recipient: no departure is made, nothing reaches `deliver`. What the caller is shown is
//! theirs to see first: the record is decided and redacted for the caller, and only what is left of it is decided and
//! redacted for the recipient. An officer who may not see the content is shown sections, counts and reasons.

use super::answer::{self, Writer, flag, group, push_section, reason, resource, say};
use super::{Ask, Asker, Refused, known_to, question, refuse, unreadable};
use crate::edge::authenticate::Caller;
use crate::edge::listen::Inbound;
use crate::edge::store::Person;
use crate::gateway::receive::resources;
use crate::gateway::{Case, Gateway, Room, subject_of};
use crate::pure::audit::{Entry, Part};
use crate::pure::decide::recorded::{About, Gathered};
use crate::pure::decide::words::Truth;
use crate::pure::decide::{self, Choice, Decision, Evidence, Identity, Outcome, Party, Question, Taken};
use crate::pure::fhir::{Id, Tree, nhs_number};
use crate::pure::redact;
use crate::pure::validate::Validated;
use hyper::StatusCode;

/// A record that would be decided, and where it is from.
struct Candidate {
    from: String,
    record: Validated,
    evidence: Evidence,
}

pub(super) async fn preview(
    gateway: &Gateway,
    caller: &Caller,
    inbound: &Inbound,
    (asker, ask): (Asker, &Ask),
    entries: &mut Vec<Entry>,
) -> Result<Tree, Refused> {
    let candidates = candidates(gateway, inbound, (asker, ask)).await?;
    if let Some(draft) = &ask.consent {
        let draft = choice(draft, &ask.person, caller)?;
        return Ok(simulated(gateway, ask, &candidates, &draft));
    }
    let recipient = ask.recipient.clone().unwrap_or_default();
    let question = question(gateway, ask, &recipient);
    let mut writer = Writer::new();
    writer.say("recipient", "valueString", &recipient.name);
    for candidate in &candidates {
        let list = writer.group("record");
        say(&mut writer.tree, list, "from", "valueString", &candidate.from);
        match asker {
            Asker::Officer => {
                let decision = decided(gateway, &question, &candidate.record, &candidate.evidence);
                shape(&mut writer.tree, list, &question, &decision);
            }
            Asker::Own => {
                let own = own_view(gateway, caller, inbound, (ask, candidate), entries);
                let Some((own, whole)) = own else { continue };
                shown(gateway, &mut writer.tree, list, &question, (&own, whole), &candidate.evidence);
            }
        }
    }
    if candidates.is_empty() {
        writer.say("text", "valueString", "No plan is on file here, so nothing would be sent.");
    }
    Ok(writer.tree)
}

/// The plans on file: the newest of each that was sent here, and what the systems of record hold.
async fn candidates(
    gateway: &Gateway,
    inbound: &Inbound,
    (asker, ask): (Asker, &Ask),
) -> Result<Vec<Candidate>, Refused> {
    let request = &inbound.request_id;
    let mut found = Vec::new();
    for stored in gateway.store.plans(&ask.person).await? {
        if let Ok(record) = gateway.walk_fhir(request, stored.bundle.as_bytes()) {
            found.push((format!("sent by {}", stored.sender), record));
        }
    }
    let number = ask.person.nhs_number().unwrap_or_default();
    for source in &gateway.sources {
        let Ok(bytes) = source.search("CarePlan", (nhs_number::SYSTEM, number), request).await else {
            let text = "a system of record did not answer, so it cannot be told what would be sent";
            let remedy = "ask again in a while";
            return Err(refuse(StatusCode::BAD_GATEWAY, "transient", "source-unavailable", text, remedy));
        };
        if let Ok(record) = gateway.walk_fhir(request, &bytes) {
            found.push((format!("held by {}", source.id()), record));
        }
    }
    let mut candidates = Vec::new();
    for (from, record) in found {
        // rule L1: what does not name the person is nobody's preview
        if resources(&record).next().is_none() || subject_of(&record, &ask.person).is_empty() {
            continue;
        }
        let evidence = known_to(asker, gateway.gather(&ask.person, Some(&record)).await?);
        candidates.push(Candidate { from, record, evidence });
    }
    Ok(candidates)
}

fn decided(gateway: &Gateway, question: &Question, record: &Validated, evidence: &Evidence) -> Decision {
    decide::decide(question, record, evidence, &gateway.policy)
}

/// What the caller may see of a record, decided and redacted for the caller and written down like any answer; and whether
/// that is all of it.
fn own_view(
    gateway: &Gateway,
    caller: &Caller,
    inbound: &Inbound,
    (ask, candidate): (&Ask, &Candidate),
    entries: &mut Vec<Entry>,
) -> Option<(Validated, bool)> {
    let Candidate { record, evidence, .. } = candidate;
    let request = &inbound.request_id;
    let question = gateway.asked(caller.party(), &inbound.headers, evidence);
    // not by way of decisions that are kept: this evidence may lack an order that the person is not told of
    let decision = decided(gateway, &question, record, evidence);
    let about = About::Passing(Part::new("record", record.bundle().root().to_json()));
    let case = Case { question: &question, gathered: &Gathered::of(evidence), about: &about };
    entries.push(gateway.decision_event(request, &case, &ask.person, &decision).entry());
    let whole = decision.outcome() == Outcome::Permit;
    let permit = decision.into_permit().ok()?;
    let seen = gateway.room(request, Room::Redact, || redact::redact(record, permit, &gateway.definitions)).ok()?;
    let seen = gateway.walk_fhir(request, seen.bundle().root().to_json().as_bytes()).ok()?;
    Some((seen, whole))
}

/// The copy, and what is kept back of what the caller sees.
fn shown(
    gateway: &Gateway,
    tree: &mut Tree,
    list: Id,
    question: &Question,
    (own, whole): (&Validated, bool),
    evidence: &Evidence,
) {
    let decision = decided(gateway, question, own, evidence);
    shape(tree, list, question, &decision);
    flag(tree, list, "complete", whole);
    for cut in decision.cuts().iter().filter(|cut| !cut.aside) {
        let part = group(tree, list, "withheld");
        say(tree, part, "path", "valueString", &cut.path);
        cut.sections.iter().for_each(|section| say(tree, part, "section", "valueCode", section));
        reason(tree, part, &cut.reason, evidence);
    }
    let Ok(permit) = decision.into_permit() else { return };
    match redact::redact(own, permit, &gateway.definitions) {
        Ok(copy) => resource(tree, list, "copy", copy.bundle().root()),
        Err(_) => {
            let text = "What is left would not be a whole record, so nothing would be sent until somebody has looked.";
            say(tree, list, "held", "valueString", text);
        }
    }
}

/// Outcome, sections, counts and reasons: no content, no paths.
fn shape(tree: &mut Tree, list: Id, question: &Question, decision: &Decision) {
    say(tree, list, "outcome", "valueCode", decision.outcome().code());
    say(tree, list, "text", "valueString", &answer::sentence(question, decision));
    for section in decision.sections() {
        let part = group(tree, list, "section");
        push_section(tree, part, section);
    }
}

/// A choice that is not made yet. It is stored nowhere.
fn choice(draft: &Tree, person: &Person, caller: &Caller) -> Result<Choice, Refused> {
    let choice = decide::read_choice(draft.root()).map_err(|report| unreadable(&report))?;
    let them = Identity::by_identifier(nhs_number::SYSTEM, person.nhs_number().unwrap_or_default());
    if choice.patient().same(&them) != Truth::True {
        let text = "the choice to be tried out is not said to be this person's";
        let remedy = "name them in `patient` by `identifier`, with their NHS number";
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "value", "choice-of-another", text, remedy));
    }
    let taken = if choice.is_ambiguous() { Taken::Awaiting } else { Taken::AsWritten };
    Ok(choice.stored("draft", 0, &caller.party().identity.id).taken_as(taken))
}

/// For each recipient, what it may have now and what it might have then.
fn simulated(gateway: &Gateway, ask: &Ask, candidates: &[Candidate], draft: &Choice) -> Tree {
    let mut writer = Writer::new();
    writer.say("text", "valueString", &crate::pure::restate::restate(draft));
    let all: Vec<Party> = match &ask.recipient {
        Some(one) => vec![one.clone()],
        None => gateway.outlets.values().map(|o| o.recipient.party.identity.clone()).collect(),
    };
    for recipient in &all {
        let question = question(gateway, ask, recipient);
        let list = writer.group("recipient");
        let tree = &mut writer.tree;
        say(tree, list, "id", "valueCode", &recipient.id);
        say(tree, list, "name", "valueString", &recipient.name);
        for candidate in candidates {
            let part = group(tree, list, "record");
            say(tree, part, "from", "valueString", &candidate.from);
            let now = decided(gateway, &question, &candidate.record, &candidate.evidence);
            let then = with(&candidate.evidence, draft);
            let then = decided(gateway, &question, &candidate.record, &then);
            say(tree, part, "now", "valueCode", now.outcome().code());
            say(tree, part, "then", "valueCode", then.outcome().code());
            shape(tree, part, &question, &then);
        }
    }
    writer.tree
}

/// The evidence as it would be with this choice.
fn with(evidence: &Evidence, draft: &Choice) -> Evidence {
    let mut evidence = evidence.clone();
    // a choice is replaced by who recorded it, and by nobody else
    let replaced = |old: &Choice| old.key().is_some() && old.key() == draft.key() && old.recorder() == draft.recorder();
    evidence.choices.retain(|old| !replaced(old));
    evidence.choices.push(draft.clone());
    evidence
}
