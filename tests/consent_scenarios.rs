//! The scenarios of `sharing-choices` §3.5, each told as a sentence and decided over one plan.

mod plans;

use plans::{consent, council_plan, definitions, evidence, now, party, policy, read, tree, whole_plan};
use serde_json::{Value, json};
use sharewell::pure::decide::authority::relation;
use sharewell::pure::decide::{
    Action, Bar, BreakGlass, Capacity, Choice, Decision, Evidence, Identity, Obligation, Order, Outcome, Party,
    Question, Relation, Relationship, Representative, Right, RuleId, decide, read_choice, unread_choice,
};
use sharewell::pure::redact::redact;
use sharewell::pure::validate::Validated;

const COUNCIL: &str = "X9N01";

fn plan() -> Validated {
    Validated::new(council_plan(), &[], definitions()).expect("the plan is valid")
}

fn asks(ods: &str, audience: &str) -> Question {
    Question::new(party(ods, audience), "TREAT", Action::Access, now())
}

fn on_the_team(ods: &str, choices: Vec<Choice>) -> Evidence {
    let mut evidence = evidence(choices);
    let with = Identity::by_identifier(plans::ODS, ods);
    evidence.facts.relationships.push(Relationship { with, from: None, until: None });
    evidence
}

fn decided(question: &Question, evidence: &Evidence) -> Decision {
    decide(question, &plan(), evidence, policy())
}

fn answer(decision: &Decision) -> (Outcome, RuleId) {
    (decision.outcome(), decision.reasons()[0].rule)
}

fn everyone(id: &str, says: &str, dated: Option<&str>) -> Value {
    let mut consent = consent(id, "x", says, &[], &[], None);
    consent["provision"].as_object_mut().expect("an object").remove("actor");
    match dated {
        Some(dated) => consent["dateTime"] = json!(dated),
        None => {
            consent.as_object_mut().expect("an object").remove("dateTime");
        }
    }
    consent
}

fn naming(id: &str, reference: &str, says: &str, dated: Option<&str>) -> Value {
    let mut consent = everyone(id, says, dated);
    consent["provision"]["actor"] = json!([{
        "role": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP" }] },
        "reference": { "reference": reference }
    }]);
    consent
}

fn doctor(reference: &str) -> Question {
    let mut doctor = party("Y99001", "gp-practice");
    doctor.references.push(reference.to_owned());
    doctor.groups_known = true;
    let mut question = Question::new(doctor, "TREAT", Action::Access, now());
    question.relation = Relation::Presumed;
    question
}

fn by(mut consent: Value, reference: &str) -> Value {
    consent["performer"] = json!([{ "reference": reference }]);
    consent
}

fn representative(reference: &str, right: Right, registered: bool) -> Representative {
    Representative { who: Identity::by_reference(reference), right, registered, from: None, until: None }
}

// ---- who would expect what (1, 2, 3, 7, 8) ---------------------------------------------------------------------------------

#[test]
fn s01_a_nurse_on_the_team_gets_the_plan_though_nobody_has_said_anything() {
    let decision = decided(&asks("Y99001", "gp-practice"), &on_the_team("Y99001", vec![]));
    assert_eq!(answer(&decision), (Outcome::Permit, RuleId::D1));
    assert!(decision.legal_basis().is_some());
}

#[test]
fn s02_a_charity_navigator_outside_the_team_is_not_expected() {
    let decision = decided(&asks("Y99004", "voluntary-sector"), &on_the_team("Y99004", vec![]));
    assert_eq!(answer(&decision), (Outcome::Deny, RuleId::D2));
    let decision = decided(&asks("Y99004", "voluntary-sector"), &evidence(vec![]));
    assert_eq!(answer(&decision), (Outcome::Deny, RuleId::P2));
}

