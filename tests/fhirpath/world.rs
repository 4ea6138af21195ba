//! What an expression may ask beyond its element: value sets, code systems, profiles, other resources of the record.

use sharewell::pure::fhir::{Item, Limits, Tree, json};
use sharewell::pure::fhirpath::{Context, Expression};

const RECORD: &str = r##"{"resourceType":"Bundle","type":"collection","entry":[
{"fullUrl":"https://sharewell.example/fhir/Condition/c","resource":{"resourceType":"Condition","id":"c",
  "meta":{"versionId":"2"},
  "modifierExtension":[{"url":"http://example.org/refuted-by","valueString":"x"}],
  "clinicalStatus":{"coding":[
    {"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"recurrence"},
    {"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"},
    {"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"inactive"}]},
  "code":{"coding":[{"system":"http://snomed.info/sct","code":"1"},{"system":"http://snomed.info/sct","code":"2"}]},
  "subject":{"reference":"Patient/p"}}},
{"fullUrl":"https://other.example/fhir/Patient/p","resource":{"resourceType":"Patient","id":"p","gender":"male"}},
{"fullUrl":"https://sharewell.example/fhir/Patient/p","resource":{"resourceType":"Patient","id":"p","gender":"female"}},
{"fullUrl":"urn:uuid:11111111-1111-4111-8111-111111111111","resource":{"resourceType":"Goal","id":"g",
  "addresses":[{"reference":"https://sharewell.example/fhir/Condition/c/_history/2"},
    {"reference":"https://sharewell.example/fhir/Condition/c/_history/1"},{"display":"words only"}]}}]}"##;

fn on(item: Item<'_>, text: &str) -> String {
    let expression = Expression::compile(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let world = sharewell::pure::validate::world(super::definitions());
    let context = Context::new(super::definitions(), &world, "2026-07-01T12:00:00Z".parse().unwrap());
    let answer = match expression.evaluate(&context, item) {
        Ok(values) => values.iter().map(|v| v.written(&context).1).collect::<Vec<_>>(),
        Err(error) => vec![format!("{:?}", error.fault)],
    };
    answer.join(" ; ")
}

fn all_yield(cases: &[(&str, &str)]) {
    let tree: Tree = json::read(RECORD.as_bytes(), &Limits::default()).unwrap();
    let condition = tree.root().at_path(&["entry", "resource"]).unwrap();
    for (expression, expected) in cases {
        assert_eq!(on(condition, expression), *expected, "{expression}");
    }
}

#[test]
fn codes_subsume_one_another_where_their_system_is_known() {
    all_yield(&[
        ("clinicalStatus.coding[1].subsumes(%resource.clinicalStatus.coding[0])", "true"),
        ("clinicalStatus.coding[0].subsumes(%resource.clinicalStatus.coding[1])", "false"),
        ("clinicalStatus.coding[0].subsumedBy(%resource.clinicalStatus.coding[1])", "true"),
        ("clinicalStatus.coding[2].subsumes(%resource.clinicalStatus.coding[0])", "false"),
        ("clinicalStatus.subsumes(%resource.clinicalStatus.coding[0])", "true"),
        ("clinicalStatus.subsumes(%resource.code)", ""),
        ("code.coding[0].subsumes(%resource.code.coding[0])", "true"),
        ("code.coding[0].subsumes(%resource.code.coding[1])", "Unknown"),
        ("{}.subsumes(%resource.code)", ""),
        ("clinicalStatus.subsumes({})", ""),
        ("clinicalStatus.coding.subsumes(%resource.code)", "Wrong"),
    ]);
}

#[test]
fn value_sets_and_profiles_answer_where_they_are_known() {
    all_yield(&[
        ("clinicalStatus.memberOf('http://hl7.org/fhir/ValueSet/condition-clinical')", "true"),
        ("clinicalStatus.memberOf(%`vs-condition-clinical`)", "true"),
        ("code.memberOf(%`vs-condition-clinical`)", "false"),
        ("code.memberOf('http://example.org/ValueSet/unknown')", "Unknown"),
        ("subject.resolve().conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')", "true"),
        ("subject.resolve().conformsTo('http://hl7.org/fhir/StructureDefinition/Goal')", "false"),
        ("conformsTo('http://example.org/StructureDefinition/unknown')", "Unknown"),
    ]);
}

#[test]
fn modifier_extensions_that_are_not_named_are_wrong() {
    all_yield(&[
        ("checkModifiers('http://example.org/refuted-by').id", "c"),
        ("checkModifiers('http://example.org/a', 'http://example.org/refuted-by').id", "c"),
        ("checkModifiers('http://example.org/a').id", "Wrong"),
        ("checkModifiers().id", "Wrong"),
        ("code.checkModifiers().exists()", "true"),
    ]);
}

#[test]
fn a_relative_reference_stays_on_the_server_of_its_entry() {
    all_yield(&[
        ("subject.resolve().gender", "female"),
        ("'Patient/p'.resolve().gender", "female"),
        ("'https://other.example/fhir/Patient/p'.resolve().gender", "male"),
        ("'Patient/q'.resolve().exists()", "false"),
    ]);
}

#[test]
fn a_reference_to_a_version_finds_that_version() {
    let tree: Tree = json::read(RECORD.as_bytes(), &Limits::default()).unwrap();
    let goal = tree.root().all("entry").last().and_then(|entry| entry.get("resource")).unwrap();
    assert_eq!(on(goal, "addresses.resolve().count()"), "1");
    assert_eq!(on(goal, "addresses[0].resolve() is Condition"), "true");
    assert_eq!(on(goal, "addresses[1].resolve().exists()"), "false");
}
