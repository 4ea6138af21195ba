//! The configuration: text in, [`Config`] or every mistake at once out.
//!
//! One file says what is connected to what: who may call (parties and their certificates), where records go (recipients),
//! where they are asked for (sources), and the limits. Comes in: TOML and a way to look at files. Goes out: [`Config`],
//! with every path absolute and every reference known, or a `Report` with file, line, column and remedy for each mistake.
//! Secrets stand in files of their own or in the environment, never in this text, and never in a log: [`Secret`] is mute.

mod check;
mod limits;
mod load;
pub mod read;
mod section;
mod who;
mod words;

pub use limits::Limits;
pub use load::load;
pub use read::{Surroundings, read};

use crate::pure::decide::Party as Identity;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// All that an operator decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are, to those we write to.
    pub gateway: Gateway,
    /// The front door.
    pub listen: Listen,
    /// Where records, outbox and audit are kept.
    pub store: Store,
    /// Folders that replace what is embedded in the binary.
    pub folders: Folders,
    /// Who may call, and who may receive.
    pub parties: Vec<Arc<Party>>,
    /// Where records are delivered.
    pub recipients: Vec<Recipient>,
    /// Systems of record that questions are put to.
    pub sources: Vec<Source>,
    /// How we talk to the operator.
    pub log: Log,
}

/// Who we are.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Name, as AuditEvent.source and Provenance show it.
    pub name: String,
    /// Identifier system of the organisation that runs us.
    pub system: String,
    /// Identifier value of the organisation that runs us (an ODS code).
    pub value: String,
    /// Our address as others see it, without a slash at the end: `https://gateway.example`.
    pub base: String,
}

/// The front door.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Our certificate and the authorities whose clients we trust.
    pub tls: ServerTls,
    /// What a caller may cost us.
    pub limits: Limits,
}

/// TLS as a server.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// Certificate chain, PEM, ours first.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// Authorities of client certificates, PEM.
    pub client_authorities: PathBuf,
    /// Revoked client certificates, a PEM file of CRLs; when given, each client certificate must be covered by one.
    pub client_revocations: Option<PathBuf>,
    /// Refuse everything below TLS 1.3; otherwise below TLS 1.2.
    pub only_1_3: bool,
}

/// Where records, outbox and audit are kept.
#[derive(Clone, Debug)]
pub struct Store {
    /// The SQLite database; made if it does not exist.
    pub path: PathBuf,
}

/// Folders that replace what is embedded in the binary. `None`: the embedded files.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    /// One folder per local format.
    pub mappings: Option<PathBuf>,
    /// Further FHIR packages.
    pub profiles: Option<PathBuf>,
    /// Site rules.
    pub sharing: Option<PathBuf>,
}

/// An organisation or a person's app that we know.
#[derive(Clone, Debug)]
pub struct Party {
    /// Who it is, in the words that decisions use.
    pub identity: Identity,
    /// Which client certificates are its own.
    pub certificates: Vec<CertificateMatch>,
    /// What it may do.
    pub may: Vec<Right>,
    /// Local formats it may send; `fhir` among them where it may post to `/fhir`.
    pub sends: Vec<String>,
    /// Identifier system and value it is known by first; for Provenance and AuditEvent.
    pub identifier: (String, String),
}

/// What a party may do. Whether it may have a given person's data is another question, and `decide` answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Post records.
    Send,
    /// Record, change and withdraw sharing choices, and say how one is meant.
    Choose,
    /// Read and search.
    Ask,
    /// Have a record checked, nothing stored.
    Validate,
    /// Record in the register what is known of a person besides their choices, and read it there.
    Record,
    /// Have decisions explained and copies previewed: the person's own app, or the IG team.
    Explain,
    /// Read the metrics.
    Operate,
}

impl Right {
    /// All of them, in the order of the documentation.
    pub const ALL: [Right; 7] =
        [Right::Send, Right::Choose, Right::Ask, Right::Validate, Right::Record, Right::Explain, Right::Operate];

    /// Its word in the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Right::Send => "send",
            Right::Choose => "choose",
            Right::Ask => "ask",
            Right::Validate => "validate",
            Right::Record => "record",
            Right::Explain => "explain",
            Right::Operate => "operate",
        }
    }
}

/// How a client certificate is known to be a party's. It must also be signed by a configured authority.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CertificateMatch {
    /// `dns:name`: a DNS name among its subject alternative names, exactly, in lower case.
    Dns(String),
    /// `sha256:hex`: the SHA-256 of the whole certificate.
    Sha256([u8; 32]),
}

/// Where records are delivered.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Its name in logs, metrics and the outbox.
    pub id: String,
    /// Whose system it is; the decision is about this party.
    pub party: Arc<Party>,
    /// Where to post.
    pub endpoint: String,
    /// What it takes.
    pub format: Format,
    /// How to connect.
    pub client: ClientTls,
    /// Whether it knows a repeated message when it sees one; if not, an unanswered one waits for a person.
    pub idempotent: bool,
    /// Time for one attempt.
    pub attempt_time: Duration,
    /// After this long without success a record goes to the held list.
    pub give_up_after: Duration,
}

/// What a recipient takes or a source gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// FHIR R4 JSON.
    Fhir,
    /// A local format: the name of a mapping.
    Local(String),
}

impl Format {
    /// Its word in the configuration.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Format::Fhir => "fhir",
            Format::Local(name) => name,
        }
    }
}

/// TLS as a client.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    /// Authorities of the server's certificate, PEM; without it those of the system.
    pub authorities: Option<PathBuf>,
    /// Our client certificate chain and its key, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Sent as `Authorization: Bearer …`.
    pub bearer: Option<Secret>,
}

impl ClientTls {
    /// The authorities in PEM; none where those of the system count.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_authorities(&self) -> std::io::Result<Vec<Vec<u8>>> {
        self.authorities.iter().map(std::fs::read).collect()
    }

    /// Our certificate chain and key in PEM, where we have one.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read_identity(&self) -> std::io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        let Some((certificate, key)) = &self.identity else { return Ok(None) };
        Ok(Some((std::fs::read(certificate)?, std::fs::read(key)?)))
    }
}

/// A system of record that questions are put to.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in logs and metrics.
    pub id: String,
    /// Base address of its FHIR API, without a slash at the end.
    pub base: String,
    /// How to connect.
    pub client: ClientTls,
    /// Identifier system by which it knows people.
    pub patient_system: String,
    /// Time for one request.
    pub request_time: Duration,
    /// Bytes of all pages of one answer.
    pub bytes: usize,
    /// Pages of one answer.
    pub pages: usize,
}

/// How we talk to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// JSON, a line each; otherwise for a person.
    pub json: bool,
    /// Directives of tracing's EnvFilter: `info,sharewell=debug`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Log {
        Log { json: true, filter: "info".to_owned() }
    }
}

/// Something that must not be shown. Its Debug says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    #[must_use]
    pub fn new(value: String) -> Secret {
        Secret(value)
    }

    /// The secret itself, for the one place that sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Config {
    /// The party of this id.
    #[must_use]
    pub fn party(&self, id: &str) -> Option<&Arc<Party>> {
        self.parties.iter().find(|p| p.identity.id == id)
    }
}
