//! What is released, byte by byte: nothing of what was withheld, and the same whatever was withheld.

use super::properties::{holds, told};
use super::source::{Said, Source};
use super::world::{Case, evidence, question};
use super::{cases, plans, records};
use serde_json::Value;
use sharewell::pure::decide::{Decision, Outcome, decide};
use sharewell::pure::redact::redact;
use sharewell::pure::validate::Validated;

fn validated(bundle: &Value) -> Result<Validated, String> {
    Validated::new(plans::tree(bundle), &[], plans::definitions())
        .map_err(|r| format!("a generated record is not valid: {:?}", r.issues))
}

/// The decision about a record, and the bytes it releases, if any.
fn released(case: &Case, record: &Validated) -> (Decision, Option<String>) {
    let decision = decide(&question(&case.ask), record, &evidence(case), plans::policy());
    let permit = decision.clone().into_permit().ok();
    let bytes = permit.and_then(|p| redact(record, p, plans::definitions()).ok()).map(|r| r.bundle().root().to_json());
    (decision, bytes)
}

/// A case in which something is likely to go and something to stay.
fn likely(source: &mut Source) -> Case {
    let mut case = cases::any(source);
    case.ask.relation = "presumed";
    case.facts.verified = None;
    case.facts.read_at = case.ask.now;
    for part in &mut case.parts {
        // a record with codes that do not exist is refused before anybody decides about it
        part.labels.retain(|(_, code)| !["odd", "ODD"].contains(code));
        part.tags.retain(|tag| *tag != "unheard-of");
        part.labels.sort_unstable();
        part.labels.dedup();
    }
    case
}

fn contains_name(json: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
    json.match_indices(name).any(|(at, _)| ends(&json[at + name.len()..]))
}

pub fn what_is_withheld_stands_nowhere_in_what_is_released(source: &mut Source) -> Said {
    let case = likely(source);
    let record = validated(&records::bundle(&case.parts))?;
    let (decision, bytes) = released(&case, &record);
    let Some(json) = bytes else { return Ok(()) };
    holds(decision.outcome() != Outcome::Deny, &case, || "a denial releases".to_owned())?;
    let answer = told(&decision, &case);
    for part in case.parts.iter().filter(|p| !answer.goes.contains(&p.name())) {
        let name = part.name();
        let gone = !contains_name(&json, &name) && !contains_name(&json, &format!("words of {name}"));
        holds(gone, &case, || format!("{name} is withheld and named in {json}"))?;
        for (_, code) in part.codes.iter().filter(|c| {
            !case
                .parts
                .iter()
                .any(|p| answer.goes.contains(&p.name()) && (p.codes.contains(c) || p.contained == Some(**c)))
        }) {
            holds(!json.contains(code), &case, || format!("code {code} of {name} is withheld and stands in {json}"))?;
        }
    }
    let cut = |element: &str| answer.stays.iter().any(|s| s.contains(element));
    for (element, word) in [
        ("Patient/winifred.address", "NM4 7QT"),
        ("Patient/winifred.telecom", "960001"),
        ("CarePlan/plan.note", "a note for the whole plan"),
    ] {
        holds(!cut(element) || !json.contains(word), &case, || format!("{element} is withheld and stands in {json}"))?;
    }
    let copy: Value = serde_json::from_str(&json).expect("it is JSON");
    for resource in copy["entry"].as_array().into_iter().flatten().map(|e| &e["resource"]) {
        let text = |key: &str| resource[key].as_str().unwrap_or_default().to_owned();
        let name = format!("{}/{}", text("resourceType"), text("id"));
        let cut = answer.stays.iter().any(|s| s.starts_with(&format!("{name}.")));
        holds(!cut || resource.to_string().contains("SUBSETTED"), &case, || {
            format!("{name} does not say that it is a part")
        })?;
    }
    let part = decision.outcome() == Outcome::Redact;
    holds(part == json.contains("SUBSETTED"), &case, || {
        format!("a part is to say that it is one, and only a part: {json}")
    })
}

/// Noninterference: other words in what stays behind, and the bytes that go are the same.
pub fn what_is_withheld_could_be_anything_and_what_is_released_is_the_same(source: &mut Source) -> Said {
    let case = likely(source);
    let bundle = records::bundle(&case.parts);
    let record = validated(&bundle)?;
    let (decision, bytes) = released(&case, &record);
    let answer = told(&decision, &case);
    let mut other = bundle.clone();
    for entry in other.get_mut("entry").and_then(Value::as_array_mut).into_iter().flatten() {
        let resource = &mut entry["resource"];
        let name = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap_or_default(),
            resource["id"].as_str().unwrap_or_default()
        );
        let stays = |element: &str| answer.stays.iter().any(|s| s.starts_with(&format!("{name}.{element} ")));
        if !answer.goes.contains(&name) {
            let text = resource.to_string().replace("words of", "quite other words about");
            *resource = serde_json::from_str(&text).expect("it is JSON");
        }
        if stays("note") {
            resource["note"][0]["text"] = "another note altogether".into();
        }
        if stays("address") {
            resource["address"][0]["postalCode"] = "ZZ1 1ZZ".into();
        }
        for at in 0..2 {
            if stays(&format!("extension[{at}]")) {
                let text = resource["extension"][at].to_string();
                let text = text.replace("this plan", "another plan").replace("248.5", "84.2");
                resource["extension"][at] = serde_json::from_str(&text).expect("it is JSON");
            }
        }
    }
    let (_, changed) = released(&case, &validated(&other)?);
    holds(bytes == changed, &case, || format!("as it was: {bytes:?}\nwith other words in what stays: {changed:?}"))
}

/// What was released to somebody holds nothing that they may not have: decided again, it goes as it is.
pub fn a_released_copy_decided_again_goes_as_it_is(source: &mut Source) -> Said {
    let case = likely(source);
    // a choice about a resource by way of another one, or by a code that stood in a part, cannot be told of what is left
    let by_others = |c: &Value| c.to_string().contains("\"meaning\"") || c.to_string().contains("\"code\":[");
    if case.consents.iter().any(by_others) {
        return Ok(());
    }
    let (decision, Some(once)) = released(&case, &validated(&records::bundle(&case.parts))?) else { return Ok(()) };
    // without the Patient, and so without a subject, nobody could say again whose it is
    if !decision.released().iter().any(|r| r == "Patient/winifred") {
        return Ok(());
    }
    let copy: Value = serde_json::from_str(&once).expect("it is JSON");
    // NOT YET: a frame whose only content were references to what is withheld goes, though it then goes alone
    let types = copy["entry"].as_array().into_iter().flatten().map(|e| &e["resource"]["resourceType"]);
    if types.into_iter().all(|t| ["Patient", "CarePlan", "Organization", "Practitioner"].iter().any(|f| t == f)) {
        return Ok(());
    }
    let (decision, again) = released(&case, &validated(&copy)?);
    holds(again.as_ref() == Some(&once), &case, || {
        format!("released {once}\nagain {again:?}\nby {:?}", decision.reasons())
    })
}
