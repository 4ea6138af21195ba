//! Filtering, projecting, folding: functions that evaluate their argument on each item (FHIRPath N1 §5.2, §7).

use super::{Call, Function};
use crate::pure::fhirpath::ast::{Id, Node};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::distinct::Seen;
use crate::pure::fhirpath::evaluate::{Error, Outcome, Scope};
use crate::pure::fhirpath::value::Value;
use std::cmp::Ordering;

pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    match function {
        Function::Where => filtered(call, focus),
        Function::Select => selected(call, focus),
        Function::Repeat => repeated(call, focus),
        Function::Aggregate => aggregated(call, focus),
        Function::Iif => iif(call, &focus),
        _ => sorted(call, focus),
    }
}

fn filtered<'a>(call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let mut kept = Collection::Empty;
    for (index, value) in focus.into_iter().enumerate() {
        let this = Collection::One(value);
        if call.holds(&this, index)? {
            kept.append(this);
        }
    }
    Ok(kept)
}

fn selected<'a>(call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let mut found = Collection::Empty;
    for (index, value) in focus.into_iter().enumerate() {
        found.append(call.on(0, &value.into(), index)?);
        call.run.bounded(&found)?;
    }
    Ok(found)
}

/// Again and again on what was found, until nothing new is found.
fn repeated<'a>(call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let mut seen = Seen::new(usize::MAX);
    let mut front = focus.into_vec();
    while !front.is_empty() {
        let mut next = Vec::new();
        for (index, value) in front.into_iter().enumerate() {
            for found in call.on(0, &value.into(), index)? {
                if seen.insert(call.run, &found)? {
                    next.push(found);
                }
            }
            if next.len() > call.run.context.limits.items {
                call.run.bounded(&Collection::Many(next.clone()))?;
            }
        }
        front = next;
    }
    let found = Collection::from(seen.into_values());
    call.run.bounded(&found)?;
    Ok(found)
}

fn aggregated<'a>(call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let mut total = call.argument(1)?;
    let Some(id) = call.arguments.first() else { return Ok(total) };
    for (index, value) in focus.into_iter().enumerate() {
        let this = Collection::One(value);
        total = call.run.evaluate(*id, &Scope { this: &this, index: Some(index), total: Some(&total) })?;
        call.run.bounded(&total)?;
    }
    Ok(total)
}

/// `iif` evaluates only the branch it takes, on its one item or none.
fn iif<'a>(call: &Call<'_, '_, 'a>, focus: &Collection<'a>) -> Outcome<'a> {
    if focus.len() > 1 {
        return Err(call.wrong("several items stand where `iif` takes one"));
    }
    let scope = Scope { this: focus, ..*call.scope };
    let branch = |index: usize| -> Outcome<'a> {
        call.arguments.get(index).map_or(Ok(Collection::Empty), |id: &Id| call.run.evaluate(*id, &scope))
    };
    let criterion = branch(0)?;
    let answer = match criterion.as_slice() {
        [] => false,
        [value] => match call.run.system(value) {
            Some(Value::Boolean(answer)) => answer,
            _ => return Err(call.wrong("the criterion of `iif` should be a boolean")),
        },
        _ => return Err(call.wrong("the criterion of `iif` should be one boolean")),
    };
    branch(if answer { 1 } else { 2 })
}

/// One key of one item, and whether it sorts downwards.
type Key<'a> = (Option<Value<'a>>, bool);

fn sorted<'a>(call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let mut keyed = Vec::with_capacity(focus.len());
    for (index, value) in focus.into_iter().enumerate() {
        let this = Collection::One(value.clone());
        keyed.push((keys(call, &this, index)?, value));
    }
    let sorted = merge_sort(keyed, &|a, b| {
        call.run.tick(1)?;
        for (a, b) in a.0.iter().zip(&b.0) {
            match by_key(call, a, b)? {
                Ordering::Equal => {}
                order => return Ok(order.is_gt()),
            }
        }
        Ok(false)
    })?;
    Ok(sorted.into_iter().map(|(_, value)| value).collect::<Vec<_>>().into())
}

/// Sorts by merging, equals in their order. The library's sort panics where an order contradicts itself, and partial
/// dates can make one that does; and here a comparison may fail.
fn merge_sort<T>(mut items: Vec<T>, is_after: &dyn Fn(&T, &T) -> Result<bool, Error>) -> Result<Vec<T>, Error> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let mut sorted = Vec::with_capacity(items.len() + right.len());
    let mut left = merge_sort(items, is_after)?.into_iter().peekable();
    let mut right = merge_sort(right, is_after)?.into_iter().peekable();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if is_after(a, b)? { right.next() } else { left.next() };
        sorted.extend(next);
    }
    sorted.extend(left);
    sorted.extend(right);
    Ok(sorted)
}

/// The keys of one item: itself, or each argument; a sign before an argument turns its order round.
fn keys<'a>(call: &Call<'_, '_, 'a>, this: &Collection<'a>, index: usize) -> Result<Vec<Key<'a>>, Error> {
    if call.arguments.is_empty() {
        return Ok(vec![(call.single(this)?, false)]);
    }
    let scope = Scope { this, index: Some(index), total: call.scope.total };
    let mut keys = Vec::with_capacity(call.arguments.len());
    for (position, id) in call.arguments.iter().enumerate() {
        let (id, down) = match call.node(position) {
            Some(Node::Negate(inner, _)) => (inner, true),
            _ => (id, false),
        };
        let key = call.run.evaluate(*id, &scope)?;
        keys.push((call.single(&key)?, down));
    }
    Ok(keys)
}

fn by_key<'a>(call: &Call<'_, '_, 'a>, a: &Key<'a>, b: &Key<'a>) -> Result<Ordering, Error> {
    let order = match (&a.0, &b.0) {
        (None, None) => Ordering::Equal,
        // What has no key comes first in both directions, as the official suite has it.
        (None, Some(_)) => return Ok(Ordering::Less),
        (Some(_), None) => return Ok(Ordering::Greater),
        (Some(a), Some(b)) => call.run.order(a, b, call.offset)?.unwrap_or(Ordering::Equal),
    };
    Ok(if a.1 { order.reverse() } else { order })
}
