//! `sharewell audit`: being built.

use super::Exit;

/// Verifies the audit log
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell audit")]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> Exit {
    eprintln!("not built yet");
    Exit::CouldNotRun
}
