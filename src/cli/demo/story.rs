//! The story itself, in the order it happens, and what must be true at each turn: the demo fails where it is not.

use super::notebook::{Ended, Noted};
use super::records::{file, zipped};
use super::show::{detail, heading, line, outcome, rooms, table};
use super::stage::{PARTS, Stage, Trouble};
use super::{broken, show};
use crate::gateway::watch::End;
use crate::pure::decide;
use crate::pure::fhir::{Item, Limits, Tree, json};
use crate::pure::restate;
use reqwest::{Client, Response};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// The person's number: of the range kept for tests.
const NUMBER: &str = "9990000018";
/// Who gets copies, and who would like to.
const RECIPIENTS: [&str; 4] = ["beckside-surgery", "st-orrins-hospice", "brightside-care", "tandem-trust"];
/// How long a copy may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells it.
///
/// # Errors
/// Where something does not come out as promised.
pub async fn tell(stage: &Stage) -> Result<(), Trouble> {
    scene(stage).await?;
    choices(stage).await?;
    let plan = council(stage).await?;
    withdrawal(stage).await?;
    broken_record(stage).await?;
    questions(stage).await?;
    heading(8, "Who got what of the council's plan");
    let columns: Vec<(&str, Option<Noted>)> =
        RECIPIENTS.iter().map(|id| (name(id), stage.notebook.decided(&plan, id))).collect();
    table(&columns);
    Ok(())
}

fn name(id: &str) -> &'static str {
    PARTS.iter().find(|p| p.id == id).map_or("", |p| p.name)
}

async fn scene(stage: &Stage) -> Result<(), Trouble> {
    heading(1, "The gateway is up, with certificates made just now, and five other systems beside it");
    line(format!("the gateway                  {}   TLS, client certificates, an SQLite store", stage.base));
    let peers = &stage.peers;
    let others = [
        (name("beckside-surgery"), peers.surgery.url(""), "a GP practice, takes FHIR"),
        (name("st-orrins-hospice"), peers.hospice.url(""), "a hospice, takes FHIR"),
        (name("brightside-care"), peers.portal.url(""), "a care provider's portal, takes its own format"),
        (name("tandem-trust"), peers.charity.url(""), "a charity, would take FHIR"),
        ("a system of record", peers.records.url(""), "holds last year's plan, answers FHIR searches"),
    ];
    for (name, url, what) in others {
        line(format!("{name:<28} {url}   {what}"));
    }
    let stranger = stage.stranger()?.post(format!("{}/local/care-act", stage.base)).body("x").send().await;
    let refused = stranger.as_ref().is_ok_and(|r| r.status() == 401);
    line("somebody without a certificate posts a plan and is turned away (401)");
    if refused { Ok(()) } else { Err(broken("a stranger is turned away with 401")) }
}

async fn choices(stage: &Stage) -> Result<(), Trouble> {
    heading(2, "Her own app posts what she wants known of her, and who may have what");
    let body = file("person-held-1.json")?;
    let request = post(stage, "winifreds-app", "person-held", "application/json", body).await?;
    line("as she put it, and the gateway reads it back:");
    for sentence in restated(stage).await? {
        detail(format!("\u{201c}{sentence}\u{201d}"));
    }
    settled(stage, &request, &["beckside-surgery", "st-orrins-hospice", "brightside-care"]).await
}

/// Her choices as the store holds them now, in plain English.
async fn restated(stage: &Stage) -> Result<Vec<String>, Trouble> {
    let person = crate::edge::store::Person::verified(NUMBER);
    let stored = stage.gateway.store().choices(&person).await?;
    let mut sentences = Vec::new();
    for consent in stored.consents {
        let tree = read(consent.consent.as_bytes())?;
        let root = tree.root();
        let consent = root.at_path(&["entry", "resource"]).unwrap_or(root);
        let choice = decide::read_choice(consent).map_err(|_| broken("a stored choice can be read"))?;
        sentences.push(restate::restate(&choice));
    }
    Ok(sentences)
}

async fn council(stage: &Stage) -> Result<String, Trouble> {
    heading(3, "The council posts her care and support plan: a zip of CSV files");
    let body = zipped("care-act-1")?;
    let request = post(stage, "northmere-council", "care-act", "application/zip", body).await?;
    settled(stage, &request, &["beckside-surgery", "st-orrins-hospice", "brightside-care"]).await?;
    let peers = &stage.peers;
    let hospice = peers.hospice.last().ok_or_else(|| broken("the hospice gets the plan"))?;
    if contains(&hospice, "StructureDefinition/budget") {
        return Err(broken("the hospice gets no budget"));
    }
    let surgery = peers.surgery.last().ok_or_else(|| broken("the surgery gets the plan"))?;
    if !contains(&surgery, "StructureDefinition/budget") {
        return Err(broken("the surgery gets everything"));
    }
    let portal = peers.portal.last().ok_or_else(|| broken("the portal gets goals and actions"))?;
    line(format!("the portal got its own format, {} bytes: goals and actions and nothing else", portal.len()));
    if peers.charity.count() > 0 {
        return Err(broken("the charity gets nothing"));
    }
    Ok(request)
}

