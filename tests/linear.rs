//! Validation costs the same for each part of a record however many there are: a stranger sends the records, and the square
//! of ten thousand is a hundred million. Processor time of a small record against one ten times as large.

use cpu_time::ThreadTime;
use sharewell::pure::fhir::{File, Limits, json};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::check;
use std::sync::LazyLock;
use std::time::Duration;

const CHECKED: &str = "http://example.org/fhir/StructureDefinition/checked-bundle";

/// A profile that resolves every reference of a Bundle.
const RESOLVING: &str = r#"{"resourceType":"StructureDefinition","url":"http://example.org/fhir/StructureDefinition/checked-bundle",
"name":"CheckedBundle","status":"active","fhirVersion":"4.0.1","kind":"resource","abstract":false,"type":"Bundle",
"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Bundle","derivation":"constraint","differential":{"element":[
{"id":"Bundle","path":"Bundle","constraint":[{"key":"chk-1","severity":"error","human":"Every link leads to an entry",
"expression":"entry.resource.ofType(Patient).link.other.all(resolve().exists())"}]}]}}"#;

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| {
    let file = File { path: "checked-bundle.json".to_owned(), bytes: RESOLVING.as_bytes().into() };
    let base = Definitions::base().expect("the definitions are embedded");
    base.with_files(&[file]).expect("the profile compiles")
});

fn joined(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

fn bundle(count: usize, name: impl Fn(usize) -> String, link: impl Fn(usize) -> String) -> String {
    let entries = joined(count, |n| {
        let (next, before) = (link((n + 1) % count), link((n + count - 1) % count));
        let other = |to: &str| format!(r#"{{"other":{{"reference":"{to}"}},"type":"seealso"}}"#);
        let links = format!("{},{}", other(&next), other(&before));
        let url = name(n);
        format!(r#"{{"fullUrl":"{url}","resource":{{"resourceType":"Patient","id":"p{n}","link":[{links}]}}}}"#)
    });
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{entries}]}}"#)
}

fn uuid(n: usize) -> String {
    format!("urn:uuid:c757873d-ec9a-4326-a141-{n:012x}")
}

fn plan(rest: &str) -> String {
    format!(
        r#"{{"resourceType":"CarePlan","status":"active","intent":"plan","subject":{{"reference":"Patient/1"}},{rest}}}"#
    )
}

