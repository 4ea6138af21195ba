//! Who may choose for the person, then and now (`sharing-choices` §3.2, rule C7), and the two NHS shapes of Consent (§1.1).

use crate::plans::{self, evidence, now, party, policy, read, tree};
use crate::world::*;
use serde_json::{Value, json};
use sharewell::pure::decide::authority::relation;
use sharewell::pure::decide::{
    Action, Capacity, Decision, Evidence, Facts, Identity, Outcome, Question, Representative, Right, RuleId, explain,
};

/// Who made the choice when, and what is known of her and them.
struct Chosen {
    says: &'static str,
    by: Option<Right>,
    dated: &'static str,
}

fn at(text: &str) -> jiff::Timestamp {
    text.parse().expect("an instant")
}

fn decided_by(chosen: &Chosen, change: impl FnOnce(&mut Evidence)) -> Decision {
    let mut choice = consent(json!({ "type": chosen.says, "actor": [recipient("Organization/beckside")] }));
    choice["dateTime"] = json!(chosen.dated);
    let mut question = surgery();
    question.party.audiences = vec!["voluntary-sector".to_owned()];
    if chosen.says == "deny" {
        question.party.audiences = vec!["gp-practice".to_owned()];
    }
    if chosen.by.is_some() {
        choice["performer"] = json!([{ "reference": "RelatedPerson/philippa" }]);
    }
    let mut evidence = evidence(vec![read(&choice)]);
    let who = Identity::by_reference("RelatedPerson/philippa");
    evidence.facts.representatives.extend(chosen.by.map(|right| Representative {
        who,
        right,
        registered: true,
        from: None,
        until: None,
    }));
    change(&mut evidence);
    let goal = tree(&goal());
    explain(&question, &[goal.root()], &evidence, policy())
}

fn counts(chosen: &Chosen, change: impl FnOnce(&mut Evidence)) -> bool {
    let went = decided_by(chosen, change).outcome() == Outcome::Permit;
    went == (chosen.says == "permit")
}

fn lacking_since(evidence: &mut Evidence, since: &str) {
    evidence.facts.capacity = Capacity::Lacks;
    evidence.facts.capacity_since = Some(at(since));
}

#[test]
fn her_own_choice_made_with_capacity_continues_and_one_made_without_is_no_leave() {
    let lost = |dated: &'static str, says: &'static str| {
        counts(&Chosen { says, by: None, dated }, |e| lacking_since(e, "2026-06-01T00:00:00Z"))
    };
    assert!(lost("2026-05-01", "permit"));
    assert!(!lost("2026-07-01", "permit"));
    assert!(lost("2026-07-01", "deny"), "what she objects to is listened to");
}

#[test]
fn an_attorney_or_deputy_chooses_only_from_the_day_their_right_began() {
    for right in [Right::HealthAndWelfareAttorney, Right::WelfareDeputy, Right::BestInterests] {
        let chose = |dated: &'static str, says: &'static str| {
            counts(&Chosen { says, by: Some(right), dated }, |e| {
                lacking_since(e, "2026-05-01T00:00:00Z");
                e.facts.representatives[0].from = Some(at("2026-06-01T00:00:00Z"));
            })
        };
        assert!(chose("2026-07-01", "permit") && chose("2026-07-01", "deny"), "{right:?}");
        assert!(!chose("2026-05-15", "permit") && !chose("2026-05-15", "deny"), "{right:?}: they had no right then");
        let able = |e: &mut Evidence| e.facts.capacity = Capacity::Has;
        assert!(
            !counts(&Chosen { says: "deny", by: Some(right), dated: "2026-07-01" }, able),
            "{right:?}: she decides"
        );
    }
}

#[test]
fn when_their_right_has_ended_their_objection_stays_and_their_leave_does_not() {
    let ended = |says: &'static str, died: bool| {
        let chosen = Chosen { says, by: Some(Right::WelfareDeputy), dated: "2026-07-01" };
        counts(&chosen, |e| {
            lacking_since(e, "2026-06-01T00:00:00Z");
            let end = at("2026-10-01T00:00:00Z");
            if died {
                e.facts.died = Some(end);
            } else {
                e.facts.representatives[0].until = Some(end);
            }
        })
    };
    assert!(!ended("permit", false) && ended("deny", false));
    assert!(
        !ended("permit", true) && ended("deny", true),
        "a lasting power dies with the donor, an objection does not"
    );
}

#[test]
fn money_an_unregistered_power_and_an_unknown_basis_decide_nothing() {
    let lacks = |e: &mut Evidence| lacking_since(e, "2026-06-01T00:00:00Z");
    for right in [Right::PropertyAttorney, Right::Unknown, Right::Consent] {
        assert!(!counts(&Chosen { says: "permit", by: Some(right), dated: "2026-07-01" }, lacks), "{right:?}");
    }
    let unregistered =
        decided_by(&Chosen { says: "permit", by: Some(Right::HealthAndWelfareAttorney), dated: "2026-07-01" }, |e| {
            lacks(e);
            e.facts.representatives[0].registered = false;
        });
    assert!(cites(&unregistered, RuleId::C7) && unregistered.outcome() == Outcome::Deny);
}

