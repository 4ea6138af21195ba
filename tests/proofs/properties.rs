//! The properties of `sharing-choices` §5 that a decision has by itself, one function each: it makes a case, and judges it.
//!
//! What of §5 needs the front door is tested there: 5 and 6 (equal to absent, GET as POST as bulk) in `tests/withheld*.rs` and
//! `tests/journey.rs`, 9 (nothing sent after a withdrawal) in `tests/journey.rs`, 10 (one audit pair each) in `tests/crash.rs`.
//! What is released, byte by byte, is in `bytes`.

use super::change::{self, deny_only, permits_only};
use super::source::{Property, Said, Source};
use super::twin::{self, Answer};
use super::world::{self, Case, Part, engine};
use super::{bytes, cases, consents, plans, records};
use serde_json::Value;
use sharewell::pure::decide::{self, Decision, Effect, RuleId};
use std::collections::BTreeSet;

macro_rules! properties {
    ($($($path:ident)::+),* $(,)?) => {
        /// All of them, by what they say.
        pub const ALL: &[(&str, Property)] = &[$((stringify!($($path)::+), $($path)::+)),*];
    };
}

properties! {
    the_engine_and_its_plain_twin_agree,
    the_order_of_choices_provisions_entries_and_keys_changes_nothing,
    a_choice_said_twice_says_no_more,
    one_more_refusal_never_releases_more,
    an_agreement_taken_away_opens_no_more_than_it_had_closed,
    a_higher_confidentiality_never_releases_more,
    data_taken_out_of_a_resource_never_release_more,
    a_fact_that_is_not_known_any_more_never_releases_more,
    a_name_that_nobody_can_resolve_never_releases_more,
    the_same_inputs_give_the_same_answer_and_fingerprint_however_they_were_gathered,
    where_the_answer_is_another_the_fingerprint_is_too,
    each_resource_of_a_bundle_fares_as_it_would_alone,
    another_persons_resources_never_go_and_change_nothing,
    the_answer_changes_in_time_only_at_the_instants_it_names,
    every_denial_gives_a_published_reason,
    no_search_looks_into_what_may_be_withheld,
    bytes::what_is_withheld_stands_nowhere_in_what_is_released,
    bytes::what_is_withheld_could_be_anything_and_what_is_released_is_the_same,
    bytes::a_released_copy_decided_again_goes_as_it_is,
}

/// What is shown of a case that fails.
pub fn shown(case: &Case) -> String {
    let consents: Vec<String> = case.consents.iter().map(ToString::to_string).collect();
    let record = records::bundle(&case.parts);
    format!("{:?}\n{:?}\nchoices:\n  {}\nrecord: {record}", case.ask, case.facts, consents.join("\n  "))
}

pub fn holds(yes: bool, case: &Case, what: impl FnOnce() -> String) -> Said {
    if yes { Ok(()) } else { Err(format!("{}\n{}", what(), shown(case))) }
}

/// A decision of the engine in the twin's words, over a record of resources with these names.
pub fn told_of(decision: &Decision, names: &[String]) -> Answer {
    let named = |path: &str| {
        let rest = path.strip_prefix("Bundle.entry[").expect("a path in the Bundle");
        let (at, rest) = rest.split_once(']').expect("an index");
        let name = &names[at.parse::<usize>().expect("an index")];
        let element = rest.trim_start_matches(".resource").trim_start_matches('.');
        if element.is_empty() { name.clone() } else { format!("{name}.{element}") }
    };
    let effect = |e: Effect| match e {
        Effect::Permit => "permit",
        Effect::Deny => "deny",
        Effect::Note => "note",
    };
    Answer {
        outcome: decision.outcome().code(),
        first: decision.reasons()[0].rule.id().to_owned(),
        rules: decision.reasons().iter().map(|r| format!("{} {}", effect(r.effect), r.rule.id())).collect(),
        goes: decision.released().iter().cloned().collect(),
        stays: decision.cuts().iter().map(|c| format!("{} {}", named(&c.path), c.reason.rule.id())).collect(),
    }
}

pub fn told(decision: &Decision, case: &Case) -> Answer {
    told_of(decision, &case.parts.iter().map(Part::name).collect::<Vec<_>>())
}

fn answer(case: &Case) -> Answer {
    told(&engine(case), case)
}

/// Over a record written by itself.
fn answer_on(case: &Case, bundle: &Value) -> Answer {
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let names =
        entries.iter().map(|e| format!("{}/{}", text(&e["resource"]["resourceType"]), text(&e["resource"]["id"])));
    told_of(&world::engine_on(case, &plans::tree(bundle)), &names.collect::<Vec<_>>())
}

