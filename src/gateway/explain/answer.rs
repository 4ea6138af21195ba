//! Decisions and choices as FHIR Parameters (R4 §2.36) that a person can read: each rule with its published words, each
//! choice with its reference and version, and sentences in plain English. Nothing of a record but paths and sections.

use super::standing::OnFile;
use crate::pure::decide::{
    ChoiceRef, Decision, Effect, Evidence, Obligation, Outcome, Policy, Question, Reason, Section,
};
use crate::pure::fhir::{Id, Item, Tree};
use crate::pure::restate::restate;
use jiff::Timestamp;

/// Parameters being written.
pub(super) struct Writer {
    pub tree: Tree,
    list: Id,
}

impl Writer {
    pub fn new() -> Writer {
        let mut tree = Tree::object();
        let root = tree.root().id();
        tree.push_str(root, "resourceType", "Parameters");
        let list = tree.push_array(root, "parameter");
        Writer { tree, list }
    }

    /// A parameter with a value of this type: `valueCode`.
    pub fn say(&mut self, name: &str, type_: &str, value: &str) {
        say(&mut self.tree, self.list, name, type_, value);
    }

    /// A parameter with parts; gives the list of them.
    pub fn group(&mut self, name: &str) -> Id {
        group(&mut self.tree, self.list, name)
    }
}

pub(super) fn say(tree: &mut Tree, list: Id, name: &str, type_: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    let at = tree.push_object(list, "");
    tree.push_str(at, "name", name);
    tree.push_str(at, type_, value);
}

pub(super) fn count(tree: &mut Tree, list: Id, name: &str, value: usize) {
    let at = tree.push_object(list, "");
    tree.push_str(at, "name", name);
    tree.push_number(at, "valueInteger", &value.to_string());
}

pub(super) fn flag(tree: &mut Tree, list: Id, name: &str, value: bool) {
    let at = tree.push_object(list, "");
    tree.push_str(at, "name", name);
    tree.push_bool(at, "valueBoolean", value);
}

pub(super) fn group(tree: &mut Tree, list: Id, name: &str) -> Id {
    let at = tree.push_object(list, "");
    tree.push_str(at, "name", name);
    tree.push_array(at, "part")
}

pub(super) fn resource(tree: &mut Tree, list: Id, name: &str, item: Item<'_>) {
    let at = tree.push_object(list, "");
    tree.push_str(at, "name", name);
    tree.push_copy(at, "resource", item);
}

/// The answer of `$explain`.
pub(super) fn explanation(
    question: &Question,
    decision: &Decision,
    evidence: &Evidence,
    on_file: &[OnFile],
    policy: &Policy,
) -> Tree {
    let mut writer = Writer::new();
    writer.say("recipient", "valueString", &question.party.name);
    writer.say("outcome", "valueCode", decision.outcome().code());
    writer.say("text", "valueString", &sentence(question, decision));
    for why in decision.reasons() {
        let list = writer.group("reason");
        reason(&mut writer.tree, list, why, evidence);
    }
    writer.say("legalBasis", "valueString", decision.legal_basis().unwrap_or_default());
    for section in decision.sections() {
        let list = writer.group("section");
        push_section(&mut writer.tree, list, section);
    }
    for cut in decision.cuts().iter().filter(|cut| !cut.aside) {
        let list = writer.group("withheld");
        say(&mut writer.tree, list, "path", "valueString", &cut.path);
        reason(&mut writer.tree, list, &cut.reason, evidence);
    }
    for duty in decision.obligations().iter().filter_map(duty) {
        writer.say("obligation", "valueString", &duty);
    }
    if let Some(at) = decision.until().and_then(|at| Timestamp::from_second(at).ok()) {
        writer.say("mayChangeAt", "valueInstant", &at.to_string());
    }
    for one in on_file {
        let list = writer.group("choice");
        let (tree, said) = (&mut writer.tree, one.choice.reference());
        say(tree, list, "consent", "valueString", &format!("{}/_history/{}", said.reference, one.version));
        say(tree, list, "dialect", "valueCode", said.dialect);
        say(tree, list, "status", "valueCode", one.status);
        say(tree, list, "text", "valueString", &restate(&one.choice));
    }
    writer.say("epoch", "valueString", &evidence.epoch.to_string());
    let version: String = policy.version().iter().map(|byte| format!("{byte:02x}")).collect();
    writer.say("policy", "valueString", &version);
    writer.tree
}

