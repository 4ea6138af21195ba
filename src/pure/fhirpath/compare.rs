//! Equal, equivalent, less: the comparisons of FHIRPath N1 §6.1 and §6.2, with its empty answers.

use super::collection::Collection;
use super::evaluate::{Outcome, Run};
use super::navigate::{shadow, visit_children};
use super::value::Value;
use crate::pure::fhir::{Item, Kind};
use std::cmp::Ordering;

/// Elements inside one another that a comparison follows.
const DEPTH: usize = 128;

impl<'a> Run<'a> {
    /// `=`: none where either side is empty, or where precision does not tell.
    pub fn equal(&self, left: &Collection<'a>, right: &Collection<'a>) -> Result<Option<bool>, super::evaluate::Error> {
        if left.is_empty() || right.is_empty() {
            return Ok(None);
        }
        if left.len() != right.len() {
            return Ok(Some(false));
        }
        let mut answer = Some(true);
        for (a, b) in left.iter().zip(right.iter()) {
            self.tick(1)?;
            match self.same(a, b)? {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => answer = None,
            }
        }
        Ok(answer)
    }

    /// `=` of two items.
    pub fn same(&self, a: &Value<'a>, b: &Value<'a>) -> Result<Option<bool>, super::evaluate::Error> {
        if let (Value::Element(a, _), Value::Element(b, _)) = (a, b)
            && (a == b || !self.simple(*a) || !self.simple(*b))
        {
            if a == b {
                return Ok(Some(true));
            }
            if let (Some(a), Some(b)) = (self.quantity_of(*a), self.quantity_of(*b)) {
                return Ok(a.compare(&b).map(Ordering::is_eq));
            }
            return self.same_content(*a, *b, false, DEPTH).map(Some);
        }
        let (Some(a), Some(b)) = (self.system_beside(a, b), self.system_beside(b, a)) else { return Ok(Some(false)) };
        Ok(match (&a, &b) {
            (Value::Boolean(a), Value::Boolean(b)) => Some(a == b),
            (Value::String(a), Value::String(b)) => Some(a == b),
            (Value::Moment(a), Value::Moment(b)) => a.compare(*b).map_or_else(
                || if a.is_time() == b.is_time() { None } else { Some(false) },
                |order| Some(order.is_eq()),
            ),
            (Value::Quantity(a), Value::Quantity(b)) => a.compare(b).map(Ordering::is_eq),
            (Value::Quantity(q), n) | (n, Value::Quantity(q)) => match n.decimal() {
                Some(n) => q.compare(&super::quantity::Quantity::number(n)).map(Ordering::is_eq),
                None => Some(false),
            },
            (Value::TypeInfo(a, b), Value::TypeInfo(c, d)) => Some(a == c && b == d),
            _ => Some(a.decimal().is_some_and(|a| b.decimal() == Some(a))),
        })
    }

    /// Whether the item is a primitive, with or without value.
    fn simple(&self, item: Item<'_>) -> bool {
        !item.is_container()
    }

