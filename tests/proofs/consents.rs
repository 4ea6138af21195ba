//! Generated Consents: every dialect, every dimension, nested, undated, withdrawn, and some that nobody can read.

use super::plans;
use super::records::{AUTHORS, CODES, LABELS, SECTIONS};
use super::source::Source;
use serde_json::{Map, Value, json};

pub const AUDIENCE: &str = "https://sharewell.example/fhir/CodeSystem/sharing-audience";
pub const REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
pub const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";

/// Dates as Consents write them, some of them in summer.
pub const DATES: [&str; 7] =
    ["2026-06-30", "2026-01-15", "2026-11-21", "2027", "2026-10", "2026-03-29", "2026-09-01T12:00:00Z"];

pub const PURPOSES: [&str; 9] = ["TREAT", "ETREAT", "BTG", "HRESCH", "CLINTRCH", "PATRQT", "COC", "POPHLTH", "THREAT"];

fn coded(system: &str, code: &str) -> Value {
    json!({ "system": system, "code": code })
}

fn concept(system: &str, code: &str) -> Value {
    json!({ "coding": [coded(system, code)] })
}

/// Up to four choices.
pub fn any(source: &mut Source) -> Vec<Value> {
    let count = source.below(5);
    (0..count).map(|n| one(source, n)).collect()
}

/// One choice. `number` makes its id its own.
pub fn one(source: &mut Source, number: usize) -> Value {
    let mut consent = json!({
        "resourceType": "Consent",
        "id": format!("c{number}"),
        "status": "active",
        "scope": concept(SCOPE, "patient-privacy"),
        "category": [concept("http://loinc.org", "59284-6")],
        "patient": { "identifier": { "system": plans::NHS, "value": plans::NUMBER } }
    });
    head(source, &mut consent);
    let mut root = provision(source, 0);
    dialect(source, &mut consent, &mut root);
    if root.as_object().is_none_or(|r| !r.is_empty()) {
        consent["provision"] = root;
    }
    if source.once_in(12) {
        spoil(source, &mut consent);
    }
    consent
}

fn head(source: &mut Source, consent: &mut Value) {
    if source.once_in(6) {
        consent["status"] = json!(source.pick(&["inactive", "proposed", "draft", "rejected", "entered-in-error"]));
    }
    if source.once_in(8) {
        consent["scope"] = concept(SCOPE, source.pick(&["research", "treatment", "adr", "odd"]));
    }
    if source.once_in(10) {
        consent["category"] = json!([concept("http://loinc.org", "57016-8")]);
    }
    match source.below(12) {
        9 => consent["patient"] = json!({ "reference": "Patient/winifred" }),
        10 => consent["patient"] = json!({ "display": "somebody" }),
        11 => consent["patient"]["identifier"]["value"] = json!("9990000026"),
        _ => {}
    }
    if !source.once_in(5) {
        consent["dateTime"] = json!(source.pick(&DATES));
    }
    if source.once_in(3) {
        let key = source.pick(&["k1", "k2"]);
        consent["identifier"] = json!([{ "system": "https://sharewell.example/Id/sharing-choice", "value": key }]);
        consent["meta"] = json!({ "versionId": source.pick(&["1", "2", "3"]) });
    }
    if source.once_in(12) {
        consent["verification"] = json!([{ "verified": source.once_in(2) }]);
    }
    match source.below(10) {
        7 => consent["performer"] = json!([{ "identifier": { "system": plans::NHS, "value": plans::NUMBER } }]),
        8 => consent["performer"] = json!([{ "reference": "RelatedPerson/philippa" }]),
        9 => consent["performer"] = json!([{ "reference": "RelatedPerson/rupert" }]),
        _ => {}
    }
}

/// How the Consent says which way it goes (`sharing-choices` §1.2).
fn dialect(source: &mut Source, consent: &mut Value, root: &mut Value) {
    const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let says = source.pick(&["permit", "deny"]);
    match source.below(14) {
        // A: a base, and the root without a type, of the other type, or of the same
        9 | 10 => consent["policyRule"] = concept(ACT, source.pick(&["OPTIN", "OPTOUT", "OPTINR", "OPTOUTE"])),
        11 => {
            consent["policyRule"] = concept(ACT, source.pick(&["OPTIN", "OPTOUT"]));
            root["type"] = json!(says);
        }
        // our own: a typed root, and by whose word
        8 => {
            let ours = "https://sharewell.example/fhir/CodeSystem/decided-by";
            let word = source.pick(&["person", "lpa-health-welfare", "parental-responsibility", "best-interests"]);
            consent["policyRule"] = concept(ours, word);
            profile(consent, "https://sharewell.example/fhir/StructureDefinition/sharewell-consent");
            root["type"] = json!(says);
        }
        // NHS End of Life: active is given, inactive is refused
        12 => profile(consent, "https://fhir.nhs.uk/STU3/StructureDefinition/EOL-Consent-1"),
        // IHE PCF
        13 => {
            profile(consent, "https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consentBasic");
            root["type"] = json!(says);
        }
        _ => root["type"] = json!(says),
    }
}

fn profile(consent: &mut Value, url: &str) {
    consent["meta"]["profile"] = json!([url]);
}

