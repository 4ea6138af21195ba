//! The request document of `sharewell decide`: every key optional, unknown keys refused by name.

use super::bad;
use crate::edge::clock::{self, Clock};
use crate::pure::decide::words::{self, ACT_CODE, CONFIDENTIALITY, NHS_NUMBER, PLAN_SECTION, RESOURCE_TYPES, Truth};
use crate::pure::decide::{
    Action, Authority, BreakGlass, Capacity, Choice, Code, Evidence, Facts, Fallback, Identity, Party, Policy,
    Question, Relation, Relationship, Representative, Right, Sketch,
};
use crate::pure::fhir::{Item, Kind, Report, When};
use jiff::Timestamp;
use std::io::IsTerminal;

const KEYS: [&str; 25] = [
    "patient",
    "actor",
    "actorIdentifiers",
    "actorResources",
    "purposeOfUse",
    "category",
    "action",
    "class",
    "code",
    "labels",
    "resource",
    "dataDate",
    "custodian",
    "dataCustodian",
    "now",
    "defaultPolicy",
    "declaredBasis",
    "breakGlass",
    "facts",
    "relationship",
    "patientNhsNumber",
    "actorNhsNumber",
    "actorKind",
    "patientCapacity",
    "patientAge",
];

/// A request, understood.
pub(super) struct Ask {
    pub question: Question,
    pub sketch: Sketch,
    pub evidence: Evidence,
    /// Who asks, where they ask as a proxy.
    pub proxy: Option<Identity>,
}

