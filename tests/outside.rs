//! Data outside the official cases. Real files (NHS England, HL7, PCO, UK Core), whole, each beside the verdict that
//! `tests/conformance/real-files.txt` records of us and of the reference validator; and records that break the rules which
//! one-defect variants of the official examples taught us. `tests/beside.py` asks the reference anew and prints the figures.
//!
//! The files are not part of the project (default `../shared`, else SHAREWELL_SHARED): where they are missing, their tests
//! say so and do nothing.

mod common;

use common::definitions;
use sharewell::edge::files;
use sharewell::pure::fhir::{Limits, Report, Severity, json, xml};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::{Options, check, check_with};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn shared(below: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SHAREWELL_SHARED").map_or_else(|| common::root().join("../shared"), PathBuf::from);
    let found = root.join(below);
    if !found.exists() {
        println!("skipped: {} is not there", found.display());
        return None;
    }
    Some(found)
}

/// Who finds an error in which file: `FILE: FINDER: what`.
fn listed() -> BTreeMap<String, String> {
    let text = fs::read_to_string(common::root().join("tests/conformance/real-files.txt")).expect("the list is there");
    let lines = text.lines().filter(|l| !l.starts_with("//") && !l.trim().is_empty());
    let halves = lines.map(|l| l.split_once(": ").expect("a line names a file"));
    halves.map(|(file, rest)| (file.to_owned(), rest.split(':').next().unwrap_or_default().to_owned())).collect()
}

fn judge(path: &Path, definitions: &Definitions) -> Report {
    let bytes = fs::read(path).expect("it can be read");
    let read = match path.extension().is_some_and(|e| e == "xml") {
        true => xml::read(&bytes, &Limits::default(), definitions),
        false => json::read(&bytes, &Limits::default()),
    };
    let options = Options { definitions_only: true, now: Some(common::now()), ..Options::default() };
    read.map_or_else(|report| report, |tree| check_with(&tree, &[], definitions, options))
}

/// The files of a folder whose verdict is not the one in the list, and how many there are.
fn differing(folder: &Path, definitions: &Definitions) -> (Vec<String>, usize) {
    let listed = listed();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for entry in fs::read_dir(folder).expect("it can be read").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let should = !listed.get(&name).is_some_and(|finder| matches!(finder.as_str(), "both" | "ours" | "threw"));
        let report = judge(&entry.path(), definitions);
        count += 1;
        if report.is_valid() != should {
            wrong.push(format!("{name}: should be {should}: {:?}", report.issues.iter().find(|i| i.is_error())));
        }
    }
    (wrong, count)
}

#[test]
fn uk_core_loads_whole_and_every_example_of_it_gets_the_verdict_of_the_list() {
    let (Some(package), Some(examples)) = (shared("fhir/uk-core"), shared("cases/fhir/ukcore-examples")) else {
        return;
    };
    let files = files::read(&package).expect("it can be read");
    let before = Definitions::base().expect("it loads").counts().0;
    let definitions = Definitions::base().expect("it loads").with_files(&files).expect("UK Core loads without error");
    assert_eq!(definitions.counts().0 - before, 153);
    let uncompiled: Vec<&str> = definitions.structures().filter(|(_, p)| p.is_none()).map(|(url, _)| url).collect();
    assert!(uncompiled.is_empty(), "{uncompiled:?}");
    let (wrong, count) = differing(&examples, &definitions);
    assert!(wrong.is_empty(), "not as listed in tests/conformance/real-files.txt:\n{}", wrong.join("\n"));
    assert_eq!(count, 63);
}

#[test]
fn real_files_get_the_verdict_of_the_list() {
    let Some(root) = shared("cases/fhir") else { return };
    for folder in ["hl7-r4-examples", "nhs-vrs-consent", "pco-ig-tests"] {
        let (wrong, count) = differing(&root.join(folder), definitions());
        assert!(wrong.is_empty(), "not as listed in tests/conformance/real-files.txt:\n{}", wrong.join("\n"));
        assert!(count > 0, "{folder} is empty");
    }
}

/// The errors of a record: id and expression.
fn errors(text: &str) -> Vec<String> {
    let tree = json::read(text.as_bytes(), &Limits::default()).expect("the record can be read");
    let report = check(&tree, &[], definitions());
    let errors = report.issues.iter().filter(|i| i.severity <= Severity::Error);
    errors.map(|i| format!("{} at {}", i.id, i.expression.as_deref().unwrap_or_default())).collect()
}

fn says(text: &str, expected: &[&str]) {
    assert_eq!(errors(text), expected, "{text}");
}

