//! What is withheld is absent (P2), over the real front door: every answer of a gateway that withholds something equals,
//! byte for byte apart from date, ids and times, the answer of one whose system of record never held it. Same rules, same
//! clock, same choices; only what is held differs. Compared are status, all headers in their order (so ETag, lengths, types)
//! and the body, for searches by GET and POST, reads, HEAD, JSON and XML, and for what is refused.

mod gate;

use gate::{Gate, NHS, NUMBER, Reply, choice, plan};
use serde_json::{Value, json};

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const SNOMED: &str = "http://snomed.info/sct";

/// Numbers that look drawn by chance and are the same in every run.
struct Dice([u8; 32], usize);

impl Dice {
    fn of(case: usize) -> Dice {
        Dice(openssl::sha::sha256(format!("equals absent {case}").as_bytes()), 0)
    }

    fn below(&mut self, sides: usize) -> usize {
        self.1 += 1;
        usize::from(self.0[self.1 % 32]) % sides
    }
}

/// Ways in which a resource comes to be withheld, though everything else of the plan goes.
const WAYS: [&str; 6] = ["label", "type", "code", "instance", "period", "sensitive word"];

/// A thing beside the plan that nothing else points at.
fn thing(number: usize, way: &str) -> Value {
    let mut made = json!({
        "resourceType": "Goal",
        "id": format!("thing-{number}"),
        "lifecycleStatus": "active",
        "description": {
            "coding": [{ "system": SNOMED, "code": "75367002" }],
            "text": format!("wanted for the {number}th time")
        },
        "subject": { "reference": "Patient/winifred" },
        "startDate": format!("2026-04-0{}", 1 + number % 9)
    });
    match way {
        "label" => made["meta"] = json!({ "security": [{ "system": CONFIDENTIALITY, "code": "V" }] }),
        "code" => made["description"]["coding"][0]["code"] = json!("56265001"),
        "period" => made["startDate"] = json!("1987-05-06"),
        "sensitive word" => made["description"]["text"] = json!("come to terms with the termination of pregnancy"),
        _ => {}
    }
    if way == "type" {
        made = json!({
            "resourceType": "RiskAssessment", "id": format!("thing-{number}"), "status": "final",
            "subject": { "reference": "Patient/winifred" }, "occurrenceDateTime": "2026-04-02",
            "note": [{ "text": format!("note {number}") }]
        });
    }
    let kind = made["resourceType"].as_str().unwrap().to_owned();
    json!({
        "fullUrl": format!("https://records.northmere.example/fhir/{kind}/thing-{number}"),
        "resource": made,
        "search": { "mode": "include" }
    })
}

/// What is held, and what would be if the withheld had never been; and what keeps it back.
struct Held {
    whole: Value,
    without: Value,
    exceptions: Vec<Value>,
    withheld: Vec<String>,
}

fn held(dice: &mut Dice) -> Held {
    let (mut whole, mut without) = (plan(), plan());
    let (mut exceptions, mut withheld) = (Vec::new(), Vec::new());
    for number in 0..2 + dice.below(5) {
        let hidden = dice.below(2) == 0;
        let way = if hidden { WAYS[dice.below(WAYS.len())] } else { "nothing" };
        let entry = thing(number, way);
        let name = format!("{}/thing-{number}", entry["resource"]["resourceType"].as_str().unwrap());
        let at = dice.below(whole["entry"].as_array().unwrap().len() + 1);
        if hidden {
            exceptions.extend(exception(way, &name));
            withheld.push(name);
        } else {
            // the same place among what is shown
            let shown = |e: &&Value| !withheld.contains(&named(e));
            let before = whole["entry"].as_array().unwrap()[..at].iter().filter(shown).count();
            without["entry"].as_array_mut().unwrap().insert(before, entry.clone());
        }
        whole["entry"].as_array_mut().unwrap().insert(at, entry);
    }
    Held { whole, without, exceptions, withheld }
}

fn named(entry: &Value) -> String {
    let resource = &entry["resource"];
    format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
}

fn exception(way: &str, name: &str) -> Option<Value> {
    let mut deny = json!({ "type": "deny" });
    match way {
        "label" => deny["securityLabel"] = json!([{ "system": CONFIDENTIALITY, "code": "V" }]),
        "type" => deny["class"] = json!([{ "system": "http://hl7.org/fhir/resource-types", "code": "RiskAssessment" }]),
        "code" => deny["code"] = json!([{ "coding": [{ "system": SNOMED, "code": "56265001" }] }]),
        "instance" => deny["data"] = json!([{ "meaning": "instance", "reference": { "reference": name } }]),
        "period" => deny["dataPeriod"] = json!({ "start": "1980-01-01", "end": "1989-12-31" }),
        _ => return None,
    }
    Some(deny)
}

