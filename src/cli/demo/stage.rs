//! Sets the stage: a folder, a throw-away certificate authority, four other systems, and the gateway from a
//! configuration file of its own, as `sharewell serve` would read it.

use super::notebook::Notebook;
use super::peers::{Answers, Peer};
use super::records::file;
use crate::config::{self, Surroundings};
use crate::edge::authority::{Authority, Issued, Purpose};
use crate::edge::clock::{Clock, System};
use crate::edge::listen::metrics::Metrics;
use crate::edge::listen::server::FrontDoor;
use crate::gateway::Gateway;
use crate::gateway::watch::Watches;
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use openssl::{error::ErrorStack, pkey::PKey};
use reqwest::{Certificate, Client, Identity};
use std::error::Error;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Whatever keeps the demo from going on.
pub type Trouble = Box<dyn Error + Send + Sync>;

/// Id, name, identifier system and value, audience, purpose, rights, and what it sends.
pub struct Part {
    /// Its id in the configuration.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    identifier: (&'static str, &'static str),
    audience: &'static str,
    purpose: &'static str,
    may: &'static str,
    sends: &'static str,
}

const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
const TEAM: &str = "https://sharewell.example/Id/team";
const APP: &str = "https://sharewell.example/Id/app";

/// Everybody who plays a part.
pub const PARTS: [Part; 7] = [
    part(
        "northmere-council",
        "Northmere Council",
        (ODS, "X9N01"),
        "social-care",
        "TREAT",
        "\"send\", \"choose\", \"ask\", \"validate\"",
        "\"care-act\", \"fhir\"",
    ),
    part(
        "winifreds-app",
        "her own app",
        (APP, "app-001"),
        "person",
        "PATRQT",
        "\"send\", \"choose\", \"ask\", \"explain\"",
        "\"person-held\"",
    ),
    part("beckside-surgery", "Beckside Surgery", (ODS, "Y99001"), "gp-practice", "TREAT", "\"ask\", \"validate\"", ""),
    part("st-orrins-hospice", "St Orrin's Hospice", (ODS, "Y99002"), "hospice", "TREAT", "\"ask\"", ""),
    part("brightside-care", "Brightside Care", (ODS, "Y99003"), "care-provider", "TREAT", "\"ask\"", ""),
    part("tandem-trust", "Tandem Trust", (ODS, "Y99004"), "voluntary-sector", "TREAT", "\"ask\"", ""),
    part(
        "northmere-ig",
        "Northmere information governance",
        (TEAM, "information-governance"),
        "social-care",
        "HOPERAT",
        "\"explain\"",
        "",
    ),
];

const fn part(
    id: &'static str,
    name: &'static str,
    identifier: (&'static str, &'static str),
    audience: &'static str,
    purpose: &'static str,
    may: &'static str,
    sends: &'static str,
) -> Part {
    Part { id, name, identifier, audience, purpose, may, sends }
}