#[test]
fn s03_who_objects_to_the_council_is_still_seen_by_her_doctor() {
    let objection = || vec![read(&consent("c", COUNCIL, "deny", &[], &[], None))];
    let council = decided(&asks(COUNCIL, "social-care"), &on_the_team(COUNCIL, objection()));
    assert_eq!(answer(&council), (Outcome::Deny, RuleId::C1));
    let doctor = decided(&asks("Y99001", "gp-practice"), &on_the_team("Y99001", objection()));
    assert_eq!(answer(&doctor), (Outcome::Permit, RuleId::D1));
}

#[test]
fn s07_a_choice_for_one_organisation_closes_the_door_to_another() {
    let limited = vec![read(&consent("c", "Y99002", "permit", &[], &[], None))];
    let decision = decided(&asks("Y99001", "gp-practice"), &on_the_team("Y99001", limited));
    assert_eq!(answer(&decision), (Outcome::Deny, RuleId::C3));
}

#[test]
fn s08_agreeing_to_research_says_nothing_about_care() {
    let mut research = everyone("c", "permit", Some("2026-01-01"));
    research["scope"]["coding"][0]["code"] = json!("research");
    let decision = decided(&asks("Y99001", "gp-practice"), &on_the_team("Y99001", vec![read(&research)]));
    assert_eq!(answer(&decision), (Outcome::Permit, RuleId::D1));
}

// ---- later and narrower (4, 5, 6) --------------------------------------------------------------------------------------------

#[test]
fn s04_a_later_objection_to_everyone_ends_an_older_agreement_with_one() {
    let choices = vec![
        read(&everyone("team", "deny", Some("2025-12-01"))),
        read(&naming("x", "Practitioner/x", "permit", Some("2026-01-01"))),
        read(&everyone("all", "deny", Some("2026-06-01"))),
    ];
    assert_eq!(answer(&decided(&doctor("Practitioner/x"), &evidence(choices))), (Outcome::Deny, RuleId::C1));
}

#[test]
fn s05_a_later_agreement_with_one_goes_before_an_older_objection_to_everyone() {
    let choices = vec![
        read(&everyone("all", "deny", Some("2026-01-01"))),
        read(&naming("x", "Practitioner/x", "permit", Some("2026-06-01"))),
    ];
    assert_eq!(answer(&decided(&doctor("Practitioner/x"), &evidence(choices.clone()))), (Outcome::Permit, RuleId::C5));
    assert_eq!(answer(&decided(&doctor("Practitioner/y"), &evidence(choices))), (Outcome::Deny, RuleId::C1));
}

#[test]
fn s06_without_dates_nobody_can_say_which_came_later_and_the_objection_stands() {
    let choices = vec![read(&everyone("all", "deny", None)), read(&naming("x", "Practitioner/x", "permit", None))];
    assert_eq!(answer(&decided(&doctor("Practitioner/x"), &evidence(choices))), (Outcome::Deny, RuleId::C1));
}

#[test]
fn of_two_exceptions_at_one_depth_the_refusal_stands_and_a_deeper_one_goes_before_both() {
    let class = |code: &str| json!([{ "system": plans::SECTION, "code": code }]);
    let with = |nested: Value| {
        let mut choice = consent("c", "Y99001", "deny", &[], &[], None);
        choice["provision"]["provision"] = nested;
        decided(&asks("Y99001", "gp-practice"), &on_the_team("Y99001", vec![read(&choice)]))
    };
    let permit = json!({ "type": "permit", "class": class("goals") });
    let deny = json!({ "type": "deny", "class": class("goals") });
    assert_eq!(with(json!([permit, deny])).outcome(), Outcome::Deny);
    assert_eq!(with(json!([deny, permit])).outcome(), Outcome::Deny);
    let deeper = json!({ "type": "deny", "class": class("goals"), "provision": [permit] });
    assert_eq!(with(json!([deeper])).outcome(), Outcome::Redact);
}

// ---- who may choose (9 to 16) --------------------------------------------------------------------------------------------------

