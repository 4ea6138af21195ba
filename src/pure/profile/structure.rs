//! A StructureDefinition as a tree of elements: read from its snapshot, or grown from its base by its differential.
//!
//! Comes in: the resource, and a way to the structures it builds on. Goes out: [`Structure`].
//! Refuses, with file, element and line: paths that lead nowhere, a base that is missing, structures in a circle.
//! R4 §5.1.0.10 (differential and snapshot), §5.1.0.14 (slicing).

use super::element::{Element, Listed, MANY, Type, complaint, read};
use super::sound;
use crate::pure::fhir::{Issue, Item, Place, Report};
use std::sync::Arc;

/// An element, its children and its slices.
#[derive(Clone, Debug, Default)]
pub struct Branch {
    /// What is said of the element itself.
    pub element: Element,
    /// Child elements in order; empty where the element's type says it all.
    pub children: Vec<Branch>,
    /// Slices in order, each with its name.
    pub slices: Vec<(Arc<str>, Branch)>,
}

/// A type or profile, all its elements known.
#[derive(Clone, Debug, Default)]
pub struct Structure {
    /// Canonical url.
    pub url: Arc<str>,
    /// Version.
    pub version: Option<Arc<str>>,
    /// `Patient`, `Extension`.
    pub type_name: Arc<str>,
    /// `resource`, `complex-type`, `primitive-type`, `logical`.
    pub kind: Arc<str>,
    /// Whether it narrows its base (a profile) and does not define a type.
    pub is_constraint: bool,
    /// Whether no instance can be of it.
    pub is_abstract: bool,
    /// What it builds on.
    pub base: Option<Arc<str>>,
    /// Where an extension may stand: kind (`element`, `extension`, `fhirpath`) and expression.
    pub contexts: Vec<(Arc<str>, Arc<str>)>,
    /// What must hold at that place (FHIRPath).
    pub context_invariants: Vec<Arc<str>>,
    /// The elements.
    pub root: Branch,
}

/// The way to other structures.
pub trait Shelf {
    /// The structure of a canonical url.
    ///
    /// # Errors
    /// Why it cannot be built; none where it is not known at all.
    fn structure(&self, url: &str, depth: usize) -> Result<Option<Arc<Structure>>, Report>;
    /// The structure that defines a type by name.
    ///
    /// # Errors
    /// As above.
    fn type_structure(&self, name: &str, depth: usize) -> Result<Option<Arc<Structure>>, Report>;
    /// The url of the structure that defines a type.
    fn type_url(&self, name: &str) -> Option<Arc<str>>;
}

/// Structures may build on one another this deep.
const DEEPEST: usize = 24;

/// Where the definitions of R4 itself have their urls.
pub(super) const R4: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Builds a structure.
///
/// # Errors
/// What is wrong with it, at file, element and line.
pub fn build(resource: Item<'_>, file: &str, shelf: &dyn Shelf, depth: usize) -> Result<Structure, Report> {
    let text = |name: &str| resource.str_at(&[name]).map(Arc::<str>::from);
    let mut structure = Structure {
        url: text("url").unwrap_or_default(),
        version: text("version"),
        type_name: text("type").map(|t| Arc::from(t.rsplit('/').next().unwrap_or(&t))).unwrap_or_default(),
        kind: text("kind").unwrap_or_default(),
        is_constraint: narrows(resource, shelf),
        is_abstract: resource.get("abstract").and_then(Item::bool) == Some(true),
        base: text("baseDefinition"),
        contexts: resource.all("context").filter_map(context).collect(),
        context_invariants: resource.all("contextInvariant").filter_map(Item::str).map(Arc::from).collect(),
        root: Branch::default(),
    };
    let builder = Builder { file, url: structure.url.clone(), place: resource.place(), shelf, depth };
    if depth > DEEPEST {
        return Err(builder.fault(&structure.type_name, None, "it builds on itself in a circle").into());
    }
    let snapshot = resource.get("snapshot").and_then(|s| s.get("element"));
    structure.root = match snapshot {
        Some(elements) => builder.grown_whole(elements)?,
        None => builder.grown_by_difference(resource, &structure)?,
    };
    if let Some(base) = builder.base_of(&structure) {
        structure.kind.clone_from(&base.kind);
    }
    let problems = sound::problems(&structure, resource, &builder);
    if problems.issues.is_empty() { Ok(structure) } else { Err(problems) }
}

