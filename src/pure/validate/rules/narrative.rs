//! Narratives: XHTML that a browser shows as its author meant (R4 §2.4.5). What elements and attributes it may have is
//! said by invariant txt-1; here: its namespace, its entities, and links that lead somewhere.

use crate::pure::fhir::Item;
use crate::pure::validate::walk::{By, Walk};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::collections::HashSet;

/// Schemes that a link of a narrative may have.
const SCHEMES: &[&str] = &["http", "https", "mailto", "tel", "data", "ftp", "sftp", "file", "cid"];

#[derive(Default)]
struct Seen {
    fault: Option<&'static str>,
    has_namespace: bool,
    has_strange_entity: bool,
    names: HashSet<String>,
    fragments: Vec<String>,
    has_strange_scheme: bool,
}

impl<'a> Walk<'a> {
    /// One `div`.
    pub(in crate::pure::validate) fn narrative(&mut self, item: Item<'a>, by: By<'a>) {
        let seen = look(item.text());
        let (id, text, remedy) = if let Some(fault) = seen.fault {
            ("narrative-form", fault, "put it in one `<div xmlns=\"http://www.w3.org/1999/xhtml\">`, well formed")
        } else if !seen.has_namespace {
            let remedy = "write `<div xmlns=\"http://www.w3.org/1999/xhtml\">`";
            ("narrative-namespace", "the `div` of a narrative should be in XHTML's namespace", remedy)
        } else if seen.has_strange_entity {
            let text = "a narrative uses an entity that XML does not have of itself";
            ("narrative-entity", text, "write the character itself, or `&#160;`")
        } else if seen.has_strange_scheme {
            let text = "a link of the narrative has a scheme that browsers do not follow";
            ("narrative-link-scheme", text, "link to an http address, or leave the link out")
        } else if self.leads_nowhere(&seen) {
            let text = "a link of the narrative leads to a place that is not in it";
            ("narrative-link", text, "give its target that id, or leave the link out")
        } else {
            return;
        };
        self.error("invalid", id, item, Some(by), text.to_owned(), remedy);
    }

    /// Whether a link leads to no place of the narrative, no contained resource and, as images may, no element by its id.
    fn leads_nowhere(&self, seen: &Seen) -> bool {
        let mut open = seen.fragments.iter().filter(|f| !seen.names.contains(*f)).peekable();
        if open.peek().is_none() {
            return false;
        }
        let all = self.root.descendants();
        let named = all.iter().filter(|item| item.key() == "id" && item.parent() != Some(self.root));
        let ids: HashSet<&str> = named.filter_map(|id| id.str()).collect();
        open.any(|fragment| !ids.contains(fragment.as_str()))
    }
}

fn look(html: &str) -> Seen {
    let mut seen = Seen::default();
    let mut reader = Reader::from_str(html.trim());
    let mut depth = 0usize;
    let mut roots = 0;
    loop {
        match reader.read_event() {
            Err(_) => {
                seen.fault = Some("a narrative should be well-formed XHTML");
                return seen;
            }
            Ok(Event::Eof) => break,
            Ok(event @ (Event::Start(_) | Event::Empty(_))) => {
                let is_start = matches!(event, Event::Start(_));
                let (Event::Start(tag) | Event::Empty(tag)) = event else { continue };
                let name = tag.name().local_name().into_inner().to_owned();
                if depth == 0 {
                    roots += 1;
                    if name != "div" {
                        seen.fault = Some("a narrative should be one `<div>` of XHTML");
                    }
                }
                for attribute in tag.attributes().flatten() {
                    let key = attribute.key.as_ref();
                    let value = &*attribute.value;
                    match key {
                        _ if depth == 0 && key.starts_with("xmlns") => {
                            seen.has_namespace |= value == "http://www.w3.org/1999/xhtml";
                        }
                        "id" | "name" => {
                            seen.names.insert(value.to_owned());
                        }
                        "href" if name == "a" => link(value, &mut seen),
                        "src" if name == "img" => link(value, &mut seen),
                        _ => {}
                    }
                }
                depth += usize::from(is_start);
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::GeneralRef(entity)) => {
                let known = entity.is_char_ref() || matches!(&*entity, "amp" | "lt" | "gt" | "quot" | "apos");
                seen.has_strange_entity |= !known;
            }
            Ok(Event::DocType(_)) => seen.fault = Some("a narrative should have no DTD"),
            Ok(Event::Text(text)) if depth == 0 && !text.trim().is_empty() => {
                seen.fault = Some("a narrative should be one `<div>` of XHTML");
            }
            Ok(_) => {}
        }
    }
    if roots != 1 || depth != 0 {
        seen.fault = Some("a narrative should be one `<div>` of XHTML");
    }
    seen
}

fn link(target: &str, seen: &mut Seen) {
    if let Some(fragment) = target.strip_prefix('#') {
        if !fragment.is_empty() {
            seen.fragments.push(fragment.to_owned());
        }
    } else if let Some((scheme, _)) = target.split_once(':') {
        let is_scheme = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        seen.has_strange_scheme |= is_scheme && !SCHEMES.contains(&scheme.to_ascii_lowercase().as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::look;

    #[test]
    fn a_narrative_is_one_div_of_xhtml() {
        let good =
            look("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a name=\"x\">1</a><a href=\"#x\">2</a>&#160;</div>");
        assert!(good.fault.is_none() && good.has_namespace && !good.has_strange_entity && good.fragments == ["x"]);
        for bad in ["<p>x</p>", "x", "<div>", "<div/><div/>", "<div></p></div>"] {
            assert!(look(bad).fault.is_some(), "{bad}");
        }
        assert!(look("<div>&nbsp;</div>").has_strange_entity);
        assert!(look("<div><a href=\"urn:x:y\">x</a></div>").has_strange_scheme);
    }
}
