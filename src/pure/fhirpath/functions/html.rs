//! `htmlChecks()`: narrative is a div of plain formatting with something to read in it (R4 Narrative, txt-1 and txt-2).

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

const ELEMENTS: &str = "a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 \
    h4 h5 h6 hr i img kbd li map ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul \
    var ins del";

const ATTRIBUTES: &str = "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset \
    cite class clear colspan compact coords data-fhir datetime dir frame headers height href hreflang hspace id \
    ismap lang longdesc name nohref noshade nowrap rel rev rowspan rules scope shape size space span src start style \
    summary tabindex target title type usemap valign value vspace width xml:lang xml:space xmlns";

/// Elements inside one another.
const DEPTH: usize = 200;

/// Whether a narrative has only what may stand in one, and is not empty.
pub(super) fn is_safe(text: &str) -> bool {
    let mut reader = Reader::from_str(text);
    let mut open = 0;
    let mut says_something = false;
    let mut started = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                if (open == 0 && started) || !is_allowed(&element, open == 0) || open >= DEPTH {
                    return false;
                }
                says_something |= element.name().as_ref() == "img";
                started = true;
                open += 1;
            }
            Ok(Event::Empty(element)) => {
                if open == 0 || !is_allowed(&element, false) {
                    return false;
                }
                says_something |= element.name().as_ref() == "img";
            }
            Ok(Event::End(_)) => open -= 1,
            Ok(Event::Text(text)) => {
                let blank = text.chars().all(char::is_whitespace);
                if open == 0 && !blank {
                    return false;
                }
                says_something |= !blank;
            }
            Ok(Event::GeneralRef(_)) => says_something = true,
            Ok(Event::Comment(_)) => {}
            Ok(Event::Eof) => return started && open == 0 && says_something,
            // CDATA, processing instructions, a document type: not for a narrative. And what is not well-formed.
            Ok(_) | Err(_) => return false,
        }
    }
}

fn is_allowed(element: &BytesStart<'_>, root: bool) -> bool {
    let name = element.name();
    let name = name.as_ref();
    // A prefix for XHTML's namespace is legal XML, if rare.
    let name = name.rsplit(':').next().unwrap_or(name);
    if (root && name != "div") || !ELEMENTS.split(' ').any(|e| e == name) {
        return false;
    }
    element.attributes().all(|attribute| {
        let Ok(attribute) = attribute else { return false };
        let key = attribute.key.as_ref();
        let value = attribute.value.trim();
        let runs = value.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("javascript:"));
        !runs && (ATTRIBUTES.split(' ').any(|a| a == key) || key.starts_with("xmlns:"))
    })
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn a_narrative_is_plain_formatting_with_something_to_read() {
        for good in [
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Steady on the stairs</p></div>",
            "<div><img src=\"#photo\" alt=\"\"/></div>",
            "<div>&#163;</div>",
        ] {
            assert!(is_safe(good), "{good}");
        }
        for bad in [
            "",
            "text",
            "<p>no div</p>",
            "<div> </div>",
            "<div>a</div><div>b</div>",
            "<div><script>x</script></div>",
            "<div onclick=\"x\">a</div>",
            "<div><a href=\" JavaScript:x\">a</a></div>",
            "<div>a",
            "<div><p>a</div></p>",
            "<!DOCTYPE div><div>a</div>",
            "<div><iframe src=\"x\">a</iframe></div>",
        ] {
            assert!(!is_safe(bad), "{bad}");
        }
    }
}
