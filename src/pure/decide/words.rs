//! The small words of a decision: codes, three-valued truth, actions, and whether two names mean one party.

use crate::pure::fhir::Item;
use serde::{Deserialize, Serialize};

/// Where a code comes from and what it is. Two codes are the same where both agree; see [`Code::same`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Code {
    /// Its system, where one is written.
    pub system: Option<String>,
    /// The code.
    pub code: String,
}

impl Code {
    /// A code of a system.
    #[must_use]
    pub fn of(system: &str, code: &str) -> Code {
        Code { system: Some(plain_system(system).to_owned()), code: code.to_owned() }
    }

    /// A code whose system goes without saying.
    #[must_use]
    pub fn bare(code: &str) -> Code {
        Code { system: None, code: code.to_owned() }
    }

    /// Reads a Coding. None where it has no code.
    #[must_use]
    pub fn read(coding: Item<'_>) -> Option<Code> {
        let code = coding.str_at(&["code"])?;
        let system = coding.str_at(&["system"]).map(|s| plain_system(s).to_owned());
        Some(Code { system, code: code.to_owned() })
    }

    /// The codings of a CodeableConcept.
    pub fn concept(concept: Item<'_>) -> impl Iterator<Item = Code> {
        concept.all("coding").filter_map(Code::read)
    }

    /// Whether it is this code of this system, a missing system counting as any.
    #[must_use]
    pub fn is(&self, system: &str, code: &str) -> bool {
        self.code == code && self.system.as_deref().is_none_or(|s| s == plain_system(system))
    }

    /// Whether both mean the same: the codes agree, and so do the systems where both are written.
    #[must_use]
    pub fn same(&self, other: &Code) -> bool {
        self.code == other.code
            && match (&self.system, &other.system) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            }
    }
}

/// A system as we compare it. NHS services write `https://terminology.hl7.org`, HL7 writes `http`: the same systems.
#[must_use]
pub fn plain_system(system: &str) -> &str {
    const SECURE: &str = "https://terminology.hl7.org/";
    if system.starts_with(SECURE) {
        // the same text without the `s` stands nowhere in the input, so known systems are spelled out
        return KNOWN.iter().find(|k| k[4..] == system[5..]).copied().unwrap_or(system);
    }
    system
}

const KNOWN: [&str; 10] = [
    CONFIDENTIALITY,
    ACT_CODE,
    ACT_REASON,
    PARTICIPATION,
    SCOPE,
    ACTION,
    NULL_FLAVOR,
    OBSERVATION_VALUE,
    "http://terminology.hl7.org/CodeSystem/consentcategorycodes",
    "http://terminology.hl7.org/CodeSystem/v3-RoleClass",
];

/// v3 Confidentiality.
pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
/// v3 ActCode.
pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// v3 ActReason: purposes of use.
pub const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// v3 ParticipationType: roles of a provision's actor.
pub const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
/// Scopes of a Consent.
pub const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
/// Actions of a Consent.
pub const ACTION: &str = "http://terminology.hl7.org/CodeSystem/consentaction";
/// Why a value is missing.
pub const NULL_FLAVOR: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";
/// v3 ObservationValue: SUBSETTED, REDACTED.
pub const OBSERVATION_VALUE: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
/// Resource types, as classes of a provision.
pub const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";
/// Sections of a plan.
pub const PLAN_SECTION: &str = "https://sharewell.example/fhir/CodeSystem/plan-section";
/// Audiences a choice may name.
pub const AUDIENCE: &str = "https://sharewell.example/fhir/CodeSystem/sharing-audience";
/// Organisations of England.
pub const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// NHS numbers.
pub const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// Legal basis of a proxy (NHS Validated Relationships).
pub const PROXY_BASIS: &str = "https://fhir.nhs.uk/England/CodeSystem/England-NHSProxyLegalBasis";

/// Three-valued truth. A deny fires on `Unknown`, a permit does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It is not so.
    False,
    /// It cannot be told.
    Unknown,
    /// It is so.
    True,
}

impl Truth {
    /// Both.
    #[must_use]
    pub fn and(self, other: Truth) -> Truth {
        self.min(other)
    }

    /// Either.
    #[must_use]
    pub fn or(self, other: Truth) -> Truth {
        self.max(other)
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Truth {
        if value { Truth::True } else { Truth::False }
    }
}

/// What is to be done with the data (R4 code system consentaction).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Action {
    /// Take into a system.
    Collect,
    /// Read: what a pull does.
    Access,
    /// Work with.
    Use,
    /// Hand on: what a push does.
    Disclose,
    /// Change.
    Correct,
}

