//! A change of what a person has chosen is felt by the very next question, over the real front door; so is time; and
//! nothing that was handed out before lets anybody go on under the old choices.

mod gate;

use gate::{Gate, NHS, NUMBER, choice};
use serde_json::json;

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
