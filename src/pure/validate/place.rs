//! Where a finding is, in FHIRPath: `Observation.value.ofType(Quantity).code`, for what JSON writes as `valueQuantity`,
//! and `Patient.birthDate.extension[0]` for what stands beside a value (R4 §2.6.2.1.2, §2.6.7).

use super::walk::Walk;
use crate::pure::fhir::Item;
use crate::pure::profile::node::{Kids, NodeIndex, Profile};
use std::fmt::Write;

impl<'a> Walk<'a> {
    /// The FHIRPath of an item from the root of its tree. What the model does not know is written as it was sent.
    pub(super) fn expression(&self, item: Item<'a>) -> String {
        let mut line = vec![item];
        while let Some(parent) = line.last().and_then(|i| i.parent()) {
            line.push(parent);
        }
        let root = line.pop().unwrap_or(item);
        let mut path = root.resource_type().unwrap_or_default().to_owned();
        let mut at = self.start(root);
        for step in line.into_iter().rev() {
            if let Some(index) = step.index() {
                let _ = write!(path, "[{index}]");
            } else {
                let name = step.key().trim_start_matches('_');
                at = at.and_then(|(profile, node)| self.name_step(profile, node, name, &mut path));
                if at.is_none() {
                    path.push('.');
                    path.push_str(name);
                }
            }
            if step.resource_type().is_some() {
                at = self.start(step);
            }
        }
        path.trim_start_matches('.').to_owned()
    }

    fn start(&self, resource: Item<'a>) -> Option<(&'a Profile, NodeIndex)> {
        Some((self.definitions.type_profile(resource.resource_type()?)?, 0))
    }

    /// Writes one name, and says where the model goes on. None where it does not know the name.
    fn name_step(
        &self,
        profile: &'a Profile,
        owner: NodeIndex,
        name: &str,
        path: &mut String,
    ) -> Option<(&'a Profile, NodeIndex)> {
        let kids = kids(profile, owner)?;
        let (kid, which) = kids.find(name)?;
        let index = kids.nodes[usize::from(kid)];
        let node = &profile.nodes[index as usize];
        let of = node.types.get(usize::from(which));
        path.push('.');
        path.push_str(&node.name);
        if let (true, Some(of)) = (node.is_choice, of) {
            let _ = write!(path, ".ofType({})", of.code);
        }
        if node.kids.is_some() || node.shared.is_some() {
            return Some((profile, index));
        }
        // a primitive has the elements of Element: `id` and `extension`
        let inner = of.and_then(|of| of.structure).and_then(|s| self.definitions.profile_at(s));
        Some((inner.or_else(|| self.definitions.type_profile("Element"))?, 0))
    }
}

fn kids(profile: &Profile, owner: NodeIndex) -> Option<&Kids> {
    let node = &profile.nodes[owner as usize];
    match (&node.kids, node.shared) {
        (Some(kids), _) => Some(kids),
        (None, Some(shared)) => profile.nodes[shared as usize].kids.as_ref(),
        (None, None) => None,
    }
}
