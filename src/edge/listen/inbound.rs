//! What came in by the door: one request, read within its limits and not yet understood.

use super::negotiate::Wanted;
use super::routes::Door;
use bytes::Bytes;
use jiff::Timestamp;
use std::fmt;

/// One request. Its Debug says which door and how large, never what (P10).
#[derive(Clone)]
pub struct Inbound {
    /// Ours, or the caller's X-Request-Id where it was well formed. Stands on every answer and log line.
    pub request_id: String,
    /// Which route, with what its path names.
    pub door: Door,
    /// Parameters of the query, and of the form of a `_search`, decoded, in order, without `_format`.
    pub parameters: Vec<(String, String)>,
    /// The headers that mean something to us; no other reaches the walk.
    pub headers: Kept,
    /// Content-Type of the body, where there is one.
    pub media: Option<Media>,
    /// What the caller reads.
    pub wanted: Wanted,
    /// The body, unpacked.
    pub body: Bytes,
    /// When its headers had been read.
    pub received_at: Timestamp,
}

/// The headers that mean something to us.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The sender's own key for this event; a repeat with the same key gets the same answer.
    pub idempotency_key: Option<String>,
    /// X-Correlation-Id, where it was well formed.
    pub correlation_id: Option<String>,
    /// Purpose-Of-Use: codes of v3 ActReason, all of which must hold. Empty: the party's usual purpose.
    pub purposes: Vec<String>,
    /// Declared-Basis: legal bases and statutory exemptions the caller declares, in the words of the site's rules.
    pub declared_bases: Vec<String>,
    /// If-Match, on doors that carry it out.
    pub if_match: Option<String>,
}

/// What a body is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/fhir+json`
    FhirJson,
    /// `application/json`
    Json,
    /// `application/fhir+xml`
    FhirXml,
    /// `application/xml`
    Xml,
    /// `application/zip`
    Zip,
    /// `application/x-www-form-urlencoded`, on `_search` only; already among the parameters.
    Form,
}

impl Media {
    /// Whether it is XML.
    #[must_use]
    pub fn is_xml(self) -> bool {
        matches!(self, Media::FhirXml | Media::Xml)
    }

    /// As Content-Type writes it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Media::FhirJson => "application/fhir+json",
            Media::Json => "application/json",
            Media::FhirXml => "application/fhir+xml",
            Media::Xml => "application/xml",
            Media::Zip => "application/zip",
            Media::Form => "application/x-www-form-urlencoded",
        }
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbound({}, {}, {} bytes)", self.request_id, self.door.name(), self.body.len())
    }
}
