//! Consent (R4 §6.2) → [`Choice`]: dialect, rules with every dimension spelled out, and what its sender should hear.
//!
//! `foreign` refuses what is not R4, `dialect` finds what the root means, `rules` spells the tree out, `names` says whom a
//! reference names. Refuses, with place and remedy: R5 fields, modifiers, unknown elements, neither dialect, too deep, too
//! large.

mod dialect;
mod foreign;
mod names;
mod rules;
#[cfg(test)]
mod tests;

pub(super) use rules::actor;

use super::choice::{Choice, Dialect, Scope, Standing};
use super::words::{Code, SCOPE};
use crate::pure::fhir::{Issue, Item, Report, When};
use openssl::sha::Sha256;
use rules::span;

fn refuse(item: Item<'_>, id: &'static str, text: &str, remedy: &'static str) -> Report {
    Issue::error("business-rule", id, text.to_owned()).on(item).remedy(remedy).into()
}

fn warn(choice: &mut Choice, item: Item<'_>, id: &'static str, text: &str) {
    choice.warnings.push(Issue::warning("business-rule", id, text.to_owned()).on(item));
}

/// Reads a Consent (R4) into a choice. It may stand in a Bundle: then whom it names is looked up there.
///
/// # Errors
/// What cannot be read, or read in no way that is safe. Ingest refuses these; see [`unread_choice`] for stock.
pub fn read_choice(consent: Item<'_>) -> Result<Choice, Report> {
    if consent.resource_type() != Some("Consent") {
        return Err(refuse(consent, "not-a-consent", "this is not a Consent", "send a Consent of FHIR R4"));
    }
    foreign::consent(consent)?;
    let mut choice = frame(consent, Dialect::B);
    let status = consent.str_at(&["status"]);
    choice.standing = match status {
        Some("active") => Standing::Active,
        Some("draft" | "proposed") => Standing::Proposed,
        Some("rejected" | "inactive") => Standing::Ended,
        Some("entered-in-error") => Standing::Error,
        _ => {
            let text = "the status is missing or not one of R4";
            return Err(refuse(consent, "consent-status-unknown", text, "give a status"));
        }
    };
    choice.scope = scope(consent, &mut choice)?;
    let root = consent.get("provision");
    if let Some(root) = root {
        foreign::provision(root)?;
        choice.validity = span(root, "period")?;
    }
    dialect::read(consent, root, &mut choice)?;
    choice.unverified = unverified(consent, &mut choice);
    if choice.dated.is_none() {
        let text = "without `dateTime` a later choice cannot be told from an earlier one";
        warn(&mut choice, consent, "consent-undated", text);
    }
    if choice.readings.iter().flatten().any(|r| r.purposes.len() > 1) {
        let text = "several purposes in one provision are read as any of them; R4 can be read as all of them at once";
        warn(&mut choice, consent, "consent-purposes-any", text);
    }
    Ok(choice)
}

/// A choice that cannot be read, kept as an objection to everything it might cover, for review.
#[must_use]
pub fn unread_choice(consent: Item<'_>, why: Report) -> Choice {
    let mut choice = frame(consent, Dialect::Unread);
    choice.warnings = why;
    choice.standing = match consent.str_at(&["status"]) {
        Some("entered-in-error") => Standing::Error,
        Some("draft" | "proposed") => Standing::Proposed,
        _ => Standing::Active,
    };
    choice
}

