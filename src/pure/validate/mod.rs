//! validate: being built.
