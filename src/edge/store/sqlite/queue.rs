//! The queue: each message's place, and the steps from place to place.
//!
//! A lane is a recipient and a person. Only the first unfinished message of a lane is ever `ready`, `claimed`, `sent`,
//! `retry` or `held`; the others wait as `accepted`, so that claiming looks at nothing that cannot go. Finishing the
//! first readies the next.

use super::super::{Departure, Fate, Message, Person, Released, StoreError};
use super::choose::epoch;
use super::seal::Seal;
use super::trail::Refs;
use super::writer::Ledger;
use crate::pure::audit::Entry;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, Row, params};

/// Why a delivered message was no copy.
pub(super) const NOTICE: &str = "a notice";

/// Where a message can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Accepted,
    Ready,
    Claimed,
    Sent,
    Retry,
    Held,
    Delivered,
    Withdrawn,
    Superseded,
}

impl State {
    const ALL: [State; 9] = [
        State::Accepted,
        State::Ready,
        State::Claimed,
        State::Sent,
        State::Retry,
        State::Held,
        State::Delivered,
        State::Withdrawn,
        State::Superseded,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            State::Accepted => "accepted",
            State::Ready => "ready",
            State::Claimed => "claimed",
            State::Sent => "sent",
            State::Retry => "retry",
            State::Held => "held",
            State::Delivered => "delivered",
            State::Withdrawn => "withdrawn",
            State::Superseded => "superseded",
        }
    }

    fn of(word: &str) -> Result<State, StoreError> {
        let known = State::ALL.into_iter().find(|s| s.word() == word);
        known.ok_or_else(|| StoreError::Damaged("a message is in no known state".to_owned()))
    }
}

/// Everything about a message that changes.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) sequence: i64,
    pub(super) state: State,
    pub(super) attempt: u32,
    /// It may have arrived at an earlier attempt.
    pub(super) unanswered: bool,
    /// When it can be claimed; only for `ready` and `retry`.
    pub(super) due: Option<i64>,
    /// Until when somebody has it; only for `claimed` and `sent`.
    pub(super) lease: Option<i64>,
    pub(super) reason: String,
    pub(super) changed: i64,
}

impl Place {
    pub(super) fn new(sequence: i64) -> Place {
        Place {
            sequence,
            state: State::Accepted,
            attempt: 0,
            unanswered: false,
            due: None,
            lease: None,
            reason: String::new(),
            changed: 0,
        }
    }

    fn seal(&self) -> [u8; 32] {
        Seal::of("place")
            .number(self.sequence)
            .text(self.state.word())
            .number(i64::from(self.attempt))
            .number(i64::from(self.unanswered))
            .maybe_number(self.due)
            .maybe_number(self.lease)
            .text(&self.reason)
            .number(self.changed)
            .finish()
    }
}

pub(super) const PLACE: &str = "sequence, state, attempt, unanswered, due, lease, reason, changed, seal";

pub(super) fn read_place(row: &Row<'_>) -> Result<Place, StoreError> {
    let place = Place {
        sequence: row.get("sequence")?,
        state: State::of(row.get_ref("state")?.as_str().map_err(|_| damaged())?)?,
        attempt: row.get("attempt")?,
        unanswered: row.get("unanswered")?,
        due: row.get("due")?,
        lease: row.get("lease")?,
        reason: row.get("reason")?,
        changed: row.get("changed")?,
    };
    if row.get_ref("seal")?.as_blob().map_err(|_| damaged())? != place.seal() {
        return Err(damaged());
    }
    Ok(place)
}

fn damaged() -> StoreError {
    StoreError::Damaged("a row of `message` does not fit its seal".to_owned())
}

