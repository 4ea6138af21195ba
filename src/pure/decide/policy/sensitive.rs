//! Sensitive sets: codes and words that raise a label, and those the law bars.

use super::hierarchy::Hierarchy;
use super::toml::{Reader, place_of};
use crate::pure::decide::label::{RESTRICTED, rank};
use crate::pure::decide::rules::RuleId;
use crate::pure::decide::words::plain_system;
use crate::pure::fhir::{Issue, Place, Report};
use crate::pure::profile::Definitions;
use crate::pure::profile::code_system::CodeSystem;
use regex::{Regex, RegexBuilder};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use toml::de::DeTable;

/// One set.
#[derive(Clone, Debug)]
pub(in crate::pure::decide) struct Sensitive {
    pub id: String,
    pub law: Option<String>,
    pub bar: Option<RuleId>,
    pub exemption: Option<String>,
    /// The person's explicit consent to this, for a recipient they name, lifts the bar: its law says so.
    pub consent_lifts: bool,
    pub label: Option<String>,
    pub confidentiality: u8,
    words: Vec<String>,
    /// A word of it holds the resource until somebody has looked.
    pub words_hold: bool,
    /// The recipient may be told the label: it discloses no more than the resource does.
    pub told: bool,
}

/// A value set that only definitions can tell.
#[derive(Clone, Debug)]
struct Pending {
    url: String,
    set: usize,
    place: Place,
}

/// All of them, arranged for looking up.
#[derive(Clone, Debug, Default)]
pub(in crate::pure::decide) struct Sets {
    pub sets: Vec<Sensitive>,
    /// Code → (system, set).
    by_code: HashMap<String, Vec<(String, usize)>>,
    /// Systems all of whose codes are in a set.
    by_system: HashMap<String, Vec<usize>>,
    /// All words of all sets, for one pass over a text.
    words: Option<Regex>,
    by_word: HashMap<String, Vec<usize>>,
    /// Label → the labels below it.
    pub below: HashMap<String, Vec<String>>,
    pending: Vec<Pending>,
}

impl Sets {
    /// The sets of a code. A system that is not written counts as any.
    pub fn of<'s>(&'s self, system: Option<&'s str>, code: &str) -> impl Iterator<Item = usize> + use<'s> {
        let found = self.by_code.get(code).into_iter().flatten();
        let listed = found.filter(move |(s, _)| system.is_none_or(|x| x == s)).map(|(_, set)| *set);
        let whole = system.and_then(|s| self.by_system.get(s)).into_iter().flatten().copied();
        listed.chain(whole)
    }

    /// The sets of which a word stands in a text.
    pub fn named_in<'s>(&'s self, text: &'s str) -> impl Iterator<Item = usize> + use<'s> {
        let found = self.words.iter().flat_map(move |words| words.find_iter(text));
        found.flat_map(|word| self.by_word.get(&one_form(word.as_str())).into_iter().flatten().copied())
    }

    /// Whether a label is one the policy knows.
    pub fn knows(&self, label: &str) -> bool {
        self.below.iter().any(|(above, below)| above == label || below.iter().any(|b| b == label))
            || self.sets.iter().any(|s| s.label.as_deref() == Some(label))
    }

    /// Whether there are value sets that nobody has loaded: any code might be in one.
    pub fn is_blind(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The value sets that nobody has loaded, or that cannot be told in full, with their place.
    pub(super) fn unresolved(&self) -> Report {
        let mut report = Report::default();
        for pending in &self.pending {
            let text = format!("the codes of the value set `{}` are not known", pending.url);
            let issue = Issue::error("not-found", "policy-value-set-not-loaded", text).at(Some(pending.place.clone()));
            report.push(issue.remedy("load the package that holds it and the code systems it draws on"));
        }
        report
    }

    /// Takes the codes of value sets, and what lies below any code of a set, from the definitions.
    pub(super) fn learn(&mut self, definitions: &Definitions, hierarchy: &Hierarchy) {
        let mut left = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            match definitions.value_set(&pending.url).and_then(|v| v.expand()) {
                Some(codes) => codes.iter().for_each(|(system, code)| self.list(system, code, pending.set)),
                None => left.push(pending),
            }
        }
        self.pending = left;
        let mut by_set: HashMap<(String, usize), Vec<String>> = HashMap::new();
        for (code, system, set) in self.listed() {
            by_set.entry((system, set)).or_default().push(code);
        }
        for ((system, set), codes) in by_set {
            let known = definitions.code_system(&system);
            known.iter().flat_map(|known| all_below(known, &codes)).for_each(|code| self.list(&system, &code, set));
        }
        self.take_below(hierarchy);
    }

    fn listed(&self) -> Vec<(String, String, usize)> {
        let all = self.by_code.iter();
        all.flat_map(|(code, all)| all.iter().map(|(system, set)| (code.clone(), system.clone(), *set))).collect()
    }

    /// What lies below a code of a set by the rule files is in the set.
    fn take_below(&mut self, hierarchy: &Hierarchy) {
        for (code, system, set) in self.listed() {
            hierarchy.below(&system, &code).iter().for_each(|below| self.list(&system, below, set));
        }
    }

    fn list(&mut self, system: &str, code: &str, set: usize) {
        let sets = self.by_code.entry(code.to_owned()).or_default();
        let listed = (plain_system(system).to_owned(), set);
        if !sets.contains(&listed) {
            sets.push(listed);
        }
    }

