//! One table of the configuration, read key by key: what is wrong is noted with its place, and reading goes on.

use super::words::{bytes, closest, listed};
use crate::pure::fhir::{Issue, Place, Report};
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What was read so far went wrong here and there; this notes where.
pub(super) struct Notes<'a> {
    text: &'a str,
    name: &'a str,
    /// Where each line starts, so that many mistakes cost no more than their number.
    lines: Vec<usize>,
    /// The findings.
    pub report: Report,
}

/// A value, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said<T> {
    pub value: T,
    pub span: Range<usize>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(text: &'a str, name: &'a str) -> Notes<'a> {
        let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        Notes { text, name, lines: std::iter::once(0).chain(breaks).collect(), report: Report::default() }
    }

    fn place(&self, at: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let before = self.text.get(self.lines[line - 1]..at).unwrap_or_default();
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { file: Some(self.name.to_owned()), line: small(line), column: small(before.chars().count() + 1) }
    }

    /// Notes a mistake at its place.
    pub(super) fn mistake(&mut self, span: &Range<usize>, id: &'static str, text: String, remedy: impl Into<String>) {
        let place = self.place(span.start);
        self.report.push(Issue::error("value", id, text).at(Some(place)).remedy(remedy.into()));
    }
}

/// A table with its keys still to be read.
pub(super) struct Section<'t> {
    table: &'t DeTable<'t>,
    /// Where it stands.
    pub span: Range<usize>,
    path: String,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub(super) fn new(table: &'t DeTable<'t>, span: Range<usize>, path: &str) -> Section<'t> {
        Section { table, span, path: path.to_owned(), known: Vec::new() }
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.iter().find(|(k, _)| k.get_ref().as_ref() == key).map(|(_, v)| v)
    }

    /// Whether a key stands here, without reading it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.iter().any(|(k, _)| k.get_ref().as_ref() == key)
    }

    fn wrong(&self, notes: &mut Notes<'_>, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        let text = format!("`{}` is {}, not {expected}", self.full(key), article(value.get_ref().type_str()));
        notes.mistake(&value.span(), "config-wrong-type", text, format!("write {expected}"));
    }

    /// Notes that a required key is missing.
    pub(super) fn missing(&self, notes: &mut Notes<'_>, key: &str, example: &str) {
        let text = format!("`{}` is missing", self.full(key));
        notes.mistake(&self.span, "config-missing", text, format!("add `{key} = {example}`"));
    }

    /// A string that is not empty.
    pub(super) fn text(&mut self, notes: &mut Notes<'_>, key: &'static str) -> Option<Said<String>> {
        let value = self.value(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(notes, key, value, "a string");
            return None;
        };
        if text.trim().is_empty() {
            let said = format!("`{}` is empty", self.full(key));
            notes.mistake(&value.span(), "config-empty", said, "write a value, or leave the key out");
            return None;
        }
        Some(Said { value: text.to_owned(), span: value.span() })
    }

    /// A string that must be there.
    pub(super) fn need(&mut self, notes: &mut Notes<'_>, key: &'static str, example: &str) -> Option<Said<String>> {
        if !self.has(key) {
            self.known.push(key);
            self.missing(notes, key, example);
            return None;
        }
        self.text(notes, key)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, notes: &mut Notes<'_>, key: &'static str, default: bool) -> bool {
        let Some(value) = self.value(key) else { return default };
        match value.get_ref() {
            DeValue::Boolean(flag) => *flag,
            _ => {
                self.wrong(notes, key, value, "`true` or `false`");
                default
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn count(
        &mut self,
        notes: &mut Notes<'_>,
        key: &'static str,
        default: usize,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> usize {
        let Some(value) = self.value(key) else { return default };
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong(notes, key, value, "a whole number");
            return default;
        };
        let number = usize::from_str_radix(integer.as_str(), integer.radix()).ok();
        self.within(notes, key, value.span(), number, default, &bounds, |n| n.to_string())
    }

    /// A number of bytes: `65536`, `"64 KiB"`, `"8 MiB"`.
    pub(super) fn size(
        &mut self,
        notes: &mut Notes<'_>,
        key: &'static str,
        default: usize,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> usize {
        let Some(value) = self.value(key) else { return default };
        let bytes = match value.get_ref() {
            DeValue::Integer(integer) => usize::from_str_radix(integer.as_str(), integer.radix()).ok(),
            DeValue::String(text) => bytes(text),
            _ => {
                self.wrong(notes, key, value, "a size such as `\"8 MiB\"`");
                return default;
            }
        };
        self.within(notes, key, value.span(), bytes, default, &bounds, |n| format!("{n} bytes"))
    }

    /// A length of time: `"500ms"`, `"30s"`, `"5m"`, `"72h"`.
    pub(super) fn time(
        &mut self,
        notes: &mut Notes<'_>,
        key: &'static str,
        default: Duration,
        bounds: std::ops::RangeInclusive<Duration>,
    ) -> Duration {
        let Some(value) = self.value(key) else { return default };
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(notes, key, value, "a length of time such as `\"30s\"`");
            return default;
        };
        let time = text.parse::<jiff::SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
        self.within(notes, key, value.span(), time, default, &bounds, |t| format!("{t:?}"))
    }

    #[allow(clippy::too_many_arguments, reason = "one place for one sentence")]
    fn within<T: PartialOrd + Copy>(
        &self,
        notes: &mut Notes<'_>,
        key: &str,
        span: Range<usize>,
        value: Option<T>,
        default: T,
        bounds: &std::ops::RangeInclusive<T>,
        show: impl Fn(T) -> String,
    ) -> T {
        match value {
            Some(value) if bounds.contains(&value) => value,
            _ => {
                let (least, most) = (show(*bounds.start()), show(*bounds.end()));
                let text = format!("`{}` is not between {least} and {most}", self.full(key));
                notes.mistake(&span, "config-out-of-range", text, format!("the default is {}", show(default)));
                default
            }
        }
    }

    /// A list of strings.
    pub(super) fn texts(&mut self, notes: &mut Notes<'_>, key: &'static str) -> Vec<Said<String>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(notes, key, value, "a list of strings");
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_str() {
                Some(text) if !text.trim().is_empty() => {
                    found.push(Said { value: text.to_owned(), span: item.span() });
                }
                _ => self.wrong(notes, key, item, "a string that is not empty"),
            }
        }
        found
    }

    /// A table of this name; an empty one where there is none.
    pub(super) fn table(&mut self, notes: &mut Notes<'_>, key: &'static str) -> Option<Section<'t>> {
        let value = self.value(key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Section::new(table, value.span(), &self.full(key))),
            None => {
                self.wrong(notes, key, value, "a table");
                None
            }
        }
    }

    /// A list of tables.
    pub(super) fn tables(&mut self, notes: &mut Notes<'_>, key: &'static str) -> Vec<Section<'t>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(notes, key, value, "a list of tables");
            return Vec::new();
        };
        let mut found = Vec::new();
        for (index, item) in list.iter().enumerate() {
            match item.get_ref().as_table() {
                Some(table) => {
                    found.push(Section::new(table, item.span(), &format!("{}[{}]", self.full(key), index + 1)));
                }
                None => self.wrong(notes, key, item, "a table"),
            }
        }
        found
    }

    /// Says which keys nobody asked for.
    pub(super) fn finish(self, notes: &mut Notes<'_>) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let text = format!("`{}` is not a key here", self.full(name));
            let secret = self.known.iter().find(|k| k.strip_suffix("_file") == Some(name));
            let remedy = match (secret, closest(name, self.known.iter().copied())) {
                (Some(file), _) => format!("a secret does not stand in this file; name the file it is in: `{file}`"),
                (None, Some(near)) => format!("did you mean `{near}`?"),
                (None, None) => format!("the keys are {}", listed(self.known.iter().copied())),
            };
            notes.mistake(&key.span(), "config-unknown-key", text, remedy);
        }
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}
