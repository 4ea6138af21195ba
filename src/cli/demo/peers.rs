//! The other systems of the demo: HTTPS listeners of their own, as a surgery, a hospice, a portal and an upstream FHIR
//! server would be. They ask for the gateway's client certificate, keep what they get, and know a repeat by its key.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use openssl::ssl::{Ssl, SslAcceptor};
use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_openssl::SslStream;

/// The most a peer reads, in bytes.
const BODY: usize = 8 << 20;

/// What a peer holds.
#[derive(Default)]
struct Shelf {
    got: Vec<Bytes>,
    keys: HashSet<String>,
    busy: bool,
}

/// One listener.
pub struct Peer {
    address: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
    task: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a peer answers a search with: resource type in, searchset out.
pub type Answers = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

impl Peer {
    /// Starts to listen on a free port of loopback.
    ///
    /// # Errors
    /// When no port is to be had.
    pub async fn start(tls: SslAcceptor, answers: Option<Answers>) -> std::io::Result<Peer> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let task = tokio::spawn(listen(listener, tls, Arc::clone(&shelf), answers));
        Ok(Peer { address, shelf, task })
    }

    /// Its address.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    fn look<T>(&self, look: impl FnOnce(&Shelf) -> T) -> T {
        look(&self.shelf.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many different things it was sent.
    pub fn count(&self) -> usize {
        self.look(|shelf| shelf.got.len())
    }

    /// The last thing it was sent.
    pub fn last(&self) -> Option<Bytes> {
        self.look(|shelf| shelf.got.last().cloned())
    }

    /// Says 503 to whatever is sent from now on, or takes it again.
    pub fn be_busy(&self, busy: bool) {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).busy = busy;
    }
}

async fn listen(listener: TcpListener, tls: SslAcceptor, shelf: Arc<Mutex<Shelf>>, answers: Option<Answers>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shelf, answers) = (tls.clone(), Arc::clone(&shelf), answers.clone());
        tokio::spawn(async move {
            if let Some(stream) = handshake(&tls, stream).await {
                let service = service_fn(move |request| serve(request, Arc::clone(&shelf), answers.clone()));
                // A peer that hangs up is no concern of the demo.
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            }
        });
    }
}

async fn handshake(tls: &SslAcceptor, stream: TcpStream) -> Option<SslStream<TcpStream>> {
    // Small answers must not wait for the other side's delayed acknowledgement.
    stream.set_nodelay(true).ok()?;
    let mut stream = SslStream::new(Ssl::new(tls.context()).ok()?, stream).ok()?;
    Pin::new(&mut stream).accept().await.ok()?;
    Some(stream)
}

async fn serve(
    request: Request<Incoming>,
    shelf: Arc<Mutex<Shelf>>,
    answers: Option<Answers>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = |status, body: String| {
        let response = Response::builder().status(status).header("content-type", "application/fhir+json");
        Ok(response.body(Full::new(Bytes::from(body))).unwrap_or_default())
    };
    if request.method() == Method::GET || request.uri().path().ends_with("/_search") {
        let kind = request.uri().path().trim_end_matches("/_search").rsplit('/').next().unwrap_or_default().to_owned();
        return match answers.and_then(|answers| answers(&kind)) {
            Some(body) => answer(StatusCode::OK, body),
            None => answer(StatusCode::NOT_FOUND, String::new()),
        };
    }
    let key = request.headers().get("idempotency-key").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let Ok(body) = Limited::new(request.into_body(), BODY).collect().await else {
        return answer(StatusCode::PAYLOAD_TOO_LARGE, String::new());
    };
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    if shelf.busy {
        return answer(StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    if key.is_none_or(|key| shelf.keys.insert(key)) {
        shelf.got.push(body.to_bytes());
    }
    answer(StatusCode::CREATED, String::new())
}
