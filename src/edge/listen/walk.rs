//! What the front door calls: the walk through the rooms, which the gateway implements and a test stands in for.

use super::answer::Answer;
use super::inbound::Inbound;
use crate::edge::authenticate::Caller;
use std::pin::Pin;
use std::sync::Arc;

/// An answer on its way. It may be dropped at any await when its time is up.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The walk. Callers are authenticated and hold the right their route asks for before any of this is called, except
/// [`Walk::ready`] and [`Walk::formats`], which tell nothing of anybody.
pub trait Walk: Send + Sync + 'static {
    /// A record was posted (doors `Local`, `Bundle`, `Create`), or a choice changed (`Update`, `Withdraw`, `Confirm`): map,
    /// validate, decide, store, then answer.
    fn receive(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer>;

    /// A question was asked (doors `Search`, `Read`, `History`, `Version`, `Explain`, `Preview`): decide it, ask the source, and walk its
    /// answer.
    fn ask(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer>;

    /// A record is to be checked and nothing kept (door `Validate`).
    fn validate(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer>;

    /// Something is to be recorded in the register, read there, or ended (door `Register`).
    fn register(self: Arc<Self>, caller: Caller, inbound: Inbound) -> Pending<Answer>;

    /// Whether records can be accepted now: each thing that was tried, and how it went.
    fn ready(self: Arc<Self>) -> Pending<Vec<Check>>;

    /// The local formats that can be received, by name.
    fn formats(&self) -> Vec<String>;
}

/// One thing that has to work before we call ourselves ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was tried: `store`, `policy`, `definitions`.
    pub name: &'static str,
    /// What is wrong, where something is. Shown to strangers: no detail of the machine, nothing of anybody.
    pub fault: Option<String>,
}
