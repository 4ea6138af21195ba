//! An ElementDefinition (R4 §2.4) as read from a StructureDefinition, before it is compiled.

use super::control::{self, Controls};
use crate::pure::fhir::{Issue, Item, Place, Tree};
use std::sync::Arc;

/// Unbounded: `*`.
pub const MANY: u32 = u32::MAX;

/// One allowed type of an element.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Type {
    /// `CodeableConcept`, or for System types the FHIR type they stand for.
    pub code: Arc<str>,
    /// Profiles the value must meet, one of them (canonical urls).
    pub profiles: Vec<Arc<str>>,
    /// Profiles the target of a reference must meet, one of them.
    pub targets: Vec<Arc<str>>,
    /// `contained`, `referenced`, `bundled`.
    pub aggregation: Vec<Arc<str>>,
    /// `either`, `independent`, `specific`
    pub versioning: Option<Arc<str>>,
}

/// An invariant.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    /// `ele-1`
    pub key: Arc<str>,
    /// Whether breaking it is an error, else a warning.
    pub is_error: bool,
    /// FHIRPath; some published ones have none.
    pub expression: Option<Arc<str>>,
    /// Whether it is marked as best practice.
    pub is_best_practice: bool,
    /// What it asks for, in the words of the profile (ours; the base package carries none).
    pub human: Option<Arc<str>>,
    /// How to mend what breaks it (`requirements`).
    pub mend: Option<Arc<str>>,
}

/// How strongly an element is bound to a value set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Shall.
    Required,
    /// Shall unless none fits.
    Extensible,
    /// Should.
    Preferred,
    /// For instance.
    Example,
}

/// A binding.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// How strong.
    pub strength: Strength,
    /// Canonical of the value set.
    pub value_set: Option<Arc<str>>,
    /// Canonical of the largest value set allowed, where the binding is weaker.
    pub largest: Option<Arc<str>>,
    /// Further value sets beside the first, each as strongly as it says: what R5 calls additional bindings.
    pub additional: Vec<(Strength, Arc<str>)>,
}

/// What a profile asks of a value by extensions that later releases brought, and R4's for the shortest text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// A value has to be there, and not only extensions in its place.
    pub has_value: bool,
    /// Where a value is absent, one of these extensions has to be there.
    pub instead: Vec<Arc<str>>,
    /// Fewest characters.
    pub min_length: Option<u32>,
}

/// What tells slices apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// A fixed value, a pattern or a required binding.
    Value,
    /// Whether it is there.
    Exists,
    /// Its type.
    Type,
    /// The profile it meets.
    Profile,
}

/// How a list is cut into slices.
#[derive(Clone, Debug, PartialEq)]
pub struct Slicing {
    /// What tells them apart: how, and the path.
    pub discriminators: Vec<(Tell, Arc<str>)>,
    /// Whether the order of slices counts.
    pub is_ordered: bool,
    /// `open`, `closed`, `openAtEnd`.
    pub rules: Arc<str>,
}

/// A value that a definition fixes: a tree of its own.
#[derive(Clone)]
pub struct Constant {
    /// `CodeableConcept`, `Uri`: what stands after `fixed` or `pattern`.
    pub type_name: Arc<str>,
    /// The value.
    pub tree: Arc<Tree>,
}

impl std::fmt::Debug for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.tree.root().to_json())
    }
}

impl PartialEq for Constant {
    fn eq(&self, other: &Constant) -> bool {
        self.tree.root().to_json() == other.tree.root().to_json()
    }
}

