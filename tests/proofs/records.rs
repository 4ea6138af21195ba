//! Generated records: a plan and what goes with it, as plain parts and as the FHIR Bundle made from them.

use super::plans;
use super::source::Source;
use super::world::{ACT_CODE, CONFIDENTIALITY, Part, SNOMED};
use serde_json::{Map, Value, json};

/// Observations twice: they can contain something.
const TYPES: [&str; 14] = [
    "Observation",
    "Condition",
    "Goal",
    "Task",
    "Observation",
    "MedicationStatement",
    "DocumentReference",
    "Flag",
    "RelatedPerson",
    "CareTeam",
    "QuestionnaireResponse",
    "Consent",
    "Organization",
    "Practitioner",
];
/// The codes of records and of choices. The first two are of no sensitive set.
pub const CODES: [(&str, &str); 7] = [
    (SNOMED, "44054006"),
    (SNOMED, "38341003"),
    (SNOMED, "8098009"),
    (SNOMED, "63487001"),
    (SNOMED, "57797005"),
    (SNOMED, "7200002"),
    (SNOMED, "35489007"),
];
pub const LABELS: [(&str, &str); 11] = [
    (CONFIDENTIALITY, "R"),
    (CONFIDENTIALITY, "N"),
    (CONFIDENTIALITY, "V"),
    (CONFIDENTIALITY, "U"),
    (CONFIDENTIALITY, "odd"),
    (ACT_CODE, "PSY"),
    (ACT_CODE, "ETH"),
    (ACT_CODE, "HIV"),
    (ACT_CODE, "SDV"),
    (ACT_CODE, "ODD"),
    ("https://elsewhere.example/labels", "x"),
];
pub const SECTIONS: [&str; 13] = [
    "needs",
    "goals",
    "actions",
    "about-me",
    "contacts",
    "budget",
    "documents",
    "safeguarding",
    "mental-health",
    "sexual-health",
    "end-of-life",
    "legal-capacity",
    "contingency",
];
pub const AUTHORS: [&str; 3] = ["Practitioner/p1", "Practitioner/p2", "https://elsewhere.example/fhir/Practitioner/p1"];
/// Days of data, as written.
pub const DAYS: [&str; 4] = ["2026-06-30", "2026-01-15", "2026-09-01", "2026-10"];

/// A record: nearly always a Patient and a plan, and up to seven things more.
pub fn any(source: &mut Source) -> Vec<Part> {
    let mut parts = Vec::new();
    if !source.once_in(12) {
        parts.push(plain("Patient", "winifred", source));
    }
    if !source.once_in(12) {
        parts.push(plain("CarePlan", "plan", source));
    }
    for _ in 0..source.below(8) {
        let type_ = source.pick(&TYPES);
        let id = ["a", "b", "c"].into_iter().find(|id| !parts.iter().any(|p| p.type_ == type_ && p.id == *id));
        if let Some(id) = id {
            parts.push(detailed(type_, id, source));
        }
    }
    if source.once_in(12) {
        parts.push(Part { whose: "anothers", ..plain("Patient", "other", source) });
    }
    let names: Vec<String> = parts.iter().filter(|p| p.whose != "nobodys").map(Part::name).collect();
    for part in &mut parts {
        if matches!(part.type_, "Condition" | "Observation" | "MedicationStatement" | "DocumentReference") {
            let others: Vec<&String> = names.iter().filter(|n| **n != part.name()).collect();
            if !others.is_empty() && source.once_in(3) {
                part.refers.push(others[source.below(others.len())].clone());
            }
        }
    }
    parts
}

fn plain(type_: &'static str, id: &str, source: &mut Source) -> Part {
    let mut part = Part {
        type_,
        id: id.to_owned(),
        whose: "hers",
        tags: Vec::new(),
        labels: Vec::new(),
        codes: Vec::new(),
        text: "",
        date: None,
        author: None,
        refers: Vec::new(),
        contained: None,
        elements: Vec::new(),
    };
    if type_ == "Patient" {
        part.elements.extend(["address", "telecom"].iter().filter(|_| source.once_in(2)));
    }
    if type_ == "CarePlan" {
        let all = ["goal", "addresses", "activity", "careTeam", "note", "budget", "capacity", "supportingInfo"];
        part.elements.extend(all.iter().filter(|_| source.once_in(2)));
    }
    if source.once_in(10) {
        part.labels.push(source.pick(&LABELS));
    }
    part
}

