//! Keeping house: moving committed pages into the database file, the head file beside it, and closing cleanly.
//!
//! `FILE.head` is the newest signed tree head; whoever keeps a copy elsewhere can show that the log was cut or rewritten
//! later. `FILE.pages` exists only while the database is closed: a signed digest of
//! every page, so that a change in bytes that no row uses is found too.

use super::super::StoreError;
use super::trail::Signer;
use crate::pure::audit::merkle::{self, Frontier};
use rusqlite::Connection;
use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How often it looks.
const BEAT: Duration = Duration::from_millis(250);
/// After how many pieces of work pages are moved at the next look; after one at the latest every four looks.
const MUCH: u64 = 500;
/// Above this size of the write-ahead log (bytes) writers wait until it is moved whole.
const LONG: u64 = 256 << 20;

/// `FILE.head`, `FILE.pages`, `FILE.lock`.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Keeps house until `stop` is dropped.
pub(super) fn run(path: &Path, connection: &Connection, committed: &Arc<AtomicU64>, stop: &Receiver<()>) {
    let (mut moved, mut looks) = (0, 0u32);
    loop {
        let last = !matches!(stop.recv_timeout(BEAT), Err(RecvTimeoutError::Timeout));
        let committed = committed.load(Ordering::Relaxed);
        looks += 1;
        if last {
            return;
        }
        if committed > moved && (committed - moved > MUCH || looks >= 4) {
            let long = std::fs::metadata(beside(path, "-wal")).is_ok_and(|m| m.len() > LONG);
            let mode = if long { "RESTART" } else { "PASSIVE" };
            if let Err(error) = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(())) {
                tracing::warn!(%error, "the write-ahead log could not be moved into the database; trying again");
            }
            (moved, looks) = (committed, 0);
        }
    }
}

/// Writes the head file and flushes it.
pub(super) fn write_head(path: &Path, text: &str) -> Result<(), StoreError> {
    let written = write_whole(&beside(path, ".head"), text.as_bytes());
    written.map_err(|error| StoreError::Failed(format!("the tree head could not be written: {error}")))
}

/// The head file, kept open and overwritten after every commit: what a killed process leaves is never older than what it
/// acknowledged, so that a write-ahead log that lost its end shows. Not flushed: the database is, and before it.
pub(super) struct HeadFile {
    file: File,
    length: usize,
}

impl HeadFile {
    /// Writes the head file anew, flushes it, and keeps it open.
    pub(super) fn open(path: &Path, text: &str) -> Result<HeadFile, StoreError> {
        write_head(path, text)?;
        let file = File::options().write(true).open(beside(path, ".head"));
        let file = file.map_err(|error| StoreError::Failed(format!("the tree head cannot be written: {error}")))?;
        Ok(HeadFile { file, length: text.len() })
    }

    /// Overwrites it. It is shorter than a sector, which is written whole or not at all.
    pub(super) fn write(&mut self, text: &str) {
        let mut written = self.file.rewind().and_then(|()| self.file.write_all(text.as_bytes()));
        if text.len() < self.length {
            written = written.and_then(|()| self.file.set_len(text.len() as u64));
        }
        self.length = text.len();
        if let Err(error) = written {
            tracing::warn!(%error, "the signed tree head could not be written beside the database");
        }
    }
}

/// Whether the log is as long as the head file says. One that is shorter has lost what was acknowledged, and going on
/// would hide it.
pub(super) fn compare(path: &Path, frontier: &Frontier) -> Result<(), StoreError> {
    let Ok(text) = std::fs::read_to_string(beside(path, ".head")) else { return Ok(()) };
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let size = value("size").and_then(|size| size.parse().ok()).unwrap_or(0);
    let another = size == frontier.size() && value("root") != Some(&openssl::base64::encode_block(&frontier.root()));
    if size > frontier.size() || another {
        return Err(StoreError::Damaged(format!(
            "the signed tree head is of {size} log entries, and the log has {}, or others: entries were lost, or the \
             database is an older copy; see `sharewell audit verify`, and to go on all the same keep `FILE.head` elsewhere",
            frontier.size()
        )));
    }
    Ok(())
}

/// Writes a file so that a reader sees the old one or the new one, never half of one.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = beside(path, ".new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

/// Moves everything into the one file, closes it, and signs what it is made of.
pub(super) fn close(path: &Path, connection: Connection, signer: &Signer, head: String) -> Result<(), StoreError> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    let page: usize = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    connection.close().map_err(|(_, error)| StoreError::from(error))?;
    write_head(path, &head)?;
    if busy != 0 {
        // Another program has the database open; without the whole in one file there is nothing to sign.
        return Ok(());
    }
    let pages = sign_pages(path, page, signer, &head)?;
    let written = write_whole(&beside(path, ".pages"), pages.as_bytes());
    written.map_err(|error| StoreError::Failed(format!("the page digests could not be written: {error}")))
}

fn sign_pages(path: &Path, page: usize, signer: &Signer, head: &str) -> Result<String, StoreError> {
    let unread = |error: std::io::Error| StoreError::Failed(format!("the database could not be read: {error}"));
    let file = File::open(path).map_err(unread)?;
    let bytes = file.metadata().map_err(unread)?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut buffer = vec![0; page];
    let mut digests = Vec::new();
    while digests.len() as u64 * (page as u64) < bytes {
        reader.read_exact(&mut buffer).map_err(unread)?;
        digests.push(merkle::leaf(&buffer));
    }
    let base64 = openssl::base64::encode_block;
    let root = base64(&merkle::root(&digests));
    let head = base64(&openssl::sha::sha256(head.as_bytes()));
    let statement = format!("sharewell page digests 1\nbytes {bytes}\npage {page}\nhead-file {head}\nroot {root}\n");
    let mut text = signer.sign_text(&statement)?;
    for digest in &digests {
        text.push_str(&base64(digest));
        text.push('\n');
    }
    Ok(text)
}
