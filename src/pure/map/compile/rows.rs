//! The rules of a mapping: each becomes a row in the block of its loops.

use super::super::codes::Codes;
use super::super::convert::{As, Convert};
use super::super::loss::Fate;
use super::super::mapping::{Block, From, LocalLoop, LocalPath, Loop, ResourceKind, Row, Way};
use super::super::path::{self, Select, Step, Test, split_loop};
use super::super::raw::{RawRule, Spot};
use super::{Bound, Compiler, bind};
use crate::pure::parse::Syntax;
use serde_json::Value;
use serde_saphyr::Spanned;
use std::sync::Arc;

/// A kind of resource, or the Bundle itself.
#[derive(Clone, Copy, PartialEq)]
enum Owner {
    Bundle,
    Kind(usize),
}

/// One loop that a rule goes along below its resource.
struct Along {
    local: LocalLoop,
    fhir: Vec<Step>,
    tests: Vec<Test>,
    same: (String, String),
}

impl Compiler<'_> {
    pub(super) fn rule(&mut self, raw: &Spanned<RawRule>) {
        let rule = &raw.value;
        let Some(path) = self.path(&rule.fhir, &rule.fhir.value) else { return };
        let Some((first, fhir)) = path.split_first() else { return };
        let owner = match first.name.as_str() {
            "bundle" => Owner::Bundle,
            name => match self.kind_index(&rule.fhir, name) {
                Some(index) => Owner::Kind(index),
                None => return,
            },
        };
        if fhir.is_empty() {
            self.wrong(&rule.fhir, "bad-path", "a rule writes an element, not a whole resource", "name the element");
            return;
        }
        let fate = Fate::Read;
        if let Owner::Kind(index) = owner {
            self.fhir_cover[index].add(fhir, &fate);
        }
        let bound = match owner {
            Owner::Bundle => Vec::new(),
            Owner::Kind(index) => self.bound[index].clone(),
        };
        if let Some((along, row)) = self.row(raw, fhir, bound) {
            let block = match owner {
                Owner::Bundle => &mut self.bundle,
                Owner::Kind(index) => &mut self.kinds[index].block,
            };
            place(block, along, row);
        }
    }

    fn row(&mut self, raw: &Spanned<RawRule>, fhir: &[Step], mut bound: Vec<Bound>) -> Option<(Vec<Along>, Row)> {
        let rule = &raw.value;
        let spot = Spot::from(raw);
        let given = [rule.local.is_some(), rule.value.is_some(), rule.template.is_some()];
        if given.iter().filter(|g| **g).count() != 1 {
            self.wrong(raw, "rule-from", "a rule has one of `local`, `value`, `template`", "write one of them");
            return None;
        }
        let mut way = self.way(rule.only.as_ref());
        let convert = self.convert(rule);
        let mut fhir = fhir;
        let along_path = rule.local.as_ref().or(rule.each.as_ref());
        let mut along = Vec::new();
        let mut local = None;
        if let Some(text) = along_path {
            let steps = self.path(text, &text.value)?;
            let (mut level, mut rest) = bind(&steps, &bound);
            let joined = usize::from(rule.join.is_some());
            while let Some((to_list, after)) = split_loop(rest).filter(|_| loops(rest) > joined) {
                let Some((fhir_list, fhir_after)) = split_loop(fhir) else {
                    self.wrong(
                        text,
                        "loops-differ",
                        "the local path has more loops than the FHIR path",
                        "give each local `[]` a `[]` in FHIR, or `join` them",
                    );
                    return None;
                };
                let here = &steps[..steps.len() - after.len()];
                along.push(self.along(here, to_list, fhir_list, level));
                bound.push(Bound { general: path::general(here), full: path::full(here) });
                level = bound.len();
                rest = after;
                fhir = fhir_after;
            }
            local = Some(LocalPath { level, steps: rest.to_vec(), text: path::general(&steps) });
            if rule.local.is_some() {
                self.note_read(rule, &steps, way);
                if level < bound.len() && way.comes_in() {
                    let remedy = "add `only: out`, or move the rule to a resource without the loop";
                    self.wrong(
                        text,
                        "outside-the-loop",
                        "this field stands outside the loop, so it cannot be written back",
                        remedy,
                    );
                }
            }
        }
        let split = self.split(rule, &mut fhir)?;
        if loops(fhir) > 0 {
            self.wrong(
                &rule.fhir,
                "loops-differ",
                "the FHIR path has more loops than the local path",
                "give each `[]` in FHIR a local `[]`, or `split`, or use `[0]`",
            );
            return None;
        }
        let join = self.join(rule, local.as_mut())?;
        let from = match (&rule.local, &rule.value, &rule.template) {
            (Some(_), ..) => From::Local(local?),
            (_, Some(value), _) => From::Value(self.expand_value(value)),
            (.., Some(template)) => {
                way = Way::Out;
                From::Template(self.template(template, &bound)?)
            }
            _ => return None,
        };
        if !matches!(from, From::Local(_)) {
            way = Way::Out;
        }
        let (required_out, required_in) = self.required(raw);
        let conditions = self.conditions(&rule.conditions, &bound);
        let local_kind = rule.local.as_ref().and_then(|text| self.schema_kind(&text.value));
        let when_out = self.expression(rule.when_out.as_ref());
        let when_in = self.expression(rule.when_in.as_ref());
        let fallback = rule.fallback;
        let fhir = fhir.to_vec();
        let row = Row {
            spot,
            from,
            fhir,
            split,
            join,
            convert,
            required_out,
            required_in,
            way,
            fallback,
            conditions,
            when_out,
            when_in,
            local_kind,
        };
        Some((along, row))
    }

    fn along(&mut self, here: &[Step], to_list: &[Step], fhir_list: &[Step], level: usize) -> Along {
        let list = self.list(&path::general(here));
        let tests = to_list.last().map(|s| s.tests.clone()).unwrap_or_default();
        Along {
            local: LocalLoop { level, steps: to_list.to_vec(), tests, list },
            fhir: fhir_list.to_vec(),
            tests: fhir_list.last().map(|s| s.tests.clone()).unwrap_or_default(),
            same: (path::full(here), path::full(fhir_list)),
        }
    }

    fn note_read(&mut self, rule: &RawRule, steps: &[Step], way: Way) {
        let fate = match (way, &rule.local) {
            (Way::In, Some(local)) => {
                Fate::Left { why: "only read from FHIR, not written to it".to_owned(), line: Spot::from(local).line }
            }
            _ => Fate::Read,
        };
        self.local_cover.add(steps, &fate);
    }

    /// The code map of a rule: one of the mapping, or by its canonical url a ConceptMap that is loaded.
    fn codes_of(&mut self, name: &Spanned<String>) -> Option<Arc<Codes>> {
        if !self.codes.contains_key(&name.value)
            && let Some(map) = self.definitions.concept_map(&name.value)
        {
            let codes = Codes::read(&name.value, map, None, &mut self.report);
            self.codes.insert(name.value.clone(), Arc::new(codes));
        }
        let found = self.codes.get(&name.value).cloned();
        if found.is_none() {
            let mut known: Vec<&str> = self.codes.keys().map(String::as_str).collect();
            known.sort_unstable();
            let known = known.join(", ");
            self.wrong(
                name,
                "unknown-codes",
                format!("no code map `{}`", name.value),
                format!("use one of: {known}; or write codes/{}.json", name.value),
            );
        }
        found
    }

    fn convert(&mut self, rule: &RawRule) -> Convert {
        let mut how = As::Same;
        if let Some(word) = &rule.how {
            match As::read(&word.value) {
                Some(found) => how = found,
                None => self.wrong(
                    word,
                    "unknown-converter",
                    format!("unknown converter `{}`", word.value),
                    format!("use one of: {}", As::WORDS),
                ),
            }
        }
        let codes = rule.codes.as_ref().and_then(|name| self.codes_of(name));
        if how == As::Coding && codes.is_none() && rule.codes.is_none() {
            self.wrong(&rule.fhir, "coding-without-codes", "`as: coding` needs `codes`", "name a code map");
        }
        Convert { how, codes: codes.map(|c| Arc::clone(&c)) }
    }

    #[allow(clippy::type_complexity, reason = "the outer option is whether the rule is well-formed")]
    fn split(&mut self, rule: &RawRule, fhir: &mut &[Step]) -> Option<Option<(String, Vec<Step>, Vec<Test>)>> {
        let Some(separator) = &rule.split else { return Some(None) };
        let Some((list, rest)) = split_loop(fhir) else {
            self.wrong(
                &rule.fhir,
                "split-without-loop",
                "what is split needs a list in FHIR to go to",
                "add `[]` to the FHIR path",
            );
            return None;
        };
        if separator.is_empty() {
            self.wrong(&rule.fhir, "split-by-nothing", "the separator is empty", "write `split: \";\"`");
            return None;
        }
        let tests = list.last().map(|s| s.tests.clone()).unwrap_or_default();
        let split = (separator.clone(), list.to_vec(), tests);
        *fhir = rest;
        Some(Some(split))
    }

    #[allow(clippy::type_complexity, reason = "the outer option is whether the rule is well-formed")]
    fn join(&mut self, rule: &RawRule, local: Option<&mut LocalPath>) -> Option<Option<(String, Vec<Step>)>> {
        let Some(separator) = &rule.join else { return Some(None) };
        let list = local.and_then(|l| {
            let list = std::mem::take(&mut l.steps);
            (list.last().is_some_and(|s| s.select == Select::Each) && loops(&list) == 1).then_some(list)
        });
        if list.is_none() || separator.is_empty() {
            self.wrong(
                &rule.fhir,
                "join-what",
                "`join` takes a local list of plain values and a separator",
                "end the local path with `[]`",
            );
            return None;
        }
        Some(list.map(|list| (separator.clone(), list)))
    }

    fn template(&mut self, text: &Spanned<String>, bound: &[Bound]) -> Option<Vec<(String, Option<LocalPath>)>> {
        let mut pieces = Vec::new();
        let mut rest = text.value.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((field, after)) = after.split_once('}') else {
                self.wrong(text, "bad-template", "`{` without `}`", "close the brace");
                return None;
            };
            let path = self.local_path(text, field, bound)?;
            self.read(&path.text.clone(), &Fate::Read);
            if loops(&path.steps) > 0 {
                self.wrong(
                    text,
                    "bad-template",
                    "a field of a template stands in another loop",
                    "use fields of the item, or of the record",
                );
                return None;
            }
            pieces.push((self.expand(before), Some(path)));
            rest = after;
        }
        pieces.push((rest.to_owned(), None));
        Some(pieces)
    }

    fn required(&mut self, raw: &Spanned<RawRule>) -> (bool, bool) {
        match &raw.value.required {
            None | Some(Value::Bool(false)) => (false, false),
            Some(Value::Bool(true)) => (true, true),
            Some(Value::String(way)) if way == "out" => (true, false),
            Some(Value::String(way)) if way == "in" => (false, true),
            Some(_) => {
                self.wrong(raw, "bad-required", "`required` is `true`, `out` or `in`", "write one of them");
                (false, false)
            }
        }
    }

    fn schema_kind(&self, local: &str) -> Option<crate::pure::fhir::Kind> {
        let Syntax::Json(Some(schema)) = &self.syntax else { return None };
        let path = path::parse(local, &|v| v.to_owned()).ok()?;
        let names: Vec<&str> = path.iter().map(|s| s.name.as_str()).collect();
        schema.kind_at(&names)
    }
}

