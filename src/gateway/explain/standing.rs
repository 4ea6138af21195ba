//! How each choice on file stands: in force or not, and why not.

use super::Gateway;
use crate::edge::evidence;
use crate::edge::store::{Person, StoreError, StoredConsent};
use crate::pure::decide::words::Truth;
use crate::pure::decide::{Choice, Dialect, Evidence, Facts, Standing, Taken};
use jiff::Timestamp;

/// A version of a choice, and its state in one word.
pub(super) struct OnFile {
    pub choice: Choice,
    pub version: u64,
    pub status: &'static str,
}

/// All versions of all choices of a person, the newest first.
pub(super) async fn of_all(gateway: &Gateway, person: &Person, evidence: &Evidence) -> Result<Vec<OnFile>, StoreError> {
    let stored = gateway.store.consents(person).await?;
    let mut all: Vec<OnFile> = stored.iter().map(|one| on_file(one, &evidence.facts, gateway.clock.now())).collect();
    all.reverse();
    Ok(all)
}

fn on_file(stored: &StoredConsent, facts: &Facts, now: Timestamp) -> OnFile {
    let choice = evidence::read(stored);
    let status = if stored.in_force { status(&choice, facts, now) } else { "superseded" };
    OnFile { choice, version: stored.version, status }
}

/// The state of a choice that no other version replaces.
pub(super) fn status(choice: &Choice, facts: &Facts, now: Timestamp) -> &'static str {
    let span = choice.validity();
    match choice.standing() {
        _ if choice.dialect() == Dialect::Unread => "unreadable",
        Standing::Error => "entered-in-error",
        Standing::Ended => "withdrawn",
        Standing::Proposed => "proposed",
        Standing::Active if span.and_then(|s| s.until).is_some_and(|u| u.end() <= now) => "expired",
        Standing::Active if span.and_then(|s| s.from).is_some_and(|f| now < f.earliest()) => "not-begun",
        Standing::Active if choice.taken() == Taken::Awaiting => "awaiting-confirmation",
        Standing::Active if choice.authority(facts, now) != Truth::True => "no-authority",
        Standing::Active => "in-force",
    }
}