/// Reads the request.
pub(super) fn read(
    request: Item<'_>,
    choices: Vec<Choice>,
    resources: &[Item<'_>],
    policy: &Policy,
    own_policy: bool,
) -> Result<Ask, Report> {
    let mut report = Report::default();
    only(request, &KEYS, &mut report);
    let proxy = proxy(request);
    let (now, now_known) = now(request, &mut report);
    let mut question = Question::new(party(request, resources, proxy.as_ref()), "", action(request, &mut report), now);
    question.now_known = now_known;
    question.purposes = codes(request.get("purposeOfUse"), |_| None);
    if question.purposes.is_empty() && proxy.is_some() {
        question.purposes.push(Code::of(words::ACT_REASON, "PATRQT"));
    }
    question.party.purposes = question.purposes.iter().map(|p| p.code.clone()).collect();
    question.categories = codes(request.get("category"), |_| None);
    let custodian = request.get("custodian").or_else(|| request.get("dataCustodian"));
    question.custodian = custodian.map(who);
    question.declared_bases = strings(request.get("declaredBasis"));
    question.break_glass = request.get("breakGlass").map(|b| break_glass(b, &mut report));
    if question.break_glass.is_some() {
        question.party.roles.push("break-glass".to_owned());
    }
    question.party.roles.extend(question.declared_bases.clone());
    question.relation = match (request.get("relationship"), request.at_path(&["facts", "relationships"])) {
        // who cares for the person is said among the facts
        (None, Some(_)) => Relation::Evidence,
        (said, _) => relation(said),
    };
    question.fallback = fallback(request.get("defaultPolicy"), own_policy, &mut report);
    let subject = subject(request, &choices, &mut report);
    let mut evidence = Evidence::none(subject, now);
    evidence.facts = facts(request, &mut report);
    evidence.choices = choices;
    let sections: Vec<String> = policy.sections().map(|(code, _)| code.to_owned()).collect();
    let sketch = sketch(request, &sections, &mut report);
    if report.is_valid() { Ok(Ask { question, sketch, evidence, proxy }) } else { Err(report) }
}

fn only(item: Item<'_>, keys: &[&str], report: &mut Report) {
    if item.kind() != Kind::Object {
        report.push(bad(item, "this is not a JSON object".to_owned(), "write { … }"));
    }
    for child in item.children().filter(|c| item.kind() == Kind::Object && !keys.contains(&c.key())) {
        let text = format!("`{}` is not a key that is known here", child.key());
        report.push(bad(child, text, "leave it out, or see `sharewell decide --help`"));
    }
}

fn now(request: Item<'_>, report: &mut Report) -> (Timestamp, bool) {
    let Some(item) = request.get("now") else {
        // a person at a terminal means this moment; a program that does not say when is told what holds at any time
        let here = std::io::stdin().is_terminal();
        return (if here { clock::System.now() } else { Timestamp::UNIX_EPOCH }, here);
    };
    match item.str().and_then(When::date_time) {
        Some(when) => (when.earliest(), true),
        None => {
            report.push(bad(item, "`now` is not an instant or a date".to_owned(), "write 2026-06-30T12:00:00Z"));
            (Timestamp::UNIX_EPOCH, false)
        }
    }
}

fn action(request: Item<'_>, report: &mut Report) -> Action {
    let Some(item) = request.get("action") else { return Action::Access };
    item.str().and_then(Action::from_code).unwrap_or_else(|| {
        report.push(bad(item, "`action` is not one of R4".to_owned(), "use collect, access, use, disclose or correct"));
        Action::Access
    })
}

fn proxy(request: Item<'_>) -> Option<Identity> {
    let number = request.str_at(&["actorNhsNumber"])?;
    Some(Identity::by_identifier(NHS_NUMBER, number))
}

/// One party: a reference as text, a Reference, or an identifier.
fn who(item: Item<'_>) -> Identity {
    let mut found = Identity::default();
    for one in item.each() {
        if let Some(text) = one.str() {
            found.references.push(text.to_owned());
            continue;
        }
        found.references.extend(one.str_at(&["reference"]).map(str::to_owned));
        let identifier = one.get("identifier").unwrap_or(one);
        for identifier in identifier.each() {
            if let (Some(system), Some(value)) = (identifier.str_at(&["system"]), identifier.str_at(&["value"])) {
                found.identifiers.push((system.to_owned(), value.to_owned()));
            }
        }
    }
    found
}

fn party(request: Item<'_>, resources: &[Item<'_>], proxy: Option<&Identity>) -> Party {
    let named = request.get("actor").map(who).unwrap_or_default();
    let mut party = Party { id: "request".to_owned(), references: named.references, ..Party::default() };
    party.identifiers = named.identifiers;
    if let Some(more) = request.get("actorIdentifiers") {
        party.identifiers.extend(who(more).identifiers);
    }
    party.person = proxy.cloned();
    let known = request.get("actorResources");
    let entries = known.into_iter().flat_map(Item::children).map(|r| (Some(r.key().to_owned()), r));
    let beside = resources.iter().flat_map(|r| super::of_type(*r, "Group")).map(|r| (None, r));
    let everything: Vec<(Option<String>, Item<'_>)> = entries.chain(beside).collect();
    for (name, resource) in &everything {
        resolve(name.as_deref(), *resource, &mut party);
    }
    for (system, value) in party.identifiers.clone() {
        if system == words::AUDIENCE {
            party.audiences.push(value);
        }
    }
    party
}

/// What a resource says of the actor: its identifiers, if it is the actor; membership, if the actor is in it.
fn resolve(name: Option<&str>, resource: Item<'_>, party: &mut Party) {
    let type_ = resource.resource_type().unwrap_or_default();
    let own = format!("{type_}/{}", resource.str_at(&["id"]).unwrap_or_default());
    let name = name.unwrap_or(&own);
    let is_actor = |r: &str, party: &Party| party.references.iter().any(|a| words::same_reference(a, r) == Truth::True);
    let members: Vec<Item<'_>> = match type_ {
        "Group" => resource.all("member").flat_map(|m| m.all("entity")).collect(),
        "CareTeam" => resource.all("participant").flat_map(|m| m.all("member")).collect(),
        "PractitionerRole" => resource.all("practitioner").chain(resource.all("organization")).collect(),
        _ => Vec::new(),
    };
    if members.iter().filter_map(|m| m.str_at(&["reference"])).any(|r| is_actor(r, party)) {
        party.groups.push(name.to_owned());
    }
    if is_actor(name, party) {
        party.identifiers.extend(who(resource).identifiers);
        if type_ == "PractitionerRole" {
            let more = members.iter().filter_map(|m| m.str_at(&["reference"]));
            party.references.extend(more.map(str::to_owned));
        }
    }
}

