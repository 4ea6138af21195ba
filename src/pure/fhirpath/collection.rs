//! Collections: FHIRPath's only kind of result, mostly of one item or none, which then cost no allocation.

use super::value::Value;

/// An ordered collection. `Many` may hold any number, but none and one are made without it wherever possible.
#[derive(Clone, Debug, Default)]
pub(super) enum Collection<'a> {
    #[default]
    Empty,
    One(Value<'a>),
    Many(Vec<Value<'a>>),
}

impl<'a> Collection<'a> {
    pub fn as_slice(&self) -> &[Value<'a>] {
        match self {
            Collection::Empty => &[],
            Collection::One(value) => std::slice::from_ref(value),
            Collection::Many(values) => values,
        }
    }

    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Value<'a>> {
        self.as_slice().iter()
    }

    pub fn push(&mut self, value: Value<'a>) {
        match self {
            Collection::Empty => *self = Collection::One(value),
            Collection::Many(values) => values.push(value),
            Collection::One(_) => {
                let Collection::One(first) = std::mem::take(self) else { return };
                let mut values = Vec::with_capacity(4);
                values.push(first);
                values.push(value);
                *self = Collection::Many(values);
            }
        }
    }

    pub fn append(&mut self, other: Collection<'a>) {
        match (&mut *self, other) {
            (_, Collection::Empty) => {}
            (_, Collection::One(value)) => self.push(value),
            (Collection::Empty, other) => *self = other,
            (_, Collection::Many(values)) => values.into_iter().for_each(|value| self.push(value)),
        }
    }

    pub fn into_vec(self) -> Vec<Value<'a>> {
        match self {
            Collection::Empty => Vec::new(),
            Collection::One(value) => vec![value],
            Collection::Many(values) => values,
        }
    }

    /// The items from `from` (counted from 0) up to before `to`.
    pub fn part(self, from: usize, to: usize) -> Collection<'a> {
        match self {
            Collection::Many(mut values) => {
                values.truncate(to);
                values.drain(..from.min(values.len()));
                values.into()
            }
            one if from == 0 && to > 0 => one,
            _ => Collection::Empty,
        }
    }
}

/// The items of a collection, one by one.
pub(super) enum Items<'a> {
    One(Option<Value<'a>>),
    Many(std::vec::IntoIter<Value<'a>>),
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        match self {
            Items::One(value) => value.take(),
            Items::Many(values) => values.next(),
        }
    }
}

impl<'a> IntoIterator for Collection<'a> {
    type Item = Value<'a>;
    type IntoIter = Items<'a>;

    fn into_iter(self) -> Items<'a> {
        match self {
            Collection::Empty => Items::One(None),
            Collection::One(value) => Items::One(Some(value)),
            Collection::Many(values) => Items::Many(values.into_iter()),
        }
    }
}

impl<'a> From<Vec<Value<'a>>> for Collection<'a> {
    fn from(mut values: Vec<Value<'a>>) -> Collection<'a> {
        match values.len() {
            0 => Collection::Empty,
            1 => values.pop().map_or(Collection::Empty, Collection::One),
            _ => Collection::Many(values),
        }
    }
}

impl<'a> From<Value<'a>> for Collection<'a> {
    fn from(value: Value<'a>) -> Collection<'a> {
        Collection::One(value)
    }
}

impl<'a> From<Option<Value<'a>>> for Collection<'a> {
    fn from(value: Option<Value<'a>>) -> Collection<'a> {
        value.map_or(Collection::Empty, Collection::One)
    }
}

impl From<bool> for Collection<'_> {
    fn from(answer: bool) -> Self {
        Collection::One(Value::Boolean(answer))
    }
}

impl From<Option<bool>> for Collection<'_> {
    fn from(answer: Option<bool>) -> Self {
        answer.map_or(Collection::Empty, Collection::from)
    }
}
