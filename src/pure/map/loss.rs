//! What was not carried: a walk over everything that was sent, against everything that some row reads.

use super::Loss;
use super::convert::is_nothing;
use super::path::{Select, Step, Test, all_hold};
use crate::pure::fhir::{Item, Kind};

/// The paths that rows read, as a tree.
#[derive(Debug, Default)]
pub(super) struct Cover {
    branches: Vec<Branch>,
    whole: Option<Fate>,
}

#[derive(Debug)]
struct Branch {
    name: String,
    tests: Vec<Test>,
    cover: Cover,
}

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Some row reads it.
    Read,
    /// It stays behind, for this reason, says this line of the mapping.
    Left { why: String, line: u32 },
}

impl Cover {
    /// Adds a path with what becomes of it.
    pub fn add(&mut self, path: &[Step], fate: &Fate) {
        let Some((step, rest)) = path.split_first() else {
            if self.whole.is_none() || *fate == Fate::Read {
                self.whole = Some(fate.clone());
            }
            return;
        };
        let mut tests = step.tests.as_slice();
        if matches!(step.select, Select::One | Select::Nth(_)) {
            tests = &[];
        }
        let found = self.branches.iter().position(|b| b.name == step.name && b.tests == tests);
        let index = found.unwrap_or_else(|| {
            self.branches.push(Branch { name: step.name.clone(), tests: tests.to_vec(), cover: Cover::default() });
            self.branches.len() - 1
        });
        let cover = &mut self.branches[index].cover;
        for test in tests {
            cover.add(&test.path, &Fate::Read);
        }
        cover.add(rest, fate);
    }

    /// Whether some row reads, keeps or drops this path (names without brackets).
    pub fn has(&self, names: &[&str]) -> bool {
        if self.whole.is_some() {
            return true;
        }
        let Some((name, rest)) = names.split_first() else { return false };
        self.branches.iter().any(|b| b.name == *name && b.cover.has(rest))
    }

    /// Whether some row reads exactly this path, or something below it.
    pub fn reads(&self, names: &[&str]) -> bool {
        match names.split_first() {
            None => self.whole == Some(Fate::Read) || self.branches.iter().any(|b| b.cover.reads(&[])),
            Some((name, rest)) => self.branches.iter().any(|b| b.name == *name && b.cover.reads(rest)),
        }
    }
}

/// Gathers losses, the same thing once.
pub(super) struct Gatherer<'m> {
    pub mapping: &'m str,
    pub found: Vec<Loss>,
}

impl Gatherer<'_> {
    /// Walks an item that some covers apply to.
    pub fn walk(&mut self, item: Item<'_>, covers: &[&Cover], skip: &[&str]) {
        for child in item.children() {
            if is_nothing(child) || skip.contains(&child.key()) {
                continue;
            }
            for element in child.each() {
                self.element(element, child.key(), covers);
            }
        }
    }

    fn element(&mut self, element: Item<'_>, name: &str, covers: &[&Cover]) {
        // Lists of lists have no name of their own; nothing reads them.
        let mut here: Vec<&Cover> = Vec::with_capacity(1);
        for cover in covers {
            for branch in &cover.branches {
                if branch.name == name && all_hold(&branch.tests, element) {
                    here.push(&branch.cover);
                }
            }
        }
        if here.iter().any(|c| c.whole == Some(Fate::Read)) {
            return;
        }
        if let Some(Fate::Left { why, line }) = here.iter().find_map(|c| c.whole.as_ref()) {
            let rule = format!("mappings/{}/map.yaml:{line}", self.mapping);
            self.lose(element, why, Some(rule), true);
        } else if here.is_empty() || !element.is_container() || element.kind() == Kind::Array {
            self.lose(element, "no row reads it", None, false);
        } else {
            self.walk(element, &here, &[]);
        }
    }

    /// Notes one loss.
    pub fn lose(&mut self, item: Item<'_>, why: &str, rule: Option<String>, intended: bool) {
        let path = general_path(item);
        if let Some(same) = self.found.iter_mut().find(|l| l.path == path && l.why == why) {
            same.count += 1;
            return;
        }
        self.found.push(Loss { path, place: item.place(), why: why.to_owned(), rule, count: 1, intended });
    }
}

/// The path of an item below its resource, without positions: `Goal.note`, `goals[].worker`.
fn general_path(item: Item<'_>) -> String {
    let mut steps: Vec<String> = Vec::new();
    let mut at = item;
    while let Some(parent) = at.parent() {
        if parent.kind() == Kind::Array {
            steps.push(if parent.resource_list() { String::new() } else { "[]".to_owned() });
        } else {
            steps.push(format!(".{}", safe(at.key())));
        }
        at = parent;
        if at.resource_type().is_some() && at.key() == "resource" {
            break;
        }
    }
    let mut path = at.resource_type().unwrap_or_default().to_owned();
    if !path.is_empty() {
        steps.retain(|s| s != "[]");
    }
    path.extend(steps.iter().rev().map(String::as_str));
    path.trim_start_matches('.').to_owned()
}

/// A name that no row knows is the sender's own; where it does not look like the name of a field it is not repeated.
fn safe(name: &str) -> &str {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$' | '.'));
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    if plain && name.len() <= 64 && digits < 6 { name } else { "(a name withheld)" }
}

trait ResourceList {
    fn resource_list(self) -> bool;
}

impl ResourceList for Item<'_> {
    /// Whether the items are entries of a Bundle.
    fn resource_list(self) -> bool {
        self.key() == "entry" && self.parent().is_some_and(|p| p.resource_type() == Some("Bundle"))
    }
}
