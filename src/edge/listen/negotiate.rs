//! What a body is said to be, and what the caller wants back (R4 HTTP §3.1.0.1.11: `_format` and Accept).

use super::answer::Answer;
use super::inbound::Media;
use super::refuse;
use hyper::HeaderMap;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName};

/// The one value of a header that may stand once.
///
/// # Errors
/// Stands twice, or is no text.
pub fn once<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Answer> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refuse::malformed(&format!("header `{name}` stands twice")));
    }
    let text = first.to_str().map_err(|_| refuse::malformed(&format!("header `{name}` is no plain text")))?;
    Ok(Some(text.trim()))
}

/// A media type split into its name, in lower case, and its parameters.
fn split(text: &str) -> (String, Vec<(String, String)>) {
    let mut parts = text.split(';');
    let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let pairs = parts.filter_map(|p| p.split_once('='));
    let clean = |v: &str| v.trim().trim_matches('"').to_ascii_lowercase();
    (name, pairs.map(|(k, v)| (clean(k), clean(v))).collect())
}

fn is_r4(parameters: &[(String, String)]) -> bool {
    parameters.iter().all(|(k, v)| k != "fhirversion" || v == "4.0" || v.starts_with("4.0."))
}

/// What the body is said to be; only JSON and XML in UTF-8 of FHIR R4, zip, and forms are known.
///
/// # Errors
/// The answer that refuses it.
pub fn media(headers: &HeaderMap, taken: &[Media]) -> Result<Media, Answer> {
    let expected = match taken {
        [Media::Form] => "send `application/x-www-form-urlencoded`",
        list if list.contains(&Media::FhirXml) => {
            "send `application/fhir+json` or `application/fhir+xml` in UTF-8, of FHIR version 4.0"
        }
        list if list.contains(&Media::Zip) => "send `application/zip` or `application/json`, as the format is",
        _ => "send `application/fhir+json` in UTF-8, of FHIR version 4.0",
    };
    let refused = || refuse::wrong_media(expected);
    let text = once(headers, &CONTENT_TYPE)?.ok_or_else(refused)?;
    let (name, parameters) = split(text);
    let known = [Media::FhirJson, Media::Json, Media::FhirXml, Media::Xml, Media::Zip, Media::Form];
    let media = known.into_iter().find(|m| m.text() == name && taken.contains(m)).ok_or_else(refused)?;
    let utf8 = parameters.iter().all(|(k, v)| k != "charset" || v == "utf-8" || v == "utf8");
    if utf8 && is_r4(&parameters) { Ok(media) } else { Err(refused()) }
}

/// In which syntax, and under which of its names, the caller wants to read the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// `application/fhir+json`
    #[default]
    FhirJson,
    /// `application/json`, because the caller knows no other
    Json,
    /// `application/fhir+xml`
    FhirXml,
    /// `application/xml`, because the caller knows no other
    Xml,
}

impl Wanted {
    /// Of a body: whoever says nothing else reads what it writes.
    fn like(media: Option<Media>) -> Wanted {
        match media {
            Some(Media::FhirXml) => Wanted::FhirXml,
            Some(Media::Xml) => Wanted::Xml,
            _ => Wanted::FhirJson,
        }
    }

    fn is_xml(self) -> bool {
        matches!(self, Wanted::FhirXml | Wanted::Xml)
    }
}

/// What the caller wants back. Accept and `_format` must both allow JSON of R4, or XML where the route speaks it. Of
/// several, the one of the highest `q`, then FHIR's own name for JSON, then the first.
///
/// # Errors
/// 406 where either wants something else.
pub fn wanted(
    headers: &HeaderMap,
    format: Option<&str>,
    speaks_xml: bool,
    media: Option<Media>,
) -> Result<Wanted, Answer> {
    let is_spoken = |wanted: &Wanted| speaks_xml || !wanted.is_xml();
    let mut found: Option<(f32, Wanted)> = None;
    let mut asked = false;
    for value in headers.get_all(ACCEPT) {
        let text = value.to_str().map_err(|_| refuse::not_acceptable())?;
        for range in text.split(',').filter(|r| !r.trim().is_empty()) {
            asked = true;
            let Some((quality, wanted)) = range_wanted(range).filter(|(_, w)| is_spoken(w)) else { continue };
            let is_better = found.is_none_or(|(best, kept)| {
                quality > best || (quality >= best && wanted == Wanted::FhirJson && kept == Wanted::Json)
            });
            if is_better {
                found = Some((quality, wanted));
            }
        }
    }
    if asked && found.is_none() {
        return Err(refuse::not_acceptable());
    }
    match format {
        Some(format) => named(format).filter(is_spoken).ok_or_else(refuse::not_acceptable),
        None => Ok(found.map_or_else(|| Wanted::like(media), |(_, wanted)| wanted)),
    }
}

