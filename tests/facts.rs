//! Scenarios of what is known of a person, from the register and from the record itself, through a real gateway.

mod gate;

use gate::{Gate, NHS, NUMBER, choice, detail, ods, patient, plan};
use serde_json::{Value, json};

const BTG: (&str, &str) = ("purpose-of-use", "BTG");
const DAUGHTER: &str = "RelatedPerson/philippa";

/// The last decision, as the trail has it.
fn decision(gate: &Gate) -> Value {
    let event = gate.trail("decision").pop().expect("something was decided");
    serde_json::from_str(&detail(&event, "decision").unwrap()).unwrap()
}

fn rules(gate: &Gate) -> Vec<String> {
    let decision = decision(gate);
    decision["reasons"].as_array().unwrap().iter().map(|r| r["rule"].as_str().unwrap().to_owned()).collect()
}

async fn accepted(gate: &Gate, consent: Value) {
    let reply = gate.chooses(&consent).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
}

/// A record of the same person with another birthday, or dead.
fn with_patient(gate: &Gate, change: impl FnOnce(&mut Value)) {
    let mut changed = plan();
    change(patient(&mut changed));
    gate.holds(Some(&changed));
}

fn attorney(registered: bool) -> Value {
    json!({ "who": { "reference": DAUGHTER }, "right": "health-and-welfare-lasting-power-of-attorney",
        "registered": registered })
}

fn lacks() -> Value {
    json!({ "decision": "sharing", "capacity": "lacks", "assessed": "2026-11-20", "assessor": "Dr Ffion Okonkwo-Hale" })
}

