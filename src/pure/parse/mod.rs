//! parse: being built.
