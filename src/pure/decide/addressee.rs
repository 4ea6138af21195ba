//! Who may read a choice: the person, who speaks for them, who recorded it, the party it names, and who answers for the
//! gateway's flows. To everybody else it does not exist. Sections table: `addressee`.

use super::record::{Record, Unit};
use super::rules::RuleId;
use super::steps::{Bench, Verdict};
use super::words::{Action, Truth};
use crate::pure::fhir::Item;

/// The choice that a part of a record belongs to, where it is one that goes to its addressees only.
pub(super) fn choice_of<'t>(unit: &Unit<'t>, record: &Record<'_, 't>) -> Option<Item<'t>> {
    let resource = record.resource(unit);
    let whole = || record.prepared.own_unit(unit.resource).is_some_and(|own| own.addressee);
    (unit.addressee || (resource.type_ == "Consent" && whole())).then_some(resource.item)
}

impl Bench<'_> {
    /// Whether all of a choice goes to this party, for who they are: then by which rule. Only when they read it: a choice
    /// never goes along with a plan.
    pub fn owns(&self, consent: Item<'_>) -> Option<Verdict> {
        if self.known.question.action != Action::Access {
            return None;
        }
        let party = &self.known.question.party;
        if self.itself() || self.own_basis == Some(RuleId::P4) {
            return Some(Verdict::goes(RuleId::P4));
        }
        if self.recorded(consent, &party.id) {
            return Some(Verdict::goes(RuleId::D1));
        }
        let reader = party.roles.iter().any(|role| self.policy.choice_readers.contains(role));
        reader.then(|| Verdict::goes(RuleId::P3))
    }

    /// Whether this party recorded the choice, as the store says; a Consent says nothing about that itself.
    fn recorded(&self, consent: Item<'_>, party: &str) -> bool {
        let id = consent.str_at(&["id"]).unwrap_or_default();
        let named = |reference: &str| reference.strip_prefix("Consent/") == Some(id);
        self.evidence.choices.iter().any(|c| c.recorder.as_deref() == Some(party) && named(&c.id))
    }

    /// A choice goes to the party it names, if it names no other: else one would learn what was said of another. What is
    /// written beside its rules, in words or contained, is nobody's but the person's.
    pub fn addressed(&self, unit: &Unit<'_>, consent: Item<'_>) -> Verdict {
        let reads = self.known.question.action == Action::Access;
        let named = || {
            let actors: Vec<Item<'_>> = actors(consent);
            let is = |a: &Item<'_>| super::reading::actor(*a, consent).is(self.known, self.policy).0 == Truth::True;
            !actors.is_empty() && actors.iter().all(is)
        };
        if reads && unit.whole && named() { Verdict::goes(RuleId::C2) } else { Verdict::stays(RuleId::R6) }
    }
}

/// Every actor of every provision, however deep.
fn actors(consent: Item<'_>) -> Vec<Item<'_>> {
    let mut provisions: Vec<Item<'_>> = consent.get("provision").into_iter().collect();
    let mut found = Vec::new();
    while let Some(provision) = provisions.pop() {
        found.extend(provision.all("actor"));
        provisions.extend(provision.all("provision"));
    }
    found
}
