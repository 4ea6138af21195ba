//! The way out: what `redact` released, to the recipient it was released for, by HTTPS.
//!
//! Comes in: a [`Releasable`] (which only `redact` makes) and a [`Departure`] (which only the store makes, once the intent
//! is in the trail). Goes out: a [`Receipt`], or a [`Failure`] that says whether to try again. Refused: a record that was
//! released for somebody else or under other choices, redirects, proxies from the environment, plain HTTP, answers larger
//! than we asked for, an OperationOutcome with an error behind a status of 200.

mod answer;
mod patience;
#[cfg(test)]
mod peers;

pub use patience::Patience;

use crate::config::Secret;
use crate::edge::clock::Clock;
use crate::edge::store::Departure;
use crate::pure::map::{Loss, Mapping, to_local, write};
use crate::pure::parse::Syntax;
use crate::pure::redact::Releasable;
use jiff::Timestamp;
use openssl::x509::X509;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Identity, redirect};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a recipient takes.
#[derive(Clone, Debug)]
pub enum Form {
    /// FHIR R4 JSON.
    Fhir,
    /// Its own format, by this mapping.
    Local(Arc<Mapping>),
}

/// Where a recipient takes things, and how it knows us.
#[derive(Clone)]
pub struct Endpoint {
    /// The recipient's id in the configuration.
    pub recipient: String,
    /// The id of the party whose system it is: what is sent must have been released for it.
    pub party: String,
    /// Where to POST, `https://…`.
    pub url: String,
    /// What it takes.
    pub form: Form,
    /// Certificate authorities that may vouch for it, PEM; the system's when empty.
    pub authorities: Vec<Vec<u8>>,
    /// Our client certificate (chain) and private key (PKCS #8), PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Sent as `Authorization: Bearer …`.
    pub bearer: Option<Secret>,
    /// How long an attempt may take in all.
    pub timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// The largest answer that is read, in bytes.
    pub answer_limit: usize,
}

impl fmt::Debug for Endpoint {
    /// Without the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({} at {})", self.recipient, self.url)
    }
}

/// Proof of delivery, as far as HTTP can prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// HTTP status.
    pub status: u16,
    /// What the recipient calls what it made of it (Location), where it says so.
    pub location: Option<String>,
    /// When it answered.
    pub at: Timestamp,
    /// SHA-256 of the body sent.
    pub digest: [u8; 32],
    /// Bytes sent.
    pub bytes: usize,
    /// What the recipient's format could not carry.
    pub loss: Vec<Loss>,
}

/// Why it did not arrive, or may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether trying again can help: 408, 425, 429, 5xx, trouble with the connection. Where not, a person has to look.
    pub again: bool,
    /// Whether it may have arrived all the same: the connection broke after the request was sent.
    pub unanswered: bool,
    /// What the recipient asked us to wait, at most a day.
    pub after: Option<Duration>,
    /// Why, without values of the record.
    pub reason: String,
}

impl Failure {
    fn for_good(reason: impl Into<String>) -> Failure {
        Failure { again: false, unanswered: false, after: None, reason: reason.into() }
    }
}

/// Sends to one recipient. Keeps its connections.
pub struct Sender {
    endpoint: Endpoint,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({:?})", self.endpoint)
    }
}

impl Sender {
    /// A sender to this endpoint.
    ///
    /// # Errors
    /// Words for the operator: a certificate or key that cannot be read.
    pub fn new(endpoint: Endpoint, clock: Arc<dyn Clock>) -> Result<Sender, String> {
        let client = client(&endpoint)?;
        Ok(Sender { endpoint, client, clock })
    }

    /// The recipient's id.
    #[must_use]
    pub fn recipient(&self) -> &str {
        &self.endpoint.recipient
    }

