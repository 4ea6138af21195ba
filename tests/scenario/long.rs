//! The steps that take more than one question: an extract, a push, a preview, and what the trail says of it all.

use super::{Teller, Told, consent, holds, word};
use crate::gate::{NHS, NUMBER, patient, plan};
use serde_json::{Map, Value, json};
use sharewell::edge::clock::Clock;
use std::process::Command;
use std::time::{Duration, Instant};

/// The n-th number of the test range whose last digit checks the others.
fn number(n: usize) -> String {
    let mut made = (0..).filter_map(|i: u32| {
        let nine = format!("9991{i:05}");
        let sum: u32 = nine.chars().zip((2..=10).rev()).map(|(c, weight)| c.to_digit(10).unwrap() * weight).sum();
        match 11 - sum % 11 {
            10 => None,
            check => Some(format!("{nine}{}", check % 11)),
        }
    });
    made.nth(n).expect("a number")
}

impl Teller {
    /// Asks about many people, some of whom have opted out.
    pub(super) async fn extract(&mut self, what: &Value) -> Told {
        let many = |key: &str| what[key].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
        let (people, out) = (many("people"), many("opted-out"));
        let headers = [("purpose-of-use", word(&what["purpose"])), ("declared-basis", word(&what["basis"]))];
        let mut got = Vec::new();
        for n in 0..people {
            let number = number(n);
            let fact = json!({ "patient": { "system": NHS, "value": number }, "optedOut": n % (people / out) == 3 && n / (people / out) < out,
                "checked": what["checked"] });
            let reply = self.gate.send("registrar", "POST", "/register/opt-out", &[], Some(&fact)).await;
            if reply.status != 201 {
                return Err(format!("{} {}", reply.status, reply.body));
            }
            let mut theirs = plan();
            patient(&mut theirs)["identifier"] = json!([{ "system": NHS, "value": number }]);
            self.gate.holds(Some(&theirs));
            let path = format!("/fhir/CarePlan?patient={NHS}%7C{number}");
            let reply = self.gate.send(word(&what["by"]), "GET", &path, &headers, None).await;
            if reply.total() > 0 {
                got.push(number);
                continue;
            }
            self.gate.holds(None);
            let nobody = self.gate.send(word(&what["by"]), "GET", &path, &headers, None).await;
            if reply.lasting() != nobody.lasting() {
                return Err(format!("the answer about somebody who opted out tells: {}", reply.body));
            }
        }
        if got.len() != people - out {
            return Err(format!("{} people went", got.len()));
        }
        let recorded = self.gate.trail("register").len();
        if recorded == people { Ok(()) } else { Err(format!("{recorded} checks are in the trail")) }
    }

    /// A record is sent to the gateway, for whoever may have it.
    pub(super) async fn push(&mut self, what: &str, by: &str) -> Told {
        let plan: Value = if what == "what is held" {
            let entries = self.held["entry"].as_array().expect("entries").iter();
            let entries: Vec<Value> =
                entries.map(|e| json!({ "fullUrl": e["fullUrl"], "resource": e["resource"] })).collect();
            json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
        } else {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/care-act/examples/whole.fhir.json");
            serde_json::from_str(&std::fs::read_to_string(path).expect("the example")).expect("JSON")
        };
        let reply = self.gate.send(by, "POST", "/fhir", &[], Some(&plan)).await;
        if reply.status == 202 { Ok(()) } else { Err(format!("not taken: {} {}", reply.status, reply.body)) }
    }

