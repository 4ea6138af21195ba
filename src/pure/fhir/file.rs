//! A file as a value: pure rooms are handed files, they do not open them.

use std::borrow::Cow;

/// A definition, a mapping, a rule: its path below its folder, and what it holds.
#[derive(Clone)]
pub struct File {
    /// Path with `/`, below the folder it was found in: `care-act/map.yaml`.
    pub path: String,
    /// What it holds.
    pub bytes: Cow<'static, [u8]>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "File({}, {} bytes)", self.path, self.bytes.len())
    }
}
