//! Wires the gateway: definitions, mappings, rules, store and ways out, from the configuration.
//!
//! Refuses to start on anything that is wrong, and says all of it.

use super::decisions::Decisions;
use super::watch::Watches;
use super::{Gateway, Outlet};
use crate::config::{Config, Format, Recipient};
use crate::edge::clock::Clock;
use crate::edge::deliver::{Endpoint, Form, Patience, Sender};
use crate::edge::evidence::Gatherer;
use crate::edge::files;
use crate::edge::record::Journal;
use crate::edge::source::Upstream;
use crate::edge::store::{Sqlite, Store};
use crate::embedded;
use crate::pure::audit::Name;
use crate::pure::decide::Policy;
use crate::pure::decide::recorded::Rules;
use crate::pure::fhir::{File, Issue, Report};
use crate::pure::map::{self, Mapping};
use crate::pure::parse::{self, ParseLimits, Syntax};
use crate::pure::profile::Definitions;
use crate::pure::register::Forms;
use crate::pure::validate::{self, Validated};
use moka::sync::Cache;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Records kept validated between accepting and sending.
const FRESH: u64 = 1024;

/// Time to connect to a recipient.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of a recipient's answer that are read.
const ANSWER: usize = 1 << 20;

/// Why the gateway cannot start.
#[derive(Debug)]
pub enum Unready {
    /// Something in the configured files is wrong: where, what, and the remedy.
    Wrong(Report),
    /// Something of the machine's: a folder that cannot be read, a store that cannot be opened.
    Cannot(String),
}

impl From<Report> for Unready {
    fn from(report: Report) -> Unready {
        Unready::Wrong(report)
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unready::Wrong(report) => {
                let lines: Vec<String> = report.issues.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Unready::Cannot(why) => f.write_str(why),
        }
    }
}

/// The files of a configured folder, or the embedded ones.
fn folder(configured: Option<&Path>, embedded: &str) -> Result<Vec<File>, Unready> {
    match configured {
        Some(path) => files::read(path).map_err(|error| Unready::Cannot(format!("{}: {error}", path.display()))),
        None => Ok(embedded::files(embedded)),
    }
}

/// The program's definitions, with the site's own where it has some.
fn definitions(own: Option<&[File]>) -> Result<Definitions, Unready> {
    let base = Definitions::base()?;
    match own {
        Some(files) => Ok(base.with_files(files)?),
        None => Ok(base),
    }
}

/// Each folder that holds a `map.yaml` is a mapping; all mistakes of all of them are told at once.
fn mappings(files: &[File], definitions: &Definitions) -> Result<BTreeMap<String, Arc<Mapping>>, Unready> {
    let mut found = BTreeMap::new();
    let mut report = Report::default();
    for name in files.iter().filter_map(|f| f.path.strip_suffix("/map.yaml")) {
        match Mapping::compile(name, files, definitions) {
            Ok(mapping) => {
                found.insert(name.to_owned(), Arc::new(mapping));
            }
            Err(wrong) => report.extend(wrong),
        }
    }
    if report.is_valid() { Ok(found) } else { Err(report.into()) }
}

fn outlets(
    config: &Config,
    mappings: &BTreeMap<String, Arc<Mapping>>,
    clock: &Arc<dyn Clock>,
) -> Result<BTreeMap<String, Outlet>, Unready> {
    let mut outlets = BTreeMap::new();
    for recipient in &config.recipients {
        let form = match &recipient.format {
            Format::Fhir => Form::Fhir,
            Format::Local(name) => Form::Local(mappings.get(name).cloned().ok_or_else(|| no_mapping(name))?),
        };
        let wrong = |why: String| Unready::Cannot(format!("recipient `{}`: {why}", recipient.id));
        let sender = Sender::new(endpoint(recipient, form).map_err(wrong)?, Arc::clone(clock)).map_err(wrong)?;
        let patience = Patience { age: recipient.give_up_after, ..Patience::default() };
        outlets.insert(recipient.id.clone(), Outlet { recipient: recipient.clone(), sender, patience });
    }
    Ok(outlets)
}

