//! Whether a question is enabled: its conditions (R4 Questionnaire.item.enableWhen) hold for the answers given so far, or the
//! expression that stands for them does.

use super::questionnaire::{compare, extension, is_same, line, value};
use super::response::Response;
use crate::pure::fhir::Item;
use crate::pure::fhirpath::{Expression, Focus};
use crate::pure::validate::walk::Walk;
use std::cmp::Ordering;

/// Conditions as one expression (Structured Data Capture, and its Finnish forerunner).
const EXPRESSIONS: &[&str] = &[
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression",
    "http://phr.kanta.fi/StructureDefinition/fiphr-ext-questionnaire-enablewhen",
];

/// How many items of a response may be looked at for its conditions: a hostile response ends there.
const MOST_STEPS: usize = 2_000_000;

impl<'a> Walk<'a> {
    /// Whether a question's conditions hold.
    pub(super) fn is_enabled(&mut self, question: Item<'a>, response: &mut Response<'a>) -> bool {
        if let Some(expression) = EXPRESSIONS.iter().find_map(|url| extension(question, url)) {
            return self.is_true(expression, response.root);
        }
        let mut conditions = question.all("enableWhen").peekable();
        if conditions.peek().is_none() {
            return true;
        }
        let answers: Vec<bool> = conditions.map(|c| holds(c, question, response)).collect();
        if response.steps > MOST_STEPS {
            self.report.not_checked("conditions of questions", "the response has too many answers to look through");
            return true;
        }
        match (question.str_at(&["enableBehavior"]), answers.as_slice()) {
            (Some("any"), all) => all.contains(&true),
            (Some("all"), all) => !all.contains(&false),
            (_, [one]) => *one,
            // which of the two is meant is not said (que-12)
            _ => true,
        }
    }

    fn is_true(&mut self, expression: Item<'a>, root: Item<'a>) -> bool {
        let is_path = expression.get("language").is_none_or(|l| l.str() == Some("text/fhirpath"));
        let text = expression.str().or_else(|| expression.str_at(&["expression"])).filter(|_| is_path);
        let compiled = text.and_then(|text| Expression::compile(text).ok());
        let answer = compiled.and_then(|e| e.check(&self.context(), Focus::from(root)).ok());
        if answer.is_none() {
            self.report.not_checked("a condition of a question", "its expression cannot be evaluated here");
        }
        answer.unwrap_or(true)
    }
}

fn holds<'a>(condition: Item<'a>, question: Item<'a>, response: &mut Response<'a>) -> bool {
    let answers = answers(condition, question, response);
    let operator = condition.str_at(&["operator"]).unwrap_or_default();
    let Some((_, wanted)) = value(condition, "answer") else { return true };
    if operator == "exists" {
        return wanted.bool() == Some(!answers.is_empty());
    }
    answers.iter().filter_map(|a| value(*a, "value")).any(|(_, given)| match operator {
        "=" => is_same(given, wanted),
        "!=" => !is_same(given, wanted),
        _ => match (compare(given, wanted), operator) {
            (Some(order), ">") => order == Ordering::Greater,
            (Some(order), "<") => order == Ordering::Less,
            (Some(order), ">=") => order != Ordering::Less,
            (Some(order), "<=") => order != Ordering::Greater,
            _ => false,
        },
    })
}

/// The answers a condition looks at: those to its question that stand nearest, in the group which holds both questions. A
/// group may be there several times, and each time its conditions look at its own answers.
fn answers<'a>(condition: Item<'a>, question: Item<'a>, response: &mut Response<'a>) -> Vec<Item<'a>> {
    let Some(target) = condition.str_at(&["question"]).and_then(|id| response.by_link.get(id)).copied() else {
        return Vec::new();
    };
    let (mine, theirs) = (line(question), line(target));
    let shared = mine.iter().zip(&theirs).take_while(|(a, b)| a == b).last().map(|(group, _)| *group);
    let around = shared.and_then(|group| response.around.iter().rev().find(|(asked, _)| *asked == group));
    let mut found = Vec::new();
    let mut open = vec![around.map_or(response.root, |(_, given)| *given)];
    let id = target.str_at(&["linkId"]);
    while let Some(item) = open.pop() {
        response.steps += 1;
        if response.steps > MOST_STEPS {
            break;
        }
        if item.str_at(&["linkId"]) == id {
            found.extend(item.all("answer"));
        }
        open.extend(item.all("item"));
        open.extend(item.all("answer").flat_map(|a| a.all("item")));
    }
    found
}
