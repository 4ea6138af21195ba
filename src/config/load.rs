//! A configuration from the machine's own disk and environment.

use super::{Config, Surroundings, read};
use crate::pure::fhir::Report;
use jiff::Timestamp;
use std::io;
use std::path::Path;

/// Reads what a configuration file says. With `files`, the files it names are looked at too.
///
/// # Errors
/// Every mistake at once, as [`read()`] says them.
pub fn load(text: &str, path: &Path, files: bool, now: Timestamp) -> Result<Config, Report> {
    let base = path.parent().unwrap_or(Path::new(""));
    let file = |path: &Path| std::fs::read(path);
    let folder = |path: &Path| -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(path)?.flatten().map(|e| e.file_name().to_string_lossy().into_owned());
        Ok(names.collect())
    };
    let variable = |name: &str| std::env::var(name).ok();
    let around =
        Surroundings { base, file: if files { Some(&file) } else { None }, folder: &folder, variable: &variable, now };
    read(text, &path.display().to_string(), &around)
}
