//! What a binding says of a code that is not in its value set, by strength (R4 terminologies.html#strength); and value sets,
//! code systems and concept maps as records themselves.

mod common;

use common::definitions;
use serde_json::{Value, json};
use sharewell::pure::fhir::{File, Issue, Severity, json as reader};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::check;

const URL: &str = "https://northmere.example/StructureDefinition/bound";
const SYSTEM: &str = "https://northmere.example/CodeSystem/rooms";
const SET: &str = "https://northmere.example/ValueSet/rooms";

fn file(name: &str, content: &Value) -> File {
    File { path: name.to_owned(), bytes: content.to_string().into_bytes().into() }
}

/// A Basic whose code is bound so strongly to three rooms, of which the set lists two.
fn bound(strength: &str) -> Definitions {
    let binding = json!({"strength": strength, "valueSet": SET});
    let profile = json!({"resourceType": "StructureDefinition", "url": URL, "name": "Bound", "status": "active",
        "kind": "resource", "abstract": false, "type": "Basic", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Basic",
        "differential": {"element": [{"id": "Basic.code", "path": "Basic.code", "binding": binding}]}});
    let concepts = json!([{"code": "kitchen"}, {"code": "hall"}, {"code": "cellar"}]);
    let system = json!({"resourceType": "CodeSystem", "url": SYSTEM, "status": "active", "content": "complete", "concept": concepts});
    let include = json!([{"system": SYSTEM, "concept": [{"code": "kitchen"}, {"code": "hall"}]}]);
    let set = json!({"resourceType": "ValueSet", "url": SET, "status": "active", "compose": {"include": include}});
    let files = [file("profile.json", &profile), file("system.json", &system), file("set.json", &set)];
    Definitions::r4().expect("R4 loads").with_files(&files).expect("they load")
}

fn found(record: &Value, profiles: &[&str], definitions: &Definitions) -> Vec<Issue> {
    let tree = reader::read(record.to_string().as_bytes(), &Default::default()).expect("it is JSON");
    check(&tree, profiles, definitions).issues
}

#[test]
fn a_code_outside_its_set_weighs_as_the_binding_is_strong() {
    let code = |code: &str| json!({"coding": [{"system": SYSTEM, "code": code}]});
    let elsewhere = json!({"coding": [{"system": "https://northmere.example/CodeSystem/none", "code": "x"}]});
    let rows = [
        (
            "required",
            Some((Severity::Error, "code-not-in-value-set")),
            Some((Severity::Error, "code-not-in-value-set")),
        ),
        ("extensible", Some((Severity::Warning, "code-not-in-value-set")), None),
        ("preferred", Some((Severity::Information, "code-not-preferred")), None),
        ("example", None, None),
    ];
    for (strength, coded, words) in rows {
        let definitions = bound(strength);
        let told = |code: Value| {
            let record = json!({"resourceType": "Basic", "code": code});
            let issues = found(&record, &[URL], &definitions);
            assert!(issues.len() < 2, "{strength}: {issues:#?}");
            issues.into_iter().next().map(|issue| {
                assert_eq!(issue.expression.as_deref(), Some("Basic.code"), "{strength}");
                assert!(
                    issue.rule.as_deref().is_some_and(|rule| rule.contains(&format!("{URL}#Basic.code"))),
                    "{issue}"
                );
                (issue.severity, issue.id.into_owned())
            })
        };
        let plain = |said: Option<(Severity, &str)>| said.map(|(severity, id)| (severity, id.to_owned()));
        assert_eq!(told(code("hall")), None, "{strength}");
        assert_eq!(told(code("cellar")), plain(coded), "{strength}: a code of the system that the set does not list");
        assert_eq!(told(elsewhere.clone()), plain(coded), "{strength}: a code of another system");
        assert_eq!(told(json!({"text": "the cellar"})), plain(words), "{strength}: words alone");
    }
}

#[test]
fn what_r4_itself_prefers_is_not_told() {
    // R4 prefers its own set for the kind of a goal's start
    let start = json!({"coding": [{"system": "https://northmere.example/CodeSystem/none", "code": "x"}]});
    let goal = json!({"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "walk"},
        "subject": {"reference": "Patient/1"}, "priority": start});
    assert_eq!(found(&goal, &[], definitions()), []);
}

/// The ids of errors, and where.
fn errors(record: &Value) -> Vec<String> {
    let issues = found(record, &[], definitions());
    let errors = issues.iter().filter(|issue| issue.is_error());
    errors
        .map(|i| {
            format!(
                "{} at {}",
                i.rule
                    .as_deref()
                    .filter(|_| i.id == "invariant-broken")
                    .map_or(&*i.id, |r| r.rsplit(' ').next().unwrap_or(r)),
                i.expression.as_deref().unwrap_or_default()
            )
        })
        .collect()
}

