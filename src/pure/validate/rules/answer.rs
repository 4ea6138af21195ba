//! One answer beside its question: of the right type, within the limits, among the options (R4, Questionnaire.item).

use super::attachment;
use super::questionnaire::{compare, extension, is_same, value};
use super::reference::{Literal, literal};
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
        answers: &[Item<'a>],
        kind: &str,
        questionnaire: Item<'a>,
    ) {
        let count = answers.len();
        for answer in answers {
            let Some((type_name, given)) = value(*answer, "value") else { continue };
            let allowed = types(kind);
            if !allowed.is_empty() && !allowed.contains(&type_name.as_str()) {
                let text = format!("the answer should be of type {}", allowed.join(" or "));
                self.error("structure", "wrong-answer-type", given, None, text, "send it as this type");
                continue;
            }
            self.answer_limits(question, given);
            self.answer_form(question, given);
            match type_name.as_str() {
                "Attachment" => self.answer_attachment(question, *answer, given),
                "Quantity" => self.answer_unit(question, given),
                "Reference" => self.answer_reference(question, given),
                _ => {}
            }
            self.answer_options(question, *answer, given, (kind, &type_name, count));
            self.answer_value_set(question, *answer, given, (kind, &type_name, questionnaire));
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
        let length = || if given.is_container() { None } else { Some(given.text().chars().count()) };
        if let Some(longest) = question.get("maxLength").and_then(|m| m.text().parse::<usize>().ok())
            && length().is_some_and(|length| length > longest)
        {
            self.wrong_answer(given, "answer-too-long", "the answer is longer than the question allows");
        }
        if let Some(least) =
            extension(question, &format!("{BASE}minLength")).and_then(|m| m.text().parse::<usize>().ok())
            && length().is_some_and(|length| length < least)
        {
            self.wrong_answer(given, "answer-too-short", "the answer is shorter than the question asks for");
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
    }

    /// Media type and size of what is attached (extensions mimeType and maxSize).
    fn answer_attachment(&mut self, question: Item<'a>, answer: Item<'a>, given: Item<'a>) {
        let mut kinds = codes(question, "mimeType").peekable();
        let stated = given.str_at(&["contentType"]).unwrap_or_default();
        if kinds.peek().is_some() && !kinds.any(|kind| stated.starts_with(kind)) {
            let text = "the attachment is of a media type the question does not allow";
            self.wrong_answer(answer, "attachment-type", text);
            self.point_at(given);
        }
        let most = extension(question, &format!("{BASE}maxSize")).and_then(|m| m.text().parse::<f64>().ok());
        let size = given.str_at(&["data"]).map(|d| attachment::size(d) as f64);
        let size = size.or_else(|| given.get("size").and_then(|s| s.text().parse::<f64>().ok()));
        if let (Some(most), Some(size)) = (most, size)
            && size > most
        {
            self.wrong_answer(answer, "attachment-too-large", "the attachment is larger than the question allows");
            self.point_at(given);
        }
    }

    /// The types a reference may lead to (extension questionnaire-referenceResource).
    fn answer_reference(&mut self, question: Item<'a>, given: Item<'a>) {
        let Some(reference) = given.str_at(&["reference"]) else { return };
        let (Literal::Relative(name) | Literal::Absolute(Some(name))) = literal(reference) else { return };
        let mut allowed = codes(question, "questionnaire-referenceResource").peekable();
        if allowed.peek().is_some() {
            if !allowed.any(|kind| kind == name) {
                let text = "the answer refers to a type that the question does not allow";
                self.wrong_answer(given, "reference-to-wrong-type", text);
            }
        } else if self.options.assume_rest_references && self.definitions.type_profile(name).is_none() {
            self.wrong_answer(
                given,
                "reference-to-wrong-type",
                "the answer refers to a type that is no resource of R4",
            );
        }
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

    /// Among the options that the question lists. Of an open choice words are free.
    fn answer_options(&mut self, question: Item<'a>, answer: Item<'a>, given: Item<'a>, of: (&str, &str, usize)) {
        let (kind, type_name, count) = of;
        let mut options = question.all("answerOption").peekable();
        if options.peek().is_none() || (kind == "open-choice" && type_name == "String") {
            return;
        }
        let chosen = options.find(|option| {
            value(*option, "value").is_some_and(|(name, wanted)| name == type_name && is_same(given, wanted))
        });
        // of a choice the answer as a whole is one of the options, of other questions its value
        let at = if kind.ends_with("choice") { answer } else { given };
        let Some(chosen) = chosen else {
            let text = "the answer is none of the options".to_owned();
            self.error("code-invalid", "answer-not-an-option", at, None, text, "choose one of them");
            self.point_at(given);
            return;
        };
        let exclusive = extension(chosen, &format!("{BASE}questionnaire-optionExclusive")).and_then(Item::bool);
        if exclusive == Some(true) && count > 1 {
            self.wrong_answer(at, "exclusive-option", "this option excludes all others, and others are chosen too");
            self.point_at(given);
        }
    }

    /// In the value set that the question names.
    fn answer_value_set(&mut self, question: Item<'a>, answer: Item<'a>, given: Item<'a>, of: (&str, &str, Item<'a>)) {
        let (kind, type_name, whole) = of;
        let Some(url) = question.str_at(&["answerValueSet"]) else { return };
        if type_name != "Coding" && kind == "choice" {
            self.wrong_answer(given, "wrong-answer-type", "the answer should be a Coding of the value set");
            return;
        }
        if type_name != "Coding" && kind != "string" {
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
        let (system, code, at) = match given.str() {
            Some(words) => (None, Some(words), given),
            None => (given.str_at(&["system"]), given.str_at(&["code"]), answer),
        };
        let Some(code) = code else { return };
        match set.contains(system, code) {
            Membership::In => {}
            Membership::Unknown(what) => {
                self.report.not_checked(&format!("codes of `{what}`"), "the code system is not loaded");
            }
            Membership::Out => {
                let text = format!("the answer should come from value set `{url}`");
                self.error("code-invalid", "answer-not-an-option", at, None, text, "choose one of its codes");
                self.point_at(given);
            }
        }
    }
}

/// The codes that an extension of R4's own carries, each time it is there.
fn codes<'a>(question: Item<'a>, name: &'static str) -> impl Iterator<Item = &'a str> {
    let url = |e: &Item<'a>| e.str_at(&["url"]).and_then(|url| url.strip_prefix(BASE));
    let found = question.all("extension").filter(move |e| url(e) == Some(name));
    found.filter_map(|e| e.str_at(&["valueCode"]))
}