fn attorney_objects(right: Right, registered: bool, capacity: Capacity) -> Decision {
    let objection = by(everyone("lpa", "deny", Some("2026-06-01")), "RelatedPerson/philippa");
    let own = consent("own", "Y99001", "permit", &[], &[], None);
    let mut evidence = on_the_team("Y99001", vec![read(&objection), read(&own)]);
    evidence.facts.capacity = capacity;
    evidence.facts.representatives.push(representative("RelatedPerson/philippa", right, registered));
    decided(&asks("Y99001", "gp-practice"), &evidence)
}

#[test]
fn s09_an_attorney_objects_in_vain_while_she_can_decide_herself() {
    let decision = attorney_objects(Right::HealthAndWelfareAttorney, true, Capacity::Has);
    assert_eq!(answer(&decision), (Outcome::Permit, RuleId::C2));
}

#[test]
fn s10_a_registered_attorney_decides_when_she_cannot() {
    let decision = attorney_objects(Right::HealthAndWelfareAttorney, true, Capacity::Lacks);
    assert_eq!(answer(&decision), (Outcome::Deny, RuleId::C1));
}

fn agreed_by(right: Right, registered: bool, until: Option<&str>) -> Decision {
    let agreement = by(consent("lpa", "Y99003", "permit", &[], &[], None), "RelatedPerson/philippa");
    let mut evidence = on_the_team("Y99003", vec![read(&agreement)]);
    evidence.facts.capacity = Capacity::Lacks;
    let until = until.map(|u| u.parse().expect("an instant"));
    let who = Representative { until, ..representative("RelatedPerson/philippa", right, registered) };
    evidence.facts.representatives.push(who);
    decided(&asks("Y99003", "care-provider"), &evidence)
}

fn cites(decision: &Decision, rule: RuleId) -> bool {
    decision.reasons().iter().any(|r| r.rule == rule)
}

#[test]
fn s11_an_attorney_who_is_not_registered_has_no_say() {
    let decision = agreed_by(Right::HealthAndWelfareAttorney, false, None);
    assert_eq!(decision.outcome(), Outcome::Deny);
    assert!(cites(&decision, RuleId::C7));
    assert_eq!(agreed_by(Right::HealthAndWelfareAttorney, true, None).outcome(), Outcome::Permit);
}

#[test]
fn s12_an_attorney_for_money_has_no_say_about_care_records() {
    let decision = agreed_by(Right::PropertyAttorney, true, None);
    assert!(decision.outcome() == Outcome::Deny && cites(&decision, RuleId::C7));
}

#[test]
fn s13_a_deputy_has_no_say_after_the_order_has_ended() {
    let decision = agreed_by(Right::WelfareDeputy, true, Some("2026-01-01T00:00:00Z"));
    assert!(decision.outcome() == Outcome::Deny && cites(&decision, RuleId::C7));
    assert_eq!(agreed_by(Right::WelfareDeputy, true, Some("2027-01-01T00:00:00Z")).outcome(), Outcome::Permit);
}

#[test]
fn an_agreement_by_somebody_nobody_knows_counts_for_nothing_and_their_objection_counts() {
    let stranger = |says: &str| vec![read(&by(consent("c", "Y99001", says, &[], &[], None), "RelatedPerson/who"))];
    let permit = decided(&asks("Y99003", "care-provider"), &on_the_team("Y99003", stranger("permit")));
    assert_eq!(permit.outcome(), Outcome::Deny);
    let deny = decided(&asks("Y99001", "gp-practice"), &on_the_team("Y99001", stranger("deny")));
    assert_eq!(answer(&deny), (Outcome::Deny, RuleId::C1));
}

const MOTHER: &str = "9990000026";