/// All that goes of a record: resources, and the elements that stand for themselves.
fn all_that_goes(answer: &Answer, case: &Case) -> BTreeSet<String> {
    let stays = |name: &String| answer.stays.iter().any(|s| s.rsplit_once(' ').is_some_and(|(n, _)| n == name));
    let mut found = answer.goes.clone();
    for part in case.parts.iter().filter(|p| answer.goes.contains(&p.name())) {
        let mut extensions = 0;
        for element in &part.elements {
            let Some(targets) = records::targets(part, element, &case.parts) else { continue };
            let paths: Vec<String> = match *element {
                "budget" | "capacity" => {
                    extensions += 1;
                    vec![format!("extension[{}]", extensions - 1)]
                }
                "supportingInfo" => (0..targets.len()).map(|n| format!("supportingInfo[{n}]")).collect(),
                other => vec![other.to_owned()],
            };
            found.extend(paths.into_iter().map(|p| format!("{}.{p}", part.name())).filter(|n| !stays(n)));
        }
    }
    found
}

/// Whether a change released nothing that had stayed before.
fn no_more(before: &Case, after: &Case) -> Said {
    let (was, is) = (answer(before), answer(after));
    let more: Vec<String> = all_that_goes(&is, after).difference(&all_that_goes(&was, before)).cloned().collect();
    holds(more.is_empty(), after, || {
        format!("released after the change: {more:?}\nbefore: {was:#?}\nafter: {is:#?}\nfrom {}", shown(before))
    })
}

// ---- the twin, and property 1: order ------------------------------------------------------------------------------------

fn the_engine_and_its_plain_twin_agree(source: &mut Source) -> Said {
    let case = cases::any(source);
    let (fast, slow) = (answer(&case), twin::decide(&case));
    holds(fast == slow, &case, || format!("the engine says {fast:#?}\nthe twin says {slow:#?}"))
}

fn the_order_of_choices_provisions_entries_and_keys_changes_nothing(source: &mut Source) -> Said {
    let case = cases::any(source);
    let mut turned = case.clone();
    source.shuffle(&mut turned.consents);
    for consent in &mut turned.consents {
        if let Some(root) = consent.get_mut("provision") {
            change::shuffle_lists(root, source);
        }
        change::turn_keys(consent);
    }
    let mut bundle = records::bundle(&case.parts);
    if let Some(entries) = bundle["entry"].as_array_mut() {
        source.shuffle(entries);
    }
    change::turn_keys(&mut bundle);
    let (one, other) = (answer(&case), answer_on(&turned, &bundle));
    holds(one == other, &turned, || format!("as it was {one:#?}\nturned {other:#?}\nfrom {}", shown(&case)))
}

fn a_choice_said_twice_says_no_more(source: &mut Source) -> Said {
    let case = cases::any(source);
    let mut doubled = case.clone();
    doubled.consents.extend(case.consents.first().cloned());
    let (one, other) = (answer(&case), answer(&doubled));
    holds(one == other, &case, || format!("once {one:#?}\ntwice {other:#?}"))
}

// ---- property 2: never more ---------------------------------------------------------------------------------------------

fn one_more_refusal_never_releases_more(source: &mut Source) -> Said {
    let case = cases::any(source);
    let mut after = case.clone();
    let mut refusal = consents::one(source, 9);
    deny_only(&mut refusal);
    after.consents.push(refusal);
    no_more(&case, &after)
}

/// An agreement also says that nothing else was agreed to (C3), and one that ended that it is over (C6): taking it away
/// opens that again, and nothing else.
fn an_agreement_taken_away_opens_no_more_than_it_had_closed(source: &mut Source) -> Said {
    let case = cases::any(source);
    let agreements: Vec<usize> = (0..case.consents.len()).filter(|n| is_agreement(&case.consents[*n])).collect();
    let Some(at) = agreements.first().copied() else { return Ok(()) };
    let mut after = case.clone();
    after.consents.remove(at);
    let was = answer(&case);
    let closed: BTreeSet<&str> =
        was.stays.iter().filter_map(|s| s.strip_suffix(" C3").or_else(|| s.strip_suffix(" C6"))).collect();
    let before = all_that_goes(&was, &case);
    let is = answer(&after);
    let opened = |name: &String| {
        let resource = name.split_once('.').map_or(name.as_str(), |(r, _)| r);
        closed.contains(name.as_str()) || closed.contains(resource)
    };
    let more: Vec<String> =
        all_that_goes(&is, &after).into_iter().filter(|n| !before.contains(n) && !opened(n)).collect();
    holds(more.is_empty(), &case, || format!("without choice {at} also {more:?}\nbefore {was:#?}\nafter {is:#?}"))
}

fn is_agreement(consent: &Value) -> bool {
    permits_only(consent) && world::choice(consent).dialect() != decide::Dialect::Unread
}

