//! One defect at a time: each row of `fixtures/mutations/defects.jsonl` takes an original that is right, does one thing to
//! it, and names the finding that must come of it: its id, its severity, its FHIRPath expression and so its line. Nothing
//! else may be an error. Adding a defect is adding a row. SHAREWELL_ROW=<part of a row> prints what was found for it.

use serde::Deserialize;
use serde_json::Value;
use sharewell::pure::fhir::{File, Issue, Limits, Report, Severity, json};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::{Options, check_with};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// One row: an original, one change, what comes of it.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Row {
    /// The rule that is broken, in a word or two: rows are counted by it.
    rule: String,
    /// File of `originals/`.
    of: String,
    /// Path of the value that is replaced, or added at the end of its object or array.
    set: Option<String>,
    /// Path of the value that is taken out.
    remove: Option<String>,
    /// Path of the value before which another is put, in an array.
    insert: Option<String>,
    /// Path of the member whose name is changed.
    rename: Option<String>,
    /// Text of the file that is replaced, for what no tree of JSON can hold.
    text: Option<String>,
    /// The new value, name or text.
    #[serde(default)]
    to: Value,
    /// Id of the finding.
    finds: String,
    /// Its expression.
    at: Option<String>,
    /// Its severity, where it is not an error.
    severity: Option<String>,
    /// Text of the line it points to, where that is not the line of `at`.
    line: Option<String>,
    /// Errors that the same defect may be called besides: id and expression, `*` for whatever comes after.
    #[serde(default)]
    also: Vec<(String, String)>,
    /// A profile that the record is held to besides those it claims.
    profile: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mutations")
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(folder().join("defects.jsonl")).expect("the table can be read");
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(n, line)| serde_json::from_str(line).unwrap_or_else(|e| panic!("row {}: {e}", n + 1))).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder can be read").flatten();
    let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The base, our profiles, and what the originals need besides.
fn definitions() -> Definitions {
    let mut files = Vec::new();
    for sub in ["definitions", "originals"] {
        for name in names(&folder().join(sub)) {
            if sub == "definitions" || name.starts_with("Questionnaire-") {
                let bytes = fs::read(folder().join(sub).join(&name)).expect("it can be read");
                files.push(File { path: name, bytes: Cow::Owned(bytes) });
            }
        }
    }
    let base = Definitions::base().expect("the base loads");
    base.with_files(&files).unwrap_or_else(|report| panic!("{report:#?}"))
}

