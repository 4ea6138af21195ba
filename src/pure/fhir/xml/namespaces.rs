//! Which namespace a prefix stands for (Namespaces in XML 1.0).

use super::{Fault, XML};

/// The most declarations in force at once: every name is looked up among them.
const MOST: usize = 64;
const XML_SPACE: &str = "http://www.w3.org/XML/1998/namespace";
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The declarations in force, the innermost last.
#[derive(Default)]
pub(super) struct Namespaces {
    declared: Vec<(String, String)>,
    /// How many were in force before each open element.
    before: Vec<usize>,
}

/// What a prefix stands for.
pub(super) struct Space {
    pub uri: String,
    /// Which declaration says so, in order; none where nothing had to be declared.
    pub declaration: Option<usize>,
}

impl Namespaces {
    /// Says that the next element begins; answers how many declarations are in force around it.
    pub(super) fn enter(&mut self) -> usize {
        self.before.push(self.declared.len());
        self.declared.len()
    }

    /// Takes an attribute, which may be a declaration.
    pub(super) fn declare(&mut self, attribute: &str, uri: &str, at: usize) -> Result<(), Fault> {
        let prefix = match attribute.strip_prefix("xmlns") {
            Some("") => "",
            Some(rest) if rest.starts_with(':') => &rest[1..],
            _ => return Ok(()),
        };
        let reserved = prefix == "xmlns" || (prefix == "xml") != (uri == XML_SPACE);
        if reserved || (!prefix.is_empty() && uri.is_empty()) {
            let text = "this declaration of a namespace is not allowed";
            return Err(Fault::new(at, "xml-namespace", text, "leave the declaration out").rule(XML));
        }
        if self.declared.len() >= MOST {
            let text = format!("more than {MOST} declarations of namespaces are in force");
            return Err(Fault::new(at, "too-many-items", text, "declare namespaces once, on the root element"));
        }
        self.declared.push((prefix.to_owned(), uri.to_owned()));
        Ok(())
    }

    /// Says that the innermost element ends.
    pub(super) fn leave(&mut self) {
        if let Some(before) = self.before.pop() {
            self.declared.truncate(before);
        }
    }

    /// What a prefix stands for.
    pub(super) fn of(&self, prefix: &str, at: usize) -> Result<Space, Fault> {
        if prefix == "xml" {
            return Ok(Space { uri: XML_SPACE.to_owned(), declaration: None });
        }
        match self.declared.iter().rposition(|(p, _)| p == prefix) {
            Some(index) => Ok(Space { uri: self.declared[index].1.clone(), declaration: Some(index) }),
            None if prefix.is_empty() => Ok(Space { uri: String::new(), declaration: None }),
            None => {
                let text = "a prefix stands here that no element around declares";
                Err(Fault::new(at, "xml-namespace", text, "declare it, or leave the prefix out").rule(XML))
            }
        }
    }

    /// Whether an attribute says where a schema is, which readers may skip.
    pub(super) fn is_schema_location(&self, attribute: &str, at: usize) -> Result<bool, Fault> {
        let Some((prefix, name)) = attribute.split_once(':') else { return Ok(false) };
        let known = matches!(name, "schemaLocation" | "noNamespaceSchemaLocation");
        Ok(self.of(prefix, at)?.uri == SCHEMA_INSTANCE && known)
    }
}
