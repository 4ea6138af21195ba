//! Bad input, tried on purpose: each piece is refused with a clear finding, in bounded time, and no value is quoted.

use sharewell::pure::fhir::{File, Issue, Report};
use sharewell::pure::map::Mapping;
use sharewell::pure::parse::{ParseLimits, Syntax, parse};
use sharewell::pure::profile::Definitions;
use std::io::Write;
use std::time::{Duration, Instant};
use zip::write::SimpleFileOptions;

const PLAN: &str = "plan_id,person_id,nhs_number,family_name,given_name,birth_date,status,team_note\n\
    P1,C-77,9990000018,Attwater-Osei,Winifred Ada,02/06/1941,live,\n";
const GOALS: &str =
    "plan_id,goal_id,text,due,importance,worker\nP1,G1,Walk to the allotment,01/09/2026,9,\nP1,G2,Cook again,,,\n";
const ACTIONS: &str = "action_id,goal_id,what,who,confidence\nA1,G1,Buy boots,Philippa,7\n";

/// The mapping of mappings/README.md.
fn mapping() -> Mapping {
    let readme = include_str!("../mappings/README.md");
    let yaml = readme.split("```yaml\n").nth(1).and_then(|t| t.split("```").next()).expect("the README has an example");
    let file = File { path: "tiny/map.yaml".to_owned(), bytes: yaml.as_bytes().to_vec().into() };
    Mapping::compile("tiny", &[file], &Definitions::default()).expect("the example of the README compiles")
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in files {
        writer.start_file(*name, options).expect("a file is begun");
        writer.write_all(bytes).expect("a file is written");
    }
    writer.finish().expect("the zip is finished").into_inner()
}

/// The good record with some of its files replaced.
fn with(changes: &[(&str, &[u8])]) -> Vec<u8> {
    let mut files =
        vec![("plan.csv", PLAN.as_bytes()), ("goals.csv", GOALS.as_bytes()), ("actions.csv", ACTIONS.as_bytes())];
    for (name, bytes) in changes {
        files.retain(|(n, _)| n != name);
        files.push((name, bytes));
    }
    zipped(&files)
}

fn refused(syntax: &Syntax, bytes: &[u8], limits: &ParseLimits) -> Report {
    let start = Instant::now();
    let report = parse("tiny", syntax, bytes, limits).map(|_| ()).expect_err("it is refused");
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
    let text =
        report.issues.iter().map(Issue::to_string).collect::<Vec<_>>().join("\n") + &report.outcome().root().to_json();
    for value in ["Attwater", "Winifred", "Philippa", "9990000018", "allotment", "Quillfeather"] {
        assert!(!text.contains(value), "a value is quoted: {text}");
    }
    for issue in &report.issues {
        assert!(issue.remedy.is_some(), "no remedy: {issue}");
    }
    report
}

/// Refuses, and says what is expected: the id of the first finding, and where.
fn says(bytes: &[u8], id: &str, place: &str) {
    let report = refused(mapping().syntax(), bytes, &ParseLimits::default());
    let issue = &report.issues[0];
    let at = issue.place.as_ref().map(ToString::to_string).unwrap_or_default();
    assert_eq!((&*issue.id, at.as_str()), (id, place), "{issue}");
}

#[test]
fn the_good_record_is_read() {
    for bytes in [with(&[]), with(&[("goals.csv", format!("\u{feff}{}", GOALS.replace('\n', "\r\n")).as_bytes())])] {
        let record = parse("tiny", mapping().syntax(), &bytes, &ParseLimits::default()).expect("it is good");
        let due = record.tree().root().at_path(&["goals", "due"]).expect("it is there");
        assert_eq!(due.place().expect("it has a place").to_string(), "goals.csv:2:29");
        assert_eq!(due.path(), "goals[0].due");
    }
}

