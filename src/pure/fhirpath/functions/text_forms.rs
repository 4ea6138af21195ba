//! Texts in other clothes: base64, hexadecimal, escaped for HTML or JSON (FHIRPath N1 §5.6.13 ff.).

use super::{Call, Function};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::evaluate::Outcome;
use crate::pure::fhirpath::value::Value;
use std::borrow::Cow;

const PLAIN: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let (Some(text), Some(form)) = (call.run.text(&focus, call.offset)?, call.text(0)?) else {
        return Ok(Collection::Empty);
    };
    call.run.bounded_text(text.len().saturating_mul(6))?;
    let result = match (function, form.as_ref()) {
        (Function::Encode, "hex") => Some(text.bytes().map(|b| format!("{b:02x}")).collect()),
        (Function::Encode, "base64") => Some(base64(text.as_bytes(), PLAIN)),
        (Function::Encode, "urlbase64") => Some(base64(text.as_bytes(), URL)),
        (Function::Decode, "hex") => unhex(&text).and_then(|b| String::from_utf8(b).ok()),
        (Function::Decode, "base64") => unbase64(&text, PLAIN).and_then(|b| String::from_utf8(b).ok()),
        (Function::Decode, "urlbase64") => unbase64(&text, URL).and_then(|b| String::from_utf8(b).ok()),
        (Function::Escape, "html") => Some(html(&text)),
        (Function::Escape, "json") => Some(json(&text)),
        (Function::Unescape, "html") => Some(unhtml(&text)),
        (Function::Unescape, "json") => Some(unjson(&text)),
        _ => None,
    };
    Ok(result.map(|text| Value::String(Cow::Owned(text))).into())
}

fn base64(bytes: &[u8], letters: &[u8; 64]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, b| (bits << 8) | u32::from(*b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = letters[((bits >> (18 - 6 * place)) & 63) as usize];
            out.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

fn unbase64(text: &str, letters: &[u8; 64]) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes() {
        let value = letters.iter().position(|letter| *letter == byte)?;
        bits = ((bits << 6) | u32::try_from(value).ok()?) & 0xFF_FFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(((bits >> count) & 0xFF) as u8);
        }
    }
    Some(out)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() % 2 == 1 {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn unhtml(text: &str) -> String {
    let names = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&apos;", "'"), ("&amp;", "&")];
    names.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The escapes of JSON read, anything else left as it stands.
fn unjson(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        // As many characters as make an escape that JSON knows: `\n`, `\u00e9`, or a pair of surrogates.
        let read = [2, 6, 12].into_iter().find_map(|length| {
            let escape = rest.get(at..at + length)?;
            let character: String = serde_json::from_str(&format!("\"{escape}\"")).ok()?;
            Some((character, length))
        });
        let (character, length) = read.unwrap_or_else(|| ("\\".to_owned(), 1));
        out.push_str(&character);
        rest = &rest[at + length..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_goes_there_and_back() {
        for text in ["", "a", "ab", "abc", "subjects?_d", "£"] {
            assert_eq!(unbase64(&base64(text.as_bytes(), PLAIN), PLAIN).unwrap(), text.as_bytes());
            assert_eq!(unbase64(&base64(text.as_bytes(), URL), URL).unwrap(), text.as_bytes());
        }
        assert!(unbase64("a*b", PLAIN).is_none());
        assert!(unhex("abc").is_none() && unhex("zz").is_none());
    }
}
