//! Invariants (R4 §5.1.0.10, ElementDefinition.constraint): by FHIRPath, or for a few that every record meets many times
//! by a function that gives the same answer.

use crate::pure::fhir::{Item, Severity};
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
        if holds {
            return;
        }
        let item = match &rule.check {
            Check::Native(Native::ContainedReferenced) => match self.unreferenced(item) {
                Some(contained) => contained,
                None => return,
            },
            _ => item,
        };
        self.broken(item, rule, by);
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
}
