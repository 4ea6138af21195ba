//! `sharewell audit query`: entries of the trail by request, party, outcome, kind or message, and intents left open.

use super::super::{Exit, Output};
use super::verify::open;
use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

/// Asks the trail
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sharewell audit query sharewell.db --party st-orrins-hospice --outcome 8
  sharewell audit query sharewell.db --request 6f1c… --output json
  sharewell audit query sharewell.db --unresolved

With --output json each line is {\"sequence\",\"kind\",\"phase\",…,\"event\":AuditEvent}. The AuditEvent names the
person: treat the output as part of their record.
Exit code: 0 entries found, 1 none found, 2 could not run.")]
pub(super) struct Arguments {
    /// The gateway's database
    database: PathBuf,
    /// X-Request-Id of the exchange
    #[arg(long)]
    request: Option<String>,
    /// The other party's id in the configuration: sender, caller or recipient
    #[arg(long, alias = "recipient")]
    party: Option<String>,
    /// audit-event-outcome: 0 done, 4 to be tried again, 8 refused, 12 failed
    #[arg(long)]
    outcome: Option<String>,
    /// create, choice, choice-update, choice-withdraw, decision, disclosure, query, register, alert, notice, refusal or
    /// system
    #[arg(long)]
    kind: Option<String>,
    /// A queued message's id
    #[arg(long)]
    message: Option<String>,
    /// Only intents without a completion
    #[arg(long)]
    unresolved: bool,
    /// How many entries at most, the newest
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Who reads the output
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let found = open(&arguments.database).and_then(|connection| ask(&connection, arguments));
    match found {
        Ok(0) => Exit::Findings,
        Ok(_) => Exit::Ok,
        Err(error) => {
            eprintln!("`{}` cannot be asked: {error}", arguments.database.display());
            Exit::CouldNotRun
        }
    }
}

const SQL: &str = "
SELECT sequence, id, kind, phase, intent, outcome, request, party, message, recorded, event FROM (
  SELECT * FROM log l WHERE (?1 IS NULL OR request = ?1) AND (?2 IS NULL OR party = ?2) AND (?3 IS NULL OR outcome = ?3)
    AND (?4 IS NULL OR kind = ?4) AND (?5 IS NULL OR message = ?5)
    AND (NOT ?6 OR EXISTS (SELECT 1 FROM unresolved u WHERE u.id = l.id))
  ORDER BY sequence DESC LIMIT ?7) ORDER BY sequence";

fn ask(connection: &Connection, arguments: &Arguments) -> rusqlite::Result<usize> {
    let Arguments { request, party, outcome, kind, message, unresolved, limit, output, .. } = arguments;
    let mut statement = connection.prepare(SQL)?;
    let mut rows = statement.query(params![request, party, outcome, kind, message, unresolved, limit])?;
    let (mut count, mut out) = (0, std::io::stdout().lock());
    while let Some(row) = rows.next()? {
        let entry = entry(row)?;
        let words = match output {
            Output::Json => entry.to_string(),
            Output::Human => line(&entry),
        };
        count += 1;
        // Whoever reads may have read enough.
        if writeln!(out, "{words}").is_err() {
            break;
        }
    }
    Ok(count)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Value> {
    let word = |column: usize| -> rusqlite::Result<Option<String>> { row.get(column) };
    let recorded =
        jiff::Timestamp::from_microsecond(row.get(9)?).map(|t| t.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string());
    let recorded = recorded.unwrap_or_default();
    let event: Value = serde_json::from_str(&word(10)?.unwrap_or_default()).unwrap_or(Value::Null);
    Ok(json!({
        "sequence": row.get::<_, i64>(0)?, "id": word(1)?, "kind": word(2)?, "phase": word(3)?, "intent": word(4)?,
        "outcome": word(5)?, "request": word(6)?, "party": word(7)?, "message": word(8)?, "recorded": recorded,
        "event": event,
    }))
}

/// Without the person: `17  2026-06-01T09:00:00Z  decision  whole  8  st-orrins-hospice  …reason`.
fn line(entry: &Value) -> String {
    let word = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
    let reason = entry["event"]["outcomeDesc"].as_str().unwrap_or_default();
    format!(
        "{:>6}  {}  {:<10}  {:<10}  {:>2}  {:<20}  {}  {reason}",
        entry["sequence"].to_string(),
        word("recorded"),
        word("kind"),
        word("phase"),
        word("outcome"),
        word("party"),
        word("request"),
    )
}
