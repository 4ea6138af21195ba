//! The route table: every way in, in one place, with the right it asks for.
//!
//! Matching, the CapabilityStatement and the coverage tests all read [`ROUTES`]; there is no other list and no exception
//! elsewhere. A public route is a row like any other.

use super::inbound::Media;
use crate::config::Right;
use crate::pure::register::Kind;
use hyper::Method;

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
        /// Resource type, one of [`ASKED`].
        kind: String,
    },
    /// `GET /fhir/{type}/{id}`
    Read {
        /// Resource type, one of [`ASKED`].
        kind: String,
        /// Logical id.
        id: String,
    },
    /// `PUT /fhir/Consent/{id}`
    Update {
        /// Logical id.
        id: String,
    },
    /// `DELETE /fhir/Consent/{id}`
    Withdraw {
        /// Logical id.
        id: String,
    },
    /// `POST /fhir/Consent/{id}/$confirm`
    Confirm {
        /// Logical id.
        id: String,
    },
    /// `GET /fhir/Consent/{id}/_history`
    History {
        /// Logical id.
        id: String,
    },
    /// `GET /fhir/Consent/{id}/_history/{version}`
    Version {
        /// Logical id.
        id: String,
        /// Version id, as the path has it.
        version: String,
    },
    /// `POST /fhir/$validate`, `POST /fhir/{type}/$validate` and `POST /fhir/{type}/{id}/$validate`
    Validate {
        /// Resource type, where the path names one.
        kind: Option<String>,
        /// Logical id, where the path names one.
        id: Option<String>,
    },
    /// `GET` and `POST /fhir/Consent/$explain`
    Explain,
    /// `GET` and `POST /fhir/CarePlan/$preview`
    Preview,
    /// `POST` and `GET /register/{kind}`, `DELETE /register/{kind}/{id}`
    Register {
        /// What is to be done.
        deed: Deed,
        /// Kind of fact.
        kind: Kind,
        /// Id of the fact, where one is to be ended.
        id: Option<String>,
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

/// What is done with the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Record a fact.
    Record,
    /// Read what is on record.
    Read,
    /// End a fact. It stays readable.
    End,
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
            Door::Update { .. } => "update",
            Door::Withdraw { .. } => "withdraw",
            Door::Confirm { .. } => "confirm",
            Door::History { .. } => "history",
            Door::Version { .. } => "version",
            Door::Validate { .. } => "validate",
            Door::Explain => "explain",
            Door::Preview => "preview",
            Door::Register { .. } => "register",
            Door::Metadata => "metadata",
            Door::Health => "health",
            Door::Ready => "ready",
            Door::Metrics => "metrics",
        }
    }

    /// What its body may be; nothing where it takes none.
    #[must_use]
    pub fn takes(&self, method: &Method) -> &'static [Media] {
        match self {
            Door::Local { .. } => &[Media::Zip, Media::Json, Media::FhirJson],
            Door::Bundle | Door::Create { .. } | Door::Update { .. } | Door::Confirm { .. } => {
                &[Media::FhirJson, Media::Json]
            }
            Door::Validate { .. } => &[Media::FhirJson, Media::Json, Media::FhirXml, Media::Xml],
            Door::Search { .. } if *method == Method::POST => &[Media::Form],
            Door::Explain | Door::Preview if *method == Method::POST => &[Media::FhirJson, Media::Json],
            Door::Register { deed: Deed::Record, .. } => &[Media::Json],
            _ => &[],
        }
    }

    /// Whether it can be asked without a body, by parameters alone.
    #[must_use]
    pub fn may_have_no_body(&self) -> bool {
        matches!(self, Door::Validate { .. })
    }

    /// Whether its answers come in XML too.
    #[must_use]
    pub fn speaks_xml(&self) -> bool {
        let asks = matches!(self, Door::Search { .. } | Door::Read { .. });
        asks || matches!(self, Door::Validate { .. } | Door::History { .. } | Door::Version { .. })
    }

    /// Whether it carries out `If-Match`: it changes a sharing choice that has versions.
    #[must_use]
    pub fn has_versions(&self) -> bool {
        matches!(self, Door::Update { .. } | Door::Withdraw { .. } | Door::Confirm { .. })
    }

    /// Whether its answers are FHIR, so that Accept and `_format` have a say.
    #[must_use]
    pub fn speaks_fhir(&self) -> bool {
        !matches!(self, Door::Health | Door::Ready | Door::Metrics)
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

/// The resource types that can be read and searched.
pub const ASKED: [&str; 3] = ["CarePlan", "Goal", "Consent"];

/// One way in.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method; HEAD goes where GET goes.
    pub method: Method,
    /// The path; `{format}`, `{type}`, `{asked}`, `{kind}`, `{id}` and `{version}` stand for one segment each.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    door: fn(&mut Segments) -> Option<Door>,
}

