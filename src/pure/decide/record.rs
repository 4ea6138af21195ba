//! A record as the decision sees it: resources, and the elements of them that belong to other sections.

use super::evidence::{Bar, Evidence};
use super::label::Labels;
use super::policy::{FRAME, Policy, SectionTable, WHOLE, Where};
use super::rules::RuleId;
use super::words::{Identity, Truth, same_reference};
use crate::pure::fhir::{Id, Item, Kind, When};
use jiff::Timestamp;

/// Something that stays or goes as one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit<'t> {
    /// Which of the record's resources.
    pub resource: usize,
    /// The resource, or the element of it.
    pub item: Item<'t>,
    /// Whether it is the whole resource.
    pub whole: bool,
    /// Its sections; none of them: the frame.
    pub sections: u32,
    /// Only for the party it names.
    pub addressee: bool,
    /// A legal bar on this element alone.
    pub bar: Option<RuleId>,
}

/// Whose a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The person's.
    Subject,
    /// Nobody's: an organisation, a questionnaire.
    Nobody,
    /// Somebody else's, or it cannot be told.
    Other,
}

/// What is known of one resource.
#[derive(Debug)]
pub(super) struct Resource<'t> {
    pub item: Item<'t>,
    /// What to take out to be rid of it: the Bundle's entry, or the resource.
    pub node: Id,
    pub type_: &'t str,
    pub reference: String,
    pub full_url: Option<&'t str>,
    pub whose: Whose,
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

/// A record, taken apart.
#[derive(Debug)]
pub(super) struct Record<'t> {
    pub resources: Vec<Resource<'t>>,
    pub units: Vec<Unit<'t>>,
}

impl<'t> Record<'t> {
    /// Takes apart a Bundle, or a list of resources.
    pub fn of(roots: &[Item<'t>], who: &Identity, evidence: &Evidence, policy: &'t Policy) -> Record<'t> {
        let mut items = Vec::new();
        for root in roots {
            if root.resource_type() == Some("Bundle") {
                for entry in root.all("entry") {
                    if let Some(resource) = entry.get("resource") {
                        items.push((resource, entry.id(), entry.str_at(&["fullUrl"])));
                    }
                }
            } else {
                items.push((*root, root.id(), None));
            }
        }
        let mine = references_of_subject(&items, evidence);
        let mut record = Record { resources: Vec::new(), units: Vec::new() };
        for (item, node, full_url) in items {
            record.resources.push(resource(item, node, full_url, &mine, evidence, policy));
        }
        for index in 0..record.resources.len() {
            record.divide(index, who, evidence, policy);
        }
        record
    }

    fn divide(&mut self, index: usize, who: &Identity, evidence: &Evidence, policy: &Policy) {
        let resource = &self.resources[index];
        let (item, type_) = (resource.item, resource.type_);
        let table = &policy.sections;
        let (sections, addressee) = classify(item, table);
        let mut units = vec![Unit { resource: index, item, whole: true, sections, addressee, bar: None }];
        let except =
            table.undivided.iter().find(|(t, bits, _)| t == type_ && sections & bits == *bits && *bits != FRAME);
        for child in item.children() {
            let name = child.key().trim_start_matches('_');
            if except.is_some_and(|(_, _, except)| !except.iter().any(|e| e == name)) {
                continue;
            }
            if name == "extension" {
                for extension in child.each() {
                    let to = extension_to(type_, extension, table);
                    self.place(&mut units, index, extension, to, sections);
                }
            } else if name == "contained" {
                for inner in child.each() {
                    let (own, addressee) = classify(inner, table);
                    let sections = own | WHOLE;
                    units.push(Unit { resource: index, item: inner, whole: false, sections, addressee, bar: None });
                }
            } else if let Some(to) = element_to(type_, name, table) {
                self.place(&mut units, index, child, to, sections);
            }
        }
        let against = |b: &&Bar| b.recipients.is_empty() || b.recipients.iter().any(|r| r.same(who) != Truth::False);
        for bar in evidence.facts.bars.iter().filter(against) {
            barred(&mut units, index, item, bar);
        }
        if evidence.facts.restricted {
            restricted(&mut units, index, item, policy);
        }
        self.units.extend(units);
    }

