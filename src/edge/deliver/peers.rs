//! Recipients that misbehave, each on a TLS socket of its own, and what becomes of a message to them.

use super::{Endpoint, Failure, Form, Sender, headers};
use crate::edge::authority::{Authority, Issued, Purpose};
use crate::edge::clock::{Clock, System};
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::X509;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_openssl::SslStream;

/// What a peer does once it has read a request.
#[derive(Clone)]
enum Manner {
    /// Says this and closes.
    Says(String),
    /// Says this and goes on holding the connection, without closing.
    SaysAndStalls(String),
    /// Closes without a word.
    Hangs,
}

struct Peer {
    url: String,
    seen: Arc<AtomicUsize>,
    authority: Authority,
}

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn pem(issued: &Issued) -> (X509, PKey<openssl::pkey::Private>) {
    (X509::from_pem(&issued.certificate).unwrap(), PKey::private_key_from_pem(&issued.key).unwrap())
}

fn acceptor(authority: &Authority) -> SslAcceptor {
    let issued = authority.issue(Purpose::Server, &["localhost"], &[LOOPBACK], System.now(), 1).unwrap();
    let (certificate, key) = pem(&issued);
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_certificate(&certificate).unwrap();
    acceptor.set_private_key(&key).unwrap();
    let trusted = X509::from_pem(&authority.certificate().unwrap()).unwrap();
    acceptor.cert_store_mut().add_cert(trusted).unwrap();
    acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    acceptor.build()
}

impl Peer {
    async fn that(manner: Manner) -> Peer {
        let authority = Authority::new("test authority", System.now()).unwrap();
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let url = format!("https://localhost:{}/fhir", listener.local_addr().unwrap().port());
        let (acceptor, seen) = (acceptor(&authority), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (ssl, count, manner) = (Ssl::new(acceptor.context()).unwrap(), Arc::clone(&count), manner.clone());
                tokio::spawn(async move {
                    let mut stream = SslStream::new(ssl, socket).unwrap();
                    if Pin::new(&mut stream).accept().await.is_ok() {
                        serve(&mut stream, &count, &manner).await;
                    }
                });
            }
        });
        Peer { url, seen, authority }
    }

    fn endpoint(&self) -> Endpoint {
        let ours = self.authority.issue(Purpose::Client, &["gateway"], &[], System.now(), 1).unwrap();
        Endpoint {
            recipient: "beckside-surgery".to_owned(),
            party: "beckside-surgery".to_owned(),
            url: self.url.clone(),
            form: Form::Fhir,
            authorities: vec![self.authority.certificate().unwrap()],
            identity: Some((ours.certificate, ours.key)),
            bearer: None,
            timeout: Duration::from_millis(700),
            connect_timeout: Duration::from_millis(500),
            answer_limit: 4096,
        }
    }
}

