//! A record in the light of one person's facts: whose each resource is, and which parts of it are barred.

use super::{Prepared, Resource, Unit};
use crate::pure::decide::evidence::{Bar, Evidence};
use crate::pure::decide::others::Theirs;
use crate::pure::decide::policy::Policy;
use crate::pure::decide::rules::RuleId;
use crate::pure::decide::words::{Identity, Truth, same_reference};
use crate::pure::fhir::Item;
use std::borrow::Cow;

/// How a resource names whose it is.
#[derive(Debug)]
pub(in crate::pure::decide) enum Subject<'t> {
    /// It is a Patient, known by this.
    Patient(Identity),
    /// By a reference.
    Reference(&'t str),
    /// By an identifier: system and value.
    Identifier(Identity),
    /// It names nobody, and need not: an organisation, a questionnaire.
    Nobody,
    /// It names nobody that can be told.
    Untold,
}

/// Whose a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pure::decide) enum Whose {
    /// The person's.
    Subject,
    /// Nobody's: an organisation, a questionnaire.
    Nobody,
    /// Somebody else's, or it cannot be told.
    Other,
}

/// A prepared record, and what the facts about the person make of it.
#[derive(Debug)]
pub(in crate::pure::decide) struct Record<'p, 't> {
    pub prepared: &'p Prepared<'t>,
    /// One a resource.
    pub whose: Vec<Whose>,
    /// All units with those that are units for being barred; none where nothing is.
    barred: Option<Vec<Unit<'t>>>,
}

impl<'t> Subject<'t> {
    /// Looks at the elements by which R4 resources name their subject.
    pub(super) fn of(item: Item<'t>, type_: &str, policy: &Policy) -> Subject<'t> {
        if type_ == "Patient" {
            return Subject::Patient(identity(item));
        }
        let named = ["subject", "patient", "for", "beneficiary", "individual"].iter().find_map(|n| item.get(n));
        let Some(named) = named.and_then(|n| n.each().next()) else {
            let impersonal = policy.sections.impersonal.iter().any(|t| t == type_);
            return if impersonal { Subject::Nobody } else { Subject::Untold };
        };
        if let Some(reference) = named.str_at(&["reference"]) {
            return Subject::Reference(reference);
        }
        let identifier = named.get("identifier");
        let pair = identifier.and_then(|i| Some((i.str_at(&["system"])?, i.str_at(&["value"])?)));
        pair.map_or(Subject::Untold, |(system, value)| Subject::Identifier(Identity::by_identifier(system, value)))
    }
}

fn identity(patient: Item<'_>) -> Identity {
    let pair = |i: Item<'_>| Some((i.str_at(&["system"])?.to_owned(), i.str_at(&["value"])?.to_owned()));
    Identity {
        references: patient.str_at(&["id"]).map(|id| format!("Patient/{id}")).into_iter().collect(),
        identifiers: patient.all("identifier").filter_map(pair).collect(),
    }
}

impl<'p, 't> Record<'p, 't> {
    /// Holds a prepared record against the facts. `who` is the recipient: some bars stand against some only.
    /// `theirs` is what others keep back of it.
    pub fn of(
        prepared: &'p Prepared<'t>,
        who: &Identity,
        evidence: &Evidence,
        theirs: &[Theirs<'t>],
    ) -> Record<'p, 't> {
        let mine = references_of_subject(&prepared.resources, evidence);
        let whose = prepared.resources.iter().map(|r| whose(r, &mine, evidence)).collect();
        let facts = &evidence.facts;
        let against = |b: &&Bar| b.recipients.is_empty() || b.recipients.iter().any(|r| r.same(who) != Truth::False);
        let bars: Vec<&Bar> = facts.bars.iter().filter(against).collect();
        let barred = !bars.is_empty() || facts.restricted || !theirs.is_empty();
        Record { prepared, whose, barred: barred.then(|| with_bars(prepared, &bars, facts.restricted, theirs)) }
    }

    /// The units of all resources, each resource's own first.
    pub fn units(&self) -> &[Unit<'t>] {
        self.barred.as_deref().unwrap_or(&self.prepared.units)
    }

    /// What is known of the resource a unit is of.
    pub fn resource(&self, unit: &Unit<'_>) -> &'p Resource<'t> {
        &self.prepared.resources[unit.resource]
    }

    /// Whose the resource of a unit is.
    pub fn whose(&self, unit: &Unit<'_>) -> Whose {
        self.whose[unit.resource]
    }
}

fn references_of_subject<'a>(resources: &'a [Resource<'_>], evidence: &'a Evidence) -> Vec<Cow<'a, str>> {
    let mut mine: Vec<Cow<'a, str>> = evidence.subject.references.iter().map(|r| Cow::from(r.as_str())).collect();
    for resource in resources {
        let Subject::Patient(own) = &resource.subject else { continue };
        let by_id = own.references.iter().map(String::as_str);
        let names = resource.full_url.into_iter().chain(by_id);
        if own.same(&evidence.subject) == Truth::True {
            mine.extend(names.map(Cow::from));
        } else {
            // two systems can give two people one id: here it names the other one
            mine.retain(|m| !names.clone().any(|n| n == m));
        }
    }
    mine
}

fn whose(resource: &Resource<'_>, mine: &[Cow<'_, str>], evidence: &Evidence) -> Whose {
    if evidence.facts.verified == Some(false) {
        return Whose::Other;
    }
    let same = match &resource.subject {
        Subject::Nobody => return Whose::Nobody,
        Subject::Untold => Truth::Unknown,
        Subject::Patient(own) => own.same(&evidence.subject),
        Subject::Identifier(one) => one.same(&evidence.subject),
        Subject::Reference(to) => mine.iter().map(|m| same_reference(m, to)).max().unwrap_or(Truth::False),
    };
    if same == Truth::True { Whose::Subject } else { Whose::Other }
}