fn proxy_role(basis: Option<&str>) -> Choice {
    let rule = match basis {
        Some(basis) => {
            json!({ "system": "https://fhir.nhs.uk/England/CodeSystem/England-NHSProxyLegalBasis", "code": basis })
        }
        None => json!({ "system": "https://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK" }),
    };
    read(&json!({
        "resourceType": "Consent", "id": "role", "status": "active",
        "extension": [{
            "url": "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-Consent-Status-Reason",
            "valueCodeableConcept": { "coding": [{ "code": "ROLE_CREATED" }] }
        }],
        "scope": { "coding": [{ "system": "https://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "code": "INFA" }] }],
        "patient": { "identifier": { "system": plans::NHS, "value": plans::NUMBER } },
        "dateTime": "2026-01-01T00:00:00Z",
        "policyRule": { "coding": [rule] },
        "provision": {
            "type": "permit", "period": { "start": "2026-01-01", "end": "2030-01-01" },
            "actor": [{ "reference": { "identifier": { "system": plans::NHS, "value": MOTHER } } }]
        }
    }))
}

fn mothers_app(facts: impl FnOnce(&mut Evidence), choices: Vec<Choice>) -> Decision {
    let mut app = Party { person: Some(Identity::by_identifier(plans::NHS, MOTHER)), ..party("app-2", "carer-family") };
    app.identifiers.clear();
    let mut evidence = evidence(choices);
    facts(&mut evidence);
    decided(&Question::new(app, "PATRQT", Action::Access, now()), &evidence)
}

#[test]
fn s14_a_competent_child_can_refuse_a_parent_and_the_social_worker_is_not_affected() {
    let mut refusal = consent("c", "x", "deny", &[], &[], None);
    refusal["provision"]["actor"][0]["reference"]["identifier"] = json!({ "system": plans::NHS, "value": MOTHER });
    let child = |e: &mut Evidence| {
        e.facts.age = Some(15);
        e.facts.capacity = Capacity::Has;
    };
    let role = || proxy_role(Some("parental-responsibility"));
    assert_eq!(answer(&mothers_app(child, vec![role()])), (Outcome::Permit, RuleId::P4));
    assert_eq!(answer(&mothers_app(child, vec![role(), read(&refusal)])), (Outcome::Deny, RuleId::C1));
    let mut evidence = on_the_team(COUNCIL, vec![role(), read(&refusal)]);
    child(&mut evidence);
    assert_eq!(answer(&decided(&asks(COUNCIL, "social-care"), &evidence)), (Outcome::Permit, RuleId::D1));
}

#[test]
fn s15_at_sixteen_a_parents_access_is_suspended() {
    let decision = mothers_app(|e| e.facts.age = Some(16), vec![proxy_role(Some("parental-responsibility"))]);
    assert_eq!(answer(&decision), (Outcome::Deny, RuleId::P4));
}

#[test]
fn s16_where_two_parents_disagree_the_more_protective_word_stands() {
    let mother = by(consent("m", "Y99001", "deny", &[], &[], None), "RelatedPerson/mother");
    let father = by(consent("f", "Y99001", "permit", &[], &[], None), "RelatedPerson/father");
    let mut evidence = on_the_team("Y99001", vec![read(&father), read(&mother)]);
    evidence.facts.age = Some(9);
    for parent in ["RelatedPerson/mother", "RelatedPerson/father"] {
        evidence.facts.representatives.push(representative(parent, Right::ParentalResponsibility, false));
    }
    assert_eq!(answer(&decided(&asks("Y99001", "gp-practice"), &evidence)), (Outcome::Deny, RuleId::C1));
}

// ---- what the law keeps back (17 to 20) ------------------------------------------------------------------------------------------

fn with_need(code: Value) -> Validated {
    let mut plan = whole_plan();
    for entry in plan["entry"].as_array_mut().expect("entries") {
        if entry["resource"]["resourceType"] == "Condition" {
            entry["resource"]["code"] = code.clone();
        }
    }
    Validated::new(tree(&plan), &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues))
}

#[test]
fn s17_a_fertility_code_goes_nowhere_and_leaves_no_trace() {
    let coded =
        json!({ "coding": [{ "system": "http://snomed.info/sct", "code": "63487001" }], "text": "a need of hers" });
    let record = with_need(coded);
    let choices = vec![read(&consent("c", "Y99001", "permit", &[], &[], None))];
    let decision = decide(&asks("Y99001", "gp-practice"), &record, &evidence(choices), policy());
    assert!(cites(&decision, RuleId::L3));
    let releasable = redact(&record, decision.into_permit().expect("a permit"), definitions()).expect("it is released");
    let json = releasable.bundle().root().to_json();
    for gone in ["63487001", "Condition", "need-1", "a need of hers"] {
        assert!(!json.contains(gone), "{gone}");
    }
}

#[test]
fn s18_an_old_name_is_nowhere_left_for_a_social_worker() {
    let mut plan = whole_plan();
    plan["entry"][0]["resource"]["name"]
        .as_array_mut()
        .expect("names")
        .push(json!({ "use": "old", "family": "Ffoulkes-Oldname" }));
    let record = Validated::new(tree(&plan), &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues));
    let mut evidence = on_the_team(COUNCIL, vec![]);
    evidence.facts.bars.push(Bar {
        id: "gra-1".to_owned(),
        rule: RuleId::L2,
        references: vec![],
        texts: vec!["Ffoulkes-Oldname".to_owned()],
        exemption: Some("gra-health-professional".to_owned()),
        recipients: vec![],
    });
    let decision = decide(&asks(COUNCIL, "social-care"), &record, &evidence, policy());
    assert!(cites(&decision, RuleId::L2));
    let released = decision.into_permit().ok().and_then(|p| redact(&record, p, definitions()).ok());
    assert!(!released.is_some_and(|r| r.bundle().root().to_json().contains("Oldname")));
}

#[test]
fn s19_a_termination_told_in_words_waits_for_somebody_to_look() {
    let record = with_need(json!({ "text": "support after a Termination of Pregnancy" }));
    let choices = vec![read(&consent("c", "Y99001", "permit", &[], &[], None))];
    let decision = decide(&asks("Y99001", "gp-practice"), &record, &evidence(choices), policy());
    assert!(decision.withheld().contains(&"Condition/need-1".to_owned()));
    assert!(decision.obligations().contains(&Obligation::Review(RuleId::R2)));
}

#[test]
fn s20_a_restricted_address_goes_to_nobody() {
    let mut evidence = evidence(vec![read(&consent("c", "Y99001", "permit", &[], &[], None))]);
    evidence.facts.restricted = true;
    let decision = decided(&asks("Y99001", "gp-practice"), &evidence);
    let releasable = redact(&plan(), decision.into_permit().expect("a permit"), definitions()).expect("it is released");
    assert!(!releasable.bundle().root().to_json().contains("postalCode"));
}

// ---- beyond direct care (21, 22) ---------------------------------------------------------------------------------------------------

#[test]
fn s21_s22_planning_under_s251_stops_at_an_opt_out_and_explicit_consent_to_research_does_not() {
    let research = |bases: &[&str], opted_out: Option<bool>, choices: Vec<Choice>| {
        let mut question = Question::new(party("Y99005", "research-planning"), "HRESCH", Action::Access, now());
        question.declared_bases = bases.iter().map(|b| (*b).to_owned()).collect();
        let mut evidence = evidence(choices);
        evidence.facts.opted_out = opted_out;
        decided(&question, &evidence).outcome()
    };
    assert_eq!(research(&["s251"], Some(false), vec![]), Outcome::Permit);
    assert_eq!(research(&["s251"], Some(true), vec![]), Outcome::Deny);
    assert_eq!(research(&["s251"], None, vec![]), Outcome::Deny, "an opt-out that was not checked is not clear");
    assert_eq!(research(&[], Some(false), vec![]), Outcome::Deny);
    let mut study = consent("c", "Y99005", "permit", &[], &[], None);
    study["scope"]["coding"][0]["code"] = json!("research");
    assert_eq!(research(&[], Some(true), vec![read(&study)]), Outcome::Permit);
}

// ---- before and over the choices (23 to 27, 30, 31) ----------------------------------------------------------------------------------

fn order(rule: RuleId, sections: &[&str], decided_by: Option<&str>, until: Option<&str>) -> Order {
    Order {
        id: "order-1".to_owned(),
        rule,
        basis: "Care Act 2014 s42".to_owned(),
        decided_by: decided_by.map(str::to_owned),
        recipient: Identity::by_identifier(plans::ODS, COUNCIL),
        sections: sections.iter().map(|s| (*s).to_owned()).collect(),
        from: None,
        until: until.map(|u| u.parse().expect("an instant")),
        tell_person: true,
    }
}

fn under_order(order: Order) -> Decision {
    let mut evidence = on_the_team(COUNCIL, vec![read(&everyone("all", "deny", Some("2026-01-01")))]);
    evidence.facts.orders.push(order);
    decided(&asks(COUNCIL, "social-care"), &evidence)
}

#[test]
fn s23_a_safeguarding_enquiry_gets_its_minimum_over_an_objection_if_somebody_answers_for_it_and_it_ends() {
    let whole = order(RuleId::L7, &["needs"], Some("named lead"), Some("2026-12-01T00:00:00Z"));
    let decision = under_order(whole);
    assert_eq!(answer(&decision), (Outcome::Redact, RuleId::L7));
    assert!(decision.released().contains(&"Condition/need-1".to_owned()));
    assert!(!decision.released().contains(&"Goal/goal-1".to_owned()));
    assert!(decision.obligations().contains(&Obligation::NotifyPerson(RuleId::L7)));
    for lacking in [
        order(RuleId::L7, &["needs"], None, Some("2026-12-01T00:00:00Z")),
        order(RuleId::L7, &["needs"], Some("named lead"), None),
        order(RuleId::L7, &["needs"], Some("named lead"), Some("2026-11-01T00:00:00Z")),
    ] {
        assert_eq!(under_order(lacking).outcome(), Outcome::Deny);
    }
}

#[test]
fn s31_the_law_is_obeyed_over_an_objection_that_outlives_her() {
    assert_eq!(under_order(order(RuleId::L6, &["needs"], None, None)).outcome(), Outcome::Redact);
}

fn emergency(choices: Vec<Choice>, declared: Option<&str>) -> Decision {
    let mut hospital = party("Y99006", "hospital");
    hospital.roles.push("break-glass".to_owned());
    let mut question = Question::new(hospital, "BTG", Action::Access, now());
    question.relation = Relation::Presumed;
    question.break_glass = Some(BreakGlass {
        reason: "unconscious".to_owned(),
        text: "brought in unconscious".to_owned(),
        agreed_now: false,
        cannot_ask: true,
        declared_at: declared.map(|d| d.parse().expect("an instant")),
    });
    decided(&question, &evidence(choices))
}

#[test]
fn s24_an_emergency_does_not_go_over_what_she_refused_for_it_and_safeguarding_is_offered() {
    let mut refusal = consent("c", "x", "deny", &[], &[], None);
    refusal["provision"]["actor"][0]["reference"]["identifier"] =
        json!({ "system": "https://sharewell.example/fhir/CodeSystem/sharing-audience", "value": "hospital" });
    let decision = emergency(vec![read(&refusal)], None);
    assert_eq!(answer(&decision), (Outcome::Deny, RuleId::E2));
    assert!(decision.obligations().contains(&Obligation::OfferSafeguarding));
}

#[test]
fn s25_s26_an_emergency_fills_a_gap_for_an_hour_and_rings_a_bell() {
    let elsewhere = || vec![read(&consent("c", "Y99001", "permit", &[], &[], None))];
    let decision = emergency(elsewhere(), None);
    assert_eq!(answer(&decision), (Outcome::Redact, RuleId::E1));
    assert!(decision.obligations().contains(&Obligation::Alert(RuleId::E1)));
    assert!(decision.obligations().iter().any(|o| matches!(o, Obligation::Expires(_))));
    assert!(!decision.sections().iter().any(|s| s.code == "budget" && s.released > 0), "an emergency needs no budget");
}

#[test]
fn s27_after_its_hour_an_emergency_has_to_be_declared_again() {
    let elsewhere = || vec![read(&consent("c", "Y99001", "permit", &[], &[], None))];
    assert_eq!(emergency(elsewhere(), Some("2026-11-22T09:00:01Z")).outcome(), Outcome::Redact);
    assert_eq!(emergency(elsewhere(), Some("2026-11-22T09:00:00Z")).outcome(), Outcome::Deny);
}

#[test]
fn s30_what_was_read_too_long_ago_is_not_relied_on() {
    let mut evidence = on_the_team("Y99001", vec![]);
    evidence.read_at = "2026-11-22T09:30:00Z".parse().expect("an instant");
    assert_eq!(answer(&decided(&asks("Y99001", "gp-practice"), &evidence)), (Outcome::Deny, RuleId::X2));
}

// ---- other people, and unreadable words (32 to 37) -------------------------------------------------------------------------------------

#[test]
fn s32_a_carers_note_stays_from_whom_the_carer_objects_to_and_the_plan_goes() {
    let carers = Bar {
        id: "carer".to_owned(),
        rule: RuleId::R5,
        references: vec!["CareTeam/team".to_owned()],
        texts: vec![],
        exemption: None,
        recipients: vec![Identity::by_identifier(plans::ODS, COUNCIL)],
    };
    let mut to_council = on_the_team(COUNCIL, vec![]);
    to_council.facts.bars.push(carers.clone());
    let decision = decided(&asks(COUNCIL, "social-care"), &to_council);
    assert_eq!(decision.outcome(), Outcome::Redact);
    assert_eq!(decision.withheld(), ["CareTeam/team"]);
    let mut to_doctor = on_the_team("Y99001", vec![]);
    to_doctor.facts.bars.push(carers);
    assert_eq!(decided(&asks("Y99001", "gp-practice"), &to_doctor).outcome(), Outcome::Permit);
}

#[test]
fn s33_an_end_of_life_consent_that_is_inactive_was_refused() {
    let mut eol = everyone("eol", "permit", Some("2026-01-01"));
    eol["meta"] = json!({ "profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/EOL-Consent-1"] });
    eol["provision"].as_object_mut().expect("an object").remove("type");
    assert_eq!(
        decided(&asks("Y99002", "hospice"), &on_the_team("Y99002", vec![read(&eol)])).outcome(),
        Outcome::Permit
    );
    eol["status"] = json!("inactive");
    let decision = decided(&asks("Y99002", "hospice"), &on_the_team("Y99002", vec![read(&eol)]));
    assert_eq!(answer(&decision), (Outcome::Deny, RuleId::C1));
}

