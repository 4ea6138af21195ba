//! `sharewell serve` as a process of its own: it starts, says so, answers over TLS, and stops when told.
#![cfg(unix)]

use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslMethod};
use openssl::x509::X509;
use sharewell::edge::authority::{Authority, Issued, Purpose};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const CONFIG: &str = r#"
[gateway]
name = "t"
system = "urn:s"
value = "v"
base = "https://localhost"
[listen]
address = "127.0.0.1:0"
[listen.tls]
certificate_file = "server.pem"
key_file = "server.key"
client_authorities_file = "ca.pem"
[store]
path = "data/s.db"
[[party]]
id = "council"
name = "Council"
identifiers = [{ system = "urn:s", value = "a" }]
certificates = ["dns:council.test"]
may = ["send", "ask", "validate", "operate"]
sends = ["care-act", "fhir"]
"#;

struct Running {
    child: Child,
    port: u16,
    lines: Receiver<String>,
    authority: Authority,
    _folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start() -> Running {
    let now = jiff::Timestamp::now();
    let authority = Authority::new("test", now).unwrap();
    let server = authority.issue(Purpose::Server, &["localhost"], &[], now, 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("server.pem", &server.certificate);
    write("server.key", &server.key);
    write("ca.pem", &authority.certificate().unwrap());
    write("g.toml", CONFIG.as_bytes());
    let mut child = Command::new(env!("CARGO_BIN_EXE_sharewell"))
        .args(["serve", "--config"])
        .arg(folder.path().join("g.toml"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (tell, lines) = channel();
    let reader = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || reader.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
    let began = Instant::now();
    let mut seen = Vec::new();
    while began.elapsed() < Duration::from_secs(20) {
        let Ok(line) = lines.recv_timeout(Duration::from_secs(20)) else { break };
        let said: serde_json::Value = serde_json::from_str(&line).expect("a log line is JSON");
        if said["message"] == "ready" {
            let address = said["address"].as_str().unwrap();
            let port = address.rsplit(':').next().unwrap().parse().unwrap();
            return Running { child, port, lines, authority, _folder: folder };
        }
        seen.push(line);
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("it is not ready: {seen:?}");
}

impl Running {
    fn ask(&self, certificate: Option<&Issued>, request: &str) -> String {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
        let authority = X509::from_pem(&self.authority.certificate().unwrap()).unwrap();
        builder.cert_store_mut().add_cert(authority).unwrap();
        if let Some(issued) = certificate {
            builder.set_certificate(&X509::from_pem(&issued.certificate).unwrap()).unwrap();
            builder.set_private_key(&PKey::private_key_from_pem(&issued.key).unwrap()).unwrap();
        }
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut stream = builder.build().connect("localhost", stream).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply);
        String::from_utf8(reply).unwrap()
    }

    fn council(&self) -> Issued {
        self.authority.issue(Purpose::Client, &["council.test"], &[], jiff::Timestamp::now(), 1).unwrap()
    }

    fn told_to_stop(&mut self, signal: &str) -> i32 {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
        self.child.wait().unwrap().code().expect("it ends by itself")
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

fn post(path: &str, body: &str) -> String {
    let head = "content-type: application/fhir+json\r\nconnection: close";
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn it_starts_answers_and_stops() {
    for signal in ["-TERM", "-INT"] {
        let mut running = start();
        assert!(running.ask(None, &get("/healthz")).starts_with("HTTP/1.1 200"));
        let ready = running.ask(None, &get("/readyz"));
        assert!(ready.starts_with("HTTP/1.1 200") && ready.contains("\"ready\":true"), "{ready}");
        assert!(running.ask(None, &get("/fhir/CarePlan")).starts_with("HTTP/1.1 401"));
        assert_eq!(running.told_to_stop(signal), 0, "{signal}");
        assert!(TcpStream::connect(("127.0.0.1", running.port)).is_err());
    }
}

#[test]
fn what_is_posted_walks_through_the_rooms_and_its_log_names_nobody() {
    let mut running = start();
    let council = running.council();
    let malformed = running.ask(Some(&council), &post("/fhir", "{\"resourceType\":"));
    assert!(malformed.starts_with("HTTP/1.1 400") && malformed.contains("OperationOutcome"), "{malformed}");
    let number = "1234543210";
    let patient = format!(
        r#"{{"resourceType":"Patient","identifier":[{{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"{number}"}}],"name":[{{"family":"Plumtree"}}]}}"#
    );
    let refused = running.ask(Some(&council), &post("/fhir/Patient", &patient));
    let status: u16 = refused.split(' ').nth(1).unwrap().parse().unwrap();
    assert!((200..500).contains(&status), "{refused}");
    let asked = running.ask(Some(&council), &get(&format!("/fhir/CarePlan?patient={number}")));
    assert!(asked.starts_with("HTTP/1.1 400"), "{asked}");
    let statement = running.ask(Some(&council), &get("/fhir/metadata"));
    assert!(statement.contains("CapabilityStatement"));
    let metrics = running.ask(Some(&council), &get("/metrics"));
    assert!(metrics.contains("sharewell_requests_total{door=\"bundle\",status=\"400\"} 1"), "{metrics}");
    assert!(!metrics.contains(number) && !metrics.contains("Plumtree"));
    assert_eq!(running.told_to_stop("-TERM"), 0);
    let lines: Vec<String> = running.lines.iter().collect();
    assert!(lines.iter().any(|l| l.contains("\"answered\"") && l.contains("request_id")), "{lines:?}");
    for line in &lines {
        assert!(!line.contains(number) && !line.contains("Plumtree"), "{line}");
    }
}

#[test]
fn it_does_not_start_on_a_mistake_and_says_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = |path: &std::path::Path| {
        Command::new(env!("CARGO_BIN_EXE_sharewell")).args(["serve", "--config"]).arg(path).output().unwrap()
    };
    assert_eq!(run(&folder.path().join("none.toml")).status.code(), Some(2));
    let path = folder.path().join("g.toml");
    std::fs::write(&path, "[gateway]\nname = 3\n").unwrap();
    let done = run(&path);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(3));
    assert!(said.contains("g.toml:2:8") && said.contains("mistakes"), "{said}");
}
