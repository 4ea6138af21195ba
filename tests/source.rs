//! An upstream FHIR server over real TLS sockets: what is asked of it, and what is not believed of it.

use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslMethod, SslStream, SslVerifyMode};
use openssl::x509::X509;
use sharewell::config::{ClientTls, Secret, Source};
use sharewell::edge::authority::{Authority, Purpose};
use sharewell::edge::source::{SourceFault, Upstream};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const EMPTY: &str = r#"{"resourceType":"Bundle","type":"searchset","total":0}"#;

/// What the upstream does with a request: given its text and its number, writes an answer.
type Script = dyn Fn(&str, usize) -> Vec<u8> + Send + Sync;

struct Fake {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = "content-type: application/fhir+json\r\n";
    format!("HTTP/1.1 {status}\r\n{head}{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// One request: head and body as far as its length says.
fn request(stream: &mut SslStream<TcpStream>) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    bytes.extend(body);
    String::from_utf8(bytes).ok()
}

impl Fake {
    fn start(script: Box<Script>) -> Fake {
        let now = jiff::Timestamp::now();
        let authority = Authority::new("upstream", now).unwrap();
        let server = authority.issue(Purpose::Server, &["localhost"], &[], now, 1).unwrap();
        let client = authority.issue(Purpose::Client, &["gateway.test"], &[], now, 1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.certificate().unwrap()).unwrap();
        std::fs::write(folder.path().join("own.pem"), &client.certificate).unwrap();
        std::fs::write(folder.path().join("own.key"), &client.key).unwrap();
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        builder.set_certificate(&X509::from_pem(&server.certificate).unwrap()).unwrap();
        builder.set_private_key(&PKey::private_key_from_pem(&server.key).unwrap()).unwrap();
        builder.cert_store_mut().add_cert(X509::from_pem(&authority.certificate().unwrap()).unwrap()).unwrap();
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        let acceptor = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(mut stream) = acceptor.accept(stream) else { continue };
                let Some(text) = request(&mut stream) else { continue };
                let count = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(text.clone());
                    seen.len()
                };
                let _ = stream.write_all(&script(&text, count));
                let _ = stream.shutdown();
            }
        });
        Fake { port, asked, folder }
    }

    fn source(&self) -> Source {
        let path = |name: &str| self.folder.path().join(name);
        Source {
            id: "records".to_owned(),
            base: format!("https://localhost:{}/fhir", self.port),
            client: ClientTls {
                authorities: Some(path("ca.pem")),
                identity: Some((path("own.pem"), path("own.key"))),
                bearer: Some(Secret::new("token".to_owned())),
            },
            patient_system: "https://fhir.nhs.uk/Id/nhs-number".to_owned(),
            request_time: Duration::from_millis(800),
            bytes: 100_000,
            pages: 4,
        }
    }

    fn search(&self, source: &Source) -> Result<String, SourceFault> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let upstream = Upstream::connect(source).unwrap();
        let patient = ("https://fhir.nhs.uk/Id/nhs-number", "1234543210");
        let found = runtime.block_on(upstream.search("CarePlan", patient, "7f0f8a52-5b4c-4b0a-9d8e-0123456789ab"));
        found.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[test]
fn the_person_is_asked_for_in_the_body_and_not_in_the_address() {
    let fake = Fake::start(Box::new(|_, _| answer("200 OK", "", EMPTY)));
    assert_eq!(fake.search(&fake.source()).unwrap(), EMPTY);
    let asked = &fake.asked()[0];
    assert!(asked.starts_with("POST /fhir/CarePlan/_search HTTP/1.1\r\n"), "{asked}");
    let body = asked.split("\r\n\r\n").nth(1).unwrap();
    let expected =
        "patient.identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C1234543210&_include=CarePlan%3Apatient";
    assert_eq!(body, expected);
    let head = asked.to_ascii_lowercase();
    for header in ["x-request-id: 7f0f8a52", "authorization: bearer token", "accept: application/fhir+json"] {
        assert!(head.contains(header), "{header}");
    }
    assert!(!asked.split("\r\n\r\n").next().unwrap().contains("1234543210"));
}

