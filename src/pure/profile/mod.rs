//! profile: being built.
