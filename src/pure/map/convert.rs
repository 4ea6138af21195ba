//! Converters: the `as` of a row. Each reads a local value and a FHIR value, and has one canonical local form.

use super::codes::{Codes, Target};
use super::put::Made;
use crate::pure::fhir::{Item, Kind, Tree, When, nhs_number};
use std::borrow::Cow;
use std::sync::Arc;

/// Which converter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum As {
    Same,
    Integer,
    Decimal,
    Boolean,
    YesNo,
    YesNoUnknown,
    UkDate,
    IsoDate,
    DateTime,
    NhsNumber,
    Words,
    Money(String),
    /// Unit and UCUM code.
    Duration(&'static str, &'static str),
    Upper,
    Coding,
    Concept,
}

/// A converter with its code map.
#[derive(Clone, Debug)]
pub(super) struct Convert {
    pub how: As,
    pub codes: Option<Arc<Codes>>,
}

/// Why a value cannot be converted; never holds the value.
#[derive(Debug)]
pub(super) struct Fault {
    pub code: &'static str,
    pub id: &'static str,
    /// Goes after "column `due` ".
    pub text: String,
    pub remedy: Cow<'static, str>,
}

type Out<'a> = Result<Option<Made<'a>>, Fault>;

fn fault<T>(id: &'static str, text: &str, remedy: &'static str) -> Result<T, Fault> {
    Err(Fault { code: "value", id, text: text.to_owned(), remedy: remedy.into() })
}

impl As {
    /// Reads the word after `as:`.
    pub fn read(word: &str) -> Option<As> {
        Some(match word {
            "text" => As::Same,
            "integer" => As::Integer,
            "decimal" => As::Decimal,
            "boolean" => As::Boolean,
            "yes-no" => As::YesNo,
            "yes-no-unknown" => As::YesNoUnknown,
            "uk-date" => As::UkDate,
            "iso-date" => As::IsoDate,
            "date-time" => As::DateTime,
            "nhs-number" => As::NhsNumber,
            "words" => As::Words,
            "money" => As::Money("GBP".to_owned()),
            "minutes" => As::Duration("minute", "min"),
            "hours" => As::Duration("hour", "h"),
            "days" => As::Duration("day", "d"),
            "weeks" => As::Duration("week", "wk"),
            "months" => As::Duration("month", "mo"),
            "years" => As::Duration("year", "a"),
            "upper" => As::Upper,
            "coding" => As::Coding,
            "concept" => As::Concept,
            other => {
                let currency = other.strip_prefix("money(")?.strip_suffix(')')?;
                let three = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
                return three.then(|| As::Money(currency.to_owned()));
            }
        })
    }

    /// All words, for a remedy.
    pub const WORDS: &'static str = "text, integer, decimal, boolean, yes-no, yes-no-unknown, uk-date, iso-date, date-time, \
        nhs-number, words, money, money(EUR), minutes, hours, days, weeks, months, years, upper, coding, concept";
}

/// Whether there is nothing there: null, blank, or an empty list.
pub(super) fn is_nothing(item: Item<'_>) -> bool {
    match item.kind() {
        Kind::Null => true,
        Kind::String => item.text().trim().is_empty(),
        Kind::Array | Kind::Object => item.children().all(is_nothing),
        Kind::Bool | Kind::Number => false,
    }
}

impl Convert {
    /// What a local value becomes; nothing where there is nothing.
    pub fn out<'a>(&'a self, item: Item<'a>) -> Out<'a> {
        if is_nothing(item) {
            return Ok(None);
        }
        if item.is_container() {
            return fault(
                "not-a-plain-value",
                "holds an object or a list where one plain value should stand",
                "send one value",
            );
        }
        self.out_text(item.text(), item.kind())
    }