/// One request of one party.
async fn ask(gate: &Gate, number: usize, party: &str, held: &Held) -> Reply {
    let who = format!("patient={NHS}%7C{NUMBER}");
    let get = |path: String, headers: &'static [(&'static str, &'static str)]| async move {
        gate.send(party, "GET", &path, headers, None).await
    };
    let xml: &[(&str, &str)] = &[("accept", "application/fhir+xml")];
    let hidden = held.withheld.first().cloned().unwrap_or_else(|| "Goal/thing-0".to_owned());
    match number {
        0 => get(format!("/fhir/Goal?{who}"), &[]).await,
        1 => get(format!("/fhir/Goal?{who}"), xml).await,
        2 => get(format!("/fhir/CarePlan?{who}"), &[]).await,
        3 => get(format!("/fhir/RiskAssessment?{who}&_count=1"), &[]).await,
        4 => get(format!("/fhir/Goal?_count=1&{who}"), &[]).await,
        5 => gate.posts_form(party, "/fhir/Goal/_search", &[], &who).await,
        6 => gate.posts_form(party, "/fhir/Goal/_search", xml, &who).await,
        7 => gate.send(party, "HEAD", &format!("/fhir/Goal?{who}"), &[], None).await,
        8 => get(format!("/fhir/{hidden}"), &[]).await,
        9 => get(format!("/fhir/{hidden}"), xml).await,
        10 => gate.send(party, "HEAD", &format!("/fhir/{hidden}"), &[], None).await,
        11 => get(format!("/fhir/{hidden}/_history/1"), &[]).await,
        12 => get(format!("/fhir/Goal?{who}&_id={}", hidden.split_once('/').unwrap().1), &[]).await,
        13 => get(format!("/fhir/Goal?{who}&code={SNOMED}%7C56265001"), &[]).await,
        14 => get(format!("/fhir/Goal?{who}&_summary=count&_total=accurate"), &[]).await,
        15 => get(format!("/fhir/CarePlan?{who}&_include=*&_revinclude=*"), &[]).await,
        16 => get(format!("/fhir/Goal?patient={NHS}%7C9990000026"), &[]).await,
        17 => get("/fhir/Goal/thing-999".to_owned(), &[]).await,
        18 => get("/fhir/CarePlan/cp-2025-0233".to_owned(), &[("if-none-match", "W/\"1\"")]).await,
        _ => get("/fhir/Patient/winifred".to_owned(), &[("if-modified-since", "Sun, 22 Nov 2026 09:00:00 GMT")]).await,
    }
}

const REQUESTS: usize = 20;

/// An answer without its date and the ids that are made for it. Both clocks stand still, so times are compared as well.
fn said(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let varies = ["date", "x-request-id"];
    let headers = reply.headers.iter().filter(|(name, _)| !varies.contains(&name.as_str())).cloned().collect();
    let made = regex::Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap();
    (reply.status, headers, made.replace_all(&reply.body, "…").into_owned())
}

fn cases() -> usize {
    std::env::var("SHAREWELL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(12)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_that_of_a_gateway_that_never_held_what_is_withheld() {
    let (real, shadow) = (Gate::open().await, Gate::open().await);
    for gate in [&real, &shadow] {
        gate.cares("surgery").await;
    }
    let (mut told, mut hidden) = (0, 0);
    for case in 0..cases() {
        let mut dice = Dice::of(case);
        let held = held(&mut dice);
        let mut consent = choice("hers", "permit", "surgery", None);
        consent["dateTime"] =
            json!(format!("2026-11-{:02}T{:02}:{:02}:00Z", 1 + case / 1440, case / 60 % 24, case % 60));
        if !held.exceptions.is_empty() {
            consent["provision"]["provision"] = json!(held.exceptions);
        }
        for (gate, record) in [(&real, &held.whole), (&shadow, &held.without)] {
            let reply = gate.chooses(&consent).await;
            assert_eq!(reply.status, 202, "{}", reply.body);
            gate.holds(Some(record));
        }
        hidden += held.withheld.len();
        for number in 0..REQUESTS {
            for party in ["surgery", "charity"] {
                let (one, other) = (ask(&real, number, party, &held).await, ask(&shadow, number, party, &held).await);
                let place = format!("case {case}, request {number} of {party}, withheld {:?}", held.withheld);
                assert_eq!(said(&one), said(&other), "{place}");
                for name in &held.withheld {
                    assert!(number == 8 || !one.body.contains(&format!("{name}\"")), "{place}: {name} is named");
                }
                told += usize::from(party == "surgery" && one.status == 200 && one.body.contains("thing-"));
            }
        }
    }
    assert!(told > cases() && hidden > cases(), "there was something to see and something to hide: {told}, {hidden}");
    real.close().await;
    shadow.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_may_have_nothing_is_answered_as_if_nothing_were_held() {
    let (real, shadow) = (Gate::open().await, Gate::open().await);
    shadow.holds(None);
    for gate in [&real, &shadow] {
        gate.cares("surgery").await;
        assert_eq!(gate.chooses(&choice("hers", "deny", "surgery", None)).await.status, 202);
    }
    let held =
        Held { whole: plan(), without: json!({}), exceptions: vec![], withheld: vec!["Goal/goal-2025-1".to_owned()] };
    for number in 0..REQUESTS {
        for party in ["surgery", "charity", "planners", "operator"] {
            let (one, other) = (ask(&real, number, party, &held).await, ask(&shadow, number, party, &held).await);
            assert_eq!(said(&one), said(&other), "request {number} of {party}");
        }
    }
    real.close().await;
    shadow.close().await;
}