fn original(name: &str) -> Value {
    let path = folder().join("originals").join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn judge(text: &str, profile: Option<&str>, definitions: &Definitions) -> Report {
    let now = "2026-11-22T12:00:00Z".parse().ok();
    let options = Options { now, ..Options::default() };
    match json::read(text.as_bytes(), &Limits::default()) {
        Ok(tree) => check_with(&tree, profile.as_slice(), definitions, options),
        Err(report) => report,
    }
}

/// Steps of a path: names and places.
fn steps(path: &str) -> Vec<String> {
    path.replace('[', ".[").split('.').filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

fn place(step: &str) -> Option<usize> {
    step.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn below<'v>(value: &'v mut Value, steps: &[String], row: &Row) -> &'v mut Value {
    steps.iter().fold(value, |at, step| {
        let found = match place(step) {
            Some(index) => at.get_mut(index),
            None => at.get_mut(step),
        };
        found.unwrap_or_else(|| panic!("`{step}` is not there: {row:?}"))
    })
}

/// Does what a row says to the tree.
fn change(value: &mut Value, row: &Row) {
    let all = [&row.set, &row.remove, &row.insert, &row.rename];
    let Some(path) = all.into_iter().flatten().next() else { return };
    let steps = steps(path);
    let (last, before) = steps.split_last().expect("a path has a step");
    let holder = below(value, before, row);
    match (place(last), holder) {
        (Some(index), Value::Array(array)) => {
            if row.remove.is_some() {
                array.remove(index);
            } else if row.insert.is_some() || index >= array.len() {
                array.insert(index, row.to.clone());
            } else {
                array[index] = row.to.clone();
            }
        }
        (None, Value::Object(object)) => {
            if row.remove.is_some() {
                object.shift_remove(last).unwrap_or_else(|| panic!("`{last}` is not there: {row:?}"));
            } else if row.rename.is_some() {
                let new = row.to.as_str().expect("a name is text");
                let members = std::mem::take(object);
                assert!(members.contains_key(last), "`{last}` is not there: {row:?}");
                *object = members.into_iter().map(|(k, v)| (if k == *last { new.to_owned() } else { k }, v)).collect();
            } else {
                object.insert(last.clone(), row.to.clone());
            }
        }
        _ => panic!("the path leads nowhere: {row:?}"),
    }
}

/// JSON with one value a line, and the line of each path.
#[derive(Default)]
struct Page {
    text: String,
    line: usize,
    lines: HashMap<String, usize>,
}

impl Page {
    fn of(value: &Value) -> Page {
        let mut page = Page { line: 1, ..Page::default() };
        page.write(value, value["resourceType"].as_str().unwrap_or_default(), 0);
        page
    }

    fn write(&mut self, value: &Value, path: &str, depth: usize) {
        self.lines.entry(plain(path)).or_insert(self.line);
        let items: Vec<(String, String, &Value)> = match value {
            Value::Array(all) if !all.is_empty() => {
                all.iter().enumerate().map(|(i, v)| (String::new(), format!("{path}[{i}]"), v)).collect()
            }
            Value::Object(all) if !all.is_empty() => {
                all.iter().map(|(k, v)| (format!("{}: ", Value::from(k.as_str())), format!("{path}.{k}"), v)).collect()
            }
            _ => return self.text.push_str(&value.to_string()),
        };
        let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
        self.text.push(open);
        let count = items.len();
        for (at, (name, path, value)) in items.into_iter().enumerate() {
            self.next(depth + 1);
            self.text.push_str(&name);
            self.write(value, &path, depth + 1);
            if at + 1 < count {
                self.text.push(',');
            }
        }
        self.next(depth);
        self.text.push(close);
    }

    fn next(&mut self, depth: usize) {
        self.text.push('\n');
        self.text.push_str(&"  ".repeat(depth));
        self.line += 1;
    }
}

/// An expression without the differences that do not count: `deceased.ofType(boolean)` is `deceasedBoolean`, and what
/// stands beside a primitive is the primitive.
fn plain(expression: &str) -> String {
    let mut plain = expression.replace("._", ".");
    while let Some(start) = plain.find(".ofType(") {
        let Some(end) = plain[start..].find(')').map(|e| start + e) else { break };
        let name = plain[start + 8..end].to_owned();
        let capital: String = name.chars().take(1).flat_map(char::to_uppercase).chain(name.chars().skip(1)).collect();
        plain.replace_range(start..=end, &capital);
    }
    plain
}

/// What came of a row: nothing where it is as it says.
fn judged(row: &Row, definitions: &Definitions) -> Result<(), String> {
    let mut value = original(&row.of);
    change(&mut value, row);
    let page = Page::of(&value);
    let text = match &row.text {
        Some(old) => {
            assert_eq!(page.text.matches(old.as_str()).count(), 1, "once in the file: {row:?}");
            page.text.replace(old.as_str(), row.to.as_str().expect("text is replaced by text"))
        }
        None => page.text.clone(),
    };
    let report = judge(&text, row.profile.as_deref(), definitions);
    if std::env::var("SHAREWELL_ROW").is_ok_and(|part| format!("{row:?}").contains(&part)) {
        println!("{row:#?}\n{report:#?}");
    }
    let severity = row.severity.as_deref().unwrap_or("error");
    let at = row.at.as_deref().map(plain);
    let is_it = |issue: &&Issue| {
        issue.id == *row.finds
            && issue.severity.code() == severity
            && issue.expression.as_deref().map(plain).filter(|e| !e.is_empty()) == at
    };
    let all = || report.issues.iter().map(|i| format!("    {i}")).collect::<Vec<_>>().join("\n");
    let Some(found) = report.issues.iter().find(is_it) else {
        return Err(format!("not found, but:\n{}", all()));
    };
    let line = found.place.as_ref().map_or(0, |p| p.line as usize);
    let right_line = match (&row.line, &at) {
        (Some(part), _) => text.lines().nth(line.wrapping_sub(1)).is_some_and(|l| l.contains(part.as_str())),
        (None, Some(at)) => page.lines.get(at) == Some(&line),
        (None, None) => false,
    };
    if !right_line {
        return Err(format!("found on line {line}, {:?}", text.lines().nth(line.wrapping_sub(1))));
    }
    let allowed: BTreeSet<(String, String)> = row.also.iter().map(|(id, at)| (id.clone(), plain(at))).collect();
    let is_error = |i: &&Issue| i.severity <= Severity::Error;
    let others = report.issues.iter().filter(is_error).filter(|i| !is_it(i));
    let others: BTreeSet<(String, String)> =
        others.map(|i| (i.id.to_string(), plain(i.expression.as_deref().unwrap_or_default()))).collect();
    let is_allowed = |(id, at): &(String, String)| {
        allowed
            .iter()
            .any(|(i, place)| i == id && (place == at || place.strip_suffix('*').is_some_and(|p| at.starts_with(p))))
    };
    if !others.iter().all(is_allowed) {
        return Err(format!("besides, as errors:\n{}", all()));
    }
    Ok(())
}

#[test]
fn each_defect_is_found_at_its_place_and_nothing_else_is() {
    let definitions = definitions();
    let rows = rows();
    let mut by_rule: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let (found, total) = by_rule.entry(&row.rule).or_default();
        *total += 1;
        match judged(row, &definitions) {
            Ok(()) => *found += 1,
            Err(why) => wrong.push(format!("row {}: {row:?}\n  {why}", number + 1)),
        }
    }
    for (rule, (found, total)) in &by_rule {
        println!("  {found:>3} of {total:>3}  {rule}");
    }
    println!(
        "one-defect variants: {} of {} found at their place, nothing else reported",
        rows.len() - wrong.len(),
        rows.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_originals_are_without_error() {
    let definitions = definitions();
    let mut wrong = Vec::new();
    let mut count = 0;
    for name in names(&folder().join("originals")) {
        count += 1;
        let report = judge(&Page::of(&original(name.trim_end_matches(".json"))).text, None, &definitions);
        wrong.extend(report.issues.iter().filter(|i| i.is_error()).map(|i| format!("{name}: {i}")));
        if std::env::var("SHAREWELL_ROW").is_ok_and(|part| name.contains(&part)) {
            println!("{name}: {report:#?}");
        }
    }
    println!("originals without an error: {} of {count}", if wrong.is_empty() { count } else { 0 });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_many_defects_and_none_twice() {
    let rows = rows();
    let distinct: BTreeSet<String> = rows.iter().map(|r| format!("{r:?}")).collect();
    assert_eq!(distinct.len(), rows.len(), "a row stands twice");
    assert!(rows.len() >= 150, "{} rows", rows.len());
}