#[test]
fn a_parent_decides_for_a_child_who_cannot_and_from_sixteen_nobody_does() {
    let parent = |age: u16, capacity: Capacity| {
        let chosen = Chosen { says: "permit", by: Some(Right::ParentalResponsibility), dated: "2026-07-01" };
        counts(&chosen, |e| {
            e.facts.age = Some(age);
            e.facts.capacity = capacity;
        })
    };
    assert!(parent(9, Capacity::Presumed) && parent(15, Capacity::Presumed) && parent(15, Capacity::Lacks));
    assert!(!parent(15, Capacity::Has), "Gillick-competent");
    assert!(!parent(16, Capacity::Presumed) && !parent(17, Capacity::Presumed));
    let own = |age: u16, capacity: Capacity| {
        counts(&Chosen { says: "permit", by: None, dated: "2026-07-01" }, |e| {
            e.facts.age = Some(age);
            e.facts.capacity = capacity;
        })
    };
    assert!(own(16, Capacity::Presumed) && own(13, Capacity::Has) && !own(13, Capacity::Presumed));
}

// ---- NHS Validated Relationships ------------------------------------------------------------------------------------------------

const PHILIPPA: &str = "9990000026";

fn role(more: Value) -> Value {
    let shape = json!({
        "resourceType": "Consent", "id": "role", "status": "active",
        "extension": [{
            "url": "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-Consent-Status-Reason",
            "valueCodeableConcept": { "coding": [{ "code": "ROLE_CREATED" }] }
        }],
        "scope": concept("https://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "patient": { "identifier": { "system": plans::NHS, "value": plans::NUMBER } },
        "dateTime": "2026-01-01T00:00:00Z",
        "performer": [{ "identifier": { "system": plans::NHS, "value": PHILIPPA } }],
        "policyRule": concept("https://fhir.nhs.uk/England/CodeSystem/England-NHSProxyLegalBasis", "consent"),
        "provision": { "type": "permit", "period": { "start": "2026-01-01", "end": "2030-01-01" } }
    });
    with(shape, more)
}

fn standing(consent: Value, facts: &Facts) -> &'static str {
    let choices = [read(&consent)];
    let proxy = Identity::by_identifier(plans::NHS, PHILIPPA);
    let question = Question::new(party("app", "carer-family"), "PATRQT", Action::Access, now());
    relation(&choices, &plans::subject(), &proxy, &question, facts).state
}

#[test]
fn a_role_is_in_force_only_while_it_is_active_permitted_in_date_and_she_lives() {
    let alive = Facts::default();
    assert_eq!(standing(role(json!({})), &alive), "in-force", "the performer is the proxy");
    assert_eq!(standing(role(json!({ "status": "inactive" })), &alive), "ended", "though it is in date");
    assert_eq!(standing(role(json!({ "status": "proposed" })), &alive), "not-in-force", "an application");
    assert_eq!(standing(role(json!({ "provision": { "type": "deny" } })), &alive), "not-in-force");
    let period =
        |start: &str, end: &str| json!({ "provision": { "type": "permit", "period": { "start": start, "end": end } } });
    assert_eq!(standing(role(period("2027-01-01", "2030-01-01")), &alive), "not-yet");
    assert_eq!(standing(role(period("2025-01-01", "2026-01-01")), &alive), "expired");
    let dead = Facts { died: Some(at("2026-10-01T00:00:00Z")), ..Facts::default() };
    assert_eq!(standing(role(json!({})), &dead), "ended");
}

#[test]
fn a_role_shares_nothing_and_stops_nothing() {
    assert_eq!(answer(&surgery(), &[role(json!({}))]), (Outcome::Permit, RuleId::D1));
    assert_eq!(answer(&surgery(), &[role(json!({ "provision": { "type": "deny" } }))]), (Outcome::Permit, RuleId::D1));
}

// ---- NHS end of life ---------------------------------------------------------------------------------------------------------------

#[test]
fn an_inactive_end_of_life_consent_is_a_refusal_whatever_it_is_filed_under() {
    let profile = json!({ "meta": { "profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/EOL-Consent-1"] } });
    let eol = |status: &str, scope: &str| {
        let scope = concept("http://terminology.hl7.org/CodeSystem/consentscope", scope);
        with(with(consent(json!({})), profile.clone()), json!({ "status": status, "scope": scope }))
    };
    for scope in ["patient-privacy", "adr"] {
        assert_eq!(answer(&surgery(), &[eol("active", scope)]), (Outcome::Permit, RuleId::C2));
        assert_eq!(answer(&surgery(), &[eol("inactive", scope)]), (Outcome::Deny, RuleId::C1));
        assert_eq!(answer(&surgery(), &[eol("proposed", scope)]).1, RuleId::D1, "asked, and not answered yet");
    }
}
