//! FHIRPath: expressions over records, compiled once and evaluated without copying the record.
//!
//! Comes in: the text of an expression, then a [`Focus`] in a tree and a [`Context`]. Goes out: [`Value`]s, or the answer
//! of an invariant. Refuses: expressions that are not FHIRPath (N1 2.0 with R4's functions), unknown functions, and
//! evaluations beyond [`Limits`]. Synchronous, no I/O; `trace()` says nothing, since records hold a person's life.
//!
//! In reading order: `lexer` → `parser` → `ast`, then `evaluate` with `path`, `operators`, `compare`, `types` and `functions/`,
//! over the record as `navigate` shows it.

mod ast;
mod collection;
mod compare;
mod context;
mod decimal;
mod distinct;
mod evaluate;
mod functions;
mod lexer;
mod model;
mod moment;
mod names;
mod navigate;
mod once;
mod operators;
mod parser;
mod path;
mod pattern;
mod quantity;
mod system;
mod types;
mod value;

pub use context::{Alone, Context, EvaluationError, Fault, Focus, Limits, ParseError, World};
pub use decimal::Decimal;
pub use model::{Element, Model, Type, is_a};
pub use moment::{CalendarUnit, Moment, MomentKind, Precision};
pub use quantity::{Quantity, converted};
pub use value::Value;

use evaluate::Run;

/// An expression, read and checked, to be evaluated any number of times by any number of threads.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    program: ast::Program,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// Where and why the text is not FHIRPath.
    pub fn compile(text: &str) -> Result<Expression, ParseError> {
        Ok(Expression { text: text.to_owned(), program: parser::parse(text)? })
    }

    /// The text it was made from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Evaluates it on a focus.
    ///
    /// # Errors
    /// The step that could not be taken, and why.
    pub fn evaluate<'a>(
        &'a self,
        context: &Context<'a>,
        focus: impl Into<Focus<'a>>,
    ) -> Result<Vec<Value<'a>>, EvaluationError> {
        let run = Run::new(&self.program, *context, focus.into());
        run.whole().map(collection::Collection::into_vec).map_err(|error| *error)
    }

    /// Evaluates an invariant: its boolean; true for anything else that it yields; none where it yields nothing.
    ///
    /// # Errors
    /// The step that could not be taken, and why.
    pub fn answer<'a>(
        &'a self,
        context: &Context<'a>,
        focus: impl Into<Focus<'a>>,
    ) -> Result<Option<bool>, EvaluationError> {
        let run = Run::new(&self.program, *context, focus.into());
        let values = run.whole().map_err(|error| *error)?;
        Ok(match values.as_slice() {
            [] => None,
            [Value::Boolean(answer)] => Some(*answer),
            [Value::Element(item, _)] => Some(item.bool().unwrap_or(true)),
            _ => Some(true),
        })
    }

    /// Evaluates an invariant as the reference validator does: what yields nothing does not hold.
    ///
    /// # Errors
    /// The step that could not be taken, and why.
    pub fn check<'a>(&'a self, context: &Context<'a>, focus: impl Into<Focus<'a>>) -> Result<bool, EvaluationError> {
        Ok(self.answer(context, focus)?.unwrap_or(false))
    }
}