    /// What a piece of text becomes.
    pub fn out_text<'a>(&'a self, text: &'a str, kind: Kind) -> Out<'a> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Ok(None);
        }
        if let Some(codes) = &self.codes {
            return self.out_code(codes, trimmed);
        }
        let plain = |kind, text| Ok(Some(Made::Plain(kind, text)));
        match &self.how {
            As::Same | As::Coding => plain(kind, Cow::Borrowed(text)),
            As::Concept => Ok(Some(Made::Concept { coding: None, text: Cow::Borrowed(trimmed) })),
            As::Integer => plain(Kind::Number, integer(trimmed)?.into()),
            As::Decimal => plain(Kind::Number, decimal(trimmed)?),
            As::Boolean => match trimmed.to_ascii_lowercase().as_str() {
                truth @ ("true" | "false") => plain(Kind::Bool, truth.to_owned().into()),
                _ => fault("not-a-boolean", "is neither true nor false", "write `true` or `false`"),
            },
            As::YesNo => match yes_no(trimmed) {
                Some(truth) => plain(Kind::Bool, truth.into()),
                None => fault("not-yes-or-no", "is neither yes nor no", "write `yes` or `no`"),
            },
            As::YesNoUnknown => match (yes_no(trimmed), fold(trimmed).as_str()) {
                (Some(truth), _) => plain(Kind::Bool, truth.into()),
                (None, "unknown" | "notknown" | "u") => Ok(None),
                _ => fault("not-yes-or-no", "is none of yes, no, unknown", "write `yes`, `no` or `unknown`"),
            },
            As::UkDate => plain(Kind::String, uk_date(trimmed)?.into()),
            As::IsoDate => match When::date(trimmed) {
                Some(_) => plain(Kind::String, trimmed.into()),
                None => fault("not-a-date", "is not a date written YYYY-MM-DD", "write the year first: `2026-06-30`"),
            },
            As::DateTime => match When::date_time(trimmed) {
                Some(_) => plain(Kind::String, trimmed.into()),
                None => {
                    let remedy = "write `2026-06-30`, or with seconds and zone `2026-06-30T14:05:00+01:00`";
                    fault("not-a-date-time", "is not a date and time of ISO 8601 with its zone", remedy)
                }
            },
            As::NhsNumber => plain(Kind::String, nhs(trimmed)?.into()),
            As::Words => Ok(Some(Made::Words(trimmed.split_whitespace().collect()))),
            As::Money(currency) => Ok(Some(Made::Money { value: money(trimmed)?, currency })),
            As::Duration(unit, code) => Ok(Some(Made::Quantity { value: decimal(trimmed)?, unit, code })),
            As::Upper => plain(Kind::String, trimmed.to_uppercase().into()),
        }
    }

    fn out_code<'a>(&'a self, codes: &'a Codes, text: &'a str) -> Out<'a> {
        match (codes.out(text), &self.how) {
            (coding, As::Concept) => Ok(Some(Made::Concept { coding, text: text.into() })),
            (Some(target), As::Coding) => Ok(Some(Made::Coding(target))),
            (Some(target), _) => Ok(Some(Made::Plain(code_kind(&self.how), Cow::Borrowed(&target.code)))),
            (None, _) => Err(Fault {
                code: "code-invalid",
                id: "unknown-code",
                text: format!("holds a code that code map `{}` does not know", codes.name),
                remedy: format!("use one of: {}", codes.known()).into(),
            }),
        }
    }

    /// Whether the code map knows these words; true where there is no code map.
    pub fn knows(&self, text: &str) -> bool {
        self.codes.as_ref().is_none_or(|codes| codes.out(text).is_some())
    }

    /// The canonical local text of a FHIR value.
    pub fn back(&self, item: Item<'_>) -> Result<Option<String>, Fault> {
        if is_nothing(item) {
            return Ok(None);
        }
        let some = |text: &str| Ok(Some(text.to_owned()));
        if let Some(codes) = &self.codes {
            return self.back_code(codes, item);
        }
        let value = |name: &str| item.get(name).map(Item::text).filter(|t| !t.is_empty());
        match &self.how {
            As::Concept => Ok(concept_text(item)),
            As::Words => Ok(Some(item.each().map(Item::text).collect::<Vec<_>>().join(" "))),
            As::Money(currency) => match (value("value"), value("currency")) {
                (Some(_), Some(other)) if other != currency => fault(
                    "other-currency",
                    "is in a currency that the local format does not hold",
                    "convert the amount first",
                ),
                (Some(amount), _) => some(amount),
                _ => Ok(None),
            },
            As::Duration(unit, code) => match value("value") {
                Some(number)
                    if value("code").is_none_or(|c| c == *code)
                        && value("unit").is_none_or(|u| u == *unit || value("code").is_some()) =>
                {
                    some(number)
                }
                Some(_) => fault(
                    "other-unit",
                    "is in a unit that the local format does not hold",
                    "convert the length of time first",
                ),
                None => Ok(None),
            },
            _ if item.is_container() => fault(
                "not-a-plain-value",
                "is an object or a list where the local format holds one plain value",
                "send one value",
            ),
            As::UkDate => Ok(Some(uk_from_iso(item.text())?)),
            As::IsoDate => match When::date_time(item.text()) {
                Some(_) => some(item.text().split('T').next().unwrap_or_default()),
                None => fault("not-a-date", "is no FHIR date", "write `2026-06-30`"),
            },
            As::YesNo | As::YesNoUnknown => match item.text() {
                "true" => some("yes"),
                "false" => some("no"),
                _ => fault("not-a-boolean", "is neither true nor false", "send a boolean"),
            },
            As::NhsNumber => Ok(Some(nhs(item.text().trim())?)),
            As::Upper => Ok(Some(item.text().trim().to_uppercase())),
            _ => some(item.text()),
        }
    }

    fn back_code(&self, codes: &Codes, item: Item<'_>) -> Result<Option<String>, Fault> {
        let known = |coding: Item<'_>| {
            let code = coding.get("code").map(Item::text)?;
            codes.back(coding.get("system").and_then(Item::str), code).map(str::to_owned)
        };
        let found = match self.how {
            As::Concept => {
                // The sender's own words say the same as the code, and more: they come back where they mean it.
                let text = item.get("text").and_then(Item::str);
                let coded = item.all("coding").find_map(known);
                let means = |text: &str| {
                    codes.out(text).and_then(|t| codes.back(t.system.as_deref(), &t.code)) == coded.as_deref()
                };
                match (text, coded.clone()) {
                    (Some(text), Some(_)) if means(text) => return Ok(Some(text.to_owned())),
                    (_, Some(coded)) => return Ok(Some(coded)),
                    (Some(text), None) => return Ok(Some(text.to_owned())),
                    (None, None) => None,
                }
            }
            As::Coding => known(item),
            _ => codes.back(None, item.text()).map(str::to_owned),
        };
        match found {
            Some(local) => Ok(Some(local)),
            None => Err(Fault {
                code: "code-invalid",
                id: "untranslatable-code",
                text: format!("holds a FHIR code that code map `{}` has no local code for", codes.name),
                remedy: "add it to the code map, or send a code it knows".into(),
            }),
        }
    }

    /// The canonical form of a local text, the way it would come back; none where it is nothing or wrong.
    pub fn canonical(&self, text: &str, kind: Kind) -> Option<String> {
        let made = self.out_text(text, kind).ok()??;
        let mut tree = Tree::object();
        let root = tree.root().id();
        let step = super::path::Step { name: "v".to_owned(), select: super::path::Select::One, tests: Vec::new() };
        super::put::put_made(&mut tree, root, &[step], &made, None);
        self.back(tree.root().get("v")?).ok()?
    }

    /// The kind that a local JSON value has where nothing else says so.
    pub fn local_kind(&self, fhir: Kind) -> Kind {
        match &self.how {
            _ if self.codes.is_some() => Kind::String,
            As::Integer | As::Decimal | As::Money(_) | As::Duration(..) => Kind::Number,
            As::Boolean => Kind::Bool,
            As::Same if matches!(fhir, Kind::Bool | Kind::Number) => fhir,
            _ => Kind::String,
        }
    }
}

