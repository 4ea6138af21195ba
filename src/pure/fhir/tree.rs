//! The one tree that every record lives in, local or FHIR.
//!
//! Comes in: text that a reader has checked, or nodes that a mapping or a redaction builds. Goes out: [`Item`]s to look
//! at, JSON to send, and for every node that came from a sender the file, line and column where it stood.
//! Refuses nothing by itself; the readers do.
//!
//! A flat vector of nodes and one string. Names and unescaped strings are slices of the sender's own text, so reading
//! copies nothing and a place is an offset that becomes a line and column only when somebody has to be told.

mod item;
mod write;

pub use item::{Children, Item};

use std::fmt;

const NONE: u32 = u32::MAX;

/// What a node is, in JSON's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, kept as written: FHIR decimals carry their precision in their digits (R4 datatypes, decimal).
    Number,
    /// A string, unescaped
    String,
    /// An array
    Array,
    /// An object
    Object,
}

/// Names one node of one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u32);

#[derive(Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    const EMPTY: Span = Span { start: 0, end: 0 };
}

#[derive(Clone, Copy)]
struct Node {
    kind: Kind,
    key: Span,
    value: Span,
    parent: u32,
    first: u32,
    last: u32,
    next: u32,
    at: u32,
}

/// A file of the sender's, as it stands in the tree's text.
#[derive(Clone, Debug)]
struct Source {
    name: Option<String>,
    start: u32,
    end: u32,
}

/// Where something stood in what the sender sent. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file inside what was sent (a CSV file of a zip), where there are several.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A record as a tree. See the module's header.
#[derive(Clone, Default)]
pub struct Tree {
    text: String,
    sources: Vec<Source>,
    nodes: Vec<Node>,
}

impl fmt::Debug for Tree {
    /// Says how large, never what: a tree holds a person's record (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tree({} nodes)", self.nodes.len())
    }
}

impl Tree {
    /// A tree that holds one empty object, to be built upon.
    #[must_use]
    pub fn object() -> Tree {
        let mut tree = Tree::default();
        tree.nodes.push(Tree::blank(Kind::Object));
        tree
    }

    /// A tree that holds one empty object and knows the sender's files of another tree: a node made from one of its
    /// items takes that item's [`Item::offset`] and so its place.
    #[must_use]
    pub fn object_with_sources_of(other: &Tree) -> Tree {
        let end = other.sources.iter().map(|s| s.end).max().unwrap_or(0);
        let mut tree = Tree::object();
        tree.text.reserve(other.text.len() * 4);
        tree.text.push_str(&other.text[..end as usize]);
        tree.sources.clone_from(&other.sources);
        tree
    }

    /// A tree that holds one empty object, with room for as much as another tree holds.
    #[must_use]
    pub fn object_as_large_as(other: &Tree) -> Tree {
        let mut tree = Tree {
            text: String::with_capacity(other.text.len()),
            nodes: Vec::with_capacity(other.len()),
            ..Tree::default()
        };
        tree.nodes.push(Tree::blank(Kind::Object));
        tree
    }

    /// A tree that holds one empty array.
    #[must_use]
    pub fn array() -> Tree {
        let mut tree = Tree::default();
        tree.nodes.push(Tree::blank(Kind::Array));
        tree
    }

    /// A tree whose root is a deep copy of `item`, places lost.
    #[must_use]
    pub fn copy_of(item: Item<'_>) -> Tree {
        let mut tree = Tree::default();
        tree.text.reserve(item.tree().text.len());
        tree.graft(None, "", item, &mut |_| true);
        tree
    }

    /// A tree whose root is a deep copy of `item`, and which knows where everything stood in the sender's files.
    #[must_use]
    pub fn taken_from(item: Item<'_>) -> Tree {
        let mut tree = Tree::object_with_sources_of(item.tree());
        tree.nodes.clear();
        tree.graft(None, "", item, &mut |_| true);
        // a graft goes down as it finds: the same order as this
        let mut open = vec![item];
        let mut next = 0;
        while let Some(one) = open.pop() {
            if let (Some(offset), Some(node)) = (one.offset(), tree.nodes.get_mut(next)) {
                node.at = offset;
            }
            next += 1;
            let below: Vec<Item<'_>> = one.children().collect();
            open.extend(below.into_iter().rev());
        }
        tree
    }

