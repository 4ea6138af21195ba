//! Folders of definitions, mappings and rules, read into values that pure rooms can be handed.
//!
//! Comes in: a folder, or one file. Goes out: its files, sorted by path, so that the same folder is always the same
//! value. Refuses: links (a folder of rules is what stands in it) and what is larger than 256 MB in all.

use crate::pure::fhir::File;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The most that is read, in bytes.
const LIMIT: u64 = 256 << 20;

/// Reads every file below a folder, paths counted from there; of a single file, that file under its own name.
///
/// # Errors
/// When something cannot be read, or is too large.
pub fn read(path: &Path) -> io::Result<Vec<File>> {
    let mut found = Vec::new();
    if path.is_file() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.push(File { path: name, bytes: Cow::Owned(fs::read(path)?) });
        return Ok(found);
    }
    let mut left = LIMIT;
    walk(path, path, &mut left, &mut found)?;
    Ok(found)
}

fn walk(root: &Path, folder: &Path, left: &mut u64, found: &mut Vec<File>) -> io::Result<()> {
    let entries: io::Result<Vec<fs::DirEntry>> = fs::read_dir(folder)?.collect();
    let mut entries = entries?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() {
            walk(root, &path, left, found)?;
        } else if kind.is_file() {
            let size = entry.metadata()?.len();
            *left = left.checked_sub(size).ok_or_else(|| io::Error::other("there is more here than 256 MB"))?;
            found.push(File { path: below(root, &path), bytes: Cow::Owned(fs::read(&path)?) });
        }
    }
    Ok(())
}

fn below(root: &Path, path: &Path) -> String {
    let below: PathBuf = path.strip_prefix(root).unwrap_or(path).to_owned();
    below.to_string_lossy().replace('\\', "/")
}
