//! FHIRPath: expressions over records, compiled once and evaluated without copying the record.
//!
//! Comes in: the text of an expression, then a [`Focus`] in a tree and a [`Context`]. Goes out: [`Value`]s, or the answer
//! of an invariant. Refuses: expressions that are not FHIRPath (N1 2.0 with R4's functions), unknown functions, and
//! evaluations beyond [`Limits`]. Synchronous, no I/O; `trace()` says nothing, since records hold a person's life.

mod context;
mod decimal;
mod model;
mod moment;
mod quantity;
mod value;

pub use context::{Alone, Context, EvaluationError, Fault, Focus, Limits, ParseError, World};
pub use decimal::Decimal;
pub use model::{Element, Model, Type, is_a};
pub use moment::{Moment, MomentKind};
pub use quantity::Quantity;
pub use value::Value;

/// An expression, read and checked, to be evaluated any number of times by any number of threads.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// Where and why the text is not FHIRPath.
    pub fn compile(text: &str) -> Result<Expression, ParseError> {
        Ok(Expression { text: text.to_owned() })
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
        let _ = (context, focus.into());
        Err(EvaluationError { fault: Fault::Unknown, offset: 0, text: "cannot be evaluated yet".to_owned() })
    }

    /// Evaluates an invariant: true where it yields `true`, or anything at all that is not a boolean; false where it
    /// yields `false` or nothing (as the reference validator reads R4's `constraint.expression`).
    ///
    /// # Errors
    /// The step that could not be taken, and why.
    pub fn check<'a>(&'a self, context: &Context<'a>, focus: impl Into<Focus<'a>>) -> Result<bool, EvaluationError> {
        let values = self.evaluate(context, focus)?;
        match values.as_slice() {
            [Value::Boolean(answer)] => Ok(*answer),
            [] => Ok(false),
            _ => Ok(true),
        }
    }
}
