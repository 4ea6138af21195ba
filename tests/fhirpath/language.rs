//! The language without a record: what each expression yields, or that it is refused.

use sharewell::pure::fhirpath::{Alone, Context, Expression, Fault, Focus, Limits};

fn context() -> Context<'static> {
    Context::new(super::definitions(), &Alone, "2026-07-01T23:30:00Z".parse().unwrap())
}

/// What an expression yields, its values joined by ` ; `; `refused` where it is no expression, `wrong` where it fails.
fn yields(text: &str) -> String {
    let Ok(expression) = Expression::compile(text) else { return "refused".into() };
    let context = context();
    match expression.evaluate(&context, Focus::EMPTY) {
        Ok(values) => values.iter().map(|v| v.written(&context).1).collect::<Vec<_>>().join(" ; "),
        Err(_) => "wrong".into(),
    }
}

fn all_yield(cases: &[(&str, &str)]) {
    for (expression, expected) in cases {
        assert_eq!(yields(expression), *expected, "{expression}");
    }
}

#[test]
fn operators_bind_as_the_grammar_says() {
    all_yield(&[
        ("1 + 2 * 3 - 4", "3"),
        ("(1 + 2) * 3", "9"),
        ("7 div 2 + 7 mod 2", "4"),
        ("1 | 2 = 1 | 2", "true"),
        ("1 in 1 | 2 and false or true", "true"),
        ("false implies false implies false", "false"),
        ("true or 1 / 0 = 1", "true"),
        ("-1 - -1", "0"),
        ("'a' & {} & 'b'", "ab"),
        ("2 is Integer", "true"),
        ("1 + 1 is Integer", "true"),
        ("5 'mg' is System.Quantity", "true"),
    ]);
}

#[test]
fn three_valued_logic_knows_nothing_where_it_does_not() {
    all_yield(&[
        ("true and {}", ""),
        ("false and {}", "false"),
        ("{} or true", "true"),
        ("{} or false", ""),
        ("{} implies true", "true"),
        ("{} xor true", ""),
        ("{}.not()", ""),
        ("{}.exists()", "false"),
        ("{}.all(false)", "true"),
    ]);
}

#[test]
fn decimals_are_exact_and_integers_have_thirty_two_bits() {
    all_yield(&[
        ("0.1 + 0.2 = 0.3", "true"),
        ("1.10", "1.10"),
        ("1 / 3", "0.33333333333333333333"),
        ("2147483647 + 1", ""),
        ("2147483648", "refused"),
        ("9999999999999999999999999999999999999.0 * 1000000000", ""),
        ("1.0e3", "refused"),
        ("(-7) mod 2", "-1"),
        ("(2.5).round()", "3"),
        ("2.power(10)", "1024"),
        ("2.power(0.5).round(3)", "1.414"),
        ("(-1).sqrt()", ""),
        ("1 / 0", ""),
        ("(1.587).lowBoundary(2)", "1.58"),
    ]);
}

#[test]
fn dates_are_as_precise_as_they_are_written() {
    all_yield(&[
        ("@2026 = @2026-01", ""),
        ("@2026 < @2027-01", "true"),
        ("@2026-06-30 < @2026-06-30T10:00:00Z", ""),
        ("@2026-06-30T10:00:00+01:00 = @2026-06-30T09:00:00Z", "true"),
        ("@2026-06-30T10:00:00 = @2026-06-30T09:00:00Z", ""),
        ("@2026-06-30T10:00:00 < @2026-07-02T09:00:00Z", "true"),
        ("@2026-06-30T10:00:00 > @2026-06-29T09:00Z", "true"),
        ("@2026-06-30T10:00:00+14:01", "refused"),
        ("@2026-06-30T10:00:00.000Z ~ @2026-06-30T10:00:00Z", "true"),
        ("@2024-02-29 + 1 year", "@2025-02-28"),
        ("@2026-01-31 + 1 month", "@2026-02-28"),
        ("@2026-03-29T00:30:00Z + 1 day", "@2026-03-30T00:30:00Z"),
        ("@T23:30 + 45 minutes", "@T00:15"),
        ("@2026-02-29", "refused"),
        ("@2026-01-01 + 1 'mg'", "wrong"),
        ("today()", "@2026-07-02"),
        ("now()", "@2026-07-02T00:30:00.000+01:00"),
        ("timeOfDay()", "@T00:30:00.000"),
        ("'2026-06'.toDate() = @2026-06", "true"),
        ("@2026-06.highBoundary()", "@2026-06-30"),
        ("@9999-12-31 + 1 day", "wrong"),
        ("@T23:30 + 2 days", "wrong"),
        ("@2026-01-31 + 1 'a'", "wrong"),
        ("@2026-01-31 + 1 'month'", "@2026-02-28"),
    ]);
}

#[test]
fn quantities_convert_by_ucum() {
    all_yield(&[
        ("1 'kg' = 1000 'g'", "true"),
        ("37 'Cel' = 98.6 '[degF]'", "true"),
        ("1 'kg' = 1 'm'", ""),
        ("1 'kg' < 1 'm'", ""),
        ("3 'm' + 20 'cm'", "320 'cm'"),
        ("20 'cm' - 3 'm'", "-280 'cm'"),
        ("1 week + 1 'd'", "8 'd'"),
        ("2 weeks = 14 days", "true"),
        ("1 month = 30 days", "true"),
        ("1 year > 364 days", "true"),
        ("1 year = 1 'a'", ""),
        ("1 year ~ 1 'a'", "true"),
        ("1 day < 1 'a'", ""),
        ("2 years * 3", "6 years"),
        ("(1 year).toQuantity('months')", "12 months"),
        ("1 week / 1 'wk'", "1 '1'"),
        ("1.0 ~ 1.1", "true"),
        ("1.10 ~ 1.101", "true"),
        ("1.1 ~ 1.2", "false"),
        ("5 'mg'.comparable(2 'kg') and 1.comparable(2)", "true"),
        ("6 'km' / 2 'h'", "3 'km/h'"),
        ("'4.5 \\'mg\\''.toQuantity().value", "4.5"),
        ("(2 days).unit", "days"),
        ("(1000 'g').toQuantity('kg')", "1 'kg'"),
        ("5 'nonsense' = 5 'm'", ""),
    ]);
}

