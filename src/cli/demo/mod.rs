//! `sharewell demo`: one plan's journey through the gateway, on this machine alone, told a step a line.
//!
//! Everything in it is real: sockets, TLS with client certificates, the SQLite store, the rooms. Only the people are
//! invented, and the other systems are small listeners in this process.

pub mod notebook;
pub mod peers;
pub mod records;
mod show;
pub mod stage;
mod story;

use super::{Exit, Output};
use stage::{Stage, Trouble};
use std::path::PathBuf;

/// Shows one plan's journey, step by step, on this machine alone
///
/// Starts a gateway with an embedded store, a council, a person's app, a surgery, a hospice, a provider's portal, a
/// charity and a system of record, all on loopback; sends one plan through, and ends by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sharewell demo\n  sharewell demo --keep /tmp/journey && sharewell audit verify \
                        /tmp/journey/sharewell.db\n  sharewell demo --stay")]
pub struct Arguments {
    /// Keep everything in this folder: the database, the certificates, the configuration
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Leave the gateway running until Ctrl-C, and print its addresses
    #[arg(long)]
    stay: bool,
    /// Who reads the story: with `json`, one JSON object a line
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Exit {
    show::to(arguments.output);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sharewell demo: {error}");
            return Exit::CouldNotRun;
        }
    };
    let exit = match runtime.block_on(show(&arguments)) {
        Ok(()) => Exit::Ok,
        Err(trouble) => {
            eprintln!("sharewell demo: {trouble}");
            Exit::CouldNotRun
        }
    };
    runtime.shutdown_background();
    exit
}

async fn show(arguments: &Arguments) -> Result<(), Trouble> {
    show::title("Sharewell: one plan's journey. Everybody in it is invented, and nothing leaves this machine.");
    let stage = Stage::set(arguments.keep.as_deref(), None).await?;
    let told = story::tell(&stage).await;
    if told.is_ok() && arguments.stay {
        stay(&stage).await?;
    }
    let folder = stage.folder().to_owned();
    stage.strike().await?;
    told?;
    story::farewell(arguments.keep.is_some(), &folder)
}

/// Waits for Ctrl-C with the certificates at hand.
async fn stay(stage: &Stage) -> Result<(), Trouble> {
    show::heading(0, "The gateway stays until you press Ctrl-C");
    show::line(format!("{}/fhir/metadata   with a client certificate:", stage.base));
    for part in &stage::PARTS {
        let path = stage.client_files(part.id)?;
        show::detail(format!("{:<20} {}", part.name, path.display()));
    }
    show::line(format!("authority            {}", stage.folder().join("tls/authority.pem").display()));
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// What a part of the story promised and did not hold: the demo is a test of itself.
fn broken(promise: &str) -> Trouble {
    format!("this did not come out as promised: {promise}").into()
}
