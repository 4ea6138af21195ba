//! TOML read strictly: every mistake at once, with file, line, column and remedy.

use crate::pure::fhir::tree::line_and_column;
use crate::pure::fhir::{Issue, Place, Report};
use std::borrow::Cow;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Value<'t> = Spanned<DeValue<'t>>;

/// One file being read, and what is wrong with it so far.
pub(super) struct Reader<'r> {
    file: &'r str,
    text: &'r str,
    pub report: &'r mut Report,
}

impl<'r> Reader<'r> {
    pub fn new(file: &'r str, text: &'r str, report: &'r mut Report) -> Reader<'r> {
        Reader { file, text, report }
    }

    /// The root table, as far as it can be read.
    pub fn root(&mut self) -> Spanned<DeTable<'r>> {
        let (root, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            self.mistake(
                &span,
                "policy-not-toml",
                error.message().trim_end_matches('.').to_owned(),
                "write it as TOML 1.0",
            );
        }
        root
    }

    /// File, line and column of a span.
    pub fn place(&self, span: &Range<usize>) -> Place {
        let (line, column) = line_and_column(self.text, u32::try_from(span.start).unwrap_or(u32::MAX));
        Place { file: Some(self.file.to_owned()), line, column }
    }

    pub fn mistake(
        &mut self,
        span: &Range<usize>,
        id: &'static str,
        text: String,
        remedy: impl Into<Cow<'static, str>>,
    ) {
        let place = self.place(span);
        self.report.push(Issue::error("invalid", id, text).at(Some(place)).remedy(remedy));
    }

    /// Whether all keys of a table are among these; says so of each that is not.
    pub fn only(&mut self, table: &DeTable<'_>, known: &[&str]) {
        for (key, _) in table {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let text = format!("`{name}` is not a word of this table");
                self.mistake(&key.span(), "policy-unknown-key", text, format!("use one of: {}", known.join(", ")));
            }
        }
    }

    pub fn table<'t>(&mut self, value: &'t Value<'_>, key: &str) -> Option<&'t DeTable<'t>> {
        let found = value.get_ref().as_table();
        if found.is_none() {
            self.wrong_kind(value, key, "a table");
        }
        // a shorter borrow of the same table
        found
    }

    fn wrong_kind(&mut self, value: &Value<'_>, key: &str, wanted: &str) {
        let text = format!("`{key}` is {} where {wanted} is wanted", value.get_ref().type_str());
        self.mistake(&value.span(), "policy-wrong-kind", text, format!("write {wanted}"));
    }

    /// The tables of an array of tables, each with its place.
    pub fn rows<'t>(&mut self, table: &'t DeTable<'t>, key: &str) -> Vec<(&'t DeTable<'t>, Range<usize>)> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_kind(value, key, "an array of tables");
            return Vec::new();
        };
        let mut rows = Vec::new();
        for row in array {
            match row.get_ref().as_table() {
                Some(table) => rows.push((table, row.span())),
                None => self.wrong_kind(row, key, "a table"),
            }
        }
        rows
    }

    pub fn text(&mut self, table: &DeTable<'_>, key: &str) -> Option<String> {
        let value = table.get(key)?;
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
            Some(_) => {
                self.mistake(
                    &value.span(),
                    "policy-empty",
                    format!("`{key}` is empty"),
                    "write a value, or leave it out",
                );
                None
            }
            None => {
                self.wrong_kind(value, key, "a text");
                None
            }
        }
    }

    /// A text that has to be there.
    pub fn needed(&mut self, table: &DeTable<'_>, at: &Range<usize>, key: &str) -> Option<String> {
        if !table.contains_key(key) {
            self.mistake(at, "policy-missing-key", format!("`{key}` is missing"), format!("add `{key} = \"…\"`"));
        }
        self.text(table, key)
    }

    pub fn texts(&mut self, table: &DeTable<'_>, key: &str) -> Vec<String> {
        let Some(value) = table.get(key) else { return Vec::new() };
        self.text_list(value, key)
    }

    pub fn text_list(&mut self, value: &Value<'_>, key: &str) -> Vec<String> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_kind(value, key, "an array of texts");
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in array {
            match item.get_ref().as_str() {
                Some(text) => found.push(text.to_owned()),
                None => self.wrong_kind(item, key, "a text"),
            }
        }
        found
    }

    pub fn truth(&mut self, table: &DeTable<'_>, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong_kind(value, key, "true or false");
        }
        found
    }

    pub fn count(&mut self, table: &DeTable<'_>, key: &str) -> Option<i64> {
        let value = table.get(key)?;
        let found = value.get_ref().as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
        if found.is_none_or(|n| n <= 0) {
            self.wrong_kind(value, key, "a whole number above 0");
            return None;
        }
        found
    }

    /// One of a few words.
    pub fn word(&mut self, table: &DeTable<'_>, key: &str, words: &[&'static str]) -> Option<&'static str> {
        let value = table.get(key)?;
        let text = value.get_ref().as_str().unwrap_or_default();
        let found = words.iter().find(|w| **w == text).copied();
        if found.is_none() {
            let remedy = format!("use one of: {}", words.join(", "));
            self.mistake(&value.span(), "policy-unknown-word", format!("`{key}` does not know this word"), remedy);
        }
        found
    }
}

/// Where a key's value stands.
pub(super) fn place_of(table: &DeTable<'_>, key: &str) -> Range<usize> {
    table.get(key).map_or(0..0, Spanned::span)
}
