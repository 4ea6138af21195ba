//! A person's sharing choices as they come in: read, understood, weighed against who may choose, and restated.
//!
//! Comes in: a Consent, posted by itself, in a Bundle, or made by a mapping. Goes out: what is stored of it and what its
//! sender is told: how it was understood in plain English, what is doubtful, and what has to be confirmed. Refused: what
//! cannot be read (C4), whose choice is not certain (L1), and what would take back an objection without the right to (C7).

mod read;
mod write;

pub(super) use read::{Asking, history, of_person, one, time};
pub(super) use write::write;

use super::receive::Refusal;
use super::{Gateway, name_of, person_of};
use crate::config::Party;
use crate::edge::evidence;
use crate::edge::store::{Act, NewChoice, Person, StoredConsent, Understood, consents_in};
use crate::pure::audit::{Event, Kind, Thing};
use crate::pure::decide::words::Truth;
use crate::pure::decide::{self, Choice, Dialect, Evidence, Facts, Taken};
use crate::pure::fhir::{Issue, Item, Kind as JsonKind, Report, Tree, nhs_number};
use crate::pure::restate;
use crate::pure::validate::Validated;
use hyper::StatusCode;
use jiff::Timestamp;

/// A choice that comes in, and what is to be stored of it.
pub(super) struct Incoming {
    pub(super) choice: Choice,
    pub(super) new: NewChoice,
    /// Its status says that it is over.
    withdrawn: bool,
}

/// Whether all choices that a record carries can be read safely.
pub(super) fn readable(record: &Validated) -> Result<(), Refusal> {
    let (mut report, consents) = (Report::default(), consents_in(record.bundle().root()));
    consents.iter().filter_map(|(consent, _)| decide::read_choice(*consent).err()).for_each(|why| report.extend(why));
    if report.is_valid() { Ok(()) } else { Err(unprocessable(report)) }
}

/// Whose choice a record is; none where it is not one choice by itself.
pub(super) fn whose(record: &Validated) -> Option<Result<Person, Refusal>> {
    let root = record.bundle().root();
    if root.resource_type() != Some("Consent") {
        return None;
    }
    Some(decide::read_choice(root).map_err(unprocessable).and_then(|choice| person(&choice, root)))
}

/// The choices that a record carries. One that cannot be read safely keeps the record out.
pub(super) fn carried(gateway: &Gateway, record: &Validated, sender: &Party) -> Result<Vec<Incoming>, Refusal> {
    let (mut found, mut report) = (Vec::new(), Report::default());
    for (consent, stored) in consents_in(record.bundle().root()) {
        match decide::read_choice(consent) {
            Ok(choice) => found.push(incoming(gateway, sender, consent, choice, stored)),
            Err(wrong) => report.extend(wrong),
        }
    }
    if report.is_valid() { Ok(found) } else { Err(unprocessable(report)) }
}

/// A choice as it is about to be recorded by `sender`: where it can be read two ways, until somebody says which is meant
/// only its objections count.
pub(super) fn incoming(
    gateway: &Gateway,
    sender: &Party,
    consent: Item<'_>,
    choice: Choice,
    stored: String,
) -> Incoming {
    let taken = if choice.is_ambiguous() { Taken::Awaiting } else { Taken::AsWritten };
    let understood = Understood {
        act: Act::Recorded,
        actor: sender.identity.id.clone(),
        taken: taken.word().to_owned(),
        dialect: choice.dialect().code().to_owned(),
        authority: String::new(),
        reader: Choice::reader().to_owned(),
        rules: choice.to_rules(),
    };
    let new = NewChoice::of(consent, stored, gateway.clock.id(), &sender.identity.id, understood);
    let withdrawn = matches!(consent.str_at(&["status"]), Some("inactive" | "rejected" | "entered-in-error"));
    Incoming { choice: choice.stored(&new.id, 1, &sender.identity.id).taken_as(taken), new, withdrawn }
}

