//! Digests of rows, recomputed from what is stored.
//!
//! A value is one byte of kind (0 nothing, 1 whole number, 2 text, 3 bytes), its length in eight bytes, and its bytes; a
//! number is eight bytes, big end first. First of all stands the table's name.

use openssl::sha::Sha256;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

/// A table whose rows never change: its name, its key, and the columns that a digest covers.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    columns: &'static str,
    /// Whether its rows are counted from 1 without a gap.
    pub(super) counted: Option<&'static str>,
}

/// The tables that the log vouches for row by row.
pub(super) const TABLES: [Table; 10] = [
    Table { name: "person", key: "id", columns: "id, salt, key", counted: Some("id") },
    Table {
        name: "record",
        key: "id",
        columns: "id, salt, person, sender, plan, request, format, accepted, bundle, original",
        counted: Some("sequence"),
    },
    Table {
        name: "answered",
        key: "record",
        columns: "record, salt, sender, key, digest, status, content_type, location, body",
        counted: None,
    },
    Table {
        name: "choice",
        key: "id",
        columns: "id, salt, person, sender, identifier, version, epoch, dated, recorded, record, consent",
        counted: Some("sequence"),
    },
    Table {
        name: "understood",
        key: "choice",
        columns: "choice, salt, act, actor, taken, dialect, authority, reader, rules",
        counted: Some("sequence"),
    },
    Table { name: "kept", key: "digest", columns: "digest, salt, kind, body", counted: Some("sequence") },
    Table {
        name: "decision",
        key: "entry",
        columns: "entry, salt, fingerprint, engine, document",
        counted: Some("sequence"),
    },
    Table {
        name: "fact",
        key: "id",
        columns: "id, salt, person, kind, epoch, recorder, recorded, request, fact",
        counted: Some("sequence"),
    },
    Table {
        name: "ended",
        key: "fact",
        columns: "fact, salt, person, epoch, recorder, recorded, request",
        counted: Some("sequence"),
    },
    Table {
        name: "message",
        key: "id",
        columns: "sequence, id, salt, record, person, recipient, plan, repeatable, request, accepted",
        counted: Some("sequence"),
    },
];

/// What changes about a message, and is sealed in its own row.
pub(super) const PLACE: &str = "sequence, state, attempt, unanswered, due, lease, reason, changed";

/// A digest being made.
pub(super) struct Digest(Sha256);

impl Digest {
    /// Of something of this name.
    pub(super) fn of(name: &str) -> Digest {
        let mut digest = Digest(Sha256::new());
        digest.add(ValueRef::Text(name.as_bytes()));
        digest
    }

    /// Adds a value.
    pub(super) fn add(&mut self, value: ValueRef<'_>) {
        let number;
        let (kind, bytes): (u8, &[u8]) = match value {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(whole) => {
                number = whole.to_be_bytes();
                (1, &number)
            }
            ValueRef::Text(text) => (2, text),
            ValueRef::Blob(bytes) => (3, bytes),
            // Nothing of ours is a fraction; one that turns up must change the digest.
            ValueRef::Real(fraction) => {
                number = fraction.to_be_bytes();
                (4, &number)
            }
        };
        self.0.update(&[kind]);
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    /// The digest.
    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finish()
    }
}

/// The digest of the first `count` columns of a row.
pub(super) fn digest(name: &str, row: &Row<'_>, count: usize) -> rusqlite::Result<[u8; 32]> {
    let mut digest = Digest::of(name);
    for column in 0..count {
        digest.add(row.get_ref(column)?);
    }
    Ok(digest.finish())
}

impl Table {
    /// The digest of the row with this key, as it is stored now.
    pub(super) fn digest(&self, connection: &Connection, key: &str) -> rusqlite::Result<Option<[u8; 32]>> {
        let sql = format!("SELECT {} FROM {} WHERE {} = ?1", self.columns, self.name, self.key);
        let count = self.columns.split(',').count();
        connection.prepare_cached(&sql)?.query_row([key], |row| digest(self.name, row, count)).optional()
    }

    /// How many rows there are.
    pub(super) fn count(&self, connection: &Connection) -> rusqlite::Result<u64> {
        // By the table itself: an index may say otherwise, and `integrity_check` compares the two.
        connection.query_row(&format!("SELECT count(*) FROM {} NOT INDEXED", self.name), [], |row| row.get(0))
    }
}
