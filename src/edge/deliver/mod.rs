//! deliver: being built.