fn break_glass(item: Item<'_>, report: &mut Report) -> BreakGlass {
    only(item, &["reason", "text", "agreedNow", "cannotAsk", "declaredAt"], report);
    let reason = item.str_at(&["reason"]).unwrap_or_default().to_owned();
    let flag = |key: &str| item.get(key).and_then(Item::bool);
    BreakGlass {
        agreed_now: flag("agreedNow").unwrap_or(reason == "agreed-now"),
        cannot_ask: flag("cannotAsk").unwrap_or(matches!(reason.as_str(), "unconscious" | "cannot-be-asked")),
        reason,
        text: item.str_at(&["text"]).unwrap_or_default().to_owned(),
        declared_at: item.str_at(&["declaredAt"]).and_then(When::date_time).map(When::earliest),
    }
}

fn relation(item: Option<Item<'_>>) -> Relation {
    match item {
        Some(i) if i.bool() == Some(false) || i.str() == Some("none") || i.kind() == Kind::Null => Relation::Absent,
        _ => Relation::Presumed,
    }
}

fn fallback(item: Option<Item<'_>>, own_policy: bool, report: &mut Report) -> Option<Fallback> {
    let Some(item) = item else { return (!own_policy).then_some(Fallback::Deny) };
    let name = item.str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    Some(match name {
        "permit" => Fallback::Permit,
        "deny" | "Policy-deny" => Fallback::Deny,
        "Policy-basic-normal" => Fallback::BasicNormal,
        "Policy-all-normal" => Fallback::AllNormal,
        "Policy-break-glass-only" => Fallback::BreakGlassOnly,
        _ => {
            report.push(bad(item, "`defaultPolicy` is not known".to_owned(), "write permit or deny"));
            Fallback::Deny
        }
    })
}

fn subject(request: Item<'_>, choices: &[Choice], report: &mut Report) -> Identity {
    if let Some(number) = request.str_at(&["patientNhsNumber"]) {
        return Identity::by_identifier(NHS_NUMBER, number);
    }
    if let Some(patient) = request.get("patient") {
        return who(patient);
    }
    let mut found = Identity::default();
    for choice in choices {
        if found.is_empty() {
            found = choice.patient().clone();
        } else if found.same(choice.patient()) != Truth::True {
            let text = "the Consents are of different patients, and the request does not say which is meant".to_owned();
            report.push(bad(request, text, "add `patient`"));
            break;
        }
    }
    found
}

fn facts(request: Item<'_>, report: &mut Report) -> Facts {
    let mut facts = Facts { authority: Authority::AsRecorded, ..Facts::default() };
    let capacity = |text: &str| match text {
        "has" | "has-capacity-for-this-decision" | "true" => Capacity::Has,
        "lacks" | "lacks-capacity-for-this-decision" | "false" => Capacity::Lacks,
        _ => Capacity::Presumed,
    };
    facts.capacity = request.get("patientCapacity").map_or(Capacity::Presumed, |c| capacity(c.text()));
    facts.age = request.get("patientAge").and_then(|a| a.text().parse().ok());
    let Some(given) = request.get("facts") else { return facts };
    const KEYS: [&str; 9] =
        ["capacity", "age", "death", "representatives", "ndop", "optedOut", "restricted", "verified", "relationships"];
    only(given, &KEYS, report);
    facts.authority = Authority::Checked;
    if let Some(item) = given.get("capacity") {
        facts.capacity = capacity(item.text());
        if facts.capacity == Capacity::Presumed && !matches!(item.text(), "presumed" | "unknown") {
            report.push(bad(item, "`capacity` is not known".to_owned(), "write has, lacks or presumed"));
        }
    }
    readable(given, "age", report, |item| item.text().parse::<u16>().is_ok(), "write whole years: 85");
    readable(given, "death", report, is_date, "write 2026-06-30");
    for key in ["restricted", "verified", "optedOut"] {
        readable(given, key, report, |item| item.bool().is_some(), "write true or false");
    }
    facts.age = given.get("age").and_then(|a| a.text().parse().ok()).or(facts.age);
    facts.died = given.str_at(&["death"]).and_then(When::date_time).map(When::earliest);
    let ndop = given.get("ndop").map(|n| n.get("optedOut").unwrap_or(n));
    facts.opted_out = given.get("optedOut").or(ndop).and_then(Item::bool);
    facts.restricted = given.get("restricted").and_then(Item::bool) == Some(true);
    facts.verified = given.get("verified").and_then(Item::bool);
    facts.representatives = given.all("representatives").map(|r| representative(r, report)).collect();
    facts.relationships = given.all("relationships").map(|r| relationship(r, report)).collect();
    facts
}