    /// Joins the words of all sets into one pattern, and what lies below their codes to their codes.
    pub(super) fn link(&mut self, hierarchy: &Hierarchy, report: &mut Report) {
        self.take_below(hierarchy);
        let mut parts = Vec::new();
        for (index, set) in self.sets.iter().enumerate() {
            for word in &set.words {
                let form = one_form(word);
                let words: Vec<String> = form.split(' ').map(regex::escape).collect();
                parts.push(words.join(GAP));
                self.by_word.entry(form).or_default().push(index);
            }
        }
        if parts.is_empty() {
            return;
        }
        // the longest first, so that none hides behind its own beginning
        parts.sort_by_key(|p| std::cmp::Reverse(p.len()));
        match RegexBuilder::new(&format!(r"\b(?:{})\b", parts.join("|"))).case_insensitive(true).build() {
            Ok(pattern) => self.words = Some(pattern),
            Err(_) => {
                let text = "the `words` of the sensitive sets are too many".to_owned();
                let issue = Issue::error("invalid", "policy-too-many-words", text);
                report.push(issue.remedy("use fewer or shorter words"));
            }
        }
    }
}

/// What may stand between two words that are one term.
const GAP: &str = r"[\s\-\u{2010}-\u{2015}]+";

/// A term in lower case, its words one space apart.
fn one_form(term: &str) -> String {
    let is_gap = |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}');
    let words: Vec<String> = term.split(is_gap).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    words.join(" ")
}

/// The codes that lie below these in a hierarchy, and these.
fn all_below(system: &CodeSystem, codes: &[String]) -> Vec<String> {
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, concept) in system.concepts.iter().enumerate() {
        for parent in &concept.parents {
            children.entry(*parent as usize).or_default().push(at);
        }
    }
    let wanted: HashSet<&str> = codes.iter().map(String::as_str).collect();
    let concepts = system.concepts.iter().enumerate();
    let mut open: Vec<usize> = concepts.filter(|(_, c)| wanted.contains(&*c.code)).map(|(at, _)| at).collect();
    let mut seen = HashSet::new();
    while let Some(at) = open.pop() {
        if seen.insert(at) {
            open.extend(children.get(&at).into_iter().flatten());
        }
    }
    seen.into_iter().map(|at| system.concepts[at].code.to_string()).collect()
}

/// Reads `[[sensitive]]`.
pub(super) fn read(reader: &mut Reader<'_>, root: &DeTable<'_>, sets: &mut Sets) {
    const WORDS: [&str; 11] = [
        "id",
        "law",
        "bar",
        "exemption",
        "consent-lifts",
        "label",
        "confidentiality",
        "words",
        "on-words",
        "codes",
        "told",
    ];
    for (row, at) in reader.rows(root, "sensitive") {
        reader.only(row, &WORDS);
        let id = reader.needed(row, &at, "id").unwrap_or_default();
        let bar = reader.word(row, "bar", &["L2", "L3", "L4", "L5"]).and_then(RuleId::from_id);
        let law = reader.text(row, "law");
        if bar.is_some() && law.is_none() {
            reader.mistake(&at, "policy-bar-without-law", "a bar names no `law`".to_owned(), "add `law = \"…\"`");
        }
        let told = reader.truth(row, "told").unwrap_or(false);
        if bar.is_some() && told {
            let text = "the label of a barred set discloses what the law protects".to_owned();
            reader.mistake(&place_of(row, "told"), "policy-bar-told", text, "leave `told` out");
        }
        let word = reader.word(row, "confidentiality", &["N", "R", "V"]);
        let confidentiality = word.and_then(rank).unwrap_or(RESTRICTED);
        let words_hold = reader.word(row, "on-words", &["hold", "label"]) != Some("label");
        let set = sets.sets.len();
        for (codes, place) in reader.rows(row, "codes") {
            read_codes(reader, codes, &place, set, sets);
        }
        let consent_lifts = reader.truth(row, "consent-lifts").unwrap_or(false);
        let (exemption, label) = (reader.text(row, "exemption"), reader.text(row, "label"));
        let words = reader.texts(row, "words");
        sets.sets.push(Sensitive {
            id,
            law,
            bar,
            exemption,
            consent_lifts,
            label,
            confidentiality,
            words,
            words_hold,
            told,
        });
    }
}

/// One `[[sensitive.codes]]`: codes of a system, a whole system, or a value set.
fn read_codes(reader: &mut Reader<'_>, row: &DeTable<'_>, at: &Range<usize>, set: usize, sets: &mut Sets) {
    reader.only(row, &["system", "codes", "value-set", "code-system"]);
    let ways = ["system", "value-set", "code-system"].iter().filter(|key| row.contains_key(**key)).count();
    if ways != 1 {
        let text = "codes are of one `system`, one `value-set` or one whole `code-system`".to_owned();
        return reader.mistake(at, "policy-codes-of-nothing", text, "write one of the three");
    }
    if let Some(url) = reader.text(row, "value-set") {
        let place = reader.place(&place_of(row, "value-set"));
        sets.pending.push(Pending { url, set, place });
    }
    if let Some(system) = reader.text(row, "code-system") {
        sets.by_system.entry(plain_system(&system).to_owned()).or_default().push(set);
    }
    if let Some(system) = reader.text(row, "system") {
        let codes = reader.texts(row, "codes");
        if codes.is_empty() {
            let text = "`codes` lists none".to_owned();
            reader.mistake(at, "policy-no-codes", text, "list them, or name a whole `code-system`");
        }
        codes.iter().for_each(|code| sets.list(&system, code, set));
    }
}
