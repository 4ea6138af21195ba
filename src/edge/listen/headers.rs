//! The headers that mean something to us, and those that must not be passed over in silence.

use super::answer::Answer;
use super::inbound::Kept;
use super::{negotiate, refuse};
use hyper::header::{CONTENT_ENCODING, HOST, HeaderName, IF_MATCH};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Version};

/// Refuses a request that does not name its host once (RFC 9112 §3.2), and one that sets a condition: a condition that is
/// not carried out would make a create of what was meant to be none.
///
/// # Errors
/// The answer that refuses it.
pub fn refuse_odd(head: &Parts) -> Result<(), Answer> {
    if negotiate::once(&head.headers, &HOST)?.is_none() && head.version == Version::HTTP_11 {
        return Err(refuse::malformed("header `host` is missing"));
    }
    let conditional = head.headers.contains_key(IF_MATCH) || head.headers.contains_key("if-none-exist");
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

/// What is kept. This list is closed: what is not here is not read.
///
/// # Errors
/// One of them stands twice, is empty, or is too long.
pub fn kept(headers: &HeaderMap) -> Result<Kept, Answer> {
    let key = negotiate::once(headers, &HeaderName::from_static("idempotency-key"))?;
    if key.is_some_and(|k| k.is_empty() || k.len() > 255) {
        return Err(refuse::malformed("header `idempotency-key` is empty or too long"));
    }
    Ok(Kept { idempotency_key: key.map(str::to_owned), correlation_id: uuid(headers, "x-correlation-id") })
}

/// The value of a header, if it is one UUID. Anything else could carry what must not reach a log.
#[must_use]
pub fn uuid(headers: &HeaderMap, name: &'static str) -> Option<String> {
    let text = negotiate::once(headers, &HeaderName::from_static(name)).ok()??;
    let well_formed = text.len() == 36 && uuid::Uuid::try_parse(text).is_ok();
    well_formed.then(|| text.to_ascii_lowercase())
}