#[test]
fn s34_a_consent_that_does_not_say_what_it_says_stops_everything_until_somebody_has_asked() {
    let mut vague = everyone("c", "permit", Some("2026-01-01"));
    vague["provision"].as_object_mut().expect("an object").remove("type");
    let vague = tree(&vague);
    let why = read_choice(vague.root()).expect_err("neither dialect");
    assert_eq!(why.issues[0].id, "consent-indeterminate");
    let choice = unread_choice(vague.root(), why);
    let decision = decided(&asks("Y99001", "gp-practice"), &on_the_team("Y99001", vec![choice]));
    assert_eq!(answer(&decision), (Outcome::Deny, RuleId::C4));
    assert!(decision.obligations().contains(&Obligation::Review(RuleId::C4)));
}

#[test]
fn s35_a_proxy_on_an_unknown_basis_is_known_and_has_no_authority() {
    let choices = [proxy_role(None)];
    let (proxy, facts) = (Identity::by_identifier(plans::NHS, MOTHER), sharewell::pure::decide::Facts::default());
    let found = relation(&choices, &plans::subject(), &proxy, &asks("x", "person"), &facts);
    assert_eq!((found.state, found.authoritative), ("in-force", false));
    assert_eq!(answer(&mothers_app(|_| {}, choices.to_vec())), (Outcome::Deny, RuleId::P4));
}

