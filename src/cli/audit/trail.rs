//! The log, read from its first entry to its last: every leaf recomputed, every head compared, every row looked up.

use super::heads::{Head, holds};
use super::rows::{Digest, TABLES};
use super::verify::Finding;
use crate::pure::audit::merkle::{self, Frontier, Hash};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::{HashMap, HashSet};

/// What the log says of a message last.
pub(super) struct Standing {
    pub(super) state: String,
    pub(super) attempt: i64,
    pub(super) entry: u64,
}

/// What reading the log brought to light, for the other checks.
#[derive(Default)]
pub(super) struct Read {
    pub(super) entries: u64,
    pub(super) heads: u64,
    pub(super) head_time: i64,
    pub(super) root: Hash,
    pub(super) went_back: u64,
    /// Rows vouched for, by table.
    pub(super) vouched: HashMap<&'static str, u64>,
    pub(super) standing: HashMap<String, Standing>,
    pub(super) unresolved: HashSet<String>,
    /// The roots at the sizes that somebody asked about.
    pub(super) roots: HashMap<u64, Hash>,
}

/// Who signs, and for which store.
pub(super) struct Signatory<'a> {
    pub(super) store: &'a str,
    pub(super) key: &'a [u8],
}

pub(super) struct Reader<'a> {
    pub(super) connection: &'a Connection,
    pub(super) signatory: Signatory<'a>,
    pub(super) findings: &'a mut Vec<Finding>,
    pub(super) read: Read,
    frontier: Frontier,
    last_recorded: i64,
}

/// Entries of acts that run side by side are written in the order they are stored, not made: microseconds that may lie
/// between the two before a clock is said to have been put back.
const TOGETHER: i64 = 5_000_000;

const COLUMNS: &str =
    "sequence, id, kind, phase, intent, outcome, request, party, message, recorded, refs, salt, event,
    leaf";

