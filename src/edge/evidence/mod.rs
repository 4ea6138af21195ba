//! Gathers what a decision about a person needs to know: their choices as the store holds them, and when they were read.
//!
//! Comes in: a person. Goes out: evidence for `decide`, with the epoch it was read at. Choices are read once per epoch
//! and kept in memory; a change of choices is a new epoch, so that nothing kept can outlive it.

use crate::edge::store::Store;
use std::sync::Arc;

/// Where evidence is gathered.
#[derive(Clone, Debug)]
pub struct Gatherer {
    #[allow(dead_code)]
    store: Arc<dyn Store>,
}

impl Gatherer {
    /// Gathers from this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Gatherer {
        Gatherer { store }
    }
}
