//! What a record says beside its form: answers beside their questions, narratives, words in markup, displays, attachments,
//! definitions as records. Each rule with a record that breaks it and the place where it is told.

mod common;

use common::definitions;
use sharewell::pure::fhir::{File, Limits, Report, json};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::{Options, check_with};
use std::borrow::Cow;

fn report(text: &str, options: Options) -> Report {
    let tree = json::read(text.as_bytes(), &Limits::default()).expect("the record can be read");
    check_with(&tree, &[], definitions(), options)
}

/// The errors of a record: id and expression.
fn errors(text: &str, options: Options) -> Vec<String> {
    let report = report(text, options);
    let errors = report.issues.iter().filter(|i| i.is_error());
    errors.map(|i| format!("{} at {}", i.id, i.expression.as_deref().unwrap_or_default())).collect()
}

fn says(text: &str, expected: &[&str]) {
    assert_eq!(errors(text, Options::default()), expected, "{text}");
}

/// A response to a questionnaire that it contains.
fn answered(questions: &str, items: &str) -> String {
    let items = if items.is_empty() { String::new() } else { format!(r#","item":[{items}]"#) };
    format!(
        r##"{{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"#q","contained":[
        {{"resourceType":"Questionnaire","id":"q","status":"active","item":[{questions}]}}]{items}}}"##
    )
}

