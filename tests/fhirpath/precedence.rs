//! Random expressions printed with as few parentheses as the grammar needs, and with all of them: both mean the same
//! (FHIRPath N1 §6.8), and reading what was printed gives what was meant.

use proptest::prelude::*;
use sharewell::pure::fhir::{Limits, json};
use sharewell::pure::fhirpath::{Alone, Context, Expression, Focus};

const RECORD: &str = r#"{"resourceType":"Patient","id":"p","active":true,"birthDate":"1941-06-02",
"name":[{"family":"Attwater-Osei","given":["Winifred","Ada"]},{"text":"Win"}],"multipleBirthInteger":2}"#;

/// How tightly a printed expression holds together: a term holds most.
const TERM: usize = 11;
const SIGN: usize = 10;
const TYPE: usize = 7;

/// The operators by precedence, loose to tight; the place is the level. Types stand at level 7, signs at 10.
const OPERATORS: [(usize, &str); 24] = [
    (0, "implies"),
    (1, "or"),
    (1, "xor"),
    (2, "and"),
    (3, "in"),
    (3, "contains"),
    (4, "="),
    (4, "~"),
    (4, "!="),
    (4, "!~"),
    (5, "<="),
    (5, "<"),
    (5, ">"),
    (5, ">="),
    (6, "|"),
    (8, "+"),
    (8, "-"),
    (8, "&"),
    (9, "*"),
    (9, "/"),
    (9, "div"),
    (9, "mod"),
    (1, "or"),
    (2, "and"),
];

/// An expression, printed twice.
#[derive(Clone, Debug)]
struct Printed {
    level: usize,
    few: String,
    all: String,
}

impl Printed {
    /// With parentheses where it does not hold together tightly enough.
    fn at(&self, level: usize) -> String {
        if self.level >= level { self.few.clone() } else { format!("({})", self.few) }
    }
}

fn term() -> impl Strategy<Value = Printed> {
    let terms = [
        "1",
        "2.50",
        "'a'",
        "true",
        "false",
        "{}",
        "@1941-06-02",
        "@T10:30",
        "4 'mg'",
        "2 days",
        "$this",
        "name",
        "id",
        "active",
        "name.given",
        "birthDate",
        "multipleBirth",
        "%resource.id",
        "name.first().family",
        "name[0].given[1]",
        "`id`",
        "now() > @2020",
        "Patient.name.where(given.exists())",
    ];
    proptest::sample::select(terms.to_vec()).prop_map(|text| {
        let level = if text.contains(" > ") { 5 } else { TERM };
        Printed { level, few: text.to_owned(), all: format!("({text})") }
    })
}

fn printed() -> impl Strategy<Value = Printed> {
    term().prop_recursive(8, 48, 2, |inner| {
        prop_oneof![
            6 => (inner.clone(), proptest::sample::select(OPERATORS.to_vec()), inner.clone()).prop_map(
                |(left, (level, operator), right)| Printed {
                    level,
                    few: format!("{} {operator} {}", left.at(level), right.at(level + 1)),
                    all: format!("({} {operator} {})", left.all, right.all),
                }
            ),
            1 => (inner.clone(), proptest::sample::select(vec!["is Integer", "is System.String", "as Quantity"]))
                .prop_map(|(operand, test)| Printed {
                    level: TYPE,
                    few: format!("{} {test}", operand.at(TYPE)),
                    all: format!("({} {test})", operand.all),
                }),
            1 => inner.clone().prop_map(|operand| Printed {
                level: SIGN,
                few: format!("-{}", operand.at(SIGN)),
                all: format!("(-{})", operand.all),
            }),
            2 => (inner.clone(), proptest::sample::select(vec!["count()", "exists()", "first()", "not()", "type().name"]))
                .prop_map(|(head, step)| Printed {
                    level: TERM,
                    few: format!("{}.{step}", head.at(TERM)),
                    all: format!("({}.{step})", head.all),
                }),
            1 => (inner.clone(), inner).prop_map(|(head, argument)| Printed {
                level: TERM,
                few: format!("{}.select({})", head.at(TERM), argument.few),
                all: format!("({}.select({}))", head.all, argument.all),
            }),
        ]
    })
}

/// What an expression yields, or the kind of its error.
fn means(text: &str) -> String {
    let expression = match Expression::compile(text) {
        Ok(expression) => expression,
        Err(error) => panic!("{text}: {error}"),
    };
    let tree = json::read(RECORD.as_bytes(), &Limits::default()).expect("the record is JSON");
    let context = Context::new(super::definitions(), &Alone, "2026-07-01T12:00:00Z".parse().expect("a time"));
    let focus: Focus<'_> = tree.root().into();
    match expression.evaluate(&context, focus) {
        Ok(values) => format!("{:?}", values.iter().map(|v| v.written(&context)).collect::<Vec<_>>()),
        Err(error) => format!("{:?}: {}", error.fault, error.text),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_with_few_parentheses_means_what_is_printed_with_all(printed in printed()) {
        prop_assert_eq!(means(&printed.few), means(&printed.all), "{} and {}", printed.few, printed.all);
    }

    #[test]
    fn comments_and_white_space_mean_nothing(printed in printed()) {
        let spaced = printed.few.replace(' ', " /* said ' aside */\n\t// to the end\r\n ");
        prop_assert_eq!(means(&printed.few), means(&spaced), "{}", printed.few);
    }
}
