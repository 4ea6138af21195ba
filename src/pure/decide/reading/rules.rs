//! The provisions of a Consent, spelled out: a child has every dimension it does not state from its parent (§1.3).

use super::names::identity;
use super::{foreign, refuse};
use crate::pure::decide::provision::{Actor, Meaning, Part, Rule, Says, Span};
use crate::pure::decide::words::{AUDIENCE, Action, Code};
use crate::pure::fhir::{Item, Kind, Report, When};

/// Provisions inside one another that we follow. IHE PCF allows one level.
const DEEPEST: u8 = 8;
/// Provisions of one Consent that we take up.
const MOST: usize = 10_000;

/// `type` of a provision, where it has one.
pub(super) fn says(provision: Item<'_>) -> Result<Option<Says>, Report> {
    match provision.get("type").map(Item::str) {
        None => Ok(None),
        Some(Some("permit")) => Ok(Some(Says::Permit)),
        Some(Some("deny")) => Ok(Some(Says::Deny)),
        Some(_) => {
            let text = "the type is neither permit nor deny";
            Err(refuse(provision, "provision-type-unknown", text, "write permit or deny"))
        }
    }
}

/// A walk down the provisions.
pub(super) struct Walk<'t> {
    consent: Item<'t>,
    count: usize,
}

impl<'t> Walk<'t> {
    pub fn of(consent: Item<'t>) -> Walk<'t> {
        Walk { consent, count: 0 }
    }

    /// Adds a provision and all below it, in the sender's order.
    pub fn rules(
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
        foreign::provision(provision)?;
        let mut rule = Rule { says: says_, depth, ..above.clone() };
        self.dimensions(provision, &mut rule)?;
        rules.push(rule.clone());
        for nested in provision.all("provision") {
            let Some(nested_says) = says(nested)? else {
                let text = "a nested provision does not say whether it permits or denies";
                return Err(refuse(nested, "provision-without-type", text, "give every nested provision a `type`"));
            };
            self.rules(Some(nested), nested_says, &rule, depth + 1, rules)?;
        }
        Ok(())
    }

    fn dimensions(&self, provision: Item<'_>, rule: &mut Rule) -> Result<(), Report> {
        if provision.get("actor").is_some() {
            rule.actors = provision.all("actor").map(|a| actor(a, self.consent)).collect();
        }
        if provision.get("action").is_some() {
            let codes = provision.all("action").map(|c| {
                let mut codes = Code::concept(c).map(|c| Action::from_code(&c.code)).peekable();
                if codes.peek().is_none() { vec![None] } else { codes.collect() }
            });
            let actions: Vec<Option<Action>> = codes.flatten().collect();
            rule.unclear |= actions.contains(&None);
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

/// Who an actor of a provision is, and in what part.
pub(in crate::pure::decide) fn actor(actor: Item<'_>, consent: Item<'_>) -> Actor {
    let roles: Vec<Code> = actor.get("role").map(|r| Code::concept(r).collect()).unwrap_or_default();
    let worded = actor.get("role").is_some_and(|r| r.get("text").is_some());
    let is = |codes: &[&str]| roles.iter().any(|r| codes.contains(&r.code.as_str()));
    let part = if is(&["CST", "custodian"]) {
        Part::Custodian
    } else if (roles.is_empty() && !worded) || is(&["IRCP", "PRCP", "GRANTEE"]) {
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

/// A Period of a provision. Both ends count, a date to the end of its day.
pub(super) fn span(provision: Item<'_>, name: &str) -> Result<Option<Span>, Report> {
    let Some(period) = provision.get(name) else { return Ok(None) };
    if period.kind() != Kind::Object {
        return Err(refuse(
            period,
            "period-unreadable",
            "a period has to be an object",
            "write `start` and `end` in { }",
        ));
    }
    let end_of = |key: &str| match period.get(key).map(Item::str) {
        None => Ok(None),
        Some(text) => text.and_then(When::date_time).map(Some).ok_or_else(|| {
            let text = "a date of this period cannot be read";
            refuse(period, "period-unreadable", text, "write dates as in R4: 2027-06-30")
        }),
    };
    Ok(Some(Span::of(end_of("start")?, end_of("end")?)))
}
