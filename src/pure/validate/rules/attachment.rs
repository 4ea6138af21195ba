//! Attachments: their hash is the hash of their data (R4 §2.24 Attachment, SHA-1).

use crate::pure::fhir::Item;
use crate::pure::validate::walk::{By, Walk};
use openssl::base64::decode_block;
use openssl::sha::sha1;

impl<'a> Walk<'a> {
    /// Compares `hash` with the data, where both are there, and `size` likewise.
    pub(in crate::pure::validate) fn attachment(&mut self, item: Item<'a>, by: By<'a>) {
        let Some(data) = item.get("data").and_then(Item::str) else { return };
        let Ok(bytes) = decode_block(data.trim()) else { return };
        if let Some(hash) = item.get("hash")
            && let Ok(said) = decode_block(hash.text().trim())
        {
            let padding = hash.text().bytes().rev().take_while(|b| *b == b'=').count();
            let pad = data.trim().bytes().rev().take_while(|b| *b == b'=').count();
            let real = sha1(&bytes[..bytes.len().saturating_sub(pad)]);
            if said[..said.len().saturating_sub(padding)] != real {
                let text = "the hash is not that of the data".to_owned();
                self.error(
                    "invalid",
                    "hash-differs",
                    hash,
                    Some(by),
                    text,
                    "send the SHA-1 of the data, or leave the hash out",
                );
            }
        }
    }
}
