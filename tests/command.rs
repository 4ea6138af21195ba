//! The command says what the library says: official validator cases that need no options go through the built binary in one
//! run, names on standard input and a line of JSON out for each, and get the verdict that the library gives. Those with
//! definitions of their own go in runs of their own, a few of them. The cases are not part of the project: SHAREWELL_CASES
//! names their folder (default `../shared/cases`); where it is missing, invented records stand in for them.

use serde_json::Value;
use sharewell::pure::fhir::{File, Limits, json, xml};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::{Options, check_with};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the command says of files: valid or not; none where it says nothing.
fn asked(arguments: &[&str], files: &[String]) -> BTreeMap<String, bool> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sharewell"));
    command
        .args(["validate", "--output", "json", "--definitions-only", "--refuse-unknown-extensions"])
        .args(arguments)
        .arg("-");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("it has one").write_all(files.join("\n").as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("it writes text");
    let line = |line: &str| {
        let said: Value = serde_json::from_str(line).expect("every line is JSON");
        let errors = said["outcome"]["issue"].as_array().expect("an outcome has issues").iter();
        let has_error = errors.clone().any(|i| matches!(i["severity"].as_str(), Some("error" | "fatal")));
        let valid = said["valid"].as_bool().expect("it says so");
        assert_eq!(valid, !has_error, "{line}");
        (said["file"].as_str().expect("it has a name").to_owned(), valid)
    };
    text.lines().map(line).collect()
}

/// What the library says.
fn judged(file: &str, profiles: &[&str], definitions: &Definitions) -> bool {
    let bytes = fs::read(file).expect("the file is there");
    let read = if bytes.trim_ascii_start().first() == Some(&b'<') {
        xml::read_whole(&bytes, &Limits::default(), definitions)
    } else {
        json::read(&bytes, &Limits::default()).map(|tree| (tree, Default::default()))
    };
    let options = Options {
        definitions_only: true,
        refuse_unknown_extensions: true,
        now: Some(jiff::Timestamp::now()),
        ..Options::default()
    };
    read.is_ok_and(|(tree, said)| said.is_valid() && check_with(&tree, profiles, definitions, options).is_valid())
}

/// The official cases, where they are.
fn cases() -> Option<(PathBuf, Vec<Value>)> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases");
    let root = std::env::var_os("SHAREWELL_CASES").map_or(default, PathBuf::from);
    let text = fs::read_to_string(root.join("validator/cases.json")).ok()?;
    Some((root.join("validator/files"), serde_json::from_str(&text).expect("it is JSON")))
}

fn needs_no_options(case: &Value) -> bool {
    case["options"].as_object().is_none_or(serde_json::Map::is_empty)
}

#[test]
fn the_command_gives_the_verdicts_of_the_library() {
    let held = tempfile::tempdir().expect("a folder is made");
    let mut files: Vec<String> = Vec::new();
    for (name, text) in [
        ("good.json", r#"{"resourceType":"Basic","code":{"text":"a plan"}}"#),
        ("bad.json", r#"{"resourceType":"Basic"}"#),
        ("good.xml", r#"<Basic xmlns="http://hl7.org/fhir"><code><text value="a plan"/></code></Basic>"#),
        (
            "bad.xml",
            r#"<Basic xmlns="http://hl7.org/fhir"><code><text value="a plan"/></code><colour value="red"/></Basic>"#,
        ),
        ("half.json", r#"{"resourceType":"Basic","#),
    ] {
        let path = held.path().join(name);
        fs::write(&path, text).expect("it is written");
        files.push(path.display().to_string());
    }
    let mut official = BTreeMap::new();
    if let Some((folder, cases)) = cases() {
        let is_plain = |case: &&Value| {
            needs_no_options(case)
                && case["profile"].is_null()
                && case["supporting"].as_array().is_none_or(Vec::is_empty)
        };
        for case in cases.iter().filter(is_plain) {
            let file = folder.join(case["file"].as_str().unwrap_or_default()).display().to_string();
            official.insert(file.clone(), case["errors"].as_u64() == Some(0));
            files.push(file);
        }
    }
    files.sort();
    files.dedup();
    let definitions = Definitions::base().expect("they load");
    let said = asked(&[], &files);
    let library: BTreeMap<String, bool> = files.iter().map(|f| (f.clone(), judged(f, &[], &definitions))).collect();
    assert_eq!(said, library);
    let right = official.iter().filter(|(file, valid)| said.get(*file) == Some(*valid)).count();
    println!("through the command: {right} of {} official cases without options the same verdict", official.len());
    assert!(official.is_empty() || right * 100 >= official.len() * 97, "{right} of {}", official.len());
}

#[test]
fn the_command_loads_profiles_of_a_case_as_the_library_does() {
    let Some((folder, cases)) = cases() else { return };
    let has_profile = |case: &&Value| needs_no_options(case) && case["profile"].is_string();
    let (mut same, mut all) = (0, 0);
    for case in cases.iter().filter(has_profile).step_by(12) {
        let path = |name: &Value| folder.join(name.as_str().unwrap_or_default()).display().to_string();
        let (file, profile) = (path(&case["file"]), path(&case["profile"]));
        let mut arguments = vec!["--profile".to_owned(), profile.clone()];
        let mut loaded = Vec::new();
        for name in case["supporting"].as_array().into_iter().flatten().map(path) {
            arguments.splice(0..0, ["--package".to_owned(), name.clone()]);
            loaded.push(name);
        }
        loaded.push(profile.clone());
        let read = |path: &String| File { path: path.clone(), bytes: fs::read(path).expect("the case has it").into() };
        let definitions =
            Definitions::base().expect("they load").with_files(&loaded.iter().map(read).collect::<Vec<_>>());
        let definitions = definitions.expect("the definitions of a case load");
        let text = fs::read(&profile).expect("the case has it");
        let tree = match json::read(&text, &Limits::default()) {
            Ok(tree) => tree,
            Err(_) => xml::read_whole(&text, &Limits::default(), &definitions).expect("it is XML").0,
        };
        let url = tree.root().str_at(&["url"]).expect("a profile has a url").to_owned();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = asked(&arguments, std::slice::from_ref(&file)).get(&file).copied();
        assert_eq!(said, Some(judged(&file, &[&url], &definitions)), "{}", case["id"]);
        all += 1;
        same += usize::from(said == Some(case["errors"].as_u64() == Some(0)));
    }
    println!("through the command: {same} of {all} official cases with a profile the same verdict");
}
