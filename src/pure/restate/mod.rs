//! Says a choice in plain English, for the person who made it and for whoever recorded it.
//!
//! Comes in: a [`Choice`]. Goes out: a sentence or two a reading: "St Orrin's Hospice may have the plan, but not the
//! budget, until 30 June 2027." Refuses nothing; what it cannot put into words it says plainly.

use crate::pure::decide::provision::{Actor, Meaning, Part, Rule, Says, Span};
use crate::pure::decide::words::{Action, Code, ODS, PLAN_SECTION, RESOURCE_TYPES, Truth};
use crate::pure::decide::{Choice, Dialect, Scope, Standing, Taken};
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
            let held = if choice.taken() == Taken::Awaiting { " and nothing is shared by it yet" } else { "" };
            let either = format!("This can be read two ways, and what either keeps back is kept back{held}.");
            format!("{either} {}", readings.join(" Or: "))
        }
    };
    match choice.standing() {
        Standing::Active => text,
        Standing::Ended => format!("No longer in force: {text}"),
        Standing::Proposed => format!("Not in force yet: {text}"),
        Standing::Error => format!("Entered in error, and without effect: {text}"),
    }
}

/// The choice in plain English, with what it is about, who made it, by what right, and when.
#[must_use]
pub fn whole(choice: &Choice) -> String {
    let mut text = restate(choice);
    for more in [about(choice), authorship(choice)] {
        if !more.is_empty() {
            text.push(' ');
            text.push_str(&more);
        }
    }
    text
}

fn about(choice: &Choice) -> String {
    match choice.scope() {
        _ if matches!(choice.dialect(), Dialect::Vrs | Dialect::Unread) => String::new(),
        Scope::Privacy => String::new(),
        Scope::Research => "It is about research, and about nothing else.".to_owned(),
        Scope::Other => "It is about treatment, and shares nothing.".to_owned(),
        Scope::Unclear => {
            "What it is about is not clear, so what it refuses counts, and what it agrees to does not.".to_owned()
        }
    }
}

fn authorship(choice: &Choice) -> String {
    let others = choice.performers().iter().any(|p| !p.is_empty() && p.same(choice.patient()) != Truth::True);
    let who = match (choice.decided_by(), others) {
        (Some("lpa-health-welfare"), _) => "An attorney for health and welfare chose this",
        (Some("lpa-property"), _) => "An attorney for property, who decides no sharing of care records, chose this",
        (Some("deputy"), _) => "A deputy of the Court of Protection chose this",
        (Some("parental-responsibility"), _) => "Somebody with parental responsibility chose this",
        (Some("best-interests"), _) => "This was decided in the person's best interests",
        (_, true) => "Somebody else than the person chose this",
        (Some("not-recorded"), _) => "Who chose this is not recorded",
        (Some("person"), _) => "The person chose this",
        (None, false) if choice.performers().is_empty() => "This is recorded as the person's own choice",
        (None, false) => "The person chose this",
        (Some(_), false) => "Who chose this, and by what right, is not understood",
    };
    let when = choice.dated().map(|at| {
        let date = at.to_zoned(crate::pure::fhir::time::london()).date();
        format!(", on {} {} {}", date.day(), month(date.month()), date.year())
    });
    format!("{who}{}.", when.unwrap_or_else(|| ", at a time that is not recorded".to_owned()))
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
    // an exception to an exception goes before what it is an exception to
    let except = if rule.depth > 1 { "But even then," } else { "Except that" };
    let what =
        content(rule).unwrap_or_else(|| if rule.says == Says::Permit { "the plan" } else { "anything" }.to_owned());
    let when = rule.period.map(span).unwrap_or_default();
    format!("{except} {} {may} {} {what}{}{when}.", subject(rule), verb(rule), purposes(rule))
}

