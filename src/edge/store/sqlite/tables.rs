//! The tables, how a connection is set up, and how an older database becomes today's.
//!
//! Three sorts of table. What is written once and never changed (`person`, `record`, `choice`, `understood`, `answered`,
//! `decision` and what it rests on, `kept`, `fact` and the `ended` that says when one stopped being so, the first columns of `message`): the trail holds a salted
//! digest of each row. What changes (`message` from `state` on, `pulse`):
//! each row carries a seal over itself, and the trail says where a message stands. The trail itself (`log`, `head`,
//! `unresolved`). Nothing is stored that no check covers; `sharewell audit verify` is the other reader of this page.

use super::super::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// Marks the file as ours: `SHRW`.
const APPLICATION: i32 = 0x5348_5257;

/// One step a version; the database's `user_version` is how many were taken.
const MIGRATIONS: [&str; 5] = [
    "
CREATE TABLE setting (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE pulse (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, seal BLOB NOT NULL) STRICT;

CREATE TABLE person (id INTEGER PRIMARY KEY, salt BLOB NOT NULL, key TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE record (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, salt BLOB NOT NULL,
    person INTEGER NOT NULL REFERENCES person (id), sender TEXT NOT NULL, plan TEXT, request TEXT NOT NULL,
    format TEXT NOT NULL, accepted INTEGER NOT NULL, bundle TEXT NOT NULL, original BLOB) STRICT;

CREATE TABLE answered (
    record TEXT NOT NULL UNIQUE REFERENCES record (id), salt BLOB NOT NULL, sender TEXT NOT NULL, key TEXT NOT NULL,
    digest BLOB NOT NULL, status INTEGER NOT NULL, content_type TEXT NOT NULL, location TEXT, body BLOB NOT NULL,
    UNIQUE (sender, key)) STRICT;

CREATE TABLE choice (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, salt BLOB NOT NULL,
    person INTEGER NOT NULL REFERENCES person (id), sender TEXT NOT NULL, identifier TEXT NOT NULL,
    version INTEGER NOT NULL, epoch INTEGER NOT NULL, dated INTEGER NOT NULL, recorded INTEGER NOT NULL,
    record TEXT NOT NULL REFERENCES record (id), consent TEXT NOT NULL,
    UNIQUE (person, sender, identifier, version)) STRICT;
CREATE INDEX choice_epoch ON choice (person, epoch);

CREATE TABLE message (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, salt BLOB NOT NULL,
    record TEXT NOT NULL REFERENCES record (id), person INTEGER NOT NULL REFERENCES person (id),
    recipient TEXT NOT NULL, plan TEXT, repeatable INTEGER NOT NULL, request TEXT NOT NULL, accepted INTEGER NOT NULL,
    state TEXT NOT NULL, attempt INTEGER NOT NULL, unanswered INTEGER NOT NULL, due INTEGER, lease INTEGER,
    reason TEXT NOT NULL, changed INTEGER NOT NULL, seal BLOB NOT NULL) STRICT;
CREATE INDEX message_due ON message (due) WHERE due IS NOT NULL;
CREATE INDEX message_lease ON message (lease) WHERE lease IS NOT NULL;
CREATE INDEX message_lane ON message (recipient, person, sequence)
    WHERE state IN ('accepted', 'ready', 'retry', 'claimed', 'sent', 'held');
CREATE INDEX message_plan ON message (recipient, plan) WHERE state IN ('accepted', 'ready', 'retry', 'held');
CREATE INDEX message_state ON message (recipient, state);

CREATE TABLE log (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, phase TEXT NOT NULL, intent TEXT,
    outcome TEXT NOT NULL, request TEXT NOT NULL, party TEXT, message TEXT, recorded INTEGER NOT NULL,
    refs TEXT NOT NULL, salt BLOB NOT NULL, event TEXT NOT NULL, leaf BLOB NOT NULL) STRICT;
CREATE INDEX log_request ON log (request);
CREATE TABLE unresolved (id TEXT NOT NULL PRIMARY KEY) STRICT;
CREATE TABLE head (
    size INTEGER PRIMARY KEY, at INTEGER NOT NULL, root BLOB NOT NULL, peaks BLOB NOT NULL,
    signature BLOB NOT NULL) STRICT;
",
    "
CREATE TABLE understood (
    sequence INTEGER PRIMARY KEY, choice TEXT NOT NULL UNIQUE REFERENCES choice (id), salt BLOB NOT NULL,
    act TEXT NOT NULL, actor TEXT NOT NULL, taken TEXT NOT NULL, dialect TEXT NOT NULL, authority TEXT NOT NULL,
    reader TEXT NOT NULL, rules TEXT NOT NULL) STRICT;
CREATE INDEX message_waiting ON message (person) WHERE state = 'retry';
",
    "
CREATE INDEX record_plan ON record (person, plan) WHERE plan IS NOT NULL;
",
    "
CREATE TABLE fact (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, salt BLOB NOT NULL,
    person INTEGER NOT NULL REFERENCES person (id), kind TEXT NOT NULL, epoch INTEGER NOT NULL,
    recorder TEXT NOT NULL, recorded INTEGER NOT NULL, request TEXT NOT NULL, fact TEXT NOT NULL) STRICT;
CREATE INDEX fact_person ON fact (person, epoch);

CREATE TABLE ended (
    sequence INTEGER PRIMARY KEY, fact TEXT NOT NULL UNIQUE REFERENCES fact (id), salt BLOB NOT NULL,
    person INTEGER NOT NULL REFERENCES person (id), epoch INTEGER NOT NULL,
    recorder TEXT NOT NULL, recorded INTEGER NOT NULL, request TEXT NOT NULL) STRICT;
CREATE INDEX ended_person ON ended (person, epoch);
",
    "
CREATE TABLE kept (
    sequence INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, salt BLOB NOT NULL, kind TEXT NOT NULL,
    body BLOB NOT NULL) STRICT;
CREATE TABLE decision (
    sequence INTEGER PRIMARY KEY, entry TEXT NOT NULL UNIQUE, salt BLOB NOT NULL, fingerprint TEXT NOT NULL,
    engine TEXT NOT NULL, document TEXT NOT NULL) STRICT;
CREATE INDEX decision_fingerprint ON decision (fingerprint);
",
];

/// The statements that make the tables of this version; empty where it is none of ours.
pub(crate) fn schema(version: i32) -> String {
    let steps = usize::try_from(version).ok().filter(|steps| *steps <= MIGRATIONS.len());
    MIGRATIONS[..steps.unwrap_or_default()].concat()
}

/// Opens the file for the one writer, brings it up to date and gives the store's id; `new_id` becomes it in a new file.
pub(super) fn open_to_write(path: &Path, new_id: &str) -> Result<(Connection, String), StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    let version: usize = connection.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    let application: i32 = connection.query_row("PRAGMA application_id", [], |r| r.get(0))?;
    if version > 0 && application != APPLICATION {
        return Err(StoreError::Refused("the file is a database, and not one of ours"));
    }
    if version > MIGRATIONS.len() {
        return Err(StoreError::Refused("the database was made by a newer version of this program"));
    }
    // WAL with FULL: a commit returns after the log is flushed. NORMAL would be no faster with commits in groups, and
    // forgets acknowledged records when the power goes. Checkpoints are another thread's work (see `keeper`).
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;
         PRAGMA wal_autocheckpoint = 0; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    let transaction = connection.transaction()?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", step + 1)?;
    }
    if version == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.execute("INSERT INTO setting (name, value) VALUES ('store', ?1)", [new_id])?;
    }
    transaction.commit()?;
    let id = connection.query_row("SELECT value FROM setting WHERE name = 'store'", [], |r| r.get(0))?;
    Ok((connection, id))
}

/// Opens the file for a reader.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;")?;
    Ok(connection)
}

/// Opens the file for the thread that moves committed pages from the log into it.
pub(super) fn open_to_checkpoint(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")?;
    Ok(connection)
}

impl From<rusqlite::Error> for StoreError {
    /// SQLite's own words name tables and columns, never values.
    fn from(error: rusqlite::Error) -> StoreError {
        match &error {
            rusqlite::Error::SqliteFailure(failure, text) => match failure.code {
                rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase => {
                    StoreError::Damaged(text.clone().unwrap_or_else(|| failure.to_string()))
                }
                _ => StoreError::Failed(text.clone().unwrap_or_else(|| failure.to_string())),
            },
            rusqlite::Error::QueryReturnedNoRows => StoreError::Absent,
            rusqlite::Error::InvalidColumnType(_, column, _) | rusqlite::Error::InvalidColumnName(column) => {
                StoreError::Damaged(format!("column `{column}` does not hold what it should"))
            }
            _ => StoreError::Damaged("a row does not hold what it should".to_owned()),
        }
    }
}