/// Whether it narrows a type and does not define one. A profile that says otherwise, or nothing, is known by its url: the
/// type it names is defined elsewhere.
fn narrows(resource: Item<'_>, shelf: &dyn Shelf) -> bool {
    resource.str_at(&["derivation"]) == Some("constraint")
        || resource
            .str_at(&["type"])
            .and_then(|name| shelf.type_url(name))
            .is_some_and(|url| Some(&*url) != resource.str_at(&["url"]))
}

fn context(item: Item<'_>) -> Option<(Arc<str>, Arc<str>)> {
    Some((Arc::from(item.str_at(&["type"])?), Arc::from(item.str_at(&["expression"])?)))
}

pub(super) struct Builder<'a> {
    file: &'a str,
    url: Arc<str>,
    /// Of the definition itself, for what is wrong with it as a whole.
    place: Option<Place>,
    pub(super) shelf: &'a dyn Shelf,
    pub(super) depth: usize,
}

impl Builder<'_> {
    /// What a profile narrows, where that is loaded.
    pub(super) fn base_of(&self, structure: &Structure) -> Option<Arc<Structure>> {
        let url = structure.base.as_deref().filter(|_| structure.is_constraint)?;
        self.shelf.structure(url, self.depth + 1).ok().flatten()
    }

    pub(super) fn fault(&self, id: &str, element: Option<&Element>, text: &str) -> Issue {
        let place = element.and_then(|e| e.place.as_ref()).or(self.place.as_ref());
        complaint(self.file, &self.url, id, place, text)
    }

    /// The elements in order, with their ids split into steps. Ids that are missing are made from paths and slice names.
    fn list(&self, elements: Item<'_>) -> Result<Vec<Listed>, Report> {
        let mut found: Vec<Listed> = Vec::new();
        let mut problems = Report::default();
        for item in elements.each() {
            let path = item.str_at(&["path"]).unwrap_or_default();
            if path.is_empty() {
                problems.push(self.fault("?", None, "an element has no path"));
                continue;
            }
            let steps = steps(item, path, found.last());
            let id = render(&steps);
            match read(item, &id, path) {
                Ok(mut element) => {
                    self.own_value_set(&mut element);
                    found.push(Listed { steps, element });
                }
                Err(text) => problems.push(complaint(self.file, &self.url, &id, item.place().as_ref(), &text)),
            }
        }
        if problems.issues.is_empty() { Ok(found) } else { Err(problems) }
    }

    /// `#id` names a value set that the definition contains; it is filed under the definition's url and that id.
    fn own_value_set(&self, element: &mut Element) {
        let Some(set) = element.binding.as_mut().and_then(|b| b.value_set.as_mut()) else { return };
        if set.starts_with('#') {
            *set = Arc::from(format!("{}{set}", self.url));
        }
    }

    fn grown_whole(&self, elements: Item<'_>) -> Result<Branch, Report> {
        let mut listed = self.list(elements)?.into_iter();
        let Some(first) = listed.next() else {
            return Err(self.fault(&self.url, None, "the snapshot is empty").into());
        };
        let mut root = Branch { element: first.element, ..Branch::default() };
        for mut one in listed {
            one.element.is_list = one.element.max.is_none_or(|m| m > 1);
            let Some(at) = find(&mut root, &one.steps[1..one.steps.len() - 1]) else {
                return Err(self.fault(&one.element.id, Some(&one.element), "the element above it is missing").into());
            };
            place(at, one);
        }
        let base = self.base_lists(&root);
        if let Some(base) = base {
            copy_lists(&mut root, &base.root);
        }
        Ok(root)
    }

    /// The type's own structure, for what is a list in JSON even where a profile allows one at most.
    fn base_lists(&self, root: &Branch) -> Option<Arc<Structure>> {
        let name = root.element.name.clone();
        let base = self.shelf.type_structure(&name, self.depth + 1).ok().flatten()?;
        (base.url != self.url).then_some(base)
    }

    fn grown_by_difference(&self, resource: Item<'_>, structure: &Structure) -> Result<Branch, Report> {
        let mut root = match &structure.base {
            None => Branch::default(),
            Some(base) => match self.shelf.structure(base, self.depth + 1)? {
                Some(base) => base.root.clone(),
                None => {
                    let text = format!("what it builds on, `{base}`, is not loaded");
                    return Err(self.fault(&structure.type_name, None, &text).remedy("load its package too").into());
                }
            },
        };
        if !structure.is_constraint {
            root.element = Element { constraints: root.element.constraints, ..Element::default() };
            root.element.id = structure.type_name.clone();
            root.element.name = structure.type_name.clone();
        }
        let mut problems = Report::default();
        if let Some(elements) = resource.get("differential").and_then(|d| d.get("element")) {
            let listed = self.list(elements)?;
            let short: Vec<Vec<Step>> = listed.iter().filter_map(named_by_type).collect();
            for one in listed {
                if let Err(issue) = self.apply(&mut root, one, !structure.is_constraint) {
                    problems.push(*issue);
                }
            }
            if structure.is_constraint {
                let is_of_r4 = self.url.starts_with(R4);
                short.iter().for_each(|steps| narrow(&mut root, steps, &short, is_of_r4));
            }
        }
        if problems.issues.is_empty() { Ok(root) } else { Err(problems) }
    }

    /// Changes the tree as one element of a differential says.
    fn apply(&self, root: &mut Branch, mut one: Listed, defines: bool) -> Result<(), Box<Issue>> {
        let mut at = root;
        let count = one.steps.len();
        for (index, (name, slice)) in one.steps.iter().enumerate().skip(1) {
            let is_last = index + 1 == count;
            if at.children.is_empty() || (defines && is_last) {
                self.unfold(at).map_err(|text| Box::new(self.fault(&one.element.id, Some(&one.element), &text)))?;
            }
            let (found, implied) = match locate(&at.children, name) {
                Some(found) => found,
                None if defines && is_last => {
                    one.element.is_list = one.element.max.is_none_or(|m| m > 1);
                    at.children.push(Branch { element: one.element, ..Branch::default() });
                    return Ok(());
                }
                None => {
                    let text = format!("there is no element `{name}` in what it builds on");
                    return Err(Box::new(self.fault(&one.element.id, Some(&one.element), &text)));
                }
            };
            at = &mut at.children[found];
            if let Some(name) = slice.as_deref().or(implied.as_deref()) {
                for cut in cuts(at, name) {
                    at = self.slice(at, &cut);
                }
            }
        }
        let is_slice = one.steps.last().is_some_and(|(_, slice)| slice.is_some());
        if !defines && let Some(text) = self.contradiction(&at.element, &one.element, is_slice) {
            return Err(Box::new(self.fault(&one.element.id, Some(&one.element), &text)));
        }
        at.element.apply(&one.element);
        Ok(())
    }

    /// What a profile says of an element that cannot be: it narrows what it builds on, and never widens it (R4 §5.1.0.10).
    fn contradiction(&self, before: &Element, says: &Element, is_slice: bool) -> Option<String> {
        // `*` sets no limit of its own, so that of the base stays
        let widened = says.max.filter(|most| *most != MANY) > before.max;
        if !is_slice && widened && before.max.is_some() {
            return Some("it may be there more often than in what it builds on".to_owned());
        }
        if !is_slice && says.min.is_some() && says.min < before.min {
            return Some("it may be there less often than in what it builds on".to_owned());
        }
        let strange = says.types.iter().flatten().find(|of| self.shelf.type_url(&of.code).is_none());
        strange.map(|of| format!("its type `{}` is not known", of.code))
    }

    /// The slice of this name, made from the element itself where it is new.
    fn slice<'b>(&self, at: &'b mut Branch, name: &str) -> &'b mut Branch {
        if let Some(index) = at.slices.iter().position(|(n, _)| &**n == name) {
            return &mut at.slices[index].1;
        }
        let mut slice = at.clone();
        slice.slices.clear();
        slice.element.slicing = None;
        slice.element.min = Some(0);
        if slice.element.name.ends_with("[x]") {
            let stem = slice.element.name.trim_end_matches("[x]").to_owned();
            if let Some(types) = &mut slice.element.types {
                let named = |t: &Type| choice_name(&stem, &t.code) == name;
                if types.iter().any(named) {
                    types.retain(named);
                }
            }
        }
        at.slices.push((Arc::from(name), slice));
        let last = at.slices.len() - 1;
        &mut at.slices[last].1
    }

    /// Gives an element the children that its type has, so that a profile can say something about them.
    fn unfold(&self, at: &mut Branch) -> Result<(), String> {
        if !at.children.is_empty() {
            return Ok(());
        }
        if let Some(shared) = &at.element.content_reference {
            let owner = shared.split('.').next().unwrap_or_default();
            let structure = self.lookup_type(owner)?;
            let mut branch = &structure.root;
            for step in shared.split('.').skip(1) {
                let found = branch.children.iter().find(|c| &*c.element.name == step);
                branch = found.ok_or("what it shares its content with is missing")?;
            }
            at.children.clone_from(&branch.children);
            return Ok(());
        }
        let Some(types) = at.element.types.clone() else { return Ok(()) };
        let [only] = types.as_slice() else {
            // whatever the type: it is an Element, with id and extensions
            at.children.clone_from(&self.lookup_type("Element")?.root.children);
            return Ok(());
        };
        if let [profile] = only.profiles.as_slice() {
            let found = self.shelf.structure(profile, self.depth + 1).map_err(|r| first_text(&r))?;
            let id = profile.split_once('#').map(|(_, id)| id);
            if let Some(structure) = found
                && let Some(branch) = id.map_or(Some(&structure.root), |id| branch(&structure.root, id))
            {
                at.children.clone_from(&branch.children);
                return Ok(());
            }
        }
        at.children.clone_from(&self.lookup_type(&only.code)?.root.children);
        Ok(())
    }

    fn lookup_type(&self, name: &str) -> Result<Arc<Structure>, String> {
        let found = self.shelf.type_structure(name, self.depth + 1).map_err(|r| first_text(&r))?;
        found.ok_or_else(|| format!("its type `{name}` is not known"))
    }
}

