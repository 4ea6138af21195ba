//! What a decision rests on, written down beside its entry so that it can be made again years later.

use std::fmt;
use std::sync::Arc;

/// One thing that decisions rest on: a policy, a choice, a record. Kept once, however many decisions rest on it.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is: `policy`, `definitions`, `party`, `facts`, `choice`, `record`, `answer`.
    pub kind: &'static str,
    /// SHA-256 of the bytes: its name in documents.
    pub digest: [u8; 32],
    /// The thing itself. It may name the person: to be stored, never logged.
    pub bytes: Vec<u8>,
}

impl Part {
    /// A part of this kind.
    #[must_use]
    pub fn new(kind: &'static str, bytes: impl Into<Vec<u8>>) -> Arc<Part> {
        let bytes = bytes.into();
        Arc::new(Part { kind, digest: openssl::sha::sha256(&bytes), bytes })
    }
}

impl fmt::Debug for Part {
    /// Without the content (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({}, {} bytes)", self.kind, self.bytes.len())
    }
}

/// What one decision rests on.
#[derive(Clone, PartialEq, Eq)]
pub struct Grounds {
    /// The decision's fingerprint.
    pub fingerprint: [u8; 32],
    /// The program that decided: its version and the digest of its rules of deciding.
    pub engine: String,
    /// The inputs as JSON; what is large or common stands in it by digest.
    pub document: String,
    /// What the document names by digest.
    pub parts: Vec<Arc<Part>>,
}

impl fmt::Debug for Grounds {
    /// Without the content (P10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grounds({}, {} parts)", self.engine, self.parts.len())
    }
}
