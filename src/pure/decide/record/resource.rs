//! What a resource says of itself, by the record and the policy's tables alone: labels, codes, references, times, authors.

use super::facing::Subject;
use crate::pure::decide::label::{Labels, PROCESS_INLINE, is_inline_label};
use crate::pure::decide::policy::Policy;
use crate::pure::decide::rules::RuleId;
use crate::pure::decide::words::{Truth, same_reference};
use crate::pure::fhir::{Id, Item, Kind, When};
use jiff::Timestamp;

/// What is known of one resource.
#[derive(Debug)]
pub(in crate::pure::decide) struct Resource<'t> {
    pub item: Item<'t>,
    /// What to take out to be rid of it: the Bundle's entry, or the resource.
    pub node: Id,
    pub type_: &'t str,
    pub reference: String,
    /// Which entry of its Bundle it stands in; none where it stands alone.
    pub entry: Option<usize>,
    pub full_url: Option<&'t str>,
    /// How it names whose it is.
    pub subject: Subject<'t>,
    pub labels: Labels<'t>,
    pub codings: Vec<(Option<&'t str>, &'t str)>,
    /// It says something in words alone.
    pub uncoded: bool,
    pub profiles: Vec<&'t str>,
    pub refs: Vec<&'t str>,
    pub dates: Option<(Timestamp, Timestamp)>,
    pub bar: Option<RuleId>,
    /// A sensitive word stands in its text: nobody may send it before somebody has looked.
    pub review: bool,
}

impl<'t> Resource<'t> {
    /// Looks at all of it, once.
    pub(super) fn of(
        item: Item<'t>,
        node: Id,
        full_url: Option<&'t str>,
        entry: Option<usize>,
        policy: &'t Policy,
    ) -> Resource<'t> {
        let type_ = item.resource_type().unwrap_or_default();
        let id = item.str_at(&["id"]).unwrap_or_default();
        let mut resource = Resource {
            item,
            node,
            type_,
            reference: format!("{type_}/{id}"),
            entry,
            full_url,
            subject: Subject::of(item, type_, policy),
            labels: Labels::default(),
            codings: Vec::new(),
            uncoded: false,
            profiles: Vec::new(),
            refs: Vec::new(),
            dates: dates(item),
            bar: None,
            review: false,
        };
        if let Some(meta) = item.get("meta") {
            resource.profiles.extend(meta.all("profile").filter_map(Item::str));
            let address_only = |c: &Item<'_>| item.resource_type() == Some("Patient") && policy.tells_whereabouts(*c);
            for coding in meta.all("security").filter(|c| !address_only(c)) {
                resource.labels.add(coding, policy);
            }
        }
        let by_element = labels_its_elements(item);
        for child in item.children().filter(|c| c.key() != "meta") {
            look(child, &mut resource, policy, by_element);
        }
        resource.bar = resource.labels.bar;
        resource.review = resource.labels.held;
        resource
    }

    /// Whether it is of a class that is no resource type: it claims that profile, or is a document of that type.
    pub fn is_of_class(&self, system: &str, code: &str) -> Truth {
        let is_profile = |p: &&str| *p == code || p.strip_prefix(system).is_some_and(|rest| rest.ends_with(code));
        if self.profiles.iter().any(is_profile) {
            return Truth::True;
        }
        if !matches!(self.type_, "DocumentReference" | "Composition" | "Binary") {
            return Truth::False;
        }
        let types = ["type", "category", "class"].into_iter().flat_map(|name| self.item.all(name));
        let codings = types.flat_map(|t| t.all("coding")).map(|c| (c.str_at(&["system"]), c.str_at(&["code"])));
        let mut known = false;
        for (of, found) in codings.filter(|(of, _)| of.is_none_or(|s| s == system)) {
            if found == Some(code) {
                return Truth::True;
            }
            known |= of.is_some() && found.is_some();
        }
        // a document whose type is not said in these words might be one
        if known { Truth::False } else { Truth::Unknown }
    }

    /// Its FHIRPath.
    pub fn path(&self) -> String {
        self.entry.map_or_else(|| self.type_.to_owned(), |entry| format!("Bundle.entry[{entry}].resource"))
    }

    /// Whether a reference names it.
    pub fn is(&self, reference: &str) -> Truth {
        let by_url = self.full_url.map_or(Truth::False, |url| same_reference(url, reference));
        if by_url == Truth::True { by_url } else { by_url.or(same_reference(&self.reference, reference)) }
    }

    /// Whether it refers to that.
    pub fn refers_to(&self, reference: &str) -> Truth {
        self.refs.iter().map(|r| same_reference(r, reference)).max().unwrap_or(Truth::False)
    }

    /// Whether that party wrote it. A type that names no author is nobody's work.
    pub fn authored_by(&self, reference: &str) -> Truth {
        const AUTHORS: [&str; 9] = [
            "author",
            "performer",
            "recorder",
            "asserter",
            "requester",
            "source",
            "informationSource",
            "agent",
            "contributor",
        ];
        let mut named = false;
        let mut found = Truth::False;
        for author in AUTHORS.iter().flat_map(|a| self.item.all(a)) {
            let reference_to = author.str_at(&["reference"]).or_else(|| author.str_at(&["who", "reference"]));
            let reference_to = reference_to.or_else(|| author.str_at(&["actor", "reference"]));
            named = true;
            found = found.or(reference_to.map_or(Truth::Unknown, |r| same_reference(r, reference)));
        }
        if named || !AUTHORED.contains(&self.type_) { found } else { Truth::Unknown }
    }
}

