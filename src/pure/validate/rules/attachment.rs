//! Attachments: their hash and their size are those of their data (R4 datatypes.html#Attachment: SHA-1, and the number of
//! bytes before base64).

use crate::pure::fhir::Item;
use crate::pure::validate::walk::{By, Walk};
use openssl::base64::decode_block;
use openssl::sha::sha1;

impl<'a> Walk<'a> {
    /// Compares `hash` and `size` with the data, where that is there too.
    pub(in crate::pure::validate) fn attachment(&mut self, item: Item<'a>, by: By<'a>) {
        let Some(data) = item.get("data").and_then(Item::str) else { return };
        if let Some(said) = item.get("size").and_then(|s| s.text().parse::<usize>().ok())
            && said != size(data)
        {
            let text = "the size is not that of the data".to_owned();
            let remedy = "send the number of bytes before base64, or leave the size out";
            self.error("structure", "size-differs", item, Some(by), text, remedy);
        }
        let Some(hash) = item.get("hash").filter(|h| h.str().is_some()) else { return };
        let (Some(bytes), Some(said)) = (decode(data), decode(hash.text())) else { return };
        if said != sha1(&bytes) {
            let text = "the hash is not that of the data".to_owned();
            let remedy = "send the SHA-1 of the data, or leave the hash out";
            self.error("invalid", "hash-differs", hash, Some(by), text, remedy);
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// How many bytes base64 stands for, whatever the white space in it.
pub(super) fn size(data: &str) -> usize {
    data.bytes().filter(|b| *b != b'=' && !is_blank(*b)).count() * 3 / 4
}

fn decode(data: &str) -> Option<Vec<u8>> {
    let plain: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let mut bytes = decode_block(&plain).ok()?;
    bytes.truncate(size(data));
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode, size};

    #[test]
    fn base64_stands_for_so_many_bytes() {
        for (data, bytes) in [("aGk=", 2), ("aGkh", 3), ("aA==", 1), ("", 0), ("aG\n kh", 3)] {
            assert_eq!(size(data), bytes, "{data}");
            assert_eq!(decode(data).map(|b| b.len()), Some(bytes), "{data}");
        }
    }
}
