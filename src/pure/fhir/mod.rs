//! The words that every room speaks: a tree, a place in it, a finding, a date, an NHS number.
//!
//! Comes in: bytes. Goes out: [`Tree`], [`Issue`], [`When`]. Knows JSON, XML and FHIR's datatypes (R4 §2.24), and no resource.

pub mod file;
pub mod issue;
pub mod json;
pub mod message;
pub mod nhs_number;
pub mod time;
pub mod tree;
pub mod xml;

pub use file::File;
pub use issue::{Issue, Report, Severity, Unchecked};
pub use json::Limits;
pub use message::{Message, message, messages};
pub use time::When;
pub use tree::{Id, Item, Kind, Place, Tree};