/// The way to a recipient, its certificates read.
fn endpoint(recipient: &Recipient, form: Form) -> Result<Endpoint, String> {
    let client = &recipient.client;
    let words = |error: std::io::Error| format!("a certificate or key cannot be read: {error}");
    Ok(Endpoint {
        recipient: recipient.id.clone(),
        party: recipient.party.identity.id.clone(),
        url: recipient.endpoint.clone(),
        form,
        authorities: client.read_authorities().map_err(words)?,
        identity: client.read_identity().map_err(words)?,
        bearer: client.bearer.clone(),
        timeout: recipient.attempt_time,
        connect_timeout: recipient.attempt_time.min(CONNECT),
        answer_limit: ANSWER,
    })
}

fn no_mapping(name: &str) -> Report {
    Issue::error("not-found", "no-such-mapping", format!("there is no mapping `{name}`"))
        .remedy("name a folder of the mappings")
        .into()
}

/// An invented person's plan, walked through parse and validate. That makes sure at the start that the rooms work, and
/// compiles the profiles that the first record would else wait for.
fn sample(definitions: &Definitions) -> Result<Validated, Unready> {
    let files = embedded::files("fixtures/demo/");
    let bytes = files.iter().find(|f| f.path == "upstream.json").map(|f| f.bytes.as_ref()).unwrap_or_default();
    let record = parse::parse("fhir", &Syntax::FhirJson, bytes, &ParseLimits::default())?;
    Ok(validate::validate(map::adopt(record)?, definitions)?)
}

impl Gateway {
    /// Wires a gateway. Opens the store; binds no socket.
    ///
    /// # Errors
    /// Says everything that keeps it from starting.
    pub fn open(config: Config, clock: Arc<dyn Clock>, watches: Watches) -> Result<Arc<Gateway>, Unready> {
        let store = Sqlite::open(&config.store.path, &config.store.path.with_extension("key"), Arc::clone(&clock))
            .map_err(|why| Unready::Cannot(format!("{}: {why}", config.store.path.display())))?;
        Gateway::with_store(config, Arc::new(store), clock, watches)
    }

    /// Wires a gateway to a store that is already open.
    ///
    /// # Errors
    /// Says everything that keeps it from starting.
    pub fn with_store(
        config: Config,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        watches: Watches,
    ) -> Result<Arc<Gateway>, Unready> {
        let own = config.folders.profiles.as_deref().map(|path| folder(Some(path), "")).transpose()?;
        let definitions = Arc::new(definitions(own.as_deref())?);
        let mappings = mappings(&folder(config.folders.mappings.as_deref(), "mappings/")?, &definitions)?;
        let rules = folder(config.folders.sharing.as_deref(), "deploy/sharing/")?;
        let policy = Arc::new(Policy::compile(&rules)?.with_definitions(Arc::clone(&definitions)));
        let unresolved = policy.unresolved();
        if !unresolved.is_valid() {
            return Err(unresolved.into());
        }
        let rules = Rules::of(&rules, own.as_deref());
        let outlets = outlets(&config, &mappings, &clock)?;
        let mut sources = Vec::new();
        for source in &config.sources {
            let upstream = Upstream::connect(source);
            sources.push(upstream.map_err(|why| Unready::Cannot(format!("source `{}`: {why}", source.id)))?);
        }
        let name = Name {
            identifier: Some((config.gateway.system.clone(), config.gateway.value.clone())),
            display: config.gateway.name.clone(),
            address: Some(config.gateway.base.clone()),
        };
        let sample = sample(&definitions)?;
        let schema = embedded::files("profiles/").into_iter().find(|f| f.path == "register.schema.json");
        let forms = Forms::compile(&schema.map(|f| f.bytes).unwrap_or_default())?;
        Ok(Arc::new(Gateway {
            decisions: Decisions::new(Arc::clone(&policy)),
            sample,
            forms,
            journal: Journal::new(Arc::clone(&store), Arc::clone(&clock), name),
            evidence: Gatherer::new(Arc::clone(&store), Arc::clone(&clock)),
            fresh: Cache::builder().max_capacity(FRESH).time_to_live(Duration::from_secs(60)).build(),
            config: Arc::new(config),
            queued: Notify::new(),
            definitions,
            mappings,
            policy,
            rules,
            store,
            outlets,
            sources,
            clock,
            watches,
        }))
    }
}
