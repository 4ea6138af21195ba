//! The local side: fields that do not exist, and fields that nobody thought of.

use super::super::path::{self, Select, Step};
use super::super::raw::Spot;
use super::Checker;
use crate::pure::parse::{Layout, Schema, Syntax};
use serde_saphyr::Spanned;

impl Checker<'_> {
    pub(super) fn local(&mut self) {
        match &self.mapping.syntax {
            Syntax::CsvZip(layout) => {
                self.exist(&|path| in_layout(layout, path));
                self.columns_read(layout);
            }
            Syntax::Json(Some(schema)) => {
                let fields = schema.fields();
                self.exist(&|path| in_fields(&fields, path));
                self.fields_read(schema);
            }
            _ => {}
        }
    }

    /// Every local path of the file leads somewhere.
    fn exist(&mut self, known: &dyn Fn(&[Step]) -> Result<(), String>) {
        let raw = self.raw;
        let mut paths: Vec<&Spanned<String>> = vec![&raw.local.record];
        paths.extend(raw.resources.0.iter().filter_map(|(_, kind)| kind.each.as_ref()));
        for rule in &raw.rules {
            paths.extend(rule.value.local.iter().chain(&rule.value.each));
        }
        paths.extend(&raw.keep_local);
        paths.extend(raw.drop.iter().filter_map(|d| d.value.local.as_ref()));
        for text in paths {
            let Ok(path) = path::parse(&text.value, &|v| v.to_owned()) else { continue };
            if let Err(why) = known(&path) {
                self.wrong(
                    text,
                    "unknown-field",
                    format!("unknown local path `{}`: {why}", text.value),
                    "mend it, or declare the field",
                );
            }
        }
        let inner: Vec<(Spot, String)> = self.inner();
        for (spot, text) in inner {
            let Ok(path) = path::parse(&text, &|v| v.to_owned()) else { continue };
            if let Err(why) = known(&path) {
                self.wrong(
                    spot,
                    "unknown-field",
                    format!("unknown local path `{text}`: {why}"),
                    "mend it, or declare the field",
                );
            }
        }
    }

    /// Paths that were written from an item: keys, conditions, references by key.
    fn inner(&self) -> Vec<(Spot, String)> {
        let mut found = Vec::new();
        for kind in &self.mapping.kinds {
            let spot = Spot { line: kind.line, column: 1 };
            let lists = kind.each.iter().flat_map(|e| &self.mapping.lists[e.list].key);
            let keys = kind.key.iter().chain(lists).map(|k| k.from.text.clone());
            let conditions = kind.conditions.iter().map(|c| c.from.text.clone());
            found.extend(keys.chain(conditions).map(|text| (spot, text)));
            for row in &kind.block.rows {
                found.extend(row.conditions.iter().map(|c| (row.spot, c.from.text.clone())));
            }
            for reference in &kind.refs {
                if let super::super::mapping::RefHow::By { from, .. } = &reference.how {
                    found.push((Spot { line: reference.line, column: 1 }, from.text.clone()));
                }
            }
        }
        found
    }

    fn columns_read(&mut self, layout: &Layout) {
        for table in &layout.files {
            for column in &table.columns {
                if !self.mapping.local_cover.has(&[&table.name, &column.name]) {
                    let list = if table.one { "" } else { "[]" };
                    let text = format!("no row reads `{}{list}.{}`, and nothing says why", table.name, column.name);
                    let spot = Spot { line: column.line, column: 1 };
                    self.forgotten(spot, "field-not-read", text, "add a row, or `keep-local`, or `drop … because`");
                }
            }
        }
    }

    fn fields_read(&mut self, schema: &Schema) {
        for field in schema.fields() {
            let names: Vec<&str> = field.split('.').map(|n| n.trim_end_matches("[]")).collect();
            if !self.mapping.local_cover.has(&names) {
                let text = format!("no row reads `{field}`, and nothing says why");
                self.forgotten(
                    &self.raw.local.syntax,
                    "field-not-read",
                    text,
                    "add a row, or `keep-local`, or `drop … because`",
                );
            }
        }
    }
}

fn in_layout(layout: &Layout, path: &[Step]) -> Result<(), String> {
    let Some(table) = layout.files.iter().find(|t| t.name == path[0].name) else {
        let known: Vec<&str> = layout.files.iter().map(|t| t.name.as_str()).collect();
        return Err(format!("no file `{}` (known: {})", path[0].name, known.join(", ")));
    };
    if table.one && path[0].select != Select::One {
        return Err(format!("`{}` has one row, so it is no list", table.name));
    }
    if !table.one && path[0].select == Select::One && path.len() > 1 {
        return Err(format!("`{}` has many rows: write `{}[]`", table.name, table.name));
    }
    for test in &path[0].tests {
        column(table, &test.path)?;
    }
    if path.len() > 1 { column(table, &path[1..]) } else { Ok(()) }
}

fn column(table: &crate::pure::parse::layout::Table, path: &[Step]) -> Result<(), String> {
    if path.len() == 1 && table.columns.iter().any(|c| c.name == path[0].name) {
        return Ok(());
    }
    let known: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    Err(format!("no column `{}` (known: {})", path[0].name, known.join(", ")))
}

/// A path is known where it is a field of the schema or leads towards one.
fn in_fields(fields: &[String], path: &[Step]) -> Result<(), String> {
    let names: Vec<&str> = path.iter().map(|s| s.name.as_str()).collect();
    let plain = |field: &str| field.split('.').map(|n| n.trim_end_matches("[]").to_owned()).collect::<Vec<_>>();
    let mut best = 0;
    for field in fields {
        let field = plain(field);
        let same = field.iter().zip(&names).take_while(|(a, b)| a == b).count();
        if same == names.len() {
            return Ok(());
        }
        best = best.max(same);
    }
    let upto = names[..best].join(".");
    let below = if upto.is_empty() { "the schema".to_owned() } else { format!("`{upto}`") };
    Err(format!("{below} has no `{}`", names[best]))
}
