//! The mapping language, as mappings/README.md describes it: what a mapping does, what it refuses, and its laws.

use proptest::prelude::*;
use sharewell::pure::fhir::{File, Item, Kind, Report, Tree};
use sharewell::pure::map::{self, Circumstances, Draft, Local, Mapping};
use sharewell::pure::parse::{ParseLimits, Record, parse};
use sharewell::pure::profile::Definitions;
use std::io::Write;
use std::sync::OnceLock;

fn definitions() -> &'static Definitions {
    static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();
    DEFINITIONS.get_or_init(|| Definitions::base().expect("the definitions load"))
}

/// The example of mappings/README.md: the newcomer's first format, made from the page's own text.
fn example() -> &'static str {
    let readme = include_str!("../mappings/README.md");
    readme.split("```yaml\n").nth(1).and_then(|t| t.split("```").next()).expect("the README has an example")
}

fn compile(yaml: &str) -> Result<Mapping, Report> {
    compile_with(yaml, &[])
}

fn compile_with(yaml: &str, more: &[(&str, &str)]) -> Result<Mapping, Report> {
    let file = |path: &str, text: &str| File { path: format!("tiny/{path}"), bytes: text.as_bytes().to_vec().into() };
    let mut files = vec![file("map.yaml", yaml)];
    files.extend(more.iter().map(|(path, text)| file(path, text)));
    Mapping::compile("tiny", &files, definitions())
}

fn around() -> Circumstances<'static> {
    Circumstances {
        now: "2026-06-01T09:00:00Z".parse().expect("it is an instant"),
        sender_name: "Northmere Council",
        sender_identifier: ("https://fhir.nhs.uk/Id/ods-organization-code", "X9N01"),
        request_id: "test",
    }
}

const PLAN: &str = "plan_id,person_id,nhs_number,family_name,given_name,birth_date,status,team_note\n\
    P1,C-77,999 000 0018,Attwater-Osei,Winifred  Ada,2/6/1941,Live,call first\n";
const GOALS: &str =
    "plan_id,goal_id,text,due,importance,worker\nP1,G1,Walk to the allotment,01/09/2026,9,TQ\nP1,G2,Cook again,,,\n";
const ACTIONS: &str = "action_id,goal_id,what,who,confidence\nA1,G1,Buy boots,Philippa,7\nA2,G2,Find recipes,,\n";

fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a file is begun");
        writer.write_all(text.as_bytes()).expect("a file is written");
    }
    writer.finish().expect("the zip is finished").into_inner()
}

fn record_of(mapping: &Mapping, bytes: &[u8]) -> Record {
    parse(mapping.name(), mapping.syntax(), bytes, &ParseLimits::default()).expect("the record is read")
}

fn good(mapping: &Mapping) -> Record {
    record_of(mapping, &zipped(&[("plan.csv", PLAN), ("goals.csv", GOALS), ("actions.csv", ACTIONS)]))
}

fn forward(mapping: &Mapping, record: &Record) -> Draft {
    map::map(record.clone(), mapping, &around()).expect("the record maps")
}

fn back(mapping: &Mapping, bundle: Item<'_>, base: Option<&Record>) -> Local {
    map::to_local(bundle, mapping, base).expect("the Bundle maps back")
}

/// Equal but for the order of names, and nothing for absence.
fn same(a: Item<'_>, b: Item<'_>) -> bool {
    let there = |i: &Item<'_>| i.kind() != Kind::Null;
    match (a.kind(), b.kind()) {
        (Kind::Object, Kind::Object) => {
            let covers = |a: Item<'_>, b: Item<'_>| {
                a.children().filter(there).all(|c| b.get(c.key()).is_some_and(|d| same(c, d)))
            };
            covers(a, b) && covers(b, a)
        }
        (Kind::Array, Kind::Array) => {
            a.children().count() == b.children().count() && a.children().zip(b.children()).all(|(a, b)| same(a, b))
        }
        _ => a.kind() == b.kind() && a.text() == b.text(),
    }
}

