//! What the record's own Patient says of the person: age, death, a restricted address, whether the number was verified.
//!
//! R4 Patient.birthDate and deceased[x]; PDS puts Confidentiality `R` or `V` on those whose whereabouts are restricted;
//! UK Core says on the NHS number whether it was verified. A sender can add to what the register holds and lift nothing.

use crate::pure::decide::Facts;
use crate::pure::decide::words::{CONFIDENTIALITY, plain_system};
use crate::pure::fhir::time::{Precision, london};
use crate::pure::fhir::{Item, When, nhs_number};
use jiff::civil::Date;
use jiff::{Span, Timestamp};

const VERIFICATION: &str = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";
/// At this age a person decides as an adult.
const ADULT: i64 = 16;

/// Takes up what a Patient says. `verified` stays as it is stated; what follows from it is for the rules to say.
pub fn take_up(facts: &mut Facts, patient: Item<'_>, now: Timestamp) {
    if let Some(born) = patient.str_at(&["birthDate"]).and_then(When::date) {
        age(facts, born, now);
    }
    if let Some(died) = death(patient) {
        facts.died = Some(facts.died.map_or(died, |d| d.min(died)));
        facts.changes_at.push(died);
    }
    let labels = patient.get("meta").into_iter().flat_map(|m| m.all("security"));
    facts.restricted |= labels.into_iter().any(restricts);
    facts.verified = verified(patient).or(facts.verified);
}

/// The age on the day in London. Of a date without a day, the youngest and the oldest that it allows.
fn age(facts: &mut Facts, born: When, now: Timestamp) {
    let today = now.to_zoned(london()).date();
    let (first, last) = (born.civil.date(), last_day(born));
    let (youngest, oldest) = (years(last, today), years(first, today));
    facts.age = Some(youngest);
    facts.age_at_most = (oldest != youngest).then_some(oldest);
    for day in [first, last] {
        let adult = day.checked_add(Span::new().years(ADULT)).ok();
        let midnight = adult.and_then(|d| d.to_zoned(london()).ok());
        facts.changes_at.extend(midnight.map(|z| z.timestamp()));
    }
}

fn last_day(born: When) -> Date {
    let first = born.civil.date();
    match born.precision {
        Precision::Year => Date::new(first.year(), 12, 31).unwrap_or(first),
        Precision::Month => first.last_of_month(),
        _ => first,
    }
}

/// Whole years; nobody is younger than nothing.
fn years(born: Date, today: Date) -> u16 {
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    let years = i32::from(today.year()) - i32::from(born.year()) - i32::from(!had_birthday);
    u16::try_from(years).unwrap_or(0)
}

/// When they died; that they did, without a date, counts from the beginning of time: then every power is over.
fn death(patient: Item<'_>) -> Option<Timestamp> {
    if let Some(text) = patient.str_at(&["deceasedDateTime"]) {
        return Some(When::date_time(text).map_or(Timestamp::MIN, When::earliest));
    }
    (patient.get("deceasedBoolean").and_then(Item::bool) == Some(true)).then_some(Timestamp::MIN)
}

fn restricts(label: Item<'_>) -> bool {
    let system = label.str_at(&["system"]).map(plain_system);
    system == Some(CONFIDENTIALITY) && matches!(label.str_at(&["code"]), Some("R" | "V" | "REDACTED"))
}

fn verified(patient: Item<'_>) -> Option<bool> {
    let numbers = patient.all("identifier").filter(|i| i.str_at(&["system"]) == Some(nhs_number::SYSTEM));
    let stated = numbers.flat_map(|i| i.all("extension")).filter(|e| e.str_at(&["url"]) == Some(VERIFICATION));
    let codes = stated.flat_map(|e| e.get("valueCodeableConcept").into_iter().flat_map(|c| c.all("coding")));
    let mut codes = codes.map(|c| matches!(c.str_at(&["code"]), Some("number-present-and-verified" | "01"))).peekable();
    codes.peek()?;
    Some(codes.all(|verified| verified))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::fhir::json;

    fn told(patient: &str, now: &str) -> Facts {
        let tree = json::read(patient.as_bytes(), &json::Limits::default()).unwrap();
        let mut facts = Facts::default();
        take_up(&mut facts, tree.root(), now.parse().unwrap());
        facts
    }

    #[test]
    fn a_person_is_sixteen_at_local_midnight_and_not_before() {
        let born = r#"{"birthDate":"2010-07-04"}"#;
        assert_eq!(told(born, "2026-07-03T22:59:59Z").age, Some(15), "summer: midnight is at 23:00Z");
        let sixteen = told(born, "2026-07-03T23:00:00Z");
        assert_eq!((sixteen.age, sixteen.age_at_most), (Some(16), None));
        assert!(sixteen.changes_at.contains(&"2026-07-03T23:00:00Z".parse().unwrap()));
    }

    #[test]
    fn half_a_date_of_birth_leaves_it_open_whether_they_are_an_adult() {
        let facts = told(r#"{"birthDate":"2010"}"#, "2026-07-04T12:00:00Z");
        assert_eq!((facts.age, facts.age_at_most), (Some(15), Some(16)));
        let facts = told(r#"{"birthDate":"2010-06"}"#, "2026-06-30T12:00:00Z");
        assert_eq!((facts.age, facts.age_at_most), (Some(16), None));
        assert_eq!(told(r#"{"birthDate":"2010-02-29"}"#, "2026-02-28T12:00:00Z").age, None, "that day is none");
        assert_eq!(told(r#"{"birthDate":"2030-01-01"}"#, "2026-02-28T12:00:00Z").age, Some(0));
    }

    #[test]
    fn death_restriction_and_verification_are_read_where_they_stand() {
        let now = "2026-07-04T12:00:00Z";
        assert_eq!(told(r#"{"deceasedBoolean":true}"#, now).died, Some(Timestamp::MIN));
        assert_eq!(told(r#"{"deceasedBoolean":false}"#, now).died, None);
        let died = told(r#"{"deceasedDateTime":"2026-06-30"}"#, now).died.unwrap();
        assert_eq!(died.to_string(), "2026-06-29T23:00:00Z");
        let label = |code: &str| {
            let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
            told(&format!(r#"{{"meta":{{"security":[{{"system":"{system}","code":"{code}"}}]}}}}"#), now).restricted
        };
        assert!(label("R") && label("V") && !label("U") && !label("N"));
        let number = |code: &str| {
            let extension =
                format!(r#"{{"url":"{VERIFICATION}","valueCodeableConcept":{{"coding":[{{"code":"{code}"}}]}}}}"#);
            let system = nhs_number::SYSTEM;
            told(&format!(r#"{{"identifier":[{{"system":"{system}","extension":[{extension}]}}]}}"#), now).verified
        };
        assert_eq!(number("number-present-and-verified"), Some(true));
        assert_eq!(number("number-present-but-not-traced"), Some(false));
        assert_eq!(told("{}", now).verified, None);
    }
}
