//! Elements → the tree that JSON would have given: arrays by type, primitives as value and `_name`, choices as named.

use super::elements::{Element, strange_attribute};
use super::form::{Form, is_resource};
use super::place::expression;
use super::{Fault, MOST_FAULTS, R4};
use crate::pure::fhir::json::is_number;
use crate::pure::fhir::tree::{Id, Kind, Tree};
use crate::pure::fhirpath::{self, Model, Type};
use std::collections::HashMap;

/// Makes the tree of a document; and what is wrong with its XML, in no order.
pub(super) fn tree(text: &str, root: &Element, model: &dyn Model) -> (Tree, Vec<Fault>) {
    let mut tree = Tree::default();
    tree.add_source(None, text);
    let id = tree.push_raw(None, (0, 0), Kind::Object, (0, 0), offset(root));
    let mut converter = Converter { model, tree, faults: Vec::new() };
    converter.resource(id, root);
    (converter.tree, converter.faults)
}

struct Converter<'m> {
    model: &'m dyn Model,
    tree: Tree,
    faults: Vec<Fault>,
}

/// Which of its three attributes an element may have.
#[derive(Clone, Copy, Default)]
struct Allowed {
    value: bool,
    id: bool,
    url: bool,
}

/// The elements of one name, and what the types know of them.
struct Group<'e> {
    name: &'e str,
    known: Option<fhirpath::Element>,
    all: Vec<&'e Element>,
}

impl Group<'_> {
    fn is_array(&self) -> bool {
        self.known.is_some_and(|e| e.array) || self.all.len() > 1
    }
}

