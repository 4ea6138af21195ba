//! P10: whatever is wrong with a record, no face quotes a value of it.

use super::common::definitions;
use super::records::{Sample, each_string, fixtures, variants};
use serde_json::json;
use sharewell::pure::fhir::{Limits, Report, json as reader};
use sharewell::pure::validate::{Options, check_with};

/// No word of any definition.
const MARK: &str = "Quillfeather";

fn judge(sample: &Sample) -> Report {
    let bytes = serde_json::to_vec_pretty(&sample.value).expect("it can be written");
    let options = Options { must_support: true, best_practice: true, ..Options::default() };
    match reader::read(&bytes, &Limits::default()) {
        Ok(tree) => check_with(&tree, &[], definitions(), options),
        Err(report) => report,
    }
}

fn quotes_nothing(sample: &Sample) {
    let report = judge(sample);
    let mut text: String = report.issues.iter().map(|i| format!("{i}\n")).collect();
    text.extend(report.unchecked.iter().map(|u| format!("{u}\n")));
    text.push_str(&report.outcome().root().to_json());
    if let Some(at) = text.find(MARK) {
        let line = text[..at].lines().last().unwrap_or_default();
        panic!("{}: after {line:?}", sample.name);
    }
}

/// A record whose every value holds the mark, as far as `say` lets it: `(name of the element, the value)`.
pub fn marked(sample: &Sample, say: fn(&str, &str) -> String) -> Sample {
    let mut value = sample.value.clone();
    each_string(&mut value, "", &mut |name, text| *text = say(name, text));
    Sample { name: sample.name.clone(), value }
}

/// The ways in which a value can hold the mark.
pub const WAYS: [fn(&str, &str) -> String; 6] = [
    |_, _| MARK.to_owned(),
    |name, text| if name == "profile" { text.to_owned() } else { format!("{MARK} {text}") },
    // what kind of thing it is stays, so that deeper rules are reached
    |name, text| match name {
        "profile" | "system" | "url" | "code" | "type" | "status" | "intent" | "reference" | "linkId" | "fullUrl" => {
            text.to_owned()
        }
        _ => format!("{text}{MARK}"),
    },
    |name, text| if name == "reference" { format!("{MARK}/{MARK}") } else { text.to_owned() },
    |name, text| if name == "system" || name == "url" { format!("http://{MARK}.test/{MARK}") } else { text.to_owned() },
    |name, text| if name == "code" || name == "type" { MARK.to_owned() } else { text.to_owned() },
];

#[test]
fn no_finding_quotes_a_value_of_the_record() {
    for (index, sample) in fixtures().iter().enumerate() {
        for way in WAYS.iter().skip(index % 3).step_by(3) {
            let all = marked(sample, *way);
            quotes_nothing(&all);
            for variant in variants(&all, 397) {
                quotes_nothing(&variant);
            }
        }
    }
}

#[test]
fn a_profile_that_is_claimed_a_type_and_a_language_are_values_too() {
    for value in [
        json!({ "resourceType": MARK }),
        json!({ "resourceType": "Patient", "meta": { "profile": [format!("http://{MARK}.test/p")] } }),
        json!({ "resourceType": "Patient", "language": MARK, "implicitRules": format!("http://{MARK}.test/r") }),
        json!({ "resourceType": "Patient", "birthDate": MARK, "active": MARK, "name": MARK, "gender": [MARK] }),
        json!({ "resourceType": "QuestionnaireResponse", "status": MARK, "questionnaire": format!("http://{MARK}.test/q") }),
        json!({ "resourceType": "Patient", "extension": [{ "url": MARK }, { "url": format!("http://{MARK}.test/x"), "valueString": MARK }],
            "modifierExtension": [{ "url": format!("http://{MARK}.test/m"), "valueBoolean": true }] }),
        json!({ "resourceType": "Observation", "status": "final", "code": { "coding": [{ "system": format!("http://{MARK}.test"), "code": MARK }] },
            "valueQuantity": { "value": 1, "unit": MARK, "system": "http://unitsofmeasure.org", "code": MARK } }),
    ] {
        quotes_nothing(&Sample { name: value["resourceType"].to_string(), value });
    }
}
