//! A decision written down with all it rests on, and read back to be made again (promise P6).
//!
//! Comes in: the question, the evidence, the digest of the rules, what was decided about, and the answer. Goes out:
//! [`Grounds`]: one JSON document that names what is large or common by SHA-256, and those parts. Back: [`Recorded`], which
//! [`Recorded::again`] decides as it was decided then. Refuses: a document of another form, a part that is not what its
//! digest says, words this program does not know. Nothing is guessed: what is not there is not replayed.
//!
//! The record is kept, not what `decide` makes of it: only then is a replay the whole decision again, labels and sections
//! included, and can another engine be held against it.

use super::{Asked, Choice, Decision, Effect, Evidence, Facts, Identity, Other, Party, Policy, Question, Reason, Told};
use super::{decide_question, explain};
use crate::pure::audit::{Grounds, Part};
use crate::pure::fhir::File;
use crate::pure::fhir::json::{self, Limits};
use jiff::Timestamp;
use openssl::sha::sha256;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The form of the document. Another number is another form.
const FORM: u32 = 1;

/// The program's version and the digest of what it decides by (see `build.rs`): another engine may decide otherwise.
#[must_use]
pub fn engine() -> String {
    format!("{} {}", env!("CARGO_PKG_VERSION"), env!("SHAREWELL_ENGINE"))
}

/// What was decided about.
#[derive(Clone, Debug)]
pub enum About {
    /// A record that the store holds, by its id there, with the digest of its compact JSON.
    Stored {
        /// Its id in the store.
        id: String,
        /// SHA-256 of its compact JSON.
        digest: [u8; 32],
    },
    /// A record that came by, such as a source's answer: compact JSON.
    Passing(Arc<Part>),
    /// What a pull asks for.
    Asked(Asked),
}

/// What all decisions under one policy rest on.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The rule files as loaded.
    pub policy: Arc<Part>,
    /// The site's own definitions, where it has some beside the program's.
    pub definitions: Option<Arc<Part>>,
}

impl Rules {
    /// Writes down the rule files as loaded, and the site's own definitions.
    #[must_use]
    pub fn of(policy: &[File], definitions: Option<&[File]>) -> Rules {
        let rules: Vec<File> = policy.iter().filter(|file| file.path.ends_with(".toml")).cloned().collect();
        let definitions = definitions.map(|files| Part::new("definitions", text(&files_text(files))));
        Rules { policy: Part::new("policy", text(&files_text(&rules))), definitions }
    }

    /// The files of a part: a policy's or definitions.
    ///
    /// # Errors
    /// When it is no list of files.
    pub fn files(what: &'static str, bytes: &[u8]) -> Result<Vec<File>, Unreplayable> {
        let list: Vec<(String, String)> = parsed(what, bytes)?;
        let file = |(path, text): (String, String)| {
            let bytes = openssl::base64::decode_block(&text).map_err(|_| Unreplayable::Foreign(what))?;
            Ok(File { path, bytes: bytes.into() })
        };
        list.into_iter().map(file).collect()
    }
}

/// Path and content, base64.
fn files_text(files: &[File]) -> Vec<(&str, String)> {
    files.iter().map(|file| (file.path.as_str(), openssl::base64::encode_block(&file.bytes))).collect()
}

/// What decisions at one moment about one person rest on, whoever asks. Made once for all recipients of a record.
#[derive(Clone, Debug)]
pub struct Gathered {
    facts: Arc<Part>,
    choices: Vec<Arc<Part>>,
    epoch: u64,
    read_at: Timestamp,
}

impl Gathered {
    /// Writes the evidence down.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Gathered {
        let (subject, facts) = (evidence.subject.clone(), evidence.facts.clone());
        let known = Known { subject, facts, others: evidence.others.clone() };
        Gathered {
            facts: Part::new("facts", text(&known)),
            choices: evidence.choices.iter().map(|choice| Part::new("choice", choice.to_rules())).collect(),
            epoch: evidence.epoch,
            read_at: evidence.read_at,
        }
    }
}

/// What is known of the person besides choices.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    subject: Identity,
    facts: Facts,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<Other>,
}

/// The document. Digests stand in hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    form: u32,
    engine: String,
    policy: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    definitions: Option<String>,
    party: String,
    question: Question,
    facts: String,
    choices: Vec<String>,
    epoch: u64,
    read_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Asked>,
    answer: String,
}