    /// A deep copy of `item` without the nodes that `keep` refuses (and what hangs below them).
    /// Containers that this empties are left out too, since FHIR JSON has no empty object or array.
    #[must_use]
    pub fn copy_where(item: Item<'_>, mut keep: impl FnMut(Item<'_>) -> bool) -> Tree {
        let mut tree = Tree::default();
        tree.text.reserve(item.tree().text.len());
        tree.graft(None, "", item, &mut keep);
        if tree.nodes.is_empty() {
            tree.nodes.push(Tree::blank(item.kind()));
        }
        tree
    }

    fn blank(kind: Kind) -> Node {
        Node { kind, key: Span::EMPTY, value: Span::EMPTY, parent: NONE, first: NONE, last: NONE, next: NONE, at: NONE }
    }

    /// The root. A tree has one from the start.
    #[must_use]
    pub fn root(&self) -> Item<'_> {
        self.item(Id(0))
    }

    /// The node that `id` names.
    #[must_use]
    pub fn item(&self, id: Id) -> Item<'_> {
        Item { tree: self, id }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether its nodes are numbered in the order in which its JSON names them, and none is left over. Two such trees
    /// with the same JSON have the same node under each [`Id`].
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        let (mut at, mut seen) = (0, 0);
        loop {
            // the next in order is the first child, else the next sibling of it or of the nearest above that has one
            if at != seen {
                return false;
            }
            seen += 1;
            let mut node = &self.nodes[at as usize];
            let mut next = node.first;
            while next == NONE {
                next = node.next;
                if next == NONE {
                    if node.parent == NONE {
                        return seen as usize == self.nodes.len();
                    }
                    node = &self.nodes[node.parent as usize];
                }
            }
            at = next;
        }
    }

    /// Whether nothing was read or built yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    // ---- building ----------------------------------------------------------------------------------------------

    /// Adds the text of a file of the sender's and says where it starts; nodes made with [`Tree::set_offset`] from
    /// there on have a place. To be called before nodes are built.
    pub fn add_source(&mut self, name: Option<&str>, text: &str) -> u32 {
        let start = self.mark();
        self.text.push_str(text);
        let end = self.mark();
        self.sources.push(Source { name: name.map(str::to_owned), start, end });
        start
    }

    fn mark(&self) -> u32 {
        u32::try_from(self.text.len()).expect("readers refuse input of more than 4 GB")
    }

    fn store(&mut self, value: &str) -> Span {
        let start = self.mark();
        self.text.push_str(value);
        Span { start, end: self.mark() }
    }

    fn push(&mut self, parent: Option<Id>, key: Span, kind: Kind, value: Span) -> Id {
        let id = u32::try_from(self.nodes.len()).expect("readers refuse more than 4 G nodes");
        let mut node = Tree::blank(kind);
        node.key = key;
        node.value = value;
        if let Some(Id(parent)) = parent {
            node.parent = parent;
            let last = self.nodes[parent as usize].last;
            if last == NONE {
                self.nodes[parent as usize].first = id;
            } else {
                self.nodes[last as usize].next = id;
            }
            self.nodes[parent as usize].last = id;
        }
        self.nodes.push(node);
        Id(id)
    }

    /// Adds a child to an object (under `key`) or an array (`key` is then ""), with `value` as its text.
    pub fn push_value(&mut self, parent: Id, key: &str, kind: Kind, value: &str) -> Id {
        let key = self.store(key);
        let value = self.store(value);
        self.push(Some(parent), key, kind, value)
    }

    /// Adds a string.
    pub fn push_str(&mut self, parent: Id, key: &str, value: &str) -> Id {
        self.push_value(parent, key, Kind::String, value)
    }

    /// Adds `true` or `false`.
    pub fn push_bool(&mut self, parent: Id, key: &str, value: bool) -> Id {
        self.push_value(parent, key, Kind::Bool, if value { "true" } else { "false" })
    }

    /// Adds a number as its JSON text; the caller vouches for the grammar.
    pub fn push_number(&mut self, parent: Id, key: &str, value: &str) -> Id {
        self.push_value(parent, key, Kind::Number, value)
    }

    /// Adds an empty object.
    pub fn push_object(&mut self, parent: Id, key: &str) -> Id {
        self.push_value(parent, key, Kind::Object, "")
    }

    /// Adds an empty array.
    pub fn push_array(&mut self, parent: Id, key: &str) -> Id {
        self.push_value(parent, key, Kind::Array, "")
    }

    /// Adds a deep copy of an item of another tree.
    pub fn push_copy(&mut self, parent: Id, key: &str, item: Item<'_>) -> Id {
        self.graft(Some(parent), key, item, &mut |_| true).expect("everything is kept")
    }

    /// Adds a deep copy of an item of another tree, without the nodes that `keep` refuses.
    pub fn push_copy_where(
        &mut self,
        parent: Id,
        key: &str,
        item: Item<'_>,
        mut keep: impl FnMut(Item<'_>) -> bool,
    ) -> Option<Id> {
        self.graft(Some(parent), key, item, &mut keep)
    }

    fn graft(
        &mut self,
        parent: Option<Id>,
        key: &str,
        item: Item<'_>,
        keep: &mut dyn FnMut(Item<'_>) -> bool,
    ) -> Option<Id> {
        if !keep(item) {
            return None;
        }
        let key = self.store(key);
        let value = self.store(item.text());
        let id = self.push(parent, key, item.kind(), value);
        let mut kept = 0;
        let mut had = 0;
        for child in item.children() {
            had += 1;
            if self.graft(Some(id), child.key(), child, keep).is_some() {
                kept += 1;
            }
        }
        if had > 0 && kept == 0 {
            self.remove(id);
            return None;
        }
        Some(id)
    }

    /// Replaces the text of a value, and its kind.
    pub fn set(&mut self, id: Id, kind: Kind, value: &str) {
        let span = self.store(value);
        let node = &mut self.nodes[id.0 as usize];
        node.kind = kind;
        node.value = span;
    }

    /// Takes a node, and what hangs below it, out of its parent. The root stays.
    pub fn remove(&mut self, id: Id) {
        let (parent, next) = (self.nodes[id.0 as usize].parent, self.nodes[id.0 as usize].next);
        if parent == NONE {
            return;
        }
        let mut before = NONE;
        let mut at = self.nodes[parent as usize].first;
        while at != NONE && at != id.0 {
            before = at;
            at = self.nodes[at as usize].next;
        }
        if at == NONE {
            return;
        }
        if before == NONE {
            self.nodes[parent as usize].first = next;
        } else {
            self.nodes[before as usize].next = next;
        }
        if self.nodes[parent as usize].last == id.0 {
            self.nodes[parent as usize].last = before;
        }
        self.nodes[id.0 as usize].parent = NONE;
        self.nodes[id.0 as usize].next = NONE;
    }

    /// Says that a node stood at this offset of the tree's text (see [`Tree::add_source`]).
    pub fn set_offset(&mut self, id: Id, offset: u32) {
        self.nodes[id.0 as usize].at = offset;
    }

    /// For readers in this room: a node whose name and value are slices of the text.
    pub(super) fn push_raw(
        &mut self,
        parent: Option<Id>,
        key: (u32, u32),
        kind: Kind,
        value: (u32, u32),
        at: u32,
    ) -> Id {
        let span = |(start, end): (u32, u32)| Span { start, end };
        let id = self.push(parent, span(key), kind, span(value));
        self.nodes[id.0 as usize].at = at;
        id
    }

    /// For readers in this room: the raw text, sender's first.
    pub(super) fn raw(&self) -> &str {
        &self.text
    }

    /// For readers in this room: appends unescaped text and says where it stands.
    pub(super) fn append(&mut self, value: &str) -> (u32, u32) {
        let span = self.store(value);
        (span.start, span.end)
    }

    fn place_at(&self, at: u32) -> Option<Place> {
        let source = self.sources.iter().find(|s| s.start <= at && at <= s.end)?;
        let (line, column) = line_and_column(&self.text[source.start as usize..source.end as usize], at - source.start);
        Some(Place { file: source.name.clone(), line, column })
    }
}

/// Line and column, from 1, of a byte offset.
#[must_use]
pub fn line_and_column(text: &str, offset: u32) -> (u32, u32) {
    // by the library's searches, which take many bytes at a time: a record on one line is the usual case
    let before = &text[..text.floor_char_boundary(offset as usize)];
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    let column = before[start..].chars().count();
    (u32::try_from(line).unwrap_or(u32::MAX - 1) + 1, u32::try_from(column).unwrap_or(u32::MAX - 1) + 1)
}