impl Ledger<'_> {
    /// Writes where a message stands.
    pub(super) fn place(&self, place: &Place) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE message SET state = ?2, attempt = ?3, unanswered = ?4, due = ?5, lease = ?6, reason = ?7,
                 changed = ?8, seal = ?9 WHERE sequence = ?1",
            )?
            .execute(params![
                place.sequence,
                place.state.word(),
                place.attempt,
                place.unanswered,
                place.due,
                place.lease,
                place.reason,
                place.changed,
                place.seal()
            ])?;
        Ok(())
    }

    fn find(&self, id: &str) -> Result<Option<Place>, StoreError> {
        let sql = format!("SELECT {PLACE} FROM message WHERE id = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([id])?;
        rows.next()?.map(read_place).transpose()
    }

    /// Whether nothing unfinished stands in a lane.
    pub(super) fn lane_is_free(&self, recipient: &str, person: i64) -> Result<bool, StoreError> {
        Ok(!self
            .connection
            .prepare_cached(
                "SELECT 1 FROM message WHERE recipient = ?1 AND person = ?2
                 AND state IN ('accepted', 'ready', 'retry', 'claimed', 'sent', 'held') LIMIT 1",
            )?
            .exists(params![recipient, person])?)
    }

    /// Readies the first message of a lane, if it still waits.
    fn ready_next(&self, recipient: &str, person: i64, now: i64) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {PLACE} FROM message WHERE recipient = ?1 AND person = ?2
             AND state IN ('accepted', 'ready', 'retry', 'claimed', 'sent', 'held') ORDER BY sequence LIMIT 1"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![recipient, person])?;
        let Some(first) = rows.next()?.map(read_place).transpose()? else { return Ok(()) };
        drop(rows);
        if first.state != State::Accepted {
            return Ok(());
        }
        self.place(&Place { state: State::Ready, due: Some(now), changed: now, ..first })
    }

    /// Takes what is unsent of an older version of a plan out of the queue.
    pub(super) fn supersede(
        &self,
        recipient: &str,
        plan: &str,
        person: i64,
        now: Timestamp,
        refs: &mut Refs,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {PLACE}, id FROM message WHERE recipient = ?1 AND plan = ?2 AND person = ?3
             AND state IN ('accepted', 'ready', 'retry', 'held')"
        );
        let mut older = Vec::new();
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![recipient, plan, person])?;
        while let Some(row) = rows.next()? {
            older.push((read_place(row)?, row.get::<_, String>("id")?));
        }
        let now = now.as_microsecond();
        for (place, id) in &older {
            refs.state(id, State::Superseded.word(), place.attempt);
            let reason = "a newer version of the plan was accepted".to_owned();
            self.place(&Place {
                state: State::Superseded,
                due: None,
                lease: None,
                reason,
                changed: now,
                ..place.clone()
            })?;
        }
        if !older.is_empty() {
            self.ready_next(recipient, person, now)?;
        }
        Ok(())
    }

    /// Takes what is due, and what somebody took and did not finish in time.
    pub(super) fn claim(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let now = now.as_microsecond();
        let lease = now.saturating_add(i64::try_from(lease.as_micros()).unwrap_or(i64::MAX));
        let mut claimed = Vec::new();
        for time in ["lease", "due"] {
            let sql = format!(
                "SELECT {PLACE}, m.id, record, m.request, recipient, accepted, repeatable, p.key FROM message m
                 JOIN person p ON p.id = m.person WHERE {time} <= ?1 ORDER BY {time} LIMIT ?2"
            );
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![now, limit - claimed.len()])?;
            while let Some(row) = rows.next()? {
                let place = read_place(row)?;
                claimed.push((message(row, &place)?, place));
            }
        }
        for (message, place) in &mut claimed {
            let unanswered = place.unanswered || place.state == State::Sent;
            (message.attempt, message.unanswered) = (place.attempt + 1, unanswered);
            let (state, attempt) = (State::Claimed, message.attempt);
            let moved =
                Place { state, attempt, unanswered, due: None, lease: Some(lease), changed: now, ..place.clone() };
            self.place(&moved)?;
        }
        Ok(claimed.into_iter().map(|(message, _)| message).collect())
    }

    /// Writes the intent and lets the message go, if the choices are still those it was decided by.
    pub(super) fn release(&mut self, message: Message, since: u64, entries: &[Entry]) -> Result<Released, StoreError> {
        let place = self.fenced(&message, &[State::Claimed])?;
        if message.unanswered && !message.repeatable {
            return Err(StoreError::Refused("the message may have arrived, and its recipient would not tell a repeat"));
        }
        let (person, _) = self.lane(place.sequence)?;
        if u64::try_from(epoch(self.connection, person)?).ok() != Some(since) {
            return Ok(Released::ChoicesMoved(message));
        }
        let mut refs = Refs::default();
        refs.state(&message.id, State::Sent.word(), place.attempt);
        self.append(entries, refs)?;
        self.place(&Place { state: State::Sent, ..place })?;
        Ok(Released::Go(Departure { message, epoch: since }))
    }

    /// The place of a message that this claim still holds.
    fn fenced(&self, message: &Message, states: &[State]) -> Result<Place, StoreError> {
        let place = self.find(&message.id)?.ok_or(StoreError::Absent)?;
        if place.attempt == message.attempt && states.contains(&place.state) {
            return Ok(place);
        }
        Err(StoreError::LeaseLost)
    }

    fn lane(&self, sequence: i64) -> Result<(i64, String), StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT person, recipient FROM message WHERE sequence = ?1")?
            .query_row([sequence], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Says how it ended, or goes on.
    pub(super) fn complete(&mut self, message: &Message, fate: Fate, entries: &[Entry]) -> Result<(), StoreError> {
        let place = self.fenced(message, &[State::Claimed, State::Sent])?;
        let now = entries.last().map_or(place.changed, |e| e.recorded.as_microsecond());
        let (state, due, reason) = match fate {
            Fate::Delivered => (State::Delivered, None, String::new()),
            Fate::Told => (State::Delivered, None, NOTICE.to_owned()),
            Fate::Retry { at, reason } => (State::Retry, Some(at.as_microsecond()), reason),
            Fate::Held { reason } => (State::Held, None, reason),
            Fate::Withdrawn { reason } => (State::Withdrawn, None, reason),
        };
        // Delivered without having been let go would be a message that left without an intent.
        if state == State::Delivered && place.state != State::Sent {
            return Err(StoreError::Refused("a message that was not released cannot have been delivered"));
        }
        let mut refs = Refs::default();
        refs.state(&message.id, state.word(), place.attempt);
        self.append(entries, refs)?;
        let moved = Place { state, due, lease: None, reason, changed: now, ..place };
        self.place(&moved)?;
        if matches!(state, State::Delivered | State::Withdrawn) {
            let (person, recipient) = self.lane(moved.sequence)?;
            self.ready_next(&recipient, person, now)?;
        }
        Ok(())
    }

    /// Sends a held message on its way again.
    pub(super) fn retry_held(&mut self, id: &str, now: Timestamp, entries: &[Entry]) -> Result<(), StoreError> {
        let place = self.find(id)?.filter(|p| p.state == State::Held).ok_or(StoreError::Absent)?;
        let mut refs = Refs::default();
        refs.state(id, State::Retry.word(), place.attempt);
        self.append(entries, refs)?;
        let now = now.as_microsecond();
        // Whoever sends it again has looked: that it may have arrived before no longer stands in its way.
        self.place(&Place { state: State::Retry, due: Some(now), unanswered: false, changed: now, ..place })
    }

    /// After a stop without warning: nobody holds a lease, so whatever was taken can be taken again at once.
    pub(super) fn recover(&self, now: Timestamp) -> Result<(), StoreError> {
        let sql = format!("SELECT {PLACE} FROM message WHERE lease IS NOT NULL");
        let mut taken = Vec::new();
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            taken.push(read_place(row)?);
        }
        let now = now.as_microsecond();
        for place in taken {
            let lease = place.lease.map(|lease| lease.min(now));
            self.place(&Place { lease, ..place })?;
        }
        Ok(())
    }
}

fn message(row: &Row<'_>, place: &Place) -> Result<Message, StoreError> {
    Ok(Message {
        id: row.get("id")?,
        record: row.get("record")?,
        recipient: row.get("recipient")?,
        person: Person::from_key(row.get("key")?),
        request: row.get("request")?,
        accepted: Timestamp::from_microsecond(row.get("accepted")?).map_err(|_| damaged())?,
        attempt: place.attempt,
        unanswered: place.unanswered,
        repeatable: row.get("repeatable")?,
    })
}

/// When the next message can be claimed.
pub(super) fn next_due(connection: &rusqlite::Connection) -> Result<Option<Timestamp>, StoreError> {
    let earliest = connection
        .prepare_cached(
            "SELECT min(at) FROM (SELECT min(due) AS at FROM message WHERE due IS NOT NULL
             UNION ALL SELECT min(lease) FROM message WHERE lease IS NOT NULL)",
        )?
        .query_row([], |row| row.get::<_, Option<i64>>(0))
        .optional()?
        .flatten();
    Ok(earliest.and_then(|at| Timestamp::from_microsecond(at).ok()))
}
