//! The way out: what `redact` released, to the recipient it was released for, by HTTPS.
//!
//! Comes in: a `Releasable` (which only `redact` makes) and a [`Departure`](crate::edge::store::Departure) (which only
//! the store makes, once the intent is in the trail). Goes out: a [`Receipt`], or a [`Failure`] that says whether to try
//! again. Refused: redirects, proxies from the environment, answers larger than we asked for, an OperationOutcome with
//! an error behind a status of 200.

use jiff::Timestamp;
use std::time::Duration;

/// Where a recipient takes things, and how it knows us.
#[derive(Clone)]
pub struct Endpoint {
    /// The recipient's id in the configuration.
    pub recipient: String,
    /// Where to POST: `https://…/fhir` for FHIR, the full URL for a local format.
    pub url: String,
    /// Certificate authorities that may vouch for it, PEM; the system's when empty.
    pub authorities: Vec<Vec<u8>>,
    /// Our client certificate (chain) and private key (PKCS #8), PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// How long an attempt may take in all.
    pub timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// The largest answer that is read, in bytes.
    pub answer_limit: usize,
}

impl std::fmt::Debug for Endpoint {
    /// Without the private key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
}

/// Why it did not arrive, or may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether trying again can help (domain: 408, 425, 429, 5xx, connection trouble), or a person has to look.
    pub again: bool,
    /// Whether it may have arrived all the same: the connection broke after the request was sent.
    pub unanswered: bool,
    /// What the recipient asked us to wait, at most a day.
    pub after: Option<Duration>,
    /// Why, without values of the record.
    pub reason: String,
}
