//! The file as bytes: each page against the digest that was signed when the database was closed.

use super::heads::{Signed, base64};
use super::verify::Finding;
use crate::pure::audit::merkle;
use rusqlite::Connection;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// The signed digests, as far as they can be trusted.
pub(super) struct Pages {
    page: usize,
    bytes: u64,
    digests: Vec<merkle::Hash>,
    pub(super) head_file: Vec<u8>,
    pub(super) signed: Signed,
}

impl Pages {
    /// Reads `FILE.pages`.
    pub(super) fn read(path: &Path) -> Result<Pages, String> {
        let signed = Signed::read(path, "sharewell page digests 1")?;
        if !signed.holds {
            return Err("its signature does not hold".to_owned());
        }
        let page: usize = signed.number("page")?;
        if page == 0 {
            return Err("its page size is nothing".to_owned());
        }
        let digests: Option<Vec<merkle::Hash>> =
            signed.rest.lines().map(|line| base64(line)?.try_into().ok()).collect();
        let digests = digests.ok_or("a digest in it cannot be read")?;
        if merkle::root(&digests)[..] != signed.bytes("root")? {
            return Err("its digests are not those that were signed".to_owned());
        }
        Ok(Pages { page, bytes: signed.number("bytes")?, head_file: signed.bytes("head-file")?, digests, signed })
    }

    /// Compares the file, page by page.
    pub(super) fn compare(&self, database: &Path, findings: &mut Vec<Finding>) -> std::io::Result<()> {
        let file = File::open(database)?;
        let bytes = file.metadata()?.len();
        if bytes != self.bytes {
            let what = format!("is {bytes} bytes long; it was {} when it was closed", self.bytes);
            findings.push(Finding::new("the database file", what));
        }
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut changed = Vec::new();
        for (index, digest) in self.digests.iter().enumerate() {
            let mut page = Vec::with_capacity(self.page);
            reader.by_ref().take(self.page as u64).read_to_end(&mut page)?;
            if merkle::leaf(&page) != *digest {
                changed.push(index);
            }
        }
        let owners = if changed.is_empty() { HashMap::new() } else { owners(database) };
        for index in changed {
            let (from, to) = (index * self.page, (index + 1) * self.page - 1);
            let owner = owners.get(&(index + 1)).map(|name| format!(", in `{name}`")).unwrap_or_default();
            let place = format!("page {} (bytes {from} to {to}{owner})", index + 1);
            findings.push(Finding::new(place, "is not what it was when the database was closed".to_owned()));
        }
        Ok(())
    }
}

/// Which table or index a page belongs to, as far as SQLite can still tell.
fn owners(database: &Path) -> HashMap<usize, String> {
    let read = || -> rusqlite::Result<HashMap<usize, String>> {
        let connection = super::verify::open(database)?;
        let mut statement = connection.prepare("SELECT pageno, name FROM dbstat")?;
        let mut rows = statement.query([])?;
        let mut owners = HashMap::new();
        while let Ok(Some(row)) = rows.next() {
            owners.insert(row.get(0)?, row.get(1)?);
        }
        Ok(owners)
    };
    read().unwrap_or_default()
}

/// What SQLite itself does not look at in the first hundred bytes (SQLite file format §1.3).
pub(super) fn header(database: &Path, findings: &mut Vec<Finding>) -> std::io::Result<()> {
    let mut header = [0; 100];
    if File::open(database)?.read_exact(&mut header).is_err() {
        findings.push(Finding::new("the database file", "is too short to be a database".to_owned()));
        return Ok(());
    }
    let mut wrong = |place: &str, what: &str| findings.push(Finding::new(place, what.to_owned()));
    if &header[..16] != b"SQLite format 3\0" {
        wrong("bytes 0 to 15 (file header)", "do not say that it is a database");
    }
    if header[18..20] != [2, 2] {
        wrong("bytes 18 to 19 (file header)", "do not say that it has a write-ahead log");
    }
    if header[20..24] != [0, 64, 32, 32] {
        wrong("bytes 20 to 23 (file header)", "are not what SQLite writes there");
    }
    if header[52..56] != [0; 4] || header[64..68] != [0; 4] {
        wrong("bytes 52 to 67 (file header)", "say that the database is vacuumed by itself, and ours is not");
    }
    if header[72..92] != [0; 20] {
        wrong("bytes 72 to 91 (file header)", "are reserved and not empty");
    }
    if header[24..28] != header[92..96] {
        wrong("bytes 24 to 27 and 92 to 95 (file header)", "should say the same and do not");
    }
    Ok(())
}

/// Whether a write-ahead log holds anything, so that the file alone is not the database.
pub(super) fn has_log(database: &Path) -> bool {
    std::fs::metadata(super::verify::beside(database, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// What SQLite finds wrong with its own structure.
pub(super) fn structure(connection: &Connection, findings: &mut Vec<Finding>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA integrity_check(50)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        if text != "ok" {
            findings.push(Finding::new("the database's structure", text));
        }
    }
    Ok(())
}
