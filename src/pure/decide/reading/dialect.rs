//! What the root provision of a Consent means: three dialects (`sharing-choices` §1.2), and the NHS's two of their own.
//!
//! A: `policyRule` is the base, the root an exception. B: the root's own `type` is the base, the rest exceptions. VRS: a
//! proxy's role. EOL: the status is the answer. Where two readings are possible both are kept, and a deny of either counts.

use super::names::identity;
use super::rules::{Walk, says};
use super::{profile, refuse, warn};
use crate::pure::decide::choice::{Choice, Dialect, Reading, Role, Scope, Standing};
use crate::pure::decide::provision::{Meaning, Rule, Says};
use crate::pure::decide::words::{ACT_CODE, ACT_REASON, Code, NULL_FLAVOR, PROXY_BASIS};
use crate::pure::fhir::{Item, Report};

const STATUS_REASON: &str = "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-Consent-Status-Reason";

/// Fills in dialect, role and readings.
pub(super) fn read(consent: Item<'_>, root: Option<Item<'_>>, choice: &mut Choice) -> Result<(), Report> {
    let rejected = consent.str_at(&["status"]) == Some("rejected");
    if let Some(role) = role(consent, root) {
        choice.dialect = Dialect::Vrs;
        choice.role = Some(role);
    } else if profile(consent, "EOL-Consent") {
        // it is about sharing the record of what somebody wishes, whatever scope it is filed under
        choice.dialect = Dialect::Eol;
        choice.scope = Scope::Privacy;
        if choice.standing == Standing::Ended {
            // NHS EOL-Consent-1: active = consent given, inactive = consent refused
            choice.standing = Standing::Active;
            choice.validity = None;
            choice.readings = vec![vec![Rule::open(Says::Deny)]];
            return Ok(());
        }
    }
    readings(consent, root, choice)?;
    if choice.dialect != Dialect::Vrs {
        finish(choice, consent, rejected);
    }
    Ok(())
}

fn readings(consent: Item<'_>, root: Option<Item<'_>>, choice: &mut Choice) -> Result<(), Report> {
    let mut walk = Walk::of(consent);
    let typed = root.map(says).transpose()?.flatten();
    match (base(consent), typed) {
        (Some(base), Some(typed)) if base.says != typed => {
            choice.dialect = Dialect::A;
            let mut rules = vec![Rule::open(base.says)];
            walk.rules(root, typed, &Rule::open(typed), 1, &mut rules)?;
            choice.readings = vec![rules];
            // the period is the exception's, not the choice's
            choice.validity = None;
        }
        (_, Some(typed)) => choice.readings = vec![scoped(&mut walk, root, typed)?],
        (Some(base), None) => {
            if choice.dialect != Dialect::Eol {
                choice.dialect = Dialect::A;
            }
            choice.readings = vec![scoped(&mut walk, root, base.says)?];
            if base.restricted && root.is_none() {
                // agreed with restrictions that nobody wrote down
                choice.readings.iter_mut().flatten().for_each(|r| r.unclear = true);
            }
            let exception = root.filter(|r| has_criteria(*r) || repeats_base(*r, base.says));
            if exception.is_some() {
                let opposite = base.says.opposite();
                let mut rules = vec![Rule::open(base.says)];
                walk.rules(root, opposite, &Rule::open(opposite), 1, &mut rules)?;
                choice.readings.push(rules);
                let text =
                    "a root provision without `type` can be read as what the choice is about, or as an exception to it";
                warn(choice, consent, "consent-ambiguous", text);
            }
        }
        (None, None) if choice.dialect == Dialect::Eol => {
            choice.readings = vec![scoped(&mut walk, root, Says::Permit)?];
        }
        (None, None) => {
            let text = "neither `policyRule` nor `provision.type` says whether this permits or denies";
            return Err(refuse(consent, "consent-indeterminate", text, "give the root provision a `type`"));
        }
    }
    Ok(())
}

fn scoped(walk: &mut Walk<'_>, root: Option<Item<'_>>, says: Says) -> Result<Reading, Report> {
    let mut rules = Vec::new();
    walk.rules(root, says, &Rule::open(says), 0, &mut rules)?;
    Ok(rules)
}

