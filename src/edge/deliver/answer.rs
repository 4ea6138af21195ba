//! What a recipient's answer means: arrived, try again, or a person has to look.

use super::Failure;
use crate::pure::fhir::json::{self, Limits};
use crate::pure::fhir::tree::Item;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use std::error::Error;
use std::time::Duration;

/// The longest a recipient can make us wait.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A request that got no answer. Trouble with connecting means that nothing was sent; anything later, that it may have
/// arrived.
pub(super) fn unsent(error: &reqwest::Error) -> Failure {
    let unanswered = !(error.is_connect() || error.is_builder());
    let what = match (error.is_connect(), error.is_timeout()) {
        (true, true) => "connecting took too long",
        (true, false) => "no connection",
        (false, true) => "no answer in time",
        (false, false) => "the connection broke",
    };
    // The innermost cause is the operating system's or OpenSSL's, in words about sockets and certificates.
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Failure { again: !error.is_builder(), unanswered, after: None, reason: format!("{what}: {cause}") }
}

/// Reads an answer and says what it means; its status and Location where it means that the record arrived.
pub(super) async fn judge(response: Response, limit: usize, now: Timestamp) -> Result<(u16, Option<String>), Failure> {
    let status = response.status();
    let after = retry_after(response.headers(), now);
    let location = response.headers().get(LOCATION).and_then(|l| l.to_str().ok()).map(str::to_owned);
    if !status.is_success() {
        return Err(Failure {
            again: worth_retrying(status),
            unanswered: false,
            after,
            reason: format!("status {status}"),
        });
    }
    let body = read(response, limit).await?;
    match worst_issue(&body) {
        None => Ok((status.as_u16(), location)),
        Some(transient) => {
            let reason = format!("status {status}, and an OperationOutcome that says it failed");
            Err(Failure { again: transient, unanswered: false, after, reason })
        }
    }
}

/// 408, 425, 429 and what servers say when they are in trouble. All else needs a person: the same request would get the
/// same answer.
fn worth_retrying(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// Retry-After in seconds or as a date (RFC 9110 §10.2.3), at most a day.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(until.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(DAY))
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let broke = |reason: &str| Failure { again: true, unanswered: true, after: None, reason: reason.to_owned() };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| broke("the answer broke off"))? {
        if body.len() + chunk.len() > limit {
            return Err(Failure { again: false, ..broke("the answer is larger than is read") });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether an OperationOutcome reports an error, and if so, whether a passing one. A transaction's response is looked
/// through too. What is no FHIR says nothing against a status of success.
fn worst_issue(body: &[u8]) -> Option<bool> {
    let tree = json::read(body, &Limits { nodes: 100_000, ..Limits::default() }).ok()?;
    let root = tree.root();
    let mut outcomes = vec![root];
    outcomes.extend(root.all("entry").filter_map(|entry| entry.get("response")?.get("outcome")));
    outcomes.extend(root.all("entry").filter_map(|entry| entry.get("resource")));
    let mut worst = None;
    for outcome in outcomes.into_iter().filter(|o| o.resource_type() == Some("OperationOutcome")) {
        for issue in outcome.all("issue").filter(|issue| failed(*issue)) {
            let passing = matches!(
                issue.str_at(&["code"]),
                Some("transient" | "lock-error" | "no-store" | "timeout" | "incomplete" | "throttled")
            );
            worst = Some(passing && worst.unwrap_or(true));
        }
    }
    worst
}

fn failed(issue: Item<'_>) -> bool {
    // An issue without a severity is not one that we can take for good news.
    !matches!(issue.str_at(&["severity"]), Some("warning" | "information"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn an_operation_outcome_with_an_error_is_a_failure_whatever_the_status_says() {
        let outcome = |severity: &str, code: &str| {
            format!(
                "{{\"resourceType\":\"OperationOutcome\",\"issue\":[{{\"severity\":\"{severity}\",\"code\":\"{code}\"}}]}}"
            )
        };
        assert_eq!(worst_issue(outcome("error", "invalid").as_bytes()), Some(false));
        assert_eq!(worst_issue(outcome("error", "throttled").as_bytes()), Some(true));
        assert_eq!(worst_issue(outcome("information", "informational").as_bytes()), None);
        let inside = format!(
            "{{\"resourceType\":\"Bundle\",\"entry\":[{{\"response\":{{\"outcome\":{}}}}}]}}",
            outcome("fatal", "exception")
        );
        assert_eq!(worst_issue(inside.as_bytes()), Some(false));
        for harmless in ["", "OK", "{\"id\":1}", "<html>"] {
            assert_eq!(worst_issue(harmless.as_bytes()), None);
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_a_day() {
        let now: Timestamp = "2026-06-01T09:00:00Z".parse().unwrap();
        let wait = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            retry_after(&headers, now).map(|d| d.as_secs())
        };
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait("Mon, 01 Jun 2026 09:01:00 GMT"), Some(60));
        assert_eq!(wait("Mon, 01 Jun 2026 08:00:00 GMT"), Some(0));
        assert_eq!(wait("99999999"), Some(86400));
        assert_eq!(wait("soon"), None);
    }
}
