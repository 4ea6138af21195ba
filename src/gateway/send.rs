//! A queued copy leaves: the record is walked again, decided with the choices as they are now, redacted, its intent is
//! written down, and only then does it go.
//!
//! Comes in: a claimed message. Goes out: its end: delivered, to be tried again, held for a person, or withdrawn. A choice
//! that changes between deciding and leaving sends it back to deciding: the store refuses the departure (P5).

use super::watch::{End, Room};
use super::{Case, Gateway, name_of, person_of};
use crate::edge::store::{Departure, Fate, Message, Released, StoreError};
use crate::pure::audit::{Entry, Event, Kind, Outcome as Went, Phase, Thing};
use crate::pure::decide::Action;
use crate::pure::decide::recorded::{About, Gathered};
use crate::pure::redact::notice::Notice;
use crate::pure::redact::{self, Releasable};
use crate::pure::validate::Validated;
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a claim keeps others off a message.
const LEASE: SignedDuration = SignedDuration::from_secs(120);
/// Messages on their way at once.
const AT_ONCE: usize = 32;
/// How often the queue is looked at when nobody says that something was queued.
const IDLE: Duration = Duration::from_millis(500);
/// How often a message is decided again because the choices moved under it, before it waits its turn.
const TURNS: usize = 5;

/// What became of one attempt, and the entries that say so.
struct Ending {
    fate: Fate,
    entries: Vec<Entry>,
}

impl Gateway {
    /// Sends what is queued, until told to stop; then lets what is on its way arrive.
    pub async fn dispatch(self: Arc<Self>, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut under_way = JoinSet::new();
        loop {
            while under_way.try_join_next().is_some() {}
            let free = AT_ONCE.saturating_sub(under_way.len());
            let claimed = match self.store.claim(self.clock.now(), LEASE, free).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::error!(fault = %error, "the queue cannot be read");
                    Vec::new()
                }
            };
            let idle = claimed.is_empty();
            for message in claimed {
                let gateway = Arc::clone(&self);
                under_way.spawn(async move { gateway.send(message).await });
            }
            tokio::select! {
                () = &mut stop => break,
                () = self.queued.notified() => {}
                Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
                () = tokio::time::sleep(IDLE), if idle => {}
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn send(&self, message: Message) {
        let (request, recipient) = (message.request.clone(), message.recipient.clone());
        let copy = message.clone();
        let ending = match self.attempt(message).await {
            Ok(ending) => ending,
            // The lease runs out, and it is claimed again.
            Err(error) => {
                tracing::error!(request, recipient, fault = %error, "a message could not be handled");
                return;
            }
        };
        let (end, why) = described(&ending.fate);
        if let Err(error) = self.store.complete(&copy, ending.fate.clone(), ending.entries).await {
            tracing::error!(request, recipient, fault = %error, "an end could not be written down");
            return;
        }
        tracing::info!(request, recipient, end = end.name(), why, "a copy came to an end");
        self.watches.ended(&request, &recipient, end, &why);
    }

    /// Decides, redacts and sends one message.
    async fn attempt(&self, mut message: Message) -> Result<Ending, StoreError> {
        if message.unanswered && !message.repeatable {
            return Ok(self.ended(&message, None, held("it may have arrived, and a repeat would not be told")));
        }
        let copies = self.store.copies_out(&message.person).await?;
        let copy = copies.into_iter().find(|copy| copy.recipient == message.recipient);
        let mut of = message.record.clone();
        let mut record = self.validated(&message.request, &of).await?;
        // a choice by itself goes to nobody: its message is there to look again at what went before it
        let alone = |r: &Arc<Validated>| matches!(r.bundle().root().resource_type(), Some("Consent" | "Parameters"));
        let is_choice = record.as_ref().is_ok_and(alone);
        if is_choice {
            let Some(copy) = &copy else { return Ok(self.ended(&message, None, nothing_to_stop())) };
            of.clone_from(&copy.record);
            record = self.validated(&message.request, &of).await?;
        }
        let record = match record {
            Ok(record) => record,
            Err(why) => return Ok(self.ended(&message, None, held(why))),
        };
        for _ in 0..TURNS {
            let Some(outlet) = self.outlets.get(&message.recipient) else {
                return Ok(self.ended(&message, None, held("the recipient is no longer configured")));
            };
            let evidence = self.gather(&message.person, Some(&record)).await?;
            let question = self.question(&outlet.recipient.party, Action::Disclose, self.clock.now());
            let decision = self.decide(&message.request, &message.person, &question, &record, &evidence);
            let about = About::Stored { id: of.clone(), digest: record.digest() };
            let case = Case { question: &question, gathered: &Gathered::of(&evidence), about: &about };
            let decided = self.decision_event(&message.request, &case, &message.person, &decision);
            let (reason, obligations) = (decided.reason.clone(), decision.obligations().to_vec());
            let (epoch, fingerprint) = (decision.epoch(), decision.fingerprint());
            let permit = match (decision.into_permit(), &copy) {
                (Ok(_), _) if is_choice => return Ok(self.ended(&message, None, nothing_to_stop())),
                (Ok(permit), _) => permit,
                (Err(_), Some(copy)) if is_choice => {
                    let notice = Notice {
                        id: &message.id,
                        about: &copy.message,
                        recipient: &question.party.id,
                        base: &self.config.gateway.base,
                        epoch,
                        fingerprint,
                        now: self.clock.now(),
                    };
                    let releasable = redact::notice::stop_onward(&notice);
                    let mut intent = self.intent(&message, &releasable);
                    intent.things = vec![Thing { kind: "MessageHeader".to_owned(), reference: message.id.clone() }];
                    let entries = vec![decided.entry(), intent.entry()];
                    match self.store.release(message, epoch, entries).await? {
                        Released::Go(departure) => return Ok(self.tell(&departure, &intent, &releasable).await),
                        Released::ChoicesMoved(again) => message = again,
                    }
                    continue;
                }
                (Err(_), _) => {
                    let mut ending = self.ended(&message, None, Fate::Withdrawn { reason });
                    ending.entries.insert(0, decided.entry());
                    return Ok(ending);
                }
            };
            let released =
                self.room(&message.request, Room::Redact, || redact::redact(&record, permit, &self.definitions));
            let releasable = match released {
                Ok(releasable) => releasable,
                Err(withheld) => {
                    let ids: Vec<&str> = withheld.report.issues.iter().map(|i| i.id.as_ref()).collect();
                    tracing::warn!(request = %message.request, recipient = %message.recipient, findings = ?ids,
                        "what is left after redaction is not whole");
                    return Ok(self.ended(&message, None, held("what is left after redaction is not whole")));
                }
            };
            let intent = self.intent(&message, &releasable);
            let mut entries = vec![decided.entry(), intent.entry()];
            entries.extend(self.carry_out(&decided, &obligations));
            match self.store.release(message, releasable.epoch(), entries).await? {
                Released::Go(departure) => return Ok(self.depart(&departure, &intent, &releasable).await),
                Released::ChoicesMoved(again) => message = again,
            }
        }
        let at = self.clock.now();
        Ok(self.ended(&message, None, Fate::Retry { at, reason: "the choices keep changing".to_owned() }))
    }

    /// The notice to hand on to nobody what went before.
    async fn tell(&self, departure: &Departure, intent: &Event, releasable: &Releasable) -> Ending {
        let mut ending = self.depart(departure, intent, releasable).await;
        if ending.fate == Fate::Delivered {
            ending.fate = Fate::Told;
        }
        ending
    }

    async fn depart(&self, departure: &Departure, intent: &Event, releasable: &Releasable) -> Ending {
        let message = departure.message();
        let Some(outlet) = self.outlets.get(&message.recipient) else {
            return self.ended(message, Some(intent), held("the recipient is no longer configured"));
        };
        let start = std::time::Instant::now();
        let delivered = outlet.sender.deliver(releasable, departure).await;
        self.watches.room(&message.request, Room::Deliver, start.elapsed());
        let fate = match delivered {
            Ok(_) => Fate::Delivered,
            Err(failure) => outlet.patience.fate(message, &failure, self.clock.now(), self.clock.chance()),
        };
        self.ended(message, Some(intent), fate)
    }

    /// The record of a message, through parse and validate again unless that was a moment ago.
    async fn validated(&self, request: &str, id: &str) -> Result<Result<Arc<Validated>, &'static str>, StoreError> {
        if let Some(record) = self.fresh.get(id) {
            return Ok(Ok(record));
        }
        let Some(stored) = self.store.record(id).await? else {
            return Ok(Err("the record is no longer held"));
        };
        Ok(match self.walk_fhir(request, stored.bundle.as_bytes()) {
            Ok(record) => {
                let record = Arc::new(record);
                self.fresh.insert(id.to_owned(), Arc::clone(&record));
                Ok(record)
            }
            Err(_) => Err("the record is no longer valid under the profiles in force"),
        })
    }

