//! The XHTML of a narrative as text that stands on its own: FHIR's JSON has it as one string (R4 §2.6.2), which knows
//! nothing of what the document around it declared.

use super::namespaces::{Namespaces, Space};
use super::{Fault, XHTML};
use std::collections::BTreeSet;

/// A narrative that is being read. Where it says all it needs itself, its text stays as it was written.
pub(super) struct Narrative {
    at: usize,
    name_end: usize,
    /// How many elements are open around it.
    pub depth: usize,
    /// How many declarations are in force around it.
    around: usize,
    /// What it uses and does not declare.
    missing: BTreeSet<(String, String)>,
    /// Prefixes of XHTML's names, to be left out.
    prefixes: Vec<(usize, usize)>,
    declares_default: bool,
    declares_other: bool,
}

impl Narrative {
    pub(super) fn new(at: usize, name_length: usize, depth: usize, around: usize) -> Narrative {
        let name_end = at + 1 + name_length;
        let (missing, prefixes) = (BTreeSet::new(), Vec::new());
        Narrative { at, name_end, depth, around, missing, prefixes, declares_default: false, declares_other: false }
    }

    /// A start tag whose name begins at `at`.
    pub(super) fn element(&mut self, at: usize, prefix: &str, space: &Space) {
        let is_outside = space.declaration.is_some_and(|d| d < self.around);
        if prefix.is_empty() {
            if is_outside && space.uri == XHTML {
                self.missing.insert((String::new(), XHTML.to_owned()));
            }
        } else if space.uri == XHTML {
            self.missing.insert((String::new(), XHTML.to_owned()));
            self.prefixes.push((at, at + prefix.len() + 1));
        } else if is_outside {
            self.missing.insert((prefix.to_owned(), space.uri.clone()));
        }
    }

    /// An end tag.
    pub(super) fn end_tag(&mut self, at: usize, name: &str, namespaces: &Namespaces) {
        let Some((prefix, _)) = name.split_once(':') else { return };
        if namespaces.of(prefix, at).is_ok_and(|space| space.uri == XHTML) {
            self.prefixes.push((at + 2, at + 3 + prefix.len()));
        }
    }

    /// An attribute of an element that begins at `at`.
    pub(super) fn attribute(&mut self, name: &str, value: &str, spaces: &Namespaces, at: usize) -> Result<(), Fault> {
        if name == "xmlns" {
            self.declares_default |= at == self.at;
            self.declares_other |= value != XHTML;
        } else if let Some((prefix, _)) = name.split_once(':').filter(|(prefix, _)| *prefix != "xmlns") {
            let space = spaces.of(prefix, at)?;
            if space.declaration.is_some_and(|d| d < self.around) {
                self.missing.insert((prefix.to_owned(), space.uri));
            }
        }
        Ok(())
    }

    /// Its text, which ends at `end` of the document's.
    pub(super) fn text(mut self, document: &str, end: usize) -> Result<String, Fault> {
        if self.declares_default {
            self.missing.remove(&(String::new(), XHTML.to_owned()));
        }
        let whole = document.get(self.at..end).unwrap_or_default();
        if self.missing.is_empty() && self.prefixes.is_empty() {
            return Ok(whole.to_owned());
        }
        if self.declares_other {
            let text = "a narrative mixes prefixes and other namespaces";
            let remedy = "write it in XHTML's namespace, without prefixes";
            return Err(Fault::new(self.at, "xml-namespace", text, remedy));
        }
        let declarations: String = self.missing.iter().map(|(prefix, uri)| declaration(prefix, uri)).collect();
        let mut edits: Vec<(usize, usize, &str)> = self.prefixes.iter().map(|(from, to)| (*from, *to, "")).collect();
        edits.push((self.name_end, self.name_end, &declarations));
        edits.sort_unstable();
        let mut text = String::with_capacity(whole.len() + declarations.len());
        let mut done = self.at;
        for (from, to, instead) in edits {
            text.push_str(document.get(done..from).unwrap_or_default());
            text.push_str(instead);
            done = to;
        }
        text.push_str(document.get(done..end).unwrap_or_default());
        Ok(text)
    }
}

fn declaration(prefix: &str, uri: &str) -> String {
    let colon = if prefix.is_empty() { "" } else { ":" };
    let uri = uri.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    format!(" xmlns{colon}{prefix}=\"{uri}\"")
}