#[test]
fn answers_are_held_to_their_questions() {
    let group = r#"{"linkId":"g","type":"group","required":true,"item":[{"linkId":"a","type":"string"}]}"#;
    let name = r#"{"linkId":"n","type":"string","text":"Name","required":true,"maxLength":5}"#;
    let kind =
        r#"{"linkId":"c","type":"choice","answerOption":[{"valueCoding":{"system":"http://x.test/s","code":"1"}}]}"#;
    let of = "http://hl7.org/fhir/StructureDefinition/questionnaire-referenceResource";
    let who =
        format!(r#"{{"linkId":"w","type":"reference","extension":[{{"url":"{of}","valueCode":"Practitioner"}}]}}"#);
    for (questions, items, expected) in [
        (name, r#"{"linkId":"n","text":"Name","answer":[{"valueString":"Win"}]}"#, &[][..]),
        (name, r#"{"linkId":"n"}"#, &["answer-missing at QuestionnaireResponse.item[0]"]),
        (name, "", &["answer-missing at QuestionnaireResponse"]),
        (
            name,
            r#"{"linkId":"n","text":"Nom","answer":[{"valueString":"Winifred"}]}"#,
            &[
                "question-words-differ at QuestionnaireResponse.item[0]",
                "answer-too-long at QuestionnaireResponse.item[0].answer[0].value.ofType(string)",
            ],
        ),
        (
            name,
            r#"{"linkId":"n","answer":[{"valueString":"a"},{"valueString":"b"}]}"#,
            &["too-many-answers at QuestionnaireResponse.item[0]"],
        ),
        (
            name,
            r#"{"linkId":"n","answer":[{"valueInteger":1}]}"#,
            &["wrong-answer-type at QuestionnaireResponse.item[0].answer[0].value.ofType(integer)"],
        ),
        (
            name,
            r#"{"linkId":"n","answer":[{"valueString":"a"}]},{"linkId":"z"}"#,
            &["unknown-question at QuestionnaireResponse"],
        ),
        (group, r#"{"linkId":"g","item":[{"linkId":"a"}]}"#, &[]),
        (group, r#"{"linkId":"g"}"#, &["answer-missing at QuestionnaireResponse.item[0]"]),
        (
            group,
            r#"{"linkId":"g","item":[{"linkId":"a"}],"answer":[{"valueString":"a"}]}"#,
            // both a rule of the questionnaire and qrs-1
            &[
                "invariant-broken at QuestionnaireResponse.item[0]",
                "group-with-answer at QuestionnaireResponse.item[0]",
            ],
        ),
        (kind, r#"{"linkId":"c","answer":[{"valueCoding":{"system":"http://x.test/s","code":"1"}}]}"#, &[]),
        (
            kind,
            r#"{"linkId":"c","answer":[{"valueCoding":{"system":"http://x.test/s","code":"2"}}]}"#,
            &["answer-not-an-option at QuestionnaireResponse.item[0].answer[0]"],
        ),
        (&who, r#"{"linkId":"w","answer":[{"valueReference":{"reference":"Practitioner/q"}}]}"#, &[]),
        (
            &who,
            r#"{"linkId":"w","answer":[{"valueReference":{"reference":"Patient/w"}}]}"#,
            &["reference-to-wrong-type at QuestionnaireResponse.item[0].answer[0].value.ofType(Reference)"],
        ),
        (
            r#"{"linkId":"d","type":"display","text":"hello"}"#,
            r#"{"linkId":"d","answer":[{"valueString":"hello"}]}"#,
            &["display-with-answer at QuestionnaireResponse.item[0]"],
        ),
    ] {
        says(&answered(questions, items), expected);
    }
}

#[test]
fn a_condition_looks_at_the_answers_of_its_own_group() {
    let questions = r#"{"linkId":"g","type":"group","repeats":true,"item":[{"linkId":"if","type":"boolean"},
        {"linkId":"then","type":"string","required":true,
         "enableWhen":[{"question":"if","operator":"=","answerBoolean":true}]}]}"#;
    let group = |asks: bool, then: &str| {
        format!(r#"{{"linkId":"g","item":[{{"linkId":"if","answer":[{{"valueBoolean":{asks}}}]}}{then}]}}"#)
    };
    let given = r#",{"linkId":"then","answer":[{"valueString":"so"}]}"#;
    let all = [group(true, given), group(false, ""), group(true, ""), group(false, given)].join(",");
    says(
        &answered(questions, &all),
        &[
            "answer-missing at QuestionnaireResponse.item[2]",
            "answer-not-enabled at QuestionnaireResponse.item[3].item[1]",
        ],
    );
}

#[test]
fn a_condition_may_be_an_expression() {
    let url = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression";
    let questions = format!(
        r#"{{"linkId":"a","type":"boolean"}},{{"linkId":"b","type":"string","extension":[{{"url":"{url}","valueExpression":
        {{"language":"text/fhirpath","expression":"%resource.item.where(linkId = 'a').answer.value = true"}}}}]}}"#
    );
    let items = |asks: bool| {
        format!(
            r#"{{"linkId":"a","answer":[{{"valueBoolean":{asks}}}]}},{{"linkId":"b","answer":[{{"valueString":"so"}}]}}"#
        )
    };
    says(&answered(&questions, &items(true)), &[]);
    says(&answered(&questions, &items(false)), &["answer-not-enabled at QuestionnaireResponse.item[1]"]);
}

#[test]
fn an_attachment_is_as_large_as_its_data() {
    let media = |size: usize| {
        format!(
            r#"{{"resourceType":"Media","status":"completed","content":{{"contentType":"text/plain","data":"aGk=","size":{size}}}}}"#
        )
    };
    says(&media(2), &[]);
    says(&media(3), &["size-differs at Media.content"]);
}

#[test]
fn an_unknown_element_is_told_of_what_holds_it_and_points_at_itself() {
    let report = report("{\"resourceType\":\"Patient\",\n \"nonsense\":1}", Options::default());
    let issue = report.issues.iter().find(|i| i.id == "unknown-element").expect("it is told");
    assert_eq!(issue.expression.as_deref(), Some("Patient"));
    assert_eq!(issue.place.as_ref().map(|p| p.line), Some(2));
}

#[test]
fn html_in_words_is_told_and_refused_where_asked() {
    let patient = r#"{"resourceType":"Patient","name":[{"text":"Winifred <script>x</script>"}]}"#;
    let found = report(patient, Options::default());
    assert!(found.is_valid() && found.issues.iter().any(|i| i.id == "html-in-text"));
    let strict = Options { security_checks: true, ..Options::default() };
    assert_eq!(errors(patient, strict), ["html-in-text at Patient.name[0].text"]);
    let note = r#"{"resourceType":"Goal","lifecycleStatus":"active","description":{"text":"walk"},
        "subject":{"reference":"Patient/w"},"note":[{"text":"to the <b>shop</b>"}]}"#;
    says(note, &[]);
    let strict = Options { refuse_html_in_markdown: true, ..Options::default() };
    assert_eq!(errors(note, strict), ["html-in-markdown at Goal.note[0].text"]);
}

#[test]
fn example_urls_are_refused_where_asked() {
    let patient = r#"{"resourceType":"Patient","photo":[{"url":"http://pictures.example.org/w"}]}"#;
    says(patient, &[]);
    let strict = Options { refuse_examples: true, ..Options::default() };
    assert_eq!(errors(patient, strict), ["example-url at Patient.photo[0].url"]);
}

