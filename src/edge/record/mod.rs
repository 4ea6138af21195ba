//! record: being built.
