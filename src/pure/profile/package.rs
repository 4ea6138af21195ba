//! FHIR packages as bytes: a gzipped tar with `package/.index.json` and one resource a file.
//!
//! Comes in: a `.tgz`, or resources to pack. Goes out: the files with their text, or the `.tgz`, the same bytes each time.
//! Refuses: an archive that unpacks to more than [`LARGEST`] bytes, and files that are not UTF-8.

use crate::pure::fhir::{Issue, Report, Tree};
use flate2::{Compression, GzBuilder, read::GzDecoder};
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

/// The most bytes a package may unpack to.
pub const LARGEST: u64 = 512 << 20;

/// A file of a package: its text is a piece of the unpacked archive.
#[derive(Clone)]
pub struct Packed {
    /// Name below `package/`.
    pub name: String,
    archive: Arc<str>,
    range: Range<usize>,
}

impl Packed {
    /// A file that stands alone.
    #[must_use]
    pub fn alone(name: &str, text: &str) -> Packed {
        Packed { name: name.to_owned(), archive: Arc::from(text), range: 0..text.len() }
    }

    /// What it holds.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.archive[self.range.clone()]
    }
}

/// Unpacks a package.
///
/// # Errors
/// What is wrong with the archive.
pub fn unpack(path: &str, bytes: &[u8]) -> Result<Vec<Packed>, Report> {
    let broken = |what: &str| -> Report {
        Issue::error("structure", "package-broken", format!("the package `{path}` cannot be unpacked: {what}"))
            .remedy("fetch or build it again")
            .into()
    };
    let mut archive = Vec::new();
    GzDecoder::new(bytes)
        .take(LARGEST + 1)
        .read_to_end(&mut archive)
        .map_err(|_| broken("it is not gzip, or cut short"))?;
    if archive.len() as u64 > LARGEST {
        return Err(broken("it is too large"));
    }
    let mut found = Vec::new();
    let mut tar = tar::Archive::new(archive.as_slice());
    for entry in tar.entries().map_err(|_| broken("it is not a tar file"))? {
        let entry = entry.map_err(|_| broken("the tar file is cut short"))?;
        let name = entry.path().map_err(|_| broken("a name in it is not text"))?.to_string_lossy().into_owned();
        let start = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(entry.size()).unwrap_or(usize::MAX));
        let wanted = name.strip_prefix("package/").filter(|n| n.ends_with(".json") || n.ends_with(".xml"));
        if let (Some(name), true) = (wanted, end <= archive.len()) {
            found.push((name.to_owned(), start..end));
        }
    }
    let text = String::from_utf8(archive).map_err(|_| broken("a file in it is not UTF-8"))?;
    let archive: Arc<str> = Arc::from(text);
    let whole = |range: &Range<usize>| archive.get(range.clone()).is_some();
    found.retain(|(_, range)| whole(range));
    Ok(found.into_iter().map(|(name, range)| Packed { name, archive: archive.clone(), range }).collect())
}

/// Packs files under `package/`, sorted by name, without dates or owners: the same files give the same bytes.
///
/// # Errors
/// A file too large for a tar entry.
pub fn pack(mut files: Vec<(String, String)>) -> std::io::Result<Vec<u8>> {
    files.sort();
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for (name, text) in &files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        tar.append_data(&mut header, format!("package/{name}"), text.as_bytes())?;
    }
    tar.into_inner()?.finish()
}

/// The index of a package (`.index.json`): what is in which file, so that a reader need not open them all.
#[must_use]
pub fn index(resources: &[(String, Tree)]) -> String {
    let mut index = Tree::object();
    let root = index.root().id();
    index.push_number(root, "index-version", "2");
    let files = index.push_array(root, "files");
    for (name, resource) in resources {
        let entry = index.push_object(files, "");
        index.push_str(entry, "filename", name);
        for key in ["resourceType", "id", "url", "version", "kind", "type", "derivation", "baseDefinition"] {
            if let Some(value) = resource.root().str_at(&[key]) {
                index.push_str(entry, key, value);
            }
        }
    }
    index.root().to_json()
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};

    #[test]
    fn the_same_files_give_the_same_bytes_in_any_order() {
        let one = ("a.json".to_owned(), "{}".to_owned());
        let two = ("b.json".to_owned(), "[]".to_owned());
        let bytes = pack(vec![one.clone(), two.clone()]).unwrap();
        assert_eq!(bytes, pack(vec![two, one]).unwrap());
        let files = unpack("p.tgz", &bytes).unwrap();
        let texts: Vec<_> = files.iter().map(|f| (f.name.as_str(), f.text())).collect();
        assert_eq!(texts, [("a.json", "{}"), ("b.json", "[]")]);
    }

    #[test]
    fn what_is_no_package_is_refused() {
        assert!(unpack("p.tgz", b"not gzip").is_err());
    }
}
