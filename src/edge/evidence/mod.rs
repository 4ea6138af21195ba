//! evidence: being built.
