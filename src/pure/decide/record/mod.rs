//! A record as the decision sees it: resources, and the elements of them that belong to other sections. Taken apart once
//! ([`Prepared`]) and shared by all recipients; what depends on the person's facts comes after, in `facing`.

mod facing;
mod resource;
mod section;

pub(super) use facing::{Record, Whose};
pub(super) use resource::Resource;

use super::label::{Labels, is_inline_label};
use super::policy::{FRAME, Policy, WHOLE, Where};
use super::rules::RuleId;
use super::words::without_version;
use crate::pure::fhir::{Item, Kind};
use crate::pure::validate::Validated;
use resource::{labelled_by, labels_its_elements};
use section::{classify, element_to, extension_to, of_labels};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

/// Something that stays or goes as one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit<'t> {
    /// Which of the record's resources.
    pub resource: usize,
    /// The resource, or the element of it.
    pub item: Item<'t>,
    /// Whether it is the whole resource.
    pub whole: bool,
    /// Where it stands in its resource: the element, and the position where that is a list.
    pub within: (&'t str, Option<usize>),
    /// Its sections; none of them: the frame.
    pub sections: u32,
    /// Only for the party it names.
    pub addressee: bool,
    /// A legal bar on this element alone.
    pub bar: Option<RuleId>,
    /// The labels of an element that carries its own: their place in the record's list.
    pub labels: Option<usize>,
}

impl<'t> Unit<'t> {
    fn whole(resource: usize, item: Item<'t>, (sections, addressee): (u32, bool)) -> Unit<'t> {
        let within = ("", None);
        Unit { resource, item, whole: true, within, sections, addressee, bar: None, labels: None }
    }

    fn part(resource: usize, item: Item<'t>, within: (&'t str, Option<usize>), sections: u32) -> Unit<'t> {
        Unit { resource, item, whole: false, within, sections, addressee: false, bar: None, labels: None }
    }

    /// Its path below its resource: `activity`, `extension[2]`.
    pub fn path_within(&self) -> String {
        match self.within {
            // somewhere below: found upwards, for those few
            ("", None) if !self.whole => path_below(self.item),
            (name, Some(index)) => format!("{name}[{index}]"),
            (name, None) => name.to_owned(),
        }
    }
}

/// The path of an element below the resource it stands in.
fn path_below(item: Item<'_>) -> String {
    let mut steps = Vec::new();
    let mut at = item;
    while let Some(parent) = at.parent().filter(|_| at.resource_type().is_none()) {
        steps.push(at.index().map_or_else(|| format!(".{}", at.key()), |n| format!("[{n}]")));
        at = parent;
    }
    steps.reverse();
    steps.concat().trim_start_matches('.').to_owned()
}

/// The values under a name, each with where it stands: what an array holds, or the one value.
fn placed(child: Item<'_>) -> impl Iterator<Item = (Item<'_>, (&str, Option<usize>))> {
    let is_list = child.kind() == Kind::Array;
    child.each().enumerate().map(move |(n, item)| (item, (child.key(), is_list.then_some(n))))
}

/// A record taken apart by a policy: everything of a decision that depends on neither the recipient nor the person's facts
/// and choices. Made once by [`super::prepare`], for as many questions as there are.
pub struct Prepared<'t> {
    policy: &'t Policy,
    /// SHA-256 of each root.
    digests: Vec<[u8; 32]>,
    /// The validated record it was made of; none where nobody has validated it.
    record: Option<[u8; 32]>,
    pub(super) resources: Vec<Resource<'t>>,
    pub(super) units: Vec<Unit<'t>>,
    /// The labels of elements that carry their own, with those of their resource.
    inline: Vec<Labels<'t>>,
    /// The units of each resource, its own first.
    ranges: Vec<Range<usize>>,
    /// By `Type/id` and by `fullUrl`, the first resource of that name.
    by_name: HashMap<String, usize>,
}

impl fmt::Debug for Prepared<'_> {
    /// How much, never what (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared({} resources, {} parts)", self.resources.len(), self.units.len())
    }
}

