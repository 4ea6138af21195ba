//! Consent (R4 §6.2) → [`Choice`]: dialect, rules with every dimension spelled out, and what its sender should hear.
//!
//! Refuses, with place and remedy: R5 fields, modifiers, unknown elements, neither dialect, too deep, too large.

use super::choice::{Choice, Dialect, Reading, Role, Scope, Standing};
use super::provision::{Actor, Meaning, Part, Rule, Says, Span};
use super::words::{ACT_CODE, AUDIENCE, Action, Code, Identity, NULL_FLAVOR, PARTICIPATION, PROXY_BASIS, SCOPE};
use crate::pure::fhir::{Issue, Item, Kind, Report, When};
use openssl::sha::Sha256;

/// Provisions inside one another that we follow. IHE PCF allows one level.
const DEEPEST: u8 = 8;
/// Provisions of one Consent that we take up.
const MOST: usize = 10_000;

/// Elements that only R5 has, or that R5 gives another meaning.
const R5: [&str; 10] = [
    "decision",
    "subject",
    "grantor",
    "grantee",
    "manager",
    "controller",
    "regulatoryBasis",
    "policyBasis",
    "policyText",
    "date",
];

const KNOWN: [&str; 14] = [
    "id",
    "extension",
    "type",
    "period",
    "actor",
    "action",
    "securityLabel",
    "purpose",
    "class",
    "code",
    "dataPeriod",
    "data",
    "provision",
    "modifierExtension",
];

const LISTS: [&str; 8] = ["actor", "action", "securityLabel", "purpose", "class", "code", "data", "provision"];

const STATUS_REASON: &str = "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-Consent-Status-Reason";

fn refuse(item: Item<'_>, id: &'static str, text: &str, remedy: &'static str) -> Report {
    Issue::error("business-rule", id, text.to_owned()).on(item).remedy(remedy).into()
}

