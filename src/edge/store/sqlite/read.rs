//! The threads that read, each with a connection of its own, and what they read.

use super::super::{Counts, Held, Person, StoreError, StoredChoices, StoredConsent, StoredRecord};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

/// Work for a reader: it answers by itself.
pub(super) type Question = Box<dyn FnOnce(&Connection) + Send>;

/// Answers questions until nobody can ask any more.
pub(super) fn run(connection: &Connection, questions: &Arc<Mutex<Receiver<Question>>>) {
    loop {
        // The lock is held while waiting, which is right: one reader waits, the others wait for their turn to wait.
        let next = match questions.lock() {
            Ok(receiver) => receiver.recv(),
            Err(_) => return,
        };
        match next {
            Ok(question) => question(connection),
            Err(_) => return,
        }
    }
}

fn instant(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| StoreError::Damaged("a time is out of range".to_owned()))
}

pub(super) fn record(connection: &Connection, id: &str) -> Result<Option<StoredRecord>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT r.id, r.sender, p.key, r.request, r.format, r.accepted, r.bundle, r.original
             FROM record r JOIN person p ON p.id = r.person WHERE r.id = ?1",
        )?
        .query_row([id], |row| {
            let record = StoredRecord {
                id: row.get(0)?,
                sender: row.get(1)?,
                person: Person::from_key(row.get(2)?),
                request: row.get(3)?,
                format: row.get(4)?,
                accepted: Timestamp::UNIX_EPOCH,
                bundle: row.get(6)?,
                original: row.get(7)?,
            };
            Ok((record, row.get::<_, i64>(5)?))
        })
        .optional()?;
    found.map(|(record, accepted)| Ok(StoredRecord { accepted: instant(accepted)?, ..record })).transpose()
}

/// The choices in force: of each identifier the one dated last, and of those the one that came last.
pub(super) fn choices(connection: &Connection, person: &Person) -> Result<StoredChoices, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT c.id, c.identifier, c.version, c.recorded, c.consent, c.epoch, c.sender,
                NOT EXISTS (SELECT 1 FROM choice n WHERE n.person = c.person AND n.sender = c.sender
                  AND n.identifier = c.identifier AND (n.dated, n.version) > (c.dated, c.version)) AS in_force
         FROM choice c JOIN person p ON p.id = c.person WHERE p.key = ?1 ORDER BY c.sequence",
    )?;
    let mut rows = statement.query([person.key()])?;
    let mut choices = StoredChoices::default();
    while let Some(row) = rows.next()? {
        choices.epoch = choices.epoch.max(row.get::<_, u64>(5).unwrap_or_default());
        if row.get(7)? {
            choices.consents.push(StoredConsent {
                id: row.get(0)?,
                sender: row.get(6)?,
                identifier: row.get(1)?,
                version: row.get(2)?,
                recorded: instant(row.get(3)?)?,
                consent: row.get(4)?,
            });
        }
    }
    Ok(choices)
}

pub(super) fn held(connection: &Connection, limit: usize) -> Result<Vec<Held>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, recipient, changed, reason, attempt FROM message WHERE state = 'held' ORDER BY changed LIMIT ?1",
    )?;
    let mut rows = statement.query(params![limit])?;
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        held.push(Held {
            message: row.get(0)?,
            recipient: row.get(1)?,
            since: instant(row.get(2)?)?,
            reason: row.get(3)?,
            attempts: row.get(4)?,
        });
    }
    Ok(held)
}

pub(super) fn counts(connection: &Connection) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    let mut statement =
        connection.prepare_cached("SELECT recipient, state, count(*) FROM message GROUP BY recipient, state")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        counts.messages.push((row.get(0)?, row.get(1)?, row.get(2)?));
    }
    let oldest: Option<i64> = connection
        .prepare_cached(
            "SELECT min(accepted) FROM message
             WHERE state IN ('accepted', 'ready', 'retry', 'claimed', 'sent', 'held')",
        )?
        .query_row([], |row| row.get(0))?;
    counts.oldest = oldest.map(instant).transpose()?;
    let number =
        |sql: &str| -> Result<u64, StoreError> { Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?) };
    counts.records = number("SELECT coalesce(max(sequence), 0) FROM record")?;
    counts.entries = number("SELECT coalesce(max(sequence), 0) FROM log")?;
    counts.unresolved = number("SELECT count(*) FROM unresolved")?;
    Ok(counts)
}
