//! The face of the definitions that FHIRPath sees: which type an element has. R4 §2.24, FHIRPath N1 §10.

use super::Definitions;
use super::compile::type_of;
use super::node::{Node, Profile};
use crate::pure::fhirpath::{Element, Model, Type};

impl Definitions {
    fn typed(&self, of: Type) -> Option<(&Profile, &Node)> {
        let (structure, node) = (of.0 >> 12, of.0 & 0xFFF);
        if structure as usize >= self.structures.len() {
            return None;
        }
        let profile = self.profile_at(structure)?;
        Some((profile, profile.nodes.get(node as usize)?))
    }

    /// The node under a JSON name, with its position among its siblings, its index, and the place of its type.
    fn below<'d>(&'d self, of: Type, name: &str) -> Option<(&'d Profile, u16, u32, &'d Node, usize)> {
        let (profile, node) = self.typed(of)?;
        let kids = match (&node.kids, node.shared) {
            (Some(kids), _) => kids,
            (None, Some(shared)) => profile.nodes[shared as usize].kids.as_ref()?,
            (None, None) => return None,
        };
        let (kid, which) = kids.find(name)?;
        let index = kids.nodes[usize::from(kid)];
        Some((profile, kid, index, &profile.nodes[index as usize], usize::from(which)))
    }
}

impl Model for Definitions {
    fn find(&self, name: &str) -> Option<Type> {
        self.type_index(name).map(|index| type_of(index, 0))
    }

    fn name(&self, of: Type) -> &str {
        match self.typed(of) {
            None => "",
            Some((profile, _)) if of.0 & 0xFFF == 0 => &profile.type_name,
            Some((_, node)) => node.types.first().map_or("BackboneElement", |t| &t.code),
        }
    }

    fn base(&self, of: Type) -> Option<Type> {
        let (profile, node) = self.typed(of)?;
        if of.0 & 0xFFF == 0 {
            return profile.base.map(|index| type_of(index, 0));
        }
        let structure = node.types.first().and_then(|t| t.structure);
        structure.or_else(|| self.type_index("BackboneElement")).map(|index| type_of(index, 0))
    }

    fn element(&self, of: Type, name: &str) -> Option<Element> {
        let (profile, position, index, node, which) = self.below(of, name)?;
        let is = if node.kids.is_some() {
            type_of(profile.index, index)
        } else if let Some(shared) = node.shared {
            type_of(profile.index, shared)
        } else {
            *node.choices.get(which)?
        };
        Some(Element { is, choice: node.is_choice, array: node.is_list, position })
    }

    fn choices(&self, of: Type, name: &str) -> &[Type] {
        let Some((profile, node)) = self.typed(of) else { return &[] };
        let kids = match (&node.kids, node.shared) {
            (Some(kids), _) => kids,
            (None, Some(shared)) => match &profile.nodes[shared as usize].kids {
                Some(kids) => kids,
                None => return &[],
            },
            (None, None) => return &[],
        };
        let nodes = kids.nodes.iter().map(|index| &profile.nodes[*index as usize]);
        nodes.filter(|n| n.is_choice && *n.name == *name).map(|n| n.choices.as_slice()).next().unwrap_or(&[])
    }
}