/// Reads a Consent (R4) into a choice. It may stand in a Bundle: then whom it names is looked up there.
///
/// # Errors
/// What cannot be read, or read in no way that is safe. Ingest refuses these; see [`unread_choice`] for stock.
pub fn read_choice(consent: Item<'_>) -> Result<Choice, Report> {
    if consent.resource_type() != Some("Consent") {
        return Err(refuse(consent, "not-a-consent", "this is not a Consent", "send a Consent of FHIR R4"));
    }
    refuse_foreign(consent)?;
    let mut choice = frame(consent, Dialect::B);
    let scope = consent.get("scope").map(|s| Code::concept(s).collect::<Vec<_>>()).unwrap_or_default();
    choice.scope = match scope.iter().find(|c| c.system.as_deref() == Some(SCOPE)).map(|c| c.code.as_str()) {
        Some("patient-privacy") => Scope::Privacy,
        Some("research") => Scope::Research,
        Some("treatment" | "adr") => Scope::Other,
        _ => {
            warn(
                &mut choice,
                consent,
                "consent-scope-unknown",
                "the scope is missing or not one of R4; read as privacy",
            );
            Scope::Privacy
        }
    };
    let status = consent.str_at(&["status"]);
    choice.standing = match status {
        Some("active") => Standing::Active,
        Some("draft" | "proposed") => Standing::Proposed,
        Some("rejected" | "inactive") => Standing::Ended,
        Some("entered-in-error") => Standing::Error,
        _ => {
            return Err(refuse(
                consent,
                "consent-status-unknown",
                "the status is missing or not one of R4",
                "give a status",
            ));
        }
    };
    let base = base(consent);
    let root = consent.get("provision");
    let root_type = root.map(says).transpose()?.flatten();
    if let Some(root) = root {
        choice.validity = span(root, "period")?;
    }
    if let Some(role) = role(consent, root) {
        choice.dialect = Dialect::Vrs;
        choice.role = Some(role);
    } else if profile(consent, "EOL-Consent") {
        choice.dialect = Dialect::Eol;
    }
    let rules = Reader { consent, count: 0 };
    read_rules(rules, &mut choice, base, root, root_type, status == Some("rejected"))?;
    if choice.dated.is_none() {
        warn(
            &mut choice,
            consent,
            "consent-undated",
            "without `dateTime` a later choice cannot be told from an earlier one",
        );
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

fn warn(choice: &mut Choice, item: Item<'_>, id: &'static str, text: &str) {
    choice.warnings.push(Issue::warning("business-rule", id, text.to_owned()).on(item));
}

fn refuse_foreign(consent: Item<'_>) -> Result<(), Report> {
    for child in consent.children() {
        if R5.contains(&child.key()) || (child.key() == "provision" && child.kind() != Kind::Object) {
            return Err(refuse(child, "consent-is-r5", "this is written as in FHIR R5", "send it as FHIR R4"));
        }
        if matches!(child.key(), "modifierExtension" | "implicitRules") {
            let text = "it carries a modifier that is not understood";
            return Err(refuse(
                child,
                "consent-modifier",
                text,
                "say it without modifier extensions and implicit rules",
            ));
        }
    }
    Ok(())
}

/// Everything but the rules.
fn frame(consent: Item<'_>, dialect: Dialect) -> Choice {
    let id = consent.str_at(&["id"]).unwrap_or("unnamed");
    let version = consent.str_at(&["meta", "versionId"]).unwrap_or("1").to_owned();
    let mut hash = Sha256::new();
    hash.update(consent.to_json().as_bytes());
    let performers = consent.all("performer").map(|p| identity(p, consent)).collect();
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
        patient: consent.get("patient").map(|p| identity(p, consent)).unwrap_or_default(),
        standing: Standing::Active,
        scope: Scope::Privacy,
        categories: consent.all("category").flat_map(Code::concept).collect(),
        dated: consent.str_at(&["dateTime"]).and_then(When::date_time).map(When::earliest),
        key,
        performers,
        decided_by,
        validity: None,
        readings: Vec::new(),
        role: None,
        warnings: Report::default(),
        digest: hash.finish(),
    }
}

fn profile(consent: Item<'_>, part: &str) -> bool {
    consent.get("meta").is_some_and(|m| m.all("profile").filter_map(Item::str).any(|p| p.contains(part)))
}

/// OPTIN, OPTOUT and their stricter forms.
fn base(consent: Item<'_>) -> Option<Says> {
    let codes = consent.get("policyRule").map(Code::concept)?;
    let bases = codes.filter(|c| c.system.as_deref() == Some(ACT_CODE)).filter_map(|c| match c.code.as_str() {
        "OPTIN" | "OPTINR" => Some(Says::Permit),
        "OPTOUT" | "OPTOUTE" => Some(Says::Deny),
        _ => None,
    });
    // two that contradict each other: the stricter
    bases.max()
}

fn says(provision: Item<'_>) -> Result<Option<Says>, Report> {
    match provision.get("type").map(Item::str) {
        None => Ok(None),
        Some(Some("permit")) => Ok(Some(Says::Permit)),
        Some(Some("deny")) => Ok(Some(Says::Deny)),
        Some(_) => Err(refuse(
            provision,
            "provision-type-unknown",
            "the type is neither permit nor deny",
            "write permit or deny",
        )),
    }
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
    let proxy = root.and_then(|r| r.all("actor").next()).and_then(|a| a.get("reference"));
    let status_reason = reason.and_then(|r| r.str_at(&["valueCodeableConcept", "coding", "code"])).map(str::to_owned);
    Some(Role {
        proxy: proxy.map(|p| identity(p, consent)).unwrap_or_default(),
        basis: basis.map(|c| c.code.clone()),
        status_reason,
    })
}

/// Whom a Reference names: its own words, and the identifiers of the resource where that is at hand.
pub(super) fn identity(reference: Item<'_>, from: Item<'_>) -> Identity {
    let mut found = Identity::default();
    if let Some(identifier) = reference.get("identifier") {
        push_identifier(&mut found, identifier);
    }
    let Some(text) = reference.str_at(&["reference"]) else { return found };
    let target = match text.strip_prefix('#') {
        Some(id) => from.all("contained").find(|c| c.str_at(&["id"]) == Some(id)),
        None => {
            found.references.push(text.to_owned());
            entry_of(from.tree().root(), text)
        }
    };
    for identifier in target.into_iter().flat_map(|t| t.all("identifier")) {
        push_identifier(&mut found, identifier);
    }
    found
}

fn push_identifier(found: &mut Identity, identifier: Item<'_>) {
    if let (Some(system), Some(value)) = (identifier.str_at(&["system"]), identifier.str_at(&["value"])) {
        found.identifiers.push((system.to_owned(), value.to_owned()));
    }
}

fn entry_of<'t>(bundle: Item<'t>, reference: &str) -> Option<Item<'t>> {
    let named = |entry: &Item<'_>| {
        entry.str_at(&["fullUrl"]) == Some(reference)
            || entry.get("resource").is_some_and(|r| {
                let (type_, id) = (r.resource_type().unwrap_or_default(), r.str_at(&["id"]).unwrap_or_default());
                reference.strip_prefix(type_).and_then(|rest| rest.strip_prefix('/')) == Some(id)
            })
    };
    bundle.all("entry").find(named)?.get("resource")
}

// ---- rules -----------------------------------------------------------------------------------------------------------

struct Reader<'t> {
    consent: Item<'t>,
    count: usize,
}

