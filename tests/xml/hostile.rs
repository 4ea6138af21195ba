//! What is no FHIR XML is refused: each kind by its id, where it stands, with the rule and a remedy, in bounded time.

use sharewell::pure::fhir::{Limits, Report, message, xml};
use std::time::{Duration, Instant};

const HTML: &str = "http://www.w3.org/1999/xhtml";

fn report(bytes: &[u8]) -> Option<Report> {
    let report = super::read_xml(bytes).err()?;
    for issue in &report.issues {
        assert!(issue.remedy.is_some() && issue.rule.is_some() && issue.place.is_some(), "{issue}");
        assert!(message(&issue.id).is_some(), "`{}` is not in the table of ids", issue.id);
    }
    Some(report)
}

/// Ids and places of the findings, and their expressions where they have one.
fn found(text: &str) -> String {
    let Some(report) = report(text.as_bytes()) else { return "nothing".to_owned() };
    let told = report.issues.iter().map(|issue| {
        let place = issue.place.as_ref().expect("was asked above");
        let expression = issue.expression.as_deref().map_or(String::new(), |e| format!(" {e}"));
        format!("{} {place}{expression}", issue.id)
    });
    told.collect::<Vec<_>>().join(", ")
}

/// A patient whose content begins on the second line.
fn patient(inner: &str) -> String {
    format!("<Patient xmlns=\"http://hl7.org/fhir\">\n{inner}</Patient>")
}

fn all(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(found(text), *expected, "{text}");
    }
}

fn in_patient(cases: &[(&str, &str)]) {
    for (inner, expected) in cases {
        assert_eq!(found(&patient(inner)), *expected, "{inner}");
    }
}

#[test]
fn a_document_type_is_never_read() {
    all(&[
        ("<!DOCTYPE Patient SYSTEM \"file:///etc/passwd\"><Patient/>", "xml-document-type 1:1"),
        ("<!DOCTYPE p [<!ENTITY a \"b\">]><Patient/>", "xml-document-type 1:1"),
        ("<?xml version=\"1.0\"?>\n<!DOCTYPE Patient>\n<Patient/>", "xml-document-type 2:1"),
    ]);
    in_patient(&[("<!DOCTYPE Patient>", "xml-document-type 2:1")]);
}

#[test]
fn entities_are_the_five_and_characters() {
    in_patient(&[
        ("<active value=\"&lol;\"/>", "xml-entity 2:1"),
        ("<active value=\"&amp;&lt;&gt;&quot;&apos;&#65;&#x41;\"/>", "nothing"),
        ("<active value=\"&#0;\"/>", "xml-syntax 2:1"),
        ("<active value=\"&#x1F;\"/>", "xml-character 2:1"),
        ("<active value=\"&#xD800;\"/>", "xml-syntax 2:1"),
        ("<active value=\"&#x110000;\"/>", "xml-syntax 2:1"),
        ("<active value=\"&amp\"/>", "xml-syntax 2:1"),
        ("<active value=\"a & b\"/>", "xml-syntax 2:1"),
        ("&lol;", "xml-entity 2:1"),
    ]);
    let html = |inner: &str| patient(&format!("<text><div xmlns=\"{HTML}\">\n{inner}</div></text>"));
    assert_eq!(found(&html("&nbsp;")), "xml-entity 3:1");
    assert_eq!(found(&html("&#xFFFE;")), "xml-entity 3:1");
    assert_eq!(found(&html("&#160;&amp;")), "nothing");
    assert_eq!(found(&html("<a href=\"&nbsp;\"/>")), "xml-entity 3:1");
}

