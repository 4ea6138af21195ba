//! FHIR XML becomes the tree that the same record has in JSON.

use sharewell::pure::fhir::Tree;

fn read(text: &str) -> Result<Tree, String> {
    super::read_xml(text.as_bytes()).map_err(|report| {
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
fn comments_and_empty_elements_do_no_harm() {
    let tree = read("<Goal xmlns='http://hl7.org/fhir'><!-- x --><note><![CDATA[ ]]></note></Goal>").unwrap();
    assert_eq!(tree.root().to_json(), r#"{"resourceType":"Goal","note":[{}]}"#);
    let tree = read("<Patient xmlns='http://hl7.org/fhir'><active/><name><given/></name></Patient>").unwrap();
    assert_eq!(tree.root().to_json(), r#"{"resourceType":"Patient","active":null,"name":[{"given":[null]}]}"#);
}