fn open_rule(says: Says) -> Rule {
    Rule {
        says,
        depth: 0,
        actors: Vec::new(),
        purposes: Vec::new(),
        actions: Vec::new(),
        period: None,
        data_period: None,
        labels: Vec::new(),
        classes: Vec::new(),
        codes: Vec::new(),
        data: Vec::new(),
        unclear: false,
    }
}

fn read_rules(
    mut reader: Reader<'_>,
    choice: &mut Choice,
    base: Option<Says>,
    root: Option<Item<'_>>,
    root_type: Option<Says>,
    rejected: bool,
) -> Result<(), Report> {
    let consent = reader.consent;
    let eol = choice.dialect == Dialect::Eol;
    let (says, ambiguous) = match (base, root_type) {
        _ if eol && choice.standing == Standing::Ended => (Says::Deny, None),
        (Some(base), Some(typed)) if base != typed => {
            choice.dialect = Dialect::A;
            let mut rules = vec![open_rule(base)];
            reader.walk(root, typed, &open_rule(typed), 1, &mut rules)?;
            choice.readings = vec![rules];
            // the period is the exception's, not the choice's
            choice.validity = None;
            finish(choice, consent, rejected);
            return Ok(());
        }
        (_, Some(typed)) => (typed, None),
        (Some(base), None) => {
            choice.dialect = if eol { Dialect::Eol } else { Dialect::A };
            (base, root.filter(|r| has_criteria(*r) || repeats_base(*r, base)).map(|_| base.opposite()))
        }
        (None, None) if eol => (Says::Permit, None),
        (None, None) => {
            let text = "neither `policyRule` nor `provision.type` says whether this permits or denies";
            return Err(refuse(consent, "consent-indeterminate", text, "give the root provision a `type`"));
        }
    };
    if eol && choice.standing == Standing::Ended {
        choice.standing = Standing::Active;
        choice.validity = None;
        choice.readings = vec![vec![open_rule(Says::Deny)]];
        finish(choice, consent, false);
        return Ok(());
    }
    let mut scoped = Vec::new();
    reader.walk(root, says, &open_rule(says), 0, &mut scoped)?;
    choice.readings = vec![scoped];
    if let Some(exception) = ambiguous {
        let mut rules = vec![open_rule(says)];
        reader.walk(root, exception, &open_rule(exception), 1, &mut rules)?;
        choice.readings.push(rules);
        let text = "a root provision without `type` can be read as what the choice is about, or as an exception to it";
        warn(choice, consent, "consent-ambiguous", text);
    }
    finish(choice, consent, rejected);
    Ok(())
}

