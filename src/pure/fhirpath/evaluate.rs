//! Walks a program over a focus: nodes and the operators that may spare their right side, each step counted.

use super::ast::{Id, Link, Literal, Node, Operator, Program, Variable};
use super::collection::Collection;
use super::context::{Context, EvaluationError, Fault, Focus};
use super::navigate::{resource_of, root_of};
use super::quantity::Quantity;
use super::value::Value;
use crate::pure::fhir::Item;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};

/// An error on its way out; boxed, so that good results stay small.
pub(super) type Error = Box<EvaluationError>;
/// What a step yields.
pub(super) type Outcome<'a> = Result<Collection<'a>, Error>;

/// Bytes of text whose copying counts as one step.
const COPIED: usize = 16;

/// One evaluation.
pub(super) struct Run<'a> {
    pub program: &'a Program,
    pub context: Context<'a>,
    pub focus: Focus<'a>,
    steps: Cell<u64>,
    /// What is the same for every item, as far as it was asked for.
    once: RefCell<Vec<Option<Collection<'a>>>>,
}

/// What `$this`, `$index` and `$total` stand for.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub this: &'s Collection<'a>,
    pub index: Option<usize>,
    pub total: Option<&'s Collection<'a>>,
}

impl<'a> Run<'a> {
    pub fn new(program: &'a Program, context: Context<'a>, focus: Focus<'a>) -> Run<'a> {
        Run { program, context, focus, steps: Cell::new(0), once: RefCell::new(Vec::new()) }
    }

    /// A run of nothing, to ask the model from.
    pub fn outside(context: &Context<'a>) -> Run<'a> {
        static NOTHING: Program = Program { nodes: Vec::new(), root: 0, slots: 0 };
        Run::new(&NOTHING, *context, Focus::EMPTY)
    }

    /// Evaluates the whole program.
    pub fn whole(&self) -> Outcome<'a> {
        let this = self.start();
        self.evaluate(self.program.root, &Scope { this: &this, index: None, total: None })
    }

    fn start(&self) -> Collection<'a> {
        self.focus.item.map(|item| Value::Element(item, self.focus.is)).into()
    }

    /// Counts steps; an error beyond the limit.
    pub fn tick(&self, steps: usize) -> Result<(), Error> {
        let count = self.steps.get().saturating_add(steps as u64);
        self.steps.set(count);
        if count > self.context.limits.steps {
            return Err(self.limit("the expression takes too many steps on this record"));
        }
        Ok(())
    }

    /// Counts the steps of copying a value that the expression made; the next step finds that it was too much.
    pub fn charge(&self, value: &Value<'a>) {
        if let Value::String(Cow::Owned(text)) = value {
            self.steps.set(self.steps.get().saturating_add((text.len() / COPIED) as u64));
        }
    }

    /// A copy of a collection, counted as it is long.
    fn copied(&self, values: &Collection<'a>) -> Outcome<'a> {
        self.tick(values.len() / 4)?;
        values.iter().for_each(|value| self.charge(value));
        self.tick(0)?;
        Ok(values.clone())
    }

    fn limit(&self, text: &str) -> Error {
        Box::new(EvaluationError { fault: Fault::Limit, offset: 0, text: text.to_owned() })
    }

    /// Refuses collections beyond the limit.
    pub fn bounded(&self, values: &Collection<'a>) -> Result<(), Error> {
        self.bounded_count(values.len())
    }

    /// Refuses as many items as are beyond the limit.
    pub fn bounded_count(&self, count: usize) -> Result<(), Error> {
        if count > self.context.limits.items {
            return Err(self.limit("the expression makes a collection that is too large"));
        }
        Ok(())
    }

    /// Refuses texts beyond the limit, before they are made.
    pub fn bounded_text(&self, bytes: usize) -> Result<(), Error> {
        self.tick(bytes / COPIED)?;
        self.bounded_bytes(bytes)
    }

    /// Refuses as many bytes of text as are beyond the limit.
    pub fn bounded_bytes(&self, bytes: usize) -> Result<(), Error> {
        if bytes > self.context.limits.bytes {
            return Err(self.limit("the expression makes a text that is too long"));
        }
        Ok(())
    }

    pub fn wrong(&self, offset: u32, text: impl Into<String>) -> Error {
        Box::new(EvaluationError { fault: Fault::Wrong, offset: offset as usize, text: text.into() })
    }

    pub fn unknown(&self, offset: u32, text: impl Into<String>) -> Error {
        Box::new(EvaluationError { fault: Fault::Unknown, offset: offset as usize, text: text.into() })
    }

    /// Evaluates one node.
    pub fn evaluate(&self, id: Id, scope: &Scope<'_, 'a>) -> Outcome<'a> {
        self.tick(1)?;
        match &self.program.nodes[id as usize] {
            Node::Literal(literal) => Ok(self.literal(literal)),
            Node::This => self.copied(scope.this),
            Node::Index => Ok(scope.index.map(|i| Value::Integer(i64::try_from(i).unwrap_or(i64::MAX))).into()),
            Node::Total => scope.total.map_or(Ok(Collection::Empty), |total| self.copied(total)),
            Node::Variable(variable) => Ok(self.variable(variable)),
            Node::Path(None, steps) => self.path(scope.this, steps, scope),
            Node::Path(Some(head), steps) => self.path(&self.evaluate(*head, scope)?, steps, scope),
            Node::Chain(first, links) => {
                let mut left = self.evaluate(*first, scope)?;
                for link in links {
                    left = self.operator(left, link, scope)?;
                }
                Ok(left)
            }
            Node::Typed(operand, offset, test, name) => {
                self.typed(self.evaluate(*operand, scope)?, *test, name, *offset)
            }
            Node::Once(slot, inner) => self.once(*slot as usize, *inner, scope),
            Node::Negate(operand, offset) => self.negate(self.evaluate(*operand, scope)?, *offset),
            Node::Plus(operand, offset) => {
                let value = self.evaluate(*operand, scope)?;
                let same = value.clone();
                self.negate(value, *offset)?;
                Ok(same)
            }
        }
    }

