//! When to try again: longer and longer, at random within that, until a message is too old.

use super::Failure;
use crate::edge::store::{Fate, Message};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long to keep trying. The end is by age, not by count: a count loses data in any outage that lasts.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The longest first wait.
    pub first: Duration,
    /// The longest wait of all.
    pub most: Duration,
    /// How old a message may get.
    pub age: Duration,
}

impl Default for Patience {
    /// A second, a quarter of an hour, three days.
    fn default() -> Patience {
        Patience {
            first: Duration::from_secs(1),
            most: Duration::from_secs(15 * 60),
            age: Duration::from_secs(72 * 60 * 60),
        }
    }
}

impl Patience {
    /// What becomes of a message after a failure. `chance` is 32 random bytes (`Clock::chance`).
    #[must_use]
    pub fn fate(&self, message: &Message, failure: &Failure, now: Timestamp, chance: [u8; 32]) -> Fate {
        let reason = failure.reason.clone();
        if failure.unanswered && !message.repeatable {
            return Fate::Held { reason: format!("it may have arrived, and a repeat would not be told: {reason}") };
        }
        if !failure.again {
            return Fate::Held { reason };
        }
        let old = Duration::try_from(now.duration_since(message.accepted)).unwrap_or_default();
        if old >= self.age {
            return Fate::Held { reason: format!("given up after {} h: {reason}", old.as_secs() / 3600) };
        }
        let wait = self.wait(message.attempt, chance).max(failure.after.unwrap_or_default());
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        Fate::Retry { at: now.checked_add(wait).unwrap_or(Timestamp::MAX), reason }
    }

    /// Full jitter: anything between nothing and the exponential bound, so that many who failed together do not come
    /// back together.
    fn wait(&self, attempt: u32, chance: [u8; 32]) -> Duration {
        let bound = self.first.saturating_mul(1 << attempt.saturating_sub(1).min(30)).min(self.most);
        let part = u32::from_be_bytes([chance[0], chance[1], chance[2], chance[3]]);
        bound.mul_f64(f64::from(part) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::store::Person;

    fn message(attempt: u32, repeatable: bool) -> Message {
        Message {
            id: "m".to_owned(),
            record: "r".to_owned(),
            recipient: "beckside-surgery".to_owned(),
            person: Person::verified("9990000018"),
            request: "q".to_owned(),
            accepted: Timestamp::UNIX_EPOCH,
            attempt,
            unanswered: false,
            repeatable,
        }
    }

    fn failure(again: bool, unanswered: bool, after: Option<u64>) -> Failure {
        Failure { again, unanswered, after: after.map(Duration::from_secs), reason: "status 503".to_owned() }
    }

    #[test]
    fn waits_grow_to_a_bound_and_spread_over_all_of_it() {
        let patience = Patience::default();
        for (attempt, bound) in [(1, 1), (2, 2), (5, 16), (11, 900), (4000, 900)] {
            assert_eq!(patience.wait(attempt, [0xFF; 32]), Duration::from_secs(bound));
            assert_eq!(patience.wait(attempt, [0; 32]), Duration::ZERO);
        }
    }

    #[test]
    fn a_message_is_held_when_trying_again_cannot_help_or_cannot_be_told_or_it_is_too_old() {
        let patience = Patience::default();
        let fate =
            |m: &Message, f: &Failure, s: i64| patience.fate(m, f, Timestamp::from_second(s).unwrap(), [0x80; 32]);
        assert!(matches!(fate(&message(1, true), &failure(false, false, None), 1), Fate::Held { .. }));
        assert!(matches!(fate(&message(1, false), &failure(true, true, None), 1), Fate::Held { .. }));
        assert!(matches!(fate(&message(9, true), &failure(true, false, None), 72 * 3600), Fate::Held { .. }));
        assert!(matches!(fate(&message(1, true), &failure(true, true, None), 1), Fate::Retry { .. }));
        let Fate::Retry { at, .. } = fate(&message(1, true), &failure(true, false, Some(120)), 1) else {
            panic!("it is tried again");
        };
        assert_eq!(at.as_second(), 121, "no sooner than the recipient asked");
    }
}
