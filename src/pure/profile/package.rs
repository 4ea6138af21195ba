//! FHIR packages as bytes: a gzipped tar with `package/.index.json` and one resource a file.
//!
//! Comes in: a `.tgz`, or resources to pack. Goes out: the files with their text, or the `.tgz`, the same bytes each time.
//! Refuses: an archive that unpacks to more than [`LARGEST`] bytes or [`MOST_FILES`] files, one that is cut short, and
//! definitions that are not UTF-8. Pictures and whatever else a package carries are passed by.

use crate::pure::fhir::{Id, Issue, Item, Report, Tree};
use flate2::{Compression, GzBuilder, read::GzDecoder};
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

/// The most bytes a package may unpack to.
pub const LARGEST: u64 = 512 << 20;

/// The most files a package may hold.
pub const MOST_FILES: usize = 50_000;

/// A file of a package: its text is a piece of the unpacked archive.
#[derive(Clone)]
pub struct Packed {
    /// Name below `package/`.
    pub name: String,
    archive: Arc<str>,
    range: Range<usize>,
    /// What was read already, as a part of something larger.
    read: Option<Parsed>,
}

/// A resource that was read, where it stands: a file of its own, or an entry of a Bundle, or contained.
#[derive(Clone)]
pub(super) struct Parsed {
    tree: Arc<Tree>,
    root: Id,
}

impl Parsed {
    /// A whole file.
    pub fn whole(tree: Tree) -> Parsed {
        let root = tree.root().id();
        Parsed { tree: Arc::new(tree), root }
    }

    /// A resource within this one.
    pub fn part(&self, item: Item<'_>) -> Parsed {
        Parsed { tree: self.tree.clone(), root: item.id() }
    }

    /// The resource.
    pub fn root(&self) -> Item<'_> {
        self.tree.item(self.root)
    }
}

impl Packed {
    /// A file that stands alone.
    #[must_use]
    pub fn alone(name: &str, text: &str) -> Packed {
        Packed { name: name.to_owned(), archive: Arc::from(text), range: 0..text.len(), read: None }
    }

    /// The same under another name.
    pub(super) fn named(&self, name: String) -> Packed {
        Packed { name, ..self.clone() }
    }

    /// A resource within a file, which keeps its lines.
    pub(super) fn within(name: &str, read: Parsed) -> Packed {
        Packed { name: name.to_owned(), archive: Arc::from(""), range: 0..0, read: Some(read) }
    }

    /// What was read of it already.
    pub(super) fn read(&self) -> Option<&Parsed> {
        self.read.as_ref()
    }

    /// What it holds, as text.
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
            .rule("FHIR packages: gzip and tar")
            .remedy("fetch or build it again")
            .into()
    };
    let mut text = String::new();
    let mut found = Vec::new();
    let mut tar = tar::Archive::new(GzDecoder::new(bytes).take(LARGEST));
    let result = gather(&mut tar, &mut text, &mut found);
    let mut rest = tar.into_inner();
    // to the end, where gzip keeps its checksum; a package that is too large ends at the limit
    let whole = std::io::copy(&mut rest, &mut std::io::sink());
    if rest.limit() == 0 {
        return Err(broken("it is too large"));
    }
    result.map_err(|what| broken(&what))?;
    whole.map_err(|_| broken("it is cut short, or its checksum is wrong"))?;
    if found.is_empty() {
        return Err(broken("it has no JSON or XML in the folder `package`"));
    }
    let archive: Arc<str> = Arc::from(text);
    Ok(found.into_iter().map(|(name, range)| Packed { name, archive: archive.clone(), range, read: None }).collect())
}

/// Appends the text of each definition to `text`, and says where it stands. Nothing is written anywhere, so a name that
/// leads out of the archive, or a link, leads nowhere: only plain files of the folder `package` are read.
fn gather(
    tar: &mut tar::Archive<impl Read>,
    text: &mut String,
    found: &mut Vec<(String, Range<usize>)>,
) -> Result<(), String> {
    let entries = tar.entries().map_err(|_| "it is not a tar file".to_owned())?;
    for (count, entry) in entries.enumerate() {
        if count >= MOST_FILES {
            return Err(format!("it holds more than {MOST_FILES} files"));
        }
        let mut entry = entry.map_err(|_| "it is not gzip and tar, or cut short".to_owned())?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(|_| "a name in it is not text".to_owned())?.to_string_lossy().into_owned();
        let Some(name) = name.strip_prefix("package/").filter(|n| !n.contains('/')) else { continue };
        if !name.ends_with(".json") && !name.ends_with(".xml") {
            continue;
        }
        let start = text.len();
        match entry.read_to_string(text) {
            Ok(_) => found.push((name.to_owned(), start..text.len())),
            Err(fault) if fault.kind() == std::io::ErrorKind::InvalidData => {
                return Err(format!("its file `{name}` is not UTF-8"));
            }
            Err(_) => return Err("it is cut short".to_owned()),
        }
    }
    Ok(())
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
