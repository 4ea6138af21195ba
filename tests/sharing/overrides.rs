//! Bars, orders, emergencies and what a site may decide otherwise: `sharing-choices` §1.4, §3.3 and §4 steps 3, 4, 9, 10, 13.

use crate::plans::{self, evidence, now, party, read, tree};
use crate::world::*;
use serde_json::{Value, json};
use sharewell::embedded;
use sharewell::pure::decide::{
    Action, Bar, BreakGlass, Capacity, Code, Decision, Evidence, Identity, Obligation, Order, Outcome, Policy,
    Question, Relation, Relationship, RuleId, Told, explain,
};

/// England's rules with one line put in another's place.
fn site(from: &str, to: &str) -> Policy {
    let mut files = embedded::files("deploy/sharing/");
    for file in &mut files {
        let text = String::from_utf8(file.bytes.to_vec()).expect("UTF-8");
        file.bytes = text.replace(from, to).into_bytes().into();
    }
    Policy::compile(&files).unwrap_or_else(|r| panic!("{:?}", r.issues))
}

fn implicit(name: &str) -> Policy {
    let line = format!("implicit = \"{name}\"\ndecided = \"2026-10-01\"\ndecided-by = \"the IG lead\"");
    site("implicit = \"England-direct-care\"", &line)
}

fn under(policy: &Policy, question: &Question, evidence: &Evidence, resource: &Value) -> Decision {
    let tree = tree(resource);
    explain(question, &[tree.root()], evidence, policy)
}

fn asked(purpose: &str) -> Question {
    let mut question = surgery();
    question.party.audiences.clear();
    question.purposes = vec![Code::of(REASON, purpose)];
    question.party.purposes = vec![purpose.to_owned()];
    question
}

fn labelled(level: &str) -> Value {
    with(goal(), json!({ "meta": { "security": [coding(LEVEL, level)] } }))
}

// ---- where nobody has spoken (step 9, IHE PCF) -------------------------------------------------------------------------------

#[test]
fn a_site_may_name_an_implicit_policy_of_pcf_and_its_answers_say_who_decided_so() {
    let rows = [
        ("Policy-basic-normal", "TREAT", "N", true),
        ("Policy-basic-normal", "TREAT", "R", false),
        ("Policy-basic-normal", "PATRQT", "N", false),
        ("Policy-all-normal", "TREAT", "N", true),
        ("Policy-all-normal", "TREAT", "V", false),
        ("Policy-break-glass-only", "TREAT", "N", false),
        ("Policy-break-glass-only", "BTG", "N", false),
        ("Policy-deny", "TREAT", "N", false),
    ];
    for (name, purpose, level, goes) in rows {
        let decision = under(&implicit(name), &asked(purpose), &evidence(vec![]), &labelled(level));
        assert_eq!(decision.outcome() == Outcome::Permit, goes, "{name} {purpose} {level}");
        let basis = decision.reasons()[0].basis.as_deref().unwrap_or_default();
        assert!(purpose == "PATRQT" || basis.contains("2026-10-01 by the IG lead"), "{name}: {basis}");
    }
    let decision = under(&implicit("Policy-break-glass-only"), &in_an_emergency(None), &evidence(vec![]), &need());
    assert_eq!(decision.outcome(), Outcome::Permit);
}

#[test]
fn no_implicit_policy_goes_over_a_choice_or_gives_a_use_beyond_care_its_basis() {
    let policy = implicit("Policy-all-normal");
    let refusal = evidence(vec![read(&consent(json!({ "type": "deny" })))]);
    assert_eq!(under(&policy, &asked("TREAT"), &refusal, &goal()).reasons()[0].rule, RuleId::C1);
    assert_eq!(under(&policy, &asked("HRESCH"), &evidence(vec![]), &goal()).outcome(), Outcome::Deny);
}

// ---- emergencies (step 10b) ---------------------------------------------------------------------------------------------------

fn in_an_emergency(agreed: Option<bool>) -> Question {
    let mut hospital = party("Y99006", "hospital");
    hospital.roles.push("break-glass".to_owned());
    let mut question = Question::new(hospital, "BTG", Action::Access, now());
    question.relation = Relation::Presumed;
    question.break_glass = Some(BreakGlass {
        reason: "unconscious".to_owned(),
        text: "brought in unconscious".to_owned(),
        agreed_now: agreed == Some(true),
        cannot_ask: agreed.is_none(),
        declared_at: None,
    });
    question
}

fn need() -> Value {
    hers("Condition", "need", json!({ "code": { "text": "falls at night" } }))
}

