//! Invariants (R4 §5.1.0.10, ElementDefinition.constraint): by FHIRPath, or for a few that every record meets many times
//! by a function that gives the same answer.

use crate::pure::fhir::time::Precision;
use crate::pure::fhir::{Item, Severity, When};
use crate::pure::fhirpath::{Fault, Focus};
use crate::pure::profile::compile::type_of;
use crate::pure::profile::node::{Check, Native, NodeIndex, Rule};
use crate::pure::validate::walk::{By, Walk};

impl<'a> Walk<'a> {
    /// Judges all invariants of a node on an element.
    pub(in crate::pure::validate) fn rules(&mut self, item: Item<'a>, by: By<'a>, index: NodeIndex) {
        let all = self.options.best_practice;
        for rule in by.node.rules.iter().filter(|r| all || !r.is_best_practice) {
            self.invariant(item, rule, by, index);
        }
    }

    fn invariant(&mut self, item: Item<'a>, rule: &'a Rule, by: By<'a>, index: NodeIndex) {
        let holds = match &rule.check {
            Check::Native(native) => self.native(*native, item),
            Check::Expression(expression) => {
                if rule.asks_now && self.options.now.is_none() {
                    self.report.not_checked(&format!("invariant `{}`", rule.key), "it asks for today's date");
                    return;
                }
                let focus = if by.profile.is_constraint {
                    Focus::from(item)
                } else {
                    match by.node.types.first().and_then(|t| t.structure) {
                        Some(structure) if by.node.kids.is_none() && by.node.types.len() == 1 => {
                            Focus::typed(item, type_of(structure, 0))
                        }
                        _ if by.node.kids.is_some() => Focus::typed(item, type_of(by.profile.index, index)),
                        _ => Focus::from(item),
                    }
                };
                match expression.check(&self.context(), focus) {
                    Ok(holds) => holds,
                    Err(error) => {
                        let why = match error.fault {
                            Fault::Unknown => "it asks for something that is not loaded",
                            Fault::Limit => "it takes too long on this record",
                            Fault::Wrong => "its expression cannot be evaluated on this record",
                        };
                        self.report.not_checked(&format!("invariant `{}`", rule.key), why);
                        return;
                    }
                }
            }
        };
        if !holds {
            self.broken(item, rule, by);
        }
    }

    fn broken(&mut self, item: Item<'a>, rule: &'a Rule, by: By<'a>) {
        let severity = match (rule.is_best_practice, rule.is_error) {
            (true, _) => Severity::Information,
            (false, true) => Severity::Error,
            (false, false) => Severity::Warning,
        };
        let text = match &rule.human {
            Some(human) => format!("{} (`{}` of `{}`)", human.trim_end_matches('.'), rule.key, by.node.id),
            None => format!("`{}` of `{}` does not hold: `{}`", rule.key, by.node.id, rule.text),
        };
        let remedy = "change the element so that the expression of the rule is true for it";
        self.find(severity, "invariant", "invariant-broken", item, Some(by), text, remedy);
        if let Some(issue) = self.report.issues.last_mut() {
            issue.rule = Some(format!("{}#{} {}", by.profile.url, by.node.id, rule.key));
            if let Some(mend) = &rule.mend {
                issue.remedy = Some(mend.to_string().into());
            }
        }
    }

    fn native(&self, native: Native, item: Item<'a>) -> bool {
        let contained = || item.all("contained");
        match native {
            // a contained resource is shown with the one that contains it
            Native::Narrative => item != self.root || item.str_at(&["text", "div"]).is_some(),
            Native::ContainedOnce => contained().all(|c| c.get("contained").is_none()),
            Native::ContainedWithoutVersion => contained()
                .filter_map(|c| c.get("meta"))
                .all(|m| m.get("versionId").is_none() && m.get("lastUpdated").is_none()),
            Native::ContainedWithoutLabel => {
                contained().filter_map(|c| c.get("meta")).all(|m| m.get("security").is_none())
            }
            Native::ContainedReferenced => contained().next().is_none() || self.contained_are_referenced(item),
            Native::LocalReference => self.local_reference(item),
            Native::PeriodInOrder => period_in_order(item),
        }
    }

    /// dom-3: each contained resource is referred to from elsewhere in the resource, or refers to the resource itself.
    fn contained_are_referenced(&self, item: Item<'a>) -> bool {
        let mut names = std::collections::HashSet::new();
        for below in item.descendants() {
            if let Some(fragment) = below.str().and_then(|t| t.strip_prefix('#')) {
                names.insert(fragment);
            }
        }
        let narrative = item.str_at(&["text", "div"]).unwrap_or_default();
        item.all("contained").all(|contained| {
            contained.str_at(&["id"]).is_some_and(|id| names.contains(id) || narrative.contains(&format!("#{id}\"")))
                || contained.descendants().iter().any(|d| d.str() == Some("#"))
        })
    }

    /// ref-1: a reference that starts with `#` names a contained resource of the root, or the root itself.
    fn local_reference(&self, item: Item<'a>) -> bool {
        let Some(fragment) = item.str_at(&["reference"]).and_then(|r| r.strip_prefix('#')) else { return true };
        if fragment.is_empty() {
            return true;
        }
        self.root.all("contained").any(|c| c.str_at(&["id"]) == Some(fragment))
    }
}

/// per-1: `start.hasValue().not() or end.hasValue().not() or (start <= end)`. As in FHIRPath, where one is written less
/// precisely than the other and what both say is the same, nothing is known, and the invariant does not hold.
fn period_in_order(item: Item<'_>) -> bool {
    let when = |name: &str| item.str_at(&[name]).and_then(When::date_time);
    let (Some(start), Some(end)) = (when("start"), when("end")) else { return true };
    if start.precision == end.precision || start.precision.min(end.precision) >= Precision::Second {
        return start.earliest() <= end.earliest();
    }
    let parts = |when: When| [i32::from(when.civil.year()), i32::from(when.civil.month()), i32::from(when.civil.day())];
    let shared = match start.precision.min(end.precision) {
        Precision::Year => 1,
        Precision::Month => 2,
        _ => 3,
    };
    parts(start)[..shared] < parts(end)[..shared]
}
