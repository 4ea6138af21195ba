//! A whole gateway over real TLS sockets with the embedded store, a clock that a test moves, and a system of record that
//! holds what a test puts there. Everybody in it is invented.
#![allow(dead_code, reason = "each test file uses its part")]

use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use reqwest::{Client, Identity, Method};
use serde_json::{Value, json};
use sharewell::cli::demo::peers::{Answers, Peer};
use sharewell::config::{self, Config, Surroundings};
use sharewell::edge::authority::{Authority, Purpose};
use sharewell::edge::clock::Still;
use sharewell::edge::listen::{FrontDoor, Metrics};
use sharewell::edge::store::Person;
use sharewell::gateway::Gateway;
use sharewell::gateway::watch::Watches;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number";
pub const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// Winifred Attwater-Osei's.
pub const NUMBER: &str = "9990000018";

/// Id, ODS code, audience, purposes, roles, rights.
type Part = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

/// Who calls. None of them has a relationship with anybody until one is recorded.
pub const PARTS: [Part; 8] = [
    ("council", "X9N01", "social-care", r#""TREAT""#, "", r#""send", "choose", "ask""#),
    ("surgery", "Y99001", "gp-practice", r#""TREAT""#, r#""health-professional""#, r#""ask""#),
    ("hospital", "Y99006", "hospital", r#""TREAT", "ETREAT", "BTG""#, r#""break-glass""#, r#""ask""#),
    ("charity", "Y99004", "voluntary-sector", r#""TREAT""#, "", r#""ask""#),
    ("planners", "Y99005", "research-planning", r#""HRESCH", "TREAT""#, "", r#""ask""#),
    ("registrar", "X9N02", "social-care", r#""TREAT""#, "", r#""record""#),
    ("officer", "X9N04", "social-care", r#""TREAT""#, r#""information-governance""#, r#""ask""#),
    ("operator", "X9N03", "social-care", r#""TREAT""#, "", r#""operate""#),
];

/// An answer as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Message ids of its issues.
    pub fn issues(&self) -> Vec<String> {
        let id = |issue: &Value| {
            let extensions = issue["extension"].as_array().cloned().unwrap_or_default();
            let found = extensions.iter().find(|e| e["url"].as_str().is_some_and(|u| u.ends_with("message-id")));
            found.and_then(|e| e["valueCode"].as_str()).unwrap_or_default().to_owned()
        };
        self.json()["issue"].as_array().into_iter().flatten().map(id).collect()
    }

    /// How many matches a searchset has.
    pub fn total(&self) -> u64 {
        self.json()["total"].as_u64().unwrap_or_default()
    }

    /// The same without the ids and times that are another at every answer.
    pub fn lasting(&self) -> (u16, Vec<(String, String)>, String) {
        let varies = ["date", "x-request-id"];
        let headers = self.headers.iter().filter(|(name, _)| !varies.contains(&name.as_str())).cloned().collect();
        let varying = regex::Regex::new(r#""(id|lastUpdated|timestamp)":"[^"]*""#).unwrap();
        (self.status, headers, varying.replace_all(&self.body, r#""$1":"…""#).into_owned())
    }
}

/// A gateway with its surroundings.
pub struct Gate {
    pub gateway: Arc<Gateway>,
    pub clock: Arc<Still>,
    pub base: String,
    pub metrics: Arc<Metrics>,
    folder: tempfile::TempDir,
    authority: Authority,
    held: Arc<Mutex<Option<String>>>,
    clients: Mutex<HashMap<String, Client>>,
    records: Peer,
    /// A recipient, where the configuration names one.
    pub hospice: Peer,
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Gate {
    /// Opens a gateway at 2026-11-22, ten in the morning, before a system of record that holds Winifred's old plan.
    pub async fn open() -> Gate {
        Gate::open_with(|_| {}).await
    }

    /// The same, with the sharing rules changed: each embedded file's name and text, to be edited.
    pub async fn open_with(rules: impl Fn(&mut String)) -> Gate {
        Gate::open_among(rules, |_| String::new()).await
    }

    /// The same, with more in its configuration: TOML, given the recipient's address.
    pub async fn open_among(rules: impl Fn(&mut String), more: impl Fn(&str) -> String) -> Gate {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("gate", jiff::Timestamp::now()).unwrap();
        let held = Arc::new(Mutex::new(Some(plan().to_string())));
        let shelf = Arc::clone(&held);
        let answers: Answers = Arc::new(move |_| shelf.lock().unwrap().clone());
        let records = Peer::start(acceptor(&authority), Some(answers)).await.unwrap();
        let hospice = Peer::start(acceptor(&authority), None).await.unwrap();
        let clock = Still::at("2026-11-22T10:00:00Z".parse().unwrap());
        write(folder.path(), &authority, &rules);
        let config = read(folder.path(), &(configuration(&records) + &more(&hospice.url("/fhir"))));
        let metrics = Arc::new(Metrics::default());
        let watches = Watches::new(vec![metrics.clone()]);
        let gateway = Gateway::open(config, clock.clone(), watches).unwrap_or_else(|why| panic!("{why}"));
        let door = FrontDoor::bind(gateway.config(), gateway.clone(), clock.clone(), metrics.clone()).await.unwrap();
        let base = format!("https://localhost:{}", door.address().unwrap().port());
        let (stop, stopped) = watch::channel(false);
        let running = vec![
            tokio::spawn(gateway.clone().dispatch(until(stopped.clone()))),
            tokio::spawn(async move {
                door.run(until(stopped)).await;
            }),
        ];
        let clients = Mutex::new(HashMap::new());
        Gate { gateway, clock, base, metrics, folder, authority, held, clients, records, hospice, stop, running }
    }

    /// What the system of record holds from now on; `None`: nothing.
    pub fn holds(&self, plan: Option<&Value>) {
        let empty = json!({ "resourceType": "Bundle", "type": "searchset", "total": 0 });
        *self.held.lock().unwrap() = Some(plan.unwrap_or(&empty).to_string());
    }

    fn client(&self, party: &str) -> Client {
        let mut clients = self.clients.lock().unwrap();
        let made = || {
            let name = format!("{party}.gate.test");
            let issued = self.authority.issue(Purpose::Client, &[&name], &[], jiff::Timestamp::now(), 2).unwrap();
            let authority = reqwest::Certificate::from_pem(&self.authority.certificate().unwrap()).unwrap();
            let builder = Client::builder().tls_certs_only([authority]).no_proxy().timeout(Duration::from_secs(20));
            builder.identity(Identity::from_pkcs8_pem(&issued.certificate, &issued.key).unwrap()).build().unwrap()
        };
        clients.entry(party.to_owned()).or_insert_with(made).clone()
    }

    /// Sends a request of this party.
    pub async fn send(
        &self,
        party: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client(party).request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            let media = if path.starts_with("/fhir") { "application/fhir+json" } else { "application/json" };
            request = request.header("content-type", media).body(body.to_string());
        }
        Gate::read(request).await
    }

    /// Sends a search in the body, as a form.
    pub async fn posts_form(&self, party: &str, path: &str, headers: &[(&str, &str)], form: &str) -> Reply {
        let request = self.client(party).post(format!("{}{path}", self.base));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let form = form.to_owned();
        Gate::read(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
    }

    async fn read(request: reqwest::RequestBuilder) -> Reply {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers.map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
        Reply { status, headers, body: response.text().await.unwrap() }
    }

    /// Asks for her plans.
    pub async fn asks(&self, party: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(party, "GET", &format!("/fhir/CarePlan?patient={NHS}%7C{NUMBER}"), headers, None).await
    }

    /// Records a fact about her; its id.
    pub async fn records(&self, kind: &str, mut fact: Value) -> String {
        fact["patient"] = json!({ "system": NHS, "value": NUMBER });
        let reply = self.send("registrar", "POST", &format!("/register/{kind}"), &[], Some(&fact)).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    /// Ends a fact.
    pub async fn ends(&self, kind: &str, id: &str) {
        let reply = self.send("registrar", "DELETE", &format!("/register/{kind}/{id}"), &[], None).await;
        assert_eq!(reply.status, 204, "{}", reply.body);
    }

    /// Records that a party cares for her.
    pub async fn cares(&self, party: &str) -> String {
        self.records("relationship", json!({ "with": ods(party) })).await
    }

    /// Posts a sharing choice of hers, as the council has it on paper.
    pub async fn chooses(&self, consent: &Value) -> Reply {
        let patient = patient(&mut plan()).clone();
        let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
            { "fullUrl": "https://council.test/fhir/Patient/winifred", "resource": patient },
            { "fullUrl": format!("https://council.test/fhir/Consent/{}", consent["id"].as_str().unwrap()), "resource": consent },
        ] });
        self.send("council", "POST", "/fhir", &[], Some(&bundle)).await
    }

    /// The epoch of what is known of her.
    pub async fn epoch(&self) -> u64 {
        self.gateway.store().choices(&Person::verified(NUMBER)).await.unwrap().epoch
    }

    /// The lines of the trail of this kind: its AuditEvents, oldest first.
    pub fn trail(&self, kind: &str) -> Vec<Value> {
        let path = self.folder.path().join("sharewell.db");
        let connection = rusqlite::Connection::open(path).unwrap();
        let mut statement = connection.prepare("SELECT event FROM log WHERE kind = ?1 ORDER BY sequence").unwrap();
        let rows = statement.query_map([kind], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|event| serde_json::from_str(&event.unwrap()).unwrap()).collect()
    }

    /// Where the database is.
    pub fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("sharewell.db")
    }

    /// Stops it and closes the store; the folder stays until the value it gives is dropped.
    pub async fn close(self) -> tempfile::TempDir {
        self.stop.send_replace(true);
        for task in self.running {
            task.await.unwrap();
        }
        self.gateway.store().close().await.unwrap();
        self.folder
    }
}

/// A party as the register names it.
pub fn ods(party: &str) -> Value {
    let part = PARTS.iter().find(|p| p.0 == party).expect("such a party");
    json!({ "system": ODS, "value": part.1 })
}

/// A sharing choice: whose id, `permit` or `deny`, of which party; made by whom, where not by herself.
pub fn choice(id: &str, says: &str, party: &str, performer: Option<&str>) -> Value {
    let mut consent = json!({
        "resourceType": "Consent",
        "id": id,
        "identifier": [{ "system": "https://council.test/choice", "value": id }],
        "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-6" }] }],
        "patient": { "reference": "Patient/winifred" },
        "dateTime": "2026-03-28T18:30:00Z",
        "policyRule": { "coding": [{ "system": "https://sharewell.example/fhir/CodeSystem/decided-by", "code": "person" }] },
        "provision": { "type": says, "actor": [{
            "role": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP" }] },
            "reference": { "identifier": ods(party) } }] }
    });
    if let Some(performer) = performer {
        consent["performer"] = json!([{ "reference": performer }]);
        consent["policyRule"]["coding"][0]["code"] = json!("not-recorded");
    }
    consent
}

/// The plan that the system of record holds at first.
pub fn plan() -> Value {
    let file = sharewell::embedded::files("fixtures/demo/").into_iter().find(|f| f.path == "upstream.json").unwrap();
    serde_json::from_slice(&file.bytes).unwrap()
}

/// The Patient of a plan, to be changed.
pub fn patient(plan: &mut Value) -> &mut Value {
    let entries = plan["entry"].as_array_mut().unwrap();
    let found = entries.iter_mut().map(|e| &mut e["resource"]).find(|r| r["resourceType"] == "Patient");
    found.expect("it has one")
}

/// What an AuditEvent keeps under a name, decoded.
pub fn detail(event: &Value, name: &str) -> Option<String> {
    let entities = event["entity"].as_array()?;
    let details = entities.iter().flat_map(|e| e["detail"].as_array().into_iter().flatten());
    let found = details.into_iter().find(|d| d["type"] == name)?;
    String::from_utf8(openssl::base64::decode_block(found["valueBase64Binary"].as_str()?).ok()?).ok()
}

async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn acceptor(authority: &Authority) -> SslAcceptor {
    let issued = authority.issue(Purpose::Server, &["localhost"], &[], jiff::Timestamp::now(), 2).unwrap();
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    builder.set_private_key(&PKey::private_key_from_pem(&issued.key).unwrap()).unwrap();
    builder.set_certificate(&X509::from_pem(&issued.certificate).unwrap()).unwrap();
    let mut store = X509StoreBuilder::new().unwrap();
    store.add_cert(X509::from_pem(&authority.certificate().unwrap()).unwrap()).unwrap();
    builder.set_verify_cert_store(store.build()).unwrap();
    builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    builder.build()
}

fn write(folder: &Path, authority: &Authority, rules: &impl Fn(&mut String)) {
    let now = jiff::Timestamp::now();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    put("authority.pem", &authority.certificate().unwrap());
    let server = authority.issue(Purpose::Server, &["localhost"], &["127.0.0.1".parse().unwrap()], now, 2).unwrap();
    let out = authority.issue(Purpose::Client, &["gateway.gate.test"], &[], now, 2).unwrap();
    for (name, issued) in [("gateway", server), ("out", out)] {
        put(&format!("{name}.pem"), &issued.certificate);
        put(&format!("{name}.key"), &issued.key);
    }
    std::fs::create_dir(folder.join("sharing")).unwrap();
    for file in sharewell::embedded::files("deploy/sharing/") {
        let mut text = String::from_utf8(file.bytes.into_owned()).unwrap();
        rules(&mut text);
        put(&format!("sharing/{}", file.path), text.as_bytes());
    }
}

fn configuration(records: &Peer) -> String {
    let mut text = format!(
        "[gateway]\nname = \"gate\"\nsystem = \"{ODS}\"\nvalue = \"X9N01\"\nbase = \"https://gate.test\"\n\
         [listen]\naddress = \"127.0.0.1:0\"\n[listen.tls]\ncertificate_file = \"gateway.pem\"\n\
         key_file = \"gateway.key\"\nclient_authorities_file = \"authority.pem\"\n[store]\npath = \"sharewell.db\"\n\
         [folders]\nsharing = \"sharing\"\n"
    );
    for (id, ods, audience, purposes, roles, may) in PARTS {
        let sends = if may.contains("send") { "\"fhir\"" } else { "" };
        text.push_str(&format!(
            "[[party]]\nid = \"{id}\"\nname = \"{id}\"\nidentifiers = [{{ system = \"{ODS}\", value = \"{ods}\" }}]\n\
             audiences = [\"{audience}\"]\npurposes = [{purposes}]\ngroups = []\nroles = [{roles}]\n\
             certificates = [\"dns:{id}.gate.test\"]\nmay = [{may}]\nsends = [{sends}]\n"
        ));
    }
    let base = records.url("/fhir");
    text.push_str(&format!(
        "[[source]]\nid = \"records\"\nbase = \"{base}\"\nauthorities_file = \"authority.pem\"\n\
         certificate_file = \"out.pem\"\nkey_file = \"out.key\"\n"
    ));
    text
}

fn read(folder: &Path, text: &str) -> Config {
    let names =
        |path: &Path| std::fs::read_dir(path)?.map(|e| Ok(e?.file_name().to_string_lossy().into_owned())).collect();
    let around = Surroundings {
        base: folder,
        file: Some(&|path| std::fs::read(path)),
        folder: &names,
        variable: &|_| None,
        now: jiff::Timestamp::now(),
    };
    config::read(text, "gateway.toml", &around).unwrap_or_else(|report| panic!("{:#?}", report.issues))
}