fn first_text(report: &Report) -> String {
    report.issues.first().map(|i| i.text.clone()).unwrap_or_default()
}

/// The branch of an element id.
pub(super) fn branch<'b>(root: &'b Branch, id: &str) -> Option<&'b Branch> {
    let mut at = root;
    for step in id.split('.').skip(1) {
        let (name, slice) = step.split_once(':').map_or((step, None), |(name, slice)| (name, Some(slice)));
        at = at.children.iter().find(|c| *c.element.name == *name)?;
        for cut in slice.into_iter().flat_map(|slice| cuts(at, slice)) {
            at = at.slices.iter().find(|(name, _)| **name == *cut).map(|(_, slice)| slice)?;
        }
    }
    Some(at)
}

/// `a/b` is slice `b` of slice `a` (R4 §5.1.0.14, re-slicing) where there is an `a`; else a slice with a slash in its name.
fn cuts(at: &Branch, slice: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut slices = &at.slices;
    for (end, _) in slice.match_indices('/') {
        match slices.iter().find(|(name, _)| **name == slice[..end]) {
            Some((name, branch)) => {
                found.push(name.to_string());
                slices = &branch.slices;
            }
            None => break,
        }
    }
    found.push(slice.to_owned());
    found
}

/// `onset[x]` of type `dateTime` is written `onsetDateTime`.
#[must_use]
pub fn choice_name(stem: &str, type_name: &str) -> String {
    let mut name = stem.trim_end_matches("[x]").to_owned();
    let mut letters = type_name.chars();
    name.extend(letters.next().map(|c| c.to_ascii_uppercase()));
    name.extend(letters);
    name
}

