//! Elements → the tree that JSON would have given: arrays by type, primitives as value and `_name`, choices as named.

use super::Fault;
use super::elements::Element;
use crate::pure::fhir::tree::{Id, Kind, Tree};
use crate::pure::fhirpath::{Model, Type};
use std::collections::HashSet;

/// What a type's values look like in JSON.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Bool,
    Number,
    Text,
    Narrative,
    Object,
    /// An element that holds a resource
    Resource,
}

/// Makes the tree of a document.
pub(super) fn tree(text: &str, root: &Element, model: &dyn Model) -> Result<Tree, Fault> {
    let mut tree = Tree::default();
    tree.add_source(None, text);
    let mut converter = Converter { text, model, tree };
    converter.root(root)?;
    Ok(converter.tree)
}

struct Converter<'t> {
    text: &'t str,
    model: &'t dyn Model,
    tree: Tree,
}

impl Converter<'_> {
    fn root(&mut self, root: &Element) -> Result<(), Fault> {
        let id = self.tree.push_raw(None, (0, 0), Kind::Object, (0, 0), offset(root));
        self.resource(id, root)
    }

    /// Fills an object with a resource.
    fn resource(&mut self, id: Id, element: &Element) -> Result<(), Fault> {
        let kind = self.tree.push_str(id, "resourceType", &element.name);
        self.tree.set_offset(kind, offset(element));
        self.fields(id, element, self.model.find(&element.name))
    }

    fn form(&self, kind: Option<Type>, element: &Element) -> Form {
        let Some(kind) = kind else {
            return if element.value.is_some() { Form::Text } else { Form::Object };
        };
        match self.model.name(kind) {
            "boolean" => Form::Bool,
            "integer" | "positiveInt" | "unsignedInt" | "decimal" => Form::Number,
            "xhtml" => Form::Narrative,
            "Resource" | "DomainResource" => Form::Resource,
            name if name.starts_with(|c: char| c.is_ascii_lowercase()) => Form::Text,
            _ => Form::Object,
        }
    }

    /// Adds the attributes and children of an element to its object.
    fn fields(&mut self, id: Id, element: &Element, kind: Option<Type>) -> Result<(), Fault> {
        for (name, value) in [("id", &element.id), ("url", &element.url)] {
            if let Some(value) = value {
                let node = self.tree.push_str(id, name, value);
                self.tree.set_offset(node, offset(element));
            }
        }
        let mut seen = HashSet::new();
        let mut rest = element.children.as_slice();
        while let Some(first) = rest.first() {
            let name = first.name.as_str();
            // JSON has one place for a name, so XML must not come back to it.
            if !seen.insert(name) {
                let text = format!("`{name}` stands apart from others of its name");
                return Err(Fault::new(first.at, "xml-order", text, "keep elements of one name together"));
            }
            let together = rest.iter().take_while(|c| c.name == name).count();
            let (same, others) = rest.split_at(together);
            self.named(id, name, same, kind)?;
            rest = others;
        }
        Ok(())
    }

    /// Adds all elements of one name.
    fn named(&mut self, id: Id, name: &str, same: &[Element], holder: Option<Type>) -> Result<(), Fault> {
        let element = holder.and_then(|holder| self.model.element(holder, name));
        let kind = element.map(|e| e.is);
        let form = self.form(kind, &same[0]);
        let array = element.is_some_and(|e| e.array) || same.len() > 1;
        if matches!(form, Form::Bool | Form::Number | Form::Text) {
            return self.primitives(id, name, same, form, array);
        }
        let (at, name) = if array { (self.push(id, name, Kind::Array, &same[0]), "") } else { (id, name) };
        for element in same {
            match form {
                Form::Narrative => {
                    let text = self.text.get(element.at..element.end).unwrap_or_default();
                    let node = self.tree.push_str(at, name, text);
                    self.tree.set_offset(node, offset(element));
                }
                Form::Resource => {
                    let node = self.push(at, name, Kind::Object, element);
                    let [resource] = element.children.as_slice() else {
                        let text = format!("`{}` should hold one resource", element.name);
                        return Err(Fault::new(element.at, "xml-resource", text, "put exactly one resource into it"));
                    };
                    self.resource(node, resource)?;
                }
                _ => {
                    let node = self.push(at, name, Kind::Object, element);
                    self.fields(node, element, kind)?;
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, parent: Id, name: &str, kind: Kind, element: &Element) -> Id {
        let node = self.tree.push_value(parent, name, kind, "");
        self.tree.set_offset(node, offset(element));
        node
    }

    /// Adds values under `name` and their ids and extensions under `_name`.
    fn primitives(&mut self, id: Id, name: &str, same: &[Element], form: Form, array: bool) -> Result<(), Fault> {
        if same.iter().any(|e| e.value.is_some()) || (!array && !has_more(&same[0])) {
            let (at, key) = if array { (self.push(id, name, Kind::Array, &same[0]), "") } else { (id, name) };
            for element in same {
                self.value(at, key, element, form);
            }
        }
        if same.iter().any(has_more) {
            let beside = format!("_{name}");
            let (at, key) = if array { (self.push(id, &beside, Kind::Array, &same[0]), "") } else { (id, &*beside) };
            for element in same {
                if has_more(element) {
                    let node = self.push(at, key, Kind::Object, element);
                    self.fields(node, element, self.model.find("Element"))?;
                } else {
                    self.push(at, key, Kind::Null, element);
                }
            }
        }
        Ok(())
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

/// Whether JSON could write the number so; what it could not stays a text, for the validator to name.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
    let plain = digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.ends_with('.') && text.len() <= 64;
    plain && !leading_zero && crate::pure::fhirpath::Decimal::parse(text).is_some()
}
