//! The register in the store: facts are added and ended, never overwritten, and each change is felt at once.

mod stored;

use sharewell::cli::audit::{Witness, verify};
use sharewell::edge::clock::Clock;
use sharewell::edge::store::{Ending, NewFact, Person, Recorded, Released, Store, StoreError};
use sharewell::pure::audit::{Kind, Phase};
use stored::{Stored, acceptance, choice, open, winifred};

fn fact(it: &Stored, id: &str, person: Person, body: &str) -> NewFact {
    NewFact {
        id: id.to_owned(),
        person,
        kind: "opt-out".to_owned(),
        fact: body.to_owned(),
        recorder: "registrar".to_owned(),
        now: it.clock.now(),
        request: "request-1".to_owned(),
        entries: vec![it.entry(Kind::Register, Phase::Whole, None)],
    }
}

fn ending(it: &Stored, id: &str) -> Ending {
    Ending {
        fact: id.to_owned(),
        recorder: "registrar-2".to_owned(),
        now: it.clock.now(),
        request: "request-2".to_owned(),
        entries: vec![it.entry(Kind::Register, Phase::Whole, None)],
    }
}

async fn epoch(it: &Stored) -> u64 {
    it.store.choices(&winifred()).await.unwrap().epoch
}

#[tokio::test]
async fn a_fact_is_read_as_of_any_time_and_who_ended_it_is_told() {
    let it = Stored::new();
    let ids = async |at| -> Vec<String> {
        it.store.facts_at(&winifred(), at).await.unwrap().into_iter().map(|f| f.id).collect()
    };
    let start = it.clock.now();
    it.store.record_fact(fact(&it, "a", winifred(), "{}")).await.unwrap();
    it.clock.pass(60);
    let later = it.clock.now();
    it.store.record_fact(fact(&it, "b", winifred(), "{}")).await.unwrap();
    it.clock.pass(60);
    it.store.end_fact(ending(&it, "a")).await.unwrap();
    let ended = it.clock.now();
    assert_eq!(ids(start - jiff::SignedDuration::from_secs(1)).await, Vec::<String>::new());
    assert_eq!((ids(start).await, ids(later).await), (vec!["a".to_owned()], vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(ids(ended).await, ["b"]);
    let standing = it.store.choices(&winifred()).await.unwrap().facts;
    assert_eq!(standing.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(), ["b"]);
    let (person, first) = it.store.fact("a").await.unwrap().unwrap();
    assert_eq!((person, first.recorder.as_str()), (winifred(), "registrar"));
    assert_eq!(first.ended, Some((ended, "registrar-2".to_owned())));
    assert!(it.store.facts_at(&Person::verified("9990000026"), ended).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_ended_or_was_never_there_cannot_be_ended() {
    let it = Stored::new();
    assert_eq!(it.store.end_fact(ending(&it, "a")).await, Err(StoreError::Absent));
    it.store.record_fact(fact(&it, "a", winifred(), "{}")).await.unwrap();
    it.store.end_fact(ending(&it, "a")).await.unwrap();
    assert_eq!(it.store.end_fact(ending(&it, "a")).await, Err(StoreError::Absent));
    assert_eq!(epoch(&it).await, 2, "what was not done changes nothing");
    assert_eq!(it.store.counts().await.unwrap().entries, 2);
}

#[tokio::test]
async fn choices_and_facts_count_one_epoch_and_each_persons_is_their_own() {
    let it = Stored::new();
    it.store.record_fact(fact(&it, "a", winifred(), "{}")).await.unwrap();
    let mut given = acceptance(it.clock.as_ref(), "key-1", &[]);
    given.choices = vec![choice("hospice", None, "permit")];
    it.store.accept(given).await.unwrap();
    assert_eq!(epoch(&it).await, 2);
    it.store.record_fact(fact(&it, "b", Person::verified("9990000026"), "{}")).await.unwrap();
    assert_eq!(epoch(&it).await, 2);
    it.store.end_fact(ending(&it, "a")).await.unwrap();
    assert_eq!(epoch(&it).await, 3);
}

#[tokio::test]
async fn the_same_fact_again_adds_nothing_and_another_under_its_id_is_a_conflict() {
    let it = Stored::new();
    assert_eq!(it.store.record_fact(fact(&it, "a", winifred(), "{}")).await, Ok(Recorded::New));
    let then = it.clock.now();
    it.clock.pass(5);
    assert_eq!(it.store.record_fact(fact(&it, "a", winifred(), "{}")).await, Ok(Recorded::Before(then)));
    assert_eq!(it.store.record_fact(fact(&it, "a", winifred(), "[]")).await, Ok(Recorded::Conflict));
    let other = fact(&it, "a", Person::verified("9990000026"), "{}");
    assert_eq!(it.store.record_fact(other).await, Ok(Recorded::Conflict));
    assert_eq!((epoch(&it).await, it.store.counts().await.unwrap().entries), (1, 1));
}

#[tokio::test]
async fn nothing_is_recorded_or_ended_without_an_entry_in_the_trail() {
    let it = Stored::new();
    let silent = NewFact { entries: Vec::new(), ..fact(&it, "a", winifred(), "{}") };
    assert!(matches!(it.store.record_fact(silent).await, Err(StoreError::Refused(_))));
    assert_eq!((epoch(&it).await, it.store.fact("a").await.unwrap()), (0, None));
    it.store.record_fact(fact(&it, "a", winifred(), "{}")).await.unwrap();
    let silent = Ending { entries: Vec::new(), ..ending(&it, "a") };
    assert!(matches!(it.store.end_fact(silent).await, Err(StoreError::Refused(_))));
    assert_eq!(it.store.fact("a").await.unwrap().unwrap().1.ended, None);
}

#[tokio::test]
async fn a_bar_recorded_after_the_decision_stops_the_copy() {
    let it = Stored::new();
    it.store.accept(acceptance(it.clock.as_ref(), "plan", &["st-orrins-hospice"])).await.unwrap();
    let message = it.claim(1).await.pop().unwrap();
    let epoch = it.store.choices(&message.person).await.unwrap().epoch;
    it.store.record_fact(fact(&it, "a", winifred(), "{}")).await.unwrap();
    let intent = it.entry(Kind::Disclosure, Phase::Intent, Some(&message.id));
    let released = it.store.release(message, epoch, vec![intent]).await.unwrap();
    assert!(matches!(released, Released::ChoicesMoved(_)), "what is known of her moved");
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_stop_without_warning() {
    let it = Stored::new();
    it.store.record_fact(fact(&it, "a", winifred(), r#"{"x":1}"#)).await.unwrap();
    it.store.end_fact(ending(&it, "a")).await.unwrap();
    it.store.record_fact(fact(&it, "b", winifred(), "{}")).await.unwrap();
    // Copied while it is open: what a kill leaves.
    let copy = tempfile::TempDir::new().unwrap();
    for file in std::fs::read_dir(it.folder.path()).unwrap().flatten() {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let store = open(copy.path(), it.clock.clone());
    let known = store.choices(&winifred()).await.unwrap();
    assert_eq!((known.epoch, known.facts.len(), known.facts[0].id.as_str()), (3, 1, "b"));
    assert_eq!(store.fact("a").await.unwrap().unwrap().1.fact, r#"{"x":1}"#);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_fact_that_somebody_edited_is_found_by_the_verifier() {
    for damage in [
        "UPDATE fact SET fact = '{\"optedOut\":false}'",
        "UPDATE fact SET recorded = recorded - 1",
        "DELETE FROM ended",
        "UPDATE ended SET recorder = 'somebody'",
    ] {
        let it = Stored::new();
        it.store.record_fact(fact(&it, "a", winifred(), "{\"optedOut\":true}")).await.unwrap();
        it.store.end_fact(ending(&it, "a")).await.unwrap();
        it.store.close().await.unwrap();
        assert_eq!(verify(&it.path(), &Witness::default()).unwrap().findings, []);
        std::fs::remove_file(it.folder.path().join("sharewell.db.pages")).unwrap();
        rusqlite::Connection::open(it.path()).unwrap().execute_batch(damage).unwrap();
        let findings = verify(&it.path(), &Witness::default()).unwrap().findings;
        assert!(
            findings.iter().any(|f| f.place.contains("fact") || f.place.contains("ended")),
            "{damage}: {findings:?}"
        );
    }
}