    fn place(&self, units: &mut Vec<Unit<'t>>, resource: usize, item: Item<'t>, to: Where, own: u32) {
        let unit = |item, sections| Unit { resource, item, whole: false, sections, addressee: false, bar: None };
        match to {
            Where::Sections(bits) if bits != own => units.push(unit(item, bits)),
            Where::Sections(_) | Where::Addressee => {}
            Where::Target(otherwise) => {
                for reference in item.each() {
                    let target = reference.str_at(&["reference"]).and_then(|r| self.find(r));
                    let sections = target.and_then(|t| t.own_sections).filter(|s| *s != FRAME).unwrap_or(otherwise);
                    units.push(unit(reference, sections));
                }
            }
        }
    }

    /// The resource a reference points at.
    pub fn find(&self, reference: &str) -> Option<Found> {
        let found = self.resources.iter().position(|r| r.is(reference) == Truth::True)?;
        let own_sections = self.units.iter().find(|u| u.whole && u.resource == found).map(|u| u.sections);
        Some(Found { own_sections })
    }
}

/// Where a reference led.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    own_sections: Option<u32>,
}

impl Resource<'_> {
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

fn references_of_subject<'t>(items: &[(Item<'t>, Id, Option<&'t str>)], evidence: &Evidence) -> Vec<String> {
    let mut mine = evidence.subject.references.clone();
    for (item, _, full_url) in items.iter().filter(|(i, _, _)| i.resource_type() == Some("Patient")) {
        let names = full_url.map(str::to_owned).into_iter();
        let names: Vec<String> = names.chain(item.str_at(&["id"]).map(|id| format!("Patient/{id}"))).collect();
        if patient_is(*item, &evidence.subject) == Truth::True {
            mine.extend(names);
        } else {
            // two systems can give two people one id: here it names the other one
            mine.retain(|m| !names.contains(m));
        }
    }
    mine
}

fn patient_is(patient: Item<'_>, subject: &Identity) -> Truth {
    let mut own = Identity::default();
    for identifier in patient.all("identifier") {
        if let (Some(system), Some(value)) = (identifier.str_at(&["system"]), identifier.str_at(&["value"])) {
            own.identifiers.push((system.to_owned(), value.to_owned()));
        }
    }
    own.references.extend(patient.str_at(&["id"]).map(|id| format!("Patient/{id}")));
    let mut answer = own.same(subject);
    if answer == Truth::Unknown && subject.identifiers.is_empty() && subject.references.is_empty() {
        answer = Truth::Unknown;
    }
    answer
}

fn resource<'t>(
    item: Item<'t>,
    node: Id,
    full_url: Option<&'t str>,
    mine: &[String],
    evidence: &Evidence,
    policy: &'t Policy,
) -> Resource<'t> {
    let type_ = item.resource_type().unwrap_or_default();
    let id = item.str_at(&["id"]).unwrap_or_default();
    let mut resource = Resource {
        item,
        node,
        type_,
        reference: format!("{type_}/{id}"),
        full_url,
        whose: Whose::Other,
        labels: Labels::default(),
        codings: Vec::new(),
        uncoded: false,
        profiles: Vec::new(),
        refs: Vec::new(),
        dates: None,
        bar: None,
        review: false,
    };
    if let Some(meta) = item.get("meta") {
        resource.profiles.extend(meta.all("profile").filter_map(Item::str));
        for coding in meta.all("security") {
            resource.labels.add(coding, policy);
        }
    }
    for child in item.children().filter(|c| c.key() != "meta") {
        look(child, &mut resource, policy, 0);
    }
    resource.dates = dates(item);
    resource.whose = whose(item, mine, evidence, policy);
    resource
}

/// One walk over everything in the resource, contained resources included.
fn look<'t>(item: Item<'t>, into: &mut Resource<'t>, policy: &'t Policy, depth: usize) {
    match item.kind() {
        Kind::String => {
            let text = item.text();
            if text.len() > 3
                && text.contains(' ')
                && let Some(set) = policy.sets.named_in(text)
            {
                into.review = true;
                into.bar = into.bar.or(policy.sets.sets[set].bar);
            }
        }
        Kind::Object => {
            if let Some(code) = item.str_at(&["code"]) {
                coding(item, code, into, policy);
            }
            if let Some(reference) = item.get("reference").and_then(Item::str) {
                into.refs.push(reference);
            }
            if item.get("text").is_some_and(|t| t.kind() == Kind::String) && item.get("coding").is_none() {
                into.uncoded = true;
            }
            if item.str_at(&["url"]).is_some_and(|u| u.ends_with("inline-sec-label"))
                && let Some(label) = item.get("valueCoding")
            {
                into.labels.add(label, policy);
            }
            if item.key() == "" && depth > 0 && item.get("resourceType").is_some() {
                for label in item.get("meta").into_iter().flat_map(|m| m.all("security")) {
                    into.labels.add(label, policy);
                }
            }
            for child in item.children() {
                look(child, into, policy, depth + 1);
            }
        }
        Kind::Array => {
            for child in item.children() {
                look(child, into, policy, depth + 1);
            }
        }
        _ => {}
    }
}

