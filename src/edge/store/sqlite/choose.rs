//! Choices: each version is a row of its own, nothing is overwritten, and every change counts the person's epoch up.

use super::super::{Acceptance, NewChoice, StoreError};
use super::queue::{PLACE, Place, read_place};
use super::seal::Seal;
use super::trail::Refs;
use super::writer::Ledger;
use rusqlite::{Connection, OptionalExtension, params};

impl Ledger<'_> {
    /// Whether a choice is no longer at the version that it was to follow.
    pub(super) fn moved_on(&self, acceptance: &Acceptance) -> Result<bool, StoreError> {
        for choice in &acceptance.choices {
            let Some(expected) = choice.follows else { continue };
            let newest: u64 = self
                .connection
                .prepare_cached(
                    "SELECT coalesce(max(version), 0) FROM choice WHERE sender = ?1 AND identifier = ?2
                     AND person = (SELECT id FROM person WHERE key = ?3)",
                )?
                .query_row([&choice.sender, &choice.identifier, acceptance.record.person.key()], |row| row.get(0))?;
            if newest != expected {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stores the choices of a record, in one step of the epoch: they come into force together. What waits to be tried
    /// again is decided anew at once, so that what may no longer leave does not lie about.
    pub(super) fn store_choices(
        &mut self,
        acceptance: &Acceptance,
        person: i64,
        refs: &mut Refs,
    ) -> Result<(), StoreError> {
        let next = epoch(self.connection, person)? + 1;
        let mut changed = false;
        for choice in &acceptance.choices {
            changed |= self.store_choice(acceptance, person, next, choice, refs)?;
        }
        if changed { self.wake(person, acceptance.now.as_microsecond()) } else { Ok(()) }
    }

    /// Whether it is a new one: the same choice sent again, word for word, changes nothing.
    fn store_choice(
        &mut self,
        acceptance: &Acceptance,
        person: i64,
        epoch: i64,
        choice: &NewChoice,
        refs: &mut Refs,
    ) -> Result<bool, StoreError> {
        let Acceptance { record, now, .. } = acceptance;
        let sender = &choice.sender;
        let last = self
            .connection
            .prepare_cached(
                "SELECT version, consent FROM choice WHERE person = ?1 AND sender = ?2 AND identifier = ?3
                 ORDER BY version DESC LIMIT 1",
            )?
            .query_row(params![person, sender, choice.identifier], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?;
        let same = last.as_ref().is_some_and(|(_, consent)| *consent == choice.consent);
        if same && choice.follows.is_none() {
            return Ok(false);
        }
        let version = last.map_or(1, |(version, _)| version + 1);
        let (id, salt, recorded) = (&choice.id, self.salt(), now.as_microsecond());
        let dated = choice.dated.map_or(recorded, |d| d.as_microsecond());
        self.connection
            .prepare_cached(
                "INSERT INTO choice (id, salt, person, sender, identifier, version, epoch, dated, recorded, record,
                 consent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                id,
                salt,
                person,
                sender,
                choice.identifier,
                version,
                epoch,
                dated,
                recorded,
                record.id,
                choice.consent
            ])?;
        let digest = Seal::of("choice")
            .text(id)
            .bytes(&salt)
            .number(person)
            .text(sender)
            .text(&choice.identifier)
            .number(version)
            .number(epoch)
            .number(dated)
            .number(recorded)
            .text(&record.id)
            .text(&choice.consent)
            .finish();
        refs.row("choice", id, digest);
        self.store_understood(choice, refs)?;
        Ok(true)
    }

    fn store_understood(&mut self, choice: &NewChoice, refs: &mut Refs) -> Result<(), StoreError> {
        let (id, salt, u) = (&choice.id, self.salt(), &choice.understood);
        let act = u.act.word();
        self.connection
            .prepare_cached(
                "INSERT INTO understood (choice, salt, act, actor, taken, dialect, authority, reader, rules)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![id, salt, act, u.actor, u.taken, u.dialect, u.authority, u.reader, u.rules])?;
        let mut seal = Seal::of("understood").text(id).bytes(&salt).text(act);
        for text in [&u.actor, &u.taken, &u.dialect, &u.authority, &u.reader, &u.rules] {
            seal = seal.text(text);
        }
        refs.row("understood", id, seal.finish());
        Ok(())
    }

    /// Lets this person's messages that wait for their next attempt come up now.
    pub(super) fn wake(&self, person: i64, now: i64) -> Result<(), StoreError> {
        let sql = format!("SELECT {PLACE} FROM message WHERE person = ?1 AND state = 'retry' AND due > ?2");
        let mut waiting = Vec::new();
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![person, now])?;
        while let Some(row) = rows.next()? {
            waiting.push(read_place(row)?);
        }
        waiting.into_iter().try_for_each(|place| self.place(&Place { due: Some(now), ..place }))
    }
}

/// How often a person's choices, and what the register says of them, have changed.
pub(super) fn epoch(connection: &Connection, person: i64) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT max(coalesce((SELECT max(epoch) FROM choice WHERE person = ?1), 0),
                        coalesce((SELECT max(epoch) FROM fact WHERE person = ?1), 0),
                        coalesce((SELECT max(epoch) FROM ended WHERE person = ?1), 0))",
        )?
        .query_row([person], |row| row.get(0))?)
}
