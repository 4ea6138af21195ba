//! Looking at a tree: one node, its names, its children, its place, its path.

use super::{Id, Kind, NONE, Node, Place, Span, Tree};
use std::fmt;

/// One node of a tree, to look at and walk from. Copying it is free.
#[derive(Clone, Copy)]
pub struct Item<'t> {
    pub(super) tree: &'t Tree,
    pub(super) id: Id,
}

impl fmt::Debug for Item<'_> {
    /// Says where, never what (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Item({})", self.path())
    }
}

impl PartialEq for Item<'_> {
    /// The same node of the same tree.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.tree, other.tree) && self.id == other.id
    }
}

impl<'t> Item<'t> {
    fn node(self) -> &'t Node {
        &self.tree.nodes[self.id.0 as usize]
    }

    fn slice(self, span: Span) -> &'t str {
        &self.tree.text[span.start as usize..span.end as usize]
    }

    fn at(self, id: u32) -> Option<Item<'t>> {
        (id != NONE).then_some(Item { tree: self.tree, id: Id(id) })
    }

    /// The tree it stands in.
    #[must_use]
    pub fn tree(self) -> &'t Tree {
        self.tree
    }

    /// Its name within the tree.
    #[must_use]
    pub fn id(self) -> Id {
        self.id
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// The name it stands under in its object; empty in an array and at the root.
    #[must_use]
    pub fn key(self) -> &'t str {
        self.slice(self.node().key)
    }

    /// The text of a primitive, whatever its kind; empty for `null`, arrays and objects.
    #[must_use]
    pub fn text(self) -> &'t str {
        self.slice(self.node().value)
    }

    /// The text of a string, and of nothing else.
    #[must_use]
    pub fn str(self) -> Option<&'t str> {
        (self.kind() == Kind::String).then(|| self.text())
    }

    /// `true` or `false`, where it is one.
    #[must_use]
    pub fn bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.text() == "true")
    }

    /// Whether it is an object or an array.
    #[must_use]
    pub fn is_container(self) -> bool {
        matches!(self.kind(), Kind::Array | Kind::Object)
    }

    /// The object or array it stands in.
    #[must_use]
    pub fn parent(self) -> Option<Item<'t>> {
        self.at(self.node().parent)
    }

    /// What it holds, in the sender's order.
    #[must_use]
    pub fn children(self) -> Children<'t> {
        Children { next: self.at(self.node().first), alone: false }
    }

    /// Its name as bytes, for what looks at many names.
    pub(in crate::pure) fn key_bytes(self) -> &'t [u8] {
        let key = self.node().key;
        &self.tree.text.as_bytes()[key.start as usize..key.end as usize]
    }

    /// Whether it stands under this name. Most names differ in their length, and then no text is looked at.
    #[must_use]
    pub fn stands_under(self, name: &str) -> bool {
        let key = self.node().key;
        (key.end - key.start) as usize == name.len()
            && self.tree.text.as_bytes()[key.start as usize..key.end as usize] == *name.as_bytes()
    }

    /// The child of this name.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Item<'t>> {
        // what an array holds has no names, and there may be many
        let mut next = if self.kind() == Kind::Object { self.node().first } else { NONE };
        while next != NONE {
            let child = Item { tree: self.tree, id: Id(next) };
            if child.stands_under(name) {
                return Some(child);
            }
            next = child.node().next;
        }
        None
    }

    /// The values under a name as FHIR sees them: each item of an array, or the one value, or none.
    pub fn all(self, name: &str) -> impl Iterator<Item = Item<'t>> + use<'t> {
        self.get(name).into_iter().flat_map(Item::each)
    }

    /// Itself, or each item where it is an array.
    #[must_use]
    pub fn each(self) -> Children<'t> {
        match self.kind() {
            Kind::Array => self.children(),
            _ => Children { next: Some(self), alone: true },
        }
    }

    /// The first string found by following names, entering the first item of arrays.
    #[must_use]
    pub fn str_at(self, names: &[&str]) -> Option<&'t str> {
        self.at_path(names).and_then(Item::str)
    }

    /// The first value found by following names, entering the first item of arrays.
    #[must_use]
    pub fn at_path(self, names: &[&str]) -> Option<Item<'t>> {
        let mut item = self;
        for name in names {
            item = item.all(name).next()?;
        }
        Some(item)
    }

    /// `resourceType`, where it has one.
    #[must_use]
    pub fn resource_type(self) -> Option<&'t str> {
        self.get("resourceType").and_then(Item::str)
    }

    /// Its position in the array it stands in.
    #[must_use]
    pub fn index(self) -> Option<usize> {
        let parent = self.parent()?;
        if parent.kind() != Kind::Array {
            return None;
        }
        parent.children().position(|c| c.id == self.id)
    }

    /// Every node from here on downwards, itself first.
    #[must_use]
    pub fn descendants(self) -> Vec<Item<'t>> {
        let mut found = vec![self];
        let mut next = 0;
        while next < found.len() {
            let item = found[next];
            found.extend(item.children());
            next += 1;
        }
        found
    }

    /// Where it stood in what the sender sent; none for what we made ourselves.
    #[must_use]
    pub fn place(self) -> Option<Place> {
        let at = self.node().at;
        if at == NONE { None } else { self.tree.place_at(at) }
    }

    /// Where it stood, as an offset into the tree's text (see [`Tree::set_offset`]).
    #[must_use]
    pub fn offset(self) -> Option<u32> {
        let at = self.node().at;
        (at != NONE).then_some(at)
    }

    /// Its FHIRPath from the root: `CarePlan.activity[0].reference`, or `goals[2].due` in a local record.
    #[must_use]
    pub fn path(self) -> String {
        let mut steps = Vec::new();
        let mut item = self;
        while let Some(parent) = item.parent() {
            match item.index() {
                Some(index) => steps.push(format!("[{index}]")),
                None => steps.push(format!(".{}", item.key())),
            }
            item = parent;
        }
        let mut path = item.resource_type().unwrap_or_default().to_owned();
        path.extend(steps.iter().rev().map(String::as_str));
        path.trim_start_matches('.').to_owned()
    }
}

/// Walks from sibling to sibling.
#[derive(Clone)]
pub struct Children<'t> {
    next: Option<Item<'t>>,
    alone: bool,
}

impl<'t> Iterator for Children<'t> {
    type Item = Item<'t>;

    fn next(&mut self) -> Option<Item<'t>> {
        let item = self.next?;
        self.next = if self.alone { None } else { item.at(item.node().next) };
        Some(item)
    }
}
