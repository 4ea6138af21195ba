//! `sharewell validate`: being built.

use super::Exit;

/// Validates files against profiles
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell validate")]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> Exit {
    eprintln!("not built yet");
    Exit::CouldNotRun
}
