//! A front door over real TLS sockets with a stand-in for the walk, and clients that speak bytes.
#![allow(dead_code, reason = "each test file uses its own part")]

use hyper::StatusCode;
use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslConnectorBuilder, SslMethod, SslStream};
use openssl::x509::X509;
use sharewell::config::{
    CertificateMatch, Config, Folders, Gateway, Limits, Listen, Log, Party, Right, ServerTls, Store,
};
use sharewell::edge::authenticate::Caller;
use sharewell::edge::authority::{Authority, Issued, Purpose};
use sharewell::edge::clock::System;
use sharewell::edge::listen::{Answer, Check, Door, Drained, FrontDoor, Inbound, Metrics, Pending, Walk};
use sharewell::pure::decide;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Stands in for the gateway: notes what reaches it, and misbehaves where asked.
#[derive(Default)]
pub struct StandIn {
    /// What reached the walk: caller, door, body.
    pub seen: Mutex<Vec<Seen>>,
    running: AtomicUsize,
}

/// What reached the walk.
#[derive(Clone, Debug)]
pub struct Seen {
    pub caller: String,
    pub door: Door,
    pub body: Vec<u8>,
    pub parameters: Vec<(String, String)>,
    pub request_id: String,
    pub headers: String,
}

impl StandIn {
    /// How often it was asked whether it is ready.
    pub fn readied(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    fn note(&self, caller: &Caller, inbound: &Inbound) {
        self.seen.lock().unwrap().push(Seen {
            caller: caller.party().identity.id.clone(),
            door: inbound.door.clone(),
            body: inbound.body.to_vec(),
            parameters: inbound.parameters.clone(),
            request_id: inbound.request_id.clone(),
            headers: format!("{:?}", inbound.headers),
        });
    }
}

impl Walk for StandIn {
    fn receive(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer> {
        Box::pin(async move {
            self.note(&caller, &inbound);
            match &inbound.door {
                Door::Local { format } if format == "panics" => {
                    panic!("a stand-in panics with a secret in its mouth")
                }
                Door::Local { format } if format == "sleeps" => tokio::time::sleep(Duration::from_millis(900)).await,
                Door::Local { format } if format == "hangs" => tokio::time::sleep(Duration::from_secs(3600)).await,
                _ => {}
            }
            Answer::bytes(StatusCode::ACCEPTED, "application/json", format!("{{\"bytes\":{}}}", inbound.body.len()))
        })
    }

    fn ask(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer> {
        Box::pin(async move {
            self.note(&caller, &inbound);
            Answer::bytes(StatusCode::OK, "application/fhir+json; fhirVersion=4.0", "{\"resourceType\":\"Bundle\"}")
        })
    }

    fn validate(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer> {
        self.ask(caller, inbound)
    }

    fn register(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer> {
        self.ask(caller, inbound)
    }

    fn ready(self: Arc<Self>) -> Pending<Vec<Check>> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { vec![Check { name: "store", fault: None }] })
    }

    fn formats(&self) -> Vec<String> {
        ["care-act", "panics", "sleeps", "hangs", "secret-format"].map(str::to_owned).to_vec()
    }
}

/// A running front door.
pub struct House {
    pub address: SocketAddr,
    pub walk: Arc<StandIn>,
    pub metrics: Arc<Metrics>,
    pub authority: Authority,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Drained>>,
    _folder: tempfile::TempDir,
}

/// The parties of the tests: what each may do, and what it sends.
pub const PARTIES: [(&str, &[Right], &[&str]); 8] = [
    ("council", &[Right::Send], &["care-act", "fhir", "panics", "sleeps", "hangs"]),
    ("app", &[Right::Choose], &[]),
    ("surgery", &[Right::Ask], &[]),
    ("vendor", &[Right::Validate], &[]),
    ("registrar", &[Right::Record], &[]),
    ("officer", &[Right::Explain], &[]),
    ("operator", &[Right::Operate], &[]),
    ("nobody", &[], &["care-act", "fhir"]),
];

fn party((id, may, sends): (&str, &[Right], &[&str])) -> Arc<Party> {
    let identity = decide::Party { id: id.to_owned(), name: id.to_owned(), ..decide::Party::default() };
    Arc::new(Party {
        identity,
        certificates: vec![CertificateMatch::Dns(format!("{id}.test"))],
        may: may.to_vec(),
        sends: sends.iter().map(|s| (*s).to_owned()).collect(),
        identifier: ("urn:test".to_owned(), id.to_owned()),
    })
}

/// Sizes small enough to reach in a test, and time enough for a busy machine.
pub fn small() -> Limits {
    Limits { body: 64 << 10, unpacked: 2 << 20, drain_time: Duration::from_secs(10), ..Limits::default() }
}

/// Times short enough to reach in a test.
pub fn hasty() -> Limits {
    let millis = Duration::from_millis;
    Limits {
        header_time: millis(600),
        body_time: millis(600),
        answer_time: millis(1500),
        handshake_time: millis(600),
        ..small()
    }
}

impl House {
    /// Opens a front door on a free port of loopback.
    pub fn open(limits: Limits) -> House {
        House::open_with(limits, |_| {})
    }

    /// The same, with its TLS changed.
    pub fn open_with(limits: Limits, change: impl FnOnce(&mut ServerTls)) -> House {
        let now = jiff::Timestamp::now();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let authority = Authority::new("clients", now).unwrap();
        let local = "127.0.0.1".parse().unwrap();
        let own = authority.issue(Purpose::Server, &["localhost"], &[local], now, 1).unwrap();
        let mut tls = ServerTls {
            certificate: write("server.pem", &own.certificate),
            key: write("server.key", &own.key),
            client_authorities: write("ca.pem", &authority.certificate().unwrap()),
            client_revocations: None,
            only_1_3: false,
        };
        change(&mut tls);
        let text = |s: &str| s.to_owned();
        let gateway = Gateway { name: text("t"), system: text("s"), value: text("v"), base: text("https://localhost") };
        let config = Config {
            gateway,
            listen: Listen { address: "127.0.0.1:0".parse().unwrap(), tls, limits },
            store: Store { path: folder.path().join("unused.db") },
            folders: Folders::default(),
            parties: PARTIES.into_iter().map(party).collect(),
            recipients: Vec::new(),
            sources: Vec::new(),
            log: Log::default(),
        };
        let walk = Arc::new(StandIn::default());
        let metrics = Arc::new(Metrics::default());
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = {
            let (walk, metrics) = (walk.clone(), metrics.clone());
            std::thread::spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
                let drained = runtime.block_on(async move {
                    let door = FrontDoor::bind(&config, walk, Arc::new(System), metrics).await.unwrap();
                    tell.send(door.address().unwrap()).unwrap();
                    door.run(async {
                        let _ = stopped.await;
                    })
                    .await
                });
                runtime.shutdown_timeout(Duration::from_millis(100));
                drained
            })
        };
        let address = told.recv().unwrap();
        House { address, walk, metrics, authority, stop: Some(stop), thread: Some(thread), _folder: folder }
    }

