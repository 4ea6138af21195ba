//! The answer of `sharewell decide`, as JSON and in words.

use crate::pure::decide::authority::Relation;
use crate::pure::decide::{ChoiceRef, Code, Decision, Effect, Evidence, Obligation, Outcome, Reason, Residual, RuleId};
use crate::pure::fhir::{Id, Item, Tree};
use crate::pure::restate::restate;
use std::fmt::Write;

/// The answer as one JSON object.
pub(super) fn tree(
    verdict: Outcome,
    wide: &Decision,
    narrow: Option<&Decision>,
    relation: Option<&Relation>,
    evidence: &Evidence,
) -> Tree {
    let decision = narrow.unwrap_or(wide);
    let mut tree = Tree::object();
    let top = tree.root().id();
    tree.push_str(top, "decision", verdict.code());
    let list = tree.push_array(top, "reasons");
    // the request as a whole first, then what became of the parts
    let parts = narrow.map(Decision::reasons).unwrap_or_default();
    let mut said: Vec<&Reason> = Vec::new();
    for reason in wide.reasons().iter().chain(parts) {
        if !said.contains(&reason) {
            said.push(reason);
            push_reason(&mut tree, list, reason);
        }
    }
    for (name, references) in [("released", decision.released()), ("withheld", decision.withheld())] {
        let list = tree.push_array(top, name);
        for reference in references {
            tree.push_str(list, "", reference);
        }
    }
    let list = tree.push_array(top, "obligations");
    let residual = |o: &&Obligation| matches!(o, Obligation::Redact(_) | Obligation::Limit(_));
    for obligation in decision.obligations() {
        push_obligation(&mut tree, list, obligation);
    }
    if narrow.is_some() {
        for obligation in wide.obligations().iter().filter(residual) {
            push_obligation(&mut tree, list, obligation);
        }
    }
    if let Some(basis) = decision.legal_basis() {
        tree.push_str(top, "legalBasis", basis);
    }
    if let Some(relation) = relation {
        push_relation(&mut tree, top, relation);
    }
    push_sections(&mut tree, top, decision);
    push_choices(&mut tree, top, evidence);
    tree.push_str(top, "fingerprint", &hex(&decision.fingerprint()));
    tree
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

fn push_reason(tree: &mut Tree, list: Id, reason: &Reason) {
    let at = tree.push_object(list, "");
    tree.push_str(
        at,
        "rule",
        match reason.rule {
            RuleId::D2 => "no-consent",
            RuleId::C4 => "indeterminate",
            rule => rule.id(),
        },
    );
    tree.push_str(at, "id", reason.rule.id());
    let effect = match reason.effect {
        Effect::Permit => "permit",
        Effect::Deny => "deny",
        Effect::Note => "note",
    };
    tree.push_str(at, "effect", effect);
    if let Some(choice) = &reason.choice {
        push_choice(tree, at, choice);
    }
    if let Some(basis) = &reason.basis {
        tree.push_str(at, "basis", basis);
    }
    tree.push_str(at, "text", reason.rule.text());
}

fn push_choice(tree: &mut Tree, at: Id, choice: &ChoiceRef) {
    tree.push_str(at, "consent", &choice.reference);
    tree.push_str(at, "version", &choice.version);
    tree.push_str(at, "dialect", choice.dialect);
}

fn push_obligation(tree: &mut Tree, list: Id, obligation: &Obligation) {
    let at = tree.push_object(list, "");
    let mut code = |code: &str| {
        tree.push_str(at, "code", code);
    };
    match obligation {
        Obligation::Audit => code("AUDIT"),
        Obligation::NoOnwardSharing => code("NORDSCLCD"),
        Obligation::ForPurpose(purposes) => {
            code("PURPOSE");
            let list = tree.push_array(at, "purposes");
            for purpose in purposes {
                push_coding(tree, list, purpose);
            }
        }
        Obligation::Subsetted => code("SUBSETTED"),
        Obligation::Manifest => code("MANIFEST"),
        Obligation::RedecideAfter(epoch) => {
            code("REDECIDE");
            tree.push_number(at, "epoch", &epoch.to_string());
        }
        Obligation::Expires(second) => {
            code("EXPIRES");
            let when = jiff::Timestamp::from_second(*second).map(|t| t.to_string()).unwrap_or_default();
            tree.push_str(at, "at", &when);
        }
        Obligation::Alert(rule) => {
            code("ALERT");
            tree.push_str(at, "rule", rule.id());
        }
        Obligation::NotifyPerson(rule) => {
            code("NOTIFY");
            tree.push_str(at, "rule", rule.id());
        }
        Obligation::Review(rule) => {
            code("REVIEW");
            tree.push_str(at, "rule", rule.id());
        }
        Obligation::AuthorityNotChecked(choice) => {
            code("AUTHORITY-NOT-CHECKED");
            push_choice(tree, at, choice);
        }
        Obligation::Redact(residual) => {
            code("REDACT");
            push_residual(tree, at, residual);
        }
        Obligation::Limit(residual) => {
            code("LIMIT");
            push_residual(tree, at, residual);
        }
        Obligation::Withhold(path) => {
            code("WITHHOLD");
            tree.push_str(at, "path", path);
        }
        Obligation::OfferSafeguarding => code("OFFER-L7"),
    }
}

fn push_residual(tree: &mut Tree, at: Id, residual: &Residual) {
    let lists = [("labels", &residual.labels), ("classes", &residual.classes), ("codes", &residual.codes)];
    for (name, codes) in lists.into_iter().filter(|(_, codes)| !codes.is_empty()) {
        let list = tree.push_array(at, name);
        for code in codes {
            push_coding(tree, list, code);
        }
    }
    if !residual.data.is_empty() {
        let list = tree.push_array(at, "data");
        for (meaning, reference) in &residual.data {
            let datum = tree.push_object(list, "");
            tree.push_str(datum, "meaning", meaning);
            let to = tree.push_object(datum, "reference");
            tree.push_str(to, "reference", reference);
        }
    }
    if let Some((start, end)) = &residual.data_period {
        let period = tree.push_object(at, "dataPeriod");
        for (key, value) in [("start", start), ("end", end)] {
            if !value.is_empty() {
                tree.push_str(period, key, value);
            }
        }
    }
}

fn push_coding(tree: &mut Tree, list: Id, code: &Code) {
    let coding = tree.push_object(list, "");
    if let Some(system) = &code.system {
        tree.push_str(coding, "system", system);
    }
    tree.push_str(coding, "code", &code.code);
}

fn push_relation(tree: &mut Tree, top: Id, relation: &Relation) {
    tree.push_str(top, "relationship", relation.state);
    if let Some(basis) = &relation.basis {
        tree.push_str(top, "basis", basis);
        tree.push_bool(top, "authoritative", relation.authoritative);
    }
    if let Some(reason) = &relation.status_reason {
        tree.push_str(top, "statusReason", reason);
    }
    if let Some(may) = relation.may_decide {
        tree.push_bool(top, "mayDecideSharing", may);
    }
    tree.push_bool(top, "review", relation.review);
}

fn push_sections(tree: &mut Tree, top: Id, decision: &Decision) {
    if decision.sections().is_empty() {
        return;
    }
    let list = tree.push_array(top, "sections");
    for section in decision.sections() {
        let at = tree.push_object(list, "");
        tree.push_str(at, "section", &section.code);
        tree.push_str(at, "outcome", section.sent.code());
        tree.push_str(at, "rule", section.reason.rule.id());
        if let Some(choice) = &section.reason.choice {
            push_choice(tree, at, choice);
        }
    }
}

fn push_choices(tree: &mut Tree, top: Id, evidence: &Evidence) {
    if evidence.choices.is_empty() {
        return;
    }
    let list = tree.push_array(top, "choices");
    for choice in &evidence.choices {
        let at = tree.push_object(list, "");
        push_choice(tree, at, &choice.reference());
        tree.push_str(at, "inWords", &restate(choice));
        if !choice.warnings().issues.is_empty() {
            let warnings = tree.push_array(at, "warnings");
            for issue in &choice.warnings().issues {
                tree.push_str(warnings, "", &issue.text);
            }
        }
    }
}

/// What an obligation is about: kinds of data, a path, a rule, a time.
fn duty(obligation: Item<'_>) -> String {
    let mut about: Vec<String> = Vec::new();
    for name in ["path", "rule", "at", "consent"] {
        about.extend(obligation.str_at(&[name]).map(str::to_owned));
    }
    for name in ["labels", "classes", "codes"] {
        about.extend(
            obligation.all(name).filter_map(|code| Some(format!("{} {}", one_of(name), code.str_at(&["code"])?))),
        );
    }
    let what = match obligation.str_at(&["code"]) {
        Some("REDACT") => " take out ",
        Some("LIMIT") => " send only ",
        _ => " ",
    };
    if about.is_empty() { String::new() } else { format!("{what}{}", about.join(", ")) }
}

fn one_of(list: &str) -> &'static str {
    match list {
        "labels" => "label",
        "classes" => "class",
        _ => "code",
    }
}