fn resources<'t>(tree: &'t Tree, kind: &str) -> Vec<Item<'t>> {
    let entries = tree.root().all("entry").filter_map(|e| e.get("resource"));
    entries.filter(|r| r.resource_type() == Some(kind)).collect()
}

/// The Bundle with a piece of its text replaced.
fn edited(tree: &Tree, from: &str, to: &str) -> Tree {
    let text = tree.root().to_json();
    assert!(text.contains(from), "{from} is not in the Bundle");
    let text = text.replace(from, to);
    sharewell::pure::fhir::json::read(text.as_bytes(), &Default::default()).expect("it is still JSON")
}

#[test]
fn the_example_of_the_readme_compiles_without_a_warning_and_carries_a_record() {
    let mapping = compile(example()).expect("it compiles");
    assert_eq!(mapping.warnings().issues, []);
    let draft = forward(&mapping, &good(&mapping));
    let counts = ["Patient", "CarePlan", "Goal", "Task", "Provenance"].map(|kind| resources(&draft.tree, kind).len());
    assert_eq!(counts, [1, 1, 2, 2, 1]);
    let patient = resources(&draft.tree, "Patient")[0];
    assert_eq!(patient.str_at(&["birthDate"]), Some("1941-06-02"));
    let goal = resources(&draft.tree, "Goal")[0];
    let focus = resources(&draft.tree, "Task")[0].str_at(&["focus", "reference"]);
    assert_eq!(focus, goal.str_at(&["id"]).map(|id| format!("Goal/{id}")).as_deref());
    let lost: Vec<(&str, bool)> = draft.loss.iter().map(|l| (l.path.as_str(), l.intended)).collect();
    assert_eq!(lost, [("plan.team_note", true), ("goals[].worker", true)]);
}

#[test]
fn a_finding_on_the_bundle_points_into_the_senders_file() {
    let mapping = compile(example()).expect("it compiles");
    let draft = forward(&mapping, &good(&mapping));
    let goal = resources(&draft.tree, "Goal")[0];
    let due = goal.at_path(&["target", "dueDate"]).and_then(Item::place).expect("it has a place");
    assert_eq!(
        (due.to_string().as_str(), goal.place().map(|p| p.to_string())),
        ("goals.csv:2:29", Some("goals.csv:2:1".into()))
    );
}

#[test]
fn every_mistake_of_a_record_is_told_at_once_with_place_rule_and_remedy() {
    let mapping = compile(example()).expect("it compiles");
    let plan = PLAN.replace("999 000 0018", "9990000019").replace("Live", "vivid");
    let goals = GOALS.replace("Cook again,,", "Cook again,2026-02-30,often");
    let record = record_of(&mapping, &zipped(&[("plan.csv", &plan), ("goals.csv", &goals)]));
    let report = map::map(record, &mapping, &around()).map(|_| ()).expect_err("it is refused");
    let told: Vec<String> = report.issues.iter().map(ToString::to_string).collect();
    let line = |field: &str| {
        1 + example().lines().position(|l| l.contains(&format!("local: {field}"))).expect("the row is there")
    };
    let starts = [
        format!(
            "plan.csv:2:9: error: column `nhs_number` is not a valid NHS number: its check digit (modulus 11) is wrong (plan.nhs_number; mappings/tiny/map.yaml:{})",
            line("plan.nhs_number")
        ),
        format!(
            "plan.csv:2:57: error: column `status` holds a code that code map `plan-status` does not know (plan.status; mappings/tiny/map.yaml:{}); use one of: draft, live, closed",
            line("plan.status")
        ),
        format!(
            "goals.csv:3:18: error: column `due` is not a date written DD/MM/YYYY (goals[1].due; mappings/tiny/map.yaml:{})",
            line("\"goals[].due\"")
        ),
        format!(
            "goals.csv:3:29: error: column `importance` is not a whole number (goals[1].importance; mappings/tiny/map.yaml:{})",
            line("\"goals[].importance\"")
        ),
    ];
    assert_eq!(told.len(), starts.len(), "{told:#?}");
    for (told, start) in told.iter().zip(&starts) {
        assert!(told.starts_with(start), "{told}\n{start}");
    }
}

