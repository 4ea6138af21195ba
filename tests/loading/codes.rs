//! Which codes a value set holds: filters over a code system that is loaded, exclusions, sets within sets, systems by rule.

use super::file;
use serde_json::{Value, json};
use sharewell::pure::profile::Definitions;
use sharewell::pure::profile::value_set::Membership;

const SYSTEM: &str = "https://northmere.example/CodeSystem/help";

/// meal (cook (bake), eat), move (stairs), and `wash`, which is retired.
fn help() -> Value {
    let size = |size: &str| json!([{"code": "size", "valueCode": size}]);
    json!({"resourceType": "CodeSystem", "url": SYSTEM, "status": "active", "content": "complete", "concept": [
        {"code": "meal", "display": "Meals", "property": size("large"), "concept": [
            {"code": "cook", "display": "Cooking", "property": size("small"), "concept": [{"code": "bake", "display": "Baking"}]},
            {"code": "eat", "display": "Eating", "property": size("large")}]},
        {"code": "move", "display": "Moving", "concept": [{"code": "stairs", "display": "Stairs"}]},
        {"code": "wash", "display": "Washing", "property": [{"code": "status", "valueCode": "retired"}]}]})
}

fn set(name: &str, compose: &Value) -> Value {
    let url = format!("https://northmere.example/ValueSet/{name}");
    json!({"resourceType": "ValueSet", "url": url, "status": "active", "compose": compose})
}

const ALL: [&str; 7] = ["meal", "cook", "bake", "eat", "move", "stairs", "wash"];

/// The codes of our system that a set holds.
fn codes(definitions: &Definitions, name: &str) -> Vec<&'static str> {
    let url = format!("https://northmere.example/ValueSet/{name}");
    let set = definitions.value_set(&url).expect("it is loaded");
    ALL.into_iter().filter(|code| set.contains(Some(SYSTEM), code) == Membership::In).collect()
}

#[test]
fn filters_leave_the_codes_they_say() {
    let table: [(&str, &str, &str, &[&str]); 14] = [
        ("concept", "is-a", "meal", &["meal", "cook", "bake", "eat"]),
        ("concept", "descendent-of", "meal", &["cook", "bake", "eat"]),
        ("concept", "is-not-a", "meal", &["move", "stairs", "wash"]),
        ("concept", "generalizes", "bake", &["meal", "cook", "bake"]),
        ("concept", "in", "cook,stairs", &["cook", "stairs"]),
        ("concept", "not-in", "cook,stairs", &["meal", "bake", "eat", "move", "wash"]),
        ("code", "regex", "m.*", &["meal", "move"]),
        ("display", "regex", ".*ing", &["cook", "bake", "eat", "move", "wash"]),
        ("concept", "=", "eat", &["eat"]),
        ("size", "=", "large", &["meal", "eat"]),
        ("size", "in", "small,large", &["meal", "cook", "eat"]),
        ("size", "exists", "true", &["meal", "cook", "eat"]),
        ("size", "exists", "false", &["bake", "move", "stairs", "wash"]),
        ("status", "=", "retired", &["wash"]),
    ];
    let mut files = vec![file("help.json", &help())];
    for (at, (property, op, value, _)) in table.iter().enumerate() {
        let filter = json!([{"property": property, "op": op, "value": value}]);
        let compose = json!({"include": [{"system": SYSTEM, "filter": filter}]});
        files.push(file(&format!("{at}.json"), &set(&at.to_string(), &compose)));
    }
    let definitions = Definitions::r4().expect("R4 loads").with_files(&files).expect("they load");
    for (at, (property, op, value, expected)) in table.iter().enumerate() {
        assert_eq!(codes(&definitions, &at.to_string()), *expected, "{property} {op} {value}");
    }
}

#[test]
fn two_filters_both_count_and_an_unknown_one_is_no_answer() {
    let both = json!([{"property": "concept", "op": "is-a", "value": "meal"}, {"property": "size", "op": "=", "value": "large"}]);
    let strange = json!([{"property": "concept", "op": "sounds-like", "value": "meal"}]);
    let files = [
        file("help.json", &help()),
        file("both.json", &set("both", &json!({"include": [{"system": SYSTEM, "filter": both}]}))),
        file("strange.json", &set("strange", &json!({"include": [{"system": SYSTEM, "filter": strange}]}))),
    ];
    let definitions = Definitions::r4().expect("R4 loads").with_files(&files).expect("they load");
    assert_eq!(codes(&definitions, "both"), ["meal", "eat"]);
    let set = definitions.value_set("https://northmere.example/ValueSet/strange").expect("it is loaded");
    assert!(matches!(set.contains(Some(SYSTEM), "meal"), Membership::Unknown(_)));
}