fn elsewhere() -> Evidence {
    evidence(vec![read(&consent(json!({ "type": "permit", "actor": [recipient("Organization/elsewhere")] })))])
}

#[test]
fn an_emergency_needs_role_reason_words_purpose_and_somebody_who_cannot_be_asked() {
    let ask = |change: &dyn Fn(&mut Question)| {
        let mut question = in_an_emergency(None);
        change(&mut question);
        under(plans::policy(), &question, &elsewhere(), &need()).reasons()[0].rule
    };
    let glass = |q: &mut Question| q.break_glass.clone().expect("declared");
    assert_eq!(ask(&|_| {}), RuleId::E1);
    assert_eq!(ask(&|q| q.party.roles.clear()), RuleId::C3);
    assert_eq!(ask(&|q| q.break_glass = Some(BreakGlass { reason: "curious".into(), ..glass(q) })), RuleId::C3);
    assert_eq!(ask(&|q| q.break_glass = Some(BreakGlass { text: "  ".into(), ..glass(q) })), RuleId::C3);
    assert_eq!(ask(&|q| q.break_glass = Some(BreakGlass { cannot_ask: false, ..glass(q) })), RuleId::C3);
    assert_eq!(ask(&|q| q.purposes = vec![Code::of(REASON, "TREAT")]), RuleId::C3);
    // she has agreed just now, or cannot decide about it
    assert_eq!(ask(&|q| q.break_glass = in_an_emergency(Some(true)).break_glass), RuleId::E1);
    let mut lacks = elsewhere();
    lacks.facts.capacity = Capacity::Lacks;
    let question = in_an_emergency(Some(false));
    assert_eq!(under(plans::policy(), &question, &lacks, &need()).reasons()[0].rule, RuleId::E1);
}

#[test]
fn an_emergency_passes_what_nobody_could_read_and_what_only_a_label_kept_back() {
    let vague = consent(json!({}));
    let vague = tree(&vague);
    let why = sharewell::pure::decide::read_choice(vague.root()).expect_err("it says nothing");
    let unread = evidence(vec![sharewell::pure::decide::unread_choice(vague.root(), why)]);
    let decision = under(plans::policy(), &in_an_emergency(None), &unread, &need());
    assert_eq!(decision.reasons()[0].rule, RuleId::E1);
    let private = with(need(), json!({ "meta": { "security": [coding(LEVEL, "R")] } }));
    assert_eq!(
        under(plans::policy(), &in_an_emergency(None), &evidence(vec![]), &private).reasons()[0].rule,
        RuleId::E1
    );
    let mut calm = in_an_emergency(None);
    calm.break_glass = None;
    assert_eq!(under(plans::policy(), &calm, &evidence(vec![]), &private).reasons()[0].rule, RuleId::R1);
}

#[test]
fn an_emergency_goes_where_her_choices_let_it_though_she_refuses_all_else() {
    let refusal = json!({ "type": "deny", "provision": [{ "type": "permit", "purpose": [coding(REASON, "BTG")] }] });
    let evidence = evidence(vec![read(&consent(refusal))]);
    assert_eq!(under(plans::policy(), &in_an_emergency(None), &evidence, &need()).reasons()[0].rule, RuleId::C2);
    assert_eq!(under(plans::policy(), &asked("TREAT"), &evidence, &need()).reasons()[0].rule, RuleId::C1);
}

#[test]
fn over_an_objection_it_goes_only_where_a_site_has_decided_so_and_the_answer_names_the_decision() {
    let objects = evidence(vec![read(&consent(json!({ "type": "deny" })))]);
    let decision = under(plans::policy(), &in_an_emergency(None), &objects, &need());
    assert_eq!(decision.reasons()[0].rule, RuleId::E2);
    assert!(decision.obligations().contains(&Obligation::OfferSafeguarding));
    let words = "objection = \"may-be-overridden\"\ndecided = \"2026-10-01\"\ndecided-by = \"the medical director\"";
    let other = site("objection = \"stands\"", words);
    let decision = under(&other, &in_an_emergency(None), &objects, &need());
    assert_eq!(decision.reasons()[0].rule, RuleId::E1);
    assert!(decision.reasons()[0].basis.as_deref().is_some_and(|b| b.contains("2026-10-01 by the medical director")));
    assert!(decision.obligations().contains(&Obligation::Alert(RuleId::E1)));
    assert!(decision.obligations().contains(&Obligation::NotifyPerson(RuleId::E1)));
}

