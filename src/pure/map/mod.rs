//! map: being built.