    /// Whether two elements have equal children, under `=` in the record's order or under `~` in any.
    fn same_content(
        &self,
        a: Item<'a>,
        b: Item<'a>,
        loose: bool,
        depth: usize,
    ) -> Result<bool, super::evaluate::Error> {
        self.tick(1)?;
        if self.simple(a) || self.simple(b) || depth == 0 {
            if self.simple(a) != self.simple(b) || depth == 0 {
                return Ok(false);
            }
            if !self.same_shadows(a, b, loose, depth)? {
                return Ok(false);
            }
            let (a, b) = (Value::Element(a, None), Value::Element(b, None));
            return if loose { self.alike(&a, &b) } else { Ok(self.same(&a, &b)? == Some(true)) };
        }
        let (mine, mut theirs) = (fields(a), fields(b));
        if mine.len() != theirs.len() {
            return Ok(false);
        }
        for (index, (name, item)) in mine.iter().enumerate() {
            // Fields usually come in the same order; JSON does not promise it between different names.
            let mut found = false;
            for at in index..theirs.len() {
                if theirs[at].0 != *name {
                    continue;
                }
                if self.same_content(*item, theirs[at].1, loose, depth - 1)? {
                    theirs.swap(index, at);
                    found = true;
                    break;
                }
                if !loose {
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether two primitives inside compared elements have the same extensions and ids.
    fn same_shadows(
        &self,
        a: Item<'a>,
        b: Item<'a>,
        loose: bool,
        depth: usize,
    ) -> Result<bool, super::evaluate::Error> {
        match (shadow(a), shadow(b)) {
            (None, None) => Ok(true),
            (Some(a), Some(b)) => self.same_content(a, b, loose, depth - 1),
            _ => Ok(false),
        }
    }

    /// `~`: never empty.
    pub fn equivalent(&self, left: &Collection<'a>, right: &Collection<'a>) -> Result<bool, super::evaluate::Error> {
        if left.len() != right.len() {
            return Ok(false);
        }
        let mut rest: Vec<&Value<'a>> = right.iter().collect();
        for a in left.iter() {
            let mut found = None;
            for (index, b) in rest.iter().enumerate() {
                self.tick(1)?;
                if self.alike(a, b)? {
                    found = Some(index);
                    break;
                }
            }
            match found {
                Some(index) => drop(rest.remove(index)),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// `~` of two items.
    fn alike(&self, a: &Value<'a>, b: &Value<'a>) -> Result<bool, super::evaluate::Error> {
        if let (Value::Element(a, _), Value::Element(b, _)) = (a, b)
            && (!self.simple(*a) || !self.simple(*b))
        {
            if let (Some(a), Some(b)) = (self.quantity_of(*a), self.quantity_of(*b)) {
                return Ok(a.is_equivalent(&b));
            }
            return self.same_content(*a, *b, true, DEPTH);
        }
        let (Some(a), Some(b)) = (self.system_beside(a, b), self.system_beside(b, a)) else { return Ok(false) };
        Ok(match (&a, &b) {
            (Value::String(a), Value::String(b)) => normal(a) == normal(b),
            (Value::Moment(a), Value::Moment(b)) => a.is_equivalent(*b),
            (Value::Quantity(a), Value::Quantity(b)) => a.is_equivalent(b),
            _ => match (a.decimal(), b.decimal()) {
                (Some(a), Some(b)) => {
                    let (a, b) = (a.trimmed(0), b.trimmed(0));
                    let digits = a.scale.min(b.scale);
                    a.rounded(digits) == b.rounded(digits)
                }
                _ => self.same(&a, &b)? == Some(true),
            },
        })
    }

    /// `<` and its kin: none where precision does not tell; wrong where the two have no order.
    pub fn order(&self, a: &Value<'a>, b: &Value<'a>, offset: u32) -> Result<Option<Ordering>, super::evaluate::Error> {
        let wrong = || self.wrong(offset, "these two cannot be put in order");
        let (a_as_written, b_as_written) = (a, b);
        let (Some(a), Some(b)) = (self.system_beside(a, b), self.system_beside(b, a)) else {
            // a Quantity that says no value is neither more nor less than another
            return if self.is_quantity(a) && self.is_quantity(b) { Ok(None) } else { Err(wrong()) };
        };
        match (&a, &b) {
            (Value::String(a), Value::String(b)) => Ok(Some(a.cmp(b))),
            (Value::Moment(a), Value::Moment(b)) if a.is_time() == b.is_time() => Ok(a.compare(*b)),
            (Value::Quantity(x), Value::Quantity(y)) if same_words(a_as_written, b_as_written) => {
                Ok(Some(x.value.cmp(&y.value)))
            }
            (Value::Quantity(a), Value::Quantity(b)) => Ok(a.compare(b)),
            (Value::Quantity(a), n) if n.decimal().is_some() => {
                Ok(n.decimal().and_then(|n| a.compare(&super::quantity::Quantity::number(n))))
            }
            (n, Value::Quantity(b)) if n.decimal().is_some() => {
                Ok(n.decimal().and_then(|n| super::quantity::Quantity::number(n).compare(b)))
            }
            _ => match (a.decimal(), b.decimal()) {
                (Some(a), Some(b)) => Ok(Some(a.cmp(&b))),
                _ => Err(wrong()),
            },
        }
    }

    /// Whether a collection holds an item.
    pub fn holds(&self, values: &[Value<'a>], value: &Value<'a>) -> Result<bool, super::evaluate::Error> {
        for other in values {
            self.tick(1)?;
            if self.same(other, value)? == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The items without repetitions, in order.
    pub fn distinct(&self, values: Collection<'a>) -> Outcome<'a> {
        if values.len() < 2 {
            return Ok(values);
        }
        let mut seen = super::distinct::Seen::new(values.len());
        let mut kept = Collection::Empty;
        for value in values {
            if seen.insert(self, &value)? {
                kept.push(value);
            }
        }
        Ok(kept)
    }
}

/// Whether two Quantities name their unit in the same words, and one of them has no code for it.
fn same_words(a: &Value<'_>, b: &Value<'_>) -> bool {
    let (Value::Element(a, _), Value::Element(b, _)) = (a, b) else { return false };
    let (Some(mine), Some(theirs)) = (a.get("unit"), b.get("unit")) else { return false };
    mine.text() == theirs.text() && (a.get("code").is_none() || b.get("code").is_none())
}

fn fields(item: Item<'_>) -> Vec<(&str, Item<'_>)> {
    let mut fields = Vec::new();
    visit_children(item, &mut |child| {
        let name = super::navigate::name_and_holder(child).map_or("", |(name, _)| name);
        fields.push((name, child));
        true
    });
    if item.kind() == Kind::Object
        && let Some(kind) = item.get("resourceType")
    {
        fields.push(("resourceType", kind));
    }
    fields
}

/// Under `~` case does not count, and one kind of white space is as good as another (FHIRPath N1 §6.1.2).
fn normal(text: &str) -> String {
    text.to_lowercase().replace(char::is_whitespace, " ")
}