async fn withdrawal(stage: &Stage) -> Result<(), Trouble> {
    heading(4, "She withdraws the hospice, and the choice counts from the next copy on");
    let before = stage.peers.hospice.count();
    let start = Instant::now();
    let body = file("person-held-2.json")?;
    let request = post(stage, "winifreds-app", "person-held", "application/json", body).await?;
    line(format!("in force {} after it was posted", show::millis(start.elapsed())));
    settled(stage, &request, &["beckside-surgery", "brightside-care"]).await?;
    heading(5, "The council posts the next version of the plan: a goal was achieved");
    let body = zipped("care-act-2")?;
    let request = post(stage, "northmere-council", "care-act", "application/zip", body).await?;
    settled(stage, &request, &["beckside-surgery", "brightside-care"]).await?;
    if stage.peers.hospice.count() != before {
        return Err(broken("nothing goes to the hospice after she withdrew it"));
    }
    line("nothing more went to the hospice");
    Ok(())
}

async fn broken_record(stage: &Stage) -> Result<(), Trouble> {
    heading(6, "A record with mistakes is refused, with every mistake and how to mend it");
    let url = format!("{}/local/care-act", stage.base);
    let request = stage.client("northmere-council")?.post(url).header("content-type", "application/zip");
    let response = request.body(zipped("care-act-broken")?).send().await?;
    let status = response.status().as_u16();
    let tree = read(&response.bytes().await?)?;
    line(format!("{status}, and an OperationOutcome that says:"));
    errors(&tree).for_each(pointed);
    if status != 422 || errors(&tree).count() < 3 {
        return Err(broken("the broken record is refused for its three mistakes"));
    }
    Ok(())
}

fn errors(outcome: &Tree) -> impl Iterator<Item = Item<'_>> {
    outcome.root().all("issue").filter(|i| i.str_at(&["severity"]) == Some("error"))
}

/// An issue as an editor would show it: where, what, whose rule, the remedy.
fn pointed(issue: Item<'_>) {
    let extension = |name: &str| {
        let found = issue.all("extension").find(|e| e.str_at(&["url"]).is_some_and(|u| u.ends_with(name)))?;
        found.children().find(|c| c.key().starts_with("value")).map(Item::text)
    };
    let place: Vec<&str> =
        ["-file", "issue-line", "issue-col"].into_iter().filter_map(extension).filter(|p| !p.is_empty()).collect();
    detail(format!("{}: {}", place.join(":"), issue.str_at(&["details", "text"]).unwrap_or_default()));
    detail(format!("    rule: {}", extension("issue-source").unwrap_or("-")));
    detail(format!("    mend: {}", issue.str_at(&["diagnostics"]).unwrap_or("-")));
}

async fn questions(stage: &Stage) -> Result<(), Trouble> {
    heading(7, "The other way round: they ask, and the gateway asks a system of record that holds last year's plan");
    for party in ["beckside-surgery", "brightside-care", "tandem-trust"] {
        let mut answers = Vec::new();
        for kind in ["CarePlan", "Goal"] {
            answers.push(counted(&search(stage, party, kind, NUMBER).await?.0));
        }
        line(format!("{:<28} asks for CarePlan: {}; for Goal: {}", name(party), answers[0], answers[1]));
    }
    let (surgery, _) = search(stage, "beckside-surgery", "CarePlan", NUMBER).await?;
    let (portal, request) = search(stage, "brightside-care", "CarePlan", NUMBER).await?;
    if let Some(noted) = stage.notebook.decided(&request, "brightside-care") {
        outcome(name("brightside-care"), &noted, None);
        rooms(&stage.notebook.rooms(&request));
    }
    let (charity, _) = search(stage, "tandem-trust", "CarePlan", NUMBER).await?;
    let (nobody, _) = search(stage, "tandem-trust", "CarePlan", "9990000042").await?;
    let keeps = |tree: &Tree, name: &str| tree.root().descendants().iter().any(|item| item.key() == name);
    if !keeps(&portal, "goal") || keeps(&portal, "addresses") || contains(portal.root().to_json().as_bytes(), "/budget")
    {
        return Err(broken("the portal is told goals and actions only"));
    }
    line(
        "the charity's answer is, byte for byte but for id, time and the number it asked for, that of a person without a plan",
    );
    if absent(&charity) != absent(&nobody) || surgery.root().all("entry").next().is_none() {
        return Err(broken("what is withheld is absent"));
    }
    Ok(())
}