#[test]
fn instructions_text_and_other_attributes_are_told_of_all_at_once() {
    all(&[
        (
            "<?xml version=\"1.0\"?>\n<?xml-stylesheet href=\"a\"?><Goal xmlns=\"http://hl7.org/fhir\"/>",
            "xml-instruction 2:1 Goal",
        ),
        ("<Goal xmlns=\"http://hl7.org/fhir\"/>\n<?after all?>", "xml-instruction 2:1 Goal"),
        ("<Goal xmlns=\"http://hl7.org/fhir\" id=\"g\"/>", "xml-attribute 1:1 Goal"),
        ("<Goal xmlns=\"http://hl7.org/fhir\" xml:lang=\"cy\"/>", "xml-attribute 1:1 Goal"),
        (
            "<Goal xmlns=\"http://hl7.org/fhir\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
          xsi:schemaLocation=\"http://hl7.org/fhir fhir-all.xsd\"/>",
            "nothing",
        ),
        (
            "<Goal xmlns=\"http://hl7.org/fhir\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/>",
            "xml-attribute 1:1 Goal",
        ),
    ]);
    in_patient(&[
        ("Winifred", "xml-text 1:38 Patient"),
        ("<name>\n Attwater-Osei</name>", "xml-text 2:7 Patient.name[0]"),
        ("<name>&#65;</name>", "xml-text 2:7 Patient.name[0]"),
        ("<name><![CDATA[x]]></name>", "xml-text 2:7 Patient.name[0]"),
        ("<active value=\"true\" checked=\"yes\"/>", "xml-attribute 2:1 Patient.active"),
        ("<name value=\"x\"/>", "xml-attribute 2:1 Patient.name[0]"),
        ("<name url=\"x\"/>", "xml-attribute 2:1 Patient.name[0]"),
        ("<birthDate url=\"x\" value=\"1941-06-02\"/>", "xml-attribute 2:1 Patient.birthDate"),
        ("<contained id=\"x\"><Goal/></contained>", "xml-attribute 2:1 Patient.contained[0]"),
        ("<contained><Goal value=\"x\"/></contained>", "xml-attribute 2:12 Patient.contained[0]"),
        (
            "<?a?><name x=\"\">y</name>\n<active x=\"\"/>",
            "xml-instruction 2:1 Patient, xml-attribute 2:6 Patient.name[0], xml-text 2:17 Patient.name[0], \
          xml-order 3:1 Patient.active, xml-attribute 3:1 Patient.active",
        ),
    ]);
}

#[test]
fn elements_stand_together_and_in_the_order_of_their_definitions() {
    in_patient(&[
        ("<birthDate value=\"1941-06-02\"/>\n <gender value=\"female\"/>", "xml-order 3:2 Patient.gender"),
        ("<name/><gender value=\"female\"/>\n<name/>", "xml-order 3:1 Patient.name[1]"),
        (
            "<gender value=\"female\"/><birthDate value=\"1941-06-02\"/><gender value=\"male\"/>",
            "xml-order 2:56 Patient.gender[1]",
        ),
        ("<active value=\"true\"/><id value=\"a\"/>", "xml-order 2:23 Patient.id"),
        ("<name><given value=\"W\"/><family value=\"A\"/></name>", "xml-order 2:25 Patient.name[0].family"),
        ("<deceasedBoolean value=\"true\"/><deceasedDateTime value=\"2026\"/>", "nothing"),
        ("<deceasedDateTime value=\"2026\"/><deceasedBoolean value=\"true\"/>", "nothing"),
        ("<shoe/><active value=\"true\"/><shoe/>", "xml-order 2:30 Patient.shoe[1]"),
        (
            "<birthDate value=\"1941-06-02\"><extension url=\"a\"><valueCode value=\"b\"/><extension url=\"c\"/></extension></birthDate>",
            "xml-order 2:72 Patient.birthDate.extension[0].extension[0]",
        ),
        (
            "<birthDate value=\"1941-06-02\"><extension url=\"a\"><valueQuantity><code value=\"a\"/><unit value=\"a\"/></valueQuantity></extension></birthDate>",
            "xml-order 2:82 Patient.birthDate.extension[0].value.ofType(Quantity).unit",
        ),
        ("<contained/>", "xml-resource 2:1 Patient.contained[0]"),
        ("<contained><Goal/><Goal/></contained>", "xml-resource 2:1 Patient.contained[0]"),
    ]);
}

#[test]
fn namespaces_are_fhirs_and_in_narratives_xhtmls() {
    all(&[
        ("<Patient><active value=\"true\"/></Patient>", "xml-namespace 1:1"),
        ("<Patient xmlns=\"http://hl7.org/fhir/\"/>", "xml-namespace 1:1"),
        ("<div xmlns=\"http://www.w3.org/1999/xhtml\"/>", "xml-namespace 1:1"),
        ("<f:Patient/>", "xml-namespace 1:1"),
        ("<f:Patient xmlns:f=\"http://hl7.org/fhir\"><f:active value=\"true\"/></f:Patient>", "nothing"),
        (
            "<f:Patient xmlns:f=\"http://hl7.org/fhir\"><active value=\"true\"/></f:Patient>",
            "xml-namespace 1:42 Patient.active",
        ),
        ("<a:b:Patient xmlns:a=\"http://hl7.org/fhir\"/>", "xml-syntax 1:1"),
        ("<Patient xmlns=\"http://hl7.org/fhir\" xmlns:xml=\"urn:x\"/>", "xml-namespace 1:1"),
        ("<Patient xmlns=\"http://hl7.org/fhir\" xmlns:p=\"\"/>", "xml-namespace 1:1"),
    ]);
    in_patient(&[
        ("<x:active xmlns:x=\"urn:x\" value=\"true\"/>", "xml-namespace 2:1 Patient.active"),
        ("<active x:value=\"true\"/>", "xml-namespace 2:1"),
        ("<p xmlns=\"http://www.w3.org/1999/xhtml\"/>", "xml-namespace 2:1 Patient.p"),
        ("<text><div xmlns=\"http://www.w3.org/1999/xhtml\"><h:p/></div></text>", "xml-namespace 2:49"),
        (
            "<text><h:div xmlns:h=\"http://www.w3.org/1999/xhtml\"><p xmlns=\"urn:x\"/></h:div></text>",
            "xml-namespace 2:7 Patient.text.div",
        ),
    ]);
}

