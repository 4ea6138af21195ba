//! Text to [`Config`], with every mistake at once.

use super::section::{Notes, Said, Section};
use super::{ClientTls, Config, Folders, Gateway, Limits, Listen, Log, Party, Secret, ServerTls, Store, check};
use crate::pure::fhir::{Issue, Report};
use jiff::Timestamp;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use toml::de::DeTable;

/// Reads a file.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> std::io::Result<Vec<u8>>;

/// What a configuration is read against: files, the environment, the time.
pub struct Surroundings<'a> {
    /// Folder that relative paths start from: that of the configuration file.
    pub base: &'a Path,
    /// Reads a file. `None`: files are not looked at, only the text is.
    pub file: Option<ReadFile<'a>>,
    /// Names of what lies in a folder.
    pub folder: &'a dyn Fn(&Path) -> std::io::Result<Vec<String>>,
    /// Reads a variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Now: certificates that have expired are mistakes.
    pub now: Timestamp,
}

/// Reads a configuration. `name` is the file's name, for the places of the report.
///
/// # Errors
/// Every mistake at once, each with file, line, column and remedy; no secret among them.
pub fn read(text: &str, name: &str, around: &Surroundings<'_>) -> Result<Config, Report> {
    let mut notes = Notes::new(text, name);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        notes.mistake(&span, "config-syntax", error.message().to_owned(), "the file is TOML 1.0, https://toml.io");
    }
    if !notes.report.is_valid() {
        return Err(notes.report);
    }
    let mut reading = Reading { notes, around };
    let config = reading.config(Section::new(table.get_ref(), 0..0, ""));
    let mut report = reading.notes.report;
    report.issues.sort_by_key(|i| i.place.as_ref().map(|p| (p.line, p.column)));
    match config {
        Some(config) if report.is_valid() => Ok(config),
        _ if report.is_valid() => {
            Err(Issue::error("exception", "config-unread", format!("`{name}` could not be read")).into())
        }
        _ => Err(report),
    }
}

/// The reading of one configuration.
pub(super) struct Reading<'a> {
    pub(super) notes: Notes<'a>,
    pub(super) around: &'a Surroundings<'a>,
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

