//! FHIR XML becomes the tree that the same record has in JSON.

use sharewell::pure::fhir::{Limits, Tree, xml};

fn read(text: &str) -> Result<Tree, String> {
    xml::read(text.as_bytes(), &Limits::default(), super::definitions()).map_err(|report| {
        let issue = &report.issues[0];
        format!("{} {}", issue.id, issue.place.as_ref().unwrap())
    })
}

#[test]
fn arrays_numbers_choices_and_extensions_come_out_as_json_has_them() {
    let tree = read(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment --><Patient xmlns="http://hl7.org/fhir"><id value="p"/>
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>A &lt; <b>B</b></p></div></text>
  <contained><Organization><name value="Northmere"/></Organization></contained>
  <extension url="http://example.org/steps"><valueInteger value="12"/></extension>
  <active value="true"/>
  <name id="n"><family value="Attwater-Osei"/>
    <given><extension url="http://example.org/unsaid"><valueBoolean value="true"/></extension></given>
    <given value="Winifred &amp; co"/></name>
  <birthDate id="b" value="1941-06-02"/>
  <multipleBirthInteger value="2"/>
</Patient>"#,
    )
    .unwrap();
    assert_eq!(
        tree.root().to_json(),
        concat!(
            r#"{"resourceType":"Patient","id":"p","text":{"status":"generated","#,
            r#""div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>A &lt; <b>B</b></p></div>"},"#,
            r#""contained":[{"resourceType":"Organization","name":"Northmere"}],"#,
            r#""extension":[{"url":"http://example.org/steps","valueInteger":12}],"active":true,"#,
            r#""name":[{"id":"n","family":"Attwater-Osei","given":[null,"Winifred & co"],"#,
            r#""_given":[{"extension":[{"url":"http://example.org/unsaid","valueBoolean":true}]},null]}],"#,
            r#""birthDate":"1941-06-02","_birthDate":{"id":"b"},"multipleBirthInteger":2}"#
        )
    );
    let family = tree.root().at_path(&["name", "family"]).unwrap();
    assert_eq!(family.place().unwrap().to_string(), "7:16");
}

#[test]
fn what_the_types_do_not_know_is_kept_for_the_validator() {
    let tree =
        read(r#"<Patient xmlns="http://hl7.org/fhir"><shoe value="7"/><active value="maybe"/></Patient>"#).unwrap();
    assert_eq!(tree.root().to_json(), r#"{"resourceType":"Patient","shoe":"7","active":"maybe"}"#);
}

#[test]
fn hostile_xml_is_refused_where_it_stands() {
    let in_patient = |inner: &str| read(&format!("<Patient xmlns=\"http://hl7.org/fhir\">\n{inner}</Patient>"));
    let refusals = [
        (read(""), "empty 1:1"),
        (read("<!DOCTYPE Patient SYSTEM \"file:///etc/passwd\"><Patient/>"), "xml-document-type 1:1"),
        (read("<!DOCTYPE p [<!ENTITY a \"b\">]><Patient/>"), "xml-document-type 1:1"),
        (read("<Patient><active value=\"true\"/></Patient>"), "xml-namespace 1:1"),
        (read("<?xml version=\"1.0\" encoding=\"latin1\"?><Patient/>"), "encoding 1:1"),
        (read("<Patient xmlns=\"http://hl7.org/fhir\"/><Patient/>"), "xml-syntax 1:39"),
        (in_patient("<active value=\"&lol;\"/>"), "xml-syntax 2:1"),
        (in_patient("<active value=\"true\" checked=\"yes\"/>"), "xml-attribute 2:1"),
        (in_patient("Winifred"), "xml-text 1:38"),
        (in_patient("<active value=\"true\">"), "xml-syntax 2:22"),
        (in_patient("<name/><active value=\"true\"/><name/>"), "xml-order 2:30"),
        (in_patient("<contained/>"), "xml-resource 2:1"),
        (in_patient(&"<name>".repeat(200)), "too-deep 2:595"),
    ];
    for (got, expected) in refusals {
        assert_eq!(got.err().as_deref(), Some(expected));
    }
}

#[test]
fn comments_and_empty_elements_do_no_harm() {
    let tree = read("<Goal xmlns='http://hl7.org/fhir'><!-- x --><note><?pi y?></note></Goal>").unwrap();
    assert_eq!(tree.root().to_json(), r#"{"resourceType":"Goal","note":[{}]}"#);
}
