//! The result as JUnit XML, which build servers read: one test suite a run, one test case a file.
//!
//! A file with errors fails; a file that could not be opened is an error of the run. Warnings, information and what was
//! not checked stand in the case's output. No times: the same files give the same bytes.

use super::{Judged, counted, errors};
use crate::pure::fhir::Report;
use std::fmt::Write;

/// The document.
pub(super) fn document(all: &[Judged]) -> String {
    let failed = all.iter().filter(|j| j.result.as_ref().is_ok_and(|r| !r.is_valid())).count();
    let broken = all.iter().filter(|j| j.result.is_err()).count();
    let counts =
        format!("name=\"sharewell validate\" tests=\"{}\" failures=\"{failed}\" errors=\"{broken}\"", all.len());
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite {counts} skipped=\"0\">\n"
    );
    for judged in all {
        case(&mut out, judged);
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn case(out: &mut String, judged: &Judged) {
    let name = escaped(&judged.name);
    // writing to a String does not fail
    let _ = write!(out, "    <testcase classname=\"sharewell.validate\" name=\"{name}\" file=\"{name}\"");
    let body = match &judged.result {
        Err(problem) => format!("      <error type=\"could-not-run\" message=\"{}\"/>\n", escaped(problem)),
        Ok(report) => failure(&judged.name, report) + &aside(&judged.name, report),
    };
    if body.is_empty() {
        out.push_str("/>\n");
    } else {
        let _ = write!(out, ">\n{body}    </testcase>\n");
    }
}

/// The errors of a file.
fn failure(name: &str, report: &Report) -> String {
    let Some(first) = report.issues.iter().find(|i| i.is_error()) else { return String::new() };
    let lines: Vec<String> = report.issues.iter().filter(|i| i.is_error()).map(|i| format!("{name}:{i}")).collect();
    format!(
        "      <failure type=\"{}\" message=\"{}\">{}</failure>\n",
        escaped(&first.id),
        counted(errors(report)),
        escaped(&lines.join("\n")).replace("&#10;", "\n")
    )
}

/// What is no error, and what was not checked.
fn aside(name: &str, report: &Report) -> String {
    let issues = report.issues.iter().filter(|i| !i.is_error()).map(|i| format!("{name}:{i}"));
    let lines: Vec<String> = issues.chain(report.unchecked.iter().map(ToString::to_string)).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("      <system-out>{}</system-out>\n", escaped(&lines.join("\n")).replace("&#10;", "\n"))
}

/// Text as it may stand in an attribute of XML 1.0; what XML has no way to write becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_xml_cannot_write_is_replaced() {
        assert_eq!(escaped("a\u{0}\u{1b}<\"&\n"), "a\u{fffd}\u{fffd}&lt;&quot;&amp;&#10;");
    }
}
