//! From an answer of the walk to one of HTTP: counted, logged, with the headers that every answer has.

use super::answer::{Answer, FHIR_JSON};
use super::negotiate::Wanted;
use super::service::{House, Peer};
use super::walk::Check;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use std::time::Instant;

/// What is known of a request while it is in work, for its answer and its log line.
pub(super) struct Turn {
    pub(super) id: String,
    pub(super) started: Instant,
    pub(super) door: &'static str,
    pub(super) method: &'static str,
    pub(super) wanted: Wanted,
    pub(super) read: usize,
    pub(super) unread: bool,
    pub(super) close: bool,
}

/// The answer to `/readyz`.
pub(super) fn readiness(checks: &[Check]) -> Answer {
    let ready = checks.iter().all(|c| c.fault.is_none());
    let list: Vec<_> = checks
        .iter()
        .map(|c| serde_json::json!({ "name": c.name, "ok": c.fault.is_none(), "fault": c.fault }))
        .collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Answer::bytes(status, "application/json", serde_json::json!({ "ready": ready, "checks": list }).to_string())
}

pub(super) fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Counts and logs an answer, and gives it its headers.
pub(super) fn finish(house: &House, peer: &Peer, turn: &Turn, answer: Answer) -> Response<Full<Bytes>> {
    let took = turn.started.elapsed();
    let status = answer.status.as_u16();
    house.metrics.answered(turn.door, status, took);
    tracing::info!(
        request_id = %turn.id,
        door = turn.door,
        method = turn.method,
        status,
        party = peer.caller.as_ref().map_or("", |c| &c.party().identity.id),
        bytes_in = turn.read,
        bytes_out = answer.body.len(),
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    let media = match (answer.media, turn.wanted) {
        (FHIR_JSON, Wanted::Json) => "application/json",
        (media, _) => media,
    };
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    let mut add = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    };
    if !media.is_empty() {
        add("content-type", media);
    }
    add("x-request-id", &turn.id);
    add("cache-control", "no-store");
    add("x-content-type-options", "nosniff");
    if turn.close {
        add("connection", "close");
    }
    for (name, value) in &answer.headers {
        add(name, value);
    }
    response
}
