//! QuestionnaireResponses beside their Questionnaire: questions that exist, in order, as
//! often as allowed, answered where they are required and enabled. What may be answered stands in `answer.rs`.

use crate::pure::fhir::Item;
use crate::pure::validate::walk::Walk;
use std::cmp::Ordering;

/// What a whole response is judged with.
#[derive(Clone, Copy)]
struct Response<'a> {
    root: Item<'a>,
    questionnaire: Item<'a>,
    is_in_progress: bool,
}

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

impl<'a> Walk<'a> {
    /// Judges a response by its questionnaire, where that is contained or loaded.
    pub(in crate::pure::validate) fn response(&mut self, root: Item<'a>) {
        let Some(canonical) = root.str_at(&["questionnaire"]) else { return };
        let questionnaire = match canonical.strip_prefix('#') {
            Some(id) => root.all("contained").find(|c| c.str_at(&["id"]) == Some(id)),
            None => self.definitions.questionnaire(canonical).map(|tree| tree.root()),
        };
        let Some(questionnaire) = questionnaire else {
            self.report.not_checked("answers beside their questionnaire", "the questionnaire is not loaded");
            return;
        };
        let status = root.str_at(&["status"]).unwrap_or_default();
        let is_in_progress = matches!(status, "in-progress" | "entered-in-error" | "stopped");
        let response = Response { root, questionnaire, is_in_progress };
        self.questions(questionnaire, root, response);
    }