fn a_higher_confidentiality_never_releases_more(source: &mut Source) -> Said {
    let case = cases::any(source);
    let mut after = case.clone();
    if let Some(at) = change::some(source, &after.parts) {
        after.parts[at].labels.push((world::CONFIDENTIALITY, source.pick(&["R", "V"])));
    }
    no_more(&case, &after)
}

fn data_taken_out_of_a_resource_never_release_more(source: &mut Source) -> Said {
    let case = cases::any(source);
    let mut after = case.clone();
    if let Some(at) = change::some(source, &after.parts) {
        let part = &mut after.parts[at];
        match source.below(3) {
            0 => part.date = None,
            1 => part.author = None,
            // a code of a sensitive set is a label as well: without it the resource is another
            _ if part.codes.iter().all(|c| records::CODES[..2].contains(c)) => part.codes.clear(),
            _ => {}
        }
    }
    no_more(&case, &after)
}

/// What gives leave: care, a role, a basis, a check, an authority. What forbids (a bar, an opt-out, a restriction) and what
/// the law presumes where nobody knows (capacity, age, life) is no such fact: `sharing-choices` §3.2.
fn a_fact_that_is_not_known_any_more_never_releases_more(source: &mut Source) -> Said {
    let mut case = cases::any(source);
    case.facts.checked = true;
    let mut after = case.clone();
    match source.below(9) {
        0 => after.facts.cares.clear(),
        1 => after.facts.opted_out = None,
        2 => after.facts.speakers.clear(),
        3 => after.ask.roles.clear(),
        4 => after.ask.bases.clear(),
        5 => after.ask.groups_known = false,
        6 => after.facts.orders.clear(),
        7 => after.ask.glass = None,
        _ => after.ask.relation = "absent",
    }
    no_more(&case, &after)
}

/// Where representatives are checked: taken as recorded, a performer is whoever its custodian says.
fn a_name_that_nobody_can_resolve_never_releases_more(source: &mut Source) -> Said {
    let mut case = cases::any(source);
    case.facts.checked = true;
    let mut after = case.clone();
    if let Some(at) = change::some(source, &after.consents) {
        change::forget_a_name(&mut after.consents[at], source);
    }
    no_more(&case, &after)
}

// ---- properties 3 and 12: one question, one answer -----------------------------------------------------------------------

fn the_same_inputs_give_the_same_answer_and_fingerprint_however_they_were_gathered(source: &mut Source) -> Said {
    let case = cases::any(source);
    let mut turned = case.clone();
    source.shuffle(&mut turned.consents);
    source.shuffle(&mut turned.ask.purposes);
    source.shuffle(&mut turned.ask.may);
    source.shuffle(&mut turned.ask.bases);
    source.shuffle(&mut turned.ask.roles);
    source.shuffle(&mut turned.facts.speakers);
    source.shuffle(&mut turned.facts.cares);
    source.shuffle(&mut turned.facts.orders);
    let (one, other) = (engine(&case), engine(&turned));
    let same = one.fingerprint() == other.fingerprint() && one == other;
    holds(same, &turned, || {
        let (a, b) = (one.fingerprint() == other.fingerprint(), (told(&one, &case), told(&other, &turned)));
        format!("the same fingerprint: {a}; answers {b:#?}\nother parts of the answer differ\nfrom {}", shown(&case))
    })
}

fn where_the_answer_is_another_the_fingerprint_is_too(source: &mut Source) -> Said {
    let case = cases::any(source);
    let mut changed = case.clone();
    change::anything(&mut changed, source);
    let (one, other) = (engine(&case), engine(&changed));
    let same = told(&one, &case) == told(&other, &changed);
    holds(same || one.fingerprint() != other.fingerprint(), &changed, || {
        format!("one fingerprint for two answers\nfrom {}", shown(&case))
    })
}

// ---- properties 6 and 7: bundles -----------------------------------------------------------------------------------------

/// What a choice says of a resource by way of another (`data`) needs the other to be at hand; all else is the resource's own.
fn each_resource_of_a_bundle_fares_as_it_would_alone(source: &mut Source) -> Said {
    let case = cases::any(source);
    if case.consents.iter().any(|c| c.to_string().contains("\"meaning\"")) {
        return Ok(());
    }
    let together = answer(&case);
    let bundle = records::bundle(&case.parts);
    for (part, entry) in case.parts.iter().zip(bundle["entry"].as_array().into_iter().flatten()) {
        if matches!(part.type_, "Patient" | "CarePlan" | "Organization" | "Practitioner") {
            continue;
        }
        let alone =
            answer_on(&case, &serde_json::json!({ "resourceType": "Bundle", "type": "collection", "entry": [entry] }));
        let of = |answer: &Answer| {
            let mine = |s: &&String| {
                s.starts_with(&format!("{} ", part.name())) || s.starts_with(&format!("{}.", part.name()))
            };
            (answer.goes.contains(&part.name()), answer.stays.iter().filter(mine).cloned().collect::<Vec<_>>())
        };
        let (here, there) = (of(&together), of(&alone));
        holds(here == there, &case, || format!("{} in the bundle {here:?}, alone {there:?}", part.name()))?;
    }
    Ok(())
}