#[test]
fn functions_follow_the_standard() {
    all_yield(&[
        ("(1 | 2 | 3).where($this > 1).select($this * 10)", "20 ; 30"),
        ("('a' | 'b').select($index)", "0 ; 1"),
        ("(3 | 1 | 2).sort()", "1 ; 2 ; 3"),
        ("(3 | 1 | 2).sort(-$this)", "3 ; 2 ; 1"),
        ("(1 | 2 | 3).aggregate($this + $total, 0)", "6"),
        ("(1 | 2 | 3).tail().last()", "3"),
        ("1.combine(1).isDistinct()", "false"),
        ("iif(true, 'yes', 1 / 'no')", "yes"),
        ("1.repeat(iif($this < 5, $this + 1, {}))", "2 ; 3 ; 4 ; 5"),
        ("'ábc'.substring(1, 1)", "b"),
        ("'ábc'.length()", "3"),
        ("'abc'.indexOf('c')", "2"),
        ("'abc'.matches('^[a-c]+$')", "true"),
        ("'abc'.matchesFull('b')", "false"),
        ("'ABC'.matches('b', 'i')", "true"),
        ("'a\\nb'.matches('^b$')", "false"),
        ("'a\\nb'.matches('^b$', 'm')", "true"),
        ("'abc'.matches('b', 'x')", "wrong"),
        ("'aBc'.replaceMatches('b', '-', 'i')", "a-c"),
        ("{}.join(',')", ""),
        ("'\\\\u0041\\\\q\\\\'.unescape('json')", "A\\q\\"),
        ("'\\ud83d\\ude00' & '\\u12' & '\\x'", "😀u12x"),
        ("'A\\tb' ~ 'a B'", "true"),
        ("'a  b' ~ 'a b'", "false"),
        ("(1 | 2).iif(true, 1, 2)", "wrong"),
        ("1.is(System.Patient)", "false"),
        ("'<b>x</b>'.htmlChecks()", ""),
        ("'abc'.matches('(?=b)')", "wrong"),
        ("'2026-06'.replaceMatches('(\\\\d+)-(\\\\d+)', '$2/$1')", "06/2026"),
        ("'£'.encode('base64').decode('base64')", "£"),
        ("'<b>'.escape('html').unescape('html')", "<b>"),
        ("'a,b'.split(',').join('+')", "a+b"),
        ("1.type().namespace & '.' & 1.type().name", "System.Integer"),
        ("%sct & %loinc", "http://snomed.info/scthttp://loinc.org"),
        ("%`vs-example`", "http://hl7.org/fhir/ValueSet/example"),
        ("(1 | 2).first", ""),
        ("('a' | 1).sort()", "wrong"),
        ("(@2026-03 | @2026-02-05 | @2026 | @2026-01-01 | @2025).sort().count()", "5"),
        ("'a'.trace('told', $this)", "a"),
    ]);
}

#[test]
fn what_is_not_fhirpath_is_refused_where_it_stands() {
    let offset = |text: &str| Expression::compile(text).expect_err(text).offset;
    assert_eq!(offset("1 +"), 3);
    assert_eq!(offset("name.wher(true)"), 5);
    assert_eq!(offset("name.where()"), 5);
    assert_eq!(offset("'open"), 0);
    assert_eq!(offset("a b"), 2);
    assert_eq!(offset("a /* open"), 2);
    assert_eq!(offset("%nobody"), 0);
    assert_eq!(offset("a.#"), 2);
    assert_eq!(offset("\"text\""), 0);
    assert_eq!(offset("$that"), 0);
    assert_eq!(offset(""), 0);
}

#[test]
fn hostile_expressions_end() {
    let nested = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(Expression::compile(&nested).is_err());
    assert!(Expression::compile(&"-".repeat(10_000)).is_err());
    assert!(Expression::compile(&"a".repeat(1 << 20)).is_err());
    let long = vec!["1"; 5_000].join("+");
    assert_eq!(yields(&long), "5000");
    let long = vec!["a"; 5_000].join(".");
    assert_eq!(yields(&long), "");
    for (endless, fault) in [
        ("0.repeat($this + 1)", Fault::Limit),
        ("'ab'.repeat($this + $this)", Fault::Limit),
        (
            "'aaaaaaaa'.replace('', 'aaaaaaaaaaaaaaaa').replace('a', 'aaaaaaaaaaaaaaaaaaaa').replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa').replace('a', 'aaaaaaaaaaaaaaaa')",
            Fault::Limit,
        ),
        ("'a'.matches('((a{1,1000}){1,1000}){1,1000}')", Fault::Unknown),
    ] {
        let expression = Expression::compile(endless).unwrap();
        let mut context = context();
        context.limits = Limits { steps: 300_000, ..Limits::default() };
        let error = expression.evaluate(&context, Focus::EMPTY).expect_err(endless);
        assert_eq!(error.fault, fault, "{endless}: {error}");
    }
}

#[test]
fn an_expression_serves_many_threads() {
    fn serves<T: Send + Sync>() {}
    serves::<Expression>();
    serves::<Context<'_>>();
}
