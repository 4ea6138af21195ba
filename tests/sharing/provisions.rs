//! The dimensions of a provision, each in both directions: a permit needs certainty, a deny does not (§1.1, §1.3, §4.7).

use crate::world::*;
use serde_json::{Value, json};
use sharewell::pure::decide::{Action, Code, Identity, Outcome, RuleId};

fn permit(more: Value) -> Vec<Value> {
    vec![consent(with(json!({ "type": "permit" }), more))]
}

fn deny(more: Value) -> Vec<Value> {
    vec![consent(with(json!({ "type": "deny" }), more))]
}

fn both(more: Value, resource: &Value) -> (bool, bool) {
    let goes = |consents: &[Value]| !goes(&surgery(), consents, std::slice::from_ref(resource)).is_empty();
    (goes(&permit(more.clone())), goes(&deny(more)))
}

#[test]
fn a_period_counts_to_the_last_instant_of_its_last_day_in_london() {
    let at = |now: &str| {
        let mut question = surgery();
        question.now = now.parse().expect("an instant");
        question.party.audiences.clear();
        let consents = permit(json!({ "period": { "start": "2026-06-01", "end": "2026-06-30" } }));
        // not asked of the evidence's age here
        let trees = crate::plans::tree(&goal());
        let mut evidence = crate::plans::evidence(consents.iter().map(crate::plans::read).collect());
        evidence.read_at = question.now;
        let found = sharewell::pure::decide::explain(&question, &[trees.root()], &evidence, crate::plans::policy());
        found.outcome() == Outcome::Permit
    };
    assert!(!at("2026-05-31T22:59:59Z") && at("2026-05-31T23:00:00Z"), "it begins at midnight in London");
    assert!(at("2026-06-30T22:59:59Z") && !at("2026-06-30T23:00:00Z"), "and ends with the day");
}

#[test]
fn where_now_is_not_known_a_limit_in_time_is_not_met_and_an_objection_holds() {
    let mut question = surgery();
    question.now_known = false;
    let ask = |consents: &[Value]| !goes(&question, consents, &[goal()]).is_empty();
    let period = json!({ "period": { "end": "2030-01-01" } });
    assert!(!ask(&permit(period.clone())) && !ask(&deny(period)));
    assert!(ask(&permit(json!({}))));
}

#[test]
fn the_time_of_data_is_their_own_and_undated_data_are_neither_in_nor_out() {
    let seen = |date: Value| {
        hers("Observation", "o", with(json!({ "status": "final", "issued": "2026-02-01T00:00:00Z" }), date))
    };
    let year = json!({ "dataPeriod": { "start": "2022-01-01", "end": "2022-12-31" } });
    assert_eq!(both(year.clone(), &seen(json!({ "effectiveDateTime": "2022-06-01" }))), (true, false));
    assert_eq!(both(year.clone(), &seen(json!({ "effectiveDateTime": "2023-06-01" }))), (false, true));
    assert_eq!(both(year.clone(), &seen(json!({ "effectiveDateTime": "2022" }))), (true, false));
    // across the edge: only partly inside, and touched
    let across = seen(json!({ "effectivePeriod": { "start": "2022-12-01", "end": "2023-02-01" } }));
    assert_eq!(both(year.clone(), &across), (false, false));
    let undated = hers("CarePlan", "p", json!({ "status": "active", "intent": "plan" }));
    assert_eq!(both(year.clone(), &undated), (false, false));
    let decision = decided(&surgery(), &deny(year), &[undated]);
    assert!(cites(&decision, RuleId::X1), "{decision:?}");
}

#[test]
fn any_one_of_several_actors_will_do() {
    let two = json!({ "actor": [recipient("Organization/elsewhere"), recipient("Organization/beckside")] });
    assert_eq!(both(two, &goal()), (true, false));
}

