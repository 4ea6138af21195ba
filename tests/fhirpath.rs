//! The official FHIRPath suite for R4, where it is at hand, and our own cases, which need nothing outside.

#[path = "fhirpath/suite.rs"]
mod suite;
#[path = "fhirpath/table.rs"]
mod table;
