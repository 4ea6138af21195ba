//! One answer beside its question: of the right type, within the limits, among the options (R4, Questionnaire.item).

use super::questionnaire::{compare, extension, is_same, value};
use crate::pure::fhir::Item;
use crate::pure::profile::value_set::{Membership, ValueSet};
use crate::pure::validate::walk::Walk;
use std::cmp::Ordering;
use std::sync::Arc;

const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";
const SDC: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";

/// The types an answer may have, by the type of the question.
fn types(kind: &str) -> &'static [&'static str] {
    match kind {
        "boolean" => &["Boolean"],
        "decimal" => &["Decimal"],
        "integer" => &["Integer"],
        "date" => &["Date"],
        "dateTime" => &["DateTime"],
        "time" => &["Time"],
        "string" | "text" => &["String"],
        "url" => &["Uri"],
        "choice" => &["Coding", "String", "Integer", "Date", "Time", "Reference"],
        "open-choice" => &["Coding", "String"],
        "attachment" => &["Attachment"],
        "reference" => &["Reference"],
        "quantity" => &["Quantity"],
        _ => &[],
    }
}

impl<'a> Walk<'a> {
    /// All answers to one question.
    pub(in crate::pure::validate) fn answers(
        &mut self,
        question: Item<'a>,
        item: Item<'a>,
        kind: &str,
        questionnaire: Item<'a>,
    ) {
        let count = item.all("answer").count();
        for answer in item.all("answer") {
            let Some((type_name, given)) = value(answer, "value") else { continue };
            let allowed = types(kind);
            if !allowed.is_empty() && !allowed.contains(&type_name.as_str()) {
                let text = format!("the answer should be of type {}", allowed.join(" or "));
                self.error("structure", "wrong-answer-type", given, None, text, "send it as this type");
                continue;
            }
            self.answer_limits(question, given);
            self.answer_form(question, given);
            self.answer_options(question, given, kind, &type_name, count);
            self.answer_value_set(question, given, &type_name, questionnaire, kind);
        }
    }

    fn wrong_answer(&mut self, given: Item<'a>, id: &'static str, text: &str) {
        self.error("invalid", id, given, None, text.to_owned(), "mend the answer");
    }

    fn answer_limits(&mut self, question: Item<'a>, given: Item<'a>) {
        let limits = [
            (format!("{BASE}minValue"), Ordering::Less),
            (format!("{BASE}maxValue"), Ordering::Greater),
            (format!("{SDC}minQuantity"), Ordering::Less),
            (format!("{SDC}maxQuantity"), Ordering::Greater),
        ];
        for (url, wrong) in limits {
            let Some(limit) = extension(question, &url) else { continue };
            match compare(given, limit) {
                Some(order) if order == wrong => {
                    self.wrong_answer(given, "answer-out-of-range", "the answer is outside the limits of the question");
                }
                None => self.wrong_answer(given, "answer-not-comparable", "the answer has no unit to compare it by"),
                Some(_) => {}
            }
        }
        if let Some(longest) = question.get("maxLength").and_then(|m| m.text().parse::<usize>().ok())
            && given.text().chars().count() > longest
        {
            self.wrong_answer(given, "answer-too-long", "the answer is longer than the question allows");
        }
    }

