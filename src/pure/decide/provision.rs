//! One rule of a choice with every dimension spelled out, and whether it matches: three-valued, dimensions ANDed.

use super::words::{Action, Code, Identity};
use crate::pure::fhir::When;
use serde::{Deserialize, Serialize};

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Says {
    /// It may go.
    Permit,
    /// It may not.
    Deny,
}

impl Says {
    /// The other one.
    #[must_use]
    pub fn opposite(self) -> Says {
        match self {
            Says::Permit => Says::Deny,
            Says::Deny => Says::Permit,
        }
    }
}

/// In what part an actor stands in a provision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// Who receives: IRCP, PRCP, or no role at all.
    Recipient,
    /// Who holds the data (CST): not the recipient.
    Custodian,
    /// Some other part, which we do not judge by.
    Other,
}

/// An actor of a provision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// In what part.
    pub part: Part,
    /// Who. Empty where only an audience is named.
    pub who: Identity,
    /// Code of sharing-audience.
    pub audience: Option<String>,
    /// What the Consent calls them: for people to read, never to match by.
    pub display: Option<String>,
}

/// A span of time; either end may be open, both count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// From, as written.
    pub from: Option<When>,
    /// Until, the whole of it, as written.
    pub until: Option<When>,
    /// The first instant in it.
    pub(super) begins: Timestamp,
    /// The first instant after it.
    pub(super) ends: Timestamp,
}

impl Span {
    /// A span between two dates as written; a date without a zone is one of Europe/London.
    #[must_use]
    pub fn of(from: Option<When>, until: Option<When>) -> Span {
        let begins = from.map_or(Timestamp::MIN, When::earliest);
        let ends = until.map_or(Timestamp::MAX, When::end);
        Span { from, until, begins, ends }
    }
}

/// How a provision's `data.reference` reaches data (R4 consent-data-meaning).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Meaning {
    /// That resource.
    Instance,
    /// That resource and what it refers to.
    Related,
    /// That resource and what refers to it.
    Dependents,
    /// What that party wrote.
    AuthoredBy,
}

impl Rule {
    /// A rule that says nothing but this: it covers everything.
    pub(super) fn open(says: Says) -> Rule {
        Rule {
            says,
            depth: 0,
            actors: Vec::new(),
            purposes: Vec::new(),
            actions: Vec::new(),
            period: None,
            data_period: None,
            labels: Vec::new(),
            classes: Vec::new(),
            codes: Vec::new(),
            data: Vec::new(),
            unclear: false,
        }
    }
}

/// One rule. An empty dimension says nothing, and so covers everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Permit or deny.
    pub says: Says,
    /// How deep it stands: the deepest that matches wins.
    pub depth: u8,
    /// Any of these.
    pub actors: Vec<Actor>,
    /// Any of these, or what lies below them.
    pub purposes: Vec<Code>,
    /// Any of these.
    pub actions: Vec<Action>,
    /// While this lasts.
    pub period: Option<Span>,
    /// Data of this time.
    pub data_period: Option<Span>,
    /// Any of these labels.
    pub labels: Vec<Code>,
    /// Any of these classes.
    pub classes: Vec<Code>,
    /// Any of these codes.
    pub codes: Vec<Code>,
    /// Any of these.
    pub data: Vec<(Meaning, String)>,
    /// Holds something that we could not read: then it matches nothing for certain, and everything perhaps.
    pub unclear: bool,
}

// ---- matching ----------------------------------------------------------------------------------------------------------

use super::label::Labels;
use super::policy::{FRAME, Policy, WHOLE};
use super::question::Question;
use super::record::{Prepared, Resource};
use super::rules::RuleId;
use super::words::{PLAN_SECTION, RESOURCE_TYPES, Truth};
use jiff::Timestamp;

/// The party as choices may name it.
pub(super) struct Known<'q> {
    pub question: &'q Question,
    pub who: Identity,
}

impl<'q> Known<'q> {
    pub fn of(question: &'q Question) -> Known<'q> {
        let party = &question.party;
        let mut who = Identity { references: party.references.clone(), identifiers: party.identifiers.clone() };
        if let Some(person) = &party.person {
            who.references.extend(person.references.iter().cloned());
            who.identifiers.extend(person.identifiers.iter().cloned());
        }
        Known { question, who }
    }
}

/// How narrowly a rule names a party when it names the person.
const PERSON: u8 = 5;

/// How a rule stands to the question, the data left aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking {
    /// Whether it speaks about this party, purpose, action and time.
    pub truth: Truth,
    /// How narrowly it names the party: person 5, role in a team 4, team 3, organisation 2, audience 1, everyone 0.
    pub who: u8,
}