impl<'a> Reader<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        signatory: Signatory<'a>,
        findings: &'a mut Vec<Finding>,
    ) -> Reader<'a> {
        Reader {
            connection,
            signatory,
            findings,
            read: Read::default(),
            frontier: Frontier::default(),
            last_recorded: i64::MIN,
        }
    }

    fn found(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.findings.push(Finding::new(place, what.into()));
    }

    /// Reads all of it; `asked` are the sizes at which the root is wanted.
    pub(super) fn run(mut self, asked: &[u64]) -> rusqlite::Result<Read> {
        let connection = self.connection;
        let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM log NOT INDEXED ORDER BY sequence"))?;
        let mut rows = statement.query([])?;
        self.read.root = merkle::empty();
        while let Some(row) = rows.next()? {
            self.entry(row)?;
            self.head_here()?;
            if asked.contains(&self.frontier.size()) {
                self.read.roots.insert(self.frontier.size(), self.frontier.root());
            }
        }
        self.read.root = self.frontier.root();
        self.read.entries = self.frontier.size();
        self.heads_beyond()?;
        Ok(self.read)
    }

    fn entry(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let sequence: u64 = row.get(0)?;
        let expected = self.frontier.size() + 1;
        if sequence != expected {
            self.found(
                format!("table `log`, row {sequence}"),
                format!("the entries before it end at {}: one is missing or out of its place", expected - 1),
            );
        }
        let leaf = leaf(row)?;
        if row.get_ref(13)?.as_blob().ok() != Some(&leaf[..]) {
            self.found(
                format!("table `log`, row {sequence}"),
                "the entry is not the one that its leaf hash was made from",
            );
        }
        self.frontier.append(leaf);
        let recorded: i64 = row.get(9)?;
        self.read.went_back += u64::from(recorded.saturating_add(TOGETHER) < self.last_recorded);
        self.last_recorded = self.last_recorded.max(recorded);
        let word = |column: usize| -> rusqlite::Result<String> { Ok(text(row.get_ref(column)?)) };
        match word(3)?.as_str() {
            "intent" => {
                self.read.unresolved.insert(word(1)?);
            }
            "completion" => {
                self.read.unresolved.remove(&word(4)?);
            }
            _ => {}
        }
        self.refs(sequence, &word(10)?)
    }

    /// Looks up every row that the entry vouches for.
    fn refs(&mut self, sequence: u64, refs: &str) -> rusqlite::Result<()> {
        for line in refs.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["state", message, state, attempt] => {
                    let attempt = attempt.parse().unwrap_or(-1);
                    let standing = Standing { state: state.to_owned(), attempt, entry: sequence };
                    self.read.standing.insert(message.to_owned(), standing);
                }
                [table, key, digest] => self.vouched(sequence, table, key, digest)?,
                _ => self
                    .found(format!("table `log`, row {sequence}"), "it vouches for something in words we do not know"),
            }
        }
        Ok(())
    }

    fn vouched(&mut self, sequence: u64, name: &str, key: &str, digest: &str) -> rusqlite::Result<()> {
        let Some(table) = TABLES.iter().find(|table| table.name == name) else {
            self.found(format!("table `log`, row {sequence}"), "it vouches for a table we do not know");
            return Ok(());
        };
        *self.read.vouched.entry(table.name).or_default() += 1;
        let place = format!("table `{}`, row with {} `{key}`", table.name, table.key);
        match table.digest(self.connection, key) {
            Ok(Some(found)) if hex(&found) == digest => {}
            Ok(Some(_)) => self.found(place, format!("is not what log entry {sequence} vouches for")),
            Ok(None) => self.found(place, format!("log entry {sequence} vouches for it and it is not there")),
            Err(error) => self.found(place, format!("cannot be read: {error}")),
        }
        Ok(())
    }

    /// Compares the head of this size, where one was kept.
    fn head_here(&mut self) -> rusqlite::Result<()> {
        let size = self.frontier.size();
        let kept = self
            .connection
            .prepare_cached("SELECT at, root, peaks, signature FROM head WHERE size = ?1")?
            .query_row([size], |row| {
                Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?, row.get::<_, Vec<u8>>(3)?))
            })
            .optional()?;
        let Some((time, root, peaks, signature)) = kept else { return Ok(()) };
        let place = format!("table `head`, row {size}");
        let head = Head { store: self.signatory.store.to_owned(), size, time, root };
        if !holds(self.signatory.key, head.statement().as_bytes(), &signature) {
            self.found(&place, "its signature does not hold");
        }
        if head.root != self.frontier.root() {
            self.found(&place, format!("the first {size} log entries are not those that it signs"));
        }
        if peaks != self.frontier.peaks().concat() {
            self.found(&place, "the subtrees it remembers are not those of the log");
        }
        (self.read.heads, self.read.head_time) = (self.read.heads + 1, time);
        Ok(())
    }

    fn heads_beyond(&mut self) -> rusqlite::Result<()> {
        let (entries, newest): (u64, i64) = (
            self.frontier.size(),
            self.connection.query_row("SELECT coalesce(max(size), 0) FROM head", [], |row| row.get(0))?,
        );
        let count: u64 = self.connection.query_row("SELECT count(*) FROM head", [], |row| row.get(0))?;
        if i64::try_from(entries).ok() != Some(newest) || count != self.read.heads {
            let what = format!("the newest signed head is of {newest} entries, and the log has {entries}");
            self.found("table `head`", what);
        }
        Ok(())
    }
}

/// The leaf of a log entry, from its columns.
fn leaf(row: &Row<'_>) -> rusqlite::Result<Hash> {
    let mut commitment = openssl::sha::Sha256::new();
    commitment.update(bytes(row.get_ref(11)?));
    commitment.update(bytes(row.get_ref(12)?));
    let mut digest = Digest::of("log");
    for column in 0..11 {
        digest.add(row.get_ref(column)?);
    }
    digest.add(ValueRef::Blob(&commitment.finish()));
    Ok(merkle::leaf(&digest.finish()))
}

fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        _ => &[],
    }
}

fn text(value: ValueRef<'_>) -> String {
    String::from_utf8_lossy(bytes(value)).into_owned()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
