//! What one body of the register says, in the words of `decide`.

use super::Kind;
use crate::pure::decide::{Bar, BreakGlass, Capacity, Identity, Order, Relationship, Representative, Right, RuleId};
use crate::pure::fhir::{Issue, Item, Report, When};
use jiff::Timestamp;

/// From when to when; either end may be open. A date counts as the whole day, Europe/London.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub from: Option<Timestamp>,
    /// The first instant after it.
    pub until: Option<Timestamp>,
}

impl Span {
    /// Whether it holds an instant.
    #[must_use]
    pub fn holds(self, now: Timestamp) -> bool {
        self.from.is_none_or(|f| f <= now) && self.until.is_none_or(|u| now < u)
    }
}

/// What is known.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A party cares for the person.
    Relationship(Relationship),
    /// Somebody may speak for the person.
    Representative(Representative),
    /// An assessment of capacity to decide about sharing, and while it counts.
    Capacity(Capacity, Span),
    /// Whether they opted out, and when that was checked.
    OptOut(bool, Timestamp),
    /// Where they are must not be told.
    RestrictedAddress(Span),
    /// When they died.
    Death(Timestamp),
    /// A bar, and while it stands.
    Bar(Bar, Span),
    /// An order.
    Order(Order),
    /// A declared emergency; when is for the store to say.
    Emergency(BreakGlass),
    /// Storage only.
    Restriction(Span),
    /// Something was recorded and cannot be read any more: it might be a bar.
    Unreadable,
}

/// Reads the members of one body, and keeps what is wrong.
struct Body<'t> {
    root: Item<'t>,
    report: Report,
}

impl Fact {
    /// Reads a body that its schema has let through, or that was kept.
    ///
    /// # Errors
    /// A date that does not exist, an end before its beginning, a member that is missing.
    pub fn read(kind: Kind, root: Item<'_>) -> Result<Fact, Report> {
        let mut body = Body { root, report: Report::default() };
        let fact = body.fact(kind);
        match fact {
            Some(fact) if body.report.is_valid() => Ok(fact),
            _ if body.report.is_valid() => Err(incomplete(root)),
            _ => Err(body.report),
        }
    }
}

fn incomplete(root: Item<'_>) -> Report {
    let issue = Issue::error("structure", "register-incomplete", "a member that this kind needs is missing".to_owned());
    issue.on(root).remedy("see `register.schema.json`").into()
}

impl<'t> Body<'t> {
    fn fact(&mut self, kind: Kind) -> Option<Fact> {
        let root = self.root;
        Some(match kind {
            Kind::Relationship => {
                let Span { from, until } = self.span();
                Fact::Relationship(Relationship { with: identity(root.get("with")?)?, from, until })
            }
            Kind::Representative => {
                let Span { from, until } = self.span();
                let registered = root.get("registered").and_then(Item::bool).unwrap_or(false);
                let (who, right) = (identity(root.get("who")?)?, right(root.str_at(&["right"])?)?);
                Fact::Representative(Representative { who, right, registered, from, until })
            }
            Kind::Capacity => {
                let from = Some(self.moment("assessed")?.earliest());
                let until = self.until(from);
                let capacity = match root.str_at(&["capacity"])? {
                    "has" => Capacity::Has,
                    "lacks" => Capacity::Lacks,
                    _ => return None,
                };
                Fact::Capacity(capacity, Span { from, until })
            }
            // a check of which only the day is known counts from its beginning: it may be that old
            Kind::OptOut => Fact::OptOut(root.get("optedOut")?.bool()?, self.moment("checked")?.earliest()),
            Kind::RestrictedAddress => Fact::RestrictedAddress(self.span()),
            Kind::Death => Fact::Death(self.moment("died")?.earliest()),
            Kind::Bar => {
                let span = self.span();
                Fact::Bar(self.bar()?, span)
            }
            Kind::Order => Fact::Order(self.order()?),
            Kind::Emergency => Fact::Emergency(BreakGlass {
                reason: root.str_at(&["reason"])?.to_owned(),
                text: root.str_at(&["text"])?.to_owned(),
                agreed_now: root.get("agreedNow").and_then(Item::bool).unwrap_or(false),
                cannot_ask: root.get("cannotAsk").and_then(Item::bool).unwrap_or(false),
                declared_at: None,
            }),
            Kind::Restriction => Fact::Restriction(self.span()),
        })
    }

