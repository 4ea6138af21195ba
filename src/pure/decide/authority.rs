//! Who may choose for the person (rule C7), and whether a proxy's role is in force (rule P4).
//!
//! Mental Capacity Act 2005; Children Act 1989; NHS proxy access (DAPB3051) and its Validated Relationships Service.

use super::choice::{Choice, Dialect, Role, Standing};
use super::evidence::{Authority, Capacity, Facts, Representative, Right, within};
use super::provision::in_span;
use super::question::Question;
use super::words::{Identity, Truth};
use jiff::Timestamp;

/// Whether whoever made a choice had the right to. Unknown: their objection counts, their permission does not.
pub(super) fn had_authority(choice: &Choice, facts: &Facts, now: Timestamp) -> Truth {
    let by_word = choice.decided_by.as_deref();
    // a performer whom nobody can name is somebody, and not the person
    let others: Vec<&Identity> = choice.performers.iter().filter(|p| p.same(&choice.patient) != Truth::True).collect();
    let own = matches!(by_word, None | Some("person" | "not-recorded")) && others.is_empty();
    if own {
        return own_word(choice.dated, facts);
    }
    if facts.authority == Authority::AsRecorded && facts.representatives.is_empty() {
        return Truth::True;
    }
    let wanted = by_word.and_then(right_of_word);
    let fits = |r: &&Representative| match others.as_slice() {
        [] => wanted.is_none_or(|w| w == r.right),
        some => some.iter().any(|p| p.same(&r.who) == Truth::True),
    };
    let mut found = facts.representatives.iter().filter(fits).map(|r| chose(r, choice.dated, facts, now)).peekable();
    if found.peek().is_none() {
        return Truth::Unknown;
    }
    found.max().unwrap_or(Truth::Unknown)
}

/// The person's own word: from 16 presumed; under 16 only if competent; not if capacity for this was lacking when it was
/// given. A choice made earlier, with capacity, continues.
fn own_word(dated: Option<Timestamp>, facts: &Facts) -> Truth {
    match facts.capacity {
        Capacity::Has => Truth::True,
        Capacity::Lacks => match (facts.capacity_since, dated) {
            (None, _) => Truth::True,
            (Some(since), Some(dated)) if dated < since => Truth::True,
            // given after capacity was lost, or nobody knows when: an objection is listened to, an agreement is none
            (Some(_), _) => Truth::Unknown,
        },
        // somebody of whom no age is known is taken for an adult; one who may be a child is not
        Capacity::Presumed if facts.age.is_some() && facts.adult() != Truth::True => Truth::Unknown,
        Capacity::Presumed => Truth::True,
    }
}

/// Whether somebody chose by a right they had then. One who has it no longer has not objected in vain, but permits no more;
/// unless the person now decides for themself.
fn chose(by: &Representative, dated: Option<Timestamp>, facts: &Facts, now: Timestamp) -> Truth {
    let then = dated.map_or(now, |d| d.min(now));
    let had = in_office(by, facts, then);
    let has = in_office(by, facts, now);
    match entitled(by, facts) {
        Truth::False => Truth::False,
        entitled if had != Truth::False && has == Truth::False => entitled.and(Truth::Unknown),
        entitled => had.and(entitled).and(has),
    }
}

fn right_of_word(word: &str) -> Option<Right> {
    Some(match word {
        "lpa-health-welfare" => Right::HealthAndWelfareAttorney,
        "deputy" => Right::WelfareDeputy,
        "parental-responsibility" => Right::ParentalResponsibility,
        "best-interests" => Right::BestInterests,
        _ => return None,
    })
}

/// Whether a representative may decide about sharing at a time.
pub(super) fn holds(representative: &Representative, facts: &Facts, at: Timestamp) -> Truth {
    in_office(representative, facts, at).and(entitled(representative, facts))
}

/// Within the dates of the order or the power, and within the person's life: every right to speak for them dies with them.
fn in_office(representative: &Representative, facts: &Facts, at: Timestamp) -> Truth {
    let alive = Truth::from(facts.died.is_none_or(|d| at < d));
    alive.and(within(at, representative.from, representative.until))
}