impl Reading<'_> {
    fn config(&mut self, mut root: Section<'_>) -> Option<Config> {
        let gateway = self.needed(&mut root, "gateway").and_then(|s| self.gateway(s));
        let listen = self.needed(&mut root, "listen").and_then(|s| self.listen(s));
        let store = self.needed(&mut root, "store").and_then(|s| self.store(s));
        let folders = root.table(&mut self.notes, "folders").map_or_else(Folders::default, |s| self.folders(s));
        let log = root.table(&mut self.notes, "log").map_or_else(Log::default, |s| self.log(s));
        let formats = check::formats(&folders, self.around);
        let parties: Vec<_> = root.tables(&mut self.notes, "party").into_iter().map(|s| self.party(s)).collect();
        if parties.is_empty() {
            root.missing(
                &mut self.notes,
                "party",
                "…` tables, one for each system that may call or receive: `[[party]]",
            );
        }
        check::parties(&mut self.notes, &parties, &formats);
        let known: Vec<Arc<Party>> = parties.into_iter().filter_map(|p| p.party.map(Arc::new)).collect();
        let names: Vec<String> = known.iter().map(|p| p.identity.id.clone()).collect();
        let mut recipients = Vec::new();
        let mut taken = Vec::new();
        for section in root.tables(&mut self.notes, "recipient") {
            recipients.extend(self.recipient(section, &known, &names, &formats, &mut taken));
        }
        let mut sources = Vec::new();
        let mut taken = Vec::new();
        for section in root.tables(&mut self.notes, "source") {
            sources.extend(self.source(section, &mut taken));
        }
        root.finish(&mut self.notes);
        Some(Config {
            gateway: gateway?,
            listen: listen?,
            store: store?,
            folders,
            parties: known,
            recipients,
            sources,
            log,
        })
    }

    fn needed<'t>(&mut self, root: &mut Section<'t>, key: &'static str) -> Option<Section<'t>> {
        if !root.has(key) {
            let text = format!("the table `[{key}]` is missing");
            self.notes.mistake(&root.span, "config-missing", text, format!("add `[{key}]`; see `deploy/gateway.toml`"));
        }
        root.table(&mut self.notes, key)
    }

    fn gateway(&mut self, mut s: Section<'_>) -> Option<Gateway> {
        let notes = &mut self.notes;
        let name = s.need(notes, "name", "\"Northmere sharing gateway\"");
        let system = s.need(notes, "system", "\"https://fhir.nhs.uk/Id/ods-organization-code\"");
        let value = s.need(notes, "value", "\"X9N01\"");
        let base = s.need(notes, "base", "\"https://gateway.example\"");
        let base = base.and_then(|b| check::address(notes, &b));
        s.finish(notes);
        Some(Gateway { name: name?.value, system: system?.value, value: value?.value, base: base? })
    }

    fn listen(&mut self, mut s: Section<'_>) -> Option<Listen> {
        let address = s.need(&mut self.notes, "address", "\"0.0.0.0:8443\"").and_then(|said| {
            let parsed = said.value.parse::<SocketAddr>().ok();
            if parsed.is_none() {
                let text = format!("`{}` is not an address and port", said.value);
                self.notes.mistake(&said.span, "config-address", text, "write `\"0.0.0.0:8443\"` or `\"[::]:8443\"`");
            }
            parsed
        });
        let tls = match s.table(&mut self.notes, "tls") {
            Some(section) => self.server_tls(section),
            None => {
                if !s.has("tls") {
                    s.missing(&mut self.notes, "tls", "{ … }");
                }
                None
            }
        };
        let limits = s.table(&mut self.notes, "limits").map_or_else(Limits::default, |l| self.limits(l));
        s.finish(&mut self.notes);
        Some(Listen { address: address?, tls: tls?, limits })
    }

    fn server_tls(&mut self, mut s: Section<'_>) -> Option<ServerTls> {
        let certificate = s.need(&mut self.notes, "certificate_file", "\"tls/server.pem\"");
        let key = s.need(&mut self.notes, "key_file", "\"tls/server.key\"");
        let authorities = s.need(&mut self.notes, "client_authorities_file", "\"tls/clients-ca.pem\"");
        let revocations = s.text(&mut self.notes, "client_revocations_file");
        let minimum = s.text(&mut self.notes, "minimum");
        let only_1_3 = match minimum.as_ref().map(|m| m.value.as_str()) {
            None | Some("1.2") => false,
            Some("1.3") => true,
            Some(_) => {
                let span = minimum.map_or(0..0, |m| m.span);
                let text = "the lowest TLS version is neither 1.2 nor 1.3".to_owned();
                self.notes.mistake(&span, "config-tls-version", text, "write `\"1.2\"` or `\"1.3\"`");
                false
            }
        };
        s.finish(&mut self.notes);
        check::key_pair(self, certificate.as_ref(), key.as_ref());
        let authorities = authorities.map(|said| check::certificates(self, &said));
        let revocations = revocations.map(|said| check::file(self, &said).0);
        Some(ServerTls {
            certificate: self.path(&certificate?.value),
            key: self.path(&key?.value),
            client_authorities: authorities?,
            client_revocations: revocations,
            only_1_3,
        })
    }

    fn limits(&mut self, mut s: Section<'_>) -> Limits {
        let d = Limits::default();
        let n = &mut self.notes;
        let gib = 1 << 30;
        let span = s.span.clone();
        let limits = Limits {
            body: s.size(n, "body", d.body, 1024..=gib),
            unpacked: s.size(n, "unpacked", d.unpacked, 1024..=gib),
            ratio: s.count(n, "ratio", d.ratio, 2..=10_000),
            headers: s.size(n, "headers", d.headers, 4096..=1 << 20),
            header_count: s.count(n, "header_count", d.header_count, 16..=1000),
            uri: s.size(n, "uri", d.uri, 256..=60_000),
            handshake_time: s.time(n, "handshake_time", d.handshake_time, SECOND..=MINUTE),
            header_time: s.time(n, "header_time", d.header_time, SECOND..=HOUR),
            body_time: s.time(n, "body_time", d.body_time, SECOND..=HOUR),
            answer_time: s.time(n, "answer_time", d.answer_time, SECOND..=HOUR),
            connection_time: s.time(n, "connection_time", d.connection_time, SECOND..=24 * HOUR),
            drain_time: s.time(n, "drain_time", d.drain_time, Duration::ZERO..=HOUR),
            connections: s.count(n, "connections", d.connections, 1..=100_000),
            connections_per_address: s.count(n, "connections_per_address", d.connections_per_address, 1..=100_000),
            requests_per_connection: s.count(n, "requests_per_connection", d.requests_per_connection, 1..=10_000_000),
            requests: s.count(n, "requests", d.requests, 1..=10_000),
            requests_per_party: s.count(n, "requests_per_party", d.requests_per_party, 1..=10_000),
            memory: s.size(n, "memory", d.memory, 1 << 20..=64 * gib),
        };
        s.finish(n);
        if limits.unpacked < limits.body {
            let text = "`listen.limits.unpacked` is smaller than `listen.limits.body`".to_owned();
            n.mistake(&span, "config-limits", text, "an unpacked body is at least as large as a plain one may be");
        }
        if limits.memory < limits.body.saturating_add(limits.unpacked) {
            let text = "`listen.limits.memory` has no room for one body and the same unpacked".to_owned();
            n.mistake(&span, "config-limits", text, "make `memory` larger, or `body` and `unpacked` smaller");
        }
        limits
    }

    fn store(&mut self, mut s: Section<'_>) -> Option<Store> {
        let path = s.need(&mut self.notes, "path", "\"data/sharewell.db\"");
        s.finish(&mut self.notes);
        Some(Store { path: self.path(&path?.value) })
    }

    fn folders(&mut self, mut s: Section<'_>) -> Folders {
        let mut folder = |reading: &mut Self, key| {
            let said = s.text(&mut reading.notes, key)?;
            Some(check::folder(reading, &said))
        };
        let folders = Folders {
            mappings: folder(self, "mappings"),
            profiles: folder(self, "profiles"),
            sharing: folder(self, "sharing"),
        };
        s.finish(&mut self.notes);
        folders
    }

    fn log(&mut self, mut s: Section<'_>) -> Log {
        let format = s.text(&mut self.notes, "format");
        let filter = s.text(&mut self.notes, "filter");
        s.finish(&mut self.notes);
        let json = match &format {
            Some(said) if said.value == "human" => false,
            Some(said) if said.value != "json" => {
                let text = format!("`{}` is no format of the log", said.value);
                self.notes.mistake(&said.span, "config-log", text, "write `\"json\"` or `\"human\"`");
                true
            }
            _ => true,
        };
        if let Some(said) = &filter
            && tracing_subscriber::EnvFilter::try_new(&said.value).is_err()
        {
            let text = "`log.filter` cannot be read".to_owned();
            self.notes.mistake(&said.span, "config-log", text, "write `\"info\"` or `\"warn,sharewell=debug\"`");
        }
        Log { json, filter: filter.map_or_else(|| Log::default().filter, |f| f.value) }
    }

    /// The keys by which we connect somewhere: authorities, our own certificate, a bearer token.
    pub(super) fn client_tls(&mut self, s: &mut Section<'_>) -> ClientTls {
        let authorities = s.text(&mut self.notes, "authorities_file");
        let certificate = s.text(&mut self.notes, "certificate_file");
        let key = s.text(&mut self.notes, "key_file");
        match (&certificate, &key) {
            (Some(_), None) => s.missing(&mut self.notes, "key_file", "\"tls/own.key\""),
            (None, Some(_)) => s.missing(&mut self.notes, "certificate_file", "\"tls/own.pem\""),
            _ => {}
        }
        check::key_pair(self, certificate.as_ref(), key.as_ref());
        let bearer_file = s.text(&mut self.notes, "bearer_file");
        let bearer_env = s.text(&mut self.notes, "bearer_env");
        ClientTls {
            authorities: authorities.map(|said| check::certificates(self, &said)),
            identity: certificate.zip(key).map(|(c, k)| (self.path(&c.value), self.path(&k.value))),
            bearer: self.secret(bearer_file, bearer_env),
        }
    }

    /// A secret, from its file or from the environment. It is never quoted.
    fn secret(&mut self, file: Option<Said<String>>, variable: Option<Said<String>>) -> Option<Secret> {
        if let (Some(_), Some(said)) = (&file, &variable) {
            let text = "the secret has a file and a variable of the environment".to_owned();
            self.notes.mistake(&said.span, "config-secret", text, "keep one of the two");
        }
        let (said, value) = match (file, variable) {
            (Some(said), _) => {
                let bytes = check::file(self, &said).1?;
                (said, String::from_utf8(bytes).ok())
            }
            (None, Some(said)) if self.around.file.is_some() => {
                let value = (self.around.variable)(&said.value);
                (said, value)
            }
            _ => return None,
        };
        let value =
            value.map(|v| v.trim().to_owned()).filter(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_graphic()));
        if value.is_none() {
            let text = "the secret is missing, empty, or no plain text".to_owned();
            self.notes.mistake(&said.span, "config-secret", text, "put one line of printable characters there");
        }
        value.map(Secret::new)
    }

    /// A path as the configuration means it.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.around.base.join(text)
    }
}