fn loops(path: &[Step]) -> usize {
    path.iter().filter(|s| s.select == Select::Each).count()
}

/// Puts a row into the block of its loops, making those that are new.
fn place(mut block: &mut Block, along: Vec<Along>, row: Row) {
    for along in along {
        let found = block.loops.iter().position(|l| l.same == along.same);
        let index = found.unwrap_or_else(|| {
            let Along { local, fhir, tests, same } = along;
            block.loops.push(Loop {
                local,
                fhir,
                tests,
                not: Vec::new(),
                block: Block::default(),
                referred: false,
                same,
            });
            block.loops.len() - 1
        });
        block = &mut block.loops[index].block;
    }
    block.rows.push(row);
}

/// Unfiltered loops leave out what slices of the same list claim.
pub(super) fn exclude_claimed(kind: &mut ResourceKind) {
    let mut claimed: Vec<Vec<Step>> = Vec::new();
    claimed.extend(kind.fixed.iter().map(|(path, _)| path.clone()));
    claimed.extend(kind.is.iter().map(|(path, ..)| path.clone()));
    claimed.extend(kind.refs.iter().map(|r| r.path.clone()));
    exclude_in(&mut kind.block, &claimed);
    for one in &mut kind.block.loops {
        let lists = kind.refs.iter().filter_map(|r| split_loop(&r.path)).map(|(list, _)| path::full(list));
        one.referred = lists.into_iter().any(|list| list == one.same.1);
    }
}

fn exclude_in(block: &mut Block, above: &[Vec<Step>]) {
    let mut paths = above.to_vec();
    for row in &block.rows {
        let mut path = row.split.as_ref().map(|(_, list, _)| list.clone()).unwrap_or_default();
        path.extend(row.fhir.iter().cloned());
        paths.push(path);
    }
    paths.extend(block.loops.iter().map(|l| l.fhir.clone()));
    for one in &mut block.loops {
        if one.tests.is_empty() {
            one.not = paths.iter().filter_map(|path| claim(&one.fhir, path)).collect();
        }
        exclude_in(&mut one.block, &[]);
    }
}

/// The tests of a path's slice of this list, where it has one.
fn claim(list: &[Step], path: &[Step]) -> Option<Vec<Test>> {
    let (last, before) = list.split_last()?;
    let step = path.get(before.len())?;
    let same = path[..before.len()] == *before && step.name == last.name && !step.tests.is_empty();
    same.then(|| step.tests.clone())
}
