//! QuestionnaireResponses beside their Questionnaire (R4 QuestionnaireResponse): questions that exist, in order, as often as
//! allowed, answered where they are required and enabled. What may be answered stands in `answer.rs`.

use super::questionnaire::{by_link, extension};
use crate::pure::fhir::{Item, Severity};
use crate::pure::validate::walk::Walk;
use std::collections::HashMap;

/// What a whole response is judged with.
pub(super) struct Response<'a> {
    pub root: Item<'a>,
    pub questionnaire: Item<'a>,
    /// Its questions by linkId.
    pub by_link: HashMap<&'a str, Item<'a>>,
    /// Question and item of the groups around, from the outermost inwards.
    pub around: Vec<(Item<'a>, Item<'a>)>,
    /// Items looked at for conditions so far.
    pub steps: usize,
    /// Whether answers may still come: what is missing is told and not refused.
    is_open: bool,
}

impl<'a> Walk<'a> {
    /// Judges a response by its questionnaire, where that is contained or loaded.
    pub(in crate::pure::validate) fn response(&mut self, root: Item<'a>) {
        let Some(named) = root.get("questionnaire").filter(|q| q.str().is_some()) else { return };
        let questionnaire = match named.text().strip_prefix('#') {
            Some(id) => root.all("contained").find(|c| c.str_at(&["id"]) == Some(id)),
            None => self.definitions.questionnaire(named.text()),
        };
        let Some(questionnaire) = questionnaire else {
            self.not_a_questionnaire(named);
            return;
        };
        if questionnaire.resource_type() != Some("Questionnaire") {
            let text = "a response should name a Questionnaire, and this is another resource".to_owned();
            self.error("invalid", "not-a-questionnaire", named, None, text, "name the questionnaire it answers");
            return;
        }
        let is_open = !matches!(root.str_at(&["status"]), Some("completed" | "amended"));
        let by_link = by_link(questionnaire);
        let mut response = Response { root, questionnaire, by_link, around: Vec::new(), steps: 0, is_open };
        self.questions(questionnaire, root, root, &mut response);
    }

    fn not_a_questionnaire(&mut self, named: Item<'a>) {
        let url = named.text();
        let is_other = self.definitions.value_set(url).is_some()
            || self.definitions.code_system(url).is_some()
            || self.definitions.profile(url).is_some()
            || self.is_of_hl7(url);
        if is_other {
            let text = "a response should name a Questionnaire, and this is the url of another definition".to_owned();
            self.error("invalid", "not-a-questionnaire", named, None, text, "name the questionnaire it answers");
        } else {
            self.report.not_checked("answers beside their questionnaire", "the questionnaire is not loaded");
        }
    }

    /// Whether a url of HL7's own says that it is another kind of definition: `http://hl7.org/fhir/ValueSet/…`.
    fn is_of_hl7(&self, url: &str) -> bool {
        let name = url.strip_prefix("http://hl7.org/fhir/").and_then(|rest| rest.split('/').next());
        name.is_some_and(|n| n != "Questionnaire" && self.definitions.type_profile(n).is_some_and(|p| p.is_resource))
    }

    /// The questions below `asked`, answered by the items below `given`. What is wrong with their number and order is told
    /// of `at`: the item, or the response.
    fn questions(&mut self, asked: Item<'a>, given: Item<'a>, at: Item<'a>, response: &mut Response<'a>) {
        let mut order: HashMap<&str, usize> = HashMap::new();
        for (index, id) in asked.all("item").filter_map(|q| q.str_at(&["linkId"])).enumerate() {
            order.entry(id).or_insert(index);
        }
        let mut answered: HashMap<&str, Vec<Item<'a>>> = HashMap::new();
        let mut latest = 0;
        for item in given.all("item") {
            let Some(id) = item.str_at(&["linkId"]) else { continue };
            match order.get(id) {
                Some(index) => {
                    if *index < latest {
                        let text = "the answers should stand in the order of the questions";
                        self.misplaced("answers-out-of-order", at, item, text, "put them in order");
                    }
                    latest = *index;
                    answered.entry(id).or_default().push(item);
                }
                None => self.elsewhere(id, item, at, response),
            }
        }
        for question in asked.all("item") {
            let items = question.str_at(&["linkId"]).and_then(|id| answered.remove(id)).unwrap_or_default();
            self.question(question, &items, at, response);
        }
    }

    /// An item whose question is not asked here: it may be asked elsewhere, and is then held to that.
    fn elsewhere(&mut self, id: &str, item: Item<'a>, at: Item<'a>, response: &mut Response<'a>) {
        match response.by_link.get(id).copied() {
            Some(question) => {
                let text = "an answer stands at another level than its question";
                self.misplaced("unknown-question", at, item, text, "move it to where its question is asked");
                self.answered(question, item, response);
            }
            None => {
                let text = "an answer has a linkId that the questionnaire does not have";
                self.misplaced("unknown-question", at, item, text, "use a linkId of the questionnaire");
            }
        }
    }

    fn misplaced(&mut self, id: &'static str, at: Item<'a>, item: Item<'a>, text: &str, remedy: &'static str) {
        let code = if id == "unknown-question" { "not-found" } else { "structure" };
        self.error(code, id, at, None, text.to_owned(), remedy);
        self.point_at(item);
    }

