//! Wherever R4 lets one resource name another, a withheld one is named no more: each reference of each resource type, in
//! each form a reference may take, and what remains is valid.

mod plans;

use plans::{SECTION, choice, definitions, evidence, party, policy, question, tree, whole_plan};
use serde_json::{Map, Value, json};
use sharewell::embedded;
use sharewell::pure::decide::{Action, Policy, decide};
use sharewell::pure::fhir::File;
use sharewell::pure::profile::node::{Node, Profile};
use sharewell::pure::profile::primitive::Primitive;
use sharewell::pure::redact::{redact, say_incomplete, shape_search};
use sharewell::pure::validate::{Validated, check};

const ID: &str = "hidden-quokka-7";
const WORDS: &str = "words about the hidden quokka";
const NUMBER: &str = "quokka-number-0099";

// ---- the smallest resource of a type ----------------------------------------------------------------------------------------

fn primitive(kind: Primitive, node: &Node) -> Value {
    let bound = node.binding.as_ref().and_then(|b| b.value_set.as_deref());
    let code =
        || bound.and_then(|url| definitions().value_set(url)?.expand()?.into_iter().map(|(_, code)| code).next());
    match kind {
        Primitive::Boolean => json!(true),
        Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => json!(1),
        Primitive::Decimal => json!(1.5),
        Primitive::Code => json!(code().map_or_else(|| "x".to_owned(), |c| c.to_string())),
        Primitive::Uri | Primitive::Url | Primitive::Canonical => json!("https://sharewell.example/x"),
        Primitive::Oid => json!("urn:oid:1.2.3"),
        Primitive::Uuid => json!("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
        Primitive::Base64Binary => json!("AAAA"),
        Primitive::Date => json!("2026-01-01"),
        Primitive::DateTime | Primitive::Instant => json!("2026-01-01T10:00:00Z"),
        Primitive::Time => json!("10:00:00"),
        Primitive::String | Primitive::Markdown | Primitive::Id | Primitive::Xhtml => json!("x"),
    }
}

fn complex(code: &str, node: &Node, depth: usize) -> Value {
    let bound = node.binding.as_ref().and_then(|b| b.value_set.as_deref());
    let coded = bound.and_then(|url| definitions().value_set(url)?.expand()?.into_iter().next());
    match (code, coded) {
        ("CodeableConcept", Some((system, code))) => json!({ "coding": [{ "system": *system, "code": *code }] }),
        ("Coding", Some((system, code))) => json!({ "system": *system, "code": *code }),
        ("CodeableConcept", None) => json!({ "text": "x" }),
        ("Coding", None) => json!({ "display": "x" }),
        ("Reference", _) => match node.types.iter().any(|t| t.targets.iter().any(|t| t.ends_with("/Patient"))) {
            true => json!({ "reference": "Patient/winifred" }),
            false => json!({ "display": "x" }),
        },
        ("Identifier", _) => json!({ "value": "x" }),
        ("Quantity" | "SimpleQuantity" | "Duration" | "Age" | "Money", _) => json!({ "value": 1 }),
        ("Period", _) => json!({ "start": "2026-01-01" }),
        ("Attachment", _) => json!({ "title": "x" }),
        ("HumanName" | "Address", _) => json!({ "text": "x" }),
        ("Annotation", _) => json!({ "text": "x" }),
        ("Narrative", _) => {
            json!({ "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>" })
        }
        _ => {
            let profile = definitions().type_profile(code).expect("the type is known");
            let made = required(profile, 0, depth + 1);
            if made.is_empty() { json!({ "id": "x" }) } else { Value::Object(made) }
        }
    }
}

fn kids<'p>(profile: &'p Profile, node: &'p Node) -> Vec<&'p Node> {
    let kids = node.kids.as_ref().or_else(|| profile.nodes[node.shared? as usize].kids.as_ref());
    kids.into_iter().flat_map(|k| &k.nodes).map(|n| &profile.nodes[*n as usize]).collect()
}

/// The name in JSON, and the value.
fn value(profile: &Profile, node: &Node, depth: usize) -> (String, Value) {
    let index = profile.nodes.iter().position(|n| std::ptr::eq(n, node)).expect("it is one of them");
    let Some(of) = node.types.first().filter(|_| node.kids.is_none()) else {
        return (node.name.to_string(), wrap(node, Value::Object(required(profile, index, depth + 1))));
    };
    let one = match of.primitive {
        Some(kind) => primitive(kind, node),
        None => complex(&of.code, node, depth),
    };
    let mut name = node.name.to_string();
    if node.is_choice {
        let mut letters = of.code.chars();
        name.extend(letters.next().into_iter().flat_map(char::to_uppercase).chain(letters));
    }
    (name, wrap(node, one))
}

fn wrap(node: &Node, value: Value) -> Value {
    if node.is_list { json!([value]) } else { value }
}

fn required(profile: &Profile, index: usize, depth: usize) -> Map<String, Value> {
    assert!(depth < 12, "{} does not end", profile.type_name);
    let needed = kids(profile, &profile.nodes[index]).into_iter().filter(|n| n.min > 0 && *n.name != *"url");
    needed.map(|node| value(profile, node, depth)).collect()
}

/// Whose it is: the first of these that the type has, and that may be a Patient.
fn give_subject(resource: &mut Map<String, Value>, profile: &Profile) {
    for name in ["subject", "patient", "for", "beneficiary", "individual"] {
        let node = kids(profile, &profile.nodes[0]).into_iter().find(|n| *n.name == *name && !n.is_choice);
        let patient = |t: &&str| t.ends_with("/Patient") || t.ends_with("/Resource");
        if let Some(node) = node
            && node.types.iter().flat_map(|t| &t.targets).map(|t| &**t).any(|t| patient(&t))
        {
            resource.insert(name.to_owned(), wrap(node, json!({ "reference": "Patient/winifred" })));
            return;
        }
    }
}

fn smallest(type_: &str, id: &str) -> Value {
    let profile = definitions().type_profile(type_).expect("a type");
    let mut made = required(profile, 0, 0);
    made.insert("resourceType".to_owned(), json!(type_));
    made.insert("id".to_owned(), json!(id));
    give_subject(&mut made, profile);
    let mut made = Value::Object(made);
    satisfy(type_, &mut made);
    made
}

/// What invariants of R4 ask for besides what is mandatory.
fn satisfy(type_: &str, made: &mut Value) {
    const ALLERGY: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
    match type_ {
        "AllergyIntolerance" => made["clinicalStatus"] = json!({ "coding": [{ "system": ALLERGY, "code": "active" }] }),
        "Appointment" => made["status"] = json!("proposed"),
        "Organization" | "InsurancePlan" => made["name"] = json!("x"),
        "AppointmentResponse" => made["participantType"] = json!([{ "text": "x" }]),
        "Linkage" => made["item"] = json!([1, 2].map(|_| json!({ "type": "source", "resource": { "display": "x" } }))),
        "NutritionOrder" => made["oralDiet"] = json!({ "type": [{ "text": "x" }] }),
        _ => {}
    }
}

// ---- every position -----------------------------------------------------------------------------------------------------------

/// A place where a Reference may stand: the element names on the way, and the types it may lead to.
struct Position {
    type_: &'static str,
    path: Vec<usize>,
    targets: Vec<String>,
}

fn positions() -> Vec<Position> {
    let mut found = Vec::new();
    for type_ in definitions().resource_types() {
        let profile = definitions().type_profile(type_).expect("a type");
        if profile.is_abstract || matches!(type_, "Bundle" | "Parameters" | "Patient" | "Consent") {
            continue;
        }
        walk(profile, type_, &mut vec![0], &mut found);
    }
    found
}

fn walk(profile: &Profile, type_: &'static str, path: &mut Vec<usize>, found: &mut Vec<Position>) {
    let node = &profile.nodes[*path.last().expect("a node")];
    for kid in node.kids.iter().flat_map(|k| &k.nodes) {
        let inner = &profile.nodes[*kid as usize];
        path.push(*kid as usize);
        let targets: Vec<String> = inner
            .types
            .iter()
            .filter(|t| *t.code == *"Reference")
            .flat_map(|t| &t.targets)
            .filter_map(|t| t.rsplit('/').next())
            .map(str::to_owned)
            .collect();
        if !targets.is_empty() {
            found.push(Position { type_, path: path.clone(), targets });
        } else if inner.kids.is_some() && path.len() < 6 {
            walk(profile, type_, path, found);
        }
        path.pop();
    }
}

/// Puts a value at a position, with what else has to be there on the way.
fn put(holder: &mut Value, profile: &Profile, path: &[usize], reference: Value) {
    let (at, rest) = path.split_first().expect("a path");
    let node = &profile.nodes[*at];
    let name = if node.is_choice { format!("{}Reference", node.name) } else { node.name.to_string() };
    let object = holder.as_object_mut().expect("an object");
    if node.is_choice {
        object.retain(|key, _| !key.starts_with(&*node.name));
    }
    if rest.is_empty() {
        object.insert(name, wrap(node, reference));
        return;
    }
    let made = object.entry(name).or_insert_with(|| wrap(node, Value::Object(required(profile, *at, 0))));
    let made = if made.is_array() { &mut made[0] } else { made };
    if *node.id == *"Composition.section" {
        made["text"] = complex("Narrative", node, 0);
    }
    put(made, profile, rest, reference);
}

/// The type of what is withheld at a position: not the person, whose loss would take all with it.
fn target(position: &Position) -> Option<String> {
    let fits = |t: &&String| !matches!(t.as_str(), "Patient" | "Consent" | "Group");
    let any = position.targets.iter().any(|t| t == "Resource");
    if any { Some("Condition".to_owned()) } else { position.targets.iter().find(fits).cloned() }
}

fn hidden(type_: &str) -> Value {
    let mut made = smallest(type_, ID);
    made["meta"] = json!({ "tag": [{ "system": SECTION, "code": "mental-health" }] });
    let profile = definitions().type_profile(type_).expect("a type");
    if let Some(node) = kids(profile, &profile.nodes[0]).into_iter().find(|n| *n.name == *"identifier") {
        made["identifier"] = wrap(node, json!({ "system": "https://sharewell.example/Id/hidden", "value": NUMBER }));
    }
    made
}

/// The forms a reference may take (R4 §2.3).
fn forms(type_: &str) -> Vec<Value> {
    vec![
        json!({ "reference": format!("{type_}/{ID}"), "display": WORDS }),
        json!({ "reference": format!("https://sharewell.example/fhir/{type_}/{ID}"), "display": WORDS }),
        json!({ "reference": format!("{type_}/{ID}/_history/3"), "type": type_ }),
        json!({ "identifier": { "system": "https://sharewell.example/Id/hidden", "value": NUMBER }, "display": WORDS }),
    ]
}

fn entry(resource: Value) -> Value {
    let (type_, id) = (resource["resourceType"].as_str().expect("a type"), resource["id"].as_str().expect("an id"));
    json!({ "fullUrl": format!("https://sharewell.example/fhir/{type_}/{id}"), "resource": resource })
}

fn bundle(resources: Vec<Value>) -> Value {
    let mut whole = whole_plan();
    let keep = |e: &&Value| matches!(e["resource"]["resourceType"].as_str(), Some("Patient" | "Goal"));
    let mut entries: Vec<Value> = whole["entry"].as_array().expect("entries").iter().filter(keep).cloned().collect();
    for kept in &mut entries {
        // what else the example holds is not here
        if kept["resource"]["resourceType"] == "Goal" {
            kept["resource"].as_object_mut().expect("an object").retain(|key, _| key != "addresses");
        }
    }
    entries.extend(resources.into_iter().map(entry));
    whole["entry"] = json!(entries);
    whole.as_object_mut().expect("an object").remove("meta");
    whole
}

/// What is released of these where the person keeps back what concerns her mental health; none where they are not valid.
fn released(resources: Vec<Value>) -> Option<String> {
    released_by(resources, policy())
}

fn released_by(resources: Vec<Value>, policy: &Policy) -> Option<String> {
    let record = Validated::new(tree(&bundle(resources)), &[], definitions()).ok()?;
    let question = question(party("Y99001", "gp-practice"), Action::Disclose);
    let choices = vec![choice("c", "Y99001", "permit", &[], &["mental-health"], None)];
    let decision = decide(&question, &record, &evidence(choices), policy);
    let permit = decision.into_permit().unwrap_or_else(|d| panic!("{d:?}"));
    let released = redact(&record, permit, definitions()).unwrap_or_else(|w| panic!("{:?}", w.report.issues));
    let report = check(released.bundle(), &[], definitions());
    assert!(report.is_valid(), "{:?}", report.issues);
    Some(released.bundle().root().to_json())
}

#[test]
fn wherever_r4_lets_a_resource_name_another_a_withheld_one_is_named_no_more() {
    let (mut tried, mut held, mut not_valid, mut wrong) = (0, 0, Vec::new(), Vec::new());
    for (number, position) in positions().iter().enumerate() {
        let Some(target) = target(position) else { continue };
        let profile = definitions().type_profile(position.type_).expect("a type");
        let hidden = hidden(&target);
        let all = forms(&target);
        // what has no identifier is not named by one
        let count = if hidden.get("identifier").is_some() { all.len() } else { all.len() - 1 };
        let reference = all[number % count].clone();
        let mut holder = smallest(position.type_, "holder-1");
        put(&mut holder, profile, &position.path[1..], reference);
        let where_ = profile.nodes[*position.path.last().expect("a node")].id.to_string();
        match released(vec![holder, hidden]) {
            None => not_valid.push(where_),
            Some(json) => {
                tried += 1;
                held += usize::from(json.contains("\"holder-1\""));
                for secret in [ID, WORDS, NUMBER] {
                    if json.contains(secret) {
                        wrong.push(format!("{where_}: `{secret}`"));
                    }
                }
                assert!(json.contains("SUBSETTED"), "{where_}");
            }
        }
    }
    assert!(wrong.is_empty(), "withheld and released: {wrong:#?}");
    println!("{tried} positions tried, {held} with what held them, {} not built: {not_valid:?}", not_valid.len());
    assert!(tried > 620 && held > 420, "{tried} tried, {held} held, {} not built", not_valid.len());
}

// ---- places that are no element of a resource type -------------------------------------------------------------------------

/// An Observation that stays, with something in it.
fn observation(more: Value) -> Value {
    let mut made = smallest("Observation", "holder-1");
    let object = made.as_object_mut().expect("an object");
    object.extend(more.as_object().expect("an object").clone());
    made
}

const URL: &str = "https://northmere.example/StructureDefinition/x";
const FULL: &str = "https://sharewell.example/fhir/Condition/hidden-quokka-7";

#[test]
fn in_datatypes_extensions_addresses_and_words_a_withheld_resource_is_named_no_more() {
    let reference = json!({ "reference": format!("Condition/{ID}"), "display": WORDS });
    let patient = json!({ "reference": "Patient/winifred" });
    let cases = [
        ("an extension", json!({ "extension": [{ "url": URL, "valueReference": reference }] })),
        (
            "an extension in one",
            json!({ "extension": [{ "url": URL, "extension": [{ "url": "a", "valueReference": reference }] }] }),
        ),
        ("beside a primitive", json!({ "_status": { "extension": [{ "url": URL, "valueReference": reference }] } })),
        (
            "the extension of a reference",
            json!({ "subject": { "reference": "Patient/winifred", "extension": [{ "url": URL, "valueReference": reference }] } }),
        ),
        ("an address", json!({ "extension": [{ "url": URL, "valueUri": FULL }] })),
        ("an id", json!({ "extension": [{ "url": URL, "valueString": ID }] })),
        ("the source", json!({ "meta": { "source": FULL } })),
        ("a version", json!({ "extension": [{ "url": URL, "valueUri": format!("{FULL}/_history/1") }] })),
        ("a fragment", json!({ "extension": [{ "url": URL, "valueUri": format!("{FULL}#part") }] })),
        ("words", json!({ "note": [{ "text": format!("more of it stands in Condition/{ID}, of course") }] })),
        (
            "an identifier",
            json!({ "extension": [{ "url": URL, "valueIdentifier": {
            "system": "https://sharewell.example/Id/hidden", "value": NUMBER } }] }),
        ),
        (
            "a narrative",
            json!({ "text": { "status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{WORDS}</div>") } }),
        ),
        (
            "a contained one",
            json!({
            "contained": [{ "resourceType": "Condition", "id": "c", "subject": patient,
                "code": { "text": WORDS }, "meta": { "tag": [{ "system": SECTION, "code": "mental-health" }] } }],
            "hasMember": [{ "reference": "Observation/o" }], "focus": [{ "reference": "#c", "display": WORDS }] }),
        ),
        (
            "one contained beside what stays",
            json!({
            "contained": [{ "resourceType": "Location", "id": "l", "name": WORDS }],
            "extension": [{ "url": URL, "valueReference": { "reference": "#l" } }], "focus": [reference] }),
        ),
        (
            "an author of words",
            json!({ "note": [{ "authorReference": { "reference": "Patient/winifred",
            "extension": [{ "url": URL, "valueUri": FULL }] }, "text": "x" }] }),
        ),
    ];
    for (what, more) in cases {
        let json =
            released(vec![observation(more), hidden("Condition")]).unwrap_or_else(|| panic!("{what} is not valid"));
        for secret in [ID, WORDS, NUMBER] {
            assert!(!json.contains(secret), "{what}: `{secret}` is withheld and released in {json}");
        }
        assert!(json.contains("\"holder-1\""), "{what}: what held it is gone as well");
        assert!(!json.contains("{}") && !json.contains("[]"), "{what}: something empty is left in {json}");
    }
}

