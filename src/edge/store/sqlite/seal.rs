//! Digests of rows: SHA-256 over every value with its kind and length, so that no two rows have the same bytes.
//!
//! A value is one byte of kind (0 nothing, 1 whole number, 2 text, 3 bytes), its length in eight bytes, and its bytes;
//! a number is eight bytes, big end first. First of all stands the table's name. `sharewell audit verify` knows the same
//! rule by its own code.

use openssl::sha::Sha256;

/// A digest being made.
pub(super) struct Seal {
    hasher: Sha256,
}

impl Seal {
    /// Of a row of this table.
    pub(super) fn of(table: &str) -> Seal {
        Seal { hasher: Sha256::new() }.text(table)
    }

    fn value(mut self, kind: u8, bytes: &[u8]) -> Seal {
        self.hasher.update(&[kind]);
        self.hasher.update(&(bytes.len() as u64).to_be_bytes());
        self.hasher.update(bytes);
        self
    }

    /// A text.
    pub(super) fn text(self, text: &str) -> Seal {
        self.value(2, text.as_bytes())
    }

    /// A text that may be absent.
    pub(super) fn maybe(self, text: Option<&str>) -> Seal {
        match text {
            Some(text) => self.text(text),
            None => self.value(0, &[]),
        }
    }

    /// A whole number.
    pub(super) fn number(self, number: i64) -> Seal {
        self.value(1, &number.to_be_bytes())
    }

    /// A whole number that may be absent.
    pub(super) fn maybe_number(self, number: Option<i64>) -> Seal {
        match number {
            Some(number) => self.number(number),
            None => self.value(0, &[]),
        }
    }

    /// Bytes.
    pub(super) fn bytes(self, bytes: &[u8]) -> Seal {
        self.value(3, bytes)
    }

    /// Bytes that may be absent.
    pub(super) fn maybe_bytes(self, bytes: Option<&[u8]>) -> Seal {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => self.value(0, &[]),
        }
    }

    /// The digest.
    pub(super) fn finish(self) -> [u8; 32] {
        self.hasher.finish()
    }
}

/// Hexadecimal, small letters.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
