//! A narrative leaves its document as XHTML that stands on its own.

use super::canonical::canonical;
use super::read_xml;
use sharewell::pure::fhir::xml;

const HTML: &str = "http://www.w3.org/1999/xhtml";

fn div(around: &str, div: &str) -> String {
    let text = format!("<f:Goal xmlns:f=\"http://hl7.org/fhir\" {around}><f:text>{div}</f:text></f:Goal>");
    let tree = read_xml(text.as_bytes()).unwrap_or_else(|r| panic!("{}", r.issues[0]));
    let div = tree.root().str_at(&["text", "div"]).expect("it has one").to_owned();
    let written = xml::write(tree.root(), super::definitions()).expect("it can be written");
    assert_eq!(canonical(&written), canonical(&text));
    assert!(written.contains(&div));
    div
}

#[test]
fn what_says_all_it_needs_stays_as_it_was_written() {
    for inner in [
        "<p class='a' >x &amp; &#160;&#x1F9D3; <![CDATA[<b>]]><!-- y --><br/></p >",
        "\r\n\t<p xml:lang=\"cy\">\u{1F9D3}\u{1F3FD}</p>",
        "<h:p xmlns:h=\"urn:h\" h:a=\"1\"/>",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    ] {
        let whole = format!("<div xmlns=\"{HTML}\">{inner}</div>");
        assert_eq!(div("", &whole), whole);
    }
}

#[test]
fn what_the_document_declares_is_declared_again() {
    let default = format!("xmlns=\"{HTML}\"");
    assert_eq!(div(&default, "<div><p/></div>"), format!("<div xmlns=\"{HTML}\"><p/></div>"));
    let other = "xmlns:h=\"urn:h&amp;i\"";
    let own = format!("<div xmlns=\"{HTML}\" id=\"d\"><h:p h:a=\"1\"/></div>");
    assert_eq!(div(other, &own), own.replacen("<div", &format!("<div {other}"), 1));
}

#[test]
fn prefixes_of_xhtml_are_left_out() {
    let plain = format!("<div xmlns=\"{HTML}\" class=\"a\"><p>x</p><br/></div>");
    let prefixed = "<h:div class=\"a\"><h:p>x</h:p><h:br/></h:div>";
    assert_eq!(div(&format!("xmlns:h=\"{HTML}\""), prefixed), plain);
    let mixed = format!("<div xmlns=\"{HTML}\" class=\"a\"><h:p>x</h:p><br/></div>");
    assert_eq!(div(&format!("xmlns:h=\"{HTML}\""), &mixed), plain);
}