// ---- who may choose (9 to 16) --------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn her_attorney_objects_in_vain_while_she_can_decide_and_not_when_she_cannot() {
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    gate.records("representative", attorney(true)).await;
    accepted(&gate, choice("c", "deny", "surgery", Some(DAUGHTER))).await;
    assert_eq!(gate.asks("surgery", &[]).await.total(), 1, "she is presumed to decide for herself: {:?}", rules(&gate));
    assert!(rules(&gate).contains(&"C7".to_owned()));
    let assessed = gate.records("capacity", lacks()).await;
    assert_eq!((gate.asks("surgery", &[]).await.total(), rules(&gate)[0].as_str()), (0, "C1"));
    gate.ends("capacity", &assessed).await;
    assert_eq!(gate.asks("surgery", &[]).await.total(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_that_is_not_registered_or_is_over_or_outlived_permits_nothing() {
    let gate = Gate::open().await;
    gate.records("capacity", lacks()).await;
    accepted(&gate, choice("c", "permit", "charity", Some(DAUGHTER))).await;
    let told = async || gate.asks("charity", &[]).await.total();
    assert_eq!(told().await, 0, "nobody knows of any power");
    let unregistered = gate.records("representative", attorney(false)).await;
    assert_eq!(told().await, 0);
    gate.ends("representative", &unregistered).await;
    let property = json!({ "who": { "reference": DAUGHTER }, "registered": true,
        "right": "property-and-financial-affairs-lasting-power-of-attorney" });
    gate.records("representative", property).await;
    assert_eq!(told().await, 0, "money is not care");
    let mut deputy = attorney(true);
    (deputy["right"], deputy["until"]) = (json!("court-appointed-personal-welfare-deputy"), json!("2026-11-30"));
    gate.records("representative", deputy).await;
    assert_eq!(told().await, 1, "{:?}", rules(&gate));
    with_patient(&gate, |p| p["deceasedDateTime"] = json!("2026-11-22T09:00:00Z"));
    assert_eq!(told().await, 0, "her deputy's power ended with her life");
    gate.holds(Some(&plan()));
    assert_eq!(told().await, 1);
    gate.clock.pass(9 * 86_400);
    assert_eq!(told().await, 0, "the order's dates are over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_on_record_ends_powers_and_no_objection() {
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    gate.records("representative", attorney(true)).await;
    gate.records("capacity", lacks()).await;
    accepted(&gate, choice("hers", "deny", "council", None)).await;
    accepted(&gate, choice("c", "permit", "charity", Some(DAUGHTER))).await;
    assert_eq!(gate.asks("charity", &[]).await.total(), 1);
    gate.records("death", json!({ "died": "2026-11-21" })).await;
    assert_eq!(gate.asks("charity", &[]).await.total(), 0);
    gate.cares("council").await;
    assert_eq!((gate.asks("council", &[]).await.total(), rules(&gate)[0].as_str()), (0, "C1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parents_word_ends_at_midnight_before_the_sixteenth_birthday_and_is_doubtful_where_the_day_is_not_known() {
    let gate = Gate::open().await;
    gate.records("representative", json!({ "who": { "reference": DAUGHTER }, "right": "parental-responsibility" }))
        .await;
    accepted(&gate, choice("c", "permit", "charity", Some(DAUGHTER))).await;
    let born = |day: &str| with_patient(&gate, |p| p["birthDate"] = json!(day));
    let told = async || gate.asks("charity", &[]).await.total();
    born("2010-11-23");
    assert_eq!(told().await, 1, "{:?}", rules(&gate));
    gate.clock.pass(14 * 3600 - 1);
    assert_eq!(told().await, 1, "the last second at fifteen");
    gate.clock.pass(1);
    assert_eq!(told().await, 0, "midnight");
    born("2010-12");
    assert_eq!(told().await, 1, "fifteen whichever day it is");
    born("2010");
    assert_eq!(told().await, 0, "she may be sixteen");
    born("2010-11");
    assert_eq!(told().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_who_is_competent_is_heard_over_her_mother() {
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    with_patient(&gate, |p| p["birthDate"] = json!("2011-11-23"));
    gate.records("representative", json!({ "who": { "reference": DAUGHTER }, "right": "parental-responsibility" }))
        .await;
    accepted(&gate, choice("mother", "deny", "surgery", Some(DAUGHTER))).await;
    assert_eq!((gate.asks("surgery", &[]).await.total(), rules(&gate)[0].as_str()), (0, "C1"));
    let competent = json!({ "decision": "sharing", "capacity": "has", "assessed": "2026-11-21", "assessor": "Dr Ffion Okonkwo-Hale" });
    gate.records("capacity", competent).await;
    assert_eq!(gate.asks("surgery", &[]).await.total(), 1, "{:?}", rules(&gate));
}

// ---- orders and emergencies (23 to 27, 31) -----------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn safeguarding_goes_over_an_objection_for_its_sections_and_its_time_and_she_is_to_be_told() {
    let gate = Gate::open().await;
    gate.cares("council").await;
    accepted(&gate, choice("c", "deny", "council", None)).await;
    let refused = gate.asks("council", &[]).await;
    assert_eq!((refused.total(), rules(&gate)[0].as_str()), (0, "C1"));
    let enquiry = json!({ "rule": "L7", "reference": "enquiry-3", "basis": "Care Act 2014 s42", "decidedBy": "Tobias Quillfeather, lead",
        "recipient": ods("council"), "sections": ["needs", "goals"], "until": "2026-11-22T12:00:00Z", "tellPerson": true });
    gate.records("order", enquiry).await;
    let goal = async || gate.send("council", "GET", &format!("/fhir/Goal?patient={NHS}%7C{NUMBER}"), &[], None).await;
    assert_eq!(goal().await.total(), 2, "{:?}", rules(&gate));
    assert_eq!(rules(&gate)[0], "L7");
    assert_eq!(decision(&gate)["basis"], "Care Act 2014 s42");
    let notice = gate.trail("notice").pop().expect("she is to be told");
    assert!(notice["outcomeDesc"].as_str().unwrap().contains("L7") && notice.to_string().contains(NUMBER));
    assert_eq!(
        gate.send("charity", "GET", &format!("/fhir/Goal?patient={NHS}%7C{NUMBER}"), &[], None).await.total(),
        0
    );
    gate.clock.pass(2 * 3600 + 1);
    assert_eq!((goal().await.total(), rules(&gate)[0].as_str()), (0, "C1"), "it is over");
    assert_eq!(gate.asks("council", &[]).await.lasting(), refused.lasting());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_does_not_go_over_her_objection_which_looks_like_nothing_and_safeguarding_is_offered() {
    let gate = Gate::open().await;
    accepted(&gate, choice("c", "deny", "hospital", None)).await;
    let emergency = json!({ "patient": { "system": NHS, "value": NUMBER }, "reason": "unconscious", "text": "brought in",
        "cannotAsk": true });
    assert_eq!(gate.send("hospital", "POST", "/register/emergency", &[], Some(&emergency)).await.status, 201);
    let alerts = gate.trail("alert").len();
    for path in [format!("/fhir/CarePlan?patient={NHS}%7C{NUMBER}"), "/fhir/CarePlan/cp-2025-0233".to_owned()] {
        gate.holds(Some(&plan()));
        let refused = gate.send("hospital", "GET", &path, &[BTG], None).await;
        assert_eq!(rules(&gate)[0], "E2");
        let offered = decision(&gate)["obligations"].as_array().unwrap().contains(&json!("OFFER L7"));
        assert!(offered, "{}", decision(&gate));
        gate.holds(None);
        let nothing = gate.send("hospital", "GET", &path, &[BTG], None).await;
        assert_eq!(refused.lasting(), nothing.lasting(), "{path}");
    }
    assert_eq!(gate.trail("alert").len(), alerts, "nothing was released, so nobody is alerted of a release");
}

// ---- bars and identity (1, 17 to 20) -------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bar_withholds_its_words_from_those_it_names_and_no_emergency_lifts_it() {
    let gate = Gate::open().await;
    for party in ["surgery", "hospital"] {
        gate.cares(party).await;
    }
    let told = async |party: &str, headers: &[(&str, &str)]| {
        let reply = gate.asks(party, headers).await;
        (reply.total(), reply.body.contains("Bathing aids"))
    };
    assert_eq!((told("surgery", &[]).await, told("hospital", &[]).await), ((1, true), (1, true)));
    let bar = json!({ "rule": "L4", "texts": ["Bathing aids"], "recipients": [ods("hospital")] });
    let bar = gate.records("bar", bar).await;
    assert_eq!((told("surgery", &[]).await, told("hospital", &[]).await), ((1, true), (1, false)));
    let emergency = json!({ "patient": { "system": NHS, "value": NUMBER }, "reason": "unconscious", "text": "brought in",
        "cannotAsk": true });
    gate.send("hospital", "POST", "/register/emergency", &[], Some(&emergency)).await;
    assert!(!told("hospital", &[BTG]).await.1);
    gate.ends("bar", &bar).await;
    assert_eq!(told("hospital", &[]).await, (1, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_whose_number_nobody_verified_is_held_as_the_rules_say() {
    let unverified = |p: &mut Value| {
        p["identifier"][0]["extension"] = json!([{
            "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
            "valueCodeableConcept": { "coding": [{
                "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland",
                "code": "number-present-but-not-traced" }] } }]);
    };
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    assert_eq!(gate.asks("surgery", &[]).await.total(), 1, "where it says nothing it is taken");
    with_patient(&gate, unverified);
    assert_eq!((gate.asks("surgery", &[]).await.total(), rules(&gate)[0].as_str()), (0, "L1"));
    let lenient =
        Gate::open_with(|rules| *rules = rules.replace("unverified = \"hold\"", "unverified = \"take\"")).await;
    lenient.cares("surgery").await;
    with_patient(&lenient, unverified);
    assert_eq!(lenient.asks("surgery", &[]).await.total(), 1);
    let strict = Gate::open_with(|rules| *rules = rules.replace("unstated = \"take\"", "unstated = \"hold\"")).await;
    strict.cares("surgery").await;
    assert_eq!((strict.asks("surgery", &[]).await.total(), rules(&strict)[0].as_str()), (0, "L1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_care_team_is_its_senders_word_and_counts_only_where_the_rules_say_so() {
    let mut with_team = plan();
    let team = json!({ "resourceType": "CareTeam", "id": "team-1", "status": "active", "subject": { "reference": "Patient/winifred" },
        "participant": [{ "member": { "identifier": ods("surgery") } },
            { "member": { "identifier": ods("council") }, "period": { "end": "2026-11-21" } }] });
    with_team["entry"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "fullUrl": "https://records.northmere.example/fhir/CareTeam/team-1",
        "resource": team, "search": { "mode": "include" } }));
    let read =
        async |gate: &Gate, party: &str| gate.send(party, "GET", "/fhir/CarePlan/cp-2025-0233", &[], None).await.status;
    let gate = Gate::open().await;
    gate.holds(Some(&with_team));
    assert_eq!(read(&gate, "surgery").await, 404);
    let trusting = Gate::open_with(|rules| *rules = rules.replace("care-team = false", "care-team = true")).await;
    trusting.holds(Some(&with_team));
    assert_eq!(read(&trusting, "surgery").await, 200, "{:?}", rules(&trusting));
    assert_eq!(read(&trusting, "council").await, 404, "they cared for her until yesterday");
    assert_eq!(read(&trusting, "charity").await, 404);
    assert_eq!((trusting.asks("surgery", &[]).await.total(), trusting.asks("council", &[]).await.total()), (1, 0));
}