/// Writes down one decision.
#[must_use]
pub fn write(question: &Question, gathered: &Gathered, about: &About, decision: &Decision, rules: &Rules) -> Grounds {
    let party = Part::new("party", text(&question.party));
    let answer = Part::new("answer", answer(decision).to_string());
    let (record, stored, asked) = match about {
        About::Stored { id, digest } => (Some(hex(digest)), Some(id.clone()), None),
        About::Passing(part) => (Some(hex(&part.digest)), None, None),
        About::Asked(asked) => (None, None, Some(asked.clone())),
    };
    let document = Document {
        form: FORM,
        engine: engine(),
        policy: hex(&rules.policy.digest),
        definitions: rules.definitions.as_ref().map(|part| hex(&part.digest)),
        party: hex(&party.digest),
        question: Question { party: Party::default(), ..question.clone() },
        facts: hex(&gathered.facts.digest),
        choices: gathered.choices.iter().map(|part| hex(&part.digest)).collect(),
        epoch: gathered.epoch,
        read_at: gathered.read_at,
        record,
        stored,
        asked,
        answer: hex(&answer.digest),
    };
    let mut parts = vec![Arc::clone(&rules.policy), party, Arc::clone(&gathered.facts), answer];
    parts.extend(rules.definitions.clone());
    parts.extend(gathered.choices.iter().cloned());
    if let About::Passing(part) = about {
        parts.push(Arc::clone(part));
    }
    Grounds { fingerprint: decision.fingerprint(), engine: engine(), document: text(&document), parts }
}

/// Why a written decision cannot be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreplayable {
    /// Something it rests on is not there any more: what.
    Missing(&'static str),
    /// Something is not what was written: what.
    Tampered(&'static str),
    /// This program does not understand what another one wrote: what.
    Foreign(&'static str),
}

impl std::fmt::Display for Unreplayable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreplayable::Missing(what) => write!(f, "the {what} it rests on is not kept any more"),
            Unreplayable::Tampered(what) => write!(f, "the {what} it rests on is not what was written down"),
            Unreplayable::Foreign(what) => write!(f, "the {what} it rests on is written in a form this program lacks"),
        }
    }
}

/// Where what a document names is fetched: a part by its digest, or a stored record by its id.
pub trait Shelf {
    /// The bytes of a part, by its digest in hexadecimal.
    fn part(&self, digest: &str) -> Option<Vec<u8>>;
    /// The compact JSON of a stored record.
    fn record(&self, id: &str) -> Option<String>;
}

/// A decision read back.
#[derive(Debug)]
pub struct Recorded {
    /// The question.
    pub question: Question,
    /// What was known.
    pub evidence: Evidence,
    /// Which engine decided.
    pub engine: String,
    /// Digest of the rule files it was decided by, in hexadecimal: a part.
    pub policy: String,
    /// Digest of the site's definitions, where it had some: a part.
    pub definitions: Option<String>,
    /// The answer then.
    pub answer: Value,
    matter: Matter,
}

#[derive(Debug)]
enum Matter {
    Record(String),
    Asked(Asked),
}

impl Recorded {
    /// Reads a document and all that it names.
    ///
    /// # Errors
    /// What is missing, changed or not understood.
    pub fn read(document: &str, shelf: &dyn Shelf) -> Result<Recorded, Unreplayable> {
        let document: Document =
            serde_json::from_str(document).map_err(|_| Unreplayable::Foreign("description of its inputs"))?;
        if document.form != FORM {
            return Err(Unreplayable::Foreign("description of its inputs"));
        }
        let party = parsed("party", &fetched(shelf, "party", &document.party)?)?;
        let known: Known = parsed("facts", &fetched(shelf, "facts", &document.facts)?)?;
        let choice = |digest: &String| parsed::<Choice>("choice", &fetched(shelf, "choice", digest)?);
        let choices = document.choices.iter().map(choice).collect::<Result<Vec<Choice>, Unreplayable>>()?;
        let answer = parsed("answer", &fetched(shelf, "answer", &document.answer)?)?;
        let matter = match (document.record, document.stored, document.asked) {
            (Some(digest), Some(id), None) => {
                let record = shelf.record(&id).ok_or(Unreplayable::Missing("record"))?;
                if hex(&sha256(record.as_bytes())) != digest {
                    return Err(Unreplayable::Tampered("record"));
                }
                Matter::Record(record)
            }
            (Some(digest), None, None) => {
                let bytes = fetched(shelf, "record", &digest)?;
                Matter::Record(String::from_utf8(bytes).map_err(|_| Unreplayable::Tampered("record"))?)
            }
            (None, None, Some(asked)) => Matter::Asked(asked),
            _ => return Err(Unreplayable::Foreign("description of its inputs")),
        };
        Ok(Recorded {
            question: Question { party, ..document.question },
            evidence: Evidence {
                subject: known.subject,
                choices,
                epoch: document.epoch,
                facts: known.facts,
                read_at: document.read_at,
                others: known.others,
            },
            engine: document.engine,
            policy: document.policy,
            definitions: document.definitions,
            answer,
            matter,
        })
    }

