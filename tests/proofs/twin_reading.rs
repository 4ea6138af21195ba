//! How the twin reads a Consent's JSON: three dialects, a tree of provisions with every dimension inherited, three-valued.

use super::consents::{AUDIENCE, REASON};
use super::plans;
use super::twin_rules::rules;
use super::world::Ask;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Map, Value, json};

/// It is so, it is not, or it cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum T {
    No,
    Perhaps,
    Yes,
}

pub fn truth(yes: bool) -> T {
    if yes { T::Yes } else { T::No }
}

/// One provision, what it inherits written into it.
#[derive(Clone, Debug)]
pub struct Rule {
    pub permits: bool,
    pub depth: usize,
    pub says: Map<String, Value>,
    /// It says something that we do not know.
    pub unclear: bool,
}

impl Rule {
    pub fn of(&self, name: &str) -> Vec<&Value> {
        self.says.get(name).and_then(Value::as_array).into_iter().flatten().collect()
    }

    /// System and code of a list of Codings or CodeableConcepts.
    pub fn codes_of(&self, name: &str) -> Vec<(String, String)> {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let coding = |v: &&Value| if v["coding"].is_array() { v["coding"][0].clone() } else { (*v).clone() };
        self.of(name).iter().map(coding).map(|c| (text(&c["system"]), text(&c["code"]))).collect()
    }
}

/// One choice.
#[derive(Clone, Debug)]
pub struct Choice<'c> {
    pub json: &'c Value,
    /// It cannot be read: an objection to all it might cover.
    pub unread: bool,
    /// It speaks of no disclosure at all.
    pub other_scope: bool,
    /// `active`, `ended`, `proposed`, `error`.
    pub standing: &'static str,
    pub dated: Option<i64>,
    pub validity: Option<Value>,
    /// One, or two where it can be read two ways.
    pub readings: Vec<Vec<Rule>>,
}

// ---- time -------------------------------------------------------------------------------------------------------------

/// First and last-but-one second of a date as written; a day is a day in London.
fn span_of(text: &str) -> Option<(i64, i64)> {
    if text.contains('T') {
        let at = text.parse::<Timestamp>().ok()?.as_second();
        return Some((at, at + 1));
    }
    let part = |n: usize| text.split('-').nth(n).map_or(Some(1), |p| p.parse::<i8>().ok());
    let from = Date::new(text.get(..4)?.parse().ok()?, part(1)?, part(2)?).ok()?;
    let until = match text.len() {
        4 => from + 1.year(),
        7 => from + 1.month(),
        _ => from + 1.day(),
    };
    let london = TimeZone::get("Europe/London").expect("London");
    let midnight = |d: Date| d.to_zoned(london.clone()).expect("midnight").timestamp().as_second();
    Some((midnight(from), midnight(until)))
}

/// From (inclusive) and until (exclusive) of a Period; open ends are far away.
pub fn interval(period: Option<&Value>) -> Option<(i64, i64)> {
    let period = period?;
    let from = period["start"].as_str().map_or(i64::MIN, |s| span_of(s).expect("a date").0);
    let until = period["end"].as_str().map_or(i64::MAX, |s| span_of(s).expect("a date").1);
    Some((from, until))
}

// ---- names ------------------------------------------------------------------------------------------------------------

pub fn same_reference(one: &str, other: &str) -> T {
    let absolute = |r: &str| r.contains("://");
    match (absolute(one), absolute(other)) {
        _ if one == other => T::Yes,
        (true, false) if one.ends_with(&format!("/{other}")) => T::Perhaps,
        (false, true) if other.ends_with(&format!("/{one}")) => T::Perhaps,
        _ => T::No,
    }
}

/// Whether a Reference names somebody who is known by these names.
pub fn same(reference: &Value, names: &[&str], identifiers: &[(&str, &str)]) -> T {
    let (system, value) = (reference["identifier"]["system"].as_str(), reference["identifier"]["value"].as_str());
    if let Some((_, own)) = identifiers.iter().find(|(s, _)| Some(*s) == system) {
        return truth(Some(*own) == value);
    }
    let Some(name) = reference["reference"].as_str() else { return T::Perhaps };
    names.iter().map(|n| same_reference(n, name)).max().unwrap_or(T::Perhaps)
}

