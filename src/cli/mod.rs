//! The commands, one file each.
//!
//! Comes in: arguments, files, standard input. Goes out: standard output, and an exit code: 0 ok, 1 findings, 2 could not
//! run, 3 bad input. Every command that reports has `--output human|json`.

pub mod audit;
mod config;
mod decide;
mod definitions;
pub mod demo;
mod fhirpath;
mod map;
mod mappings;
mod serve;
mod validate;

use clap::{Parser, Subcommand, ValueEnum};
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing found.
    Ok = 0,
    /// Done, and there is something to report.
    Findings = 1,
    /// Could not run: a missing file, a port in use.
    CouldNotRun = 2,
    /// What was given cannot be read.
    BadInput = 3,
}

/// Who reads the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A person.
    #[default]
    Human,
    /// A program: JSON.
    Json,
}

/// A FHIR R4 gateway for personalised care and support plans: maps, validates, decides, redacts, delivers and audits.
#[derive(Debug, Parser)]
#[command(name = "sharewell", version, propagate_version = true, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Serve(serve::Arguments),
    Map(map::Arguments),
    Mappings(mappings::Arguments),
    Validate(validate::Arguments),
    Fhirpath(fhirpath::Arguments),
    Decide(decide::Arguments),
    Audit(audit::Arguments),
    Config(config::Arguments),
    Definitions(definitions::Arguments),
}

/// Reads the arguments and runs the command they name.
#[must_use]
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(tell_panic));
    let exit = match Arguments::try_parse() {
        Ok(arguments) => run(arguments.command),
        Err(error) => {
            let _ = error.print();
            if error.use_stderr() { Exit::BadInput } else { Exit::Ok }
        }
    };
    ExitCode::from(exit as u8)
}

/// A reader that had enough (`| head`) ends the program quietly. Any other panic says where and not what was in hand: its
/// text could quote a record (P10).
fn tell_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let text = panic.payload_as_str().unwrap_or_default();
    if text.starts_with("failed printing to stdout") {
        std::process::exit(0);
    }
    let place = panic.location().map_or_else(String::new, ToString::to_string);
    eprintln!("sharewell: this is a mistake of the program's, at {place}; please report it");
}

fn run(command: Command) -> Exit {
    match command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Map(arguments) => map::run(arguments),
        Command::Mappings(arguments) => mappings::run(arguments),
        Command::Validate(arguments) => validate::run(arguments),
        Command::Fhirpath(arguments) => fhirpath::run(arguments),
        Command::Decide(arguments) => decide::run(arguments),
        Command::Audit(arguments) => audit::run(arguments),
        Command::Config(arguments) => config::run(arguments),
        Command::Definitions(arguments) => definitions::run(arguments),
    }
}