#[test]
fn what_stands_beside_the_values_of_a_list_keeps_its_place_or_goes() {
    let uris = json!({
        "instantiatesUri": [FULL, "https://northmere.example/protocol/2"],
        "_instantiatesUri": [{ "extension": [{ "url": URL, "valueString": WORDS }] }, null]
    });
    let mut plan = smallest("CarePlan", "holder-1");
    plan.as_object_mut().expect("an object").extend(uris.as_object().expect("an object").clone());
    let json = released(vec![plan, hidden("Condition")]).expect("it is valid");
    assert!(json.contains("\"holder-1\"") && !json.contains("nstantiatesUri"), "{json}");
}

#[test]
fn a_section_of_a_document_whose_entries_are_withheld_goes_with_its_title() {
    let mut composition = smallest("Composition", "holder-1");
    composition["section"] = json!([
        { "title": WORDS, "entry": [{ "reference": format!("Condition/{ID}") }] },
        { "title": "what stays", "entry": [{ "reference": "Goal/goal-1" }, { "reference": format!("Condition/{ID}") }] },
    ]);
    let json = released(vec![composition, hidden("Condition")]).expect("it is valid");
    assert!(json.contains("what stays") && json.contains("Goal/goal-1"));
    assert!(!json.contains(WORDS) && !json.contains(ID), "{json}");
}

