//! Nothing leaves without a permit, and nothing withheld leaves: tried over generated choices, questions and plans.

mod plans;

use plans::{choice, council_plan, definitions, evidence, party, policy, question};
use sharewell::pure::decide::{Action, Outcome, decide};
use sharewell::pure::redact::redact;
use sharewell::pure::validate::Validated;

#[test]
fn the_whole_plan_goes_where_the_person_agreed_to_all_of_it() {
    let record = Validated::new(council_plan(), &[], definitions()).expect("the plan is valid");
    let choices = vec![choice("gp", "Y99001", "permit", &[], &[], None)];
    let question = question(party("Y99001", "gp-practice"), Action::Disclose);
    let decision = decide(&question, &record, &evidence(choices), policy());
    assert_eq!(decision.outcome(), Outcome::Permit, "{decision:?} {:?}", decision.cuts());
    let permit = decision.into_permit().expect("a permit");
    let releasable = redact(&record, permit, definitions()).expect("it is released");
    assert_eq!(releasable.recipient(), "Y99001");
}
