//! Says a choice in plain English, for the person who made it and for whoever recorded it.
//!
//! Comes in: a [`Choice`]. Goes out: a sentence or two a reading: "St Orrin's Hospice may have the plan, but not the
//! budget, until 30 June 2027." Refuses nothing; what it cannot put into words it says plainly.

use crate::pure::decide::provision::{Actor, Meaning, Part, Rule, Says, Span};
use crate::pure::decide::words::{Action, Code, ODS, PLAN_SECTION, RESOURCE_TYPES};
use crate::pure::decide::{Choice, Dialect, Standing};
use crate::pure::fhir::When;
use crate::pure::fhir::time::Precision;

/// Exceptions that are said one by one: nobody reads more.
const MOST: usize = 40;

/// The choice in plain English. Where it can be read two ways, both, and that whatever either keeps back is kept back.
#[must_use]
pub fn restate(choice: &Choice) -> String {
    let text = match (choice.dialect(), choice.readings()) {
        (Dialect::Unread, _) => {
            return "This choice cannot be read, so nothing is shared until somebody has asked.".into();
        }
        (Dialect::Vrs, _) => return role(choice),
        (_, []) => return "This choice says nothing.".to_owned(),
        (_, [one]) => reading(one, choice.validity()),
        (_, several) => {
            let readings: Vec<String> = several.iter().map(|r| reading(r, choice.validity())).collect();
            format!("This can be read two ways, and what either keeps back is kept back. {}", readings.join(" Or: "))
        }
    };
    match choice.standing() {
        Standing::Active => text,
        Standing::Ended => format!("No longer in force: {text}"),
        Standing::Proposed => format!("Not in force yet: {text}"),
        Standing::Error => format!("Entered in error, and without effect: {text}"),
    }
}

fn role(choice: &Choice) -> String {
    let basis = choice.role().and_then(|r| r.basis.clone()).map(|b| b.replace('-', " "));
    let by = basis.map_or_else(|| "on a basis that is not known".to_owned(), |b| format!("by {b}"));
    let until = choice.validity().map(span).unwrap_or_default();
    format!("A proxy may act for the person, {by}{until}. This shares nothing by itself.")
}

fn reading(rules: &[Rule], validity: Option<Span>) -> String {
    let Some(root) = rules.first() else { return "This choice says nothing.".to_owned() };
    let mut text = capital(&subject(root));
    let sections = content(root);
    match root.says {
        Says::Permit => {
            text.push_str(&format!(" may {} {}", verb(root), sections.unwrap_or_else(|| "the plan".to_owned())))
        }
        Says::Deny => {
            let what = sections.unwrap_or_else(|| "anything".to_owned());
            if root.actors.is_empty() {
                text = format!("Nobody may {} {what}", verb(root));
            } else {
                text.push_str(&format!(" may not {} {what}", verb(root)));
            }
        }
    }
    let mut more = Vec::new();
    let told = rules.len().min(1 + MOST);
    for rule in &rules[1..told] {
        let same_party = rule.actors == root.actors && rule.purposes == root.purposes && rule.actions == root.actions;
        match (root.says, rule.says, content(rule)) {
            (Says::Permit, Says::Deny, Some(what)) if same_party && rule.depth == 1 => {
                text.push_str(&format!(", but not {what}"))
            }
            _ => more.push(exception(rule)),
        }
    }
    text.push_str(&purposes(root));
    text.push_str(&validity.or(root.period).map(span).unwrap_or_default());
    text.push('.');
    for sentence in more {
        text.push(' ');
        text.push_str(&sentence);
    }
    if rules.len() > told {
        text.push_str(&format!(
            " There are {} further exceptions; they stand in the choice itself.",
            rules.len() - told
        ));
    }
    if rules.iter().any(|r| r.unclear) {
        text.push_str(" Part of this is not understood, and is kept back.");
    }
    text
}