    /// The certificate of a party of the tests.
    pub fn certificate(&self, party: &str) -> Issued {
        let name = format!("{party}.test");
        self.authority.issue(Purpose::Client, &[&name], &[], jiff::Timestamp::now(), 1).unwrap()
    }

    /// Asks the door to close.
    pub fn begin_to_stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Waits until it has closed.
    pub fn stopped(&mut self) -> Drained {
        self.thread.take().unwrap().join().unwrap()
    }

    /// A TLS connection with this certificate, or none.
    ///
    /// # Errors
    /// The handshake was refused.
    pub fn connect(&self, certificate: Option<&Issued>) -> Result<Client, String> {
        self.connect_with(certificate, |_| {})
    }

    /// The same, with the client's TLS changed.
    ///
    /// # Errors
    /// The handshake was refused.
    pub fn connect_with(
        &self,
        certificate: Option<&Issued>,
        change: impl FnOnce(&mut SslConnectorBuilder),
    ) -> Result<Client, String> {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
        let authority = X509::from_pem(&self.authority.certificate().unwrap()).unwrap();
        builder.cert_store_mut().add_cert(authority).unwrap();
        if let Some(issued) = certificate {
            builder.set_certificate(&X509::from_pem(&issued.certificate).unwrap()).unwrap();
            builder.set_private_key(&PKey::private_key_from_pem(&issued.key).unwrap()).unwrap();
        }
        change(&mut builder);
        let stream = self.tcp();
        let stream = builder.build().connect("localhost", stream).map_err(|e| e.to_string())?;
        Ok(Client { stream })
    }

