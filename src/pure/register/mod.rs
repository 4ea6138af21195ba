//! The register: what is known of a person besides their choices, from what a party records to what `decide` asks for.
//!
//! Comes in: the body of one recorded fact, or the bodies that were kept. Goes out: an [`Entry`] that may be stored, or
//! [`Facts`](crate::pure::decide::Facts) as of a time. Refuses: what its JSON Schema (`profiles/register.schema.json`) does
//! not allow, an NHS number whose check digit is wrong, a date that does not exist, a span that ends before it begins.
//!
//! A kept body that cannot be read stops everything: what it says might be a bar.

mod fact;
mod fold;
mod patient;
mod team;

pub use fact::{Fact, Span};
pub use fold::{Known, facts};
pub use patient::take_up;
pub use team::take_up_teams;

use crate::pure::fhir::json::{self, Limits};
use crate::pure::fhir::{Issue, Report, nhs_number};
use crate::pure::parse::Schema;

/// Findings told of one body.
const MOST: usize = 20;

/// A kind of fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A party cares for the person.
    Relationship,
    /// Somebody may speak for the person.
    Representative,
    /// Capacity to decide about sharing, as assessed.
    Capacity,
    /// The National Data Opt-Out, as it was checked.
    OptOut,
    /// Where the person is must not be told.
    RestrictedAddress,
    /// The person has died.
    Death,
    /// A legal bar on parts of the record.
    Bar,
    /// An order of law, or of safeguarding.
    Order,
    /// A party's own declaration of an emergency.
    Emergency,
    /// What is held is to be stored and nothing else (UK GDPR Art 18).
    Restriction,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 10] = [
        Kind::Relationship,
        Kind::Representative,
        Kind::Capacity,
        Kind::OptOut,
        Kind::RestrictedAddress,
        Kind::Death,
        Kind::Bar,
        Kind::Order,
        Kind::Emergency,
        Kind::Restriction,
    ];

    /// Its word in addresses, in the schema and in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Relationship => "relationship",
            Kind::Representative => "representative",
            Kind::Capacity => "capacity",
            Kind::OptOut => "opt-out",
            Kind::RestrictedAddress => "restricted-address",
            Kind::Death => "death",
            Kind::Bar => "bar",
            Kind::Order => "order",
            Kind::Emergency => "emergency",
            Kind::Restriction => "restriction",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.word() == word)
    }
}

/// A fact that may be stored.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whose: an NHS number with the right check digit.
    pub patient: String,
    /// The body, compact JSON.
    pub body: String,
    /// What it says.
    pub fact: Fact,
}

/// The schemas of all kinds, compiled.
#[derive(Debug)]
pub struct Forms(Vec<(Kind, Schema)>);

impl Forms {
    /// Compiles the published schema, kind by kind.
    ///
    /// # Errors
    /// A report that says why it is no JSON Schema.
    pub fn compile(published: &[u8]) -> Result<Forms, Report> {
        let wrong = |why: &str| Report::from(Issue::error("structure", "bad-schema", why.to_owned()));
        let whole: serde_json::Value =
            serde_json::from_slice(published).map_err(|_| wrong("the schema of the register is no JSON"))?;
        let one = |kind: Kind| {
            let mut schema = whole.clone();
            let object = schema.as_object_mut().ok_or_else(|| wrong("the schema of the register is no object"))?;
            if object.get("$defs").and_then(|defs| defs.get(kind.word())).is_none() {
                return Err(wrong("the schema of the register does not describe every kind"));
            }
            object.insert("$ref".to_owned(), format!("#/$defs/{}", kind.word()).into());
            Ok((kind, Schema::compile("register.schema.json", schema.to_string().as_bytes())?))
        };
        Kind::ALL.into_iter().map(one).collect::<Result<_, _>>().map(Forms)
    }

    /// Reads the body of a fact that is to be recorded.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place and a remedy; no value is quoted.
    pub fn read(&self, kind: Kind, bytes: &[u8]) -> Result<Entry, Report> {
        let tree = json::read(bytes, &Limits::default())?;
        let Some((_, schema)) = self.0.iter().find(|(k, _)| *k == kind) else { return Err(Report::default()) };
        schema.check(&tree, bytes, MOST)?;
        let root = tree.root();
        let number = root.at_path(&["patient", "value"]);
        let patient = number.and_then(|n| n.str()).unwrap_or_default();
        if !nhs_number::is_valid(patient) {
            let issue =
                Issue::error("value", "register-nhs-number", "the check digit of `patient.value` is wrong".into());
            let issue = issue.on(number.unwrap_or(root)).rule("NHS Data Dictionary, NHS NUMBER");
            return Err(issue.remedy("write the ten digits of the NHS number, without spaces").into());
        }
        let fact = Fact::read(kind, root)?;
        Ok(Entry { patient: patient.to_owned(), body: root.to_json(), fact })
    }
}
