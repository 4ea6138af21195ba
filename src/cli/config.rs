//! `sharewell config`: being built.

use super::Exit;

/// Checks a configuration, every mistake at once
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell config")]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> Exit {
    eprintln!("not built yet");
    Exit::CouldNotRun
}
