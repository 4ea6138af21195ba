//! The whole walk, stage by stage, for every record in `fixtures/`: what it becomes, what is found in it, who gets what of it.
//!
//! `fixtures/<format>/<case>/in.*` is the record (`in/` is a folder of CSV files that travels as a zip). Beside it lie golden
//! files: `mapped.json`, `outcome.json`, and for each recipient `decision-<id>.json` and `released-<id>.json`. A record that
//! is refused has an `outcome.json` alone. `UPDATE_GOLDEN=1` writes them anew; read the difference before you commit it.

mod common;

use common::{Case, cases, definitions, golden, mapping, recipients, record};
use serde_json::json;
use sharewell::pure::decide::{self, Decision, Reason, Section};
use sharewell::pure::fhir::{Report, Tree};
use sharewell::pure::map::{self, Draft};
use sharewell::pure::parse::{self, ParseLimits};
use sharewell::pure::redact::{self, Releasable};
use sharewell::pure::validate::{self, Validated};
use std::collections::BTreeSet;

/// Parse, map, validate.
fn inward(case: &Case) -> Result<(Draft, Validated), Report> {
    let mapping = mapping(&case.format);
    let parsed = record(case, mapping)?;
    let draft = map::map(parsed, mapping, &common::circumstances(&case.format))?;
    let validated = validate::validate(draft.clone(), definitions())?;
    Ok((draft, validated))
}

fn outcome(report: &Report) -> String {
    report.outcome().root().to_json_pretty()
}

