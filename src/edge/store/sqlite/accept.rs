//! Accepting: a record and everything that follows from it, in one piece of work.

use super::super::{Acceptance, Accepted, NewMessage, NewRecord, Person, Reply, StoreError};
use super::queue::{Place, State};
use super::seal::Seal;
use super::trail::Refs;
use super::writer::Ledger;
use rusqlite::{Connection, OptionalExtension, params};

/// What was answered under this key before.
pub(super) fn replay(
    connection: &Connection,
    sender: &str,
    key: &str,
    digest: &[u8; 32],
) -> Result<Option<Accepted>, StoreError> {
    let before = connection
        .prepare_cached(
            "SELECT digest, status, content_type, location, body FROM answered WHERE sender = ?1 AND key = ?2",
        )?
        .query_row([sender, key], |row| {
            let reply =
                Reply { status: row.get(1)?, content_type: row.get(2)?, location: row.get(3)?, body: row.get(4)? };
            Ok((row.get::<_, Vec<u8>>(0)?, reply))
        })
        .optional()?;
    Ok(before.map(|(same, reply)| if same == digest { Accepted::Replay(reply) } else { Accepted::Conflict }))
}

impl Ledger<'_> {
    /// Stores all of it; a repeat stores nothing.
    pub(super) fn accept(&mut self, acceptance: &Acceptance) -> Result<Accepted, StoreError> {
        if let Some(before) = replay(self.connection, &acceptance.sender, &acceptance.key, &acceptance.digest)? {
            return Ok(before);
        }
        if self.moved_on(acceptance)? {
            return Ok(Accepted::Stale);
        }
        let mut refs = Refs::default();
        let person = self.person(&acceptance.record.person, &mut refs)?;
        self.store_record(acceptance, person, &mut refs)?;
        self.store_answer(acceptance, &mut refs)?;
        self.store_choices(acceptance, person, &mut refs)?;
        for message in &acceptance.messages {
            self.queue(acceptance, person, message, &mut refs)?;
        }
        self.append(&acceptance.entries, refs)?;
        Ok(Accepted::New(acceptance.reply.clone()))
    }

    pub(super) fn person(&mut self, person: &Person, refs: &mut Refs) -> Result<i64, StoreError> {
        let known = self
            .connection
            .prepare_cached("SELECT id FROM person WHERE key = ?1")?
            .query_row([person.key()], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        let salt = self.salt();
        self.connection
            .prepare_cached("INSERT INTO person (salt, key) VALUES (?1, ?2)")?
            .execute(params![salt, person.key()])?;
        let id = self.connection.last_insert_rowid();
        refs.row("person", &id.to_string(), Seal::of("person").number(id).bytes(&salt).text(person.key()).finish());
        Ok(id)
    }

    fn store_record(&mut self, acceptance: &Acceptance, person: i64, refs: &mut Refs) -> Result<(), StoreError> {
        let NewRecord { id, plan, request, format, bundle, original, .. } = &acceptance.record;
        let (salt, accepted) = (self.salt(), acceptance.now.as_microsecond());
        self.connection
            .prepare_cached(
                "INSERT INTO record (id, salt, person, sender, plan, request, format, accepted, bundle, original)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![id, salt, person, acceptance.sender, plan, request, format, accepted, bundle, original])?;
        let digest = Seal::of("record")
            .text(id)
            .bytes(&salt)
            .number(person)
            .text(&acceptance.sender)
            .maybe(plan.as_deref())
            .text(request)
            .text(format)
            .number(accepted)
            .text(bundle)
            .maybe_bytes(original.as_deref())
            .finish();
        refs.row("record", id, digest);
        Ok(())
    }

    fn store_answer(&mut self, acceptance: &Acceptance, refs: &mut Refs) -> Result<(), StoreError> {
        let Acceptance { sender, key, digest, reply, record, .. } = acceptance;
        let salt = self.salt();
        self.connection
            .prepare_cached(
                "INSERT INTO answered (record, salt, sender, key, digest, status, content_type, location, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                record.id,
                salt,
                sender,
                key,
                digest,
                reply.status,
                reply.content_type,
                reply.location,
                reply.body
            ])?;
        let digest = Seal::of("answered")
            .text(&record.id)
            .bytes(&salt)
            .text(sender)
            .text(key)
            .bytes(digest)
            .number(i64::from(reply.status))
            .text(&reply.content_type)
            .maybe(reply.location.as_deref())
            .bytes(&reply.body)
            .finish();
        refs.row("answered", &record.id, digest);
        Ok(())
    }

    fn queue(
        &mut self,
        acceptance: &Acceptance,
        person: i64,
        message: &NewMessage,
        refs: &mut Refs,
    ) -> Result<(), StoreError> {
        let Acceptance { sender, record, now, .. } = acceptance;
        // A plan's name is the sender's own: nobody supersedes another sender's plan.
        let plan = record.plan.as_ref().map(|plan| format!("{sender} {plan}"));
        if let Some(plan) = &plan {
            self.supersede(&message.recipient, plan, person, *now, refs)?;
        }
        let (salt, accepted) = (self.salt(), now.as_microsecond());
        let free = self.lane_is_free(&message.recipient, person)?;
        let state = if free { State::Ready } else { State::Accepted };
        self.connection
            .prepare_cached(
                "INSERT INTO message (id, salt, record, person, recipient, plan, repeatable, request, accepted, state,
                 attempt, unanswered, reason, changed, seal)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, '', 0, 0, '', 0, x'')",
            )?
            .execute(params![
                message.id,
                salt,
                record.id,
                person,
                message.recipient,
                plan,
                message.repeatable,
                record.request,
                accepted
            ])?;
        let sequence = self.connection.last_insert_rowid();
        let digest = Seal::of("message")
            .number(sequence)
            .text(&message.id)
            .bytes(&salt)
            .text(&record.id)
            .number(person)
            .text(&message.recipient)
            .maybe(plan.as_deref())
            .number(i64::from(message.repeatable))
            .text(&record.request)
            .number(accepted)
            .finish();
        refs.row("message", &message.id, digest);
        let place = Place { state, due: free.then_some(accepted), changed: accepted, ..Place::new(sequence) };
        self.place(&place)
    }
}
