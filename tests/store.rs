//! The store: what is accepted is there, once, in order, and leaves only by the choices in force.

mod stored;

use jiff::SignedDuration;
use sharewell::edge::clock::Clock;
use sharewell::edge::store::{Accepted, Fate, NewChoice, Released, Sqlite, Store, StoreError};
use sharewell::pure::audit::{Kind, Phase};
use std::sync::Arc;
use stored::{LEASE, Stored, acceptance, choice, entry, is_new, open, winifred};

fn delivered() -> Fate {
    Fate::Delivered
}

fn state_of(counts: &sharewell::edge::store::Counts, state: &str) -> u64 {
    counts.messages.iter().filter(|(_, s, _)| s == state).map(|(_, _, n)| n).sum()
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_another_body_a_conflict() {
    let it = Stored::new();
    let first = acceptance(it.clock.as_ref(), "key-1", &["beckside-surgery"]);
    let mut again = acceptance(it.clock.as_ref(), "key-1", &["beckside-surgery"]);
    let Accepted::New(reply) = it.store.accept(first.clone()).await.unwrap() else { panic!("it is new") };
    assert_eq!(reply, first.reply);
    assert_eq!(it.store.accept(again.clone()).await.unwrap(), Accepted::Replay(first.reply.clone()));
    let early = it.store.replay(&again.sender, "key-1", again.digest).await.unwrap();
    assert_eq!(early, Some(Accepted::Replay(first.reply.clone())));
    again.digest = [7; 32];
    assert_eq!(it.store.accept(again.clone()).await.unwrap(), Accepted::Conflict);
    again.sender = "winifreds-app".to_owned();
    assert!(is_new(&it.store.accept(again).await.unwrap()), "another sender's key is another key");
    assert_eq!(it.store.counts().await.unwrap().records, 2);
}

#[tokio::test]
async fn what_was_accepted_is_there_after_a_restart() {
    let it = Stored::new();
    let mut given = acceptance(it.clock.as_ref(), "key-1", &["beckside-surgery"]);
    given.choices = vec![choice("hospice", None, "permit")];
    it.store.accept(given.clone()).await.unwrap();
    it.store.close().await.unwrap();
    assert_eq!(it.store.check().await, Err(StoreError::Closed));
    let store = open(it.folder.path(), it.clock.clone());
    let record = store.record(&given.record.id).await.unwrap().unwrap();
    assert_eq!((record.bundle, record.original), (given.record.bundle, given.record.original));
    assert_eq!(record.person, winifred());
    assert_eq!(record.accepted, given.now);
    let choices = store.choices(&winifred()).await.unwrap();
    assert_eq!((choices.epoch, choices.consents.len()), (1, 1));
    assert_eq!(store.claim(it.clock.now(), LEASE, 10).await.unwrap().len(), 1);
    assert!(store.record("absent").await.unwrap().is_none());
}

#[tokio::test]
async fn nothing_is_stored_without_an_entry_in_the_trail() {
    let it = Stored::new();
    let mut given = acceptance(it.clock.as_ref(), "key-1", &["beckside-surgery"]);
    given.entries.clear();
    assert!(matches!(it.store.accept(given).await, Err(StoreError::Refused(_))));
    assert!(matches!(it.store.append(Vec::new()).await, Err(StoreError::Refused(_))));
    let counts = it.store.counts().await.unwrap();
    assert_eq!((counts.records, counts.entries, counts.messages.len()), (0, 0, 0));
    assert!(it.claim(10).await.is_empty());
}

#[tokio::test]
async fn one_lane_is_in_order_and_lanes_do_not_wait_for_one_another() {
    let it = Stored::new();
    let mut records = Vec::new();
    for key in ["a", "b", "c"] {
        let given = acceptance(it.clock.as_ref(), key, &["beckside-surgery", "st-orrins-hospice"]);
        records.push(given.record.id.clone());
        it.store.accept(given).await.unwrap();
        it.clock.pass(1);
    }
    let first = it.claim(10).await;
    assert_eq!(first.len(), 2, "one for each recipient");
    assert!(first.iter().all(|m| m.record == records[0]));
    assert!(it.claim(10).await.is_empty(), "the lanes are taken");
    for message in &first {
        let reason = "the surgery is closed".to_owned();
        let fate =
            if message.recipient == "beckside-surgery" { Fate::Held { reason } } else { Fate::Withdrawn { reason } };
        let done = it.entry(Kind::Disclosure, Phase::Whole, Some(&message.id));
        it.store.complete(message, fate, vec![done]).await.unwrap();
    }
    assert_eq!(it.send_one(delivered()).await.as_ref(), Some(&records[1]), "the hospice's lane goes on");
    assert_eq!(it.send_one(delivered()).await.as_ref(), Some(&records[2]));
    assert_eq!(it.send_one(delivered()).await, None, "the surgery's lane waits for a person");
    let held = it.store.held(10).await.unwrap();
    assert_eq!((held.len(), held[0].reason.as_str()), (1, "the surgery is closed"));
    let by_hand = it.entry(Kind::System, Phase::Whole, Some(&held[0].message));
    it.store.retry_held(&held[0].message, it.clock.now(), vec![by_hand]).await.unwrap();
    for record in &records {
        assert_eq!(it.send_one(delivered()).await.as_ref(), Some(record));
    }
    assert_eq!(state_of(&it.store.counts().await.unwrap(), "delivered"), 5);
}

#[tokio::test]
async fn a_retry_waits_for_its_time_and_keeps_its_lane() {
    let it = Stored::new();
    for key in ["a", "b"] {
        it.store.accept(acceptance(it.clock.as_ref(), key, &["beckside-surgery"])).await.unwrap();
    }
    let at = it.clock.now() + SignedDuration::from_secs(60);
    let first = it.send_one(Fate::Retry { at, reason: "503".to_owned() }).await.unwrap();
    assert_eq!(it.store.next_due().await.unwrap(), Some(at));
    assert!(it.claim(10).await.is_empty());
    it.clock.pass(61);
    let again = it.claim(10).await;
    assert_eq!((again.len(), again[0].attempt, &again[0].record), (1, 2, &first));
}

#[tokio::test]
async fn a_choice_that_changed_after_the_decision_stops_the_message() {
    let it = Stored::new();
    it.store.accept(acceptance(it.clock.as_ref(), "plan", &["st-orrins-hospice"])).await.unwrap();
    let message = it.claim(1).await.pop().unwrap();
    let epoch = it.store.choices(&message.person).await.unwrap().epoch;
    let mut withdrawal = acceptance(it.clock.as_ref(), "withdrawal", &[]);
    withdrawal.choices = vec![choice("hospice", None, "deny")];
    it.store.accept(withdrawal).await.unwrap();
    let intent = it.entry(Kind::Disclosure, Phase::Intent, Some(&message.id));
    let entries = it.store.counts().await.unwrap().entries;
    let Released::ChoicesMoved(message) = it.store.release(message, epoch, vec![intent]).await.unwrap() else {
        panic!("the choices moved");
    };
    assert_eq!(it.store.counts().await.unwrap().entries, entries, "no intent is written for what does not leave");
    let done = it.entry(Kind::Disclosure, Phase::Whole, Some(&message.id));
    let fate = Fate::Withdrawn { reason: "the person's choice".to_owned() };
    it.store.complete(&message, fate, vec![done]).await.unwrap();
    it.clock.pass(3600);
    assert!(it.claim(10).await.is_empty());
    assert_eq!(state_of(&it.store.counts().await.unwrap(), "withdrawn"), 1);
}

#[tokio::test]
async fn a_message_cannot_be_delivered_without_having_been_released() {
    let it = Stored::new();
    it.store.accept(acceptance(it.clock.as_ref(), "plan", &["beckside-surgery"])).await.unwrap();
    let message = it.claim(1).await.pop().unwrap();
    let done = it.entry(Kind::Disclosure, Phase::Completion, Some(&message.id));
    assert!(matches!(it.store.complete(&message, delivered(), vec![done]).await, Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn an_older_claim_cannot_finish_what_a_newer_one_has() {
    let it = Stored::new();
    it.store.accept(acceptance(it.clock.as_ref(), "plan", &["beckside-surgery"])).await.unwrap();
    let old = it.claim(1).await.pop().unwrap();
    it.clock.pass(31);
    let new = it.claim(1).await.pop().unwrap();
    assert_eq!((old.id.as_str(), old.attempt, new.attempt), (new.id.as_str(), 1, 2));
    let intent = || vec![it.entry(Kind::Disclosure, Phase::Intent, Some(&old.id))];
    assert_eq!(it.store.release(old.clone(), 0, intent()).await.unwrap_err(), StoreError::LeaseLost);
    assert_eq!(it.store.complete(&old, delivered(), intent()).await.unwrap_err(), StoreError::LeaseLost);
    assert!(matches!(it.store.release(new, 0, intent()).await.unwrap(), Released::Go(_)));
}

#[tokio::test]
async fn sent_but_unanswered_goes_again_only_where_a_repeat_is_told() {
    let it = Stored::new();
    let mut given = acceptance(it.clock.as_ref(), "plan", &["beckside-surgery", "tandem-trust"]);
    given.messages[1].repeatable = false;
    it.store.accept(given).await.unwrap();
    for message in it.claim(2).await {
        let intent = it.entry(Kind::Disclosure, Phase::Intent, Some(&message.id));
        it.store.release(message, 0, vec![intent]).await.unwrap();
    }
    it.clock.pass(31);
    for message in it.claim(2).await {
        assert!(message.unanswered);
        let recipient = message.recipient.clone();
        let intent = it.entry(Kind::Disclosure, Phase::Intent, Some(&message.id));
        let released = it.store.release(message.clone(), 0, vec![intent]).await;
        assert_eq!(released.is_ok(), recipient == "beckside-surgery");
        if recipient == "tandem-trust" {
            let done = it.entry(Kind::Disclosure, Phase::Whole, Some(&message.id));
            let fate = Fate::Held { reason: "it may have arrived".to_owned() };
            it.store.complete(&message, fate, vec![done]).await.unwrap();
        }
    }
    assert_eq!(it.store.held(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_newer_version_of_a_plan_supersedes_what_is_unsent_of_an_older_one() {
    let it = Stored::new();
    let mut records = Vec::new();
    for (key, plan) in [("v1", "plan-1"), ("other", "plan-2"), ("v2", "plan-1")] {
        let mut given = acceptance(it.clock.as_ref(), key, &["beckside-surgery"]);
        given.record.plan = Some(plan.to_owned());
        records.push(given.record.id.clone());
        it.store.accept(given).await.unwrap();
    }
    assert_eq!(it.send_one(delivered()).await.as_ref(), Some(&records[1]));
    assert_eq!(it.send_one(delivered()).await.as_ref(), Some(&records[2]));
    assert_eq!(it.send_one(delivered()).await, None);
    let mut stranger = acceptance(it.clock.as_ref(), "v3", &["beckside-surgery"]);
    stranger.record.plan = Some("plan-9".to_owned());
    it.store.accept(stranger.clone()).await.unwrap();
    (stranger.sender, stranger.key) = ("winifreds-app".to_owned(), "v4".to_owned());
    (stranger.record.id, stranger.messages[0].id) = (it.clock.id(), it.clock.id());
    stranger.entries = vec![it.entry(Kind::Create, Phase::Whole, None)];
    it.store.accept(stranger).await.unwrap();
    let counts = it.store.counts().await.unwrap();
    assert_eq!(state_of(&counts, "superseded"), 1, "another sender's plan of the same name is another plan");
}

#[tokio::test]
async fn a_later_choice_supersedes_and_one_that_comes_late_does_not() {
    let it = Stored::new();
    let now = it.clock.now();
    let later = now + SignedDuration::from_hours(1);
    let steps = [
        ("a", Some(now), "permit", "permit", 1),
        ("b", Some(later), "deny", "deny", 2),
        ("c", Some(now), "permit", "deny", 3),
        ("d", Some(now), "permit", "deny", 3),
    ];
    for (key, dated, word, in_force, epoch) in steps {
        let mut given = acceptance(it.clock.as_ref(), key, &[]);
        given.choices = vec![choice("hospice", dated, word)];
        it.store.accept(given).await.unwrap();
        let choices = it.store.choices(&winifred()).await.unwrap();
        assert_eq!((choices.consents.len(), choices.epoch), (1, epoch), "{key}");
        assert!(choices.consents[0].consent.contains(in_force), "{key}");
    }
    let mut other = acceptance(it.clock.as_ref(), "e", &[]);
    other.sender = "winifreds-app".to_owned();
    other.choices = vec![NewChoice { sender: other.sender.clone(), ..choice("hospice", None, "permit") }];
    it.store.accept(other).await.unwrap();
    assert_eq!(it.store.choices(&winifred()).await.unwrap().consents.len(), 2, "nobody undoes another sender's choice");
}

#[tokio::test]
async fn an_intent_is_unresolved_until_it_is_completed() {
    let it = Stored::new();
    let intent = it.entry(Kind::Query, Phase::Intent, None);
    it.store.append(vec![intent.clone()]).await.unwrap();
    assert_eq!(it.store.counts().await.unwrap().unresolved, 1);
    let mut done = it.entry(Kind::Query, Phase::Completion, None);
    done.intent = Some(intent.id);
    it.store.append(vec![done]).await.unwrap();
    assert_eq!(it.store.counts().await.unwrap().unresolved, 0);
}

#[tokio::test]
async fn two_gateways_cannot_have_one_database() {
    let it = Stored::new();
    let key = it.folder.path().join("audit.key");
    let second = Sqlite::open(&it.path(), &key, it.clock.clone());
    assert!(matches!(second, Err(StoreError::Refused(_))));
    it.store.close().await.unwrap();
    assert!(Sqlite::open(&it.path(), &key, it.clock.clone()).is_ok());
}

#[tokio::test]
async fn another_program_s_database_is_refused() {
    let it = Stored::new();
    let other = it.folder.path().join("other.db");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE letters (id); PRAGMA user_version = 1;").unwrap();
    drop(connection);
    let opened = Sqlite::open(&other, &it.folder.path().join("audit.key"), it.clock.clone());
    assert!(matches!(opened, Err(StoreError::Refused(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_all_stored_and_one_that_fails_takes_nobody_with_it() {
    let it = Stored::new();
    let mut waiting = Vec::new();
    for index in 0..200 {
        let mut given = acceptance(it.clock.as_ref(), &format!("key-{index}"), &["beckside-surgery"]);
        if index % 10 == 3 {
            given.entries.clear();
        }
        let store = Arc::clone(&it.store);
        waiting.push(tokio::spawn(async move { store.accept(given).await }));
    }
    let mut stored = 0;
    for task in waiting {
        stored += u64::from(task.await.unwrap().is_ok());
    }
    let counts = it.store.counts().await.unwrap();
    assert_eq!((stored, counts.records, counts.entries), (180, 180, 180));
    it.store.check().await.unwrap();
}

#[tokio::test]
async fn no_message_and_no_debug_text_says_who_it_is_about() {
    let it = Stored::new();
    let given = acceptance(it.clock.as_ref(), "key-1", &["beckside-surgery"]);
    it.store.accept(given.clone()).await.unwrap();
    let message = it.claim(1).await.pop().unwrap();
    let record = it.store.record(&given.record.id).await.unwrap();
    let entry = entry(it.clock.as_ref(), Kind::Create, Phase::Whole, None);
    let said = format!("{given:?} {message:?} {record:?} {entry:?} {:?} {:?}", it.store, choice("x", None, "permit"));
    assert!(!said.contains("9990000018") && !said.contains("permit") && !said.contains("goals.csv"), "{said}");
}

#[tokio::test]
async fn every_version_of_a_choice_is_kept_and_a_stale_one_is_not_stored() {
    let it = Stored::new();
    let give = async |key: &str, word: &str, follows: Option<u64>| {
        let mut given = acceptance(it.clock.as_ref(), key, &[]);
        given.choices = vec![NewChoice { follows, ..choice("hospice", None, word) }];
        it.clock.pass(60);
        it.store.accept(given).await.unwrap()
    };
    assert!(is_new(&give("a", "permit", Some(0)).await));
    assert!(is_new(&give("b", "deny", Some(1)).await));
    assert_eq!(give("c", "permit", Some(1)).await, Accepted::Stale);
    assert_eq!(give("d", "permit", Some(0)).await, Accepted::Stale);
    assert_eq!(it.store.counts().await.unwrap().records, 2, "a stale one leaves nothing behind");
    let all = it.store.consents(&winifred()).await.unwrap();
    let seen: Vec<(u64, u64, bool)> = all.iter().map(|c| (c.version, c.newest, c.in_force)).collect();
    assert_eq!(seen, [(1, 2, false), (2, 2, true)]);
    assert_eq!(all[0].id, all[1].id, "one choice has one id, whatever its version");
    let (person, versions) = it.store.consent(&all[0].id).await.unwrap().unwrap();
    assert_eq!((person, versions.len()), (winifred(), 2));
    assert_eq!(versions[1].understood.as_ref().map(|u| u.taken.as_str()), Some("as-written"));
    assert!(it.store.consent("another").await.unwrap().is_none());
}

#[tokio::test]
async fn a_changed_choice_wakes_what_waits_for_its_next_attempt() {
    let it = Stored::new();
    it.store.accept(acceptance(it.clock.as_ref(), "plan", &["st-orrins-hospice"])).await.unwrap();
    let at = it.clock.now() + SignedDuration::from_hours(1);
    it.send_one(Fate::Retry { at, reason: "503".to_owned() }).await.unwrap();
    assert!(it.claim(10).await.is_empty(), "it waits for an hour");
    let mut choices = acceptance(it.clock.as_ref(), "choices", &[]);
    choices.choices = vec![choice("hospice", None, "deny")];
    it.store.accept(choices).await.unwrap();
    assert_eq!(it.claim(10).await.len(), 1, "it is looked at again at once");
}
