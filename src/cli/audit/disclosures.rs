//! `sharewell audit disclosures`: to whom a person's plan went, as they may ask (UK GDPR Art 15(1)(c)): dates,
//! organisations, purposes and sections.
//!
//! Comes in: a gateway's database, read only, and an NHS number. Goes out: a line for each copy that was sent and each
//! question that was answered with something. No member of staff, no value of the record, no reason of anybody else's.

use super::super::{Exit, Output};
use super::verify::open;
use crate::pure::fhir::nhs_number;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

/// Lists to whom a person's plan went, for what and when
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sharewell audit disclosures sharewell.db --patient 9990000018
  sharewell audit disclosures sharewell.db --patient 9990000018 --refused --output json

With --output json each line is {\"when\",\"organisation\",\"identifier\",\"purpose\",\"how\",\"sections\"}: how is sent,
asked or refused. The output is about the person: treat it as part of their record.
Exit code: 0 some found, 1 none found, 2 could not run, 3 no NHS number.")]
pub(super) struct Arguments {
    /// The gateway's database
    database: PathBuf,
    /// The person's NHS number, ten digits
    #[arg(long)]
    patient: String,
    /// Those who asked and got nothing as well
    #[arg(long)]
    refused: bool,
    /// Who reads the output
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    if !nhs_number::is_valid(&arguments.patient) {
        eprintln!("the value of --patient is no NHS number: ten digits, the last of which checks the others");
        return Exit::BadInput;
    }
    let found = open(&arguments.database).and_then(|connection| disclosures(&connection, &arguments.patient));
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            eprintln!("`{}` cannot be asked: {error}", arguments.database.display());
            return Exit::CouldNotRun;
        }
    };
    let shown: Vec<&Value> = found.iter().filter(|row| arguments.refused || row["how"] != "refused").collect();
    let mut out = std::io::stdout().lock();
    for row in &shown {
        let words = match arguments.output {
            Output::Json => row.to_string(),
            Output::Human => line(row),
        };
        // Whoever reads may have read enough.
        if writeln!(out, "{words}").is_err() {
            break;
        }
    }
    if shown.is_empty() { Exit::Findings } else { Exit::Ok }
}

/// One exchange with one party: what was decided in it, and how it ended.
#[derive(Default)]
struct Exchange {
    permits: usize,
    searched: bool,
    answered: bool,
    sections: Vec<String>,
    purposes: Vec<String>,
}

const SQL: &str = "
SELECT kind, phase, outcome, request, party, recorded, event FROM log
  WHERE kind IN ('decision', 'disclosure', 'query') AND party IS NOT NULL ORDER BY sequence";

/// What went of a person's, oldest first.
///
/// # Errors
/// When the database cannot be read.
fn disclosures(connection: &Connection, patient: &str) -> rusqlite::Result<Vec<Value>> {
    let mut statement = connection.prepare(SQL)?;
    let mut rows = statement.query([])?;
    let mut open: HashMap<(String, String), Exchange> = HashMap::new();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let word = |column: usize| -> rusqlite::Result<String> { row.get(column) };
        let event: Value = serde_json::from_str(&word(6)?).unwrap_or(Value::Null);
        let (kind, phase, done) = (word(0)?, word(1)?, word(2)? == "0");
        let key = (word(3)?, word(4)?);
        // A question by id does not name the person; what was decided in it does.
        let concerns = names(&event, patient) || (kind == "query" && open.contains_key(&key));
        if !concerns {
            continue;
        }
        let when = jiff::Timestamp::from_microsecond(row.get(5)?).map(|t| t.to_string()).unwrap_or_default();
        match (kind.as_str(), phase.as_str()) {
            ("decision", _) => {
                let exchange = open.entry(key).or_default();
                exchange.permits += usize::from(done);
                exchange.sections = sections(&event);
                exchange.purposes = purposes(&event);
            }
            ("disclosure", "completion") if done && !is_notice(&event) => {
                // what is sent was decided under a purpose; its own line does not say it again
                let exchange = open.entry(key).or_default();
                found.push(told(&event, &when, "sent", exchange));
            }
            ("query", "completion") => {
                let mut exchange = open.remove(&key).unwrap_or_default();
                exchange.searched = event["subtype"][0]["code"] == "search";
                exchange.answered = done;
                let how = if exchange.gave() { "asked" } else { "refused" };
                if how == "refused" {
                    exchange.sections.clear();
                }
                found.push(told(&event, &when, how, &exchange));
            }
            _ => {}
        }
    }
    Ok(found)
}

impl Exchange {
    /// A search is decided as a question first, and again for what each source answered.
    fn gave(&self) -> bool {
        self.answered && self.permits > usize::from(self.searched)
    }
}

fn names(event: &Value, patient: &str) -> bool {
    let entities = event["entity"].as_array().into_iter().flatten();
    entities.map(|e| &e["what"]["identifier"]).any(|i| i["system"] == nhs_number::SYSTEM && i["value"] == patient)
}

/// Whether it told somebody to hand a copy on to nobody, and was none itself.
fn is_notice(event: &Value) -> bool {
    let entities = event["entity"].as_array().into_iter().flatten();
    entities.filter_map(|e| e["what"]["reference"].as_str()).any(|r| r.starts_with("MessageHeader/"))
}

/// The sections that the decision let go, whole or in part.
fn sections(event: &Value) -> Vec<String> {
    let entities = event["entity"].as_array().into_iter().flatten();
    let details = entities.flat_map(|e| e["detail"].as_array().into_iter().flatten());
    let decision = details.into_iter().find(|d| d["type"] == "decision").and_then(|d| d["valueBase64Binary"].as_str());
    let decoded = decision.and_then(|d| openssl::base64::decode_block(d).ok());
    let decision: Value = decoded.and_then(|d| serde_json::from_slice(&d).ok()).unwrap_or(Value::Null);
    let went = |s: &&Value| matches!(s["sent"].as_str(), Some("sent" | "partly"));
    let listed = decision["sections"].as_array().into_iter().flatten().filter(went);
    listed.filter_map(|s| s["section"].as_str()).map(str::to_owned).collect()
}

fn purposes(event: &Value) -> Vec<String> {
    let stated = event["agent"][1]["purposeOfUse"].as_array().into_iter().flatten();
    stated.filter_map(|p| p["coding"][0]["code"].as_str()).map(str::to_owned).collect()
}

fn told(event: &Value, when: &str, how: &str, exchange: &Exchange) -> Value {
    let other = event["agent"].as_array().and_then(|agents| agents.get(1)).unwrap_or(&Value::Null);
    let own = purposes(event);
    let purposes = if own.is_empty() { &exchange.purposes } else { &own };
    json!({ "when": when, "organisation": other["who"]["display"], "identifier": other["who"]["identifier"]["value"],
        "purpose": purposes, "how": how, "sections": exchange.sections })
}

/// `2026-06-01T09:00:00Z  sent     TREAT   Beckside Surgery  goals, actions`.
fn line(row: &Value) -> String {
    let words = |name: &str| {
        let list = row[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        list.collect::<Vec<_>>().join(", ")
    };
    let word = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
    format!(
        "{:<20}  {:<7}  {:<8}  {:<28}  {}",
        word("when").get(..19).unwrap_or_default(),
        word("how"),
        words("purpose"),
        word("organisation"),
        words("sections")
    )
}