    fn bar(&self) -> Option<Bar> {
        let root = self.root;
        let rule = RuleId::from_id(root.str_at(&["rule"])?)?;
        Some(Bar {
            id: rule.id().to_owned(),
            rule,
            references: texts(root, "references"),
            texts: texts(root, "texts"),
            exemption: root.str_at(&["exemption"]).map(str::to_owned),
            recipients: root.all("recipients").map(identity).collect::<Option<_>>()?,
        })
    }

    fn order(&mut self) -> Option<Order> {
        let Span { from, until } = self.span();
        let root = self.root;
        let text = |key: &str| root.str_at(&[key]).map(str::to_owned);
        Some(Order {
            id: text("reference")?,
            rule: RuleId::from_id(root.str_at(&["rule"])?)?,
            basis: text("basis")?,
            decided_by: text("decidedBy"),
            recipient: identity(root.get("recipient")?)?,
            sections: texts(root, "sections"),
            from,
            until,
            tell_person: root.get("tellPerson")?.bool()?,
        })
    }

    fn span(&mut self) -> Span {
        let from = self.moment("from").map(When::earliest);
        Span { from, until: self.until(from) }
    }

    /// `until`, which has to come after the beginning: a span of nothing would look like a fact and never be one.
    fn until(&mut self, from: Option<Timestamp>) -> Option<Timestamp> {
        let until = self.moment("until")?.end();
        if from.is_some_and(|f| until <= f) {
            self.wrong("until", "register-span", "`until` comes before the beginning", "let it end after it begins");
        }
        Some(until)
    }

    fn moment(&mut self, key: &'static str) -> Option<When> {
        let text = self.root.str_at(&[key])?;
        let when = When::date_time(text);
        if when.is_none() {
            self.wrong(key, "register-date", "this is no date that exists", "write 2026-06-30 or 2026-06-30T12:00:00Z");
        }
        when
    }

    fn wrong(&mut self, key: &str, id: &'static str, text: &str, remedy: &'static str) {
        let issue = Issue::error("value", id, text.to_owned()).on(self.root.get(key).unwrap_or(self.root));
        self.report.push(issue.remedy(remedy));
    }
}

fn texts(root: Item<'_>, key: &str) -> Vec<String> {
    root.all(key).filter_map(|t| t.str()).map(str::to_owned).collect()
}

/// Somebody: `{system, value}` or `{reference}`.
fn identity(item: Item<'_>) -> Option<Identity> {
    match (item.str_at(&["system"]), item.str_at(&["value"]), item.str_at(&["reference"])) {
        (Some(system), Some(value), None) => Some(Identity::by_identifier(system, value)),
        (None, None, Some(reference)) => Some(Identity::by_reference(reference)),
        _ => None,
    }
}

/// England-NHSProxyLegalBasis, and the property power, which the code system does not have.
fn right(word: &str) -> Option<Right> {
    Some(match word {
        "health-and-welfare-lasting-power-of-attorney" => Right::HealthAndWelfareAttorney,
        "property-and-financial-affairs-lasting-power-of-attorney" => Right::PropertyAttorney,
        "court-appointed-personal-welfare-deputy" => Right::WelfareDeputy,
        "parental-responsibility" => Right::ParentalResponsibility,
        "consent" => Right::Consent,
        "best-interest" => Right::BestInterests,
        "unknown" => Right::Unknown,
        _ => return None,
    })
}
