//! authenticate: being built.