#[test]
fn every_record_travels_as_its_golden_files_say() {
    let mut wrong = Vec::new();
    for case in cases() {
        let mut made = BTreeSet::from(["outcome.json".to_owned()]);
        match inward(&case) {
            Err(report) => {
                assert!(case.name.starts_with("refused-"), "{case} is refused: {report:#?}");
                for issue in &report.issues {
                    let told = issue.rule.is_some() && issue.remedy.is_some();
                    assert!(told, "{case}: `{}` has no rule or no remedy", issue.id);
                }
                golden(&case, "outcome.json", &outcome(&report), &mut wrong);
            }
            Ok((draft, validated)) => {
                assert!(!case.name.starts_with("refused-"), "{case} is not refused");
                golden(&case, "outcome.json", &outcome(validated.report()), &mut wrong);
                golden(&case, "mapped.json", &draft.tree.root().to_json_pretty(), &mut wrong);
                made.insert("mapped.json".to_owned());
                outward(&case, &validated, &mut made, &mut wrong);
            }
        }
        common::nothing_else(&case, &made, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Decide, redact, validate again, for each recipient.
fn outward(case: &Case, validated: &Validated, made: &mut BTreeSet<String>, wrong: &mut Vec<String>) {
    for recipient in recipients() {
        let decision = decided(case, validated, recipient.id);
        let name = format!("decision-{}.json", recipient.id);
        golden(case, &name, &told(&decision), wrong);
        made.insert(name);
        let Some(released) = released(validated, decision) else { continue };
        let again = validate::check(released.bundle(), &[], definitions());
        assert!(again.is_valid(), "{case} for {} does not conform: {again:#?}", recipient.id);
        let name = format!("released-{}.json", recipient.id);
        golden(case, &name, &released.bundle().root().to_json_pretty(), wrong);
        made.insert(name);
        if let Some(format) = recipient.takes {
            let name = format!("released-{}.local.json", recipient.id);
            golden(case, &name, &in_local(released.bundle(), format), wrong);
            made.insert(name);
        }
    }
}

/// A decision as a reviewer reads it: the outcome, why, what becomes of each section, what stays behind whole.
fn told(decision: &Decision) -> String {
    let why = |reason: &Reason| {
        let mut text = format!("{} {:?}", reason.rule.id(), reason.effect).to_lowercase();
        if let Some(choice) = &reason.choice {
            text = format!("{text}: {}", choice.reference);
        }
        text
    };
    let section = |s: &Section| (s.code.clone(), json!(format!("{}, {}", s.sent.code(), why(&s.reason))));
    let answer = json!({
        "outcome": decision.outcome().code(),
        "reasons": decision.reasons().iter().map(why).collect::<Vec<_>>(),
        "sections": decision.sections().iter().map(section).collect::<serde_json::Map<_, _>>(),
        "withheld": decision.withheld(),
        "obligations": decision.obligations().iter().map(|o| format!("{o:?}")).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&answer).expect("it can be written")
}

fn decided(case: &Case, validated: &Validated, recipient: &str) -> Decision {
    let (question, evidence) = common::asked(case, validated, recipient);
    decide::decide(&question, validated, &evidence, common::policy())
}

fn released(validated: &Validated, decision: Decision) -> Option<Releasable> {
    let permit = decision.into_permit().ok()?;
    redact::redact(validated, permit, definitions()).ok()
}

fn in_local(bundle: &Tree, format: &str) -> String {
    let mapping = mapping(format);
    let local = map::to_local(bundle.root(), mapping, None).expect("it fits the recipient's format");
    let bytes = map::write(&local, mapping).expect("it can be written");
    let text = String::from_utf8(bytes).expect("JSON is text");
    let tree = sharewell::pure::fhir::json::read(text.as_bytes(), &Default::default()).expect("it is JSON");
    tree.root().to_json_pretty()
}

/// What the recipient gets of a case, as bytes on the wire; none where nothing may go.
fn bytes_for(case: &Case, recipient: &str) -> Option<String> {
    let (_, validated) = inward(case).expect("the case is good");
    released(&validated, decided(case, &validated, recipient)).map(|r| r.bundle().root().to_json())
}

#[test]
fn the_provider_gets_goals_and_actions_and_not_a_word_of_anything_else() {
    let sent = bytes_for(&Case::of("care-act", "whole-plan"), "brightside-care").expect("goals and actions go");
    for word in ["Cook my own Sunday lunch again", "Fit a kettle tipper"] {
        assert!(sent.contains(word), "a goal or an action is missing");
    }
    for word in [
        "248.5",
        "direct-payment",
        "kettle safely",
        "Help to cook",
        "NM4 7QT",
        "01632",
        "lpa-health-welfare",
        "capacity",
        "Consent",
        "Tandem",
        "contingency",
        "cannot come",
        "Condition",
        "RelatedPerson",
        "CareTeam",
        "Social worker",
    ] {
        assert!(!sent.contains(word), "`{word}` went to the provider");
    }
}

#[test]
fn the_hospice_gets_the_plan_and_not_the_budget() {
    let sent = bytes_for(&Case::of("care-act", "whole-plan"), "st-orrins-hospice").expect("the plan goes");
    for word in ["Help to cook", "cannot come", "lpa-health-welfare", "Tobias", "Home support"] {
        assert!(sent.contains(word), "`{word}` is missing");
    }
    for word in ["248.5", "21.4", "direct-payment", "StructureDefinition/budget", "service-cost", "managed-account"] {
        assert!(!sent.contains(word), "`{word}` went to the hospice");
    }
}

#[test]
fn the_practice_gets_everything_and_the_charity_nothing() {
    let case = Case::of("care-act", "whole-plan");
    let sent = bytes_for(&case, "beckside-surgery").expect("everything goes");
    for word in ["248.5", "Help to cook", "Sunday lunch", "kettle tipper", "cannot come", "NM4 7QT", "Philippa"] {
        assert!(sent.contains(word), "`{word}` is missing");
    }
    assert!(bytes_for(&case, "tandem-trust").is_none());
}

#[test]
fn a_withdrawn_hospice_gets_nothing_more() {
    let case = Case::of("person-held", "hospice-withdrawn");
    assert!(bytes_for(&case, "st-orrins-hospice").is_none());
    assert!(bytes_for(&case, "beckside-surgery").is_some());
}

#[test]
fn a_record_with_three_defects_is_told_all_three_with_file_and_row() {
    let case = Case::of("care-act", "refused-three-defects");
    let report = inward(&case).expect_err("it is refused");
    let places: Vec<(String, u32)> =
        report.issues.iter().filter_map(|i| i.place.clone()).filter_map(|p| Some((p.file?, p.line))).collect();
    for (file, line) in [("plan.csv", 2), ("goals.csv", 3), ("actions.csv", 5)] {
        assert!(places.iter().any(|(f, l)| f == file && *l == line), "{file}:{line} is not named in {places:?}");
    }
}

/// What a record says: names in any order, and nothing is the same as absence.
fn said(tree: &Tree) -> serde_json::Value {
    fn nothing(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Null => true,
            serde_json::Value::Array(items) => items.is_empty(),
            serde_json::Value::Object(members) => members.is_empty(),
            _ => false,
        }
    }
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            serde_json::Value::Object(members) => {
                members.values_mut().for_each(strip);
                members.retain(|_, member| !nothing(member));
            }
            _ => {}
        }
    }
    let mut value = serde_json::from_str(&tree.root().to_json()).expect("it is JSON");
    strip(&mut value);
    value
}

#[test]
fn what_was_mapped_comes_back_as_it_was() {
    for case in cases().into_iter().filter(|c| !c.name.starts_with("refused-")) {
        let mapping = mapping(&case.format);
        let sent = record(&case, mapping).expect("it parses");
        let (draft, _) = inward(&case).expect("it maps");
        let back = map::to_local(draft.tree.root(), mapping, Some(&sent)).expect("it maps back");
        let bytes = map::write(&back, mapping).expect("it can be written");
        let back = parse::parse(&case.format, mapping.syntax(), &bytes, &ParseLimits::default()).expect("it parses");
        assert!(said(back.tree()) == said(sent.tree()), "{case} comes back as something else");
    }
}

#[test]
fn the_records_of_the_demo_are_those_of_the_cases() {
    for (demo, case) in [
        ("care-act-1", Case::of("care-act", "whole-plan")),
        ("care-act-broken", Case::of("care-act", "refused-three-defects")),
        ("person-held-1.json", Case::of("person-held", "whole-plan")),
        ("person-held-2.json", Case::of("person-held", "hospice-withdrawn")),
    ] {
        let path = common::root().join("fixtures/demo").join(demo);
        assert_eq!(common::bytes_at(&path), common::bytes_at(&case.input()), "{demo} and {case} differ");
    }
}

#[test]
fn the_system_of_records_old_plan_conforms() {
    let bytes = std::fs::read(common::root().join("fixtures/demo/upstream.json")).expect("it is there");
    let tree = sharewell::pure::fhir::json::read(&bytes, &Default::default()).expect("it is JSON");
    let report = validate::check(&tree, &[], definitions());
    assert!(report.is_valid(), "{report:#?}");
}