fn subject(rule: &Rule) -> String {
    let names = bounded(rule.actors.iter().map(name).collect());
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
        parts.push(list(&bounded(rule.classes.iter().map(class).collect()), "and"));
    }
    if !rule.labels.is_empty() {
        let labels: Vec<String> = rule.labels.iter().map(|c| label(&c.code, rule.says)).collect();
        parts.push(format!("what is labelled {}", list(&bounded(labels), "or")));
    }
    if !rule.codes.is_empty() {
        let codes: Vec<String> = rule.codes.iter().map(coded).collect();
        parts.push(format!("what is coded {}", list(&bounded(codes), "or")));
    }
    if rule.data.len() > MOST {
        parts.push(format!("{} things that the choice names one by one", rule.data.len()));
    }
    for (meaning, reference) in rule.data.iter().filter(|_| rule.data.len() <= MOST) {
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

/// v3 Confidentiality and the sensitivities of v3 ActCode, in words. A level of an agreement includes what is less
/// confidential, one of a refusal what is more.
fn label(code: &str, says: Says) -> String {
    let reach = if says == Says::Permit { "or less" } else { "or more" };
    match code {
        "U" | "L" | "M" => format!("as hardly confidential {reach}"),
        "N" => format!("as confidential in the usual way {reach}"),
        "R" => format!("as restricted {reach}"),
        "V" => "as very restricted".to_owned(),
        "PSY" | "MH" | "BH" => "as mental health".to_owned(),
        "ETH" | "ETHUD" | "SUD" | "OPIOIDUD" => "as substance use".to_owned(),
        "SEX" | "STD" => "as sexual health".to_owned(),
        "SDV" | "DVD" => "as violence or abuse".to_owned(),
        "HIV" => "as HIV".to_owned(),
        "GDIS" => "as genetic".to_owned(),
        other => other.to_owned(),
    }
}

fn coded(code: &Code) -> String {
    match code.system.as_deref() {
        Some("http://snomed.info/sct") => format!("SNOMED CT {}", code.code),
        Some("http://loinc.org") => format!("LOINC {}", code.code),
        Some(system) if system.contains("icd-10") => format!("ICD-10 {}", code.code),
        _ => code.code.clone(),
    }
}

/// A list that somebody would still read.
fn bounded(mut words: Vec<String>) -> Vec<String> {
    words.dedup();
    if words.len() > MOST {
        let more = words.len() - MOST;
        words.truncate(MOST);
        words.push(format!("{more} more"));
    }
    words
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
            "ERTREAT" => "treatment in an emergency department",
            "CAREMGT" => "managing the person's care",
            "COC" => "coordinating the person's care",
            "POPHLTH" => "population health",
            "BIORCH" => "biomedical research",
            "FAMRQT" => "a request of the family",
            "PWATRNY" => "a request of an attorney",
            "PATRQT" => "the person's own request",
            "PUBHLTH" => "public health",
            "HMARKT" => "marketing",
            "HSYSADMIN" => "running the systems",
            "HQUALIMP" => "improving quality",
            "HCOMPL" => "audit and compliance",
            other => other,
        }
        .to_owned()
    };
    format!(", for {}", list(&bounded(rule.purposes.iter().map(word).collect()), "or"))
}

fn span(span: Span) -> String {
    match (span.from, span.until) {
        (Some(from), Some(until)) => format!(", from {} until {}", day(from), day(until)),
        (Some(from), None) => format!(", from {}", day(from)),
        (None, Some(until)) => format!(", until {}", day(until)),
        (None, None) => String::new(),
    }
}

fn month(number: i8) -> &'static str {
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
    usize::try_from(number).ok().and_then(|m| MONTHS.get(m.wrapping_sub(1))).copied().unwrap_or_default()
}