#[test]
fn what_she_keeps_back_in_particular_and_what_the_law_keeps_back_an_emergency_does_not_reach() {
    let but_needs = json!({ "type": "deny", "class": [coding("http://hl7.org/fhir/resource-types", "Condition")] });
    let evidence = evidence(vec![read(&consent(but_needs))]);
    assert_eq!(under(plans::policy(), &in_an_emergency(None), &evidence, &need()).reasons()[0].rule, RuleId::R2);
    let fertility = hers("Condition", "need", json!({ "code": concept(SNOMED, "63487001") }));
    assert_eq!(under(plans::policy(), &in_an_emergency(None), &elsewhere(), &fertility).reasons()[0].rule, RuleId::L3);
}

// ---- bars (step 3) ---------------------------------------------------------------------------------------------------------------

#[test]
fn only_the_exemption_of_its_own_law_lifts_a_bar_or_consent_to_tell_this_recipient_this() {
    let fertility = hers("Condition", "need", json!({ "code": concept(SNOMED, "63487001") }));
    let ask = |provision: Value, change: &dyn Fn(&mut Question)| {
        let mut question = surgery();
        change(&mut question);
        under(plans::policy(), &question, &evidence(vec![read(&consent(provision))]), &fertility).outcome()
    };
    let surgery_may = json!({ "type": "permit", "actor": [recipient("Organization/beckside")] });
    assert_eq!(ask(surgery_may.clone(), &|_| {}), Outcome::Deny, "a general agreement names nothing");
    let named = with(surgery_may.clone(), json!({ "code": [concept(SNOMED, "63487001")] }));
    assert_eq!(ask(named.clone(), &|_| {}), Outcome::Permit);
    let everyone = json!({ "type": "permit", "code": [concept(SNOMED, "63487001")] });
    assert_eq!(ask(everyone, &|_| {}), Outcome::Deny, "the law asks for consent to tell somebody");
    let exempt = |q: &mut Question| {
        q.declared_bases = vec!["hfea-consent".to_owned()];
        q.party.roles = vec!["hfea-consent".to_owned()];
    };
    assert_eq!(ask(surgery_may.clone(), &exempt), Outcome::Permit);
    assert_eq!(ask(surgery_may.clone(), &|q| q.declared_bases = vec!["hfea-consent".to_owned()]), Outcome::Deny);
    assert_eq!(ask(surgery_may, &|q| q.party.roles = vec!["hfea-consent".to_owned()]), Outcome::Deny);
}

#[test]
fn no_consent_lifts_the_bar_of_gender_recognition() {
    let told = hers("Condition", "need", json!({ "code": { "text": "holds a gender recognition certificate" } }));
    let may = json!({ "type": "permit", "actor": [recipient("Organization/beckside")],
        "class": [coding("http://hl7.org/fhir/resource-types", "Condition")] });
    let decision = under(plans::policy(), &surgery(), &evidence(vec![read(&consent(may))]), &told);
    assert_eq!((decision.outcome(), decision.reasons()[0].rule), (Outcome::Deny, RuleId::L2));
}

#[test]
fn what_may_not_be_shown_to_her_is_kept_from_her_app_and_not_from_her_surgery() {
    let mut evidence = evidence(vec![]);
    evidence.facts.bars.push(Bar {
        id: "serious-harm".to_owned(),
        rule: RuleId::R5,
        references: vec!["Goal/g".to_owned()],
        texts: vec![],
        exemption: None,
        recipients: vec![plans::subject()],
    });
    let mut app = party("app", "person");
    app.identifiers.clear();
    app.person = Some(plans::subject());
    let own = Question::new(app, "PATRQT", Action::Access, now());
    assert_eq!(under(plans::policy(), &own, &evidence, &goal()).outcome(), Outcome::Deny);
    // another identity than the surgery's is not the surgery's
    let with = Identity::by_identifier(plans::ODS, "Y99001");
    evidence.facts.relationships.push(Relationship { with, from: None, until: None });
    evidence.facts.bars[0].recipients = vec![Identity::by_identifier(plans::ODS, "Y99002")];
    assert_eq!(under(plans::policy(), &surgery(), &evidence, &goal()).outcome(), Outcome::Permit);
}

// ---- orders (steps 4 and 10a) --------------------------------------------------------------------------------------------------------

fn order(rule: RuleId, until: Option<&str>) -> Order {
    Order {
        id: "s42-7".to_owned(),
        rule,
        basis: "Care Act 2014 s42".to_owned(),
        decided_by: Some("a named lead".to_owned()),
        recipient: Identity::by_identifier(plans::ODS, "Y99001"),
        sections: vec!["goals".to_owned()],
        from: None,
        until: until.map(|u| u.parse().expect("an instant")),
        tell_person: true,
    }
}