fn with_bars<'t>(prepared: &Prepared<'t>, bars: &[&Bar], is_restricted: bool, theirs: &[Theirs<'t>]) -> Vec<Unit<'t>> {
    let mut all = Vec::with_capacity(prepared.units.len());
    for (index, range) in prepared.ranges.iter().enumerate() {
        let resource = &prepared.resources[index];
        let mut units = prepared.units[range.clone()].to_vec();
        for bar in bars {
            barred(&mut units, index, resource.item, bar);
        }
        if is_restricted {
            restricted(&mut units, index, resource, prepared.policy);
        }
        for part in theirs.iter().filter(|t| t.resource == index) {
            match part.element {
                None => units[0].bar = units[0].bar.or(Some(RuleId::R5)),
                Some((item, name, at)) => {
                    let unit = Unit::part(index, item, (name, at), units[0].sections);
                    units.push(Unit { bar: Some(RuleId::R5), ..unit });
                }
            }
        }
        all.extend(units);
    }
    all
}

/// The person's whereabouts are restricted: what the policy lists as telling of a place is barred.
fn restricted<'t>(units: &mut Vec<Unit<'t>>, index: usize, resource: &Resource<'t>, policy: &Policy) {
    for (_, element) in policy.whereabouts.iter().filter(|(t, _)| t == resource.type_) {
        match element {
            None => units[0].bar = Some(RuleId::L4),
            Some(name) => {
                let found = resource.item.children().filter(|c| c.key() == name);
                let sections = units[0].sections;
                let barred = |item: Item<'t>| Unit::part(index, item, (item.key(), None), sections);
                units.extend(found.map(|item| Unit { bar: Some(RuleId::L4), ..barred(item) }));
            }
        }
    }
}

fn barred<'t>(units: &mut Vec<Unit<'t>>, index: usize, item: Item<'t>, bar: &Bar) {
    let id = item.str_at(&["id"]).unwrap_or_default();
    let reference = format!("{}/{id}", item.resource_type().unwrap_or_default());
    if bar.references.contains(&reference) {
        units[0].bar = Some(bar.rule);
        return;
    }
    for (part, within) in item.children().flat_map(super::placed) {
        if bar.texts.iter().any(|t| !t.is_empty() && part.to_json().contains(t.as_str())) {
            // one of a list and not the list: her NHS number stays where her old name stands beside it
            let unit = Unit::part(index, part, within, units[0].sections);
            units.push(Unit { bar: Some(bar.rule), ..unit });
        }
    }
}
