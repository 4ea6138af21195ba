//! `sharewell config check`: every mistake of a configuration at once, with file, line, column and remedy.

use super::{Exit, Output};
use crate::config;
use crate::edge::clock::{Clock, System};
use crate::pure::fhir::{Issue, Report};
use std::path::PathBuf;

/// Checks a configuration, every mistake at once
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell config check deploy/gateway.toml --text-only")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(Check),
}

/// Checks a configuration: 0 it is good, 1 there are mistakes, 2 it cannot be opened, 3 it is no text
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell config check deploy/gateway.toml --text-only")]
struct Check {
    /// The configuration
    file: PathBuf,
    /// Look at the text alone, not at the certificates, keys, folders and secrets it names
    #[arg(long)]
    text_only: bool,
    /// Who reads the output
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Exit {
    let Command::Check(check) = arguments.command;
    let bytes = match std::fs::read(&check.file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{} cannot be opened: {error}", check.file.display());
            return Exit::CouldNotRun;
        }
    };
    let Ok(text) = String::from_utf8(bytes) else {
        eprintln!("{} is not UTF-8", check.file.display());
        return Exit::BadInput;
    };
    let checked = config::load(&text, &check.file, !check.text_only, System.now());
    let report = checked.as_ref().err().cloned().unwrap_or_default();
    match check.output {
        Output::Human => print!("{}", human(&text, &report)),
        Output::Json => println!("{}", json(&check.file.display().to_string(), &report)),
    }
    if report.is_valid() { Exit::Ok } else { Exit::Findings }
}

fn json(file: &str, report: &Report) -> String {
    let file = serde_json::Value::from(file);
    format!("{{\"file\":{file},\"valid\":{},\"outcome\":{}}}", report.is_valid(), report.outcome().root().to_json())
}

/// Each mistake with the line it stands in and a caret under it.
pub(super) fn human(text: &str, report: &Report) -> String {
    let mut shown = String::new();
    for issue in &report.issues {
        shown.push_str(&pointed(text, issue));
    }
    match report.issues.len() {
        0 => shown.push_str("the configuration is good\n"),
        1 => shown.push_str("1 mistake\n"),
        count => shown.push_str(&format!("{count} mistakes\n")),
    }
    shown
}

fn pointed(text: &str, issue: &Issue) -> String {
    let mut shown = format!("{}: {}\n", issue.severity.code(), issue.text);
    if let Some(place) = &issue.place {
        let number = place.line.to_string();
        let gap = " ".repeat(number.len());
        let line = shown_line(text.lines().nth(place.line as usize - 1).unwrap_or_default(), issue);
        let before = line.chars().take(place.column as usize - 1).map(|c| if c == '\t' { c } else { ' ' });
        let before: String = before.collect();
        shown.push_str(&format!("{gap}--> {place}\n{gap} |\n{number} | {line}\n{gap} | {before}^\n"));
    }
    if let Some(remedy) = &issue.remedy {
        shown.push_str(&format!("  help: {remedy}\n"));
    }
    shown.push('\n');
    shown
}

/// The line, or only its key where the value might be a secret that does not belong there.
fn shown_line(line: &str, issue: &Issue) -> String {
    let careful =
        matches!(issue.id.as_ref(), "config-unknown-key" | "config-syntax" | "config-address" | "config-secret");
    match line.split_once('=') {
        Some((key, _)) if careful => format!("{key}= …"),
        None if careful => "…".to_owned(),
        _ => line.to_owned(),
    }
}
