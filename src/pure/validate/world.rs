//! What invariants may ask beyond the record: value sets and profiles, as far as they are loaded.

use super::Options;
use super::index::Index;
use super::rules::binding::membership;
use super::walk::Walk;
use crate::pure::fhir::Item;
use crate::pure::fhirpath::World;
use crate::pure::profile::Definitions;
use crate::pure::profile::value_set::Membership;

/// What the definitions know.
pub(super) struct Known<'d> {
    pub definitions: &'d Definitions,
    pub index: Index<'d>,
}

impl World for Known<'_> {
    fn within<'a>(&'a self, reference: &str, holder: Item<'a>, from: Item<'a>) -> Option<Option<Item<'a>>> {
        if let Some(id) = reference.strip_prefix('#') {
            return self.index.knows(holder).then(|| self.index.contained(holder, id));
        }
        let entries = self.index.entries(holder)?;
        Some(entries.find(reference, from).or_else(|| entries.namesake(reference)))
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
        let mut walk = Walk::new(self.definitions, self, Options::default(), item);
        if item.resource_type().is_some_and(|name| !walk.is_type(name, &profile.type_name)) {
            return Some(false);
        }
        if !profile.is_constraint && item.resource_type().is_some() {
            walk.resource(item);
        }
        walk.against(item, profile);
        Some(walk.report.is_valid())
    }
}
