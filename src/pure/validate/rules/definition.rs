//! StructureDefinitions as records (R4 §5.1, structuredefinition.html): elements that exist in the type, slicing by
//! discriminators that lead somewhere and never of the root, fixed values that keep to those of the base, and a
//! differential of which a snapshot can be made.

use super::fixed::equals;
use crate::pure::fhir::Item;
use crate::pure::profile::node::{Kids, Node, NodeIndex, Profile};
use crate::pure::validate::walk::Walk;

/// Where a path leads in the types.
enum Place<'a> {
    At(&'a Profile, NodeIndex),
    Nowhere,
    /// Further than the types say: into resources of any type, references, functions.
    Unknown,
}

impl<'a> Walk<'a> {
    /// One StructureDefinition that narrows a type.
    pub(in crate::pure::validate) fn structure_definition(&mut self, root: Item<'a>) {
        if root.str_at(&["kind"]) == Some("logical") || root.str_at(&["derivation"]) != Some("constraint") {
            return;
        }
        let Some(of) = root.str_at(&["type"]).and_then(|name| self.definitions.type_profile(name)) else { return };
        let base = root.str_at(&["baseDefinition"]).and_then(|url| self.definitions.profile(url));
        let Some(base) = base else {
            self.report.not_checked("a profile beside what it builds on", "its base is not loaded");
            return;
        };
        let mut is_sound = true;
        for element in root.get("differential").into_iter().flat_map(|d| d.all("element")) {
            is_sound &= self.element_definition(element, of, base);
        }
        if !is_sound {
            let text = "no snapshot can be made of this definition".to_owned();
            self.error("invalid", "definition-broken", root, None, text, "mend the elements of its differential");
        } else if let Err(report) = self.definitions.try_structure(root) {
            let Some(first) = report.issues.into_iter().next() else { return };
            self.error("invalid", "definition-broken", root, None, first.text, "mend the element named");
            if let (Some(issue), Some(place)) = (self.report.issues.last_mut(), first.place) {
                issue.place = Some(place);
            }
        }
    }

    /// One element of a differential; false where nothing can be made of it.
    fn element_definition(&mut self, element: Item<'a>, of: &'a Profile, base: &'a Profile) -> bool {
        let Some(path) = element.str_at(&["path"]) else { return true };
        let mut steps = path.split('.');
        if steps.next() != Some(&*of.type_name) {
            return self.unsound(element, "the path of an element should begin with the type that is profiled");
        }
        let is_root = !path.contains('.');
        if is_root && element.get("slicing").is_some() {
            return self.unsound(element, "the root of a definition should not be sliced");
        }
        let place = self.follow(Place::At(of, 0), steps);
        if matches!(place, Place::Nowhere) {
            return self.unsound(element, "the path of an element leads to nothing that the type has");
        }
        if let Place::At(profile, node) = place {
            for discriminator in element.get("slicing").into_iter().flat_map(|s| s.all("discriminator")) {
                self.discriminator(discriminator, profile, node);
            }
        }
        self.fixed_as_before(element, path, base);
        true
    }

    fn unsound(&mut self, element: Item<'a>, text: &str) -> bool {
        let remedy = "mend its path, or take the element out";
        self.error("invalid", "definition-broken", element, None, text.to_owned(), remedy);
        false
    }

    /// A discriminator leads to something that the sliced element has.
    fn discriminator(&mut self, discriminator: Item<'a>, profile: &'a Profile, node: NodeIndex) {
        let Some(path) = discriminator.str_at(&["path"]) else { return };
        let steps = path.split('.').filter(|s| *s != "$this");
        if matches!(self.follow(Place::At(profile, node), steps), Place::Nowhere) {
            let text = "the path of a discriminator leads to nothing that the sliced element has".to_owned();
            let remedy = "name an element below it, or `$this`";
            self.error("invalid", "discriminator-path", discriminator, None, text, remedy);
        }
    }

    /// A value that the base fixes stays the same.
    fn fixed_as_before(&mut self, element: Item<'a>, path: &str, base: &'a Profile) {
        let Some(fixed) = element.children().find(|c| c.key().starts_with("fixed")) else { return };
        let mut at = 0;
        for step in path.split('.').skip(1) {
            let kids = base.nodes[at as usize].kids.as_ref();
            let found = kids.and_then(|k| k.nodes.iter().find(|n| *base.nodes[**n as usize].name == *step));
            match found {
                Some(found) => at = *found,
                None => return,
            }
        }
        if let Some(before) = &base.nodes[at as usize].fixed
            && !equals(fixed, before.tree.root())
        {
            let text = "an element fixes another value than its base does".to_owned();
            self.error("invalid", "definition-broken", element, None, text, "keep the value of the base");
        }
    }

    /// Follows the names of a path through the types.
    fn follow<'p>(&self, start: Place<'a>, steps: impl Iterator<Item = &'p str>) -> Place<'a> {
        let mut place = start;
        for step in steps {
            let Place::At(profile, node) = place else { break };
            place = self.next_place(profile, node, step);
        }
        place
    }

    fn next_place(&self, profile: &'a Profile, index: NodeIndex, step: &str) -> Place<'a> {
        if step.contains('(') {
            return Place::Unknown;
        }
        let name = step.strip_suffix("[x]").unwrap_or(step);
        let node = &profile.nodes[index as usize];
        let own = match (&node.kids, node.shared) {
            (Some(kids), _) => Some((profile, kids)),
            (None, Some(shared)) => profile.nodes[shared as usize].kids.as_ref().map(|kids| (profile, kids)),
            (None, None) => None,
        };
        if let Some((profile, kids)) = own {
            return named(profile, kids, name).map_or(Place::Nowhere, |found| Place::At(profile, found));
        }
        for of in &node.types {
            let Some(inner) = of.structure.and_then(|s| self.definitions.profile_at(s)) else { return Place::Unknown };
            // what stands there may be any resource
            if inner.is_resource || inner.is_abstract {
                return Place::Unknown;
            }
            if let Some(found) = inner.nodes[0].kids.as_ref().and_then(|kids| named(inner, kids, name)) {
                return Place::At(inner, found);
            }
        }
        Place::Nowhere
    }
}

fn named(profile: &Profile, kids: &Kids, name: &str) -> Option<NodeIndex> {
    let is_it = |index: &&NodeIndex| {
        let node: &Node = &profile.nodes[**index as usize];
        *node.name == *name
    };
    kids.nodes.iter().find(is_it).copied().or_else(|| kids.find(name).map(|(kid, _)| kids.nodes[usize::from(kid)]))
}
