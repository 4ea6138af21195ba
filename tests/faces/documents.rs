//! The documents that `sharewell validate` writes: JSON lines, JUnit, SARIF, lines for people.

use super::quoting::{WAYS, marked};
use super::records::{Sample, fixtures, xml};
use quick_xml::events::Event;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sharewell"))
        .arg("validate")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program runs")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("it is UTF-8")
}

/// A folder with sound files, files with findings in both syntaxes, and one that is no JSON. Names in order.
fn folder() -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder is made");
    let mut names = Vec::new();
    let mut write = |name: &str, text: String| {
        fs::write(folder.path().join(name), text).expect("it is written");
        names.push(name.to_owned());
    };
    for (index, sample) in fixtures().iter().enumerate().filter(|(i, _)| i % 5 == 0) {
        let pretty = serde_json::to_string_pretty(&sample.value).expect("it can be written");
        write(&format!("{index:03} <&\">.json"), pretty);
        write(&format!("{index:03}.xml"), xml(&sample.value));
    }
    let odd = json!({ "resourceType": "Patient", "na\u{1}\u{fffe}me\n<": 1, "contact": [{ "\u{1f600}": 2, "x": 3 }],
        "implicitRules": "http://rules.test" });
    write("odd.json", odd.to_string());
    write("broken.json", "{\"resourceType\": \"Patient\",\n  \"a\" 1}".to_owned());
    (folder, names)
}

#[test]
fn every_face_writes_the_same_bytes_twice() {
    let (folder, names) = folder();
    for face in ["human", "json", "junit", "sarif"] {
        let mut arguments = vec!["--must-support", "--output", face];
        arguments.extend(names.iter().map(String::as_str));
        let (one, two) = (run(folder.path(), &arguments), run(folder.path(), &arguments));
        assert_eq!(one.status.code(), Some(3), "the worst of several counts: one cannot be read");
        assert!(one.stdout == two.stdout && !one.stdout.is_empty(), "{face} differs from run to run");
    }
}

#[test]
fn the_exit_code_says_whether_it_ran_and_what_it_found() {
    let (folder, _) = folder();
    let sound = json!({ "resourceType": "Patient", "gender": "female" }).to_string();
    fs::write(folder.path().join("sound.json"), sound).expect("it is written");
    fs::write(folder.path().join("wrong.json"), "{\"resourceType\":\"Patient\",\"gender\":\"f\"}")
        .expect("it is written");
    for face in ["human", "json", "junit", "sarif"] {
        for (files, exit) in [
            (&["sound.json"][..], 0),
            (&["wrong.json", "sound.json"], 1),
            (&["missing.json", "wrong.json"], 2),
            (&["broken.json", "wrong.json"], 3),
        ] {
            let mut arguments = vec!["--output", face];
            arguments.extend(files);
            assert_eq!(run(folder.path(), &arguments).status.code(), Some(exit), "{face} {files:?}");
        }
        let unheard = run(folder.path(), &["--output", face, "--profile", "http://no.such/profile", "sound.json"]);
        assert_eq!((unheard.status.code(), unheard.stdout.len()), (Some(2), 0), "{face}");
    }
}

#[test]
fn json_is_one_line_a_file_with_three_names() {
    let (folder, names) = folder();
    let mut arguments = vec!["--output", "json"];
    arguments.extend(names.iter().map(String::as_str));
    let text = text(&run(folder.path(), &arguments));
    assert_eq!(text.lines().count(), names.len());
    for (line, name) in text.lines().zip(&names) {
        let value: Value = serde_json::from_str(line).expect("a line is JSON");
        let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["file", "valid", "outcome"]);
        assert_eq!(value["file"], **name);
        let errors = value["outcome"]["issue"].as_array().expect("issues").iter();
        let errors = errors.filter(|i| i["severity"] == "error" || i["severity"] == "fatal").count();
        assert_eq!(value["valid"], errors == 0, "{name}");
    }
}