fn coding<'t>(item: Item<'t>, code: &'t str, into: &mut Resource<'t>, policy: &'t Policy) {
    let system = item.str_at(&["system"]);
    into.codings.push((system, code));
    for set in policy.sets.of(system, code) {
        let set = &policy.sets.sets[set];
        into.labels.raise(set.confidentiality, set.label.as_deref());
        into.bar = into.bar.or(set.bar);
    }
}

fn whose(item: Item<'_>, mine: &[String], evidence: &Evidence, policy: &Policy) -> Whose {
    if evidence.facts.verified == Some(false) {
        return Whose::Other;
    }
    if item.resource_type() == Some("Patient") {
        let same = patient_is(item, &evidence.subject);
        return if same == Truth::True { Whose::Subject } else { Whose::Other };
    }
    let named = ["subject", "patient", "for", "beneficiary", "individual"].iter().find_map(|n| item.get(n));
    let Some(named) = named.and_then(|n| n.each().next()) else {
        let type_ = item.resource_type().unwrap_or_default();
        return if policy.sections.impersonal.iter().any(|t| t == type_) { Whose::Nobody } else { Whose::Other };
    };
    if let Some(reference) = named.str_at(&["reference"]) {
        let same = mine.iter().map(|m| same_reference(m, reference)).max();
        return if same == Some(Truth::True) { Whose::Subject } else { Whose::Other };
    }
    let by_identifier = named.get("identifier").and_then(|i| {
        let (system, value) = (i.str_at(&["system"])?, i.str_at(&["value"])?);
        Some(Identity::by_identifier(system, value).same(&evidence.subject))
    });
    if by_identifier == Some(Truth::True) { Whose::Subject } else { Whose::Other }
}

/// The clinical or operational time of the data, not when it was recorded, where the type has such a time.
fn dates(item: Item<'_>) -> Option<(Timestamp, Timestamp)> {
    const NAMES: [&str; 16] = [
        "effectiveDateTime",
        "effectiveInstant",
        "performedDateTime",
        "onsetDateTime",
        "occurrenceDateTime",
        "startDate",
        "date",
        "authored",
        "authoredOn",
        "created",
        "recordedDate",
        "issued",
        "sent",
        "birthDate",
        "dateTime",
        "recorded",
    ];
    const PERIODS: [&str; 6] =
        ["effectivePeriod", "performedPeriod", "onsetPeriod", "occurrencePeriod", "executionPeriod", "period"];
    for name in &NAMES[..7] {
        if let Some(when) = item.get(name).and_then(Item::str).and_then(When::date_time) {
            return Some((when.earliest(), when.end()));
        }
    }
    for name in PERIODS {
        let Some(period) = item.get(name) else { continue };
        let end = |key: &str| period.get(key).and_then(Item::str).and_then(When::date_time);
        let from = end("start").map_or(Timestamp::MIN, When::earliest);
        return Some((from, end("end").map_or(Timestamp::MAX, When::end)));
    }
    for name in &NAMES[7..] {
        if let Some(when) = item.get(name).and_then(Item::str).and_then(When::date_time) {
            return Some((when.earliest(), when.end()));
        }
    }
    None
}

// ---- sections ----------------------------------------------------------------------------------------------------------