/// What the placeholders of a path matched, in order.
type Segments = std::vec::IntoIter<String>;

const fn row(method: Method, path: &'static str, access: Access, door: fn(&mut Segments) -> Option<Door>) -> Route {
    Route { method, path, access, door }
}

/// Every way in.
pub static ROUTES: [Route; 29] = [
    row(Method::POST, "/local/{format}", Access::With(Right::Send), |s| Some(Door::Local { format: s.next()? })),
    row(Method::POST, "/fhir", Access::With(Right::Send), |_| Some(Door::Bundle)),
    row(Method::GET, "/fhir/metadata", Access::Known, |_| Some(Door::Metadata)),
    row(Method::POST, "/fhir/$validate", Access::With(Right::Validate), |_| {
        Some(Door::Validate { kind: None, id: None })
    }),
    row(Method::POST, "/fhir/Consent", Access::With(Right::Choose), |_| Some(Door::Create { kind: "Consent".into() })),
    row(Method::PUT, "/fhir/Consent/{id}", Access::With(Right::Choose), |s| Some(Door::Update { id: s.next()? })),
    row(Method::DELETE, "/fhir/Consent/{id}", Access::With(Right::Choose), |s| Some(Door::Withdraw { id: s.next()? })),
    row(Method::GET, "/fhir/Consent/$explain", Access::With(Right::Explain), |_| Some(Door::Explain)),
    row(Method::POST, "/fhir/Consent/$explain", Access::With(Right::Explain), |_| Some(Door::Explain)),
    row(Method::GET, "/fhir/CarePlan/$preview", Access::With(Right::Explain), |_| Some(Door::Preview)),
    row(Method::POST, "/fhir/CarePlan/$preview", Access::With(Right::Explain), |_| Some(Door::Preview)),
    row(Method::POST, "/fhir/Consent/{id}/$confirm", Access::With(Right::Choose), |s| {
        Some(Door::Confirm { id: s.next()? })
    }),
    row(Method::GET, "/fhir/Consent/{id}/_history", Access::With(Right::Ask), |s| {
        Some(Door::History { id: s.next()? })
    }),
    row(Method::GET, "/fhir/Consent/{id}/_history/{version}", Access::With(Right::Ask), |s| {
        Some(Door::Version { id: s.next()?, version: s.next()? })
    }),
    row(Method::POST, "/fhir/{type}", Access::With(Right::Send), |s| Some(Door::Create { kind: s.next()? })),
    row(Method::GET, "/fhir/{asked}", Access::With(Right::Ask), |s| Some(Door::Search { kind: s.next()? })),
    row(Method::POST, "/fhir/{asked}/_search", Access::With(Right::Ask), |s| Some(Door::Search { kind: s.next()? })),
    row(Method::POST, "/fhir/{type}/$validate", Access::With(Right::Validate), |s| {
        Some(Door::Validate { kind: Some(s.next()?), id: None })
    }),
    row(Method::POST, "/fhir/{type}/{id}/$validate", Access::With(Right::Validate), |s| {
        Some(Door::Validate { kind: Some(s.next()?), id: Some(s.next()?) })
    }),
    row(Method::GET, "/fhir/{asked}/{id}", Access::With(Right::Ask), |s| {
        Some(Door::Read { kind: s.next()?, id: s.next()? })
    }),
    row(Method::POST, "/register/emergency", Access::With(Right::Ask), |_| emergency(Deed::Record, None)),
    row(Method::GET, "/register/emergency", Access::With(Right::Ask), |_| emergency(Deed::Read, None)),
    row(Method::DELETE, "/register/emergency/{id}", Access::With(Right::Ask), |s| {
        emergency(Deed::End, Some(s.next()?))
    }),
    row(Method::POST, "/register/{kind}", Access::With(Right::Record), |s| register(Deed::Record, s)),
    row(Method::GET, "/register/{kind}", Access::With(Right::Record), |s| register(Deed::Read, s)),
    row(Method::DELETE, "/register/{kind}/{id}", Access::With(Right::Record), |s| register(Deed::End, s)),
    row(Method::GET, "/healthz", Access::Public, |_| Some(Door::Health)),
    row(Method::GET, "/readyz", Access::Public, |_| Some(Door::Ready)),
    row(Method::GET, "/metrics", Access::With(Right::Operate), |_| Some(Door::Metrics)),
];

