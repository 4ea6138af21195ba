//! The files of a zip → one tree in the shape of the layout: `plan.status`, `goals[2].due`.
//!
//! Checked here: files and columns, required cells, keys that stand once, keys of other tables that exist.

use super::ParseLimits;
use super::csv::{Cell, Fault, Rows};
use super::layout::{Layout, Table};
use super::zip::{Entry, open};
use crate::pure::fhir::tree::line_and_column;
use crate::pure::fhir::{Id, Issue, Kind, Place, Report, Tree, json};
use std::collections::{HashMap, HashSet};

struct Reader<'a> {
    layout: &'a Layout,
    format: &'a str,
    limits: &'a ParseLimits,
    tree: Tree,
    report: Report,
    /// Keys of each table that has one column for it.
    keys: HashMap<&'a str, HashSet<String>>,
    /// Cells that hold a key of another table.
    references: Vec<(Id, &'a str, u32)>,
}

/// One file on its way.
struct Source<'a> {
    table: &'a Table,
    file: String,
    text: &'a str,
    start: u32,
}

pub(super) fn read(layout: &Layout, format: &str, bytes: &[u8], limits: &ParseLimits) -> Result<Tree, Report> {
    let entries = open(bytes, limits)?;
    let mut reader = Reader {
        layout,
        format,
        limits,
        tree: Tree::object(),
        report: Report::default(),
        keys: HashMap::new(),
        references: Vec::new(),
    };
    let sources = reader.sources(&entries);
    if !reader.report.is_valid() {
        return Err(reader.report);
    }
    for source in &sources {
        reader.file(source);
    }
    reader.references_exist();
    if reader.report.is_valid() { Ok(reader.tree) } else { Err(reader.report) }
}

impl<'a> Reader<'a> {
    fn push(&mut self, issue: Issue) {
        if self.report.issues.len() < self.limits.issues {
            self.report.push(issue);
        }
    }

    fn rule(&self, line: u32) -> String {
        format!("mappings/{}/map.yaml:{line}", self.format)
    }

