//! FHIR's primitive datatypes (R4 §2.24.0.1) and what may be written for each.

use crate::pure::fhir::time::{self, When};
use crate::pure::fhir::{Item, Kind};

/// A primitive datatype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Primitive {
    Boolean,
    Integer,
    UnsignedInt,
    PositiveInt,
    Decimal,
    String,
    Markdown,
    Code,
    Id,
    Uri,
    Url,
    Canonical,
    Oid,
    Uuid,
    Base64Binary,
    Date,
    DateTime,
    Instant,
    Time,
    Xhtml,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Stable id of the finding.
    pub id: &'static str,
    /// What the value should be.
    pub should: &'static str,
    /// How to mend it.
    pub remedy: &'static str,
}

/// The most characters of a string (R4 §2.24.0.1: "strings SHALL NOT exceed 1MB"). Data and narratives are no strings.
const LONGEST: usize = 1024 * 1024;

impl Primitive {
    /// The datatype of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Primitive> {
        Some(match name {
            "boolean" => Primitive::Boolean,
            "integer" => Primitive::Integer,
            "unsignedInt" => Primitive::UnsignedInt,
            "positiveInt" => Primitive::PositiveInt,
            "decimal" => Primitive::Decimal,
            "string" => Primitive::String,
            "markdown" => Primitive::Markdown,
            "code" => Primitive::Code,
            "id" => Primitive::Id,
            "uri" => Primitive::Uri,
            "url" => Primitive::Url,
            "canonical" => Primitive::Canonical,
            "oid" => Primitive::Oid,
            "uuid" => Primitive::Uuid,
            "base64Binary" => Primitive::Base64Binary,
            "date" => Primitive::Date,
            "dateTime" => Primitive::DateTime,
            "instant" => Primitive::Instant,
            "time" => Primitive::Time,
            "xhtml" => Primitive::Xhtml,
            _ => return None,
        })
    }

    /// What JSON writes it as.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Primitive::Boolean => Kind::Bool,
            Primitive::Integer | Primitive::UnsignedInt | Primitive::PositiveInt | Primitive::Decimal => Kind::Number,
            _ => Kind::String,
        }
    }

    /// What is wrong with a value of the right JSON kind, if anything.
    #[must_use]
    pub fn fault(self, item: Item<'_>) -> Option<Wrong> {
        let text = item.text();
        if self.kind() == Kind::String {
            if text.is_empty() {
                return wrong("empty-value", "have a character at least", "leave the element out");
            }
            let is_data = matches!(self, Primitive::Base64Binary | Primitive::Xhtml);
            if !is_data && text.len() > LONGEST && text.chars().count() > LONGEST {
                return wrong("too-long", "have no more than a million characters", "send it as an attachment");
            }
        }
        match self {
            Primitive::Boolean | Primitive::Xhtml => None,
            Primitive::String | Primitive::Markdown => None,
            Primitive::Integer => whole(text, -2_147_483_648),
            Primitive::UnsignedInt => whole(text, 0),
            Primitive::PositiveInt => whole(text, 1),
            Primitive::Decimal => None,
            Primitive::Code => code(text),
            Primitive::Id => id(text),
            Primitive::Uri | Primitive::Url => uri(text),
            Primitive::Canonical => canonical(text),
            Primitive::Oid => oid(text),
            Primitive::Uuid => uuid(text),
            Primitive::Base64Binary => base64(text),
            Primitive::Date => one_of(
                When::date(text).is_some(),
                "invalid-date",
                "be a day that exists: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`",
            ),
            Primitive::DateTime => one_of(
                When::date_time(text).is_some(),
                "invalid-date-time",
                "be a date that exists, or a date with time to the second and zone: `2026-06-30T12:00:00+01:00`",
            ),
            Primitive::Instant => one_of(
                When::instant(text).is_some(),
                "invalid-instant",
                "be a date with time to the second and zone: `2026-06-30T12:00:00.000+01:00`",
            ),
            Primitive::Time => {
                one_of(time::time(text).is_some(), "invalid-time", "be a time of day to the second: `14:30:00`")
            }
        }
    }
}

#[allow(clippy::unnecessary_wraps)]
fn wrong(id: &'static str, should: &'static str, remedy: &'static str) -> Option<Wrong> {
    Some(Wrong { id, should, remedy })
}

fn one_of(right: bool, id: &'static str, should: &'static str) -> Option<Wrong> {
    if right { None } else { wrong(id, should, "write it in this form, with nothing before or after it") }
}

/// What a string should not be, though R4 allows it (§2.24.0.1: SHOULD have content, SHOULD NOT have control characters).
#[must_use]
pub fn doubt(text: &str) -> Option<Wrong> {
    if text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
        return wrong("blank-value", "have a character that is not white space", "leave the element out");
    }
    if text.bytes().any(|b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) {
        return wrong("control-character", "have no control characters", "take them out");
    }
    None
}

fn whole(text: &str, least: i64) -> Option<Wrong> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    let fits = text.parse::<i64>().is_ok_and(|n| n >= least && n <= 2_147_483_647);
    if is_plain && fits {
        return None;
    }
    match least {
        1 => wrong("invalid-integer", "be a whole number from 1 to 2147483647", "write a whole number"),
        0 => wrong("invalid-integer", "be a whole number from 0 to 2147483647", "write a whole number"),
        _ => wrong("invalid-integer", "be a whole number of 32 bits", "write a whole number"),
    }
}

