//! What two XML texts have in common where they say the same: names in their namespaces, sorted attributes, text with its
//! references resolved. Made with `quick-xml` alone, so that it does not share the reader's mistakes.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use std::fmt::Write;

const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// One line for each event that counts. Blank text counts in narratives only; comments and instructions never.
pub fn canonical(text: &str) -> String {
    let mut reader = NsReader::from_str(text);
    let mut out = String::new();
    let mut held = String::new();
    let mut narrative = 0usize;
    loop {
        let event = reader.read_event().expect("it was read before, so it is well formed");
        match &event {
            Event::Text(text) if narrative > 0 => held.push_str(&text.replace("\r\n", "\n").replace('\r', "\n")),
            Event::CData(text) if narrative > 0 => held.push_str(&text.replace("\r\n", "\n")),
            Event::GeneralRef(name) => held.push(reference(name)),
            Event::Start(start) | Event::Empty(start) => {
                flush(&mut held, &mut out);
                let inside = tag(&reader, start, &mut out);
                if matches!(event, Event::Empty(_)) {
                    out.push_str("end\n");
                } else {
                    narrative += usize::from(inside || narrative > 0);
                }
            }
            Event::End(_) => {
                flush(&mut held, &mut out);
                out.push_str("end\n");
                narrative = narrative.saturating_sub(1);
            }
            Event::Eof => return out,
            _ => {}
        }
    }
}

fn flush(held: &mut String, out: &mut String) {
    if !held.is_empty() {
        let _ = writeln!(out, "text {held:?}");
        held.clear();
    }
}

/// Writes a start tag; answers whether it is XHTML's.
fn tag(reader: &NsReader<&[u8]>, start: &BytesStart<'_>, out: &mut String) -> bool {
    let (space, name) = reader.resolver().resolve_element(start.name());
    let space = match space {
        ResolveResult::Bound(space) => space.into_inner().to_owned(),
        _ => String::new(),
    };
    let _ = write!(out, "start {space} {}", name.into_inner());
    let mut attributes: Vec<(String, String)> = start
        .attributes()
        .map(|a| a.expect("it was read before"))
        .filter(|a| a.key.as_namespace_binding().is_none() && !a.key.as_ref().starts_with("xsi:"))
        .map(|a| {
            let value = a.normalized_value(XmlVersion::Implicit1_0).expect("it was read before");
            (a.key.as_ref().to_owned(), value.into_owned())
        })
        .collect();
    attributes.sort();
    let _ = writeln!(out, " {attributes:?}");
    space == XHTML
}

fn reference(name: &str) -> char {
    match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let code = name.strip_prefix("#x").map(|hex| u32::from_str_radix(hex, 16));
            let code = code.or_else(|| name.strip_prefix('#').map(str::parse));
            code.and_then(Result::ok).and_then(char::from_u32).unwrap_or('\u{fffd}')
        }
    }
}

#[test]
fn what_does_not_count_does_not_count() {
    let one = "<?x y?><f:a xmlns:f='http://hl7.org/fhir' b='1' a='&lt;2'> <!-- c --><f:b/></f:a>";
    let other = "<a xmlns=\"http://hl7.org/fhir\" a=\"&#60;2\" b=\"1\">\n<b></b></a>";
    assert_eq!(canonical(one), canonical(other));
    assert_ne!(canonical(one), canonical(&other.replace("&#60;2", "2")));
    let html = |inner: &str| canonical(&format!("<div xmlns=\"{XHTML}\">{inner}</div>"));
    assert_eq!(html("a &amp; <![CDATA[<b>]]>"), html("a &#38;<!-- --> &lt;b&gt;"));
    assert_ne!(html("a b"), html("a  b"));
}
