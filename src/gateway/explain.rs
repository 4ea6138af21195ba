//! Why, and what exactly: `/fhir/Consent/$explain` and `/fhir/CarePlan/$preview`.
//!
//! Comes in: a person's own app, or a party of the IG team (right `explain`) that receives nothing itself; whose record, and
//! for which recipient. Goes out: Parameters with the decision the engine would take now, in rules and in plain English, the
//! state of each choice on file, and what the recipient would be sent. Nothing is sent, stored or released to the recipient.
//! Refuses: a recipient that asks what is hidden from it, another person's app, parameters that are not carried out.

mod answer;
mod preview;
mod standing;

use super::ask::{absent, person_asked, query};
use super::receive::store_fault;
use super::{Gateway, Question};
use crate::config::Right;
use crate::edge::authenticate::Caller;
use crate::edge::listen::{Answer, Door, Inbound};
use crate::edge::store::{Person, StoreError};
use crate::pure::audit::{Entry, Outcome as Went};
use crate::pure::decide::words::{ACT_REASON, Truth};
use crate::pure::decide::{self, Action, Asked, Code, Evidence, Identity, Party};
use crate::pure::fhir::{Issue, Item, Report, Tree, nhs_number};
use crate::pure::parse::{self, Syntax};
use hyper::StatusCode;

/// Who asks for an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    /// The person's own app: may see what they may see themselves.
    Own,
    /// Somebody of the IG team: rules, choices and counts, no content.
    Officer,
}

/// What is asked.
struct Ask {
    person: Person,
    recipient: Option<Party>,
    purpose: Option<String>,
    action: Action,
    /// A resource to explain the decision about.
    resource: Option<Tree>,
    /// A choice that is not made yet, to be tried out.
    consent: Option<Tree>,
}

/// Why it is not answered.
enum Refused {
    With(Answer),
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        Refused::Store(error)
    }
}

fn refuse(status: StatusCode, kind: &'static str, id: &'static str, text: &str, remedy: &'static str) -> Refused {
    Refused::With(Answer::issue(status, Issue::error(kind, id, text.to_owned()).remedy(remedy)))
}

pub(super) async fn explain(gateway: &Gateway, caller: &Caller, inbound: &Inbound) -> Answer {
    let asked = read(gateway, inbound).and_then(|ask| Ok((asker(gateway, caller, &ask)?, ask)));
    let (asker, ask) = match asked {
        Ok(asked) => asked,
        Err(refused) => return told(Err(refused)),
    };
    // The intent first: whoever is told why learns of the person's choices.
    let begun = match gateway.journal.begin(query(gateway, caller, inbound, Some(&ask.person))).await {
        Ok(begun) => begun,
        Err(error) => return store_fault(&error),
    };
    let mut entries: Vec<Entry> = Vec::new();
    let found = match inbound.door {
        Door::Preview => preview::preview(gateway, caller, inbound, (asker, &ask), &mut entries).await,
        _ => explained(gateway, asker, &ask).await,
    };
    let answer = told(found);
    let went = if answer.status == StatusCode::OK { Went::Success } else { Went::Serious };
    match gateway.journal.complete(begun, went, "answered", entries).await {
        Ok(()) => answer,
        Err(error) => store_fault(&error),
    }
}

fn told(found: Result<Tree, Refused>) -> Answer {
    match found {
        Ok(tree) => Answer::fhir(StatusCode::OK, &tree),
        Err(Refused::With(answer)) => answer,
        Err(Refused::Store(error)) => store_fault(&error),
    }
}

/// Who may ask about this person, and about this recipient.
fn asker(gateway: &Gateway, caller: &Caller, ask: &Ask) -> Result<Asker, Refused> {
    let party = &caller.party().identity;
    if let Some(own) = &party.person {
        let them = Identity::by_identifier(nhs_number::SYSTEM, ask.person.nhs_number().unwrap_or_default());
        // somebody else's app is told what it would be told of a person of whom nothing is held
        return if own.same(&them) == Truth::True { Ok(Asker::Own) } else { Err(Refused::With(absent())) };
    }
    let sent = gateway.outlets.values().any(|o| o.recipient.party.identity.id == party.id);
    if sent || caller.may(Right::Ask) {
        let text = "who may receive records is not told what is hidden from whom";
        let remedy = "let the information-governance team ask, as a party that may `explain` and not `ask`";
        return Err(refuse(StatusCode::FORBIDDEN, "forbidden", "explain-recipient", text, remedy));
    }
    Ok(Asker::Officer)
}