    /// The conditions of a Questionnaire name questions that it has, and none below the one they are for.
    pub(in crate::pure::validate) fn conditions(&mut self, questionnaire: Item<'a>) {
        let below = |item: Item<'a>| {
            let (mut open, mut found) = (vec![item], std::collections::HashSet::new());
            while let Some(item) = open.pop() {
                for inner in item.all("item") {
                    found.extend(inner.str_at(&["linkId"]));
                    open.push(inner);
                }
            }
            found
        };
        let all = below(questionnaire);
        let mut open: Vec<Item<'a>> = questionnaire.all("item").collect();
        while let Some(item) = open.pop() {
            for condition in item.all("enableWhen") {
                let Some(question) = condition.get("question") else { continue };
                if !all.contains(question.text()) {
                    let text = "the condition names a question that the questionnaire does not have".to_owned();
                    self.error(
                        "not-found",
                        "condition-without-question",
                        question,
                        None,
                        text,
                        "name one of its questions",
                    );
                } else if below(item).contains(question.text()) {
                    let text = "the condition depends on a question below the one it is for".to_owned();
                    self.error(
                        "business-rule",
                        "condition-on-inner-question",
                        question,
                        None,
                        text,
                        "name another question",
                    );
                }
            }
            open.extend(item.all("item"));
        }
    }

    /// The questions below `asked`, answered by the items below `given`.
    fn questions(&mut self, asked: Item<'a>, given: Item<'a>, response: Response<'a>) {
        let questions: Vec<Item<'a>> = asked.all("item").collect();
        let place = |item: Item<'a>| {
            let id = item.str_at(&["linkId"]);
            questions.iter().position(|q| q.str_at(&["linkId"]) == id)
        };
        let mut latest = 0;
        for item in given.all("item") {
            match place(item) {
                None => {
                    let text = "the questionnaire has no such question here".to_owned();
                    self.error(
                        "not-found",
                        "unknown-question",
                        item,
                        None,
                        text,
                        "use a linkId of the questionnaire, at its level",
                    );
                }
                Some(at) if at < latest => {
                    let text = "the answers should stand in the order of the questions".to_owned();
                    self.error("structure", "answers-out-of-order", item, None, text, "put them in order");
                }
                Some(at) => latest = at,
            }
        }
        for question in &questions {
            let items: Vec<Item<'a>> =
                given.all("item").filter(|i| i.str_at(&["linkId"]) == question.str_at(&["linkId"])).collect();
            self.question(*question, &items, given, response);
        }
    }

    fn question(&mut self, question: Item<'a>, items: &[Item<'a>], given: Item<'a>, response: Response<'a>) {
        let kind = question.str_at(&["type"]).unwrap_or_default();
        if !is_enabled(question, response) {
            for item in items.iter().filter(|i| i.get("answer").is_some()) {
                let text = "a question is answered that is not enabled".to_owned();
                self.error(
                    "invalid",
                    "answer-not-enabled",
                    *item,
                    None,
                    text,
                    "take the answer out, or mend the answer it depends on",
                );
            }
            return;
        }
        if kind == "display" {
            return;
        }
        let flag = |name: &str| question.get(name).and_then(Item::bool) == Some(true);
        let answers = items.iter().flat_map(|i| i.all("answer")).count();
        let is_group = kind == "group";
        let is_answered = if is_group { !items.is_empty() } else { answers > 0 };
        if flag("required") && !is_answered && !response.is_in_progress {
            let text = "a question that must be answered is not".to_owned();
            let at = items.first().copied().unwrap_or(given);
            self.error("required", "answer-missing", at, None, text, "answer it");
        }
        let at = items.first().copied().unwrap_or(given);
        let count = if is_group { items.len() } else { answers };
        let bound = |name: &str| {
            let url = format!("http://hl7.org/fhir/StructureDefinition/questionnaire-{name}");
            extension(question, &url).and_then(|v| v.text().parse::<usize>().ok())
        };
        let most = if flag("repeats") { bound("maxOccurs").unwrap_or(usize::MAX) } else { 1 };
        if count > most || (!is_group && items.len() > 1) {
            let text = "a question is answered more often than it may be".to_owned();
            self.error("invalid", "too-many-answers", at, None, text, "keep as many answers as allowed");
        }
        if bound("minOccurs").is_some_and(|least| count < least) && !response.is_in_progress {
            let text = "a question is answered less often than it must be".to_owned();
            self.error("required", "too-few-answers", at, None, text, "answer it as often as asked");
        }
        for item in items {
            if is_group {
                if let Some(answer) = item.get("answer") {
                    let text = "a group of questions has no answer of its own".to_owned();
                    self.error("structure", "group-with-answer", answer, None, text, "answer its questions");
                }
                self.questions(question, *item, response);
            } else {
                self.answers(question, *item, kind, response.questionnaire);
                for answer in item.all("answer") {
                    self.questions(question, answer, response);
                }
            }
        }
    }
}

/// Whether a question's conditions (enableWhen) hold.
fn is_enabled(question: Item<'_>, response: Response<'_>) -> bool {
    let mut conditions = question.all("enableWhen").map(|c| holds(c, response)).peekable();
    if conditions.peek().is_none() {
        return true;
    }
    match question.str_at(&["enableBehavior"]) {
        Some("all") => conditions.all(|c| c),
        _ => conditions.any(|c| c),
    }
}

fn holds(condition: Item<'_>, response: Response<'_>) -> bool {
    let id = condition.str_at(&["question"]);
    let mut answers = Vec::new();
    let mut open: Vec<Item<'_>> = response.root.all("item").collect();
    while let Some(item) = open.pop() {
        if item.str_at(&["linkId"]) == id {
            answers.extend(item.all("answer"));
        }
        open.extend(item.all("item"));
        open.extend(item.all("answer").flat_map(|a| a.all("item")));
    }
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
        let converted =
            if mine == theirs { value(given)? } else { ucum::convert(value(given)?, &mine, &theirs).ok()? };
        return converted.partial_cmp(&value(wanted)?);
    }
    match (given.text().parse::<f64>(), wanted.text().parse::<f64>()) {
        (Ok(mine), Ok(theirs)) => mine.partial_cmp(&theirs),
        _ => Some(given.text().cmp(wanted.text())),
    }
}
