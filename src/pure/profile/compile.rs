//! [`Structure`] → [`Profile`]: from what a definition says to what a walk needs.
//!
//! Comes in: a structure, and a way to the structures of its types. Goes out: a profile with one vector of nodes.
//! Refuses, with file, element and line: invariants that are not FHIRPath.

use super::element::{Binding, Constraint, Element, MANY, Slicing, Strength, Type, complaint};
use super::node::{Check, Kids, Native, Node, NodeIndex, Profile, Rule, StructureIndex, TypeRef};
use super::primitive::Primitive;
use super::structure::{Branch, Structure, choice_name};
use crate::pure::fhir::Report;
use crate::pure::fhirpath::{self, Expression};
use std::collections::HashMap;
use std::sync::Arc;

/// The most nodes of one profile: the rest of a [`fhirpath::Type`]'s bits name the structure.
pub const MOST_NODES: usize = 1 << 12;

/// The FHIRPath type of a node.
#[must_use]
pub fn type_of(structure: StructureIndex, node: NodeIndex) -> fhirpath::Type {
    fhirpath::Type((structure << 12) | node)
}

/// The way to the structures of types.
pub trait Types {
    /// The structure that defines a type.
    fn type_index(&self, name: &str) -> Option<StructureIndex>;
    /// Its elements.
    fn type_branch(&self, name: &str) -> Option<Arc<Structure>>;
    /// Any structure, by canonical url.
    fn url_index(&self, url: &str) -> Option<StructureIndex>;
}

