//! What the store's tests share: a store in a folder of its own, acceptances, entries.

#![allow(dead_code, reason = "each test file uses its part")]

use jiff::{SignedDuration, Timestamp};
use sharewell::edge::clock::{Clock, Still};
use sharewell::edge::store::{
    Acceptance, Accepted, Act, Fate, Message, NewChoice, NewMessage, NewRecord, Person, Released, Reply, Sqlite, Store,
    Understood,
};
use sharewell::pure::audit::{Entry, Event, Kind, Name, Phase};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A lease that no test outlives by accident.
pub const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// A store in a folder that goes away with it.
pub struct Stored {
    pub store: Arc<Sqlite>,
    pub clock: Arc<Still>,
    pub folder: TempDir,
}

pub fn start() -> Timestamp {
    "2026-06-01T09:00:00Z".parse().expect("a time")
}

pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Arc<Sqlite> {
    Arc::new(Sqlite::open(&database(folder), &folder.join("audit.key"), clock).expect("the store opens"))
}

pub fn database(folder: &Path) -> PathBuf {
    folder.join("sharewell.db")
}

impl Stored {
    pub fn new() -> Stored {
        let folder = TempDir::new().expect("a folder");
        let clock = Still::at(start());
        Stored { store: open(folder.path(), clock.clone()), clock, folder }
    }

    pub fn path(&self) -> PathBuf {
        database(self.folder.path())
    }

    pub fn entry(&self, kind: Kind, phase: Phase, message: Option<&str>) -> Entry {
        entry(self.clock.as_ref(), kind, phase, message)
    }

    pub async fn claim(&self, limit: usize) -> Vec<Message> {
        self.store.claim(self.clock.now(), LEASE, limit).await.expect("a claim")
    }

    /// Claims, releases and completes one message; gives its record.
    pub async fn send_one(&self, fate: Fate) -> Option<String> {
        let message = self.claim(1).await.pop()?;
        let epoch = self.store.choices(&message.person).await.expect("choices").epoch;
        let intent = self.entry(Kind::Disclosure, Phase::Intent, Some(&message.id));
        let mut done = self.entry(Kind::Disclosure, Phase::Completion, Some(&message.id));
        done.intent = Some(intent.id.clone());
        let Released::Go(departure) = self.store.release(message, epoch, vec![intent]).await.expect("a release") else {
            panic!("the choices did not move");
        };
        let record = departure.message().record.clone();
        self.store.complete(departure.message(), fate, vec![done]).await.expect("a completion");
        Some(record)
    }
}

pub fn entry(clock: &dyn Clock, kind: Kind, phase: Phase, message: Option<&str>) -> Entry {
    let gateway = Name { display: "gateway".to_owned(), ..Name::default() };
    let mut event = Event::new(kind, clock.id(), "request-1", clock.now(), gateway);
    (event.phase, event.message) = (phase, message.map(str::to_owned));
    event.entry()
}

pub fn winifred() -> Person {
    Person::verified("9990000018")
}

/// An acceptance of one record for these recipients.
pub fn acceptance(clock: &dyn Clock, key: &str, recipients: &[&str]) -> Acceptance {
    let record = clock.id();
    Acceptance {
        sender: "northmere-council".to_owned(),
        key: key.to_owned(),
        digest: openssl::sha::sha256(key.as_bytes()),
        now: clock.now(),
        record: NewRecord {
            id: record.clone(),
            person: winifred(),
            plan: None,
            request: "request-1".to_owned(),
            format: "care-act".to_owned(),
            bundle: format!("{{\"resourceType\":\"Bundle\",\"id\":\"{record}\"}}"),
            original: Some(b"goals.csv".to_vec()),
        },
        choices: Vec::new(),
        messages: recipients
            .iter()
            .map(|r| NewMessage { id: clock.id(), recipient: (*r).to_owned(), repeatable: true })
            .collect(),
        entries: vec![entry(clock, Kind::Create, Phase::Whole, None)],
        reply: Reply {
            status: 202,
            content_type: "application/json".to_owned(),
            location: Some(format!("/records/{record}")),
            body: record.into_bytes(),
        },
    }
}

/// A choice; another `word` is another choice under the same identifier.
pub fn choice(identifier: &str, dated: Option<Timestamp>, word: &str) -> NewChoice {
    let consent = format!("{{\"resourceType\":\"Consent\",\"provision\":{{\"type\":\"{word}\"}}}}");
    let word = |text: &str| text.to_owned();
    let understood = Understood {
        act: Act::Recorded,
        actor: word("northmere-council"),
        taken: word("as-written"),
        dialect: word("B"),
        authority: word("yes"),
        reader: word("a test"),
        rules: word("{}"),
    };
    let id = uuid::Uuid::new_v4().to_string();
    NewChoice {
        id,
        sender: word("northmere-council"),
        follows: None,
        understood,
        identifier: identifier.to_owned(),
        dated,
        consent,
    }
}

pub fn is_new(accepted: &Accepted) -> bool {
    matches!(accepted, Accepted::New(_))
}
