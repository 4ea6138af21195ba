//! From `map.yaml` to a [`Mapping`]: names resolved, paths read, loops grouped, every mistake found at once.

mod kinds;
mod rows;
mod tables;

use super::codes::Codes;
use super::loss::{Cover, Fate};
use super::mapping::{Block, List, LocalPath, Mapping, Provenance, ResourceKind, Way};
use super::path::{self, Select, Step};
use super::raw::{self, RawFile, Spot};
use crate::pure::fhir::{File, Issue, Place, Report};
use crate::pure::fhirpath::Expression;
use crate::pure::parse::Syntax;
use crate::pure::profile::Definitions;
use serde_json::Value;
use serde_saphyr::Spanned;
use std::collections::HashMap;
use std::sync::Arc;

/// A loop whose items are bound: its path without filters, and in full.
#[derive(Clone, Debug, PartialEq)]
struct Bound {
    general: String,
    full: String,
}

struct Compiler<'a> {
    name: &'a str,
    file: String,
    report: Report,
    definitions: &'a Definitions,
    prefixes: HashMap<String, String>,
    syntax: Syntax,
    lists: Vec<List>,
    codes: HashMap<String, Arc<Codes>>,
    kind_names: Vec<String>,
    kinds: Vec<ResourceKind>,
    /// The loops of each kind.
    bound: Vec<Vec<Bound>>,
    bundle: Block,
    local_cover: Cover,
    fhir_cover: Vec<Cover>,
}

pub(super) fn compile(name: &str, files: &[File], definitions: &Definitions) -> Result<Mapping, Report> {
    let path = format!("{name}/map.yaml");
    let Some(file) = files.iter().find(|f| f.path == path) else {
        return Err(Issue::error("not-found", "no-such-mapping", format!("there is no mapping `{name}`"))
            .remedy(format!("write `mappings/{path}`, or use one of: {}", names(files)))
            .into());
    };
    let raw = raw::read(&path, &file.bytes)?;
    let mut compiler = Compiler {
        name,
        file: format!("mappings/{path}"),
        report: Report::default(),
        definitions,
        prefixes: raw.prefixes.0.iter().map(|(k, v)| (k.value.clone(), v.clone())).collect(),
        syntax: Syntax::FhirJson,
        lists: Vec::new(),
        codes: HashMap::new(),
        kind_names: raw.resources.0.iter().map(|(k, _)| k.value.clone()).collect(),
        kinds: Vec::new(),
        bound: Vec::new(),
        bundle: Block::default(),
        local_cover: Cover::default(),
        fhir_cover: Vec::new(),
    };
    let mapping = compiler.all(&raw, files);
    let Some(mut mapping) = mapping.filter(|_| compiler.report.is_valid()) else { return Err(compiler.report) };
    super::check::check(&mut mapping, &raw, definitions, &mut compiler.report);
    if !compiler.report.is_valid() {
        return Err(compiler.report);
    }
    mapping.warnings = compiler.report;
    Ok(mapping)
}

fn names(files: &[File]) -> String {
    let names: Vec<&str> = files.iter().filter_map(|f| f.path.strip_suffix("/map.yaml")).collect();
    names.join(", ")
}

