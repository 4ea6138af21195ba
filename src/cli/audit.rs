//! `sharewell audit`: the IG officer's bench. `verify` proves the trail, `query` asks it, `replay` makes decisions again,
//! `disclosures` says to whom a person's plan went.
//!
//! Comes in: the database of a gateway, read only, with what stands beside it. Goes out: findings that say where.
//! This is another program than the one that writes: it shares the arithmetic of RFC 6962 with it and nothing else, and
//! recomputes every hash from what is stored.

mod disclosures;
mod heads;
mod pages;
mod query;
mod replay;
mod rows;
mod trail;
mod verify;

pub use verify::{Finding, Proof, Witness, verify};

use super::{Exit, Output};
use std::path::{Path, PathBuf};

/// Proves that the audit trail and what it vouches for are as they were written, or asks the trail
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Verify(VerifyArguments),
    Query(query::Arguments),
    Replay(replay::Arguments),
    Disclosures(disclosures::Arguments),
}

/// Recomputes the audit log from what is stored and compares it with every signed tree head
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sharewell audit verify /var/lib/sharewell/sharewell.db
  sharewell audit verify sharewell.db --head kept-elsewhere/june.head --key audit.key.pub

What it shows: to somebody who keeps an old head (FILE.head) and the public key in another place, that nothing written
since was changed, reordered, cut or added behind. What it cannot show: that what was written was true, or all.
Exit code: 0 proven, 1 findings, 2 could not run, 3 bad input.")]
struct VerifyArguments {
    /// The gateway's database
    database: PathBuf,
    /// A tree head kept from earlier, to be found in the log again; may be given several times
    #[arg(long, value_name = "FILE")]
    head: Vec<PathBuf>,
    /// The gateway's public key (PEM) as you know it; without it the key beside the database is believed
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Who reads the output
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Exit {
    match arguments.command {
        Command::Verify(arguments) => run_verify(&arguments),
        Command::Query(arguments) => query::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Disclosures(arguments) => disclosures::run(&arguments),
    }
}

fn run_verify(arguments: &VerifyArguments) -> Exit {
    let key = match arguments.key.as_deref().map(read_key).transpose() {
        Ok(key) => key,
        Err(why) => {
            eprintln!("{why}");
            return Exit::BadInput;
        }
    };
    let witness = Witness { heads: &arguments.head, key };
    let proof = match verify(&arguments.database, &witness) {
        Ok(proof) => proof,
        Err(why) => {
            eprintln!("{why}");
            return Exit::CouldNotRun;
        }
    };
    match arguments.output {
        Output::Human => print!("{}", proof.text(&arguments.database)),
        Output::Json => println!("{}", proof.json(&arguments.database)),
    }
    if proof.findings.is_empty() { Exit::Ok } else { Exit::Findings }
}

fn read_key(path: &Path) -> Result<Vec<u8>, String> {
    let unusable = |why: String| format!("`{}` cannot be used: {why}", path.display());
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let key = openssl::pkey::PKey::public_key_from_pem(&pem)
        .map_err(|_| unusable("it holds no public key in PEM".to_owned()))?;
    key.raw_public_key().map_err(|_| unusable("it is not an Ed25519 key".to_owned()))
}