/// The answer for a person.
pub(super) fn words(verdict: Outcome, answer: Item<'_>, _evidence: &Evidence) -> String {
    let mut text = format!("{}\n", verdict.code());
    let field = |item: Item<'_>, name: &str| item.str_at(&[name]).unwrap_or_default().to_owned();
    for reason in answer.all("reasons") {
        let consent = reason.str_at(&["consent"]).map(|c| format!(", {c} version {}", field(reason, "version")));
        let _ = writeln!(text, "  {:4} {}{}", field(reason, "id"), field(reason, "text"), consent.unwrap_or_default());
    }
    for choice in answer.all("choices") {
        let _ = writeln!(text, "  {}: {}", field(choice, "consent"), field(choice, "inWords"));
        for warning in choice.all("warnings") {
            let _ = writeln!(text, "       {}", warning.text());
        }
    }
    for name in ["released", "withheld"] {
        let all: Vec<&str> = answer.all(name).filter_map(Item::str).collect();
        if !all.is_empty() {
            let _ = writeln!(text, "{name}: {}", all.join(", "));
        }
    }
    for section in answer.all("sections") {
        let _ = writeln!(
            text,
            "  {}: {} ({})",
            field(section, "section"),
            field(section, "outcome"),
            field(section, "rule")
        );
    }
    for obligation in answer.all("obligations") {
        let _ = writeln!(text, "obligation: {}{}", field(obligation, "code"), duty(obligation));
    }
    if let Some(state) = answer.str_at(&["relationship"]) {
        let _ = writeln!(text, "relationship: {state}");
    }
    let _ = writeln!(text, "fingerprint: {}", field(answer, "fingerprint"));
    text
}