/// What `policyRule` says by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Base {
    says: Says,
    /// OPTINR: agreed with restrictions, which the provisions have to name.
    restricted: bool,
}

/// OPTIN, OPTOUT and their stricter forms (v3 ActConsentDirective).
fn base(consent: Item<'_>) -> Option<Base> {
    let codes = consent.get("policyRule").map(Code::concept)?;
    let bases = codes.filter(|c| c.system.as_deref() == Some(ACT_CODE)).filter_map(|c| match c.code.as_str() {
        "OPTIN" => Some(Base { says: Says::Permit, restricted: false }),
        "OPTINR" => Some(Base { says: Says::Permit, restricted: true }),
        "OPTOUT" | "OPTOUTE" => Some(Base { says: Says::Deny, restricted: false }),
        _ => None,
    });
    // two that contradict each other: the stricter
    bases.max()
}

/// The proxy's role, where the Consent is one of NHS VRS: its legal basis stands in `policyRule`.
fn role(consent: Item<'_>, root: Option<Item<'_>>) -> Option<Role> {
    let reason = consent.all("extension").find(|e| e.str_at(&["url"]) == Some(STATUS_REASON));
    let codes: Vec<Code> = consent.get("policyRule").map(|p| Code::concept(p).collect()).unwrap_or_default();
    let basis = codes.iter().find(|c| c.system.as_deref() == Some(PROXY_BASIS));
    let unknown = codes.iter().any(|c| c.system.as_deref() == Some(NULL_FLAVOR));
    if basis.is_none() && !(reason.is_some() && (unknown || codes.is_empty())) {
        return None;
    }
    // the performer of such a Consent is the proxy too, and not the person who agreed
    let actor = root.and_then(|r| r.all("actor").next()).and_then(|a| a.get("reference"));
    let proxy = actor.or_else(|| consent.all("performer").next());
    let status_reason = reason.and_then(|r| r.str_at(&["valueCodeableConcept", "coding", "code"])).map(str::to_owned);
    Some(Role {
        proxy: proxy.map(|p| identity(p, consent)).unwrap_or_default(),
        basis: basis.map(|c| c.code.clone()),
        status_reason,
    })
}

fn has_criteria(root: Item<'_>) -> bool {
    let silent = ["type", "period", "provision", "id", "extension"];
    root.children().any(|c| !silent.contains(&c.key()))
}

/// A nested provision that says what the base already says: then the root can only have been meant as an exception.
fn repeats_base(root: Item<'_>, base: Says) -> bool {
    root.all("provision").any(|p| says(p).ok().flatten() == Some(base))
}

/// What status, scope and profile add to the rules as written.
fn finish(choice: &mut Choice, consent: Item<'_>, rejected: bool) {
    let ours = profile(consent, "sharewell-consent");
    if choice.standing == Standing::Ended && (rejected || ours) {
        // dissent, or an agreement taken back: an objection to what it was about
        choice.standing = Standing::Active;
        let objection = |rules: &Reading| {
            let root = rules.first().filter(|r| rejected || r.says == Says::Permit)?;
            let (actors, purposes) = (root.actors.clone(), root.purposes.clone());
            Some(vec![Rule { actors, purposes, ..Rule::open(Says::Deny) }])
        };
        choice.readings = choice.readings.iter().filter_map(objection).collect();
        choice.validity = None;
    }
    if choice.scope == Scope::Research {
        for rule in choice.readings.iter_mut().flatten().filter(|r| r.purposes.is_empty()) {
            rule.purposes.push(Code::of(ACT_REASON, "HRESCH"));
        }
    }
    if profile(consent, "/ITI/PCF/") {
        // PCF says `related` of what belongs to an Encounter, which R4 calls `dependents`
        for (meaning, _) in choice.readings.iter_mut().flatten().flat_map(|r| &mut r.data) {
            if *meaning == Meaning::Related {
                *meaning = Meaning::Dependents;
            }
        }
    }
}
