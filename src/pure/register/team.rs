//! Who cares for the person by the record's own CareTeam, where the site's rules take that for evidence.
//!
//! R4 CareTeam.participant: `member` and `onBehalfOf`, by reference or identifier; what a reference leads to in the same
//! record is known by its identifiers too, a PractitionerRole by those of its organisation. A team that is not active, and
//! a period that is over, is nobody's relationship.

use crate::pure::decide::{Facts, Identity, Relationship};
use crate::pure::fhir::{Item, When};

/// Takes up the teams among the resources of a record.
pub fn take_up_teams<'t>(facts: &mut Facts, resources: impl Iterator<Item = Item<'t>>) {
    let resources: Vec<Item<'t>> = resources.collect();
    let active = |t: &&Item<'_>| t.resource_type() == Some("CareTeam") && t.str_at(&["status"]) == Some("active");
    for team in resources.iter().filter(active) {
        for participant in team.all("participant") {
            for named in ["member", "onBehalfOf"].iter().filter_map(|key| participant.get(key)) {
                let with = identity(named, &resources);
                let period = |key: &str| participant.str_at(&["period", key]).and_then(When::date_time);
                let (from, until) = (period("start").map(When::earliest), period("end").map(When::end));
                if !with.is_empty() {
                    facts.relationships.push(Relationship { with, from, until });
                }
            }
        }
    }
}

/// How a reference names somebody: by itself, and by what it leads to in this record.
fn identity(reference: Item<'_>, resources: &[Item<'_>]) -> Identity {
    let mut found = Identity::default();
    found.identifiers.extend(reference.get("identifier").and_then(pair));
    let Some(text) = reference.str_at(&["reference"]) else { return found };
    found.references.push(text.to_owned());
    let is_it = |r: &&Item<'_>| {
        r.resource_type().zip(r.str_at(&["id"])).is_some_and(|(type_, id)| text == format!("{type_}/{id}"))
    };
    if let Some(target) = resources.iter().find(is_it) {
        found.identifiers.extend(target.all("identifier").filter_map(pair));
        found.identifiers.extend(target.at_path(&["organization", "identifier"]).and_then(pair));
    }
    found
}

fn pair(identifier: Item<'_>) -> Option<(String, String)> {
    Some((identifier.str_at(&["system"])?.to_owned(), identifier.str_at(&["value"])?.to_owned()))
}
