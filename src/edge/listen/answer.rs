//! What goes out by the door.

use crate::pure::fhir::{Issue, Report, Tree};
use bytes::Bytes;
use hyper::StatusCode;
use std::fmt;

/// One answer: status, headers, body. Its Debug never shows the body (P10).
#[derive(Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Content-Type.
    pub media: &'static str,
    /// Further headers; those of security, length and request id are added at the door.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// Content-Type of FHIR.
pub const FHIR_JSON: &str = "application/fhir+json; fhirVersion=4.0";
/// The same in XML.
pub const FHIR_XML: &str = "application/fhir+xml; fhirVersion=4.0";
/// XML for callers that know no other name for it.
pub const XML: &str = "application/xml; charset=utf-8";

impl Answer {
    /// Bytes of a media type.
    #[must_use]
    pub fn bytes(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Answer {
        Answer { status, media, headers: Vec::new(), body: body.into() }
    }

    /// A resource.
    #[must_use]
    pub fn fhir(status: StatusCode, resource: &Tree) -> Answer {
        Answer::bytes(status, FHIR_JSON, resource.root().to_json())
    }

    /// A report as an OperationOutcome.
    #[must_use]
    pub fn outcome(status: StatusCode, report: &Report) -> Answer {
        Answer::fhir(status, &report.outcome())
    }

    /// One finding as an OperationOutcome.
    #[must_use]
    pub fn issue(status: StatusCode, issue: Issue) -> Answer {
        Answer::outcome(status, &Report::from(issue))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}