fn code_kind(how: &As) -> Kind {
    match how {
        As::Boolean => Kind::Bool,
        As::Integer | As::Decimal => Kind::Number,
        _ => Kind::String,
    }
}

/// The words of a CodeableConcept: its text, else what it displays, else its code.
fn concept_text(item: Item<'_>) -> Option<String> {
    let coding = item.all("coding").next();
    let found = item.get("text").or_else(|| coding?.get("display")).or_else(|| coding?.get("code"));
    found.and_then(Item::str).map(str::to_owned)
}

fn fold(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn yes_no(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "y" => Some("true"),
        "no" | "n" => Some("false"),
        _ => None,
    }
}

fn integer(text: &str) -> Result<String, Fault> {
    match text.parse::<i32>() {
        Ok(number) => Ok(number.to_string()),
        Err(_) => fault("not-an-integer", "is not a whole number", "write digits only, like `7`"),
    }
}

/// Digits as written, which is how FHIR keeps precision.
fn decimal(text: &str) -> Result<Cow<'_, str>, Fault> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let all_digits = |t: &str| !t.is_empty() && t.len() <= 18 && t.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !fraction.is_none_or(all_digits) {
        return fault("not-a-number", "is not a number", "write digits with a point, like `12.50`");
    }
    let bare = whole.trim_start_matches('0');
    if bare.len() + 1 < whole.len() || (bare.len() < whole.len() && !bare.is_empty()) {
        let sign = if text.starts_with('-') { "-" } else { "" };
        let whole = if bare.is_empty() { "0" } else { bare };
        let fraction = fraction.map(|f| format!(".{f}")).unwrap_or_default();
        return Ok(format!("{sign}{whole}{fraction}").into());
    }
    Ok(text.into())
}

