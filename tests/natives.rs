//! Invariants that are judged without FHIRPath give the answer of their expression: both run on generated resources.

use proptest::prelude::*;
use sharewell::pure::fhir::{Item, Kind, Limits, Place, Report, Tree, json};
use sharewell::pure::fhirpath::{Alone, Context, Expression};
use sharewell::pure::profile::Definitions;
use sharewell::pure::profile::node::{Check, Rule};
use sharewell::pure::validate::{Options, check_with};
use std::collections::BTreeSet;
use std::sync::LazyLock;

static R4: LazyLock<Definitions> = LazyLock::new(|| Definitions::r4().expect("the definitions are embedded"));

/// The native rules of a type, as its definition writes them.
fn natives(of: &str) -> Vec<&'static Rule> {
    let profile = R4.type_profile(of).expect("a type of R4");
    profile.nodes[0].rules.iter().filter(|rule| matches!(rule.check, Check::Native(_))).collect()
}

fn read(text: &str) -> Tree {
    json::read(text.as_bytes(), &Limits::default()).expect("it is JSON")
}

/// The places at which the report says that an invariant does not hold.
fn broken(report: &Report, key: &str) -> BTreeSet<Place> {
    let by = |rule: &Option<String>| rule.as_deref().is_some_and(|rule| rule.ends_with(&format!(" {key}")));
    let issues = report.issues.iter().filter(|issue| by(&issue.rule));
    issues.filter_map(|issue| issue.place.clone()).collect()
}