#[test]
fn ids_come_from_keys_and_the_sender_and_never_from_positions() {
    let mapping = compile(example()).expect("it compiles");
    let ids = |goals: &str, around: &Circumstances<'_>| {
        let record = record_of(&mapping, &zipped(&[("plan.csv", PLAN), ("goals.csv", goals)]));
        let draft = map::map(record, &mapping, around).expect("it maps");
        let of = |g: &Item<'_>| {
            (g.str_at(&["identifier", "value"]).map(str::to_owned), g.str_at(&["id"]).map(str::to_owned))
        };
        let mut ids: Vec<_> = resources(&draft.tree, "Goal").iter().map(of).collect();
        ids.sort();
        ids
    };
    let mut lines: Vec<&str> = GOALS.lines().collect();
    lines.swap(1, 2);
    assert_eq!(ids(GOALS, &around()), ids(&lines.join("\n"), &around()));
    let other =
        Circumstances { sender_identifier: ("https://fhir.nhs.uk/Id/ods-organization-code", "Y99"), ..around() };
    assert_ne!(ids(GOALS, &around()), ids(GOALS, &other));
}

#[test]
fn there_and_back_is_the_same_to_the_letter() {
    let mapping = compile(example()).expect("it compiles");
    let record = good(&mapping);
    let draft = forward(&mapping, &record);
    let local = back(&mapping, draft.tree.root(), Some(&record));
    assert!(same(local.tree.root(), record.tree().root()), "{}", local.tree.root().to_json());
    let written = map::write(&local, &mapping).expect("it is written");
    assert!(same(record_of(&mapping, &written).tree().root(), record.tree().root()));
}

#[test]
fn a_change_made_in_fhir_comes_back_and_nothing_else_does() {
    let mapping = compile(example()).expect("it compiles");
    let record = good(&mapping);
    let draft = forward(&mapping, &record);
    let changed = edited(&draft.tree, "\"2026-09-01\"", "\"2026-10-05\"");
    let local = back(&mapping, changed.root(), Some(&record));
    let goal = local.tree.root().all("goals").next().expect("it is there");
    assert_eq!((goal.str_at(&["due"]), goal.str_at(&["worker"])), (Some("05/10/2026"), Some("TQ")));
    let plan = local.tree.root().get("plan").expect("it is there");
    assert_eq!((plan.str_at(&["birth_date"]), plan.str_at(&["team_note"])), (Some("2/6/1941"), Some("call first")));
}

#[test]
fn items_keep_their_private_fields_when_the_other_side_removes_and_reorders() {
    let mapping = compile(example()).expect("it compiles");
    let goals = format!("{GOALS}P1,G3,Sing,,,PAO\n");
    let record = record_of(&mapping, &zipped(&[("plan.csv", PLAN), ("goals.csv", &goals)]));
    let draft = forward(&mapping, &record);
    let mut tree = Tree::copy_of(draft.tree.root());
    let entries = tree.root().get("entry").expect("a Bundle has entries").id();
    let second: Vec<_> =
        tree.root().all("entry").filter(|e| e.at_path(&["resource", "description"]).is_some()).map(Item::id).collect();
    let third = Tree::copy_of(tree.item(second[2]));
    tree.remove(second[1]);
    tree.remove(second[2]);
    tree.push_copy(entries, "", third.root());
    let local = back(&mapping, tree.root(), Some(&record));
    let kept: Vec<_> =
        local.tree.root().all("goals").map(|g| (g.str_at(&["goal_id"]), g.str_at(&["worker"]))).collect();
    assert_eq!(kept, [(Some("G1"), Some("TQ")), (Some("G3"), Some("PAO"))]);
}