fn detailed(type_: &'static str, id: &str, source: &mut Source) -> Part {
    let mut part = plain(type_, id, source);
    if matches!(type_, "Organization" | "Practitioner") {
        part.whose = "nobodys";
        return part;
    }
    if source.once_in(12) {
        part.whose = "anothers";
    }
    if source.once_in(6) {
        part.tags.push(source.pick(&["mental-health", "sexual-health", "safeguarding", "end-of-life", "unheard-of"]));
    }
    if source.once_in(4) {
        part.labels.push(source.pick(&LABELS));
    }
    if has(type_, "code") {
        match source.below(5) {
            0 => {}
            4 => part.codes.extend([source.pick(&CODES), source.pick(&CODES[1..])]),
            _ => part.codes.push(if source.once_in(3) { source.pick(&CODES) } else { source.pick(&CODES[..2]) }),
        }
        if source.once_in(15) {
            part.text = source.pick(&["after a Termination of Pregnancy", "hopes of IVF treatment once"]);
        }
    }
    if has(type_, "date") && source.once_in(2) {
        part.date = Some(source.pick(&DAYS));
    }
    if has(type_, "author") && source.once_in(2) {
        part.author = Some(source.pick(&AUTHORS));
    }
    if type_ == "Observation" && source.once_in(2) {
        part.contained = Some(source.pick(&CODES));
    }
    if type_ == "Goal" && source.once_in(2) {
        part.elements.push("addresses");
    }
    if type_ == "Task" {
        part.elements.extend(["focus", "reasonReference"].iter().filter(|_| source.once_in(2)));
    }
    part
}

/// Whether a type has a code, a date, an author where we write one.
pub fn has(type_: &str, what: &str) -> bool {
    let types: &[&str] = match what {
        "code" => &["Condition", "Goal", "Task", "Observation", "MedicationStatement", "DocumentReference", "Flag"],
        "date" => &["Condition", "Goal", "Task", "Observation", "MedicationStatement"],
        _ => &["Condition", "Task", "Observation", "MedicationStatement", "DocumentReference", "Flag"],
    };
    types.contains(&type_)
}

/// What an element of a part refers to; an element that would refer to nothing is left out.
pub fn targets<'p>(part: &Part, element: &str, parts: &'p [Part]) -> Option<Vec<&'p Part>> {
    let type_ = match (part.type_, element) {
        ("CarePlan" | "Task", "goal" | "focus") => "Goal",
        ("CarePlan", "activity") => "Task",
        ("CarePlan", "careTeam") => "CareTeam",
        ("CarePlan", "supportingInfo") => "Observation",
        (_, "addresses" | "reasonReference") => "Condition",
        _ => return Some(Vec::new()),
    };
    let found: Vec<&Part> = parts.iter().filter(|p| p.type_ == type_).collect();
    let most = if part.type_ == "Task" { 1 } else { found.len() };
    if found.is_empty() { None } else { Some(found[..most].to_vec()) }
}

fn reference(name: &str) -> Value {
    json!({ "reference": name })
}

/// The resource of a part.
pub fn resource(part: &Part, parts: &[Part]) -> Value {
    let mut made = json!({ "resourceType": part.type_, "id": part.id });
    let mut meta = Map::new();
    let coding = |(system, code): &(&str, &str)| json!({ "system": system, "code": code });
    if !part.labels.is_empty() {
        meta.insert("security".to_owned(), part.labels.iter().map(coding).collect());
    }
    if !part.tags.is_empty() {
        meta.insert("tag".to_owned(), part.tags.iter().map(|t| coding(&(plans::SECTION, t))).collect());
    }
    if !meta.is_empty() {
        made["meta"] = Value::Object(meta);
    }
    let text = if part.text.is_empty() { format!("words of {} quokka", part.name()) } else { part.text.to_owned() };
    let mut concept = json!({ "text": text });
    if !part.codes.is_empty() {
        concept["coding"] = part.codes.iter().map(coding).collect();
    }
    let subject = reference(if part.whose == "anothers" { "Patient/other" } else { "Patient/winifred" });
    body(part, &mut made, concept, subject);
    dated_and_signed(part, &mut made);
    for element in &part.elements {
        if let Some(targets) = targets(part, element, parts) {
            fill(part, element, &targets, &mut made);
        }
    }
    made
}