/// How much a range of Accept is wanted, and what it is.
fn range_wanted(range: &str) -> Option<(f32, Wanted)> {
    let (name, parameters) = split(range);
    let quality = parameters.iter().find(|(k, _)| k == "q").and_then(|(_, v)| v.parse::<f32>().ok()).unwrap_or(1.0);
    let wanted = match name.as_str() {
        _ if quality <= 0.0 || !is_r4(&parameters) => return None,
        "*/*" | "application/*" | "application/fhir+json" => Wanted::FhirJson,
        "application/json" | "text/json" => Wanted::Json,
        "application/fhir+xml" => Wanted::FhirXml,
        "application/xml" | "text/xml" => Wanted::Xml,
        _ => return None,
    };
    Some((quality, wanted))
}

/// What `_format` names.
fn named(format: &str) -> Option<Wanted> {
    // A `+` in a query is a space once decoded; callers forget to escape it.
    let (name, parameters) = split(&format.replace(' ', "+"));
    match name.as_str() {
        _ if !is_r4(&parameters) => None,
        "json" | "application/fhir+json" => Some(Wanted::FhirJson),
        "application/json" | "text/json" => Some(Wanted::Json),
        "xml" | "application/fhir+xml" => Some(Wanted::FhirXml),
        "application/xml" | "text/xml" => Some(Wanted::Xml),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn accept_and_format_must_both_allow_json_of_r4() {
        let ask = |accept: &str, format| wanted(&headers(ACCEPT, accept), format, false, None).ok();
        assert_eq!(ask("application/fhir+json", None), Some(Wanted::FhirJson));
        assert_eq!(ask("application/json", None), Some(Wanted::Json));
        assert_eq!(ask("application/fhir+xml, */*;q=0.1", None), Some(Wanted::FhirJson));
        assert_eq!(ask("*/*", Some("application/fhir json")), Some(Wanted::FhirJson));
        assert_eq!(wanted(&HeaderMap::new(), Some("json"), false, None).ok(), Some(Wanted::FhirJson));
        for (accept, format) in [
            ("application/fhir+xml", None),
            ("application/fhir+xml", Some("json")),
            ("application/fhir+json", Some("xml")),
            ("application/fhir+json; fhirVersion=5.0", None),
            ("application/fhir+json;q=0", None),
            ("text/html", None),
        ] {
            assert_eq!(ask(accept, format), None, "{accept} {format:?}");
        }
    }

    #[test]
    fn where_xml_is_spoken_the_caller_chooses_and_says_nothing_to_read_what_it_writes() {
        let ask = |accept: &str, format| wanted(&headers(ACCEPT, accept), format, true, Some(Media::FhirXml)).ok();
        assert_eq!(ask("application/fhir+xml", None), Some(Wanted::FhirXml));
        assert_eq!(ask("text/xml", None), Some(Wanted::Xml));
        assert_eq!(ask("application/fhir+xml;q=0.5, application/fhir+json", None), Some(Wanted::FhirJson));
        assert_eq!(ask("application/fhir+xml, application/fhir+json;q=0.9", None), Some(Wanted::FhirXml));
        assert_eq!(ask("*/*", None), Some(Wanted::FhirJson));
        assert_eq!(ask("*/*", Some("xml")), Some(Wanted::FhirXml));
        assert_eq!(ask("text/html", None), None);
        assert_eq!(wanted(&HeaderMap::new(), None, true, Some(Media::FhirXml)).ok(), Some(Wanted::FhirXml));
        assert_eq!(wanted(&HeaderMap::new(), None, true, Some(Media::FhirJson)).ok(), Some(Wanted::FhirJson));
    }

    #[test]
    fn a_body_must_say_what_it_is_and_be_utf8_of_r4() {
        let taken = [Media::FhirJson, Media::Json];
        let say = |text: &str| media(&headers(CONTENT_TYPE, text), &taken).ok();
        assert_eq!(say("Application/FHIR+json; charset=UTF-8; fhirVersion=4.0"), Some(Media::FhirJson));
        assert_eq!(say("application/json"), Some(Media::Json));
        for wrong in ["application/zip", "text/plain", "application/fhir+xml", "application/json; charset=utf-16", ""] {
            assert_eq!(say(wrong), None, "{wrong}");
        }
        assert_eq!(say("application/fhir+json; fhirVersion=3.0"), None);
        assert_eq!(media(&HeaderMap::new(), &taken).unwrap_err().status, 415);
    }

    #[test]
    fn a_header_that_stands_twice_is_malformed() {
        let mut twice = headers(CONTENT_TYPE, "application/json");
        twice.append(CONTENT_TYPE, "application/zip".parse().unwrap());
        assert_eq!(media(&twice, &[Media::Json]).unwrap_err().status, 400);
    }
}
