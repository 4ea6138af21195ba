//! Slicing (R4 §5.1.0.14): a list cut into named parts by discriminators, each part with its own cardinality and rules.

use super::binding::membership;
use super::fixed::{equals, holds};
use crate::pure::fhir::{Item, Kind};
use crate::pure::profile::element::{Slicing, Tell};
use crate::pure::profile::node::{NodeIndex, Profile};
use crate::pure::profile::value_set::Membership;
use crate::pure::validate::overlay::{Found, gather};
use crate::pure::validate::walk::{By, Walk};
use std::sync::Arc;

impl<'a> Walk<'a> {
    /// Gives each value its slice, then holds each slice to its rules.
    pub(in crate::pure::validate) fn slices(
        &mut self,
        holder: Item<'a>,
        found: &[Found<'a>],
        by: By<'a>,
        slicing: &'a Slicing,
        slices: &'a [(Arc<str>, NodeIndex)],
    ) {
        let mut members: Vec<Vec<Found<'a>>> = vec![Vec::new(); slices.len()];
        let mut outside = None;
        let mut latest = 0;
        for one in found {
            let slice = slices.iter().position(|(_, index)| self.is_in_slice(*one, by.profile, *index, slicing));
            match slice {
                Some(at) => {
                    members[at].push(*one);
                    self.only_one_slice(*one, by, slicing, &slices[at..]);
                    if slicing.is_ordered && at < latest {
                        let text = format!("the slices of `{}` should stand in the order of the profile", by.node.id);
                        self.error("structure", "slice-out-of-order", one.item, Some(by), text, "put them in order");
                    }
                    latest = latest.max(at);
                    if let (Some(before), true) = (outside, &*slicing.rules == "openAtEnd") {
                        let text = format!("of `{}` what is in no slice should stand at the end", by.node.id);
                        self.error("structure", "slice-after-others", before, Some(by), text, "move it to the end");
                    }
                }
                None => {
                    outside.get_or_insert(one.item);
                    if &*slicing.rules == "closed" {
                        let text = format!("this value of `{}` fits no slice, and no others are allowed", by.node.id);
                        let remedy = "make it fit one of the slices, or leave it out";
                        self.error("structure", "no-slice-fits", one.item, Some(by), text, remedy);
                    }
                }
            }
        }
        for ((_, index), members) in slices.iter().zip(&members) {
            self.overlay_values(holder, members, by.profile, *index);
        }
    }

    /// A value is in one slice: what tells slices apart puts it into no second one (R4 profiling.html#discriminator).
    /// `slices` begin with the one it is in. Types of a choice tell themselves apart.
    fn only_one_slice(
        &mut self,
        found: Found<'a>,
        by: By<'a>,
        slicing: &'a Slicing,
        slices: &'a [(Arc<str>, NodeIndex)],
    ) {
        let [(name, first), others @ ..] = slices else { return };
        if by.node.is_choice || others.is_empty() || slicing.discriminators.is_empty() {
            return;
        }
        for (other, index) in others {
            // extensions, by far the most slices there are, are told apart by two texts
            if let [(_, path)] = slicing.discriminators.as_slice()
                && let Some(mine) = self.extension_url(by.profile, *first, path)
                && let Some(theirs) = self.extension_url(by.profile, *index, path)
                && mine != theirs
            {
                continue;
            }
            if self.is_in_slice(found, by.profile, *index, slicing)
                && [first, index].iter().all(|slice| self.is_told(by.profile, **slice, slicing))
            {
                let text = format!("this value of `{}` fits two slices, `{name}` and `{other}`", by.node.id);
                let remedy = "make it fit one of them, or mend what tells them apart in the profile";
                self.error("invalid", "two-slices-fit", found.item, Some(by), text, remedy);
                return;
            }
        }
    }

    /// Whether a slice says something at the place of a discriminator, so that being in it is not by default.
    fn is_told(&self, profile: &'a Profile, slice: NodeIndex, slicing: &'a Slicing) -> bool {
        slicing.discriminators.iter().any(|(tell, path)| {
            if self.extension_url(profile, slice, path).is_some() {
                return true;
            }
            let mut spec = Spec { profile, node: Some(slice), constant: None };
            for step in steps(path) {
                spec = self.spec_step(spec, step);
            }
            let Some(index) = spec.node else { return spec.constant.is_some() };
            let node = &spec.profile.nodes[index as usize];
            match tell {
                Tell::Exists => node.max == 0 || node.min > 0,
                Tell::Type => index == 0 || !node.types.is_empty(),
                Tell::Profile => index == 0 || node.types.iter().any(|t| !t.profiles.is_empty()),
                Tell::Value => node.fixed.is_some() || node.pattern.is_some() || node.binding.is_some(),
            }
        })
    }

    fn is_in_slice(&mut self, found: Found<'a>, profile: &'a Profile, slice: NodeIndex, slicing: &'a Slicing) -> bool {
        let discriminators = &slicing.discriminators;
        if discriminators.is_empty() {
            // nothing tells them apart: whatever meets the slice is in it
            return self.tried(|walk| walk.overlay_value(found, profile, slice));
        }
        discriminators.iter().all(|(tell, path)| self.tells(found, profile, slice, *tell, path))
    }

    /// Whether one discriminator puts a value into a slice.
    fn tells(&mut self, found: Found<'a>, profile: &'a Profile, slice: NodeIndex, tell: Tell, path: &'a str) -> bool {
        if let Some(url) = self.extension_url(profile, slice, path) {
            return found.item.str_at(&["url"]) == Some(url);
        }
        let mut items = vec![found];
        let mut spec = Spec { profile, node: Some(slice), constant: None };
        for step in steps(path) {
            items = self.step(&items, step);
            spec = self.spec_step(spec, step);
        }
        match tell {
            Tell::Exists => match spec.node.map(|n| &spec.profile.nodes[n as usize]) {
                Some(node) if node.max == 0 => items.is_empty(),
                Some(node) if node.min > 0 => !items.is_empty(),
                _ => true,
            },
            Tell::Type => self.tells_type(&items, spec),
            Tell::Profile => self.tells_profile(&items, spec),
            Tell::Value => self.tells_value(&items, spec),
        }
    }

    /// The url of the extension that a slice is about, where its profile says it only by its own name.
    fn extension_url(&self, profile: &'a Profile, slice: NodeIndex, path: &str) -> Option<&'a str> {
        let node = &profile.nodes[slice as usize];
        if path != "url" || !matches!(&*node.name, "extension" | "modifierExtension") || node.kids.is_some() {
            return None;
        }
        node.types.first().and_then(|t| t.profiles.first()).map(|p| p.split('|').next().unwrap_or(p))
    }

    fn tells_type(&mut self, items: &[Found<'a>], spec: Spec<'a>) -> bool {
        let Some(index) = spec.node else { return true };
        let node = &spec.profile.nodes[index as usize];
        let mut allowed: Vec<Arc<str>> = node.types.iter().map(|t| t.code.clone()).collect();
        if index == 0 {
            allowed = vec![spec.profile.type_name.clone()];
        } else if allowed.is_empty() {
            let slices = node.slicing.iter().flat_map(|(_, slices)| slices);
            let nodes = slices.map(|(_, slice)| &spec.profile.nodes[*slice as usize]);
            allowed = nodes.flat_map(|n| &n.types).map(|t| t.code.clone()).collect();
        }
        allowed.is_empty()
            || items.iter().any(|one| {
                let name = one.type_name.or_else(|| one.item.resource_type());
                name.is_some_and(|name| allowed.iter().any(|t| self.is_type(name, t)))
            })
    }

    fn tells_profile(&mut self, items: &[Found<'a>], spec: Spec<'a>) -> bool {
        let mut urls: Vec<Arc<str>> = Vec::new();
        // a slice that says nothing here is not told apart by this discriminator
        let Some(index) = spec.node else { return true };
        if index == 0 {
            urls.push(spec.profile.url.clone());
        }
        for of in &spec.profile.nodes[index as usize].types {
            urls.extend(of.profiles.iter().cloned());
            if of.profiles.is_empty() && self.definitions.type_profile(&of.code).is_some_and(|p| p.is_resource) {
                urls.push(Arc::from(format!("http://hl7.org/fhir/StructureDefinition/{}", of.code)));
            }
        }
        urls.is_empty() || items.iter().any(|one| urls.iter().any(|url| self.conforms_to(one.item, url) == Some(true)))
    }

    fn tells_value(&mut self, items: &[Found<'a>], spec: Spec<'a>) -> bool {
        if let Some((value, is_pattern)) = spec.constant {
            return items.iter().any(|one| if is_pattern { holds(one.item, value) } else { equals(one.item, value) });
        }
        // a slice that says nothing here is not told apart by this discriminator
        let Some(index) = spec.node else { return true };
        let profile = spec.profile;
        let node = &profile.nodes[index as usize];
        let mut says = false;
        if let Some(fixed) = &node.fixed {
            says = true;
            if !items.iter().any(|one| equals(one.item, fixed.tree.root())) {
                return false;
            }
        }
        if let Some(pattern) = &node.pattern {
            says = true;
            if !items.iter().any(|one| holds(one.item, pattern.tree.root())) {
                return false;
            }
        }
        if !says
            && let Some(url) = node.binding.as_ref().and_then(|b| b.value_set.as_ref())
            && let Some(set) = self.definitions.value_set(url)
        {
            says = true;
            let code = |one: &Found<'a>| membership(one.item, &set, one.type_name.unwrap_or_default());
            if !items.iter().any(|one| code(one) == Membership::In) {
                return false;
            }
        }
        if !says && (node.kids.is_some() || !node.types.is_empty()) {
            return items.iter().any(|one| {
                let one = *one;
                self.tried(|walk| walk.overlay_value(one, profile, index))
            });
        }
        says || (node.max == 0 && items.is_empty()) || (node.max != 0 && !items.is_empty())
    }

    /// One step of a discriminator's path over values.
    fn step(&self, items: &[Found<'a>], step: &str) -> Vec<Found<'a>> {
        let mut next = Vec::new();
        for one in items {
            match function(step) {
                Some(("resolve", _)) => {
                    let reference = one.item.str_at(&["reference"]).or_else(|| one.item.str());
                    let target = reference.and_then(|r| self.resolve(r, one.item));
                    next.extend(target.map(|item| Found { item, type_name: None }));
                }
                Some(("extension", url)) => {
                    let extensions = one.item.all("extension").filter(|e| e.str_at(&["url"]) == Some(url));
                    next.extend(extensions.map(|item| Found { item, type_name: None }));
                }
                Some(("ofType", name)) => {
                    if one.type_name.or_else(|| one.item.resource_type()) == Some(name) {
                        next.push(*one);
                    }
                }
                Some(_) => {}
                None => next.extend(named(one.item, step)),
            }
        }
        next
    }

    /// The same step over what the slice says.
    fn spec_step(&self, spec: Spec<'a>, step: &str) -> Spec<'a> {
        if let Some((value, is_pattern)) = spec.constant {
            let inner = value.each().next().and_then(|v| v.get(step));
            return Spec { node: None, constant: inner.map(|i| (i, is_pattern)), ..spec };
        }
        let Some(index) = spec.node else { return spec };
        let node = &spec.profile.nodes[index as usize];
        let nowhere = Spec { profile: spec.profile, node: None, constant: None };
        match function(step) {
            Some(("ofType", _)) => return spec,
            Some(("resolve", _)) => {
                let target = node.types.iter().flat_map(|t| &t.targets).next();
                let profile = target.and_then(|url| self.definitions.profile(url));
                return profile.map_or(nowhere, |profile| Spec { profile, node: Some(0), constant: None });
            }
            Some(("extension", url)) => {
                let all =
                    below(spec.profile, index, "extension").map(|i| slices_below(spec.profile, i)).unwrap_or_default();
                let is_same = |index: &NodeIndex| {
                    let types = &spec.profile.nodes[*index as usize].types;
                    types.iter().flat_map(|t| &t.profiles).any(|p| **p == *url)
                };
                // a slice of a slice says more than the one it is of
                let same = all.into_iter().rfind(is_same);
                return same.map_or(nowhere, |index| Spec { node: Some(index), ..nowhere });
            }
            Some(_) => return nowhere,
            None => {}
        }
        // of a list that is sliced further, the parts that have to be there say more than what all parts share
        let slices = node.slicing.iter().flat_map(|(_, slices)| slices).map(|(_, slice)| *slice);
        let mut asked_for = slices.filter(|slice| spec.profile.nodes[*slice as usize].min > 0);
        if let Some(index) = asked_for.find_map(|slice| below(spec.profile, slice, step)) {
            return Spec { node: Some(index), ..nowhere };
        }
        if let Some(index) = below(spec.profile, index, step) {
            // what is said of a choice is said of the one type it is cut down to (`valueCode`)
            let found = &spec.profile.nodes[index as usize];
            let index = match &found.slicing {
                Some((_, slices)) if found.is_choice && slices.len() == 1 => slices[0].1,
                _ => index,
            };
            return Spec { node: Some(index), ..nowhere };
        }
        for (value, is_pattern) in [(&node.fixed, false), (&node.pattern, true)] {
            if let Some(inner) = value.as_ref().and_then(|v| v.tree.root().get(step)) {
                return Spec { profile: spec.profile, node: None, constant: Some((inner, is_pattern)) };
            }
        }
        // what the slice does not say itself, the profile of its type may
        for url in node.types.iter().flat_map(|t| &t.profiles) {
            if let Some((profile, node)) = self.definitions.profile_element(url)
                && let Some(index) = below(profile, node, step)
            {
                return Spec { profile, node: Some(index), constant: None };
            }
        }
        nowhere
    }
}

/// What a slice says at one place: a node of a profile.
#[derive(Clone, Copy)]
struct Spec<'a> {
    profile: &'a Profile,
    node: Option<NodeIndex>,
    /// A value inside one that is fixed further up, and whether that is a pattern.
    constant: Option<(Item<'a>, bool)>,
}

/// The slices of a node, each before its own slices.
fn slices_below(profile: &Profile, index: NodeIndex) -> Vec<NodeIndex> {
    let mut found = Vec::new();
    let mut open = vec![index];
    while let Some(index) = open.pop() {
        let slices = profile.nodes[index as usize].slicing.as_ref().map(|(_, slices)| slices.as_slice());
        for (_, slice) in slices.unwrap_or_default() {
            found.push(*slice);
            open.push(*slice);
        }
    }
    found
}

fn below(profile: &Profile, index: NodeIndex, name: &str) -> Option<NodeIndex> {
    let node = &profile.nodes[index as usize];
    let owner = if node.kids.is_some() { index } else { node.shared? };
    let kids = profile.nodes[owner as usize].kids.as_ref()?;
    kids.nodes.iter().copied().find(|kid| *profile.nodes[*kid as usize].name == *name)
}

/// The values under a name, of a choice those of any type.
fn named<'a>(item: Item<'a>, name: &str) -> Vec<Found<'a>> {
    if item.kind() != Kind::Object {
        return Vec::new();
    }
    let plain: Vec<Found<'a>> = item.all(name).map(|item| Found { item, type_name: None }).collect();
    if !plain.is_empty() {
        return plain;
    }
    let choice = crate::pure::profile::node::Node { name: Arc::from(name), is_choice: true, ..Default::default() };
    gather(item, &choice)
}

/// The steps of a discriminator path: `$this`, `code.coding`, `value.ofType(Quantity)`, `extension('http://a.b/c').value`.
fn steps(path: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in path.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            '.' if depth == 0 => {
                found.push(&path[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&path[start..]);
    found.retain(|step| !step.is_empty() && *step != "$this");
    found
}

fn function(step: &str) -> Option<(&str, &str)> {
    let (name, rest) = step.split_once('(')?;
    Some((name, rest.trim_end_matches(')').trim_matches(['\'', '"'])))
}

#[cfg(test)]
mod tests {
    use super::{function, steps};

    #[test]
    fn a_path_is_cut_at_dots_outside_brackets() {
        assert_eq!(steps("extension('http://a.b/c').value"), ["extension('http://a.b/c')", "value"]);
        assert_eq!(steps("$this"), Vec::<&str>::new());
        assert_eq!(function("extension('http://a.b/c')"), Some(("extension", "http://a.b/c")));
        assert_eq!(function("code"), None);
    }
}
