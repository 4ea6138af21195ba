//! What extensions on an ElementDefinition ask of a value: rules of HL7's that R4 itself has no field for.
//!
//! Comes in: the definition of an element. Goes out: [`Controls`], or nothing, as almost always.

use crate::pure::fhir::{Item, Severity};
use regex::Regex;
use std::sync::Arc;

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Rules of one element by extension.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controls {
    /// Most bytes of base64.
    pub max_size: Option<usize>,
    /// Most decimal places.
    pub max_places: Option<usize>,
    /// The form of the whole value.
    pub form: Option<Form>,
    /// How bad a part of a narrative is that does not say where it comes from.
    pub narrative_source: Option<Severity>,
    /// Languages that a narrative must have sections of: tags, `_yes` (any), `_no` (none), `_resource` (the resource's).
    pub narrative_languages: Vec<Arc<str>>,
}

/// A regular expression for a whole value; none where it uses what takes unbounded time.
#[derive(Clone, Debug)]
pub struct Form {
    text: Arc<str>,
    /// The expression, compiled.
    pub expression: Option<Regex>,
}

impl Form {
    fn of(text: &str) -> Form {
        Form { text: Arc::from(text), expression: Regex::new(&format!("^(?:{text})$")).ok() }
    }
}

impl PartialEq for Form {
    fn eq(&self, other: &Form) -> bool {
        self.text == other.text
    }
}

/// Reads the extensions of an element's definition.
#[must_use]
pub(super) fn read(item: Item<'_>) -> Option<Box<Controls>> {
    item.get("extension")?;
    let mut found = Controls::default();
    for extension in item.all("extension") {
        let Some(url) = extension.str_at(&["url"]) else { continue };
        let Some(value) = extension.children().find(|c| c.key().starts_with("value")) else { continue };
        let number = || value.text().parse().ok();
        match url.strip_prefix(CORE) {
            Some("maxSize") => found.max_size = number(),
            Some("maxDecimalPlaces") => found.max_places = number(),
            Some("regex") => found.form = Some(Form::of(value.text())),
            Some("narrative-source-control") => found.narrative_source = severity(value.text()),
            Some("narrative-language-control") => found.narrative_languages.push(Arc::from(value.text())),
            _ => {}
        }
    }
    (found != Controls::default()).then(|| Box::new(found))
}

fn severity(code: &str) -> Option<Severity> {
    Some(match code {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        "information" | "hint" => Severity::Information,
        _ => return None,
    })
}
