//! Stops without warning: whatever was acknowledged before is there after, once, and the trail proves.
//!
//! The child is this same test binary: it accepts into a store and says so line by line on its standard output, until it
//! is killed with SIGKILL. (That loses what the process had in memory, not what the operating system had: a power cut is
//! another test.)

mod served;
mod stored;

use served::Place;
use sharewell::cli::audit::{Witness, verify};
use sharewell::edge::clock::System;
use sharewell::edge::store::Store;
use sharewell::pure::audit::{Kind, Phase};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use stored::{LEASE, Stored, acceptance, entry};

const FOLDER: &str = "SHAREWELL_CRASH_FOLDER";

/// The child's part. Does nothing unless it was started by the test below.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_accepts_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = stored::open(Path::new(&folder), Arc::new(System));
    let clients = (0..8).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            while store.counts().await.is_ok() {
                let key = uuid();
                let given = acceptance(&System, &key, &["beckside-surgery", "st-orrins-hospice"]);
                let said = format!("accepted {} {}\n", given.record.id, key);
                store.accept(given).await.expect("an accept");
                // Said after the answer, as a sender would have heard it.
                std::io::stdout().write_all(said.as_bytes()).expect("somebody listens");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("a client");
    }
}

fn uuid() -> String {
    use sharewell::edge::clock::Clock;
    System.id()
}

fn child(folder: &Path) -> Child {
    let program = std::env::current_exe().expect("this program");
    Command::new(program)
        .args(["--exact", "child_that_accepts_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child starts")
}

/// Kills the child after it acknowledged this many; gives all that it acknowledged.
fn kill_after(mut child: Child, many: usize) -> Vec<(String, String)> {
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let read = |line: String| {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["accepted", record, key] if key.len() == 36 => Some((record.to_owned(), key.to_owned())),
            _ => None,
        }
    };
    let mut acknowledged = Vec::new();
    while acknowledged.len() < many {
        acknowledged.extend(read(lines.next().expect("the child goes on")));
    }
    child.kill().expect("the child can be killed");
    acknowledged.extend(lines.filter_map(read));
    child.wait().expect("the child ends");
    acknowledged
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there_once_after_it() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let (mut acknowledged, mut keys) = (HashSet::new(), Vec::new());
    for round in 0..5 {
        for (record, key) in kill_after(child(folder.path()), 20 + 13 * round) {
            acknowledged.insert(record);
            keys.push(key);
        }
        let path = stored::database(folder.path());
        let proof = verify(&path, &Witness::default()).expect("a database");
        assert_eq!(proof.findings, [], "round {round}, before anybody opened it again");
    }
    let store = stored::open(folder.path(), Arc::new(System));
    for record in &acknowledged {
        assert!(store.record(record).await.unwrap().is_some(), "an acknowledged record is lost");
    }
    let repeated = acceptance(&System, &keys[0], &["beckside-surgery"]);
    let again = store.accept(repeated).await.unwrap();
    assert!(!stored::is_new(&again), "a sender that repeats its request gets the answer of before");
    let counts = store.counts().await.unwrap();
    assert!(counts.records >= acknowledged.len() as u64);
    assert_eq!(counts.messages.iter().map(|(_, _, n)| n).sum::<u64>(), counts.records * 2);
    store.close().await.unwrap();
    let proof = verify(&stored::database(folder.path()), &Witness::default()).expect("a database");
    assert_eq!((proof.findings, proof.unchecked), (Vec::new(), Vec::<String>::new()));
    println!("{} acknowledged over 5 kills, {} stored, none lost", acknowledged.len(), counts.records);
}

/// The steps of a message's way out, and a stop after each: it goes on from there.
#[tokio::test]
async fn a_message_goes_on_from_wherever_a_stop_left_it() {
    for step in ["accepted", "claimed", "sent", "retry"] {
        let it = Stored::new();
        it.store.accept(acceptance(it.clock.as_ref(), "plan", &["beckside-surgery"])).await.unwrap();
        let intent = entry(it.clock.as_ref(), Kind::Disclosure, Phase::Intent, None);
        if step != "accepted" {
            let message = it.claim(1).await.pop().unwrap();
            if step != "claimed" {
                it.store.release(message.clone(), 0, vec![intent]).await.unwrap();
            }
            if step == "retry" {
                let fate = sharewell::edge::store::Fate::Retry { at: stored::start(), reason: "503".to_owned() };
                let done = entry(it.clock.as_ref(), Kind::Disclosure, Phase::Whole, None);
                it.store.complete(&message, fate, vec![done]).await.unwrap();
            }
        }
        // Opened again without having been closed, from a copy: what a kill leaves.
        let left = tempfile::TempDir::new().unwrap();
        for name in ["sharewell.db", "sharewell.db-wal", "audit.key"] {
            std::fs::copy(it.folder.path().join(name), left.path().join(name)).unwrap();
        }
        let store = stored::open(left.path(), it.clock.clone());
        let claimed = sharewell::edge::clock::Clock::now(it.clock.as_ref());
        let messages = store.claim(claimed, LEASE, 10).await.unwrap();
        assert_eq!(messages.len(), 1, "{step}: it can be taken at once");
        assert_eq!(messages[0].unanswered, step == "sent", "{step}");
    }
}