#[test]
fn a_custodian_is_who_holds_the_data_and_no_recipient() {
    let holder = json!({ "actor": [actor("CST", "Organization/beckside")] });
    assert_eq!(both(holder.clone(), &goal()), (false, false), "who holds these data is not known");
    let held_by = |reference: &str| {
        let mut question = surgery();
        question.custodian = Some(Identity::by_reference(reference));
        let ask = |consents: Vec<Value>| !goes(&question, &consents, &[goal()]).is_empty();
        (ask(permit(holder.clone())), ask(deny(holder.clone())))
    };
    assert_eq!(held_by("Organization/beckside"), (true, false));
    assert_eq!(held_by("Organization/elsewhere"), (false, true));
}

#[test]
fn leave_for_a_recipient_at_a_holder_is_about_both_at_once() {
    let both_parts = json!({ "actor": [recipient("Organization/elsewhere"), actor("CST", "Organization/council")] });
    let mut question = surgery();
    question.custodian = Some(Identity::by_reference("Organization/council"));
    assert!(goes(&question, &permit(both_parts.clone()), &[goal()]).is_empty(), "leave for somebody else");
    assert!(goes(&question, &deny(both_parts), &[goal()]).is_empty(), "an objection takes either");
}

#[test]
fn membership_that_nobody_resolved_is_unknown() {
    let group = json!({ "actor": [recipient("Group/team")] });
    let member = |known: bool, member: bool| {
        let mut question = surgery();
        question.party.groups_known = known;
        question.party.groups = if member { vec!["Group/team".to_owned()] } else { vec![] };
        let ask = |consents: Vec<Value>| !goes(&question, &consents, &[goal()]).is_empty();
        (ask(permit(group.clone())), ask(deny(group.clone())))
    };
    assert_eq!(member(true, true), (true, false));
    assert_eq!(member(true, false), (false, true));
    assert_eq!(member(false, false), (false, false));
}

#[test]
fn a_refusal_to_correct_is_none_to_read_and_one_to_read_is_one_to_be_sent() {
    let under = |action: Action, named: &str| {
        let mut question = surgery();
        question.action = action;
        let action = json!({ "action": [concept("http://terminology.hl7.org/CodeSystem/consentaction", named)] });
        let ask = |consents: Vec<Value>| !goes(&question, &consents, &[goal()]).is_empty();
        (ask(permit(action.clone())), ask(deny(action)))
    };
    assert_eq!(under(Action::Access, "correct"), (false, true));
    assert_eq!(under(Action::Access, "access"), (true, false));
    assert_eq!(under(Action::Disclose, "access"), (false, false), "leave to read is none to be sent");
    assert_eq!(under(Action::Access, "burn"), (false, false), "nobody knows what that is");
}

#[test]
fn a_level_permits_up_to_it_and_forbids_from_it() {
    let at = |level: &str| {
        hers(
            "Goal",
            "g",
            json!({ "lifecycleStatus": "active", "description": { "text": "x" },
        "meta": { "security": [coding(LEVEL, level)] } }),
        )
    };
    let named = |level: &str| json!({ "securityLabel": [coding(LEVEL, level)] });
    for (rule, data, expected) in [
        ("N", "N", (true, false)),
        ("N", "R", (false, false)),
        ("N", "V", (false, false)),
        ("R", "N", (true, true)),
        ("R", "R", (true, false)),
        ("R", "V", (false, false)),
        ("V", "R", (true, false)),
        ("V", "V", (true, false)),
    ] {
        // a refusal of R and above leaves N to the default, which goes no further than N
        assert_eq!(both(named(rule), &at(data)), expected, "{rule} and data {data}");
    }
}

#[test]
fn a_kind_of_label_takes_what_lies_below_it_and_one_that_nobody_knows_might_be_meant() {
    let marked = |system: &str, code: &str| {
        hers(
            "Goal",
            "g",
            json!({ "lifecycleStatus": "active",
        "description": { "text": "x" }, "meta": { "security": [coding(system, code)] } }),
        )
    };
    let kind = json!({ "securityLabel": [coding(KIND, "BH")] });
    assert_eq!(both(kind.clone(), &marked(KIND, "PSY")), (true, false));
    assert!(!both(kind.clone(), &marked(KIND, "HIV")).0);
    let foreign = marked("https://somewhere.example/labels", "private");
    assert_eq!(both(kind, &foreign), (false, false));
}

