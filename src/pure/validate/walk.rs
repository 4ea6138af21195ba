//! The walk: from the root of a resource downwards, each element beside the node that describes it.
//!
//! Two passes over the same tree. The first goes along the record and asks of each name what its type says of it; the
//! second goes along a profile, which only holds what it adds to the type (`overlay.rs`). The rules stand in `rules/`,
//! one a file. On a record without fault nothing is written down; paths and texts are made when something is wrong.

use super::Options;
use super::index::Entries;
use super::rules::primitive::shadows;
use super::world::Known;
use crate::pure::fhir::{Id, Issue, Item, Kind, Report, Severity, Tree};
use crate::pure::fhirpath::Context;
use crate::pure::profile::Definitions;
use crate::pure::profile::element::MANY;
use crate::pure::profile::node::{Kids, Node, NodeIndex, Profile, StructureIndex, TypeRef};
use crate::pure::profile::primitive::Primitive;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The most findings of one report. Each costs a look for its line, and nobody reads more.
pub(super) const MOST_FINDINGS: usize = 500;

/// Where a rule is written: profile and node.
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    pub profile: &'a Profile,
    pub node: &'a Node,
}

impl<'a> By<'a> {
    pub fn new(profile: &'a Profile, node: NodeIndex) -> By<'a> {
        By { profile, node: &profile.nodes[node as usize] }
    }

    fn rule(self) -> String {
        format!("{}#{}", self.profile.url, self.node.id)
    }
}

/// One validation of one tree.
pub(super) struct Walk<'a> {
    pub definitions: &'a Definitions,
    pub world: &'a Known<'a>,
    pub options: &'a Options,
    pub report: Report,
    /// `%resource`
    pub resource: Item<'a>,
    /// `%rootResource`: what contains it, where it is contained.
    pub root: Item<'a>,
    /// The entries of the Bundle around, or the resources of the Parameters around.
    pub entries: Option<&'a Entries<'a>>,
    /// Further records that references may lead to, by type and id.
    pub beside: HashMap<(&'a str, &'a str), Item<'a>>,
    /// In a document or message: what refers to something, and its words.
    pub links: Option<Vec<(Item<'a>, &'a str)>>,
    /// How deep trials (slices, choices of profiles) stand inside one another.
    pub trials: usize,
    /// Which elements meet which profiles, as far as that was tried; none while it is being tried.
    pub tried: HashMap<(StructureIndex, usize, Id), Option<bool>>,
    /// The ids of the elements of the resource that is being walked, each its own.
    pub ids: HashSet<&'a str>,
    counts: Vec<u32>,
}

impl<'a> Walk<'a> {
    pub fn new(definitions: &'a Definitions, world: &'a Known<'a>, options: &'a Options, root: Item<'a>) -> Walk<'a> {
        let named = |tree: &'a Arc<Tree>| {
            let record = tree.root();
            Some(((record.resource_type()?, record.str_at(&["id"])?), record))
        };
        Walk {
            definitions,
            world,
            options,
            report: Report::default(),
            resource: root,
            root,
            entries: world.index.entries(root),
            beside: options.records.iter().filter_map(named).collect(),
            links: None,
            trials: 0,
            tried: HashMap::new(),
            ids: HashSet::new(),
            counts: Vec::new(),
        }
    }