#[test]
fn what_may_be_masked_is_and_whatever_cannot_do_without_goes_whole() {
    let hidden_author = hidden("RelatedPerson");
    let mut provenance = smallest("Provenance", "holder-1");
    provenance["target"] = json!([{ "reference": "Goal/goal-1" }]);
    provenance["agent"] = json!([{ "who": { "reference": format!("RelatedPerson/{ID}"), "display": WORDS } }]);
    let json = released(vec![provenance, hidden_author]).expect("it is valid");
    assert!(json.contains("\"masked\"") && json.contains("\"holder-1\"") && !json.contains(WORDS), "{json}");
    let mut dose = smallest("MedicationRequest", "holder-1");
    dose.as_object_mut().expect("an object").retain(|key, _| !key.starts_with("medication"));
    dose["medicationReference"] = json!({ "reference": format!("Medication/{ID}") });
    dose["dosageInstruction"] = json!([{ "text": "two at night" }]);
    let json = released(vec![dose, hidden("Medication")]).expect("it is valid");
    assert!(!json.contains("two at night") && !json.contains("holder-1"), "a dose without its drug: {json}");
}

#[test]
fn what_rests_on_what_rests_on_something_withheld_goes_too() {
    let mut first = smallest("MedicationRequest", "second-1");
    first.as_object_mut().expect("an object").retain(|key, _| !key.starts_with("medication"));
    first["medicationReference"] = json!({ "reference": format!("Medication/{ID}") });
    let mut provenance = smallest("Provenance", "third-1");
    provenance["target"] = json!([{ "reference": "MedicationRequest/second-1" }]);
    let mut list = smallest("List", "holder-1");
    list["entry"] = json!([{ "item": { "reference": "Provenance/third-1", "display": WORDS } }, { "item": { "reference": "Goal/goal-1" } }]);
    let json = released(vec![list, provenance, first, hidden("Medication")]).expect("it is valid");
    for gone in ["second-1", "third-1", WORDS, ID] {
        assert!(!json.contains(gone), "{gone}");
    }
    assert!(json.contains("holder-1") && json.contains("Goal/goal-1"));
}

