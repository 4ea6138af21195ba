//! Random expressions and records: the parser and the evaluator never panic and always come to an end.

use proptest::prelude::*;
use sharewell::pure::fhir::{Limits, json, xml};
use sharewell::pure::fhirpath::{Alone, Context, Expression, Focus};

const RECORD: &str = r##"{"resourceType":"Patient","id":"p","active":true,"birthDate":"1941-06-02","_birthDate":{"id":"x"},
"name":[{"family":"Attwater-Osei","given":["Winifred",null],"_given":[null,{"id":"y"}]}],"multipleBirthInteger":2,
"contained":[{"resourceType":"Observation","id":"o","valueQuantity":{"value":1.50,"code":"mg"}}],
"extension":[{"url":"u","valueDateTime":"2026-06-30T10:00:00Z"}],"link":[{"other":{"reference":"#o"}}]}"##;

fn run(text: &str) {
    let Ok(expression) = Expression::compile(text) else { return };
    let tree = json::read(RECORD.as_bytes(), &Limits::default()).expect("the record is JSON");
    let mut context = Context::new(super::definitions(), &Alone, "2026-07-01T12:00:00Z".parse().expect("a time"));
    context.limits.steps = 20_000;
    context.limits.items = 2_000;
    context.limits.bytes = 10_000;
    for focus in [Focus::EMPTY, tree.root().into()] {
        if let Ok(values) = expression.evaluate(&context, focus) {
            assert!(values.len() <= 2_000);
            let written: usize = values.iter().map(|value| value.written(&context).1.len()).sum();
            assert!(written < 64 << 20);
        }
        let _ = expression.check_names(super::definitions(), None, true);
    }
}

/// Literals, names and constants.
fn term() -> impl Strategy<Value = String> {
    let fixed = [
        "1",
        "0",
        "-1",
        "2147483647",
        "1.5",
        "0.00000001",
        "99999999999999999999.9",
        "'a'",
        "''",
        "'é€'",
        "'2026-06'",
        "true",
        "false",
        "{}",
        "@2026",
        "@2026-02-28",
        "@T12:30",
        "@2026-06-30T10:00:00Z",
        "4 'mg'",
        "3 days",
        "1 year",
        "$this",
        "$index",
        "$total",
        "%resource",
        "%rootResource",
        "%context",
        "%ucum",
        "name",
        "name.given",
        "birthDate",
        "contained",
        "contained.value",
        "extension.value",
        "multipleBirth",
        "Patient.active",
        "link",
        "children()",
        "descendants()",
        "now()",
        "today() + 1 month",
        "1 'a'",
        "2.5 '[degF]'",
        "'\\\\u00e9'",
        "'(a|b)+'",
        "'i'",
        "'hex'",
        "'base64'",
        "'json'",
        "contained.value.value",
        "name.given.extension",
        "`div`",
    ];
    proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned)
}

fn expression() -> impl Strategy<Value = String> {
    let operators = [
        "+", "-", "*", "/", "div", "mod", "&", "|", "=", "!=", "~", "!~", "<", "<=", ">", ">=", "in", "contains",
        "and", "or", "xor", "implies",
    ];
    let none = [
        "empty",
        "exists",
        "allTrue",
        "anyFalse",
        "count",
        "distinct",
        "isDistinct",
        "not",
        "single",
        "first",
        "last",
        "tail",
        "toBoolean",
        "toInteger",
        "toDecimal",
        "toString",
        "toDate",
        "toDateTime",
        "toTime",
        "toQuantity",
        "convertsToDate",
        "convertsToQuantity",
        "upper",
        "length",
        "toChars",
        "trim",
        "abs",
        "ceiling",
        "exp",
        "floor",
        "ln",
        "round",
        "sqrt",
        "truncate",
        "children",
        "descendants",
        "type",
        "lowBoundary",
        "highBoundary",
        "precision",
        "hasValue",
        "getValue",
        "resolve",
        "htmlChecks",
        "sort",
        "join",
        "allFalse",
        "anyTrue",
        "lower",
        "convertsToBoolean",
        "convertsToInteger",
        "convertsToDecimal",
        "convertsToString",
        "convertsToDateTime",
        "convertsToTime",
        "checkModifiers",
        "elementDefinition",
    ];
    let one = [
        "exists",
        "all",
        "where",
        "select",
        "repeat",
        "aggregate",
        "skip",
        "take",
        "intersect",
        "exclude",
        "union",
        "combine",
        "subsetOf",
        "supersetOf",
        "indexOf",
        "substring",
        "startsWith",
        "contains",
        "matches",
        "split",
        "join",
        "encode",
        "decode",
        "escape",
        "log",
        "power",
        "round",
        "lowBoundary",
        "highBoundary",
        "comparable",
        "extension",
        "memberOf",
        "conformsTo",
        "trace",
        "sort",
        "toQuantity",
        "lastIndexOf",
        "endsWith",
        "matchesFull",
        "unescape",
        "subsumes",
        "subsumedBy",
        "hasExtension",
        "checkModifiers",
        "convertsToQuantity",
    ];
    term().prop_recursive(6, 40, 3, move |inner| {
        let select = |names: &[&'static str]| proptest::sample::select(names.to_vec());
        prop_oneof![
            (inner.clone(), select(&operators), inner.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            (inner.clone(), select(&none)).prop_map(|(a, f)| format!("({a}).{f}()")),
            (inner.clone(), select(&one), inner.clone()).prop_map(|(a, f, b)| format!("({a}).{f}({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("iif({a}, {b}, {c})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a}).replaceMatches({b}, {c})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}).replace({b}, {c})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}).substring({b}, {c})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}).aggregate({b}, {c})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}).matches({b}, {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}).iif({b}, $this)")),
            (inner.clone(), select(&["string", "Quantity", "System.Integer", "code", "Patient", "Nonsense", "`é`"]))
                .prop_map(|(a, t)| format!("(({a}) is {t}) | ({a}).ofType({t})")),
            inner.prop_map(|a| format!("-({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        run(&text);
    }

    #[test]
    fn anything_like_an_expression_is_read_or_refused(
        text in "([a-z$%@'`.()\\[\\]{}+*/|&=~<>!, 0-9T:Z\\\\-]|where|iif|is|as|div|and|\\$this|@2026-0){0,30}"
    ) {
        run(&text);
    }

    #[test]
    fn every_expression_comes_to_an_end(text in expression()) {
        run(&text);
    }

    #[test]
    fn a_compiled_expression_answers_the_same_twice(text in expression()) {
        if let Ok(expression) = Expression::compile(&text) {
            let context = Context::new(super::definitions(), &Alone, "2026-07-01T12:00:00Z".parse().expect("a time"));
            let written = |values: Vec<sharewell::pure::fhirpath::Value<'_>>| {
                values.iter().map(|v| v.written(&context)).collect::<Vec<_>>()
            };
            let first = expression.evaluate(&context, Focus::EMPTY).map(written);
            let second = expression.evaluate(&context, Focus::EMPTY).map(written);
            prop_assert_eq!(first, second);
        }
    }

    #[test]
    fn any_xml_is_read_or_refused(text in "(<|>|/|!|\\[|\\]|CDATA|DOCTYPE|&|amp;|Patient|name|div|contained|given| value='1'| xmlns='http://hl7.org/fhir'|\"| ){0,40}") {
        let _ = xml::read(text.as_bytes(), &Limits::default(), super::definitions());
        let whole = format!("<Patient xmlns='http://hl7.org/fhir'>{text}</Patient>");
        let _ = xml::read(whole.as_bytes(), &Limits::default(), super::definitions());
    }
}
