//! What the door says when it does not let a request in. Each answer is an OperationOutcome; none quotes the request.

use super::answer::Answer;
use crate::pure::fhir::Issue;
use hyper::StatusCode;

fn refused(status: StatusCode, code: &'static str, id: &'static str, text: &str, remedy: &'static str) -> Answer {
    let issue = Issue::error(code, id, text.to_owned());
    Answer::issue(status, if remedy.is_empty() { issue } else { issue.remedy(remedy) })
}

/// No certificate, or one that is nobody's. Says the same for both.
#[must_use]
pub fn unknown_caller() -> Answer {
    let remedy = "connect with the client certificate that is registered here for your system";
    refused(StatusCode::UNAUTHORIZED, "login", "unknown-caller", "the caller is not known here", remedy)
        .header("www-authenticate", "Mutual realm=\"sharewell\"")
}

/// Known, but without this right.
#[must_use]
pub fn not_allowed() -> Answer {
    let remedy = "ask the operator of this gateway for the right";
    refused(StatusCode::FORBIDDEN, "forbidden", "not-allowed", "this caller may not use this route", remedy)
}

/// Known, but not as a sender of this format.
#[must_use]
pub fn format_not_allowed() -> Answer {
    let remedy = "ask the operator of this gateway to add the format to what your system sends";
    refused(StatusCode::FORBIDDEN, "forbidden", "format-not-allowed", "this caller may not send this format", remedy)
}

/// No such route.
#[must_use]
pub fn no_route() -> Answer {
    let remedy = "`/fhir/metadata` lists what can be asked here";
    refused(StatusCode::NOT_FOUND, "not-found", "no-such-route", "nothing is served at this address", remedy)
}

/// No such local format.
#[must_use]
pub fn no_format() -> Answer {
    refused(StatusCode::NOT_FOUND, "not-found", "no-such-format", "no mapping here has this name", "")
}

/// The route exists, for other methods.
#[must_use]
pub fn wrong_method(allowed: &str) -> Answer {
    let text = "this address does not take this method";
    refused(StatusCode::METHOD_NOT_ALLOWED, "not-supported", "wrong-method", text, "use a method of the Allow header")
        .header("allow", allowed)
}

/// Accept, or `_format`, asks for something else than is served.
#[must_use]
pub fn not_acceptable() -> Answer {
    let remedy = "accept `application/fhir+json` of FHIR version 4.0, and let `_format` say the same";
    let text = "this address does not serve what the caller reads";
    refused(StatusCode::NOT_ACCEPTABLE, "not-supported", "not-acceptable", text, remedy)
}

/// The body is of a type this route does not take.
#[must_use]
pub fn wrong_media(expected: &'static str) -> Answer {
    let text = "the body is of a type that this route does not take";
    refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", "wrong-media-type", text, expected)
}

/// The body is packed by a method we do not unpack.
#[must_use]
pub fn wrong_encoding() -> Answer {
    let text = "the body is encoded in a way that is not read here";
    let remedy = "send it plain, or with `Content-Encoding: gzip`";
    refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", "wrong-encoding", text, remedy)
}

/// The body does not unpack.
#[must_use]
pub fn broken_gzip() -> Answer {
    let text = "the body is said to be gzip and does not unpack";
    refused(StatusCode::BAD_REQUEST, "structure", "broken-gzip", text, "")
}

/// The request contradicts itself.
#[must_use]
pub fn malformed(text: &str) -> Answer {
    refused(StatusCode::BAD_REQUEST, "structure", "malformed-request", text, "")
}

/// The request sets a condition.
#[must_use]
pub fn conditional() -> Answer {
    let remedy = "leave out `If-Match` and `If-None-Exist`; a repeat with the same `Idempotency-Key` is taken once";
    let text = "conditional requests are not carried out here";
    refused(StatusCode::PRECONDITION_FAILED, "not-supported", "conditional-request", text, remedy)
}

/// The body is larger than we read.
#[must_use]
pub fn too_large(limit: usize) -> Answer {
    let text = format!("the body is larger than {limit} bytes");
    refused(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "body-too-large", &text, "send one plan at a time")
}

/// The body unpacks to more than we read.
#[must_use]
pub fn bomb() -> Answer {
    let text = "the body unpacks to more than is read here";
    refused(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "unpacked-too-large", text, "send one plan at a time")
}

/// The address is longer than we read.
#[must_use]
pub fn uri_too_long() -> Answer {
    let remedy = "search with POST and put the parameters into the body";
    refused(StatusCode::URI_TOO_LONG, "too-long", "uri-too-long", "the address is too long", remedy)
}

/// The body did not come in time.
#[must_use]
pub fn too_slow() -> Answer {
    let text = "the body did not arrive in time";
    refused(StatusCode::REQUEST_TIMEOUT, "timeout", "body-too-slow", text, "send it again")
}

/// Too much is in work.
#[must_use]
pub fn busy() -> Answer {
    let text = "too many requests are in work";
    refused(StatusCode::SERVICE_UNAVAILABLE, "throttled", "busy", text, "send it again after `Retry-After` seconds")
        .header("retry-after", "1")
}

/// The walk took too long.
#[must_use]
pub fn late() -> Answer {
    let text = "no answer was ready in time; whether the record was accepted is not known";
    let remedy = "send it again with the same key; a record that was accepted is not taken twice";
    refused(StatusCode::SERVICE_UNAVAILABLE, "timeout", "answer-too-late", text, remedy).header("retry-after", "5")
}

/// Something of ours broke. No detail.
#[must_use]
pub fn broken() -> Answer {
    let remedy = "tell the operator of this gateway the request id";
    refused(StatusCode::INTERNAL_SERVER_ERROR, "exception", "internal", "something broke here", remedy)
}