/// Whether this right is one to decide about sharing in place of the person, as things stand with them.
fn entitled(representative: &Representative, facts: &Facts) -> Truth {
    // the day of the last assessment is not the day on which capacity was lost: it says nothing of their earlier choices
    let lacks = facts.capacity == Capacity::Lacks;
    match representative.right {
        Right::HealthAndWelfareAttorney => Truth::from(representative.registered && lacks),
        Right::WelfareDeputy | Right::BestInterests => Truth::from(lacks),
        Right::ParentalResponsibility => match (facts.capacity, facts.adult()) {
            (Capacity::Has, _) | (_, Truth::True) => Truth::False,
            (_, Truth::False) => Truth::True,
            (_, Truth::Unknown) => Truth::Unknown,
        },
        Right::PropertyAttorney | Right::Consent => Truth::False,
        Right::Unknown => Truth::Unknown,
    }
}

/// How a proxy's role stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// `in-force`, `not-in-force`, `not-yet`, `expired`, `ended`, or `none` where there is no such role.
    pub state: &'static str,
    /// The legal basis; `unknown` is no authority.
    pub basis: Option<String>,
    /// Whether the basis is one that can carry authority.
    pub authoritative: bool,
    /// Why its status is what it is.
    pub status_reason: Option<String>,
    /// Whether the proxy may choose for the person, where that can be told.
    pub may_decide: Option<bool>,
    /// Somebody should look at it again.
    pub review: bool,
}

/// The role that choices of NHS VRS give `proxy` for the person.
#[must_use]
pub fn relation(
    choices: &[Choice],
    subject: &Identity,
    proxy: &Identity,
    question: &Question,
    facts: &Facts,
) -> Relation {
    let roles = choices.iter().filter(|c| c.dialect == Dialect::Vrs && c.patient.same(subject) == Truth::True);
    let states = roles.filter_map(|c| {
        let role = c.role.as_ref().filter(|r| r.proxy.same(proxy) == Truth::True)?;
        Some(state_of(c, role, question, facts))
    });
    let rank = |r: &Relation| {
        ["none", "ended", "expired", "not-yet", "not-in-force", "in-force"].iter().position(|s| *s == r.state)
    };
    states.max_by_key(rank).unwrap_or(Relation {
        state: "none",
        basis: None,
        authoritative: false,
        status_reason: None,
        may_decide: Some(false),
        review: false,
    })
}

fn state_of(choice: &Choice, role: &Role, question: &Question, facts: &Facts) -> Relation {
    let permits = choice.readings.iter().flatten().next().is_some_and(|r| r.says == super::provision::Says::Permit);
    let begun = choice.validity.and_then(|v| v.from).is_none_or(|f| f.earliest() <= question.now);
    let dead = facts.died.is_some_and(|d| d <= question.now);
    let state = match choice.standing {
        // DAPB3051: proxy access ends with the death of either
        _ if dead => "ended",
        Standing::Ended | Standing::Error => "ended",
        Standing::Proposed => "not-in-force",
        Standing::Active if !permits => "not-in-force",
        Standing::Active => match (in_span(choice.validity, question), begun) {
            (Truth::True, _) => "in-force",
            (_, false) => "not-yet",
            _ => "expired",
        },
    };
    let right = match role.basis.as_deref() {
        Some("parental-responsibility") => Right::ParentalResponsibility,
        Some("health-and-welfare-lasting-power-of-attorney") => Right::HealthAndWelfareAttorney,
        Some("court-appointed-personal-welfare-deputy") => Right::WelfareDeputy,
        Some("best-interest") => Right::BestInterests,
        Some("consent") => Right::Consent,
        _ => Right::Unknown,
    };
    let may = holds(
        // NHS VRS checks registration before it activates the role
        &Representative { who: role.proxy.clone(), right, registered: true, from: None, until: None },
        facts,
        question.now,
    );
    let at_16 = right == Right::ParentalResponsibility && facts.adult() == Truth::True;
    Relation {
        state,
        basis: Some(role.basis.clone().unwrap_or_else(|| "unknown".to_owned())),
        authoritative: right != Right::Unknown,
        status_reason: role.status_reason.clone(),
        may_decide: match may {
            _ if state != "in-force" => Some(false),
            Truth::Unknown if right == Right::ParentalResponsibility => None,
            truth => Some(truth == Truth::True),
        },
        review: at_16,
    }
}