/// What one definition says of one element. Absent is "says nothing", so that a differential only changes what it names.
#[derive(Clone, Debug, Default)]
pub struct Element {
    /// Element id: `Patient.identifier:nhsNumber.system`.
    pub id: Arc<str>,
    /// Last step of the path, without slice: `onset[x]`.
    pub name: Arc<str>,
    /// Fewest.
    pub min: Option<u32>,
    /// Most, or [`MANY`].
    pub max: Option<u32>,
    /// Allowed types.
    pub types: Option<Vec<Type>>,
    /// Element id whose content this one shares.
    pub content_reference: Option<Arc<str>>,
    /// How it is sliced.
    pub slicing: Option<Slicing>,
    /// Equal to this.
    pub fixed: Option<Constant>,
    /// Holds at least this.
    pub pattern: Option<Constant>,
    /// Not less.
    pub min_value: Option<Constant>,
    /// Not more.
    pub max_value: Option<Constant>,
    /// Characters.
    pub max_length: Option<u32>,
    /// Rules by extension.
    pub controls: Option<Box<Controls>>,
    /// Invariants.
    pub constraints: Vec<Constraint>,
    /// Binding.
    pub binding: Option<Binding>,
    /// What is asked of its value by extensions.
    pub demands: Option<Arc<Demands>>,
    /// A receiver must heed it.
    pub must_support: bool,
    /// It changes the meaning of what holds it.
    pub is_modifier: bool,
    /// Whether it is written as a list: what the base says, not what a profile narrows it to.
    pub is_list: bool,
    /// Where it stands in its file.
    pub place: Option<Place>,
}

/// An element with its path split up, as it stands in a differential or snapshot.
pub struct Listed {
    /// Steps of the element id: name and slice.
    pub steps: Vec<(Arc<str>, Option<Arc<str>>)>,
    /// What it says.
    pub element: Element,
}

fn texts(item: Item<'_>, name: &str) -> Vec<Arc<str>> {
    item.all(name).filter_map(Item::str).map(Arc::from).collect()
}

fn text(item: Item<'_>, name: &str) -> Option<Arc<str>> {
    item.get(name).and_then(Item::str).map(Arc::from)
}

fn extension<'t>(item: Item<'t>, url: &str) -> Option<Item<'t>> {
    item.all("extension").find(|e| e.str_at(&["url"]) == Some(url))
}

const FHIR_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type";
const BEST_PRACTICE: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice";
const LARGEST: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet";
const PROFILE_ELEMENT: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-profile-element";
const MIN_LENGTH: &str = "http://hl7.org/fhir/StructureDefinition/minLength";
const MUST_HAVE_VALUE: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.mustHaveValue";
const ALTERNATIVES: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.valueAlternatives";
const ADDITIONAL: &[&str] = &[
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.binding.additional",
    "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
];

/// The profiles of a type. One that is an element of a profile (profile-element) has that element's id behind a `#`.
fn read_profiles(item: Item<'_>) -> Vec<Arc<str>> {
    let beside: Vec<Item<'_>> = item.all("_profile").collect();
    let whole = |(at, url): (usize, Item<'_>)| {
        let element =
            beside.get(at).and_then(|b| extension(*b, PROFILE_ELEMENT)).and_then(|e| e.str_at(&["valueString"]));
        let url = url.str()?;
        Some(Arc::from(element.map_or_else(|| url.to_owned(), |element| format!("{url}#{element}"))))
    };
    item.all("profile").enumerate().filter_map(whole).collect()
}

fn read_demands(item: Item<'_>) -> Option<Arc<Demands>> {
    let demands = Demands {
        has_value: extension(item, MUST_HAVE_VALUE).and_then(|e| e.get("valueBoolean")).and_then(Item::bool)
            == Some(true),
        instead: item
            .all("extension")
            .filter(|e| e.str_at(&["url"]) == Some(ALTERNATIVES))
            .filter_map(|e| e.str_at(&["valueCanonical"]))
            .map(Arc::from)
            .collect(),
        min_length: extension(item, MIN_LENGTH).and_then(|e| e.get("valueInteger")?.text().parse().ok()),
    };
    (demands != Demands::default()).then(|| Arc::new(demands))
}