/// Finds out by what right each was chosen, and sets each beside the one it follows. One that would take back an objection
/// needs somebody who may choose; whatever else comes without the right is stored, and permits nothing until there is one.
pub(super) fn weigh(
    incoming: &mut [Incoming],
    held: &[StoredConsent],
    facts: &Facts,
    sender: &Party,
    now: Timestamp,
) -> Result<(), Refusal> {
    for one in incoming {
        let own = |c: &&StoredConsent| c.sender == sender.identity.id && c.identifier == one.new.identifier;
        let before = held.iter().find(|c| own(c) && c.in_force);
        if let Some(app) = &sender.identity.person
            && app.same(one.choice.patient()) == Truth::False
        {
            return Err(forbidden(
                "choice-of-another-person",
                "this caller chooses for one person, and not for this one",
            ));
        }
        let authority = one.choice.authority(facts, now);
        one.new.understood.authority = authority_word(authority).to_owned();
        if let Some(before) = before {
            one.new.understood.act = if one.withdrawn { Act::Withdrawn } else { Act::Changed };
            let (id, version) = (before.id.clone(), before.newest + 1);
            one.choice = one.choice.clone().stored(&id, version, &sender.identity.id);
            let objected = evidence::read(before);
            if authority != Truth::True && objected.objects() && one.choice.dialect() != Dialect::Vrs {
                return Err(takes_back());
            }
        }
    }
    Ok(())
}

fn authority_word(authority: Truth) -> &'static str {
    match authority {
        Truth::True => "yes",
        Truth::False => "no",
        Truth::Unknown => "unknown",
    }
}

/// The evidence as it will be once these choices are stored: each replaces its sender's own earlier version, and nobody
/// else's.
pub(super) fn with_choices(mut evidence: Evidence, new: &[Incoming]) -> Evidence {
    for one in new {
        let choice = &one.choice;
        let replaced = |old: &Choice| {
            let same = choice.key().is_some() && old.key() == choice.key();
            old.recorder() == choice.recorder() && (same || old.reference().reference == choice.reference().reference)
        };
        evidence.choices.retain(|old| !replaced(old));
        evidence.choices.push(choice.clone());
    }
    evidence
}

/// What its sender is told of a choice: how it was understood, what is doubtful, what is asked, and what it is not good for.
pub(super) fn told(one: &Incoming) -> Report {
    let mut report = Report::default();
    let id = one.choice.reference().reference;
    report.push(Issue::information("informational", "choice-restated", restate::whole(&one.choice)));
    report.extend(one.choice.warnings().clone());
    if one.choice.taken() == Taken::Awaiting {
        let text =
            format!("`{id}` can be read two ways, and until one is confirmed it keeps back what either keeps back");
        let issue = Issue::warning("business-rule", "choice-awaits-confirmation", text);
        report.push(issue.rule("sharing-choices 1.2").remedy(
            "ask the person which is meant, and post to `$confirm` of the choice a Parameters with `reading` = `scope` \
             (the first) or `exception` (the second)",
        ));
    }
    if one.new.understood.authority != "yes" && one.choice.dialect() != Dialect::Vrs {
        let text =
            "whoever chose is not known to have the right to: what it objects to counts, what it permits does not";
        let issue = Issue::warning("business-rule", "choice-without-authority", text.to_owned());
        report.push(issue.rule("sharing-choices C7").remedy(
            "name in `performer` who chose, and have their right recorded; or let the person choose for themselves",
        ));
    }
    report
}

/// The trail's line about a choice.
pub(super) fn chosen(gateway: &Gateway, party: &Party, request: &str, person: &Person, one: &Incoming) -> Event {
    let kind = match one.new.understood.act {
        Act::Recorded => Kind::Choice,
        Act::Changed | Act::Confirmed => Kind::ChoiceUpdate,
        Act::Withdrawn => Kind::ChoiceWithdraw,
    };
    let mut event = gateway.journal.event(kind, request);
    event.party = Some(party.identity.id.clone());
    event.other = Some(name_of(&party.identity.name, &party.identifier));
    event.person = person_of(person);
    let reference = one.choice.reference();
    let id = reference.reference.trim_start_matches("Consent/");
    event.things.push(Thing { kind: "Consent".to_owned(), reference: format!("{id}/_history/{}", reference.version) });
    let u = &one.new.understood;
    let words = [("act", u.act.word()), ("dialect", &u.dialect), ("reading", &u.taken), ("authority", &u.authority)];
    event.details.extend(words.map(|(name, word)| (name.to_owned(), word.to_owned())));
    event
}