/// Whether any of these actors is the party, and how narrowly it is named: person 5, role in a team 4, team 3,
/// organisation 2, audience 1, everyone 0. An objection that might name the party might name it as narrowly as can be.
pub fn names(actors: &[&Value], ask: &Ask, permits: bool) -> (T, u8) {
    if actors.is_empty() {
        return (T::Yes, 0);
    }
    let all: Vec<(T, u8)> = actors.iter().map(|a| names_party(a, ask)).collect();
    let truth = all.iter().map(|a| a.0).max().expect("an actor");
    if permits {
        // an agreement that names a holder and a recipient is about both
        let part = |a: &Value| match role(a) {
            Some("CST") => 0,
            None | Some("IRCP" | "PRCP") => 1,
            Some(_) => 2,
        };
        let best = |wanted: i32| {
            let of = actors.iter().zip(&all).filter(|(a, _)| part(a) == wanted);
            of.map(|(_, found)| *found).max()
        };
        let parts: Vec<(T, u8)> = (0..3).filter_map(best).collect();
        let who = parts.iter().map(|p| p.1).max().unwrap_or(0);
        return (parts.iter().map(|p| p.0).min().expect("an actor"), who);
    }
    let fires = all.iter().filter(|a| a.0 >= T::Perhaps);
    (truth, fires.map(|a| if a.0 == T::Perhaps { 5 } else { a.1 }).max().unwrap_or(0))
}

fn role(actor: &Value) -> Option<&str> {
    actor["role"]["coding"][0]["code"].as_str()
}

fn names_party(actor: &Value, ask: &Ask) -> (T, u8) {
    let role = role(actor);
    let reference = &actor["reference"];
    if role == Some("CST") {
        let holder = ask.custodian.map_or(T::Perhaps, |c| same(reference, &[], &[(plans::ODS, c)]));
        return (holder, 0);
    }
    if !matches!(role, None | Some("IRCP" | "PRCP")) {
        return (T::Perhaps, 0);
    }
    let value = reference["identifier"]["value"].as_str().unwrap_or_default();
    if reference["identifier"]["system"] == AUDIENCE {
        let everyone = |row: &toml::Value| row.get("everyone").is_some();
        let care = ask.purposes.iter().all(|p| rules().kind(p) == "direct-care") && !ask.purposes.is_empty();
        return match rules().audience(value) {
            _ if value == ask.audience => (T::Yes, 1),
            None => (T::Perhaps, 1),
            Some(row) if everyone(row) && care => (T::Yes, 0),
            Some(_) => (T::No, 1),
        };
    }
    let name = reference["reference"].as_str().unwrap_or_default();
    let type_ = name.rsplit('/').nth(1).unwrap_or_default();
    let rank = match type_ {
        "Practitioner" | "Patient" | "RelatedPerson" => 5,
        "PractitionerRole" => 4,
        "CareTeam" | "Group" => 3,
        _ => 2,
    };
    if rank == 3 || rank == 4 {
        let known = ask.groups.iter().chain(&ask.names).any(|g| *g == name);
        return (
            if known {
                T::Yes
            } else if ask.groups_known {
                T::No
            } else {
                T::Perhaps
            },
            rank,
        );
    }
    let identifiers = match ask.person {
        Some(number) => vec![(plans::NHS, number)],
        None => vec![(plans::ODS, ask.ods)],
    };
    let system = reference["identifier"]["system"].as_str();
    // a person is never an organisation
    let other_kind =
        name.is_empty() && system.is_some_and(|s| identifiers[0].0 != s && [plans::NHS, plans::ODS].contains(&s));
    (if other_kind { T::No } else { same(reference, &ask.names, &identifiers) }, rank)
}

// ---- a Consent ----------------------------------------------------------------------------------------------------------

impl Choice<'_> {
    pub fn decided_by(&self) -> Option<&str> {
        let coding = &self.json["policyRule"]["coding"][0];
        let ours = coding["system"].as_str()?.ends_with("/decided-by");
        coding["code"].as_str().filter(|_| ours)
    }

    pub fn performers_other_than_the_patient(&self) -> Vec<&str> {
        let patient = &self.json["patient"];
        let all = self.json["performer"].as_array().into_iter().flatten();
        let own = |p: &&Value| {
            let both = p["identifier"]["value"].is_string() && patient["identifier"]["value"].is_string();
            both && p["identifier"]["value"] == patient["identifier"]["value"]
        };
        all.filter(|p| !own(p)).map(|p| p["reference"].as_str().unwrap_or("somebody")).collect()
    }

    /// Whether another choice is of the same patient, as they are written.
    pub fn is_of_the_patient_of(&self, other: &Choice<'_>) -> T {
        let (a, b) = (&self.json["patient"], &other.json["patient"]);
        match (a["identifier"]["value"].as_str(), b["identifier"]["value"].as_str()) {
            (Some(a), Some(b)) => truth(a == b),
            _ => match (a["reference"].as_str(), b["reference"].as_str()) {
                (Some(a), Some(b)) => same_reference(a, b),
                _ => T::Perhaps,
            },
        }
    }
}

