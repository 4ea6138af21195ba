//! `sharewell map`: one record through a mapping, with what was lost on the way.

use super::{Exit, Output};
use crate::pure::fhir::{File, Limits, Report, json};
use crate::pure::map::{self, Circumstances, Loss, Mapping};
use crate::pure::parse::{self, ParseLimits, Syntax};
use crate::pure::profile::Definitions;
use jiff::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};

/// Takes one record through a mapping, with its loss report
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sharewell map --mapping care-act --to fhir plan.zip
  sharewell map --mapping care-act --to local --base plan.zip bundle.json > changed.zip

A record of CSV files may be a zip or a folder. Result on standard output, the rest on standard error.
Exit code: 0 ok, 2 could not run, 3 the record was refused.")]
pub struct Arguments {
    /// The local format: a folder of mappings/
    #[arg(long)]
    mapping: String,
    /// Which way
    #[arg(long, value_enum)]
    to: To,
    /// The record as it was before: what the mapping does not carry is kept from it
    #[arg(long, value_name = "ORIGINAL")]
    base: Option<PathBuf>,
    /// Mappings from this folder instead of those in the program
    #[arg(long, value_name = "DIR")]
    mappings: Option<PathBuf>,
    /// When the record is said to have arrived
    #[arg(long, value_name = "INSTANT")]
    now: Option<Timestamp>,
    /// Name of the sender
    #[arg(long, default_value = "Example Council")]
    sender_name: String,
    /// ODS code of the sender
    #[arg(long, default_value = "X9N01")]
    sender: String,
    /// Who reads the output
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// The record
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum To {
    Fhir,
    Local,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Exit {
    let files = match mapping_files(arguments.mappings.as_deref()) {
        Ok(files) => files,
        Err(why) => return could_not(&why),
    };
    let mapping = match Mapping::compile(&arguments.mapping, &files, &definitions()) {
        Ok(mapping) => mapping,
        Err(report) => {
            say(&report, &[], arguments.output, None);
            return Exit::CouldNotRun;
        }
    };
    let bytes = match read(&arguments.file) {
        Ok(bytes) => bytes,
        Err(why) => return could_not(&why),
    };
    let base = match arguments.base.as_deref().map(read).transpose() {
        Ok(base) => base,
        Err(why) => return could_not(&why),
    };
    let done = match arguments.to {
        To::Fhir => to_fhir(&arguments, &mapping, &bytes),
        To::Local => to_local(&mapping, &bytes, base.as_deref(), arguments.output),
    };
    match done {
        Ok(done) => {
            say(&done.report, &done.loss, arguments.output, Some(&done.result));
            Exit::Ok
        }
        Err(report) => {
            say(&report, &[], arguments.output, None);
            Exit::BadInput
        }
    }
}

/// What came out.
struct Done {
    /// Bytes for a person; JSON where `--output json` asks.
    result: Vec<u8>,
    report: Report,
    loss: Vec<Loss>,
}

fn to_fhir(arguments: &Arguments, mapping: &Mapping, bytes: &[u8]) -> Result<Done, Report> {
    let record = parse::parse(mapping.name(), mapping.syntax(), bytes, &ParseLimits::default())?;
    let around = Circumstances {
        now: arguments.now.unwrap_or_else(Timestamp::now),
        sender_name: &arguments.sender_name,
        sender_identifier: ("https://fhir.nhs.uk/Id/ods-organization-code", &arguments.sender),
        request_id: "command-line",
    };
    let draft = map::map(record, mapping, &around)?;
    let root = draft.tree.root();
    let text = if arguments.output == Output::Json { root.to_json() } else { root.to_json_pretty() };
    Ok(Done { result: text.into_bytes(), report: draft.report, loss: draft.loss })
}

fn to_local(mapping: &Mapping, bytes: &[u8], base: Option<&[u8]>, output: Output) -> Result<Done, Report> {
    let limits = ParseLimits::default();
    let fhir = json::read(bytes, &Limits::default())?;
    let base = base.map(|b| parse::parse(mapping.name(), mapping.syntax(), b, &limits)).transpose()?;
    let local = map::to_local(fhir.root(), mapping, base.as_ref())?;
    let result = match (output, mapping.syntax()) {
        (Output::Json, _) => local.tree.root().to_json().into_bytes(),
        (Output::Human, Syntax::Json(_)) => local.tree.root().to_json_pretty().into_bytes(),
        (Output::Human, _) => map::write(&local, mapping)?,
    };
    Ok(Done { result, report: local.report, loss: local.loss })
}

fn say(report: &Report, loss: &[Loss], output: Output, result: Option<&[u8]>) {
    use std::io::Write;
    match output {
        Output::Human => {
            if let Some(result) = result {
                let _ = std::io::stdout().write_all(result);
            }
            for issue in &report.issues {
                eprintln!("{issue}");
            }
            for lost in loss {
                eprintln!("{lost}");
            }
        }
        Output::Json => {
            let result = result.map_or("null".into(), String::from_utf8_lossy);
            let outcome = report.outcome().root().to_json();
            let loss: Vec<String> = loss.iter().map(Loss::to_json).collect();
            println!("{{\"resource\":{result},\"report\":{outcome},\"loss\":[{}]}}", loss.join(","));
        }
    }
}

fn could_not(why: &str) -> Exit {
    eprintln!("error: {why}");
    Exit::CouldNotRun
}

/// The definitions to check mappings against; none where they cannot be loaded.
pub(super) fn definitions() -> Definitions {
    Definitions::base().unwrap_or_default()
}

/// The files below a folder, or those in the program.
pub(super) fn mapping_files(folder: Option<&Path>) -> Result<Vec<File>, String> {
    let Some(folder) = folder else { return Ok(crate::embedded::files("mappings/")) };
    let mut files = Vec::new();
    gather(folder, "", &mut files)?;
    Ok(files)
}

fn gather(folder: &Path, below: &str, files: &mut Vec<File>) -> Result<(), String> {
    let unreadable = |e: std::io::Error| format!("`{}` cannot be read: {e}", folder.display());
    let mut entries: Vec<_> = fs::read_dir(folder).map_err(unreadable)?.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            gather(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.push(File { path, bytes: fs::read(entry.path()).map_err(unreadable)?.into() });
        }
    }
    Ok(())
}

/// A file, or a folder of CSV files as the zip they would be sent as.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    if !path.is_dir() {
        return fs::read(path).map_err(|e| format!("`{}` cannot be read: {e}", path.display()));
    }
    let mut files = Vec::new();
    gather(path, "", &mut files)?;
    let files: Vec<_> = files.into_iter().map(|f| (f.path, f.bytes.into_owned())).collect();
    parse::zip::pack(&files).ok_or_else(|| format!("`{}` cannot be zipped", path.display()))
}
