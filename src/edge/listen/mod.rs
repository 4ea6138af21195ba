//! The front door: sockets, TLS, HTTP, limits, and one table of routes.
//!
//! Comes in: bytes from anyone. Goes out: an [`Inbound`] with a `Caller` to the [`Walk`], and its [`Answer`] back.
//! Refused here, before anything is parsed: what is too large, too slow, too many, from nobody we know, by no route.
//! Headers by which others claim an identity or a consent (`X-Forwarded-*`, `NHSD-*`, `X-Consent-*`) and
//! `X-HTTP-Method-Override` are not read at all; what is kept is a closed list in [`inbound::Kept`].

pub mod answer;
pub mod inbound;
pub mod metrics;
pub mod routes;
pub mod server;
pub mod tls;
pub mod walk;

mod body;
mod capability;
mod connection;
mod headers;
mod negotiate;
mod parameters;
mod refuse;
mod respond;
mod service;

pub use answer::Answer;
pub use inbound::{Inbound, Kept, Media};
pub use metrics::Metrics;
pub use negotiate::Wanted;
pub use routes::Door;
pub use server::{Drained, FrontDoor};
pub use walk::{Check, Pending, Walk};
