//! The fingerprint of a decision names all of its inputs, and nothing of how they were gathered.

mod plans;

use jiff::Timestamp;
use plans::{NHS, ODS, choice, council_plan, definitions, evidence, party, policy, question};
use sharewell::pure::decide::{
    Action, Authority, Bar, BreakGlass, Capacity, Code, Evidence, Fallback, Identity, Order, Question, Relation,
    Relationship, Representative, Restriction, Right, RuleId, decide,
};
use sharewell::pure::validate::Validated;
use std::collections::HashMap;

fn plan() -> Validated {
    Validated::new(council_plan(), &[], definitions()).expect("the plan is valid")
}

fn inputs() -> (Question, Evidence) {
    let choices = vec![choice("a", "Y99001", "permit", &[], &[], None), choice("b", "Y99002", "deny", &[], &[], None)];
    (question(party("Y99001", "gp-practice"), Action::Access), evidence(choices))
}

fn later() -> Option<Timestamp> {
    "2026-11-22T10:00:01Z".parse().ok()
}

fn somebody() -> Identity {
    Identity::by_identifier(ODS, "Y99009")
}

fn bar() -> Bar {
    let texts = vec!["a place".to_owned()];
    Bar {
        id: "b".to_owned(),
        rule: RuleId::L4,
        references: vec![],
        texts,
        exemption: None,
        recipients: vec![somebody()],
    }
}

fn order() -> Order {
    Order {
        id: "o".to_owned(),
        rule: RuleId::L7,
        basis: "Care Act 2014 s42".to_owned(),
        decided_by: Some("a lead".to_owned()),
        recipient: somebody(),
        sections: vec!["needs".to_owned()],
        from: None,
        until: later(),
        tell_person: true,
    }
}

type Change = fn(&mut Question, &mut Evidence);

