//! Code maps: FHIR ConceptMaps (R4 ConceptMap) or the short form, read in both directions.

use crate::pure::fhir::{Issue, Item, Limits, Report, json};
use std::collections::HashMap;

/// A FHIR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub system: Option<String>,
    pub code: String,
    pub display: Option<String>,
}

/// One code map.
#[derive(Debug, Default)]
pub(super) struct Codes {
    pub name: String,
    /// Local codes as they are written, and what each becomes.
    entries: Vec<(String, Target)>,
    by_local: HashMap<String, usize>,
    /// FHIR system and code to the entry whose local code comes back.
    by_fhir: HashMap<(String, String), usize>,
}

/// One line of a map on its way in.
struct Line {
    local: String,
    target: Target,
    preferred: bool,
    issue: Issue,
}

/// An entry that a FHIR code could come back as: its position, whether it is preferred, where it stands.
type Claim = (usize, bool, Issue);

/// How local codes are compared: letters and digits, lower case.
fn fold(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ' ' | '-' | '_' | '\t' | '\u{2013}')).flat_map(char::to_lowercase).collect()
}

impl Codes {
    /// What a local code becomes.
    pub fn out(&self, local: &str) -> Option<&Target> {
        let local = local.trim();
        let found = self.entries.iter().find(|(code, _)| code == local);
        found.map(|(_, target)| target).or_else(|| self.by_local.get(&fold(local)).map(|index| &self.entries[*index].1))
    }

    /// The local code of a FHIR code; without a system, whichever system it is of.
    pub fn back(&self, system: Option<&str>, code: &str) -> Option<&str> {
        let at = |system: &str| self.by_fhir.get(&(system.to_owned(), code.to_owned()));
        let found = at(system.unwrap_or_default()).or_else(|| at(""));
        found.map(|index| self.entries[*index].0.as_str())
    }

    /// The local codes, for a remedy.
    pub fn known(&self) -> String {
        let mut known = self.entries.iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>();
        known.truncate(24);
        known.join(", ")
    }

    fn build(name: &str, lines: Vec<Line>, read_only: Vec<Line>, report: &mut Report) -> Codes {
        let mut codes = Codes { name: name.to_owned(), ..Codes::default() };
        let mut claimed: HashMap<(String, String), Vec<Claim>> = HashMap::new();
        for line in lines {
            let index = codes.entries.len();
            if codes.by_local.insert(fold(&line.local), index).is_some() {
                let mut issue = line.issue.clone();
                issue.id = "code-twice".into();
                issue.text = format!("local code `{}` stands twice in code map `{name}`", line.local);
                report.push(issue.remedy("keep one; a further target of the same element is read and never written"));
            }
            let key = (line.target.system.clone().unwrap_or_default(), line.target.code.clone());
            claimed.entry(key).or_default().push((index, line.preferred, line.issue));
            codes.entries.push((line.local, line.target));
        }
        for ((system, code), of) in claimed {
            let preferred: Vec<_> = of.iter().filter(|(_, preferred, _)| *preferred).collect();
            let index = match (of.len(), preferred.as_slice()) {
                (1, _) => of[0].0,
                (_, [one]) => one.0,
                _ => {
                    let locals: Vec<_> = of.iter().map(|(i, ..)| format!("`{}`", codes.entries[*i].0)).collect();
                    let mut issue = of[of.len() - 1].2.clone();
                    issue.id = "codes-not-invertible".into();
                    issue.text = format!("{} become one FHIR code `{code}` in code map `{name}`", locals.join(" and "));
                    report.push(
                        issue.remedy("mark exactly one `equivalent` and the others `wider`, `narrower` or `inexact`"),
                    );
                    of[0].0
                }
            };
            codes.by_fhir.insert((String::new(), code.clone()), index);
            codes.by_fhir.insert((system, code), index);
        }
        for line in read_only {
            let Some(index) = codes.entries.iter().position(|(local, _)| *local == line.local) else { continue };
            let system = line.target.system.unwrap_or_default();
            codes.by_fhir.entry((system, line.target.code.clone())).or_insert(index);
            codes.by_fhir.entry((String::new(), line.target.code)).or_insert(index);
        }
        codes
    }

    /// The short form: local code and FHIR code. `place` says where a line of it stands.
    pub fn short(name: &str, pairs: &[(String, String, Issue)], report: &mut Report) -> Codes {
        let line = |(local, code, issue): &(String, String, Issue)| Line {
            local: local.clone(),
            target: Target { system: None, code: code.clone(), display: None },
            preferred: false,
            issue: issue.clone(),
        };
        Codes::build(name, pairs.iter().map(line).collect(), Vec::new(), report)
    }

    /// A ConceptMap of the mapping's own.
    pub fn concept_map(name: &str, path: &str, bytes: &[u8], report: &mut Report) -> Codes {
        match json::read(bytes, &Limits::default()) {
            Ok(tree) => Codes::read(name, tree.root(), Some(path), report),
            Err(mut found) => {
                for issue in &mut found.issues {
                    name_file(issue, Some(path));
                }
                report.extend(found);
                Codes::default()
            }
        }
    }

    /// A ConceptMap, of the mapping's own where `path` says its file, or one that is loaded with the definitions.
    pub fn read(name: &str, map: Item<'_>, path: Option<&str>, report: &mut Report) -> Codes {
        let (mut lines, mut read_only) = (Vec::new(), Vec::new());
        for group in map.all("group") {
            let system = group.get("target").and_then(Item::str);
            for element in group.all("element") {
                read_element(element, system, path, &mut lines, &mut read_only);
            }
        }
        if lines.is_empty() {
            let mut issue = Issue::error("structure", "no-codes", format!("code map `{name}` holds no code")).on(map);
            name_file(&mut issue, path);
            report.push(issue.remedy("write `group[].element[]` with `code` and `target[].code`"));
        }
        Codes::build(name, lines, read_only, report)
    }
}

fn name_file(issue: &mut Issue, path: Option<&str>) {
    if let (Some(place), Some(path)) = (&mut issue.place, path) {
        place.file = Some(format!("mappings/{path}"));
    }
}

fn read_element(
    element: Item<'_>,
    system: Option<&str>,
    path: Option<&str>,
    lines: &mut Vec<Line>,
    read_only: &mut Vec<Line>,
) {
    let Some(local) = element.get("code").and_then(Item::str) else { return };
    for (index, target) in element.all("target").enumerate() {
        let Some(code) = target.get("code").and_then(Item::str) else { continue };
        let equivalence = target.get("equivalence").and_then(Item::str).unwrap_or("equivalent");
        let mut issue = Issue::error("code-invalid", "", String::new()).on(target);
        name_file(&mut issue, path);
        let line = Line {
            local: local.to_owned(),
            target: Target {
                system: system.map(str::to_owned),
                code: code.to_owned(),
                display: target.get("display").and_then(Item::str).map(str::to_owned),
            },
            preferred: matches!(equivalence, "equal" | "equivalent"),
            issue,
        };
        if index == 0 { lines.push(line) } else { read_only.push(line) }
    }
}