/// Bindings beside the first one; those for some use only are passed over.
fn read_additional(item: Item<'_>) -> Vec<(Strength, Arc<str>)> {
    let read = |one: Item<'_>| {
        let part = |url: &str| extension(one, url);
        let strength = match part("purpose")?.str_at(&["valueCode"])? {
            "required" | "maximum" | "conformance" => Strength::Required,
            "extensible" => Strength::Extensible,
            _ => return None,
        };
        let set = part("valueSet")?.str_at(&["valueCanonical"])?;
        part("usage").is_none().then(|| (strength, Arc::from(set)))
    };
    let additional = item.all("extension").filter(|e| e.str_at(&["url"]).is_some_and(|url| ADDITIONAL.contains(&url)));
    additional.filter_map(read).collect()
}

fn read_type(item: Item<'_>) -> Type {
    let code = item.str_at(&["code"]).unwrap_or_default();
    let code = match extension(item, FHIR_TYPE).and_then(|e| e.str_at(&["valueUrl"])) {
        Some(stands_for) => stands_for,
        None => match code.strip_prefix("http://hl7.org/fhirpath/System.") {
            Some("String") => "string",
            Some("Boolean") => "boolean",
            Some("Integer") => "integer",
            Some("Decimal") => "decimal",
            Some("Date") => "date",
            Some("DateTime") => "dateTime",
            Some("Time") => "time",
            _ => code.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(code),
        },
    };
    Type {
        code: Arc::from(code),
        profiles: read_profiles(item),
        targets: texts(item, "targetProfile"),
        aggregation: texts(item, "aggregation"),
        versioning: text(item, "versioning"),
    }
}

fn read_constraint(item: Item<'_>) -> Option<Constraint> {
    Some(Constraint {
        key: text(item, "key")?,
        is_error: item.str_at(&["severity"]) != Some("warning"),
        expression: text(item, "expression"),
        is_best_practice: extension(item, BEST_PRACTICE).is_some(),
        human: text(item, "human"),
        mend: text(item, "requirements"),
    })
}

fn read_binding(item: Item<'_>) -> Binding {
    let strength = match item.str_at(&["strength"]) {
        Some("required") => Strength::Required,
        Some("extensible") => Strength::Extensible,
        Some("preferred") => Strength::Preferred,
        _ => Strength::Example,
    };
    let value_set = text(item, "valueSet");
    let largest = extension(item, LARGEST)
        .and_then(|e| e.str_at(&["valueCanonical"]).or_else(|| e.str_at(&["valueUri"])))
        .map(Arc::from);
    Binding { strength, value_set, largest, additional: read_additional(item) }
}

fn read_slicing(item: Item<'_>) -> Result<Slicing, String> {
    let mut discriminators = Vec::new();
    for one in item.all("discriminator") {
        let tell = match one.str_at(&["type"]) {
            Some("value" | "pattern") => Tell::Value,
            Some("exists") => Tell::Exists,
            Some("type") => Tell::Type,
            Some("profile") => Tell::Profile,
            _ => return Err("a discriminator has a type that R4 does not know".to_owned()),
        };
        let path = text(one, "path").ok_or("a discriminator has no path")?;
        discriminators.push((tell, path));
    }
    let rules = text(item, "rules").unwrap_or_else(|| Arc::from("open"));
    Ok(Slicing { discriminators, is_ordered: item.get("ordered").and_then(Item::bool) == Some(true), rules })
}

/// The value under a name that starts with `prefix`: `fixedCode`, `patternCoding`.
fn constant(item: Item<'_>, prefix: &str) -> Option<Constant> {
    let found = item.children().find(|c| {
        c.key().strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
    })?;
    let mut type_name = found.key()[prefix.len()..].to_owned();
    if prefix.ends_with("Value") || !PRIMITIVES.contains(&type_name.as_str()) {
        // complex type names keep their capital
    } else {
        let first = type_name.remove(0).to_ascii_lowercase();
        type_name.insert(0, first);
    }
    Some(Constant { type_name: Arc::from(type_name), tree: Arc::new(Tree::copy_of(found)) })
}

