//! Invariants that every record meets many times, judged without FHIRPath. Each gives the answer of its expression, which
//! stands above it; `tests/natives.rs` holds them to that on generated resources.

use crate::pure::fhir::{Item, Kind};
use crate::pure::fhirpath::{Model, Moment, Type};
use crate::pure::profile::node::Native;
use crate::pure::validate::walk::Walk;
use std::cmp::Ordering;
use std::collections::HashSet;

impl<'a> Walk<'a> {
    /// The answer of a native invariant for an element.
    pub(super) fn native(&self, native: Native, item: Item<'a>) -> bool {
        let contained = || item.all("contained");
        let no_meta = |name: &str| contained().flat_map(|c| c.all("meta")).all(|meta| !has(meta, name));
        match native {
            // text.`div`.exists(); a contained resource is shown with the one that contains it
            Native::Narrative => item != self.root || item.all("text").any(|text| has(text, "div")),
            // contained.contained.empty()
            Native::ContainedOnce => contained().all(|c| !has(c, "contained")),
            // contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()
            Native::ContainedWithoutVersion => no_meta("versionId") && no_meta("lastUpdated"),
            // contained.meta.security.empty()
            Native::ContainedWithoutLabel => no_meta("security"),
            Native::ContainedReferenced => contained().next().is_none() || self.contained_are_referenced(item),
            Native::LocalReference => self.local_reference(item),
            Native::PeriodInOrder => period_in_order(item),
        }
    }

    /// dom-3: each contained resource is referred to from within the resource, or refers to the resource itself:
    /// `'#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | …as(uri) | …as(url)) or
    /// descendants().where(reference = '#').exists() or descendants().where(as(canonical) = '#').exists()`.
    fn contained_are_referenced(&self, item: Item<'a>) -> bool {
        // mostly each is referred to by a Reference, and then no type has to be looked up
        [None, Some(self.definitions as &dyn Model)].into_iter().any(|model| {
            let fragments = Fragments::of(item, model);
            item.all("contained").filter(|c| c.kind() == Kind::Object).all(|contained| {
                // what has no id is not looked for, and reported as what has no id
                let id = contained.get("id").and_then(Item::str);
                id.is_none_or(|id| fragments.names.contains(id) || Fragments::of(contained, model).names_whole)
            })
        })
    }

    /// The first contained resource that dom-3 is broken by. A link in a narrative refers to one too, wherever it stands:
    /// dom-3's own words ask that it be referred to from elsewhere, and R4 §2.4.0.1 lets narratives do so.
    pub(super) fn unreferenced(&self, item: Item<'a>) -> Option<Item<'a>> {
        let model = Some(self.definitions as &dyn Model);
        let fragments = Fragments::of(item, model);
        let below = item.descendants();
        let narratives: Vec<&str> = below.iter().filter(|i| i.stands_under("div")).filter_map(|i| i.str()).collect();
        item.all("contained").find(|contained| {
            contained.get("id").and_then(Item::str).is_some_and(|id| {
                let link = format!("\"#{id}\"");
                let is_linked = narratives.iter().any(|text| text.contains(&link));
                !is_linked && !fragments.names.contains(id) && !Fragments::of(*contained, model).names_whole
            })
        })
    }

    /// ref-1: `reference.startsWith('#').not() or (reference.substring(1) in %rootResource.contained.id)`, where `#` is
    /// the root itself (R4 §2.3.0.1).
    fn local_reference(&self, item: Item<'a>) -> bool {
        let Some(fragment) = item.str_at(&["reference"]).and_then(|r| r.strip_prefix('#')) else { return true };
        fragment.is_empty() || self.world.index_of(self.root).contained(self.root, fragment).is_some()
    }
}

/// Whether an object has a child of this name as FHIRPath sees it: a value, or extensions where a value should be.
fn has(item: Item<'_>, name: &str) -> bool {
    item.children().any(|child| {
        let key = child.key();
        if key == name {
            child.each().any(|value| value.kind() != Kind::Null)
        } else {
            key.strip_prefix('_') == Some(name) && child.each().any(|shadow| shadow.kind() == Kind::Object)
        }
    })
}

/// The fragments that a resource refers to: in elements called `reference`, and, where types are looked up, in those of
/// type canonical, uri and url.
struct Fragments<'a> {
    model: Option<&'a dyn Model>,
    canonical: Option<Type>,
    other: [Option<Type>; 2],
    names: HashSet<&'a str>,
    /// A reference or canonical is `#`: the containing resource.
    names_whole: bool,
}

impl<'a> Fragments<'a> {
    fn of(resource: Item<'a>, model: Option<&'a dyn Model>) -> Fragments<'a> {
        let find = |name| model.and_then(|model| model.find(name));
        let (canonical, other) = (find("canonical"), [find("uri"), find("url")]);
        let mut fragments = Fragments { model, canonical, other, names: HashSet::new(), names_whole: false };
        fragments.below(resource, None, true);
        fragments
    }

    /// Looks at everything below an object of this type; the type of a resource is found by its name.
    fn below(&mut self, item: Item<'a>, kind: Option<Type>, is_top: bool) {
        let kind = self.model.and_then(|model| item.resource_type().map_or(kind, |name| model.find(name)));
        for child in item.children() {
            let key = child.key();
            let (name, is_shadow) = key.strip_prefix('_').map_or((key, false), |name| (name, true));
            let of = self.model.and_then(|model| match kind {
                _ if is_shadow => model.find("Element"),
                Some(kind) => model.element(kind, name).map(|element| element.is),
                None => None,
            });
            // the resource's own `reference` is not one of its descendants'
            let is_reference = name == "reference" && !is_top;
            for value in child.each() {
                match value.kind() {
                    Kind::Object => self.below(value, of, false),
                    Kind::String => self.text(value.text(), is_reference, of),
                    _ => {}
                }
            }
        }
    }

    fn text(&mut self, text: &'a str, is_reference: bool, of: Option<Type>) {
        let Some(fragment) = text.strip_prefix('#') else { return };
        let is_canonical = of.is_some() && of == self.canonical;
        let is_other = of.is_some() && self.other.contains(&of);
        if is_reference || is_canonical || is_other {
            self.names.insert(fragment);
        }
        self.names_whole |= fragment.is_empty() && (is_reference || is_canonical);
    }
}

/// per-1: `start.hasValue().not() or end.hasValue().not() or (start <= end)`. Where one is written less precisely than the
/// other and what both say is the same, nothing is known, and the invariant does not hold. What is no dateTime is
/// reported as such.
fn period_in_order(item: Item<'_>) -> bool {
    let moment = |name: &str| item.str_at(&[name]).and_then(Moment::read_date_time);
    match (moment("start"), moment("end")) {
        (Some(start), Some(end)) => start.compare(end).is_some_and(Ordering::is_le),
        _ => true,
    }
}