    /// Which entry is which table; what is missing, and what nobody knows.
    fn sources<'s>(&mut self, entries: &'s [Entry]) -> Vec<Source<'s>>
    where
        'a: 's,
    {
        let layout = self.layout;
        let known: Vec<String> = layout.files.iter().map(|t| format!("{}.csv", t.name)).collect();
        for entry in entries {
            if !known.contains(&entry.name) {
                let likely = known.iter().find(|k| k.eq_ignore_ascii_case(&entry.name));
                let but = likely.map_or(String::new(), |k| format!(": its name differs from `{k}` by case"));
                let text = format!("file {} of the zip is not one of the format{but}", entry.number);
                self.push(
                    Issue::error("structure", "unknown-file", text).remedy(format!("send only: {}", known.join(", "))),
                );
            }
        }
        let mut sources = Vec::new();
        for (table, name) in layout.files.iter().zip(&known) {
            match entries.iter().find(|e| e.name == *name) {
                Some(entry) => match self.text(entry, name) {
                    Ok(text) => {
                        let start = self.tree.add_source(Some(name), text);
                        sources.push(Source { table, file: name.clone(), text, start });
                    }
                    Err(report) => self.report.extend(report),
                },
                None if table.optional => {}
                None => {
                    let issue = Issue::error("required", "file-missing", format!("`{name}` is missing from the zip"));
                    let rule = self.rule(table.line);
                    self.push(issue.rule(rule).remedy("add it; with its header alone where there are no rows"));
                }
            }
        }
        sources
    }

    fn text<'s>(&self, entry: &'s Entry, name: &str) -> Result<&'s str, Report> {
        let after_mark = entry.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&entry.bytes);
        json::utf8(after_mark, Some(name))?;
        std::str::from_utf8(&entry.bytes).map_err(|_| Report::default())
    }

    fn file(&mut self, source: &Source<'a>) {
        let mut rows = Rows::new(source.text, self.limits.cell);
        let header = match rows.row() {
            Ok(Some((_, cells))) => cells,
            Ok(None) => {
                self.at(
                    source,
                    0,
                    "header-missing",
                    "the file is empty: its header is missing".to_owned(),
                    "write the names of the columns in the first line",
                );
                return;
            }
            Err(fault) => return self.fault(source, fault),
        };
        let Some(columns) = self.header(source, &header) else { return };
        let root = self.tree.root().id();
        let list = if source.table.one { None } else { Some(self.tree.push_array(root, &source.table.name)) };
        let mut seen = HashSet::new();
        let mut count = 0;
        loop {
            match rows.row() {
                Ok(Some((start, cells))) => {
                    count += 1;
                    if count > self.limits.rows {
                        let text = format!("the file has more than {} rows", self.limits.rows);
                        return self.at(source, start, "too-many-rows", text, "send less at once");
                    }
                    if source.table.one && count > 1 {
                        let text = format!("`{}` has a second row; a zip holds one", source.file);
                        return self.at(source, start, "second-row", text, "send each in a zip of its own");
                    }
                    self.row(source, &columns, (start, &cells), list, count - 1, &mut seen);
                }
                Ok(None) => break,
                Err(fault) => return self.fault(source, fault),
            }
        }
        if source.table.one && count == 0 {
            let text = format!("`{}` has no row; a zip holds one", source.file);
            self.at(source, source.text.len(), "no-row", text, "add it");
        }
    }

    /// For each column of the file, which column of the layout it is.
    fn header(&mut self, source: &Source<'a>, header: &[Cell<'_>]) -> Option<Vec<usize>> {
        let table = source.table;
        let before = self.report.issues.len();
        let mut columns = Vec::new();
        for (index, cell) in header.iter().enumerate() {
            match table.columns.iter().position(|c| c.name == cell.text) {
                Some(column) if columns.contains(&column) => {
                    let text = format!("column `{}` stands twice", table.columns[column].name);
                    self.at(source, cell.at, "column-twice", text, "keep one");
                }
                Some(column) => columns.push(column),
                None => self.unknown_column(source, index, cell, header.len()),
            }
        }
        for (index, column) in table.columns.iter().enumerate() {
            let near = header.iter().any(|c| c.text.trim().eq_ignore_ascii_case(&column.name));
            if column.required && !columns.contains(&index) && !near {
                let issue = Issue::error("required", "column-missing", format!("column `{}` is missing", column.name));
                let rule = self.rule(column.line);
                let place = self.place(source, 0);
                self.push(issue.at(Some(place)).rule(rule).remedy("add it to the header and fill it in every row"));
            }
        }
        (self.report.issues.len() == before).then_some(columns)
    }

    /// A header that nobody knows may be a row of data, so it is not quoted.
    fn unknown_column(&mut self, source: &Source<'a>, index: usize, cell: &Cell<'_>, width: usize) {
        let near = source.table.columns.iter().find(|c| c.name.eq_ignore_ascii_case(cell.text.trim()));
        if let Some(near) = near {
            let text = format!("the name of column {} differs from `{}` by case or space", index + 1, near.name);
            return self.at(source, cell.at, "header-case", text, "write the names exactly as the format does");
        }
        if width == 1 && cell.text.contains([';', '\t', '|']) {
            let text = "the columns are not separated by commas".to_owned();
            return self.at(source, cell.at, "csv-separator", text, "save the file as comma separated");
        }
        let names: Vec<&str> = source.table.columns.iter().map(|c| c.name.as_str()).collect();
        let text = format!("column {} of the header is not one of the format; it has: {}", index + 1, names.join(", "));
        self.at(source, cell.at, "unknown-column", text, "take the column out; the first line holds names, not data");
    }

    fn row(
        &mut self,
        source: &Source<'a>,
        columns: &[usize],
        (start, cells): (usize, &[Cell<'_>]),
        list: Option<Id>,
        index: usize,
        seen: &mut HashSet<String>,
    ) {
        let table = source.table;
        if cells.len() != columns.len() {
            let text = format!("row {} has {} cells, the header has {}", index + 1, cells.len(), columns.len());
            return self.at(
                source,
                start,
                "ragged-row",
                text,
                "give each row as many cells as the header; quote cells that hold a comma",
            );
        }
        let node = match list {
            Some(list) => self.tree.push_object(list, ""),
            None => {
                let root = self.tree.root().id();
                self.tree.push_object(root, &table.name)
            }
        };
        self.tree.set_offset(node, offset(source.start, start));
        let mut keys = vec![""; table.key.len()];
        for (column, cell) in columns.iter().zip(cells) {
            let blank = cell.text.trim().is_empty();
            let kind = if blank { Kind::Null } else { Kind::String };
            let definition = &table.columns[*column];
            let id = self.tree.push_value(node, &definition.name, kind, if blank { "" } else { &cell.text });
            self.tree.set_offset(id, offset(source.start, cell.at));
            if blank && definition.required {
                let issue = Issue::error("required", "cell-empty", format!("column `{}` is empty", definition.name));
                let issue = issue.on(self.tree.item(id)).rule(self.rule(definition.line));
                self.push(issue.remedy("fill it in"));
            }
            if let (Some(target), false) = (&definition.refers_to, blank) {
                self.references.push((id, target, definition.line));
            }
            if let Some(part) = table.key.iter().position(|k| k == column) {
                keys[part] = cell.text.trim();
            }
        }
        let named = !table.key.is_empty() && keys.iter().any(|k| !k.is_empty());
        if named && !seen.insert(keys.join("\u{1f}")) {
            let names: Vec<String> = table.key.iter().map(|k| format!("`{}`", table.columns[*k].name)).collect();
            let text = format!("{} of this row stands in an earlier row already", names.join(" and "));
            let key = table.columns[table.key[0]].name.as_str();
            let at = self.tree.item(node).get(key).unwrap_or_else(|| self.tree.item(node));
            let issue = Issue::error("duplicate", "key-twice", text).on(at).rule(self.rule(table.line));
            self.push(issue.remedy("give each row its own"));
        }
        if let [only] = keys.as_slice() {
            self.keys.entry(&table.name).or_default().insert((*only).to_owned());
        }
    }

    fn references_exist(&mut self) {
        for (id, target, line) in std::mem::take(&mut self.references) {
            let item = self.tree.item(id);
            if self.keys.get(target).is_some_and(|keys| keys.contains(item.text().trim())) {
                continue;
            }
            let text = format!("column `{}` names no row of `{target}.csv`", item.key());
            let issue = Issue::error("not-found", "names-nothing", text).on(item).rule(self.rule(line));
            self.push(issue.remedy(format!("use a key that stands in `{target}.csv`")));
        }
    }

    fn fault(&mut self, source: &Source<'a>, fault: Fault) {
        self.at(source, fault.at, fault.id, fault.text, fault.remedy);
    }

    fn at(&mut self, source: &Source<'a>, at: usize, id: &'static str, text: String, remedy: &'static str) {
        let place = self.place(source, at);
        let rule = self.rule(source.table.line);
        self.push(Issue::error("structure", id, text).at(Some(place)).rule(rule).remedy(remedy));
    }

    fn place(&self, source: &Source<'a>, at: usize) -> Place {
        let (line, column) = line_and_column(source.text, u32::try_from(at).unwrap_or(u32::MAX));
        // A byte order mark is no column.
        let marked = line == 1 && source.text.starts_with('\u{feff}') && column > 1;
        Place { file: Some(source.file.clone()), line, column: column - u32::from(marked) }
    }
}

fn offset(start: u32, at: usize) -> u32 {
    start.saturating_add(u32::try_from(at).unwrap_or(u32::MAX))
}
