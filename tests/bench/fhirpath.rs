//! What R4's invariants cost: processor time per evaluation, on the elements of a plan that they stand on.
//! Prints nanoseconds; decides nothing.
//!
//! `cargo bench --bench fhirpath`

use cpu_time::ThreadTime;
use sharewell::pure::fhir::{Item, Limits, Tree, json};
use sharewell::pure::fhirpath::{Alone, Context, Expression, Focus, Model};
use sharewell::pure::profile::Definitions;
use std::hint::black_box;
use std::time::Duration;

const DOM_3: &str = "contained.where((('#'+id in (%resource.descendants().reference | \
    %resource.descendants().as(canonical) | %resource.descendants().as(uri) | %resource.descendants().as(url))) or \
    descendants().where(reference = '#').exists() or descendants().where(as(canonical) = '#').exists() or \
    descendants().where(as(canonical) = '#').exists()).not()).trace('unmatched', id).empty()";

/// Key, type of the focus, where it stands in the bundle, expression.
const INVARIANTS: [(&str, &str, &[&str], &str); 17] = [
    ("ele-1 on an element", "Period", &["period"], "hasValue() or (children().count() > id.count())"),
    ("ele-1 on a primitive", "code", &["status"], "hasValue() or (children().count() > id.count())"),
    ("ext-1", "Extension", &["extension"], "extension.exists() != value.exists()"),
    ("dom-2", "CarePlan", &[], "contained.contained.empty()"),
    ("dom-3", "CarePlan", &[], DOM_3),
    ("dom-4", "CarePlan", &[], "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()"),
    ("dom-5", "CarePlan", &[], "contained.meta.security.empty()"),
    ("dom-6", "CarePlan", &[], "text.`div`.exists()"),
    (
        "ref-1",
        "Reference",
        &["subject"],
        "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))",
    ),
    ("per-1", "Period", &["period"], "start.hasValue().not() or end.hasValue().not() or (start <= end)"),
    ("cpl-3", "CarePlan.activity", &["activity"], "detail.empty() or reference.empty()"),
    ("gol-1", "Goal.target", &["target"], "(detail.exists() and measure.exists()) or detail.exists().not()"),
    ("ppc-1", "Consent", &[], "policy.exists() or policyRule.exists()"),
    (
        "ppc-2",
        "Consent",
        &[],
        "patient.exists() or scope.coding.where(system='something' and code='patient-privacy').exists().not()",
    ),
    ("qty-3", "Quantity", &["target", "detailQuantity"], "code.empty() or system.exists()"),
    (
        "con-3",
        "Condition",
        &[],
        "clinicalStatus.exists() or verificationStatus.coding.where(system='http://terminology.hl7.org/CodeSystem/condition-ver-status' and code = 'entered-in-error').exists() or category.select($this='problem-list-item').empty()",
    ),
    (
        "bdl-7",
        "Bundle",
        &[],
        "(type = 'history') or entry.where(fullUrl.exists()).select(fullUrl&resource.meta.versionId).isDistinct()",
    ),
];

const PLAN: &str = r##"{"resourceType":"Bundle","type":"collection","entry":[
{"fullUrl":"https://sharewell.example/fhir/CarePlan/c","resource":{"resourceType":"CarePlan","id":"c",
 "meta":{"profile":["https://sharewell.example/fhir/StructureDefinition/sharewell-careplan"]},
 "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">plan</div>"},
 "contained":[{"resourceType":"CareTeam","id":"team","name":"Team"},{"resourceType":"Practitioner","id":"sw"}],
 "extension":[{"url":"https://sharewell.example/fhir/StructureDefinition/last-updated","valueDateTime":"2026-07-01"}],
 "status":"active","intent":"plan","title":"Plan","subject":{"reference":"Patient/p"},
 "period":{"start":"2026-07-01","end":"2027-06-30"},"author":{"reference":"#sw"},"careTeam":[{"reference":"#team"}],
 "goal":[{"reference":"Goal/g"}],"activity":[{"reference":{"reference":"Task/t1"}},{"reference":{"reference":"Task/t2"}}]}},
{"fullUrl":"https://sharewell.example/fhir/Goal/g","resource":{"resourceType":"Goal","id":"g","lifecycleStatus":"active",
 "description":{"text":"walk to the shop"},"subject":{"reference":"Patient/p"},
 "target":[{"measure":{"text":"metres"},"detailQuantity":{"value":400,"unit":"m","system":"http://unitsofmeasure.org","code":"m"}}]}},
{"fullUrl":"https://sharewell.example/fhir/Consent/s","resource":{"resourceType":"Consent","id":"s","status":"active",
 "scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
 "patient":{"reference":"Patient/p"},"policyRule":{"text":"opt in"}}},
{"fullUrl":"https://sharewell.example/fhir/Condition/n","resource":{"resourceType":"Condition","id":"n",
 "clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},
 "category":[{"text":"need"}],"code":{"text":"mobility"},"subject":{"reference":"Patient/p"}}}]}"##;

