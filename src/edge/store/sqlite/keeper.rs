//! Keeping house: moving committed pages into the database file, writing the head file, and closing cleanly.
//!
//! `FILE.head` is the newest signed tree head, at most a quarter of a second old; whoever keeps a copy elsewhere can show
//! that the log was cut or rewritten later. `FILE.pages` exists only while the database is closed: a signed digest of
//! every page, so that a change in bytes that no row uses is found too.

use super::super::StoreError;
use super::trail::Signer;
use super::writer::Pulse;
use crate::pure::audit::merkle;
use rusqlite::Connection;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
pub(super) fn run(path: &Path, connection: &Connection, pulse: &Arc<Pulse>, stop: &Receiver<()>) {
    let (mut moved, mut looks) = (0, 0u32);
    loop {
        let last = !matches!(stop.recv_timeout(BEAT), Err(RecvTimeoutError::Timeout));
        write_newest_head(path, pulse);
        let committed = pulse.committed.load(Ordering::Relaxed);
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
    let written = write_whole(&beside(path, ".head"), text.as_bytes(), true);
    written.map_err(|error| StoreError::Failed(format!("the tree head could not be written: {error}")))
}

fn write_newest_head(path: &Path, pulse: &Pulse) {
    let Ok(newest) = pulse.head.lock().map(|mut head| head.take()) else { return };
    let Some(text) = newest else { return };
    if let Err(error) = write_whole(&beside(path, ".head"), text.as_bytes(), false) {
        tracing::warn!(%error, "the signed tree head could not be written beside the database");
    }
}

/// Writes a file so that a reader sees the old one or the new one, never half of one.
fn write_whole(path: &Path, bytes: &[u8], flush: bool) -> std::io::Result<()> {
    let new = beside(path, ".new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    if flush {
        file.sync_all()?;
    }
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
    let written = write_whole(&beside(path, ".pages"), pages.as_bytes(), true);
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