async fn serve(stream: &mut SslStream<tokio::net::TcpStream>, count: &AtomicUsize, manner: &Manner) {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"\"Bundle\"}") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    let text = String::from_utf8_lossy(&request).to_lowercase();
    assert!(text.contains("idempotency-key: message-1\r\n") && text.contains("content-type: application/fhir+json"));
    count.fetch_add(1, Ordering::SeqCst);
    match manner {
        Manner::Says(words) => {
            let _ = stream.write_all(words.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Manner::SaysAndStalls(words) => {
            let _ = stream.write_all(words.as_bytes()).await;
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        Manner::Hangs => {}
    }
}

async fn send(endpoint: Endpoint) -> Result<(u16, Option<String>), Failure> {
    let sender = Sender::new(endpoint, Arc::new(System)).unwrap();
    let body = b"{\"resourceType\":\"Bundle\"}".to_vec();
    sender.post(headers("application/fhir+json", "message-1", "request-1", None), body).await
}

fn answer(status: &str, more: &str, body: &str) -> Manner {
    Manner::Says(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{more}\r\n{body}", body.len()))
}

#[tokio::test]
async fn a_good_peer_gets_it_once_and_its_location_is_kept() {
    let peer = Peer::that(answer("201 Created", "location: https://there.example/Bundle/7\r\n", "")).await;
    let sent = send(peer.endpoint()).await.unwrap();
    assert_eq!(sent, (201, Some("https://there.example/Bundle/7".to_owned())));
    assert_eq!(peer.seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn statuses_are_tried_again_or_held_as_they_deserve() {
    let again = [408, 425, 429, 500, 502, 503, 504];
    let held = [300, 301, 302, 307, 308, 400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 422, 501, 505];
    for status in again.into_iter().chain(held) {
        // A redirect leads to the same peer, which would count a second request.
        let peer = Peer::that(answer(&format!("{status} Word"), "location: /fhir\r\nretry-after: 60\r\n", "")).await;
        let failure = send(peer.endpoint()).await.unwrap_err();
        assert_eq!((failure.again, failure.unanswered), (again.contains(&status), false), "{status}");
        assert_eq!(failure.after, Some(Duration::from_secs(60)));
        assert_eq!(peer.seen.load(Ordering::SeqCst), 1, "{status}: nothing is followed or repeated");
    }
}

#[tokio::test]
async fn a_success_that_says_it_failed_is_a_failure() {
    let outcome = "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\",\"code\":\"invalid\"}]}";
    let peer = Peer::that(answer("200 OK", "", outcome)).await;
    let failure = send(peer.endpoint()).await.unwrap_err();
    assert!(!failure.again && failure.reason.contains("OperationOutcome"));
}

#[tokio::test]
async fn whoever_breaks_off_or_keeps_us_waiting_may_have_it_all_the_same() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_owned();
    let drop = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".to_owned();
    let manners = [
        Manner::Hangs,
        Manner::Says(half.clone()),
        Manner::SaysAndStalls(half),
        Manner::SaysAndStalls(drop),
        Manner::SaysAndStalls(String::new()),
        Manner::Says("not HTTP at all\r\n\r\n".to_owned()),
    ];
    for (index, manner) in manners.into_iter().enumerate() {
        let peer = Peer::that(manner).await;
        let failure = send(peer.endpoint()).await.unwrap_err();
        assert!(failure.again && failure.unanswered, "{index}: {}", failure.reason);
        assert_eq!(peer.seen.load(Ordering::SeqCst), 1, "{index}: it is not sent again behind our back");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let endless = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}",
        "400\r\n".to_owned() + &"x".repeat(0x400) + "\r\n"
    );
    let peer =
        Peer::that(Manner::SaysAndStalls(endless.clone() + &endless[endless.find("400").unwrap()..].repeat(8))).await;
    let failure = send(peer.endpoint()).await.unwrap_err();
    assert!(!failure.again && failure.unanswered, "{}", failure.reason);
}

#[tokio::test]
async fn nothing_is_sent_to_a_peer_that_is_not_who_it_should_be_or_that_does_not_know_us() {
    let peer = Peer::that(answer("200 OK", "", "")).await;
    let stranger = Authority::new("another authority", System.now()).unwrap();
    let mut unknown_peer = peer.endpoint();
    unknown_peer.authorities = vec![stranger.certificate().unwrap()];
    let mut unknown_to_peer = peer.endpoint();
    let theirs = stranger.issue(Purpose::Client, &["gateway"], &[], System.now(), 1).unwrap();
    unknown_to_peer.identity = Some((theirs.certificate, theirs.key));
    let mut without_certificate = peer.endpoint();
    without_certificate.identity = None;
    let mut plain = peer.endpoint();
    plain.url = plain.url.replace("https:", "http:");
    let mut absent = peer.endpoint();
    absent.url = "https://localhost:1/fhir".to_owned();
    for (index, endpoint) in [unknown_peer, unknown_to_peer, without_certificate, plain, absent].into_iter().enumerate()
    {
        let failure = send(endpoint).await.unwrap_err();
        assert!(failure.again != (index == 3), "{index}: {}", failure.reason);
    }
    assert_eq!(peer.seen.load(Ordering::SeqCst), 0);
}
