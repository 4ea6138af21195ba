//! Generated cases: a party with a purpose, what is known of a person, their choices and their record.

use super::source::Source;
use super::world::{Ask, Bar, Case, Facts, Glass, Order, Speaker};
use super::{consents, plans, records};

/// Parties: ODS code and audience.
const PARTIES: [(&str, &str); 6] = [
    ("Y99001", "gp-practice"),
    ("Y99002", "hospice"),
    ("Y99003", "care-provider"),
    ("Y99004", "voluntary-sector"),
    ("Y99006", "hospital"),
    ("Y99005", "research-planning"),
];

/// Instants at and around the ends of what Consents write, and one plain day.
const TIMES: [&str; 16] = [
    "2026-11-22T10:00:00Z",
    "2026-06-30T22:59:59Z",
    "2026-06-30T23:00:00Z",
    "2026-06-29T22:59:59Z",
    "2026-06-29T23:00:00Z",
    "2026-11-21T23:59:59Z",
    "2026-11-22T00:00:00Z",
    "2026-03-29T22:59:59Z",
    "2026-03-29T23:00:00Z",
    "2026-09-01T12:00:00Z",
    "2026-09-01T12:00:01Z",
    "2026-10-31T23:59:59Z",
    "2026-11-01T00:00:00Z",
    "2026-12-31T23:59:59Z",
    "2027-01-01T00:00:00Z",
    "2026-01-15T10:00:00Z",
];

pub fn seconds(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect("an instant").as_second()
}

pub fn time(source: &mut Source) -> i64 {
    seconds(source.pick(&TIMES))
}

fn maybe_time(source: &mut Source, n: usize) -> Option<i64> {
    if source.once_in(n) { Some(time(source)) } else { None }
}

/// Any case.
pub fn any(source: &mut Source) -> Case {
    let ask = ask(source);
    let parts = records::any(source);
    let facts = facts(source, &ask, &parts);
    Case { consents: consents::any(source), ask, facts, parts }
}

fn ask(source: &mut Source) -> Ask {
    let (ods, audience) = source.pick(&PARTIES);
    let purpose = |s: &mut Source| match s.below(12) {
        0..=5 => "TREAT",
        6 => "BTG",
        7 => "ETREAT",
        8 | 9 => "HRESCH",
        10 => "PATRQT",
        _ => s.pick(&consents::PURPOSES),
    };
    let mut purposes = vec![purpose(source)];
    if source.once_in(6) {
        let second = purpose(source);
        if !purposes.contains(&second) {
            purposes.push(second);
        }
    }
    if source.once_in(40) {
        purposes.clear();
    }
    let mut may = consents::PURPOSES.to_vec();
    if source.once_in(12) {
        may.retain(|p| *p != "TREAT" && *p != "HRESCH");
    }
    let person = match source.below(10) {
        8 => Some(plans::NUMBER),
        9 => Some("9990000026"),
        _ => None,
    };
    let names = match source.below(6) {
        0..=2 => vec![],
        3 => vec!["Organization/o1"],
        4 => vec!["Practitioner/p1"],
        _ => vec!["Practitioner/p1", "PractitionerRole/r1"],
    };
    let now = time(source);
    let glass = source.once_in(4).then(|| Glass {
        reason: source.pick(&["unconscious", "life-threat", "curious"]),
        text: if source.once_in(6) { " " } else { "brought in unconscious" },
        agreed_now: source.once_in(4),
        cannot_ask: !source.once_in(4),
        declared: match source.below(5) {
            1 => Some(now),
            2 => Some(now - 3_599),
            3 => Some(now - 3_600),
            4 => Some(now + 1),
            _ => None,
        },
    });
    let roles = ["break-glass", "gra-health-professional", "hfea-consent"];
    let bases = ["s251", "law", "explicit-consent", "gra-health-professional", "hfea-consent", "because"];
    Ask {
        ods,
        audience,
        names,
        groups: if source.once_in(3) { vec!["CareTeam/t1"] } else { vec![] },
        groups_known: !source.once_in(2),
        roles: roles.into_iter().filter(|_| source.once_in(3)).collect(),
        may,
        person,
        purposes,
        action: source.pick(&["access", "disclose", "access", "disclose", "collect", "use", "correct"]),
        now,
        glass,
        bases: source.list(2, |s| s.pick(&bases)),
        category: if source.once_in(15) { Some("59284-6") } else { None },
        relation: source.pick(&["presumed", "evidence", "evidence", "presumed", "absent"]),
        self_claimed: source.once_in(10),
        custodian: if source.once_in(3) { Some(source.pick(&["Y99002", "X9N01"])) } else { None },
    }
}

fn facts(source: &mut Source, ask: &Ask, parts: &[super::world::Part]) -> Facts {
    let speaker = |s: &mut Source| Speaker {
        who: s.pick(&["RelatedPerson/philippa", "RelatedPerson/rupert"]),
        right: s.pick(&["attorney", "money", "deputy", "parent", "best-interests", "unknown"]),
        registered: !s.once_in(3),
        until: maybe_time(s, 4),
    };
    let speakers = source.list(2, speaker);
    let cares = source.list(2, |s| {
        let who = if s.once_in(3) { "Y99006" } else { ask.ods };
        (who, maybe_time(s, 5), maybe_time(s, 5))
    });
    let bars = if source.once_in(6) && !parts.is_empty() {
        vec![Bar {
            rule: source.pick(&["L4", "L2", "L5", "R5"]),
            reference: parts[source.below(parts.len())].name(),
            exemption: if source.once_in(3) { Some("gra-health-professional") } else { None },
            against: if source.once_in(3) { Some(source.pick(&["Y99001", "Y99002"])) } else { None },
        }]
    } else {
        Vec::new()
    };
    let order = |s: &mut Source| Order {
        rule: s.pick(&["L7", "L6"]),
        decided: !s.once_in(4),
        ods: if s.once_in(4) { "Y99006" } else { ask.ods },
        sections: s.list(3, |s| s.pick(&records::SECTIONS[..4])),
        from: maybe_time(s, 4),
        until: if s.once_in(4) { None } else { Some(time(s).max(ask.now - 1)) },
    };
    let orders = if source.once_in(6) { source.list(2, order) } else { Vec::new() };
    let opted_out = source.pick(&[None, Some(false), Some(true)]);
    Facts {
        capacity: source.pick(&["presumed", "presumed", "has", "lacks"]),
        age: source.pick(&[None, Some(85), Some(16), Some(15), Some(9)]),
        died: maybe_time(source, 10),
        checked: !source.once_in(4),
        speakers,
        cares,
        opted_out,
        restricted: source.once_in(8),
        verified: source.pick(&[None, None, None, Some(true), Some(true), Some(false)]),
        bars,
        orders,
        read_at: ask.now - source.pick(&[0, 60, 900, 901, -60, -61].map(|s: i64| s)) * i64::from(source.once_in(3)),
    }
}
