//! Expressions and records made to hurt: each ends soon, in little memory, with an error that says what was too much.

use sharewell::pure::fhir::{File, Limits, json};
use sharewell::pure::fhirpath::{Alone, Context, Expression, Fault, Focus};
use sharewell::pure::profile::Definitions;
use std::time::{Duration, Instant};

/// More than any of these needs unoptimised on a busy machine; without limits most would take hours.
const SOON: Duration = Duration::from_secs(60);

fn context() -> Context<'static> {
    Context::new(super::definitions(), &Alone, "2026-07-01T12:00:00Z".parse().unwrap())
}

/// What becomes of an expression: `refused`, the kind of its error, or how many items it yields.
fn ends(text: &str, focus: Focus<'_>) -> String {
    let start = Instant::now();
    let outcome = match Expression::compile(text) {
        Err(_) => "refused".to_owned(),
        Ok(expression) => match expression.evaluate(&context(), focus) {
            Ok(values) => values.len().to_string(),
            Err(error) => format!("{:?}", error.fault),
        },
    };
    assert!(start.elapsed() < SOON, "{:.60} took {:?}", text, start.elapsed());
    outcome
}

fn alone(text: &str) -> String {
    ends(text, Focus::EMPTY)
}

/// `(0 | 1 | …)`
fn numbers(count: usize) -> String {
    let all: Vec<_> = (0..count).map(|n| n.to_string()).collect();
    format!("({})", all.join("|"))
}

#[test]
fn depth_and_length_are_bounded_before_anything_is_evaluated() {
    for count in [60, 10_000, 30_000, 100_000] {
        assert_eq!(alone(&format!("{}1{}", "(".repeat(count), ")".repeat(count))), "refused");
        assert_eq!(alone(&format!("{}1", "-".repeat(count))), "refused");
        assert_eq!(alone(&format!("{}true{}", "iif(true, ".repeat(count), ")".repeat(count))), "refused");
        assert_eq!(alone(&format!("{}1", "a[".repeat(count))), "refused");
        assert_eq!(alone(&format!("1{}", " is Integer".repeat(count))), "refused");
    }
    assert_eq!(alone(&"9".repeat(1_000_000)), "refused");
    assert_eq!(alone(&"9".repeat(60_000)), "refused");
    assert_eq!(alone(&format!("0.{}", "1".repeat(60_000))), "refused");
    assert_eq!(alone(&format!("'{}'.length()", "x".repeat(60_000))), "1");
    assert_eq!(alone(&"/*".repeat(30_000)), "refused");
    assert_eq!(alone(&format!("@{}", "2026-".repeat(10_000))), "refused");
}

#[test]
fn what_doubles_is_stopped() {
    let many = numbers(200);
    for explosion in [
        format!("{many}.aggregate($total.combine($total), 1)"),
        format!("{many}.aggregate($total & $total, 'ab')"),
        format!("{many}.aggregate($total + $total, 'ab')"),
        format!("{many}.aggregate($total.replace('a', 'aa'), 'a')"),
        format!("{many}.aggregate($total.replaceMatches('.*', '$0$0'), 'a')"),
        format!("{many}.aggregate($total.encode('hex'), 'a')"),
        format!("{many}.select({many}.select({many}.select($this)))"),
        "0.repeat($this + 1)".to_owned(),
        "'a'.repeat($this & 'a')".to_owned(),
        format!("'{}'.replaceMatches('.*', '{}')", "a".repeat(20_000), "$0".repeat(10_000)),
        format!("{many}.select('{}'.replace('x', 'xxxxxxxxxxxxxxxx').toChars())", "x".repeat(20_000)),
    ] {
        assert_eq!(alone(&explosion), "Limit", "{explosion:.80}");
    }
}

#[test]
fn patterns_take_time_linear_to_the_text_and_not_too_much_of_it() {
    let long = format!("'{}'.replace('x', 'xxxxxxxxxxxxxxxx')", "x".repeat(30_000));
    assert_eq!(alone(&format!("{long}.matches('^(x+)+y')")), "1");
    assert_eq!(alone(&format!("{long}.matches('(x|xx|x?)*y')")), "1");
    assert_eq!(alone(&format!("{long}.matches('(x{{1,90}}){{1,90}}y')")), "Limit");
    assert_eq!(
        alone(&format!("{}.select('x'.matches('(x{{1,90}}){{1,90}}' & $this.toString()))", numbers(1000))),
        "Limit"
    );
    assert_eq!(alone("'a'.matches('((a{1,1000}){1,1000}){1,1000}')"), "Unknown");
    let patterns = vec!["'x'.matches('(x{1,60}){1,60}')"; 1_500].join(" and ");
    assert_eq!(alone(&patterns), "Limit");
}