#[test]
fn a_code_that_no_binding_judges_names_its_system_whole() {
    let question = |system: &str| {
        format!(r#"{{"resourceType":"Questionnaire","status":"active","code":[{{"system":"{system}","code":"a"}}]}}"#)
    };
    says(&question("http://example.org/s"), &[]);
    says(&question("s"), &["relative-system at Questionnaire.code[0].system"]);
    // letters of another case name another system
    says(&question("HTTP://example.org/s"), &["relative-system at Questionnaire.code[0].system"]);
}

#[test]
fn the_ids_of_the_elements_of_a_resource_are_each_its_own() {
    let patient = |one: &str, other: &str, contained: &str| {
        format!(
            r##"{{"resourceType":"Patient","contained":[{{"resourceType":"Organization","id":"o","name":"x",
            "telecom":[{{"id":"{contained}","system":"phone","value":"1"}}]}}],"managingOrganization":{{"reference":"#o"}},
            "name":[{{"id":"{one}","family":"Attwater-Osei"}},{{"id":"{other}","family":"Osei"}}]}}"##
        )
    };
    says(&patient("a", "b", "a"), &[]);
    says(&patient("a", "a", "b"), &["element-id-repeated at Patient.name[1]"]);
}

#[test]
fn a_security_label_is_there_once() {
    let labelled = |code: &str| {
        format!(
            r#"{{"resourceType":"Patient","meta":{{"security":[
            {{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}},
            {{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"{code}"}}]}}}}"#
        )
    };
    says(&labelled("N"), &[]);
    says(&labelled("R"), &["label-repeated at Patient.meta.security[1]"]);
}

#[test]
fn the_type_of_a_reference_is_that_of_its_target() {
    let goal = |kind: &str| {
        format!(
            r#"{{"resourceType":"Goal","lifecycleStatus":"active","description":{{"text":"x"}},
            "subject":{{"reference":"Patient/1","type":"{kind}"}}}}"#
        )
    };
    says(&goal("Patient"), &[]);
    says(&goal("Group"), &["reference-type-differs at Goal.subject"]);
    says(&goal("Medication"), &["reference-type-differs at Goal.subject"]);
}

#[test]
fn a_range_whose_end_says_no_value_is_not_in_order() {
    let goal = |low: &str| {
        format!(
            r#"{{"resourceType":"Goal","lifecycleStatus":"active","description":{{"text":"x"}},"subject":{{"display":"x"}},
            "target":[{{"measure":{{"text":"x"}},"detailRange":{{"low":{low},"high":{{"value":9,"unit":"years"}}}}}}]}}"#
        )
    };
    says(&goal(r#"{"value":3,"unit":"years"}"#), &[]);
    // the same words for the unit, and a code on one side only
    says(&goal(r#"{"value":3,"unit":"years","system":"http://unitsofmeasure.org","code":"a"}"#), &[]);
    assert_eq!(errors(&goal(r#"{"unit":"years"}"#)).len(), 1, "rng-2");
}

#[test]
fn an_array_is_not_empty_where_an_element_shares_the_content_of_another() {
    says(
        r#"{"resourceType":"Questionnaire","status":"active","item":[{"linkId":"1","type":"string","item":[]}]}"#,
        &["empty-array at Questionnaire.item[0].item"],
    );
}

#[test]
fn concept_maps_map_codes_that_exist_and_value_sets_name_systems_whole() {
    let gender = "http://hl7.org/fhir/administrative-gender";
    let map = |code: &str| {
        format!(
            r#"{{"resourceType":"ConceptMap","status":"draft","group":[{{"source":"{gender}","element":[{{"code":"{code}"}}]}}]}}"#
        )
    };
    says(&map("female"), &[]);
    says(&map("woman"), &["unknown-code at ConceptMap.group[0].element[0].code"]);
    let set = |system: &str| {
        format!(r#"{{"resourceType":"ValueSet","status":"draft","compose":{{"include":[{{"system":"{system}"}}]}}}}"#)
    };
    says(&set(gender), &[]);
    says(&set("gender"), &["relative-system at ValueSet.compose.include[0].system"]);
    says(&set(&format!("{gender}|4.0.1")), &["system-with-version at ValueSet.compose.include[0].system"]);
}

#[test]
fn an_image_of_a_narrative_stands_in_the_resource() {
    let media = |id: &str| {
        format!(
            r##"{{"resourceType":"Media","status":"completed","text":{{"status":"generated",
            "div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><img src=\"#{id}\"/></div>"}},
            "content":{{"id":"a1","contentType":"image/png"}}}}"##
        )
    };
    says(&media("a1"), &[]);
    says(&media("a2"), &["narrative-link at Media.text.div"]);
}
