//! One connection: handshake, who it is, requests in turn, and an end when it is idle, old, or we stop.

use super::service::{House, Peer, serve as serve_request};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use openssl::ssl::{Ssl, SslAcceptor};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_openssl::SslStream;

/// Serves one connection to its end.
pub(super) async fn serve(
    acceptor: SslAcceptor,
    stream: TcpStream,
    address: SocketAddr,
    house: Arc<House>,
    mut closing: watch::Receiver<bool>,
) {
    let _open = house.metrics.connection();
    let _ = stream.set_nodelay(true);
    let shaken = tokio::select! {
        _ = closing.wait_for(|c| *c) => return,
        shaken = timeout(house.limits.handshake_time, handshake(&acceptor, stream)) => shaken,
    };
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(why)) => return refused(&house, address, &why),
        Err(_) => return refused(&house, address, "too slow"),
    };
    let certificate = stream.ssl().peer_certificate();
    let peer = Arc::new(Peer::new(house.register.authenticate(certificate.as_deref())));
    requests(stream, house, peer, closing).await;
}

fn refused(house: &House, address: SocketAddr, why: &str) {
    house.metrics.dropped("handshake");
    tracing::info!(peer = %address, why, "no TLS handshake");
}

async fn handshake(acceptor: &SslAcceptor, stream: TcpStream) -> Result<SslStream<TcpStream>, String> {
    let ssl = Ssl::new(acceptor.context()).map_err(|_| "openssl cannot make a session".to_owned())?;
    let mut stream = SslStream::new(ssl, stream).map_err(|_| "openssl cannot make a session".to_owned())?;
    match Pin::new(&mut stream).accept().await {
        Ok(()) => Ok(stream),
        Err(error) => {
            let verified = stream.ssl().verify_result();
            let reason = error.ssl_error().and_then(|e| e.errors().first()).and_then(openssl::error::Error::reason);
            Err(match verified {
                openssl::x509::X509VerifyResult::OK => reason.unwrap_or("the connection ended").to_owned(),
                fault => fault.error_string().to_owned(),
            })
        }
    }
}

async fn requests(
    stream: SslStream<TcpStream>,
    house: Arc<House>,
    peer: Arc<Peer>,
    mut closing: watch::Receiver<bool>,
) {
    let limits = house.limits.clone();
    let head = limits.headers + limits.uri;
    let service = {
        let (house, peer) = (house.clone(), peer.clone());
        service_fn(move |request| {
            let (house, peer) = (house.clone(), peer.clone());
            async move { Ok::<_, Infallible>(serve_request(house, peer, request).await) }
        })
    };
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.header_count)
        .max_header_size(head)
        .max_buf_size(head.max(64 << 10))
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    let mut too_old = pin!(sleep_until(Instant::now() + limits.connection_time));
    tokio::select! {
        ended = serving.as_mut() => return note(&house, ended),
        _ = closing.wait_for(|c| *c) => {}
        () = too_old.as_mut() => house.metrics.dropped("too-old"),
    }
    serving.as_mut().graceful_shutdown();
    // What is in work may still be answered; a peer that does not read its answer is left.
    let longest = limits.body_time + limits.answer_time + Duration::from_secs(5);
    if let Ok(ended) = timeout(longest, serving).await {
        note(&house, ended);
    }
}

fn note(house: &House, ended: hyper::Result<()>) {
    let Err(error) = ended else { return };
    if error.is_parse() || error.is_timeout() {
        house.metrics.dropped(if error.is_parse() { "protocol" } else { "too-slow" });
    }
    // The text of hyper's errors names what was wrong with the protocol and quotes nothing of the message.
    tracing::debug!(%error, "a connection ended early");
}
