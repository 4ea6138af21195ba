//! decide: being built.
