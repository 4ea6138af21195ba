//! fhirpath: being built.