impl<'t> Prepared<'t> {
    /// Takes apart a validated record.
    pub(super) fn of_record(record: &'t Validated, policy: &'t Policy) -> Prepared<'t> {
        let mut prepared = Prepared::of(&[record.bundle().root()], vec![record.digest()], policy);
        prepared.record = Some(record.digest());
        prepared
    }

    /// Takes apart a Bundle, or a list of resources, that nobody has validated.
    pub(super) fn of(roots: &[Item<'t>], digests: Vec<[u8; 32]>, policy: &'t Policy) -> Prepared<'t> {
        let mut resources = Vec::new();
        for root in roots {
            if root.resource_type() == Some("Bundle") {
                for (position, entry) in root.all("entry").enumerate() {
                    if let Some(item) = entry.get("resource") {
                        let full_url = entry.str_at(&["fullUrl"]);
                        resources.push(Resource::of(item, entry.id(), full_url, Some(position), policy));
                    }
                }
            } else {
                resources.push(Resource::of(*root, root.id(), None, None, policy));
            }
        }
        let by_name = names(&resources);
        let (units, ranges) = (Vec::new(), Vec::new());
        let inline = Vec::new();
        let mut prepared = Prepared { policy, digests, record: None, resources, units, inline, ranges, by_name };
        let own: Vec<(u32, bool)> = prepared.resources.iter().map(|r| sections_of(r, policy)).collect();
        for index in 0..own.len() {
            let start = prepared.units.len();
            prepared.divide(index, &own);
            prepared.divide_by_labels(index, own[index].0);
            prepared.ranges.push(start..prepared.units.len());
        }
        prepared
    }

    /// The rules it was taken apart by, and is decided by.
    pub(super) fn policy(&self) -> &'t Policy {
        self.policy
    }

    /// The sections of a resource as a whole.
    pub(super) fn sections_of(&self, resource: usize) -> u32 {
        self.units[self.ranges[resource].start].sections
    }

    /// SHA-256 of what it was made of.
    pub(super) fn digests(&self) -> &[[u8; 32]] {
        &self.digests
    }

    /// SHA-256 of the validated record it was made of; none where nobody has validated it.
    #[must_use]
    pub fn record(&self) -> Option<[u8; 32]> {
        self.record
    }

    fn divide(&mut self, index: usize, own: &[(u32, bool)]) {
        let resource = &self.resources[index];
        let (item, type_) = (resource.item, resource.type_);
        let table = &self.policy.sections;
        let (sections, _) = own[index];
        self.units.push(Unit::whole(index, item, own[index]));
        let except =
            table.undivided.iter().find(|(t, bits, _)| t == type_ && sections & bits == *bits && *bits != FRAME);
        for child in item.children() {
            let name = child.key().trim_start_matches('_');
            if except.is_some_and(|(_, _, except)| !except.iter().any(|e| e == name)) {
                continue;
            }
            if name == "extension" {
                for (extension, at) in placed(child) {
                    self.place(index, extension, at, extension_to(type_, extension, table), own);
                }
            } else if name == "contained" {
                for (inner, at) in placed(child) {
                    let (own, addressee) = classify(inner, table);
                    self.units.push(Unit { addressee, ..Unit::part(index, inner, at, own | WHOLE) });
                }
            } else if let Some(to) = element_to(type_, name, table) {
                self.place(index, child, (child.key(), None), to, own);
            }
        }
    }

    fn place(&mut self, resource: usize, item: Item<'t>, at: (&'t str, Option<usize>), to: Where, own: &[(u32, bool)]) {
        match to {
            Where::Sections(bits) if bits != own[resource].0 => self.units.push(Unit::part(resource, item, at, bits)),
            Where::Sections(_) | Where::Addressee => {}
            Where::Target(otherwise) => {
                for (reference, at) in placed(item) {
                    let target = reference.str_at(&["reference"]).and_then(|r| self.named(r)).map(|t| own[t].0);
                    let sections = target.filter(|s| *s != FRAME).unwrap_or(otherwise);
                    self.units.push(Unit::part(resource, reference, at, sections));
                }
            }
        }
    }

    /// The unit that is all of a resource.
    pub(super) fn own_unit(&self, resource: usize) -> Option<&Unit<'t>> {
        self.units.get(self.ranges.get(resource)?.start)
    }

    /// Elements that carry labels of their own, where their resource says that they do.
    fn divide_by_labels(&mut self, index: usize, sections: u32) {
        let resource = &self.resources[index];
        if !labels_its_elements(resource.item) {
            return;
        }
        let (type_, policy) = (resource.type_, self.policy);
        let labelled = resource.item.descendants().into_iter().filter(|i| is_inline_label(*i));
        let found: Vec<(Item<'t>, Labels<'t>)> = labelled
            .filter_map(|extension| {
                let mut labels = resource.labels.clone();
                labels.add(extension.get("valueCoding")?, policy);
                let holder = labelled_by(extension).filter(|holder| *holder != resource.item)?;
                Some((holder, labels))
            })
            .collect();
        for (holder, labels) in found {
            let sections = sections | of_labels(&labels.kinds, type_, &policy.sections);
            self.inline.push(labels);
            let labels = Some(self.inline.len() - 1);
            for item in with_its_value(holder) {
                self.units.push(Unit { labels, ..Unit::part(index, item, ("", None), sections) });
            }
        }
    }

    /// The labels of a unit.
    pub(super) fn labels_of(&self, unit: &Unit<'_>) -> &Labels<'t> {
        unit.labels.map_or(&self.resources[unit.resource].labels, |at| &self.inline[at])
    }

    /// The labels of all resources, and of elements that carry their own.
    pub(super) fn labels(&self) -> impl Iterator<Item = &Labels<'t>> {
        self.resources.iter().map(|r| &r.labels).chain(&self.inline)
    }

    /// The first resource that a reference certainly names.
    pub fn named(&self, reference: &str) -> Option<usize> {
        self.by_name.get(without_version(reference)).copied()
    }
}

/// The sections of a resource by the table, and by the labels it carries or was given.
fn sections_of(resource: &Resource<'_>, policy: &Policy) -> (u32, bool) {
    let (sections, addressee) = classify(resource.item, &policy.sections);
    let labelled = if addressee { FRAME } else { of_labels(&resource.labels.kinds, resource.type_, &policy.sections) };
    (sections | labelled, addressee)
}

/// What carries a label, and the value where it is written beside a primitive (`_status`): in a list, the whole list.
fn with_its_value(holder: Item<'_>) -> Vec<Item<'_>> {
    let beside = match holder.parent() {
        Some(list) if holder.key().is_empty() => list,
        _ => holder,
    };
    match (beside.key().strip_prefix('_'), beside.parent()) {
        (Some(name), Some(element)) => element.get(name).into_iter().chain([beside]).collect(),
        _ => vec![holder],
    }
}

/// What a reference may name each resource by. Of two with one name the first is meant.
fn names(resources: &[Resource<'_>]) -> HashMap<String, usize> {
    let mut names = HashMap::with_capacity(2 * resources.len());
    for (index, resource) in resources.iter().enumerate() {
        let full_url = resource.full_url.map(|url| without_version(url).to_owned());
        for name in full_url.into_iter().chain([without_version(&resource.reference).to_owned()]) {
            names.entry(name).or_insert(index);
        }
    }
    names
}
