//! An answer in the syntax its caller reads: every room makes JSON, and XML says the same (R4 §3.1.0.1.11).

use crate::edge::listen::{Answer, Wanted, answer};
use crate::pure::fhir::{Limits, json, xml};
use crate::pure::profile::Definitions;

/// The answer as it was asked for. What XML cannot say, which no record that was validated holds, stays JSON and says so.
pub(super) fn spoken(answer: Answer, wanted: Wanted, definitions: &Definitions) -> Answer {
    let media = match wanted {
        Wanted::FhirXml => answer::FHIR_XML,
        Wanted::Xml => answer::XML,
        Wanted::FhirJson | Wanted::Json => return answer,
    };
    if answer.media != answer::FHIR_JSON {
        return answer;
    }
    let tree = json::read(&answer.body, &Limits::default());
    match tree.and_then(|tree| xml::write(tree.root(), definitions)) {
        Ok(text) => Answer { media, body: text.into(), ..answer },
        Err(_) => answer,
    }
}