/// `St Orrin's Hospice may have part of the plan: the person has agreed.`
pub(super) fn sentence(question: &Question, decision: &Decision) -> String {
    let what = match decision.outcome() {
        Outcome::Permit => "may have the plan",
        Outcome::Redact => "may have part of the plan",
        Outcome::Deny => "may not have the plan",
    };
    let why = decision.reasons().first().map(|r| format!(": {}", r.rule.text())).unwrap_or_default();
    let purposes: Vec<&str> = question.purposes.iter().map(|p| p.code.as_str()).collect();
    format!("{} {what} for {}{why}.", question.party.name, purposes.join(" and "))
}

/// Rule, its words, and the choice and law behind it.
pub(super) fn reason(tree: &mut Tree, list: Id, reason: &Reason, evidence: &Evidence) {
    say(tree, list, "rule", "valueCode", reason.rule.id());
    let effect = match reason.effect {
        Effect::Permit => "permit",
        Effect::Deny => "deny",
        Effect::Note => "note",
    };
    say(tree, list, "effect", "valueCode", effect);
    let words = in_words(reason, evidence);
    say(tree, list, "text", "valueString", &words);
    if let Some(choice) = &reason.choice {
        push_choice(tree, list, choice);
    }
    say(tree, list, "basis", "valueString", reason.basis.as_deref().unwrap_or_default());
}

/// The rule's words, and what the choice behind it says.
fn in_words(reason: &Reason, evidence: &Evidence) -> String {
    let same = |c: &&crate::pure::decide::Choice| Some(&c.reference()) == reason.choice.as_ref();
    let said = evidence.choices.iter().find(same).map(restate);
    said.map_or_else(|| reason.rule.text().to_owned(), |said| format!("{}. The choice: {said}", reason.rule.text()))
}

fn push_choice(tree: &mut Tree, list: Id, choice: &ChoiceRef) {
    say(tree, list, "consent", "valueString", &choice.reference);
    say(tree, list, "version", "valueString", &choice.version);
    say(tree, list, "dialect", "valueCode", choice.dialect);
}

/// A section: what becomes of it, how many parts of it go and stay, and why.
pub(super) fn push_section(tree: &mut Tree, list: Id, section: &Section) {
    say(tree, list, "section", "valueCode", &section.code);
    say(tree, list, "sent", "valueCode", section.sent.code());
    count(tree, list, "released", section.released);
    count(tree, list, "withheld", section.withheld);
    say(tree, list, "rule", "valueCode", section.reason.rule.id());
    say(tree, list, "text", "valueString", section.reason.rule.text());
    if let Some(choice) = &section.reason.choice {
        push_choice(tree, list, choice);
    }
}

/// What has to be done with it, in plain English. What every decision asks for is not repeated here.
fn duty(obligation: &Obligation) -> Option<String> {
    Some(match obligation {
        Obligation::NoOnwardSharing => "it may not be handed on without the person's word".to_owned(),
        Obligation::Subsetted => "the copy is marked as not being the whole".to_owned(),
        Obligation::Expires(second) => format!("it ends at {}", Timestamp::from_second(*second).ok()?),
        Obligation::Alert(rule) => format!("the privacy officer is told: {}", rule.text()),
        Obligation::NotifyPerson(rule) => format!("the person is told: {}", rule.text()),
        Obligation::Review(rule) => format!("somebody has to look: {}", rule.text()),
        Obligation::OfferSafeguarding => "a named decision-maker may still decide for safeguarding".to_owned(),
        Obligation::AuthorityNotChecked(choice) => {
            format!("whether who made {} had the right to was not checked", choice.reference)
        }
        Obligation::Redact(_) => "parts that a choice keeps back are taken out of whatever is sent".to_owned(),
        Obligation::Limit(_) => "only the parts that a choice permits are sent".to_owned(),
        _ => return None,
    })
}
