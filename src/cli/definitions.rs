//! `sharewell definitions`: being built.

use super::Exit;

/// Builds the facts-only definitions package
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell definitions")]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> Exit {
    eprintln!("not built yet");
    Exit::CouldNotRun
}