#[test]
fn sets_within_sets_exclusions_and_lists_add_up() {
    let whole = json!({"include": [{"system": SYSTEM}]});
    let named = json!({"include": [{"system": SYSTEM, "concept": [{"code": "cook"}, {"code": "stairs"}]}]});
    let within = json!({"include": [{"valueSet": ["https://northmere.example/ValueSet/named"]}]});
    let meals = json!([{"property": "concept", "op": "is-a", "value": "meal"}]);
    let shared = json!({"include": [{"system": SYSTEM, "filter": meals.clone(), "valueSet": ["https://northmere.example/ValueSet/named"]}]});
    let without = json!({"include": [{"system": SYSTEM}], "exclude": [{"system": SYSTEM, "filter": meals}]});
    let lost = json!({"include": [{"valueSet": ["https://northmere.example/ValueSet/nowhere"]}]});
    let itself = json!({"include": [{"valueSet": ["https://northmere.example/ValueSet/itself"]}]});
    let sets = [
        ("whole", whole),
        ("named", named),
        ("within", within),
        ("shared", shared),
        ("without", without),
        ("lost", lost),
        ("itself", itself),
    ];
    let mut files = vec![file("help.json", &help())];
    files.extend(sets.iter().map(|(name, compose)| file(&format!("{name}.json"), &set(name, compose))));
    let definitions = Definitions::r4().expect("R4 loads").with_files(&files).expect("they load");
    assert_eq!(codes(&definitions, "whole"), ALL);
    assert_eq!(codes(&definitions, "named"), ["cook", "stairs"]);
    assert_eq!(codes(&definitions, "within"), ["cook", "stairs"]);
    assert_eq!(codes(&definitions, "shared"), ["cook"], "of a system and of a set: in both");
    assert_eq!(codes(&definitions, "without"), ["move", "stairs", "wash"]);
    for name in ["lost", "itself"] {
        let set = definitions.value_set(&format!("https://northmere.example/ValueSet/{name}"));
        let answer = set.map(|s| s.contains(Some(SYSTEM), "cook"));
        assert!(!matches!(answer, Some(Membership::In)), "{name}: {answer:?}");
    }
}

#[test]
fn what_depends_on_a_system_that_is_not_loaded_is_not_known() {
    let snomed = "http://snomed.info/sct";
    let filter = json!([{"property": "concept", "op": "is-a", "value": "105455006"}]);
    let files = [file("s.json", &set("s", &json!({"include": [{"system": snomed, "filter": filter}]})))];
    let definitions = Definitions::r4().expect("R4 loads").with_files(&files).expect("they load");
    let set = definitions.value_set("https://northmere.example/ValueSet/s").expect("it is loaded");
    assert!(matches!(set.contains(Some(snomed), "133932002"), Membership::Unknown(_)));
    assert_eq!(set.contains(Some(SYSTEM), "cook"), Membership::Out, "a code of another system is not in it");
}

#[test]
fn systems_that_are_rules_are_held_to_them() {
    let table = [
        ("http://unitsofmeasure.org", "mm[Hg]", "mmHg.per"),
        ("urn:ietf:bcp:47", "cy-GB", "welsh language"),
        ("urn:ietf:bcp:13", "image/svg+xml", "a picture"),
        ("urn:iso:std:iso:4217", "GBP", "GPB"),
        ("https://www.iana.org/time-zones", "Europe/London", "Europe/Northmere"),
    ];
    let mut files = Vec::new();
    for (at, (system, _, _)) in table.iter().enumerate() {
        let compose = json!({"include": [{"system": system}]});
        files.push(file(&format!("{at}.json"), &set(&at.to_string(), &compose)));
    }
    let definitions = Definitions::r4().expect("R4 loads").with_files(&files).expect("they load");
    for (at, (system, right, wrong)) in table.iter().enumerate() {
        let set = definitions.value_set(&format!("https://northmere.example/ValueSet/{at}")).expect("it is loaded");
        assert_eq!(set.contains(Some(system), right), Membership::In, "{right}");
        assert_eq!(set.contains(Some(system), wrong), Membership::Out, "{wrong}");
    }
}

#[test]
fn codes_that_are_no_longer_in_use_are_left_out_where_the_set_says_so() {
    let with = |inactive: Option<bool>, include: Value| {
        let mut compose = json!({"include": [include]});
        if let Some(says) = inactive {
            compose["inactive"] = json!(says);
        }
        compose
    };
    let whole = || json!({"system": SYSTEM});
    let listed = || json!({"system": SYSTEM, "concept": [{"code": "wash"}, {"code": "stairs"}]});
    let imported = || json!({"valueSet": ["https://northmere.example/ValueSet/whole"]});
    let rows: [(&str, Value, &[&str]); 7] = [
        ("whole", with(None, whole()), &ALL),
        ("whole-with", with(Some(true), whole()), &ALL),
        ("whole-without", with(Some(false), whole()), &ALL[..6]),
        ("listed", with(None, listed()), &["stairs", "wash"]),
        ("listed-without", with(Some(false), listed()), &["stairs"]),
        ("imported", with(None, imported()), &ALL),
        ("imported-without", with(Some(false), imported()), &ALL[..6]),
    ];
    let mut files = vec![file("help.json", &help())];
    files.extend(rows.iter().map(|(name, compose, _)| file(&format!("{name}.json"), &set(name, compose))));
    let definitions = Definitions::r4().expect("R4 loads").with_files(&files).expect("they load");
    for (name, _, expected) in rows {
        assert_eq!(codes(&definitions, name), expected, "{name}");
    }
    // of a system that is not loaded nobody here knows what is in use: what is listed stays
    let elsewhere = json!({"system": "http://snomed.info/sct", "concept": [{"code": "133932002"}]});
    let files = [file("s.json", &set("s", &with(Some(false), elsewhere)))];
    let definitions = Definitions::r4().expect("R4 loads").with_files(&files).expect("they load");
    let set = definitions.value_set("https://northmere.example/ValueSet/s").expect("it is loaded");
    assert_eq!(set.contains(Some("http://snomed.info/sct"), "133932002"), Membership::In);
}