/// `30 June 2027`, as precisely as it was written.
fn day(when: When) -> String {
    let date = when.civil.date();
    let month = month(date.month());
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
    use super::{restate, whole};
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

    fn whole_of(more: &str) -> String {
        let text = format!(
            r#"{{"resourceType":"Consent","id":"c","status":"active","dateTime":"2026-03-28T23:30:00Z",
            "patient":{{"reference":"Patient/1"}},"provision":{{"type":"permit",{HOSPICE}}},{more}}}"#
        );
        let tree = json::read(text.as_bytes(), &json::Limits::default()).expect("JSON");
        whole(&read_choice(tree.root()).expect("readable"))
    }

    #[test]
    fn who_chose_by_what_right_and_when_is_said() {
        let scope = |code: &str| {
            format!(
                r#""scope":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"{code}"}}]}}"#
            )
        };
        let by = |code: &str| {
            format!(
                r#","policyRule":{{"coding":[{{"system":"https://x.example/CodeSystem/decided-by","code":"{code}"}}]}}"#
            )
        };
        let hers = "St Orrin's Hospice may have the plan.";
        let privacy = scope("patient-privacy");
        let cases = [
            (privacy.clone(), "This is recorded as the person's own choice, on 28 March 2026."),
            (privacy.clone() + &by("person"), "The person chose this, on 28 March 2026."),
            (
                privacy.clone() + &by("best-interests"),
                "This was decided in the person's best interests, on 28 March 2026.",
            ),
            (
                privacy.clone() + &by("lpa-health-welfare"),
                "An attorney for health and welfare chose this, on 28 March 2026.",
            ),
            (
                privacy + r#","performer":[{"reference":"RelatedPerson/9"}]"#,
                "Somebody else than the person chose this, on 28 March 2026.",
            ),
        ];
        for (more, said) in cases {
            assert_eq!(whole_of(&more), format!("{hers} {said}"));
        }
        assert!(whole_of(&scope("research")).contains("It is about research, and about nothing else."));
        assert!(whole_of(&scope("treatment")).contains("It is about treatment, and shares nothing."));
    }

    #[test]
    fn every_dimension_of_a_rule_is_said() {
        let provision = format!(
            r#"{{"type":"permit",{HOSPICE},"period":{{"start":"2026-01","end":"2027-06-30T10:00:00Z"}},
            "action":[{{"coding":[{{"code":"access"}}]}},{{"coding":[{{"code":"disclose"}}]}}],
            "purpose":[{{"code":"TREAT"}}],"securityLabel":[{{"code":"N"}}],
            "class":[{{"system":"http://hl7.org/fhir/resource-types","code":"CarePlan"}}],
            "code":[{{"coding":[{{"system":"http://snomed.info/sct","code":"718347000"}}]}}],
            "data":[{{"meaning":"authoredby","reference":{{"reference":"Organization/a"}}}}],
            "dataPeriod":{{"start":"2026-02-01"}}}}"#
        );
        assert_eq!(
            said(&provision),
            "St Orrin's Hospice may read or be sent every CarePlan, what is labelled as confidential in the usual way or \
             less, what is coded SNOMED CT 718347000, what Organization/a wrote, what dates from 1 February 2026, for care \
             and treatment, from January 2026 until 30 June 2027 at 10:00."
        );
    }

    #[test]
    fn an_exception_to_an_exception_is_said_after_it() {
        let budget = format!(r#""class":[{{"system":"{SECTION}","code":"budget"}}]"#);
        let surgery = r#""actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"display":"Beckside Surgery"}}]"#;
        let provision = format!(
            r#"{{"type":"permit","provision":[{{"type":"deny",{HOSPICE},{budget},"provision":[{{"type":"permit",{HOSPICE},
            "purpose":[{{"code":"BTG"}}]}}]}},{{"type":"deny",{surgery}}}]}}"#
        );
        assert_eq!(
            said(&provision),
            "Everyone may have the plan. Except that St Orrin's Hospice may not have the budget. But even then, St Orrin's \
             Hospice may have the budget, for a declared emergency. Except that Beckside Surgery may not have anything."
        );
    }

    #[test]
    fn a_long_choice_is_said_in_a_page() {
        let codes: Vec<String> = (0..9_000).map(|n| format!(r#"{{"coding":[{{"code":"{n}"}}]}}"#)).collect();
        let long = said(&format!(r#"{{"type":"deny",{HOSPICE},"code":[{}]}}"#, codes.join(",")));
        assert!(long.len() < 2_000 && long.contains("8960 more"), "{long}");
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
