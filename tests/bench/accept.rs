//! Durable accepts a second, beside what the same disk can flush: `cargo bench --bench accept [SECONDS]`.
//!
//! Each accept is a 13 KB Bundle, its local original, a choice now and then, three messages, five entries in the trail, a
//! signed head per commit, and one flush per commit with synchronous=FULL.

#[path = "../stored/mod.rs"]
mod stored;

use sharewell::edge::clock::{Clock, System};
use sharewell::edge::store::{Person, Sqlite, Store};
use sharewell::pure::audit::{Kind, Phase};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const RECIPIENTS: [&str; 3] = ["beckside-surgery", "st-orrins-hospice", "brightside-care"];

fn main() {
    let seconds = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(3);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // Under target/, not under /tmp: a temporary folder may be memory, which flushes for nothing.
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let folder = tempfile::TempDir::new_in(place).expect("a folder");
    let flushes = flush_rate(folder.path(), seconds);
    println!("raw append of 16 KB + fdatasync, one at a time: {flushes:>8.0}/s");
    for clients in [1, 8, 32, 64, 128] {
        let (rate, mut waits) = runtime.block_on(accepts(folder.path(), clients, seconds));
        waits.sort_unstable();
        let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
        println!(
            "accepts, {clients:>3} clients: {rate:>8.0}/s = {:>5.1} x the flush rate; p50 {:.1} ms, p99 {:.1} ms",
            rate / flushes,
            at(0.5),
            at(0.99)
        );
    }
}

fn flush_rate(folder: &Path, seconds: u64) -> f64 {
    let mut file = File::create(folder.join("raw")).expect("a file");
    let (start, mut count) = (Instant::now(), 0.0);
    while start.elapsed() < Duration::from_secs(seconds) {
        file.write_all(&[7; 16 << 10]).and_then(|()| file.sync_data()).expect("a flush");
        count += 1.0;
    }
    count / start.elapsed().as_secs_f64()
}

async fn accepts(folder: &Path, clients: usize, seconds: u64) -> (f64, Vec<Duration>) {
    let clock: Arc<dyn Clock> = Arc::new(System);
    let (path, key) = (folder.join(format!("accept-{clients}.db")), folder.join("audit.key"));
    let store = Arc::new(Sqlite::open(&path, &key, Arc::clone(&clock)).expect("the store opens"));
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (store, clock, next) = (Arc::clone(&store), Arc::clone(&clock), Arc::clone(&next));
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while start.elapsed() < Duration::from_secs(seconds) {
                    let given = plan(clock.as_ref(), next.fetch_add(1, Ordering::Relaxed));
                    let asked = Instant::now();
                    store.accept(given).await.expect("an accept");
                    waits.push(asked.elapsed());
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.expect("a client"));
    }
    let rate = waits.len() as f64 / start.elapsed().as_secs_f64();
    store.close().await.expect("a close");
    (rate, waits)
}

fn plan(clock: &dyn Clock, index: u64) -> sharewell::edge::store::Acceptance {
    let mut given = stored::acceptance(clock, &format!("key-{index}"), &RECIPIENTS);
    given.record.person = Person::known_to("northmere-council", &format!("person-{}", index % 50_000));
    given.record.plan = Some(format!("plan-{index}"));
    given.record.bundle = format!("{{\"resourceType\":\"Bundle\",\"id\":\"{}\"}}", "x".repeat(13_000));
    given.record.original = Some(vec![b'y'; 3_000]);
    if index.is_multiple_of(10) {
        given.choices = vec![stored::choice("hospice", None, &format!("permit {index}"))];
    }
    for _ in RECIPIENTS {
        let mut decision = stored::entry(clock, Kind::Decision, Phase::Whole, None);
        decision.event.push_str(&" ".repeat(1_500));
        given.entries.push(decision);
    }
    given
}