/// Where the demo's files lie: a folder that goes with it, or one that is kept.
pub struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    fn new(keep: Option<&Path>, id: &str) -> Result<Folder, Trouble> {
        let path = keep.map_or_else(|| std::env::temp_dir().join(format!("sharewell-demo-{id}")), Path::to_owned);
        if keep.is_some() && path.join("sharewell.db").exists() {
            return Err(format!("`{}` holds an earlier demo; name an empty folder", path.display()).into());
        }
        fs::create_dir_all(path.join("tls"))?;
        Ok(Folder { path: path.canonicalize()?, kept: keep.is_some() })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing can be done about a folder that does not go; the system clears its temporary files.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The systems that are not the gateway.
pub struct Peers {
    /// Takes FHIR.
    pub surgery: Peer,
    /// Takes FHIR.
    pub hospice: Peer,
    /// Takes its own format.
    pub portal: Peer,
    /// Would take FHIR, and is refused.
    pub charity: Peer,
    /// A system of record, with last year's plan.
    pub records: Peer,
}

/// All that the story needs.
pub struct Stage {
    folder: Folder,
    authority: Authority,
    /// What is noted of the walk.
    pub notebook: Arc<Notebook>,
    /// The other systems.
    pub peers: Peers,
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Its address, `https://localhost:PORT`.
    pub base: String,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Stage {
    /// Sets the stage and starts everybody. `answers` is what the system of record says, where it is not last year's plan.
    ///
    /// # Errors
    /// What keeps it from starting: a port, a folder.
    pub async fn set(keep: Option<&Path>, answers: Option<Answers>) -> Result<Stage, Trouble> {
        let clock: Arc<dyn Clock> = Arc::new(System);
        let folder = Folder::new(keep, &clock.id())?;
        let authority = Authority::new("demo", clock.now())?;
        let tls = || acceptor(&authority, &*clock);
        let upstream = String::from_utf8(file("upstream.json")?)?;
        let answers = answers.unwrap_or_else(|| Arc::new(move |_| Some(upstream.clone())));
        let peers = Peers {
            surgery: Peer::start(tls()?, None).await?,
            hospice: Peer::start(tls()?, None).await?,
            portal: Peer::start(tls()?, None).await?,
            charity: Peer::start(tls()?, None).await?,
            records: Peer::start(tls()?, Some(answers)).await?,
        };
        write_certificates(&folder.path, &authority, &*clock)?;
        let text = configuration(&peers);
        fs::write(folder.path.join("gateway.toml"), &text)?;
        let config = read(&folder.path, &text, &*clock)?;
        let notebook = Arc::new(Notebook::default());
        let metrics = Arc::new(Metrics::default());
        let watches = Watches::new(vec![notebook.clone(), metrics.clone()]);
        let gateway = Gateway::open(config, clock.clone(), watches).map_err(|why| why.to_string())?;
        let door = FrontDoor::bind(gateway.config(), gateway.clone(), clock.clone(), metrics).await?;
        let base = format!("https://localhost:{}", door.address()?.port());
        let (stop, stopped) = watch::channel(false);
        let running = vec![
            tokio::spawn(gateway.clone().dispatch(until(stopped.clone()))),
            tokio::spawn(async move {
                door.run(until(stopped)).await;
            }),
        ];
        Ok(Stage { folder, authority, notebook, peers, gateway, base, clock, stop, running })
    }

    /// Where the demo's files lie.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// An HTTP client with the certificate of one of the parts.
    ///
    /// # Errors
    /// When the certificate cannot be made.
    pub fn client(&self, id: &str) -> Result<Client, Trouble> {
        let name = format!("{id}.demo.example");
        let issued = self.authority.issue(Purpose::Client, &[&name], &[], self.clock.now(), 2)?;
        client(Some(&issued), &self.authority)
    }

    /// Writes the certificate and key of one of the parts into one file, and says where.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn client_files(&self, id: &str) -> Result<PathBuf, Trouble> {
        let name = format!("{id}.demo.example");
        let issued = self.authority.issue(Purpose::Client, &[&name], &[], self.clock.now(), 2)?;
        let path = self.folder.path.join("tls").join(format!("{id}.pem"));
        fs::write(&path, [issued.certificate, issued.key].concat())?;
        Ok(path)
    }

    /// An HTTP client without a certificate.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn stranger(&self) -> Result<Client, Trouble> {
        client(None, &self.authority)
    }

    /// Stops the gateway, closes the store and, unless it is kept, takes the folder away.
    ///
    /// # Errors
    /// When the store cannot be closed.
    pub async fn strike(self) -> Result<(), Trouble> {
        self.stop.send_replace(true);
        for task in self.running {
            task.await?;
        }
        self.gateway.store().close().await?;
        Ok(())
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means stop, too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn client(identity: Option<&Issued>, authority: &Authority) -> Result<Client, Trouble> {
    let mut builder = Client::builder()
        .tls_certs_only([Certificate::from_pem(&authority.certificate()?)?])
        .no_proxy()
        .timeout(Duration::from_secs(10));
    if let Some(issued) = identity {
        builder = builder.identity(Identity::from_pkcs8_pem(&issued.certificate, &issued.key)?);
    }
    Ok(builder.build()?)
}

/// TLS of a peer: its own certificate, and nobody without one of the demo's authority.
fn acceptor(authority: &Authority, clock: &dyn Clock) -> Result<SslAcceptor, ErrorStack> {
    let issued = authority.issue(Purpose::Server, &["localhost"], &[IpAddr::from([127, 0, 0, 1])], clock.now(), 2)?;
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_private_key(&*PKey::private_key_from_pem(&issued.key)?)?;
    builder.set_certificate(&*X509::from_pem(&issued.certificate)?)?;
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(X509::from_pem(&authority.certificate()?)?)?;
    builder.set_verify_cert_store(store.build())?;
    builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    Ok(builder.build())
}

fn write_certificates(folder: &Path, authority: &Authority, clock: &dyn Clock) -> Result<(), Trouble> {
    let local = [IpAddr::from([127, 0, 0, 1])];
    let server = authority.issue(Purpose::Server, &["localhost"], &local, clock.now(), 2)?;
    let outgoing = authority.issue(Purpose::Client, &["gateway.demo.example"], &[], clock.now(), 2)?;
    let tls = folder.join("tls");
    fs::write(tls.join("authority.pem"), authority.certificate()?)?;
    for (name, issued) in [("gateway", server), ("outgoing", outgoing)] {
        fs::write(tls.join(format!("{name}.pem")), &issued.certificate)?;
        fs::write(tls.join(format!("{name}.key")), &issued.key)?;
    }
    Ok(())
}

/// The gateway's configuration, as an operator would write it.
fn configuration(peers: &Peers) -> String {
    let mut text = String::from(
        "# The demo's gateway. `sharewell config check` reads it, and `sharewell serve` would run it.\n\
         [gateway]\nname = \"Northmere sharing gateway\"\n\
         system = \"https://fhir.nhs.uk/Id/ods-organization-code\"\nvalue = \"X9N01\"\n\
         base = \"https://gateway.demo.example\"\n\n\
         [listen]\naddress = \"127.0.0.1:0\"\n\n\
         [listen.tls]\ncertificate_file = \"tls/gateway.pem\"\nkey_file = \"tls/gateway.key\"\n\
         client_authorities_file = \"tls/authority.pem\"\n\n\
         [store]\npath = \"sharewell.db\"\n",
    );
    for part in &PARTS {
        let (system, value) = part.identifier;
        let own = if part.audience == "person" {
            "person = { system = \"https://fhir.nhs.uk/Id/nhs-number\", value = \"9990000018\" }\n"
        } else {
            ""
        };
        text.push_str(&format!(
            "\n[[party]]\nid = \"{}\"\nname = \"{}\"\n\
             identifiers = [{{ system = \"{system}\", value = \"{value}\" }}]\n\
             audiences = [\"{}\"]\npurposes = [\"{}\"]\ngroups = []\ncertificates = [\"dns:{}.demo.example\"]\n\
             {own}may = [{}]\nsends = [{}]\n",
            part.id, part.name, part.audience, part.purpose, part.id, part.may, part.sends
        ));
    }
    let outlets = [
        ("beckside-surgery", peers.surgery.url("/fhir"), "fhir"),
        ("st-orrins-hospice", peers.hospice.url("/fhir"), "fhir"),
        ("brightside-care", peers.portal.url("/plans"), "provider-portal"),
        ("tandem-trust", peers.charity.url("/fhir"), "fhir"),
    ];
    let tls = "authorities_file = \"tls/authority.pem\"\ncertificate_file = \"tls/outgoing.pem\"\n\
               key_file = \"tls/outgoing.key\"\n";
    for (id, endpoint, format) in outlets {
        text.push_str(&format!(
            "\n[[recipient]]\nid = \"{id}\"\nparty = \"{id}\"\nendpoint = \"{endpoint}\"\nformat = \"{format}\"\n{tls}"
        ));
    }
    text.push_str(&format!("\n[[source]]\nid = \"records\"\nbase = \"{}\"\n{tls}", peers.records.url("/fhir")));
    text
}

fn read(folder: &Path, text: &str, clock: &dyn Clock) -> Result<config::Config, Trouble> {
    let names = |path: &Path| {
        let entries = fs::read_dir(path)?;
        entries.map(|e| Ok(e?.file_name().to_string_lossy().into_owned())).collect()
    };
    let around = Surroundings {
        base: folder,
        file: Some(&|path| fs::read(path)),
        folder: &names,
        variable: &|_| None,
        now: clock.now(),
    };
    config::read(text, "gateway.toml", &around).map_err(|report| {
        let lines: Vec<String> = report.issues.iter().map(ToString::to_string).collect();
        lines.join("\n").into()
    })
}