impl Action {
    /// The action of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Action> {
        Some(match code {
            "collect" => Action::Collect,
            "access" => Action::Access,
            "use" => Action::Use,
            "disclose" => Action::Disclose,
            "correct" => Action::Correct,
            _ => return None,
        })
    }

    /// Its code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Action::Collect => "collect",
            Action::Access => "access",
            Action::Use => "use",
            Action::Disclose => "disclose",
            Action::Correct => "correct",
        }
    }

    /// Whether it lets somebody learn what the data say. A deny of one such action speaks to them all.
    #[must_use]
    pub fn reveals(self) -> bool {
        self != Action::Correct
    }
}

/// How a party or a person is named: by references, by identifiers, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Hash)]
pub struct Identity {
    /// References: `Practitioner/7`, or absolute.
    pub references: Vec<String>,
    /// System and value: an ODS code, an NHS number, a local id.
    pub identifiers: Vec<(String, String)>,
}

impl Identity {
    /// Somebody named by one identifier.
    #[must_use]
    pub fn by_identifier(system: &str, value: &str) -> Identity {
        Identity { references: Vec::new(), identifiers: vec![(system.to_owned(), value.to_owned())] }
    }

    /// Somebody named by one reference.
    #[must_use]
    pub fn by_reference(reference: &str) -> Identity {
        Identity { references: vec![reference.to_owned()], identifiers: Vec::new() }
    }

    /// Whether nothing is known of them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.references.is_empty() && self.identifiers.is_empty()
    }

    /// Whether both name the same. An identifier that both have decides; two identifiers of one system with different
    /// values are two people. Else references are compared. With nothing in common it cannot be told.
    #[must_use]
    pub fn same(&self, other: &Identity) -> Truth {
        let mut answer = None;
        for (system, value) in &self.identifiers {
            for (other_system, other_value) in &other.identifiers {
                if system == other_system {
                    if value == other_value {
                        return Truth::True;
                    }
                    answer = Some(Truth::False);
                }
            }
        }
        if let Some(answer) = answer {
            return answer;
        }
        for reference in &self.references {
            for other_reference in &other.references {
                let same = same_reference(reference, other_reference);
                answer = Some(answer.map_or(same, |a: Truth| a.or(same)));
            }
        }
        answer.unwrap_or(Truth::Unknown)
    }
}

/// Whether two references point at one thing. One relative and one absolute with the same end cannot be told apart.
#[must_use]
pub fn same_reference(one: &str, other: &str) -> Truth {
    let (one, other) = (without_version(one), without_version(other));
    if one == other {
        return Truth::True;
    }
    // most names end differently, and then nothing else of them matters
    let (long, short) = if one.len() > other.len() { (one, other) } else { (other, one) };
    if !long.ends_with(short) {
        return Truth::False;
    }
    let absolute = |r: &str| r.contains("://") || r.starts_with("urn:");
    if absolute(one) == absolute(other) {
        return Truth::False;
    }
    let (long, short) = if absolute(one) { (one, other) } else { (other, one) };
    let ends = long.strip_suffix(short).is_some_and(|rest| rest.ends_with('/'));
    if ends { Truth::Unknown } else { Truth::False }
}

pub(super) fn without_version(reference: &str) -> &str {
    // looked for by its `_`, which few references have
    let marks = |at: usize| reference[..at].ends_with('/') && reference[at..].starts_with("_history/");
    let found = reference.match_indices('_').map(|(at, _)| at).find(|at| marks(*at));
    found.map_or(reference, |at| &reference[..at - 1])
}

/// The full name of a system that is written by its last word: `v3-Confidentiality`.
#[must_use]
pub fn full_system(name: &str) -> String {
    let ours = [RESOURCE_TYPES, PLAN_SECTION, AUDIENCE];
    let known = KNOWN.iter().chain(&ours).find(|k| k.rsplit('/').next() == Some(name));
    known.map_or_else(|| name.to_owned(), |k| (*k).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_version_is_cut_off_where_the_first_history_begins(reference in "([a_/]|/_history/|_history){0,9}") {
            let plain = reference.split_once("/_history/").map_or(reference.as_str(), |(before, _)| before);
            prop_assert_eq!(without_version(&reference), plain);
        }

        #[test]
        fn references_are_told_apart_as_by_looking_at_all_of_them(
            one in "(urn:|https://x/)?[ab]{0,2}(/[ab]{1,2}){0,2}", other in "(urn:|https://x/)?[ab]{0,2}(/[ab]{1,2}){0,2}"
        ) {
            let absolute = |r: &str| r.contains("://") || r.starts_with("urn:");
            let below = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with('/'));
            let expected = if one == other {
                Truth::True
            } else if (absolute(&one) && !absolute(&other) && below(&one, &other))
                || (absolute(&other) && !absolute(&one) && below(&other, &one))
            {
                Truth::Unknown
            } else {
                Truth::False
            };
            prop_assert_eq!(same_reference(&one, &other), expected);
        }
    }
}