#[test]
fn s36_another_persons_resources_and_what_points_at_them_stay_behind() {
    let goal = |id: &str, patient: &str| {
        json!({ "resourceType": "Goal", "id": id, "lifecycleStatus": "active", "description": { "text": format!("aim {id}") },
            "subject": { "reference": patient } })
    };
    let patient = |id: &str, number: &str| json!({ "resourceType": "Patient", "id": id, "identifier": [{ "system": plans::NHS, "value": number }] });
    let list = json!({ "resourceType": "List", "id": "list", "status": "current", "mode": "working",
        "subject": { "reference": "Patient/winifred" },
        "entry": [{ "item": { "reference": "Goal/hers" } }, { "item": { "reference": "Goal/theirs" } }] });
    let entries: Vec<Value> = [
        patient("winifred", plans::NUMBER),
        patient("other", MOTHER),
        goal("hers", "Patient/winifred"),
        goal("theirs", "Patient/other"),
        list,
    ]
    .into_iter()
    .map(|r| {
        let url = format!("https://source/fhir/{}/{}", r["resourceType"].as_str().unwrap(), r["id"].as_str().unwrap());
        json!({ "fullUrl": url, "resource": r })
    })
    .collect();
    let bundle = tree(&json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }));
    let record = Validated::new(bundle, &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues));
    let choices = vec![read(&consent("c", "Y99001", "permit", &[], &[], None))];
    let decision = decide(&asks("Y99001", "gp-practice"), &record, &evidence(choices), policy());
    let releasable = redact(&record, decision.into_permit().expect("a permit"), definitions()).expect("it is released");
    let json = releasable.bundle().root().to_json();
    assert!(json.contains("aim hers") && json.contains("Goal/hers"));
    for gone in ["theirs", "Patient/other", MOTHER] {
        assert!(!json.contains(gone), "{gone}");
    }
}

