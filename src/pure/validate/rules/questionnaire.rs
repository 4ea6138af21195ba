//! Questionnaires: conditions that name questions which exist. And what questions and answers are read with: values,
//! extensions, their order. Responses stand in `response.rs`, conditions of a response in `enable.rs`.

use crate::pure::fhir::{Item, Kind};
use crate::pure::fhirpath::converted;
use crate::pure::validate::walk::{MOST_FINDINGS, Walk};
use std::cmp::Ordering;
use std::collections::HashMap;

/// The value of a Questionnaire extension: the child that starts with `value`.
pub(in crate::pure::validate) fn extension<'a>(item: Item<'a>, url: &str) -> Option<Item<'a>> {
    let found = item.all("extension").find(|e| e.str_at(&["url"]) == Some(url))?;
    found.children().find(|c| c.key().starts_with("value"))
}

/// The value of an answer or option, and its type as the name says it: `Coding` of `valueCoding`.
pub(in crate::pure::validate) fn value<'a>(item: Item<'a>, stem: &str) -> Option<(String, Item<'a>)> {
    item.children().find_map(|c| {
        let rest = c.key().strip_prefix(stem)?;
        rest.starts_with(|l: char| l.is_ascii_uppercase()).then(|| (rest.to_owned(), c))
    })
}

/// The first question of each linkId, at whatever depth.
pub(in crate::pure::validate) fn by_link<'a>(questionnaire: Item<'a>) -> HashMap<&'a str, Item<'a>> {
    let mut found = HashMap::new();
    let mut open: Vec<Item<'a>> = questionnaire.all("item").collect();
    while let Some(item) = open.pop() {
        if let Some(id) = item.str_at(&["linkId"]) {
            found.entry(id).or_insert(item);
        }
        open.extend(item.all("item"));
    }
    found
}

/// The questions around a question, from the outermost to itself.
pub(in crate::pure::validate) fn line(question: Item<'_>) -> Vec<Item<'_>> {
    let mut line = Vec::new();
    let mut at = Some(question);
    while let Some(item) = at.filter(|i| i.resource_type().is_none()) {
        if item.kind() == Kind::Object {
            line.push(item);
        }
        at = item.parent();
    }
    line.reverse();
    line
}

impl<'a> Walk<'a> {
    /// The conditions of a Questionnaire name questions that it has, and none below the one they are for.
    pub(in crate::pure::validate) fn conditions(&mut self, questionnaire: Item<'a>) {
        let all = by_link(questionnaire);
        let mut open: Vec<Item<'a>> = questionnaire.all("item").collect();
        while let Some(item) = open.pop() {
            for question in item.all("enableWhen").filter_map(|c| c.get("question")) {
                let (code, id, text) = match all.get(question.text()) {
                    None => ("not-found", "condition-without-question", "names a question that is not there"),
                    Some(target) if *target == item => {
                        ("business-rule", "condition-on-inner-question", "depends on the question itself")
                    }
                    Some(target) if line(*target).contains(&item) => {
                        ("business-rule", "condition-on-inner-question", "depends on a question below it")
                    }
                    Some(_) => continue,
                };
                let text = format!("a condition of the question {text}");
                self.error(code, id, item, None, text, "name another question of the questionnaire");
                self.point_at(question);
            }
            open.extend(item.all("item"));
        }
    }

    /// Lets the last finding point into the text at an item below the one it is about.
    pub(in crate::pure::validate) fn point_at(&mut self, item: Item<'a>) {
        // where the report is full, the last finding may be an older one; and a place costs a look through the text
        if self.report.issues.len() < MOST_FINDINGS
            && let (Some(issue), Some(place)) = (self.report.issues.last_mut(), item.place())
        {
            issue.place = Some(place);
        }
    }
}

/// Whether two answers are the same: Codings by system and code, references by what they name, others by their text.
pub(in crate::pure::validate) fn is_same(given: Item<'_>, wanted: Item<'_>) -> bool {
    if !wanted.is_container() {
        return given.text() == wanted.text();
    }
    let same = |name: &str| given.str_at(&[name]) == wanted.str_at(&[name]);
    match wanted.get("reference") {
        Some(_) => same("reference"),
        None => {
            same("system") && same("code") && given.get("value").map(Item::text) == wanted.get("value").map(Item::text)
        }
    }
}

/// The order of two answers; none where they cannot be compared.
pub(in crate::pure::validate) fn compare(given: Item<'_>, wanted: Item<'_>) -> Option<Ordering> {
    if wanted.is_container() {
        let value = |item: Item<'_>| item.get("value")?.text().parse::<f64>().ok();
        let unit = |item: Item<'_>| item.str_at(&["system"]).and_then(|_| item.str_at(&["code"])).map(str::to_owned);
        let (mine, theirs) = (unit(given)?, unit(wanted)?);
        let converted = if mine == theirs { value(given)? } else { converted(value(given)?, &mine, &theirs)? };
        return converted.partial_cmp(&value(wanted)?);
    }
    match (given.text().parse::<f64>(), wanted.text().parse::<f64>()) {
        (Ok(mine), Ok(theirs)) => mine.partial_cmp(&theirs),
        _ => Some(given.text().cmp(wanted.text())),
    }
}
