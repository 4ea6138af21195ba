//! What decisions rest on, stored in the transaction that stores their entries: a document each, and the parts it names,
//! each part once.
//!
//! A part is kept compressed (zlib, RFC 1950): a record that came by from a source is most of what is stored here.

use super::super::StoreError;
use super::seal::{Seal, hex};
use super::trail::Refs;
use super::writer::Ledger;
use crate::pure::audit::{Entry, Part};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use rusqlite::params;
use std::io::Write;

impl Ledger<'_> {
    /// Stores what the decision of an entry rests on; the entry vouches for it.
    pub(super) fn store_grounds(&self, entry: &Entry, refs: &mut Refs) -> Result<(), StoreError> {
        let Some(grounds) = &entry.grounds else { return Ok(()) };
        for part in &grounds.parts {
            self.keep(part, refs)?;
        }
        let (salt, fingerprint) = (self.salt(), hex(&grounds.fingerprint));
        self.connection
            .prepare_cached(
                "INSERT INTO decision (entry, salt, fingerprint, engine, document) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![entry.id, salt, fingerprint, grounds.engine, grounds.document])?;
        let digest = Seal::of("decision")
            .text(&entry.id)
            .bytes(&salt)
            .text(&fingerprint)
            .text(&grounds.engine)
            .text(&grounds.document)
            .finish();
        refs.row("decision", &entry.id, digest);
        Ok(())
    }

    /// Keeps a part, unless it is there.
    fn keep(&self, part: &Part, refs: &mut Refs) -> Result<(), StoreError> {
        let name = hex(&part.digest);
        if self.connection.prepare_cached("SELECT 1 FROM kept WHERE digest = ?1")?.exists([&name])? {
            return Ok(());
        }
        let (salt, body) = (self.salt(), pressed(&part.bytes)?);
        self.connection
            .prepare_cached("INSERT INTO kept (digest, salt, kind, body) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![name, salt, part.kind, body])?;
        let digest = Seal::of("kept").text(&name).bytes(&salt).text(part.kind).bytes(&body).finish();
        refs.row("kept", &name, digest);
        Ok(())
    }
}

fn pressed(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(bytes.len() / 4 + 64), Compression::fast());
    let pressed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    pressed.map_err(|_| StoreError::Failed("what a decision rests on could not be compressed".to_owned()))
}