    /// Waits until the copy for a recipient came to an end, and counts what it has got by then.
    pub(super) async fn settle(&self, end: &str, step: &Map<String, Value>) -> Told {
        let states = match end {
            "withdrawn" => ["withdrawn", "withdrawn"],
            _ => ["delivered", "delivered"],
        };
        let wanted = step.get("got").and_then(Value::as_u64).unwrap_or_default();
        let began = Instant::now();
        loop {
            let counts = self.gate.gateway.store().counts().await.map_err(|why| why.to_string())?;
            let waiting = counts.messages.iter().any(|(_, state, n)| {
                *n > 0 && !matches!(state.as_str(), "delivered" | "withdrawn" | "superseded" | "held")
            });
            let there = counts.messages.iter().any(|(_, state, n)| *n > 0 && states.contains(&state.as_str()));
            let got = self.gate.hospice.count() as u64;
            if there && !waiting && got == wanted {
                let last =
                    self.gate.hospice.last().map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
                holds(&last, true, step.get("has").unwrap_or(&Value::Null))?;
                return holds(&last, false, step.get("lacks").unwrap_or(&Value::Null));
            }
            if began.elapsed() > Duration::from_secs(10) {
                return Err(format!("{:?}, it got {got}", counts.messages));
            }
            // what is to be tried again waits for the clock
            self.gate.clock.pass(60);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// To whom her plan went, as the command says that answers her.
    fn disclosures(&self) -> Result<Vec<Value>, String> {
        let asked = Command::new(env!("CARGO_BIN_EXE_sharewell"))
            .args(["audit", "disclosures", "--patient", NUMBER, "--output", "json"])
            .arg(self.gate.database())
            .output()
            .map_err(|why| why.to_string())?;
        let text = String::from_utf8(asked.stdout).map_err(|why| why.to_string())?;
        text.lines().map(|line| serde_json::from_str(line).map_err(|why| why.to_string())).collect()
    }

    pub(super) fn disclosed(&self, to: &Value) -> Told {
        let rows = self.disclosures()?;
        let names: Vec<&str> = rows.iter().map(|row| word(&row["organisation"])).collect();
        if json!(names) == *to { Ok(()) } else { Err(format!("disclosed to {names:?}")) }
    }

    pub(super) fn subject_access(&self, what: &Value) -> Told {
        let rows = Value::from(self.disclosures()?).to_string();
        holds(&rows, true, &what["has"])?;
        holds(&rows, false, &what["lacks"])
    }

    /// A choice that no door would take, as an older version or another program might have left it.
    pub(super) async fn put_on_file(&mut self) -> Told {
        use sharewell::edge::store::{Acceptance, Accepted, Act, NewChoice, NewRecord, Person, Reply, Understood};
        use sharewell::pure::fhir::{Limits, json};
        let person = Person::verified(NUMBER);
        let text = self.last.to_string();
        let tree = json::read(text.as_bytes(), &Limits::default()).map_err(|_| "it is no JSON")?;
        let mut event = sharewell::pure::audit::Event::new(
            sharewell::pure::audit::Kind::Choice,
            self.gate.clock.id(),
            "older",
            self.gate.clock.now(),
            sharewell::pure::audit::Name::default(),
        );
        event.party = Some("her-app".to_owned());
        let id = self.gate.clock.id();
        let older = |word: &str| word.to_owned();
        let understood = Understood {
            act: Act::Recorded,
            actor: older("her-app"),
            taken: older("as-written"),
            dialect: older("B"),
            authority: older("yes"),
            reader: older("an older program"),
            rules: older("{}"),
        };
        let acceptance = Acceptance {
            sender: "her-app".to_owned(),
            key: id.clone(),
            digest: openssl::sha::sha256(text.as_bytes()),
            now: self.gate.clock.now(),
            record: NewRecord {
                id,
                person,
                plan: None,
                request: "older".to_owned(),
                format: "fhir".to_owned(),
                bundle: text.clone(),
                original: None,
            },
            choices: vec![NewChoice::of(tree.root(), text.clone(), self.gate.clock.id(), "her-app", understood)],
            messages: Vec::new(),
            entries: vec![event.entry()],
            reply: Reply { status: 202, content_type: String::new(), location: None, body: Vec::new() },
        };
        match self.gate.gateway.store().accept(acceptance).await {
            Ok(Accepted::New(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    /// Who would get something if she chose so, and does not now; nothing is stored.
    pub(super) async fn preview(&self, what: &Value, step: &Map<String, Value>) -> Told {
        let path = format!("/fhir/CarePlan/$preview?patient={NHS}%7C{NUMBER}");
        let by = step.get("by").map_or("", word);
        let reply = self.gate.send(by, "POST", &path, &[], Some(&consent(what))).await;
        if reply.status != 200 {
            return Err(format!("{} {}", reply.status, reply.body));
        }
        let said = reply.json();
        let parts = |name: &str| -> Vec<Value> {
            let all = said["parameter"].as_array().cloned().unwrap_or_default();
            all.into_iter().filter(|p| p["name"] == name).collect()
        };
        let recipient = step.get("would-get").map_or("", word);
        let part = |of: &Value, name: &str| -> Value {
            let inner = of["part"].as_array().into_iter().flatten().find(|p| p["name"] == name);
            inner.cloned().unwrap_or_default()
        };
        let value = |of: &Value, name: &str| {
            let found = part(of, name);
            let found = found.as_object().into_iter().flatten().find(|(key, _)| key.starts_with("value"));
            found.map(|(_, v)| word(v).to_owned()).unwrap_or_default()
        };
        let theirs = parts("recipient").into_iter().find(|p| value(p, "id") == recipient);
        let theirs = theirs.ok_or_else(|| format!("nothing about `{recipient}`: {}", reply.body))?;
        let record = part(&theirs, "record");
        let seen = (value(&record, "now"), value(&record, "then"));
        if seen.0 == "deny" && seen.1 == "permit" { Ok(()) } else { Err(format!("{seen:?}: {theirs}")) }
    }
}
