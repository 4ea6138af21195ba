//! Keeps the facts of a definition and leaves its prose: what the R4 base package of this project is made with.
//!
//! Comes in: a StructureDefinition, ValueSet or CodeSystem as published. Goes out: the same resource with paths,
//! cardinalities, types, bindings, invariants' expressions, code lists; without definitions, comments, requirements,
//! mappings, narrative and examples. StructureDefinitions keep their differential only: the snapshot is made from it.

use crate::pure::fhir::{Item, Tree};

/// The names kept below each place; a place that is not listed keeps everything.
const KEPT: &[(&str, &[&str])] = &[
    (
        "StructureDefinition",
        &[
            "resourceType",
            "id",
            "url",
            "version",
            "name",
            "status",
            "kind",
            "abstract",
            "context",
            "contextInvariant",
            "type",
            "baseDefinition",
            "derivation",
            "differential",
        ],
    ),
    (
        "StructureDefinition.differential.element",
        &[
            "id",
            "path",
            "representation",
            "sliceName",
            "slicing",
            "min",
            "max",
            "contentReference",
            "type",
            "maxLength",
            "constraint",
            "mustSupport",
            "isModifier",
            "binding",
        ],
    ),
    ("StructureDefinition.differential.element.slicing", &["discriminator", "ordered", "rules"]),
    (
        "StructureDefinition.differential.element.type",
        &["extension", "code", "profile", "targetProfile", "aggregation", "versioning"],
    ),
    ("StructureDefinition.differential.element.constraint", &["extension", "key", "severity", "expression"]),
    ("StructureDefinition.differential.element.binding", &["extension", "strength", "valueSet"]),
    ("ValueSet", &["resourceType", "id", "url", "version", "name", "status", "compose"]),
    ("ValueSet.compose", &["include", "exclude"]),
    ("ValueSet.compose.include", &["system", "version", "concept", "filter", "valueSet"]),
    ("ValueSet.compose.exclude", &["system", "version", "concept", "filter", "valueSet"]),
    ("ValueSet.compose.include.concept", &["code"]),
    ("ValueSet.compose.exclude.concept", &["code"]),
    (
        "CodeSystem",
        &[
            "resourceType",
            "id",
            "url",
            "version",
            "name",
            "status",
            "caseSensitive",
            "valueSet",
            "hierarchyMeaning",
            "content",
            "supplements",
            "property",
            "concept",
        ],
    ),
    ("CodeSystem.property", &["code", "uri", "type"]),
    ("CodeSystem.concept", &["code", "display", "property", "concept"]),
];

/// Values of an element that are facts under many names: `fixedCode`, `patternCoding`, `minValueInteger`.
const PREFIXES: &[&str] = &["fixed", "pattern", "minValue", "maxValue", "defaultValue"];

/// Extensions that say something a validator needs.
const EXTENSIONS: &[&str] = &[
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type",
    "http://hl7.org/fhir/StructureDefinition/regex",
    "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet",
    "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice",
];

/// The facts of a definition; none for resources that are not definitions a validator reads.
#[must_use]
pub fn facts(resource: Item<'_>) -> Option<Tree> {
    let is_logical = resource.str_at(&["kind"]) == Some("logical");
    match resource.resource_type()? {
        "StructureDefinition" if !is_logical => {}
        "ValueSet" | "CodeSystem" => {}
        _ => return None,
    }
    resource.str_at(&["url"])?;
    Some(Tree::copy_where(resource, is_fact))
}

fn is_fact(item: Item<'_>) -> bool {
    let Some(holder) = item.parent() else { return true };
    if holder.key().is_empty() && holder.parent().is_some() && item.key().is_empty() {
        return true;
    }
    if item.key().is_empty() {
        return item.str_at(&["url"]).is_none_or(|url| !is_extension(holder) || EXTENSIONS.contains(&url));
    }
    let place = place(holder);
    match KEPT.iter().find(|(at, _)| *at == place) {
        None => true,
        Some((_, kept)) => {
            let says_nothing = item.bool() == Some(false) && matches!(item.key(), "mustSupport" | "isModifier");
            let value = place.ends_with(".element") && PREFIXES.iter().any(|p| item.key().starts_with(p));
            (value || kept.contains(&item.key())) && !says_nothing
        }
    }
}

fn is_extension(array: Item<'_>) -> bool {
    array.key() == "extension"
}

/// `StructureDefinition.differential.element.type`: the names from the root, without arrays; concepts within concepts
/// stand where the first one stands.
fn place(item: Item<'_>) -> String {
    let mut names = Vec::new();
    let mut at = Some(item);
    while let Some(item) = at {
        let name = if item.parent().is_none() { item.resource_type().unwrap_or_default() } else { item.key() };
        if !name.is_empty() && names.last() != Some(&name) {
            names.push(name);
        }
        at = item.parent();
    }
    names.reverse();
    names.join(".")
}

#[cfg(test)]
mod tests {
    use super::facts;
    use crate::pure::fhir::{Limits, json};

    #[test]
    fn prose_goes_and_facts_stay() {
        let text = r#"{"resourceType":"StructureDefinition","url":"http://a/b","kind":"resource","description":"words",
            "text":{"div":"<div/>"},"snapshot":{"element":[{"id":"A"}]},"differential":{"element":[{"id":"A.b","path":"A.b",
            "short":"words","definition":"words","min":1,"isModifier":false,"fixedCode":"x",
            "constraint":[{"key":"a-1","severity":"error","human":"words","expression":"b"}],
            "type":[{"extension":[{"url":"http://other","valueString":"words"}],"code":"code"}]}]}}"#;
        let tree = json::read(text.as_bytes(), &Limits::default()).unwrap();
        let kept = facts(tree.root()).unwrap().root().to_json();
        assert!(!kept.contains("words") && !kept.contains("snapshot") && !kept.contains("isModifier"), "{kept}");
        assert!(kept.contains(r#""fixedCode":"x""#) && kept.contains(r#""expression":"b""#), "{kept}");
    }
}