fn exception(rule: &Rule) -> String {
    let may = if rule.says == Says::Permit { "may" } else { "may not" };
    let what =
        content(rule).unwrap_or_else(|| if rule.says == Says::Permit { "the plan" } else { "anything" }.to_owned());
    let when = rule.period.map(span).unwrap_or_default();
    format!("Except that {} {may} {} {what}{}{when}.", subject(rule), verb(rule), purposes(rule))
}

fn subject(rule: &Rule) -> String {
    let names: Vec<String> = rule.actors.iter().map(name).collect();
    if names.is_empty() { "everyone".to_owned() } else { list(&names, "or") }
}

fn name(actor: &Actor) -> String {
    let who = actor.display.clone().or_else(|| actor.audience.as_deref().map(audience)).unwrap_or_else(|| {
        let ods = actor.who.identifiers.iter().find(|(s, _)| s == ODS).map(|(_, v)| format!("the organisation {v}"));
        let known = actor.who.identifiers.first().map(|(_, v)| format!("the holder of identifier {v}"));
        ods.or(known)
            .or_else(|| actor.who.references.first().cloned())
            .unwrap_or_else(|| "somebody not named".to_owned())
    });
    match actor.part {
        Part::Recipient => who,
        Part::Custodian => format!("whoever asks {who} for what it holds"),
        Part::Other => format!("{who}, in a part that is not understood,"),
    }
}

fn audience(code: &str) -> String {
    match code {
        "person" => "the person".to_owned(),
        "carer-family" => "carers and family".to_owned(),
        "gp-practice" => "the GP practice".to_owned(),
        "mdt" => "the care team".to_owned(),
        "social-care" => "adult social care".to_owned(),
        "care-provider" => "the care provider".to_owned(),
        "hospital" => "the hospital".to_owned(),
        "urgent-and-emergency" => "urgent and emergency care".to_owned(),
        "hospice" => "the hospice".to_owned(),
        "education" => "school or college".to_owned(),
        "voluntary-sector" => "voluntary organisations".to_owned(),
        "research-planning" => "research and planning".to_owned(),
        "everyone-in-direct-care" => "everyone who cares for the person".to_owned(),
        other => other.replace('-', " "),
    }
}

fn verb(rule: &Rule) -> String {
    if rule.actions.is_empty() {
        return "have".to_owned();
    }
    let word = |a: &Action| {
        match a {
            Action::Collect => "take in",
            Action::Access => "read",
            Action::Use => "use",
            Action::Disclose => "be sent",
            Action::Correct => "change",
        }
        .to_owned()
    };
    list(&rule.actions.iter().map(word).collect::<Vec<_>>(), "or")
}

