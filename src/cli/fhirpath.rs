//! `sharewell fhirpath`: what an expression yields on a resource. JSON or XML in; values, a line or a JSON object each, out.

use super::{Exit, Output};
use crate::edge::clock::{Clock, System};
use crate::pure::fhir::{Limits, Report, Tree, json, xml};
use crate::pure::fhirpath::{Context, EvaluationError, Expression, Focus, Model};
use crate::pure::profile::Definitions;
use crate::pure::validate::world;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Evaluates a FHIRPath expression on a resource
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sharewell fhirpath 'CarePlan.activity.reference.resolve().status' plan.json
  sharewell fhirpath --strict --output json 'Goal.target.due' goal.xml
  sharewell fhirpath \"@2026-01-31 + 1 month\"")]
pub struct Arguments {
    /// An element that its type does not have is an error, not nothing
    #[arg(long)]
    strict: bool,
    /// Who reads the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// The expression
    #[arg(value_name = "EXPRESSION", allow_hyphen_values = true)]
    expression: String,
    /// The resource, JSON or XML; `-` reads standard input; without it the expression has no focus
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Exit {
    let expression = match Expression::compile(&arguments.expression) {
        Ok(expression) => expression,
        Err(error) => return wrong(&arguments.expression, error.offset, &error.text),
    };
    let definitions = match Definitions::base() {
        Ok(definitions) => definitions,
        Err(report) => return refuse(None, &report, Exit::CouldNotRun),
    };
    let tree = match arguments.file.as_deref().map(bytes) {
        None => None,
        Some(Err(error)) => {
            eprintln!("`{}` cannot be read: {error}", arguments.file.as_deref().unwrap_or(Path::new("-")).display());
            return Exit::CouldNotRun;
        }
        Some(Ok(bytes)) => match read(&bytes, &definitions) {
            Ok(tree) => Some(tree),
            Err(report) => return refuse(arguments.file.as_deref(), &report, Exit::BadInput),
        },
    };
    match values(&expression, tree.as_ref(), &definitions, arguments.strict) {
        Ok(values) => show(&values, arguments.output),
        Err(error) => wrong(&arguments.expression, error.offset, &error.text),
    }
}

fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return fs::read(file);
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(Limits::default().bytes).unwrap_or(u64::MAX);
    // One byte more than the reader takes, so that it can say that it is too much.
    io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A resource in either of FHIR's syntaxes: XML starts with `<`, JSON never does.
fn read(bytes: &[u8], definitions: &Definitions) -> Result<Tree, Report> {
    if bytes.trim_ascii_start().starts_with(b"<") {
        xml::read(bytes, &Limits::default(), definitions)
    } else {
        json::read(bytes, &Limits::default())
    }
}

fn values(
    expression: &Expression,
    tree: Option<&Tree>,
    definitions: &Definitions,
    strict: bool,
) -> Result<Vec<(String, String)>, EvaluationError> {
    let world = world(definitions);
    let mut context = Context::new(definitions, &world, System.now());
    context.lenient = false;
    let focus = tree.map_or(Focus::EMPTY, |tree| tree.root().into());
    let of = focus.item.and_then(|item| item.resource_type()).and_then(|name| definitions.find(name));
    expression.check_names(definitions, of, strict)?;
    Ok(expression.evaluate(&context, focus)?.iter().map(|value| value.written(&context)).collect())
}

fn show(values: &[(String, String)], output: Output) -> Exit {
    let mut out = io::stdout().lock();
    let written = match output {
        Output::Human => values.iter().try_for_each(|(kind, value)| writeln!(out, "{kind}\t{value}")),
        Output::Json => {
            let mut list = Tree::array();
            let root = list.root().id();
            for (kind, value) in values {
                let entry = list.push_object(root, "");
                list.push_str(entry, "type", kind);
                list.push_str(entry, "value", value);
            }
            writeln!(out, "{}", list.root().to_json())
        }
    };
    if written.is_ok() { Exit::Ok } else { Exit::CouldNotRun }
}

/// Says what is wrong and in which column, and shows the line with a mark under the place.
fn wrong(expression: &str, offset: usize, text: &str) -> Exit {
    let before = expression.get(..offset.min(expression.len())).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = expression[start..].lines().next().unwrap_or_default();
    let (number, column) = (before.matches('\n').count() + 1, before[start..].chars().count());
    let place =
        if number > 1 { format!("line {number}, column {}", column + 1) } else { format!("column {}", column + 1) };
    eprintln!("error: {text} ({place})");
    // A line too long to be shown is not shown.
    if line.len() <= 2000 {
        eprintln!("  {line}\n  {}^", " ".repeat(column));
    }
    Exit::Findings
}

fn refuse(file: Option<&Path>, report: &Report, exit: Exit) -> Exit {
    let name = file.map(|f| format!("{}:", f.display())).unwrap_or_default();
    for issue in &report.issues {
        eprintln!("{name}{issue}");
    }
    exit
}