#[test]
fn a_purpose_covers_what_lies_below_it_and_a_declared_emergency_is_not_implied_by_care() {
    let under = |asked: &str, named: &str| {
        let mut question = surgery();
        question.purposes = vec![Code::of(REASON, asked)];
        question.party.purposes = vec![asked.to_owned()];
        let named = json!({ "purpose": [coding(REASON, named)] });
        let ask = |consents: Vec<Value>| !goes(&question, &consents, &[goal()]).is_empty();
        (ask(permit(named.clone())), ask(deny(named)))
    };
    assert!(under("CLINTRCH", "HRESCH").0);
    assert!(!under("HRESCH", "CLINTRCH").0);
    assert_eq!(under("ETREAT", "TREAT"), (true, false));
    assert_eq!(
        under("BTG", "TREAT"),
        (false, false),
        "leave for care is none to break the glass; a refusal of care is one"
    );
    assert_eq!(under("CAREMGT", "TREAT"), (false, false));
    assert_eq!(under("TREAT", "HMARKT"), (true, true), "a choice about marketing says nothing about care");
    assert_eq!(under("TREAT", "NOSUCHCODE"), (true, false), "what it covers nobody can tell");
}

#[test]
fn of_several_purposes_in_a_rule_one_will_do_and_of_several_asked_under_all_are_needed() {
    let named = |codes: &[&str]| json!({ "purpose": codes.iter().map(|c| coding(REASON, c)).collect::<Vec<_>>() });
    assert_eq!(both(named(&["HRESCH", "TREAT"]), &goal()), (true, false));
    let mut question = surgery();
    question.purposes = vec![Code::of(REASON, "TREAT"), Code::of(REASON, "HRESCH")];
    assert!(goes(&question, &permit(named(&["TREAT"])), &[goal()]).is_empty());
    assert!(!goes(&question, &permit(named(&["TREAT", "HRESCH"])), &[goal()]).is_empty());
}

#[test]
fn a_class_is_a_type_first_and_any_of_several() {
    let types = |types: &[&str]| json!({ "class": types.iter().map(|t| coding("http://hl7.org/fhir/resource-types", t)).collect::<Vec<_>>() });
    assert_eq!(both(types(&["Goal", "Task"]), &goal()), (true, false));
    assert_eq!(both(types(&["Task"]), &goal()), (false, true));
    let url = "https://profiles.example/StructureDefinition/private-goal";
    let claims = hers(
        "Goal",
        "g",
        json!({ "lifecycleStatus": "active", "description": { "text": "x" }, "meta": { "profile": [url] } }),
    );
    let profile = json!({ "class": [coding("https://profiles.example/StructureDefinition/", "private-goal")] });
    assert_eq!(both(profile.clone(), &claims), (true, false));
    assert_eq!(both(profile, &goal()), (false, true));
}

#[test]
fn a_document_type_is_found_and_a_document_of_no_known_type_might_be_it() {
    let letter = json!({ "class": [coding("http://loinc.org", "34133-9")] });
    let document = |type_: Value| {
        hers(
            "DocumentReference",
            "d",
            with(
                json!({ "status": "current",
        "content": [{ "attachment": { "contentType": "application/pdf" } }] }),
                type_,
            ),
        )
    };
    assert_eq!(
        both(letter.clone(), &document(json!({ "type": concept("http://loinc.org", "34133-9") }))),
        (true, false)
    );
    assert_eq!(
        both(letter.clone(), &document(json!({ "type": concept("http://loinc.org", "11488-4") }))),
        (false, true)
    );
    assert_eq!(both(letter.clone(), &document(json!({}))), (false, false));
    assert_eq!(both(letter, &goal()), (false, true));
}