    /// One question with the items that answer it.
    fn question(&mut self, question: Item<'a>, items: &[Item<'a>], at: Item<'a>, response: &mut Response<'a>) {
        let is_enabled = self.is_enabled(question, response);
        let Some(first) = items.first() else {
            if is_enabled && question.str_at(&["type"]) != Some("display") {
                self.unanswered(question, at, response);
            }
            return;
        };
        if !is_enabled {
            for item in items.iter().filter(|i| i.get("answer").is_some() || i.get("item").is_some()) {
                let text = "a question is answered that is not enabled".to_owned();
                let remedy = "take the answer out, or mend the answer it depends on";
                self.error("invalid", "answer-not-enabled", *item, None, text, remedy);
            }
        }
        if let (Some(second), false) = (items.get(1), flag(question, "repeats")) {
            let text = "a question is answered more often than it may be";
            self.misplaced("too-many-answers", at, *second, text, "keep as many answers as allowed");
        }
        if matches!(question.str_at(&["type"]), Some("group" | "question")) {
            self.occurs(question, items.len(), *first, response);
        }
        for item in items {
            if is_enabled {
                let is_group = matches!(question.str_at(&["type"]), Some("group" | "question" | "display"));
                if item.get("answer").is_none() && !is_group {
                    self.unanswered(question, *item, response);
                }
            }
            self.answered(question, *item, response);
        }
    }

    fn unanswered(&mut self, question: Item<'a>, at: Item<'a>, response: &Response<'a>) {
        if !flag(question, "required") {
            return;
        }
        let severity = if response.is_open { Severity::Warning } else { Severity::Error };
        let text = "a question that must be answered is not".to_owned();
        self.find(severity, "required", "answer-missing", at, None, text, "answer it");
    }

    /// How often a question may and must be answered (extensions questionnaire-minOccurs and -maxOccurs).
    fn occurs(&mut self, question: Item<'a>, count: usize, at: Item<'a>, response: &Response<'a>) {
        let bound = |name: &str| {
            let url = format!("http://hl7.org/fhir/StructureDefinition/questionnaire-{name}");
            extension(question, &url).and_then(|v| v.text().parse::<usize>().ok())
        };
        if question.get("extension").is_none() {
            return;
        }
        if bound("maxOccurs").is_some_and(|most| count > most) {
            let text = "a question is answered more often than it may be".to_owned();
            self.error("invalid", "too-many-answers", at, None, text, "keep as many answers as allowed");
        }
        if bound("minOccurs").is_some_and(|least| count < least) && !response.is_open {
            let text = "a question is answered less often than it must be".to_owned();
            self.error("required", "too-few-answers", at, None, text, "answer it as often as asked");
        }
    }

    /// One item: its words, its answers, and what is asked below it.
    fn answered(&mut self, question: Item<'a>, item: Item<'a>, response: &mut Response<'a>) {
        self.words(question, item);
        let kind = question.str_at(&["type"]).unwrap_or_default();
        response.around.push((question, item));
        match kind {
            // a type that only groups the others answers as a group does
            "group" | "question" => {
                self.no_answer(item, "group-with-answer", "a group of questions has no answer of its own");
                if flag(question, "required") && item.get("item").is_none() {
                    let text = "a group that must be answered holds no answers".to_owned();
                    self.error("required", "answer-missing", item, None, text, "answer its questions");
                }
                self.questions(question, item, item, response);
            }
            "display" => {
                self.no_answer(item, "display-with-answer", "words that are only shown have no answer");
                self.no_items(item, "words that are only shown have no items below them");
            }
            _ => {
                let answers: Vec<Item<'a>> = item.all("answer").collect();
                if let (Some(second), false) = (answers.get(1), flag(question, "repeats")) {
                    let text = "a question is answered more often than it may be";
                    self.misplaced("too-many-answers", item, *second, text, "keep as many answers as allowed");
                }
                self.occurs(question, answers.len(), item, response);
                self.no_items(item, "what is asked below a question stands in its answer");
                self.answers(question, &answers, kind, response.questionnaire);
                for answer in &answers {
                    self.questions(question, *answer, item, response);
                }
            }
        }
        response.around.pop();
    }

    fn no_answer(&mut self, item: Item<'a>, id: &'static str, text: &str) {
        if let Some(answer) = item.get("answer") {
            self.error("structure", id, item, None, text.to_owned(), "take the answer out");
            self.point_at(answer);
        }
    }

    fn no_items(&mut self, item: Item<'a>, text: &str) {
        if let Some(items) = item.get("item") {
            let remedy = "move them into `answer`, or take them out";
            self.error("structure", "items-below-question", item, None, text.to_owned(), remedy);
            self.point_at(items);
        }
    }

    /// The words of an item, where it has some, are those of its question, in one of its languages.
    fn words(&mut self, question: Item<'a>, item: Item<'a>) {
        let Some(said) = item.get("text").filter(|t| !t.text().is_empty()) else { return };
        if question.get("text").is_some_and(|asked| asked.text() == said.text())
            || is_translation(question, said.text())
        {
            return;
        }
        let text = "the words of an item should be those of its question".to_owned();
        self.error("invalid", "question-words-differ", item, None, text, "copy them from the questionnaire");
        self.point_at(said);
    }
}

fn is_translation(question: Item<'_>, said: &str) -> bool {
    let beside = question.get("_text").into_iter().flat_map(|t| t.all("extension"));
    beside
        .flat_map(|e| e.all("extension"))
        .filter(|e| e.str_at(&["url"]) == Some("content"))
        .any(|e| e.children().any(|v| v.key().starts_with("value") && v.text() == said))
}

fn flag(question: Item<'_>, name: &str) -> bool {
    question.get(name).and_then(Item::bool) == Some(true)
}