fn body(part: &Part, made: &mut Value, concept: Value, subject: Value) {
    let refers: Vec<Value> = part.refers.iter().map(|r| reference(r)).collect();
    let mut set = |name: &str, value: Value| made[name] = value;
    match part.type_ {
        "Patient" => {
            let number = if part.id == "winifred" { plans::NUMBER } else { "9990000026" };
            set("identifier", json!([{ "system": plans::NHS, "value": number }]));
            set("birthDate", json!("1941-06-02"));
        }
        "CarePlan" => {
            set("status", json!("active"));
            set("intent", json!("plan"));
        }
        "Goal" => {
            set("lifecycleStatus", json!("active"));
            set("description", concept);
        }
        "Task" => {
            set("status", json!("requested"));
            set("intent", json!("order"));
            set("code", concept);
        }
        "Observation" => {
            set("status", json!("final"));
            set("code", concept);
            let mut focus = refers;
            if let Some(code) = part.contained {
                let code = json!({ "coding": [{ "system": code.0, "code": code.1 }] });
                let inner = json!({ "resourceType": "Condition", "id": "in", "code": code, "subject": subject });
                set("contained", json!([inner]));
                focus.push(reference("#in"));
            }
            if !focus.is_empty() {
                set("focus", json!(focus));
            }
        }
        "MedicationStatement" => {
            set("status", json!("active"));
            set("medicationCodeableConcept", concept);
            if !refers.is_empty() {
                set("derivedFrom", json!(refers));
            }
        }
        "DocumentReference" => {
            set("status", json!("current"));
            set("type", concept);
            set("content", json!([{ "attachment": { "contentType": "text/plain" } }]));
            if !refers.is_empty() {
                set("context", json!({ "related": refers }));
            }
        }
        "Flag" => {
            set("status", json!("active"));
            set("code", concept);
        }
        "QuestionnaireResponse" => set("status", json!("completed")),
        "Consent" => {
            set("status", json!("active"));
            let scope = json!({ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "adr" });
            set("scope", json!({ "coding": [scope] }));
            set("category", json!([{ "coding": [{ "system": "http://loinc.org", "code": "59284-6" }] }]));
            set("policy", json!([{ "uri": "https://sharewell.example/advance-decision" }]));
        }
        "Condition" => {
            set("code", concept);
            if !refers.is_empty() {
                set("evidence", json!([{ "detail": refers }]));
            }
        }
        "Organization" => set("name", json!("Northmere Council")),
        _ => {}
    }
    match part.type_ {
        "Patient" | "Organization" | "Practitioner" => {}
        "RelatedPerson" | "Consent" => set("patient", subject),
        "Task" => set("for", subject),
        _ => set("subject", subject),
    }
}

fn dated_and_signed(part: &Part, made: &mut Value) {
    if let Some(day) = part.date {
        let name = match part.type_ {
            "Condition" => "onsetDateTime",
            "Goal" => "startDate",
            "Task" => "authoredOn",
            _ => "effectiveDateTime",
        };
        made[name] = json!(day);
    }
    if let Some(author) = part.author.map(reference) {
        match part.type_ {
            "Condition" => made["asserter"] = author,
            "Task" => made["requester"] = author,
            "Observation" => made["performer"] = json!([author]),
            "MedicationStatement" => made["informationSource"] = author,
            "DocumentReference" => made["author"] = json!([author]),
            _ => made["author"] = author,
        }
    }
}

fn fill(part: &Part, element: &str, targets: &[&Part], made: &mut Value) {
    let all: Vec<Value> = targets.iter().map(|t| reference(&t.name())).collect();
    let ours = "https://sharewell.example/fhir/StructureDefinition/";
    match element {
        "address" => made["address"] = json!([{ "postalCode": "NM4 7QT" }]),
        "telecom" => made["telecom"] = json!([{ "system": "phone", "value": "01632 960001" }]),
        "note" => made["note"] = json!([{ "text": "a note for the whole plan quokka" }]),
        "activity" => made["activity"] = all.into_iter().map(|r| json!({ "reference": r })).collect(),
        "focus" | "reasonReference" => made[element] = all.into_iter().next().expect("a target"),
        "budget" | "capacity" => {
            let parts = if element == "budget" {
                json!([
                    { "url": "agreed", "valueMoney": { "value": 248.5, "currency": "GBP" } },
                    { "url": "frequency", "valueCode": "weekly" }
                ])
            } else {
                json!([
                    { "url": "status", "valueCode": "has-capacity" },
                    { "url": "decision", "valueString": "this plan quokka" },
                    { "url": "assessed-on", "valueDate": "2026-03-20" }
                ])
            };
            let extension = json!({ "url": format!("{ours}{element}"), "extension": parts });
            match made["extension"].as_array_mut() {
                Some(list) => list.push(extension),
                None => made["extension"] = json!([extension]),
            }
        }
        _ => made[element] = json!(all),
    }
    debug_assert!(!part.id.is_empty());
}

pub fn full_url(part: &Part) -> String {
    format!("https://source.example/fhir/{}", part.name())
}

/// The Bundle of these parts.
pub fn bundle(parts: &[Part]) -> Value {
    let entry = |p: &Part| json!({ "fullUrl": full_url(p), "resource": resource(p, parts) });
    let mut bundle = json!({ "resourceType": "Bundle", "type": "collection" });
    if !parts.is_empty() {
        bundle["entry"] = parts.iter().map(entry).collect();
    }
    bundle
}
