//! How profiles cut lists into slices and what they ask of references, each rule on a small profile and record of our own.

use sharewell::pure::fhir::{File, Tree, json};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::{Options, References, check_with};
use std::borrow::Cow;
use std::sync::Arc;

const URL: &str = "http://example.org/StructureDefinition/";

/// A profile on a type: its name, and the elements of its differential.
fn profile(name: &str, of: &str, elements: &str) -> File {
    let text = format!(
        r#"{{"resourceType":"StructureDefinition","url":"{URL}{name}","name":"P","status":"active","kind":"resource","abstract":false,
        "type":"{of}","baseDefinition":"http://hl7.org/fhir/StructureDefinition/{of}","derivation":"constraint",
        "differential":{{"element":[{elements}]}}}}"#
    );
    File { path: format!("{name}.json"), bytes: Cow::Owned(text.into_bytes()) }
}

fn read(text: &str) -> Tree {
    json::read(text.as_bytes(), &Default::default()).expect("it is JSON")
}

/// The errors of a record against the first profile, as `id at expression`.
fn errors_with(profiles: &[File], record: &str, options: Options) -> Vec<String> {
    let definitions = Definitions::r4().expect("the R4 base loads").with_files(profiles);
    let definitions = definitions.unwrap_or_else(|report| panic!("{:#?}", report.issues));
    let url = format!("{URL}{}", profiles[0].path.trim_end_matches(".json"));
    let report = check_with(&read(record), &[&url], &definitions, options);
    let errors = report.issues.iter().filter(|i| i.is_error());
    errors.map(|i| format!("{} at {}", i.id, i.expression.as_deref().unwrap_or_default())).collect()
}

fn errors(profiles: &[File], record: &str) -> Vec<String> {
    errors_with(profiles, record, Options::default())
}

fn patient(rest: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"winifred",{rest}}}"#)
}

/// Identifiers cut by their system: `nhs` once, `local` at most once.
fn by_system(tell: &str, rules: &str, is_ordered: bool) -> File {
    let word = if tell == "pattern" { "patternUri" } else { "fixedUri" };
    let elements = format!(
        r#"{{"id":"Patient.identifier","path":"Patient.identifier","slicing":{{"discriminator":[{{"type":"{tell}","path":"system"}}],"ordered":{is_ordered},"rules":"{rules}"}}}},
        {{"id":"Patient.identifier:nhs","path":"Patient.identifier","sliceName":"nhs","min":1,"max":"1"}},
        {{"id":"Patient.identifier:nhs.system","path":"Patient.identifier.system","min":1,"{word}":"https://fhir.nhs.uk/Id/nhs-number"}},
        {{"id":"Patient.identifier:local","path":"Patient.identifier","sliceName":"local","max":"1"}},
        {{"id":"Patient.identifier:local.system","path":"Patient.identifier.system","min":1,"{word}":"https://council.example/id"}}"#
    );
    profile("by-system", "Patient", &elements)
}

