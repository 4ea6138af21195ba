//! `sharewell decide`: one request against Consents, without a gateway.
//!
//! Comes in: Consents, a request document, resources, rules, as files. Goes out: the decision, for people or as JSON.
//! Refuses: a request with words it does not know. A Consent that cannot be read is an objection, not an error.

mod answer;
mod ask;

use super::{Exit, Output};
use crate::embedded;
use crate::pure::decide::{
    Choice, Decision, Outcome, Policy, authority, decide_sketch, explain, read_choice, unread_choice,
};
use crate::pure::fhir::{File, Issue, Item, Limits, Report, Tree, json};
use crate::pure::profile::Definitions;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Decides a request against Consents
///
/// The request is one JSON object: who asks (`actor`, `actorIdentifiers`), for what (`purposeOfUse`, `action`), about whom
/// (`patient`), when (`now`), and what holds where no choice speaks (`defaultPolicy`: permit or deny). Nothing is sent.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sharewell decide --consent consent.json --request request.json --resource goal.json --output json\n\n\
    request.json:\n  {\"patient\": \"Patient/1\", \"actor\": [\"Organization/hospice\"], \"purposeOfUse\": [\"TREAT\"],\n   \
    \"action\": \"access\", \"now\": \"2026-06-30T12:00:00Z\"}"
)]
pub struct Arguments {
    /// A Consent (FHIR R4 JSON), or a Bundle of them. May be given again; `-` is standard input.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    consent: Vec<PathBuf>,
    /// The request.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// A resource it is about, or a Bundle. May be given again.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    resource: Vec<PathBuf>,
    /// Sharing rules (TOML), or a folder of them, instead of those for England that come with the program.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// For whom the answer is written.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

enum Failed {
    CouldNotRun(String),
    BadInput(Report),
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Exit {
    match answer(&arguments) {
        Ok(text) => {
            print!("{text}");
            Exit::Ok
        }
        Err(Failed::CouldNotRun(why)) => {
            eprintln!("error: {why}");
            Exit::CouldNotRun
        }
        Err(Failed::BadInput(report)) => {
            for issue in &report.issues {
                eprintln!("{issue}");
            }
            Exit::BadInput
        }
    }
}

fn answer(arguments: &Arguments) -> Result<String, Failed> {
    let mut policy = policy(arguments.policy.as_deref())?;
    let consents = arguments.consent.iter().map(|p| read(p)).collect::<Result<Vec<Tree>, Failed>>()?;
    let resources = arguments.resource.iter().map(|p| read(p)).collect::<Result<Vec<Tree>, Failed>>()?;
    let request = read(&arguments.request)?;
    let choices: Vec<Choice> = consents.iter().flat_map(|t| of_type(t.root(), "Consent")).map(choice).collect();
    let asks_for_codes = choices.iter().flat_map(Choice::readings).flatten().any(|rule| !rule.codes.is_empty());
    if asks_for_codes || !policy.unresolved().is_valid() {
        // only then is there anything to look up in them
        policy = policy.with_definitions(Arc::new(Definitions::base().map_err(Failed::BadInput)?));
    }
    let unresolved = policy.unresolved();
    if !unresolved.is_valid() {
        return Err(Failed::BadInput(unresolved));
    }
    let roots: Vec<Item<'_>> = resources.iter().map(Tree::root).collect();
    let asked = ask::read(request.root(), choices, &roots, &policy, arguments.policy.is_some())
        .map_err(|report| Failed::BadInput(in_file(report, &arguments.request)))?;
    let relation = asked.proxy.as_ref().map(|proxy| {
        let evidence = &asked.evidence;
        authority::relation(&evidence.choices, &evidence.subject, proxy, &asked.question, &evidence.facts)
    });
    let wide = decide_sketch(&asked.question, &asked.sketch, &asked.evidence, &policy);
    let decision =
        if roots.is_empty() { None } else { Some(explain(&asked.question, &roots, &asked.evidence, &policy)) };
    let verdict = verdict(&wide, decision.as_ref());
    let tree = answer::tree(verdict, &wide, decision.as_ref(), relation.as_ref(), &asked.evidence);
    Ok(match arguments.output {
        Output::Json => tree.root().to_json_pretty(),
        Output::Human => answer::words(verdict, tree.root(), &asked.evidence),
    })
}

/// The decision on the request: a permit where data may flow, even if none of the resources at hand are among them.
fn verdict(wide: &Decision, narrow: Option<&Decision>) -> Outcome {
    let Some(narrow) = narrow else {
        return if wide.outcome() == Outcome::Deny { Outcome::Deny } else { Outcome::Permit };
    };
    let partly = narrow.cuts().iter().any(|c| !c.whole && !c.aside);
    match (narrow.released().is_empty(), wide.outcome()) {
        (true, Outcome::Deny) => Outcome::Deny,
        _ if partly => Outcome::Redact,
        _ => Outcome::Permit,
    }
}

fn choice(consent: Item<'_>) -> Choice {
    read_choice(consent).unwrap_or_else(|why| unread_choice(consent, why))
}

fn of_type<'t>(root: Item<'t>, type_: &str) -> Vec<Item<'t>> {
    if root.resource_type() == Some("Bundle") {
        let resources = root.all("entry").filter_map(|e| e.get("resource"));
        return resources.filter(|r| r.resource_type() == Some(type_)).collect();
    }
    vec![root]
}

fn policy(path: Option<&Path>) -> Result<Policy, Failed> {
    let mut files = embedded::files("deploy/sharing/");
    if let Some(path) = path {
        let paths: Vec<PathBuf> = if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|e| cannot(path, &e))?;
            entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|x| x == "toml")).collect()
        } else {
            vec![path.to_owned()]
        };
        // the section table is the program's own unless the site brings one
        files.retain(|f| {
            f.path == "sections.toml" && !paths.iter().any(|p| p.file_name().is_some_and(|n| n == "sections.toml"))
        });
        for path in paths {
            let bytes = std::fs::read(&path).map_err(|e| cannot(&path, &e))?;
            files.push(File { path: path.display().to_string(), bytes: bytes.into() });
        }
    }
    Policy::compile(&files).map_err(Failed::BadInput)
}

fn cannot(path: &Path, error: &std::io::Error) -> Failed {
    Failed::CouldNotRun(format!("`{}` cannot be read: {error}", path.display()))
}

fn read(path: &Path) -> Result<Tree, Failed> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(|e| cannot(path, &e))?;
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    json::read(bytes, &Limits::default()).map_err(|report| Failed::BadInput(in_file(report, path)))
}

/// The same findings, with the file they are about.
fn in_file(mut report: Report, path: &Path) -> Report {
    for place in report.issues.iter_mut().filter_map(|issue| issue.place.as_mut()) {
        place.file = Some(path.display().to_string());
    }
    report
}

fn bad(item: Item<'_>, text: String, remedy: &'static str) -> Issue {
    Issue::error("invalid", "request-unreadable", text).on(item).remedy(remedy)
}
