//! The route table: every way in, in one place, with the right it asks for.
//!
//! Matching, the CapabilityStatement and the coverage tests all read [`ROUTES`]; there is no other list and no exception
//! elsewhere. A public route is a row like any other.

use crate::config::Right;

/// Which route a request came by, with what its path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// `POST /local/{format}`
    Local {
        /// Name of the mapping.
        format: String,
    },
    /// `POST /fhir`: a Bundle or any resource.
    Bundle,
    /// `POST /fhir/{type}`
    Create {
        /// Resource type.
        kind: String,
    },
    /// `GET /fhir/{type}` and `POST /fhir/{type}/_search`
    Search {
        /// Resource type.
        kind: String,
    },
    /// `GET /fhir/{type}/{id}`
    Read {
        /// Resource type.
        kind: String,
        /// Logical id.
        id: String,
    },
    /// `POST /fhir/$validate` and `POST /fhir/{type}/$validate`
    Validate {
        /// Resource type, where the path names one.
        kind: Option<String>,
    },
    /// `GET /fhir/metadata`
    Metadata,
    /// `GET /healthz`
    Health,
    /// `GET /readyz`
    Ready,
    /// `GET /metrics`
    Metrics,
}

impl Door {
    /// Its name in logs and metrics; holds nothing of the path.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Door::Local { .. } => "local",
            Door::Bundle => "bundle",
            Door::Create { .. } => "create",
            Door::Search { .. } => "search",
            Door::Read { .. } => "read",
            Door::Validate { .. } => "validate",
            Door::Metadata => "metadata",
            Door::Health => "health",
            Door::Ready => "ready",
            Door::Metrics => "metrics",
        }
    }
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without a certificate.
    Public,
    /// Any party we know.
    Known,
    /// A party with this right.
    With(Right),
}
