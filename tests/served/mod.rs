//! A gateway as a process of its own with one recipient that keeps a record of what it got, for tests that kill it.

use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslConnector, SslMethod, SslStream, SslVerifyMode};
use openssl::x509::X509;
use sharewell::edge::authority::{Authority, Issued, Purpose};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const CONFIG: &str = r#"
[gateway]
name = "gateway"
system = "https://fhir.nhs.uk/Id/ods-organization-code"
value = "X9N01"
base = "https://localhost"
[listen]
address = "127.0.0.1:0"
[listen.tls]
certificate_file = "server.pem"
key_file = "server.key"
client_authorities_file = "ca.pem"
[store]
path = "sharewell.db"
[[party]]
id = "winifreds-app"
name = "her own app"
identifiers = [{ system = "https://sharewell.example/Id/app", value = "app-001" }]
audiences = ["person"]
purposes = ["PATRQT"]
groups = []
certificates = ["dns:app.test"]
may = ["send"]
sends = ["person-held"]
[[party]]
id = "beckside-surgery"
name = "Beckside Surgery"
identifiers = [{ system = "https://fhir.nhs.uk/Id/ods-organization-code", value = "Y99001" }]
audiences = ["gp-practice"]
purposes = ["TREAT"]
groups = []
certificates = ["dns:surgery.test"]
may = ["ask"]
sends = []
[[recipient]]
id = "beckside-surgery"
party = "beckside-surgery"
endpoint = "https://localhost:PORT/fhir"
format = "fhir"
authorities_file = "ca.pem"
certificate_file = "out.pem"
key_file = "out.key"
"#;

/// A port that nobody listens on now, below those that systems hand out to clients: it stays free until it is wanted.
fn quiet_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 500).unwrap() * 40;
    (0..)
        .map(|_| 10_000 + own + NEXT.fetch_add(1, Ordering::Relaxed) % 40)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

/// Certificates, configuration and database of one gateway, and the port where its recipient will be.
pub struct Place {
    pub folder: TempDir,
    authority: Authority,
    port: u16,
}

impl Place {
    pub fn new() -> Place {
        let now = jiff::Timestamp::now();
        let authority = Authority::new("test", now).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let port = quiet_port();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        for (name, purpose) in [("server", Purpose::Server), ("out", Purpose::Client)] {
            let issued = authority.issue(purpose, &["localhost"], &[], now, 1).unwrap();
            write(&format!("{name}.pem"), &issued.certificate);
            write(&format!("{name}.key"), &issued.key);
        }
        write("ca.pem", &authority.certificate().unwrap());
        write("gateway.toml", CONFIG.replace("PORT", &port.to_string()).as_bytes());
        Place { folder, authority, port }
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("sharewell.db")
    }

    /// Starts the gateway and waits until it is ready.
    pub fn serve(&self) -> Serving<'_> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sharewell"))
            .args(["serve", "--config"])
            .arg(self.folder.path().join("gateway.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = channel();
        let reader = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || reader.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        let mut seen = Vec::new();
        while let Ok(line) = lines.recv_timeout(Duration::from_secs(30)) {
            if let Ok(said) = serde_json::from_str::<serde_json::Value>(&line)
                && said["message"] == "ready"
            {
                let address = said["address"].as_str().unwrap();
                let port = address.rsplit(':').next().unwrap().parse().unwrap();
                return Serving { child, port, place: self };
            }
            seen.push(line);
        }
        let _ = child.kill();
        let _ = child.wait();
        panic!("it is not ready: {seen:?}");
    }

    /// Starts the recipient; `answers` false: it takes what comes and never answers.
    pub fn recipient(&self, answers: bool) -> Recipient {
        let issued = self.authority.issue(Purpose::Server, &["localhost"], &[], jiff::Timestamp::now(), 1).unwrap();
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate(&X509::from_pem(&issued.certificate).unwrap()).unwrap();
        acceptor.set_private_key(&PKey::private_key_from_pem(&issued.key).unwrap()).unwrap();
        let trusted = X509::from_pem(&self.authority.certificate().unwrap()).unwrap();
        acceptor.cert_store_mut().add_cert(trusted).unwrap();
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        let acceptor = acceptor.build();
        let listener = TcpListener::bind(("127.0.0.1", self.port)).expect("the port is still free");
        let (got, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (keep, stop) = (Arc::clone(&got), Arc::clone(&over));
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (acceptor, keep, stop) = (acceptor.clone(), Arc::clone(&keep), Arc::clone(&stop));
                std::thread::spawn(move || {
                    if let Ok(stream) = acceptor.accept(socket) {
                        take(stream, &keep, &stop, answers);
                    }
                });
            }
        });
        Recipient { got, over, port: self.port }
    }
}

/// Reads requests and keeps their keys in the order they came.
fn take(mut stream: SslStream<TcpStream>, keep: &Mutex<Vec<String>>, stop: &AtomicBool, answers: bool) {
    loop {
        let (mut head, mut byte) = (Vec::new(), [0; 1]);
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let header = |name: &str| {
            head.lines().find_map(|l| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v))
        };
        let mut body = vec![0; header("content-length").unwrap().parse().unwrap()];
        if stream.read_exact(&mut body).is_err() || stop.load(Ordering::SeqCst) {
            return;
        }
        assert!(String::from_utf8(body).unwrap().contains("\"resourceType\":\"Bundle\""));
        keep.lock().unwrap().push(header("idempotency-key").unwrap().to_owned());
        if !answers {
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
        if stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// A recipient that keeps the keys of what it got.
pub struct Recipient {
    got: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    port: u16,
}

impl Recipient {
    pub fn got(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until it got something.
    pub fn wait(&self) -> bool {
        self.wait_for(|got| !got.is_empty())
    }

    pub fn wait_for(&self, enough: impl Fn(&[String]) -> bool) -> bool {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            if enough(&self.got()) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Recipient {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the thread that listens, so that it sees that it is over and gives the port back.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A gateway that runs.
pub struct Serving<'p> {
    child: Child,
    port: u16,
    place: &'p Place,
}

impl Serving<'_> {
    fn app(&self) -> Issued {
        self.place.authority.issue(Purpose::Client, &["app.test"], &[], jiff::Timestamp::now(), 1).unwrap()
    }

    /// Posts her record under this key; the status, or nothing where the gateway went away.
    pub fn post(&self, key: &str) -> Option<u16> {
        let (issued, mut builder) = (self.app(), SslConnector::builder(SslMethod::tls_client()).unwrap());
        let authority = X509::from_pem(&self.place.authority.certificate().unwrap()).unwrap();
        builder.cert_store_mut().add_cert(authority).unwrap();
        builder.set_certificate(&X509::from_pem(&issued.certificate).unwrap()).unwrap();
        builder.set_private_key(&PKey::private_key_from_pem(&issued.key).unwrap()).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut stream = builder.build().connect("localhost", stream).ok()?;
        let body = sharewell::embedded::files("fixtures/demo/").into_iter().find(|f| f.path == "person-held-1.json");
        let body = body.expect("her record").bytes;
        let head = format!(
            "POST /local/person-held HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             idempotency-key: {key}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body[..]].concat()).ok()?;
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply);
        String::from_utf8_lossy(&reply).split(' ').nth(1)?.parse().ok()
    }

    /// SIGKILL: no warning.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its process id, to be killed from elsewhere.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM: it may finish.
    pub fn stop(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success() && self.child.wait().unwrap().success(), "it ends by itself");
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
