//! XML text → elements with their attributes and offsets; nothing of FHIR but its namespace and its attributes' names.
//!
//! What makes the text no XML ends the reading. What FHIR does not have, though XML does (text, other attributes,
//! instructions, other namespaces), is noted on its element, so that a sender is told of all of it at once.

use super::namespaces::Namespaces;
use super::narrative::Narrative;
use super::{FHIR, Fault, MOST_FAULTS, R4, XHTML, XML, shown};
use crate::pure::fhir::Limits;
use quick_xml::Error;
use quick_xml::escape::EscapeError;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// One element. Narrative keeps its text as it was written.
#[derive(Default)]
pub(super) struct Element {
    pub name: String,
    pub value: Option<String>,
    pub id: Option<String>,
    pub url: Option<String>,
    pub children: Vec<Element>,
    /// The XHTML as text that stands on its own, where it is XHTML.
    pub narrative: Option<String>,
    pub faults: Vec<Fault>,
    pub at: usize,
    pub end: usize,
}

const WELL_FORMED: &str = "send well-formed XML (XML 1.0, namespaces)";
/// FHIR's elements have three; XHTML's have few. Looking for duplicates costs their square.
const MOST_ATTRIBUTES: usize = 64;

struct Parser<'t> {
    text: &'t str,
    reader: Reader<&'t [u8]>,
    open: Vec<Element>,
    namespaces: Namespaces,
    /// The narrative we are inside of.
    narrative: Option<Narrative>,
    /// What was noted outside the root element.
    outside: Vec<Fault>,
    noted: usize,
    count: usize,
    limits: &'t Limits,
}

