//! Every profile has examples, good and bad, and the validator says of each what its folder says.

mod common;

use common::{definitions, folders, formats, root};
use sharewell::embedded;
use sharewell::pure::audit::{Event, Kind, Name, Thing};
use sharewell::pure::fhir::json;
use sharewell::pure::validate;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn profiles() -> Vec<String> {
    let files = embedded::files("profiles/sharewell/");
    let named =
        |path: &str| Some(path.strip_prefix("StructureDefinition-sharewell-")?.strip_suffix(".json")?.to_owned());
    files.iter().filter_map(|f| named(&f.path)).collect()
}

fn examples(profile: &str, kind: &str) -> Vec<PathBuf> {
    let folder = root().join("fixtures/profiles").join(profile).join(kind);
    let entries = fs::read_dir(&folder).unwrap_or_else(|_| panic!("{} is missing", folder.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    paths
}

fn conforms(path: &Path, profile: &str) -> bool {
    let tree = json::read(&fs::read(path).expect("it can be read"), &Default::default()).expect("it is JSON");
    let url = format!("https://sharewell.example/fhir/StructureDefinition/sharewell-{profile}");
    validate::check(&tree, &[&url], definitions()).is_valid()
}

#[test]
fn every_profile_has_a_valid_example_and_two_invalid_ones() {
    assert_eq!(profiles().len(), 15);
    for profile in profiles() {
        assert!(!examples(&profile, "valid").is_empty(), "{profile} has no valid example");
        assert!(examples(&profile, "invalid").len() >= 2, "{profile} has fewer than two invalid examples");
    }
    assert_eq!(folders(&root().join("fixtures/profiles")), profiles(), "an example is of no profile");
}

#[test]
fn every_example_gets_the_verdict_its_folder_says() {
    let mut wrong = Vec::new();
    for profile in profiles() {
        for (kind, expected) in [("valid", true), ("invalid", false)] {
            for path in examples(&profile, kind) {
                if conforms(&path, &profile) != expected {
                    wrong.push(path.strip_prefix(root()).unwrap_or(&path).display().to_string());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "wrong verdict:\n{}", wrong.join("\n"));
}

#[test]
fn every_mapping_has_a_specification_examples_and_cases() {
    for format in formats() {
        let folder = root().join("mappings").join(&format);
        assert!(folder.join("SPEC.md").exists(), "{format} has no SPEC.md");
        assert!(folder.join("map.yaml").exists(), "{format} has no map.yaml");
        assert!(folder.join("examples").exists(), "{format} has no examples");
        let cases = folders(&root().join("fixtures").join(&format));
        assert!(cases.iter().any(|c| c.starts_with("refused-")), "{format} has no record that is refused");
        assert!(cases.iter().filter(|c| !c.starts_with("refused-")).count() >= 2, "{format} has too few records");
    }
}

#[test]
fn every_code_list_of_a_mapping_is_a_concept_map_of_its_own_name() {
    for format in formats() {
        for file in embedded::files(&format!("mappings/{format}/codes/")) {
            let tree = json::read(&file.bytes, &Default::default()).expect("it is JSON");
            let name = file.path.trim_end_matches(".json");
            assert_eq!(tree.root().resource_type(), Some("ConceptMap"), "{format}/{name}");
            assert_eq!(tree.root().str_at(&["id"]), Some(format!("{format}-{name}").as_str()));
        }
    }
}

#[test]
fn every_kind_of_line_of_the_trail_conforms_to_its_profile() {
    for kind in Kind::ALL {
        let gateway = Name { display: "Northmere gateway".to_owned(), ..Name::default() };
        let id = "6f1c7c52-2a55-4a05-8b5e-3f0d9c1f2d11".to_owned();
        let mut event = Event::new(kind, id, "request-1", common::now(), gateway);
        event.other = Some(Name {
            identifier: Some((common::ODS.to_owned(), "Y99001".to_owned())),
            display: "Beckside Surgery".to_owned(),
            address: None,
        });
        event.purposes = vec!["TREAT".to_owned()];
        event.person = Some(("https://fhir.nhs.uk/Id/nhs-number".to_owned(), "9990000018".to_owned()));
        event.things = vec![Thing { kind: "Bundle".to_owned(), reference: "record-1".to_owned() }];
        let url = "https://sharewell.example/fhir/StructureDefinition/sharewell-auditevent";
        let report = validate::check(&event.tree(), &[url], definitions());
        assert!(report.is_valid(), "{}: {report:#?}", kind.word());
    }
}

/// Keys of the invariants of our definitions that refuse a record.
fn refusing_invariants() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for file in embedded::files("profiles/sharewell/") {
        let tree = json::read(&file.bytes, &Default::default()).expect("it is JSON");
        let elements = tree.root().get("differential").into_iter().flat_map(|d| d.all("element").collect::<Vec<_>>());
        for constraint in elements.flat_map(|e| e.all("constraint").collect::<Vec<_>>()) {
            if constraint.str_at(&["severity"]) == Some("error") {
                keys.extend(constraint.str_at(&["key"]).map(str::to_owned));
            }
        }
    }
    keys
}

#[test]
fn every_invariant_that_refuses_is_broken_by_an_example() {
    let mut unbroken = refusing_invariants();
    for profile in profiles() {
        for path in examples(&profile, "invalid") {
            let tree = json::read(&fs::read(&path).expect("it can be read"), &Default::default()).expect("it is JSON");
            let report = validate::check(&tree, &[], definitions());
            for rule in report.issues.iter().filter_map(|i| i.rule.as_deref()) {
                unbroken.retain(|key| !rule.ends_with(&format!(" {key}")));
            }
        }
    }
    assert!(unbroken.is_empty(), "no example breaks {unbroken:?}");
}

#[test]
fn every_mapping_takes_its_examples_there_and_back() {
    for format in formats() {
        let sharewell = Command::new(env!("CARGO_BIN_EXE_sharewell"))
            .args(["mappings", "test", &format])
            .output()
            .expect("the command runs");
        assert!(sharewell.status.success(), "{format}: {}", String::from_utf8_lossy(&sharewell.stdout));
    }
}

#[test]
fn codes_that_a_profile_of_ours_asks_for_draw_no_warning_of_the_type() {
    let mut told = Vec::new();
    for profile in profiles() {
        for path in examples(&profile, "valid") {
            let tree = json::read(&fs::read(&path).expect("it can be read"), &Default::default()).expect("it is JSON");
            let report = validate::check(&tree, &[], definitions());
            told.extend(report.issues.into_iter().filter(|i| i.id == "code-not-in-value-set"));
        }
    }
    assert!(told.is_empty(), "{told:#?}");
}
