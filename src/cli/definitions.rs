//! `sharewell definitions build`: makes the facts-only R4 package that travels inside the binary.

use super::Exit;
use crate::pure::fhir::{Limits, Tree, json};
use crate::pure::profile::{facts, package};
use clap::Subcommand;
use std::fs;
use std::path::{Path, PathBuf};

/// Builds the facts-only definitions package
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  npm pack hl7.fhir.r4.examples@4.0.1 && tar xf hl7.fhir.r4.examples-4.0.1.tgz
  sharewell definitions build --from package")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Keeps the facts of HL7's R4 definitions (CC0) and leaves the prose
    #[command(after_help = "Example:\n  sharewell definitions build --from package")]
    Build {
        /// The unpacked npm package hl7.fhir.r4.examples@4.0.1
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
        /// Where the package goes
        #[arg(long, value_name = "FILE", default_value = "profiles/hl7.fhir.r4.core/package.tgz")]
        to: PathBuf,
    },
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Exit {
    let Action::Build { from, to } = arguments.action;
    match build(&from, &to) {
        Ok(summary) => {
            println!("{summary}");
            Exit::Ok
        }
        Err(problem) => {
            eprintln!("{problem}");
            Exit::CouldNotRun
        }
    }
}

const PACKAGE: &str = r#"{"name":"hl7.fhir.r4.core","version":"4.0.1","fhirVersions":["4.0.1"],"type":"fhir.core","license":"CC0-1.0","canonical":"http://hl7.org/fhir","url":"http://hl7.org/fhir/R4","description":"The facts of HL7's R4 definitions without their prose, made by `sharewell definitions build` from hl7.fhir.r4.examples@4.0.1"}"#;

fn build(from: &Path, to: &Path) -> Result<String, String> {
    let resources = read(from)?;
    let count = resources.len();
    let mut files =
        vec![("package.json".to_owned(), PACKAGE.to_owned()), (".index.json".to_owned(), package::index(&resources))];
    files.extend(resources.into_iter().map(|(name, tree)| (name, tree.root().to_json())));
    let size: usize = files.iter().map(|(_, text)| text.len()).sum();
    let bytes = package::pack(files).map_err(|e| format!("the package cannot be packed: {e}"))?;
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|e| format!("`{}`: {e}", folder.display()))?;
    }
    fs::write(to, &bytes).map_err(|e| format!("`{}`: {e}", to.display()))?;
    Ok(format!("{}: {count} definitions, {size} bytes, packed {} bytes", to.display(), bytes.len()))
}

/// The facts of each definition in the folder, in the order of file names.
fn read(from: &Path) -> Result<Vec<(String, Tree)>, String> {
    let entries = fs::read_dir(from).map_err(|e| format!("`{}`: {e}", from.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_definition = ["StructureDefinition-", "ValueSet-", "CodeSystem-"].iter().any(|p| name.starts_with(p));
        if !is_definition || !name.ends_with(".json") {
            continue;
        }
        let bytes = fs::read(&path).map_err(|e| format!("`{}`: {e}", path.display()))?;
        let tree = json::read(&bytes, &Limits::default()).map_err(|r| format!("`{name}`: {}", r.issues[0]))?;
        if let Some(facts) = facts::facts(tree.root()) {
            found.push((name, facts));
        }
    }
    if found.is_empty() {
        return Err(format!("`{}` holds no definitions", from.display()));
    }
    Ok(found)
}