/// The question, from the address and from a Parameters resource.
fn read(gateway: &Gateway, inbound: &Inbound) -> Result<Ask, Refused> {
    let mut said: Vec<(String, String)> = inbound.parameters.clone();
    let (mut resource, mut consent) = (None, None);
    if !inbound.body.is_empty() {
        let tree = parse::parse("fhir", &Syntax::FhirJson, &inbound.body, &gateway.limits())
            .map_err(|report| Refused::With(Answer::outcome(StatusCode::BAD_REQUEST, &report)))?
            .into_tree();
        match tree.root().resource_type() {
            Some("Parameters") => {
                for parameter in tree.root().all("parameter") {
                    let name = parameter.str_at(&["name"]).unwrap_or_default();
                    match (name, parameter.get("resource")) {
                        ("resource", Some(given)) => resource = Some(Tree::copy_of(given)),
                        ("consent", Some(given)) => consent = Some(Tree::copy_of(given)),
                        _ => said.push((name.to_owned(), value(parameter))),
                    }
                }
            }
            Some("Consent") => consent = Some(tree),
            _ => resource = Some(tree),
        }
    }
    let preview = inbound.door == Door::Preview;
    let known: &[&str] =
        if preview { &["patient", "recipient", "purpose"] } else { &["patient", "recipient", "purpose", "action"] };
    if said.iter().any(|(name, _)| !known.contains(&name.as_str()))
        || (preview && resource.is_some())
        || (!preview && consent.is_some())
    {
        let text = "a parameter is not carried out here";
        let remedy = "`$explain` takes patient, recipient, purpose, action and resource; \
                      `$preview` patient, recipient, purpose and consent";
        return Err(refuse(StatusCode::BAD_REQUEST, "not-supported", "parameter-unknown", text, remedy));
    }
    let person = person_asked(said.iter().filter(|(name, _)| name == "patient"))
        .map_err(|issue| Refused::With(Answer::issue(StatusCode::BAD_REQUEST, *issue)))
        .map(Person::verified)?;
    let one = |name: &str| said.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let action = match one("action") {
        None => Action::Disclose,
        Some(code) => Action::from_code(code).ok_or_else(|| {
            let remedy = "use collect, access, use, disclose or correct";
            refuse(StatusCode::BAD_REQUEST, "value", "unknown-action", "there is no such action", remedy)
        })?,
    };
    let recipient = one("recipient").map(|name| party(gateway, name));
    if recipient.is_none() && consent.is_none() {
        let text = "it is not said for which recipient";
        let remedy = "write `recipient=` and a party's id, or `system|value` of its identifier";
        return Err(refuse(StatusCode::BAD_REQUEST, "required", "recipient-missing", text, remedy));
    }
    Ok(Ask { person, recipient, purpose: one("purpose").map(str::to_owned), action, resource, consent })
}

/// A parameter's value: a string, a code, a uri; of an Identifier `system|value`.
fn value(parameter: Item<'_>) -> String {
    if let Some(identifier) = parameter.get("valueIdentifier") {
        let part = |name: &str| identifier.str_at(&[name]).unwrap_or_default();
        return format!("{}|{}", part("system"), part("value"));
    }
    let value = parameter.children().find(|c| c.key().starts_with("value")).and_then(Item::str);
    value.unwrap_or_default().to_owned()
}

/// A party by its id or its identifier. One that nobody has configured is nobody in particular: known by that name alone.
fn party(gateway: &Gateway, name: &str) -> Party {
    if let Some(party) = gateway.config.party(name) {
        return party.identity.clone();
    }
    let (system, value) = name.split_once('|').unwrap_or(("", name));
    let identifier = (system.to_owned(), value.to_owned());
    let configured = gateway.config.parties.iter().find(|p| p.identity.identifiers.contains(&identifier));
    configured.map_or_else(
        || Party {
            id: "not-configured".to_owned(),
            name: "a party that is not configured here".to_owned(),
            identifiers: vec![identifier],
            ..Party::default()
        },
        |party| party.identity.clone(),
    )
}

/// The question that this recipient would put, or that would be put for it.
fn question(gateway: &Gateway, ask: &Ask, recipient: &Party) -> Question {
    let mut party = recipient.clone();
    let purpose = ask.purpose.clone().or_else(|| party.purposes.first().cloned()).unwrap_or_else(|| "TREAT".to_owned());
    if party.id == "not-configured" {
        party.purposes.push(purpose.clone());
    }
    Question {
        purposes: purpose.split(',').map(|code| Code::of(ACT_REASON, code.trim())).collect(),
        ..Question::new(party, "", ask.action, gateway.clock.now())
    }
}

/// What is known. The person is not told of an order that they are not to be told of (rules L6 and L7).
fn known_to(asker: Asker, mut evidence: Evidence) -> Evidence {
    if asker == Asker::Own {
        evidence.facts.orders.retain(|order| order.tell_person);
    }
    evidence
}

async fn explained(gateway: &Gateway, asker: Asker, ask: &Ask) -> Result<Tree, Refused> {
    let evidence = known_to(asker, gateway.gather(&ask.person, None).await?);
    let recipient = ask.recipient.clone().unwrap_or_default();
    let question = question(gateway, ask, &recipient);
    let decision = match &ask.resource {
        Some(tree) => decide::explain(&question, &[tree.root()], &evidence, &gateway.policy),
        None => {
            let asked = Asked { types: vec!["CarePlan".to_owned()], parameters: Vec::new() };
            decide::decide_question(&question, &asked, &evidence, &gateway.policy)
        }
    };
    let on_file = standing::of_all(gateway, &ask.person, &evidence).await?;
    Ok(answer::explanation(&question, &decision, &evidence, &on_file, &gateway.policy))
}

/// A draft that cannot be enforced is told why.
fn unreadable(report: &Report) -> Refused {
    Refused::With(Answer::outcome(StatusCode::UNPROCESSABLE_ENTITY, report))
}
