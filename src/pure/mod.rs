//! The rooms that know no clock, socket, file or chance. In the order of the walk, the words and tools they share first.

pub mod fhir;

pub mod fhirpath;
pub mod profile;

pub mod parse;

pub mod map;

pub mod validate;

pub mod decide;
pub mod register;
pub mod restate;

pub mod redact;

pub mod audit;