fn finish(choice: &mut Choice, consent: Item<'_>, rejected: bool) {
    if choice.dialect == Dialect::Vrs {
        return;
    }
    let ours = profile(consent, "sharewell-consent");
    let withdrawn = choice.standing == Standing::Ended && (rejected || ours);
    if withdrawn {
        // dissent, or an agreement taken back: an objection to what it was about
        choice.standing = Standing::Active;
        let objection = |rules: &Reading| {
            let root = rules.first().filter(|r| rejected || r.says == Says::Permit)?;
            Some(vec![Rule {
                says: Says::Deny,
                actors: root.actors.clone(),
                purposes: root.purposes.clone(),
                ..open_rule(Says::Deny)
            }])
        };
        choice.readings = choice.readings.iter().filter_map(objection).collect();
        choice.validity = None;
    }
    if choice.scope == Scope::Research {
        for rule in choice.readings.iter_mut().flatten().filter(|r| r.purposes.is_empty()) {
            rule.purposes.push(Code::of(super::words::ACT_REASON, "HRESCH"));
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

fn has_criteria(root: Item<'_>) -> bool {
    let silent = ["type", "period", "provision", "id", "extension"];
    root.children().any(|c| !silent.contains(&c.key()))
}

/// A nested provision that says what the base already says: then the root can only have been meant as an exception.
fn repeats_base(root: Item<'_>, base: Says) -> bool {
    root.all("provision").any(|p| says(p).ok().flatten() == Some(base))
}

impl Reader<'_> {
    fn walk(
        &mut self,
        provision: Option<Item<'_>>,
        says_: Says,
        above: &Rule,
        depth: u8,
        rules: &mut Vec<Rule>,
    ) -> Result<(), Report> {
        let Some(provision) = provision else {
            rules.push(Rule { says: says_, depth, ..above.clone() });
            return Ok(());
        };
        self.count += 1;
        if self.count > MOST || depth > DEEPEST {
            return Err(refuse(provision, "consent-too-large", "too many provisions, or too deep", "split the choice"));
        }
        self.well_formed(provision)?;
        let mut rule = Rule { says: says_, depth, ..above.clone() };
        self.dimensions(provision, &mut rule)?;
        rules.push(rule.clone());
        for nested in provision.all("provision") {
            let Some(nested_says) = says(nested)? else {
                let text = "a nested provision does not say whether it permits or denies";
                return Err(refuse(nested, "provision-without-type", text, "give every nested provision a `type`"));
            };
            self.walk(Some(nested), nested_says, &rule, depth + 1, rules)?;
        }
        Ok(())
    }

    fn well_formed(&self, provision: Item<'_>) -> Result<(), Report> {
        for child in provision.children() {
            let key = child.key();
            if key == "modifierExtension" {
                let text = "it carries a modifier that is not understood";
                return Err(refuse(child, "consent-modifier", text, "say it without modifier extensions"));
            }
            let shadow = key.strip_prefix('_');
            if shadow.is_some_and(|k| provision.get(k).is_none()) || (shadow.is_none() && !KNOWN.contains(&key)) {
                let text = "it has an element that R4 does not know";
                return Err(refuse(child, "provision-element-unknown", text, "say it with the elements of R4"));
            }
            if LISTS.contains(&key) && child.kind() != Kind::Array {
                return Err(refuse(child, "provision-not-an-array", "this has to be an array", "write it in [ ]"));
            }
        }
        Ok(())
    }

    fn dimensions(&self, provision: Item<'_>, rule: &mut Rule) -> Result<(), Report> {
        if provision.get("actor").is_some() {
            rule.actors = provision.all("actor").map(|a| actor(a, self.consent)).collect();
        }
        if provision.get("action").is_some() {
            let codes = provision.all("action").flat_map(Code::concept).map(|c| Action::from_code(&c.code));
            let actions: Vec<Option<Action>> = codes.collect();
            rule.unclear |= actions.is_empty() || actions.contains(&None);
            rule.actions = actions.into_iter().flatten().collect();
        }
        for (name, list) in
            [("purpose", &mut rule.purposes), ("securityLabel", &mut rule.labels), ("class", &mut rule.classes)]
        {
            if provision.get(name).is_some() {
                let codes: Vec<Option<Code>> = provision.all(name).map(Code::read).collect();
                rule.unclear |= codes.contains(&None);
                *list = codes.into_iter().flatten().collect();
            }
        }
        if provision.get("code").is_some() {
            rule.unclear |= provision.all("code").any(|c| Code::concept(c).next().is_none());
            rule.codes = provision.all("code").flat_map(Code::concept).collect();
        }
        if provision.get("period").is_some() {
            rule.period = span(provision, "period")?;
        }
        if provision.get("dataPeriod").is_some() {
            rule.data_period = span(provision, "dataPeriod")?;
        }
        if provision.get("data").is_some() {
            let data: Vec<Option<(Meaning, String)>> = provision.all("data").map(datum).collect();
            rule.unclear |= data.contains(&None);
            rule.data = data.into_iter().flatten().collect();
        }
        Ok(())
    }
}

pub(super) fn actor(actor: Item<'_>, consent: Item<'_>) -> Actor {
    let roles: Vec<Code> = actor.get("role").map(|r| Code::concept(r).collect()).unwrap_or_default();
    let is = |code: &str| roles.iter().any(|r| r.is(PARTICIPATION, code) || r.code == code);
    let part = if is("CST") || is("custodian") {
        Part::Custodian
    } else if roles.is_empty() || is("IRCP") || is("PRCP") || is("GRANTEE") {
        Part::Recipient
    } else {
        Part::Other
    };
    let mut who = actor.get("reference").map(|r| identity(r, consent)).unwrap_or_default();
    let audience = who.identifiers.iter().position(|(system, _)| system == AUDIENCE);
    let audience = audience.map(|i| who.identifiers.remove(i).1);
    let display = actor.str_at(&["reference", "display"]).map(str::to_owned);
    Actor { part, who, audience, display }
}

fn datum(data: Item<'_>) -> Option<(Meaning, String)> {
    let meaning = match data.str_at(&["meaning"])? {
        "instance" => Meaning::Instance,
        "related" => Meaning::Related,
        "dependents" => Meaning::Dependents,
        "authoredby" => Meaning::AuthoredBy,
        _ => return None,
    };
    Some((meaning, data.str_at(&["reference", "reference"])?.to_owned()))
}

fn span(provision: Item<'_>, name: &str) -> Result<Option<Span>, Report> {
    let Some(period) = provision.get(name) else { return Ok(None) };
    let end_of = |key: &str| match period.get(key).map(Item::str) {
        None => Ok(None),
        Some(text) => text.and_then(When::date_time).map(Some).ok_or_else(|| {
            refuse(
                period,
                "period-unreadable",
                "a date of this period cannot be read",
                "write dates as in R4: 2027-06-30",
            )
        }),
    };
    Ok(Some(Span { from: end_of("start")?, until: end_of("end")? }))
}
