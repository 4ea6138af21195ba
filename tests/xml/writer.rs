//! The tree becomes XML: in the order of the definitions, and only where XML can say it.

use super::{definitions, read_xml};
use sharewell::pure::fhir::{Limits, json, xml};

fn write(text: &str) -> Result<String, String> {
    let tree = json::read(text.as_bytes(), &Limits::default()).expect("it is JSON");
    xml::write(tree.root(), definitions()).map_err(|report| {
        let issue = &report.issues[0];
        assert!(issue.remedy.is_some() && issue.rule.is_some() && issue.place.is_some(), "{issue}");
        format!("{} {}", issue.id, issue.expression.as_deref().unwrap_or_default())
    })
}

#[test]
fn elements_come_in_the_order_of_their_definitions() {
    let text = r#"{"multipleBirthInteger":2,"birthDate":"1941-06-02","_birthDate":{"id":"b"},"name":[{"_given":[{"extension":
        [{"valueBoolean":true,"url":"http://example.org/unsaid"}]},null],"given":[null,"Winifred & co"],
        "family":"Attwater-Osei","id":"n"}],"active":true,"contained":[{"name":"Northmere","resourceType":"Organization"}],
        "text":{"div":" <div xmlns=\"http://www.w3.org/1999/xhtml\">A &lt; <b>B</b></div>\n","status":"generated"},
        "id":"p","resourceType":"Patient"}"#;
    let expected = concat!(
        r#"<Patient xmlns="http://hl7.org/fhir"><id value="p"/><text><status value="generated"/>"#,
        r#"<div xmlns="http://www.w3.org/1999/xhtml">A &lt; <b>B</b></div></text>"#,
        r#"<contained><Organization><name value="Northmere"/></Organization></contained><active value="true"/>"#,
        r#"<name id="n"><family value="Attwater-Osei"/><given><extension url="http://example.org/unsaid">"#,
        r#"<valueBoolean value="true"/></extension></given><given value="Winifred &amp; co"/></name>"#,
        r#"<birthDate value="1941-06-02" id="b"/><multipleBirthInteger value="2"/></Patient>"#
    );
    assert_eq!(write(text).as_deref(), Ok(expected));
}

#[test]
fn strings_keep_every_character_that_xml_has() {
    let text = r#"{"resourceType":"Basic","language":" a\tb\nc\r\nd  <e> & \"f\" 'g' \u0085 \u2028 \ud83e\uddd3\ud83c\udffd ]]> &amp; "}"#;
    let written = write(text).expect("it can be written");
    assert!(written.contains(r#"value=" a&#9;b&#10;c&#13;&#10;d  &lt;e&gt; &amp; &quot;f&quot; 'g' "#), "{written}");
    let again = read_xml(written.as_bytes()).expect("it can be read");
    let tree = json::read(text.as_bytes(), &Limits::default()).expect("it is JSON");
    assert_eq!(again.root().to_json(), tree.root().to_json());
}

#[test]
fn decimals_keep_their_digits() {
    for number in ["1.00", "-0.0", "0.000100", "1e3", "2.50E-7", "100000000000000000000000000000000000000000.0"] {
        let text = format!(r#"{{"resourceType":"Observation","valueQuantity":{{"value":{number}}}}}"#);
        let written = write(&text).expect("it can be written");
        assert_eq!(read_xml(written.as_bytes()).expect("it can be read").root().to_json(), text);
    }
}

#[test]
fn what_xml_could_not_say_is_refused_where_it_stands() {
    let in_patient = |inner: &str| write(&format!(r#"{{"resourceType":"Patient",{inner}}}"#));
    let refusals = [
        (write(r#"{"id":"p"}"#), "unknown-resource-type "),
        (write(r#"{"resourceType":"HumanName"}"#), "unknown-resource-type HumanName"),
        (write(r#"{"resourceType":"Shoe"}"#), "unknown-resource-type Shoe"),
        (in_patient(r#""shoe":7"#), "unknown-element Patient.shoe"),
        (in_patient(r#""active":"true""#), "wrong-kind Patient.active"),
        (in_patient(r#""language":true"#), "wrong-kind Patient.language"),
        (in_patient(r#""multipleBirthInteger":"2""#), "wrong-kind Patient.multipleBirthInteger"),
        (in_patient(r#""name":{"family":"x"}"#), "should-be-array Patient.name"),
        (in_patient(r#""active":[true]"#), "should-be-array Patient.active"),
        (in_patient(r#""name":[]"#), "empty-array Patient.name"),
        (in_patient(r#""name":["x"]"#), "should-be-object Patient.name[0]"),
        (in_patient(r#""name":[{"given":[["x"]]}]"#), "wrong-kind Patient.name[0].given[0]"),
        (in_patient(r#""active":null,"_active":{"id":"a"}"#), "stray-null Patient.active"),
        (in_patient(r#""active":true,"_active":null"#), "stray-null Patient._active"),
        (in_patient(r#""_active":true"#), "should-be-object Patient._active"),
        (in_patient(r#""_active":{}"#), "should-be-object Patient._active"),
        (in_patient(r#""name":[{"_given":[{}]}]"#), "should-be-object Patient.name[0]._given[0]"),
        (in_patient(r#""_active":{"value":"x"}"#), "unknown-element Patient._active.value"),
        (in_patient(r#""_name":[{"id":"x"}]"#), "not-a-primitive Patient._name"),
        (in_patient(r#""name":[{"_id":{"extension":[]}}]"#), "unknown-element Patient.name[0]._id"),
        (in_patient(r#""language":"a\u0000""#), "xml-character Patient.language"),
        (in_patient(r#""language":"\ufffe""#), "xml-character Patient.language"),
        (in_patient(r#""contained":[{}]"#), "unknown-resource-type Patient.contained[0]"),
        (in_patient(r#""extension":[{"url":7}]"#), "wrong-kind Patient.extension[0].url"),
    ];
    for (index, (got, expected)) in refusals.into_iter().enumerate() {
        assert_eq!(got.err().as_deref(), Some(expected), "refusal {index}");
    }
}

#[test]
fn a_narrative_that_would_break_out_is_refused() {
    for div in [
        "",
        "x",
        "<p/>",
        "<div>",
        "<div/><div/>",
        "<div/>x",
        "</Narrative><active value='true'/><Narrative>",
        "<div></div></text><active value=\\\"true\\\"/><text>",
        "<!DOCTYPE div><div/>",
        "<div>&nbsp;</div>",
        "<!-- --><div/>",
        "<div>\\u0000</div>",
        "<div a='<'/>",
        "<div h:b='1'/>",
        "<div><h:p/></div>",
        "<div a='1' a='2'/>",
        "<div><?php x?></div>",
        "<p xmlns='http://www.w3.org/1999/xhtml'/>",
    ] {
        let text = format!(r#"{{"resourceType":"Patient","text":{{"div":"{div}"}}}}"#);
        assert_eq!(write(&text).err().as_deref(), Some("narrative-form Patient.text.div"), "{div}");
    }
}
