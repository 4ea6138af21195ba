//! `map.yaml` as it is written: strict YAML, every value with its line and column, unknown keys refused.

use crate::pure::fhir::{Issue, Place, Report};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

/// A mapping in the order it is written.
#[derive(Debug)]
pub(super) struct Ordered<V>(pub Vec<(Spanned<String>, V)>);

impl<V> Default for Ordered<V> {
    fn default() -> Self {
        Ordered(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Ordered<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Reader<V> {
            type Value = Ordered<V>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("names with values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    pairs.push((key, map.next_value()?));
                }
                Ok(Ordered(pairs))
            }
        }
        deserializer.deserialize_map(Reader(std::marker::PhantomData))
    }
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawFile {
    pub mapping: Spanned<String>,
    #[allow(dead_code, reason = "written for people; the compiler of mappings asks only that it is there")]
    pub version: Spanned<Value>,
    #[allow(dead_code, reason = "written for people")]
    pub title: Option<String>,
    pub local: RawLocal,
    #[serde(default)]
    pub fhir: RawFhir,
    #[serde(default)]
    pub prefixes: Ordered<String>,
    #[serde(default)]
    pub codes: Ordered<Ordered<Spanned<String>>>,
    #[serde(default)]
    pub keys: Ordered<Value>,
    #[serde(default)]
    pub resources: Ordered<RawKind>,
    #[serde(default)]
    pub rules: Vec<Spanned<RawRule>>,
    #[serde(default)]
    pub keep_local: Vec<Spanned<String>>,
    #[serde(default)]
    pub keep_fhir: Vec<Spanned<String>>,
    #[serde(default)]
    pub drop: Vec<Spanned<RawDrop>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawLocal {
    pub syntax: Spanned<String>,
    pub record: Spanned<String>,
    #[serde(default)]
    pub files: Ordered<RawTable>,
    #[serde(default)]
    pub keys: Ordered<Value>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawTable {
    pub rows: Option<Spanned<String>>,
    #[serde(default)]
    pub optional: bool,
    pub key: Option<Value>,
    pub columns: Vec<Spanned<String>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawFhir {
    #[allow(dead_code, reason = "R4 is the only version there is")]
    pub version: Option<String>,
    pub bundle: Option<Spanned<String>>,
    pub provenance: Option<RawProvenance>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawProvenance {
    pub target: Spanned<String>,
    pub author: Spanned<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawKind {
    #[serde(rename = "type")]
    pub resource: Spanned<String>,
    pub profile: Option<String>,
    pub each: Option<Spanned<String>>,
    pub key: Option<Value>,
    #[serde(default, rename = "where")]
    pub conditions: Ordered<Value>,
    #[serde(default)]
    pub is: Ordered<Value>,
    #[serde(default)]
    pub fixed: Ordered<Value>,
    #[serde(default)]
    pub refs: Ordered<Value>,
    pub when_out: Option<Spanned<String>>,
    pub when_in: Option<Spanned<String>>,
    pub only: Option<Spanned<String>>,
    #[serde(default)]
    pub required: bool,
    #[allow(dead_code, reason = "written for people")]
    pub note: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawRule {
    pub local: Option<Spanned<String>>,
    pub fhir: Spanned<String>,
    pub value: Option<Value>,
    pub template: Option<Spanned<String>>,
    pub each: Option<Spanned<String>>,
    #[serde(rename = "as")]
    pub how: Option<Spanned<String>>,
    pub codes: Option<Spanned<String>>,
    pub split: Option<String>,
    pub join: Option<String>,
    pub required: Option<Value>,
    #[serde(default, rename = "where")]
    pub conditions: Ordered<Value>,
    pub when_out: Option<Spanned<String>>,
    pub when_in: Option<Spanned<String>>,
    pub only: Option<Spanned<String>>,
    #[serde(default)]
    pub fallback: bool,
    #[allow(dead_code, reason = "written for people")]
    pub note: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawDrop {
    pub local: Option<Spanned<String>>,
    pub fhir: Option<Spanned<String>>,
    pub because: String,
}

/// Line and column in a mapping file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    pub line: u32,
    pub column: u32,
}

impl<T> From<&Spanned<T>> for Spot {
    fn from(spanned: &Spanned<T>) -> Spot {
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Spot { line: small(spanned.referenced.line()), column: small(spanned.referenced.column()) }
    }
}

/// Reads `map.yaml`. `file` is its path below `mappings/`.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<RawFile, Report> {
    let text = crate::pure::fhir::json::utf8(bytes, Some(&format!("mappings/{file}")))?;
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_anchors: 0, max_aliases: 0 },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map(|at| Place {
            file: Some(format!("mappings/{file}")),
            line: u32::try_from(at.line()).unwrap_or(u32::MAX),
            column: u32::try_from(at.column()).unwrap_or(u32::MAX),
        });
        let text = error.to_string();
        Issue::error("structure", "mapping-yaml", text.lines().next().unwrap_or_default().to_owned())
            .at(place)
            .remedy("see mappings/README.md for the keys and what they take")
            .into()
    })
}