#[test]
fn a_server_that_is_not_vouched_for_is_told_nothing() {
    let fake = Fake::start(Box::new(|_, _| answer("200 OK", "", EMPTY)));
    let other = Fake::start(Box::new(|_, _| answer("200 OK", "", EMPTY)));
    let mut source = fake.source();
    source.client.authorities = other.source().client.authorities;
    assert_eq!(fake.search(&source), Err(SourceFault::Unreachable));
    let mut source = fake.source();
    source.base = format!("https://127.0.0.1:{}/fhir", fake.port);
    assert_eq!(fake.search(&source), Err(SourceFault::Unreachable), "the name must be the certificate's");
    let mut source = fake.source();
    source.client.identity = None;
    assert_eq!(fake.search(&source), Err(SourceFault::Unreachable), "it wants our certificate");
    assert!(fake.asked().is_empty());
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = Fake::start(Box::new(|_, _| answer("200 OK", "", EMPTY)));
    let location = format!("location: https://localhost:{}/fhir/CarePlan\r\n", elsewhere.port);
    for status in [301, 302, 307, 308] {
        let location = location.clone();
        let fake = Fake::start(Box::new(move |_, _| answer(&format!("{status} Moved"), &location, "")));
        assert_eq!(fake.search(&fake.source()), Err(SourceFault::Status(status)));
    }
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn pages_are_put_together_and_bounded() {
    let page = |next: &str, id: &str| {
        let link =
            if next.is_empty() { String::new() } else { format!(r#""link":[{{"relation":"next","url":"{next}"}}],"#) };
        format!(r#"{{"resourceType":"Bundle","type":"searchset",{link}"entry":[{{"fullUrl":"{id}"}}]}}"#)
    };
    let fake = Fake::start(Box::new(move |_, count| {
        let next = if count < 3 { format!("CarePlan?page={}", count + 1) } else { String::new() };
        answer("200 OK", "", &page(&next, &count.to_string()))
    }));
    let whole = fake.search(&fake.source()).unwrap();
    assert!(whole.contains(r#""entry":[{"fullUrl":"1"},{"fullUrl":"2"},{"fullUrl":"3"}]"#), "{whole}");
    assert!(fake.asked()[1].starts_with("GET /fhir/CarePlan?page=2 "));
    let endless = Fake::start(Box::new(move |_, _| answer("200 OK", "", &page("CarePlan?page=2", "x"))));
    assert_eq!(endless.search(&endless.source()), Err(SourceFault::TooLarge));
    assert_eq!(endless.asked().len(), 4);
    let away = Fake::start(Box::new(move |_, _| answer("200 OK", "", &page("https://evil.test/fhir?x", "x"))));
    assert!(matches!(away.search(&away.source()), Err(SourceFault::Malformed(_))));
}

#[test]
fn what_is_late_too_large_or_no_searchset_is_refused() {
    let slow = Fake::start(Box::new(|_, _| {
        std::thread::sleep(Duration::from_secs(2));
        answer("200 OK", "", EMPTY)
    }));
    let began = Instant::now();
    assert_eq!(slow.search(&slow.source()), Err(SourceFault::Unreachable));
    assert!(began.elapsed() < Duration::from_millis(1900));
    let large = Fake::start(Box::new(|_, _| answer("200 OK", "", &" ".repeat(100_001))));
    assert_eq!(large.search(&large.source()), Err(SourceFault::TooLarge));
    let endless = Fake::start(Box::new(|_, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
        [head.as_bytes(), &vec![b' '; 500_000]].concat()
    }));
    assert_eq!(endless.search(&endless.source()), Err(SourceFault::TooLarge));
    for (status, body, fault) in [
        ("404 Not Found", "", SourceFault::Absent),
        ("500 Oops", EMPTY, SourceFault::Status(500)),
        ("204 No Content", "", SourceFault::Status(204)),
    ] {
        let fake = Fake::start(Box::new(move |_, _| answer(status, "", body)));
        assert_eq!(fake.search(&fake.source()), Err(fault), "{status}");
    }
    for body in [
        "",
        "{}",
        "[]",
        r#"{"resourceType":"OperationOutcome"}"#,
        r#"{"resourceType":"Bundle","type":"searchset","type":"x"}"#,
    ] {
        let fake = Fake::start(Box::new(move |_, _| answer("200 OK", "", body)));
        assert!(matches!(fake.search(&fake.source()), Err(SourceFault::Malformed(_))), "{body}");
    }
    let html = Fake::start(Box::new(|_, _| {
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n".to_vec()
    }));
    assert!(matches!(html.search(&html.source()), Err(SourceFault::Malformed(_))));
}

#[test]
fn a_connection_that_breaks_off_is_no_answer() {
    let fake = Fake::start(Box::new(|_, _| {
        b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ncontent-length: 1000\r\n\r\n{\"resourceType\":"
            .to_vec()
    }));
    assert_eq!(fake.search(&fake.source()), Err(SourceFault::Unreachable));
}
