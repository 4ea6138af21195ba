//! The store in one SQLite file (WAL, every commit flushed), written by one thread that commits in groups.
//!
//! Beside `FILE` stand `FILE.head` (the newest signed tree head), `FILE.lock` (one gateway at a time) and, while it is
//! closed, `FILE.pages` (a signed digest of every page).

mod accept;
mod choose;
mod grounds;
mod keeper;
mod queue;
mod read;
mod register;
mod seal;
mod tables;
mod trail;
mod writer;

use super::{
    Acceptance, Accepted, Answer, CopyOut, Counts, Ending, Fate, Held, Message, NewFact, Person, Recorded, Released,
    Store, StoreError, StoredChoices, StoredConsent, StoredFact, StoredRecord,
};
use crate::edge::clock::Clock;
use crate::pure::audit::Entry;
use jiff::{SignedDuration, Timestamp};
use keeper::HeadFile;
use read::Question;
use rusqlite::{Connection, params};
use seal::Seal;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
pub(crate) use tables::schema;
use tokio::sync::oneshot;
use trail::{Refs, Signer};
use writer::{Ledger, Order, Task, Writer};

/// How much may wait for a thread before callers are told to come back later.
const WAITING: usize = 1024;
/// How many threads read.
const READERS: usize = 2;

/// A store in one SQLite file. See the module's header.
pub struct Sqlite {
    path: PathBuf,
    open: Mutex<Option<Open>>,
}

/// What an open store consists of.
struct Open {
    orders: SyncSender<Order>,
    questions: SyncSender<Question>,
    stop: mpsc::Sender<()>,
    writer: JoinHandle<Writer>,
    others: Vec<JoinHandle<()>>,
    // Held until the store is closed: the operating system lets go of it when the process ends, however it ends.
    _lock: File,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sqlite({})", self.path.display())
    }
}

impl Sqlite {
    /// Opens or creates the database at `path`. `key` is a file with the Ed25519 private key (PEM, PKCS #8) that signs
    /// tree heads; it is made, readable by its owner only, where there is none, with its public half in `KEY.pub`.
    ///
    /// # Errors
    /// When the file is not ours, is newer than this program, is in use by another gateway, or cannot be written.
    pub fn open(path: &Path, key: &Path, clock: Arc<dyn Clock>) -> Result<Sqlite, StoreError> {
        let lock = lock(path)?;
        let (connection, id) = tables::open_to_write(path, &clock.id())?;
        let signer = Signer::open(key, &id)?;
        let frontier = trail::frontier(&connection)?;
        keeper::compare(path, &frontier)?;
        // From here on the pages change; digests of what they were would only mislead.
        match std::fs::remove_file(keeper::beside(path, ".pages")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::Failed(format!("the page digests could not be removed: {error}")));
            }
            _ => {}
        }
        let head = HeadFile::open(path, &signer.sign(&frontier, clock.now())?.text())?;
        let committed = Arc::new(AtomicU64::new(0));
        let mut writer = Writer { connection, frontier, clock, signer, head, committed };
        writer.recover()?;
        let open = Open::start(path, writer, lock)?;
        Ok(Sqlite { path: path.to_owned(), open: Mutex::new(Some(open)) })
    }

    fn write<T, F>(&self, work: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Ledger<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (order, answer) = Task::order(work);
        let sent = self.with(|open| open.orders.try_send(order));
        Self::wait(sent, answer)
    }

    fn read<T, F>(&self, question: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |connection| {
            // Nobody waits any more where the caller gave up.
            let _ = reply.send(question(connection));
        });
        let sent = self.with(|open| open.questions.try_send(question));
        Self::wait(sent, answer)
    }

    fn with<T>(&self, send: impl FnOnce(&Open) -> Result<(), TrySendError<T>>) -> Result<(), StoreError> {
        let open = self.open.lock().map_err(|_| StoreError::Closed)?;
        match send(open.as_ref().ok_or(StoreError::Closed)?) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(StoreError::Closed),
        }
    }

    fn wait<'a, T: Send + 'static>(
        sent: Result<(), StoreError>,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            sent?;
            answer.await.unwrap_or(Err(StoreError::Closed))
        })
    }
}

impl Open {
    fn start(path: &Path, writer: Writer, lock: File) -> Result<Open, StoreError> {
        let (orders, receiver) = mpsc::sync_channel(WAITING);
        let (questions, asked) = mpsc::sync_channel::<Question>(WAITING);
        let (stop, stopped) = mpsc::channel();
        let asked = Arc::new(Mutex::new(asked));
        let mut others = Vec::new();
        for _ in 0..READERS {
            let (connection, asked) = (tables::open_to_read(path)?, Arc::clone(&asked));
            others.push(spawn("store-reader", move || read::run(&connection, &asked))?);
        }
        let (connection, done, path) =
            (tables::open_to_checkpoint(path)?, Arc::clone(&writer.committed), path.to_owned());
        others.push(spawn("store-keeper", move || keeper::run(&path, &connection, &done, &stopped))?);
        let writer = spawn("store-writer", move || writer.run(&receiver))?;
        Ok(Open { orders, questions, stop, writer, others, _lock: lock })
    }

    /// Finishes what waits, ends the threads, and leaves one signed file.
    fn end(self, path: &Path) -> Result<(), StoreError> {
        let Open { orders, questions, stop, writer, others, _lock } = self;
        // A full channel is emptied by the writer; one that is gone needs no telling.
        let _ = orders.send(Order::Close);
        drop((orders, questions, stop));
        let writer = writer.join().map_err(|_| StoreError::Closed)?;
        for other in others {
            other.join().map_err(|_| StoreError::Closed)?;
        }
        let head = writer.signer.sign(&writer.frontier, writer.clock.now())?;
        keeper::close(path, writer.connection, &writer.signer, head.text())
    }
}

