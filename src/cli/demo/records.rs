//! The records of the demo, out of `fixtures/demo`: JSON as it lies there, CSV folders as the zip a council would send.

use super::stage::Trouble;
use crate::embedded;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

/// A file of the demo.
///
/// # Errors
/// When the program does not hold it.
pub fn file(path: &str) -> Result<Vec<u8>, Trouble> {
    let found = embedded::files("fixtures/demo/").into_iter().find(|f| f.path == path);
    found.map(|f| f.bytes.into_owned()).ok_or_else(|| format!("`fixtures/demo/{path}` is not in this program").into())
}

/// A folder of CSV files as a zip: sorted, without times, so that it is always the same.
///
/// # Errors
/// When the zip cannot be made.
pub fn zipped(folder: &str) -> Result<Vec<u8>, Trouble> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for file in embedded::files(&format!("fixtures/demo/{folder}/")) {
        zip.start_file(&file.path, SimpleFileOptions::default())?;
        zip.write_all(&file.bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}