/// Notes a value that cannot be read: a fact that was given is never left out quietly.
fn readable(given: Item<'_>, key: &str, report: &mut Report, can: impl Fn(Item<'_>) -> bool, remedy: &'static str) {
    if let Some(item) = given.get(key).filter(|item| !can(*item)) {
        report.push(bad(item, format!("`{key}` cannot be read"), remedy));
    }
}

fn is_date(item: Item<'_>) -> bool {
    item.str().and_then(When::date_time).is_some()
}

fn relationship(item: Item<'_>, report: &mut Report) -> Relationship {
    if item.kind() == Kind::Object {
        only(item, &["reference", "identifier", "with", "from", "until"], report);
    }
    ["from", "until"].into_iter().for_each(|key| readable(item, key, report, is_date, "write 2026-06-30"));
    let when = |key: &str| item.str_at(&[key]).and_then(When::date_time);
    Relationship {
        with: who(item.get("with").unwrap_or(item)),
        from: when("from").map(When::earliest),
        until: when("until").map(When::end),
    }
}

fn representative(item: Item<'_>, report: &mut Report) -> Representative {
    only(item, &["reference", "identifier", "who", "right", "registered", "from", "until"], report);
    let right = match item.str_at(&["right"]).unwrap_or_default() {
        "health-and-welfare-lasting-power-of-attorney" | "lpa-health-welfare" => Right::HealthAndWelfareAttorney,
        "property-and-financial-affairs-lasting-power-of-attorney" | "lpa-property" => Right::PropertyAttorney,
        "court-appointed-personal-welfare-deputy" | "deputy" => Right::WelfareDeputy,
        "parental-responsibility" => Right::ParentalResponsibility,
        "best-interest" | "best-interests" => Right::BestInterests,
        "consent" => Right::Consent,
        _ => Right::Unknown,
    };
    ["from", "until"].into_iter().for_each(|key| readable(item, key, report, is_date, "write 2026-06-30"));
    let when = |key: &str| item.str_at(&[key]).and_then(When::date_time);
    Representative {
        who: who(item.get("who").unwrap_or(item)),
        right,
        registered: item.get("registered").and_then(Item::bool) == Some(true),
        from: when("from").map(When::earliest),
        until: when("until").map(When::end),
    }
}

fn sketch(request: Item<'_>, sections: &[String], report: &mut Report) -> Sketch {
    let section = |code: &str| sections.iter().any(|s| s == code) || code == "whole-plan";
    let class = |code: &str| Some(if section(code) { PLAN_SECTION } else { RESOURCE_TYPES });
    let label = |code: &str| {
        let confidentiality = ["U", "L", "M", "N", "R", "V"].contains(&code);
        Some(if confidentiality { CONFIDENTIALITY } else { ACT_CODE })
    };
    let date = request.get("dataDate");
    let when = date.and_then(Item::str).and_then(When::date_time);
    if let (Some(item), None) = (date, when) {
        report.push(bad(item, "`dataDate` is not a date".to_owned(), "write 2026-06-30"));
    }
    Sketch {
        classes: codes(request.get("class"), class),
        codes: codes(request.get("code"), |_| None),
        labels: codes(request.get("labels"), label),
        resource: request.get("resource").and_then(|r| r.str().or_else(|| r.str_at(&["reference"]))).map(str::to_owned),
        date: when,
    }
}

/// A code, `system#code`, a Coding, a CodeableConcept, or a list of these.
fn codes(item: Option<Item<'_>>, system_of: impl Fn(&str) -> Option<&'static str>) -> Vec<Code> {
    let mut found = Vec::new();
    for one in item.into_iter().flat_map(Item::each) {
        if let Some(text) = one.str() {
            found.push(match text.rsplit_once(['#', '|']) {
                Some((system, code)) => Code::of(&words::full_system(system), code),
                None => Code { system: system_of(text).map(str::to_owned), code: text.to_owned() },
            });
        } else if one.get("coding").is_some() {
            found.extend(Code::concept(one));
        } else {
            found.extend(Code::read(one));
        }
    }
    found
}

fn strings(item: Option<Item<'_>>) -> Vec<String> {
    item.into_iter().flat_map(Item::each).filter_map(Item::str).map(str::to_owned).collect()
}
