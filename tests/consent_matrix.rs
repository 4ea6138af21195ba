//! Who may see what, as a page: party × purpose × section × choice. A change of the rules is a changed tick in review.
//!
//! The page is `tests/consent_matrix.txt`, for an information-governance lead to read and sign; it names the rules it was made
//! from. `SHAREWELL_UPDATE=1 cargo test --test consent_matrix` writes it anew.

mod plans;

use plans::{choice, consent, definitions, evidence, now, policy, read, tree, whole_plan};
use serde_json::{Value, json};
use sharewell::embedded;
use sharewell::pure::decide::{
    Action, BreakGlass, Capacity, Choice, Decision, Evidence, Identity, Order, Outcome, Party, Question, Relationship,
    Representative, Right, RuleId, Sent, decide, read_choice, unread_choice,
};
use sharewell::pure::restate::restate;
use sharewell::pure::validate::Validated;
use std::fmt::Write;
use std::path::Path;

/// Name, ODS code and audience; the last two care for nobody.
const PARTIES: [(&str, &str, &str); 8] = [
    ("Beckside Surgery", "Y99001", "gp-practice"),
    ("St Orrin's Hospice", "Y99002", "hospice"),
    ("Northmere Council", "X9N01", "social-care"),
    ("a hospital", "Y99006", "hospital"),
    ("Brightside Care", "Y99003", "care-provider"),
    ("her own app", "app-001", "person"),
    ("Tandem Trust", "Y99004", "voluntary-sector"),
    ("a university", "Y99005", "research-planning"),
];
const PURPOSES: [&str; 6] = ["TREAT", "ETREAT", "BTG", "PATRQT", "HRESCH", "THREAT"];

/// Sections in the order of `deploy/sharing/sections.toml`, and what a column says of them.
const COLUMNS: [(&str, &str, &str); 14] = [
    ("about-me", "about", "me"),
    ("needs", "needs", ""),
    ("goals", "goals", ""),
    ("actions", "actions", ""),
    ("contingency", "contin-", "gency"),
    ("end-of-life", "end of", "life"),
    ("mental-health", "mental", "health"),
    ("sexual-health", "sexual", "health"),
    ("safeguarding", "safe-", "guard."),
    ("budget", "budget", ""),
    ("legal-capacity", "legal,", "capac."),
    ("contacts", "con-", "tacts"),
    ("documents", "docu-", "ments"),
    ("whole-plan", "the", "rest"),
];

/// The example plan, with something in every section.
fn plan() -> Validated {
    let mut plan = whole_plan();
    plan.as_object_mut().expect("an object").remove("meta");
    let subject = json!({ "reference": "Patient/winifred" });
    let care_plan = |id: &str, more: (&str, Value)| {
        let mut made =
            json!({ "resourceType": "CarePlan", "id": id, "status": "active", "intent": "plan", "subject": subject });
        made[more.0] = more.1;
        made
    };
    let tagged = |code: &str| json!({ "tag": [{ "system": plans::SECTION, "code": code }] });
    let more = [
        json!({ "resourceType": "QuestionnaireResponse", "id": "about", "status": "completed", "subject": subject }),
        care_plan("contingency", ("partOf", json!([{ "reference": "CarePlan/plan" }]))),
        care_plan("wishes", ("meta", tagged("end-of-life"))),
        care_plan("mind", ("meta", tagged("mental-health"))),
        care_plan("clinic", ("meta", tagged("sexual-health"))),
        json!({ "resourceType": "Flag", "id": "flag", "status": "active", "code": { "text": "a concern" }, "subject": subject }),
        json!({ "resourceType": "DocumentReference", "id": "letter", "status": "current", "subject": subject,
            "content": [{ "attachment": { "contentType": "text/plain" } }] }),
    ];
    let entries = plan["entry"].as_array_mut().expect("entries");
    for resource in more {
        let name = |key: &str| resource[key].as_str().expect("a name").to_owned();
        let url = format!("https://sharewell.example/fhir/{}/{}", name("resourceType"), name("id"));
        entries.push(json!({ "fullUrl": url, "resource": resource }));
    }
    Validated::new(tree(&plan), &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues))
}