#[test]
fn one_id_given_to_two_people_by_two_systems_does_not_mix_them_up() {
    let mut theirs = whole_plan();
    theirs["entry"][0]["resource"]["identifier"] = json!([{ "system": plans::NHS, "value": MOTHER }]);
    let record = Validated::new(tree(&theirs), &[], definitions()).unwrap_or_else(|r| panic!("{:?}", r.issues));
    let choices = vec![read(&consent("c", "Y99001", "permit", &[], &[], None))];
    let decision = decide(&asks("Y99001", "gp-practice"), &record, &evidence(choices), policy());
    assert_eq!(answer(&decision), (Outcome::Deny, RuleId::L1));
}

// ---- the clock (40) ---------------------------------------------------------------------------------------------------------------------

#[test]
fn s40_a_choice_until_a_summer_day_ends_at_eleven_at_night_universal_time() {
    let choices = || vec![read(&consent("c", "Y99003", "permit", &[], &[], Some("2026-06-30")))];
    let at = |instant: &str| {
        let mut question = asks("Y99003", "care-provider");
        question.now = instant.parse().expect("an instant");
        let evidence = Evidence { read_at: question.now, ..on_the_team("Y99003", choices()) };
        decided(&question, &evidence)
    };
    assert_eq!(at("2026-06-30T22:59:59Z").outcome(), Outcome::Permit);
    assert_eq!(at("2026-06-30T23:00:00Z").outcome(), Outcome::Deny);
    let end: jiff::Timestamp = "2026-06-30T23:00:00Z".parse().expect("an instant");
    assert!(at("2026-06-30T22:59:59Z").boundaries().contains(&end.as_second()));
}
