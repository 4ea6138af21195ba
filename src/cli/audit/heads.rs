//! Signed statements: tree heads and page digests, read back and checked.

use openssl::pkey::{Id, PKey};
use std::path::Path;
use std::time::Duration;

/// A signed file: lines of a name and a value, of which the last two are the key and the signature over all before.
pub(super) struct Signed {
    lines: Vec<(String, String)>,
    /// The public key it says it was signed with.
    pub(super) key: Vec<u8>,
    /// Whether that key signed it.
    pub(super) holds: bool,
    /// What follows the signature.
    pub(super) rest: String,
}

/// A tree head.
pub(super) struct Head {
    pub(super) store: String,
    pub(super) size: u64,
    pub(super) time: i64,
    pub(super) root: Vec<u8>,
}

impl Signed {
    /// Reads a signed file; what is wrong with it where it is none. A gateway that runs may be writing it just now: one
    /// that does not hold is looked at again.
    pub(super) fn read(path: &Path, title: &str) -> Result<Signed, String> {
        for _ in 0..3 {
            match Signed::read_once(path, title) {
                Ok(signed) if signed.holds => return Ok(signed),
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Signed::read_once(path, title)
    }

    fn read_once(path: &Path, title: &str) -> Result<Signed, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
        let text = String::from_utf8(bytes).map_err(|_| "is not text".to_owned())?;
        let end = text.find("\nkey ").ok_or("has no key")? + 1;
        let (statement, tail) = text.split_at(end);
        let mut tail = tail.splitn(3, '\n');
        let mut value = |name: &str| {
            let line = tail.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(base64).ok_or(format!("has no {name}"))
        };
        let (key, signature) = (value("key")?, value("signature")?);
        if statement.lines().next() != Some(title) {
            return Err(format!("is not a `{title}`"));
        }
        let lines = statement.lines().skip(1).filter_map(|line| line.split_once(' '));
        let lines = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let rest = tail.next().unwrap_or_default().to_owned();
        Ok(Signed { lines, holds: holds(&key, statement.as_bytes(), &signature), key, rest })
    }

    /// The value of a line.
    pub(super) fn value(&self, name: &str) -> Result<&str, String> {
        let line = self.lines.iter().find(|(n, _)| n == name);
        line.map(|(_, value)| value.as_str()).ok_or(format!("has no {name}"))
    }

    /// The whole number of a line.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, String> {
        self.value(name)?.parse().map_err(|_| format!("its {name} is no number"))
    }

    /// The bytes of a line.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        base64(self.value(name)?).ok_or(format!("its {name} is not base64"))
    }

    /// As a tree head.
    pub(super) fn head(&self) -> Result<Head, String> {
        Ok(Head {
            store: self.value("store")?.to_owned(),
            size: self.number("size")?,
            time: self.number("time")?,
            root: self.bytes("root")?,
        })
    }
}

impl Head {
    /// What is signed for a head as the database keeps it.
    pub(super) fn statement(&self) -> String {
        let root = openssl::base64::encode_block(&self.root);
        format!("sharewell tree head 1\nstore {}\nsize {}\ntime {}\nroot {root}\n", self.store, self.size, self.time)
    }
}

/// Base64 as it is written and in no other way: another text of the same bytes is a changed text.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let bytes = openssl::base64::decode_block(text).ok()?;
    (openssl::base64::encode_block(&bytes) == text).then_some(bytes)
}

/// Whether this Ed25519 key made this signature.
pub(super) fn holds(key: &[u8], statement: &[u8], signature: &[u8]) -> bool {
    PKey::public_key_from_raw_bytes(key, Id::ED25519)
        .and_then(|key| openssl::sign::Verifier::new_without_digest(&key)?.verify_oneshot(signature, statement))
        .unwrap_or(false)
}
