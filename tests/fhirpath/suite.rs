//! Runs the official suite and holds its misses to the list in `tests/conformance/fhirpath-expected.txt`. Another suite in
//! the same form is tried with SHAREWELL_FHIRPATH_CASES set to its folder: then misses are printed and nothing is held.

use serde_json::Value as Json;
use sharewell::pure::fhir::{Limits, Tree, json, xml};
use sharewell::pure::fhirpath::{Alone, Context, Expression, Focus, Model};
use sharewell::pure::profile::Definitions;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

fn suite() -> PathBuf {
    match std::env::var_os("SHAREWELL_FHIRPATH_CASES") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases/fhirpath"),
    }
}

fn inputs(cases: &[Json], definitions: &Definitions) -> HashMap<String, Tree> {
    let mut trees = HashMap::new();
    for input in cases.iter().filter_map(|case| case["input"].as_str()) {
        trees.entry(input.to_owned()).or_insert_with(|| {
            let bytes = std::fs::read(suite().join("inputs").join(input)).expect("an input can be read");
            let read = if input.ends_with(".xml") {
                xml::read(&bytes, &Limits::default(), definitions)
            } else {
                json::read(&bytes, &Limits::default())
            };
            read.unwrap_or_else(|report| panic!("{input}: {report:?}"))
        });
    }
    trees
}

/// What an expression yields, as the suite writes it, or why it was refused.
fn answers(case: &Json, context: &Context<'_>, focus: Focus<'_>) -> Result<Vec<(String, String)>, String> {
    let expression = Expression::compile(case["expression"].as_str().unwrap()).map_err(|e| e.to_string())?;
    let of = focus.item.and_then(|item| item.resource_type()).and_then(|name| context.model.find(name));
    expression.check_names(context.model, of, case["mode"] == "strict").map_err(|e| e.to_string())?;
    if case["predicate"] == "true" {
        let answer = expression.answer(context, focus).map_err(|e| e.to_string())?;
        return Ok(answer.map(|answer| ("boolean".to_owned(), answer.to_string())).into_iter().collect());
    }
    let values = expression.evaluate(context, focus).map_err(|e| e.to_string())?;
    Ok(values.iter().map(|value| value.written(context)).collect())
}

fn agrees(case: &Json, got: &Result<Vec<(String, String)>, String>) -> bool {
    let mut got = match got {
        Err(_) => return !case["invalid"].is_null(),
        Ok(_) if !case["invalid"].is_null() => return false,
        Ok(got) => got.clone(),
    };
    let outputs = case["outputs"].as_array().unwrap();
    let mut expected: Vec<(Option<&str>, &str)> =
        outputs.iter().map(|o| (o["type"].as_str(), o["value"].as_str().unwrap())).collect();
    if case["ordered"] == "false" {
        got.sort_by(|a, b| a.1.cmp(&b.1));
        expected.sort_by(|a, b| a.1.cmp(b.1));
    }
    let same = |((kind, text), (wanted, value)): (&(String, String), &(Option<&str>, &str))| {
        text == value && wanted.is_none_or(|wanted| wanted == kind)
    };
    got.len() == expected.len() && got.iter().zip(&expected).all(same)
}

#[test]
fn the_official_suite_agrees_but_for_the_listed_cases() {
    let Ok(text) = std::fs::read_to_string(suite().join("cases.json")) else {
        println!("skipped: the official suite is not at {}", suite().display());
        return;
    };
    let cases: Vec<Json> = serde_json::from_str(&text).unwrap();
    let definitions = super::definitions();
    let trees = inputs(&cases, definitions);
    let now = "2026-11-22T10:00:00Z".parse().unwrap();
    let mut context = Context::new(definitions as &dyn Model, &Alone, now);
    context.lenient = false;
    let mut missed = BTreeSet::new();
    for case in &cases {
        let focus = case["input"].as_str().map_or(Focus::EMPTY, |input| trees[input].root().into());
        let got = answers(case, &context, focus);
        if !agrees(case, &got) {
            println!(
                "{}: {} gives {got:?}, expected {}{}",
                case["name"], case["expression"], case["outputs"], case["invalid"]
            );
            missed.insert(case["name"].as_str().unwrap().to_owned());
        }
    }
    println!("{} of {} agree", cases.len() - missed.len(), cases.len());
    if std::env::var_os("SHAREWELL_FHIRPATH_CASES").is_some() {
        return;
    }
    let listed = include_str!("../conformance/fhirpath-expected.txt").lines().filter(|l| !l.starts_with('#'));
    let listed: BTreeSet<String> = listed.filter_map(|l| Some(l.split_once(':')?.0.to_owned())).collect();
    assert_eq!(missed, listed, "the misses are not those listed with a reason");
}
