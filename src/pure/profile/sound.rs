//! What must hold of a definition as a whole, once all its elements are known.
//!
//! Comes in: a structure, the resource it was read from, and the way to the others. Goes out: what is wrong, at file, element and line: slices of what is
//! not sliced (R4 §5.1.0.14), a profile of another type than its base (R4 structuredefinition.html,
//! StructureDefinition.type), content that is shared with an element that is not there (R4 elementdefinition.html,
//! ElementDefinition.contentReference).
//!
//! Packages in use, and two profiles of R4 itself, name slices of what is not sliced. They are borne where nothing depends
//! on telling the slices apart: in a snapshot that was published, and where the differential names the element itself and
//! none of its slices has to be there.

use super::element::Element;
use super::structure::{Branch, Builder, R4, Structure, branch};
use crate::pure::fhir::{Item, Report};

/// What is wrong with a structure.
pub(super) fn problems(structure: &Structure, resource: Item<'_>, builder: &Builder<'_>) -> Report {
    let mut problems = Report::default();
    agrees_with_base(structure, builder, &mut problems);
    let is_grown = resource.get("snapshot").is_none() && !structure.url.starts_with(R4);
    let mut open = vec![(&structure.root, false)];
    while let Some((at, is_slice)) = open.pop() {
        if is_grown && !is_slice {
            is_sliced(at, resource, builder, &mut problems);
        }
        if let Some(id) = &at.element.content_reference
            && !leads_somewhere(id, structure, builder)
        {
            let text = format!("there is no element `{id}` to share its content with");
            let issue = builder.fault(&at.element.id, Some(&at.element), &text);
            problems.push(issue.remedy("name an element of the type after `#`, such as `#Questionnaire.item`"));
        }
        open.extend(at.children.iter().map(|child| (child, false)).rev());
        open.extend(at.slices.iter().map(|(_, slice)| (slice, true)).rev());
    }
    problems
}

/// A profile narrows a type, and is of that type. Its `kind` says nothing that the type's does not.
fn agrees_with_base(structure: &Structure, builder: &Builder<'_>, problems: &mut Report) {
    let Some(base) = builder.base_of(structure) else { return };
    let (mine, its) = (&structure.type_name, &base.type_name);
    if mine != its {
        let text = format!("its `type` is `{mine}`, and that of `{}`, which it narrows, is `{its}`", base.url);
        let issue = builder.fault(mine, None, &text);
        problems.push(issue.remedy("make `type` the one of `baseDefinition`, or build on another"));
    }
}

/// Slices stand below an element that says what tells them apart. Extensions are told apart by their url and choices by
/// their type, said or not.
fn is_sliced(at: &Branch, resource: Item<'_>, builder: &Builder<'_>, problems: &mut Report) {
    let Element { name, slicing, .. } = &at.element;
    let is_implied = name.ends_with("[x]") || matches!(&**name, "extension" | "modifierExtension");
    let Some((slice, branch)) = at.slices.first() else { return };
    let must_be = at.slices.iter().any(|(_, slice)| slice.element.min.is_some_and(|min| min > 0));
    if slicing.is_some() || is_implied || !must_be && names(resource, &at.element.id) {
        return;
    }
    let text = format!("`{slice}` is a slice of an element that has no `slicing`");
    let issue = builder.fault(&branch.element.id, Some(&branch.element), &text);
    problems.push(issue.remedy("give the element a `slicing` before its slices, here or in what it builds on"));
}

/// Whether a differential says something of an element itself, and not only of its slices.
fn names(resource: Item<'_>, id: &str) -> bool {
    let elements = resource.get("differential").into_iter().flat_map(|d| d.all("element"));
    elements.into_iter().any(|e| e.str_at(&["id"]) == Some(id) && e.get("sliceName").is_none())
}

/// Whether an element id is one of the structure's own, or of its type.
fn leads_somewhere(id: &str, structure: &Structure, builder: &Builder<'_>) -> bool {
    let owner = id.split('.').next().unwrap_or_default();
    if owner == &*structure.root.element.name && branch(&structure.root, id).is_some() {
        return true;
    }
    // what defines a type has its content in itself
    if !structure.is_constraint && owner == &*structure.type_name {
        return false;
    }
    let of = builder.shelf.type_structure(owner, builder.depth + 1).ok().flatten();
    of.is_some_and(|of| branch(&of.root, id).is_some())
}