fn questionnaire(count: usize) -> String {
    let items = joined(count, |n| {
        let before = n.saturating_sub(1);
        format!(
            r#"{{"linkId":"q{n}","type":"boolean","enableWhen":[{{"question":"q{before}","operator":"exists","answerBoolean":true}}]}}"#
        )
    });
    format!(r#"{{"resourceType":"Questionnaire","id":"q","status":"active","item":[{items}]}}"#)
}

/// What is sent, and how many of what there is most of.
fn records(count: usize) -> Vec<(&'static str, String)> {
    let known = "https://sharewell.example/fhir/StructureDefinition/last-updated";
    let rest = |n| format!("https://sharewell.example/fhir/Patient/p{n}");
    let relative = |n| format!("Patient/p{n}");
    let organization = |n: usize| format!(r#"{{"resourceType":"Organization","id":"o{n}","name":"x"}}"#);
    let author = |n: usize| format!(r##"{{"reference":"#o{n}"}}"##);
    vec![
        ("entries with relative references", bundle(count, rest, relative)),
        ("entries with references by uuid", bundle(count, uuid, uuid)),
        ("contained resources that are referred to", {
            let (inner, authors) = (joined(count, organization), joined(count, author));
            plan(&format!(r#""contained":[{inner}],"contributor":[{authors}]"#))
        }),
        ("contained resources that nothing refers to", {
            plan(&format!(r#""contained":[{}]"#, joined(count, organization)))
        }),
        ("extensions that are known", {
            let one = |_| format!(r#"{{"url":"{known}","valueDateTime":"2026-07-09"}}"#);
            plan(&format!(r#""extension":[{}]"#, joined(count, one)))
        }),
        ("extensions that are not known", {
            let one = |n| format!(r#"{{"url":"http://example.org/e{n}","valueString":"x"}}"#);
            plan(&format!(r#""extension":[{}]"#, joined(count, one)))
        }),
        ("values with extensions beside them", {
            let (values, beside) = (
                joined(count, |_| "null".to_owned()),
                joined(count, |_| r#"{"extension":[{"url":"http://example.org/e","valueCode":"x"}]}"#.to_owned()),
            );
            plan(&format!(r#""instantiatesUri":[{values}],"_instantiatesUri":[{beside}]"#))
        }),
        ("nulls", plan(&format!(r#""instantiatesUri":[{}]"#, joined(count, |_| "null".to_owned())))),
        ("names that no element has", plan(&joined(count, |n| format!(r#""x{n}":1,"_y{n}":{{"id":"a"}}"#)))),
        ("identifiers that are sliced", {
            let one = |n| format!(r#"{{"system":"http://example.org/i","value":"{n}"}}"#);
            let profile = "https://sharewell.example/fhir/StructureDefinition/sharewell-patient";
            format!(
                r#"{{"resourceType":"Patient","meta":{{"profile":["{profile}"]}},"identifier":[{}]}}"#,
                joined(count, one)
            )
        }),
        ("members of a group", {
            let one = |n| format!(r#"{{"entity":{{"reference":"Patient/p{n}"}}}}"#);
            let head = r#""resourceType":"Group","type":"person","actual":true"#;
            format!(r#"{{{head},"member":[{}]}}"#, joined(count, one))
        }),
        ("questions with conditions", questionnaire(count)),
        ("answers to questions with conditions", {
            let one = |n| format!(r#"{{"linkId":"q{n}","answer":[{{"valueBoolean":true}}]}}"#);
            let head = r##""resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"#q""##;
            format!(r#"{{{head},"contained":[{}],"item":[{}]}}"#, questionnaire(count), joined(count, one))
        }),
        ("codes of a code system", {
            let one = |n| format!(r#"{{"code":"c{n}","display":"x"}}"#);
            let head = r#""resourceType":"CodeSystem","status":"active","content":"complete","url":"http://example.org/c","name":"C""#;
            format!(r#"{{{head},"concept":[{}]}}"#, joined(count, one))
        }),
        ("codes of a value set", {
            let one = |n| format!(r#"{{"code":"c{n}","display":"x"}}"#);
            let head = r#""resourceType":"ValueSet","status":"active","url":"http://example.org/v","name":"V""#;
            let include = format!(r#"{{"system":"http://example.org/c","concept":[{}]}}"#, joined(count, one));
            format!(r#"{{{head},"compose":{{"include":[{include}]}}}}"#)
        }),
    ]
}

/// Processor time of checking a record once, the lesser of two.
fn cost(text: &str) -> Duration {
    let tree = json::read(text.as_bytes(), &Limits::default()).expect("it is JSON");
    let profiles: &[&str] = if tree.root().resource_type() == Some("Bundle") { &[CHECKED] } else { &[] };
    let once = |_| {
        let start = ThreadTime::now();
        drop(check(&tree, profiles, &DEFINITIONS));
        start.elapsed()
    };
    (0..2).map(once).min().unwrap_or_default()
}

#[test]
fn each_part_of_a_record_costs_the_same_however_many_there_are() {
    let (few, many) = (500, 5_000);
    let mut too_dear = Vec::new();
    for ((name, small), (_, large)) in records(few).into_iter().zip(records(many)) {
        let (small, large) = (cost(&small), cost(&large));
        let times = large.as_secs_f64() / small.as_secs_f64().max(1e-6);
        println!(
            "{name:<44} {:>9.0} ns each, ten times as many cost {times:>5.1} x",
            small.as_secs_f64() / few as f64 * 1e9
        );
        // what is linear costs ten times as much; what is square, a hundred
        if times > 30.0 {
            too_dear.push(format!("{name}: {times:.0} x"));
        }
    }
    assert!(too_dear.is_empty(), "ten times as much costs {too_dear:?}");
}