#[test]
fn what_was_withheld_is_not_taken_for_deleted() {
    let mapping = compile(example()).expect("it compiles");
    let record = good(&mapping);
    let draft = forward(&mapping, &record);
    let cut = Tree::copy_where(draft.tree.root(), |i| i.resource_type() != Some("Task") && i.key() != "birthDate");
    let cut = edited(&cut, "\"resourceType\":\"CarePlan\",", "\"resourceType\":\"CarePlan\",\"language\":\"en\",");
    let marked = edited(&cut, "sharewell-careplan\"]}", "sharewell-careplan\"],\"tag\":[{\"code\":\"SUBSETTED\"}]}");
    let local = back(&mapping, marked.root(), Some(&record));
    assert!(same(local.tree.root(), record.tree().root()));
    let local = back(&mapping, cut.root(), Some(&record));
    assert_eq!(local.tree.root().all("actions").count(), 0);
    assert_eq!(local.tree.root().str_at(&["plan", "birth_date"]), None);
}

#[test]
fn fhir_without_a_base_becomes_a_whole_local_record() {
    let mapping = compile(example()).expect("it compiles");
    let draft = forward(&mapping, &good(&mapping));
    let local = back(&mapping, draft.tree.root(), None);
    let bytes = map::write(&local, &mapping).expect("it is written");
    let again = forward(&mapping, &record_of(&mapping, &bytes));
    assert!(same(again.tree.root(), draft.tree.root()));
}

#[test]
fn what_the_local_format_cannot_hold_is_said() {
    let mapping = compile(example()).expect("it compiles");
    let draft = forward(&mapping, &good(&mapping));
    let more = edited(
        &draft.tree,
        "\"lifecycleStatus\":\"active\"",
        "\"lifecycleStatus\":\"active\",\"note\":[{\"text\":\"x\"}]",
    );
    let local = back(&mapping, more.root(), None);
    assert!(local.loss.iter().any(|l| l.path == "Goal.note" && l.count == 2 && !l.intended), "{:?}", local.loss);
    let odd = edited(&draft.tree, "\"status\":\"active\"", "\"status\":\"entered-in-error\"");
    let report = map::to_local(odd.root(), &mapping, None).map(|_| ()).expect_err("a status nobody knows is refused");
    assert_eq!(report.issues[0].id, "untranslatable-code");
}

/// Replaces a piece of the example and compiles it; the finding's text, line and column come back.
fn broken(from: &str, to: &str) -> (String, String) {
    assert!(example().contains(from), "{from} is not in the example");
    let report = match compile(&example().replacen(from, to, 1)) {
        Ok(mapping) => mapping.warnings().clone(),
        Err(report) => report,
    };
    // The worst first: a mistake often leaves something unread as well.
    let issue = report.issues.iter().min_by_key(|i| i.severity).unwrap_or_else(|| panic!("nothing is said about {to}"));
    assert!(
        issue.remedy.is_some()
            && issue.place.as_ref().is_some_and(|p| p.file.as_deref() == Some("mappings/tiny/map.yaml")),
        "{issue}"
    );
    (issue.id.to_string(), issue.text.clone())
}