#[test]
fn what_is_no_zip_is_refused_by_what_it_looks_like() {
    for (bytes, words) in [
        (&b""[..], "nothing here"),
        (b"{\"a\":1}", "JSON"),
        (b"<plan/>", "XML"),
        (b"plan_id,person_id\n", "text"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\xff\xfep\0l\0", "UTF-16"),
        (b"\0\x01\x02\x03", "does not begin"),
        (b"PK\x03\x04 and no more", "cut short or damaged"),
    ] {
        let report = refused(mapping().syntax(), bytes, &ParseLimits::default());
        assert!(report.issues[0].text.contains(words), "{}", report.issues[0]);
    }
    let whole = with(&[]);
    for cut in [10, whole.len() / 2, whole.len() - 5] {
        refused(mapping().syntax(), &whole[..cut], &ParseLimits::default());
    }
}

#[test]
fn every_single_damaged_byte_is_survived() {
    let whole = with(&[]);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        // Some bytes (times, attributes) do not matter; what matters is an answer.
        let _ = parse("tiny", mapping().syntax(), &damaged, &ParseLimits::default());
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [
        "../plan.csv",
        "/etc/plan.csv",
        "a\\plan.csv",
        "C:plan.csv",
        "folder/plan.csv",
        "plan..csv",
        "pl\u{1}an.csv",
        "folder/",
    ] {
        says(&zipped(&[(name, PLAN.as_bytes())]), "zip-name", "");
    }
    says(&zipped(&[("plan.csv", PLAN.as_bytes()), ("PLAN.csv", PLAN.as_bytes())]), "zip-name-twice", "");
    says(&with(&[("Goals2.csv", b"x")]), "unknown-file", "");
}

#[test]
fn an_encrypted_entry_is_refused() {
    let mut bytes = with(&[]);
    // The flag's lowest bit, in each local header and in the directory.
    for at in 0..bytes.len() - 8 {
        if bytes[at..].starts_with(b"PK\x03\x04") {
            bytes[at + 6] |= 1;
        }
        if bytes[at..].starts_with(b"PK\x01\x02") {
            bytes[at + 8] |= 1;
        }
    }
    says(&bytes, "zip-encrypted", "");
}

#[test]
fn bombs_are_refused_by_size_by_ratio_and_by_count() {
    let zeros = vec![b'0'; 34 << 20];
    let bomb = with(&[("actions.csv", &zeros)]);
    assert!(bomb.len() < 1 << 20);
    says(&bomb, "zip-bomb", "");
    let limits = ParseLimits { unzipped: 100, ..ParseLimits::default() };
    assert_eq!(&*refused(mapping().syntax(), &with(&[]), &limits).issues[0].id, "zip-bomb");
    let many: Vec<String> = (0..500).map(|i| format!("f{i}.csv")).collect();
    let files: Vec<(&str, &[u8])> = many.iter().map(|n| (n.as_str(), &b""[..])).collect();
    says(&zipped(&files), "zip-entries", "");
}

#[test]
fn a_zip_that_lies_about_its_size_is_not_believed() {
    let zeros = vec![b'0'; 8 << 20];
    let mut bomb = with(&[("actions.csv", &zeros)]);
    for at in 0..bomb.len() - 30 {
        if bomb[at..].starts_with(b"PK\x01\x02") {
            bomb[at + 24..at + 28].copy_from_slice(&10u32.to_le_bytes());
        }
        if bomb[at..].starts_with(b"PK\x03\x04") {
            bomb[at + 22..at + 26].copy_from_slice(&10u32.to_le_bytes());
        }
    }
    refused(mapping().syntax(), &bomb, &ParseLimits::default());
}

#[test]
fn files_and_columns_are_those_of_the_format() {
    says(&zipped(&[("plan.csv", PLAN.as_bytes())]), "file-missing", "");
    says(&zipped(&[("plan.csv", PLAN.as_bytes()), ("Goals.csv", GOALS.as_bytes())]), "unknown-file", "");
    says(
        &with(&[("goals.csv", GOALS.replace("worker", "worker,mood").as_bytes())]),
        "unknown-column",
        "goals.csv:1:44",
    );
    says(&with(&[("goals.csv", GOALS.replace("goal_id", "Goal_ID").as_bytes())]), "header-case", "goals.csv:1:9");
    says(&with(&[("goals.csv", GOALS.replace("goal_id,", "").as_bytes())]), "column-missing", "goals.csv:1:1");
    says(&with(&[("goals.csv", GOALS.replace("worker", "due").as_bytes())]), "column-twice", "goals.csv:1:37");
    says(&with(&[("goals.csv", GOALS.replace(',', ";").as_bytes())]), "csv-separator", "goals.csv:1:1");
    says(&with(&[("goals.csv", b"")]), "header-missing", "goals.csv:1:1");
    let no_header = "P1,G1,Walk to the allotment with Philippa,,,\n";
    says(&with(&[("goals.csv", no_header.as_bytes())]), "unknown-column", "goals.csv:1:1");
}

#[test]
fn encodings_other_than_utf_8_are_refused_with_a_remedy() {
    let utf16: Vec<u8> = GOALS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    says(&with(&[("goals.csv", &utf16)]), "encoding", "goals.csv:1:1");
    let marked: Vec<u8> = [0xFE, 0xFF].into_iter().chain(GOALS.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    says(&with(&[("goals.csv", &marked)]), "encoding", "goals.csv:1:1");
    let latin: Vec<u8> = GOALS.replace("Cook", "Caf\u{1}").bytes().map(|b| if b == 1 { 0xE9 } else { b }).collect();
    says(&with(&[("goals.csv", &latin)]), "encoding", "goals.csv:3:10");
}

#[test]
fn rows_fit_their_header() {
    says(&with(&[("goals.csv", GOALS.replace("again,,,", "again,,").as_bytes())]), "ragged-row", "goals.csv:3:1");
    says(&with(&[("goals.csv", GOALS.replace("Walk to", "Walk, to").as_bytes())]), "ragged-row", "goals.csv:2:1");
    says(&with(&[("goals.csv", GOALS.replace("Walk", "Wa\"lk").as_bytes())]), "csv-quote", "goals.csv:2:9");
    says(&with(&[("goals.csv", GOALS.replace("Cook", "\"Cook").as_bytes())]), "csv-quote", "goals.csv:3:7");
    says(&with(&[("goals.csv", GOALS.replace("Walk", "Wa\0lk").as_bytes())]), "control-character", "goals.csv:2:7");
    says(&with(&[("goals.csv", GOALS.replace("9,\n", "9,\r").as_bytes())]), "csv-line-end", "goals.csv:2:42");
    says(&with(&[("goals.csv", GOALS.replace("Cook again", "  ").as_bytes())]), "cell-empty", "goals.csv:3:7");
}

#[test]
fn keys_stand_once_and_lead_somewhere() {
    says(&with(&[("goals.csv", GOALS.replace("G2", "G1").as_bytes())]), "key-twice", "goals.csv:3:4");
    says(&with(&[("actions.csv", ACTIONS.replace("G1", "G9").as_bytes())]), "names-nothing", "actions.csv:2:4");
    says(&with(&[("goals.csv", GOALS.replace("P1,G2", "P2,G2").as_bytes())]), "names-nothing", "goals.csv:3:1");
    let two = format!("{PLAN}P2,C-78,,Quillfeather,Tobias,03/03/1970,live,\n");
    says(&with(&[("plan.csv", two.as_bytes())]), "second-row", "plan.csv:3:1");
    says(&with(&[("plan.csv", PLAN.lines().next().unwrap_or_default().as_bytes())]), "no-row", "plan.csv:1:80");
}

#[test]
fn quoted_newlines_do_not_shift_what_is_reported() {
    let goals =
        GOALS.replace("Walk to the allotment", "\"Walk\nto \"\"the\"\"\nallotment\"").replace("Cook again", " ");
    says(&with(&[("goals.csv", goals.as_bytes())]), "cell-empty", "goals.csv:5:7");
}

#[test]
fn one_cell_of_a_hundred_megabytes_is_refused() {
    let huge = "x".repeat(100 << 20);
    let goals = GOALS.replace("Cook again", &huge);
    says(&with(&[("goals.csv", goals.as_bytes())]), "zip-bomb", "");
    let limits = ParseLimits { unzipped: 200 << 20, ratio: usize::MAX, ..ParseLimits::default() };
    let report = refused(mapping().syntax(), &with(&[("goals.csv", goals.as_bytes())]), &limits);
    assert_eq!(&*report.issues[0].id, "cell-too-long");
}

#[test]
fn a_million_rows_are_refused_and_a_thousand_mistakes_are_not_all_told() {
    let mut goals = GOALS.lines().next().unwrap_or_default().to_owned() + "\n";
    for index in 0..200_000 {
        goals.push_str(&format!("P1,G{index},x,,,\n"));
    }
    says(&with(&[("goals.csv", goals.as_bytes())]), "too-many-rows", "goals.csv:100002:1");
    let mut goals = GOALS.to_owned();
    for _ in 0..5_000 {
        goals.push_str("P1,G1,,,,\n");
    }
    let report = refused(mapping().syntax(), &with(&[("goals.csv", goals.as_bytes())]), &ParseLimits::default());
    assert_eq!(report.issues.len(), ParseLimits::default().issues);
}

#[test]
fn json_is_read_strictly() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let wide = format!("[{}1]", "1,".repeat(1_000_000));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "empty"),
        (b"\xEF\xBB\xBF{}".to_vec(), "encoding"),
        (b"{\"a\":1,\"a\":2}".to_vec(), "json-duplicate-name"),
        (b"{\"a\":1} x".to_vec(), "json-syntax"),
        (nested(200).into_bytes(), "too-deep"),
        (nested(5_000_000).into_bytes(), "too-deep"),
        (wide.into_bytes(), "too-many-items"),
        (b"{\"a\":\"\\ud800\"}".to_vec(), "json-surrogate"),
        (b"{\"a\":1e999}".to_vec(), "number-range"),
        (b"{\"a\":\"\x00\"}".to_vec(), "json-syntax"),
        (b"{\"a\":tru".to_vec(), "json-syntax"),
    ];
    for (bytes, id) in cases {
        let report = refused(&Syntax::Json(None), &bytes, &ParseLimits::default());
        let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(20)]).into_owned();
        assert_eq!(report.issues[0].id, id, "{begin}: {}", report.issues[0]);
    }
}

