//! What every Bundle and every resource begins with, and the one Provenance of a record.

use super::super::path::read;
use super::super::put::array;
use super::{Instance, Run};
use crate::pure::fhir::Id;
use jiff::tz::TimeZone;

const BASE: &str = "https://sharewell.example/fhir/";

impl Run<'_, '_> {
    pub(super) fn begin_bundle(&mut self) {
        let root = self.out.root().id();
        self.out.push_str(root, "resourceType", "Bundle");
        self.profile(root, &format!("{BASE}StructureDefinition/sharewell-bundle"));
        self.bundle_rows();
        self.out.push_str(root, "type", "collection");
        let now = self.now();
        self.out.push_str(root, "timestamp", &now);
    }

    fn profile(&mut self, resource: Id, url: &str) {
        let meta = self.out.push_object(resource, "meta");
        let profiles = self.out.push_array(meta, "profile");
        self.out.push_str(profiles, "", url);
    }

    /// The moment, as an instant.
    fn now(&self) -> String {
        self.around.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Adds an entry for a resource and returns the resource.
    fn entry(&mut self, resource: &str, id: &str, profile: Option<&str>) -> Id {
        let root = self.out.root().id();
        let entries = match self.entries {
            Some(entries) => entries,
            None => array(&mut self.out, root, "entry"),
        };
        self.entries = Some(entries);
        let entry = self.out.push_object(entries, "");
        self.out.push_str(entry, "fullUrl", &format!("{BASE}{resource}/{id}"));
        let node = self.out.push_object(entry, "resource");
        self.out.push_str(node, "resourceType", resource);
        self.out.push_str(node, "id", id);
        if let Some(profile) = profile {
            self.profile(node, profile);
        }
        node
    }

    pub(super) fn begin_resource(&mut self, kind: usize, instance: usize) -> Id {
        let of = &self.mapping.kinds[kind];
        let id = self.made[kind][instance].id.clone();
        let node = self.entry(&of.resource, &id, of.profile.as_deref());
        let item = self.made[kind][instance].items.last().and_then(|i| i.offset());
        // what is made once for the whole record stands where the record is named
        let named = || read(self.local.root(), &self.mapping.record)?.offset();
        if let Some(offset) = item.or_else(named) {
            self.out.set_offset(node, offset);
        }
        self.made[kind][instance].node = Some(node);
        node
    }

    /// What `$now` and its like stand for.
    pub(super) fn builtin(&self, name: &str, instance: Option<&Instance<'_>>) -> Option<String> {
        Some(match name {
            "$now" => self.now(),
            "$today" => {
                let london = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
                self.around.now.to_zoned(london).date().to_string()
            }
            "$sender-name" => self.around.sender_name.to_owned(),
            "$sender-system" => self.around.sender_identifier.0.to_owned(),
            "$sender-value" => self.around.sender_identifier.1.to_owned(),
            "$record" => self.record.clone(),
            "$id" => instance?.id.clone(),
            "$key" => instance?.key.join("/"),
            _ => return None,
        })
    }

    /// One Provenance: who wrote what this was made from, who put it together, and which record it was.
    pub(super) fn provenance(&mut self) {
        let Some(wanted) = &self.mapping.provenance else { return };
        let Some(target) = self.reference_to(wanted.target) else { return };
        let mapping = self.mapping;
        let kind = &mapping.kinds[wanted.target];
        let id =
            format!("provenance-{}", self.made[wanted.target][0].id.trim_start_matches(&format!("{}-", kind.name)));
        let profile = format!("{BASE}StructureDefinition/sharewell-provenance");
        let node = self.entry("Provenance", &id, Some(&profile));
        let targets = self.out.push_array(node, "target");
        let entry = self.out.push_object(targets, "");
        self.out.push_str(entry, "reference", &target);
        let now = self.now();
        self.out.push_str(node, "recorded", &now);
        let agents = self.out.push_array(node, "agent");
        let who = self.agent(agents, "author");
        match wanted.author.and_then(|author| self.reference_to(author)) {
            Some(reference) => {
                self.out.push_str(who, "reference", &reference);
            }
            None => self.sender(who),
        }
        let who = self.agent(agents, "assembler");
        self.out.push_str(who, "display", "Sharewell gateway");
        self.source(node);
    }

    fn agent(&mut self, agents: Id, code: &str) -> Id {
        let agent = self.out.push_object(agents, "");
        let kind = self.out.push_object(agent, "type");
        let codings = self.out.push_array(kind, "coding");
        let coding = self.out.push_object(codings, "");
        self.out.push_str(coding, "system", "http://terminology.hl7.org/CodeSystem/provenance-participant-type");
        self.out.push_str(coding, "code", code);
        self.out.push_object(agent, "who")
    }

    fn sender(&mut self, who: Id) {
        let (system, value) = self.around.sender_identifier;
        let identifier = self.out.push_object(who, "identifier");
        self.out.push_str(identifier, "system", system);
        self.out.push_str(identifier, "value", value);
        self.out.push_str(who, "display", self.around.sender_name);
    }

    fn source(&mut self, node: Id) {
        let entities = self.out.push_array(node, "entity");
        let entity = self.out.push_object(entities, "");
        self.out.push_str(entity, "role", "source");
        let what = self.out.push_object(entity, "what");
        let identifier = self.out.push_object(what, "identifier");
        self.out.push_str(identifier, "system", &format!("https://sharewell.example/Id/record/{}", self.mapping.name));
        let record = self.record.clone();
        self.out.push_str(identifier, "value", &record);
    }
}