impl Drop for Sqlite {
    /// Closing by `close` is better: it can say that it failed.
    fn drop(&mut self) {
        if let Some(open) = self.open.get_mut().ok().and_then(Option::take)
            && let Err(error) = open.end(&self.path)
        {
            tracing::warn!(%error, "the store was not closed cleanly");
        }
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, StoreError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| StoreError::Failed(format!("no thread can be started: {error}")))
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let failed = |error: std::io::Error| StoreError::Failed(format!("`{}` cannot be locked: {error}", path.display()));
    let file = File::options().create(true).append(true).open(keeper::beside(path, ".lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Refused("another gateway has the database open")),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

impl Store for Sqlite {
    fn replay(&self, sender: &str, key: &str, digest: [u8; 32]) -> Answer<'_, Option<Accepted>> {
        let (sender, key) = (sender.to_owned(), key.to_owned());
        self.read(move |connection| accept::replay(connection, &sender, &key, &digest))
    }

    fn accept(&self, acceptance: Acceptance) -> Answer<'_, Accepted> {
        self.write(move |ledger| ledger.accept(&acceptance))
    }

    fn claim(&self, now: Timestamp, lease: SignedDuration, limit: usize) -> Answer<'_, Vec<Message>> {
        self.write(move |ledger| ledger.claim(now, lease, limit))
    }

    fn release(&self, message: Message, epoch: u64, entries: Vec<Entry>) -> Answer<'_, Released> {
        self.write(move |ledger| ledger.release(message, epoch, &entries))
    }

    fn complete(&self, message: &Message, fate: Fate, entries: Vec<Entry>) -> Answer<'_, ()> {
        let message = message.clone();
        self.write(move |ledger| ledger.complete(&message, fate, &entries))
    }

    fn record(&self, id: &str) -> Answer<'_, Option<StoredRecord>> {
        let id = id.to_owned();
        self.read(move |connection| read::record(connection, &id))
    }

    fn plans(&self, person: &Person) -> Answer<'_, Vec<StoredRecord>> {
        let person = person.clone();
        self.read(move |connection| read::plans(connection, &person))
    }

    fn copies_out(&self, person: &Person) -> Answer<'_, Vec<CopyOut>> {
        let person = person.clone();
        self.read(move |connection| read::copies_out(connection, &person))
    }

    fn versions(&self, person: &Person, plan: &str) -> Answer<'_, Vec<StoredRecord>> {
        let (person, plan) = (person.clone(), plan.to_owned());
        self.read(move |connection| read::plan_versions(connection, &person, &plan))
    }

    fn choices(&self, person: &Person) -> Answer<'_, StoredChoices> {
        let person = person.clone();
        self.read(move |connection| read::choices(connection, &person))
    }

    fn consents(&self, person: &Person) -> Answer<'_, Vec<StoredConsent>> {
        let person = person.clone();
        self.read(move |connection| read::consents(connection, &person))
    }

    fn consent(&self, id: &str) -> Answer<'_, Option<(Person, Vec<StoredConsent>)>> {
        let id = id.to_owned();
        self.read(move |connection| read::consent(connection, &id))
    }

    fn record_fact(&self, fact: NewFact) -> Answer<'_, Recorded> {
        self.write(move |ledger| ledger.record_fact(&fact))
    }

    fn end_fact(&self, ending: Ending) -> Answer<'_, ()> {
        self.write(move |ledger| ledger.end_fact(&ending))
    }

    fn fact(&self, id: &str) -> Answer<'_, Option<(Person, StoredFact)>> {
        let id = id.to_owned();
        self.read(move |connection| register::one(connection, &id))
    }

    fn facts_at(&self, person: &Person, at: Timestamp) -> Answer<'_, Vec<StoredFact>> {
        let person = person.clone();
        self.read(move |connection| register::known_at(connection, &person, at))
    }

    fn append(&self, entries: Vec<Entry>) -> Answer<'_, ()> {
        self.write(move |ledger| ledger.append(&entries, Refs::default()))
    }

    fn held(&self, limit: usize) -> Answer<'_, Vec<Held>> {
        self.read(move |connection| read::held(connection, limit))
    }

    fn retry_held(&self, message: &str, now: Timestamp, entries: Vec<Entry>) -> Answer<'_, ()> {
        let message = message.to_owned();
        self.write(move |ledger| ledger.retry_held(&message, now, &entries))
    }

    fn next_due(&self) -> Answer<'_, Option<Timestamp>> {
        self.read(queue::next_due)
    }

    fn counts(&self) -> Answer<'_, Counts> {
        self.read(read::counts)
    }

    fn check(&self) -> Answer<'_, ()> {
        self.write(|ledger| {
            let at = ledger.clock.now().as_microsecond();
            let seal = Seal::of("pulse").number(1).number(at).finish();
            ledger
                .connection
                .prepare_cached(
                    "INSERT INTO pulse (id, at, seal) VALUES (1, ?1, ?2)
                                 ON CONFLICT (id) DO UPDATE SET at = excluded.at, seal = excluded.seal",
                )?
                .execute(params![at, seal])?;
            Ok(())
        })
    }

    fn close(&self) -> Answer<'_, ()> {
        let open = self.open.lock().map_or(None, |mut open| open.take());
        let (reply, answer) = oneshot::channel();
        let path = self.path.clone();
        // On a thread of its own: it waits for threads and reads the whole file.
        let sent = match open {
            None => Err(StoreError::Closed),
            Some(open) => spawn("store-close", move || {
                let _ = reply.send(open.end(&path));
            })
            .map(|_| ()),
        };
        Self::wait(sent, answer)
    }
}