/// The child of a name, and the slice it implies where a choice is named by one of its types (`onsetDateTime`).
fn locate(children: &[Branch], name: &str) -> Option<(usize, Option<String>)> {
    if let Some(index) = children.iter().position(|c| &*c.element.name == name) {
        return Some((index, None));
    }
    children.iter().enumerate().find_map(|(index, child)| {
        let stem = child.element.name.strip_suffix("[x]")?;
        let is_typed = name.strip_prefix(stem)?.starts_with(|c: char| c.is_ascii_uppercase());
        // `amountType` may be an element beside `amount[x]`
        let is_one = |types: &Vec<Type>| types.iter().any(|t| choice_name(stem, &t.code) == name);
        let is_choice = is_typed && child.element.types.as_ref().is_none_or(is_one);
        is_choice.then(|| (index, Some(name.to_owned())))
    })
}

/// The steps of an element that is a choice named by one of its types, where it may be one: `Observation.valueQuantity`.
fn named_by_type(one: &Listed) -> Option<Vec<Step>> {
    let (name, slice) = one.steps.last()?;
    (slice.is_none() && !name.ends_with("[x]")).then(|| one.steps.clone())
}

/// A choice that a differential names by its types alone (`valueQuantity`) and does not slice itself has these types and
/// no others. So it is in R4's own snapshots; those that HL7's tools make today leave the choice open unless it must be
/// there as that type, so of other definitions only such choices are closed.
fn narrow(root: &mut Branch, steps: &[Step], all: &[Vec<Step>], is_of_r4: bool) {
    let Some(((name, _), above)) = steps.split_last() else { return };
    let Some(holder) = above.get(1..).and_then(|above| find(root, above)) else { return };
    let Some((index, Some(_))) = locate(&holder.children, name) else { return };
    let choice = &mut holder.children[index];
    let stem = choice.element.name.trim_end_matches("[x]").to_owned();
    let must_be = choice.slices.iter().any(|(n, slice)| *n == *name && slice.element.min.is_some_and(|min| min > 0));
    if choice.element.slicing.is_some() || !(must_be || is_of_r4) {
        return;
    }
    if let Some(types) = &mut choice.element.types {
        types.retain(|of| {
            let written = choice_name(&stem, &of.code);
            all.iter().any(|s| s.len() == steps.len() && s[..above.len()] == *above && *s[above.len()].0 == *written)
        });
    }
}

