//! A ConceptMap (R4 §4.10) as it is loaded: what code maps of mappings are made of.
//!
//! Comes in: the resource. Goes out: nothing; it is held as it is. Refuses, with file and line: targets that do not say how
//! they relate to the source (R4 ConceptMap.group.element.target.equivalence), without which nothing can be translated.

use crate::pure::fhir::{Issue, Item, Place, Report};

/// R4 value set concept-map-equivalence.
const EQUIVALENCES: &[&str] = &[
    "relatedto",
    "equivalent",
    "equal",
    "wider",
    "subsumes",
    "narrower",
    "specializes",
    "inexact",
    "unmatched",
    "disjoint",
];

/// Refuses what cannot be read as a code map.
///
/// # Errors
/// What is wrong, each at its place in the file.
pub(super) fn check(map: Item<'_>, file: &str) -> Result<(), Report> {
    let mut problems = Report::default();
    let elements = map.all("group").flat_map(|group| group.all("element"));
    for target in elements.flat_map(|element| element.all("target")) {
        if target.str_at(&["equivalence"]).is_some_and(|word| EQUIVALENCES.contains(&word)) {
            continue;
        }
        let url = map.str_at(&["url"]).unwrap_or_default();
        let text = format!("the code map `{url}`: a target does not say in a word of R4 how it relates to the source");
        let mut issue = Issue::error("structure", "definition-broken", text).on(target);
        issue.place = issue.place.map(|place| Place { file: Some(file.to_owned()), ..place });
        problems.push(issue.remedy("give it an `equivalence`, such as `equivalent`, `wider` or `unmatched`"));
    }
    if problems.issues.is_empty() { Ok(()) } else { Err(problems) }
}
