//! The one thread that writes: it takes everything that waits, does it in one transaction, flushes once, answers all.
//!
//! Each piece of work has a savepoint of its own, so that one that fails takes nobody with it. When the flush fails, all
//! of them failed.

use super::super::StoreError;
use super::keeper::HeadFile;
use super::trail::Signer;
use crate::edge::clock::Clock;
use crate::pure::audit::merkle::Frontier;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The most pieces of work in one transaction.
const GROUP: usize = 64;
/// How long work waits for company that came last time.
const PATIENCE: Duration = Duration::from_millis(2);

/// What a piece of work may write to.
pub(super) struct Ledger<'c> {
    /// Inside a transaction.
    pub(super) connection: &'c Connection,
    /// The tree of the trail as of this transaction.
    pub(super) frontier: Frontier,
    /// Salts and ids.
    pub(super) clock: &'c dyn Clock,
    /// SQLite gave the whole transaction up, as it does when the disk is full.
    lost: bool,
}

/// Work with somebody who waits for its answer.
pub(super) trait Work: Send {
    fn run(&mut self, ledger: &mut Ledger<'_>);
    fn answer(self: Box<Self>, committed: &Result<(), StoreError>);
}

/// What the writer is sent.
pub(super) enum Order {
    Work(Box<dyn Work>),
    /// Finish and hand the connection back.
    Close,
}

/// A closure as work.
pub(super) struct Task<T, F> {
    work: Option<F>,
    result: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Task<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Ledger<'_>) -> Result<T, StoreError> + Send + 'static,
{
    /// The order, and where its answer will be.
    pub(super) fn order(work: F) -> (Order, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Order::Work(Box::new(Task { work: Some(work), result: Err(StoreError::Closed), reply })), answer)
    }
}

impl<T, F> Work for Task<T, F>
where
    T: Send,
    F: FnOnce(&mut Ledger<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, ledger: &mut Ledger<'_>) {
        if let Some(work) = self.work.take() {
            self.result = ledger.alone(work);
        }
    }

    fn answer(self: Box<Self>, committed: &Result<(), StoreError>) {
        let result = match (self.result, committed) {
            (Ok(_), Err(error)) => Err(error.clone()),
            (result, _) => result,
        };
        // Nobody waits any more where the caller gave up; what was committed stays.
        let _ = self.reply.send(result);
    }
}

impl Ledger<'_> {
    /// Does work that leaves nothing behind when it fails.
    fn alone<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.lost {
            return Err(StoreError::Failed("the transaction was given up".to_owned()));
        }
        let before = self.frontier.clone();
        self.connection.prepare_cached("SAVEPOINT work")?.execute([])?;
        let result = work(self);
        if result.is_err() {
            self.frontier = before;
            if self.connection.is_autocommit() {
                self.lost = true;
                return result;
            }
            self.connection.prepare_cached("ROLLBACK TO work")?.execute([])?;
        }
        self.connection.prepare_cached("RELEASE work")?.execute([])?;
        result
    }
}

/// The writer's own things.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) frontier: Frontier,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) signer: Signer,
    pub(super) head: HeadFile,
    /// Pieces of work committed so far.
    pub(super) committed: Arc<AtomicU64>,
}

impl Writer {
    /// Works until told to close, or until nobody can send work any more; gives itself back.
    pub(super) fn run(mut self, orders: &Receiver<Order>) -> Writer {
        let mut company = 1;
        while let Ok(Order::Work(first)) = orders.recv() {
            let (group, closing) = gather(first, orders, company);
            company = group.len();
            self.commit(group);
            if closing {
                break;
            }
        }
        self
    }

    /// Makes whatever an ended process had taken free to be taken again.
    pub(super) fn recover(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let (Order::Work(work), mut answer) = Task::order(move |ledger| ledger.recover(now)) else { return Ok(()) };
        self.commit(vec![work]);
        answer.try_recv().unwrap_or(Err(StoreError::Closed))
    }

    fn commit(&mut self, mut group: Vec<Box<dyn Work>>) {
        let committed = self.transact(&mut group);
        if committed.is_ok() {
            self.committed.fetch_add(group.len() as u64, Ordering::Relaxed);
        }
        for work in group {
            work.answer(&committed);
        }
    }

    fn transact(&mut self, group: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let result = self.fill(group);
        let result = result.and_then(|(frontier, head)| {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            self.frontier = frontier;
            if let Some(text) = head {
                self.head.write(&text);
            }
            Ok(())
        });
        if result.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        result
    }

    fn fill(&self, group: &mut [Box<dyn Work>]) -> Result<(Frontier, Option<String>), StoreError> {
        let mut ledger = Ledger {
            connection: &self.connection,
            frontier: self.frontier.clone(),
            clock: self.clock.as_ref(),
            lost: false,
        };
        for work in group {
            work.run(&mut ledger);
        }
        if ledger.lost {
            return Err(StoreError::Failed("the transaction was given up".to_owned()));
        }
        let frontier = ledger.frontier;
        if frontier.size() == self.frontier.size() {
            return Ok((frontier, None));
        }
        let head = self.signer.sign(&frontier, self.clock.now())?;
        head.store(&self.connection, &frontier)?;
        Ok((frontier, Some(head.text())))
    }
}

/// Takes what waits, and waits a little for as many as came last time: alone, nobody waits.
fn gather(first: Box<dyn Work>, orders: &Receiver<Order>, company: usize) -> (Vec<Box<dyn Work>>, bool) {
    let mut group = vec![first];
    let patience = Instant::now() + PATIENCE;
    while group.len() < GROUP {
        let next = match orders.try_recv() {
            Ok(order) => order,
            Err(TryRecvError::Disconnected) => return (group, true),
            Err(TryRecvError::Empty) if group.len() >= company => break,
            Err(TryRecvError::Empty) => match orders.recv_timeout(patience.saturating_duration_since(Instant::now())) {
                Ok(order) => order,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return (group, true),
            },
        };
        match next {
            Order::Work(work) => group.push(work),
            Order::Close => return (group, true),
        }
    }
    (group, false)
}