type Step = (Arc<str>, Option<Arc<str>>);

fn render(steps: &[Step]) -> String {
    let texts: Vec<String> = steps
        .iter()
        .map(|(name, slice)| slice.as_ref().map_or_else(|| name.to_string(), |s| format!("{name}:{s}")))
        .collect();
    texts.join(".")
}

/// The steps of an element's id. An id that does not fit its path is not believed: the steps are then those of the path,
/// with the slices of the element before it where they share the way, and its own slice name.
fn steps(item: Item<'_>, path: &str, before: Option<&Listed>) -> Vec<Step> {
    if let Some(id) = item.str_at(&["id"]) {
        let steps: Vec<Step> = id
            .split('.')
            .map(|step| match step.split_once(':') {
                Some((name, slice)) => (Arc::from(name), Some(Arc::from(slice))),
                None => (Arc::from(step), None),
            })
            .collect();
        let names: Vec<&str> = steps.iter().map(|(name, _)| &**name).collect();
        let slice = item.str_at(&["sliceName"]);
        let agrees = slice.is_none() || steps.last().is_some_and(|(_, s)| s.as_deref() == slice);
        if names.join(".") == path && agrees {
            return steps;
        }
    }
    let mut steps: Vec<Step> = path.split('.').map(|name| (Arc::from(name), None)).collect();
    if let Some(before) = before {
        let last = steps.len() - 1;
        for (index, step) in steps.iter_mut().enumerate() {
            match before.steps.get(index) {
                Some(same) if same.0 == step.0 && index < last => step.1.clone_from(&same.1),
                _ => break,
            }
        }
    }
    if let (Some(slice), Some(last)) = (item.str_at(&["sliceName"]), steps.last_mut()) {
        last.1 = Some(Arc::from(slice));
    }
    steps
}

fn find<'b>(root: &'b mut Branch, steps: &[Step]) -> Option<&'b mut Branch> {
    let mut at = root;
    for (name, slice) in steps {
        let (index, implied) = locate(&at.children, name)?;
        at = &mut at.children[index];
        if let Some(slice) = slice.as_deref().or(implied.as_deref()) {
            for cut in cuts(at, slice) {
                let index = at.slices.iter().position(|(n, _)| **n == *cut)?;
                at = &mut at.slices[index].1;
            }
        }
    }
    Some(at)
}

/// Puts an element of a snapshot where it belongs below `at`.
fn place(at: &mut Branch, one: Listed) {
    let Some((name, slice)) = one.steps.last() else { return };
    let located = locate(&at.children, name);
    let branch = Branch { element: one.element, ..Branch::default() };
    match (located, slice) {
        (Some((index, _)), Some(slice)) => {
            let mut at = &mut at.children[index];
            let all = cuts(at, slice);
            for cut in &all[..all.len() - 1] {
                match at.slices.iter().position(|(n, _)| **n == **cut) {
                    Some(index) => at = &mut at.slices[index].1,
                    None => break,
                }
            }
            at.slices.push((slice.clone(), branch));
        }
        (Some((index, Some(implied))), None) => at.children[index].slices.push((Arc::from(implied), branch)),
        (Some((index, None)), None) => at.children[index] = branch,
        (None, slice) => {
            let mut branch = branch;
            if let Some(slice) = slice {
                let whole = Branch {
                    element: Element { name: branch.element.name.clone(), ..branch.element.clone() },
                    ..Branch::default()
                };
                branch = Branch { slices: vec![(slice.clone(), branch)], ..whole };
                branch.element.min = Some(0);
                branch.element.max = Some(MANY);
                branch.element.fixed = None;
                branch.element.pattern = None;
            }
            at.children.push(branch);
        }
    }
}

fn copy_lists(branch: &mut Branch, base: &Branch) {
    for child in &mut branch.children {
        if let Some(same) = base.children.iter().find(|b| b.element.name == child.element.name) {
            child.element.is_list |= same.element.is_list;
            copy_lists(child, same);
            for (_, slice) in &mut child.slices {
                slice.element.is_list = child.element.is_list;
                copy_lists(slice, same);
            }
        }
    }
}
