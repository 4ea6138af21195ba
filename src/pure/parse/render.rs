//! A record → the bytes of its format: the way back from [`super::parse`].

use super::layout::{Layout, Table};
use super::{Syntax, zip};
use crate::pure::fhir::{Issue, Item, Kind, Report, Tree};

/// Writes a record in a syntax.
///
/// # Errors
/// A report of what the format requires and the record does not have.
pub fn render(tree: &Tree, syntax: &Syntax, format: &str) -> Result<Vec<u8>, Report> {
    match syntax {
        Syntax::FhirJson | Syntax::Json(None) => Ok(tree.root().to_json().into_bytes()),
        Syntax::Json(Some(schema)) => {
            let bytes = tree.root().to_json().into_bytes();
            schema.check(tree, &bytes, 200)?;
            Ok(bytes)
        }
        Syntax::CsvZip(layout) => tables(tree, layout, format),
    }
}

fn tables(tree: &Tree, layout: &Layout, format: &str) -> Result<Vec<u8>, Report> {
    let mut report = Report::default();
    let mut files = Vec::new();
    for table in &layout.files {
        let rows = tree.root().get(&table.name);
        let rows: Vec<Item<'_>> = rows.into_iter().flat_map(Item::each).filter(|r| r.kind() != Kind::Null).collect();
        if rows.is_empty() && table.optional {
            continue;
        }
        if table.one && rows.len() != 1 {
            let text = format!("`{}.csv` needs exactly one row", table.name);
            report.push(Issue::error("required", "no-row", text).on(tree.root()).rule(rule(format, table.line)));
        }
        let mut text = String::new();
        line(table.columns.iter().map(|c| c.name.as_str()), &mut text);
        for row in rows {
            required(row, table, format, &mut report);
            line(table.columns.iter().map(|c| row.get(&c.name).map_or("", Item::text)), &mut text);
        }
        files.push((format!("{}.csv", table.name), text.into_bytes()));
    }
    if !report.is_valid() {
        return Err(report);
    }
    let failed = || Issue::error("exception", "zip-not-written", "the zip cannot be written".to_owned()).into();
    zip::pack(&files).ok_or_else(failed)
}

fn rule(format: &str, line: u32) -> String {
    format!("mappings/{format}/map.yaml:{line}")
}

fn required(row: Item<'_>, table: &Table, format: &str, report: &mut Report) {
    for column in table.columns.iter().filter(|c| c.required) {
        if row.get(&column.name).is_none_or(|cell| cell.kind() == Kind::Null || cell.text().trim().is_empty()) {
            let text = format!("column `{}` of `{}.csv` is empty", column.name, table.name);
            let issue = Issue::error("required", "cell-empty", text).on(row).rule(rule(format, column.line));
            report.push(issue.remedy("the format cannot do without it; send it in the FHIR, or as base"));
        }
    }
}

/// One line of RFC 4180, quoted where it must be.
fn line<'c>(cells: impl Iterator<Item = &'c str>, out: &mut String) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(cell);
        }
    }
    out.push_str("\r\n");
}