    /// Sends it once.
    ///
    /// # Errors
    /// A failure, classed.
    pub async fn deliver(&self, releasable: &Releasable, departure: &Departure) -> Result<Receipt, Failure> {
        let message = departure.message();
        if releasable.recipient() != self.endpoint.party || self.endpoint.recipient != message.recipient {
            return Err(Failure::for_good("the record was released for another recipient"));
        }
        if releasable.epoch() != departure.epoch() {
            return Err(Failure::for_good("the record was released under other choices"));
        }
        let (body, media_type, loss) = self.body(releasable)?;
        let (digest, bytes) = (openssl::sha::sha256(&body), body.len());
        let headers = headers(media_type, &message.id, &message.request, self.endpoint.bearer.as_ref());
        let (status, location) = self.post(headers, body).await?;
        Ok(Receipt { status, location, at: self.clock.now(), digest, bytes, loss })
    }

    async fn post(&self, headers: HeaderMap, body: Vec<u8>) -> Result<(u16, Option<String>), Failure> {
        let request = self.client.post(&self.endpoint.url).headers(headers).body(body);
        let response = request.send().await.map_err(|error| answer::unsent(&error))?;
        answer::judge(response, self.endpoint.answer_limit, self.clock.now()).await
    }

    fn body(&self, releasable: &Releasable) -> Result<(Vec<u8>, &'static str, Vec<Loss>), Failure> {
        let bundle = releasable.bundle().root();
        let Form::Local(mapping) = &self.endpoint.form else {
            return Ok((bundle.to_json().into_bytes(), "application/fhir+json", Vec::new()));
        };
        let ids = |report: &crate::pure::fhir::Report| {
            let ids: Vec<&str> = report.issues.iter().filter(|i| i.is_error()).map(|i| i.id.as_ref()).collect();
            Failure::for_good(format!("the record cannot be put into format `{}`: {}", mapping.name(), ids.join(", ")))
        };
        let local = to_local(bundle, mapping, None).map_err(|report| ids(&report))?;
        let bytes = write(&local, mapping).map_err(|report| ids(&report))?;
        let media_type = match mapping.syntax() {
            Syntax::FhirJson => "application/fhir+json",
            Syntax::Json(_) => "application/json",
            Syntax::CsvZip(_) => "application/zip",
        };
        Ok((bytes, media_type, local.loss))
    }
}

/// The same at every attempt, so that the recipient can tell a repeat.
fn headers(media_type: &'static str, message: &str, request: &str, bearer: Option<&Secret>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(ACCEPT, HeaderValue::from_static("application/fhir+json, application/json;q=0.9"));
    for (name, value) in [("idempotency-key", message), ("x-request-id", request)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if let Some(bearer) = bearer
        && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", bearer.reveal()))
    {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    headers
}

fn client(endpoint: &Endpoint) -> Result<Client, String> {
    let of = |what: &str| format!("recipient `{}`: {what}", endpoint.recipient);
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .https_only(true)
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .timeout(endpoint.timeout)
        .connect_timeout(endpoint.connect_timeout)
        .pool_idle_timeout(Duration::from_secs(60))
        .referer(false)
        .user_agent(concat!("sharewell/", env!("CARGO_PKG_VERSION")));
    if !endpoint.authorities.is_empty() {
        let mut trusted = Vec::new();
        for pem in &endpoint.authorities {
            let chain = X509::stack_from_pem(pem).map_err(|_| of("an authority's certificate cannot be read"))?;
            for certificate in chain {
                let der = certificate.to_der().map_err(|_| of("an authority's certificate cannot be read"))?;
                let read = Certificate::from_der(&der).map_err(|_| of("an authority's certificate cannot be used"))?;
                trusted.push(read);
            }
        }
        if trusted.is_empty() {
            return Err(of("the file of authorities holds no certificate"));
        }
        builder = builder.tls_certs_only(trusted);
    }
    if let Some((certificate, key)) = &endpoint.identity {
        let identity = Identity::from_pkcs8_pem(certificate, key);
        builder = builder.identity(identity.map_err(|_| of("our certificate or its key cannot be read"))?);
    }
    builder.build().map_err(|error| of(&format!("no connection can be prepared: {error}")))
}
