//! `sharewell map`: being built.

use super::Exit;

/// Takes one record through a mapping, with its loss report
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell map")]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> Exit {
    eprintln!("not built yet");
    Exit::CouldNotRun
}