#[test]
fn sarif_says_what_its_standard_asks_for() {
    let (folder, mut names) = folder();
    names.push("missing.json".to_owned());
    let mut arguments = vec!["--output", "sarif"];
    arguments.extend(names.iter().map(String::as_str));
    let log: Value = serde_json::from_str(&text(&run(folder.path(), &arguments))).expect("it is JSON");
    assert_eq!((&log["version"], log["runs"].as_array().map(Vec::len)), (&json!("2.1.0"), Some(1)));
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints", "columns count characters, not UTF-16");
    assert_eq!(run["invocations"][0]["executionSuccessful"], false, "one file was missing");
    assert_eq!(run["invocations"][0]["exitCode"], 3);
    let rules: Vec<&str> =
        run["tool"]["driver"]["rules"].as_array().expect("rules").iter().filter_map(|r| r["id"].as_str()).collect();
    assert!(rules.is_sorted() && rules.windows(2).all(|w| w[0] != w[1]), "{rules:?}");
    for rule in run["tool"]["driver"]["rules"].as_array().expect("rules") {
        assert!(rule["shortDescription"]["text"].as_str().is_some_and(|t| t.ends_with('.')), "{rule}");
    }
    let results = run["results"].as_array().expect("results");
    assert!(results.len() > 20);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("a place")).expect("it fits");
        assert_eq!(result["ruleId"], rules[index]);
        let (kind, level) = (result["kind"].as_str().expect("a kind"), result["level"].as_str().expect("a level"));
        assert!(["error", "warning", "note"].contains(&level) == (kind == "fail"), "{kind} is {level}");
        assert!(!result["message"]["text"].as_str().expect("words").is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("a uri");
        assert!(!uri.starts_with('/') && !uri.contains([' ', '<', '"', '\\']), "{uri}");
        if kind == "fail" {
            assert!(place["region"]["startLine"].as_u64() > Some(0), "{result}");
            assert!(place["region"]["startColumn"].as_u64() > Some(0), "{result}");
        }
    }
    assert!(results.iter().any(|r| r["kind"] == "open"), "what was not checked is told");
}

#[test]
fn sarif_counts_columns_in_characters() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let line = "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"\u{1f600}\u{1f600}\"}],\"nosuch\":1}";
    fs::write(folder.path().join("a.json"), line).expect("it is written");
    let log: Value =
        serde_json::from_str(&text(&run(folder.path(), &["--output", "sarif", "a.json"]))).expect("it is JSON");
    let region = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
    let before = line.split("1}").next().expect("it is there").chars().count();
    assert_eq!(region["startColumn"].as_u64(), u64::try_from(before + 1).ok());
}

