//! What R4 makes mandatory: an element without it is nothing, so it goes as well.

use crate::pure::fhir::{Item, Kind};
use crate::pure::profile::Definitions;
use crate::pure::profile::node::{Node, Profile};

/// The path of an element in its resource, `CarePlan.activity.reference`, and the resource's type alone for the resource.
pub(super) fn path_in_resource(item: Item<'_>) -> Vec<&str> {
    let mut steps = Vec::new();
    let mut at = item;
    loop {
        if let Some(type_) = at.resource_type() {
            steps.push(type_);
            break;
        }
        let Some(parent) = at.parent() else { break };
        if parent.kind() != Kind::Array {
            steps.push(at.key());
        }
        at = parent;
    }
    steps.reverse();
    steps
}

/// Whether R4 itself asks for an element where its parent is. What is not known to R4 is not asked for.
pub(super) fn is_required(item: Item<'_>, definitions: &Definitions) -> bool {
    node_of(&path_in_resource(item), definitions).is_some_and(|node| node.min > 0)
}

/// The node of R4's own definition at a path of JSON names.
pub(super) fn node_of<'d>(path: &[&str], definitions: &'d Definitions) -> Option<&'d Node> {
    let (type_, steps) = path.split_first()?;
    let mut profile = definitions.type_profile(type_)?;
    let mut node = profile.nodes.first()?;
    let mut of = None;
    for step in steps {
        let (owner, kids) = match (&node.kids, node.shared) {
            (Some(kids), _) => (profile, kids),
            (None, Some(shared)) => (profile, profile.nodes[shared as usize].kids.as_ref()?),
            (None, None) => {
                let inner: &'d Profile = definitions.profile_at(of?)?;
                (inner, inner.nodes.first()?.kids.as_ref()?)
            }
        };
        let (kid, which) = kids.find(step)?;
        profile = owner;
        node = &profile.nodes[kids.nodes[usize::from(kid)] as usize];
        of = node.types.get(usize::from(which)).and_then(|t| t.structure);
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use super::node_of;
    use crate::pure::profile::Definitions;

    #[test]
    fn what_r4_asks_for_is_known_at_every_depth() {
        let definitions = Definitions::r4().unwrap_or_else(|r| panic!("{:?}", r.issues));
        let asked = |path: &str| {
            let steps: Vec<&str> = path.split('.').collect();
            node_of(&steps, &definitions).map(|n| n.min > 0)
        };
        assert_eq!(asked("List.entry.item"), Some(true));
        assert_eq!(asked("List.entry.date"), Some(false));
        assert_eq!(asked("MedicationRequest.medicationReference"), Some(true));
        assert_eq!(asked("Encounter.location.location"), Some(true));
        assert_eq!(asked("Composition.section.section.title"), Some(false));
        assert_eq!(asked("Patient.contact.name.family"), Some(false));
        assert_eq!(asked("Patient.link.other"), Some(true));
        assert_eq!(asked("Patient.nothing"), None);
    }
}
