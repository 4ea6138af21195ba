//! `sharewell mappings`: whether mappings are well made, and whether their examples come back unharmed.

mod laws;

use super::map::{definitions, mapping_files};
use super::{Exit, Output};
use crate::pure::fhir::{File, Report, Severity};
use crate::pure::map::Mapping;
use std::path::PathBuf;

/// Checks mappings, and tries their examples both ways
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sharewell mappings check
  sharewell mappings test care-act --mappings mappings

Exit code: 0 ok, 1 findings, 2 could not run.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Compiles mappings and tells every mistake in them
    #[command(after_help = "Example:\n  sharewell mappings check care-act --output json")]
    Check(Which),
    /// Takes each example to FHIR and back, and a changed Bundle back and forth
    #[command(after_help = "Example:\n  sharewell mappings test care-act --mappings mappings")]
    Test(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The mapping; all of them where none is named
    name: Option<String>,
    /// Mappings from this folder instead of those in the program
    #[arg(long, value_name = "DIR")]
    mappings: Option<PathBuf>,
    /// Who reads the output
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Exit {
    let (which, test) = match arguments.command {
        Command::Check(which) => (which, false),
        Command::Test(which) => (which, true),
    };
    let files = match mapping_files(which.mappings.as_deref()) {
        Ok(files) => files,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::CouldNotRun;
        }
    };
    let names = names(&files, which.name.as_deref());
    if names.is_empty() {
        eprintln!("error: there are no mappings here");
        return Exit::CouldNotRun;
    }
    let definitions = definitions();
    let mut ok = true;
    for name in names {
        let report = match Mapping::compile(&name, &files, &definitions) {
            Ok(mapping) if test => laws::try_examples(&mapping, &files),
            Ok(mapping) => mapping.warnings().clone(),
            Err(report) => report,
        };
        // What only its author can mend does not stop a mapping from running, but it is a finding here.
        ok &= report.issues.iter().all(|i| i.severity == Severity::Information);
        say(&name, &report, which.output);
    }
    if ok { Exit::Ok } else { Exit::Findings }
}

fn names(files: &[File], wanted: Option<&str>) -> Vec<String> {
    if let Some(name) = wanted {
        return vec![name.to_owned()];
    }
    let mut names: Vec<String> =
        files.iter().filter_map(|f| f.path.strip_suffix("/map.yaml")).map(str::to_owned).collect();
    names.sort();
    names
}

fn say(name: &str, report: &Report, output: Output) {
    match output {
        Output::Json => {
            let valid = report.is_valid();
            println!("{{\"mapping\":\"{name}\",\"valid\":{valid},\"outcome\":{}}}", report.outcome().root().to_json());
        }
        Output::Human => {
            for issue in &report.issues {
                println!("{issue}");
            }
            println!("{name}: {}", if report.issues.is_empty() { "ok" } else { "see above" });
        }
    }
}