    /// Decides it again, by the rules it was decided by.
    ///
    /// # Errors
    /// When the record kept is no record.
    pub fn again(&self, policy: &Policy) -> Result<Decision, Unreplayable> {
        match &self.matter {
            Matter::Asked(asked) => Ok(decide_question(&self.question, asked, &self.evidence, policy)),
            Matter::Record(text) => {
                let tree = json::read(text.as_bytes(), &Limits::default());
                let tree = tree.map_err(|_| Unreplayable::Foreign("record"))?;
                Ok(explain(&self.question, &[tree.root()], &self.evidence, policy))
            }
        }
    }
}

/// A part's bytes, if they are what their digest says.
///
/// # Errors
/// They are missing, or changed.
pub fn fetched(shelf: &dyn Shelf, what: &'static str, digest: &str) -> Result<Vec<u8>, Unreplayable> {
    let bytes = shelf.part(digest).ok_or(Unreplayable::Missing(what))?;
    if hex(&sha256(&bytes)) == digest { Ok(bytes) } else { Err(Unreplayable::Tampered(what)) }
}

fn parsed<T: for<'de> Deserialize<'de>>(what: &'static str, bytes: &[u8]) -> Result<T, Unreplayable> {
    serde_json::from_slice(bytes).map_err(|_| Unreplayable::Foreign(what))
}

fn text(value: &impl Serialize) -> String {
    // Fails for a map without text keys, and there is none; an empty document is refused when it is read.
    serde_json::to_string(value).unwrap_or_default()
}

/// The answer as one JSON object, without times and fingerprint: all of it that has to come out again.
#[must_use]
pub fn answer(decision: &Decision) -> Value {
    let cuts = decision.cuts().iter().map(|cut| {
        json!({ "path": cut.path, "whole": cut.whole, "aside": cut.aside, "sections": cut.sections,
            "why": reason(&cut.reason) })
    });
    let sections = decision.sections().iter().map(|s| {
        json!({ "section": s.code, "sent": s.sent.code(), "released": s.released, "withheld": s.withheld,
            "why": reason(&s.reason) })
    });
    json!({
        "decision": decision.outcome().code(),
        "reasons": decision.reasons().iter().map(reason).collect::<Vec<_>>(),
        "sections": sections.collect::<Vec<_>>(),
        "cuts": cuts.collect::<Vec<_>>(),
        "released": decision.released(),
        "withheld": decision.withheld(),
        // Rust's own spelling of an enum of plain values; read by nobody but a comparison
        "obligations": decision.obligations().iter().map(|o| format!("{o:?}")).collect::<Vec<_>>(),
        "toldThatSomethingIsWithheld": decision.told() == Told::SomethingWithheld,
        "basis": decision.legal_basis(),
        "boundaries": decision.boundaries(),
    })
}

