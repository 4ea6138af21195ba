//! Expressions on a record: choices, primitives with extensions, references, types, and R4's own invariants.

use sharewell::pure::fhir::{Item, Limits, Tree, json};
use sharewell::pure::fhirpath::{Alone, Context, Expression, Focus, Model};

const PLAN: &str = r##"{
  "resourceType": "CarePlan",
  "id": "plan",
  "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Steady on the stairs</div>"},
  "contained": [
    {"resourceType": "Patient", "id": "her", "name": [{"family": "Attwater-Osei", "given": [null, "Winifred"],
      "_given": [{"extension": [{"url": "http://example.org/unsaid", "valueBoolean": true}]}, null]}],
      "birthDate": "1941-06-02", "_birthDate": {"extension": [{"url": "http://example.org/sure", "valueCode": "yes"}]},
      "_gender": {"extension": [{"url": "http://example.org/not-asked", "valueString": "declined"}]},
      "deceasedBoolean": false, "generalPractitioner": [{"reference": "#"}]}
  ],
  "status": "active",
  "intent": "plan",
  "subject": {"reference": "#her"},
  "period": {"start": "2026-06", "end": "2026-12-31"},
  "activity": [
    {"detail": {"status": "scheduled", "scheduledPeriod": {"start": "2026-07-01"},
      "quantity": {"value": 2.50, "unit": "hours", "system": "http://unitsofmeasure.org", "code": "h"}}},
    {"detail": {"status": "not-started", "scheduledString": "after tea", "productCodeableConcept": {"text": "rail"}}}
  ]
}"##;

fn plan() -> Tree {
    json::read(PLAN.as_bytes(), &Limits::default()).unwrap()
}

fn context<'a>() -> Context<'a> {
    Context::new(super::definitions(), &Alone, "2026-07-01T12:00:00Z".parse().unwrap())
}