/// Compiles a structure.
///
/// # Errors
/// What is wrong with it, at file, element and line.
pub fn compile(structure: &Structure, index: StructureIndex, file: &str, types: &dyn Types) -> Result<Profile, Report> {
    let mut compiler = Compiler {
        file,
        url: &structure.url,
        types,
        nodes: Vec::new(),
        problems: Report::default(),
        by_id: HashMap::new(),
        shared: Vec::new(),
    };
    if structure.is_constraint {
        let base = types.type_branch(&structure.type_name);
        compiler.narrowed(&structure.root, base.as_ref().map(|b| &b.root), Keep::Always);
    } else {
        compiler.defined(&structure.root);
    }
    compiler.join_shared();
    if compiler.nodes.len() > MOST_NODES {
        let text = format!("it has more than {MOST_NODES} elements");
        compiler.problems.push(complaint(file, &structure.url, &structure.type_name, None, &text));
    }
    let context_invariants: Vec<Rule> = structure
        .context_invariants
        .iter()
        // `%extension` is the extension that stands in the element; two of R4's definitions use it, to no effect
        .filter(|text| !text.contains("%extension"))
        .enumerate()
        .filter_map(|(at, text)| {
            let constraint = Constraint {
                key: Arc::from(format!("context-{}", at + 1)),
                is_error: true,
                expression: Some(text.clone()),
                is_best_practice: false,
                human: None,
                mend: None,
            };
            compiler.rule(&structure.root.element, &constraint)
        })
        .collect();
    if !compiler.problems.issues.is_empty() {
        return Err(compiler.problems);
    }
    Ok(Profile {
        index,
        url: structure.url.clone(),
        version: structure.version.clone(),
        type_name: structure.type_name.clone(),
        is_constraint: structure.is_constraint,
        is_resource: &*structure.kind == "resource",
        is_abstract: structure.is_abstract,
        primitive: Primitive::of(&structure.type_name),
        base: structure.base.as_deref().and_then(|b| types.url_index(b)),
        contexts: structure.contexts.clone(),
        context_invariants,
        nodes: compiler.nodes,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Slices and roots count even where they add nothing.
    Always,
    /// Only where it adds to the type.
    WhereItAdds,
}

struct Compiler<'a> {
    file: &'a str,
    url: &'a str,
    types: &'a dyn Types,
    nodes: Vec<Node>,
    problems: Report,
    by_id: HashMap<Arc<str>, NodeIndex>,
    shared: Vec<(NodeIndex, Arc<str>)>,
}

impl Compiler<'_> {
    fn push(&mut self, element: &Element, node: Node) -> NodeIndex {
        let index = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.by_id.insert(element.id.clone(), index);
        if let Some(id) = &element.content_reference {
            self.shared.push((index, id.clone()));
        }
        self.nodes.push(node);
        index
    }

    fn join_shared(&mut self) {
        for (node, id) in std::mem::take(&mut self.shared) {
            let node = &mut self.nodes[node as usize];
            if node.kids.is_none() {
                node.shared = self.by_id.get(&id).copied();
            }
        }
    }

    /// What both kinds of node have.
    fn bare(&mut self, element: &Element) -> Node {
        let name = element.name.strip_suffix("[x]").unwrap_or(&element.name);
        Node {
            id: element.id.clone(),
            name: Arc::from(name),
            is_choice: element.name.ends_with("[x]"),
            is_list: element.is_list,
            is_modifier: element.is_modifier,
            must_support: element.must_support,
            max_length: element.max_length,
            controls: element.controls.clone(),
            min_value: element.min_value.clone(),
            max_value: element.max_value.clone(),
            ..Node::default()
        }
    }

    /// A node of a type: every element counts.
    fn defined(&mut self, branch: &Branch) -> NodeIndex {
        let element = &branch.element;
        let mut node = self.bare(element);
        node.min = element.min.unwrap_or(0);
        node.max = element.max.unwrap_or(MANY);
        node.types = self.types(element.types.as_deref().unwrap_or_default());
        node.choices = node.types.iter().filter_map(|t| t.structure).map(|s| type_of(s, 0)).collect();
        node.fixed.clone_from(&element.fixed);
        node.pattern.clone_from(&element.pattern);
        node.binding.clone_from(&element.binding);
        node.rules = element.constraints.iter().filter_map(|c| self.rule(element, c)).collect();
        let index = self.push(element, node);
        if !branch.children.is_empty() {
            let nodes: Vec<NodeIndex> = branch.children.iter().map(|child| self.defined(child)).collect();
            self.nodes[index as usize].kids = Some(self.kids(nodes));
        }
        index
    }

    fn kids(&self, nodes: Vec<NodeIndex>) -> Kids {
        let mut names = Vec::new();
        let mut required = Vec::new();
        for (at, index) in nodes.iter().enumerate() {
            let at = u16::try_from(at).unwrap_or(u16::MAX);
            let node = &self.nodes[*index as usize];
            if node.min > 0 {
                required.push(at);
            }
            if node.is_choice {
                for (which, of) in node.types.iter().enumerate() {
                    names.push((choice_name(&node.name, &of.code), at, u16::try_from(which).unwrap_or(0)));
                }
            } else {
                names.push((node.name.to_string(), at, 0));
            }
        }
        Kids::new(nodes, required, names)
    }

    /// A node of a constraint: only what it adds to `base`, the same element of its type.
    fn narrowed(&mut self, branch: &Branch, base: Option<&Branch>, keep: Keep) -> Option<NodeIndex> {
        let element = &branch.element;
        let before = base.map(|b| &b.element);
        if let (Some(min), Some(max)) = (element.min, element.max)
            && min > max
        {
            let text = format!("it should be there {min} times at least and {max} times at most");
            self.problems.push(complaint(self.file, self.url, &element.id, element.place.as_ref(), &text));
        }
        let mut node = self.bare(element);
        node.min = element.min.filter(|m| keep == Keep::Always || Some(*m) > before.and_then(|b| b.min)).unwrap_or(0);
        let most = before.and_then(|b| b.max).unwrap_or(MANY);
        node.max = element.max.filter(|m| keep == Keep::Always || *m < most).unwrap_or(MANY);
        if element.types.is_some() && before.is_none_or(|b| b.types != element.types) {
            node.types = self.types(element.types.as_deref().unwrap_or_default());
        }
        node.fixed = element.fixed.clone().filter(|f| before.and_then(|b| b.fixed.as_ref()) != Some(f));
        node.pattern = element.pattern.clone().filter(|p| before.and_then(|b| b.pattern.as_ref()) != Some(p));
        node.binding = element.binding.clone().filter(|b| before.and_then(|b| b.binding.as_ref()) != Some(b));
        if let Some(binding) = &mut node.binding {
            mend_binding(element, binding);
        }
        node.demands = element.demands.clone().filter(|d| before.and_then(|b| b.demands.as_ref()) != Some(d));
        node.controls = node.controls.filter(|c| before.and_then(|b| b.controls.as_ref()) != Some(c));
        node.max_length = node.max_length.filter(|m| before.and_then(|b| b.max_length) != Some(*m));
        node.min_value = node.min_value.filter(|v| before.and_then(|b| b.min_value.as_ref()) != Some(v));
        node.max_value = node.max_value.filter(|v| before.and_then(|b| b.max_value.as_ref()) != Some(v));
        let own_type = self.own_type(branch, before);
        let known: Vec<&Constraint> = before
            .map(|b| b.constraints.as_slice())
            .into_iter()
            .chain(own_type.as_ref().map(|t| t.root.element.constraints.as_slice()))
            .flatten()
            .collect();
        node.rules = element
            .constraints
            .iter()
            .filter(|c| !known.iter().any(|k| k.key == c.key))
            .filter_map(|c| self.rule(element, c))
            .collect();
        let (at, held) = (self.nodes.len(), self.problems.issues.len());
        let adds = keep == Keep::Always || adds(&node, element);
        let index = self.push(element, node);
        let below = match base {
            Some(base) if !base.children.is_empty() => Some(base),
            _ => own_type.as_deref().map(|t| &t.root),
        };
        let mut nodes = Vec::new();
        for child in &branch.children {
            let same = below.and_then(|b| b.children.iter().find(|c| c.element.name == child.element.name));
            nodes.extend(self.narrowed(child, same, Keep::WhereItAdds));
        }
        let mut slices = Vec::new();
        for (name, slice) in &branch.slices {
            let index = self.narrowed(slice, base, Keep::Always);
            slices.extend(index.map(|i| (name.clone(), i)));
        }
        if !(adds || !nodes.is_empty() || !slices.is_empty()) && self.problems.issues.len() == held {
            self.nodes.truncate(at);
            self.shared.retain(|(index, _)| (*index as usize) < at);
            self.by_id.retain(|_, index| (*index as usize) < at);
            return None;
        }
        let node = &mut self.nodes[index as usize];
        if !nodes.is_empty() {
            node.kids = Some(Kids::new(nodes, Vec::new(), Vec::new()));
        }
        if !slices.is_empty() || element.slicing.as_ref().is_some_and(|s| &*s.rules == "closed") {
            // slices of a slice that does not say what tells them apart hold whatever meets them
            let bare = Slicing { discriminators: Vec::new(), is_ordered: false, rules: Arc::from("open") };
            let implied = || if keep == Keep::Always { bare } else { implied_slicing(element) };
            let slicing = element.slicing.clone().unwrap_or_else(implied);
            node.slicing = Some((slicing, slices));
        }
        Some(index)
    }

    /// The structure of an element's type, where it has one type and no children of its own in the base.
    fn own_type(&self, branch: &Branch, before: Option<&Element>) -> Option<Arc<Structure>> {
        let types = branch.element.types.as_ref().or_else(|| before.and_then(|b| b.types.as_ref()))?;
        match types.as_slice() {
            [only] => self.types.type_branch(&only.code),
            _ => None,
        }
    }

    fn types(&self, types: &[Type]) -> Vec<TypeRef> {
        let one = |of: &Type| TypeRef {
            code: of.code.clone(),
            primitive: Primitive::of(&of.code),
            structure: self.types.type_index(&of.code),
            profiles: of.profiles.clone(),
            targets: of.targets.clone(),
            aggregation: of.aggregation.clone(),
            versioning: of.versioning.clone(),
        };
        // `*` in R4's own definitions is written out as all types; nothing else to expand
        types.iter().map(one).collect()
    }

    fn rule(&mut self, element: &Element, constraint: &Constraint) -> Option<Rule> {
        // every element and extension is held to these two by the walk itself
        if matches!(&*constraint.key, "ele-1" | "ext-1") {
            return None;
        }
        let text = constraint.expression.as_deref().map(|text| mended(&constraint.key, text))?;
        let check = match Native::of(&constraint.key) {
            Some(native) => Check::Native(native),
            None => match Expression::compile(&text) {
                Ok(expression) => Check::Expression(Box::new(expression)),
                Err(error) => {
                    let text = format!("invariant `{}` is not FHIRPath: {error}", constraint.key);
                    let place = element.place.as_ref();
                    self.problems.push(complaint(self.file, self.url, &element.id, place, &text));
                    return None;
                }
            },
        };
        Some(Rule {
            key: constraint.key.clone(),
            is_error: constraint.is_error,
            is_best_practice: constraint.is_best_practice,
            human: constraint.human.clone(),
            mend: constraint.mend.clone(),
            asks_now: ["now()", "today()", "timeOfDay()"].iter().any(|clock| text.contains(clock)),
            text,
            check,
        })
    }
}

