//! What is checked once a mapping is compiled: that its paths exist, and that its author forgot nothing.
//!
//! Errors keep a mapping from running. Warnings are for its author: `mappings check` insists on them.

mod fhir;
mod local;

use super::mapping::{Block, From, Mapping, ResourceKind, Row};
use super::path::{Step, full};
use super::raw::{RawFile, Spot};
use crate::pure::fhir::{Issue, Place, Report, Severity};
use crate::pure::profile::Definitions;

struct Checker<'a> {
    mapping: &'a Mapping,
    raw: &'a RawFile,
    report: &'a mut Report,
}

/// Adds what is wrong to the report.
pub(super) fn check(mapping: &mut Mapping, raw: &RawFile, definitions: &Definitions, report: &mut Report) {
    let mut checker = Checker { mapping, raw, report };
    checker.local();
    checker.fhir(definitions);
    for kind in &checker.mapping.kinds {
        checker.block(&kind.block);
    }
    for kind in &checker.mapping.kinds {
        checker.filled(kind, definitions);
    }
}

impl Checker<'_> {
    fn say(&mut self, severity: Severity, spot: Spot, id: &'static str, text: String, remedy: impl Into<String>) {
        let file = format!("mappings/{}/map.yaml", self.mapping.name);
        let place = Place { file: Some(file), line: spot.line.max(1), column: spot.column.max(1) };
        self.report.push(Issue::new(severity, "structure", id, text).at(Some(place)).remedy(remedy.into()));
    }

    fn wrong(&mut self, spot: impl Into<Spot>, id: &'static str, text: String, remedy: impl Into<String>) {
        self.say(Severity::Error, spot.into(), id, text, remedy);
    }

    fn forgotten(&mut self, spot: impl Into<Spot>, id: &'static str, text: String, remedy: impl Into<String>) {
        self.say(Severity::Warning, spot.into(), id, text, remedy);
    }

    /// Rows that write one target, and loops whose items cannot be told apart.
    fn block(&mut self, block: &Block) {
        for (index, row) in block.rows.iter().enumerate() {
            for earlier in &block.rows[..index] {
                self.clash(earlier, row);
            }
        }
        for one in &block.loops {
            let list = &self.mapping.lists[one.local.list];
            let objects = one.block.rows.iter().any(|r| matches!(&r.from, From::Local(p) if !p.steps.is_empty()));
            let back = one.block.rows.iter().any(|r| r.way.comes_in());
            if list.key.is_empty() && objects && back {
                let spot = one.block.rows.first().map_or(Spot::default(), |r| r.spot);
                let text = format!("nothing names an item of `{}`, so the way back would match by position", list.path);
                let remedy = format!("add `keys: {{ \"{}\": … }}`, or the file's `key`, or `only: out`", list.path);
                self.wrong(spot, "loop-without-key", text, remedy);
            }
            self.block(&one.block);
        }
    }

    fn clash(&mut self, earlier: &Row, row: &Row) {
        let target =
            |r: &Row| format!("{}|{}", r.split.as_ref().map(|(_, l, _)| full(l)).unwrap_or_default(), full(&r.fhir));
        let whenever = |r: &Row| r.conditions.is_empty() && r.when_out.is_none();
        let out = earlier.way.goes_out() && row.way.goes_out() && whenever(earlier) && whenever(row);
        let template = |r: &Row| matches!(r.from, From::Template(_));
        if out && target(earlier) == target(row) && !template(earlier) && !row.fallback {
            let text = format!("the row in line {} writes the same element already", earlier.spot.line);
            self.wrong(
                row.spot,
                "one-target-twice",
                text,
                "give the rows conditions, or mark the second `fallback: true`",
            );
        }
        let (From::Local(a), From::Local(b)) = (&earlier.from, &row.from) else { return };
        let both_in = earlier.way.comes_in() && row.way.comes_in();
        let always = earlier.when_in.is_none() && !row.fallback;
        if both_in && always && a.text == b.text && a.level == b.level {
            let text = format!("the row in line {} writes `{}` already on the way back", earlier.spot.line, b.text);
            self.wrong(row.spot, "one-target-twice", text, "mark one `only: out`, or the second `fallback: true`");
        }
    }

    /// Elements that the profile asks for and no row fills.
    fn filled(&mut self, kind: &ResourceKind, definitions: &Definitions) {
        let Some(profile) = kind.profile.as_ref().and_then(|url| definitions.profile(url)) else { return };
        if !kind.way.goes_out() {
            return;
        }
        let mut names = Vec::new();
        written(&kind.block, &mut names);
        let paths = kind
            .fixed
            .iter()
            .map(|f| &f.0)
            .chain(kind.is.iter().map(|i| &i.0))
            .chain(kind.refs.iter().map(|r| &r.path));
        names.extend(paths.filter_map(|p| p.first()).map(|s| s.name.clone()));
        let mut at = Some(profile);
        let mut asked: Vec<String> = Vec::new();
        for _ in 0..8 {
            let Some(profile) = at else { break };
            let kids = profile.nodes.first().and_then(|n| n.kids.as_ref());
            for node in kids.into_iter().flat_map(|k| &k.nodes).map(|i| &profile.nodes[*i as usize]) {
                let name = node.name.to_string();
                let begins = |n: &String| *n == name || (node.is_choice && n.starts_with(&name));
                if node.min > 0 && !names.iter().any(begins) && !asked.contains(&name) {
                    asked.push(name);
                }
            }
            at = profile.base.and_then(|index| definitions.profile_at(index));
        }
        for name in asked {
            let text = format!("no row fills `{}.{name}`, which its profile makes mandatory", kind.resource);
            let spot = Spot { line: kind.line, column: 1 };
            self.forgotten(
                spot,
                "mandatory-not-filled",
                text,
                format!("add a row that writes `{}.{name}`, or `fixed`", kind.name),
            );
        }
    }
}

/// The first names of what rows write.
fn written(block: &Block, names: &mut Vec<String>) {
    for row in block.rows.iter().filter(|r| r.way.goes_out()) {
        let path: &[Step] = row.split.as_ref().map_or(&row.fhir, |(_, list, _)| list);
        names.extend(path.first().map(|s| s.name.clone()));
    }
    for one in &block.loops {
        names.extend(one.fhir.first().map(|s| s.name.clone()));
    }
}