/// The data a rule is held against: a unit of a record, or only what a request says of them. What is not said is open.
#[derive(Clone, Copy, Default)]
pub(super) struct Data<'d, 't> {
    pub record: Option<&'d Prepared<'t>>,
    pub resource: Option<&'d Resource<'t>>,
    pub sections: Option<u32>,
    /// Those of the unit, where they are not those of its resource.
    pub labels: Option<&'d Labels<'t>>,
    pub stated: Option<&'d Stated>,
}

/// What a request says about data that are not at hand.
#[derive(Clone, Debug, Default)]
pub(super) struct Stated {
    pub classes: Vec<Code>,
    pub codes: Vec<Code>,
    pub labels: Vec<Code>,
    pub resource: Option<String>,
    pub date: Option<When>,
}

/// How a rule stands to data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// Whether it speaks about them, whatever is open taken as true.
    pub truth: Truth,
    /// Whether something it asks about was not said.
    pub open: bool,
}

/// How a rule stands to a resource, its sections left aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    class: Match,
    rest: Match,
}

impl Match {
    const YES: Match = Match { truth: Truth::True, open: false };
    const OPEN: Match = Match { truth: Truth::True, open: true };

    fn and(self, other: Match) -> Match {
        Match { truth: self.truth.and(other.truth), open: self.open || other.open }
    }

    fn sure(truth: Truth) -> Match {
        Match { truth, open: false }
    }
}

/// Whether `now` lies in a span; a time that is not known makes any limit unknown.
pub(super) fn in_span(span: Option<Span>, question: &Question) -> Truth {
    let Some(span) = span else { return Truth::True };
    if span.from.is_none() && span.until.is_none() {
        return Truth::True;
    }
    if !question.now_known {
        return Truth::Unknown;
    }
    Truth::from(span.begins <= question.now && question.now < span.ends)
}

impl Rule {
    /// Holds the rule against the question.
    pub(super) fn asking(&self, known: &Known<'_>, policy: &Policy) -> Asking {
        let (actor, who) = self.actor(known, policy);
        let who = if self.says == Says::Deny { self.narrowest(known, policy) } else { who };
        let question = known.question;
        let truth =
            actor.and(self.purpose(question, policy)).and(self.action(question)).and(in_span(self.period, question));
        let truth = if self.unclear { truth.and(Truth::Unknown) } else { truth };
        Asking { truth, who }
    }

    /// Whether it speaks about this purpose and action, at whatever time, and perhaps about this party.
    pub(super) fn might_concern(&self, known: &Known<'_>, policy: &Policy) -> bool {
        let about = self.purpose(known.question, policy).and(self.action(known.question));
        about == Truth::True && self.actor(known, policy).0 != Truth::False
    }

    /// How narrowly an objection names the party, at the most: one that might name it might name it as narrowly as can be,
    /// so that nothing is gained by writing a name in a way that nobody can resolve.
    fn narrowest(&self, known: &Known<'_>, policy: &Policy) -> u8 {
        let named = self.actors.iter().map(|a| a.is(known, policy)).filter(|(truth, _)| *truth != Truth::False);
        named.map(|(truth, who)| if truth == Truth::Unknown { PERSON } else { who }).max().unwrap_or(0)
    }

    /// Any of the actors. An agreement that names a holder and a recipient is about that holder's data and that recipient:
    /// it has to meet one of each part it names. An objection needs one of either.
    fn actor(&self, known: &Known<'_>, policy: &Policy) -> (Truth, u8) {
        if self.actors.is_empty() {
            return (Truth::True, 0);
        }
        let best = |part: Option<Part>| {
            let named = self.actors.iter().filter(|a| part.is_none_or(|p| a.part == p));
            named.map(|a| a.is(known, policy)).max()
        };
        if self.says == Says::Deny {
            return best(None).unwrap_or((Truth::False, 0));
        }
        let parts = [Part::Recipient, Part::Custodian, Part::Other].into_iter().filter_map(|p| best(Some(p)));
        parts.fold((Truth::True, 0), |(truth, who), (one, narrow)| (truth.and(one), who.max(narrow)))
    }