/// What it is about, where it does not speak of everything.
fn content(rule: &Rule) -> Option<String> {
    let mut parts = Vec::new();
    if !rule.classes.is_empty() {
        parts.push(list(&rule.classes.iter().map(class).collect::<Vec<_>>(), "and"));
    }
    if !rule.labels.is_empty() {
        let labels: Vec<String> = rule.labels.iter().map(|c| c.code.clone()).collect();
        parts.push(format!("what is labelled {}", list(&labels, "or")));
    }
    if !rule.codes.is_empty() {
        let codes: Vec<String> = rule.codes.iter().map(|c| c.code.clone()).collect();
        parts.push(format!("what is coded {}", list(&codes, "or")));
    }
    for (meaning, reference) in &rule.data {
        parts.push(match meaning {
            Meaning::Instance => reference.clone(),
            Meaning::Related => format!("{reference} and what it refers to"),
            Meaning::Dependents => format!("{reference} and what belongs to it"),
            Meaning::AuthoredBy => format!("what {reference} wrote"),
        });
    }
    if let Some(period) = rule.data_period {
        parts.push(format!("what dates{}", span(period).trim_start_matches(',')));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn class(code: &Code) -> String {
    match (code.system.as_deref(), code.code.as_str()) {
        (Some(PLAN_SECTION), "whole-plan") => "the whole plan".to_owned(),
        (Some(PLAN_SECTION), "about-me") => "what matters to the person".to_owned(),
        (Some(PLAN_SECTION), "legal-capacity") => "legal and capacity matters".to_owned(),
        (Some(PLAN_SECTION), "end-of-life") => "the end of life wishes".to_owned(),
        (Some(PLAN_SECTION), "contingency") => "the contingency plan".to_owned(),
        (Some(PLAN_SECTION), other) => format!("the {}", other.replace('-', " ")),
        (Some(RESOURCE_TYPES) | None, type_) => format!("every {type_}"),
        (_, other) => format!("documents of type {other}"),
    }
}

fn purposes(rule: &Rule) -> String {
    if rule.purposes.is_empty() {
        return String::new();
    }
    let word = |c: &Code| {
        match c.code.as_str() {
            "TREAT" => "care and treatment",
            "ETREAT" => "emergency treatment",
            "BTG" => "a declared emergency",
            "HPAYMT" => "payment",
            "HOPERAT" => "running the service",
            "HRESCH" => "research",
            "CLINTRCH" => "clinical trials",
            "PATRQT" => "the person's own request",
            "PUBHLTH" => "public health",
            other => other,
        }
        .to_owned()
    };
    format!(", for {}", list(&rule.purposes.iter().map(word).collect::<Vec<_>>(), "or"))
}

fn span(span: Span) -> String {
    match (span.from, span.until) {
        (Some(from), Some(until)) => format!(", from {} until {}", day(from), day(until)),
        (Some(from), None) => format!(", from {}", day(from)),
        (None, Some(until)) => format!(", until {}", day(until)),
        (None, None) => String::new(),
    }
}

/// `30 June 2027`, as precisely as it was written.
fn day(when: When) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let date = when.civil.date();
    let month =
        usize::try_from(date.month()).ok().and_then(|m| MONTHS.get(m.wrapping_sub(1))).copied().unwrap_or_default();
    match when.precision {
        Precision::Year => date.year().to_string(),
        Precision::Month => format!("{month} {}", date.year()),
        Precision::Day => format!("{} {month} {}", date.day(), date.year()),
        Precision::Second | Precision::Fraction => {
            format!("{} {month} {} at {:02}:{:02}", date.day(), date.year(), when.civil.hour(), when.civil.minute())
        }
    }
}

fn list(words: &[String], and: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::restate;
    use crate::pure::decide::read_choice;
    use crate::pure::fhir::json;

    fn said(provision: &str) -> String {
        let text = format!(
            r#"{{"resourceType":"Consent","id":"c","status":"active","dateTime":"2026-01-01","patient":{{"reference":"Patient/1"}},
            "scope":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}}]}},
            "provision":{provision}}}"#
        );
        let tree = json::read(text.as_bytes(), &json::Limits::default()).expect("JSON");
        restate(&read_choice(tree.root()).expect("readable"))
    }

    const HOSPICE: &str = r#""actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"display":"St Orrin's Hospice",
        "identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"Y99002"}}}]"#;
    const SECTION: &str = "https://sharewell.example/fhir/CodeSystem/plan-section";

    #[test]
    fn an_agreement_with_an_exception_and_an_end_reads_as_people_say_it() {
        let provision = format!(
            r#"{{"type":"permit","period":{{"end":"2027-06-30"}},{HOSPICE},
            "provision":[{{"type":"deny","class":[{{"system":"{SECTION}","code":"budget"}}]}}]}}"#
        );
        assert_eq!(said(&provision), "St Orrin's Hospice may have the plan, but not the budget, until 30 June 2027.");
    }

    #[test]
    fn an_agreement_to_some_sections_names_them() {
        let classes = format!(r#"[{{"system":"{SECTION}","code":"goals"}},{{"system":"{SECTION}","code":"actions"}}]"#);
        let provision = format!(r#"{{"type":"permit",{HOSPICE},"class":{classes}}}"#);
        assert_eq!(said(&provision), "St Orrin's Hospice may have the goals and the actions.");
    }

    #[test]
    fn a_refusal_is_said_as_one() {
        assert_eq!(said(&format!(r#"{{"type":"deny",{HOSPICE}}}"#)), "St Orrin's Hospice may not have anything.");
        assert_eq!(said(r#"{"type":"deny"}"#), "Nobody may have anything.");
    }
}