impl Converter<'_> {
    /// Fills an object with a resource.
    fn resource(&mut self, id: Id, element: &Element) {
        let kind = self.tree.push_str(id, "resourceType", &element.name);
        self.tree.set_offset(kind, offset(element));
        self.told(element, Allowed::default(), id, None);
        let kind = self.model.find(&element.name).filter(|kind| is_resource(self.model, *kind));
        self.fields(id, element, kind);
    }

    /// Passes on what was noted on an element, and whether it has attributes that it should not have. It stands at `id`,
    /// or below it under this name and index.
    fn told(&mut self, element: &Element, allowed: Allowed, id: Id, below: Option<(&str, Option<usize>)>) {
        let has = [(&element.value, allowed.value), (&element.id, allowed.id), (&element.url, allowed.url)];
        let strange = has.iter().any(|(value, allowed)| value.is_some() && !allowed);
        let strange = strange.then(|| strange_attribute(element.at, &element.name));
        for fault in strange.into_iter().chain(element.faults.iter().cloned()) {
            self.note(fault, id, below);
        }
    }

    fn note(&mut self, mut fault: Fault, id: Id, below: Option<(&str, Option<usize>)>) {
        if self.faults.len() < MOST_FAULTS {
            fault.expression = Some(expression(self.tree.item(id), below, self.model));
            self.faults.push(fault);
        }
    }

    /// Adds the attributes and children of an element to its object.
    fn fields(&mut self, id: Id, element: &Element, kind: Option<Type>) {
        for (name, value) in [("id", &element.id), ("url", &element.url)] {
            if let Some(value) = value {
                let node = self.tree.push_str(id, name, value);
                self.tree.set_offset(node, offset(element));
            }
        }
        for group in self.groups(id, &element.children, kind) {
            self.group(id, &group);
        }
    }

    /// The children by name: JSON has one place for a name. XML should have one too, and in the order of definition.
    fn groups<'e>(&mut self, id: Id, children: &'e [Element], kind: Option<Type>) -> Vec<Group<'e>> {
        let mut groups: Vec<Group<'e>> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut before = None;
        let mut highest = None;
        for child in children {
            if before == Some(child.name.as_str()) {
                groups[places[child.name.as_str()]].all.push(child);
                continue;
            }
            let at = *places.entry(&child.name).or_insert(groups.len());
            let is_new = at == groups.len();
            if is_new {
                let known = kind.and_then(|kind| self.model.element(kind, &child.name));
                groups.push(Group { name: &child.name, known, all: Vec::new() });
            }
            let group = &mut groups[at];
            let position = group.known.map(|e| e.position);
            if !is_new || (position.is_some() && position < highest) {
                let index = (!is_new || group.is_array()).then_some(group.all.len());
                let text = format!("`{}` does not stand where its type has it", super::shown(&child.name));
                let remedy = "put elements in the order of their definitions, those of one name together";
                self.note(Fault::new(child.at, "xml-order", text, remedy).rule(R4), id, Some((&child.name, index)));
            }
            groups[at].all.push(child);
            highest = highest.max(position);
            before = Some(child.name.as_str());
        }
        groups
    }

    /// Adds all elements of one name.
    fn group(&mut self, id: Id, group: &Group<'_>) {
        let kind = group.known.map(|e| e.is);
        let form = match kind {
            Some(kind) => Form::of(self.model, kind),
            None if group.all.iter().any(|e| e.value.is_some()) => Form::Text,
            None => Form::Object,
        };
        let anything = kind.is_none();
        let allowed = Allowed {
            value: anything || form.is_primitive(),
            id: anything || form != Form::Resource,
            url: anything || (form == Form::Object && kind.is_some_and(|kind| self.model.name(kind) == "Extension")),
        };
        let is_array = group.is_array();
        for (index, element) in group.all.iter().enumerate() {
            self.told(element, allowed, id, Some((group.name, is_array.then_some(index))));
            if element.narrative.is_some() && form != Form::Narrative {
                let text = "XHTML stands where the types have none";
                let fault =
                    Fault::new(element.at, "xml-namespace", text, "put XHTML into the `div` of a narrative only");
                self.note(fault.rule(R4), id, Some((group.name, is_array.then_some(index))));
            }
        }
        if form.is_primitive() {
            return self.primitives(id, group, form);
        }
        let first = group.all[0];
        let (at, name) = if is_array { (self.push(id, group.name, Kind::Array, first), "") } else { (id, group.name) };
        for element in &group.all {
            match form {
                Form::Narrative => {
                    let node = self.tree.push_str(at, name, element.narrative.as_deref().unwrap_or_default());
                    self.tree.set_offset(node, offset(element));
                }
                Form::Resource => {
                    let node = self.push(at, name, Kind::Object, element);
                    self.held(node, element);
                }
                _ => {
                    let node = self.push(at, name, Kind::Object, element);
                    self.fields(node, element, kind);
                }
            }
        }
    }

    /// Fills the object of an element that holds one resource.
    fn held(&mut self, id: Id, element: &Element) {
        if element.children.len() != 1 {
            let text = format!("`{}` should hold one resource", element.name);
            self.note(
                Fault::new(element.at, "xml-resource", text, "put exactly one resource into it").rule(R4),
                id,
                None,
            );
        }
        if let Some(resource) = element.children.first() {
            self.resource(id, resource);
        }
    }

    fn push(&mut self, parent: Id, name: &str, kind: Kind, element: &Element) -> Id {
        let node = self.tree.push_value(parent, name, kind, "");
        self.tree.set_offset(node, offset(element));
        node
    }

    /// Adds values under `name` and their ids and extensions under `_name`.
    fn primitives(&mut self, id: Id, group: &Group<'_>, form: Form) {
        let (name, all, array) = (group.name, &group.all, group.is_array());
        // an element with nothing at all is kept, for the validator to name
        if all.iter().any(|e| e.value.is_some()) || !all.iter().any(|e| has_more(e)) {
            let (at, key) = if array { (self.push(id, name, Kind::Array, all[0]), "") } else { (id, name) };
            for element in all {
                self.value(at, key, element, form);
            }
        }
        if all.iter().any(|e| has_more(e)) {
            let beside = format!("_{name}");
            let (at, key) = if array { (self.push(id, &beside, Kind::Array, all[0]), "") } else { (id, &*beside) };
            for element in all {
                if has_more(element) {
                    let node = self.push(at, key, Kind::Object, element);
                    self.fields(node, element, self.model.find("Element"));
                } else {
                    self.push(at, key, Kind::Null, element);
                }
            }
        }
    }

    fn value(&mut self, at: Id, key: &str, element: &Element, form: Form) {
        let node = match element.value.as_deref() {
            None => self.tree.push_value(at, key, Kind::Null, ""),
            Some(value @ ("true" | "false")) if form == Form::Bool => self.tree.push_bool(at, key, value == "true"),
            Some(value) if form == Form::Number && is_number(value) => self.tree.push_number(at, key, value),
            Some(value) => self.tree.push_str(at, key, value),
        };
        self.tree.set_offset(node, offset(element));
    }
}

fn offset(element: &Element) -> u32 {
    u32::try_from(element.at).unwrap_or(u32::MAX)
}

/// Whether a primitive has an id or extensions.
fn has_more(element: &Element) -> bool {
    element.id.is_some() || !element.children.is_empty()
}