fn money(text: &str) -> Result<Cow<'_, str>, Fault> {
    let amount = text.trim_start_matches('£').trim();
    if !amount.contains(',') {
        return decimal(amount).or_else(|_| not_money());
    }
    let whole = amount.split('.').next().unwrap_or_default();
    let mut groups = whole.trim_start_matches('-').split(',');
    let first = groups.next().is_some_and(|g| (1..=3).contains(&g.len()));
    if !first || !groups.all(|g| g.len() == 3) {
        return not_money();
    }
    let plain = amount.replace(',', "");
    match decimal(&plain) {
        Ok(number) => Ok(number.into_owned().into()),
        Err(_) => not_money(),
    }
}

fn not_money<T>() -> Result<T, Fault> {
    fault("not-money", "is not an amount of money", "write `1234.50`")
}

fn nhs(text: &str) -> Result<String, Fault> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}')).collect();
    if digits.len() != 10 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return fault(
            "nhs-number-length",
            "is not an NHS number of ten digits",
            "write all ten digits, or leave it empty where it is not known",
        );
    }
    if !nhs_number::is_valid(&digits) {
        return fault(
            "nhs-number-check-digit",
            "is not a valid NHS number: its check digit (modulus 11) is wrong",
            "look the number up again, or leave it empty where it is not known",
        );
    }
    Ok(digits)
}

fn uk_date(text: &str) -> Result<String, Fault> {
    let wrong = |text: &str| fault("not-a-date", text, "write day, month, year: `30/06/2026`");
    let parts: Vec<&str> = text.split('/').collect();
    let sized = |part: &str, sizes: std::ops::RangeInclusive<usize>| {
        sizes.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let iso = match parts.as_slice() {
        [day, month, year] if sized(day, 1..=2) && sized(month, 1..=2) && sized(year, 4..=4) => {
            format!("{year}-{month:0>2}-{day:0>2}")
        }
        [month, year] if sized(month, 1..=2) && sized(year, 4..=4) => format!("{year}-{month:0>2}"),
        [year] if sized(year, 4..=4) => (*year).to_owned(),
        _ => return wrong("is not a date written DD/MM/YYYY"),
    };
    match When::date(&iso) {
        Some(_) => Ok(iso),
        None => wrong("is a date that does not exist"),
    }
}

fn uk_from_iso(text: &str) -> Result<String, Fault> {
    if When::date_time(text).is_none() {
        return fault("not-a-date", "is no FHIR date", "write `2026-06-30`");
    }
    let date = text.split('T').next().unwrap_or_default();
    Ok(date.split('-').rev().collect::<Vec<_>>().join("/"))
}

/// A FHIR code's own words, for messages about what travels instead.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.code)
    }
}