const PRIMITIVES: &[&str] = &[
    "String",
    "Code",
    "Id",
    "Uri",
    "Url",
    "Canonical",
    "Oid",
    "Uuid",
    "Markdown",
    "Base64Binary",
    "Date",
    "DateTime",
    "Instant",
    "Time",
    "Boolean",
    "Integer",
    "UnsignedInt",
    "PositiveInt",
    "Decimal",
];

fn number(item: Item<'_>, name: &str) -> Option<u32> {
    item.get(name)?.text().parse().ok()
}

/// Reads one ElementDefinition. `path` gives its name.
///
/// # Errors
/// What about it cannot be understood.
pub fn read(item: Item<'_>, id: &str, path: &str) -> Result<Element, String> {
    let max = match item.str_at(&["max"]) {
        None => None,
        Some("*") => Some(MANY),
        Some(most) => Some(most.parse().map_err(|_| "`max` is neither a number nor `*`".to_owned())?),
    };
    let min = number(item, "min");
    let types: Vec<Type> = item.all("type").map(read_type).collect();
    let slicing = item.get("slicing").map(read_slicing).transpose()?;
    Ok(Element {
        id: Arc::from(id),
        name: Arc::from(path.rsplit('.').next().unwrap_or(path)),
        min,
        max,
        types: (!types.is_empty()).then_some(types),
        content_reference: item
            .str_at(&["contentReference"])
            .map(|r| Arc::from(r.rsplit_once('#').map_or(r, |(_, id)| id))),
        slicing,
        fixed: constant(item, "fixed"),
        pattern: constant(item, "pattern"),
        min_value: constant(item, "minValue"),
        max_value: constant(item, "maxValue"),
        max_length: number(item, "maxLength"),
        controls: control::read(item),
        constraints: item.all("constraint").filter_map(read_constraint).collect(),
        binding: item.get("binding").map(read_binding),
        demands: read_demands(item),
        must_support: item.get("mustSupport").and_then(Item::bool) == Some(true),
        is_modifier: item.get("isModifier").and_then(Item::bool) == Some(true),
        is_list: false,
        place: item.place(),
    })
}

impl Element {
    /// Takes over what a differential says; what it leaves out stays. Constraints add up, by key.
    pub fn apply(&mut self, says: &Element) {
        self.id = says.id.clone();
        self.place = says.place.clone();
        self.min = says.min.or(self.min);
        self.max = says.max.or(self.max);
        if says.types.is_some() {
            self.types.clone_from(&says.types);
        }
        if says.content_reference.is_some() {
            self.content_reference.clone_from(&says.content_reference);
        }
        if says.slicing.is_some() {
            self.slicing.clone_from(&says.slicing);
        }
        for (mine, theirs) in [
            (&mut self.fixed, &says.fixed),
            (&mut self.pattern, &says.pattern),
            (&mut self.min_value, &says.min_value),
            (&mut self.max_value, &says.max_value),
        ] {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        }
        self.max_length = says.max_length.or(self.max_length);
        if says.controls.is_some() {
            self.controls.clone_from(&says.controls);
        }
        if let Some(binding) = &says.binding {
            // a strength alone leaves the value set as it is
            let before = self.binding.as_ref().and_then(|b| b.value_set.clone());
            self.binding = Some(Binding { value_set: binding.value_set.clone().or(before), ..binding.clone() });
        }
        for constraint in &says.constraints {
            match self.constraints.iter_mut().find(|c| c.key == constraint.key) {
                Some(same) => same.clone_from(constraint),
                None => self.constraints.push(constraint.clone()),
            }
        }
        if says.demands.is_some() {
            self.demands.clone_from(&says.demands);
        }
        self.must_support |= says.must_support;
        self.is_modifier |= says.is_modifier;
    }
}

/// A finding about a definition, at its place in its file.
#[must_use]
pub fn complaint(file: &str, url: &str, id: &str, place: Option<&Place>, text: &str) -> Issue {
    let place = place.map(|p| Place { file: Some(file.to_owned()), line: p.line, column: p.column });
    Issue::error("structure", "definition-broken", format!("the definition of `{id}` in `{url}`: {text}")).at(place)
}