#[test]
fn units_are_looked_into_only_where_they_are_as_short_as_units_are() {
    for unit in
        ["m.".repeat(20_000) + "m", "m".to_owned() + &"/m".repeat(20_000), "(".repeat(20_000), "m".repeat(60_000)]
    {
        assert_eq!(alone(&format!("1 '{unit}' = 1 'm'")), "0");
        let record = format!(r#"{{"resourceType":"Observation","valueQuantity":{{"value":1,"code":"{unit}"}}}}"#);
        let tree = json::read(record.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(ends("value < 1 'm'", tree.root().into()), "0");
        assert_eq!(ends("value.toQuantity('m')", tree.root().into()), "0");
    }
    assert_eq!(alone(&format!("{}.aggregate($total * 2 'm', 1 'm')", numbers(1000))), "0");
}

#[test]
fn numbers_too_long_for_a_decimal_are_no_numbers() {
    let digits = "9".repeat(60);
    let record = format!(r#"{{"resourceType":"Observation","valueQuantity":{{"value":{digits},"code":"m"}}}}"#);
    let tree = json::read(record.as_bytes(), &Limits::default()).unwrap();
    for (expression, end) in [
        ("value.value > 1", "Wrong"),
        ("value.value.toString()", "1"),
        ("value > 1 'm'", "0"),
        ("value.value + 1", "Wrong"),
    ] {
        assert_eq!(ends(expression, tree.root().into()), end, "{expression}");
    }
}

#[test]
fn thousands_of_dates_are_told_apart_within_the_limits() {
    let times = (0..6_000)
        .map(|n| format!(r#""2026-{:02}-{:02}T{:02}:{:02}:00Z""#, n / 600 + 1, n / 30 % 20 + 1, n % 30 / 2, n % 2));
    let record = format!(
        r#"{{"resourceType":"Schedule","extension":[{{"url":"u","valueTiming":{{"event":[{}]}}}}]}}"#,
        times.collect::<Vec<_>>().join(",")
    );
    let tree = json::read(record.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(ends("extension.value.event.distinct()", tree.root().into()), "6000");
    assert_eq!(ends("extension.value.event.where(isDistinct())", tree.root().into()), "6000");
    assert_eq!(alone("(@2026-01-01T10:00:00Z | @2026-01-01T11:00:00+01:00 | @2026-01-01T10:00:00.0Z)"), "1");
    let alike = "@2026-01-01T10:00:00Z|@2026-01-01T11:00:00+01:00|@2026-01-01|@2026-01|@2026-01-01T10:00:00.5Z";
    assert_eq!(alone(&format!("({alike}|{alike}|{}).where($this.toString().length() > 2)", numbers(9))), "4");
}

#[test]
fn names_are_checked_in_time_linear_to_the_expression() {
    let start = Instant::now();
    let text = format!("Extension{}", ".extension.value".repeat(2_000));
    let expression = Expression::compile(&text).unwrap();
    assert_eq!(expression.check_names(super::definitions(), None, true), Ok(()));
    assert!(start.elapsed() < SOON);
}

#[test]
fn a_profile_that_asks_about_itself_comes_to_an_end() {
    let url = "http://example.org/StructureDefinition/itself";
    let profile = format!(
        r#"{{"resourceType":"StructureDefinition","url":"{url}","name":"Itself","status":"draft","kind":"resource",
        "abstract":false,"type":"Patient","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation":"constraint","differential":{{"element":[{{"id":"Patient","path":"Patient","constraint":[
        {{"key":"it-1","severity":"error","human":"again","expression":"conformsTo('{url}') and conformsTo('{url}')"}}]}}]}}}}"#
    );
    let file = File { path: "itself.json".to_owned(), bytes: profile.into_bytes().into() };
    let definitions = Definitions::r4().unwrap().with_files(&[file]).unwrap();
    let tree = json::read(br#"{"resourceType":"Patient","active":true}"#, &Limits::default()).unwrap();
    let report = sharewell::pure::validate::check(&tree, &[url], &definitions);
    assert!(report.is_valid(), "{report:?}");
}

#[test]
fn steps_are_counted_and_a_small_limit_is_kept() {
    let mut context = context();
    context.limits.steps = 100;
    let expression = Expression::compile(&format!("{}.select($this + 1).count()", numbers(100))).unwrap();
    let error = expression.evaluate(&context, Focus::EMPTY).unwrap_err();
    assert_eq!((error.fault, error.text.contains("too many steps")), (Fault::Limit, true));
}