/// What the Consent is about. Its scope says so; where it has none, its category may.
fn scope(consent: Item<'_>, choice: &mut Choice) -> Result<Scope, Report> {
    let all: Vec<Code> = consent.get("scope").map(|s| Code::concept(s).collect()).unwrap_or_default();
    let known: Vec<&Code> = all.iter().filter(|c| c.system.as_deref() == Some(SCOPE)).collect();
    let mut scopes = Vec::new();
    for code in &known {
        scopes.push(match code.code.as_str() {
            "patient-privacy" => Scope::Privacy,
            "research" => Scope::Research,
            "treatment" | "adr" => Scope::Other,
            _ => {
                let text = "the scope is not one of R4";
                return Err(refuse(consent, "consent-scope-unknown", text, "use a code of consentscope"));
            }
        });
    }
    scopes.dedup();
    if let [one] = scopes.as_slice() {
        return Ok(*one);
    }
    if scopes.is_empty() && consent.get("scope").is_none() {
        let text = "the scope is missing; read as its category says, else as privacy";
        warn(choice, consent, "consent-scope-missing", text);
        return Ok(by_category(&choice.categories));
    }
    // several scopes, or words and codes of somebody's own: nobody can say what an agreement is an agreement to
    let text = "the scope does not say one thing; what it refuses counts, what it permits does not";
    warn(choice, consent, "consent-scope-unclear", text);
    Ok(Scope::Unclear)
}

/// R4 consentcategorycodes: research and its data, advance directives and orders about treatment.
fn by_category(categories: &[Code]) -> Scope {
    let any = |codes: &[&str]| categories.iter().any(|c| codes.contains(&c.code.as_str()));
    if any(&["research", "rsdid", "rsreid"]) {
        Scope::Research
    } else if any(&["acd", "dnr", "polst", "hcd"]) {
        Scope::Other
    } else {
        Scope::Privacy
    }
}

/// Whether somebody tried to verify the instruction with the person or the family and could not: the last attempt counts.
fn unverified(consent: Item<'_>, choice: &mut Choice) -> bool {
    let mut attempts: Vec<(Option<jiff::Timestamp>, bool)> = Vec::new();
    for one in consent.all("verification") {
        let when = one.str_at(&["verificationDate"]).and_then(When::date_time).map(When::earliest);
        attempts.push((when, one.get("verified").and_then(Item::bool) == Some(true)));
    }
    let failed = attempts.iter().filter(|(_, verified)| !verified);
    let stands = |at: &Option<jiff::Timestamp>| {
        let later = |(other, verified): &(Option<jiff::Timestamp>, bool)| *verified && at.is_some() && other > at;
        !attempts.iter().any(later)
    };
    let unverified = failed.into_iter().any(|(at, _)| stands(at));
    if unverified {
        let text = "the instruction could not be verified; what it refuses counts, what it permits waits for review";
        warn(choice, consent, "consent-unverified", text);
    }
    unverified
}

/// Everything but the rules.
fn frame(consent: Item<'_>, dialect: Dialect) -> Choice {
    let id = consent.str_at(&["id"]).unwrap_or("unnamed");
    let version = consent.str_at(&["meta", "versionId"]).unwrap_or("1").to_owned();
    let mut hash = Sha256::new();
    hash.update(consent.to_json().as_bytes());
    let performers = consent.all("performer").map(|p| names::identity(p, consent)).collect();
    let decided_by = consent.get("policyRule").and_then(|p| {
        let ours = |c: &Code| c.system.as_deref().is_some_and(|s| s.ends_with("/CodeSystem/decided-by"));
        Code::concept(p).find(ours).map(|c| c.code)
    });
    let key = consent.all("identifier").next().and_then(|i| {
        let system = i.str_at(&["system"]).unwrap_or_default();
        Some((system.to_owned(), i.str_at(&["value"])?.to_owned()))
    });
    Choice {
        id: format!("Consent/{id}"),
        version,
        dialect,
        patient: consent.get("patient").map(|p| names::identity(p, consent)).unwrap_or_default(),
        standing: Standing::Active,
        scope: Scope::Privacy,
        categories: consent.all("category").chain(consent.all("scope")).flat_map(Code::concept).collect(),
        dated: consent.str_at(&["dateTime"]).and_then(When::date_time).map(When::earliest),
        key,
        performers,
        decided_by,
        unverified: false,
        validity: None,
        readings: Vec::new(),
        role: None,
        warnings: Report::default(),
        digest: hash.finish(),
        recorder: None,
        taken: super::choice::Taken::AsWritten,
    }
}

fn profile(consent: Item<'_>, part: &str) -> bool {
    consent.get("meta").is_some_and(|m| m.all("profile").filter_map(Item::str).any(|p| p.contains(part)))
}