    fn answer_form(&mut self, question: Item<'a>, given: Item<'a>) {
        let says = |name: &str| extension(question, &format!("{BASE}{name}")).map(Item::text);
        if let Some(pattern) = says("regex")
            && regex::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|r| !r.is_match(given.text()))
        {
            self.wrong_answer(given, "answer-form", "the answer does not have the form the question asks for");
        }
        if let Some(places) = says("maxDecimalPlaces").and_then(|p| p.parse::<usize>().ok())
            && given.text().split_once('.').is_some_and(|(_, rest)| rest.len() > places)
        {
            self.wrong_answer(
                given,
                "answer-too-precise",
                "the answer has more decimal places than the question allows",
            );
        }
        let mut kinds = question.all("extension").filter(|e| e.str_at(&["url"]) == Some(&format!("{BASE}mimeType")));
        let stated = given.str_at(&["contentType"]);
        if let Some(first) = kinds.next() {
            let is_one = std::iter::once(first).chain(kinds).any(|k| k.str_at(&["valueCode"]) == stated);
            if !is_one {
                self.wrong_answer(
                    given,
                    "attachment-type",
                    "the attachment is of a media type the question does not allow",
                );
            }
        }
        let size = given.get("size").and_then(|s| s.text().parse::<f64>().ok());
        let size = size.or_else(|| given.str_at(&["data"]).map(|d| d.len() as f64 * 0.75));
        if let (Some(most), Some(size)) = (says("maxSize").and_then(|m| m.parse::<f64>().ok()), size)
            && size > most
        {
            self.wrong_answer(given, "attachment-too-large", "the attachment is larger than the question allows");
        }
        self.answer_unit(question, given);
    }

    fn answer_unit(&mut self, question: Item<'a>, given: Item<'a>) {
        let option = format!("{BASE}questionnaire-unitOption");
        let mut options = question.all("extension").filter(|e| e.str_at(&["url"]) == Some(&option)).peekable();
        let same = |coding: Item<'_>| {
            coding.str_at(&["code"]) == given.str_at(&["code"])
                && coding.str_at(&["system"]) == given.str_at(&["system"])
        };
        let has_options = options.peek().is_some();
        if has_options && !options.filter_map(|o| o.get("valueCoding")).any(same) {
            self.wrong_answer(given, "answer-unit", "the unit is not one that the question allows");
        }
        if let Some(url) = extension(question, &format!("{BASE}questionnaire-unitValueSet")).and_then(Item::str)
            && let Some(set) = self.definitions.value_set(url)
        {
            let is_out = match given.str_at(&["code"]) {
                Some(code) => set.contains(given.str_at(&["system"]), code) == Membership::Out,
                None => true,
            };
            if is_out {
                self.wrong_answer(given, "answer-unit", "the unit is not one that the question allows");
            }
        }
    }

    fn answer_options(&mut self, question: Item<'a>, given: Item<'a>, kind: &str, type_name: &str, count: usize) {
        let options: Vec<Item<'a>> = question.all("answerOption").collect();
        if options.is_empty() || (kind == "open-choice" && type_name == "String") {
            return;
        }
        let chosen = options.iter().find(|option| {
            value(**option, "value").is_some_and(|(name, wanted)| name == type_name && is_same(given, wanted))
        });
        let Some(chosen) = chosen else {
            self.error(
                "code-invalid",
                "answer-not-an-option",
                given,
                None,
                "the answer is none of the options".to_owned(),
                "choose one of them",
            );
            return;
        };
        let exclusive = extension(*chosen, &format!("{BASE}questionnaire-optionExclusive")).and_then(Item::bool);
        if exclusive == Some(true) && count > 1 {
            self.wrong_answer(given, "exclusive-option", "this option excludes all others, and others are chosen too");
        }
    }

    fn answer_value_set(&mut self, question: Item<'a>, given: Item<'a>, type_name: &str, whole: Item<'a>, kind: &str) {
        let Some(url) = question.str_at(&["answerValueSet"]) else { return };
        if type_name != "Coding" {
            if kind == "choice" {
                self.wrong_answer(given, "wrong-answer-type", "the answer should be a Coding of the value set");
            }
            return;
        }
        let set = match url.strip_prefix('#') {
            Some(id) => whole
                .all("contained")
                .find(|c| c.str_at(&["id"]) == Some(id))
                .and_then(|c| ValueSet::build(c, self.definitions, 0))
                .map(Arc::new),
            None => self.definitions.value_set(url),
        };
        let Some(set) = set else {
            self.report.not_checked(&format!("value set `{url}`"), "it is not loaded");
            return;
        };
        let Some(code) = given.str_at(&["code"]) else { return };
        match set.contains(given.str_at(&["system"]), code) {
            Membership::In => {}
            Membership::Unknown(what) => {
                self.report.not_checked(&format!("codes of `{what}`"), "the code system is not loaded");
            }
            Membership::Out => {
                let text = format!("the answer should come from value set `{url}`");
                self.error("code-invalid", "answer-not-an-option", given, None, text, "choose one of its codes");
            }
        }
    }
}