fn on(item: Item<'_>, text: &str) -> String {
    let expression = Expression::compile(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let context = context();
    let answer = match expression.evaluate(&context, item) {
        Ok(values) => values.iter().map(|v| v.written(&context)).map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>(),
        Err(error) => vec![format!("{:?}", error.fault)],
    };
    answer.join(" ; ")
}

fn all_yield(cases: &[(&str, &str)]) {
    let tree = plan();
    for (expression, expected) in cases {
        assert_eq!(on(tree.root(), expression), *expected, "{expression}");
    }
}

#[test]
fn a_choice_has_one_name() {
    all_yield(&[
        ("activity.detail.scheduled", r#"Period {"start":"2026-07-01"} ; string after tea"#),
        ("activity.detail.scheduled.ofType(Period).start", "dateTime @2026-07-01"),
        ("activity.detail.where(scheduled is string).status", "code not-started"),
        ("activity.detail.product.text", "string rail"),
        ("contained.deceased", "boolean false"),
        ("activity.detail.sched", ""),
        ("contained.deceased.exists() and contained.multipleBirth.empty()", "boolean true"),
    ]);
}

#[test]
fn a_primitive_and_its_extensions_are_one_element() {
    all_yield(&[
        ("contained.name.given", "string  ; string Winifred"),
        ("contained.name.given.join('+')", "string Winifred"),
        ("contained.name.given[0] & 'x'", "string x"),
        ("contained.gender + 'x'", ""),
        ("contained.name.given.count()", "integer 2"),
        ("contained.name.given.select(hasValue())", "boolean false ; boolean true"),
        ("contained.name.given[0].extension.value", "boolean true"),
        ("contained.name.given[1].extension.exists()", "boolean false"),
        ("contained.birthDate.extension('http://example.org/sure').value", "code yes"),
        ("contained.birthDate.children().count()", "integer 1"),
        ("contained.gender.exists()", "boolean true"),
        ("contained.gender.hasValue()", "boolean false"),
        ("contained.gender.extension.value", "string declined"),
        ("contained.gender is code", "boolean true"),
        ("contained.children().count()", "integer 6"),
    ]);
}

#[test]
fn types_are_told_from_where_an_element_stands() {
    all_yield(&[
        ("type().name", "string CarePlan"),
        ("CarePlan.status.type().name", "string code"),
        ("is(DomainResource)", "boolean true"),
        ("contained.is(Patient)", "boolean true"),
        ("contained.ofType(Patient).birthDate", "date @1941-06-02"),
        ("contained.birthDate < @1950", "boolean true"),
        ("contained.birthDate = '1941-06-02'", "boolean true"),
        ("period.start <= period.end", "boolean true"),
        ("activity.detail.quantity = 150 'min'", "boolean true"),
        ("activity.detail.quantity = 150 minutes", "boolean true"),
        ("@2026-06-30T10:00:00Z + activity.detail.quantity", "dateTime @2026-06-30T12:00:00Z"),
        ("activity.detail.quantity.value", "decimal 2.50"),
        ("activity.first().type().name", "string BackboneElement"),
        ("status as Nonsense", "Wrong"),
        ("Patient.status", ""),
        ("Resource.id", "id plan"),
    ]);
}

#[test]
fn references_resolve_within_the_record() {
    all_yield(&[
        ("subject.resolve().birthDate", "date @1941-06-02"),
        ("subject.resolve().generalPractitioner.resolve().id", "id plan"),
        ("contained.select(%resource.id)", "id plan"),
        ("'Patient/unknown'.resolve()", ""),
        ("contained.birthDate.hasExtension('http://example.org/sure')", "boolean true"),
        ("checkModifiers('http://example.org/not').id", "id plan"),
        ("subject.reference.memberOf('http://example.org/set')", "Unknown"),
        ("conformsTo('http://hl7.org/fhir/StructureDefinition/CarePlan')", "boolean true"),
        ("conformsTo('http://example.org/unknown')", "Unknown"),
        ("text.`div`.htmlChecks()", "boolean true"),
    ]);
}

#[test]
fn entries_of_a_bundle_resolve_by_url_and_by_type_and_id() {
    let text = r#"{"resourceType":"Bundle","type":"collection","entry":[
      {"fullUrl":"urn:uuid:11111111-1111-4111-8111-111111111111","resource":{"resourceType":"Patient","id":"p"}},
      {"fullUrl":"https://sharewell.example/fhir/Goal/g","resource":{"resourceType":"Goal","id":"g","subject":
        {"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"}}},
      {"resource":{"resourceType":"CarePlan","id":"c","goal":[{"reference":"Goal/g"}]}}]}"#;
    let tree = json::read(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(on(tree.root(), "entry.resource.subject.resolve().id"), "id p");
    assert_eq!(on(tree.root(), "entry.resource.ofType(CarePlan).goal.resolve().subject.resolve().id"), "id p");
    let plan = tree.root().all("entry").last().unwrap().get("resource").unwrap();
    assert_eq!(on(plan, "goal.resolve().id"), "id g");
    assert_eq!(on(plan, "%resource.id"), "id c");
}

#[test]
fn a_focus_of_known_type_needs_no_way_from_the_root() {
    let tree = json::read(br#"{"start":"2026-07-01","end":"2026-06-30"}"#, &Limits::default()).unwrap();
    let period = super::definitions().find("Period").unwrap();
    let expression = Expression::compile("start.hasValue().not() or end.hasValue().not() or (start <= end)").unwrap();
    assert_eq!(expression.check(&context(), Focus::typed(tree.root(), period)), Ok(false));
    let answer = Expression::compile("start.is(dateTime)").unwrap();
    assert_eq!(answer.check(&context(), Focus::typed(tree.root(), period)), Ok(true));
}

#[test]
fn the_invariants_of_r4_hold_for_a_plan() {
    let tree = plan();
    for invariant in [
        "contained.contained.empty()",
        "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | \
         %resource.descendants().as(uri) | %resource.descendants().as(url))) or descendants().where(reference = '#')\
         .exists() or descendants().where(as(canonical) = '#').exists() or descendants().where(as(canonical) = '#')\
         .exists()).not()).trace('unmatched', id).empty()",
        "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()",
        "text.`div`.exists()",
        "descendants().all(hasValue() or (children().count() > id.count()))",
        "subject.all(reference.startsWith('#').not() or (reference.substring(1).trace('url') in \
         %rootResource.contained.id.trace('ids')))",
        "activity.all(detail.empty() or reference.empty())",
        "period.all(start.hasValue().not() or end.hasValue().not() or (start <= end))",
    ] {
        let expression = Expression::compile(invariant).unwrap();
        assert_eq!(expression.check(&context(), tree.root()), Ok(true), "{invariant}");
    }
}

#[test]
fn an_invariant_that_yields_nothing_does_not_hold() {
    let tree = plan();
    let expression = Expression::compile("period.start < @2026-06-15").unwrap();
    assert_eq!(expression.answer(&context(), tree.root()), Ok(None));
    assert_eq!(expression.check(&context(), tree.root()), Ok(false));
}

#[test]
fn names_are_checked_against_the_types() {
    let plan = super::definitions().find("CarePlan");
    let check = |text: &str, strict| Expression::compile(text).unwrap().check_names(super::definitions(), plan, strict);
    for good in [
        "CarePlan.activity.detail.scheduled.ofType(Period).start",
        "contained.where(id = 'x').anything",
        "subject.resolve().birthDate",
        "activity.extension('u').value.code",
        "(activity.detail | activity).select(status | reference)",
        "iif(true, period, {}).start",
    ] {
        assert!(check(good, true).is_ok(), "{good}");
    }
    for bad in [
        "children().skip(1)",
        "descendants().where(id.exists())[0]",
        "statuss",
        "activity.where(detail.statis = 'x')",
        "(period as Period).unit",
        "status.foo",
    ] {
        assert!(check(bad, true).is_err(), "{bad}");
        assert!(check(bad, false).is_ok(), "{bad}");
    }
    assert!(check("activity.detail.scheduledPeriod", false).is_err());
}

#[test]
fn errors_hold_nothing_of_the_record() {
    let tree = plan();
    for text in ["contained.name.family + 1", "activity.single()", "contained.birthDate + 1", "status < 1"] {
        let expression = Expression::compile(text).unwrap();
        let error = expression.evaluate(&context(), tree.root()).expect_err(text);
        let told = format!("{error} {error:?}");
        assert!(!told.contains("Attwater") && !told.contains("1941") && !told.contains("active"), "{told}");
    }
}
