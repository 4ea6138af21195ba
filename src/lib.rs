//! Sharewell: a FHIR R4 gateway for personalised care and support plans.
//!
//! ```text
//!  edge                       pure                                          edge
//!  listen ─► authenticate ─► parse ─► map ─► validate ─► decide ─► redact ─► deliver ─► audit
//!  Inbound   Caller          Record   Draft  Validated   Decision  Releasable Receipt   AuditEvent
//! ```
//!
//! Data moves forward only. Each room takes the last room's value and returns another type, so a skipped stage does not
//! compile. The rooms in [`pure`] know no clock, socket, file or chance: what they need is an argument. The rooms in
//! [`edge`] do. [`gateway`] is the one place where both sides meet.
//!
//! What holds everywhere, and the test that says so, stands in the README and in `tests/house.rs`.
//! Deliberately absent: generated structs for resources (a resource is a tree, the profile gives it meaning), a plug-in
//! system, any way out that does not pass `decide` and `redact`.

pub mod pure;

pub mod edge;

pub mod config;
pub mod gateway;

pub mod cli;
pub mod embedded;
