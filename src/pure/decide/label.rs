//! Security labels: how confidential, of what kind, and what the gateway's own sets add. Raised, never lowered.

use super::policy::Policy;
use super::words::{ACT_CODE, ACT_REASON, CONFIDENTIALITY, Code, OBSERVATION_VALUE, Truth, plain_system};
use crate::pure::fhir::Item;

/// Rank of `N`, normal.
pub(super) const NORMAL: u8 = 3;
/// Rank of `R`, restricted.
pub(super) const RESTRICTED: u8 = 4;

/// The rank of a v3 Confidentiality code: U, L, M, N, R, V upwards.
pub(super) fn rank(code: &str) -> Option<u8> {
    ["U", "L", "M", "N", "R", "V"].iter().position(|c| *c == code).map(|i| u8::try_from(i).unwrap_or(5))
}

/// The labels of one resource.
#[derive(Clone, Debug)]
pub(super) struct Labels<'t> {
    /// The high-water mark. Never below normal: `U` on a patient of PDS means "not flagged", not "public".
    pub confidentiality: u8,
    /// Codes of v3 ActCode and of other systems we know.
    pub kinds: Vec<&'t str>,
    /// A label of a system or code that the policy does not know.
    pub unknown: bool,
}

impl Default for Labels<'_> {
    fn default() -> Self {
        Labels { confidentiality: NORMAL, kinds: Vec::new(), unknown: false }
    }
}

impl<'t> Labels<'t> {
    /// Takes up one Coding of `meta.security`, or of an inline label.
    pub fn add(&mut self, coding: Item<'t>, policy: &Policy) {
        let code = coding.str_at(&["code"]).unwrap_or_default();
        match coding.str_at(&["system"]).map(plain_system) {
            Some(CONFIDENTIALITY) => match rank(code) {
                Some(rank) => self.confidentiality = self.confidentiality.max(rank),
                None => self.unknown = true,
            },
            Some(ACT_CODE) => {
                self.unknown |= !policy.sets.knows(code);
                self.kinds.push(code);
            }
            // a purpose on the data, and how it was altered, say nothing about how sensitive it is
            Some(ACT_REASON | OBSERVATION_VALUE) => {}
            _ => {
                self.unknown = true;
                self.kinds.push(code);
            }
        }
    }

    /// Raises by one of the policy's own sets.
    pub fn raise(&mut self, confidentiality: u8, label: Option<&'t str>) {
        self.confidentiality = self.confidentiality.max(confidentiality);
        if let Some(label) = label.filter(|l| !self.kinds.contains(l)) {
            self.kinds.push(label);
        }
    }

    /// Whether any of a permit's labels covers it: at most as confidential, or of that kind.
    pub fn within(&self, wanted: &[Code], policy: &Policy) -> Truth {
        self.each(wanted, |code| Truth::from(self.confidentiality <= code), policy)
    }

    /// Whether any of a deny's labels hits it: at least as confidential, or of that kind; a label we do not know might be.
    pub fn at_least(&self, wanted: &[Code], policy: &Policy) -> Truth {
        let found = self.each(wanted, |code| Truth::from(self.confidentiality >= code), policy);
        if self.unknown { found.or(Truth::Unknown) } else { found }
    }

    fn each(&self, wanted: &[Code], by_rank: impl Fn(u8) -> Truth, policy: &Policy) -> Truth {
        let mut found = Truth::False;
        for code in wanted {
            let one = match code.system.as_deref() {
                Some(CONFIDENTIALITY) => rank(&code.code).map_or(Truth::Unknown, &by_rank),
                _ => self.kinds.iter().map(|k| policy.label_reaches(&code.code, k)).max().unwrap_or(Truth::False),
            };
            found = found.or(one);
        }
        found
    }
}

/// Labels as a request states them, without a resource.
pub(super) fn stated<'t>(codes: &'t [Code], policy: &Policy) -> Labels<'t> {
    let mut labels = Labels::default();
    for code in codes {
        match code.system.as_deref() {
            Some(CONFIDENTIALITY) => match rank(&code.code) {
                Some(rank) => labels.confidentiality = labels.confidentiality.max(rank),
                None => labels.unknown = true,
            },
            _ => {
                labels.unknown |= !policy.sets.knows(&code.code);
                labels.kinds.push(&code.code);
            }
        }
    }
    labels
}
