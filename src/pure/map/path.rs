//! Paths of the mapping language: names with dots, and `[]`, `[0]`, `[system=…]` after them. Read as well as written.

use super::convert::is_nothing;
use super::put::literal_kind;
use crate::pure::fhir::{Item, Tree};

/// One name and which of its items are meant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub name: String,
    pub select: Select,
    /// What an item must say: of a slice, or of a filtered loop.
    pub tests: Vec<Test>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Select {
    /// No bracket: the element itself.
    One,
    /// `[0]`
    Nth(usize),
    /// `[]`, filtered by the tests
    Each,
    /// `[system=…]`, found by the tests
    Slice,
}

/// `[path=value]`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Test {
    pub path: Vec<Step>,
    pub value: String,
}

impl Test {
    /// Whether an item says what it must.
    pub fn holds(&self, item: Item<'_>) -> bool {
        read(item, &self.path).is_some_and(|found| found.text() == self.value && !found.is_container())
    }
}

pub(super) fn all_hold(tests: &[Test], item: Item<'_>) -> bool {
    tests.iter().all(|test| test.holds(item))
}

/// The list item that a step without a loop means, among those that stand under its name.
pub(super) fn pick<'t>(parent: Item<'t>, step: &Step) -> Option<Item<'t>> {
    let found = parent.get(&step.name)?;
    match step.select {
        Select::One => Some(found),
        Select::Each => found.each().find(|item| !is_nothing(*item) && all_hold(&step.tests, *item)),
        Select::Nth(index) => found.each().nth(index),
        Select::Slice => found.each().find(|item| all_hold(&step.tests, *item)),
    }
}

/// Follows a path; of a loop, the first item that is there and passes its filter.
pub(super) fn read<'t>(from: Item<'t>, path: &[Step]) -> Option<Item<'t>> {
    path.iter().try_fold(from, |item, step| pick(item, step))
}

/// The loop of a path: the steps up to the first `[]` with it, and the rest.
pub(super) fn split_loop(path: &[Step]) -> Option<(&[Step], &[Step])> {
    let index = path.iter().position(|s| s.select == Select::Each)?;
    Some(path.split_at(index + 1))
}

/// The path as written, without filters: `goals[].steps[].what`.
pub(super) fn general(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&step.name);
        match step.select {
            Select::One => {}
            Select::Nth(index) => text.push_str(&format!("[{index}]")),
            Select::Each => text.push_str("[]"),
            Select::Slice => tests_text(&step.tests, &mut text),
        }
    }
    text
}

fn tests_text(tests: &[Test], text: &mut String) {
    for test in tests {
        text.push_str(&format!("[{}={}]", general(&test.path), test.value));
    }
}

/// The path in full, filters and all: two loops are the same loop where this is the same.
pub(super) fn full(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        text.push_str(&general(std::slice::from_ref(step)));
        if step.select == Select::Each {
            tests_text(&step.tests, &mut text);
        }
        text.push('.');
    }
    text
}

/// Reads a path. `expand` makes the prefixes of values long.
pub(super) fn parse(text: &str, expand: &dyn Fn(&str) -> String) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for part in split_outside_brackets(text)? {
        steps.push(step(part, expand)?);
    }
    if steps.is_empty() {
        return Err("the path is empty".to_owned());
    }
    Ok(steps)
}

fn split_outside_brackets(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.checked_sub(1).ok_or("`]` without `[`")?,
            b'.' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err("`[` without `]`".to_owned());
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn step(part: &str, expand: &dyn Fn(&str) -> String) -> Result<Step, String> {
    let bracket = part.find('[').unwrap_or(part.len());
    let (name, mut rest) = part.split_at(bracket);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(format!("`{name}` is no name of a field or element"));
    }
    let mut made = Step { name: name.to_owned(), select: Select::One, tests: Vec::new() };
    let mut first = true;
    while !rest.is_empty() {
        let (inside, after) = bracketed(rest)?;
        rest = after;
        if inside.is_empty() && first {
            made.select = Select::Each;
        } else if first && inside.bytes().all(|b| b.is_ascii_digit()) {
            made.select = Select::Nth(inside.parse().map_err(|_| "the position is too large".to_owned())?);
        } else {
            if let Select::Nth(_) = made.select {
                return Err("a position takes no further brackets".to_owned());
            }
            made.tests.push(test(inside, expand)?);
            if made.select == Select::One {
                made.select = Select::Slice;
            }
        }
        first = false;
    }
    Ok(made)
}

/// What stands in the first bracket, nested ones included, and what follows it.
fn bracketed(text: &str) -> Result<(&str, &str), String> {
    if !text.starts_with('[') {
        return Err("after a bracket, a dot or another bracket should stand".to_owned());
    }
    let mut depth = 0;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok((&text[1..index], &text[index + 1..]));
        }
    }
    Err("`[` without `]`".to_owned())
}

fn test(inside: &str, expand: &dyn Fn(&str) -> String) -> Result<Test, String> {
    let mut depth = 0;
    let equals = inside.bytes().position(|byte| {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
        byte == b'=' && depth == 0
    });
    let Some(equals) = equals else {
        return Err(format!("`[{inside}]` should be `[]`, a position, or `[name=value]`"));
    };
    let path = parse(&inside[..equals], expand)?;
    if path.iter().any(|s| s.select == Select::Each) {
        return Err("a loop cannot stand inside a bracket".to_owned());
    }
    Ok(Test { path, value: expand(&inside[equals + 1..]) })
}

/// Writes what the tests ask for into a new item.
pub(super) fn satisfy(out: &mut Tree, item: crate::pure::fhir::Id, tests: &[Test]) {
    for test in tests {
        let kind = literal_kind(&test.path, &test.value);
        super::put::put(out, item, &test.path, kind, &test.value, None);
    }
}
