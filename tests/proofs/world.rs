//! One generated case in plain values: who asks, what is known, what the record holds. And the same case as the engine takes it.

use super::plans;
use jiff::Timestamp;
use serde_json::Value;
use sharewell::pure::decide::{
    self, Action, Authority, BreakGlass, Capacity, Choice, Decision, Evidence, Identity, Party, Question, Relation,
    Relationship, Representative, Right, RuleId, read_choice, unread_choice,
};
use sharewell::pure::fhir::Tree;

/// Who asks, for what, and when.
#[derive(Clone, Debug)]
pub struct Ask {
    pub ods: &'static str,
    pub audience: &'static str,
    /// References by which choices may name the party.
    pub names: Vec<&'static str>,
    pub groups: Vec<&'static str>,
    pub groups_known: bool,
    pub roles: Vec<&'static str>,
    /// Purposes it may ask under.
    pub may: Vec<&'static str>,
    /// NHS number of the person it acts for: an app, not an organisation.
    pub person: Option<&'static str>,
    pub purposes: Vec<&'static str>,
    pub action: &'static str,
    /// Seconds since 1970, as all times here.
    pub now: i64,
    pub glass: Option<Glass>,
    pub bases: Vec<&'static str>,
    pub category: Option<&'static str>,
    /// `evidence`, `presumed` or `absent`.
    pub relation: &'static str,
    pub self_claimed: bool,
    /// ODS code of the holder of the data.
    pub custodian: Option<&'static str>,
}

/// A declared emergency.
#[derive(Clone, Debug)]
pub struct Glass {
    pub reason: &'static str,
    pub text: &'static str,
    pub agreed_now: bool,
    pub cannot_ask: bool,
    pub declared: Option<i64>,
}

/// What is known about the person.
#[derive(Clone, Debug)]
pub struct Facts {
    /// `presumed`, `has` or `lacks`.
    pub capacity: &'static str,
    pub age: Option<u16>,
    pub died: Option<i64>,
    pub checked: bool,
    pub speakers: Vec<Speaker>,
    /// Who cares for the person: ODS code, from, until.
    pub cares: Vec<(&'static str, Option<i64>, Option<i64>)>,
    pub opted_out: Option<bool>,
    pub restricted: bool,
    pub verified: Option<bool>,
    pub bars: Vec<Bar>,
    pub orders: Vec<Order>,
    pub read_at: i64,
}

#[derive(Clone, Debug)]
pub struct Speaker {
    pub who: &'static str,
    pub right: &'static str,
    pub registered: bool,
    pub until: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Bar {
    pub rule: &'static str,
    pub reference: String,
    pub exemption: Option<&'static str>,
    /// ODS code of whom it stands against; none = everybody.
    pub against: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub rule: &'static str,
    pub decided: bool,
    pub ods: &'static str,
    pub sections: Vec<&'static str>,
    pub from: Option<i64>,
    pub until: Option<i64>,
}

/// One resource of the record. Its JSON is made from this, and must be read back as this.
#[derive(Clone, Debug)]
pub struct Part {
    pub type_: &'static str,
    pub id: String,
    /// `hers`, `anothers`, or `nobodys`.
    pub whose: &'static str,
    /// Sections it is tagged with.
    pub tags: Vec<&'static str>,
    /// Labels of `meta.security`: system and code.
    pub labels: Vec<(&'static str, &'static str)>,
    pub codes: Vec<(&'static str, &'static str)>,
    /// What it is, in words.
    pub text: &'static str,
    pub date: Option<&'static str>,
    pub author: Option<&'static str>,
    /// Resources it refers to.
    pub refers: Vec<String>,
    /// A contained Condition with this code.
    pub contained: Option<(&'static str, &'static str)>,
    /// Elements that belong to another section than the resource.
    pub elements: Vec<&'static str>,
}

impl Part {
    pub fn name(&self) -> String {
        format!("{}/{}", self.type_, self.id)
    }
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    pub consents: Vec<Value>,
    pub ask: Ask,
    pub facts: Facts,
    pub parts: Vec<Part>,
}

pub const SNOMED: &str = "http://snomed.info/sct";
pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

// ---- as the engine takes it ---------------------------------------------------------------------------------------------

pub fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("an instant")
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|w| (*w).to_owned()).collect()
}

fn ods(code: &str) -> Identity {
    Identity::by_identifier(plans::ODS, code)
}

/// A Consent as the gateway reads it: what cannot be read is kept as an objection.
pub fn choice(consent: &Value) -> Choice {
    let tree = plans::tree(consent);
    read_choice(tree.root()).unwrap_or_else(|why| unread_choice(tree.root(), why))
}