// ---- what would mislead ----------------------------------------------------------------------------------------------------------

fn with_rule(text: &str) -> Policy {
    let mut files = embedded::files("deploy/sharing/");
    files.push(File { path: "site.toml".to_owned(), bytes: text.as_bytes().to_vec().into() });
    Policy::compile(&files).unwrap_or_else(|r| panic!("{:?}", r.issues))
}

fn allergy(id: &str, words: &str) -> Value {
    let mut made = smallest("AllergyIntolerance", id);
    made["code"] = json!({ "text": words });
    made
}

#[test]
fn of_a_kind_that_goes_whole_or_not_at_all_nothing_goes_where_one_is_withheld_or_cut() {
    let site = with_rule("[[misleading]]\ntype = \"AllergyIntolerance\"\nthen = \"withhold\"\n");
    let both = || vec![allergy("allergy-1", "penicillin"), hidden("AllergyIntolerance")];
    let json = released_by(both(), &site).expect("it is valid");
    assert!(!json.contains("penicillin") && !json.contains(ID) && json.contains("Goal/goal-1"), "{json}");
    assert!(
        released_by(both(), policy()).expect("it is valid").contains("penicillin"),
        "another rule would withhold it"
    );
    let mut cut = allergy("allergy-1", "penicillin");
    cut["reaction"] = json!([{ "manifestation": [{ "text": "rash" }], "note": [{ "authorReference": { "reference":
        format!("Organization/{ID}") }, "text": "x" }] }]);
    let json = released_by(vec![cut, hidden("Organization")], &site).expect("it is valid");
    assert!(!json.contains("penicillin"), "{json}");
    let all = released_by(vec![allergy("allergy-1", "penicillin"), allergy("allergy-2", "latex")], &site);
    assert!(all.expect("it is valid").contains("latex"));
}

