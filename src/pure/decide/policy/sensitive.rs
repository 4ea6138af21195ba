//! Sensitive sets: codes and words that raise a label, and those the law bars.

use crate::pure::decide::rules::RuleId;
use regex::Regex;
use std::collections::HashMap;

/// One set.
#[derive(Clone, Debug)]
pub(in crate::pure::decide) struct Sensitive {
    pub law: Option<String>,
    pub bar: Option<RuleId>,
    pub exemption: Option<String>,
    /// The person's explicit consent to this, for a recipient they name, lifts the bar: its law says so.
    pub consent_lifts: bool,
    pub label: Option<String>,
    pub confidentiality: u8,
    pub words: Vec<String>,
}

/// All of them, arranged for looking up.
#[derive(Clone, Debug, Default)]
pub(in crate::pure::decide) struct Sets {
    pub sets: Vec<Sensitive>,
    /// Code → (system, set).
    pub by_code: HashMap<String, Vec<(String, usize)>>,
    /// All words of all sets, for one pass over a text.
    pub words: Option<Regex>,
    /// Label → the labels below it.
    pub below: HashMap<String, Vec<String>>,
}

impl Sets {
    /// The sets of a code.
    pub fn of<'s>(&'s self, system: Option<&'s str>, code: &str) -> impl Iterator<Item = usize> + use<'s> {
        let found = self.by_code.get(code).into_iter().flatten();
        found.filter(move |(s, _)| system.is_none_or(|x| x == s)).map(|(_, set)| *set)
    }

    /// The first set one of whose words stands in a text.
    pub fn named_in(&self, text: &str) -> Option<usize> {
        let found = self.words.as_ref()?.find(text)?.as_str();
        self.sets.iter().position(|s| s.words.iter().any(|w| w.eq_ignore_ascii_case(found)))
    }

    /// Whether a label is one the policy knows.
    pub fn knows(&self, label: &str) -> bool {
        self.below.iter().any(|(above, below)| above == label || below.iter().any(|b| b == label))
    }
}
