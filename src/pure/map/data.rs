//! A local record that is being changed: the base as it was, with what FHIR says written into it.

use super::path::{Select, Step, Test};
use crate::pure::fhir::{Id, Item, Kind, Tree};

/// A value of a local record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Nothing,
    Plain(Kind, String),
    List(Vec<Data>),
    Object(Vec<(String, Data)>),
}

/// Steps down to a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seg {
    Name(String),
    Index(usize),
}

impl Data {
    pub fn of(item: Item<'_>) -> Data {
        match item.kind() {
            Kind::Null => Data::Nothing,
            Kind::Array => Data::List(item.children().map(Data::of).collect()),
            Kind::Object => Data::Object(item.children().map(|c| (c.key().to_owned(), Data::of(c))).collect()),
            kind => Data::Plain(kind, item.text().to_owned()),
        }
    }

    /// The member of this name, made (as nothing) where it is missing.
    pub fn member(&mut self, name: &str) -> &mut Data {
        if !matches!(self, Data::Object(_)) {
            *self = Data::Object(Vec::new());
        }
        let Data::Object(members) = self else { unreachable_member() };
        let index = members.iter().position(|(key, _)| key == name).unwrap_or_else(|| {
            members.push((name.to_owned(), Data::Nothing));
            members.len() - 1
        });
        &mut members[index].1
    }

    /// The list here, made where there is none; a single value becomes its first item.
    pub fn list(&mut self) -> &mut Vec<Data> {
        if !matches!(self, Data::List(_)) {
            let one = std::mem::replace(self, Data::Nothing);
            *self = Data::List(if one == Data::Nothing { Vec::new() } else { vec![one] });
        }
        match self {
            Data::List(items) => items,
            _ => unreachable_member(),
        }
    }

    pub fn at(&mut self, address: &[Seg]) -> &mut Data {
        let mut at = self;
        for seg in address {
            at = match seg {
                Seg::Name(name) => at.member(name),
                Seg::Index(index) => {
                    let items = at.list();
                    while items.len() <= *index {
                        items.push(Data::Nothing);
                    }
                    &mut items[*index]
                }
            };
        }
        at
    }

    /// Follows a local path without loops, making what is missing.
    pub fn follow(&mut self, path: &[Step]) -> &mut Data {
        let mut at = self;
        for step in path {
            at = at.member(&step.name);
            match step.select {
                Select::One | Select::Each => {}
                Select::Nth(index) => at = at.at(&[Seg::Index(index)]),
                Select::Slice => {
                    let items = at.list();
                    let found = items.iter().position(|i| step.tests.iter().all(|t| i.says(t)));
                    let index = found.unwrap_or_else(|| {
                        items.push(Data::Nothing);
                        items.len() - 1
                    });
                    at = &mut items[index];
                    at.satisfy(&step.tests);
                }
            }
        }
        at
    }

    fn says(&self, test: &Test) -> bool {
        let mut at = self;
        for step in &test.path {
            let Data::Object(members) = at else { return false };
            let Some((_, next)) = members.iter().find(|(key, _)| *key == step.name) else { return false };
            at = next;
        }
        matches!(at, Data::Plain(_, text) if *text == test.value)
    }

    /// Writes what the tests of a filter ask for.
    pub fn satisfy(&mut self, tests: &[Test]) {
        for test in tests {
            if !self.says(test) {
                *self.follow(&test.path) = Data::Plain(Kind::String, test.value.clone());
            }
        }
    }

    /// Looks along a path without making anything.
    pub fn look(&self, path: &[Step]) -> Option<&Data> {
        let mut at = self;
        for step in path {
            let Data::Object(members) = at else { return None };
            at = &members.iter().find(|(key, _)| *key == step.name)?.1;
            match (step.select, at) {
                (Select::One | Select::Each, _) => {}
                (Select::Nth(index), Data::List(items)) => at = items.get(index)?,
                (Select::Slice, Data::List(items)) => {
                    at = items.iter().find(|i| step.tests.iter().all(|t| i.says(t)))?;
                }
                (Select::Nth(0), _) => {}
                _ => return None,
            }
        }
        Some(at)
    }

    /// The text of a plain value that is not blank.
    pub fn text(&self) -> Option<(&str, Kind)> {
        match self {
            Data::Plain(kind, text) if !text.trim().is_empty() => Some((text, *kind)),
            _ => None,
        }
    }

    /// Takes out what is nothing and was not in the record before: names that were only looked at.
    pub fn tidy(&mut self, keep_nothing: bool) {
        match self {
            Data::Object(members) => {
                for (_, member) in members.iter_mut() {
                    member.tidy(keep_nothing);
                }
                if !keep_nothing {
                    members.retain(|(_, member)| *member != Data::Nothing);
                }
            }
            Data::List(items) => {
                for item in items.iter_mut() {
                    item.tidy(keep_nothing);
                }
                items.retain(|item| *item != Data::Nothing);
            }
            _ => {}
        }
    }

    pub fn tree(&self) -> Tree {
        let mut tree = Tree::object();
        let root = tree.root().id();
        if let Data::Object(members) = self {
            for (name, member) in members {
                member.write(&mut tree, root, name);
            }
        }
        tree
    }

    fn write(&self, tree: &mut Tree, parent: Id, key: &str) {
        match self {
            Data::Nothing => {
                tree.push_value(parent, key, Kind::Null, "");
            }
            Data::Plain(kind, text) => {
                tree.push_value(parent, key, *kind, text);
            }
            Data::List(items) => {
                let id = tree.push_array(parent, key);
                for item in items {
                    item.write(tree, id, "");
                }
            }
            Data::Object(members) => {
                let id = tree.push_object(parent, key);
                for (name, member) in members {
                    member.write(tree, id, name);
                }
            }
        }
    }
}

/// Only reached if the line above did not do what it says.
fn unreachable_member() -> ! {
    unreachable!("a container was made in the line above")
}
