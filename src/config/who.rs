//! Parties, recipients and sources, as the configuration says them.

use super::check;
use super::read::{HOUR, MINUTE, Reading, SECOND};
use super::section::{Notes, Said, Section};
use super::words::suggestion;
use super::{CertificateMatch, Format, Party, Recipient, Right, Source};
use crate::pure::decide;
use std::sync::Arc;

impl Reading<'_> {
    pub(super) fn party(&mut self, mut s: Section<'_>) -> PartySaid {
        let span = s.span.clone();
        let n = &mut self.notes;
        let id = s.need(n, "id", "\"beckside-surgery\"").and_then(|said| check::id(n, said));
        let name = s.need(n, "name", "\"Beckside Surgery\"");
        let groups_known = s.has("groups");
        let values = |list: Vec<Said<String>>| list.into_iter().map(|said| said.value).collect::<Vec<_>>();
        let audiences = s.texts(n, "audiences");
        check::audiences(n, &audiences);
        let purposes = s.texts(n, "purposes");
        check::purposes(n, &purposes);
        let (references, groups, roles) = (s.texts(n, "references"), s.texts(n, "groups"), s.texts(n, "roles"));
        let certificates = s.texts(n, "certificates");
        let may = s.texts(n, "may");
        let may = may.iter().filter_map(|said| right(n, said)).collect::<Vec<_>>();
        let sends = s.texts(n, "sends");
        let identifiers = s.tables(n, "identifiers").into_iter().filter_map(|i| identifier(n, i)).collect::<Vec<_>>();
        if identifiers.is_empty() {
            s.missing(n, "identifiers", "[{ system = \"…\", value = \"…\" }]");
        }
        let person = s.table(n, "person").and_then(|p| identifier(n, p));
        s.finish(n);
        let matches: Vec<_> = certificates
            .iter()
            .filter_map(|said| Some((check::certificate_match(n, said)?, said.span.clone())))
            .collect();
        let identity = match (&id, name) {
            (Some(id), Some(name)) => Some(decide::Party {
                id: id.value.clone(),
                name: name.value,
                identifiers,
                audiences: values(audiences),
                purposes: values(purposes),
                references: values(references),
                groups: values(groups),
                groups_known,
                roles: values(roles),
                person: person.map(|(system, value)| decide::Identity::by_identifier(&system, &value)),
            }),
            _ => None,
        };
        let identifier = identity.as_ref().and_then(|i| i.identifiers.first().cloned());
        let party = identity.map(|identity| Party {
            identity,
            identifier: identifier.unwrap_or_default(),
            certificates: matches.iter().map(|(m, _)| m.clone()).collect(),
            may: may.clone(),
            sends: values(sends.clone()),
        });
        PartySaid { party, id, span, certificates: matches, may, sends }
    }

    pub(super) fn recipient(
        &mut self,
        mut s: Section<'_>,
        parties: &[Arc<Party>],
        names: &[String],
        formats: &[String],
        taken: &mut Vec<String>,
    ) -> Option<Recipient> {
        let n = &mut self.notes;
        let id = s.need(n, "id", "\"beckside\"").and_then(|said| check::id(n, said));
        let id = id.and_then(|said| check::once(n, said, taken));
        let party = s.need(n, "party", "\"beckside-surgery\"");
        let party = party.and_then(|said| {
            let found = parties.iter().find(|p| p.identity.id == said.value);
            if found.is_none() {
                let text = format!("there is no party `{}`", said.value);
                n.mistake(&said.span, "config-unknown-party", text, suggestion(&said.value, names));
            }
            found.cloned()
        });
        let endpoint = s.need(n, "endpoint", "\"https://beckside.example/fhir\"");
        let endpoint = endpoint.and_then(|said| check::address(n, &said));
        let format = s.need(n, "format", "\"fhir\"");
        let format = format.and_then(|said| {
            let known = said.value == "fhir" || formats.contains(&said.value);
            if !known {
                check::unknown_format(n, &said, formats);
            }
            known.then(|| if said.value == "fhir" { Format::Fhir } else { Format::Local(said.value) })
        });
        let idempotent = s.flag(n, "idempotent", true);
        let attempt_time = s.time(n, "attempt_time", 30 * SECOND, SECOND..=10 * MINUTE);
        let give_up_after = s.time(n, "give_up_after", 72 * HOUR, MINUTE..=30 * 24 * HOUR);
        let client = self.client_tls(&mut s);
        s.finish(&mut self.notes);
        Some(Recipient {
            id: id?.value,
            party: party?,
            endpoint: endpoint?,
            format: format?,
            client,
            idempotent,
            attempt_time,
            give_up_after,
        })
    }

    pub(super) fn source(&mut self, mut s: Section<'_>, taken: &mut Vec<String>) -> Option<Source> {
        let n = &mut self.notes;
        let id = s.need(n, "id", "\"northmere-records\"").and_then(|said| check::id(n, said));
        let id = id.and_then(|said| check::once(n, said, taken));
        let base = s.need(n, "base", "\"https://records.example/fhir\"").and_then(|said| check::address(n, &said));
        let patient_system = s.text(n, "patient_system");
        let request_time = s.time(n, "request_time", 10 * SECOND, SECOND..=5 * MINUTE);
        let bytes = s.size(n, "bytes", 16 << 20, 1024..=1 << 30);
        let pages = s.count(n, "pages", 20, 1..=1000);
        let client = self.client_tls(&mut s);
        s.finish(&mut self.notes);
        let patient_system = patient_system.map_or_else(|| "https://fhir.nhs.uk/Id/nhs-number".to_owned(), |p| p.value);
        Some(Source { id: id?.value, base: base?, client, patient_system, request_time, bytes, pages })
    }
}

/// A party, with the places that later checks point at.
pub(super) struct PartySaid {
    pub party: Option<Party>,
    pub id: Option<Said<String>>,
    pub span: std::ops::Range<usize>,
    pub certificates: Vec<(CertificateMatch, std::ops::Range<usize>)>,
    pub may: Vec<Right>,
    pub sends: Vec<Said<String>>,
}

fn right(notes: &mut Notes<'_>, said: &Said<String>) -> Option<Right> {
    let found = Right::ALL.into_iter().find(|r| r.word() == said.value);
    if found.is_none() {
        let words = Right::ALL.map(|r| r.word().to_owned());
        let text = format!("`{}` is not a right", said.value);
        notes.mistake(&said.span, "config-unknown-right", text, suggestion(&said.value, &words));
    }
    found
}

fn identifier(notes: &mut Notes<'_>, mut s: Section<'_>) -> Option<(String, String)> {
    let system = s.need(notes, "system", "\"https://fhir.nhs.uk/Id/ods-organization-code\"");
    let value = s.need(notes, "value", "\"Y99001\"");
    s.finish(notes);
    Some((system?.value, value?.value))
}
