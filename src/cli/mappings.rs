//! `sharewell mappings`: being built.

use super::Exit;

/// Checks, tests and explains mappings
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell mappings")]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> Exit {
    eprintln!("not built yet");
    Exit::CouldNotRun
}