#[test]
fn a_value_set_is_held_to_the_rules_of_its_type() {
    let set = |compose: Value| json!({"resourceType": "ValueSet", "url": SET, "name": "Rooms", "status": "active", "compose": compose});
    let include = |part: Value| set(json!({"include": [part]}));
    let concept = json!([{"code": "a"}]);
    let filter = json!([{"property": "concept", "op": "is-a", "value": "a"}]);
    let rows = [
        (include(json!({"system": SYSTEM, "concept": concept})), vec![]),
        (
            include(json!({"concept": concept})),
            vec!["vsd-2 at ValueSet.compose.include[0]", "vsd-1 at ValueSet.compose.include[0]"],
        ),
        (include(json!({"valueSet": [SET], "filter": filter})), vec!["vsd-2 at ValueSet.compose.include[0]"]),
        (
            include(json!({"system": SYSTEM, "concept": concept, "filter": filter})),
            vec!["vsd-3 at ValueSet.compose.include[0]"],
        ),
        (include(json!({"system": "rooms"})), vec!["relative-system at ValueSet.compose.include[0].system"]),
        (
            include(json!({"system": SYSTEM, "filter": [{"property": "concept", "op": "sounds-like", "value": "a"}]})),
            vec!["code-not-in-value-set at ValueSet.compose.include[0].filter[0].op"],
        ),
        (
            include(
                json!({"system": "http://hl7.org/fhir/administrative-gender", "concept": [{"code": "male"}, {"code": "man"}]}),
            ),
            vec!["unknown-code at ValueSet.compose.include[0].concept[1].code"],
        ),
        (
            include(json!({"system": "http://hl7.org/fhir/ValueSet/administrative-gender"})),
            vec!["value-set-as-system at ValueSet.compose.include[0].system"],
        ),
    ];
    for (record, expected) in rows {
        assert_eq!(errors(&record), expected, "{record}");
    }
    let mut expansion = set(Value::Null);
    expansion.as_object_mut().expect("it is an object").remove("compose");
    expansion["expansion"] =
        json!({"timestamp": "2026-11-22T10:00:00Z", "contains": [{"code": "a"}, {"abstract": true}]});
    assert_eq!(
        errors(&expansion),
        ["vsd-10 at ValueSet.expansion.contains[0]", "vsd-6 at ValueSet.expansion.contains[1]",]
    );
}

#[test]
fn a_code_system_is_held_to_the_rules_of_its_type() {
    let system = |more: Value| {
        let mut one = json!({"resourceType": "CodeSystem", "url": SYSTEM, "name": "Rooms", "status": "active", "content": "complete",
            "property": [{"code": "size", "type": "integer"}, {"code": "next", "type": "code"}],
            "concept": [{"code": "a", "property": [{"code": "size", "valueInteger": 2}]}, {"code": "b", "concept": [{"code": "c"}]}]});
        one.as_object_mut().expect("it is an object").extend(more.as_object().expect("it is an object").clone());
        one
    };
    let with = |property: Value| json!({"concept": [{"code": "a", "property": [property]}]});
    let rows = [
        (json!({}), vec![]),
        (json!({"count": 3}), vec![]),
        (json!({"concept": [{"code": "a"}, {"code": "b", "concept": [{"code": "a"}]}]}), vec!["csd-1 at CodeSystem"]),
        (json!({"count": 7}), vec!["concept-count at CodeSystem.count"]),
        (json!({"content": "fragment", "count": 7}), vec![]),
        (json!({"content": "not-present"}), vec!["concepts-not-present at CodeSystem.concept[0]"]),
        (json!({"content": "supplement"}), vec!["supplement-of-nothing at CodeSystem"]),
        (
            with(json!({"code": "size", "valueString": "large"})),
            vec!["property-type at CodeSystem.concept[0].property[0]"],
        ),
        (with(json!({"code": "next", "valueCode": "a"})), vec![]),
    ];
    for (more, expected) in rows {
        assert_eq!(errors(&system(more.clone())), expected, "{more}");
    }
}

#[test]
fn two_properties_of_one_code_are_told_and_no_error() {
    let system = json!({"resourceType": "CodeSystem", "url": SYSTEM, "name": "Rooms", "status": "active", "content": "complete",
        "property": [{"code": "size", "type": "integer"}, {"code": "size", "type": "code"}], "concept": [{"code": "a"}]});
    let issues = found(&system, &[], definitions());
    let told: Vec<_> = issues.iter().map(|issue| (issue.severity, &*issue.id, issue.expression.as_deref())).collect();
    assert_eq!(told, [(Severity::Warning, "property-repeated", Some("CodeSystem.property[1].code"))]);
}

#[test]
fn a_concept_map_is_held_to_the_rules_of_its_type() {
    let map = |element: Value| {
        json!({"resourceType": "ConceptMap", "url": "https://northmere.example/map", "status": "active", "group": [
            {"source": "http://hl7.org/fhir/administrative-gender", "target": SYSTEM, "element": [element]}]})
    };
    let right = map(json!({"code": "male", "target": [{"code": "x", "equivalence": "equivalent"}]}));
    assert_eq!(errors(&right), Vec::<String>::new());
    let unknown = map(json!({"code": "man", "target": [{"code": "x", "equivalence": "equivalent"}]}));
    assert_eq!(errors(&unknown), ["unknown-code at ConceptMap.group[0].element[0].code"]);
    let narrower = map(json!({"code": "male", "target": [{"code": "x", "equivalence": "narrower"}]}));
    assert_eq!(errors(&narrower), ["cmd-1 at ConceptMap.group[0].element[0].target[0]"]);
}
