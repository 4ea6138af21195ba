//! `sharewell audit replay`: decisions made again from what was written down with them, under the rules they were made by.
//!
//! Comes in: a gateway's database, read only, and which decisions. Goes out: for each, whether the same answer came out
//! again, or where it differs. What was tampered with is found three ways: a row is not what the log vouches for, a part is
//! not what its digest says, or the inputs have another fingerprint. The whole log is `sharewell audit verify`'s to prove.

use super::super::{Exit, Output};
use super::rows::TABLES;
use super::trail::hex;
use super::verify::open;
use crate::pure::decide::Policy;
use crate::pure::decide::recorded::{self, Recorded, Rules, Shelf, Unreplayable, fetched};
use crate::pure::profile::Definitions;
use flate2::read::ZlibDecoder;
use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Decides recorded decisions again, from the inputs written down then and under the rules in force then
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sharewell audit replay --store data/sharewell.db 0197c1f2-7c1e-7d4a-9a3e-2f1d5b8e6c70
  sharewell audit replay --store data/sharewell.db 5b1e0c…            (a fingerprint, or how it begins)
  sharewell audit replay --store data/sharewell.db --all --output json

A decision's id is that of its entry in the trail (`audit query --kind decision --output json`); its fingerprint stands
in the entry. With --output json each line is {\"decision\",\"fingerprint\",\"engine\",\"result\",\"answer\",\"differences\"};
the answer names elements of the record by path and holds no values. With --all a line with the counts comes last.
Results: same; differs; tampered; unreadable (an input is gone, or written by a program this one does not understand).
Exit code: 0 all the same, 1 something is not, 2 could not run, 3 there is no such decision.")]
pub(super) struct Arguments {
    /// The id of a decision's entry in the trail, or its fingerprint, whole or the first eight digits or more
    #[arg(value_name = "DECISION|FINGERPRINT", required_unless_present = "all", conflicts_with = "all")]
    decision: Option<String>,
    /// The gateway's database
    #[arg(long, value_name = "FILE", default_value = "data/sharewell.db")]
    store: PathBuf,
    /// Every decision there is
    #[arg(long)]
    all: bool,
    /// Who reads the output
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let replayed = open(&arguments.store).and_then(|connection| replay(&connection, arguments));
    match replayed {
        Ok(tally) if tally.all == 0 && arguments.decision.is_some() => {
            eprintln!("`{}` holds no such decision", arguments.store.display());
            Exit::BadInput
        }
        Ok(tally) if tally.same == tally.all => Exit::Ok,
        Ok(_) => Exit::Findings,
        Err(error) => {
            eprintln!("`{}` cannot be read: {error}", arguments.store.display());
            Exit::CouldNotRun
        }
    }
}

#[derive(Default)]
struct Tally {
    all: u64,
    same: u64,
    differs: u64,
    tampered: u64,
    unreadable: u64,
}

const SQL: &str = "SELECT d.entry, d.fingerprint, d.engine, d.document, l.recorded, l.refs FROM decision d
 LEFT JOIN log l ON l.id = d.entry WHERE ?1 IS NULL OR d.entry = ?1 OR (length(?1) >= 8 AND
 d.fingerprint >= lower(?1) AND d.fingerprint < lower(?1) || 'g') ORDER BY d.sequence";

fn replay(connection: &Connection, arguments: &Arguments) -> rusqlite::Result<Tally> {
    let mut bench = Bench { connection, policies: HashMap::new() };
    let mut tally = Tally::default();
    let mut statement = connection.prepare(SQL)?;
    let mut rows = statement.query(params![arguments.decision])?;
    let mut out = std::io::stdout().lock();
    while let Some(row) = rows.next()? {
        let told = bench.one(row)?;
        tally.all += 1;
        *match told.result {
            "same" => &mut tally.same,
            "differs" => &mut tally.differs,
            "tampered" => &mut tally.tampered,
            _ => &mut tally.unreadable,
        } += 1;
        let text = match arguments.output {
            Output::Json => told.json().to_string(),
            // of many, the line is enough where all is well
            Output::Human => told.words(!arguments.all),
        };
        // whoever reads may have read enough
        if writeln!(out, "{text}").is_err() {
            break;
        }
    }
    if arguments.all {
        let Tally { all, same, differs, tampered, unreadable } = tally;
        let line = match arguments.output {
            Output::Json => json!({ "replayed": all, "same": same, "differs": differs, "tampered": tampered,
                "unreadable": unreadable, "engine": recorded::engine() })
            .to_string(),
            Output::Human => format!(
                "{all} decisions replayed: {same} the same, {differs} different, {tampered} tampered with, {unreadable} unreadable"
            ),
        };
        let _ = writeln!(out, "{line}");
    }
    Ok(tally)
}

/// What was found of one decision.
struct Told {
    entry: String,
    fingerprint: String,
    engine: String,
    recorded: String,
    result: &'static str,
    why: Vec<String>,
    answer: Option<Value>,
    then: Option<Value>,
}

struct Bench<'c> {
    connection: &'c Connection,
    policies: HashMap<(String, Option<String>), Arc<Policy>>,
}

