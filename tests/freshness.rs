//! A change of what a person has chosen is felt by the very next question, over the real front door; so is time; and
//! nothing that was handed out before lets anybody go on under the old choices.

mod gate;

use gate::{Gate, NHS, NUMBER, choice};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const EMPTY: u64 = 0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_choices_is_felt_by_the_very_next_question() {
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    let mut seen = Vec::new();
    for (n, says) in ["permit", "deny", "permit", "deny"].into_iter().enumerate() {
        let mut consent = choice("hers", says, "surgery", None);
        consent["dateTime"] = json!(format!("2026-11-22T0{n}:00:00Z"));
        assert_eq!(gate.chooses(&consent).await.status, 202);
        // the second time it is answered from memory
        for _ in 0..2 {
            seen.push(gate.asks("surgery", &[]).await.total());
        }
    }
    assert_eq!(seen, [1, 1, EMPTY, EMPTY, 1, 1, EMPTY, EMPTY]);
    gate.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_that_ends_at_an_instant_is_over_at_that_instant_though_it_was_asked_a_second_before() {
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    let mut consent = choice("hers", "permit", "charity", None);
    consent["provision"]["period"] = json!({ "end": "2026-11-22T10:01:00Z" });
    assert_eq!(gate.chooses(&consent).await.status, 202);
    let mut seen = Vec::new();
    for seconds in [0, 30, 29, 1, 1, 1] {
        gate.clock.pass(seconds);
        seen.push(gate.asks("charity", &[]).await.total());
    }
    // 10:00:00, :30, :59, 10:01:00, :01, :02; the second in which it ends still counts
    assert_eq!(seen, [1, 1, 1, 1, EMPTY, EMPTY]);
    gate.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_is_linked_to_so_no_cursor_outlives_a_choice() {
    let gate = Gate::open().await;
    gate.cares("surgery").await;
    for count in ["1", "50"] {
        let path = format!("/fhir/Goal?patient={NHS}%7C{NUMBER}&_count={count}");
        let reply = gate.send("surgery", "GET", &path, &[], None).await.json();
        let relations: Vec<&str> =
            reply["link"].as_array().unwrap().iter().map(|l| l["relation"].as_str().unwrap()).collect();
        assert_eq!(relations, ["self"], "all of an answer comes at once");
        assert!(reply["total"].as_u64().unwrap() > 0);
    }
    gate.close().await;
}

/// Reads over and over until told to stop: when each was put, and when it was answered with something or nothing.
async fn reads(gate: Arc<Gate>, stop: Arc<AtomicBool>) -> Vec<(Instant, Instant, u64)> {
    let mut seen = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let put = Instant::now();
        let total = gate.asks("charity", &[]).await.total();
        seen.push((put, Instant::now(), total));
    }
    seen
}

/// Prints how long a withdrawal takes to be felt: `cargo test --test freshness withdrawal -- --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_that_is_put_after_the_answer_to_a_withdrawal_gets_anything() {
    let gate = Arc::new(Gate::open().await);
    let mut took = Vec::new();
    for round in 0..12 {
        let dated = |says: &str, minute: usize| {
            let mut consent = choice("hers", says, "charity", None);
            consent["dateTime"] = json!(format!("2026-11-22T08:{minute:02}:00Z"));
            consent
        };
        assert_eq!(gate.chooses(&dated("permit", 2 * round)).await.status, 202);
        assert_eq!(gate.asks("charity", &[]).await.total(), 1);
        let stop = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..3).map(|_| tokio::spawn(reads(Arc::clone(&gate), Arc::clone(&stop)))).collect();
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(gate.chooses(&dated("deny", 2 * round + 1)).await.status, 202);
        let withdrawn = Instant::now();
        tokio::time::sleep(Duration::from_millis(60)).await;
        stop.store(true, Ordering::SeqCst);
        let mut refused = Vec::new();
        for reader in readers {
            for (put, answered, total) in reader.await.unwrap() {
                assert!(put < withdrawn || total == EMPTY, "round {round}: read after the withdrawal was answered");
                refused.extend((total == EMPTY).then(|| answered.saturating_duration_since(withdrawn)));
            }
        }
        took.push(refused.into_iter().min().expect("somebody read on"));
    }
    took.sort();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    println!(
        "from the answer to a withdrawal to the first refused read: p50 {:?}, p99 {:?}, max {:?} ({} withdrawals, three readers)",
        at(50),
        at(99),
        at(100),
        took.len()
    );
    Arc::into_inner(gate).expect("nobody reads any more").close().await;
}