/// Parses a whole document; the root must be FHIR's.
pub(super) fn parse(text: &str, limits: &Limits) -> Result<Element, Fault> {
    if let Some((at, _)) = text.char_indices().find(|(_, letter)| !is_letter(*letter)) {
        return Err(strange_letter(at));
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let (namespaces, narrative) = (Namespaces::default(), None);
    let (open, outside) = (Vec::new(), Vec::new());
    Parser { text, reader, open, namespaces, narrative, outside, noted: 0, count: 0, limits }.document()
}

fn strange_letter(at: usize) -> Fault {
    let text = "a control character stands here, which XML does not allow";
    Fault::new(at, "xml-character", text, "leave the character out").rule(XML)
}

fn syntax(at: usize, text: &'static str) -> Fault {
    Fault::new(at, "xml-syntax", text, WELL_FORMED).rule(XML)
}

impl Parser<'_> {
    fn at(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    fn document(&mut self) -> Result<Element, Fault> {
        let mut root = None;
        loop {
            let at = self.at();
            let event = self.reader.read_event().map_err(|_| syntax(at, "this is not well-formed XML"))?;
            let closed = match event {
                Event::Start(start) => {
                    self.start(&start, at, root.is_some())?;
                    None
                }
                Event::Empty(start) => {
                    self.start(&start, at, root.is_some())?;
                    self.close(None)
                }
                Event::End(end) => self.close(Some((at, end.name().as_ref()))),
                Event::Eof => return self.end(root, at),
                other => {
                    self.between(&other, at)?;
                    None
                }
            };
            root = root.or(closed);
        }
    }

    fn end(&mut self, root: Option<Element>, at: usize) -> Result<Element, Fault> {
        match root {
            Some(mut root) if self.open.is_empty() => {
                self.outside.append(&mut root.faults);
                root.faults = std::mem::take(&mut self.outside);
                Ok(root)
            }
            None if self.open.is_empty() => {
                Err(Fault::new(at, "empty", "there is nothing here", "send an XML document"))
            }
            _ => Err(syntax(at, "the text ends inside an element")),
        }
    }

    /// Notes what the element around should not have.
    fn note(&mut self, fault: Fault) {
        self.noted += 1;
        if self.noted <= MOST_FAULTS {
            self.open.last_mut().map_or(&mut self.outside, |e| &mut e.faults).push(fault);
        }
    }

    /// What is neither the start nor the end of an element.
    fn between(&mut self, event: &Event<'_>, at: usize) -> Result<(), Fault> {
        let inside = self.narrative.is_some();
        match event {
            Event::DocType(_) => {
                let remedy = "send the document without `<!DOCTYPE`, and characters instead of entities";
                return Err(Fault::new(at, "xml-document-type", "a document type is never read", remedy));
            }
            Event::Decl(declaration) => return self.declaration(declaration, at),
            Event::Comment(_) => {}
            Event::PI(_) => {
                let text = "a resource should have no processing instruction";
                self.note(Fault::new(at, "xml-instruction", text, "leave the instruction out"));
            }
            Event::GeneralRef(name) if !is_known(name) => return Err(unknown_entity(at)),
            Event::Text(text) if text.contains("]]>") => return Err(syntax(at, "`]]>` stands in a text")),
            _ if inside => {}
            Event::Text(text) if text.trim_matches(BLANKS).is_empty() => {}
            Event::CData(text) if text.trim_matches(BLANKS).is_empty() => {}
            _ if self.open.is_empty() => return Err(syntax(at, "text stands outside the root element")),
            _ => {
                let remedy = "write values as `value` attributes";
                self.note(Fault::new(at, "xml-text", "text stands between elements", remedy));
            }
        }
        Ok(())
    }

    fn declaration(&self, declaration: &BytesDecl<'_>, at: usize) -> Result<(), Fault> {
        if at > 0 {
            return Err(syntax(at, "the declaration does not stand at the beginning"));
        }
        if declaration.version().ok().is_none_or(|version| version != "1.0") {
            let remedy = "declare `version=\"1.0\"`, or nothing";
            return Err(Fault::new(at, "xml-version", "the declaration names another version of XML", remedy));
        }
        match declaration.encoding() {
            Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") => Ok(()),
            None => Ok(()),
            Some(_) => {
                let remedy = "save the file as UTF-8, and declare it as that";
                Err(Fault::new(at, "encoding", "the declaration names another encoding than UTF-8", remedy))
            }
        }
    }

    fn room(&mut self, at: usize, after: bool) -> Result<(), Fault> {
        self.count += 1;
        let Limits { depth, nodes, items, .. } = *self.limits;
        let (id, text) = if self.open.len() >= depth {
            ("too-deep", format!("elements stand more than {depth} deep"))
        } else if self.count > nodes {
            ("too-many-values", format!("there are more than {nodes} elements"))
        } else if self.open.last().is_some_and(|e| e.children.len() >= items) {
            ("too-many-items", format!("one element holds more than {items} others"))
        } else if after && self.open.is_empty() {
            return Err(syntax(at, "there is a second root element"));
        } else {
            return Ok(());
        };
        Err(Fault::new(at, id, text, "send less at once, or a flatter document"))
    }

    fn start(&mut self, start: &BytesStart<'_>, at: usize, after: bool) -> Result<(), Fault> {
        self.room(at, after)?;
        let attributes = attributes(start, at)?;
        let around = self.namespaces.enter();
        for (name, value) in &attributes {
            self.namespaces.declare(name, value, at)?;
        }
        let name = start.name();
        let (prefix, local) = split(name.as_ref()).ok_or_else(|| syntax(at, "this is not a name"))?;
        let space = self.namespaces.of(prefix, at)?;
        let is_html = space.uri == XHTML || (local == "div" && !self.open.is_empty());
        let mut element = Element { name: local.to_owned(), at, ..Element::default() };
        if is_html && !self.open.is_empty() && self.narrative.is_none() {
            self.narrative = Some(Narrative::new(at, name.as_ref().len(), self.open.len(), around));
        }
        if let Some(narrative) = &mut self.narrative {
            narrative.element(at + 1, prefix, &space);
            for (name, value) in &attributes {
                narrative.attribute(name, value, &self.namespaces, at)?;
            }
        } else {
            if space.uri != FHIR {
                let text = format!("`{}` is not in FHIR's namespace", shown(local));
                let remedy = "declare `xmlns=\"http://hl7.org/fhir\"` on the root element";
                let fault = Fault::new(at, "xml-namespace", text, remedy);
                if self.open.is_empty() {
                    return Err(fault);
                }
                element.faults.push(fault);
            }
            self.own_attributes(&mut element, attributes)?;
        }
        self.noted += element.faults.len();
        self.open.push(element);
        Ok(())
    }

    /// The attributes that FHIR has; the others are noted.
    fn own_attributes(&self, element: &mut Element, attributes: Vec<(String, String)>) -> Result<(), Fault> {
        for (name, value) in attributes {
            match name.as_str() {
                "value" => element.value = Some(value),
                "id" => element.id = Some(value),
                "url" => element.url = Some(value),
                _ if name == "xmlns" || name.starts_with("xmlns:") => {}
                _ if self.namespaces.is_schema_location(&name, element.at)? => {}
                _ if self.noted < MOST_FAULTS => element.faults.push(strange_attribute(element.at, &element.name)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Closes the innermost element; answers the root when it is closed.
    fn close(&mut self, tag: Option<(usize, &str)>) -> Option<Element> {
        let mut element = self.open.pop()?;
        element.end = self.at();
        if let Some(mut narrative) = self.narrative.take() {
            if let Some((at, name)) = tag {
                narrative.end_tag(at, name, &self.namespaces);
            }
            if narrative.depth == self.open.len() {
                match narrative.text(self.text, element.end) {
                    Ok(text) => element.narrative = Some(text),
                    Err(fault) => element.faults.push(fault),
                }
            } else {
                self.narrative = Some(narrative);
            }
        }
        self.namespaces.leave();
        match self.open.last_mut() {
            None => return Some(element),
            // A narrative is one text: of its elements nothing is kept but what was noted.
            Some(parent) if self.narrative.is_some() => parent.faults.append(&mut element.faults),
            Some(parent) => parent.children.push(element),
        }
        None
    }
}

/// What XML calls white space.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// The finding on an attribute that an element does not have.
pub(super) fn strange_attribute(at: usize, element: &str) -> Fault {
    let text = format!("`{}` has an attribute that FHIR does not have there", shown(element));
    let remedy = "keep `value` on primitives, `url` on extensions, and `id` on elements that are not resources";
    Fault::new(at, "xml-attribute", text, remedy).rule(R4)
}

fn unknown_entity(at: usize) -> Fault {
    let text = "an entity stands here that XML does not have of itself";
    Fault::new(at, "xml-entity", text, "write the character itself, or its number: `&#160;`").rule(XML)
}

/// Whether XML 1.0 has a place for a character (§2.2), be it by reference.
pub(super) fn is_letter(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Whether a reference is to one of the five entities, or to a character that XML has.
fn is_known(name: &str) -> bool {
    let code = match name.strip_prefix('#') {
        None => return matches!(name, "amp" | "lt" | "gt" | "quot" | "apos"),
        Some(digits) => match digits.strip_prefix('x') {
            Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
            None if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse(),
            _ => return false,
        },
    };
    code.ok().and_then(char::from_u32).is_some_and(is_letter)
}

/// A name as prefix and local part; none where it is no name (Namespaces in XML §3, a little wider beyond ASCII).
pub(super) fn split(name: &str) -> Option<(&str, &str)> {
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    let is_name = |part: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') || !c.is_ascii();
        !part.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') && part.chars().all(inner)
    };
    let is_whole = !local.is_empty() && !name.starts_with(':');
    (is_whole && is_name(prefix) && is_name(local)).then_some((prefix, local))
}

/// The attributes of a start tag, each once, their references resolved.
fn attributes(start: &BytesStart<'_>, at: usize) -> Result<Vec<(String, String)>, Fault> {
    let mut found = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| syntax(at, "an attribute here is not well-formed"))?;
        if found.len() >= MOST_ATTRIBUTES {
            let text = format!("one element has more than {MOST_ATTRIBUTES} attributes");
            return Err(Fault::new(at, "too-many-items", text, "send less at once"));
        }
        if split(attribute.key.as_ref()).is_none() || attribute.value.contains('<') {
            return Err(syntax(at, "an attribute here is not well-formed"));
        }
        found.push((attribute.key.as_ref().to_owned(), resolved(&attribute, at)?));
    }
    let raw = start.attributes_raw();
    if is_crowded(raw) { Err(syntax(at, "a blank is missing between attributes")) } else { Ok(found) }
}

fn resolved(attribute: &Attribute<'_>, at: usize) -> Result<String, Fault> {
    let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| match error {
        Error::Escape(EscapeError::UnrecognizedEntity(..)) => unknown_entity(at),
        _ => syntax(at, "an attribute here is not well-formed"),
    })?;
    if value.chars().all(is_letter) { Ok(value.into_owned()) } else { Err(strange_letter(at)) }
}

/// Whether a quoted value is followed by anything but a blank.
fn is_crowded(raw: &str) -> bool {
    let mut quote = None;
    let mut closed = false;
    for letter in raw.chars() {
        if closed && !BLANKS.contains(&letter) {
            return true;
        }
        closed = quote == Some(letter);
        quote = match quote {
            Some(open) if open == letter => None,
            None if matches!(letter, '"' | '\'') => Some(letter),
            other => other,
        };
    }
    false
}
