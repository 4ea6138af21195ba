//! A quick hash for tables that definitions fill: names, canonical urls and codes of packages that the operator chose.
//!
//! Not for tables that a record fills: whoever writes a record could choose names that collide, and the standard
//! library's keyed hash is there to prevent that. Looking a sender's name up in a table of ours does no harm.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A table by name.
pub(super) type Names<T> = HashMap<std::sync::Arc<str>, T, BuildHasherDefault<Quick>>;
/// A set of names.
pub(super) type NameSet = HashSet<std::sync::Arc<str>, BuildHasherDefault<Quick>>;

const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The state: multiplied and folded once for each eight bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quick(u64);

impl Quick {
    fn mix(&mut self, word: u64) {
        let wide = u128::from(self.0 ^ word) * u128::from(ODD);
        // both halves, so that the last bytes of a long name count as much as the first
        self.0 = (wide as u64) ^ ((wide >> 64) as u64);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        self.mix(bytes.len() as u64 ^ ODD);
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.mix(u64::from_le_bytes(last));
        }
    }

    fn write_u8(&mut self, _: u8) {
        // what ends a text: the length is mixed in already
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The hash of one name.
pub(super) fn quick(name: &str) -> usize {
    let mut hasher = Quick::default();
    hasher.write(name.as_bytes());
    hasher.finish() as usize
}

#[cfg(test)]
mod tests {
    use super::quick;
    use std::collections::HashSet;

    #[test]
    fn names_that_differ_little_have_hashes_that_differ() {
        let names = (0..4096).map(|n| format!("http://hl7.org/fhir/StructureDefinition/{n}"));
        let low: HashSet<usize> = names.map(|name| quick(&name) & 0xFFFF).collect();
        assert!(low.len() > 3800, "{}", low.len());
        assert_ne!(quick("a"), quick("a\0"));
    }
}
