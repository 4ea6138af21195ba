//! XML text → elements with their attributes and offsets; nothing of FHIR but its attributes' names.

use super::{FHIR, Fault};
use crate::pure::fhir::Limits;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// One element. Narrative (`div`) keeps its text as it was written.
#[derive(Default)]
pub(super) struct Element {
    pub name: String,
    pub value: Option<String>,
    pub id: Option<String>,
    pub url: Option<String>,
    pub children: Vec<Element>,
    pub at: usize,
    pub end: usize,
}

const WELL_FORMED: &str = "send well-formed XML (XML 1.0, namespaces)";

struct Parser<'t> {
    reader: Reader<&'t [u8]>,
    open: Vec<Element>,
    /// How deep inside a `div` of XHTML we are.
    narrative: usize,
    count: usize,
    limits: &'t Limits,
}

/// Parses a whole document; the root must be FHIR's.
pub(super) fn parse(text: &str, limits: &Limits) -> Result<Element, Fault> {
    if text.len() > limits.bytes {
        let text = format!("the text is longer than {} bytes", limits.bytes);
        return Err(Fault::new(0, "too-large", text, "send less at once"));
    }
    let mut parser = Parser { reader: Reader::from_str(text), open: Vec::new(), narrative: 0, count: 0, limits };
    parser.document()
}

impl Parser<'_> {
    fn at(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    fn document(&mut self) -> Result<Element, Fault> {
        let mut root = None;
        loop {
            let at = self.at();
            let event = self.reader.read_event();
            let event = event.map_err(|_| Fault::new(at, "xml-syntax", "this is not well-formed XML", WELL_FORMED))?;
            let closed = match event {
                Event::Start(start) => {
                    self.start(&start, at, root.is_some())?;
                    None
                }
                Event::Empty(start) => {
                    self.start(&start, at, root.is_some())?;
                    self.close()
                }
                Event::End(_) => self.close(),
                Event::Eof => return self.end(root, at),
                other => {
                    self.between(&other, at)?;
                    None
                }
            };
            root = root.or(closed);
        }
    }

    fn end(&self, root: Option<Element>, at: usize) -> Result<Element, Fault> {
        match root {
            Some(root) if self.open.is_empty() => Ok(root),
            None if self.open.is_empty() => {
                Err(Fault::new(at, "empty", "there is nothing here", "send an XML document"))
            }
            _ => Err(Fault::new(at, "xml-syntax", "the text ends inside an element", WELL_FORMED)),
        }
    }

    /// What is neither the start nor the end of an element.
    fn between(&self, event: &Event<'_>, at: usize) -> Result<(), Fault> {
        match event {
            Event::DocType(_) => {
                let remedy = "send the document without `<!DOCTYPE`, and characters instead of entities";
                Err(Fault::new(at, "xml-document-type", "a document type is never read", remedy))
            }
            Event::Decl(declaration) => match declaration.encoding() {
                Some(Ok(name)) if !name.eq_ignore_ascii_case("utf-8") => {
                    Err(Fault::new(at, "encoding", "the declaration names another encoding", "save the file as UTF-8"))
                }
                _ => Ok(()),
            },
            Event::Comment(_) | Event::PI(_) => Ok(()),
            Event::GeneralRef(name) if self.narrative > 0 && is_predefined(name) => Ok(()),
            _ if self.narrative > 0 => Ok(()),
            Event::Text(text) if text.chars().all(char::is_whitespace) => Ok(()),
            _ => {
                let remedy = "write values as `value` attributes";
                Err(Fault::new(at, "xml-text", "text stands between elements", remedy))
            }
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, at: usize, after: bool) -> Result<(), Fault> {
        self.count += 1;
        if self.open.len() >= self.limits.depth {
            let text = format!("elements stand more than {} deep", self.limits.depth);
            return Err(Fault::new(at, "too-deep", text, "send a flatter document"));
        }
        if self.count > self.limits.nodes {
            let text = format!("there are more than {} elements", self.limits.nodes);
            return Err(Fault::new(at, "too-many-values", text, "send less at once"));
        }
        if after && self.open.is_empty() {
            return Err(Fault::new(at, "xml-syntax", "there is a second root element", WELL_FORMED));
        }
        let mut element = Element { name: local(start.name().as_ref()).to_owned(), at, ..Element::default() };
        let narrative = self.narrative > 0 || (element.name == "div" && !self.open.is_empty());
        let space = attributes(start, &mut element, narrative)?;
        if self.open.is_empty() && space.as_deref() != Some(FHIR) {
            let text = "the root element is not in FHIR's namespace";
            return Err(Fault::new(
                at,
                "xml-namespace",
                text,
                "declare `xmlns=\"http://hl7.org/fhir\"` on the root element",
            ));
        }
        self.narrative += usize::from(narrative);
        self.open.push(element);
        Ok(())
    }

    /// Closes the innermost element; answers the root when it is closed.
    fn close(&mut self) -> Option<Element> {
        let mut element = self.open.pop()?;
        element.end = self.at();
        let inside = self.narrative > 1;
        self.narrative = self.narrative.saturating_sub(1);
        match self.open.last_mut() {
            None => return Some(element),
            // A narrative is one text: only its outermost element is kept.
            Some(_) if inside => {}
            Some(parent) => parent.children.push(element),
        }
        None
    }
}

fn is_predefined(name: &str) -> bool {
    matches!(name, "amp" | "lt" | "gt" | "quot" | "apos") || name.starts_with('#')
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Reads the attributes into the element; answers the namespace that its own name is in, where it declares one.
fn attributes(start: &BytesStart<'_>, element: &mut Element, narrative: bool) -> Result<Option<String>, Fault> {
    let at = element.at;
    let name = start.name();
    let prefix = name.as_ref().split_once(':').map(|(prefix, _)| prefix);
    let mut space = None;
    for attribute in start.attributes() {
        let wrong = |_| Fault::new(at, "xml-syntax", "an attribute here is not well-formed", WELL_FORMED);
        let attribute = attribute.map_err(|e| wrong(e.to_string()))?;
        let key = attribute.key.as_ref();
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|e| wrong(e.to_string()))?;
        match key {
            "xmlns" if prefix.is_none() => space = Some(value.into_owned()),
            _ if key.strip_prefix("xmlns:").is_some_and(|p| Some(p) == prefix) => space = Some(value.into_owned()),
            _ if narrative || key.starts_with("xmlns") || key.starts_with("xsi:") || key.starts_with("xml:") => {}
            "value" => element.value = Some(value.into_owned()),
            "id" => element.id = Some(value.into_owned()),
            "url" => element.url = Some(value.into_owned()),
            _ => {
                let text = format!("`{}` has an attribute that FHIR does not have", element.name);
                return Err(Fault::new(at, "xml-attribute", text, "keep only `value`, `id` and `url`"));
            }
        }
    }
    Ok(space)
}