#[test]
fn mistakes_in_a_mapping_are_found_when_it_is_loaded() {
    for (from, to, id) in [
        ("required: true", "requird: true", "mapping-yaml"),
        ("plan.title", "plan.title", "none"),
        ("\"goal.description.text\"", "\"gaol.description.text\"", "unknown-resource"),
        ("\"goal.description.text\"", "\"goal.descripton.text\"", "unknown-element"),
        ("\"goal.target[0].dueDate\"", "\"goal.target.dueDate\"", "unknown-element"),
        ("\"goal.target[0].dueDate\"", "\"goal.target[0].due\"", "unknown-element"),
        ("\"plan.status\"", "\"plan.status[0]\"", "unknown-element"),
        ("\"goals[].text\"", "\"goals[].words\"", "unknown-field"),
        ("as: uk-date", "as: ukdate", "unknown-converter"),
        ("codes: plan-status,", "codes: plan-stats,", "unknown-codes"),
        ("closed: completed", "closed: completed, ended: completed", "codes-not-invertible"),
        ("key: action_id, ", "", "loop-without-key"),
        ("importance, worker ]", "importance, worker, mood ]", "field-not-read"),
        (", fixed: { lifecycleStatus: active }", "", "mandatory-not-filled"),
        ("by: goal_id", "by: goal_ref", "unknown-field"),
        ("type: Task", "type: Tsk", "unknown-type"),
        ("only: out }", "only: up }", "unknown-direction"),
        ("\"patient.birthDate\"", "\"patient.name[0].family\"", "one-target-twice"),
        ("plan.given_name, ", "plan.family_name, ", "one-target-twice"),
        ("mapping: tiny", "mapping: small", "mapping-name"),
        ("syntax: csv-zip", "syntax: edifact", "unknown-syntax"),
        ("goal_id! > goals", "goal_id! > gaols", "unknown-file"),
        ("focus: { to: goal, by: goal_id }", "focus: goal", "reference-not-a-list"),
        ("value: \"loc:plan\" }", "value: \"loc:plan\", local: plan.plan_id }", "rule-from"),
        ("\"patient.identifier[system=nhs:nhs-number].value\"", "\"patient.identifier[system.value\"", "bad-path"),
        ("loc: https", "loc: &anchor https", "mapping-yaml"),
    ] {
        if id == "none" {
            continue;
        }
        let (found, text) = broken(from, to);
        assert_eq!(found, id, "{to}: {text}");
    }
}

/// A YAML text as JSON, the way editors see it.
fn as_json(yaml: &str) -> serde_json::Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(yaml, options).expect("it is YAML")
}

#[test]
fn the_published_schema_agrees_with_the_compiler() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../mappings/map.schema.json")).expect("it is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a JSON Schema");
    let mut texts = vec![example().to_owned(), JSON.to_owned()];
    for entry in
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/mappings")).expect("the folder is there").flatten()
    {
        texts.extend(std::fs::read_to_string(entry.path().join("map.yaml")).ok());
    }
    for text in texts {
        let found: Vec<String> =
            validator.iter_errors(&as_json(&text)).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
    for (from, to) in [
        ("required: true", "requird: true"),
        ("only: out }", "only: up }"),
        ("as: uk-date", "as: ukdate"),
        ("syntax: csv-zip", "syntax: edifact"),
    ] {
        assert!(!validator.is_valid(&as_json(&example().replacen(from, to, 1))), "{to}");
    }
}

const JSON: &str = r#"
mapping: tiny
version: 1.0.0
local: { syntax: json, record: id }
prefixes: { sw: "https://sharewell.example/fhir/StructureDefinition/", id: "https://sharewell.example/Id/" }
resources:
  patient: { type: Patient }
  about: { type: QuestionnaireResponse, refs: { subject: patient }, fixed: { status: completed } }
  goal: { type: Goal, each: "goals[]", key: id, refs: { subject: patient }, fixed: { lifecycleStatus: active } }
  step: { type: Task, each: "goals[].steps[]", key: n, refs: { for: patient, focus: goal }, fixed: { status: ready, intent: plan } }
  kin: { type: RelatedPerson, each: "circle[][kind=family]", key: id, refs: { patient: patient }, is: { "identifier[0].system": "id:kin" } }
  team: { type: CareTeam, refs: { subject: patient }, where: { "circle[][kind=work]": present } }