impl Compiler<'_> {
    fn all(&mut self, raw: &RawFile, files: &[File]) -> Option<Mapping> {
        if raw.mapping.value != self.name {
            self.wrong(
                &raw.mapping,
                "mapping-name",
                "the mapping is not called like its folder",
                format!("write `mapping: {}`", self.name),
            );
        }
        if let Some(kind) = raw.fhir.bundle.as_ref().filter(|b| b.value != "collection") {
            self.wrong(kind, "bundle-type", "mappings make collections", "write `bundle: collection`".to_owned());
        }
        self.read_syntax(raw, files);
        self.read_codes(raw, files);
        self.read_keys(raw);
        let record = self.local_path(&raw.local.record, &raw.local.record.value, &[])?;
        self.read(&record.text, &Fate::Read);
        for (name, kind) in &raw.resources.0 {
            self.kind(name, kind);
        }
        for (name, kind) in &raw.resources.0 {
            self.refs(name, kind);
        }
        for rule in &raw.rules {
            self.rule(rule);
        }
        self.left_behind(raw);
        let provenance = raw.fhir.provenance.as_ref().and_then(|p| {
            let target = self.kind_index(&p.target, &p.target.value)?;
            let author =
                if p.author.value == "sender" { None } else { Some(self.kind_index(&p.author, &p.author.value)?) };
            Some(Provenance { target, author })
        });
        for kind in &mut self.kinds {
            rows::exclude_claimed(kind);
        }
        Some(Mapping {
            name: self.name.to_owned(),
            syntax: self.syntax.clone(),
            record: record.steps,
            record_line: Spot::from(&raw.local.record).line,
            kinds: std::mem::take(&mut self.kinds),
            bundle: std::mem::take(&mut self.bundle),
            provenance,
            lists: std::mem::take(&mut self.lists),
            local_cover: std::mem::take(&mut self.local_cover),
            fhir_cover: std::mem::take(&mut self.fhir_cover),
            warnings: Report::default(),
        })
    }

    fn place(&self, spot: Spot) -> Place {
        Place { file: Some(self.file.clone()), line: spot.line.max(1), column: spot.column.max(1) }
    }

    fn wrong(&mut self, spot: impl Into<Spot>, id: &'static str, text: impl Into<String>, remedy: impl Into<String>) {
        let place = self.place(spot.into());
        self.report.push(Issue::error("structure", id, text.into()).at(Some(place)).remedy(remedy.into()));
    }

    fn expand(&self, text: &str) -> String {
        expand(&self.prefixes, text)
    }

    /// A value with its prefixes made long, all the way down.
    fn expand_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.expand(text)),
            Value::Array(items) => Value::Array(items.iter().map(|v| self.expand_value(v)).collect()),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(k, v)| (k.clone(), self.expand_value(v))).collect())
            }
            other => other.clone(),
        }
    }

    fn path(&mut self, spot: impl Into<Spot>, text: &str) -> Option<Vec<Step>> {
        match path::parse(text, &|value| expand(&self.prefixes, value)) {
            Ok(path) => Some(path),
            Err(why) => {
                self.wrong(spot, "bad-path", format!("`{text}` is no path: {why}"), "see Paths in mappings/README.md");
                None
            }
        }
    }

    /// A local path written from the record, seen from the bound loops.
    fn local_path(&mut self, spot: impl Into<Spot>, text: &str, bound: &[Bound]) -> Option<LocalPath> {
        let path = self.path(spot, text)?;
        let (level, rest) = bind(&path, bound);
        Some(LocalPath { level, steps: rest.to_vec(), text: path::general(&path) })
    }

    /// A local path written from the innermost item, or with `/` from the record.
    fn inner_path(&mut self, spot: Spot, text: &str, bound: &[Bound]) -> Option<LocalPath> {
        if let Some(absolute) = text.strip_prefix('/') {
            return self.local_path(spot, absolute, bound);
        }
        let above = bound.last().map_or(String::new(), |b| format!("{}.", b.general));
        if text == "." {
            return Some(LocalPath {
                level: bound.len(),
                steps: Vec::new(),
                text: above.trim_end_matches('.').to_owned(),
            });
        }
        let steps = self.path(spot, text)?;
        let text = format!("{above}{}", path::general(&steps));
        Some(LocalPath { level: bound.len(), steps, text })
    }

    fn read(&mut self, text: &str, fate: &Fate) {
        if let Ok(path) = path::parse(text, &|v| v.to_owned()) {
            self.local_cover.add(&path, fate);
        }
    }

    fn kind_index(&mut self, spot: impl Into<Spot>, name: &str) -> Option<usize> {
        let found = self.kind_names.iter().position(|k| k == name);
        if found.is_none() {
            let known = self.kind_names.join(", ");
            self.wrong(spot, "unknown-resource", format!("unknown resource `{name}`"), format!("use one of: {known}"));
        }
        found
    }

    fn expression(&mut self, text: Option<&Spanned<String>>) -> Option<Expression> {
        let text = text?;
        match Expression::compile(&text.value) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.wrong(text, "bad-fhirpath", format!("this is no FHIRPath: {}", error.text), "mend the expression");
                None
            }
        }
    }

    fn way(&mut self, only: Option<&Spanned<String>>) -> Way {
        match only.map(|o| o.value.as_str()) {
            None => Way::Both,
            Some("out") => Way::Out,
            Some("in") => Way::In,
            Some(_) => {
                if let Some(only) = only {
                    self.wrong(
                        only,
                        "unknown-direction",
                        "a direction is `out` or `in`",
                        "write `only: out` or `only: in`",
                    );
                }
                Way::Both
            }
        }
    }

    fn left_behind(&mut self, raw: &RawFile) {
        for kept in &raw.keep_local {
            let fate = Fate::Left { why: "kept by the sender".to_owned(), line: Spot::from(kept).line };
            if let Some(path) = self.path(kept, &kept.value) {
                self.local_cover.add(&path, &fate);
            }
        }
        for kept in &raw.keep_fhir {
            let fate = Fate::Left { why: "kept on the FHIR side".to_owned(), line: Spot::from(kept).line };
            self.leave_fhir(kept, &kept.value, &fate);
        }
        for drop in &raw.drop {
            let fate = Fate::Left { why: drop.value.because.clone(), line: Spot::from(drop).line };
            match (&drop.value.local, &drop.value.fhir) {
                (Some(local), None) => {
                    if let Some(path) = self.path(local, &local.value) {
                        self.local_cover.add(&path, &fate);
                    }
                }
                (None, Some(fhir)) => self.leave_fhir(fhir, &fhir.value, &fate),
                _ => self.wrong(drop, "drop-what", "a drop names either `local` or `fhir`", "write one of the two"),
            }
        }
    }

    fn leave_fhir(&mut self, spot: &Spanned<String>, text: &str, fate: &Fate) {
        let Some(path) = self.path(spot, text) else { return };
        let Some((kind, rest)) = path.split_first() else { return };
        if let Some(index) = self.kind_index(spot, &kind.name) {
            self.fhir_cover[index].add(rest, fate);
        }
    }
}

fn expand(prefixes: &HashMap<String, String>, text: &str) -> String {
    match text.split_once(':') {
        Some((prefix, rest)) if !rest.contains(char::is_whitespace) => match prefixes.get(prefix) {
            Some(long) => format!("{long}{rest}"),
            None => text.to_owned(),
        },
        _ => text.to_owned(),
    }
}

/// How many of the bound loops a path goes along, and what is left of it.
fn bind<'p>(path: &'p [Step], bound: &[Bound]) -> (usize, &'p [Step]) {
    let (mut level, mut rest_from) = (0, 0);
    for (index, step) in path.iter().enumerate() {
        if step.select != Select::Each {
            continue;
        }
        let Some(candidate) = bound.get(level) else { break };
        let here = &path[..=index];
        let plain = here.iter().all(|s| s.select != Select::Each || s.tests.is_empty());
        let same = path::general(here) == candidate.general && (plain || path::full(here) == candidate.full);
        if !same {
            break;
        }
        level += 1;
        rest_from = index + 1;
    }
    (level, &path[rest_from..])
}

/// One or many strings.
fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(many) => many.iter().map(|v| v.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// A plain YAML value as text.
fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