    fn disclosure(&self, message: &Message) -> Event {
        let mut event = self.journal.event(Kind::Disclosure, &message.request);
        let party = self.outlets.get(&message.recipient).map(|o| &o.recipient.party);
        event.party = Some(party.map_or_else(|| message.recipient.clone(), |p| p.identity.id.clone()));
        event.other = party.map(|p| name_of(&p.identity.name, &p.identifier));
        event.message = Some(message.id.clone());
        event.person = person_of(&message.person);
        event.things.push(Thing { kind: "Bundle".to_owned(), reference: message.record.clone() });
        event
    }

    /// Written before it leaves: what is about to go to whom, and what stays behind by which rule.
    fn intent(&self, message: &Message, releasable: &Releasable) -> Event {
        let mut event = self.disclosure(message);
        event.phase = Phase::Intent;
        let kept: Vec<String> = releasable.manifest().iter().map(|k| format!("{} {}", k.rule, k.path)).collect();
        event.details.push(("withheld".to_owned(), kept.join("\n")));
        event
    }

    fn ended(&self, message: &Message, intent: Option<&Event>, fate: Fate) -> Ending {
        let (end, why) = described(&fate);
        let outcome = match end {
            End::Delivered => Went::Success,
            End::Retry => Went::Minor,
            End::Held | End::Withdrawn => Went::Serious,
        };
        let reason = if why.is_empty() { end.name().to_owned() } else { format!("{}: {why}", end.name()) };
        let entry = match intent {
            Some(intent) => self.journal.completion(intent, outcome, &reason).entry(),
            None => {
                let mut event = self.disclosure(message);
                event.outcome = outcome;
                event.reason = reason;
                event.entry()
            }
        };
        Ending { fate, entries: vec![entry] }
    }
}

fn held(why: &str) -> Fate {
    Fate::Held { reason: why.to_owned() }
}

fn nothing_to_stop() -> Fate {
    Fate::Withdrawn { reason: "no copy has to be stopped".to_owned() }
}

fn described(fate: &Fate) -> (End, String) {
    match fate {
        Fate::Delivered => (End::Delivered, String::new()),
        Fate::Told => (End::Delivered, "told to hand it on to nobody".to_owned()),
        Fate::Retry { reason, .. } => (End::Retry, reason.clone()),
        Fate::Held { reason } => (End::Held, reason.clone()),
        Fate::Withdrawn { reason } => (End::Withdrawn, reason.clone()),
    }
}
