//! The properties of the decision over as many generated cases as wanted, on all cores: what `tests/consent_proofs.rs` runs by the
//! hundred. Prints for each property its cases, how long they took, and the smallest case that fails; exits 1 if any does.
//!
//! `cargo bench --bench properties -- --cases 100000 --seed 1`
//! The long run, ten million cases: of the twin `… -- --only twin --cases 10000000 --seed 2`, over all `… -- --cases 560000 --seed 2`
//! One property, or one case again: `… -- --only twin --cases 1 --from 4711`

#[path = "../proofs/mod.rs"]
mod proofs;

use proofs::properties::ALL;
use proofs::source::{Failure, Property, tried};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

struct Wanted {
    cases: u64,
    from: u64,
    seed: u64,
    only: Option<String>,
    threads: usize,
}

fn wanted() -> Result<Wanted, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut wanted = Wanted { cases: 100_000, from: 0, seed: 1, only: None, threads };
    let mut given = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(key) = given.next() {
        let value = given.next().ok_or_else(|| format!("`{key}` needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("`{key}` needs a number"));
        match key.as_str() {
            "--cases" => wanted.cases = number()?,
            "--from" => wanted.from = number()?,
            "--seed" => wanted.seed = number()?,
            "--threads" => wanted.threads = usize::try_from(number()?).unwrap_or(1).max(1),
            "--only" => wanted.only = Some(value),
            _ => return Err(format!("`{key}` is not known: --cases, --from, --seed, --threads, --only")),
        }
    }
    Ok(wanted)
}

/// Runs one property over its share of the cases; every core takes the next hundred until none are left or one has failed.
fn run(property: Property, wanted: &Wanted) -> Option<Failure> {
    const SHARE: u64 = 100;
    let next = AtomicU64::new(wanted.from);
    let end = wanted.from + wanted.cases;
    let found: Mutex<Option<Failure>> = Mutex::new(None);
    let work = || {
        loop {
            let begin = next.fetch_add(SHARE, Ordering::Relaxed);
            if begin >= end || found.lock().expect("nobody panics with it").is_some() {
                return;
            }
            for number in begin..end.min(begin + SHARE) {
                if let Some(failure) = tried(property, wanted.seed, number) {
                    *found.lock().expect("nobody panics with it") = Some(failure);
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| (0..wanted.threads).for_each(|_| drop(scope.spawn(work))));
    found.into_inner().expect("nobody panics with it")
}

fn main() {
    let wanted = wanted().unwrap_or_else(|wrong| {
        eprintln!("{wrong}");
        std::process::exit(2);
    });
    // a case that panics is a failing case, told below with all it is made of
    std::panic::set_hook(Box::new(|_| {}));
    println!("{} cases of each property, seed {}, {} threads", wanted.cases, wanted.seed, wanted.threads);
    let (start, mut done, mut failed) = (Instant::now(), 0, 0);
    let chosen = |name: &str| wanted.only.as_ref().is_none_or(|o| name.contains(o.as_str()));
    for (name, property) in ALL.iter().filter(|(name, _)| chosen(name)) {
        let began = Instant::now();
        let failure = run(*property, &wanted);
        let seconds = began.elapsed().as_secs_f64();
        let name = name.rsplit([' ', ':']).next().unwrap_or(name).replace('_', " ");
        match failure {
            None => {
                done += wanted.cases;
                println!("holds  {seconds:7.1} s  {:9.0} cases/s  {name}", wanted.cases as f64 / seconds);
            }
            Some(failure) => {
                failed += 1;
                println!("FAILS  {name}\n       case {} of seed {}, as small as it goes:", failure.number, wanted.seed);
                println!("{}", failure.said);
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{done} cases hold, in {seconds:.1} s ({:.0} cases/s); {failed} properties fail", done as f64 / seconds);
    std::process::exit(i32::from(failed > 0));
}
