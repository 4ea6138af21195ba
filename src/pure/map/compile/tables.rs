//! The local side of a mapping: layout, code maps, and what names the items of lists.

use super::super::codes::Codes;
use super::super::loss::Fate;
use super::super::mapping::{Key, List};
use super::super::raw::{RawFile, RawTable, Spot};
use super::{Bound, Compiler, strings};
use crate::pure::fhir::{File, Issue};
use crate::pure::parse::{Layout, Syntax, layout::Column, layout::Table, schema::Schema};
use serde_saphyr::Spanned;
use std::sync::Arc;

impl Compiler<'_> {
    pub(super) fn read_syntax(&mut self, raw: &RawFile, files: &[File]) {
        let syntax = &raw.local.syntax;
        match syntax.value.as_str() {
            "json" => {
                let path = format!("{}/schema.json", self.name);
                let file = files.iter().find(|f| f.path == path);
                let schema = file.and_then(|f| match Schema::compile(&format!("mappings/{path}"), &f.bytes) {
                    Ok(schema) => Some(Arc::new(schema)),
                    Err(report) => {
                        self.report.extend(report);
                        None
                    }
                });
                self.syntax = Syntax::Json(schema);
            }
            "csv-zip" => {
                let mut layout = Layout::default();
                for (name, table) in &raw.local.files.0 {
                    let table = self.table(name, table);
                    layout.files.push(table);
                }
                self.check_layout(raw, &layout);
                self.syntax = Syntax::CsvZip(Arc::new(layout));
            }
            _ => self.wrong(syntax, "unknown-syntax", "unknown syntax", "use one of: json, csv-zip"),
        }
    }

    fn table(&mut self, name: &Spanned<String>, raw: &RawTable) -> Table {
        let one = match raw.rows.as_ref().map(|r| r.value.as_str()) {
            None | Some("many") => false,
            Some("one") => true,
            Some(_) => {
                self.wrong(name, "unknown-rows", "`rows` is `one` or `many`", "write `rows: one`");
                false
            }
        };
        let columns: Vec<Column> = raw.columns.iter().map(column).collect();
        let mut key = Vec::new();
        for part in raw.key.as_ref().and_then(strings).unwrap_or_default() {
            match columns.iter().position(|c| c.name == part) {
                Some(index) => key.push(index),
                None => self.wrong(
                    name,
                    "unknown-key",
                    format!("`{part}` is no column of `{}`", name.value),
                    "name a column",
                ),
            }
        }
        Table { name: name.value.clone(), one, optional: raw.optional, columns, key, line: Spot::from(name).line }
    }

    fn check_layout(&mut self, raw: &RawFile, layout: &Layout) {
        if layout.files.is_empty() {
            self.wrong(
                &raw.local.syntax,
                "no-files",
                "a zip of CSV needs its files declared",
                "write `files:` with the columns of each",
            );
        }
        for table in &layout.files {
            let spot = Spot { line: table.line, column: 1 };
            for (index, column) in table.columns.iter().enumerate() {
                if table.columns[..index].iter().any(|c| c.name == column.name) {
                    self.wrong(spot, "column-twice", format!("column `{}` stands twice", column.name), "keep one");
                }
                let Some(target) = &column.refers_to else { continue };
                match layout.files.iter().find(|t| t.name == *target) {
                    Some(found) if found.key.len() == 1 => {}
                    Some(_) => self.wrong(
                        spot,
                        "no-single-key",
                        format!("`{target}` has no key of one column to refer to"),
                        "give it one",
                    ),
                    None => self.wrong(
                        spot,
                        "unknown-file",
                        format!("`{target}` is no declared file"),
                        "declare it under `files`",
                    ),
                }
            }
        }
    }

    pub(super) fn read_codes(&mut self, raw: &RawFile, files: &[File]) {
        for (name, pairs) in &raw.codes.0 {
            let pairs: Vec<_> = pairs
                .0
                .iter()
                .map(|(local, code)| {
                    let issue = Issue::error("code-invalid", "", String::new()).at(Some(self.place(Spot::from(local))));
                    (local.value.clone(), code.value.clone(), issue)
                })
                .collect();
            let codes = Codes::short(&name.value, &pairs, &mut self.report);
            self.codes.insert(name.value.clone(), Arc::new(codes));
        }
        let folder = format!("{}/codes/", self.name);
        for file in files {
            let name = file.path.strip_prefix(&folder).and_then(|n| n.strip_suffix(".json"));
            let Some(name) = name else { continue };
            let codes = Codes::concept_map(name, &file.path, &file.bytes, &mut self.report);
            if self.codes.insert(name.to_owned(), Arc::new(codes)).is_some() {
                let text = format!("code map `{name}` is both in map.yaml and in codes/");
                self.wrong(Spot::default(), "codes-twice", text, "keep one");
            }
        }
    }

    /// What names the items of each list: from the layout and from `keys`.
    pub(super) fn read_keys(&mut self, raw: &RawFile) {
        if let Syntax::CsvZip(layout) = self.syntax.clone() {
            for table in layout.files.iter() {
                let list = format!("{}[]", table.name);
                let above = if table.one { table.name.clone() } else { list.clone() };
                for column in table.columns.iter().filter(|c| c.refers_to.is_some()) {
                    self.read(&format!("{above}.{}", column.name), &Fate::Read);
                }
                if table.one {
                    continue;
                }
                let names: Vec<String> = table.key.iter().map(|i| table.columns[*i].name.clone()).collect();
                if !names.is_empty() {
                    let spot = Spot { line: table.line, column: 1 };
                    self.list_key(spot, &list, &names);
                }
            }
        }
        for (list, key) in raw.keys.0.iter().chain(&raw.local.keys.0) {
            match strings(key) {
                Some(names) => self.list_key(Spot::from(list), &list.value, &names),
                None => self.wrong(list, "bad-key", "a key is a field or a list of fields", "write `key: id`"),
            }
        }
    }

    /// Notes what names an item of a list; the same list may be told once only, or the same.
    pub(super) fn list_key(&mut self, spot: Spot, list: &str, names: &[String]) {
        let Some(path) = self.path(spot, list) else { return };
        let bound = bound_of(&path);
        if bound.last().map(|b| b.general.as_str()) != Some(super::path::general(&path).as_str()) {
            self.wrong(spot, "not-a-list", format!("`{list}` is not a list"), "end it with `[]`");
            return;
        }
        let mut key = Vec::new();
        for name in names {
            let (name, optional) = name.strip_suffix('?').map_or((name.as_str(), false), |n| (n, true));
            if let Some(from) = self.inner_path(spot, name, &bound) {
                self.read(&from.text.clone(), &Fate::Read);
                key.push(Key { from, optional });
            }
        }
        let index = self.list(&bound[bound.len() - 1].general);
        self.lists[index].key = key;
    }

    /// The position of a list in the table of lists.
    pub(super) fn list(&mut self, path: &str) -> usize {
        self.lists.iter().position(|l| l.path == path).unwrap_or_else(|| {
            self.lists.push(List { path: path.to_owned(), key: Vec::new() });
            self.lists.len() - 1
        })
    }
}

/// The loops of a path, from the outermost.
pub(super) fn bound_of(path: &[super::Step]) -> Vec<Bound> {
    let loops = path.iter().enumerate().filter(|(_, s)| s.select == super::Select::Each);
    loops
        .map(|(i, _)| Bound { general: super::path::general(&path[..=i]), full: super::path::full(&path[..=i]) })
        .collect()
}

/// `goal_id! > goals`: required, and the key of a row of another table.
fn column(text: &Spanned<String>) -> Column {
    let (name, refers_to) = match text.value.split_once('>') {
        Some((name, target)) => (name.trim(), Some(target.trim().to_owned())),
        None => (text.value.trim(), None),
    };
    let (name, required) = name.strip_suffix('!').map_or((name, false), |n| (n, true));
    Column { name: name.trim().to_owned(), required, refers_to, line: Spot::from(text).line }
}
