//! Which sections of a plan a resource, an element or an extension belongs to, by the policy's table.

use crate::pure::decide::policy::{FRAME, SectionTable, WHOLE, Where};
use crate::pure::fhir::Item;

/// The sections of a resource, and whether it is only for the party it names.
pub(super) fn classify(item: Item<'_>, table: &SectionTable) -> (u32, bool) {
    let type_ = item.resource_type().unwrap_or_default();
    let rows = table.resources.get(type_).or_else(|| table.resources.get("*"));
    let fits = rows.into_iter().flatten().find(|row| {
        row.has.as_deref().is_none_or(|h| item.get(h).is_some())
            && row
                .coded
                .as_ref()
                .is_none_or(|(element, system, codes)| has_code(item, std::slice::from_ref(element), system, codes))
    });
    let mut sections = match fits.map(|r| r.to) {
        Some(Where::Sections(bits)) => bits,
        Some(Where::Addressee) => return (FRAME, true),
        _ => WHOLE,
    };
    for mark in table.marks.iter().filter(|m| m.type_.as_deref().is_none_or(|t| t == type_)) {
        match mark.section {
            Some(bits) if has_code(item, &mark.element, &mark.system, &mark.codes) => sections |= bits,
            Some(_) => {}
            // the code names the section; one nobody named is for the whole plan only
            None => {
                for (system, code) in codes_at(item, &mark.element) {
                    if system == Some(mark.system.as_str()) {
                        sections |= table.bits(code).unwrap_or(WHOLE);
                    }
                }
            }
        }
    }
    (sections, false)
}

/// The sections that labels stand for, whoever put them there.
pub(super) fn of_labels(kinds: &[&str], type_: &str, table: &SectionTable) -> u32 {
    let marks = table.marks.iter().filter(|m| m.type_.as_deref().is_none_or(|t| t == type_));
    let security = marks.filter(|m| m.element.len() == 2 && m.element[0] == "meta" && m.element[1] == "security");
    let hit = security.filter(|m| kinds.iter().any(|k| m.codes.iter().any(|c| c == k)));
    hit.filter_map(|m| m.section).fold(FRAME, |all, bits| all | bits)
}

fn has_code(item: Item<'_>, path: &[String], system: &str, codes: &[String]) -> bool {
    codes_at(item, path).any(|(s, code)| s == Some(system) && (codes.is_empty() || codes.iter().any(|c| c == code)))
}

/// The Codings at a path of up to two names, whether they stand there or in a CodeableConcept.
fn codes_at<'t>(item: Item<'t>, path: &[String]) -> impl Iterator<Item = (Option<&'t str>, &'t str)> {
    let second = path.get(1);
    let first = path.first().and_then(|name| item.get(name)).into_iter().flat_map(Item::each);
    let values = first.flat_map(move |f| match second {
        Some(name) => f.get(name).into_iter().flat_map(Item::each),
        None => Some(f).into_iter().flat_map(Item::each),
    });
    let codings = values.flat_map(|v| v.get("coding").unwrap_or(v).each());
    codings.filter_map(|c| Some((c.str_at(&["system"]), c.str_at(&["code"])?)))
}

/// Where an element of a resource belongs, where that is not with its resource.
pub(super) fn element_to(type_: &str, name: &str, table: &SectionTable) -> Option<Where> {
    [type_, "*"].iter().find_map(|t| {
        let elements = table.elements.get(*t)?;
        elements.by_name.get(name).copied().or_else(|| {
            let stem =
                |stem: &str| name.strip_prefix(stem).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_uppercase()));
            elements.choices.iter().find(|(s, _)| stem(s)).map(|(_, to)| *to)
        })
    })
}

/// Where an extension of a resource belongs; [`Where::Addressee`] stands for: with its resource.
pub(super) fn extension_to(type_: &str, extension: Item<'_>, table: &SectionTable) -> Where {
    let url = extension.str_at(&["url"]).unwrap_or_default();
    let elements = table.elements.get(type_);
    if let Some(to) = elements.and_then(|e| e.by_extension.get(url).copied().or(e.any_extension)) {
        return to;
    }
    if table.own_extensions.iter().any(|o| o == url) {
        return Where::Addressee;
    }
    Where::Sections(WHOLE)
}
