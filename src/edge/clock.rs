//! Time and chance come in by this door and no other.
//!
//! Goes out: the instant now, and identifiers nobody can guess. A test hands in a [`Clock`] that stands still.

use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Where the time and new identifiers come from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The instant now.
    fn now(&self) -> Timestamp;
    /// A new identifier, a UUID in text.
    fn id(&self) -> String;
    /// 32 bytes nobody can guess: salts, jitter.
    fn chance(&self) -> [u8; 32];
}

/// The machine's clock and its random numbers.
#[derive(Debug, Default)]
pub struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn id(&self) -> String {
        // Version 7 begins with the time: what is stored together lies together, which halves what a commit writes.
        uuid::Uuid::now_v7().to_string()
    }

    fn chance(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        // Without a working generator nothing we salt or space out can be trusted, and OpenSSL says so only here.
        openssl::rand::rand_bytes(&mut bytes).expect("OpenSSL's random generator works");
        bytes
    }
}

/// A clock that moves only when told, and counts its identifiers, for tests and simulation.
#[derive(Debug)]
pub struct Still {
    nanos: AtomicI64,
    ids: AtomicU64,
}

impl Still {
    /// Stands at this instant.
    #[must_use]
    pub fn at(now: Timestamp) -> Arc<Still> {
        let nanos = i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX);
        Arc::new(Still { nanos: AtomicI64::new(nanos), ids: AtomicU64::new(0) })
    }

    /// Moves on by this many seconds.
    pub fn pass(&self, seconds: i64) {
        self.nanos.fetch_add(seconds * 1_000_000_000, Ordering::SeqCst);
    }
}

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(self.nanos.load(Ordering::SeqCst))).unwrap_or(Timestamp::MAX)
    }

    fn id(&self) -> String {
        uuid::Uuid::from_u128(u128::from(self.ids.fetch_add(1, Ordering::SeqCst))).to_string()
    }

    fn chance(&self) -> [u8; 32] {
        openssl::sha::sha256(&self.ids.fetch_add(1, Ordering::SeqCst).to_be_bytes())
    }
}
