//! `sharewell fhirpath` as a process: what it prints, where it points, and how it ends.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const GOAL: &str = r#"{"resourceType":"Goal","id":"g","lifecycleStatus":"active",
"description":{"text":"walk to the allotment"},"subject":{"reference":"Patient/p"},"startDate":"2026-06",
"target":[{"detailQuantity":{"value":4.50,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"},
"dueDate":"2026-09-01"}]}"#;

const XML: &str = r#"<Goal xmlns="http://hl7.org/fhir"><lifecycleStatus value="active"/>
<target><dueDate value="2026-09-01"/></target></Goal>"#;

/// Runs the command with something on its standard input.
fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sharewell"))
        .arg("fhirpath")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("it has an input");
    // A command that needs no input may end before it is written.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("the command ends")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn values_are_written_as_the_suite_writes_them() {
    let cases = [
        ("target.due", r#"[{"type":"date","value":"@2026-09-01"}]"#),
        ("start", r#"[{"type":"date","value":"@2026-06"}]"#),
        ("lifecycleStatus | id", r#"[{"type":"code","value":"active"},{"type":"id","value":"g"}]"#),
        ("4 'mg' + 500 'ug'", r#"[{"type":"Quantity","value":"4500 'ug'"}]"#),
        ("target.detail.value", r#"[{"type":"decimal","value":"4.50"}]"#),
        (
            "@T10:30 | @2026-06-30T10:00Z | 2 | true",
            concat!(
                r#"[{"type":"time","value":"@T10:30"},{"type":"dateTime","value":"@2026-06-30T10:00Z"},"#,
                r#"{"type":"integer","value":"2"},{"type":"boolean","value":"true"}]"#
            ),
        ),
        ("note", "[]"),
    ];
    for (expression, expected) in cases {
        let output = run(&["--output", "json", expression, "-"], GOAL);
        assert_eq!((out(&output).trim(), output.status.code()), (expected, Some(0)), "{expression}: {}", told(&output));
    }
    let human = run(&["target.due", "-"], GOAL);
    assert_eq!(out(&human), "date\t@2026-09-01\n");
}

#[test]
fn xml_and_json_and_nothing_at_all_are_taken() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let file = folder.path().join("goal.xml");
    std::fs::write(&file, XML).expect("a file is written");
    let output = run(&["Goal.target.due", file.to_str().expect("the path is text")], "");
    assert_eq!((out(&output).as_str(), output.status.code()), ("date\t@2026-09-01\n", Some(0)));
    assert_eq!(out(&run(&["Goal.target.due", "-"], XML)), "date\t@2026-09-01\n");
    assert_eq!(out(&run(&["1 + 1"], "")), "integer\t2\n");
    assert_eq!(out(&run(&["-1 + 1"], "")), "integer\t0\n");
}

#[test]
fn an_expression_that_is_wrong_ends_with_one_and_points_at_the_place() {
    let cases = [
        ("1 +", "error: a value, a name or a function should stand here (column 4)\n  1 +\n     ^\n"),
        ("target.wher(true)", "error: there is no function `wher` (column 8)\n  target.wher(true)\n         ^\n"),
        (
            "false or\n (1 | 2) = 'x' + 1",
            "error: this operator does not fit what stands on its two sides (line 2, column 16)\n   (1 | 2) = 'x' + 1\n                 ^\n",
        ),
        (
            "target.detailQuantity",
            "error: `detailQuantity` is how JSON writes it: FHIRPath calls a choice by its name without type (column 8)\n  target.detailQuantity\n         ^\n",
        ),
    ];
    for (expression, expected) in cases {
        let output = run(&["--output", "json", expression, "-"], GOAL);
        assert_eq!((told(&output).as_str(), output.status.code()), (expected, Some(1)), "{expression}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn strict_refuses_what_the_model_does_not_know() {
    for (expression, expected) in [
        ("target.dew", "there is no element `dew` here (column 8)"),
        ("Goal.children().first()", "children come in no order to take some from (column 17)"),
        ("description.coding.cod.exists()", "there is no element `cod` here (column 20)"),
    ] {
        let output = run(&["--strict", expression, "-"], GOAL);
        assert_eq!(output.status.code(), Some(1), "{expression}");
        assert!(told(&output).contains(expected), "{expression}: {}", told(&output));
        assert_eq!(run(&[expression, "-"], GOAL).status.code(), Some(0), "{expression}");
    }
    assert_eq!(run(&["--strict", "target.due", "-"], GOAL).status.code(), Some(0));
}

#[test]
fn errors_quote_nothing_of_the_record() {
    for expression in ["description.text + 1", "(target | description).single()", "start + 1"] {
        let output = run(&[expression, "-"], GOAL);
        assert_eq!(output.status.code(), Some(1), "{expression}");
        assert!(!told(&output).contains("allotment") && !told(&output).contains("2026"), "{}", told(&output));
    }
}

#[test]
fn bad_input_ends_with_three_and_a_missing_file_with_two() {
    let output = run(&["id", "-"], r#"{"resourceType":"Goal","id":"g","id":"h"}"#);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert_eq!(run(&["id", "-"], "neither").status.code(), Some(3));
    assert_eq!(run(&["id", "/nowhere/goal.json"], "").status.code(), Some(2));
}

#[test]
fn hostile_expressions_end_with_one() {
    let nested = "(".repeat(60_000);
    for expression in [nested.as_str(), "0.repeat($this + 1)", "'x'.repeat($this & $this)"] {
        let output = run(&[expression], "");
        assert_eq!(output.status.code(), Some(1), "{expression:.40}");
        assert!(told(&output).starts_with("error: "));
    }
}