keys: { "working[]": text, "circle[]": id }
codes: { view: { me: person, family: family } }
rules:
  - { local: id, fhir: "patient.identifier[system=id:app].value", required: true }
  - { local: tags, split: ";", fhir: "patient.communication[].language.text" }
  - { local: "notes[]", join: "\n", fhir: "about.item[linkId=notes].text" }
  - { local: "likes[]", fhir: "about.item[linkId=likes].answer[].valueString" }
  - { local: "working[].text", fhir: "about.item[linkId=working].answer[].valueString" }
  - { local: "working[].view", fhir: "about.item[linkId=working].answer[].extension[url=sw:perspective].valueCode", codes: view }
  - { local: "goals[].id", fhir: "goal.identifier[system=id:goal].value", required: true }
  - { local: "goals[].text", fhir: "goal.description.text" }
  - { local: "goals[].weight", fhir: "goal.extension[url=sw:importance].valueInteger", as: integer }
  - { local: "goals[].cost", fhir: "goal.extension[url=sw:cost].valueMoney", as: money }
  - { local: "goals[].steps[].n", fhir: "step.identifier[system=id:step].value" }
  - { local: "goals[].steps[].what", fhir: "step.code.text" }
  - { local: "circle[][kind=family].id", fhir: "kin.identifier[0].value" }
  - { local: "circle[][kind=family].name", fhir: "kin.name[0].text" }
  - { local: "circle[][kind=work].id", fhir: "team.participant[].id" }
  - { local: "circle[][kind=work].name", fhir: "team.participant[].member.display" }
keep-local: [ secret, "goals[].secret", "goals[].steps[].secret", "working[].secret", "circle[].secret" ]
"#;

#[test]
fn two_kinds_made_from_one_item_become_one_item_again() {
    let kinds = "  kin: { type: RelatedPerson";
    let more = "  flag: { type: Flag, each: \"circle[]\", refs: { subject: patient }, fixed: { status: active } }\n  kin: { type: RelatedPerson";
    let rules = "  - { local: \"circle[][kind=work].id\"";
    let rows = "  - { local: \"circle[].id\", fhir: \"flag.identifier[0].value\" }\n  - { local: \"circle[].alert\", fhir: \"flag.code.text\" }\n  - { local: \"circle[][kind=work].id\"";
    let mapping = compile(&JSON.replace(kinds, more).replacen(rules, rows, 1)).expect("it compiles");
    let json = br#"{"id":"R1","circle":[{"id":"a","kind":"family","name":"Philippa","alert":"has a key"}]}"#;
    let record = record_of(&mapping, json);
    let draft = forward(&mapping, &record);
    assert_eq!((resources(&draft.tree, "Flag").len(), resources(&draft.tree, "RelatedPerson").len()), (1, 1));
    for base in [Some(&record), None] {
        let local = back(&mapping, draft.tree.root(), base);
        assert!(same(local.tree.root(), record.tree().root()), "{}", local.tree.root().to_json());
    }
}

/// Words that are not blank; no separator of the mapping's own, since what is split cannot hold it.
fn words() -> impl Strategy<Value = String> {
    "[A-Za-z0-9é'\",.-]{1,6}( [A-Za-z0-9é]{1,5}){0,2}"
}

fn maybe(
    name: &'static str,
    value: impl Strategy<Value = serde_json::Value>,
) -> impl Strategy<Value = Vec<(&'static str, serde_json::Value)>> {
    prop::option::of(value).prop_map(move |v| v.map(|v| vec![(name, v)]).unwrap_or_default())
}

fn text() -> impl Strategy<Value = serde_json::Value> {
    words().prop_map(serde_json::Value::from)
}

