//! `sharewell fhirpath`: being built.

use super::Exit;

/// Evaluates a FHIRPath expression
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell fhirpath")]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> Exit {
    eprintln!("not built yet");
    Exit::CouldNotRun
}
