//! What invariants may ask beyond the record: value sets and profiles, as far as they are loaded.

use super::Options;
use super::index::Index;
use super::rules::binding::membership;
use super::walk::Walk;
use crate::pure::fhir::Item;
use crate::pure::fhirpath::World;
use crate::pure::profile::Definitions;
use crate::pure::profile::node::Profile;
use crate::pure::profile::value_set::Membership;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the definitions know.
pub(super) struct Known<'d> {
    pub definitions: &'d Definitions,
    pub index: Index<'d>,
    /// The same of further records that were handed in.
    pub beside: Vec<Index<'d>>,
    /// How many profiles are being asked about inside one another
    nested: AtomicUsize,
}

/// Profiles whose invariants ask `conformsTo()` about others, and so on; one that asks about itself never ends.
const NESTED: usize = 4;

impl<'d> Known<'d> {
    /// What the definitions and these records say.
    pub fn new(definitions: &'d Definitions, index: Index<'d>, beside: Vec<Index<'d>>) -> Known<'d> {
        Known { definitions, index, beside, nested: AtomicUsize::new(0) }
    }

    fn conforms(&self, profile: &Profile, item: Item<'_>) -> bool {
        let options = Options::default();
        let mut walk = Walk::new(self.definitions, self, &options, item);
        if item.resource_type().is_some_and(|name| !walk.is_type(name, &profile.type_name)) {
            return false;
        }
        if !profile.is_constraint && item.resource_type().is_some() {
            walk.resource(item);
        }
        walk.against(item, profile);
        walk.report.is_valid()
    }

    /// What is known of the record that an item is of.
    pub fn index_of(&self, item: Item<'_>) -> &Index<'d> {
        if self.beside.is_empty() || self.index.knows(item) {
            return &self.index;
        }
        self.beside.iter().find(|index| index.knows(item)).unwrap_or(&self.index)
    }
}

impl World for Known<'_> {
    fn within<'a>(&'a self, reference: &str, holder: Item<'a>, from: Item<'a>) -> Option<Option<Item<'a>>> {
        if let Some(id) = reference.strip_prefix('#') {
            let index = self.index_of(holder);
            return index.knows(holder).then(|| index.contained(holder, id));
        }
        Some(self.index_of(holder).entries(holder)?.find(reference, from))
    }

    fn member_of(&self, value_set: &str, coded: Item<'_>) -> Option<bool> {
        let set = self.definitions.value_set(value_set)?;
        match membership(coded, &set, "") {
            Membership::In => Some(true),
            Membership::Out => Some(false),
            Membership::Unknown(_) => None,
        }
    }

    fn subsumes(&self, system: &str, upper: &str, lower: &str) -> Option<bool> {
        let system = self.definitions.code_system(system)?;
        // A code that an incomplete system lacks may stand anywhere in it.
        system.find(upper).and(system.find(lower))?;
        Some(system.is_below(lower, upper))
    }

    fn conforms_to(&self, profile: &str, item: Item<'_>) -> Option<bool> {
        let profile = self.definitions.profile(profile)?;
        let outer = self.nested.fetch_add(1, Ordering::Relaxed);
        let answer = (outer < NESTED).then(|| self.conforms(profile, item));
        self.nested.fetch_sub(1, Ordering::Relaxed);
        answer
    }
}