fn classify(item: Item<'_>, table: &SectionTable) -> (u32, bool) {
    let type_ = item.resource_type().unwrap_or_default();
    let rows = table.resources.get(type_).or_else(|| table.resources.get("*"));
    let fits = rows.into_iter().flatten().find(|row| {
        row.has.as_deref().is_none_or(|h| item.get(h).is_some())
            && row
                .coded
                .as_ref()
                .is_none_or(|(element, system, codes)| has_code(item, &[element.as_str()], system, codes))
    });
    let mut sections = match fits.map(|r| r.to) {
        Some(Where::Sections(bits)) => bits,
        Some(Where::Addressee) => return (FRAME, true),
        _ => WHOLE,
    };
    for mark in &table.marks {
        if mark.type_.as_deref().is_some_and(|t| t != type_) {
            continue;
        }
        let path: Vec<&str> = mark.element.iter().map(String::as_str).collect();
        match mark.section {
            Some(bits) if has_code(item, &path, &mark.system, &mark.codes) => sections |= bits,
            Some(_) => {}
            // the code names the section; one nobody named is for the whole plan only
            None => {
                for (system, code) in codes_at(item, &path) {
                    if system == Some(mark.system.as_str()) {
                        sections |= table.bits(code).unwrap_or(WHOLE);
                    }
                }
            }
        }
    }
    (sections, false)
}

fn has_code(item: Item<'_>, path: &[&str], system: &str, codes: &[String]) -> bool {
    codes_at(item, path).any(|(s, code)| s == Some(system) && (codes.is_empty() || codes.iter().any(|c| c == code)))
}

/// The Codings at a path of up to two names, whether they stand there or in a CodeableConcept.
fn codes_at<'t>(item: Item<'t>, path: &[&str]) -> impl Iterator<Item = (Option<&'t str>, &'t str)> {
    let first: Vec<Item<'t>> = path.first().map(|p| item.all(p).collect()).unwrap_or_default();
    let values: Vec<Item<'t>> = match path.get(1) {
        Some(second) => first.iter().flat_map(|f| f.all(second)).collect(),
        None => first,
    };
    values.into_iter().flat_map(|v| {
        let codings: Vec<Item<'t>> = if v.get("coding").is_some() { v.all("coding").collect() } else { vec![v] };
        codings.into_iter().filter_map(|c| Some((c.str_at(&["system"]), c.str_at(&["code"])?)))
    })
}

fn element_to(type_: &str, name: &str, table: &SectionTable) -> Option<Where> {
    [type_, "*"].iter().find_map(|t| {
        let elements = table.elements.get(*t)?;
        elements.by_name.get(name).copied().or_else(|| {
            let stem =
                |stem: &str| name.strip_prefix(stem).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_uppercase()));
            elements.choices.iter().find(|(s, _)| stem(s)).map(|(_, to)| *to)
        })
    })
}

fn extension_to(type_: &str, extension: Item<'_>, table: &SectionTable) -> Where {
    let url = extension.str_at(&["url"]).unwrap_or_default();
    let elements = table.elements.get(type_);
    if let Some(to) = elements.and_then(|e| e.by_extension.get(url).copied().or(e.any_extension)) {
        return to;
    }
    if table.own_extensions.iter().any(|o| o == url) {
        return Where::Addressee; // goes with its resource: `place` makes no unit of it
    }
    Where::Sections(WHOLE)
}

/// The person's whereabouts are restricted: what the policy lists as telling of a place is barred.
fn restricted<'t>(units: &mut Vec<Unit<'t>>, resource: usize, item: Item<'t>, policy: &Policy) {
    let type_ = item.resource_type().unwrap_or_default();
    for (_, element) in policy.whereabouts.iter().filter(|(t, _)| t == type_) {
        match element {
            None => units[0].bar = Some(RuleId::L4),
            Some(name) => {
                let sections = units[0].sections;
                let unit =
                    |item| Unit { resource, item, whole: false, sections, addressee: false, bar: Some(RuleId::L4) };
                units.extend(item.children().filter(|c| c.key() == name).map(unit));
            }
        }
    }
}

fn barred<'t>(units: &mut Vec<Unit<'t>>, resource: usize, item: Item<'t>, bar: &Bar) {
    let id = item.str_at(&["id"]).unwrap_or_default();
    let reference = format!("{}/{id}", item.resource_type().unwrap_or_default());
    if bar.references.contains(&reference) {
        units[0].bar = Some(bar.rule);
        return;
    }
    for child in item.children() {
        if bar.texts.iter().any(|t| !t.is_empty() && child.to_json().contains(t.as_str())) {
            let sections = units[0].sections;
            // the whole value of the element where it is a list: the smallest part a profile can do without
            units.push(Unit { resource, item: child, whole: false, sections, addressee: false, bar: Some(bar.rule) });
        }
    }
}