#[test]
fn unknown_extensions_are_refused_but_for_agreed_domains() {
    let patient =
        |url: &str| format!(r#"{{"resourceType":"Patient","extension":[{{"url":"{url}","valueString":"x"}}]}}"#);
    let strict = || Options { refuse_unknown_extensions: true, ..Options::default() };
    let refused = ["unknown-extension at Patient.extension[0]"];
    assert_eq!(errors(&patient("https://council.test/x"), strict()), refused);
    assert_eq!(errors(&patient("http://hl7.org/fhir/us/guide/StructureDefinition/x"), strict()), refused);
    assert!(errors(&patient("http://hl7.org/fhir/StructureDefinition/patient-not-loaded"), strict()).is_empty());
    assert!(errors(&patient("http://example.org/x"), strict()).is_empty());
    let agreed = Options { extension_domains: vec!["https://council.test/".to_owned()], ..strict() };
    assert!(errors(&patient("https://council.test/x"), agreed).is_empty());
}

#[test]
fn a_display_is_one_of_the_codes_own() {
    let patient = |display: &str| {
        format!(
            r#"{{"resourceType":"Patient","contact":[{{"gender":"female","name":{{"text":"Philippa"}}}}],"maritalStatus":
            {{"coding":[{{"system":"http://hl7.org/fhir/administrative-gender","code":"female","display":"{display}"}}]}}}}"#
        )
    };
    assert!(!errors(&patient("Female"), Options::default()).iter().any(|e| e.starts_with("wrong-display")));
    assert!(!errors(&patient(" female "), Options::default()).iter().any(|e| e.starts_with("wrong-display")));
    let found = errors(&patient("Married"), Options::default());
    assert!(found.contains(&"wrong-display at Patient.maritalStatus.coding[0].display".to_owned()), "{found:?}");
}

fn definition(elements: &str) -> String {
    format!(
        r#"{{"resourceType":"StructureDefinition","url":"https://council.test/StructureDefinition/p","name":"P",
        "status":"draft","kind":"resource","abstract":false,"type":"Patient","derivation":"constraint",
        "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","differential":{{"element":[{elements}]}}}}"#
    )
}

#[test]
fn a_definition_as_a_record_is_one_that_can_be_built() {
    let slices = |path: &str| {
        format!(
            r#"{{"id":"Patient.extension","path":"Patient.extension","slicing":{{"rules":"open",
            "discriminator":[{{"type":"value","path":"{path}"}}]}}}}"#
        )
    };
    says(&definition(r#"{"id":"Patient.name.family","path":"Patient.name.family","min":1}"#), &[]);
    says(&definition(&slices("url")), &[]);
    says(
        &definition(&slices("kind")),
        &["discriminator-path at StructureDefinition.differential.element[0].slicing.discriminator[0]"],
    );
    says(
        &definition(r#"{"id":"Patient.shoeSize","path":"Patient.shoeSize","min":1}"#),
        &[
            "definition-broken at StructureDefinition",
            "definition-broken at StructureDefinition.differential.element[0]",
        ],
    );
}

/// A Patient held to a profile with an extension on one of its elements.
fn controlled(path: &str, extension: &str, patient: &str) -> Vec<String> {
    let element = format!(r#"{{"id":"{path}","path":"{path}","extension":[{extension}]}}"#);
    let bytes = Cow::Owned(definition(&element).into_bytes());
    let file = File { path: "p.json".to_owned(), bytes };
    let definitions = Definitions::r4().and_then(|d| d.with_files(&[file])).expect("the profile compiles");
    let tree = json::read(patient.as_bytes(), &Limits::default()).expect("the record can be read");
    let report = check_with(&tree, &["https://council.test/StructureDefinition/p"], &definitions, Options::default());
    let errors = report.issues.iter().filter(|i| i.is_error());
    errors.map(|i| format!("{} at {}", i.id, i.expression.as_deref().unwrap_or_default())).collect()
}

#[test]
fn rules_by_extension_hold_values_and_narratives() {
    let core =
        |name: &str, value: &str| format!(r#"{{"url":"http://hl7.org/fhir/StructureDefinition/{name}",{value}}}"#);
    let patient = |rest: &str| format!(r#"{{"resourceType":"Patient",{rest}}}"#);
    let family = patient(r#""name":[{"family":"Attwater-Osei"}]"#);
    let length = core("minLength", r#""valueInteger":20"#);
    assert_eq!(controlled("Patient.name.family", &length, &family), ["too-short at Patient.name[0].family"]);
    let form = core("regex", r#""valueString":"[a-z]+""#);
    assert_eq!(controlled("Patient.name.family", &form, &family), ["wrong-form at Patient.name[0].family"]);
    let needs = r#"{"url":"http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.mustHaveValue",
        "valueBoolean":true}"#;
    let absent = patient(
        r#""_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "valueCode":"masked"}]}"#,
    );
    assert_eq!(controlled("Patient.birthDate", needs, &absent), ["value-missing at Patient.birthDate"]);
    assert!(controlled("Patient.birthDate", needs, &patient(r#""birthDate":"1941-06-02""#)).is_empty());
    let languages = core("narrative-language-control", r#""valueCode":"_yes""#);
    let narrative = |div: &str| {
        patient(&format!(
            r#""text":{{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">{div}</div>"}}"#
        ))
    };
    assert_eq!(controlled("Patient.text", &languages, &narrative("words")), ["narrative-language at Patient.text"]);
    let sections = narrative(r#"<div xml:lang=\"en\" lang=\"en\">words</div>"#);
    assert!(controlled("Patient.text", &languages, &sections).is_empty());
}