#[test]
fn junit_is_well_formed_and_has_a_case_a_file() {
    let (folder, mut names) = folder();
    names.push("missing.json".to_owned());
    let mut arguments = vec!["--output", "junit"];
    arguments.extend(names.iter().map(String::as_str));
    let text = text(&run(folder.path(), &arguments));
    let allowed = |c: char| matches!(c, '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(text.chars().all(allowed), "every character may stand in XML 1.0");
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut counts, mut cases) = (BTreeMap::new(), Vec::new());
    let mut said = BTreeMap::new();
    loop {
        match reader.read_event().expect("it is well formed") {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name().as_ref().to_owned();
                *counts.entry(name.clone()).or_insert(0) += 1;
                for attribute in tag.attributes() {
                    let attribute = attribute.expect("it is well formed");
                    let value = quick_xml::escape::unescape(&attribute.value).expect("it is escaped").into_owned();
                    match (name.as_str(), attribute.key.as_ref()) {
                        ("testcase", "name") => cases.push(value),
                        ("testsuite", key) => drop(said.insert(key.to_owned(), value)),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    assert_eq!(cases, names);
    assert_eq!((counts["testsuites"], counts["testsuite"], counts["error"]), (1, 1, 1));
    assert_eq!(said["tests"], names.len().to_string());
    assert_eq!(said["failures"], counts["failure"].to_string());
    assert!(text.contains("not checked: "), "what was not checked is told");
}

#[test]
fn what_was_not_checked_is_told_in_every_face_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let coding = |system: &str| json!({ "coding": [{ "system": system, "code": "x" }] });
    let record = json!({ "resourceType": "Condition", "subject": { "display": "x" },
        "implicitRules": "http://no.such/rules", "meta": { "profile": ["http://no.such/profile"] },
        "code": coding("http://snomed.info/sct"), "bodySite": [coding("http://no.such/codes"), coding("http://loinc.org")] });
    fs::write(folder.path().join("a.json"), record.to_string()).expect("it is written");
    for face in ["human", "json", "junit", "sarif"] {
        let text = text(&run(folder.path(), &["--output", face, "a.json"]));
        for (what, why) in [
            ("a profile that `meta.profile` claims", "it is not loaded"),
            ("codes of `http://snomed.info/sct`", "the code system is not loaded"),
            ("codes of `http://loinc.org`", "the code system is not loaded"),
            ("codes of code systems that are not known here", "the code system is not loaded"),
            ("the rules that `implicitRules` names", "they are not known here"),
        ] {
            assert!(text.contains(&format!("not checked: {what}: {why}")), "{face}: {what}: {text}");
        }
        assert!(!text.contains("no.such"), "{face} quotes the record");
    }
}

#[test]
fn no_face_quotes_a_value_of_the_record() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let mut names = Vec::new();
    for (way, say) in WAYS.iter().enumerate() {
        for (index, sample) in fixtures().iter().enumerate().filter(|(i, _)| i % 4 == way % 4) {
            let Sample { value, .. } = marked(sample, *say);
            for (name, text) in
                [(format!("{way}-{index}.json"), value.to_string()), (format!("{way}-{index}.xml"), xml(&value))]
            {
                fs::write(folder.path().join(&name), text).expect("it is written");
                names.push(name);
            }
        }
    }
    for face in ["human", "json", "junit", "sarif"] {
        let mut arguments = vec!["--must-support", "--output", face];
        arguments.extend(names.iter().map(String::as_str));
        let output = run(folder.path(), &arguments);
        let all = text(&output) + &String::from_utf8_lossy(&output.stderr);
        let quoted = all.lines().find(|l| l.contains("Quillfeather"));
        assert!(quoted.is_none(), "{face}: {}", quoted.unwrap_or_default());
    }
}

#[test]
fn must_support_is_told_where_asked_and_changes_no_verdict() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let profile = json!({ "resourceType": "StructureDefinition", "url": "http://profiles.test/p", "name": "P",
        "status": "draft", "kind": "resource", "abstract": false, "type": "Patient", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient", "differential": { "element": [
            { "id": "Patient", "path": "Patient" },
            { "id": "Patient.name", "path": "Patient.name", "min": 1, "mustSupport": true },
            { "id": "Patient.gender", "path": "Patient.gender", "mustSupport": true },
            { "id": "Patient.photo", "path": "Patient.photo", "max": "0", "mustSupport": true },
            { "id": "Patient.contact.gender", "path": "Patient.contact.gender", "mustSupport": true }] } });
    fs::write(folder.path().join("p.json"), profile.to_string()).expect("it is written");
    let record =
        json!({ "resourceType": "Patient", "name": [{ "text": "x" }], "contact": [{ "name": { "text": "x" } }] });
    fs::write(folder.path().join("a.json"), record.to_string()).expect("it is written");
    let asked = ["--package", "p.json", "--profile", "http://profiles.test/p", "a.json"];
    let silent = run(folder.path(), &asked);
    assert_eq!((silent.status.code(), text(&silent).contains("must-support")), (Some(0), false));
    let told = run(folder.path(), &[&["--must-support"][..], &asked].concat());
    assert_eq!(told.status.code(), Some(0));
    let text = text(&told);
    let lines: Vec<&str> = text.lines().filter(|l| l.contains("must-support")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("information: `Patient.gender` is marked must-support, and is absent (Patient; http://profiles.test/p#Patient.gender)"));
    assert!(lines[1].contains("(Patient.contact[0]; http://profiles.test/p#Patient.contact.gender)"), "{text}");
}