#[test]
fn a_schema_finding_has_its_place_and_no_value() {
    let schema = br#"{"type":"object","required":["id"],"additionalProperties":false,"properties":{"id":{"type":"string"},
        "goals":{"type":"array","items":{"type":"object","properties":{"due":{"type":"string","maxLength":4},"importance":{"type":"integer"}}}}}}"#;
    let schema = sharewell::pure::parse::Schema::compile("mappings/x/schema.json", schema).expect("it compiles");
    let syntax = Syntax::Json(Some(std::sync::Arc::new(schema)));
    let record =
        b"{\n \"Winifred\": 1,\n \"goals\": [\n  {\"due\": \"Quillfeather\", \"importance\": \"9990000018\"}]}";
    let report = refused(&syntax, record, &ParseLimits::default());
    let places: Vec<String> = report.issues.iter().filter_map(|i| i.place.as_ref()).map(ToString::to_string).collect();
    assert_eq!(report.issues.len(), 4, "{:?}", report.issues.iter().map(|i| &i.text).collect::<Vec<_>>());
    assert!(places.contains(&"4:11".to_owned()) && places.contains(&"1:1".to_owned()), "{places:?}");
    assert!(report.issues.iter().any(|i| i.expression.as_deref() == Some("goals[0].importance")));
}