    fn purpose(&self, question: &Question, policy: &Policy) -> Truth {
        if self.purposes.is_empty() {
            // to agree without saying for what is to agree to care; anything else has to be named (rule P3)
            let care = self.says == Says::Deny || question.purposes.iter().all(|p| policy.goes_without_saying(p));
            return if care { Truth::True } else { Truth::Unknown };
        }
        if question.purposes.is_empty() {
            return Truth::Unknown;
        }
        let objection = self.says == Says::Deny;
        let reach = |asked: &Code| {
            let each = self.purposes.iter().map(|p| policy.purpose_reaches(p, asked, objection));
            each.max().unwrap_or(Truth::False)
        };
        let all = question.purposes.iter().map(reach);
        // an objection hits if it reaches any purpose asked under; an agreement has to cover them all
        if objection {
            return all.max().unwrap_or(Truth::Unknown);
        }
        all.min().unwrap_or(Truth::Unknown)
    }

    fn action(&self, question: &Question) -> Truth {
        if self.actions.is_empty() || self.actions.contains(&question.action) {
            return Truth::True;
        }
        // an objection to being read is one to being handed on, and the other way round
        let reveals = question.action.reveals() && self.actions.iter().any(|a| a.reveals());
        if self.says == Says::Deny && reveals { Truth::Unknown } else { Truth::False }
    }

    /// Whether it asks anything about the data.
    pub(super) fn limits_data(&self) -> bool {
        !(self.labels.is_empty() && self.classes.is_empty() && self.codes.is_empty() && self.data.is_empty())
            || self.data_period.is_some()
    }

    /// The published rule by which an objection like this keeps something back.
    pub(super) fn objects_as(&self) -> RuleId {
        if !self.limits_data() {
            RuleId::C1
        } else if !self.labels.is_empty() {
            RuleId::R1
        } else if !self.classes.is_empty() || !self.codes.is_empty() {
            RuleId::R2
        } else {
            RuleId::R3
        }
    }

    /// How narrowly it names the data: instance 3, code, author or period 2, label or class 1, all 0.
    pub(super) fn data_rank(&self) -> u8 {
        if self.data.iter().any(|(m, _)| *m != Meaning::AuthoredBy) {
            3
        } else if !self.data.is_empty() || !self.codes.is_empty() || self.data_period.is_some() {
            2
        } else {
            u8::from(!self.labels.is_empty() || !self.classes.is_empty())
        }
    }

    /// Whether it limits by sections of a plan: then the frame goes along, but never alone.
    pub(super) fn by_sections(&self) -> bool {
        self.classes.iter().any(|c| c.system.as_deref() == Some(PLAN_SECTION))
    }

    /// Holds the rule against data.
    pub(super) fn matching(&self, data: &Data<'_, '_>, policy: &Policy) -> Match {
        self.part(self.held(data, policy), self.covered(policy), data.sections)
    }

    /// Holds the rule against a resource, whichever sections of it are meant: the same for all its parts.
    pub(super) fn held(&self, data: &Data<'_, '_>, policy: &Policy) -> Held {
        let class = if self.classes.is_empty() { Match::YES } else { self.class(data) };
        let mut rest = Match::YES;
        if !self.labels.is_empty() {
            rest = rest.and(self.label(data, policy));
        }
        if !self.codes.is_empty() && rest.truth != Truth::False {
            rest = rest.and(self.code(data, policy));
        }
        if !self.data.is_empty() && rest.truth != Truth::False {
            rest = rest.and(self.datum(data));
        }
        if let Some(span) = self.data_period.filter(|_| rest.truth != Truth::False) {
            rest = rest.and(self.time(data, span));
        }
        Held { class, rest }
    }

    /// Holds it against one part, of these sections. Where none are known, only what was stated counts.
    pub(super) fn part(&self, held: Held, covered: Option<u32>, sections: Option<u32>) -> Match {
        let class = match (covered, sections) {
            (Some(covered), Some(sections)) => Match::sure(held.class.truth.or(self.section(sections, covered))),
            _ => held.class,
        };
        class.and(held.rest)
    }

    /// The sections it names, where it names any.
    pub(super) fn covered(&self, policy: &Policy) -> Option<u32> {
        let named = self.classes.iter().filter(|c| c.system.as_deref() == Some(PLAN_SECTION));
        let bits = named.map(|class| match class.code.as_str() {
            "whole-plan" => u32::MAX,
            code => policy.sections.bits(code).unwrap_or(0),
        });
        bits.reduce(|all, bits| all | bits)
    }