/// One change of one input each.
const CHANGES: &[(&str, Change)] = &[
    ("nothing", |_, _| ()),
    ("party id", |q, _| q.party.id = "other".to_owned()),
    ("party identifier", |q, _| q.party.identifiers[0].1 = "Y99009".to_owned()),
    ("party audience", |q, _| q.party.audiences.push("hospice".to_owned())),
    ("party purpose", |q, _| q.party.purposes.push("HOPERAT".to_owned())),
    ("party reference", |q, _| q.party.references.push("Organization/x".to_owned())),
    ("party group", |q, _| q.party.groups.push("Organization/x".to_owned())),
    ("party groups known", |q, _| q.party.groups_known = true),
    ("party role", |q, _| q.party.roles.push("break-glass".to_owned())),
    ("party person", |q, _| q.party.person = Some(somebody())),
    ("purpose", |q, _| q.purposes[0].code = "ETREAT".to_owned()),
    ("purpose without a system", |q, _| q.purposes[0].system = None),
    ("second purpose", |q, _| q.purposes.push(Code::bare("ETREAT"))),
    ("action", |q, _| q.action = Action::Disclose),
    ("now", |q, _| q.now = later().expect("an instant")),
    ("now is not known", |q, _| q.now_known = false),
    ("custodian", |q, _| q.custodian = Some(somebody())),
    ("break-glass", |q, _| q.break_glass = Some(BreakGlass::default())),
    ("break-glass reason", |q, _| q.break_glass = Some(BreakGlass { reason: "r".to_owned(), ..BreakGlass::default() })),
    ("break-glass text", |q, _| q.break_glass = Some(BreakGlass { text: "r".to_owned(), ..BreakGlass::default() })),
    ("break-glass agreed", |q, _| q.break_glass = Some(BreakGlass { agreed_now: true, ..BreakGlass::default() })),
    ("break-glass cannot ask", |q, _| q.break_glass = Some(BreakGlass { cannot_ask: true, ..BreakGlass::default() })),
    ("break-glass time", |q, _| q.break_glass = Some(BreakGlass { declared_at: later(), ..BreakGlass::default() })),
    ("declared basis", |q, _| q.declared_bases.push("s251".to_owned())),
    ("self-claimed", |q, _| q.self_claimed = true),
    ("category", |q, _| q.categories.push(Code::of("http://loinc.org", "59284-6"))),
    ("relation", |q, _| q.relation = Relation::Presumed),
    ("no relation", |q, _| q.relation = Relation::Absent),
    ("fallback", |q, _| q.fallback = Some(Fallback::Permit)),
    ("other fallback", |q, _| q.fallback = Some(Fallback::Deny)),
    ("subject", |_, e| e.subject.identifiers.push((NHS.to_owned(), "9990000026".to_owned()))),
    ("one choice less", |_, e| drop(e.choices.pop())),
    ("another version", |_, e| e.choices[0] = e.choices[0].clone().stored("a", 7, "winifreds-app")),
    ("another recorder", |_, e| e.choices[0] = e.choices[0].clone().stored("a", 7, "the-council")),
    ("epoch", |_, e| e.epoch += 1),
    ("read at", |_, e| e.read_at = later().expect("an instant")),
    ("capacity", |_, e| e.facts.capacity = Capacity::Lacks),
    ("has capacity", |_, e| e.facts.capacity = Capacity::Has),
    ("age", |_, e| e.facts.age = Some(15)),
    ("another age", |_, e| e.facts.age = Some(16)),
    ("age at most", |_, e| e.facts.age_at_most = Some(16)),
    ("death", |_, e| e.facts.died = later()),
    ("authority", |_, e| e.facts.authority = Authority::AsRecorded),
    ("opted out", |_, e| e.facts.opted_out = Some(true)),
    ("not opted out", |_, e| e.facts.opted_out = Some(false)),
    ("opt-out checked", |_, e| e.facts.opt_out_checked = later()),
    ("unreadable", |_, e| e.facts.unreadable = true),
    ("changes at", |_, e| e.facts.changes_at.extend(later())),
    ("restricted", |_, e| e.facts.restricted = true),
    ("verified", |_, e| e.facts.verified = Some(true)),
    ("not verified", |_, e| e.facts.verified = Some(false)),
    ("relationship", |_, e| {
        e.facts.relationships.push(Relationship { with: somebody(), from: None, until: None });
    }),
    ("relationship begins", |_, e| {
        e.facts.relationships.push(Relationship { with: somebody(), from: later(), until: None });
    }),
    ("relationship ends", |_, e| {
        e.facts.relationships.push(Relationship { with: somebody(), from: None, until: later() });
    }),
    ("representative", |_, e| {
        let (who, right) = (somebody(), Right::WelfareDeputy);
        e.facts.representatives.push(Representative { who, right, registered: false, from: None, until: None });
    }),
    ("another right", |_, e| {
        let (who, right) = (somebody(), Right::Unknown);
        e.facts.representatives.push(Representative { who, right, registered: false, from: None, until: None });
    }),
    ("registered", |_, e| {
        let (who, right) = (somebody(), Right::WelfareDeputy);
        e.facts.representatives.push(Representative { who, right, registered: true, from: None, until: None });
    }),
    ("restriction", |_, e| e.facts.restrictions.push(Restriction { from: None, until: None })),
    ("restriction begins", |_, e| e.facts.restrictions.push(Restriction { from: later(), until: None })),
    ("restriction ends", |_, e| e.facts.restrictions.push(Restriction { from: None, until: later() })),
    ("bar", |_, e| e.facts.bars.push(bar())),
    ("bar of a resource", |_, e| {
        e.facts.bars.push(Bar { texts: vec![], references: vec!["a place".to_owned()], ..bar() });
    }),
    ("bar against all", |_, e| e.facts.bars.push(Bar { recipients: vec![], ..bar() })),
    ("bar with exemption", |_, e| e.facts.bars.push(Bar { exemption: Some("x".to_owned()), ..bar() })),
    ("order", |_, e| e.facts.orders.push(order())),
    ("order of law", |_, e| e.facts.orders.push(Order { rule: RuleId::L6, ..order() })),
    ("order of nobody", |_, e| e.facts.orders.push(Order { decided_by: None, ..order() })),
    ("order of sections", |_, e| e.facts.orders.push(Order { sections: vec![], ..order() })),
    ("order untold", |_, e| e.facts.orders.push(Order { tell_person: false, ..order() })),
];

#[test]
fn every_input_of_a_decision_is_in_its_fingerprint() {
    let plan = plan();
    let mut seen = HashMap::new();
    for (what, change) in CHANGES {
        let (mut question, mut evidence) = inputs();
        change(&mut question, &mut evidence);
        let fingerprint = decide(&question, &plan, &evidence, policy()).fingerprint();
        let before = seen.insert(fingerprint, what);
        assert!(before.is_none(), "`{what}` gives the fingerprint of `{}`", before.unwrap_or(what));
    }
}

#[test]
fn the_order_in_which_inputs_were_gathered_is_not_in_the_fingerprint() {
    let plan = plan();
    let of = |turned: bool| {
        let (mut question, mut evidence) = inputs();
        for code in ["ETREAT", "BTG", "HOPERAT"] {
            question.purposes.push(Code::bare(code));
            question.party.roles.push(code.to_owned());
            evidence.subject.references.push(code.to_owned());
        }
        evidence.facts.orders = vec![order(), Order { id: "p".to_owned(), ..order() }];
        if turned {
            question.purposes.reverse();
            question.party.roles.reverse();
            evidence.subject.references.reverse();
            evidence.choices.reverse();
            evidence.facts.orders.reverse();
        }
        decide(&question, &plan, &evidence, policy()).fingerprint()
    };
    assert_eq!(of(false), of(true));
}
