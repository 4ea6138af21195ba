//! The records that the faces are tried with: every example of every profile, sound or not, in both syntaxes of FHIR, and
//! variants of them with one thing wrong.

use super::common::root;
use serde_json::{Map, Value};
use std::fs;
use std::path::PathBuf;

/// A record: what it is called, and the resource.
pub struct Sample {
    pub name: String,
    pub value: Value,
}

/// Every file of `fixtures/profiles`.
pub fn fixtures() -> Vec<Sample> {
    let mut open = vec![root().join("fixtures/profiles")];
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("it can be read").flatten().map(|e| e.path()));
        } else if path.extension().is_some_and(|e| e == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root().join("fixtures/profiles")).expect("it is below").display().to_string();
        let text = fs::read_to_string(path).expect("it can be read");
        Sample { name: name.replace('/', "-"), value: serde_json::from_str(&text).expect("it is JSON") }
    };
    paths.into_iter().map(read).collect()
}

/// What is done to one place of a record.
const DEFECTS: [fn(&mut Value) -> bool; 9] = [
    // gone
    |place| replace(place, Value::Null),
    // of another kind
    |place| replace(place, serde_json::json!({ "nosuch": 1 })),
    |place| replace(place, serde_json::json!([])),
    |place| replace(place, serde_json::json!({})),
    |place| replace(place, serde_json::json!(true)),
    |place| place.is_object() && replace(place, serde_json::json!("x")),
    // of the right kind, and wrong
    |place| place.is_string() && replace(place, serde_json::json!("")),
    |place| place.is_string() && replace(place, serde_json::json!(" a  b\u{1}")),
    |place| match place {
        Value::Array(list) => {
            let again: Vec<Value> = list.iter().flat_map(|one| [one.clone(), one.clone()]).collect();
            replace(place, Value::Array(again))
        }
        _ => false,
    },
];

fn replace(place: &mut Value, with: Value) -> bool {
    *place = with;
    true
}

/// Variants of a record with one thing wrong: each defect at every `step`-th place.
pub fn variants(sample: &Sample, step: usize) -> Vec<Sample> {
    let mut found = Vec::new();
    for (kind, defect) in DEFECTS.iter().enumerate() {
        for at in (kind..count(&sample.value)).step_by(step.max(1)) {
            let mut value = sample.value.clone();
            let mut left = at;
            if change(&mut value, &mut left, *defect) {
                found.push(Sample { name: format!("{}-{kind}-{at}", sample.name), value });
            }
        }
    }
    found
}

fn count(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(|v| 1 + count(v)).sum(),
        Value::Array(list) => list.iter().map(|v| 1 + count(v)).sum(),
        _ => 0,
    }
}

fn change(value: &mut Value, left: &mut usize, defect: fn(&mut Value) -> bool) -> bool {
    let below: Vec<&mut Value> = match value {
        Value::Object(members) => members.iter_mut().filter(|(k, _)| *k != "resourceType").map(|(_, v)| v).collect(),
        Value::Array(list) => list.iter_mut().collect(),
        _ => return false,
    };
    for one in below {
        if *left == 0 {
            return defect(one);
        }
        *left -= 1;
        if change(one, left, defect) {
            return true;
        }
    }
    false
}

/// Gives every string below, but for types, urls of profiles and those that `keep` names, to a function.
pub fn each_string(value: &mut Value, name: &str, change: &mut impl FnMut(&str, &mut String)) {
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(key, value)| each_string(value, key, change)),
        Value::Array(list) => list.iter_mut().for_each(|value| each_string(value, name, change)),
        Value::String(text) if name != "resourceType" => change(name, text),
        _ => {}
    }
}

/// A resource in XML, one element a line. Good enough for records that are well formed and may be wrong in all else.
pub fn xml(value: &Value) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    if let Value::Object(members) = value {
        resource(members, " xmlns=\"http://hl7.org/fhir\"", &mut out);
    }
    out
}

fn resource(members: &Map<String, Value>, space: &str, out: &mut String) {
    let name = members.get("resourceType").and_then(Value::as_str).unwrap_or("Nothing");
    out.push_str(&format!("<{name}{space}>\n"));
    fields(members, out);
    out.push_str(&format!("</{name}>\n"));
}

fn fields(members: &Map<String, Value>, out: &mut String) {
    for (key, value) in members.iter().filter(|(k, _)| *k != "resourceType" && !k.starts_with('_')) {
        let beside = members.get(&format!("_{key}"));
        match value {
            Value::Array(list) => {
                for (index, one) in list.iter().enumerate() {
                    element(key, one, beside.and_then(|b| b.get(index)), out);
                }
            }
            one => element(key, one, beside, out),
        }
    }
    for (key, beside) in members.iter().filter(|(k, _)| k.starts_with('_') && !members.contains_key(&k[1..])) {
        element(&key[1..], &Value::Null, Some(beside), out);
    }
}

fn element(name: &str, value: &Value, beside: Option<&Value>, out: &mut String) {
    match value {
        Value::Object(members) if members.contains_key("resourceType") => {
            out.push_str(&format!("<{name}>\n"));
            resource(members, "", out);
            out.push_str(&format!("</{name}>\n"));
        }
        Value::Object(members) => {
            let attribute = |key: &str| {
                let text = members.get(key).and_then(Value::as_str);
                text.map_or(String::new(), |t| format!(" {key}=\"{}\"", escaped(t)))
            };
            let url = if name.ends_with("xtension") { attribute("url") } else { String::new() };
            out.push_str(&format!("<{name}{}{url}>\n", attribute("id")));
            let mut rest = members.clone();
            rest.remove("id");
            if name.ends_with("xtension") {
                rest.remove("url");
            }
            fields(&rest, out);
            out.push_str(&format!("</{name}>\n"));
        }
        Value::String(text) if name == "div" && text.starts_with("<div") => out.push_str(text),
        other => {
            let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            let value = if other.is_null() { String::new() } else { format!(" value=\"{}\"", escaped(&text)) };
            out.push_str(&format!("<{name}{value}>"));
            if let Some(Value::Object(members)) = beside {
                fields(members, out);
            }
            out.push_str(&format!("</{name}>\n"));
        }
    }
}

fn escaped(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\n', "&#10;")
}
