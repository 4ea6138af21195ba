//! The forty scenarios of sharing-choices §3.5, each a file of `fixtures/scenarios` that reads as a sentence, told to a whole
//! gateway over real sockets: what is recorded, what she chooses, who asks, what they get, and by which rule.
//!
//! `SHAREWELL_SCENARIO=24 cargo test --test scenarios` tells one alone. The words of a file are in `fixtures/scenarios/README.md`.

mod gate;
mod scenario;

use scenario::Teller;
use serde_json::Value;
use std::path::Path;

/// The files, by number.
fn scenarios() -> Vec<(u64, String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    let mut found: Vec<(u64, String, Value)> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .map(|path| {
            let name = path.file_stem().and_then(|n| n.to_str()).expect("a name").to_owned();
            let text = std::fs::read_to_string(&path).expect("it can be read");
            let told = serde_saphyr::from_str(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
            (name[..2].parse().expect("a number"), name, told)
        })
        .collect();
    found.sort_by_key(|(number, ..)| *number);
    found
}

#[test]
fn all_forty_scenarios_are_told() {
    let numbers: Vec<u64> = scenarios().iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<u64>>());
    for (_, name, told) in scenarios() {
        let keys: Vec<&String> = told.as_object().expect("a mapping").keys().collect();
        assert_eq!(keys, ["says", "steps"], "{name}");
        assert!(told["says"].as_str().is_some_and(|says| says.trim_end().ends_with('.')), "{name} is no sentence");
        let asks = told["steps"].as_array().expect("steps").iter().filter(|s| !scenario::expectation(s).is_empty());
        assert!(asks.count() > 0, "{name} expects nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_goes_through_the_front_door_as_it_is_told() {
    let only: Option<u64> = std::env::var("SHAREWELL_SCENARIO").ok().and_then(|n| n.parse().ok());
    let mut wrong = Vec::new();
    for (number, name, told) in scenarios() {
        if only.is_some_and(|n| n != number) {
            continue;
        }
        let mut teller = Teller::begin().await;
        for (at, step) in told["steps"].as_array().expect("steps").iter().enumerate() {
            if let Err(why) = teller.tell(step).await {
                wrong.push(format!("{name}, step {}: {why}\n    {step}", at + 1));
                break;
            }
        }
        teller.end().await;
    }
    assert!(wrong.is_empty(), "{} of 40 go otherwise than they are told:\n{}", wrong.len(), wrong.join("\n"));
}