impl Shelf for Bench<'_> {
    fn part(&self, digest: &str) -> Option<Vec<u8>> {
        let sql = "SELECT body FROM kept WHERE digest = ?1";
        let body: Vec<u8> = self.connection.prepare_cached(sql).ok()?.query_row([digest], |row| row.get(0)).ok()?;
        let mut bytes = Vec::new();
        // what does not unpack is not what was written: its digest says so
        let _ = ZlibDecoder::new(&body[..]).read_to_end(&mut bytes);
        Some(bytes)
    }

    fn record(&self, id: &str) -> Option<String> {
        let sql = "SELECT bundle FROM record WHERE id = ?1";
        self.connection.prepare_cached(sql).ok()?.query_row([id], |row| row.get(0)).ok()
    }
}

impl Bench<'_> {
    fn one(&mut self, row: &Row<'_>) -> rusqlite::Result<Told> {
        let (entry, fingerprint, engine): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let recorded = row.get::<_, Option<i64>>(4)?.and_then(|at| jiff::Timestamp::from_microsecond(at).ok());
        let recorded = recorded.map_or_else(String::new, |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let mut told =
            Told { entry, fingerprint, engine, recorded, result: "same", why: Vec::new(), answer: None, then: None };
        if let Some(why) = self.not_vouched_for(&told.entry, row.get::<_, Option<String>>(5)?)? {
            told.result = "tampered";
            told.why.push(why);
        }
        match self.again(&row.get::<_, String>(3)?) {
            Ok((then, now, fingerprint)) => told.compare(then, now, &fingerprint),
            Err(why) => {
                if !matches!(why, Unreplayable::Tampered(_)) && told.result == "same" {
                    told.result = "unreadable";
                } else {
                    told.result = "tampered";
                }
                told.why.push(why.to_string());
            }
        }
        Ok(told)
    }

    /// Whether the decision's row is what its entry in the log vouches for.
    fn not_vouched_for(&self, entry: &str, refs: Option<String>) -> rusqlite::Result<Option<String>> {
        let Some(table) = TABLES.iter().find(|table| table.name == "decision") else { return Ok(None) };
        let Some(refs) = refs else { return Ok(Some("the log has no entry for it".to_owned())) };
        let digest = table.digest(self.connection, entry)?.map(|digest| hex(&digest));
        let line = format!("decision {entry} {}", digest.unwrap_or_default());
        let vouched = refs.lines().any(|vouched| vouched == line);
        Ok((!vouched).then(|| "it is not what its entry in the log vouches for".to_owned()))
    }

    fn again(&mut self, document: &str) -> Result<(Value, Value, String), Unreplayable> {
        let recorded = Recorded::read(document, self)?;
        let policy = self.policy(&recorded)?;
        let decision = recorded.again(&policy)?;
        Ok((recorded.answer, recorded::answer(&decision), hex(&decision.fingerprint())))
    }

    /// The rules of a decision, compiled once.
    fn policy(&mut self, recorded: &Recorded) -> Result<Arc<Policy>, Unreplayable> {
        let key = (recorded.policy.clone(), recorded.definitions.clone());
        if let Some(policy) = self.policies.get(&key) {
            return Ok(Arc::clone(policy));
        }
        let files = Rules::files("policy", &fetched(self, "policy", &recorded.policy)?)?;
        let mut definitions = Definitions::base().map_err(|_| Unreplayable::Foreign("definitions"))?;
        if let Some(digest) = &recorded.definitions {
            let files = Rules::files("definitions", &fetched(self, "definitions", digest)?)?;
            definitions = definitions.with_files(&files).map_err(|_| Unreplayable::Foreign("definitions"))?;
        }
        let policy = Policy::compile(&files).map_err(|_| Unreplayable::Foreign("policy"))?;
        let policy = Arc::new(policy.with_definitions(Arc::new(definitions)));
        self.policies.insert(key, Arc::clone(&policy));
        Ok(policy)
    }
}