/// Reads a Consent.
pub fn reads(json: &Value) -> Choice<'_> {
    let status = json["status"].as_str();
    let mut choice = Choice {
        json,
        unread: false,
        other_scope: false,
        standing: match status {
            Some("rejected" | "inactive") => "ended",
            Some("draft" | "proposed") => "proposed",
            Some("entered-in-error") => "error",
            _ => "active",
        },
        dated: json["dateTime"].as_str().and_then(span_of).map(|s| s.0),
        validity: None,
        readings: Vec::new(),
    };
    match readings(json) {
        Some((readings, validity)) => {
            // NHS End of Life is about sharing what somebody wishes, whatever scope it is filed under
            let scope = json["scope"]["coding"][0]["code"].as_str().filter(|_| !profiled(json, "EOL-Consent"));
            choice.other_scope = matches!(scope, Some("treatment" | "adr"));
            choice.readings = readings;
            choice.validity = validity;
            as_refusal(&mut choice, status);
            in_its_own_words(&mut choice);
        }
        None => {
            choice.unread = true;
            if choice.standing == "ended" {
                choice.standing = "active";
            }
        }
    }
    choice
}

fn profiled(json: &Value, part: &str) -> bool {
    json["meta"]["profile"][0].as_str().is_some_and(|p| p.contains(part))
}

/// Withdrawn, rejected, refused: where the dialect says that this is an objection, it is one.
fn as_refusal(choice: &mut Choice<'_>, status: Option<&str>) {
    let (eol, ours) = (profiled(choice.json, "EOL-Consent"), profiled(choice.json, "sharewell-consent"));
    let rejected = status == Some("rejected");
    if choice.standing != "ended" || !(eol || ours || rejected) {
        return;
    }
    choice.standing = "active";
    choice.validity = None;
    let objection = |says: Map<String, Value>| vec![Rule { permits: false, depth: 0, says, unclear: false }];
    if eol {
        choice.readings = vec![objection(Map::new())];
        return;
    }
    let of_root = |reading: &Vec<Rule>| {
        let root = reading.first().filter(|r| rejected || r.permits)?;
        let kept = ["actor", "purpose"].into_iter().filter_map(|k| Some((k.to_owned(), root.says.get(k)?.clone())));
        Some(objection(kept.collect()))
    };
    choice.readings = choice.readings.iter().filter_map(of_root).collect();
}

fn in_its_own_words(choice: &mut Choice<'_>) {
    let research = choice.json["scope"]["coding"][0]["code"] == "research" && !profiled(choice.json, "EOL-Consent");
    let pcf = profiled(choice.json, "/ITI/PCF/");
    for rule in choice.readings.iter_mut().flatten() {
        if research && !rule.says.contains_key("purpose") {
            rule.says.insert("purpose".to_owned(), json!([{ "system": REASON, "code": "HRESCH" }]));
        }
        // IHE PCF says `related` of what R4 calls `dependents`
        for datum in rule.says.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten() {
            if pcf && datum["meaning"] == "related" {
                datum["meaning"] = json!("dependents");
            }
        }
    }
}

type Readings = (Vec<Vec<Rule>>, Option<Value>);