// ---- what the person has said, and what is known ----------------------------------------------------------------------------

fn of_audience(id: &str, audience: &str, says: &str) -> Choice {
    let mut consent = consent(id, "x", says, &[], &[], None);
    consent["provision"]["actor"][0]["reference"]["identifier"] =
        json!({ "system": "https://sharewell.example/fhir/CodeSystem/sharing-audience", "value": audience });
    read(&consent)
}

fn everyone(id: &str, says: &str, except: &[&str]) -> Value {
    let mut consent = consent(id, "x", says, &[], except, None);
    consent["provision"].as_object_mut().expect("an object").remove("actor");
    consent
}

fn for_everyone(id: &str, says: &str, except: &[&str]) -> Choice {
    read(&everyone(id, says, except))
}

/// A Consent that says neither permit nor deny.
fn unreadable() -> Choice {
    let mut vague = everyone("vague", "permit", &[]);
    vague["provision"].as_object_mut().expect("an object").remove("type");
    let vague = tree(&vague);
    unread_choice(vague.root(), read_choice(vague.root()).expect_err("it does not say what it says"))
}

fn to_research() -> Choice {
    let mut study = consent("study", "Y99005", "permit", &[], &[], None);
    study["scope"]["coding"][0]["code"] = json!("research");
    read(&study)
}

/// Her daughter, who has a power of attorney for money, agrees for her; she lacks capacity.
fn by_the_wrong_attorney(evidence: &mut Evidence) {
    let mut agreed = consent("lpa", "Y99003", "permit", &[], &[], None);
    agreed["performer"] = json!([{ "reference": "RelatedPerson/philippa" }]);
    evidence.choices = vec![read(&agreed)];
    evidence.facts.capacity = Capacity::Lacks;
    evidence.facts.representatives = vec![Representative {
        who: Identity::by_reference("RelatedPerson/philippa"),
        right: Right::PropertyAttorney,
        registered: true,
        from: None,
        until: None,
    }];
}

fn order(rule: RuleId, basis: &str) -> Order {
    Order {
        id: "order".to_owned(),
        rule,
        basis: basis.to_owned(),
        decided_by: Some("named lead".to_owned()),
        recipient: Identity::by_identifier(plans::ODS, "X9N01"),
        sections: vec!["needs".to_owned(), "safeguarding".to_owned(), "contacts".to_owned()],
        from: None,
        until: Some("2026-12-31T00:00:00Z".parse().expect("an instant")),
        tell_person: true,
    }
}

/// What is different from the plain case, to question and evidence.
type Change = fn(&mut Question, &mut Evidence);

fn plainly(_: &mut Question, _: &mut Evidence) {}

fn in_an_emergency(question: &mut Question, _: &mut Evidence) {
    question.party.roles.push("break-glass".to_owned());
    question.break_glass = Some(BreakGlass {
        reason: "unconscious".to_owned(),
        text: "brought in unconscious".to_owned(),
        cannot_ask: true,
        ..BreakGlass::default()
    });
}

