//! How the demo looks on a terminal: numbered steps, plain words, one table. No names or numbers of the person (P10).

use super::notebook::{Ended, Noted};
use crate::cli::Output;
use crate::gateway::watch::{End, Room};
use crate::pure::decide::{Outcome, Sent};
use serde_json::json;
use std::sync::OnceLock;
use std::time::Duration;

/// Set once, before anything is said.
static OUTPUT: OnceLock<Output> = OnceLock::new();

/// Says for whom the story is told.
pub fn to(output: Output) {
    // A second call would be a second story in one process; the first holds.
    let _ = OUTPUT.set(output);
}

fn tell(human: String, json: serde_json::Value) {
    match OUTPUT.get().copied().unwrap_or_default() {
        Output::Human => println!("{human}"),
        Output::Json => println!("{json}"),
    }
}

/// The first line.
pub fn title(text: &str) {
    tell(text.to_owned(), json!({ "title": text }));
}

/// A step's heading.
pub fn heading(number: usize, title: &str) {
    tell(format!("\n{number:>2}  {title}"), json!({ "step": number, "title": title }));
}

/// A line below a heading.
pub fn line(text: impl AsRef<str>) {
    tell(format!("    {}", text.as_ref()), json!({ "line": text.as_ref() }));
}

/// A line further in.
pub fn detail(text: impl AsRef<str>) {
    tell(format!("      {}", text.as_ref()), json!({ "detail": text.as_ref().trim() }));
}

/// `parse 0.12 ms · map 0.30 ms · …`
pub fn rooms(rooms: &[(Room, Duration)]) {
    let parts: Vec<String> = rooms.iter().map(|(room, took)| format!("{} {}", room.name(), millis(*took))).collect();
    detail(format!("time in each room: {}", parts.join(" · ")));
}

/// A duration in milliseconds with two decimals.
pub fn millis(took: Duration) -> String {
    format!("{:.2} ms", took.as_secs_f64() * 1000.0)
}

/// What became of a copy for one recipient, in words.
pub fn outcome(name: &str, noted: &Noted, ended: Option<&Ended>) {
    let what = match noted.outcome {
        Outcome::Permit => "gets all of it",
        Outcome::Redact => "gets part of it",
        Outcome::Deny => "gets nothing",
    };
    let end = match ended.map(|e| e.end) {
        Some(End::Delivered) => ", delivered",
        Some(End::Withdrawn) => ", stopped before it left",
        Some(End::Held) => ", held for a person to look at",
        Some(End::Retry) => ", to be tried again",
        None => "",
    };
    line(format!("{name:<28} {what}{end}: {} [{}]", noted.means, noted.rule));
    let kept = |s: &&(String, Sent, &'static str, Option<crate::pure::decide::ChoiceRef>)| s.1 != Sent::Sent;
    let withheld: Vec<&str> = noted.sections.iter().filter(kept).map(|s| s.0.as_str()).collect();
    if noted.outcome == Outcome::Redact && !withheld.is_empty() {
        let by = noted.sections.iter().filter(kept).find_map(|s| s.3.as_ref());
        let by = by.map_or_else(String::new, |c| format!(", by {} version {}", c.reference, c.version));
        detail(format!("withheld: {}{by}", withheld.join(", ")));
    }
}

/// The table recipient × section. A column per party: its heading and what was decided for it.
pub fn table(columns: &[(&str, Option<Noted>)]) {
    let mut sections: Vec<&str> = Vec::new();
    for (code, ..) in columns.iter().flat_map(|(_, noted)| noted.iter()).flat_map(|noted| &noted.sections) {
        if !sections.contains(&code.as_str()) {
            sections.push(code);
        }
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    row("", &names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>(), json!({ "recipients": names }));
    for section in sections {
        let cells: Vec<String> = columns.iter().map(|(_, noted)| cell(noted.as_ref(), section)).collect();
        let title = if section == "frame" { "who and which" } else { section };
        row(title, &cells, json!({ "section": section, "cells": cells }));
    }
    line("");
    line("what the letters say:");
    let mut rules: Vec<&str> = columns.iter().flat_map(|(_, n)| n.iter()).flat_map(rules_of).collect();
    rules.sort_unstable();
    rules.dedup();
    for rule in rules.into_iter().filter_map(crate::pure::decide::RuleId::from_id) {
        detail(format!("{}  {}", rule.id(), rule.text()));
    }
}

fn row(title: &str, cells: &[String], json: serde_json::Value) {
    let mut text = format!("    {title:<17}");
    cells.iter().for_each(|cell| text.push_str(&format!("{cell:<19}")));
    tell(text.trim_end().to_owned(), json);
}

fn rules_of(noted: &Noted) -> Vec<&'static str> {
    noted.sections.iter().map(|s| s.2).chain([noted.rule]).collect()
}

fn cell(noted: Option<&Noted>, section: &str) -> String {
    let Some(noted) = noted else { return "not asked".to_owned() };
    if noted.outcome == Outcome::Deny {
        return format!("refused {}", noted.rule);
    }
    match noted.sections.iter().find(|s| s.0 == section) {
        Some((_, Sent::Sent, rule, _)) => format!("sent {rule}"),
        Some((_, Sent::Partly, rule, _)) => format!("partly {rule}"),
        Some((_, Sent::Withheld, rule, _)) => format!("withheld {rule}"),
        None => "-".to_owned(),
    }
}