/// One permits, the other is not asked: of resources in any order only the one's go (LEAP CES let the neighbour's go).
fn another_persons_resources_never_go_and_change_nothing(source: &mut Source) -> Said {
    let case = cases::any(source);
    let mut bundle = records::bundle(&case.parts);
    let mut theirs = records::any(source);
    for part in theirs.iter_mut().filter(|p| p.whose != "nobodys") {
        part.whose = "anothers";
        part.id = if part.type_ == "Patient" { "other".to_owned() } else { format!("their-{}", part.id) };
    }
    let own = theirs.clone();
    let theirs: Vec<Part> = theirs
        .into_iter()
        .filter(|p| p.whose == "anothers" && !case.parts.iter().any(|c| c.name() == p.name()))
        .collect();
    let before = answer(&case);
    for part in &theirs {
        let entry =
            serde_json::json!({ "fullUrl": records::full_url(part), "resource": records::resource(part, &own) });
        match bundle["entry"].as_array_mut() {
            Some(entries) => entries.insert(source.below(entries.len() + 1), entry),
            None => bundle["entry"] = serde_json::json!([entry]),
        }
    }
    let mut after = answer_on(&case, &bundle);
    after.stays.retain(|s| {
        !theirs.iter().any(|p| s.starts_with(&format!("{} ", p.name())) || s.starts_with(&format!("{}.", p.name())))
    });
    let known = |part: &&Part| part.contained.is_none();
    let data = case.consents.iter().any(|c| c.to_string().contains("\"meaning\"")) || !theirs.iter().all(|p| known(&p));
    holds(after.goes == before.goes && (after.stays == before.stays || data), &case, || {
        format!("alone {before:#?}\nbeside another person's {after:#?}\nin {bundle}")
    })
}

// ---- property 8: time -----------------------------------------------------------------------------------------------------

fn the_answer_changes_in_time_only_at_the_instants_it_names(source: &mut Source) -> Said {
    let mut case = cases::any(source);
    case.facts.read_at = case.ask.now;
    let mut later = case.clone();
    later.ask.now = cases::time(source).max(case.ask.now);
    later.facts.read_at = later.ask.now;
    let decision = engine(&case);
    if decision.boundaries().iter().any(|b| case.ask.now < *b && *b <= later.ask.now) {
        return Ok(());
    }
    let (one, other) = (told(&decision, &case), answer(&later));
    holds(one == other, &case, || {
        format!("now {one:#?}\nat {} {other:#?}\nboundaries {:?}", later.ask.now, decision.boundaries())
    })
}

// ---- what a search may ask ------------------------------------------------------------------------------------------------

/// A chain, `_has` or a modifier that looks into data would tell of them by what it finds (HAPI #6065, Medplum #9973, #2840).
fn no_search_looks_into_what_may_be_withheld(source: &mut Source) -> Said {
    let case = cases::any(source);
    let telling = ["goal.description", "_has:Goal:subject:description", "code:missing", "addresses.code", "date"];
    let parameters = vec!["patient".to_owned(), source.pick(&telling).to_owned()];
    let asked = decide::Asked { types: vec!["CarePlan".to_owned()], parameters };
    let decision =
        decide::decide_question(&world::question(&case.ask), &asked, &world::evidence(&case), plans::policy());
    holds(decision.outcome() == decide::Outcome::Deny, &case, || {
        format!("{asked:?} may be asked: {:?}", decision.reasons())
    })
}

// ---- property 11: reasons -------------------------------------------------------------------------------------------------

fn every_denial_gives_a_published_reason(source: &mut Source) -> Said {
    let case = cases::any(source);
    let decision = engine(&case);
    let published = |rule: RuleId| RuleId::from_id(rule.id()) == Some(rule) && !rule.text().is_empty();
    let all = decision.reasons().iter().chain(decision.cuts().iter().map(|c| &c.reason));
    let listed = all.clone().all(|r| published(r.rule)) && all.count() > 0;
    let denies = decision.outcome().code() != "deny" || decision.reasons()[0].effect == Effect::Deny;
    let cut = decision.cuts().iter().all(|c| c.reason.effect == Effect::Deny);
    holds(listed && denies && cut, &case, || format!("{:?}", decision.reasons()))
}
