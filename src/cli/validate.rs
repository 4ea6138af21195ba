//! `sharewell validate`: is this record what the definitions say? JSON or XML in; an OperationOutcome, or lines for people, out.

use super::{Exit, Output};
use crate::edge::clock::{Clock, System};
use crate::pure::fhir::{File, Issue, Limits, Report, Tree, json, xml};
use crate::pure::profile::Definitions;
use crate::pure::validate::{Options, check_with};
use std::borrow::Cow;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Validates files against R4, the profiles they claim, and further profiles
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sharewell validate plan.json
  sharewell validate --package uk-core/ --profile https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient patient.json
  ls *.json | sharewell validate --output json -")]
pub struct Arguments {
    /// A profile that every file should meet, besides those it claims in meta.profile
    #[arg(long, value_name = "URL")]
    profile: Vec<String>,
    /// Further definitions: a FHIR package (.tgz), a folder, or one file
    #[arg(long, value_name = "PATH")]
    package: Vec<PathBuf>,
    /// Only what definitions say, without Sharewell's own rules (such as the check digit of an NHS number)
    #[arg(long)]
    definitions_only: bool,
    /// Who reads the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Files to validate; `-` reads their names from standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Exit {
    let definitions = match definitions(&arguments.package) {
        Ok(definitions) => definitions,
        Err(problem) => {
            eprintln!("{problem}");
            return Exit::CouldNotRun;
        }
    };
    for url in &arguments.profile {
        if definitions.profile(url).is_none() {
            eprintln!("the profile `{url}` is not loaded; load the package that holds it with --package");
            return Exit::CouldNotRun;
        }
    }
    let mut exit = Exit::Ok;
    for file in names(&arguments.files) {
        let this = one(&file, &arguments, &definitions);
        if this as u8 > exit as u8 {
            exit = this;
        }
    }
    exit
}

fn names(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut names = Vec::new();
    for file in files {
        if file.as_os_str() == "-" {
            names.extend(io::stdin().lock().lines().map_while(Result::ok).filter(|l| !l.is_empty()).map(PathBuf::from));
        } else {
            names.push(file.clone());
        }
    }
    names
}

fn one(file: &Path, arguments: &Arguments, definitions: &Definitions) -> Exit {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("`{}` cannot be read: {error}", file.display());
            return Exit::CouldNotRun;
        }
    };
    let profiles: Vec<&str> = arguments.profile.iter().map(String::as_str).collect();
    let options =
        Options { definitions_only: arguments.definitions_only, now: Some(System.now()), ..Options::default() };
    let (report, is_readable) = match read(&bytes, definitions) {
        Ok((tree, mut report)) => {
            report.extend(check_with(&tree, &profiles, definitions, options));
            (report, true)
        }
        Err(report) => (report, false),
    };
    show(file, &report, arguments.output);
    match (report.is_valid(), is_readable) {
        (true, _) => Exit::Ok,
        (false, true) => Exit::Findings,
        (false, false) => Exit::BadInput,
    }
}

/// A record as sent, in whichever syntax of FHIR, and what is wrong with its XML.
fn read(bytes: &[u8], definitions: &Definitions) -> Result<(Tree, Report), Report> {
    if bytes.trim_ascii_start().first() == Some(&b'<') {
        return xml::read_whole(bytes, &Limits::default(), definitions);
    }
    json::read(bytes, &Limits::default()).map(|tree| (tree, Report::default()))
}

fn show(file: &Path, report: &Report, output: Output) {
    let mut out = io::stdout().lock();
    let _ = match output {
        Output::Json => {
            let mut line = Tree::object();
            let root = line.root().id();
            line.push_str(root, "file", &file.display().to_string());
            line.push_bool(root, "valid", report.is_valid());
            line.push_copy(root, "outcome", report.outcome().root());
            writeln!(out, "{}", line.root().to_json())
        }
        Output::Human => human(&mut out, file, report),
    };
}

fn human(out: &mut impl Write, file: &Path, report: &Report) -> io::Result<()> {
    let errors = report.issues.iter().filter(|i| i.is_error()).count();
    let name = file.display();
    match errors {
        0 => writeln!(out, "{name}: valid")?,
        1 => writeln!(out, "{name}: 1 error")?,
        _ => writeln!(out, "{name}: {errors} errors")?,
    }
    for issue in &report.issues {
        writeln!(out, "  {name}:{issue}")?;
    }
    for unchecked in &report.unchecked {
        writeln!(out, "  not checked: {} ({}, {} times)", unchecked.what, unchecked.why, unchecked.count)?;
    }
    Ok(())
}

/// The base with the packages named on the command line.
pub(super) fn definitions(packages: &[PathBuf]) -> Result<Definitions, String> {
    let mut definitions = Definitions::base().map_err(|report| lines(&report))?;
    for package in packages {
        let files = files(package).map_err(|e| format!("`{}` cannot be read: {e}", package.display()))?;
        definitions = definitions.with_files(&files).map_err(|report| lines(&report))?;
    }
    Ok(definitions)
}

fn lines(report: &Report) -> String {
    report.issues.iter().map(Issue::to_string).collect::<Vec<_>>().join("\n")
}

/// A package's files: the `.tgz` itself, every file of a folder, or the one file.
fn files(path: &Path) -> io::Result<Vec<File>> {
    let mut found = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let mut below: Vec<PathBuf> = fs::read_dir(&path)?.flatten().map(|e| e.path()).collect();
            below.sort();
            open.extend(below.into_iter().rev());
        } else {
            let bytes = Cow::Owned(fs::read(&path)?);
            found.push(File { path: path.display().to_string(), bytes });
        }
    }
    Ok(found)
}