#[test]
fn the_encoding_is_utf_8_and_the_version_1_0() {
    let declared = |declaration: &str| found(&format!("{declaration}<Goal xmlns=\"http://hl7.org/fhir\"/>"));
    for good in ["<?xml version=\"1.0\"?>", "<?xml version='1.0' encoding='utf-8' standalone='yes'?>\r\n"] {
        assert_eq!(declared(good), "nothing");
    }
    assert_eq!(declared("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>"), "encoding 1:1");
    assert_eq!(declared("<?xml version=\"1.0\" encoding=\"UTF-16\"?>"), "encoding 1:1");
    assert_eq!(declared("<?xml version=\"1.1\"?>"), "xml-version 1:1");
    assert_eq!(declared("<?xml encoding=\"utf-8\"?>"), "xml-version 1:1");
    assert_eq!(declared("\n<?xml version=\"1.0\"?>"), "xml-syntax 2:1");
    assert_eq!(declared("\u{feff}"), "nothing", "XML allows the mark, and it is no part of the text");
    assert_eq!(declared("\u{feff}<?xml version=\"1.0\"?><!DOCTYPE a>"), "xml-document-type 1:22");
    assert_eq!(declared("\u{feff}\u{feff}"), "encoding 1:1");
    let wide: Vec<u8> = patient("").encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(report(&wide).expect("it is refused").issues[0].id, "encoding");
    let latin = patient("<name><family value=\"Os\u{fffd}i\"/></name><id value=\"a\"/>");
    let latin: Vec<u8> = latin.chars().map(|c| if c == '\u{fffd}' { 0xE9 } else { c as u8 }).collect();
    let report = report(&latin).expect("it is refused");
    let told: Vec<String> =
        report.issues.iter().map(|i| format!("{} {:?}", i.id, i.place.as_ref().map(ToString::to_string))).collect();
    assert_eq!(told, ["encoding Some(\"2:24\")", "xml-order Some(\"2:36\")"], "the rest is read all the same");
}