fn emergency(deed: Deed, id: Option<String>) -> Option<Door> {
    Some(Door::Register { deed, kind: Kind::Emergency, id })
}

fn register(deed: Deed, segments: &mut Segments) -> Option<Door> {
    let kind = Kind::from_word(&segments.next()?)?;
    Some(Door::Register { deed, kind, id: segments.next() })
}

/// Where a method and a path lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// Here, with who may use it.
    Route(Door, Access),
    /// The path is known, for the methods of this Allow header.
    Methods(String),
    /// Nowhere.
    Nowhere,
}

/// Finds the route. Only `%24` is decoded (some clients escape `$`); no other escape leads anywhere.
#[must_use]
pub fn find(method: &Method, path: &str) -> Match {
    let path = path.replace("%24", "$");
    let wanted = if method == Method::HEAD { &Method::GET } else { method };
    let mut allowed = Vec::new();
    for route in &ROUTES {
        let Some(segments) = segments(route.path, &path) else { continue };
        if route.method == *wanted
            && let Some(door) = (route.door)(&mut segments.into_iter())
        {
            return Match::Route(door, route.access);
        }
        if !allowed.contains(&route.method.as_str()) {
            allowed.push(route.method.as_str());
        }
        if route.method == Method::GET && !allowed.contains(&"HEAD") {
            allowed.push("HEAD");
        }
    }
    if allowed.is_empty() {
        return Match::Nowhere;
    }
    allowed.push("OPTIONS");
    Match::Methods(allowed.join(", "))
}

/// What the placeholders match, if the path fits the pattern. A slash at the end is forgiven.
fn segments(pattern: &str, path: &str) -> Option<Vec<String>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut found = Vec::new();
    let mut parts = path.split('/');
    for expected in pattern.split('/') {
        let part = parts.next()?;
        let fits = match expected {
            "{format}" => is_format(part),
            "{type}" => is_type(part),
            "{asked}" => ASKED.contains(&part),
            // an emergency has rows of its own: who asks declares it, nobody records it for them
            "{kind}" => Kind::from_word(part).is_some_and(|kind| kind != Kind::Emergency),
            "{id}" | "{version}" => is_id(part),
            literal => literal == part,
        };
        if !fits {
            return None;
        }
        if expected.starts_with('{') {
            found.push(part.to_owned());
        }
    }
    parts.next().is_none().then_some(found)
}

/// Whether a name can be a mapping's.
#[must_use]
pub fn is_format(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    plain && (1..=64).contains(&name.len()) && !name.starts_with('-')
}