fn identifiers(systems: &[&str]) -> String {
    let one = |s: &&str| format!(r#"{{"system":"{s}","value":"9990000018"}}"#);
    patient(&format!(r#""identifier":[{}]"#, systems.iter().map(one).collect::<Vec<_>>().join(",")))
}

const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number";
const LOCAL: &str = "https://council.example/id";
const OTHER: &str = "https://other.example/id";

#[test]
fn slices_told_apart_by_value_or_pattern_have_their_own_numbers() {
    for tell in ["value", "pattern"] {
        let profile = || [by_system(tell, "open", false)];
        assert!(errors(&profile(), &identifiers(&[OTHER, NHS, LOCAL])).is_empty(), "{tell}");
        assert_eq!(errors(&profile(), &identifiers(&[LOCAL])), ["too-few at Patient"], "{tell}");
        assert_eq!(errors(&profile(), &identifiers(&[NHS, LOCAL, LOCAL])), ["too-many at Patient"], "{tell}");
    }
}

#[test]
fn closed_slicing_refuses_what_fits_no_slice() {
    let found = errors(&[by_system("value", "closed", false)], &identifiers(&[NHS, OTHER]));
    assert_eq!(found, ["no-slice-fits at Patient.identifier[1]"]);
}

#[test]
fn what_fits_no_slice_stands_at_the_end_where_slicing_is_open_at_end() {
    let profile = || [by_system("value", "openAtEnd", false)];
    assert!(errors(&profile(), &identifiers(&[NHS, OTHER])).is_empty());
    assert_eq!(errors(&profile(), &identifiers(&[OTHER, NHS])), ["slice-after-others at Patient.identifier[0]"]);
}

#[test]
fn ordered_slices_stand_in_the_order_of_the_profile() {
    let profile = || [by_system("value", "open", true)];
    assert!(errors(&profile(), &identifiers(&[NHS, LOCAL])).is_empty());
    assert_eq!(errors(&profile(), &identifiers(&[LOCAL, NHS])), ["slice-out-of-order at Patient.identifier[1]"]);
}

#[test]
fn slices_told_apart_by_this_are_told_by_the_whole_value() {
    let elements = r#"{"id":"Patient.name.given","path":"Patient.name.given","slicing":{"discriminator":[{"type":"value","path":"$this"}],"rules":"closed"}},
        {"id":"Patient.name.given:first","path":"Patient.name.given","sliceName":"first","min":1,"max":"1","fixedString":"Winifred"}"#;
    let profile = || [profile("this", "Patient", elements)];
    assert!(errors(&profile(), &patient(r#""name":[{"given":["Winifred"]}]"#)).is_empty());
    let found = errors(&profile(), &patient(r#""name":[{"given":["Philippa"]}]"#));
    assert_eq!(found, ["too-few at Patient.name[0]", "no-slice-fits at Patient.name[0].given[0]"]);
}

#[test]
fn slices_told_apart_by_type_narrow_that_type_alone() {
    let elements = r#"{"id":"Patient.deceased[x]","path":"Patient.deceased[x]","slicing":{"discriminator":[{"type":"type","path":"$this"}],"rules":"closed"}},
        {"id":"Patient.deceased[x]:deceasedBoolean","path":"Patient.deceased[x]","sliceName":"deceasedBoolean","type":[{"code":"boolean"}],"fixedBoolean":false}"#;
    let profile = || [profile("type", "Patient", elements)];
    assert!(errors(&profile(), &patient(r#""deceasedBoolean":false"#)).is_empty());
    assert!(!errors(&profile(), &patient(r#""deceasedBoolean":true"#)).is_empty());
    assert!(!errors(&profile(), &patient(r#""deceasedDateTime":"2026""#)).is_empty());
}

#[test]
fn slices_told_apart_by_existence_have_it_or_not() {
    let elements = r#"{"id":"Patient.telecom","path":"Patient.telecom","slicing":{"discriminator":[{"type":"exists","path":"period"}],"rules":"open"}},
        {"id":"Patient.telecom:dated","path":"Patient.telecom","sliceName":"dated","max":"1"},
        {"id":"Patient.telecom:dated.period","path":"Patient.telecom.period","min":1},
        {"id":"Patient.telecom:undated","path":"Patient.telecom","sliceName":"undated","min":1},
        {"id":"Patient.telecom:undated.period","path":"Patient.telecom.period","max":"0"}"#;
    let profile = || [profile("exists", "Patient", elements)];
    let (dated, undated) =
        (r#"{"system":"phone","value":"1","period":{"start":"2026"}}"#, r#"{"system":"phone","value":"2"}"#);
    assert!(errors(&profile(), &patient(&format!(r#""telecom":[{dated},{undated}]"#))).is_empty());
    assert_eq!(errors(&profile(), &patient(&format!(r#""telecom":[{dated}]"#))), ["too-few at Patient"]);
    assert_eq!(
        errors(&profile(), &patient(&format!(r#""telecom":[{dated},{dated},{undated}]"#))),
        ["too-many at Patient"]
    );
}

#[test]
fn slices_told_apart_by_profile_hold_what_meets_it() {
    let bundle = r#"{"id":"Bundle.entry","path":"Bundle.entry","slicing":{"discriminator":[{"type":"profile","path":"resource"}],"rules":"open"}},
        {"id":"Bundle.entry:active","path":"Bundle.entry","sliceName":"active","min":1,"max":"1"},
        {"id":"Bundle.entry:active.resource","path":"Bundle.entry.resource","min":1,"type":[{"code":"Patient","profile":["http://example.org/StructureDefinition/active"]}]}"#;
    let active = r#"{"id":"Patient.active","path":"Patient.active","min":1,"fixedBoolean":true}"#;
    let profiles = || [profile("bundle", "Bundle", bundle), profile("active", "Patient", active)];
    let entry = |id: &str, active: bool| {
        format!(
            r#"{{"fullUrl":"http://a.example/Patient/{id}","resource":{{"resourceType":"Patient","id":"{id}","active":{active}}}}}"#
        )
    };
    let record = |entries: &[String]| {
        format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","))
    };
    assert!(errors(&profiles(), &record(&[entry("a", true), entry("b", false)])).is_empty());
    assert_eq!(errors(&profiles(), &record(&[entry("b", false)])), ["too-few at Bundle"]);
}

#[test]
fn slices_of_slices_are_counted_within_their_slice() {
    let elements = r#"{"id":"Patient.identifier","path":"Patient.identifier","slicing":{"discriminator":[{"type":"value","path":"use"}],"rules":"open"}},
        {"id":"Patient.identifier:official","path":"Patient.identifier","sliceName":"official","slicing":{"discriminator":[{"type":"value","path":"system"}],"rules":"closed"}},
        {"id":"Patient.identifier:official.use","path":"Patient.identifier.use","min":1,"fixedCode":"official"},
        {"id":"Patient.identifier:official/nhs","path":"Patient.identifier","sliceName":"official/nhs","min":1,"max":"1"},
        {"id":"Patient.identifier:official/nhs.system","path":"Patient.identifier.system","min":1,"fixedUri":"https://fhir.nhs.uk/Id/nhs-number"}"#;
    let profile = || [profile("nested", "Patient", elements)];
    let one = |used: &str, system: &str| format!(r#"{{"use":"{used}","system":"{system}","value":"9990000018"}}"#);
    let record = |all: &[String]| patient(&format!(r#""identifier":[{}]"#, all.join(",")));
    assert!(errors(&profile(), &record(&[one("official", NHS), one("temp", LOCAL)])).is_empty());
    let found = errors(&profile(), &record(&[one("official", NHS), one("official", LOCAL)]));
    assert_eq!(found, ["no-slice-fits at Patient.identifier[1]"]);
    assert_eq!(errors(&profile(), &record(&[one("temp", NHS)])), ["too-few at Patient"]);
}

/// A Task for a Patient that has to stand in a certain place or version.
fn task(rule: &str) -> File {
    let elements = format!(
        r#"{{"id":"Task.for","path":"Task.for","type":[{{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Patient"],{rule}}}]}}"#
    );
    profile("task", "Task", &elements)
}

fn task_for(reference: &str, rest: &str) -> String {
    format!(r#"{{"resourceType":"Task","status":"draft","intent":"order","for":{{"reference":"{reference}"}}{rest}}}"#)
}

#[test]
fn the_target_of_a_reference_stands_where_the_profile_says() {
    let inside = r##","contained":[{"resourceType":"Patient","id":"w"}]"##;
    let contained = || [task(r#""aggregation":["contained"]"#)];
    assert!(errors(&contained(), &task_for("#w", inside)).is_empty());
    assert_eq!(errors(&contained(), &task_for("Patient/w", "")), ["target-in-wrong-place at Task.for"]);
    let referenced = || [task(r#""aggregation":["referenced"]"#)];
    assert!(errors(&referenced(), &task_for("Patient/w", "")).is_empty());
    assert_eq!(errors(&referenced(), &task_for("#w", inside)), ["target-in-wrong-place at Task.for"]);
    assert_eq!(
        errors(&[task(r#""aggregation":["bundled"]"#)], &task_for("Patient/w", "")),
        ["target-in-wrong-place at Task.for"]
    );
}

#[test]
fn a_reference_names_a_version_where_the_profile_says() {
    let specific = || [task(r#""versioning":"specific""#)];
    assert!(errors(&specific(), &task_for("Patient/w/_history/2", "")).is_empty());
    assert_eq!(errors(&specific(), &task_for("Patient/w", "")), ["reference-version at Task.for"]);
    let independent = || [task(r#""versioning":"independent""#)];
    assert!(errors(&independent(), &task_for("Patient/w", "")).is_empty());
    assert_eq!(errors(&independent(), &task_for("Patient/w/_history/2", "")), ["reference-version at Task.for"]);
    assert!(errors(&[task(r#""versioning":"either""#)], &task_for("Patient/w/_history/2", "")).is_empty());
}

/// A Patient whose links lead to Patients of the same profile, who are all active.
fn linked() -> File {
    let elements = r#"{"id":"Patient.active","path":"Patient.active","min":1},
        {"id":"Patient.link.other","path":"Patient.link.other","type":[{"code":"Reference","targetProfile":["http://example.org/StructureDefinition/linked"]}]}"#;
    profile("linked", "Patient", elements)
}

fn link(id: &str, to: &str, active: &str) -> String {
    format!(
        r#"{{"resourceType":"Patient","id":"{id}",{active}"link":[{{"other":{{"reference":"Patient/{to}"}},"type":"seealso"}}]}}"#
    )
}

#[test]
fn records_beside_are_held_to_the_profiles_of_references_and_circles_end() {
    let with = |records: &[String]| Options {
        records: records.iter().map(|text| Arc::new(read(text))).collect(),
        references: References::Valid,
        ..Options::default()
    };
    let active = r#""active":true,"#;
    let (winifred, philippa) = (link("winifred", "philippa", active), link("philippa", "winifred", active));
    let both = with(&[winifred.clone(), philippa]);
    assert!(errors_with(&[linked()], &winifred, both).is_empty());
    let inactive = with(&[winifred.clone(), link("philippa", "winifred", "")]);
    let found = errors_with(&[linked()], &winifred, inactive);
    assert_eq!(found, ["target-meets-no-profile at Patient.link[0].other"]);
    let found = errors_with(&[linked()], &winifred, with(&[]));
    assert_eq!(found, ["reference-unresolved at Patient.link[0].other"]);
}

#[test]
fn a_document_holds_what_its_composition_refers_to_and_nothing_that_is_apart() {
    let composition = |author: &str| {
        format!(
            r#"{{"fullUrl":"http://a.example/Composition/c","resource":{{"resourceType":"Composition","id":"c","status":"final",
            "type":{{"text":"plan"}},"date":"2026","author":[{{"reference":"{author}"}}],"title":"t"}}}}"#
        )
    };
    let practitioner = |id: &str| {
        format!(
            r#"{{"fullUrl":"http://a.example/Practitioner/{id}","resource":{{"resourceType":"Practitioner","id":"{id}"}}}}"#
        )
    };
    let record = |entries: &[String]| {
        format!(
            r#"{{"resourceType":"Bundle","type":"document","identifier":{{"system":"urn:ietf:rfc:3986","value":"urn:uuid:0a6bd1d9-8b1f-4f8e-9f2f-3f0a6a9ff0a1"}},
            "timestamp":"2026-11-22T12:00:00Z","entry":[{}]}}"#,
            entries.join(",")
        )
    };
    let none = || [profile("none", "Bundle", r#"{"id":"Bundle","path":"Bundle"}"#)];
    let whole = record(&[composition("Practitioner/p"), practitioner("p")]);
    assert!(errors(&none(), &whole).is_empty(), "{:?}", errors(&none(), &whole));
    let found = errors(&none(), &record(&[composition("Practitioner/q")]));
    assert_eq!(found, ["reference-not-in-bundle at Bundle.entry[0].resource.author[0]"]);
    let found = errors(&none(), &record(&[composition("Practitioner/p"), practitioner("p"), practitioner("q")]));
    assert_eq!(found, ["entry-unreachable at Bundle.entry[2]"]);
}

#[test]
fn a_value_that_fits_two_slices_is_refused() {
    let concept = |system: &str, code: &str| format!(r#"{{"coding":[{{"system":"{system}","code":"{code}"}}]}}"#);
    let (one, other) = (concept("https://northmere.example/a", "1"), concept("https://northmere.example/b", "2"));
    let elements = format!(
        r#"{{"id":"Basic.identifier","path":"Basic.identifier","slicing":{{"discriminator":[{{"type":"pattern","path":"type"}}],"rules":"open"}}}},
        {{"id":"Basic.identifier:a","path":"Basic.identifier","sliceName":"a"}},
        {{"id":"Basic.identifier:a.type","path":"Basic.identifier.type","min":1,"patternCodeableConcept":{one}}},
        {{"id":"Basic.identifier:b","path":"Basic.identifier","sliceName":"b"}},
        {{"id":"Basic.identifier:b.type","path":"Basic.identifier.type","min":1,"patternCodeableConcept":{other}}}"#
    );
    let basic = |types: &[&str]| {
        let all: Vec<String> = types.iter().map(|of| format!(r#"{{"type":{of},"value":"1"}}"#)).collect();
        format!(r#"{{"resourceType":"Basic","code":{{"text":"x"}},"identifier":[{}]}}"#, all.join(","))
    };
    let profile = || [profile("two", "Basic", &elements)];
    assert!(errors(&profile(), &basic(&[&one, &other])).is_empty());
    let both = r#"{"coding":[{"system":"https://northmere.example/b","code":"2"},{"system":"https://northmere.example/a","code":"1"}]}"#;
    assert_eq!(errors(&profile(), &basic(&[&one, both])), ["two-slices-fit at Basic.identifier[1]"]);
}

#[test]
fn a_slice_that_says_nothing_where_slices_are_told_apart_is_no_second_slice() {
    // what tells is the system; `any` says nothing of it
    let elements = format!(
        r#"{{"id":"Patient.identifier","path":"Patient.identifier","slicing":{{"discriminator":[{{"type":"value","path":"system"}}],"rules":"open"}}}},
        {{"id":"Patient.identifier:nhs","path":"Patient.identifier","sliceName":"nhs"}},
        {{"id":"Patient.identifier:nhs.system","path":"Patient.identifier.system","fixedUri":"{NHS}"}},
        {{"id":"Patient.identifier:any","path":"Patient.identifier","sliceName":"any"}}"#
    );
    assert!(errors(&[profile("any", "Patient", &elements)], &identifiers(&[NHS, LOCAL])).is_empty());
}