/// Expressions of R4 that do not say what their own words ask for, as later releases correct them: bdl-8 yields nothing
/// where there is no `fullUrl`, que-12 lets two conditions pass without a behaviour, ras-2 yields nothing where
/// there is no probability, vs-1 yields nothing for a Period.
const ERRATA: &[(&str, &str, &str)] = &[
    ("bdl-8", "fullUrl.contains('/_history/').not()", "fullUrl.exists() implies fullUrl.contains('/_history/').not()"),
    (
        "que-12",
        "enableWhen.count() > 2 implies enableBehavior.exists()",
        "enableWhen.count() > 1 implies enableBehavior.exists()",
    ),
    (
        "ras-2",
        "probability is decimal implies (probability as decimal) <= 100",
        "probability.ofType(decimal).all($this <= 100)",
    ),
    ("vs-1", "($this as dateTime).toString().length() >= 8", "ofType(dateTime).all($this.toString().length() >= 8)"),
];

/// R4's vital signs bind every component's value to a set of units, as required, though its value may be of any type; where
/// it is not one of them, that can only be a hint.
fn mend_binding(element: &Element, binding: &mut Binding) {
    let is_units = binding.value_set.as_deref() == Some("http://hl7.org/fhir/ValueSet/ucum-vitals-common|4.0.1");
    if is_units && &*element.id == "Observation.component.value[x]" && binding.strength == Strength::Required {
        binding.strength = Strength::Extensible;
    }
}

fn mended(key: &str, text: &str) -> Arc<str> {
    let found = ERRATA.iter().find(|(known, wrong, _)| *known == key && *wrong == text);
    Arc::from(found.map_or(text, |(_, _, right)| right))
}

/// Slices without a stated slicing: extensions by url, choices by type.
fn implied_slicing(element: &Element) -> Slicing {
    use super::element::Tell;
    let discriminators = match &*element.name {
        "extension" | "modifierExtension" => vec![(Tell::Value, Arc::from("url"))],
        name if name.ends_with("[x]") => vec![(Tell::Type, Arc::from("$this"))],
        _ => Vec::new(),
    };
    Slicing { discriminators, is_ordered: false, rules: Arc::from("open") }
}

/// Whether a node of a constraint says anything.
fn adds(node: &Node, element: &Element) -> bool {
    node.min > 0
        || node.max != MANY
        || !node.types.is_empty()
        || node.fixed.is_some()
        || node.pattern.is_some()
        || node.min_value.is_some()
        || node.max_value.is_some()
        || node.max_length.is_some()
        || node.demands.is_some()
        || node.controls.is_some()
        || node.binding.is_some()
        || !node.rules.is_empty()
        || node.must_support
        || element.content_reference.is_some()
}