#[test]
fn of_a_kind_that_may_be_incomplete_it_is_said_whether_or_not_something_is_hidden() {
    for resources in [
        vec![allergy("allergy-1", "penicillin")],
        vec![allergy("allergy-1", "penicillin"), hidden("AllergyIntolerance")],
    ] {
        let json = released(resources).expect("it is valid");
        assert!(json.contains("may-be-incomplete"), "{json}");
    }
    let mut none = shape_search(Vec::new(), &["AllergyIntolerance"], "answer", "https://gateway/x", plans::now());
    say_incomplete(&mut none, &["AllergyIntolerance"], policy().shape());
    assert!(check(&none, &[], definitions()).is_valid(), "{:?}", check(&none, &[], definitions()).issues);
    let json = none.root().to_json();
    assert!(
        json.contains("\"total\":0") && json.contains("may be incomplete") && json.contains("\"outcome\""),
        "{json}"
    );
    let mut plans = shape_search(Vec::new(), &["CarePlan"], "answer", "https://gateway/x", plans::now());
    say_incomplete(&mut plans, &["CarePlan"], policy().shape());
    assert!(!plans.root().to_json().contains("incomplete"));
}

#[test]
fn mistakes_in_what_may_be_masked_or_would_mislead_are_said_with_their_place() {
    let wrong = "[masked]\nelements = [\"Provenance\"]\n\n[[misleading]]\ntype = \"List\"\nthen = \"shrug\"\n\n[[misleading]]\nthen = \"say\"\n";
    let mut files = embedded::files("deploy/sharing/");
    files.push(File { path: "site.toml".to_owned(), bytes: wrong.as_bytes().to_vec().into() });
    let report = Policy::compile(&files).expect_err("it is wrong");
    let said: Vec<(String, Option<u32>)> =
        report.issues.iter().map(|i| (i.id.to_string(), i.place.as_ref().map(|p| p.line))).collect();
    let told = |id: &str, line| said.contains(&(id.to_owned(), Some(line)));
    assert!(
        told("policy-not-an-element", 2) && told("policy-unknown-word", 6) && told("policy-missing-key", 8),
        "{said:?}"
    );
}