/// Processor time of one call, the median of batches of at least 20 ms.
fn cost(mut work: impl FnMut()) -> Duration {
    let mut times = 1;
    loop {
        let start = ThreadTime::now();
        (0..times).for_each(|_| work());
        if start.elapsed() > Duration::from_millis(20) {
            break;
        }
        times *= 2;
    }
    let mut batches: Vec<Duration> = (0..7)
        .map(|_| {
            let start = ThreadTime::now();
            (0..times).for_each(|_| work());
            start.elapsed() / times
        })
        .collect();
    batches.sort();
    batches[3]
}

/// The first element at this path below the first resource that has it, of the named type where that is a resource.
fn focus<'t>(tree: &'t Tree, kind: &str, path: &[&str]) -> Option<Item<'t>> {
    let resource = kind.split('.').next().unwrap_or(kind);
    if resource == "Bundle" {
        return Some(tree.root());
    }
    let resources: Vec<_> = tree.root().all("entry").filter_map(|entry| entry.get("resource")).collect();
    match resources.iter().find(|r| r.resource_type() == Some(resource)) {
        Some(resource) => resource.at_path(path),
        None => resources.iter().find_map(|r| r.at_path(path)),
    }
}

fn main() {
    let definitions = Definitions::r4().expect("the definitions are embedded");
    let tree = json::read(PLAN.as_bytes(), &Limits::default()).expect("the plan is JSON");
    let mut context = Context::new(&definitions, &Alone, "2026-07-09T10:00:00Z".parse().expect("a time"));
    println!("one value takes {} bytes", size_of::<sharewell::pure::fhirpath::Value<'_>>());
    println!("{:<24} {:>10} {:>12}", "invariant", "ns", "compiling ns");
    for (key, kind, path, text) in INVARIANTS {
        let item = focus(&tree, kind, path).expect("the element stands in the plan");
        let expression = Expression::compile(text).expect("the invariant is FHIRPath");
        context.resource = Some(resource_of(item));
        context.root = context.resource;
        let is = kind_of(&definitions, kind);
        let on = Focus { item: Some(item), is };
        assert_eq!(expression.check(&context, on), Ok(true), "{key}");
        let took = cost(|| {
            black_box(expression.check(&context, black_box(on))).ok();
        });
        let compile = cost(|| {
            black_box(Expression::compile(black_box(text))).ok();
        });
        println!("{key:<24} {:>10} {:>12}", took.as_nanos(), compile.as_nanos());
    }
}

/// The resource that an element stands in.
fn resource_of(item: Item<'_>) -> Item<'_> {
    let mut at = item;
    while at.resource_type().is_none() {
        match at.parent() {
            Some(parent) => at = parent,
            None => break,
        }
    }
    at
}

fn kind_of(definitions: &Definitions, kind: &str) -> Option<sharewell::pure::fhirpath::Type> {
    let mut parts = kind.split('.');
    let mut at = definitions.find(parts.next()?)?;
    for part in parts {
        at = definitions.element(at, part)?.is;
    }
    Some(at)
}