fn situations() -> Vec<(&'static str, Vec<Choice>, Change)> {
    let gp = || vec![choice("gp", "Y99001", "permit", &[], &[], None)];
    let nobody = || vec![for_everyone("all", "deny", &[])];
    vec![
        ("she has said nothing", vec![], plainly),
        ("she has said nothing, and each declares an emergency", vec![], in_an_emergency),
        (
            "the choices of the demo",
            vec![
                choice("gp", "Y99001", "permit", &[], &[], None),
                choice("hospice", "Y99002", "permit", &[], &["budget"], None),
                choice("portal", "Y99003", "permit", &["goals", "actions"], &[], None),
                choice("charity", "Y99004", "deny", &[], &[], None),
            ],
            plainly,
        ),
        ("she has agreed to one, and each declares an emergency", gp(), in_an_emergency),
        ("the hospice is refused", vec![choice("hospice", "Y99002", "deny", &[], &[], None)], plainly),
        ("hospitals are refused", vec![of_audience("hospital", "hospital", "deny")], plainly),
        (
            "hospitals are refused, and each declares an emergency",
            vec![of_audience("hospital", "hospital", "deny")],
            in_an_emergency,
        ),
        (
            "everyone who cares for her may have it",
            vec![of_audience("all", "everyone-in-direct-care", "permit")],
            plainly,
        ),
        (
            "everyone may have it, but not what is most private",
            vec![for_everyone("all", "permit", &["mental-health", "sexual-health", "end-of-life", "budget"])],
            plainly,
        ),
        ("nobody may have anything", nobody(), plainly),
        ("nobody may have anything, and the council makes a safeguarding enquiry", nobody(), |_, e| {
            e.facts.orders.push(order(RuleId::L7, "Care Act 2014 s42"));
        }),
        ("nobody may have anything, and the law requires it of the council", nobody(), |_, e| {
            e.facts.orders.push(order(RuleId::L6, "Care Act 2014 s45"));
        }),
        (
            "the surgery's leave has ended",
            vec![choice("gp", "Y99001", "permit", &[], &[], Some("2026-11-21"))],
            plainly,
        ),
        ("a choice is on file that nobody can read", vec![unreadable()], plainly),
        ("such a choice, and each declares an emergency", vec![unreadable()], in_an_emergency),
        ("her daughter agreed for her, by a power over money", vec![], |_, e| by_the_wrong_attorney(e)),
        ("her whereabouts are restricted", vec![for_everyone("all", "permit", &[])], |_, e| e.facts.restricted = true),
        ("she agreed to a study", vec![to_research()], plainly),
        ("research under s251, and her opt-out was checked: there is none", vec![], |q, e| {
            q.declared_bases = vec!["s251".to_owned()];
            e.facts.opted_out = Some(false);
        }),
        ("research under s251, and she has opted out", vec![], |q, e| {
            q.declared_bases = vec!["s251".to_owned()];
            e.facts.opted_out = Some(true);
        }),
        ("her choices were read an hour ago", gp(), |_, e| {
            e.read_at = "2026-11-22T09:00:00Z".parse().expect("an instant");
        }),
    ]
}

// ---- the page -------------------------------------------------------------------------------------------------------------

fn party(name: &str, ods: &str, audience: &str) -> Party {
    let own = name == "her own app";
    Party {
        purposes: PURPOSES.map(str::to_owned).to_vec(),
        identifiers: if own { Vec::new() } else { vec![(plans::ODS.to_owned(), ods.to_owned())] },
        person: own.then(plans::subject),
        groups_known: true,
        ..plans::party(ods, audience)
    }
}

fn mark(decision: &Decision, section: &str) -> &'static str {
    match decision.sections().iter().find(|s| s.code == section).map(|s| s.sent) {
        Some(Sent::Sent) if decision.outcome() != Outcome::Deny => "✔",
        Some(Sent::Partly) if decision.outcome() != Outcome::Deny => "½",
        _ => "·",
    }
}

fn answered(plan: &Validated, at: usize, purpose: &str, choices: &[Choice], change: Change) -> String {
    let (name, ods, audience) = PARTIES[at];
    let mut evidence = evidence(choices.to_vec());
    if at < PARTIES.len() - 2 {
        let with = Identity::by_identifier(plans::ODS, ods);
        evidence.facts.relationships.push(Relationship { with, from: None, until: None });
    }
    let mut question = Question::new(party(name, ods, audience), purpose, Action::Disclose, now());
    change(&mut question, &mut evidence);
    let decision = decide(&question, plan, &evidence, policy());
    let mut line = String::new();
    for (section, _, _) in COLUMNS {
        let _ = write!(line, "{:>8}", mark(&decision, section));
    }
    let mut rules: Vec<&str> = decision.reasons().iter().map(|r| r.rule.id()).collect();
    rules.dedup();
    let _ = write!(line, "   {:6} {}", decision.outcome().code(), rules.join(" "));
    line
}