#[test]
fn an_order_carries_its_law_and_its_end_and_does_not_reach_what_is_barred() {
    let mut evidence = evidence(vec![read(&consent(json!({ "type": "deny" })))]);
    evidence.facts.orders.push(order(RuleId::L7, Some("2026-12-01T00:00:00Z")));
    let decision = under(plans::policy(), &surgery(), &evidence, &goal());
    assert_eq!(decision.reasons()[0].rule, RuleId::L7);
    assert_eq!(decision.reasons()[0].basis.as_deref(), Some("Care Act 2014 s42"));
    assert!(decision.obligations().iter().any(|o| matches!(o, Obligation::Expires(_))));
    let barred = hers("Goal", "g", json!({ "lifecycleStatus": "active", "description": concept(SNOMED, "63487001") }));
    assert_eq!(under(plans::policy(), &surgery(), &evidence, &barred).reasons()[0].rule, RuleId::L3);
    assert_eq!(
        under(plans::policy(), &surgery(), &evidence, &need()).outcome(),
        Outcome::Deny,
        "the minimum, and no more"
    );
}

#[test]
fn a_purpose_of_safeguarding_goes_straight_to_an_order_and_nowhere_without_one() {
    let question = asked("THREAT");
    let agreed = || evidence(vec![read(&consent(json!({ "type": "permit" })))]);
    assert_eq!(under(plans::policy(), &question, &agreed(), &goal()).reasons()[0].rule, RuleId::L7);
    assert_eq!(under(plans::policy(), &question, &agreed(), &goal()).outcome(), Outcome::Deny);
    let mut ordered = agreed();
    ordered.facts.orders.push(order(RuleId::L7, Some("2026-12-01T00:00:00Z")));
    assert_eq!(under(plans::policy(), &question, &ordered, &goal()).outcome(), Outcome::Permit);
}

// ---- obligations (steps 12 and 13) ------------------------------------------------------------------------------------------------------

#[test]
fn whatever_goes_is_recorded_marked_and_good_for_its_purpose_and_its_epoch_only() {
    let mut known = evidence(vec![]);
    known.epoch = 7;
    let decision = under(plans::policy(), &surgery(), &known, &goal());
    let for_care = Obligation::ForPurpose(vec![Code::of(REASON, "TREAT")]);
    let wanted =
        [Obligation::Audit, Obligation::Manifest, Obligation::NoOnwardSharing, for_care, Obligation::RedecideAfter(7)];
    for obligation in wanted {
        assert!(decision.obligations().contains(&obligation), "{obligation:?}");
    }
    let denied = under(plans::policy(), &asked("TREAT"), &evidence(vec![]), &goal());
    assert_eq!(denied.obligations(), [Obligation::Audit], "nothing goes, so nothing is marked");
}

#[test]
fn a_caller_is_told_that_something_is_withheld_only_where_the_site_says_so_and_never_of_a_bar() {
    let tells = site("tell-withheld = false", "tell-withheld = true");
    let both = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "resource": goal() }, { "resource": hers("Condition", "need", json!({ "code": concept(SNOMED, "63487001") })) },
        { "resource": json!({ "resourceType": "Task", "id": "t", "status": "requested", "intent": "plan",
            "for": { "reference": "Patient/winifred" } }) }] });
    let told = |policy: &Policy, provision: Value| {
        let evidence = evidence(vec![read(&consent(provision))]);
        let decision = under(policy, &surgery(), &evidence, &both);
        assert_eq!(decision.outcome(), Outcome::Redact, "{decision:?}");
        decision.told()
    };
    let all = json!({ "type": "permit" });
    assert_eq!(told(&tells, all), Told::Nothing, "of what the law keeps back not even a hint");
    let but_goals = json!({ "type": "permit", "provision": [{ "type": "deny",
        "class": [coding("http://hl7.org/fhir/resource-types", "Goal")] }] });
    assert_eq!(told(&tells, but_goals.clone()), Told::SomethingWithheld);
    assert_eq!(told(plans::policy(), but_goals), Told::Nothing);
}

#[test]
fn the_most_that_a_recipient_may_ever_have_holds_over_every_choice() {
    let capped = site(
        "# [[recipient]]\n# id = \"brightside-care\"\n# sections = [\"about-me\", \"goals\", \"actions\", \"contacts\"]",
        "[[recipient]]\nid = \"Y99001\"\nsections = [\"goals\"]",
    );
    let evidence = evidence(vec![read(&consent(json!({ "type": "permit" })))]);
    assert_eq!(under(&capped, &surgery(), &evidence, &goal()).outcome(), Outcome::Permit);
    assert_eq!(under(&capped, &surgery(), &evidence, &need()).reasons()[0].rule, RuleId::R6);
}