fn reason(reason: &Reason) -> Value {
    let choice = reason.choice.as_ref();
    let effect = match reason.effect {
        Effect::Permit => "permit",
        Effect::Deny => "deny",
        Effect::Note => "note",
    };
    json!({ "rule": reason.rule.id(), "effect": effect, "choice": choice.map(|c| &c.reference),
        "version": choice.map(|c| &c.version), "dialect": choice.map(|c| c.dialect), "basis": reason.basis })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::decide::{
        Action, Authority, Bar, BreakGlass, Capacity, Code, Fallback, Order, Relation, Relationship, Representative,
        Right, RuleId, decide_question, read_choice,
    };
    use std::collections::HashMap;

    struct Parts(HashMap<String, Vec<u8>>);

    impl Shelf for Parts {
        fn part(&self, digest: &str) -> Option<Vec<u8>> {
            self.0.get(digest).cloned()
        }
        fn record(&self, _: &str) -> Option<String> {
            None
        }
    }

    const CONSENT: &str = r#"{"resourceType":"Consent","id":"c","status":"active","dateTime":"2026-01-01",
        "patient":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}},
        "scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
        "provision":{"type":"permit","period":{"end":"2027-06-30"},
        "provision":[{"type":"deny","class":[{"code":"Observation"}]}]}}"#;

    fn everything_said() -> (Question, Evidence) {
        let at: Timestamp = "2026-06-01T09:00:00.123456789Z".parse().expect("a time");
        let somebody = Identity::by_identifier("https://fhir.nhs.uk/Id/nhs-number", "9990000018");
        let texts = |word: &str| vec![word.to_owned()];
        let party = Party {
            id: "beckside-surgery".to_owned(),
            identifiers: vec![("s".to_owned(), "v".to_owned())],
            purposes: texts("TREAT"),
            audiences: texts("gp-practice"),
            groups: texts("Group/1"),
            groups_known: true,
            person: Some(Identity::by_reference("Patient/1")),
            ..Party::default()
        };
        let question = Question {
            custodian: Some(Identity::by_reference("Organization/1")),
            break_glass: Some(BreakGlass {
                reason: "unconscious".to_owned(),
                declared_at: Some(at),
                ..BreakGlass::default()
            }),
            declared_bases: texts("s251"),
            self_claimed: true,
            categories: vec![Code::bare("INFA")],
            relation: Relation::Presumed,
            fallback: Some(Fallback::BasicNormal),
            ..Question::new(party, "TREAT", Action::Access, at)
        };
        let tree = json::read(CONSENT.as_bytes(), &Limits::default()).expect("JSON");
        let choice = read_choice(tree.root()).expect("readable");
        let (from, until) = (Some(at), None);
        let who = somebody.clone();
        let facts = Facts {
            capacity: Capacity::Has,
            age: Some(85),
            authority: Authority::AsRecorded,
            representatives: vec![Representative { who, right: Right::Consent, registered: true, from, until }],
            relationships: vec![Relationship { with: Identity::by_reference("Organization/2"), from, until }],
            opted_out: Some(false),
            verified: Some(true),
            bars: vec![Bar {
                id: "b".to_owned(),
                rule: RuleId::L4,
                references: texts("Goal/1"),
                texts: texts("a place"),
                exemption: None,
                recipients: Vec::new(),
            }],
            orders: vec![Order {
                id: "o".to_owned(),
                rule: RuleId::L6,
                basis: "an Act".to_owned(),
                decided_by: Some("a court".to_owned()),
                recipient: Identity::by_reference("Organization/3"),
                sections: texts("goals"),
                from,
                until: Some(at),
                tell_person: true,
            }],
            ..Facts::default()
        };
        let evidence = Evidence { choices: vec![choice], facts, epoch: 7, ..Evidence::none(somebody, at) };
        (question, evidence)
    }

    #[test]
    fn a_decision_comes_back_from_its_document_whole_and_with_its_fingerprint() {
        let files = crate::embedded::files("deploy/sharing/");
        let policy = Policy::compile(&files).expect("the rules compile");
        let (question, evidence) = everything_said();
        let asked = Asked { types: vec!["CarePlan".to_owned()], parameters: vec!["patient".to_owned()] };
        let decision = decide_question(&question, &asked, &evidence, &policy);
        let gathered = Gathered::of(&evidence);
        let grounds = write(&question, &gathered, &About::Asked(asked), &decision, &Rules::of(&files, None));
        let mut parts = Parts(grounds.parts.iter().map(|p| (hex(&p.digest), p.bytes.clone())).collect());
        let back = Recorded::read(&grounds.document, &parts).expect("it comes back");
        assert_eq!(format!("{:?}", back.question), format!("{question:?}"));
        assert_eq!(format!("{:?}", back.evidence), format!("{evidence:?}"));
        let rules = Rules::files("policy", &fetched(&parts, "policy", &back.policy).expect("kept")).expect("files");
        let policy = Policy::compile(&rules).expect("the same rules");
        let again = back.again(&policy).expect("it is decided");
        assert_eq!(again.fingerprint(), grounds.fingerprint);
        assert_eq!((answer(&again), &answer(&decision)), (answer(&decision), &back.answer));

        for body in parts.0.values_mut() {
            body.push(b' ');
        }
        assert_eq!(Recorded::read(&grounds.document, &parts).err(), Some(Unreplayable::Tampered("party")));
        assert_eq!(
            Recorded::read(&grounds.document, &Parts(HashMap::new())).err(),
            Some(Unreplayable::Missing("party"))
        );
        let other = grounds.document.replace("\"form\":1", "\"form\":2");
        assert!(matches!(Recorded::read(&other, &parts), Err(Unreplayable::Foreign(_))));
    }
}