#[test]
fn line_ends_of_other_machines_shift_nothing() {
    let text =
        "<Patient xmlns=\"http://hl7.org/fhir\">\r\n  <gender value=\"a\r\nb\tc\"/>\r\n  <active/>\r\n</Patient>\r\n";
    assert_eq!(found(text), "xml-order 4:3 Patient.active");
    let tree = super::read_xml(text.replace("\r\n  <active/>", "").as_bytes()).expect("it is good");
    assert_eq!(tree.root().to_json(), r#"{"resourceType":"Patient","gender":"a b c"}"#);
}

#[test]
fn what_is_not_well_formed_is_refused_where_it_stands() {
    all(&[
        ("", "empty 1:1"),
        (" \n<!-- x -->", "empty 2:11"),
        ("x", "xml-syntax 1:1"),
        ("<Patient xmlns=\"http://hl7.org/fhir\"/><Patient/>", "xml-syntax 1:39"),
        ("<Patient xmlns=\"http://hl7.org/fhir\"/>x", "xml-syntax 1:39"),
        ("<Patient xmlns=\"http://hl7.org/fhir\"><!-- a -- b --></Patient>", "xml-syntax 1:38"),
        ("<Patient xmlns=\"http://hl7.org/fhir\">\u{1}</Patient>", "xml-character 1:38"),
    ]);
    in_patient(&[
        ("<active value=\"true\">", "xml-syntax 2:22"),
        ("<active value=\"true\"/", "xml-syntax 2:1"),
        ("<active value=\"true", "xml-syntax 2:1"),
        ("<active value=true/>", "xml-syntax 2:1"),
        ("<active value/>", "xml-syntax 2:1"),
        ("<active value=\"true\"value=\"x\"/>", "xml-syntax 2:1"),
        ("<active value=\"true\"id=\"x\"/>", "xml-syntax 2:1"),
        ("<active value=\"true\" value=\"false\"/>", "xml-syntax 2:1"),
        ("<active value=\"<\"/>", "xml-syntax 2:1"),
        ("<1active/>", "xml-syntax 2:1"),
        ("<act;ive/>", "xml-syntax 2:1"),
        ("< active/>", "xml-syntax 2:1"),
        ("<active></Active>", "xml-syntax 2:9"),
        ("]]>", "xml-syntax 1:38"),
        ("<![CDATA[", "xml-syntax 2:1"),
    ]);
    let whole =
        patient("<name id=\"n\"><family value=\"Attwater-Osei\"/></name><text><div xmlns=\"x\">a&lt;</div></text>");
    for end in 0..whole.len() {
        assert_ne!(found(&whole[..end]), "nothing", "{}", &whole[..end]);
    }
}

#[test]
fn limits_hold_and_the_first_fault_beyond_them_ends_the_reading() {
    let limits = Limits { nodes: 50, items: 20, bytes: 10_000, depth: 10 };
    let id = |text: &str| {
        let report = xml::read(text.as_bytes(), &limits, super::definitions()).err();
        report.map(|r| r.issues[0].id.to_string()).unwrap_or_default()
    };
    assert_eq!(id(&patient(&"<name>".repeat(20))), "too-deep");
    assert_eq!(id(&patient(&format!("<text><div xmlns=\"{HTML}\">{}", "<p>".repeat(20)))), "too-deep");
    assert_eq!(id(&patient(&"<name/>".repeat(20))), "");
    assert_eq!(id(&patient(&"<name/>".repeat(21))), "too-many-items");
    assert_eq!(id(&patient(&"<name><given/><given/></name>".repeat(20))), "too-many-values");
    assert_eq!(id(&patient(&" ".repeat(10_000))), "too-large");
    let attributes: String = (0..65).map(|i| format!(" a{i}=\"\"")).collect();
    assert_eq!(id(&patient(&format!("<name{attributes}/>"))), "too-many-items");
    let names: String = (0..33).map(|i| format!(" xmlns:a{i}=\"urn:a\"")).collect();
    assert_eq!(id(&patient(&format!("<name{names}><given{names}/></name>"))), "too-many-items");
}

#[test]
fn hostile_documents_cost_time_and_memory_by_their_size_only() {
    let megabyte = 1 << 20;
    let attributes: String = (0..100_000).map(|i| format!(" a{i}=\"\"")).collect();
    let unknown: String = (0..60_000).map(|i| format!("<n{i} value=\"\"/>")).collect();
    let html = |inner: String| patient(&format!("<text><div xmlns=\"{HTML}\">{inner}</div></text>"));
    let cases = [
        ("text between elements", patient(&"x<name/>".repeat(megabyte / 8))),
        ("instructions", patient(&"<?a?>".repeat(megabyte / 5))),
        ("order", patient(&"<name/><active/>".repeat(megabyte / 16))),
        ("attributes", patient(&format!("<name{attributes}/>"))),
        ("unknown names", patient(&unknown)),
        ("references", patient(&format!("<language value=\"{}\"/>", "&#10;".repeat(megabyte / 5)))),
        ("prefixes", html("<h:p xmlns:h=\"http://www.w3.org/1999/xhtml\"></h:p>".repeat(megabyte / 50))),
        ("references in a narrative", html("&amp;".repeat(megabyte / 5))),
        ("open tags", patient(&"<name>".repeat(megabyte / 6))),
        ("one long name", format!("<{}", "a".repeat(megabyte))),
        ("one long comment", patient(&format!("<!--{}", "a ".repeat(megabyte / 2)))),
        ("ends of comments", patient(&format!("<!--{}", "->".repeat(megabyte / 2)))),
        ("quotes", format!("<Patient {}", "'\"".repeat(megabyte / 2))),
    ];
    for (name, text) in cases {
        let start = Instant::now();
        if let Err(report) = super::read_xml(text.as_bytes()) {
            assert!(report.issues.len() <= 100, "{name}: {} findings", report.issues.len());
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{name} takes {:?}", start.elapsed());
    }
}

#[test]
fn a_text_of_many_lines_is_a_text() {
    let text = patient(&format!("<name><text value=\"{}\"/></name>", "a&#10;".repeat(5_000)));
    let tree = super::read_xml(text.as_bytes()).expect("it is good");
    assert_eq!(tree.root().str_at(&["name", "text"]).map(str::len), Some(10_000));
}

#[test]
fn a_hundred_findings_are_all_that_is_told_also_where_a_letter_is_no_utf_8() {
    let mut bytes = patient(&"<?no?>".repeat(150)).into_bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'?').unwrap();
    bytes[at - 1] = 0xFF;
    let (_, report) = xml::read_whole(&bytes, &Limits::default(), super::definitions()).unwrap();
    assert_eq!(report.issues.len(), 100);
}