    /// What FHIRPath is told besides the focus.
    pub fn context(&self) -> Context<'a> {
        let mut context = Context::new(self.definitions, self.world, self.options.now.unwrap_or_default());
        context.resource = Some(self.resource);
        context.root = Some(self.root);
        context
    }

    /// Writes a finding down.
    // what, where, whose, in which words: a struct for one call would only name them twice
    #[allow(clippy::too_many_arguments)]
    pub fn find(
        &mut self,
        severity: Severity,
        code: &'static str,
        id: &'static str,
        item: Item<'a>,
        by: Option<By<'a>>,
        text: String,
        remedy: &'static str,
    ) {
        if self.report.issues.len() >= MOST_FINDINGS {
            self.report.not_checked("whatever comes after", "there are more findings than one report holds");
            // an error is an error even where it is not told in full
            if severity <= Severity::Error && self.report.is_valid() {
                self.report.push(Issue::new(severity, code, id, text).on(item).remedy(remedy));
            }
            return;
        }
        let mut issue = Issue::new(severity, code, id, text).on(item).remedy(remedy);
        issue.expression = Some(self.expression(item));
        if let Some(by) = by {
            issue = issue.rule(by.rule());
        }
        self.report.push(issue);
    }

    /// Writes an error down.
    pub fn error(
        &mut self,
        code: &'static str,
        id: &'static str,
        item: Item<'a>,
        by: Option<By<'a>>,
        text: String,
        remedy: &'static str,
    ) {
        self.find(Severity::Error, code, id, item, by, text, remedy);
    }

    /// A resource: the root, a contained one, or one in an entry. None where its type is not known.
    pub fn resource(&mut self, item: Item<'a>) -> Option<&'a Profile> {
        if item.kind() != Kind::Object {
            let text = "a resource should be a JSON object".to_owned();
            self.error("structure", "not-an-object", item, None, text, "write it as an object");
            return None;
        }
        let Some(name) = item.resource_type() else {
            let text = "a resource should say its `resourceType`".to_owned();
            self.error("required", "missing-resource-type", item, None, text, "add `resourceType`");
            return None;
        };
        let profile = self.definitions.type_profile(name).filter(|p| p.is_resource && !p.is_abstract);
        let Some(profile) = profile else {
            let text = "`resourceType` is not a resource of R4".to_owned();
            self.error("structure", "unknown-resource-type", item, None, text, "write one of R4's resource types");
            // the path of a root starts with its type, and this one the sender made up
            if let Some(issue) = self.report.issues.last_mut().filter(|_| item.parent().is_none()) {
                issue.expression = Some("Resource".to_owned());
            }
            return None;
        };
        let ids = std::mem::take(&mut self.ids);
        self.as_resource(item, |walk| {
            walk.element(item, profile, 0);
            walk.rules(item, By::new(profile, 0), 0);
            walk.resource_rules(item, name, profile);
            for claim in item.get("meta").into_iter().flat_map(|m| m.all("profile")) {
                walk.claimed(item, claim);
            }
            for url in walk.definitions.global_profiles(name) {
                if let Some(profile) = walk.definitions.profile(url) {
                    walk.against(item, profile);
                }
            }
        });
        self.ids = ids;
        Some(profile)
    }

    /// Does something with a resource as `%resource`, and with what stands around it.
    pub fn as_resource(&mut self, item: Item<'a>, check: impl FnOnce(&mut Walk<'a>)) {
        let (resource, root, entries) = (self.resource, self.root, self.entries);
        self.resource = item;
        let is_contained = item.parent().is_some_and(|p| p.key() == "contained" || item.key() == "contained");
        if !is_contained {
            self.root = item;
        }
        let is_elsewhere = !std::ptr::eq(item.tree(), resource.tree());
        if is_elsewhere || matches!(item.resource_type(), Some("Bundle" | "Parameters")) {
            self.entries = self.world.index_of(item).entries(item);
            let links = self.links.take();
            if self.entries.is_some_and(|e| e.is_bundle && matches!(e.kind, "document" | "message")) {
                self.links = Some(Vec::new());
            }
            check(self);
            (self.entries, self.links) = (entries, links);
        } else {
            check(self);
        }
        (self.resource, self.root) = (resource, root);
    }

    /// A profile that the resource says it meets.
    fn claimed(&mut self, item: Item<'a>, claim: Item<'a>) {
        let Some(url) = claim.str() else { return };
        match self.definitions.profile(url) {
            None => {
                let text = "the profile it claims is not loaded, so the claim was not checked".to_owned();
                let remedy = "load the package that holds it, or take the claim away";
                self.find(Severity::Warning, "not-found", "unknown-profile", claim, None, text, remedy);
                self.report.not_checked("a profile that `meta.profile` claims", "it is not loaded");
            }
            Some(profile) => self.against(item, profile),
        }
    }

    /// Holds a resource or element to a profile.
    pub fn against(&mut self, item: Item<'a>, profile: &'a Profile) {
        if !profile.is_constraint {
            let fits = item.resource_type().is_none_or(|name| self.is_type(name, &profile.type_name));
            if !fits {
                let text = format!("it should be a `{}`", profile.type_name);
                let remedy = "send a resource of that type, or claim another profile";
                self.error("invalid", "wrong-type-for-profile", item, Some(By::new(profile, 0)), text, remedy);
            }
            return;
        }
        if item.resource_type().is_some_and(|name| !self.is_type(name, &profile.type_name)) {
            let text = format!("the profile is one for `{}`", profile.type_name);
            let remedy = "send a resource of that type, or claim another profile";
            self.error("invalid", "wrong-type-for-profile", item, Some(By::new(profile, 0)), text, remedy);
            return;
        }
        self.overlay(item, profile, 0);
    }

    /// Whether a type is another one or specialises it.
    pub fn is_type(&self, name: &str, other: &str) -> bool {
        let mut at = self.definitions.type_profile(name);
        for _ in 0..8 {
            let Some(profile) = at else { return name == other };
            if *profile.type_name == *other {
                return true;
            }
            at = profile.base.and_then(|b| self.definitions.profile_at(b));
        }
        false
    }

    /// The children of an element, each beside its node.
    pub fn element(&mut self, item: Item<'a>, profile: &'a Profile, owner: NodeIndex) {
        let node = &profile.nodes[owner as usize];
        let Some(kids) = &node.kids else { return };
        let by = By { profile, node };
        let start = self.counts.len();
        self.counts.resize(start + kids.nodes.len(), 0);
        let (mut any, mut more_than_id) = (false, false);
        for child in item.children() {
            any = true;
            let key = child.key();
            match key {
                "id" if owner != 0 || !profile.is_resource => self.element_id(item, child),
                "id" | "_id" => {}
                _ => more_than_id = true,
            }
            if key == "resourceType" && profile.is_resource && owner == 0 {
                continue;
            }
            let (name, is_shadow) = key.strip_prefix('_').map_or((key, false), |name| (name, true));
            match kids.find(name) {
                Some((kid, which)) => {
                    let count = self.child(item, child, profile, kids.nodes[usize::from(kid)], which, is_shadow);
                    self.counts[start + usize::from(kid)] += count;
                }
                None => {
                    let text = format!("`{}` has no element `{}`", node.id, shown(key));
                    let remedy = "correct its name, or leave it out";
                    self.error("structure", "unknown-element", item, Some(by), text, remedy);
                    self.point_at(child);
                }
            }
        }
        if !any {
            let text = "an object should not be empty".to_owned();
            self.error("structure", "empty-object", item, Some(by), text, "leave the element out");
        } else if !more_than_id && !profile.is_resource {
            let text = "an element should have a value or children besides its `id` (ele-1)".to_owned();
            self.error(
                "invariant",
                "element-without-content",
                item,
                Some(by),
                text,
                "add its content, or leave it out",
            );
        }
        self.cardinality(item, profile, kids, start, any);
        self.counts.truncate(start);
    }

    /// One child of an element; how many values it holds.
    fn child(
        &mut self,
        item: Item<'a>,
        child: Item<'a>,
        profile: &'a Profile,
        index: NodeIndex,
        which: u16,
        is_shadow: bool,
    ) -> u32 {
        let node = &profile.nodes[index as usize];
        let Some(of) = node.types.get(usize::from(which)) else {
            return self.sharing(child, profile, index);
        };
        if is_shadow {
            return self.shadow(item, child, By { profile, node }, of);
        }
        let mut count = 0;
        if child.kind() == Kind::Array {
            if !node.is_list {
                let text = format!("`{}` should be one value, not an array", node.id);
                self.error(
                    "structure",
                    "should-not-be-array",
                    child,
                    Some(By { profile, node }),
                    text,
                    "take the brackets away",
                );
            }
            let mut beside = None;
            for one in child.children() {
                count += 1;
                if one.kind() == Kind::Null && of.primitive.is_some() {
                    // looked up once for the whole array, and only where there is a null
                    let beside = beside.get_or_insert_with(|| shadows(item, child.key()));
                    if beside.get(count as usize - 1) == Some(&true) {
                        continue;
                    }
                }
                self.value(item, one, profile, index, of);
            }
            if count == 0 {
                self.empty_array(child, By { profile, node });
            }
        } else {
            if node.is_list {
                let text = format!("`{}` should be an array", node.id);
                self.error(
                    "structure",
                    "should-be-array",
                    child,
                    Some(By { profile, node }),
                    text,
                    "put it in brackets",
                );
            }
            count = 1;
            self.value(item, child, profile, index, of);
        }
        count
    }

    /// An element that shares the content of another one (contentReference).
    fn sharing(&mut self, child: Item<'a>, profile: &'a Profile, index: NodeIndex) -> u32 {
        let node = &profile.nodes[index as usize];
        let Some(shared) = node.shared else { return 1 };
        if node.is_list != (child.kind() == Kind::Array) {
            let text = format!("`{}` should {}be an array", node.id, if node.is_list { "" } else { "not " });
            self.error("structure", "should-be-array", child, Some(By { profile, node }), text, "mend the brackets");
        }
        let mut count = 0;
        for one in child.each() {
            count += 1;
            if self.is_object(one, By { profile, node }) {
                self.element(one, profile, shared);
                self.rules(one, By { profile, node }, index);
                self.rules(one, By::new(profile, shared), shared);
            }
        }
        if count == 0 {
            self.empty_array(child, By { profile, node });
        }
        count
    }

    /// Arrays are never empty (R4 §2.6.2 JSON).
    fn empty_array(&mut self, item: Item<'a>, by: By<'a>) {
        let text = "an array should not be empty".to_owned();
        self.error("structure", "empty-array", item, Some(by), text, "leave the element out");
    }

    pub fn is_object(&mut self, item: Item<'a>, by: By<'a>) -> bool {
        if item.kind() == Kind::Object {
            return true;
        }
        let text = format!("`{}` should be an object", by.node.id);
        let remedy = "write it as an object with its elements";
        self.error("structure", "should-be-object", item, Some(by), text, remedy);
        false
    }

    /// One value beside its node and type.
    fn value(&mut self, holder: Item<'a>, item: Item<'a>, profile: &'a Profile, index: NodeIndex, of: &'a TypeRef) {
        let node = &profile.nodes[index as usize];
        let by = By { profile, node };
        if let Some(primitive) = of.primitive {
            if !self.primitive(item, by, primitive) {
                return;
            }
            if let Some(links) = &mut self.links
                && matches!(primitive, Primitive::Uri | Primitive::Url)
                && !matches!(&*node.name, "system" | "fullUrl" | "endpoint" | "address")
                && !matches!(&*node.id, "Extension.url" | "Reference.type")
            {
                links.push((item, item.text()));
            }
        } else {
            if !self.is_object(item, by) {
                return;
            }
            if node.kids.is_some() {
                self.element(item, profile, index);
            } else if let Some(inner) = of.structure.and_then(|s| self.definitions.profile_at(s)) {
                if inner.is_resource {
                    self.resource(item);
                    return;
                }
                self.element(item, inner, 0);
                self.rules(item, By::new(inner, 0), 0);
                self.datatype(holder, item, by, of);
            }
        }
        self.constraints(item, by, index, &of.code);
    }

    /// What is asked of values of certain datatypes wherever they stand.
    fn datatype(&mut self, holder: Item<'a>, item: Item<'a>, by: By<'a>, of: &'a TypeRef) {
        match &*of.code {
            "Extension" => self.extension(holder, item, by),
            "Reference" => self.reference(item, by, of),
            "Identifier" => self.identifier(item),
            "Coding" => self.coding(item, by),
            "Quantity" | "Age" | "Duration" | "Count" | "Distance" | "SimpleQuantity" => self.coding(item, by),
            "Attachment" => self.attachment(item, by),
            _ => {}
        }
    }

    /// What a node says of a value besides its type: fixed, pattern, limits, binding, invariants.
    pub fn constraints(&mut self, item: Item<'a>, by: By<'a>, index: NodeIndex, type_name: &str) {
        let node = by.node;
        if let Some(fixed) = &node.fixed {
            self.fixed(item, fixed, by);
        }
        if let Some(pattern) = &node.pattern {
            self.pattern(item, pattern, by);
        }
        if node.min_value.is_some() || node.max_value.is_some() || node.max_length.is_some() {
            self.limits(item, by);
        }
        if let Some(controls) = &node.controls {
            self.controls(item, controls, by);
        }
        if let Some(binding) = &node.binding {
            self.binding(item, binding, by, type_name);
        }
        self.rules(item, by, index);
    }

    /// A missing or superfluous element.
    fn cardinality(&mut self, item: Item<'a>, profile: &'a Profile, kids: &'a Kids, start: usize, any: bool) {
        if any {
            for kid in &kids.required {
                if self.counts[start + usize::from(*kid)] == 0 {
                    let by = By::new(profile, kids.nodes[usize::from(*kid)]);
                    let text = format!("`{}` is missing", by.node.id);
                    self.error("required", "missing-element", item, Some(by), text, "add it");
                }
            }
        }
        for (kid, index) in kids.nodes.iter().enumerate() {
            let count = self.counts[start + kid];
            if count > 1 {
                let by = By::new(profile, *index);
                if by.node.max != MANY && count > by.node.max {
                    let text =
                        format!("`{}` may be there {} times at most, and is {count} times", by.node.id, by.node.max);
                    let remedy = if by.node.is_choice { "keep one of its types" } else { "keep as many as allowed" };
                    self.error("structure", "too-many", item, Some(by), text, remedy);
                }
            }
        }
    }
}

/// A name as it may be shown: names that a sender made up are cut and cleaned.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}
