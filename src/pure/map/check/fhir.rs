//! The FHIR side: every path against the definition of its resource type.

use super::super::convert::As;
use super::super::path::{Select, Step, full};
use super::super::raw::Spot;
use super::Checker;
use crate::pure::fhirpath::{Model, Type};
use crate::pure::profile::Definitions;

/// What the end of a path must be.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// One plain value.
    Plain,
    /// A list of plain values.
    Plains,
    /// This datatype, or one of these.
    Is(&'static [&'static str]),
    /// Anything.
    Any,
}

impl Checker<'_> {
    pub(super) fn fhir(&mut self, definitions: &Definitions) {
        if definitions.find("Patient").is_none() {
            self.report.not_checked("FHIR paths of the mapping", "no definitions are loaded");
            return;
        }
        self.rules(definitions);
        let mapping = self.mapping;
        for (kind, (_, raw)) in mapping.kinds.iter().zip(&self.raw.resources.0) {
            let spot = Spot::from(&raw.resource);
            let Some(of) = definitions
                .find(&kind.resource)
                .filter(|_| definitions.resource_types().contains(&kind.resource.as_str()))
            else {
                self.wrong(
                    spot,
                    "unknown-type",
                    format!("`{}` is no FHIR resource", kind.resource),
                    "use the name of an R4 resource",
                );
                continue;
            };
            if let Some(url) = kind.profile.as_ref().filter(|url| definitions.index_of(url).is_none()) {
                self.forgotten(
                    spot,
                    "unknown-profile",
                    format!("profile `{url}` is not loaded"),
                    "use the name of a profile in profiles/sharewell",
                );
            }
            for (path, _) in &kind.fixed {
                self.path(definitions, of, path, End::Any, spot);
            }
            for (path, ..) in &kind.is {
                self.path(definitions, of, path, End::Plain, spot);
            }
            for reference in &kind.refs {
                let spot = Spot { line: reference.line, column: 1 };
                self.path(definitions, of, &reference.path, End::Is(&["Reference"]), spot);
            }
        }
    }

    fn rules(&mut self, definitions: &Definitions) {
        let raw = self.raw;
        for rule in &raw.rules {
            let rule = &rule.value;
            let prefixes = &raw.prefixes.0;
            let long = |value: &str| match value.split_once(':') {
                Some((p, rest)) => {
                    prefixes.iter().find(|(k, _)| k.value == p).map_or(value.to_owned(), |(_, v)| format!("{v}{rest}"))
                }
                None => value.to_owned(),
            };
            let Ok(path) = super::super::path::parse(&rule.fhir.value, &long) else { continue };
            let resource = match path[0].name.as_str() {
                "bundle" => Some("Bundle"),
                name => self.mapping.kinds.iter().find(|k| k.name == name).map(|k| k.resource.as_str()),
            };
            let Some(of) = resource.and_then(|r| definitions.find(r)) else { continue };
            let end = match rule.how.as_ref().and_then(|word| As::read(&word.value)) {
                _ if rule.value.as_ref().is_some_and(|v| v.is_object() || v.is_array()) => End::Any,
                Some(As::Words) => End::Plains,
                Some(As::Coding) => End::Is(&["Coding"]),
                Some(As::Concept) => End::Is(&["CodeableConcept"]),
                Some(As::Money(_)) => End::Is(&["Money"]),
                Some(As::Duration(..)) => End::Is(&["Duration", "Quantity", "Age"]),
                _ => End::Plain,
            };
            self.path(definitions, of, &path[1..], end, Spot::from(&rule.fhir));
        }
    }

    fn path(&mut self, definitions: &Definitions, of: Type, path: &[Step], end: End, spot: Spot) {
        if let Err((text, remedy)) = follow(definitions, of, path, end) {
            let whole = full(path).trim_end_matches('.').to_owned();
            self.wrong(spot, "unknown-element", format!("`{whole}`: {text}"), remedy);
        }
    }
}

type Wrong = (String, String);

fn follow(definitions: &Definitions, of: Type, path: &[Step], end: End) -> Result<(), Wrong> {
    let mut at = of;
    for (index, step) in path.iter().enumerate() {
        let last = index + 1 == path.len();
        let Some(element) = definitions.element(at, &step.name) else {
            return Err(unknown(definitions, at, &step.name));
        };
        let list_wanted = last && end == End::Plains;
        match (element.array, step.select) {
            (true, Select::One) if !(list_wanted || last && end == End::Any) => {
                return Err((
                    format!("`{}` repeats", step.name),
                    format!("write `{0}[0]`, `{0}[]` or a slice", step.name),
                ));
            }
            (false, Select::Nth(_) | Select::Each | Select::Slice) => {
                return Err((format!("`{}` does not repeat", step.name), "leave the brackets out".to_owned()));
            }
            (false, Select::One) if list_wanted => {
                return Err((format!("`{}` is no list", step.name), "`as: words` writes a list of texts".to_owned()));
            }
            _ => {}
        }
        at = element.is;
        for test in &step.tests {
            follow(definitions, at, &test.path, End::Plain)?;
        }
    }
    let name = definitions.name(at);
    let plain = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    match end {
        End::Plain | End::Plains if !plain => Err((
            format!("it ends at a {name}, which is no plain value"),
            "go on to the element that holds the value".to_owned(),
        )),
        End::Is(names) if !names.contains(&name) => {
            Err((format!("it ends at a {name}, not at a {}", names[0]), "mend the path, or `as`".to_owned()))
        }
        _ => Ok(()),
    }
}

fn unknown(definitions: &Definitions, at: Type, name: &str) -> Wrong {
    let of = definitions.name(at).to_owned();
    let choice = ["value", "onset", "deceased", "occurrence", "effective", "product", "due", "start", "multipleBirth"];
    let remedy = match choice.iter().find(|c| **c == name) {
        Some(choice) => format!("say which type: `{choice}String`, `{choice}Date` …"),
        None => format!("use an element of {of}"),
    };
    (format!("{of} has no element `{name}`"), remedy)
}
