//! What is checked once a mapping is compiled: that it can run, and that its author forgot nothing.

use super::mapping::Mapping;
use super::raw::RawFile;
use crate::pure::fhir::Report;
use crate::pure::profile::Definitions;

/// Adds what is wrong to the report.
pub(super) fn check(mapping: &mut Mapping, raw: &RawFile, definitions: &Definitions, report: &mut Report) {
    let _ = (mapping, raw, definitions, report);
}