/// The elements at which an expression does not hold, of those where the invariant is judged.
fn false_at(tree: &Tree, text: &str, items: &[Item<'_>]) -> BTreeSet<Place> {
    let expression = Expression::compile(text).expect("it is FHIRPath");
    let context = Context::new(&*R4, &Alone, "2026-07-09T10:00:00Z".parse().expect("a time"));
    assert!(items.iter().all(|item| std::ptr::eq(item.tree(), tree)));
    let fails = |item: &&Item<'_>| !expression.check(&context, **item).expect("it can be evaluated");
    items.iter().filter(fails).filter_map(|item| item.place()).collect()
}

fn objects(tree: &Tree, wanted: impl Fn(Item<'_>) -> bool) -> Vec<Item<'_>> {
    tree.root().descendants().into_iter().filter(|item| wanted(*item)).collect()
}

fn one_of(choices: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(choices)
}

fn maybe(part: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    proptest::option::of(part).prop_map(Option::unwrap_or_default)
}

/// What a resource refers to: in each place where a fragment may or may not count.
fn mention() -> impl Strategy<Value = String> {
    let target = one_of(&["#a", "#b", "#", "a", "Patient/a", "#c"]);
    let place = one_of(&[
        r#""subject":{"reference":"X"}"#,
        r#""basedOn":[{"reference":"CarePlan/1"},{"reference":"X"}]"#,
        r#""instantiatesCanonical":["X"]"#,
        r#""instantiatesUri":["X"]"#,
        r#""title":"X""#,
        r#""description":"X","_description":{"extension":[{"url":"http://example.org/e","valueUri":"X"}]}"#,
        r#""extension":[{"url":"http://example.org/e","valueCanonical":"X"}]"#,
        r#""extension":[{"url":"http://example.org/e","valueReference":{"reference":"X"}}]"#,
        r#""extension":[{"url":"http://example.org/e","valueString":"X"}]"#,
        r#""text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"X\">there</a></div>"}"#,
    ]);
    (target, place).prop_map(|(target, place)| place.replace('X', target))
}

fn contained() -> impl Strategy<Value = String> {
    let id = one_of(&[r#","id":"a""#, r#","id":"b""#, ""]);
    let meta = one_of(&[
        "",
        r#","meta":{"versionId":"1"}"#,
        r#","meta":{"_versionId":{"extension":[{"url":"http://example.org/e","valueCode":"x"}]}}"#,
        r#","meta":{"lastUpdated":"2026-07-09T10:00:00Z"}"#,
        r#","meta":{"security":[{"code":"R"}]}"#,
        r#","meta":{"tag":[{"code":"R"}]}"#,
    ]);
    let more = one_of(&[
        "",
        r##","managingOrganization":{"reference":"#"}"##,
        r##","generalPractitioner":[{"reference":"#b"}]"##,
        r##","contained":[{"resourceType":"Organization","id":"b","name":"x"}]"##,
        r#","contained":[]"#,
        r##","extension":[{"url":"http://example.org/e","valueCanonical":"#"}]"##,
        r##","extension":[{"url":"http://example.org/e","valueUri":"#"}]"##,
    ]);
    (id, meta, more).prop_map(|(id, meta, more)| format!(r#"{{"resourceType":"Patient"{id}{meta}{more}}}"#))
}

prop_compose! {
    fn plan()(
        inner in proptest::collection::vec(contained(), 0..3),
        first in maybe(mention()),
        second in maybe(mention()),
    ) -> String {
        let mut parts = vec![r#""resourceType":"CarePlan","status":"active","intent":"plan""#.to_owned()];
        if !inner.is_empty() {
            parts.push(format!(r#""contained":[{}]"#, inner.join(",")));
        }
        let name = |part: &str| part.split(':').next().map(str::to_owned);
        let second = if name(&first) == name(&second) { String::new() } else { second };
        parts.extend([first, second].into_iter().filter(|part| !part.is_empty()));
        format!("{{{}}}", parts.join(","))
    }
}

fn moment() -> impl Strategy<Value = &'static str> {
    one_of(&[
        "2026",
        "2025",
        "2026-07",
        "2026-06",
        "2026-07-09",
        "2026-07-10",
        "2026-07-09T10:00:00Z",
        "2026-07-09T11:00:00+01:00",
        "2026-07-09T10:00:00.5Z",
        "2026-07-09T23:30:00-02:00",
        "2026-07-10T00:30:00+03:00",
    ])
}

fn extension() -> impl Strategy<Value = String> {
    let part = |url: &str, rest: &str| format!(r#"{{"url":"{url}"{rest}}}"#);
    let rest = one_of(&[
        "",
        r#","valueString":"x""#,
        r#","_valueString":{"id":"i"}"#,
        r#","valueCode":"x","_valueCode":{"extension":[{"url":"http://example.org/e","valueCode":"y"}]}"#,
        r#","extension":[{"url":"http://example.org/e","valueCode":"y"}]"#,
        r#","valueCode":"x","extension":[{"url":"http://example.org/e","valueCode":"y"}]"#,
        r#","id":"i""#,
    ]);
    rest.prop_map(move |rest| part("http://example.org/p", rest))
}

fn period() -> impl Strategy<Value = &'static str> {
    one_of(&[
        "{}",
        r#"{"id":"i"}"#,
        r#"{"start":"2026"}"#,
        r#"{"id":"i","start":"2026"}"#,
        r#"{"_start":{"extension":[{"url":"http://example.org/e","valueCode":"y"}]}}"#,
        r#"{"extension":[{"url":"http://example.org/e","valueCode":"y"}]}"#,
        r#"{"_id":{"extension":[{"url":"http://example.org/e","valueCode":"y"}]}}"#,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_on_contained_resources_answer_as_their_expressions(text in plan()) {
        let tree = read(&text);
        let options = Options { best_practice: true, ..Options::default() };
        let report = check_with(&tree, &[], &R4, options);
        let resources = objects(&tree, |item| item.resource_type().is_some());
        for rule in natives("CarePlan") {
            // a contained resource is shown with the one that contains it, so it needs no narrative of its own
            let judged = if &*rule.key == "dom-6" { &resources[..1] } else { &resources[..] };
            if &*rule.key == "dom-3" {
                // it is said of the contained resource that nothing refers to, and its expression is about what contains it;
                // a link in a narrative refers too, which the expression does not see
                let (found, expected) = (broken(&report, &rule.key).len(), false_at(&tree, &rule.text, judged).len());
                prop_assert!(found <= expected, "dom-3 on {}", text);
                prop_assert!(found == expected || text.contains("\\\"#"), "dom-3 on {}", text);
                continue;
            }
            prop_assert_eq!(broken(&report, &rule.key), false_at(&tree, &rule.text, judged), "{} on {}", rule.key, text);
        }
    }

    #[test]
    fn local_references_are_judged_as_their_expression_does(text in plan()) {
        let tree = read(&text);
        let report = check_with(&tree, &[], &R4, Options::default());
        let local = |item: Item<'_>| item.str_at(&["reference"]).is_some_and(|text| text != "#");
        let references = objects(&tree, |item| item.kind() == Kind::Object && local(item));
        for rule in natives("Reference") {
            prop_assert_eq!(broken(&report, &rule.key), false_at(&tree, &rule.text, &references), "{} on {}", rule.key, text);
        }
    }

    #[test]
    fn periods_are_judged_as_their_expression_does(start in proptest::option::of(moment()), end in proptest::option::of(moment())) {
        let part = |name: &str, value: Option<&str>| value.map(|v| format!(r#""{name}":"{v}""#));
        let parts: Vec<String> = [part("start", start), part("end", end)].into_iter().flatten().collect();
        let text = format!(r#"{{"resourceType":"CarePlan","status":"active","intent":"plan","subject":{{"reference":"Patient/1"}},"period":{{{}}}}}"#, parts.join(","));
        let tree = read(&text);
        let report = check_with(&tree, &[], &R4, Options::default());
        let period: Vec<Item<'_>> = tree.root().get("period").into_iter().collect();
        for rule in natives("Period") {
            prop_assert_eq!(broken(&report, &rule.key), false_at(&tree, &rule.text, &period), "{} on {}", rule.key, text);
        }
    }

    #[test]
    fn elements_and_extensions_have_content_where_their_expressions_say_so(inner in extension(), outer in extension(), period in period()) {
        let all = format!(r#"{{"url":"http://example.org/a","extension":[{inner}]}},{outer}"#);
        let text = format!(
            r#"{{"resourceType":"CarePlan","status":"active","intent":"plan","subject":{{"reference":"Patient/1"}},"extension":[{all}],"period":{period}}}"#
        );
        let tree = read(&text);
        let report = check_with(&tree, &[], &R4, Options::default());
        let found = |ids: &[&str]| -> BTreeSet<Place> {
            report.issues.iter().filter(|i| ids.contains(&&*i.id)).filter_map(|i| i.place.clone()).collect()
        };
        let in_extension = |item: Item<'_>| item.parent().is_some_and(|list| list.key() == "extension");
        let extensions = objects(&tree, in_extension);
        let ext_1 = "extension.exists() != value.exists()";
        prop_assert_eq!(found(&["extension-value-and-parts"]), false_at(&tree, ext_1, &extensions), "{}", text);
        let is_element = |item: Item<'_>| in_extension(item) || item.key() == "period" || item.key().starts_with('_');
        let elements = objects(&tree, |item| item.kind() == Kind::Object && is_element(item));
        let ele_1 = "hasValue() or (children().count() > id.count())";
        prop_assert_eq!(found(&["element-without-content", "empty-object"]), false_at(&tree, ele_1, &elements), "{}", text);
    }
}
