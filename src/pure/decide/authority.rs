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
        return own_word(facts);
    }
    if facts.authority == Authority::AsRecorded && facts.representatives.is_empty() {
        return Truth::True;
    }
    let wanted = by_word.and_then(right_of_word);
    let fits = |r: &&Representative| match others.as_slice() {
        [] => wanted.is_none_or(|w| w == r.right),
        some => some.iter().any(|p| p.same(&r.who) == Truth::True),
    };
    let mut found = facts.representatives.iter().filter(fits).map(|r| holds(r, facts, now)).peekable();
    if found.peek().is_none() {
        return Truth::Unknown;
    }
    found.max().unwrap_or(Truth::Unknown)
}

/// The person's own word: from 16 presumed; under 16 only if competent; not if capacity for this was lacking.
fn own_word(facts: &Facts) -> Truth {
    match facts.capacity {
        // made earlier, with capacity, a choice continues: capacity at the time is what counts, and is presumed
        Capacity::Lacks | Capacity::Has => Truth::True,
        // somebody of whom no age is known is taken for an adult; one who may be a child is not
        Capacity::Presumed if facts.age.is_some() && facts.adult() != Truth::True => Truth::Unknown,
        Capacity::Presumed => Truth::True,
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

/// Whether a representative may decide about sharing now.
pub(super) fn holds(representative: &Representative, facts: &Facts, now: Timestamp) -> Truth {
    let alive = Truth::from(facts.died.is_none_or(|d| now < d));
    let in_time = within(now, representative.from, representative.until);
    let lacks = Truth::from(facts.capacity == Capacity::Lacks);
    let right = match representative.right {
        Right::HealthAndWelfareAttorney => Truth::from(representative.registered).and(lacks),
        Right::WelfareDeputy | Right::BestInterests => lacks,
        Right::ParentalResponsibility => match (facts.capacity, facts.adult()) {
            (Capacity::Has, _) | (_, Truth::True) => Truth::False,
            (_, Truth::False) => Truth::True,
            (_, Truth::Unknown) => Truth::Unknown,
        },
        Right::PropertyAttorney | Right::Consent => Truth::False,
        Right::Unknown => Truth::Unknown,
    };
    alive.and(in_time).and(right)
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
    let state = match choice.standing {
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
