//! Whom records are about, as the store knows them.

use std::fmt;

/// Whom records are about: the key that lanes, choices and caches go by.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Person(String);

impl Person {
    /// Somebody whose NHS number was checked.
    #[must_use]
    pub fn verified(nhs_number: &str) -> Person {
        Person(format!("nhs:{nhs_number}"))
    }

    /// Somebody a sender knows by its own identifier, and we by nothing better. The sender's id is an id of the
    /// configuration and has no colon.
    #[must_use]
    pub fn known_to(sender: &str, local: &str) -> Person {
        Person(format!("local:{sender}:{local}"))
    }

    /// The key as text: to be stored, never logged.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.0
    }

    /// The NHS number, where it was checked.
    #[must_use]
    pub fn nhs_number(&self) -> Option<&str> {
        self.0.strip_prefix("nhs:")
    }

    pub(super) fn from_key(key: String) -> Person {
        Person(key)
    }
}

impl fmt::Debug for Person {
    /// Without the number (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(…)")
    }
}
