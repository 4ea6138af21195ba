//! The register in the database: facts are added and ended, never overwritten, so that it can be read as of any time.
//!
//! A change is one piece of work: the row, the raised epoch of the person and the entry in the trail, or none of it.

use super::super::{Ending, NewFact, Person, Recorded, StoreError, StoredFact};
use super::choose::epoch;
use super::read::instant;
use super::seal::Seal;
use super::trail::Refs;
use super::writer::Ledger;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The most facts that are read of one person: a register with more is not read in part.
const MOST: usize = 10_000;

impl Ledger<'_> {
    /// Adds a fact; the same one again, by its id, adds nothing. Another one under an id that is taken is refused.
    pub(super) fn record_fact(&mut self, new: &NewFact) -> Result<Recorded, StoreError> {
        if let Some((person, before)) = one(self.connection, &new.id)? {
            let same = (person == new.person)
                && (&before.kind, &before.fact, &before.recorder) == (&new.kind, &new.fact, &new.recorder);
            return Ok(if same { Recorded::Before(before.recorded) } else { Recorded::Conflict });
        }
        let mut refs = Refs::default();
        let person = self.person(&new.person, &mut refs)?;
        let epoch = epoch(self.connection, person)? + 1;
        let (salt, recorded) = (self.salt(), new.now.as_microsecond());
        self.connection
            .prepare_cached(
                "INSERT INTO fact (id, salt, person, kind, epoch, recorder, recorded, request, fact)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![new.id, salt, person, new.kind, epoch, new.recorder, recorded, new.request, new.fact])?;
        let digest = Seal::of("fact")
            .text(&new.id)
            .bytes(&salt)
            .number(person)
            .text(&new.kind)
            .number(epoch)
            .text(&new.recorder)
            .number(recorded)
            .text(&new.request)
            .text(&new.fact)
            .finish();
        refs.row("fact", &new.id, digest);
        self.wake(person, recorded)?;
        self.append(&new.entries, refs)?;
        Ok(Recorded::New)
    }

    /// Ends a fact. One that was ended before is not there to be ended.
    pub(super) fn end_fact(&mut self, ending: &Ending) -> Result<(), StoreError> {
        let person: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT person FROM fact f WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM ended e WHERE e.fact = f.id)",
            )?
            .query_row([&ending.fact], |row| row.get(0))
            .optional()?;
        let person = person.ok_or(StoreError::Absent)?;
        let epoch = epoch(self.connection, person)? + 1;
        let (salt, recorded) = (self.salt(), ending.now.as_microsecond());
        self.connection
            .prepare_cached(
                "INSERT INTO ended (fact, salt, person, epoch, recorder, recorded, request)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![ending.fact, salt, person, epoch, ending.recorder, recorded, ending.request])?;
        let digest = Seal::of("ended")
            .text(&ending.fact)
            .bytes(&salt)
            .number(person)
            .number(epoch)
            .text(&ending.recorder)
            .number(recorded)
            .text(&ending.request)
            .finish();
        let mut refs = Refs::default();
        refs.row("ended", &ending.fact, digest);
        self.wake(person, recorded)?;
        self.append(&ending.entries, refs)
    }
}

/// The facts about a person: those that stand, or those that were known and had not been ended at `at`.
pub(super) fn facts(
    connection: &Connection,
    person: i64,
    at: Option<Timestamp>,
) -> Result<Vec<StoredFact>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT f.id, f.kind, f.fact, f.recorder, f.recorded, e.recorded, e.recorder FROM fact f
         LEFT JOIN ended e ON e.fact = f.id
         WHERE f.person = ?1 AND CASE WHEN ?2 IS NULL THEN e.fact IS NULL
           ELSE f.recorded <= ?2 AND (e.recorded IS NULL OR e.recorded > ?2) END
         ORDER BY f.sequence",
    )?;
    let mut rows = statement.query(params![person, at.map(Timestamp::as_microsecond)])?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        if facts.len() == MOST {
            return Err(StoreError::Refused("the register holds more about one person than is read"));
        }
        facts.push(fact(row)?);
    }
    Ok(facts)
}

fn fact(row: &Row<'_>) -> Result<StoredFact, StoreError> {
    let ended: Option<i64> = row.get(5)?;
    let ended = ended.map(|at| Ok::<_, StoreError>((instant(at)?, row.get::<_, String>(6)?))).transpose()?;
    Ok(StoredFact {
        id: row.get(0)?,
        kind: row.get(1)?,
        fact: row.get(2)?,
        recorder: row.get(3)?,
        recorded: instant(row.get(4)?)?,
        ended,
    })
}

/// The facts about a person as they were known at a time.
pub(super) fn known_at(connection: &Connection, person: &Person, at: Timestamp) -> Result<Vec<StoredFact>, StoreError> {
    let id = connection
        .prepare_cached("SELECT id FROM person WHERE key = ?1")?
        .query_row([person.key()], |row| row.get(0))
        .optional()?;
    id.map_or(Ok(Vec::new()), |id| facts(connection, id, Some(at)))
}

/// One fact, and whose it is.
pub(super) fn one(connection: &Connection, id: &str) -> Result<Option<(Person, StoredFact)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT f.id, f.kind, f.fact, f.recorder, f.recorded, e.recorded, e.recorder, p.key FROM fact f
         JOIN person p ON p.id = f.person LEFT JOIN ended e ON e.fact = f.id WHERE f.id = ?1",
    )?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(|row| Ok((Person::from_key(row.get(7)?), fact(row)?))).transpose()
}