    /// By its type or a profile it claims. Sections come after, part by part.
    fn class(&self, data: &Data<'_, '_>) -> Match {
        let Some(resource) = data.resource else { return self.stated_class(data) };
        let mut found = Truth::False;
        for class in &self.classes {
            match class.system.as_deref() {
                Some(PLAN_SECTION) => {}
                Some(RESOURCE_TYPES) | None => found = found.or(Truth::from(class.code == resource.type_)),
                Some(system) => found = found.or(resource.is_of_class(system, &class.code)),
            }
        }
        Match::sure(found)
    }

    fn section(&self, sections: u32, covered: u32) -> Truth {
        match self.says {
            // the frame goes along with whatever else goes
            Says::Permit => Truth::from(sections == FRAME || sections & !covered == 0),
            Says::Deny if covered == u32::MAX => Truth::True,
            Says::Deny => Truth::from(sections & covered & !WHOLE != 0),
        }
    }

    fn stated_class(&self, data: &Data<'_, '_>) -> Match {
        let stated = data.stated.map(|s| s.classes.as_slice()).unwrap_or_default();
        if stated.is_empty() {
            return Match::OPEN;
        }
        let asks_sections = stated.iter().any(|c| c.system.as_deref() == Some(PLAN_SECTION));
        if self.by_sections() && !asks_sections {
            return Match::OPEN;
        }
        let whole = |c: &Code| c.is(PLAN_SECTION, "whole-plan") && c.system.is_some();
        let hit = |asked: &Code| self.classes.iter().any(|c| c.same(asked) || whole(c));
        Match::sure(self.some_or_all(stated, hit))
    }

    /// A permit has to cover all that is asked for; a deny hits if it covers any of it.
    fn some_or_all(&self, asked: &[Code], hit: impl Fn(&Code) -> bool) -> Truth {
        let count = asked.iter().filter(|c| hit(c)).count();
        match (self.says, count) {
            (_, 0) => Truth::False,
            (Says::Permit, n) if n < asked.len() => Truth::Unknown,
            _ => Truth::True,
        }
    }

    fn label(&self, data: &Data<'_, '_>, policy: &Policy) -> Match {
        if let Some(labels) = data.labels.or(data.resource.map(|r| &r.labels)) {
            return Match::sure(match self.says {
                Says::Permit => labels.within(&self.labels, policy),
                Says::Deny => labels.at_least(&self.labels, policy),
            });
        }
        let stated = data.stated.map(|s| s.labels.as_slice()).unwrap_or_default();
        if stated.is_empty() {
            return Match::OPEN;
        }
        let labels = super::label::stated(stated, policy);
        Match::sure(match self.says {
            Says::Permit => labels.within(&self.labels, policy),
            Says::Deny => labels.at_least(&self.labels, policy),
        })
    }

    fn code(&self, data: &Data<'_, '_>, policy: &Policy) -> Match {
        let objection = self.says == Says::Deny;
        let reach = |system: Option<&str>, code: &str| {
            let each = self.codes.iter().map(|c| policy.code_reaches(c, system, code, objection));
            each.max().unwrap_or(Truth::False)
        };
        let Some(resource) = data.resource else {
            let stated = data.stated.map(|s| s.codes.as_slice()).unwrap_or_default();
            if stated.is_empty() {
                return Match::OPEN;
            }
            let all = stated.iter().map(|asked| reach(asked.system.as_deref(), &asked.code));
            // an agreement has to reach all that is asked for; an objection hits if it reaches any of it
            let found = if objection { all.max() } else { all.min() };
            return Match::sure(found.unwrap_or(Truth::False));
        };
        let found = resource.codings.iter().map(|(system, code)| reach(*system, code)).max().unwrap_or(Truth::False);
        // words without a code might mean it
        let worded = Truth::from(resource.uncoded && resource.codings.is_empty()).and(Truth::Unknown);
        Match::sure(found.or(worded))
    }

    fn datum(&self, data: &Data<'_, '_>) -> Match {
        let mut found = Truth::False;
        for (meaning, reference) in &self.data {
            let one = match (data.resource, data.record) {
                (Some(resource), Some(record)) => self.reaches(*meaning, reference, resource, record),
                _ => match data.stated.and_then(|s| s.resource.as_deref()) {
                    None => return Match::OPEN,
                    Some(stated) => match super::words::same_reference(stated, reference) {
                        Truth::False if *meaning == Meaning::AuthoredBy => return Match::OPEN,
                        truth => truth,
                    },
                },
            };
            found = found.or(one);
        }
        Match::sure(found)
    }

