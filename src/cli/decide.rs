//! `sharewell decide`: one request against Consents, without a gateway.

use super::Exit;

/// Decides a request against Consents
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell decide")]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: Arguments) -> Exit {
    eprintln!("not built yet");
    Exit::CouldNotRun
}
