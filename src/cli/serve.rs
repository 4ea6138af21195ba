//! `sharewell serve`: being built.

use super::Exit;

/// Runs the gateway
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell serve")]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> Exit {
    eprintln!("not built yet");
    Exit::CouldNotRun
}