fn unprocessable(report: Report) -> Refusal {
    Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, report }
}

pub(super) fn forbidden(id: &'static str, text: &str) -> Refusal {
    let issue = Issue::error("forbidden", id, text.to_owned()).rule("sharing-choices C7");
    let issue = issue.remedy("let the person, or who has the right to choose for them, record it");
    Refusal { status: StatusCode::FORBIDDEN, report: issue.into() }
}

pub(super) fn takes_back() -> Refusal {
    forbidden(
        "choice-without-authority",
        "this would take back an objection, and who chose is not known to have the right to",
    )
}

/// Whose choice it is: the one person whose NHS number it names, itself or by a Patient that it contains.
pub(super) fn person(choice: &Choice, consent: Item<'_>) -> Result<Person, Refusal> {
    let numbers = choice.patient().identifiers.iter().filter(|(system, _)| system == nhs_number::SYSTEM);
    let mut numbers: Vec<&str> = numbers.map(|(_, number)| number.as_str()).collect();
    numbers.dedup();
    match numbers.as_slice() {
        [one] if nhs_number::is_valid(one) => Ok(Person::verified(one)),
        _ => {
            let text =
                "it is not certain whose choice this is: it names no NHS number with a right check digit, or two";
            let issue = Issue::error("business-rule", "choice-of-nobody", text.to_owned()).on(consent);
            let issue = issue.rule("sharing-choices L1");
            Err(unprocessable(issue.remedy("write the NHS number into `patient.identifier`").into()))
        }
    }
}

/// The Consent as others may read it: as it came, under our id and version, with what was said about its readings.
pub(super) fn represented(stored: &StoredConsent, person: &Person) -> Option<Tree> {
    let tree = write::tree_of(stored)?;
    let mut tree = Tree::copy_of(evidence::original(&tree));
    let root = tree.root().id();
    match tree.root().get("id").map(Item::id) {
        Some(id) => tree.set(id, JsonKind::String, &stored.id),
        None => {
            tree.push_str(root, "id", &stored.id);
        }
    }
    let meta = match tree.root().get("meta").map(Item::id) {
        Some(meta) => meta,
        None => tree.push_object(root, "meta"),
    };
    for name in ["versionId", "lastUpdated"] {
        if let Some(old) = tree.item(meta).get(name).map(Item::id) {
            tree.remove(old);
        }
    }
    tree.push_str(meta, "versionId", &stored.version.to_string());
    tree.push_str(meta, "lastUpdated", &stored.recorded.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
    let taken = evidence::read(stored).taken();
    if taken != Taken::AsWritten {
        let tags = match tree.item(meta).get("tag").map(Item::id) {
            Some(tags) => tags,
            None => tree.push_array(meta, "tag"),
        };
        let tag = tree.push_object(tags, "");
        tree.push_str(tag, "system", "https://sharewell.example/fhir/CodeSystem/choice-reading");
        tree.push_str(tag, "code", taken.word());
    }
    identified(&mut tree, person);
    Some(tree)
}

/// What is stored, with another status of its Consent, decided now.
pub(super) fn with_status(stored: &StoredConsent, status: &str, now: Timestamp) -> Option<String> {
    let mut tree = write::tree_of(stored)?;
    let consent = evidence::original(&tree);
    let (root, old) = (consent.id(), consent.get("status").map(Item::id)?);
    let dated = consent.get("dateTime").map(Item::id);
    tree.set(old, JsonKind::String, status);
    let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    match dated {
        Some(dated) => tree.set(dated, JsonKind::String, &now),
        None => {
            tree.push_str(root, "dateTime", &now);
        }
    }
    Some(tree.root().to_json())
}

/// Whoever reads it alone must be able to tell whose it is, though it came with a Patient beside it.
fn identified(tree: &mut Tree, person: &Person) {
    let Some(patient) = tree.root().get("patient").filter(|p| p.get("identifier").is_none()).map(Item::id) else {
        return;
    };
    if let Some(number) = person.nhs_number() {
        let identifier = tree.push_object(patient, "identifier");
        tree.push_str(identifier, "system", nhs_number::SYSTEM);
        tree.push_str(identifier, "value", number);
    }
}