fn object(parts: Vec<Vec<(&'static str, serde_json::Value)>>) -> serde_json::Value {
    serde_json::Value::Object(parts.into_iter().flatten().map(|(k, v)| (k.to_owned(), v)).collect())
}

/// Gives each object of a list its own key.
fn keyed(
    key: &'static str,
    item: impl Strategy<Value = serde_json::Value>,
    most: usize,
) -> impl Strategy<Value = serde_json::Value> {
    prop::collection::vec(item, 0..most).prop_map(move |mut items| {
        for (index, item) in items.iter_mut().enumerate() {
            item[key] = format!("K{index}").into();
        }
        serde_json::Value::Array(items)
    })
}

fn step() -> impl Strategy<Value = serde_json::Value> {
    (maybe("what", text()), maybe("secret", text())).prop_map(|(a, b)| object(vec![a, b]))
}

fn goal() -> impl Strategy<Value = serde_json::Value> {
    let weight = (1..10i32).prop_map(serde_json::Value::from);
    let cost = (0..9000u32).prop_map(|c| serde_json::Value::from(f64::from(c) / 4.0));
    (
        maybe("text", text()),
        maybe("weight", weight),
        maybe("cost", cost),
        maybe("secret", text()),
        maybe("steps", keyed("n", step(), 3)),
    )
        .prop_map(|(a, b, c, d, e)| object(vec![a, b, c, d, e]))
}

fn person() -> impl Strategy<Value = serde_json::Value> {
    let kind = prop::sample::select(vec!["family", "work", "other"]).prop_map(serde_json::Value::from);
    (kind, maybe("name", text()), maybe("secret", text()))
        .prop_map(|(kind, a, b)| object(vec![vec![("kind", kind)], a, b]))
}

fn working() -> impl Strategy<Value = serde_json::Value> {
    let view = prop::sample::select(vec!["me", "family"]).prop_map(serde_json::Value::from);
    (maybe("view", view), maybe("secret", text())).prop_map(|(a, b)| object(vec![a, b]))
}

fn record() -> impl Strategy<Value = serde_json::Value> {
    let list = || prop::collection::vec(text(), 1..4).prop_map(serde_json::Value::Array);
    let tags = prop::collection::vec("[a-z]{1,5}", 1..4).prop_map(|t| serde_json::Value::from(t.join(";")));
    (
        maybe("secret", text()),
        maybe("tags", tags),
        maybe("notes", list()),
        maybe("likes", list()),
        maybe("working", keyed("text", working(), 4)),
        maybe("goals", keyed("id", goal(), 4)),
        maybe("circle", keyed("id", person(), 5)),
    )
        .prop_map(|(a, b, c, d, e, f, g)| object(vec![vec![("id", "R1".into())], a, b, c, d, e, f, g]))
}

fn cases() -> ProptestConfig {
    let cases = std::env::var("SHAREWELL_CASES").ok().and_then(|c| c.parse().ok()).unwrap_or(300);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn json_mapping() -> &'static Mapping {
    static MAPPING: OnceLock<Mapping> = OnceLock::new();
    MAPPING.get_or_init(|| compile(JSON).unwrap_or_else(|report| panic!("{:?}", report.issues)))
}

/// Without lists that hold nothing, which are the same as no list.
fn tidy(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(members) => {
            let kept = members.iter().filter(|(_, v)| v.as_array().is_none_or(|a| !a.is_empty()));
            serde_json::Value::Object(kept.map(|(k, v)| (k.clone(), tidy(v))).collect())
        }
        serde_json::Value::Array(items) => serde_json::Value::Array(items.iter().map(tidy).collect()),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn get_put_and_put_get_hold_for_generated_records(value in record()) {
        let mapping = json_mapping();
        let value = tidy(&value);
        let record = record_of(mapping, value.to_string().as_bytes());
        let draft = forward(mapping, &record);
        let local = back(mapping, draft.tree.root(), Some(&record));
        prop_assert!(same(local.tree.root(), record.tree().root()), "{}\n{}", local.tree.root().to_json(), value);
        // The Bundle after another system's edit: all goals say something else, and the first is gone.
        let mut other = Tree::copy_of(draft.tree.root());
        let texts: Vec<_> = resources(&other, "Goal").iter().filter_map(|g| g.at_path(&["description", "text"])).map(Item::id).collect();
        for id in texts {
            other.set(id, Kind::String, "said otherwise");
        }
        let entry = resources(&other, "Task").first().and_then(|t| t.parent()).map(Item::id);
        if let Some(entry) = entry {
            other.remove(entry);
        }
        let put = back(mapping, other.root(), Some(&record));
        let bytes = map::write(&put, mapping).expect("it is written");
        let again = forward(mapping, &record_of(mapping, &bytes));
        let without_provenance = |tree: &Tree| {
            let tree = Tree::copy_where(tree.root(), |i| i.key() != "timestamp");
            tree.root().to_json()
        };
        let (a, b) = (without_provenance(&again.tree), without_provenance(&other));
        let read = |t: &str| sharewell::pure::fhir::json::read(t.as_bytes(), &Default::default()).expect("it is JSON");
        prop_assert!(same(read(&a).root(), read(&b).root()), "{a}\n{b}");
    }
}

#[test]
fn a_rule_may_name_a_concept_map_that_is_loaded_with_the_profiles() {
    let url = "https://northmere.example/ConceptMap/plan-status";
    let one = |code: &str, fhir: &str| {
        format!(r#"{{"code": "{code}", "target": [{{"code": "{fhir}", "equivalence": "equivalent"}}]}}"#)
    };
    let elements = [one("draft", "draft"), one("live", "active"), one("closed", "completed")].join(",");
    let map = format!(
        r#"{{"resourceType": "ConceptMap", "url": "{url}", "status": "active", "group": [{{"element": [{elements}]}}]}}"#
    );
    let file = File { path: "map.json".to_owned(), bytes: map.into_bytes().into() };
    let loaded = Definitions::base().expect("they load").with_files(&[file]).expect("it loads");
    let yaml = example().replace("codes: plan-status", &format!("codes: {url}"));
    assert_ne!(yaml, example(), "the example has such a rule");
    let files = [File { path: "tiny/map.yaml".to_owned(), bytes: yaml.clone().into_bytes().into() }];
    let mapping = Mapping::compile("tiny", &files, &loaded).expect("it compiles");
    let own = compile(example()).expect("it compiles");
    let out = |mapping: &Mapping| forward(mapping, &good(mapping)).tree.root().to_json();
    assert_eq!(out(&mapping), out(&own));
    let report = compile(&yaml).expect_err("it is not loaded here");
    assert!(report.issues.iter().any(|issue| issue.id == "unknown-codes"), "{report:#?}");
}

#[test]
fn a_modifier_extension_that_the_format_cannot_carry_keeps_the_copy_back_and_is_named() {
    let mapping = &compile(example()).expect("it compiles");
    let bundle = forward(mapping, &good(mapping)).tree;
    let json = bundle.root().to_json();
    let (at, _) = json.match_indices("\"resourceType\":\"").nth(1).expect("a resource in the Bundle");
    let modifier = "\"modifierExtension\":[{\"url\":\"https://x.example/not\",\"valueBoolean\":true}],";
    let changed = format!("{}{modifier}{}", &json[..at], &json[at..]);
    let odd = sharewell::pure::fhir::json::read(changed.as_bytes(), &sharewell::pure::fhir::Limits::default())
        .expect("it is JSON");
    let report =
        map::to_local(odd.root(), mapping, None).map(|_| ()).expect_err("it would say something else without it");
    let ids: Vec<&str> = report.issues.iter().filter(|i| i.is_error()).map(|i| i.id.as_ref()).collect();
    assert_eq!(ids, ["modifier-not-carried"]);
    assert!(report.issues.iter().any(|i| i.text.contains("modifierExtension")));
    assert!(map::to_local(bundle.root(), mapping, None).is_ok());
}
