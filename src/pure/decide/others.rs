//! Other people's data in the person's record: what a carer or a sibling has objected to about themselves (rule R5).
//!
//! "The individual and their carer have a right to determine who has access to their information" (NHS England, 5.2.9). What
//! somebody else is named in, or wrote, is theirs too: it goes only where the person's choices and theirs both let it. The
//! smallest part that names them is withheld; the rest of the plan goes.

use super::combine::{Scratch, Word, closes_the_world, live, weigh};
use super::evidence::{Evidence, Other};
use super::provision::{Data, Known};
use super::question::Question;
use super::record::{Prepared, Resource};
use super::words::{Identity, Truth, same_reference};
use crate::pure::fhir::{Item, Kind};

/// A part of the record that somebody else keeps back: resource, and the element of it; none = all of it.
pub(super) struct Theirs<'t> {
    pub resource: usize,
    /// The element, with its name, and its place where it stands in a list.
    pub element: Option<(Item<'t>, &'t str, Option<usize>)>,
}

/// The parts that one of the others keeps back from this question.
pub(super) fn kept_back<'t>(question: &Question, prepared: &Prepared<'t>, evidence: &Evidence) -> Vec<Theirs<'t>> {
    let mut found = Vec::new();
    for other in &evidence.others {
        of_one(other, question, prepared, evidence, &mut found);
    }
    found
}

fn of_one<'t>(
    other: &Other,
    question: &Question,
    prepared: &Prepared<'t>,
    evidence: &Evidence,
    found: &mut Vec<Theirs<'t>>,
) {
    let policy = prepared.policy();
    let own = Evidence {
        choices: other.choices.clone(),
        facts: other.facts.clone(),
        epoch: evidence.epoch,
        ..Evidence::none(other.who.clone(), evidence.read_at)
    };
    let known = Known::of(question);
    let (live, _) = live(&known, &own, policy);
    if live.is_empty() {
        return;
    }
    let closed = closes_the_world(&live, &known, policy).is_some();
    let names = Names::of(&other.who, prepared);
    let mut scratch = Scratch::default();
    for (index, resource) in prepared.resources.iter().enumerate() {
        let parts = names.parts(index, resource);
        if parts.is_empty() {
            continue;
        }
        let sections = prepared.sections_of(index);
        let (record, resource) = (Some(prepared), Some(resource));
        let data = Data { record, resource, sections: Some(sections), ..Data::default() };
        let goes = match weigh(&live, &data, policy, &mut scratch) {
            Word::Permit { .. } => true,
            Word::Deny(_) => false,
            Word::Silent => !closed,
        };
        if !goes {
            found.extend(parts);
        }
    }
}

/// How the record names somebody.
struct Names<'a> {
    who: &'a Identity,
    references: Vec<String>,
}

/// Whose a resource is says nothing about who else is in it.
const SUBJECT: [&str; 5] = ["subject", "patient", "for", "beneficiary", "individual"];
/// A plan is the person's whoever wrote it down.
const PERSONS_OWN: [&str; 2] = ["CarePlan", "Patient"];

impl<'a> Names<'a> {
    fn of(who: &'a Identity, prepared: &Prepared<'_>) -> Names<'a> {
        let mut references = who.references.clone();
        let people = ["RelatedPerson", "Practitioner", "Person", "Patient"];
        for resource in prepared.resources.iter().filter(|r| people.contains(&r.type_)) {
            let pair = |i: Item<'_>| Some((i.str_at(&["system"])?.to_owned(), i.str_at(&["value"])?.to_owned()));
            let identifiers = resource.item.all("identifier").filter_map(pair).collect();
            let own = Identity { references: vec![resource.reference.clone()], identifiers };
            if own.same(who) == Truth::True {
                references.push(resource.reference.clone());
                references.extend(resource.full_url.map(str::to_owned));
            }
        }
        Names { who, references }
    }

    fn parts<'t>(&self, index: usize, resource: &Resource<'t>) -> Vec<Theirs<'t>> {
        let wrote = || self.references.iter().any(|r| resource.authored_by(r) == Truth::True);
        if self.references.iter().any(|r| resource.is(r) == Truth::True)
            || (!PERSONS_OWN.contains(&resource.type_) && wrote())
        {
            return vec![Theirs { resource: index, element: None }];
        }
        let mut parts = Vec::new();
        for child in resource.item.children().filter(|c| !SUBJECT.contains(&c.key())) {
            let name = child.key();
            let is_list = child.kind() == Kind::Array;
            for (at, part) in child.each().enumerate().filter(|(_, part)| self.stand_in(*part)) {
                let element = Some((part, name, is_list.then_some(at)));
                parts.push(Theirs { resource: index, element });
            }
        }
        parts
    }

    /// Whether they are named anywhere below.
    fn stand_in(&self, item: Item<'_>) -> bool {
        if item.kind() == Kind::Object {
            let reference = item.get("reference").and_then(Item::str);
            let by_reference = |r: &str| self.references.iter().any(|own| same_reference(own, r) == Truth::True);
            let pair = || Some((item.str_at(&["identifier", "system"])?, item.str_at(&["identifier", "value"])?));
            let is_theirs =
                |(system, value): (&str, &str)| self.who.identifiers.iter().any(|(s, v)| s == system && v == value);
            if reference.is_some_and(by_reference) || pair().is_some_and(is_theirs) {
                return true;
            }
        }
        item.is_container() && item.children().any(|c| self.stand_in(c))
    }
}