fn is_type(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Whether this is an `id` (R4 datatypes), and not a way up in somebody's path.
#[must_use]
pub fn is_id(id: &str) -> bool {
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    plain && (1..=64).contains(&id.len()) && !id.bytes().all(|b| b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn door(method: Method, path: &str) -> Option<Door> {
        match find(&method, path) {
            Match::Route(door, _) => Some(door),
            _ => None,
        }
    }

    #[test]
    fn paths_lead_to_their_doors() {
        let kind = "CarePlan".to_owned();
        assert_eq!(door(Method::POST, "/fhir/"), Some(Door::Bundle));
        assert_eq!(door(Method::POST, "/local/care-act"), Some(Door::Local { format: "care-act".into() }));
        assert_eq!(door(Method::GET, "/fhir/CarePlan"), Some(Door::Search { kind: kind.clone() }));
        assert_eq!(door(Method::POST, "/fhir/CarePlan/_search"), Some(Door::Search { kind: kind.clone() }));
        assert_eq!(door(Method::HEAD, "/fhir/CarePlan/a.1"), Some(Door::Read { kind: kind.clone(), id: "a.1".into() }));
        assert_eq!(door(Method::POST, "/fhir/%24validate"), Some(Door::Validate { kind: None, id: None }));
        assert_eq!(
            door(Method::POST, "/fhir/CarePlan/$validate"),
            Some(Door::Validate { kind: Some(kind.clone()), id: None })
        );
        assert_eq!(door(Method::POST, "/fhir/Consent"), Some(Door::Create { kind: "Consent".into() }));
        assert_eq!(door(Method::PUT, "/fhir/Consent/a"), Some(Door::Update { id: "a".into() }));
        assert_eq!(door(Method::DELETE, "/fhir/Consent/a"), Some(Door::Withdraw { id: "a".into() }));
        assert_eq!(door(Method::POST, "/fhir/Consent/a/$confirm"), Some(Door::Confirm { id: "a".into() }));
        assert_eq!(door(Method::GET, "/fhir/Consent/a/_history"), Some(Door::History { id: "a".into() }));
        let version = Door::Version { id: "a".into(), version: "2".into() };
        assert_eq!(door(Method::GET, "/fhir/Consent/a/_history/2"), Some(version));
        let at = door(Method::POST, "/fhir/CarePlan/a.1/$validate");
        assert_eq!(at, Some(Door::Validate { kind: Some(kind), id: Some("a.1".into()) }));
    }

    #[test]
    fn odd_paths_lead_nowhere() {
        for path in [
            "",
            "/",
            "//",
            "/fhir//",
            "/FHIR",
            "/fhir/careplan",
            "/fhir/CarePlan/..",
            "/fhir/CarePlan/%2e%2e",
            "/fhir/Patient",
            "/fhir/CarePlan/a/b",
            "/fhir/CarePlan/a/_history",
            "/fhir/Consent/_history",
            "/fhir/CarePlan/a%00",
            "/local/",
            "/local/../x",
            "/local/A",
            "/healthz/x",
            "*",
            "/fhir/Patient/1",
            "/register",
            "/register/secrets",
            "/register/emergency/x",
        ] {
            assert_eq!(door(Method::GET, path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_answered(method in "[A-Z]{1,7}", path in "[/a-zA-Z$%_{}.0-9-]{0,40}|.{0,40}") {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            if let Match::Route(Door::Read { id, .. }, access) = find(&method, &path) {
                prop_assert!(is_id(&id) && access == Access::With(Right::Ask));
            }
        }
    }

    #[test]
    fn a_known_path_tells_its_methods() {
        assert_eq!(find(&Method::DELETE, "/fhir/CarePlan"), Match::Methods("POST, GET, HEAD, OPTIONS".into()));
        assert_eq!(find(&Method::PUT, "/fhir"), Match::Methods("POST, OPTIONS".into()));
        assert_eq!(find(&Method::GET, "/nowhere"), Match::Nowhere);
    }
}