/// A provision without a type, its nested ones with.
fn provision(source: &mut Source, depth: usize) -> Value {
    let mut made = Map::new();
    let often = if depth == 0 { 2 } else { 3 };
    let mut put = |name: &str, value: Value| made.insert(name.to_owned(), value);
    if source.once_in(often) {
        put("actor", (0..=source.below(2)).map(|_| actor(source)).collect());
    }
    if source.once_in(4) {
        put("purpose", (0..=source.below(2)).map(|_| coded(REASON, source.pick(&PURPOSES))).collect());
    }
    if source.once_in(8) {
        let action = |s: &mut Source| {
            let code = s.pick(&["access", "disclose", "collect", "correct", "use", "odd"]);
            concept("http://terminology.hl7.org/CodeSystem/consentaction", code)
        };
        put("action", (0..=source.below(2)).map(|_| action(source)).collect());
    }
    if source.once_in(5) {
        put("period", period(source));
    }
    if source.once_in(10) {
        put("dataPeriod", period(source));
    }
    if source.once_in(4) {
        put("class", (0..=source.below(4)).map(|_| class(source)).collect());
    }
    if source.once_in(7) {
        let label = |s: &mut Source| s.pick(&LABELS);
        put("securityLabel", (0..=source.below(2)).map(|_| label(source)).map(|(s, c)| coded(s, c)).collect());
    }
    if source.once_in(8) {
        let code = |s: &mut Source| s.pick(&CODES);
        put("code", (0..=source.below(2)).map(|_| code(source)).map(|(s, c)| concept(s, c)).collect());
    }
    if source.once_in(10) {
        put("data", (0..=source.below(2)).map(|_| datum(source)).collect());
    }
    if depth < 4 && source.once_in(3) {
        let nested = (0..=source.below(2)).map(|_| {
            let mut nested = provision(source, depth + 1);
            nested["type"] = json!(source.pick(&["deny", "permit"]));
            nested
        });
        let nested: Value = nested.collect();
        made.insert("provision".to_owned(), nested);
    }
    Value::Object(made)
}

fn actor(source: &mut Source) -> Value {
    let role = match source.below(10) {
        8 => Some("CST"),
        9 => Some("AUT"),
        7 => None,
        _ => Some("IRCP"),
    };
    let named = |system: &str, value: &str| json!({ "identifier": { "system": system, "value": value } });
    let reference = match source.below(14) {
        0..=3 => named(plans::ODS, source.pick(&["Y99001", "Y99002", "Y99003", "Y99006"])),
        4..=6 => {
            let all = ["gp-practice", "hospice", "hospital", "everyone-in-direct-care", "research-planning", "odd"];
            named(AUDIENCE, source.pick(&all))
        }
        7..=9 => json!({ "reference": source.pick(&["Practitioner/p1", "Practitioner/p2", "Organization/o1"]) }),
        10 => json!({ "reference": "PractitionerRole/r1" }),
        11 => json!({ "reference": source.pick(&["CareTeam/t1", "Group/g2"]) }),
        12 => json!({ "reference": "https://elsewhere.example/fhir/Practitioner/p1" }),
        _ => match source.below(3) {
            0 => named(plans::NHS, plans::NUMBER),
            1 => named(plans::NHS, "9990000026"),
            _ => json!({ "display": "somebody" }),
        },
    };
    let mut actor = json!({ "reference": reference });
    if let Some(role) = role {
        actor["role"] = concept(PARTICIPATION, role);
    }
    actor
}

fn period(source: &mut Source) -> Value {
    let mut made = Map::new();
    if source.once_in(2) {
        made.insert("start".to_owned(), json!(source.pick(&DATES)));
    }
    if !source.once_in(3) {
        made.insert("end".to_owned(), json!(source.pick(&DATES)));
    }
    Value::Object(made)
}

fn class(source: &mut Source) -> Value {
    match source.below(8) {
        6 => coded(RESOURCE_TYPES, source.pick(&["Condition", "Goal", "CarePlan", "Observation", "Patient"])),
        7 => coded(plans::SECTION, "whole-plan"),
        _ => coded(plans::SECTION, source.pick(&SECTIONS)),
    }
}

fn datum(source: &mut Source) -> Value {
    let meaning = source.pick(&["instance", "related", "dependents", "authoredby"]);
    let data = ["Condition/a", "CarePlan/plan", "Goal/a", "Observation/a", "https://elsewhere.example/fhir/Goal/a"];
    let reference = if meaning == "authoredby" { source.pick(&AUTHORS) } else { source.pick(&data) };
    json!({ "meaning": meaning, "reference": { "reference": reference } })
}

/// Writes it so that it cannot be read, or not in one way.
fn spoil(source: &mut Source, consent: &mut Value) {
    let nested = json!([{ "class": [coded(plans::SECTION, "needs")] }]);
    match source.below(11) {
        0 => consent["decision"] = json!("permit"),
        1 => consent["modifierExtension"] = json!([{ "url": "https://elsewhere.example/not", "valueBoolean": true }]),
        2 => consent["provision"]["provision"] = nested,
        3 => consent["provision"]["type"] = json!("allow"),
        4 => consent["provision"]["period"] = json!({ "end": "soon" }),
        5 => consent["provision"]["class"] = coded(plans::SECTION, "needs"),
        6 => consent["provision"]["modifierExtension"] = json!([{ "url": "https://elsewhere.example/not" }]),
        7 => consent["provision"]["documentType"] = json!([]),
        8 => consent["status"] = json!("withdrawn"),
        9 => consent["provision"] = json!([consent["provision"].clone()]),
        _ => {
            consent["policyRule"] = Value::Null;
            consent.as_object_mut().expect("an object").remove("policyRule");
            if let Some(root) = consent["provision"].as_object_mut() {
                root.remove("type");
            }
        }
    }
}