#[test]
fn a_definition_that_is_broken_is_told_with_file_line_and_element() {
    let folder = tempfile::tempdir().expect("a folder is made");
    fs::write(folder.path().join("a.json"), "{\"resourceType\":\"Patient\"}").expect("it is written");
    let profile = |base: &str, element: &str| {
        format!(
            "{{ \"resourceType\": \"StructureDefinition\", \"url\": \"http://profiles.test/p\", \"kind\": \"resource\",\n\
             \"type\": \"Patient\", \"derivation\": \"constraint\", \"baseDefinition\": \"{base}\",\n\
             \"differential\": {{ \"element\": [ {{ \"id\": \"Patient\", \"path\": \"Patient\" }},\n  {element} ] }} }}"
        )
    };
    let patient = "http://hl7.org/fhir/StructureDefinition/Patient";
    let broken = "{ \"id\": \"Patient.name\", \"path\": \"Patient.name\", \"constraint\": \
                  [{ \"key\": \"x-1\", \"severity\": \"error\", \"expression\": \"this is (not\" }] }";
    for (text, place, says) in [
        (profile(patient, "{ \"id\": \"Patient.nosuch\", \"path\": \"Patient.nosuch\" }"), "4:3", "`Patient.nosuch`"),
        (profile(patient, broken), "4:3", "`x-1`"),
        (
            profile(patient, "{ \"id\": \"Patient.name\", \"path\": \"Patient.name\", \"min\": 3, \"max\": \"1\" }"),
            "4:3",
            "the definition of `Patient.name` in `http://profiles.test/p`: it should be there 3 times at least",
        ),
        (
            profile("http://no.such/base", "{ \"path\": \"Patient.name\" }"),
            "1:1",
            "`http://no.such/base`, is not loaded",
        ),
        (profile("http://profiles.test/p", "{ \"path\": \"Patient.name\" }"), "1:1", "builds on itself in a circle"),
        ("{ \"resourceType\":\n x".to_owned(), "2:2", "a value should start here"),
    ] {
        fs::write(folder.path().join("broken.json"), text).expect("it is written");
        for face in ["human", "json", "junit", "sarif"] {
            let output = run(folder.path(), &["--output", face, "--package", "broken.json", "a.json"]);
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{face}: {told}");
            assert!(told.starts_with(&format!("broken.json:{place}: error: ")) && told.contains(says), "{told}");
        }
    }
}

#[test]
fn a_file_that_is_no_profile_and_a_package_without_definitions_are_told() {
    let folder = tempfile::tempdir().expect("a folder is made");
    for (name, text) in [
        ("a.json", "{\"resourceType\":\"Patient\"}"),
        ("set.json", "{\"resourceType\":\"ValueSet\",\"url\":\"a:b\",\"status\":\"draft\"}"),
        ("word.json", "{\"a\":1}"),
        ("half.xml", "<StructureDefinition xmlns=\"http://hl7.org/fhir\">"),
        ("notes.txt", "hello"),
    ] {
        fs::write(folder.path().join(name), text).expect("it is written");
    }
    for (asked, says) in [
        (["--profile", "a.json"], "`a.json` holds a Patient, and not a profile; name a StructureDefinition"),
        (["--profile", "set.json"], "`set.json` holds a ValueSet, and not a profile"),
        (["--profile", "word.json"], "`word.json` holds no resource, and not a definition"),
        (["--profile", "half.xml"], "half.xml:1:"),
        (["--package", "a.json"], "a.json:1:1: error: `a.json` holds a Patient, and not a definition"),
        (["--package", "notes.txt"], "`notes.txt` holds no definition"),
    ] {
        let output = run(folder.path(), &[&asked[..], &["a.json"]].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{asked:?}: {told}");
        assert!(told.contains(says), "{asked:?}: {told}");
    }
}

#[test]
fn an_id_is_explained_and_an_unknown_one_is_not() {
    let here = Path::new(".");
    let known = run(here, &["--explain", "unknown-modifier-extension"]);
    assert_eq!(known.status.code(), Some(0));
    assert!(text(&known).contains("rule: R4 extensibility.html#modifierExtension"));
    assert_eq!(run(here, &["--explain", "no-such-id"]).status.code(), Some(3));
}
