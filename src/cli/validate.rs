//! `sharewell validate`: is this record what the definitions say? JSON or XML in; lines for people, OperationOutcomes,
//! JUnit or SARIF out.

mod junit;
mod sarif;

use super::Exit;
use crate::edge::clock::{Clock, System};
use crate::pure::fhir::{File, Issue, Limits, Report, Tree, json, message, xml};
use crate::pure::profile::Definitions;
use crate::pure::validate::{Options, check_with};
use std::borrow::Cow;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

/// Who reads the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Face {
    /// A person
    #[default]
    Human,
    /// A program: one line of JSON a file, `{"file","valid","outcome"}`
    Json,
    /// A build server: one JUnit test case a file
    Junit,
    /// A code review: SARIF 2.1.0, each finding on its line
    Sarif,
}

/// Validates files against R4, the profiles they claim, and further profiles
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exits 0 where no file has an error, 1 where one has, 2 where something could not be run, 3 where a file cannot be read
as JSON or XML; of several files the highest counts.

Examples:
  sharewell validate plan.json
  sharewell validate --package uk-core/ --profile https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient patient.json
  ls *.json | sharewell validate --output json -
  sharewell validate --output sarif plans/*.xml > findings.sarif
  sharewell validate --explain unknown-modifier-extension"
)]
pub struct Arguments {
    /// A profile that every file should meet, besides those it claims in meta.profile: its canonical url, or its file
    #[arg(long, value_name = "URL")]
    profile: Vec<String>,
    /// Further records that references may lead to: a file or a folder. What they lead to is then held to its profiles
    #[arg(long, value_name = "PATH")]
    record: Vec<PathBuf>,
    /// A profile for entries of a Bundle by their place: `Patient=URL`, `Patient:0=URL` (the first Patient), `0=URL`
    #[arg(long, value_name = "PLACE=URL")]
    entry_profile: Vec<String>,
    /// Extensions that are not loaded are errors, but for those of example domains
    #[arg(long)]
    refuse_unknown_extensions: bool,
    /// Further definitions: a FHIR package (.tgz), a folder, or one file
    #[arg(long, value_name = "PATH")]
    package: Vec<PathBuf>,
    /// Only what definitions say, without Sharewell's own rules (such as the check digit of an NHS number)
    #[arg(long)]
    definitions_only: bool,
    /// Tells, as information, which elements that a profile marks as must-support are absent
    #[arg(long)]
    must_support: bool,
    /// Who reads the result
    #[arg(long, value_enum, default_value_t)]
    output: Face,
    /// Says what the id of a finding means, whose rule it is and how to mend it; checks nothing
    #[arg(long, value_name = "ID", conflicts_with = "files")]
    explain: Option<String>,
    /// Files to validate; `-` reads their names from standard input
    #[arg(required_unless_present = "explain", value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What became of one file.
struct Judged {
    name: String,
    result: Result<Report, String>,
    exit: Exit,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Exit {
    if let Some(id) = &arguments.explain {
        return explain(id);
    }
    let (definitions, asked) = match prepare(&arguments) {
        Ok(prepared) => prepared,
        Err(problem) => {
            eprintln!("{problem}");
            return Exit::CouldNotRun;
        }
    };
    let mut all = Vec::new();
    let mut exit = Exit::Ok;
    for file in names(&arguments.files) {
        let judged = judge(&file, &asked, &definitions);
        if let Err(problem) = &judged.result {
            eprintln!("{problem}");
        }
        if judged.exit as u8 > exit as u8 {
            exit = judged.exit;
        }
        // a line a file goes out at once; a document is written when all is known
        match (&judged.result, arguments.output) {
            (Ok(report), Face::Human) => say(|out| human(out, &judged.name, report)),
            (Ok(report), Face::Json) => say(|out| writeln!(out, "{}", line(&judged.name, report))),
            (Err(_), Face::Human | Face::Json) => {}
            (_, Face::Junit | Face::Sarif) => all.push(judged),
        }
    }
    match arguments.output {
        Face::Junit => say(|out| out.write_all(junit::document(&all).as_bytes())),
        Face::Sarif => say(|out| writeln!(out, "{:#}", sarif::document(&all, exit))),
        Face::Human | Face::Json => {}
    }
    exit
}

/// What every file is asked.
struct Asked {
    profiles: Vec<String>,
    options: Options,
}

/// The definitions, and what every file is asked.
fn prepare(arguments: &Arguments) -> Result<(Definitions, Asked), String> {
    let mut definitions = definitions(&arguments.package)?;
    let mut profiles = Vec::new();
    for profile in &arguments.profile {
        let path = Path::new(profile);
        if !profile.contains("://") && path.is_file() {
            let bytes = fs::read(path).map_err(|e| format!("`{profile}` cannot be read: {e}"))?;
            let file = File { path: profile.clone(), bytes: Cow::Owned(bytes) };
            let url = named(&file, &definitions)?;
            definitions = definitions.with_named(profile, &[file]).map_err(|report| lines(&report))?;
            profiles.extend(url);
        } else {
            profiles.push(profile.clone());
        }
    }
    let mut entry_profiles = Vec::new();
    for rule in &arguments.entry_profile {
        let (place, url) = rule.split_once('=').ok_or_else(|| format!("`{rule}` is not written as PLACE=URL"))?;
        entry_profiles.push((place.to_owned(), url.to_owned()));
    }
    for url in profiles.iter().chain(entry_profiles.iter().map(|(_, url)| url)) {
        if definitions.profile(url).is_none() {
            return Err(format!("the profile `{url}` is not loaded; load the package that holds it with --package"));
        }
    }
    let options = Options {
        definitions_only: arguments.definitions_only,
        must_support: arguments.must_support,
        refuse_unknown_extensions: arguments.refuse_unknown_extensions,
        records: records(&arguments.record, &definitions)?,
        entry_profiles,
        now: Some(System.now()),
        ..Options::default()
    };
    Ok((definitions, Asked { profiles, options }))
}

/// The url of a profile in a file of its own; none where the loader will say what is wrong with the file.
fn named(file: &File, definitions: &Definitions) -> Result<Option<String>, String> {
    let Ok((tree, _)) = read(&file.bytes, definitions) else { return Ok(None) };
    let known = tree.root().resource_type().filter(|of| definitions.type_index(of).is_some());
    match known {
        Some("StructureDefinition") => Ok(tree.root().str_at(&["url"]).map(str::to_owned)),
        Some(of) => Err(format!("`{}` holds a {of}, and not a profile; name a StructureDefinition", file.path)),
        None => Ok(None),
    }
}

/// The further records; what is none is passed over in a folder, and refused where it was named itself.
fn records(paths: &[PathBuf], definitions: &Definitions) -> Result<Vec<Arc<Tree>>, String> {
    let mut records = Vec::new();
    for path in paths {
        for file in files(path).map_err(|e| format!("`{}` cannot be read: {e}", path.display()))? {
            match read(&file.bytes, definitions) {
                Ok((tree, _)) => records.push(Arc::new(tree)),
                Err(_) if path.is_dir() => {}
                Err(report) => return Err(lines(&report)),
            }
        }
    }
    Ok(records)
}

/// Writes to standard output. A reader who had enough is no mistake.
fn say(write: impl FnOnce(&mut io::StdoutLock<'_>) -> io::Result<()>) {
    let _ = write(&mut io::stdout().lock());
}

fn explain(id: &str) -> Exit {
    let Some(known) = message(id) else {
        eprintln!("there is no finding `{id}`; the ids stand in src/pure/fhir/messages.md");
        return Exit::BadInput;
    };
    say(|out| {
        writeln!(out, "{}: {}", known.id, known.means)?;
        writeln!(out, "  rule: {}", known.rule)?;
        if known.remedy.is_empty() { Ok(()) } else { writeln!(out, "  remedy: {}", known.remedy) }
    });
    Exit::Ok
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

fn judge(file: &Path, asked: &Asked, definitions: &Definitions) -> Judged {
    let name = file.display().to_string();
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            let result = Err(format!("`{name}` cannot be read: {error}"));
            return Judged { name, result, exit: Exit::CouldNotRun };
        }
    };
    let profiles: Vec<&str> = asked.profiles.iter().map(String::as_str).collect();
    let (report, is_readable) = match read(&bytes, definitions) {
        Ok((tree, mut report)) => {
            report.extend(check_with(&tree, &profiles, definitions, asked.options.clone()));
            (report, true)
        }
        Err(report) => (report, false),
    };
    let exit = match (report.is_valid(), is_readable) {
        (true, _) => Exit::Ok,
        (false, true) => Exit::Findings,
        (false, false) => Exit::BadInput,
    };
    Judged { name, result: Ok(report), exit }
}

/// A record as sent, in whichever syntax of FHIR, and what is wrong with its XML.
fn read(bytes: &[u8], definitions: &Definitions) -> Result<(Tree, Report), Report> {
    if bytes.trim_ascii_start().first() == Some(&b'<') {
        return xml::read_whole(bytes, &Limits::default(), definitions);
    }
    json::read(bytes, &Limits::default()).map(|tree| (tree, Report::default()))
}

/// The line of a file for programs.
fn line(name: &str, report: &Report) -> String {
    let mut line = Tree::object();
    let root = line.root().id();
    line.push_str(root, "file", name);
    line.push_bool(root, "valid", report.is_valid());
    line.push_copy(root, "outcome", report.outcome().root());
    line.root().to_json()
}

fn errors(report: &Report) -> usize {
    report.issues.iter().filter(|i| i.is_error()).count()
}

fn counted(errors: usize) -> String {
    match errors {
        0 => "valid".to_owned(),
        1 => "1 error".to_owned(),
        _ => format!("{errors} errors"),
    }
}

fn human(out: &mut impl Write, name: &str, report: &Report) -> io::Result<()> {
    writeln!(out, "{name}: {}", counted(errors(report)))?;
    for issue in &report.issues {
        writeln!(out, "  {name}:{issue}")?;
    }
    for unchecked in &report.unchecked {
        writeln!(out, "  {unchecked}")?;
    }
    Ok(())
}

/// The base with the packages named on the command line.
pub(super) fn definitions(packages: &[PathBuf]) -> Result<Definitions, String> {
    let mut definitions = Definitions::base().map_err(|report| lines(&report))?;
    for package in packages {
        let name = package.display().to_string();
        let files = files(package).map_err(|e| format!("`{name}` cannot be read: {e}"))?;
        definitions = definitions.with_named(&name, &files).map_err(|report| lines(&report))?;
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
