//! One canonical url names one definition; and what is named as a definition is one.

use super::{file, raw};
use serde_json::{Value, json};
use sharewell::pure::fhir::{File, Report};
use sharewell::pure::profile::Definitions;
use sharewell::pure::profile::package::pack;

const URL: &str = "https://northmere.example/ValueSet/rooms";

fn set(code: &str) -> Value {
    let include = json!([{"system": "https://northmere.example/rooms", "concept": [{"code": code}]}]);
    json!({"resourceType": "ValueSet", "url": URL, "version": "1.0.0", "status": "active", "compose": {"include": include}})
}

fn load(files: &[File]) -> Result<Definitions, Report> {
    Definitions::r4().expect("R4 loads").with_files(files)
}

fn bundle(resources: &[Value]) -> Value {
    let entries: Vec<Value> = resources.iter().map(|r| json!({"resource": r})).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

#[test]
fn two_definitions_of_one_url_that_differ_are_refused_and_both_files_named() {
    let (one, other) = (set("kitchen"), set("hall"));
    let packed = |name: &str, sets: [(&str, &Value); 2]| {
        raw(name, pack(sets.map(|(name, set)| (name.to_owned(), set.to_string())).to_vec()).expect("it packs"))
    };
    let rows: [(Vec<File>, &str, &str); 3] = [
        (vec![file("a.json", &one), file("b.json", &other)], "b.json", "`a.json:1:1`"),
        (vec![file("both.json", &bundle(&[one.clone(), other.clone()]))], "both.json", "`both.json:6:"),
        (vec![packed("p.tgz", [("a.json", &one), ("b.json", &other)])], "p.tgz/b.json", "`p.tgz/a.json:1:1`"),
    ];
    for (files, at, there) in rows {
        let report = load(&files).expect_err(at);
        let issue = &report.issues[0];
        assert_eq!((report.issues.len(), &*issue.id), (1, "definition-twice"), "{report:#?}");
        assert!(issue.text.contains(&format!("{URL}|1.0.0")) && issue.text.contains(there), "{issue}");
        assert_eq!(issue.place.as_ref().and_then(|p| p.file.as_deref()), Some(at), "{issue}");
        assert!(issue.remedy.is_some());
    }
    let apart = load(&[file("a.json", &one)]).expect("one alone loads").with_files(&[file("b.json", &other)]);
    assert!(apart.is_err_and(|report| report.issues[0].text.contains("`a.json:1:1`")), "loaded one after the other");
}

#[test]
fn definitions_of_every_sort_may_not_contradict_one_another() {
    let profile = |most: &str| {
        let element = json!([{"id": "Basic.subject", "path": "Basic.subject", "max": most}]);
        json!({"resourceType": "StructureDefinition", "kind": "resource", "abstract": false, "type": "Basic",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Basic", "derivation": "constraint",
            "differential": {"element": element}})
    };
    let with = |kind: &str, says: Value| {
        let mut one = json!({"resourceType": kind, "status": "active"});
        one.as_object_mut().expect("it is an object").extend(says.as_object().expect("it is an object").clone());
        one
    };
    let system = |code: &str| with("CodeSystem", json!({"content": "complete", "concept": [{"code": code}]}));
    let map = |code: &str| {
        let target = json!([{"code": "x", "equivalence": "equal"}]);
        with("ConceptMap", json!({"group": [{"element": [{"code": code, "target": target}]}]}))
    };
    let form = |text: &str| with("Questionnaire", json!({"title": text}));
    let pairs =
        [(profile("0"), profile("1")), (system("a"), system("b")), (map("a"), map("b")), (form("a"), form("b"))];
    for (mut one, mut other) in pairs {
        one["url"] = json!("https://northmere.example/one");
        other["url"] = json!("https://northmere.example/one");
        let twice = load(&[file("a.json", &one), file("b.json", &other)]);
        assert!(twice.is_err_and(|r| r.issues[0].id == "definition-twice"), "{}", one["resourceType"]);
        other["version"] = json!("2");
        load(&[file("a.json", &one), file("b.json", &other)]).expect("another version is another definition");
    }
}

#[test]
fn a_definition_that_comes_again_is_no_contradiction() {
    let mut again = set("kitchen");
    again["text"] = json!({"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">rooms</div>"});
    again["meta"] = json!({"lastUpdated": "2026-11-22T10:00:00Z"});
    let xml = format!(
        r#"<ValueSet xmlns="http://hl7.org/fhir"><url value="{URL}"/><version value="1.0.0"/><status value="active"/><compose>
        <include><system value="https://northmere.example/rooms"/><concept><code value="kitchen"/></concept></include>
        </compose></ValueSet>"#
    );
    let files = [file("a.json", &set("kitchen")), file("b.json", &again), raw("c.xml", xml)];
    assert!(load(&files).is_ok());
}

#[test]
fn a_definition_in_a_bundle_is_told_with_its_line_there() {
    let broken = json!({"resourceType": "StructureDefinition", "url": "https://northmere.example/b", "status": "active",
        "kind": "resource", "abstract": false, "type": "Basic", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Basic",
        "differential": {"element": [{"id": "Basic.colour", "path": "Basic.colour", "min": 1}]}});
    let bundle = file("bundle.json", &bundle(&[set("kitchen"), broken]));
    let line =
        String::from_utf8_lossy(&bundle.bytes).lines().position(|l| l.contains("Basic.colour")).expect("is there");
    let report = load(&[bundle]).expect_err("it is refused");
    let place = report.issues[0].place.as_ref().expect("it has a place");
    assert_eq!((place.file.as_deref(), place.line as usize), (Some("bundle.json"), line), "{}", report.issues[0]);
}

#[test]
fn what_is_named_as_a_definition_is_one() {
    let patient = json!({"resourceType": "Patient", "active": true});
    let rows = [
        (vec![file("patient.json", &patient)], "patient.json", "`patient.json` holds a Patient, and not a definition"),
        (
            vec![file("none.json", &bundle(std::slice::from_ref(&patient)))],
            "none.json",
            "the Bundle `none.json` holds no definition",
        ),
        (vec![file("word.json", &json!({"a": 1}))], "word.json", "`word.json` holds no resource"),
        (vec![raw("notes.txt", "hello")], "notes.txt", "`notes.txt` holds no definition"),
        (vec![file("folder/patient.json", &patient)], "folder", "`folder` holds no definition"),
        (
            vec![raw("p.tgz", pack(vec![("a.json".to_owned(), patient.to_string())]).expect("it packs"))],
            "p.tgz",
            "`p.tgz` holds no definition",
        ),
    ];
    for (files, name, text) in rows {
        let report = Definitions::r4().expect("R4 loads").with_named(name, &files).expect_err(name);
        let issue = &report.issues[0];
        assert!(issue.text.contains(text) && issue.id == "not-a-definition", "{issue}");
        assert!(issue.remedy.as_deref().is_some_and(|r| r.contains("StructureDefinition")), "{issue}");
    }
    let both = [file("folder/patient.json", &patient), file("folder/set.json", &set("kitchen"))];
    let definitions = Definitions::r4().expect("R4 loads").with_named("folder", &both).expect("one is enough");
    definitions.with_named("folder", &both).expect("and may be named again");
}

#[test]
fn a_concept_map_is_held_as_it_is_and_a_broken_one_refused() {
    let map = |element: Value| {
        json!({"resourceType": "ConceptMap", "url": "https://northmere.example/map", "version": "2", "status": "active",
            "group": [{"target": "https://northmere.example/codes", "element": [element]}]})
    };
    let rows = [
        (json!({"code": "a", "target": [{"code": "x"}]}), "how it relates to the source"),
        (json!({"code": "a", "target": [{"code": "x", "equivalence": "same-ish"}]}), "how it relates to the source"),
    ];
    for (element, text) in rows {
        let report = load(&[file("map.json", &map(element))]).expect_err(text);
        let issue = &report.issues[0];
        assert!(issue.text.contains(text) && issue.text.contains("https://northmere.example/map"), "{issue}");
        let place = issue.place.as_ref().expect("it has a place");
        assert!(place.file.as_deref() == Some("map.json") && place.line > 5 && issue.remedy.is_some(), "{issue}");
    }
    let right = map(json!({"code": "a", "target": [{"equivalence": "unmatched"}]}));
    let packed = raw("p.tgz", pack(vec![("ConceptMap-map.json".to_owned(), right.to_string())]).expect("it packs"));
    let definitions = load(&[packed]).expect("it loads");
    for url in ["https://northmere.example/map", "https://northmere.example/map|2"] {
        let found = definitions.concept_map(url).expect(url);
        assert_eq!(found.str_at(&["status"]), Some("active"));
    }
}