#[test]
fn an_instance_what_it_refers_to_and_what_refers_to_it_are_three_things_for_leave_and_one_for_an_objection() {
    let visit = json!({ "resourceType": "Encounter", "id": "visit", "status": "finished", "class": { "code": "AMB" },
        "subject": { "reference": "Patient/winifred" }, "reasonReference": [{ "reference": "Condition/why" }] });
    let why = hers("Condition", "why", json!({}));
    let seen =
        hers("Observation", "seen", json!({ "status": "final", "encounter": { "reference": "Encounter/visit" } }));
    let other = hers("Observation", "other", json!({ "status": "final" }));
    let all = [visit, why, seen, other];
    let under = |meaning: &str| {
        let data = json!({ "data": [{ "meaning": meaning, "reference": { "reference": "Encounter/visit" } }] });
        (goes(&surgery(), &permit(data.clone()), &all), goes(&surgery(), &deny(data), &all))
    };
    let (visit, why, seen, other) = ("Encounter/visit", "Condition/why", "Observation/seen", "Observation/other");
    assert_eq!(under("instance"), (vec![visit.into()], vec![why.into(), seen.into(), other.into()]));
    assert_eq!(under("related"), (vec![visit.into(), why.into()], vec![other.into()]));
    assert_eq!(under("dependents"), (vec![visit.into(), seen.into()], vec![other.into()]));
}

#[test]
fn who_wrote_it_is_asked_of_the_data_and_where_nobody_is_named_is_unknown() {
    let by = |author: Value| hers("Observation", "o", with(json!({ "status": "final" }), author));
    let data = json!({ "data": [{ "meaning": "authoredby", "reference": { "reference": "Practitioner/tobias" } }] });
    assert_eq!(
        both(data.clone(), &by(json!({ "performer": [{ "reference": "Practitioner/tobias" }] }))),
        (true, false)
    );
    assert_eq!(both(data.clone(), &by(json!({ "performer": [{ "reference": "Practitioner/ruth" }] }))), (false, true));
    assert_eq!(both(data, &by(json!({}))), (false, false));
}

#[test]
fn a_child_has_what_its_parent_states_and_what_it_states_itself_in_its_place() {
    let purpose = |code: &str| json!([coding(REASON, code)]);
    let nested = |child: Value| consent(json!({ "type": "deny", "purpose": purpose("TREAT"), "provision": [child] }));
    let ask = |asked: &str, consent: &Value| {
        let mut question = surgery();
        question.purposes = vec![Code::of(REASON, asked)];
        !goes(&question, std::slice::from_ref(consent), &[goal()]).is_empty()
    };
    let named = nested(json!({ "type": "permit", "actor": [recipient("Organization/beckside")] }));
    assert!(ask("TREAT", &named));
    assert!(!ask("HRESCH", &named), "the child has its parent's purpose");
    let glass = nested(json!({ "type": "permit", "purpose": purpose("BTG") }));
    assert!(ask("BTG", &glass) && !ask("TREAT", &glass));
}

#[test]
fn the_deepest_that_matches_wins_and_at_one_depth_a_refusal() {
    let goal_type = json!([coding("http://hl7.org/fhir/resource-types", "Goal")]);
    let leaf = |says: &str| json!({ "type": says, "class": goal_type });
    let tree = |nested: Value| [consent(json!({ "type": "deny", "provision": nested }))];
    assert!(goal_goes(&tree(json!([leaf("permit")]))));
    assert!(!goal_goes(&tree(json!([leaf("permit"), leaf("deny")]))));
    let deeper = json!({ "type": "permit", "provision": [leaf("deny")] });
    assert!(!goal_goes(&tree(json!([deeper]))));
    let deepest = json!({ "type": "permit", "provision": [{ "type": "deny", "provision": [leaf("permit")] }] });
    assert!(goal_goes(&tree(json!([deepest]))), "any depth is followed");
}
