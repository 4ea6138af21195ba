//! Proofs over generated cases: the engine and its plain twin agree, and the properties of `sharing-choices` §5 hold.
#![allow(dead_code, reason = "each harness uses its part")]

pub mod bytes;
pub mod cases;
pub mod change;
pub mod consents;
#[path = "../plans/mod.rs"]
pub mod plans;
pub mod properties;
pub mod records;
pub mod source;
pub mod twin;
pub mod twin_reading;
pub mod twin_rules;
pub mod world;
