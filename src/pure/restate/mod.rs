//! restate: being built.
