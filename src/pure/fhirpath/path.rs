//! Walks the steps of a path in a loop: children, indexes, types, functions.

use super::ast::{Step, StepKind};
use super::collection::Collection;
use super::evaluate::{Error, Outcome, Run, Scope};
use super::functions::{self, Function};
use super::navigate::{visit_children, visit_named};
use super::value::Value;
use std::borrow::Cow;

impl<'a> Run<'a> {
    /// Walks steps from a start, which is looked at where it stands as long as steps only look.
    pub fn path(&self, start: &Collection<'a>, steps: &'a [Step], scope: &Scope<'_, 'a>) -> Outcome<'a> {
        let mut made: Option<Collection<'a>> = None;
        let mut index = 0;
        while let Some(step) = steps.get(index) {
            self.tick(1)?;
            let at = made.as_ref().unwrap_or(start);
            if let Some(asked) = steps.get(index + 1).and_then(only_asks)
                && let Some(answer) = self.shortcut(at, step, asked)?
            {
                made = Some(answer.into());
                index += 2;
                continue;
            }
            made = Some(match &step.kind {
                StepKind::Child(name, first) => self.children(at, name, *first)?,
                _ => {
                    let at = made.take().unwrap_or_else(|| start.clone());
                    self.step(at, step, scope)?
                }
            });
            index += 1;
        }
        Ok(made.unwrap_or_else(|| start.clone()))
    }

    /// Two steps at once, where the first one's collection would only be asked whether it is empty or how large it is.
    fn shortcut(&self, at: &Collection<'a>, step: &'a Step, asked: Function) -> Result<Option<Value<'a>>, Error> {
        match &step.kind {
            StepKind::Child(name, first) if asked == Function::Exists => {
                Ok(Some(Value::Boolean(self.has_child(at, name, *first)?)))
            }
            StepKind::Child(name, first) if asked == Function::Empty => {
                Ok(Some(Value::Boolean(!self.has_child(at, name, *first)?)))
            }
            StepKind::Child(name, first) => {
                let mut count = 0;
                for value in at.iter() {
                    self.visit_child(value, name, *first, &mut |_| {
                        count += 1;
                        true
                    });
                    self.tick(1 + count)?;
                }
                Ok(Some(counted(count)))
            }
            StepKind::Call(Function::Children, ..) if asked == Function::Count => {
                let mut count = 0;
                for value in at.iter() {
                    if let Value::Element(item, _) = value {
                        visit_children(*item, &mut |_| {
                            count += 1;
                            true
                        });
                    }
                    self.tick(1 + count)?;
                }
                Ok(Some(counted(count)))
            }
            _ => Ok(None),
        }
    }

    fn step(&self, at: Collection<'a>, step: &'a Step, scope: &Scope<'_, 'a>) -> Outcome<'a> {
        match &step.kind {
            StepKind::Child(name, first) => self.children(&at, name, *first),
            StepKind::Index(index) => {
                let index = self.evaluate(*index, scope)?;
                let index = self.integer(&index, step.offset)?;
                let index = index.and_then(|i| usize::try_from(i).ok()).filter(|i| *i < at.len());
                Ok(index.map_or(Collection::Empty, |i| at.part(i, i + 1)))
            }
            StepKind::Typed(test, name) => self.typed(at, *test, name, step.offset),
            StepKind::Call(function, arguments, pattern) => {
                let call =
                    functions::Call { run: self, scope, arguments, pattern: pattern.as_deref(), offset: step.offset };
                functions::apply(*function, &call, at)
            }
        }
    }

    /// The children of this name of all items; at the start of a path also the focus itself under its type's name.
    fn children(&self, at: &Collection<'a>, name: &'a str, first: bool) -> Outcome<'a> {
        let mut found = Collection::Empty;
        let may_be_type = first && name.starts_with(|c: char| c.is_ascii_uppercase());
        for value in at.iter() {
            self.tick(1)?;
            match value {
                Value::Element(item, kind) if !may_be_type => {
                    let kind = || self.type_of(*item, *kind);
                    visit_named(self.context.model, *item, name, &kind, &mut |child| {
                        found.push(Value::Element(child, None));
                        true
                    });
                }
                value => {
                    self.visit_child(value, name, first, &mut |child| {
                        found.push(child);
                        true
                    });
                }
            }
        }
        self.bounded(&found)?;
        Ok(found)
    }

    /// Whether any item has a child of this name.
    fn has_child(&self, at: &Collection<'a>, name: &'a str, first: bool) -> Result<bool, Error> {
        let mut found = false;
        for value in at.iter() {
            self.tick(1)?;
            self.visit_child(value, name, first, &mut |_| {
                found = true;
                false
            });
            if found {
                break;
            }
        }
        Ok(found)
    }

    fn visit_child(&self, value: &Value<'a>, name: &str, first: bool, visit: &mut dyn FnMut(Value<'a>) -> bool) {
        match value {
            Value::Element(item, kind) => {
                if first && name.starts_with(|c: char| c.is_ascii_uppercase()) && self.is_named(*item, *kind, name) {
                    visit(value.clone());
                    return;
                }
                let kind = || self.type_of(*item, *kind);
                visit_named(self.context.model, *item, name, &kind, &mut |child| visit(Value::Element(child, None)));
            }
            Value::Quantity(quantity) if name == "value" => {
                visit(Value::Decimal(quantity.value));
            }
            Value::Quantity(quantity) if name == "unit" => {
                visit(Value::String(quantity.unit.clone()));
            }
            Value::TypeInfo(namespace, _) if name == "namespace" => {
                visit(Value::String(Cow::Borrowed(namespace)));
            }
            Value::TypeInfo(_, own) if name == "name" => {
                visit(Value::String(own.clone()));
            }
            _ => {}
        }
    }
}

fn counted<'a>(count: usize) -> Value<'a> {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// What a step asks of a collection without looking into it: whether there is anything, or how much.
fn only_asks(step: &Step) -> Option<Function> {
    match &step.kind {
        StepKind::Call(asked @ (Function::Exists | Function::Empty | Function::Count), arguments, _)
            if arguments.is_empty() =>
        {
            Some(*asked)
        }
        _ => None,
    }
}