    fn reaches(&self, meaning: Meaning, reference: &str, resource: &Resource<'_>, record: &Prepared<'_>) -> Truth {
        if meaning == Meaning::AuthoredBy {
            return resource.authored_by(reference);
        }
        let itself = resource.is(reference);
        let refers = || resource.refers_to(reference);
        let referred = || {
            let from = record.named(reference).map(|at| &record.resources[at]);
            from.map_or(Truth::Unknown, |f| f.refs.iter().map(|r| resource.is(r)).max().unwrap_or(Truth::False))
        };
        match (self.says, meaning) {
            (_, Meaning::Instance | Meaning::AuthoredBy) => itself,
            (Says::Permit, Meaning::Related) => itself.or(referred()),
            (Says::Permit, Meaning::Dependents) => itself.or(refers()),
            // an objection takes both directions. What it names may lie outside the record: then what that refers to, which
            // is what it says, cannot be told; that it might also mean the other direction stops nothing
            (Says::Deny, Meaning::Related) => itself.or(refers()).or(referred()),
            (Says::Deny, Meaning::Dependents) => {
                let outward = referred();
                itself.or(refers()).or(if outward == Truth::True { outward } else { Truth::False })
            }
        }
    }

    fn time(&self, data: &Data<'_, '_>, span: Span) -> Match {
        let (from, until) = (span.begins, span.ends);
        let dates = match data.resource {
            Some(resource) => resource.dates,
            None => match data.stated.and_then(|s| s.date) {
                None => return Match::OPEN,
                Some(date) => Some((date.earliest(), date.end())),
            },
        };
        let Some((start, end)) = dates else { return Match::sure(Truth::Unknown) };
        let inside = from <= start && end <= until;
        let touches = start < until && from < end;
        Match::sure(Truth::from(if self.says == Says::Permit { inside } else { touches }))
    }
}

impl Actor {
    /// Whether this names the party, and how narrowly.
    pub(super) fn is(&self, known: &Known<'_>, policy: &Policy) -> (Truth, u8) {
        let question = known.question;
        match self.part {
            Part::Other => return (Truth::Unknown, 0),
            Part::Custodian => {
                let holder = question.custodian.as_ref().map_or(Truth::Unknown, |c| c.same(&self.who));
                return (holder, 0);
            }
            Part::Recipient => {}
        }
        if let Some(audience) = &self.audience {
            if question.party.audiences.contains(audience) {
                return (Truth::True, 1);
            }
            let rule = policy.audiences.get(audience);
            let everyone =
                rule.is_some_and(|a| a.everyone_in_direct_care) && super::steps::direct_care(question, policy);
            return (if rule.is_none() { Truth::Unknown } else { Truth::from(everyone) }, u8::from(!everyone));
        }
        let rank = self.rank();
        if (3..=4).contains(&rank) {
            let member = |r: &String| {
                let groups = question.party.groups.iter().chain(&question.party.references);
                groups.map(|g| super::words::same_reference(g, r)).max().unwrap_or(Truth::False)
            };
            let found = self.who.references.iter().map(member).max().unwrap_or(Truth::False);
            let unresolved = found == Truth::False && !question.party.groups_known;
            return (if unresolved { Truth::Unknown } else { found }, rank);
        }
        match self.who.same(&known.who) {
            Truth::Unknown if self.of_another_kind(known) => (Truth::False, rank),
            truth => (truth, rank),
        }
    }

    /// A natural person is never an organisation, nor the other way round: an NHS number names the one, an ODS code the other.
    fn of_another_kind(&self, known: &Known<'_>) -> bool {
        let all = |system: &str| {
            self.who.references.is_empty()
                && !self.who.identifiers.is_empty()
                && self.who.identifiers.iter().all(|(s, _)| s == system)
        };
        let person = known.question.party.person.is_some();
        (all(super::words::NHS_NUMBER) && !person && !known.who.is_empty()) || (all(super::words::ODS) && person)
    }

    fn rank(&self) -> u8 {
        let type_ = self.who.references.first().map_or("", |r| {
            let mut parts = r.rsplit('/');
            parts.next();
            parts.next().unwrap_or_default()
        });
        match type_ {
            "Practitioner" | "Patient" | "RelatedPerson" | "Device" | "Person" => PERSON,
            "PractitionerRole" => 4,
            "CareTeam" | "Group" => 3,
            _ => 2,
        }
    }
}
