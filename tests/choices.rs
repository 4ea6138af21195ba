//! A person's choices over the real front door: recorded, restated, confirmed, changed, withdrawn, and read as of any time.

mod chosen;

use chosen::*;
use serde_json::{Value, json};
use sharewell::cli::demo::stage::Stage;
use sharewell::gateway::watch::End;
use sharewell::pure::decide::Outcome;

async fn set() -> Stage {
    Stage::set(None, None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_is_recorded_and_said_back_in_plain_english() {
    let stage = set().await;
    let told = record(&stage, APP, &agreed("1", hospice())).await;
    assert_eq!((told.status, told.header("etag")), (201, "W/\"1\""), "{told:?}");
    assert!(told.header("last-modified").ends_with(" GMT"));
    assert!(told.header("location").ends_with(&format!("/fhir/Consent/{}/_history/1", told.id())));
    let said = "St Orrin's Hospice may have the plan. This is recorded as the person's own choice, on 28 March 2026.";
    assert_eq!(told.words("choice-restated"), said);
    let again = record(&stage, APP, &agreed("1", hospice())).await;
    assert_eq!((again.status, again.header("etag"), again.id()), (200, "W/\"1\"", told.id()), "word for word again");
    let (request, noted) = plan_for(&stage, HOSPICE).await;
    assert_eq!((noted.outcome, noted.rule), (Outcome::Permit, "C2"));
    ends(&stage, &request, HOSPICE, End::Delivered).await;
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_that_can_be_read_two_ways_permits_nothing_until_somebody_says_which() {
    let stage = set().await;
    let told = record(&stage, COUNCIL, &two_ways("1")).await;
    assert_eq!(told.status, 201, "{told:?}");
    assert!(told.finds().contains(&"choice-awaits-confirmation".to_owned()), "{told:?}");
    assert!(told.words("choice-restated").contains("two ways"), "{told:?}");
    assert_eq!(plan_for(&stage, HOSPICE).await.1.outcome, Outcome::Deny, "neither reading is taken for a leave");

    let read = get(&stage, COUNCIL, &format!("/fhir/Consent/{}", told.id())).await;
    assert_eq!(read.json()["meta"]["tag"][0]["code"], "awaiting", "{read:?}");
    assert_eq!(confirm(&stage, COUNCIL, &told.id(), "both").await.status, 422);
    assert_eq!(confirm(&stage, HOSPICE, &told.id(), "scope").await.status, 403, "without the right to choose");

    let confirmed = confirm(&stage, APP, &told.id(), "scope").await;
    assert_eq!((confirmed.status, confirmed.header("etag")), (200, "W/\"2\""), "{confirmed:?}");
    assert!(confirmed.words("choice-restated").starts_with("St Orrin's Hospice may have the plan. "), "{confirmed:?}");
    assert_eq!(plan_for(&stage, HOSPICE).await.1.rule, "C2");
    assert_eq!(confirm(&stage, APP, &told.id(), "scope").await.header("etag"), "W/\"2\"", "it says so already");
    assert_eq!(confirm(&stage, APP, &told.id(), "exception").await.status, 409);
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_reading_can_be_the_one_that_is_meant() {
    let stage = set().await;
    let told = record(&stage, COUNCIL, &two_ways("1")).await;
    let confirmed = confirm(&stage, COUNCIL, &told.id(), "exception").await;
    assert_eq!(confirmed.status, 200, "{confirmed:?}");
    assert!(confirmed.words("choice-restated").contains("St Orrin's Hospice may not have anything"), "{confirmed:?}");
    assert_eq!(plan_for(&stage, HOSPICE).await.1.rule, "C1");
    assert_ne!(plan_for(&stage, SURGERY).await.1.rule, "C1", "nobody else is kept out");
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_choice_is_a_new_version_and_a_stale_one_is_not_taken() {
    let stage = set().await;
    let id = record(&stage, APP, &agreed("1", hospice())).await.id();
    let changed = put(&stage, APP, &id, &refused("1", hospice()), Some(1)).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "W/\"2\""), "{changed:?}");
    assert!(changed.words("choice-restated").starts_with("St Orrin's Hospice may not have anything. "), "{changed:?}");
    let stale = put(&stage, APP, &id, &agreed("1", hospice()), Some(1)).await;
    assert_eq!((stale.status, stale.finds()), (412, vec!["choice-moved-on".to_owned()]));
    assert_eq!(plan_for(&stage, HOSPICE).await.1.rule, "C1", "what was stale did nothing");
    assert_eq!(put(&stage, APP, &id, &agreed("1", hospice()), None).await.header("etag"), "W/\"3\"");

    let other = with(agreed("1", hospice()), "patient", json!({ "identifier": { "system": NHS, "value": NOBODY } }));
    assert_eq!(put(&stage, APP, &id, &other, None).await.finds(), ["choice-of-another-person"]);
    assert_eq!(put(&stage, APP, &id, &agreed("2", hospice()), None).await.finds(), ["choice-identifier-differs"]);
    let older = with(refused("1", hospice()), "dateTime", json!("2025-01-01"));
    assert_eq!(put(&stage, APP, &id, &older, None).await.finds(), ["choice-older"]);
    let ahead = with(refused("1", hospice()), "dateTime", json!("2099-01-01"));
    assert_eq!(put(&stage, APP, &id, &ahead, None).await.finds(), ["choice-in-the-future"]);
    let cut = with(refused("1", hospice()), "meta", json!({ "tag": [{ "code": "SUBSETTED" }] }));
    assert_eq!(put(&stage, APP, &id, &cut, None).await.finds(), ["choice-subsetted"]);
    assert_eq!(put(&stage, APP, "no-such-choice", &agreed("1", hospice()), None).await.status, 404);
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_choice_stays_readable_and_what_held_can_be_read_as_of_any_time() {
    let stage = set().await;
    let before = now().await;
    let id = record(&stage, APP, &agreed("1", hospice())).await.id();
    let agreed_at = now().await;
    put(&stage, APP, &id, &agreed("1", surgery()), Some(1)).await;
    let changed_at = now().await;
    let withdrawn = withdraw(&stage, APP, &id).await;
    assert_eq!((withdrawn.status, withdrawn.header("etag")), (200, "W/\"3\""), "{withdrawn:?}");
    assert_eq!(withdraw(&stage, APP, &id).await.header("etag"), "W/\"3\"", "twice is once");

    let read = get(&stage, APP, &format!("/fhir/Consent/{id}")).await;
    assert_eq!((read.status, read.header("etag")), (200, "W/\"3\""), "{read:?}");
    assert_eq!((&read.json()["status"], &read.json()["id"]), (&json!("inactive"), &json!(id)));
    let first = get(&stage, APP, &format!("/fhir/Consent/{id}/_history/1")).await;
    assert_eq!((first.status, first.header("etag"), &first.json()["meta"]["versionId"]), (200, "W/\"1\"", &json!("1")));
    assert_eq!(first.json()["provision"]["actor"][0], hospice());

    let history = get(&stage, APP, &format!("/fhir/Consent/{id}/_history")).await.json();
    assert_eq!((&history["type"], &history["total"]), (&json!("history"), &json!(3)));
    assert_eq!(versions(&history), ["3", "2", "1"]);
    assert_eq!(history["entry"][2]["request"]["method"], "POST");
    assert_eq!(history["entry"][0]["response"]["etag"], "W/\"3\"");
    for (at, held) in [(&agreed_at, "1"), (&changed_at, "2"), (&now().await, "3")] {
        let path = format!("/fhir/Consent/{id}/_history?_at={at}");
        assert_eq!(versions(&get(&stage, APP, &path).await.json()), [held], "{at}");
        let path = format!("{}&_at={at}", choices_of(NUMBER));
        assert_eq!(versions(&get(&stage, APP, &path).await.json()), [held], "{at}");
    }
    let today = &agreed_at[..10];
    assert_eq!(versions(&get(&stage, APP, &format!("/fhir/Consent/{id}/_history?_at={today}")).await.json()).len(), 3);
    let early = get(&stage, APP, &format!("{}&_at={before}", choices_of(NUMBER))).await;
    assert_eq!(early.json()["total"], 0, "{early:?}");
    let since = get(&stage, APP, &format!("/fhir/Consent/{id}/_history?_since={changed_at}")).await;
    assert_eq!(versions(&since.json()), ["3"]);
    assert_eq!(get(&stage, APP, &format!("/fhir/Consent/{id}/_history?_at=yesterday")).await.status, 400);
    stage.strike().await.unwrap();
}

/// Now, with a little time on both sides.
async fn now() -> String {
    tokio::time::sleep(std::time::Duration::from_millis(15)).await;
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    tokio::time::sleep(std::time::Duration::from_millis(15)).await;
    now
}

/// The versions of a Bundle's entries.
fn versions(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let own = |e: &Value| e["resource"]["meta"]["versionId"].as_str().map(str::to_owned);
    entries.iter().filter(|e| e["resource"]["identifier"][0]["value"] == "1").filter_map(own).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_party_records_stands_beside_a_choice_and_replaces_nothing() {
    let stage = set().await;
    let own = record(&stage, APP, &refused("1", hospice())).await.id();
    // the same identifier, later, and the other way round
    let later = with(agreed("1", hospice()), "dateTime", json!("2026-06-01T10:00:00Z"));
    let councils = record(&stage, COUNCIL, &later).await;
    assert_eq!(councils.status, 201, "{councils:?}");
    assert_ne!(councils.id(), own);
    assert_eq!(plan_for(&stage, HOSPICE).await.1.rule, "C1", "her own word stands");
    let onto_hers = put(&stage, COUNCIL, &own, &later, None).await;
    assert_eq!(onto_hers.status, 404, "the council cannot see her choice, nor learn that there is one");
    let unknown = put(&stage, COUNCIL, "00000000-0000-4000-8000-000000000000", &later, None).await;
    assert_eq!(onto_hers.text, unknown.text);
    let onto_theirs = put(&stage, APP, &councils.id(), &refused("1", hospice()), None).await;
    assert_eq!((onto_theirs.status, onto_theirs.finds()), (403, vec!["choice-of-another-party".to_owned()]));
    assert_eq!(withdraw(&stage, COUNCIL, &own).await.status, 404);
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_no_right_to_choose_can_object_and_can_neither_permit_nor_take_an_objection_back() {
    let stage = set().await;
    let daughter = json!([{ "reference": "RelatedPerson/philippa", "display": "Philippa Attwater-Osei" }]);
    let by_her = |consent: Value| with(consent, "performer", daughter.clone());
    let told = record(&stage, COUNCIL, &by_her(agreed("1", hospice()))).await;
    assert_eq!(told.status, 201, "{told:?}");
    assert!(told.finds().contains(&"choice-without-authority".to_owned()), "{told:?}");
    assert_ne!(plan_for(&stage, HOSPICE).await.1.rule, "C2", "it permits nothing");

    let objection = record(&stage, COUNCIL, &by_her(refused("2", surgery()))).await.id();
    assert_eq!(plan_for(&stage, SURGERY).await.1.rule, "C1", "it counts");
    let taken_back = put(&stage, COUNCIL, &objection, &by_her(agreed("2", surgery())), None).await;
    assert_eq!((taken_back.status, taken_back.finds()), (403, vec!["choice-without-authority".to_owned()]));
    assert_eq!(withdraw(&stage, COUNCIL, &objection).await.status, 403, "it does not say who chose to");
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "fullUrl": "urn:uuid:3b2d5b5c-58f1-4bd5-9f8e-0123456789ab", "resource": { "resourceType": "Patient", "id": "w",
          "identifier": [{ "system": NHS, "value": NUMBER }] } },
        { "fullUrl": "urn:uuid:4b2d5b5c-58f1-4bd5-9f8e-0123456789ab", "resource": with(by_her(agreed("2", surgery())), "dateTime",
          json!("2026-08-01")) }
    ]});
    let by_bundle = ask(&stage, COUNCIL, "POST", "/fhir", &[], &bundle).await;
    assert_eq!(by_bundle.status, 403, "nor by another door: {by_bundle:?}");
    assert_eq!(plan_for(&stage, SURGERY).await.1.rule, "C1");

    let somebody = with(agreed("3", hospice()), "patient", json!({ "identifier": { "system": NHS, "value": NOBODY } }));
    let by_app = record(&stage, APP, &somebody).await;
    assert_eq!((by_app.status, by_app.finds()), (403, vec!["choice-of-another-person".to_owned()]));
    assert_eq!(record(&stage, SURGERY, &agreed("4", hospice())).await.status, 403, "it has not the right `choose`");
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_refused_with_where_what_and_how_to_mend_it() {
    let stage = set().await;
    let permit = || agreed("1", hospice());
    let mut untyped = permit();
    untyped["provision"] = json!({ "actor": [hospice()], "provision": [{ "class": [{ "code": "budget" }] }] });
    let mut nested = permit();
    nested["provision"]["provision"] = json!([{ "class": [{ "code": "budget" }] }]);
    let mut modified = permit();
    modified["modifierExtension"] = json!([{ "url": "https://x.example/not", "valueBoolean": true }]);
    let mut deep = json!({ "type": "permit" });
    for _ in 0..12 {
        deep = json!({ "type": "permit", "provision": [deep] });
    }
    let wrong = [
        (with(permit(), "decision", json!("permit")), "consent-is-r5"),
        (with(permit(), "provision", json!([{ "actor": [hospice()] }])), "consent-is-r5"),
        (untyped, "consent-indeterminate"),
        (nested, "provision-without-type"),
        (modified, "consent-modifier"),
        (with(permit(), "provision", deep), "consent-too-large"),
        (with(permit(), "status", json!("agreed")), "consent-status-unknown"),
        (with(permit(), "patient", json!({ "display": "Winifred" })), "choice-of-nobody"),
    ];
    for (consent, id) in wrong {
        let told = record(&stage, APP, &consent).await;
        assert_eq!((told.status, told.finds()), (422, vec![id.to_owned()]), "{told:?}");
        let issue = &told.json()["issue"][0];
        assert!(issue["expression"][0].as_str().is_some_and(|e| e.starts_with("Consent")), "{id}: where: {issue}");
        assert!(!issue["diagnostics"].as_str().unwrap_or_default().is_empty(), "{id}: how to mend it: {issue}");
        assert!(!told.text.contains(NUMBER) && !told.text.contains("Winifred"), "{id}: no value of the record");
    }
    assert_eq!(ask(&stage, APP, "POST", "/fhir/Consent", &[], &json!({ "resourceType": "Goal" })).await.status, 422);
    assert!(
        stage.gateway.store().consents(&sharewell::edge::store::Person::verified(NUMBER)).await.unwrap().is_empty()
    );
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_provisions_are_taken_in_time_and_restated_in_a_page() {
    let stage = set().await;
    let one = |n: usize| json!({ "type": "deny", "code": [{ "coding": [{ "system": "http://snomed.info/sct", "code": n.to_string() }] }] });
    let mut consent = agreed("1", hospice());
    consent["provision"]["provision"] = (1..9_990).map(one).collect();
    let start = std::time::Instant::now();
    let told = record(&stage, APP, &consent).await;
    assert_eq!(told.status, 201, "{}", &told.text[..500.min(told.text.len())]);
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(told.words("choice-restated").len() < 20_000, "{}", told.words("choice-restated").len());
    consent["provision"]["provision"] = (1..10_100).map(one).collect();
    assert_eq!(
        record(&stage, APP, &with(consent, "dateTime", json!("2026-05-01"))).await.finds(),
        ["consent-too-large"]
    );
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_withdrawn_while_a_copy_waits_is_not_sent_and_not_left_waiting() {
    let stage = set().await;
    let id = record(&stage, APP, &agreed("1", hospice())).await.id();
    stage.peers.hospice.be_busy(true);
    let (request, _) = plan_for(&stage, HOSPICE).await;
    ends(&stage, &request, HOSPICE, End::Retry).await;
    let got = stage.peers.hospice.count();
    let start = std::time::Instant::now();
    let objection = put(&stage, APP, &id, &refused("1", hospice()), Some(1)).await;
    assert_eq!(objection.status, 200);
    ends(&stage, &request, HOSPICE, End::Withdrawn).await;
    println!("from withdrawal to its effect on what waited: {:?}", start.elapsed());
    stage.peers.hospice.be_busy(false);
    assert_eq!(stage.peers.hospice.count(), got, "the hospice got a copy after she refused it");
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_is_read_by_the_person_the_recorder_and_the_party_it_names_and_does_not_exist_to_others() {
    let stage = set().await;
    let id = record(&stage, COUNCIL, &agreed("1", hospice())).await.id();
    for party in [APP, COUNCIL, HOSPICE] {
        assert_eq!(get(&stage, party, &format!("/fhir/Consent/{id}")).await.status, 200, "{party}");
        assert_eq!(get(&stage, party, &format!("/fhir/Consent/{id}/_history")).await.json()["total"], 1, "{party}");
        assert_eq!(versions(&get(&stage, party, &choices_of(NUMBER)).await.json()), ["1"], "{party}");
    }
    for party in [SURGERY, CHARITY] {
        for path in [
            format!("/fhir/Consent/{id}"),
            format!("/fhir/Consent/{id}/_history/1"),
            format!("/fhir/Consent/{id}/_history"),
        ] {
            let there = get(&stage, party, &path).await;
            let nowhere = get(&stage, party, &path.replace(&id, "00000000-0000-4000-8000-000000000000")).await;
            assert_eq!((there.status, &there.text), (404, &nowhere.text), "{party} {path}");
        }
        assert_eq!(get(&stage, party, &choices_of(NUMBER)).await.json()["total"], 0, "{party}");
    }
    assert_eq!(get(&stage, APP, &format!("/fhir/Consent/{id}/_history/2")).await.status, 404);
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recording_a_choice_does_not_tell_whether_anything_is_held_of_the_person() {
    let stage = set().await;
    record(&stage, APP, &refused("1", hospice())).await;
    let of = |number: &str| {
        with(agreed("7", hospice()), "patient", json!({ "identifier": { "system": NHS, "value": number } }))
    };
    let (known, unknown) = (record(&stage, COUNCIL, &of(NUMBER)).await, record(&stage, COUNCIL, &of(NOBODY)).await);
    assert_eq!((known.status, known.header("etag")), (unknown.status, unknown.header("etag")));
    assert_eq!(known.text.replace(&known.id(), "ID"), unknown.text.replace(&unknown.id(), "ID"));
    let names = |t: &Told| t.headers.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    assert_eq!(names(&known), names(&unknown));
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_with_a_key_of_its_own_is_done_once() {
    let stage = set().await;
    let key = [("idempotency-key", "monday")];
    let first = ask(&stage, APP, "POST", "/fhir/Consent", &key, &agreed("1", hospice())).await;
    let again = ask(&stage, APP, "POST", "/fhir/Consent", &key, &agreed("1", hospice())).await;
    assert_eq!((again.status, &again.text, again.header("etag")), (201, &first.text, "W/\"1\""));
    let other = ask(&stage, APP, "POST", "/fhir/Consent", &key, &agreed("2", hospice())).await;
    assert_eq!(other.status, 409);
    stage.strike().await.unwrap();
}

/// Puts what cannot be read among the stored choices, as an older program or another hand might have.
async fn store_unreadable(stage: &Stage, consent: &str) {
    use sharewell::edge::store::{Acceptance, Act, NewChoice, NewRecord, Person, Reply, Understood};
    use sharewell::pure::audit::{Event, Kind, Name};
    let (id, word) = (|| uuid::Uuid::new_v4().to_string(), |text: &str| text.to_owned());
    let now = jiff::Timestamp::now();
    let event = Event::new(Kind::Choice, id(), "request", now, Name { display: word("test"), ..Name::default() });
    let understood = Understood {
        act: Act::Recorded,
        actor: word(COUNCIL),
        taken: word("as-written"),
        dialect: word("B"),
        authority: word("yes"),
        reader: word("an older one"),
        rules: String::new(),
    };
    let choice = NewChoice {
        id: id(),
        sender: word(COUNCIL),
        follows: None,
        understood,
        identifier: word("unreadable"),
        dated: None,
        consent: word(consent),
    };
    let person = Person::verified(NUMBER);
    let record = NewRecord {
        id: id(),
        person,
        plan: None,
        request: word("request"),
        format: word("fhir"),
        bundle: word("{}"),
        original: None,
    };
    let reply = Reply { status: 202, content_type: String::new(), location: None, body: Vec::new() };
    let acceptance = Acceptance {
        sender: word(COUNCIL),
        key: id(),
        digest: [0; 32],
        now,
        record,
        choices: vec![choice],
        messages: Vec::new(),
        entries: vec![event.entry()],
        reply,
    };
    stage.gateway.store().accept(acceptance).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_choice_that_cannot_be_read_keeps_everything_back_and_stops_nothing_else() {
    for stored in ["not even JSON", r#"{"resourceType":"Consent","status":"active","decision":"permit"}"#] {
        let stage = set().await;
        record(&stage, APP, &agreed("1", hospice())).await;
        assert_eq!(plan_for(&stage, HOSPICE).await.1.rule, "C2");
        store_unreadable(&stage, stored).await;
        let (_, noted) = plan_for(&stage, HOSPICE).await;
        assert_eq!((noted.outcome, noted.rule), (Outcome::Deny, "C4"), "{stored}");
        assert_eq!(get(&stage, APP, &choices_of(NUMBER)).await.status, 200, "she can still ask what she chose");
        stage.strike().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_made_by_a_mapping_is_restated_too_and_has_versions() {
    let stage = set().await;
    for (file, version) in [("person-held-1.json", 1), ("person-held-2.json", 2)] {
        let body = sharewell::cli::demo::records::file(file).unwrap();
        let request = stage.client(APP).unwrap().post(format!("{}/local/person-held", stage.base));
        let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(response.status(), 202);
        let text = response.text().await.unwrap();
        let told = Told { status: 202, headers: Vec::new(), text };
        assert!(told.finds().iter().filter(|id| *id == "choice-restated").count() >= 3, "{told:?}");
        let held = get(&stage, APP, &choices_of(NUMBER)).await.json();
        let found = held["entry"].as_array().unwrap().iter();
        let newest = found.filter_map(|e| e["resource"]["meta"]["versionId"].as_str()?.parse::<u32>().ok()).max();
        assert_eq!(newest, Some(version), "{held}");
    }
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxys_role_is_recorded_as_a_relation_and_shares_nothing() {
    let stage = set().await;
    let mut role = plain(
        "1",
        json!({ "type": "permit", "actor": [{
        "role": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-RoleClass", "code": "PRS" }] },
        "reference": { "identifier": { "system": NHS, "value": "9990000026" } } }] }),
    );
    role["policyRule"]["coding"][0] = json!({
        "system": "https://fhir.nhs.uk/England/CodeSystem/England-NHSProxyLegalBasis", "code": "parental-responsibility" });
    let told = record(&stage, COUNCIL, &role).await;
    assert_eq!(told.status, 201, "{told:?}");
    assert!(told.words("choice-restated").starts_with("A proxy may act for the person"), "{told:?}");
    assert!(!told.finds().contains(&"choice-without-authority".to_owned()));
    assert_ne!(plan_for(&stage, HOSPICE).await.1.rule, "C2");
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_a_choice_is_in_the_trail_without_a_name() {
    let stage = set().await;
    let id = record(&stage, APP, &agreed("1", hospice())).await.id();
    put(&stage, APP, &id, &agreed("1", surgery()), None).await;
    withdraw(&stage, APP, &id).await;
    let database = stage.folder().join("sharewell.db");
    let rows = || {
        let connection = rusqlite::Connection::open(&database).unwrap();
        let mut statement =
            connection.prepare("SELECT kind, event FROM log WHERE kind LIKE 'choice%' ORDER BY sequence").unwrap();
        let rows = statement.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?))).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>()
    };
    let written = rows();
    let kinds: Vec<&str> = written.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["choice", "choice-update", "choice-withdraw"]);
    for ((_, event), version) in written.iter().zip(1..) {
        assert!(event.contains(&format!("Consent/{id}/_history/{version}")), "{event}");
        assert!(!event.contains("Orrin"), "{event}");
    }
    assert!(
        written[2].1.contains("IHE.BasicAudit.PatientDelete") && written[1].1.contains("IHE.BasicAudit.PatientUpdate")
    );
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_changes_at_once_one_is_taken_and_the_others_hear_of_it() {
    let stage = set().await;
    let id = record(&stage, APP, &agreed("1", hospice())).await.id();
    let change = |n: usize| with(agreed("1", surgery()), "dateTime", json!(format!("2026-04-0{n}")));
    let changes: Vec<Value> = (1..=6).map(change).collect();
    let one = |n: usize| put(&stage, APP, &id, &changes[n], Some(1));
    let (a, b, c, d, e, f) = tokio::join!(one(0), one(1), one(2), one(3), one(4), one(5));
    let told = [a, b, c, d, e, f];
    let taken = told.iter().filter(|t| t.status == 200).count();
    assert_eq!(taken, 1, "{told:?}");
    assert!(told.iter().all(|t| matches!(t.status, 200 | 409 | 412)), "{told:?}");
    let history = get(&stage, APP, &format!("/fhir/Consent/{id}/_history")).await.json();
    assert_eq!(history["total"], 2);
    stage.strike().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_in_words_beside_a_choice_is_not_told_to_the_party_it_names() {
    let stage = set().await;
    let narrative = json!({ "status": "additional",
        "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">She does not want Tandem to hear of quokkas</div>" });
    let id = record(&stage, APP, &with(agreed("1", hospice()), "text", narrative)).await.id();
    let path = format!("/fhir/Consent/{id}");
    assert!(get(&stage, APP, &path).await.text.contains("quokkas"), "she reads her own words");
    let told = get(&stage, HOSPICE, &path).await;
    assert_eq!((told.status, &told.json()["provision"]["actor"][0]), (200, &hospice()), "{told:?}");
    assert!(!told.text.contains("quokkas"), "{told:?}");
    let both = plain("2", json!({ "type": "permit", "actor": [hospice(), surgery()] }));
    let both = record(&stage, APP, &both).await.id();
    assert_eq!(get(&stage, HOSPICE, &format!("/fhir/Consent/{both}")).await.status, 404, "it tells of another party");
    assert_eq!(get(&stage, APP, &format!("/fhir/Consent/{both}")).await.status, 200);
    stage.strike().await.unwrap();
}
