//! What the validator says, in every face: each finding has all its parts, nothing of a record is quoted, and the same
//! files give the same bytes.

mod common;
#[path = "faces/documents.rs"]
mod documents;
#[path = "faces/findings.rs"]
mod findings;
#[path = "faces/quoting.rs"]
mod quoting;
#[path = "faces/records.rs"]
mod records;
