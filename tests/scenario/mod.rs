//! Tells a scenario to a gateway, step by step. A step is a mapping whose first word says what is done.

mod long;

use crate::gate::{Gate, NHS, NUMBER, ODS, PARTS, Reply, detail, patient, plan};
use serde_json::{Map, Value, json};
use sharewell::edge::clock::Clock;

const SECTION: &str = "https://sharewell.example/fhir/CodeSystem/plan-section";
const AUDIENCE: &str = "https://sharewell.example/fhir/CodeSystem/sharing-audience";
const CHOICE: &str = "https://sharewell.example/Id/sharing-choice";
/// Her mother, in the scenarios where Winifred is a child.
const MOTHER: &str = "9990000026";

/// Who calls besides those of the gate: id, ODS code, audience, purposes, rights, and what else is known of them.
const MORE: [(&str, &str, &str, &str, &str, &str); 9] = [
    ("social-worker", "X9N09", "social-care", r#""TREAT""#, r#""ask""#, ""),
    ("nurse", "Y99010", "mdt", r#""TREAT""#, r#""ask""#, ""),
    ("hospice", "Y99002", "hospice", r#""TREAT""#, r#""ask""#, ""),
    ("doctor-x", "Y99011", "gp-practice", r#""TREAT""#, r#""ask""#, r#"references = ["Practitioner/x"]"#),
    ("doctor-y", "Y99012", "gp-practice", r#""TREAT""#, r#""ask""#, r#"references = ["Practitioner/y"]"#),
    ("study", "Y99013", "research-planning", r#""HRESCH""#, r#""ask""#, ""),
    ("coroner", "Y99014", "social-care", r#""TREAT""#, r#""ask""#, ""),
    ("her-app", "app-001", "person", r#""PATRQT""#, r#""ask", "choose", "explain""#, "9990000018"),
    ("mothers-app", "app-002", "carer-family", r#""FAMRQT""#, r#""ask""#, "9990000026"),
];

/// Their configuration, and two recipients at one address.
fn more(hospice: &str) -> String {
    let mut text = String::new();
    for (id, ods, audience, purposes, may, else_known) in MORE {
        let known = match else_known.starts_with("999") {
            true => format!("person = {{ system = \"{NHS}\", value = \"{else_known}\" }}"),
            false => else_known.to_owned(),
        };
        text.push_str(&format!(
            "[[party]]\nid = \"{id}\"\nname = \"{id}\"\nidentifiers = [{{ system = \"{ODS}\", value = \"{ods}\" }}]\n\
             audiences = [\"{audience}\"]\npurposes = [{purposes}]\ngroups = []\n{known}\n\
             certificates = [\"dns:{id}.gate.test\"]\nmay = [{may}]\n"
        ));
    }
    for recipient in ["hospice", "social-worker"] {
        text.push_str(&format!(
            "[[recipient]]\nid = \"{recipient}\"\nparty = \"{recipient}\"\nendpoint = \"{hospice}\"\nformat = \"fhir\"\n\
             authorities_file = \"authority.pem\"\ncertificate_file = \"out.pem\"\nkey_file = \"out.key\"\n"
        ));
    }
    text
}

/// The ODS code of a party.
fn code(party: &str) -> &'static str {
    let gates = PARTS.iter().map(|p| (p.0, p.1));
    let all = gates.chain(MORE.iter().map(|p| (p.0, p.1)));
    all.into_iter().find(|(id, _)| *id == party).expect("such a party").1
}

fn ods(party: &str) -> Value {
    json!({ "system": ODS, "value": code(party) })
}

/// What went wrong.
pub type Told = Result<(), String>;

/// A gateway to which a scenario is told.
pub struct Teller {
    gate: Gate,
    /// What the system of record holds.
    held: Value,
    /// The last Consent that was told in full.
    last: Value,
    /// What everybody gets of whom nothing is held.
    nothing: Reply,
    /// Whether its store is closed.
    closed: bool,
}

/// The words of a step that expect something.
pub fn expectation(step: &Value) -> Vec<&'static str> {
    const WORDS: [&str; 12] = [
        "gets",
        "because",
        "also",
        "has",
        "lacks",
        "review",
        "status",
        "refused",
        "times",
        "got",
        "disclosed",
        "extract",
    ];
    WORDS.into_iter().filter(|word| step.get(word).is_some()).collect()
}

impl Teller {
    pub async fn begin() -> Teller {
        let gate = Gate::open_among(|_| {}, more).await;
        gate.holds(None);
        let nothing = gate.asks("council", &[]).await;
        let held = plan();
        gate.holds(Some(&held));
        Teller { gate, held, last: Value::Null, nothing, closed: false }
    }

    pub async fn end(self) {
        if !self.closed {
            drop(self.gate.close().await);
        }
    }

    pub async fn tell(&mut self, step: &Value) -> Told {
        let step = step.as_object().ok_or("a step is a mapping")?;
        let (verb, what) = step.iter().next().ok_or("a step does something")?;
        match verb.as_str() {
            "at" => self.reach(word(what)),
            "passes" => {
                self.gate.clock.pass(what.as_i64().ok_or("seconds")?);
                Ok(())
            }
            "cares" => self.register("relationship", json!({ "with": ods(word(what)) })).await,
            "registers" => {
                let fact = named_parties(step.get("fact").cloned().unwrap_or_else(|| json!({})));
                self.register(word(what), fact).await
            }
            "patient" | "holds" | "changes" => {
                self.change(verb, what);
                Ok(())
            }
            "chooses" => self.choose(what).await,
            "consent" => {
                self.last = what.clone();
                self.post(step.get("refused").map(word)).await
            }
            "updates" => self.update(what).await,
            "proxy" => {
                let basis = step.get("basis").map_or("", word);
                self.last = role(basis);
                self.post(None).await
            }
            "withdraws" => self.withdraw(word(what)).await,
            "on-file" => self.put_on_file().await,
            "declares" => self.declare(word(what)).await,
            "asks" => self.ask(word(what), step).await,
            "decided" => self.decided(word(what), step),
            "trail" => self.trail(word(what), step),
            "extract" => self.extract(what).await,
            "sends" => self.push(word(what), step.get("by").map_or("", word)).await,
            "recipient" => {
                self.gate.hospice.be_busy(step.get("is").map(word) == Some("away"));
                self.gate.clock.pass(1800);
                Ok(())
            }
            "settles" => self.settle(word(what), step).await,
            "disclosed" => self.disclosed(what),
            "store" => self.close_store().await,
            "subject-access" => self.subject_access(what),
            "previews" => self.preview(what, step).await,
            other => Err(format!("`{other}` is no word of a scenario")),
        }
    }

    async fn register(&self, kind: &str, mut fact: Value) -> Told {
        fact["patient"] = json!({ "system": NHS, "value": NUMBER });
        let reply = self.gate.send("registrar", "POST", &format!("/register/{kind}"), &[], Some(&fact)).await;
        if reply.status == 201 { Ok(()) } else { Err(format!("not recorded: {} {}", reply.status, reply.body)) }
    }

    // ---- what is so ----------------------------------------------------------------------------------------------------

    fn reach(&self, instant: &str) -> Told {
        let then: jiff::Timestamp = instant.parse().map_err(|_| "an instant")?;
        self.gate.clock.pass(then.as_second() - self.gate.clock.now().as_second());
        Ok(())
    }

    fn change(&mut self, verb: &str, what: &Value) {
        match verb {
            "patient" => merge(patient(&mut self.held), what),
            "holds" => {
                for resource in what.as_array().into_iter().flatten() {
                    let place = format!("{}/{}", word(&resource["resourceType"]), word(&resource["id"]));
                    let entry = json!({ "fullUrl": format!("https://records.northmere.example/fhir/{place}"),
                        "resource": resource, "search": { "mode": "include" } });
                    self.held["entry"].as_array_mut().expect("entries").push(entry);
                }
            }
            _ => {
                for (kind, changed) in what.as_object().into_iter().flatten() {
                    let entries = self.held["entry"].as_array_mut().expect("entries");
                    let mut resources = entries.iter_mut().map(|entry| &mut entry["resource"]);
                    let first = resources.find(|r| r["resourceType"] == kind.as_str()).expect("such a resource");
                    merge(first, changed);
                }
            }
        }
        self.gate.holds(Some(&self.held));
    }

    // ---- what is chosen --------------------------------------------------------------------------------------------------

    async fn choose(&mut self, what: &Value) -> Told {
        self.last = consent(what);
        self.post(None).await
    }

    async fn post(&mut self, refused: Option<&str>) -> Told {
        let reply = self.gate.send("her-app", "POST", "/fhir/Consent", &[], Some(&self.last)).await;
        match refused {
            None if reply.status == 201 => {
                let location = reply.headers.iter().find(|(name, _)| name == "location").map(|(_, at)| at.as_str());
                let id = location.and_then(|at| at.split("/Consent/").nth(1)?.split('/').next()).unwrap_or_default();
                self.last["id"] = json!(id);
                Ok(())
            }
            None => Err(format!("the choice was not taken: {} {}", reply.status, reply.body)),
            Some(id) if reply.status == 422 && reply.issues().iter().any(|i| i == id) => Ok(()),
            Some(_) => Err(format!("not refused for that: {} {:?}", reply.status, reply.issues())),
        }
    }

    async fn update(&mut self, what: &Value) -> Told {
        merge(&mut self.last, what);
        let path = format!("/fhir/Consent/{}", word(&self.last["id"]));
        let reply = self.gate.send("her-app", "PUT", &path, &[("if-match", "W/\"1\"")], Some(&self.last)).await;
        if reply.status == 200 { Ok(()) } else { Err(format!("not updated: {} {}", reply.status, reply.body)) }
    }

    async fn withdraw(&mut self, choice: &str) -> Told {
        if self.last["identifier"][0]["value"] != choice {
            return Err("only the last choice is withdrawn".to_owned());
        }
        let path = format!("/fhir/Consent/{}", word(&self.last["id"]));
        let reply = self.gate.send("her-app", "DELETE", &path, &[], None).await;
        if matches!(reply.status, 200 | 204) { Ok(()) } else { Err(format!("{} {}", reply.status, reply.body)) }
    }

    // ---- who asks ----------------------------------------------------------------------------------------------------------

    async fn declare(&self, party: &str) -> Told {
        let declared = json!({ "patient": { "system": NHS, "value": NUMBER }, "reason": "unconscious",
            "text": "brought in unconscious", "cannotAsk": true });
        let reply = self.gate.send(party, "POST", "/register/emergency", &[], Some(&declared)).await;
        if reply.status == 201 { Ok(()) } else { Err(format!("{} {}", reply.status, reply.body)) }
    }

    async fn ask(&self, party: &str, step: &Map<String, Value>) -> Told {
        let mut headers = Vec::new();
        for (key, header) in [("purpose", "purpose-of-use"), ("basis", "declared-basis")] {
            headers.extend(step.get(key).map(|value| (header, word(value))));
        }
        let before = self.gate.trail("decision").len();
        let kind = step.get("for").map_or("CarePlan", word);
        let path = format!("/fhir/{kind}?patient={NHS}%7C{NUMBER}");
        let reply = self.gate.send(party, "GET", &path, &headers, None).await;
        let decisions = self.gate.trail("decision").split_off(before);
        let expected = step.get("status").and_then(Value::as_u64).unwrap_or(200);
        let same = |what: &str, seen: String, told: &Value| {
            if seen == word(told) { Ok(()) } else { Err(format!("{what} {seen}, told {told}; {}", reply.body)) }
        };
        if u64::from(reply.status) != expected {
            return Err(format!("status {}: {}", reply.status, reply.body));
        }
        for (key, told) in step {
            match key.as_str() {
                "gets" => same("got", self.amount(&reply, party).to_owned(), told)?,
                "because" => same("by", rules(&decisions).first().cloned().unwrap_or_default(), told)?,
                "also" | "duty" => {
                    let marks = if key == "also" { rules(&decisions) } else { duties(&decisions) };
                    if !marks.iter().any(|m| m == word(told)) {
                        return Err(format!("{key} {marks:?}, told {told}; {}", reply.body));
                    }
                }
                "total" if json!(reply.total()) != *told => return Err(format!("total {}", reply.total())),
                "has" | "lacks" => holds(&reply.body, key == "has", told)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// All of it, a part, or to the byte what is answered about somebody of whom nothing is held.
    fn amount(&self, reply: &Reply, party: &str) -> &'static str {
        if reply.total() > 0 {
            return if reply.body.contains("SUBSETTED") { "part" } else { "all" };
        }
        let _ = party;
        if reply.lasting() == self.nothing.lasting() { "nothing" } else { "something that tells" }
    }

    fn trail(&self, kind: &str, step: &Map<String, Value>) -> Told {
        let lines = self.gate.trail(kind);
        if let Some(times) = step.get("times")
            && json!(lines.len()) != *times
        {
            return Err(format!("{} lines", lines.len()));
        }
        for line in lines {
            step.get("lacks").map_or(Ok(()), |lacks| holds(&line.to_string(), false, lacks))?;
        }
        Ok(())
    }

    /// What was decided last about a party to which something might have been sent.
    fn decided(&self, party: &str, step: &Map<String, Value>) -> Told {
        let decisions = self.gate.trail("decision");
        let last = decisions.iter().rfind(|d| d["agent"][1]["who"]["display"] == party);
        let last = [last.ok_or("nothing was decided about them")?.clone()];
        let (rules, duties) = (rules(&last), duties(&last));
        let because = step.get("because").is_none_or(|rule| rules.first().map(String::as_str) == Some(word(rule)));
        let duty = step.get("duty").is_none_or(|duty| duties.iter().any(|d| d == word(duty)));
        if because && duty { Ok(()) } else { Err(format!("by {rules:?}, {duties:?}")) }
    }

    async fn close_store(&mut self) -> Told {
        self.closed = true;
        self.gate.gateway.store().close().await.map_err(|why| why.to_string())
    }
}

// ---- words ---------------------------------------------------------------------------------------------------------------

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn holds(text: &str, wanted: bool, words: &Value) -> Told {
    for each in words.as_array().into_iter().flatten() {
        if text.contains(word(each)) != wanted {
            let verb = if wanted { "is not" } else { "is" };
            return Err(format!("`{}` {verb} in {text}", word(each)));
        }
    }
    Ok(())
}

/// Puts the members of one object into another; `name+` adds to a list.
fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().into_iter().flatten() {
        match key.strip_suffix('+') {
            Some(list) => match into[list].as_array_mut() {
                Some(values) => values.push(value.clone()),
                None => into[list] = json!([value]),
            },
            None if value.is_object() && into[key].is_object() => merge(&mut into[key], value),
            None => into[key] = value.clone(),
        }
    }
}

/// `{ party: council }` anywhere becomes the council's ODS code.
fn named_parties(value: Value) -> Value {
    match value {
        Value::Object(map) if map.len() == 1 && map.contains_key("party") => ods(word(&map["party"])),
        Value::Object(map) => map.into_iter().map(|(key, v)| (key, named_parties(v))).collect(),
        Value::Array(list) => list.into_iter().map(named_parties).collect(),
        other => other,
    }
}

fn decision(event: &Value) -> Value {
    detail(event, "decision").and_then(|d| serde_json::from_str(&d).ok()).unwrap_or_default()
}

/// The rules that decided, of the last decision first.
fn rules(decisions: &[Value]) -> Vec<String> {
    let of = |event: &Value| {
        let reasons = decision(event)["reasons"].as_array().cloned().unwrap_or_default();
        reasons.iter().map(|r| word(&r["rule"]).to_owned()).collect::<Vec<_>>()
    };
    decisions.iter().rev().flat_map(of).collect()
}

/// What has to be done besides, as the trail has it: `REVIEW C1`, `OFFER L7`.
fn duties(decisions: &[Value]) -> Vec<String> {
    let of = |event: &Value| {
        let duties = decision(event)["obligations"].as_array().cloned().unwrap_or_default();
        duties.iter().map(|d| word(d).to_owned()).collect::<Vec<_>>()
    };
    decisions.iter().rev().flat_map(of).collect()
}

// ---- choices ----------------------------------------------------------------------------------------------------------------

/// A Consent from the short words of a scenario.
fn consent(what: &Value) -> Value {
    let says = if what.get("deny").is_some() { "deny" } else { "permit" };
    let id = what.get("id").map_or("choice", word);
    let mut provision = json!({ "type": says });
    if let Some(actor) = actor(word(&what[says])) {
        provision["actor"] = json!([{ "reference": actor, "role": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP" }] } }]);
    }
    let sections = |codes: &Value| -> Value {
        codes.as_array().into_iter().flatten().map(|code| json!({ "system": SECTION, "code": code })).collect()
    };
    if let Some(only) = what.get("only") {
        provision["class"] = sections(only);
    }
    if let Some(except) = what.get("except") {
        provision["provision"] = json!([{ "type": "deny", "class": sections(except) }]);
    }
    if let Some(purpose) = what.get("purpose") {
        provision["purpose"] =
            json!([{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": purpose }]);
    }
    if let Some(until) = what.get("until") {
        provision["period"] = json!({ "end": until });
    }
    let scope = what.get("scope").map_or("patient-privacy", word);
    let mut consent = json!({
        "resourceType": "Consent",
        "identifier": [{ "system": CHOICE, "value": id }],
        "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": scope }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-6" }] }],
        "patient": { "identifier": { "system": NHS, "value": NUMBER } },
        "policy": [{ "uri": "https://sharewell.example/policy/sharing-choices" }],
        "provision": provision
    });
    match what.get("dated").map_or("2026-03-28T18:30:00Z", word) {
        "never" => {}
        dated => consent["dateTime"] = json!(dated),
    }
    if let Some(by) = what.get("by") {
        consent["performer"] = json!([{ "reference": by }]);
    }
    consent
}

/// How a choice names somebody: everyone, a reference, an audience, her mother, or a party by its ODS code.
fn actor(who: &str) -> Option<Value> {
    let identifier = |system: &str, value: &str| json!({ "identifier": { "system": system, "value": value } });
    match who {
        "everyone" => None,
        "mother" => Some(identifier(NHS, MOTHER)),
        _ if who.contains('/') => Some(json!({ "reference": who })),
        _ => Some(match who.strip_prefix("audience:") {
            Some(audience) => identifier(AUDIENCE, audience),
            None => identifier(ODS, code(who)),
        }),
    }
}

/// A proxy role as NHS Validated Relationships writes it.
fn role(basis: &str) -> Value {
    let rule = match basis {
        "unknown" => json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK" }),
        _ => json!({ "system": "https://fhir.nhs.uk/England/CodeSystem/England-NHSProxyLegalBasis", "code": basis }),
    };
    json!({
        "resourceType": "Consent",
        "identifier": [{ "system": CHOICE, "value": "role" }],
        "status": "active",
        "extension": [{
            "url": "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-Consent-Status-Reason",
            "valueCodeableConcept": { "coding": [{ "code": "ROLE_CREATED" }] }
        }],
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "INFA" }] }],
        "patient": { "identifier": { "system": NHS, "value": NUMBER } },
        "dateTime": "2026-01-01T00:00:00Z",
        "policyRule": { "coding": [rule] },
        "provision": {
            "type": "permit", "period": { "start": "2026-01-01", "end": "2030-01-01" },
            "actor": [{
                "role": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP" }] },
                "reference": { "identifier": { "system": NHS, "value": MOTHER } } }]
        }
    })
}
