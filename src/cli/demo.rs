//! `sharewell demo`: being built.

use super::Exit;

/// The main job, alone on one machine: one plan's journey shown step by step
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell demo")]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> Exit {
    eprintln!("not built yet");
    Exit::CouldNotRun
}