    /// A connection of a known party.
    pub fn client(&self, party: &str) -> Client {
        self.connect(Some(&self.certificate(party))).unwrap()
    }

    /// A bare connection.
    pub fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(8))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// What reached the walk so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.walk.seen.lock().unwrap().clone()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A client that writes what it is told.
pub struct Client {
    stream: SslStream<TcpStream>,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|l| l.split_once(':'));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).next()
    }

    /// The message id of its first issue.
    pub fn issue(&self) -> String {
        let outcome: serde_json::Value = serde_json::from_str(&self.body).expect("the body is JSON");
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        let extensions = outcome["issue"][0]["extension"].as_array().expect("there are extensions").clone();
        let id =
            extensions.iter().find(|e| e["url"].as_str().unwrap().ends_with("message-id")).expect("there is an id");
        id["valueCode"].as_str().unwrap().to_owned()
    }
}

impl Client {
    /// Writes bytes; a peer that hung up is no failure here.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush()).is_ok()
    }

    /// Says that nothing more will be written, and stays to read.
    pub fn half_close(&mut self) {
        let _ = self.stream.shutdown();
    }

    /// Ends the connection under TLS.
    pub fn cut(&mut self) {
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
    }

    /// The next answer; none when the connection ends first.
    pub fn read(&mut self) -> Option<Reply> {
        self.read_answer(true)
    }

    /// The next answer, to HEAD.
    pub fn read_head(&mut self) -> Option<Reply> {
        self.read_answer(false)
    }

    fn read_answer(&mut self, with_body: bool) -> Option<Reply> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            if self.stream.read(&mut byte).ok()? == 0 {
                return None;
            }
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).unwrap();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut reply = Reply { status, head, body: String::new() };
        let length = reply.header("content-length").map_or(0, |l| l.parse().unwrap());
        if with_body && status != 204 {
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).ok()?;
            reply.body = String::from_utf8(body).unwrap();
        }
        Some(reply)
    }

    /// Writes a request and reads its answer.
    pub fn ask(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Reply {
        self.write(request(method, path, headers, body));
        let reply = if method == "HEAD" { self.read_head() } else { self.read() };
        reply.expect("there is an answer")
    }

    /// The TLS version that was agreed.
    pub fn version(&self) -> &'static str {
        self.stream.ssl().version_str()
    }

    /// Whether the server let itself be resumed.
    pub fn is_resumed(&self) -> bool {
        self.stream.ssl().session_reused()
    }

    /// Whether the connection has ended: nothing more can be read.
    pub fn is_over(&mut self) -> bool {
        let mut byte = [0];
        !matches!(self.stream.read(&mut byte), Ok(1..))
    }
}

/// The bytes of a request.
pub fn request(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    if !body.is_empty() {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    [format!("{text}\r\n").as_bytes(), body].concat()
}

/// Content-Type of FHIR.
pub const FHIR: &str = "content-type: application/fhir+json";
/// Content-Type of JSON.
pub const JSON: &str = "content-type: application/json";
