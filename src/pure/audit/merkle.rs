//! The Merkle tree of RFC 6962 §2.1: append, root, inclusion and consistency proofs, and their verification.

/// A SHA-256 hash.
pub type Hash = [u8; 32];