/// Types that have an author in R4: where none is written, who wrote it is not known.
const AUTHORED: [&str; 22] = [
    "AllergyIntolerance",
    "CarePlan",
    "ClinicalImpression",
    "Communication",
    "CommunicationRequest",
    "Composition",
    "Condition",
    "Consent",
    "DeviceRequest",
    "DiagnosticReport",
    "DocumentReference",
    "Flag",
    "Goal",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Procedure",
    "QuestionnaireResponse",
    "RiskAssessment",
    "ServiceRequest",
    "Task",
    "Immunization",
];

/// Whether a resource says that its elements carry labels of their own (DS4P: tagged PROCESSINLINELABEL). Where it does
/// not, a label on an element counts for the whole resource: nobody has said that the rest can do without.
pub(super) fn labels_its_elements(resource: Item<'_>) -> bool {
    let marks = resource.get("meta").into_iter().flat_map(|m| m.all("security"));
    marks.into_iter().any(|c| c.str_at(&["code"]) == Some(PROCESS_INLINE))
}

/// What an inline label stands on.
pub(super) fn labelled_by(extension: Item<'_>) -> Option<Item<'_>> {
    extension.parent()?.parent()
}

/// One walk over everything in the resource, contained resources included.
fn look<'t>(item: Item<'t>, into: &mut Resource<'t>, policy: &'t Policy, by_element: bool) {
    match item.kind() {
        Kind::String => into.labels.see_text(item, &policy.sets),
        Kind::Object => {
            if let Some(code) = item.str_at(&["code"]) {
                let system = item.str_at(&["system"]);
                into.codings.push((system, code));
                into.labels.see_code(system, code, &policy.sets);
            }
            if let Some(reference) = item.get("reference").and_then(Item::str) {
                into.refs.push(reference);
            }
            if item.get("text").is_some_and(|t| t.kind() == Kind::String) && item.get("coding").is_none() {
                into.uncoded = true;
            }
            let counts = || is_inline_label(item) && (!by_element || labelled_by(item) == Some(into.item));
            if let Some(label) = item.get("valueCoding").filter(|_| counts()) {
                into.labels.add(label, policy);
            }
            if item.resource_type().is_some() {
                item.get("meta").into_iter().flat_map(|m| m.all("security")).for_each(|l| into.labels.add(l, policy));
            }
            item.children().for_each(|child| look(child, into, policy, by_element));
        }
        Kind::Array => item.children().for_each(|child| look(child, into, policy, by_element)),
        _ => {}
    }
}

/// The clinical or operational time of the data, where the type has such a time. When something was recorded, issued or
/// filed says nothing about when it was so: then the time is not known.
fn dates(item: Item<'_>) -> Option<(Timestamp, Timestamp)> {
    const MOMENTS: [&str; 7] = [
        "effectiveDateTime",
        "effectiveInstant",
        "performedDateTime",
        "onsetDateTime",
        "occurrenceDateTime",
        "startDate",
        "date",
    ];
    const PERIODS: [&str; 6] =
        ["effectivePeriod", "performedPeriod", "onsetPeriod", "occurrencePeriod", "executionPeriod", "period"];
    // when it was asked for, answered or sent: the operational time of a request, an answer, a message
    const DEEDS: [&str; 4] = ["authored", "authoredOn", "sent", "dateTime"];
    let moment = |name: &&str| {
        let when = item.get(name).and_then(Item::str).and_then(When::date_time)?;
        Some((when.earliest(), when.end()))
    };
    let span = |period: Item<'_>| {
        let end = |key: &str| period.get(key).and_then(Item::str).and_then(When::date_time);
        (end("start").map_or(Timestamp::MIN, When::earliest), end("end").map_or(Timestamp::MAX, When::end))
    };
    // a document is about the time of its context, and filed at another
    let context = item.get("context").filter(|c| c.kind() == Kind::Object).and_then(|c| c.get("period"));
    let periods = || PERIODS.iter().find_map(|name| item.get(name));
    context
        .map(span)
        .or_else(|| MOMENTS.iter().find_map(moment))
        .or_else(|| periods().map(span))
        .or_else(|| DEEDS.iter().find_map(moment))
}