/// The process itself, killed between its 202 and the delivery: the recipient cannot be reached, or has taken the message
/// and not answered.
#[test]
fn a_gateway_killed_after_its_202_delivers_once_when_it_is_back() {
    for answered in [false, true] {
        let place = Place::new();
        let stalling = answered.then(|| place.recipient(false));
        let serving = place.serve();
        assert_eq!(serving.post("key-1"), Some(202));
        let before = stalling.map(|recipient| {
            assert!(recipient.wait(), "it was sent");
            recipient.got()
        });
        serving.kill();
        let proof = verify(&place.database(), &Witness::default()).expect("a database");
        assert_eq!(proof.findings, [], "what the kill left proves");

        let recipient = place.recipient(true);
        let serving = place.serve();
        assert!(recipient.wait(), "it was not delivered");
        assert_eq!(serving.post("key-1"), Some(202), "a repeat gets the answer of before");
        std::thread::sleep(std::time::Duration::from_millis(1500));
        let got = recipient.got();
        assert_eq!(got.len(), 1, "it was delivered more than once");
        assert!(before.is_none_or(|before| before == got), "the same key at every attempt");
        serving.stop();
        let proof = verify(&place.database(), &Witness::default()).expect("a database");
        assert_eq!((proof.findings, proof.unchecked), (Vec::new(), Vec::<String>::new()));
        // where nobody listened, the kill may still fall between an intent and the refused connection
        let fewest = u64::from(answered);
        let open = proof.unresolved;
        assert!((fewest..=1).contains(&open), "the attempt that nobody saw the end of stays an open intent: {open}");
    }
}

/// Killed again and again while a sender posts and the recipient answers: every message that was acknowledged arrives or
/// was superseded by a newer version, and in order.
#[test]
fn a_gateway_killed_again_and_again_loses_nothing_and_keeps_the_order() {
    let place = Place::new();
    let recipient = place.recipient(true);
    let (mut acknowledged, mut posts) = (0, 0);
    for round in 0..4 {
        let serving = place.serve();
        let id = serving.id();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(150 + 90 * round));
            Command::new("kill").args(["-KILL", &id.to_string()]).status().expect("kill runs")
        });
        while let Some(status) = serving.post(&format!("key-{posts}")) {
            assert_eq!(status, 202);
            (acknowledged, posts) = (acknowledged + 1, posts + 1);
        }
        // The one that was not answered may have been taken; its sender would repeat it. Another key makes it another.
        posts += 1;
        killer.join().expect("the killer ends");
    }
    let serving = place.serve();
    assert_eq!(serving.post("the last"), Some(202));
    let open = || {
        let connection = rusqlite::Connection::open(place.database()).expect("the database");
        let sql = "SELECT count(*) FROM message WHERE state NOT IN ('delivered', 'superseded')";
        connection.query_row(sql, [], |row| row.get::<_, u64>(0)).expect("a count")
    };
    assert!(recipient.wait_for(|_| open() == 0), "something is still on its way");
    serving.stop();

    let connection = rusqlite::Connection::open(place.database()).expect("the database");
    let mut statement =
        connection.prepare("SELECT id FROM message WHERE state = 'delivered' ORDER BY sequence").unwrap();
    let delivered: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let stored: u64 = connection.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap();
    let (mut seen, mut once) = (HashSet::new(), recipient.got());
    let repeats = once.len();
    once.retain(|key| seen.insert(key.clone()));
    assert_eq!(once, delivered, "each once, in the order of acceptance");
    assert!(stored > acknowledged);
    println!(
        "{acknowledged} acknowledged over 4 kills, {stored} stored, {} delivered, {} superseded, {} repeats told by key",
        delivered.len(),
        stored - delivered.len() as u64,
        repeats - once.len()
    );
}
