//! Who may see what, as a page: party × purpose × section × choice. A change of the rules is a changed tick in review.
//!
//! The page is `tests/consent_matrix.txt`; `SHAREWELL_UPDATE=1 cargo test --test consent_matrix` writes it anew.

mod plans;

use plans::{choice, consent, council_plan, definitions, evidence, now, party, policy, read};
use serde_json::json;
use sharewell::pure::decide::{
    Action, Choice, Decision, Identity, Outcome, Question, Relation, Relationship, Sent, decide,
};
use sharewell::pure::restate::restate;
use sharewell::pure::validate::Validated;
use std::fmt::Write;
use std::path::Path;

const PARTIES: [(&str, &str, &str); 6] = [
    ("Beckside Surgery", "Y99001", "gp-practice"),
    ("St Orrin's Hospice", "Y99002", "hospice"),
    ("Brightside Care", "Y99003", "care-provider"),
    ("Tandem Trust", "Y99004", "voluntary-sector"),
    ("Northmere Council", "X9N01", "social-care"),
    ("a hospital", "Y99006", "hospital"),
];
const PURPOSES: [&str; 3] = ["TREAT", "BTG", "HRESCH"];
const SECTIONS: [&str; 8] =
    ["frame", "needs", "goals", "actions", "budget", "legal-capacity", "contacts", "whole-plan"];

fn of_audience(id: &str, audience: &str, says: &str) -> Choice {
    let mut consent = consent(id, "x", says, &[], &[], None);
    consent["provision"]["actor"][0]["reference"]["identifier"] =
        json!({ "system": "https://sharewell.example/fhir/CodeSystem/sharing-audience", "value": audience });
    read(&consent)
}

fn for_everyone(id: &str, says: &str, except: &[&str]) -> Choice {
    let mut consent = consent(id, "x", says, &[], except, None);
    consent["provision"].as_object_mut().expect("an object").remove("actor");
    read(&consent)
}

fn situations() -> Vec<(&'static str, Vec<Choice>)> {
    vec![
        ("nobody has said anything", vec![]),
        (
            "the choices of the demo",
            vec![
                choice("gp", "Y99001", "permit", &[], &[], None),
                choice("hospice", "Y99002", "permit", &[], &["budget"], None),
                choice("portal", "Y99003", "permit", &["goals", "actions"], &[], None),
                choice("charity", "Y99004", "deny", &[], &[], None),
            ],
        ),
        ("the hospice is refused", vec![choice("hospice", "Y99002", "deny", &[], &[], None)]),
        ("hospitals are refused", vec![of_audience("hospital", "hospital", "deny")]),
        ("everyone who cares may have it", vec![of_audience("all", "everyone-in-direct-care", "permit")]),
        ("everyone may have it, but not needs and budget", vec![for_everyone("all", "permit", &["needs", "budget"])]),
        ("nobody may have anything", vec![for_everyone("all", "deny", &[])]),
        ("the surgery's leave has ended", vec![choice("gp", "Y99001", "permit", &[], &[], Some("2026-11-21"))]),
    ]
}

fn mark(decision: &Decision, section: &str) -> &'static str {
    match decision.sections().iter().find(|s| s.code == section).map(|s| s.sent) {
        Some(Sent::Sent) if decision.outcome() != Outcome::Deny => "✔",
        Some(Sent::Partly) if decision.outcome() != Outcome::Deny => "½",
        _ => "·",
    }
}

fn page() -> String {
    let plan = Validated::new(council_plan(), &[], definitions()).expect("the plan is valid");
    let mut page = String::from(
        "Who may see what of a plan, under the rules of deploy/sharing. ✔ goes, ½ goes in part, · stays.\n\
         The rule that decided stands at the end: C1 she objected, C2 she agreed, C3 she agreed to something else, D1 expected in\n\
         direct care, D2 nothing permits it, P2 no sign of care, R2 kept back by its kind, R6 more than the purpose needs.\n\
         All but Tandem Trust are known to care for her. BTG: declared by nobody here, so no more than a purpose.\n",
    );
    for (title, choices) in situations() {
        let _ = write!(page, "\n== {title}\n");
        for choice in &choices {
            let _ = writeln!(page, "   “{}”", restate(choice));
        }
        let _ = write!(page, "{:20} {:7}", "", "");
        for section in SECTIONS {
            let _ = write!(page, " {section:>14}");
        }
        page.push('\n');
        for (name, ods, audience) in PARTIES {
            for purpose in PURPOSES {
                let mut evidence = evidence(choices.clone());
                let with = Identity::by_identifier(plans::ODS, ods);
                if audience != "voluntary-sector" {
                    evidence.facts.relationships.push(Relationship { with, from: None, until: None });
                }
                let mut question = Question::new(party(ods, audience), purpose, Action::Disclose, now());
                question.relation = Relation::Evidence;
                let decision = decide(&question, &plan, &evidence, policy());
                let _ = write!(page, "{name:20} {purpose:7}");
                for section in SECTIONS {
                    let _ = write!(page, " {:>14}", mark(&decision, section));
                }
                let rules: Vec<&str> = decision.reasons().iter().map(|r| r.rule.id()).collect();
                let _ = writeln!(page, "  {:6} {}", decision.outcome().code(), rules.join(" "));
            }
        }
    }
    page
}

#[test]
fn the_page_of_who_may_see_what_is_as_it_was_signed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/consent_matrix.txt");
    let page = page();
    if std::env::var_os("SHAREWELL_UPDATE").is_some() {
        std::fs::write(&path, &page).expect("the page is written");
    }
    let signed = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (now, then)) in page.lines().zip(signed.lines()).enumerate() {
        assert_eq!(now, then, "line {} of the matrix has changed; see the head of this file", number + 1);
    }
    assert_eq!(page.lines().count(), signed.lines().count(), "the matrix has grown or shrunk");
}
