//! Patterns of `matches()`: many of them in one expression cost no more than they should. Found by fuzzing.

use super::definitions;
use sharewell::pure::fhirpath::{Alone, Context, Expression, Focus};
use std::time::{Duration, Instant};

#[test]
fn thousands_of_patterns_in_one_expression_are_bounded_in_time() {
    let many = format!("'x'{}", ".where(matches('\\\\W').not())".repeat(1_900));
    let start = Instant::now();
    let expression = Expression::compile(&many).expect("it is FHIRPath");
    let context = Context::new(definitions(), &Alone, jiff::Timestamp::UNIX_EPOCH);
    let outcome = expression.evaluate(&context, Focus::EMPTY);
    assert!(outcome.is_err_and(|e| e.text.contains("steps")), "it is stopped");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn patterns_beyond_those_compiled_with_the_expression_mean_the_same() {
    let text = (0..40).map(|i| format!("'a{i}'.matches('a{i}') and 'a{i}'.matches('^b').not()")).collect::<Vec<_>>();
    let expression = Expression::compile(&text.join(" and ")).expect("it is FHIRPath");
    let context = Context::new(definitions(), &Alone, jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(expression.check(&context, Focus::EMPTY).ok(), Some(true));
}
