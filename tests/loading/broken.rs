//! Profiles that contradict themselves or what they build on: each is refused, and told with file, element and line.

use super::{file, raw};
use serde_json::{Value, json};
use sharewell::pure::fhir::{File, Report};
use sharewell::pure::profile::Definitions;

const URL: &str = "https://northmere.example/StructureDefinition/broken";

/// A profile on Patient with these elements.
fn patient(elements: &Value) -> Value {
    json!({"resourceType": "StructureDefinition", "url": URL, "name": "Broken", "status": "active", "kind": "resource",
        "abstract": false, "type": "Patient", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint", "differential": {"element": elements}})
}

fn load(files: &[File]) -> Result<Definitions, Report> {
    Definitions::r4().expect("R4 loads").with_files(files)
}

#[test]
fn a_broken_profile_is_told_with_file_element_and_line() {
    let rows = [
        ("Patient.surname", json!({"min": 1}), "no element `surname`"),
        ("Patient.name.first", json!({"min": 1}), "no element `first`"),
        ("Patient.gender", json!({"max": "many"}), "neither a number nor `*`"),
        ("Patient.name", json!({"min": 3, "max": "2"}), "3 times at least and 2 times at most"),
        ("Patient.birthDate", json!({"max": "2"}), "more often than in what it builds on"),
        ("Patient.link.type", json!({"min": 0}), "less often than in what it builds on"),
        ("Patient.name", json!({"type": [{"code": "HumanNam"}]}), "`HumanNam` is not known"),
        (
            "Patient.name",
            json!({"constraint": [{"key": "x-1", "severity": "error", "expression": "given.exists("}]}),
            "`x-1` is not FHIRPath",
        ),
        (
            "Patient.name",
            json!({"slicing": {"discriminator": [{"type": "smell", "path": "use"}], "rules": "open"}}),
            "discriminator has a type",
        ),
        (
            "Patient.name",
            json!({"slicing": {"discriminator": [{"type": "value"}], "rules": "open"}}),
            "discriminator has no path",
        ),
        ("Patient.name:legal", json!({"path": "Patient.name", "sliceName": "legal", "min": 1}), "has no `slicing`"),
        ("Patient.name:short", json!({"path": "Patient.name", "sliceName": "short", "max": "1"}), "has no `slicing`"),
        ("Patient.link", json!({"contentReference": "#Patient.bond"}), "no element `Patient.bond`"),
    ];
    for (id, says, text) in rows {
        let mut element = json!({"id": id, "path": id});
        element.as_object_mut().expect("it is an object").extend(says.as_object().expect("it is an object").clone());
        let report = load(&[file("broken.json", &patient(&json!([element])))]).err();
        let report = report.unwrap_or_else(|| panic!("accepted: {id}: {text}"));
        let issue = &report.issues[0];
        assert!(issue.text.contains(text), "{id}: {}", issue.text);
        assert!(issue.text.contains(id) && issue.text.contains(URL), "{id}: {}", issue.text);
        let place = issue.place.as_ref().unwrap_or_else(|| panic!("{id}: no place: {issue}"));
        assert_eq!(place.file.as_deref(), Some("broken.json"), "{id}");
        assert!(place.line > 10, "{id}: line {}", place.line);
        assert!(issue.remedy.is_some(), "{id}: no remedy");
    }
}

#[test]
fn a_profile_on_nothing_or_on_itself_is_refused() {
    let with_base = |url: &str, base: &str| {
        let mut profile = patient(&json!([]));
        profile["url"] = json!(url);
        profile["baseDefinition"] = json!(base);
        profile
    };
    let report = load(&[file("a.json", &with_base(URL, "https://northmere.example/none"))]).expect_err("it is refused");
    assert!(report.issues[0].text.contains("`https://northmere.example/none`, is not loaded"), "{}", report.issues[0]);
    let (one, other) = ("https://northmere.example/one", "https://northmere.example/other");
    let files = [file("one.json", &with_base(one, other)), file("other.json", &with_base(other, one))];
    let report = load(&files).expect_err("it is refused");
    assert!(report.issues.iter().any(|i| i.text.contains("circle")), "{report:#?}");
}

#[test]
fn a_profile_of_another_type_than_its_base_is_refused() {
    let mut profile = patient(&json!([]));
    profile["type"] = json!("Person");
    let report = load(&[file("other.json", &profile)]).expect_err("it is refused");
    let issue = &report.issues[0];
    assert!(issue.text.contains("its `type` is `Person`") && issue.text.contains("is `Patient`"), "{issue}");
    assert!(issue.remedy.as_deref().is_some_and(|r| r.contains("`baseDefinition`")), "{issue}");
    assert_eq!(issue.place.as_ref().and_then(|p| p.file.as_deref()), Some("other.json"), "{issue}");
}

#[test]
fn a_profile_is_of_the_kind_of_its_base_whatever_it_says() {
    let mut profile = patient(&json!([]));
    profile["kind"] = json!("complex-type");
    let definitions = load(&[file("kind.json", &profile)]).expect("it loads");
    assert!(definitions.profile(URL).is_some_and(|profile| profile.is_resource));
}

#[test]
fn extensions_choices_and_what_the_base_slices_may_have_slices() {
    let slice = |path: &str, name: &str, says: &Value| {
        let mut element = json!({"id": format!("{path}:{name}"), "path": path, "sliceName": name, "max": "1"});
        element.as_object_mut().expect("it is an object").extend(says.as_object().expect("it is an object").clone());
        element
    };
    let by_use = json!({"discriminator": [{"type": "value", "path": "use"}], "rules": "open"});
    let mut below = patient(&json!([slice("Patient.name", "legal", &json!({}))]));
    below["url"] = json!("https://northmere.example/StructureDefinition/below");
    below["baseDefinition"] = json!(URL);
    let here = patient(&json!([
        slice("Patient.extension", "x", &json!({"type": [{"code": "Extension", "profile": ["http://hl7.org/fhir/StructureDefinition/patient-birthPlace"]}]})),
        {"id": "Patient.name", "path": "Patient.name", "slicing": by_use},
        slice("Patient.deceased[x]", "deceasedBoolean", &json!({"type": [{"code": "boolean"}]})),
    ]));
    load(&[file("here.json", &here), file("below.json", &below)]).expect("they load");
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_its_line() {
    for (name, text, line) in [
        ("comma.json", "{\"resourceType\": \"StructureDefinition\",\n \"url\": \"a:b\"\n \"name\": \"x\"}", 3),
        (
            "tag.xml",
            "<StructureDefinition xmlns=\"http://hl7.org/fhir\">\n<url value=\"a:b\">\n</StructureDefinition>",
            3,
        ),
    ] {
        let report = load(&[raw(name, text)]).expect_err("it is refused");
        let place = report.issues[0].place.as_ref().expect("it has a place");
        assert_eq!((place.file.as_deref(), place.line), (Some(name), line), "{}", report.issues[0]);
    }
    let report = load(&[raw("latin.json", b"{\"name\": \"\xE9\"}".to_vec())]).expect_err("it is refused");
    assert!(report.issues[0].text.contains("latin.json"), "{}", report.issues[0]);
}

#[test]
fn a_profile_without_a_url_is_refused() {
    let mut profile = patient(&json!([]));
    profile.as_object_mut().expect("it is an object").remove("url");
    let report = load(&[file("nameless.json", &profile)]).expect_err("it is refused");
    let issue = &report.issues[0];
    assert!(issue.text.contains("has no `url`"), "{issue}");
    assert_eq!(issue.place.as_ref().and_then(|p| p.file.as_deref()), Some("nameless.json"));
}
