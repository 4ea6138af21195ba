//! What is known of a person besides their choices, told to a real gateway and felt by those who ask.

mod gate;

use gate::{Gate, NHS, NUMBER, detail, ods, patient, plan};
use serde_json::{Value, json};
use sharewell::edge::clock::Clock;
use sharewell::edge::store::{NewFact, Person};
use sharewell::pure::audit::{Event, Kind as Act, Name};
use sharewell::pure::fhir::Limits;
use sharewell::pure::register::{Forms, Kind};

const TREAT: (&str, &str) = ("purpose-of-use", "TREAT");
const BTG: (&str, &str) = ("purpose-of-use", "BTG");

fn rules(event: &Value) -> Vec<String> {
    let decision: Value = serde_json::from_str(&detail(event, "decision").unwrap()).unwrap();
    decision["reasons"].as_array().unwrap().iter().map(|r| r["rule"].as_str().unwrap().to_owned()).collect()
}

/// The rule that decided last.
fn decided(gate: &Gate) -> String {
    rules(gate.trail("decision").last().expect("something was decided"))[0].clone()
}

// ---- relationships and purposes ------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_care_for_her_gets_nothing_until_it_is_recorded_and_nothing_when_it_ends() {
    let gate = Gate::open().await;
    let stranger = gate.asks("surgery", &[]).await;
    assert_eq!((stranger.total(), decided(&gate)), (0, "P2".to_owned()));
    let care = gate.cares("surgery").await;
    let known = gate.asks("surgery", &[]).await;
    assert_eq!((known.total(), decided(&gate)), (1, "D1".to_owned()));
    assert_eq!(gate.asks("council", &[]).await.total(), 0, "another party's relationship is not theirs");
    gate.ends("relationship", &care).await;
    assert_eq!(gate.asks("surgery", &[]).await.lasting(), stranger.lasting());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relationship_counts_from_its_first_day_to_its_last() {
    let gate = Gate::open().await;
    gate.records("relationship", json!({ "with": ods("surgery"), "from": "2026-11-23", "until": "2026-11-23" })).await;
    assert_eq!(gate.asks("surgery", &[]).await.total(), 0, "it is the day before");
    gate.clock.pass(14 * 3600);
    assert_eq!(gate.asks("surgery", &[]).await.total(), 1, "it is midnight");
    gate.clock.pass(24 * 3600 - 1);
    assert_eq!(gate.asks("surgery", &[]).await.total(), 1, "it is the last second of the day");
    gate.clock.pass(1);
    assert_eq!(gate.asks("surgery", &[]).await.total(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purpose_that_is_not_the_partys_is_answered_as_if_there_were_nothing() {
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    assert_eq!(gate.asks("surgery", &[TREAT]).await.total(), 1);
    let not_theirs = gate.asks("surgery", &[("purpose-of-use", "HRESCH")]).await;
    assert_eq!((not_theirs.total(), decided(&gate)), (0, "P1".to_owned()));
    let both = gate.asks("surgery", &[("purpose-of-use", "TREAT, HRESCH")]).await;
    assert_eq!((both.total(), decided(&gate)), (0, "P1".to_owned()), "all of several have to hold");
    gate.holds(None);
    assert_eq!(not_theirs.lasting(), gate.asks("surgery", &[TREAT]).await.lasting());
    let event = gate.trail("decision")[0].clone();
    let purposes = |e: &Value| e["agent"][1]["purposeOfUse"][0]["coding"][0]["code"].clone();
    assert_eq!(purposes(&event), "TREAT");
    assert_eq!(purposes(&gate.trail("query")[2]), "HRESCH", "what was asked is in the trail, not what is configured");
}

// ---- the opt-out (P3) ------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planning_under_s251_needs_a_check_of_the_opt_out_that_is_not_too_old() {
    let gate = Gate::open().await;
    let asks =
        async || gate.asks("planners", &[("purpose-of-use", "HRESCH"), ("declared-basis", "s251")]).await.total();
    assert_eq!(asks().await, 0, "nobody has checked");
    gate.records("opt-out", json!({ "optedOut": false, "checked": "2026-11-22T09:00:00Z" })).await;
    assert_eq!(asks().await, 1);
    assert_eq!(gate.asks("planners", &[("purpose-of-use", "HRESCH")]).await.total(), 0, "no basis is declared");
    assert_eq!(
        detail(
            gate.trail("decision").iter().rfind(|d| rules(d)[0] == "P3" && d["outcome"] == "0").unwrap(),
            "declared-basis"
        )
        .unwrap(),
        "s251"
    );
    gate.clock.pass(21 * 86_400 - 3600);
    assert_eq!(asks().await, 1, "it is three weeks old");
    gate.clock.pass(1);
    assert_eq!(asks().await, 0, "it is older");
    gate.records("opt-out", json!({ "optedOut": true, "checked": "2026-12-13T09:00:00Z" })).await;
    gate.records("opt-out", json!({ "optedOut": false, "checked": "2026-12-12T10:00:00Z" })).await;
    assert_eq!(asks().await, 0, "the later check counts, not the later entry");
}

// ---- bars, addresses, restriction ----------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restricted_address_is_told_to_nobody_whether_the_register_or_the_record_says_so() {
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    let told = async || gate.asks("surgery", &[]).await.body.contains("Lock Cottages");
    let read = async || gate.send("surgery", "GET", "/fhir/CarePlan/cp-2025-0233", &[], None).await;
    assert_eq!(read().await.status, 200);
    let before = told().await;
    let restricted = gate.records("restricted-address", json!({ "reason": "refuge" })).await;
    assert!(!told().await);
    gate.ends("restricted-address", &restricted).await;
    assert_eq!(told().await, before);
    let mut labelled = plan();
    patient(&mut labelled)["meta"]["security"] =
        json!([{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R" }]);
    gate.holds(Some(&labelled));
    assert!(!told().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_to_be_stored_only_is_stored_only() {
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    let restriction = gate.records("restriction", json!({ "reason": "accuracy-contested" })).await;
    assert_eq!((gate.asks("surgery", &[]).await.total(), decided(&gate)), (0, "R4".to_owned()));
    let order = json!({ "rule": "L6", "reference": "court-7", "basis": "order of the court", "recipient": ods("surgery"),
        "sections": ["goals", "needs", "actions", "about-me"], "tellPerson": false });
    gate.records("order", order).await;
    assert_ne!(gate.send("surgery", "GET", "/fhir/Goal/goal-2025-1", &[], None).await.status, 500);
    assert!(gate.trail("decision").iter().any(|d| rules(d)[0] == "L6"), "the law goes before it");
    gate.ends("restriction", &restriction).await;
    assert_eq!(gate.asks("surgery", &[]).await.total(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fact_that_cannot_be_read_any_more_lets_nothing_go() {
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    gate.records(
        "order",
        json!({ "rule": "L6", "reference": "court-7", "basis": "order of the court",
        "recipient": ods("surgery"), "sections": ["goals"], "tellPerson": false }),
    )
    .await;
    let entry = gate.gateway.store().facts_at(&Person::verified(NUMBER), gate.clock.now()).await.unwrap().remove(0);
    let mut event = Event::new(Act::Register, gate.clock.id(), "r", gate.clock.now(), Name::default());
    event.reason = "recorded by a newer version of this program".to_owned();
    let odd = NewFact {
        id: gate.clock.id(),
        person: Person::verified(NUMBER),
        kind: "bar".to_owned(),
        fact: r#"{"rule":"L9"}"#.to_owned(),
        recorder: entry.recorder,
        now: gate.clock.now(),
        request: "r".to_owned(),
        entries: vec![event.entry()],
    };
    gate.gateway.store().record_fact(odd).await.unwrap();
    assert_eq!((gate.asks("surgery", &[]).await.total(), decided(&gate)), (0, "C4".to_owned()));
}

// ---- how it is recorded ------------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_raises_the_epoch_and_stands_in_the_trail_with_its_person() {
    let gate = Gate::open().await;
    assert_eq!(gate.epoch().await, 0);
    let fact = gate.cares("surgery").await;
    assert_eq!(gate.epoch().await, 1);
    gate.ends("relationship", &fact).await;
    assert_eq!(gate.epoch().await, 2);
    let trail = gate.trail("register");
    let said: Vec<&str> = trail.iter().map(|e| e["outcomeDesc"].as_str().unwrap()).collect();
    assert_eq!(said, ["recorded: relationship", "ended: relationship"]);
    for event in &trail {
        let text = event.to_string();
        assert!(text.contains(NUMBER) && text.contains(&fact) && !text.contains("Y99001"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_register_is_read_as_of_any_time_by_those_who_keep_it() {
    let gate = Gate::open().await;
    let first = gate
        .records(
            "capacity",
            json!({ "decision": "sharing", "capacity": "lacks", "assessed": "2026-11-20",
        "assessor": "Dr Ffion Okonkwo-Hale" }),
        )
        .await;
    gate.clock.pass(3600);
    gate.ends("capacity", &first).await;
    let at = async |time: &str| {
        let path = format!("/register/capacity?patient={NHS}%7C{NUMBER}&at={time}");
        let reply = gate.send("registrar", "GET", &path, &[], None).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["facts"].clone()
    };
    assert_eq!(at("2026-11-22T09:59:59Z").await, json!([]));
    let then = at("2026-11-22T10:30:00Z").await;
    assert_eq!(then[0]["id"], first.as_str());
    assert_eq!(then[0]["fact"]["capacity"], "lacks");
    assert_eq!((&then[0]["recorder"], &then[0]["endedBy"]), (&json!("registrar"), &json!("registrar")));
    assert_eq!(then[0]["ended"], "2026-11-22T11:00:00Z", "what is known of it today is told with it");
    assert_eq!(at("2026-11-22T11:00:00Z").await, json!([]));
    for other in ["surgery", "council", "operator"] {
        let path = format!("/register/capacity?patient={NHS}%7C{NUMBER}");
        assert_eq!(gate.send(other, "GET", &path, &[], None).await.status, 403, "{other}");
        let fact = json!({ "patient": { "system": NHS, "value": NUMBER } });
        assert_eq!(gate.send(other, "POST", "/register/death", &[], Some(&fact)).await.status, 403, "{other}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_its_form_does_not_allow_is_refused_with_place_and_remedy_and_without_a_value() {
    let gate = Gate::open().await;
    let whose = json!({ "system": NHS, "value": NUMBER });
    let order = json!({ "patient": whose, "rule": "L6", "reference": "x", "basis": "y", "recipient": ods("surgery"),
        "sections": ["no-such-section"], "tellPerson": true });
    let mut no_decision = order.clone();
    (no_decision["rule"], no_decision["sections"]) = (json!("L7"), json!(["needs"]));
    let cases = [
        ("relationship", json!({ "patient": whose }), "schema"),
        (
            "relationship",
            json!({ "patient": { "system": NHS, "value": "9990000019" }, "with": ods("surgery") }),
            "register-nhs-number",
        ),
        ("relationship", json!({ "patient": whose, "with": ods("surgery"), "from": "2026-02-30" }), "register-date"),
        (
            "relationship",
            json!({ "patient": whose, "with": ods("surgery"), "from": "2026-03-01", "until": "2026-02-01" }),
            "register-span",
        ),
        ("relationship", json!({ "patient": whose, "with": ods("surgery"), "secret": "quokka" }), "schema"),
        (
            "representative",
            json!({ "patient": whose, "who": { "reference": "RelatedPerson/philippa" },
            "right": "health-and-welfare-lasting-power-of-attorney" }),
            "schema",
        ),
        ("bar", json!({ "patient": whose, "rule": "L2" }), "schema"),
        ("order", order, "register-section"),
        ("order", no_decision, "schema"),
        (
            "capacity",
            json!({ "patient": whose, "decision": "money", "capacity": "has", "assessed": "2026-01-01", "assessor": "x" }),
            "schema",
        ),
    ];
    for (kind, body, id) in cases {
        let reply = gate.send("registrar", "POST", &format!("/register/{kind}"), &[], Some(&body)).await;
        assert_eq!((reply.status, reply.issues()[0].as_str()), (422, id), "{kind}: {}", reply.body);
        assert!(!reply.body.contains("quokka") && !reply.body.contains("999000"), "{}", reply.body);
    }
    assert_eq!(gate.epoch().await, 0, "nothing was recorded");
    assert_eq!(gate.trail("refusal").len(), 10, "each refusal is in the trail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_under_its_own_key_is_one_fact_and_the_key_is_good_for_no_other() {
    let gate = Gate::open().await;
    let post = async |key: &str, with: &str| {
        let body = json!({ "patient": { "system": NHS, "value": NUMBER }, "with": ods(with) });
        gate.send("registrar", "POST", "/register/relationship", &[("idempotency-key", key)], Some(&body)).await
    };
    let first = post("monday", "surgery").await;
    gate.clock.pass(60);
    let again = post("monday", "surgery").await;
    assert_eq!((first.status, first.body), (201, again.body), "word for word, its time too");
    assert_eq!((gate.epoch().await, gate.trail("register").len()), (1, 1));
    let other = post("monday", "council").await;
    assert_eq!((other.status, other.issues()), (409, vec!["key-used".to_owned()]));
    assert_eq!(post("tuesday", "council").await.status, 201);
    assert_eq!(gate.epoch().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_still_to_come_is_no_check_no_assessment_and_no_death() {
    let gate = Gate::open().await;
    let whose = json!({ "system": NHS, "value": NUMBER });
    for (kind, body) in [
        ("opt-out", json!({ "patient": whose, "optedOut": false, "checked": "2026-11-22T10:02:00Z" })),
        ("death", json!({ "patient": whose, "died": "2026-11-23" })),
        (
            "capacity",
            json!({ "patient": whose, "decision": "sharing", "capacity": "has", "assessed": "2026-11-23", "assessor": "x" }),
        ),
    ] {
        let reply = gate.send("registrar", "POST", &format!("/register/{kind}"), &[], Some(&body)).await;
        assert_eq!((reply.status, reply.issues()), (422, vec!["register-future".to_owned()]), "{kind}");
    }
    let today = json!({ "optedOut": false, "checked": "2026-11-22" });
    gate.records("opt-out", today).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_officer_finds_alerts_and_notices_with_the_command_and_the_trail_proves() {
    let gate = Gate::open().await;
    gate.send("hospital", "POST", "/register/emergency", &[], Some(&unconscious())).await;
    assert_eq!(gate.asks("hospital", &[BTG]).await.total(), 1);
    let database = gate.database();
    let folder = gate.close().await;
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sharewell")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let database = database.to_str().unwrap();
    let (code, alerts) = run(&["audit", "query", database, "--kind", "alert"]);
    assert_eq!((code, alerts.lines().count()), (Some(0), 2), "{alerts}");
    assert!(alerts.lines().all(|l| l.contains("hospital") && l.contains("E1")) && !alerts.contains(NUMBER));
    let (_, notices) = run(&["audit", "query", database, "--kind", "notice", "--output", "json"]);
    assert!(notices.contains("the person is to be told") && notices.contains(NUMBER));
    assert_eq!(run(&["audit", "verify", database]).0, Some(0));
    drop(folder);
}

#[test]
fn the_published_form_takes_one_of_each_kind() {
    let file = sharewell::embedded::files("profiles/").into_iter().find(|f| f.path == "register.schema.json").unwrap();
    let forms = Forms::compile(&file.bytes).unwrap();
    let daughter = json!({ "reference": "RelatedPerson/philippa" });
    let surgery = json!({ "system": gate::ODS, "value": "Y99001" });
    for kind in Kind::ALL {
        let mut body = match kind {
            Kind::Relationship => json!({ "with": surgery }),
            Kind::Representative => {
                json!({ "who": daughter, "right": "parental-responsibility", "until": "2027-01-01" })
            }
            Kind::Capacity => {
                json!({ "decision": "sharing", "capacity": "has", "assessed": "2026-01-01", "assessor": "Dr X" })
            }
            Kind::OptOut => json!({ "optedOut": true, "checked": "2026-01-01T09:00:00Z" }),
            Kind::RestrictedAddress => json!({}),
            Kind::Death => json!({ "died": "2026-01-01" }),
            Kind::Bar => json!({ "rule": "L2", "texts": ["an older name"] }),
            Kind::Order => {
                json!({ "rule": "L7", "reference": "enquiry-3", "basis": "Care Act 2014 s42", "decidedBy": "Tobias Quillfeather",
                "recipient": surgery, "sections": ["needs"], "until": "2026-12-31", "tellPerson": true })
            }
            Kind::Emergency => json!({ "reason": "unconscious", "text": "found on the floor", "cannotAsk": true }),
            Kind::Restriction => json!({ "reason": "unlawful" }),
        };
        body["patient"] = json!({ "system": NHS, "value": NUMBER });
        let entry = forms.read(kind, body.to_string().as_bytes());
        let entry = entry.unwrap_or_else(|report| panic!("{}: {:#?}", kind.word(), report.issues));
        assert_eq!(entry.patient, NUMBER);
        let tree = sharewell::pure::fhir::json::read(entry.body.as_bytes(), &Limits::default()).unwrap();
        assert!(sharewell::pure::register::Fact::read(kind, tree.root()).is_ok(), "what is kept can be read again");
    }
}

// ---- emergencies ---------------------------------------------------------------------------------------------------------------------

fn unconscious() -> Value {
    json!({ "patient": { "system": NHS, "value": NUMBER }, "reason": "unconscious", "text": "brought in quokka unconscious",
        "cannotAsk": true })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declared_emergency_opens_the_plan_for_an_hour_and_rings_a_bell_each_time() {
    let gate = Gate::open().await;
    let nothing = gate.asks("hospital", &[BTG]).await;
    assert_eq!((nothing.total(), decided(&gate)), (0, "P2".to_owned()), "to say BTG is no declaration");
    let declared = gate.send("hospital", "POST", "/register/emergency", &[], Some(&unconscious())).await;
    assert_eq!(declared.status, 201, "{}", declared.body);
    assert_eq!(gate.asks("hospital", &[TREAT]).await.total(), 0, "it counts for an emergency and for nothing else");
    let seen = gate.asks("hospital", &[BTG]).await;
    assert_eq!((seen.total(), decided(&gate)), (1, "E1".to_owned()), "{}", seen.body);
    assert_eq!(gate.asks("surgery", &[TREAT]).await.total(), 0, "it is the hospital's alone");
    gate.clock.pass(3599);
    assert_eq!(gate.asks("hospital", &[("purpose-of-use", "ETREAT")]).await.total(), 1);
    gate.clock.pass(1);
    assert_eq!(gate.asks("hospital", &[BTG]).await.lasting(), nothing.lasting(), "its hour is over");
    gate.send("hospital", "POST", "/register/emergency", &[], Some(&unconscious())).await;
    assert_eq!(gate.asks("hospital", &[BTG]).await.total(), 1, "it was declared again");

    let alerts = gate.trail("alert");
    assert_eq!(alerts.len(), 5, "two declarations and three readings");
    for alert in &alerts {
        let text = alert.to_string();
        for word in [NUMBER, "quokka", "CarePlan", "Attwater", "unconscious"] {
            assert!(!text.contains(word), "`{word}` is in the alert");
        }
        let pointer = alert["entity"][0]["what"]["reference"].as_str().unwrap();
        assert!(pointer.starts_with("AuditEvent/"), "{pointer}");
        assert!(text.contains("hospital"));
    }
    let notices = gate.trail("notice");
    assert_eq!(notices.len(), 3, "she is to be told of each reading");
    assert!(notices.iter().all(|n| n.to_string().contains(NUMBER)));
    let counted = gate.send("operator", "GET", "/metrics", &[], None).await.body;
    assert!(counted.contains("sharewell_alerts_total{party=\"hospital\",rule=\"E1\"} 5"), "{counted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_holds_the_role_declares_and_only_for_reasons_of_the_rules() {
    let gate = Gate::open().await;
    let refused = gate.send("surgery", "POST", "/register/emergency", &[], Some(&unconscious())).await;
    assert_eq!((refused.status, refused.issues()), (403, vec!["register-no-emergency".to_owned()]));
    assert_eq!(gate.send("registrar", "POST", "/register/emergency", &[], Some(&unconscious())).await.status, 403);
    let mut curious = unconscious();
    curious["reason"] = json!("curious");
    let refused = gate.send("hospital", "POST", "/register/emergency", &[], Some(&curious)).await;
    assert_eq!((refused.status, refused.issues()), (422, vec!["register-reason".to_owned()]));
    let mut silent = unconscious();
    silent["cannotAsk"] = json!(false);
    let refused = gate.send("hospital", "POST", "/register/emergency", &[], Some(&silent)).await;
    assert_eq!(
        (refused.status, refused.issues()),
        (422, vec!["schema".to_owned()]),
        "she was neither asked nor cannot be"
    );
    assert!(gate.trail("alert").is_empty() && gate.epoch().await == 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_that_is_over_early_is_ended_by_who_declared_it() {
    let gate = Gate::open().await;
    let id = gate.send("hospital", "POST", "/register/emergency", &[], Some(&unconscious())).await.json()["id"].clone();
    let path = format!("/register/emergency/{}", id.as_str().unwrap());
    assert_eq!(gate.send("surgery", "DELETE", &path, &[], None).await.status, 404, "it is not theirs");
    assert_eq!(gate.asks("hospital", &[BTG]).await.total(), 1);
    let own = format!("/register/emergency?patient={NHS}%7C{NUMBER}");
    assert_eq!(gate.send("hospital", "GET", &own, &[], None).await.json()["facts"][0]["id"], id);
    assert_eq!(gate.send("surgery", "GET", &own, &[], None).await.json()["facts"], json!([]));
    assert_eq!(gate.send("hospital", "DELETE", &path, &[], None).await.status, 204);
    assert_eq!(gate.send("hospital", "DELETE", &path, &[], None).await.status, 404, "it is ended");
    assert_eq!(gate.asks("hospital", &[BTG]).await.total(), 0);
}
