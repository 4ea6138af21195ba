//! The threads that read, each with a connection of its own, and what they read.

use super::super::{
    Act, CopyOut, Counts, Held, Person, StoreError, StoredChoices, StoredConsent, StoredRecord, Understood,
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
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

pub(super) fn instant(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| StoreError::Damaged("a time is out of range".to_owned()))
}

const RECORD: &str = "SELECT r.id, r.sender, p.key, r.request, r.format, r.accepted, r.bundle, r.original
     FROM record r JOIN person p ON p.id = r.person";

pub(super) fn record(connection: &Connection, id: &str) -> Result<Option<StoredRecord>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{RECORD} WHERE r.id = ?1"))?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(stored).transpose()
}

/// Each recipient's last delivered message about a person, unless that was a notice.
pub(super) fn copies_out(connection: &Connection, person: &Person) -> Result<Vec<CopyOut>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT m.recipient, m.id, m.record FROM message m JOIN person p ON p.id = m.person
         WHERE p.key = ?1 AND m.state = 'delivered' AND m.reason <> ?2 AND NOT EXISTS (
           SELECT 1 FROM message n WHERE n.person = m.person AND n.recipient = m.recipient AND n.state = 'delivered'
             AND n.sequence > m.sequence)
         ORDER BY m.sequence",
    )?;
    let rows = statement.query_map(params![person.key(), super::queue::NOTICE], |row| {
        Ok(CopyOut { recipient: row.get(0)?, message: row.get(1)?, record: row.get(2)? })
    })?;
    rows.map(|row| row.map_err(StoreError::from)).collect()
}

/// Of each sender the last record of a person under this plan's name.
pub(super) fn plan_versions(
    connection: &Connection,
    person: &Person,
    plan: &str,
) -> Result<Vec<StoredRecord>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "{RECORD} WHERE p.key = ?1 AND r.plan = r.sender || ':' || ?2 AND NOT EXISTS (
           SELECT 1 FROM record n WHERE n.person = r.person AND n.plan = r.plan AND n.sequence > r.sequence)"
    ))?;
    let mut rows = statement.query([person.key(), plan])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(stored(row)?);
    }
    Ok(found)
}

/// The newest record of each plan of a person.
pub(super) fn plans(connection: &Connection, person: &Person) -> Result<Vec<StoredRecord>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "{RECORD} WHERE p.key = ?1 AND r.plan IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM record n WHERE n.person = r.person AND n.plan = r.plan AND n.sequence > r.sequence)
         ORDER BY r.sequence"
    ))?;
    let mut rows = statement.query([person.key()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(stored(row)?);
    }
    Ok(found)
}

fn stored(row: &Row<'_>) -> Result<StoredRecord, StoreError> {
    Ok(StoredRecord {
        id: row.get(0)?,
        sender: row.get(1)?,
        person: Person::from_key(row.get(2)?),
        request: row.get(3)?,
        format: row.get(4)?,
        accepted: instant(row.get(5)?)?,
        bundle: row.get(6)?,
        original: row.get(7)?,
    })
}

/// A person's choices in force (of each identifier the one dated last, and of those the one that came last), the facts of
/// the register that stand, and the epoch of both: one view of it all, though the writer goes on.
pub(super) fn choices(connection: &Connection, person: &Person) -> Result<StoredChoices, StoreError> {
    let view = connection.unchecked_transaction()?;
    let id = view
        .prepare_cached("SELECT id FROM person WHERE key = ?1")?
        .query_row([person.key()], |row| row.get(0))
        .optional()?;
    let Some(id) = id else { return Ok(StoredChoices::default()) };
    let epoch = u64::try_from(super::choose::epoch(&view, id)?).unwrap_or_default();
    let consents = versions(&view, &format!("p.key = ?1 AND {IN_FORCE}"), person.key())?;
    Ok(StoredChoices { epoch, consents, facts: super::register::facts(&view, id, None)? })
}

/// Every version of every choice of a person.
pub(super) fn consents(connection: &Connection, person: &Person) -> Result<Vec<StoredConsent>, StoreError> {
    versions(connection, "p.key = ?1", person.key())
}

/// Whose choice has this id, and its versions.
pub(super) fn consent(connection: &Connection, id: &str) -> Result<Option<(Person, Vec<StoredConsent>)>, StoreError> {
    let person = connection
        .prepare_cached(
            "SELECT p.key FROM choice c JOIN person p ON p.id = c.person WHERE c.id = ?1 AND c.version = 1",
        )?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let Some(person) = person else { return Ok(None) };
    Ok(Some((Person::from_key(person), versions(connection, "f.id = ?1", id)?)))
}

/// Whether no version of the same choice is dated later.
const IN_FORCE: &str = "NOT EXISTS (SELECT 1 FROM choice n WHERE n.person = c.person AND n.sender = c.sender
    AND n.identifier = c.identifier AND (n.dated, n.version) > (c.dated, c.version))";

/// Versions of choices, oldest first. `f` is the first version of each, whose id all bear.
fn versions(connection: &Connection, which: &str, key: &str) -> Result<Vec<StoredConsent>, StoreError> {
    let sql = format!(
        "SELECT f.id AS id, c.sender AS sender, c.identifier AS identifier, c.version AS version, c.dated AS dated,
                c.recorded AS recorded, c.consent AS consent, {IN_FORCE} AS in_force,
                (SELECT max(l.version) FROM choice l WHERE l.person = c.person AND l.sender = c.sender
                  AND l.identifier = c.identifier) AS newest,
                u.act AS act, u.actor AS actor, u.taken AS taken, u.dialect AS dialect, u.authority AS authority,
                u.reader AS reader, u.rules AS rules
         FROM choice c JOIN person p ON p.id = c.person
         JOIN choice f ON f.person = c.person AND f.sender = c.sender AND f.identifier = c.identifier AND f.version = 1
         LEFT JOIN understood u ON u.choice = c.id WHERE {which} ORDER BY c.sequence"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([key])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(StoredConsent {
            id: row.get("id")?,
            sender: row.get("sender")?,
            identifier: row.get("identifier")?,
            version: row.get("version")?,
            newest: row.get("newest")?,
            in_force: row.get("in_force")?,
            dated: instant(row.get("dated")?)?,
            recorded: instant(row.get("recorded")?)?,
            consent: row.get("consent")?,
            understood: understood(row)?,
        });
    }
    Ok(found)
}

fn understood(row: &Row<'_>) -> Result<Option<Understood>, StoreError> {
    let Some(act) = row.get::<_, Option<String>>("act")? else { return Ok(None) };
    let act = Act::from_word(&act);
    Ok(Some(Understood {
        act: act.ok_or_else(|| StoreError::Damaged("column `act` does not hold what it should".to_owned()))?,
        actor: row.get("actor")?,
        taken: row.get("taken")?,
        dialect: row.get("dialect")?,
        authority: row.get("authority")?,
        reader: row.get("reader")?,
        rules: row.get("rules")?,
    }))
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
