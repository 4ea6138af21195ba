//! Repetitions found by hash, so that thousands of identifiers do not cost millions of comparisons.

use super::evaluate::{Error, Run};
use super::value::Value;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// Collections up to here are compared in pairs, which is quicker than hashing.
const FEW: usize = 8;

/// The items met so far.
pub(super) struct Seen<'a> {
    values: Vec<Value<'a>>,
    by_hash: Option<HashMap<u64, Vec<u32>>>,
}

impl<'a> Seen<'a> {
    pub fn new(expected: usize) -> Seen<'a> {
        Seen { values: Vec::with_capacity(expected.min(64)), by_hash: (expected > FEW).then(HashMap::new) }
    }

    /// Adds an item; answers whether it is new.
    pub fn insert(&mut self, run: &Run<'a>, value: &Value<'a>) -> Result<bool, Error> {
        run.tick(1)?;
        let Some(by_hash) = &mut self.by_hash else {
            let new = !run.holds(&self.values, value)?;
            if new {
                self.values.push(value.clone());
            }
            return Ok(new);
        };
        let alike = by_hash.entry(hash(run, value)).or_default();
        for index in alike.iter() {
            run.tick(1)?;
            let known = &self.values[*index as usize];
            if run.same(known, value)? == Some(true) {
                return Ok(false);
            }
        }
        alike.push(u32::try_from(self.values.len()).unwrap_or(u32::MAX));
        self.values.push(value.clone());
        Ok(true)
    }

    /// The items, each once, in the order they came.
    pub fn into_values(self) -> Vec<Value<'a>> {
        self.values
    }
}

/// Equal items have equal hashes; what is equal across kinds (quantities, objects) shares a coarse one.
fn hash<'a>(run: &Run<'a>, value: &Value<'a>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match run.system(value) {
        Some(Value::String(text)) => text.hash(&mut hasher),
        Some(Value::Boolean(answer)) => answer.hash(&mut hasher),
        Some(Value::Moment(moment)) => moment.parts().hash(&mut hasher),
        Some(other) => match other.decimal() {
            Some(decimal) => {
                let decimal = decimal.trimmed(0);
                (decimal.mantissa, decimal.scale).hash(&mut hasher);
            }
            None => 3.hash(&mut hasher),
        },
        None => match value {
            // Texts inside an object tell most objects apart; their order may differ, so they are added up.
            Value::Element(item, _) => {
                let texts = item.children().filter(|c| c.kind() == crate::pure::fhir::Kind::String);
                let sum = texts.fold(0u64, |sum, child| {
                    let mut one = DefaultHasher::new();
                    (child.key(), child.text()).hash(&mut one);
                    sum.wrapping_add(one.finish())
                });
                sum.hash(&mut hasher);
            }
            _ => 4.hash(&mut hasher),
        },
    }
    hasher.finish()
}