fn code(text: &str) -> Option<Wrong> {
    let mut before = b' ';
    for byte in text.bytes() {
        let is_space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        if is_space && (before == b' ' || byte != b' ') {
            return wrong("invalid-code", "be words with one space between them at most", "take the white space out");
        }
        before = if is_space { b' ' } else { byte };
    }
    if before == b' ' {
        return wrong("invalid-code", "be words with one space between them at most", "take the white space out");
    }
    None
}

fn id(text: &str) -> Option<Wrong> {
    let is_right = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    one_of(is_right, "invalid-id", "be 1 to 64 letters, digits, `-` and `.`")
}

fn uri(text: &str) -> Option<Wrong> {
    if text.bytes().any(|b| b <= b' ') {
        return wrong("invalid-uri", "hold no white space", "take the white space out, or write it as `%20`");
    }
    if let Some(oid) = text.strip_prefix("urn:oid:") {
        return oid_digits(oid);
    }
    if text.starts_with("oid:") || text.starts_with("uuid:") {
        return wrong("invalid-uri", "be an absolute URI", "write `urn:` before it");
    }
    if let Some(rest) = text.strip_prefix("urn:uuid:") {
        return uuid_digits(rest);
    }
    None
}

/// A canonical is absolute, or a fragment of the resource itself (R4 §2.24.0.1).
fn canonical(text: &str) -> Option<Wrong> {
    if let wrong @ Some(_) = uri(text) {
        return wrong;
    }
    one_of(
        is_absolute(text) || text.starts_with('#'),
        "relative-canonical",
        "be an absolute URL, or `#` and a fragment",
    )
}

/// Whether a URI stands on its own: a scheme (RFC 3986 §3.1), in lower case as URIs of FHIR are compared letter by letter
/// (R4 §2.24.0.1), and something after it.
#[must_use]
pub fn is_absolute(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
    is_scheme && !rest.is_empty() && !rest.contains(' ')
}

fn oid_digits(text: &str) -> Option<Wrong> {
    let mut parts = text.split('.');
    let first = parts.next().is_some_and(|p| matches!(p, "0" | "1" | "2"));
    let mut count = 0;
    let rest = parts.all(|p| {
        count += 1;
        !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()) && (p == "0" || !p.starts_with('0'))
    });
    one_of(first && rest && count > 0, "invalid-oid", "be an OID: numbers from 0, 1 or 2 on, with dots between them")
}

fn oid(text: &str) -> Option<Wrong> {
    match text.strip_prefix("urn:oid:") {
        Some(digits) => oid_digits(digits),
        None => one_of(false, "invalid-oid", "start with `urn:oid:`"),
    }
}

fn uuid_digits(text: &str) -> Option<Wrong> {
    let is_right = text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        });
    one_of(is_right, "invalid-uuid", "be a UUID: 8-4-4-4-12 hexadecimal digits in lower case")
}

fn uuid(text: &str) -> Option<Wrong> {
    match text.strip_prefix("urn:uuid:") {
        Some(digits) => uuid_digits(digits),
        None => one_of(false, "invalid-uuid", "start with `urn:uuid:`"),
    }
}

fn base64(text: &str) -> Option<Wrong> {
    let (mut letters, mut padding) = (0usize, 0usize);
    for byte in text.bytes() {
        match byte {
            b'=' => padding += 1,
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => letters += 1,
            _ => return one_of(false, "invalid-base64", "be base64 (RFC 4648 §4)"),
        }
    }
    one_of(padding <= 2 && (letters + padding).is_multiple_of(4), "invalid-base64", "be base64 (RFC 4648 §4)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::fhir::{Limits, json};

    fn is_right(primitive: Primitive, json: &str) -> bool {
        let tree = json::read(json.as_bytes(), &Limits::default()).unwrap();
        primitive.fault(tree.root()).is_none()
    }

    #[test]
    fn a_string_of_blanks_is_doubted_and_not_refused() {
        for (text, id) in [("  ", Some("blank-value")), ("a\u{7}", Some("control-character")), (" a\n", None)] {
            assert_eq!(doubt(text).map(|w| w.id), id);
        }
    }

    #[test]
    fn each_datatype_knows_its_own() {
        for (primitive, right, wrong) in [
            (Primitive::Code, "\"a b\"", "\"a  b\""),
            (Primitive::Id, "\"a-1.B\"", "\"a_1\""),
            (Primitive::Uri, "\"http://a/b\"", "\"http://a b\""),
            (Primitive::Uri, "\"urn:oid:1.2.3\"", "\"urn:oid:1.2.x\""),
            (Primitive::Oid, "\"urn:oid:2.16.840\"", "\"2.16.840\""),
            (Primitive::Uuid, "\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\"", "\"urn:uuid:123\""),
            (Primitive::Base64Binary, "\"aGk=\"", "\"%%%2@()()\""),
            (Primitive::PositiveInt, "1", "0"),
            (Primitive::UnsignedInt, "0", "-1"),
            (Primitive::Integer, "-3", "1.5"),
            (Primitive::Date, "\"2026-02\"", "\"2026-02-30\""),
            (Primitive::Instant, "\"2026-02-03T01:02:03Z\"", "\"2026-02-03\""),
            (Primitive::String, "\"  \"", "\"\""),
            (Primitive::Time, "\"10:00:00\"", "\"10:00\""),
        ] {
            assert!(is_right(primitive, right), "{primitive:?} {right}");
            assert!(!is_right(primitive, wrong), "{primitive:?} {wrong}");
        }
    }
}
