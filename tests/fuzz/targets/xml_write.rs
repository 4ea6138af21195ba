//! The XML writer: any tree is refused, or written so that it reads as the same tree, the order of members apart.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use sharewell::pure::fhir::{Limits, json, xml};
use sharewell_fuzz::{RECORDS, definitions, made};

/// The value without what says nothing: padding of arrays, blanks around a narrative, the order of members.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            let member = |name: &&String| {
                let value = match &members[*name] {
                    Value::String(text) if *name == "div" => Value::from(text.trim_matches([' ', '\t', '\r', '\n'])),
                    value => sorted(value),
                };
                ((*name).clone(), unpadded(value))
            };
            let members: Map<String, Value> = names.iter().map(member).filter(|(_, v)| !is_nothing(v)).collect();
            Value::Object(members)
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn unpadded(value: Value) -> Value {
    let Value::Array(mut items) = value else { return value };
    while items.last().is_some_and(Value::is_null) {
        items.pop();
    }
    Value::Array(items)
}

/// Nothing but padding, which a tree may have or not have.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fuzz_target!(|data: &[u8]| {
    let value = made(RECORDS, data);
    let Ok(tree) = json::read(value.to_string().as_bytes(), &Limits::default()) else { return };
    match xml::write(tree.root(), definitions()) {
        Err(report) => {
            let issue = &report.issues[0];
            assert!(issue.remedy.is_some() && issue.rule.is_some() && issue.expression.is_some(), "{issue}");
        }
        Ok(written) => {
            let again = xml::read(written.as_bytes(), &Limits::default(), definitions());
            let again = again.unwrap_or_else(|r| panic!("{}\n{written}", r.issues[0]));
            assert_eq!(xml::write(again.root(), definitions()).ok().as_deref(), Some(&*written));
            let again: Value = serde_json::from_str(&again.root().to_json()).expect("it is JSON");
            assert_eq!(sorted(&again), sorted(&value), "{written}");
        }
    }
});
