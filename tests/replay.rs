//! Promise P6, over the real gateway: every recorded decision is made again from what was written down with it, and the
//! same answer comes out, whatever became of choices, rules and configuration since. What was tampered with is noticed.

#[allow(dead_code, reason = "the other half of it is for tests that kill")]
mod served;

use sharewell::cli::demo::peers::Answers;
use sharewell::cli::demo::records::{file, zipped};
use sharewell::cli::demo::stage::Stage;
use sharewell::gateway::watch::End;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NUMBER: &str = "9990000018";

async fn post(stage: &Stage, party: &str, format: &str, body: Vec<u8>) -> String {
    let media = if format == "care-act" { "application/zip" } else { "application/json" };
    let request = stage.client(party).unwrap().post(format!("{}/local/{format}", stage.base));
    // a key of its own: the same plan once more is to be decided once more
    let request = request.header("idempotency-key", format!("{:?}", Instant::now()));
    let response = request.header("content-type", media).body(body).send().await.unwrap();
    assert_eq!(response.status(), 202);
    response.headers()["x-request-id"].to_str().unwrap().to_owned()
}

async fn ends(stage: &Stage, request: &str, recipient: &str) {
    let start = Instant::now();
    let over = |end: End| matches!(end, End::Delivered | End::Withdrawn);
    while !stage.notebook.ended(request).iter().any(|e| e.recipient == recipient && over(e.end)) {
        assert!(start.elapsed() < Duration::from_secs(15), "the copy for {recipient} came to no end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn ask(stage: &Stage, party: &str, question: &str) -> u16 {
    stage.client(party).unwrap().get(format!("{}/fhir/{question}", stage.base)).send().await.unwrap().status().as_u16()
}

/// Her choices, a plan, questions by three parties, and then she withdraws: pushes and pulls, permits, cuts and denials.
async fn journey(stage: &Stage) {
    let person = format!("https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C{NUMBER}");
    for name in ["person-held-1.json", "person-held-2.json"] {
        let choices = post(stage, "winifreds-app", "person-held", file(name).unwrap()).await;
        ends(stage, &choices, "beckside-surgery").await;
        let plan = post(stage, "northmere-council", "care-act", zipped("care-act-1").unwrap()).await;
        ends(stage, &plan, "beckside-surgery").await;
        for party in ["beckside-surgery", "st-orrins-hospice", "tandem-trust"] {
            for question in [format!("CarePlan?patient={person}"), format!("Goal?patient={person}")] {
                assert_eq!(ask(stage, party, &question).await, 200);
            }
            ask(stage, party, "CarePlan/nobodys").await;
        }
    }
}

fn replay(store: &Path, which: &[&str]) -> (Output, Vec<serde_json::Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sharewell"));
    command.args(["audit", "replay", "--output", "json", "--store"]).arg(store).args(which);
    let output = command.output().unwrap();
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    (output, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn verified(store: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sharewell")).args(["audit", "verify"]).arg(store).output().unwrap()
}

fn upstream() -> Option<Answers> {
    let plan = String::from_utf8(file("upstream.json").unwrap()).unwrap();
    Some(Arc::new(move |_| Some(plan.clone())))
}

/// A gateway's folder after the journey, closed.
async fn after_the_journey(folder: &Path) -> PathBuf {
    let stage = Stage::set(Some(folder), upstream()).await.unwrap();
    journey(&stage).await;
    let store = stage.folder().join("sharewell.db");
    stage.strike().await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_decision_of_a_journey_is_made_again_with_the_same_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = after_the_journey(folder.path()).await;
    let (output, mut lines) = replay(&store, &["--all"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let tally = lines.pop().unwrap();
    assert_eq!(tally["replayed"], tally["same"]);
    let said = |word: &str| lines.iter().filter(|line| line["answer"]["decision"] == word).count();
    assert!(said("permit") > 3 && said("redact") > 3 && said("deny") > 3, "of each kind some: {tally}");
    let asked = lines.iter().filter(|line| line["answer"]["released"].as_array().unwrap().is_empty()).count();
    assert!(asked > 6, "questions of pulls are among them");
    sizes(&store, lines.len());

    let proof = verified(&store);
    assert!(proof.status.success(), "{}", String::from_utf8_lossy(&proof.stdout));
    // One alone, by its entry and by its fingerprint, for a person too.
    let one = &lines[0];
    for name in ["decision", "fingerprint"] {
        let (output, found) = replay(&store, &[one[name].as_str().unwrap()]);
        assert_eq!((output.status.code(), found.len()), (Some(0), 1));
        assert_eq!(found[0]["decision"], one["decision"]);
    }
    let words = Command::new(env!("CARGO_BIN_EXE_sharewell"))
        .args(["audit", "replay", one["fingerprint"].as_str().unwrap(), "--store"])
        .arg(&store)
        .output()
        .unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("same") && words.contains("Consent/") && !words.contains(NUMBER), "{words}");
    assert_eq!(replay(&store, &["no-such-decision"]).0.status.code(), Some(3));
}

/// Prints what it costs to keep them.
fn sizes(store: &Path, decisions: usize) {
    let connection = rusqlite::Connection::open(store).unwrap();
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let documents = number("SELECT sum(length(document)) FROM decision");
    let mut statement =
        connection.prepare("SELECT kind, count(*), sum(length(body)) FROM kept GROUP BY kind ORDER BY kind").unwrap();
    let parts = statement.query_map([], |row| {
        Ok(format!("{} {} of {}", row.get::<_, i64>(1)?, row.get::<_, String>(0)?, row.get::<_, i64>(2)?))
    });
    let parts: Vec<String> = parts.unwrap().map(Result::unwrap).collect();
    println!("{decisions} decisions: documents of {documents} bytes; parts: {}", parts.join(", "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_tampered_with_is_noticed_whichever_input_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = after_the_journey(folder.path()).await;
    let honest = std::fs::read(&store).unwrap();
    let tamperings = [
        // the question itself
        ("UPDATE decision SET document = replace(document, '\"TREAT\"', '\"HRESCH\"')", "tampered"),
        ("UPDATE decision SET document = replace(document, '\"epoch\":1', '\"epoch\":2')", "tampered"),
        ("UPDATE decision SET fingerprint = '0' || substr(fingerprint, 2)", "tampered"),
        // what it names
        ("UPDATE kept SET body = (SELECT body FROM kept WHERE kind = 'policy') WHERE kind = 'choice'", "tampered"),
        ("UPDATE record SET bundle = replace(bundle, '\"active\"', '\"revoked\"')", "tampered"),
        ("DELETE FROM kept WHERE kind = 'facts'", "unreadable"),
    ];
    for (tampering, result) in tamperings {
        std::fs::write(&store, &honest).unwrap();
        let connection = rusqlite::Connection::open(&store).unwrap();
        assert!(connection.execute(tampering, []).unwrap() > 0, "{tampering} changes something");
        connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
        drop(connection);
        let (output, lines) = replay(&store, &["--all"]);
        assert_eq!(output.status.code(), Some(1), "{tampering}");
        assert!(lines.iter().any(|line| line["result"] == result), "{tampering}");
        assert_eq!(verified(&store).status.code(), Some(1), "the log notices, too: {tampering}");
    }
}

#[test]
fn decisions_under_other_rules_and_before_a_restart_are_made_again_under_their_own() {
    let place = served::Place::new();
    let recipient = place.recipient(true);
    let gateway = place.serve();
    assert_eq!(gateway.post("monday"), Some(202));
    assert!(recipient.wait());
    gateway.stop();
    // Treatment is no longer direct care, and the site brings a definition of its own.
    let folder = place.folder.path();
    for (name, embedded) in [("sharing", "deploy/sharing/"), ("profiles", "fixtures/profiles/")] {
        std::fs::create_dir(folder.join(name)).unwrap();
        for file in sharewell::embedded::files(embedded) {
            let text = String::from_utf8_lossy(&file.bytes).replacen("\"direct-care\"", "\"secondary\"", 1);
            std::fs::write(folder.join(name).join(&file.path), text).unwrap();
        }
    }
    let codes = r#"{"resourceType":"CodeSystem","url":"https://site.example/codes","status":"active","content":"complete",
        "concept":[{"code":"a","concept":[{"code":"b"}]}]}"#;
    std::fs::write(folder.join("profiles/codes.json"), codes).unwrap();
    let config = folder.join("gateway.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let folders = "\n[folders]\nsharing = \"sharing\"\nprofiles = \"profiles\"\n";
    std::fs::write(&config, text + folders).unwrap();
    let gateway = place.serve();
    assert_eq!(gateway.post("tuesday"), Some(202));
    gateway.stop();

    let (output, lines) = replay(&place.database(), &["--all"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let answers: Vec<&str> = lines.iter().filter_map(|line| line["answer"]["decision"].as_str()).collect();
    assert_eq!(answers.first(), answers.get(1), "accepted and sent on Monday");
    assert_eq!((answers.first(), answers.last()), (Some(&"permit"), Some(&"deny")), "{answers:?}");
    let connection = rusqlite::Connection::open(place.database()).unwrap();
    let kept = |kind: &str| -> u64 {
        connection.query_row("SELECT count(*) FROM kept WHERE kind = ?1", [kind], |row| row.get(0)).unwrap()
    };
    assert_eq!((kept("policy"), kept("definitions")), (2, 1));
}
