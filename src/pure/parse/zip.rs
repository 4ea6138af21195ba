//! A zip → its files, inflated within limits. Nothing that the zip says about itself is believed.
//!
//! Refused: names that lead anywhere (`../`, absolute, backslash, drive letters, folders), names that differ only by case,
//! encrypted or linked entries, methods other than stored and deflate, overlapping entries, bombs by size, ratio or count.

use super::ParseLimits;
use crate::pure::fhir::{Issue, Report};
use std::io::{Cursor, Read};
use zip::{CompressionMethod, ZipArchive};

/// One file of a zip.
pub(super) struct Entry {
    /// Its position in the zip, from 1; safe to tell, a name of the sender's is not.
    pub number: usize,
    pub name: String,
    pub bytes: Vec<u8>,
}

const REMEDY: &str = "make a plain zip (stored or deflated, no password) with the CSV files at its top";

fn wrong(id: &'static str, text: String) -> Report {
    Issue::error("structure", id, text).rule("zip of CSV files").remedy(REMEDY).into()
}

/// Inflates all entries.
pub(super) fn open(bytes: &[u8], limits: &ParseLimits) -> Result<Vec<Entry>, Report> {
    if bytes.is_empty() {
        return Err(wrong("empty", "there is nothing here".to_owned()));
    }
    if !bytes.starts_with(b"PK") {
        return Err(wrong("not-a-zip", format!("this is not a zip: {}", looks_like(bytes))));
    }
    // A directory of N entries holds N of these marks, whatever the count in its header says.
    let marks = bytes.windows(4).filter(|w| *w == b"PK\x01\x02").take(limits.entries * 2 + 1).count();
    if marks > limits.entries * 2 {
        return Err(too_many(limits));
    }
    let unreadable = |_| wrong("not-a-zip", "the zip cannot be read: it is cut short or damaged".to_owned());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    if archive.len() > limits.entries {
        return Err(too_many(limits));
    }
    if archive.has_overlapping_files().unwrap_or(true) {
        return Err(wrong("zip-overlap", "files of the zip overlap or lie outside it".to_owned()));
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut total = 0usize;
    for index in 0..archive.len() {
        let name = check(&mut archive, index, &entries)?;
        let bound = bound(bytes.len(), limits).saturating_sub(total);
        let content = inflate(&mut archive, index, bound, limits)?;
        total += content.len();
        entries.push(Entry { number: index + 1, name, bytes: content });
    }
    Ok(entries)
}

fn too_many(limits: &ParseLimits) -> Report {
    wrong("zip-entries", format!("the zip holds more than {} files", limits.entries))
}

/// What all files together may inflate to.
fn bound(zipped: usize, limits: &ParseLimits) -> usize {
    limits.unzipped.min(zipped.saturating_mul(limits.ratio).max(1 << 20))
}

/// Checks one entry before anything of it is inflated, and returns its name.
fn check(archive: &mut ZipArchive<Cursor<&[u8]>>, index: usize, before: &[Entry]) -> Result<String, Report> {
    let number = index + 1;
    let damaged = |_| wrong("zip-damaged", format!("file {number} of the zip cannot be read"));
    let entry = archive.by_index_raw(index).map_err(damaged)?;
    if entry.encrypted() {
        return Err(wrong("zip-encrypted", format!("file {number} of the zip is encrypted")));
    }
    if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(wrong(
            "zip-method",
            format!("file {number} of the zip is compressed in a way that is not read here"),
        ));
    }
    let Ok(name) = std::str::from_utf8(entry.name_raw()) else {
        return Err(wrong("zip-name", format!("the name of file {number} of the zip is not UTF-8")));
    };
    let leads_away = name.contains(['/', '\\', ':', '\0']) || name.contains("..") || name.chars().any(char::is_control);
    if leads_away || name.is_empty() || name.len() > 200 || entry.is_dir() || entry.is_symlink() {
        return Err(wrong(
            "zip-name",
            format!("file {number} of the zip has a name that leads elsewhere, or is no plain file"),
        ));
    }
    let folded = name.to_lowercase();
    if let Some(same) = before.iter().find(|e| e.name.to_lowercase() == folded) {
        return Err(wrong(
            "zip-name-twice",
            format!("files {} and {number} of the zip have the same name", same.number),
        ));
    }
    Ok(name.to_owned())
}

fn inflate(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    bound: usize,
    limits: &ParseLimits,
) -> Result<Vec<u8>, Report> {
    let number = index + 1;
    let damaged = || {
        wrong("zip-damaged", format!("file {number} of the zip is damaged: its check sum or its compression is wrong"))
    };
    let entry = archive.by_index(index).map_err(|_| damaged())?;
    let mut content = Vec::new();
    let most = u64::try_from(bound).unwrap_or(u64::MAX).saturating_add(1);
    let read = entry.take(most).read_to_end(&mut content);
    if content.len() > bound {
        let text = format!(
            "the zip inflates to more than {} bytes, or to more than {} times its size",
            limits.unzipped, limits.ratio
        );
        return Err(wrong("zip-bomb", text));
    }
    read.map_err(|_| damaged())?;
    Ok(content)
}

fn looks_like(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x1f, 0x8b, ..] => "it looks like gzip",
        [b'{' | b'[', ..] => "it looks like JSON",
        [b'<', ..] => "it looks like XML",
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] => "it looks like UTF-16 text",
        _ if bytes.iter().take(200).all(|b| *b >= b' ' || matches!(b, b'\n' | b'\r' | b'\t')) => "it looks like text",
        _ => "it does not begin like one",
    }
}

/// Packs files into a zip. The same files always become the same bytes: no time of day goes in.
pub(crate) fn pack(files: &[(String, Vec<u8>)]) -> Option<Vec<u8>> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        writer.start_file(name.as_str(), options).ok()?;
        writer.write_all(bytes).ok()?;
    }
    Some(writer.finish().ok()?.into_inner())
}
