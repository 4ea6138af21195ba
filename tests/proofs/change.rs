//! Changes to a case: one more refusal, a name that nobody can resolve, lists and keys in another order.

use super::source::Source;
use super::world::Case;
use super::{cases, consents, records};
use serde_json::{Map, Value, json};

/// One of a list, if there is any.
pub fn some<T>(source: &mut Source, list: &[T]) -> Option<usize> {
    let at = source.below(list.len());
    (at < list.len()).then_some(at)
}

/// Makes a Consent that refuses and permits nothing, and replaces no other.
pub fn deny_only(consent: &mut Value) {
    fn all(provision: &mut Value) {
        provision["type"] = json!("deny");
        for nested in provision.get_mut("provision").and_then(Value::as_array_mut).into_iter().flatten() {
            all(nested);
        }
    }
    let object = consent.as_object_mut().expect("an object");
    for key in ["identifier", "meta", "policyRule"] {
        object.remove(key);
    }
    if !consent.get("provision").is_some_and(Value::is_array) {
        all(&mut consent["provision"]);
    }
}

/// Whether a Consent only permits, and replaces no other.
pub fn permits_only(consent: &Value) -> bool {
    fn all(provision: &Value) -> bool {
        provision["type"] == "permit" && provision["provision"].as_array().into_iter().flatten().all(all)
    }
    let plain = ["identifier", "meta", "policyRule"].iter().all(|k| consent.get(k).is_none());
    plain && consent["status"] == "active" && all(&consent["provision"])
}

/// Lists in another order, however deep.
pub fn shuffle_lists(value: &mut Value, source: &mut Source) {
    match value {
        Value::Array(list) => {
            source.shuffle(list);
            list.iter_mut().for_each(|v| shuffle_lists(v, source));
        }
        Value::Object(map) => map.values_mut().for_each(|v| shuffle_lists(v, source)),
        _ => {}
    }
}

/// Keys in the opposite order, however deep.
pub fn turn_keys(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(turn_keys),
        Value::Object(map) => {
            let mut turned: Vec<(String, Value)> = std::mem::take(map).into_iter().collect();
            turned.reverse();
            turned.iter_mut().for_each(|(_, v)| turn_keys(v));
            *map = turned.into_iter().collect::<Map<_, _>>();
        }
        _ => {}
    }
}

/// One of the names in a Consent becomes one that says nothing, or one that may be anybody's.
pub fn forget_a_name(consent: &mut Value, source: &mut Source) {
    fn gather<'v>(value: &'v mut Value, into: &mut Vec<&'v mut Value>) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(|v| gather(v, into)),
            Value::Object(map) => {
                for (key, value) in map {
                    if key == "actor" {
                        into.extend(value.as_array_mut().into_iter().flatten().filter_map(|a| a.get_mut("reference")));
                    } else if key == "patient" || key == "performer" {
                        into.push(value);
                    } else {
                        gather(value, into);
                    }
                }
            }
            _ => {}
        }
    }
    let mut names = Vec::new();
    gather(consent, &mut names);
    let at = source.below(names.len());
    let Some(name) = names.into_iter().nth(at) else { return };
    let known = name.get("reference").and_then(Value::as_str).filter(|r| !r.contains("://")).map(str::to_owned);
    *name = match known {
        Some(known) if source.once_in(2) => json!({ "reference": format!("https://elsewhere.example/fhir/{known}") }),
        _ if name.is_array() => json!([{ "display": "somebody" }]),
        _ => json!({ "display": "somebody" }),
    };
}

/// Changes one input, whichever.
pub fn anything(case: &mut Case, source: &mut Source) {
    let other = cases::any(source);
    match source.below(26) {
        0 => case.consents = other.consents,
        1 => case.parts = other.parts,
        2 => case.ask.names = other.ask.names,
        3 => case.ask.groups = other.ask.groups,
        4 => case.ask.groups_known = !case.ask.groups_known,
        5 => case.ask.roles = other.ask.roles,
        6 => case.ask.may = other.ask.may,
        7 => case.ask.person = other.ask.person,
        8 => case.ask.purposes = other.ask.purposes,
        9 => case.ask.action = other.ask.action,
        10 => case.ask.now = other.ask.now,
        11 => case.ask.glass = other.ask.glass,
        12 => case.ask.bases = other.ask.bases,
        13 => case.ask.category = other.ask.category,
        14 => case.ask.relation = other.ask.relation,
        15 => case.ask.custodian = other.ask.custodian,
        16 => case.ask.audience = other.ask.audience,
        17 => case.facts.capacity = other.facts.capacity,
        18 => case.facts.age = other.facts.age,
        19 => case.facts.died = other.facts.died,
        20 => case.facts.checked = !case.facts.checked,
        21 => case.facts.speakers = other.facts.speakers,
        22 => case.facts.cares = other.facts.cares,
        23 => (case.facts.opted_out, case.facts.restricted) = (other.facts.opted_out, other.facts.restricted),
        24 => (case.facts.verified, case.facts.read_at) = (other.facts.verified, other.facts.read_at),
        _ => (case.facts.bars, case.facts.orders) = (other.facts.bars, other.facts.orders),
    }
    debug_assert!(consents::PURPOSES.len() == 9 && records::SECTIONS.len() == 13);
}
