//! redact: being built.