impl Told {
    fn compare(&mut self, then: Value, now: Value, fingerprint: &str) {
        let other_engine = self.engine != recorded::engine();
        let differences = differences(&then, &now);
        if !differences.is_empty() {
            self.why.extend(differences);
            if other_engine {
                let here = recorded::engine();
                self.why.push(format!("it was decided by engine {}, and this one is {here}", self.engine));
            }
            if self.result == "same" {
                self.result = "differs";
            }
        }
        if fingerprint != self.fingerprint && !other_engine {
            self.why.push("its inputs have another fingerprint than it has".to_owned());
            self.result = "tampered";
        }
        (self.then, self.answer) = (Some(then), Some(now));
    }

    fn json(&self) -> Value {
        json!({ "decision": self.entry, "fingerprint": self.fingerprint, "recorded": self.recorded,
            "engine": self.engine, "sameEngine": self.engine == recorded::engine(), "result": self.result,
            "answer": self.answer, "then": self.then.as_ref().filter(|_| self.result != "same"),
            "differences": self.why })
    }

    fn words(&self, in_full: bool) -> String {
        let mut text = format!("{}  {}  {}", self.entry, self.recorded, self.result);
        if let Some(answer) = &self.answer {
            text.push_str(&format!("  {}", answer["decision"].as_str().unwrap_or_default()));
            if in_full {
                for reason in answer["reasons"].as_array().into_iter().flatten() {
                    text.push_str(&format!("\n  {}", worded(reason)));
                }
                for cut in answer["cuts"].as_array().into_iter().flatten() {
                    let (path, why) = (cut["path"].as_str().unwrap_or_default(), &cut["why"]);
                    text.push_str(&format!("\n  withheld {path}: {}", worded(why)));
                }
            }
        }
        for why in &self.why {
            text.push_str(&format!("\n  {why}"));
        }
        if self.engine != recorded::engine() && self.result == "same" {
            text.push_str(&format!("\n  decided by engine {}; this one gives the same answer", self.engine));
        }
        text
    }
}

/// `C1 Consent/… version 2: the person has objected`.
fn worded(reason: &Value) -> String {
    let rule = reason["rule"].as_str().unwrap_or_default();
    let text = crate::pure::decide::RuleId::from_id(rule).map_or("", |rule| rule.text());
    let choice = reason["choice"]
        .as_str()
        .map(|choice| format!(" by {choice} version {}", reason["version"].as_str().unwrap_or_default()));
    format!("{rule}{}: {text}", choice.unwrap_or_default())
}

/// Where two answers differ, by name; nothing of what they say but rules, choices and paths.
fn differences(then: &Value, now: &Value) -> Vec<String> {
    let (Some(a), Some(b)) = (then.as_object(), now.as_object()) else {
        return vec!["the recorded answer is no answer".to_owned()];
    };
    let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
    let differing = names.filter(|name| a.get(*name) != b.get(*name));
    differing
        .map(|name| {
            let lists = (a.get(name).and_then(Value::as_array), b.get(name).and_then(Value::as_array));
            let (Some(old), Some(new)) = lists else {
                let word = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), Value::to_string);
                return format!("`{name}` was {} and is {}", word(a.get(name)), word(b.get(name)));
            };
            let gone = old.iter().filter(|v| !new.contains(v)).map(|v| format!("\n    was, and is no longer: {v}"));
            let come = new.iter().filter(|v| !old.contains(v)).map(|v| format!("\n    was not, and is: {v}"));
            format!("`{name}` differs:{}", gone.chain(come).collect::<String>())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::differences;
    use serde_json::json;

    #[test]
    fn answers_that_differ_say_where() {
        let then = json!({ "decision": "permit", "reasons": [{ "rule": "C2" }] });
        assert!(differences(&then, &then).is_empty());
        let now = json!({ "decision": "deny", "reasons": [{ "rule": "C1" }] });
        let found = differences(&then, &now);
        assert_eq!(found[0], "`decision` was \"permit\" and is \"deny\"");
        assert!(found[1].contains("was, and is no longer: {\"rule\":\"C2\"}"), "{found:?}");
    }
}
