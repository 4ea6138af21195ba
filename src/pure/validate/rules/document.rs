//! Documents and messages (R4 §3.3.1, §2.4.1): what the first entry refers to is in the Bundle, and every entry hangs
//! together with the first one.

use super::bundle::is_of;
use super::reference::{Literal, literal};
use crate::pure::fhir::{Id, Item, Severity};
use crate::pure::validate::index::{Entries, Lead};
use crate::pure::validate::walk::Walk;
use std::collections::HashMap;

/// Resources that are known by a canonical url, so that a reference to one need not lead into the Bundle.
const CANONICAL: &[&str] = &[
    "ActivityDefinition",
    "CapabilityStatement",
    "ChargeItemDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "EffectEvidenceSynthesis",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "GraphDefinition",
    "ImplementationGuide",
    "Library",
    "Measure",
    "MessageDefinition",
    "NamingSystem",
    "OperationDefinition",
    "PlanDefinition",
    "Questionnaire",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "RiskEvidenceSynthesis",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "TerminologyCapabilities",
    "TestScript",
    "ValueSet",
];

impl<'a> Walk<'a> {
    /// Follows the references that the walk met below this Bundle.
    pub(super) fn interlinked(&mut self, bundle: Item<'a>, kind: &str) {
        let (Some(links), Some(entries)) = (self.links.take(), self.entries) else { return };
        let first = bundle.all("entry").next().and_then(|e| e.get("resource"));
        let direct = first.map(|first| direct(first)).unwrap_or_default();
        let graph = self.graph(bundle, &links, entries, &direct);
        self.links = Some(links);
        let is_document = kind == "document";
        let severity = if is_document { Severity::Error } else { Severity::Warning };
        for (place, reach) in graph.reach(bundle).into_iter().enumerate() {
            let entry = graph.entries[place];
            let is_provenance = entry.get("resource").and_then(Item::resource_type) == Some("Provenance");
            match reach {
                Reach::Forward => {}
                Reach::Backward if is_provenance || !is_document => {}
                Reach::Backward => {
                    let text =
                        "nothing in the document refers to this entry, it only refers to others itself".to_owned();
                    let remedy = "refer to it from a section, or leave it out";
                    self.find(Severity::Warning, "invalid", "entry-only-refers", entry, None, text, remedy);
                }
                Reach::None => {
                    let text = "the entry does not hang together with the first one by any reference".to_owned();
                    let remedy = "refer to it from the first entry or one of its targets, or leave it out";
                    self.find(severity, "informational", "entry-unreachable", entry, None, text, remedy);
                }
            }
        }
    }

    /// Which entry refers to which. Says of each reference that should lead into the Bundle and does not.
    fn graph(
        &mut self,
        bundle: Item<'a>,
        links: &[(Item<'a>, &'a str)],
        entries: &Entries<'a>,
        direct: &[Item<'a>],
    ) -> Graph<'a> {
        let mut graph = Graph::new(bundle);
        for (item, text) in links {
            let Some(from) = entries.entry_of(*item).and_then(|e| graph.places.get(&e.id()).copied()) else { continue };
            if text.starts_with('#') {
                continue;
            }
            match entries.lead(text, *item) {
                Lead::To(target) => {
                    if let Some(to) = target.parent().and_then(|e| graph.places.get(&e.id()).copied()) {
                        graph.link(from, to);
                    }
                }
                Lead::Several => {
                    let text = "more than one entry has the `fullUrl` that the reference leads to".to_owned();
                    let remedy = "name the version (`/_history/`), or keep one entry";
                    self.error("invalid", "reference-ambiguous", *item, None, text, remedy);
                }
                Lead::Namesake => {
                    let text = "an entry has this type and id, but the reference does not lead to it by the `fullUrl`s";
                    let remedy = "give both entries a `fullUrl` of the same server, or refer to the `fullUrl` itself";
                    self.error("not-found", "reference-and-full-url-differ", *item, None, text.to_owned(), remedy);
                }
                Lead::Nowhere if direct.contains(item) && !self.is_definition(text) => {
                    let text = "what the first entry refers to should be in the Bundle".to_owned();
                    self.error("not-found", "reference-not-in-bundle", *item, None, text, "add the entry");
                }
                Lead::Nowhere => {}
            }
        }
        graph
    }

    fn is_definition(&self, url: &str) -> bool {
        let by_type = match literal(url) {
            Literal::Absolute(Some(name)) => CANONICAL.contains(&name),
            _ => false,
        };
        by_type || self.definitions.index_of(url).is_some()
    }
}

/// The references of a Composition or MessageHeader whose targets the Bundle has to hold.
fn direct(first: Item<'_>) -> Vec<Item<'_>> {
    let mut found = Vec::new();
    match first.resource_type() {
        Some("Composition") => {
            for name in ["subject", "encounter", "author", "custodian"] {
                found.extend(first.all(name));
            }
            found.extend(first.all("attester").flat_map(|a| a.all("party")));
            found.extend(first.all("event").flat_map(|e| e.all("detail")));
            let mut sections: Vec<Item<'_>> = first.all("section").collect();
            while let Some(section) = sections.pop() {
                for name in ["author", "focus", "entry"] {
                    found.extend(section.all(name));
                }
                sections.extend(section.all("section"));
            }
        }
        Some("MessageHeader") => found.extend(first.all("focus")),
        _ => {}
    }
    found
}

/// How an entry hangs together with the first one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    None,
    /// By references from the first one on.
    Forward,
    /// Only by references of its own.
    Backward,
}

/// The entries of a Bundle, and which refers to which.
struct Graph<'a> {
    entries: Vec<Item<'a>>,
    places: HashMap<Id, usize>,
    to: Vec<Vec<usize>>,
    from: Vec<Vec<usize>>,
}

impl<'a> Graph<'a> {
    fn new(bundle: Item<'a>) -> Graph<'a> {
        let entries: Vec<Item<'a>> = bundle.all("entry").filter(|e| e.get("resource").is_some()).collect();
        let places = entries.iter().enumerate().map(|(place, entry)| (entry.id(), place)).collect();
        let (to, from) = (vec![Vec::new(); entries.len()], vec![Vec::new(); entries.len()]);
        Graph { entries, places, to, from }
    }

    fn link(&mut self, from: usize, to: usize) {
        if from != to {
            self.to[from].push(to);
            self.from[to].push(from);
        }
    }

    fn reach(&self, bundle: Item<'a>) -> Vec<Reach> {
        let mut reach = vec![Reach::None; self.entries.len()];
        let sheets = bundle.all("link").filter(|l| l.str_at(&["relation"]) == Some("stylesheet"));
        let sheets: Vec<&str> = sheets.filter_map(|l| l.str_at(&["url"])).collect();
        let is_sheet = |entry: Item<'a>| sheets.iter().any(|url| is_of(entry, url));
        let starts = (0..self.entries.len()).filter(|place| *place == 0 || is_sheet(self.entries[*place]));
        let mut open: Vec<usize> = starts.collect();
        let mut met = Vec::new();
        while let Some(place) = open.pop() {
            if reach[place] == Reach::None {
                reach[place] = Reach::Forward;
                met.push(place);
                open.extend(&self.to[place]);
            }
        }
        while let Some(place) = met.pop() {
            for next in self.from[place].iter().chain(&self.to[place]) {
                if reach[*next] == Reach::None {
                    reach[*next] = Reach::Backward;
                    met.push(*next);
                }
            }
        }
        reach
    }
}
