//! The headers that mean something to us, and those that must not be passed over in silence.

use super::answer::Answer;
use super::inbound::Kept;
use super::routes::Door;
use super::{negotiate, refuse};
use hyper::header::{CONTENT_ENCODING, HOST, HeaderName, IF_MATCH};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Version};

/// Refuses a request that does not name its host once (RFC 9112 §3.2), and one that sets a condition this door does not
/// carry out: it would make a create of what was meant to be none.
///
/// # Errors
/// The answer that refuses it.
pub fn refuse_odd(head: &Parts, door: &Door) -> Result<(), Answer> {
    if negotiate::once(&head.headers, &HOST)?.is_none() && head.version == Version::HTTP_11 {
        return Err(refuse::malformed("header `host` is missing"));
    }
    let unmatched = head.headers.contains_key(IF_MATCH) && !door.has_versions();
    let conditional = unmatched || head.headers.contains_key("if-none-exist");
    if conditional { Err(refuse::conditional()) } else { Ok(()) }
}

/// Whether the body is gzip.
///
/// # Errors
/// It is packed in another way.
pub fn is_packed(headers: &HeaderMap) -> Result<bool, Answer> {
    match negotiate::once(headers, &CONTENT_ENCODING)?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => Ok(false),
        Some("gzip" | "x-gzip") => Ok(true),
        Some(_) => Err(refuse::wrong_encoding()),
    }
}

/// The most codes that one header may list.
const CODES: usize = 8;

/// What is kept. This list is closed: what is not here is not read.
///
/// # Errors
/// One of them stands twice, is empty, is too long, or is not a list of codes where it should be.
pub fn kept(headers: &HeaderMap) -> Result<Kept, Answer> {
    let key = negotiate::once(headers, &HeaderName::from_static("idempotency-key"))?;
    if key.is_some_and(|k| k.is_empty() || k.len() > 255) {
        return Err(refuse::malformed("header `idempotency-key` is empty or too long"));
    }
    Ok(Kept {
        idempotency_key: key.map(str::to_owned),
        correlation_id: uuid(headers, "x-correlation-id"),
        if_match: negotiate::once(headers, &IF_MATCH)?.map(str::to_owned),
        purposes: codes(headers, "purpose-of-use", |b| b.is_ascii_uppercase())?,
        declared_bases: codes(headers, "declared-basis", |b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
        })?,
    })
}

/// The codes of a header, separated by commas, each once; none where it is absent. Whether they mean anything is not
/// asked here: an unknown purpose is for `decide` to refuse, so that nobody learns which ones there are.
fn codes(headers: &HeaderMap, name: &'static str, plain: impl Fn(u8) -> bool) -> Result<Vec<String>, Answer> {
    let Some(text) = negotiate::once(headers, &HeaderName::from_static(name))? else { return Ok(Vec::new()) };
    let mut found: Vec<String> = Vec::new();
    for code in text.split(',').map(str::trim) {
        let is_code = (2..=64).contains(&code.len()) && code.bytes().all(&plain);
        if !is_code || found.len() == CODES || found.iter().any(|f| f == code) {
            return Err(refuse::malformed(&format!("header `{name}` is no list of up to {CODES} different codes")));
        }
        found.push(code.to_owned());
    }
    Ok(found)
}

/// The value of a header, if it is one UUID. Anything else could carry what must not reach a log.
#[must_use]
pub fn uuid(headers: &HeaderMap, name: &'static str) -> Option<String> {
    let text = negotiate::once(headers, &HeaderName::from_static(name)).ok()??;
    let well_formed = text.len() == 36 && uuid::Uuid::try_parse(text).is_ok();
    well_formed.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn purposes(text: &str) -> Option<Vec<String>> {
        let mut headers = HeaderMap::new();
        headers.insert("purpose-of-use", HeaderValue::from_str(text).unwrap());
        kept(&headers).ok().map(|k| k.purposes)
    }

    #[test]
    fn a_purpose_is_a_code_or_several_and_nothing_else() {
        assert_eq!(purposes("TREAT"), Some(vec!["TREAT".to_owned()]));
        assert_eq!(purposes(" TREAT , COC"), Some(vec!["TREAT".to_owned(), "COC".to_owned()]));
        for wrong in ["", "treat", "TREAT,", "TREAT;COC", "TREAT,TREAT", "T", "TREAT COC", "http://x|TREAT"] {
            assert_eq!(purposes(wrong), None, "{wrong}");
        }
        assert_eq!(purposes(&["AA", "AB", "AC", "AD", "AE", "AF", "AG", "AH", "AI"].join(",")), None);
        assert_eq!(kept(&HeaderMap::new()).unwrap().purposes, Vec::<String>::new());
    }

    #[test]
    fn a_basis_is_a_word_of_the_rules_and_stands_once() {
        let mut headers = HeaderMap::new();
        headers.insert("declared-basis", HeaderValue::from_static("s251, gra-2005-635"));
        assert_eq!(kept(&headers).unwrap().declared_bases, ["s251", "gra-2005-635"]);
        headers.append("declared-basis", HeaderValue::from_static("law"));
        assert!(kept(&headers).is_err());
    }
}