pub fn question(ask: &Ask) -> Question {
    let party = Party {
        id: ask.ods.to_owned(),
        name: ask.ods.to_owned(),
        identifiers: if ask.person.is_some() { Vec::new() } else { vec![(plans::ODS.to_owned(), ask.ods.to_owned())] },
        audiences: vec![ask.audience.to_owned()],
        purposes: words(&ask.may),
        references: words(&ask.names),
        groups: words(&ask.groups),
        groups_known: ask.groups_known,
        roles: words(&ask.roles),
        person: ask.person.map(|n| Identity::by_identifier(plans::NHS, n)),
    };
    let action = Action::from_code(ask.action).expect("an action of R4");
    let mut question = Question::new(party, "", action, instant(ask.now));
    question.purposes = ask.purposes.iter().map(|p| decide::Code::of(decide::words::ACT_REASON, p)).collect();
    question.break_glass = ask.glass.as_ref().map(|g| BreakGlass {
        reason: g.reason.to_owned(),
        text: g.text.to_owned(),
        agreed_now: g.agreed_now,
        cannot_ask: g.cannot_ask,
        declared_at: g.declared.map(instant),
    });
    question.declared_bases = words(&ask.bases);
    question.categories = ask.category.iter().map(|c| decide::Code::bare(c)).collect();
    question.self_claimed = ask.self_claimed;
    question.custodian = ask.custodian.map(ods);
    question.relation = match ask.relation {
        "presumed" => Relation::Presumed,
        "absent" => Relation::Absent,
        _ => Relation::Evidence,
    };
    question
}

pub fn evidence(case: &Case) -> Evidence {
    let known = &case.facts;
    let mut evidence = Evidence::none(plans::subject(), instant(known.read_at));
    evidence.choices = case.consents.iter().map(choice).collect();
    let facts = &mut evidence.facts;
    facts.capacity = match known.capacity {
        "has" => Capacity::Has,
        "lacks" => Capacity::Lacks,
        _ => Capacity::Presumed,
    };
    facts.age = known.age;
    facts.died = known.died.map(instant);
    facts.authority = if known.checked { Authority::Checked } else { Authority::AsRecorded };
    facts.representatives = known.speakers.iter().map(speaker).collect();
    let cares = known.cares.iter();
    facts.relationships =
        cares.map(|(w, f, u)| Relationship { with: ods(w), from: f.map(instant), until: u.map(instant) }).collect();
    facts.opted_out = known.opted_out;
    facts.restricted = known.restricted;
    facts.verified = known.verified;
    facts.bars = known.bars.iter().map(bar).collect();
    facts.orders = known.orders.iter().map(order).collect();
    evidence
}

fn rule(id: &str) -> RuleId {
    RuleId::from_id(id).expect("a published rule")
}

fn speaker(speaker: &Speaker) -> Representative {
    let right = match speaker.right {
        "attorney" => Right::HealthAndWelfareAttorney,
        "money" => Right::PropertyAttorney,
        "deputy" => Right::WelfareDeputy,
        "parent" => Right::ParentalResponsibility,
        "best-interests" => Right::BestInterests,
        _ => Right::Unknown,
    };
    let who = Identity::by_reference(speaker.who);
    Representative { who, right, registered: speaker.registered, from: None, until: speaker.until.map(instant) }
}

fn bar(bar: &Bar) -> decide::Bar {
    decide::Bar {
        id: "bar".to_owned(),
        rule: rule(bar.rule),
        references: vec![bar.reference.clone()],
        texts: Vec::new(),
        exemption: bar.exemption.map(str::to_owned),
        recipients: bar.against.map(ods).into_iter().collect(),
    }
}

fn order(order: &Order) -> decide::Order {
    decide::Order {
        id: "order".to_owned(),
        rule: rule(order.rule),
        basis: "Care Act 2014".to_owned(),
        decided_by: order.decided.then(|| "named lead".to_owned()),
        recipient: ods(order.ods),
        sections: words(&order.sections),
        from: order.from.map(instant),
        until: order.until.map(instant),
        tell_person: false,
    }
}

/// What the engine says of a case.
pub fn engine(case: &Case) -> Decision {
    engine_on(case, &plans::tree(&super::records::bundle(&case.parts)))
}

/// The same over a record that is made already.
pub fn engine_on(case: &Case, record: &Tree) -> Decision {
    decide::explain(&question(&case.ask), &[record.root()], &evidence(case), plans::policy())
}