/// The readings of the provisions, and while the choice as a whole lasts. None: it cannot be read.
fn readings(json: &Value) -> Option<Readings> {
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
    const STATUS: [&str; 6] = ["draft", "proposed", "active", "rejected", "inactive", "entered-in-error"];
    let foreign =
        json.as_object()?.keys().any(|k| R5.contains(&k.as_str()) || k == "modifierExtension" || k == "implicitRules");
    let scope = json["scope"]["coding"][0]["code"].as_str()?;
    let known_scope = ["patient-privacy", "research", "treatment", "adr"].contains(&scope);
    if foreign || !known_scope || !json["status"].as_str().is_some_and(|s| STATUS.contains(&s)) {
        return None;
    }
    let root = match json.get("provision") {
        None => None,
        Some(root) => Some(root.as_object()?),
    };
    let validity = root.and_then(|r| r.get("period")).cloned();
    readable(validity.as_ref())?;
    let base = match json["policyRule"]["coding"][0]["code"].as_str() {
        Some("OPTIN" | "OPTINR") => Some(true),
        Some("OPTOUT" | "OPTOUTE") => Some(false),
        _ => None,
    };
    let open = |permits: bool| Rule { permits, depth: 0, says: Map::new(), unclear: false };
    let eol = profiled(json, "EOL-Consent");
    if eol && matches!(json["status"].as_str(), Some("inactive" | "rejected")) {
        // refused, if its own words can be read; what it says of exceptions is nothing to a refusal
        let mut bare = root.cloned();
        bare.iter_mut().for_each(|b| drop(b.remove("provision")));
        return walk(bare.as_ref(), false, &open(false), 0).map(|_| (Vec::new(), None));
    }
    let typed = match root.and_then(|r| r.get("type")) {
        None => None,
        Some(text) => Some(permits(text)?),
    };
    let scoped = |permits: bool| walk(root, permits, &open(permits), 0);
    let exception = |base: bool| {
        let mut all = vec![open(base)];
        all.extend(walk(root, !base, &open(!base), 1)?);
        Some(all)
    };
    match (base, typed) {
        (Some(base), Some(typed)) if base != typed => Some((vec![exception(base)?], None)),
        (_, Some(typed)) => Some((vec![scoped(typed)?], validity)),
        (Some(base), None) => {
            let plain = ["type", "period", "provision", "id", "extension"];
            let criteria = root.is_some_and(|r| r.keys().any(|k| !plain.contains(&k.as_str())));
            let nested = root.and_then(|r| r.get("provision")).and_then(Value::as_array).into_iter().flatten();
            let repeats = nested.into_iter().any(|n| n.get("type").and_then(permits) == Some(base));
            let mut all = vec![scoped(base)?];
            // agreed with restrictions that nobody wrote down
            all[0][0].unclear |= root.is_none() && json["policyRule"]["coding"][0]["code"] == "OPTINR";
            if criteria || repeats {
                all.push(exception(base)?);
            }
            Some((all, validity))
        }
        (None, None) if eol => Some((vec![scoped(true)?], validity)),
        (None, None) => None,
    }
}

fn permits(type_: &Value) -> Option<bool> {
    match type_.as_str() {
        Some("permit") => Some(true),
        Some("deny") => Some(false),
        _ => None,
    }
}

fn readable(period: Option<&Value>) -> Option<()> {
    let ends = ["start", "end"].into_iter().filter_map(|e| period?.get(e));
    ends.map(|e| e.as_str().and_then(span_of)).collect::<Option<Vec<_>>>().map(|_| ())
}

/// A provision and all below it. A child has every dimension of its parent that it does not state itself.
fn walk(provision: Option<&Map<String, Value>>, permits_: bool, above: &Rule, depth: usize) -> Option<Vec<Rule>> {
    const LISTS: [&str; 8] = ["actor", "action", "securityLabel", "purpose", "class", "code", "data", "provision"];
    const OTHER: [&str; 5] = ["id", "extension", "type", "period", "dataPeriod"];
    let empty = Map::new();
    let provision = provision.unwrap_or(&empty);
    if depth > 8 {
        return None;
    }
    let mut says = above.says.clone();
    for (key, value) in provision {
        if LISTS.contains(&key.as_str()) != value.is_array()
            || !(LISTS.contains(&key.as_str()) || OTHER.contains(&key.as_str()))
        {
            return None;
        }
        if !["type", "provision", "id", "extension"].contains(&key.as_str()) {
            says.insert(key.clone(), value.clone());
        }
    }
    readable(says.get("period"))?;
    readable(says.get("dataPeriod"))?;
    let odd = |v: &Value| v["coding"][0]["code"] == "odd";
    let own = provision.get("action").and_then(Value::as_array).into_iter().flatten().any(odd);
    let rule = Rule { permits: permits_, depth, says, unclear: above.unclear || own };
    let mut found = vec![rule.clone()];
    for nested in provision.get("provision").and_then(Value::as_array).into_iter().flatten() {
        let type_ = permits(nested.get("type")?)?;
        found.extend(walk(nested.as_object(), type_, &rule, depth + 1)?);
    }
    Some(found)
}