/// What stands in `[policy]`, by whom and of when, and the digest that every decision names.
fn signature() -> String {
    let rules = embedded::files("deploy/sharing/").into_iter().find(|f| f.path.ends_with("england.toml"));
    let text = rules.map(|f| String::from_utf8_lossy(&f.bytes).into_owned()).expect("the rules are there");
    let rules: toml::Table = text.parse().expect("the rules are TOML");
    let word = |key: &str| rules["policy"][key].as_str().unwrap_or_default().to_owned();
    let version: String = policy().version().iter().map(|b| format!("{b:02x}")).collect();
    format!(
        "\nSigned\n   rules    {}\n   owner    {}\n   dated    {}\n   version  {version}\n   read and agreed by ____________________   on ____________\n",
        word("name"),
        word("owner"),
        word("dated")
    )
}

fn page() -> String {
    let plan = plan();
    let mut page = String::from(
        "Who may see what of a plan, under the rules of deploy/sharing. ✔ goes, ½ goes in part, · stays.\n\
         Purposes with one answer share a line: TREAT care, ETREAT urgent care, BTG care in a declared emergency, PATRQT her own\n\
         access, HRESCH research, THREAT a threat to somebody. All but Tandem Trust and the university are known to care for her.\n\
         \"The rest\" is what goes only with the whole plan; who she is and that there is a plan goes wherever anything goes.\n\
         The rules that decided stand at the end, and mean:\n",
    );
    let mut tables = String::new();
    for (title, choices, change) in situations() {
        let _ = write!(tables, "\n== {title}\n");
        for choice in &choices {
            let _ = writeln!(tables, "   “{}”", restate(choice));
        }
        for line in [0, 1] {
            let _ = write!(tables, "{:52}", "");
            for (_, first, second) in COLUMNS {
                let _ = write!(tables, "{:>8}", if line == 0 { first } else { second });
            }
            let trimmed = tables.trim_end_matches(' ').len();
            tables.truncate(trimmed);
            tables.push('\n');
        }
        for (at, (name, _, _)) in PARTIES.iter().enumerate() {
            let mut answers: Vec<(String, Vec<&str>)> = Vec::new();
            for purpose in PURPOSES {
                let answer = answered(&plan, at, purpose, &choices, change);
                match answers.iter_mut().find(|(a, _)| *a == answer) {
                    Some((_, purposes)) => purposes.push(purpose),
                    None => answers.push((answer, vec![purpose])),
                }
            }
            for (row, (answer, purposes)) in answers.iter().enumerate() {
                let name = if row == 0 { name } else { "" };
                let purposes =
                    if purposes.len() == PURPOSES.len() { "any purpose".to_owned() } else { purposes.join(" ") };
                let _ = writeln!(tables, "{name:20}{purposes:32}{answer}");
            }
        }
    }
    let cited = |rule: &&RuleId| {
        let words = tables.lines().filter(|l| l.contains("permit") || l.contains("redact") || l.contains("deny"));
        words.flat_map(str::split_whitespace).any(|w| w == rule.id())
    };
    for rule in RuleId::ALL.iter().filter(cited) {
        let _ = writeln!(page, "   {}  {}", rule.id(), rule.text());
    }
    page + &tables + &signature()
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

#[test]
fn the_page_has_a_column_for_every_section_and_the_plan_something_in_each() {
    let known: Vec<&str> = policy().sections().map(|(code, _)| code).collect();
    let columns: Vec<&str> = COLUMNS.iter().map(|(code, _, _)| *code).filter(|c| *c != "whole-plan").collect();
    assert_eq!(columns, known);
    let all = answered(&plan(), 0, "TREAT", &[for_everyone("all", "permit", &[])], plainly);
    assert_eq!(all.matches('✔').count(), COLUMNS.len(), "{all}");
}