/// An answer without what may differ: its id, its time, and the question it repeats.
fn absent(tree: &Tree) -> String {
    let differs = |item: Item<'_>| ["id", "lastUpdated", "url", "timestamp"].contains(&item.key());
    Tree::copy_where(tree.root(), |item| !differs(item)).root().to_json()
}

/// The answer, and the id of the request.
async fn search(stage: &Stage, party: &str, kind: &str, number: &str) -> Result<(Tree, String), Trouble> {
    let url = format!("{}/fhir/{kind}?patient=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C{number}", stage.base);
    let response = stage.client(party)?.get(url).send().await?;
    let (status, request) = (response.status(), request_id(&response));
    let tree = read(&response.bytes().await?)?;
    if status != 200 {
        errors(&tree).for_each(pointed);
        return Err(broken("a question of a known party is answered with 200"));
    }
    Ok((tree, request))
}

/// `1 CarePlan, 3 Goal, …`, or that there is nothing.
fn counted(tree: &Tree) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for resource in tree.root().all("entry").filter_map(|e| e.get("resource")) {
        *kinds.entry(resource.resource_type().unwrap_or_default()).or_default() += 1;
    }
    if kinds.is_empty() {
        return "nothing there".to_owned();
    }
    let words: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    words.join(", ")
}

fn read(bytes: &[u8]) -> Result<Tree, Trouble> {
    json::read(bytes, &Limits::default()).map_err(|_| broken("an answer is JSON"))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Every answer names its request; by that name the walk was watched.
fn request_id(response: &Response) -> String {
    response.headers().get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

/// Posts a record and says what came of it. Goes on only where it was accepted.
async fn post(stage: &Stage, party: &str, format: &str, media: &str, body: Vec<u8>) -> Result<String, Trouble> {
    let client: Client = stage.client(party)?;
    let sent = body.len();
    let url = format!("{}/local/{format}", stage.base);
    let posted = client.post(url).header("content-type", media).body(body);
    let response: Response = posted.send().await?;
    let (status, request) = (response.status(), request_id(&response));
    let tree = read(&response.bytes().await?)?;
    if status != 202 {
        errors(&tree).for_each(pointed);
        return Err(broken("the record is accepted"));
    }
    line(format!("{} posts {sent} bytes of `{format}`; accepted, which means flushed to the disk", name(party)));
    Ok(request)
}

/// Waits until every copy has come to its end, then says who got what; `expected` must have got it, and nobody else.
async fn settled(stage: &Stage, request: &str, expected: &[&str]) -> Result<(), Trouble> {
    let start = Instant::now();
    let mut ended = stage.notebook.ended(request);
    while ended.len() < expected.len() && start.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(2)).await;
        ended = stage.notebook.ended(request);
    }
    for id in RECIPIENTS {
        let end: Option<&Ended> = ended.iter().find(|e| e.recipient == id);
        if let Some(noted) = stage.notebook.decided(request, id) {
            outcome(name(id), &noted, end);
        }
        let delivered = end.is_some_and(|e| e.end == End::Delivered);
        if delivered != expected.contains(&id) {
            let why = end.map_or("it was not sent", |e| e.why.as_str());
            return Err(broken(&format!("{} {}: {why}", name(id), if delivered { "gets nothing" } else { "gets it" })));
        }
    }
    rooms(&stage.notebook.rooms(request));
    Ok(())
}

/// What to look at next.
///
/// # Errors
/// None today; the demo ends here.
pub fn farewell(kept: bool, folder: &Path) -> Result<(), Trouble> {
    heading(9, "Look further");
    if kept {
        let database = folder.join("sharewell.db");
        line(format!("sharewell audit verify {}", database.display()));
        line(format!("sharewell audit query {}", database.display()));
        line(format!("sharewell config check {}", folder.join("gateway.toml").display()));
    } else {
        line("sharewell demo --keep DIR        keeps the database, then:");
        line("sharewell audit verify DIR/sharewell.db    proves that nobody changed the trail; flip one byte and see");
        line("sharewell demo --stay            leaves the gateway running for your own requests");
    }
    line("sharewell map --mapping care-act --to fhir FILE.zip    maps a record of your own");
    line("sharewell --help");
    Ok(())
}