    fn once(&self, slot: usize, inner: Id, scope: &Scope<'_, 'a>) -> Outcome<'a> {
        if let Some(Some(known)) = self.once.borrow().get(slot) {
            return self.copied(known);
        }
        let found = self.evaluate(inner, scope)?;
        let mut once = self.once.borrow_mut();
        once.resize(self.program.slots as usize, None);
        once[slot] = Some(found.clone());
        Ok(found)
    }

    fn literal(&self, literal: &'a Literal) -> Collection<'a> {
        Collection::One(match literal {
            Literal::Empty => return Collection::Empty,
            Literal::Boolean(answer) => Value::Boolean(*answer),
            Literal::Integer(value) => Value::Integer(*value),
            Literal::Decimal(value) => Value::Decimal(*value),
            Literal::Text(text) => Value::String(Cow::Borrowed(text)),
            Literal::Moment(moment) => Value::Moment(*moment),
            Literal::Quantity(value, unit, calendar) => {
                Value::Quantity(Box::new(Quantity::of(*value, Cow::Borrowed(unit), *calendar)))
            }
        })
    }

    /// `%resource`
    pub fn resource(&self) -> Option<Item<'a>> {
        self.context.resource.or_else(|| self.focus.item.map(resource_of))
    }

    /// `%rootResource`
    pub fn root(&self) -> Option<Item<'a>> {
        self.context.root.or_else(|| self.resource().map(root_of))
    }

    fn variable(&self, variable: &'a Variable) -> Collection<'a> {
        match variable {
            Variable::Context => self.start(),
            Variable::Resource => self.resource().map(|item| Value::Element(item, None)).into(),
            Variable::RootResource => self.root().map(|item| Value::Element(item, None)).into(),
            Variable::Text(text) => Value::String(Cow::Borrowed(text)).into(),
        }
    }

    /// The operators that may spare their right side; the others see both.
    fn operator(&self, left: Collection<'a>, link: &'a Link, scope: &Scope<'_, 'a>) -> Outcome<'a> {
        let right = || self.evaluate(link.right, scope);
        let truth = |values: &Collection<'a>| self.truth(values, link.offset);
        let three = match link.operator {
            Operator::And => match truth(&left)? {
                Some(false) => Some(false),
                Some(true) => truth(&right()?)?,
                None => truth(&right()?)?.filter(|answer| !answer),
            },
            Operator::Or => match truth(&left)? {
                Some(true) => Some(true),
                Some(false) => truth(&right()?)?,
                None => truth(&right()?)?.filter(|answer| *answer),
            },
            Operator::Implies => match truth(&left)? {
                Some(false) => Some(true),
                Some(true) => truth(&right()?)?,
                None => truth(&right()?)?.filter(|answer| *answer),
            },
            Operator::Xor => {
                let left = truth(&left)?;
                let right = truth(&right()?)?;
                left.zip(right).map(|(a, b)| a != b)
            }
            _ => return self.both(link.operator, left, right()?, link.offset),
        };
        Ok(three.into())
    }
}
