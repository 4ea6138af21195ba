//! The trail against the published vectors and the published examples, where they are at hand.

mod stored;

use serde_json::Value;
use sharewell::cli::audit::{Proof, Witness, verify};
use sharewell::edge::clock::Clock;
use sharewell::edge::store::{Fate, Sqlite, Store, StoreError};
use sharewell::pure::audit::merkle::{Hash, verify_consistency, verify_inclusion};
use sharewell::pure::audit::{Event, Kind, Name, Phase, Thing};
use sharewell::pure::profile::Definitions;
use sharewell::pure::validate::check;
use std::fs;
use std::path::{Path, PathBuf};
use stored::{Stored, acceptance, choice};
use tempfile::TempDir;

/// `../shared/cases/audit`, or nothing where it is not at hand.
fn published(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases/audit").join(path);
    if !path.exists() {
        eprintln!("skipped: {} is not here", path.display());
        return None;
    }
    Some(path)
}

fn cases(path: &str) -> Vec<Value> {
    let Some(path) = published(path) else { return Vec::new() };
    let text = fs::read_to_string(path).expect("the vectors can be read");
    let all: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    all["cases"].as_array().expect("the vectors are a list").clone()
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    openssl::base64::decode_block(value.as_str().unwrap_or_default()).ok()
}

/// A hash in base64; none where it is not 32 bytes, which is a reason to refuse.
fn hash(value: &Value) -> Option<Hash> {
    bytes(value)?.try_into().ok()
}

/// The same, but a few consistency cases have any text in the place of a root, equal or not: its hash stands for it.
fn root(value: &Value) -> Option<Hash> {
    let bytes = bytes(value)?;
    Some(bytes.as_slice().try_into().unwrap_or_else(|_| openssl::sha::sha256(&bytes)))
}

fn proof(value: &Value) -> Option<Vec<Hash>> {
    value.as_array().map_or(Some(Vec::new()), |list| list.iter().map(hash).collect())
}

#[test]
fn published_inclusion_proofs_are_judged_as_published() {
    for case in cases("rfc6962-merkle/inclusion.json") {
        let numbers = (case["leafIdx"].as_u64().unwrap(), case["treeSize"].as_u64().unwrap());
        let holds = match (hash(&case["leafHash"]), proof(&case["proof"]), hash(&case["root"])) {
            (Some(leaf), Some(proof), Some(root)) => verify_inclusion(numbers.0, numbers.1, &leaf, &proof, &root),
            _ => false,
        };
        assert_eq!(!holds, case["wantErr"].as_bool().unwrap(), "{} {}", case["id"], case["desc"]);
    }
}

#[test]
fn published_consistency_proofs_are_judged_as_published() {
    for case in cases("rfc6962-merkle/consistency.json") {
        let sizes = (case["size1"].as_u64().unwrap(), case["size2"].as_u64().unwrap());
        let holds = match (root(&case["root1"]), root(&case["root2"]), proof(&case["proof"])) {
            (Some(first), Some(second), Some(proof)) => verify_consistency(sizes.0, sizes.1, &proof, &first, &second),
            _ => false,
        };
        assert_eq!(!holds, case["wantErr"].as_bool().unwrap(), "{} {}", case["id"], case["desc"]);
    }
}

/// A closed store with some of everything in it.
async fn journey() -> Stored {
    let it = Stored::new();
    for (index, key) in ["a", "b", "c", "d", "e"].iter().enumerate() {
        let mut given = acceptance(it.clock.as_ref(), key, &["beckside-surgery", "st-orrins-hospice"]);
        given.record.plan = Some(format!("plan-{}", index / 2));
        given.choices = vec![choice("hospice", None, &format!("permit {key}"))];
        it.store.accept(given).await.unwrap();
        it.clock.pass(1);
    }
    let at = it.clock.now() + jiff::SignedDuration::from_secs(60);
    it.send_one(Fate::Delivered).await.unwrap();
    it.send_one(Fate::Retry { at, reason: "status 503".to_owned() }).await.unwrap();
    it.send_one(Fate::Held { reason: "status 400".to_owned() }).await.unwrap();
    let intent = it.entry(Kind::Query, Phase::Intent, None);
    it.store.append(vec![intent]).await.unwrap();
    it.store.check().await.unwrap();
    it
}

fn prove(path: &Path, heads: &[PathBuf]) -> Proof {
    verify(path, &Witness { heads, key: None }).expect("there is something to look at")
}

fn says(proof: &Proof, words: &str) -> bool {
    proof.findings.iter().any(|f| format!("{}: {}", f.place, f.what).contains(words))
}

/// A copy of everything that stands in the folder.
fn copy(folder: &Path) -> TempDir {
    let copy = TempDir::new().expect("a folder");
    for entry in fs::read_dir(folder).expect("the folder can be read").flatten() {
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("the file can be copied");
    }
    copy
}

fn sql(path: &Path, statement: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(statement).unwrap();
}

#[tokio::test]
async fn what_nobody_touched_is_proven_open_or_closed() {
    let it = journey().await;
    let open = prove(&it.path(), &[]);
    assert_eq!(open.findings, []);
    assert_eq!(open.unchecked.len(), 1, "bytes that no row uses");
    it.store.close().await.unwrap();
    let closed = prove(&it.path(), &[]);
    assert_eq!((closed.findings, closed.unchecked), (Vec::new(), Vec::<String>::new()));
    assert_eq!((closed.entries, closed.heads, closed.unresolved), (12, 12, 1));
    assert_eq!(closed.root, open.root);
    assert!(closed.rows >= 1 + 5 + 5 + 5 + 10);
}

#[tokio::test]
async fn every_changed_byte_of_a_closed_database_is_found_and_placed() {
    let it = journey().await;
    it.store.close().await.unwrap();
    let copy = copy(it.folder.path());
    let path = stored::database(copy.path());
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 400) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        let proof = prove(&path, &[]);
        let page = at / 4096 + 1;
        assert!(says(&proof, &format!("page {page} (bytes ")), "byte {at}: {:?}", proof.findings);
    }
}

#[tokio::test]
async fn a_changed_byte_beside_the_database_is_found_too() {
    let it = journey().await;
    it.store.close().await.unwrap();
    for ending in [".head", ".pages"] {
        let copy = copy(it.folder.path());
        let path = stored::database(copy.path());
        let beside = copy.path().join(format!("sharewell.db{ending}"));
        let whole = fs::read(&beside).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 50 + 1) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&beside, &bytes).unwrap();
            assert!(!prove(&path, &[]).findings.is_empty(), "byte {at} of {ending}");
        }
    }
}

/// Without the page digests, as after a kill: what rows, indexes and the log can show.
#[tokio::test]
async fn a_change_by_hand_is_found_row_by_row() {
    let it = journey().await;
    it.store.close().await.unwrap();
    let changes = [
        (
            "UPDATE record SET bundle = replace(bundle, 'Bundle', 'bundle') WHERE sequence = 2",
            "table `record`, row with id",
        ),
        ("UPDATE record SET original = NULL WHERE sequence = 3", "table `record`, row with id"),
        (
            "UPDATE choice SET consent = replace(consent, 'permit c', 'deny') WHERE sequence = 3",
            "table `choice`, row with id",
        ),
        ("UPDATE choice SET dated = dated + 1 WHERE sequence = 1", "table `choice`, row with id"),
        ("UPDATE answered SET status = 200 WHERE rowid = 1", "table `answered`, row with record"),
        ("UPDATE person SET key = 'nhs:9990000026'", "table `person`, row with id `1`"),
        ("UPDATE message SET recipient = 'tandem-trust' WHERE sequence = 9", "table `message`, row with id"),
        ("UPDATE message SET state = 'delivered', due = NULL WHERE state = 'retry'", "does not fit its seal"),
        ("UPDATE log SET party = 'x' WHERE sequence = 4", "table `log`, row 4: the entry is not the one"),
        ("UPDATE log SET event = replace(event, 'AuditEvent', 'x') WHERE sequence = 5", "table `log`, row 5"),
        ("UPDATE log SET recorded = recorded + 1 WHERE sequence = 1", "table `log`, row 1"),
        ("DELETE FROM record WHERE sequence = 2", "vouches for it and it is not there"),
        ("DELETE FROM choice WHERE sequence = 5", "vouches for it and it is not there"),
        ("DELETE FROM log WHERE sequence = 7", "table `log`, row 8: the entries before it end at 6"),
        ("DELETE FROM unresolved", "table `unresolved`"),
        ("UPDATE head SET root = zeroblob(32) WHERE size = 3", "table `head`, row 3"),
        ("UPDATE head SET at = at + 1 WHERE size = 3", "table `head`, row 3: its signature does not hold"),
        ("DELETE FROM head WHERE size = 12", "the newest signed head is of 11 entries, and the log has 12"),
        ("UPDATE pulse SET at = at + 1", "table `pulse`"),
        ("UPDATE setting SET value = 'another'", "table `setting`"),
        ("CREATE TABLE extra (id)", "the schema"),
        ("DROP INDEX message_due", "the schema, `message_due`"),
        ("INSERT INTO person (salt, key) VALUES (x'00', 'nhs:9990000034')", "table `person`: has 2 rows"),
    ];
    for (change, words) in changes {
        let copy = copy(it.folder.path());
        let path = stored::database(copy.path());
        fs::remove_file(copy.path().join("sharewell.db.pages")).unwrap();
        sql(&path, &format!("PRAGMA foreign_keys = OFF; {change}"));
        let proof = prove(&path, &[]);
        assert!(says(&proof, words), "{change}: {:?}", proof.findings);
        assert!(!format!("{:?}", proof).contains("9990000"), "no finding names a person");
    }
}

#[tokio::test]
async fn a_log_that_was_cut_rewritten_or_put_back_does_not_fit_an_old_head() {
    let it = journey().await;
    let kept = it.folder.path().join("kept.head");
    fs::copy(it.folder.path().join("sharewell.db.head"), &kept).unwrap();
    it.store.append(vec![it.entry(Kind::Refusal, Phase::Whole, None)]).await.unwrap();
    it.store.close().await.unwrap();
    let path = it.path();
    assert_eq!(prove(&path, std::slice::from_ref(&kept)).findings, [], "an honest old head is a prefix");

    // Cut: the last two entries, and the heads that signed them; the head beside the database put back to an older one.
    let cut = copy(it.folder.path());
    let path = stored::database(cut.path());
    fs::remove_file(cut.path().join("sharewell.db.pages")).unwrap();
    sql(&path, "DELETE FROM log WHERE sequence > 11; DELETE FROM head WHERE size > 11;");
    assert!(says(&prove(&path, &[]), "the log was cut"));

    // Rewritten by somebody who does not have the key but makes everything else fit.
    let rewritten = copy(it.folder.path());
    let path = stored::database(rewritten.path());
    fs::remove_file(rewritten.path().join("sharewell.db.pages")).unwrap();
    fs::remove_file(rewritten.path().join("audit.key")).unwrap();
    let other = Stored::new();
    other.store.append(vec![other.entry(Kind::Refusal, Phase::Whole, None)]).await.unwrap();
    other.store.close().await.unwrap();
    fs::copy(other.path(), &path).unwrap();
    for ending in [".head", ".pages"] {
        let name = format!("sharewell.db{ending}");
        fs::copy(other.folder.path().join(&name), rewritten.path().join(&name)).unwrap();
    }
    assert_eq!(prove(&path, &[]).findings, [], "alone, another gateway's log is a log");
    let proof = prove(&path, std::slice::from_ref(&kept));
    assert!(says(&proof, "was signed with another key"));
    let pinned = openssl::pkey::PKey::public_key_from_pem(&fs::read(it.folder.path().join("audit.key.pub")).unwrap());
    let key = pinned.unwrap().raw_public_key().unwrap();
    let proof = verify(&path, &Witness { heads: &[], key: Some(key) }).unwrap();
    assert!(says(&proof, "was signed with another key"));
}

#[tokio::test]
async fn reordered_entries_are_found() {
    let it = journey().await;
    it.store.close().await.unwrap();
    fs::remove_file(it.folder.path().join("sharewell.db.pages")).unwrap();
    sql(
        &it.path(),
        "UPDATE log SET sequence = -1 WHERE sequence = 2; UPDATE log SET sequence = 2 WHERE sequence = 3;
         UPDATE log SET sequence = 3 WHERE sequence = -1;",
    );
    let proof = prove(&it.path(), &[]);
    assert!(says(&proof, "table `log`, row 2") && says(&proof, "table `head`, row 2"), "{:?}", proof.findings);
}

/// Every value of every row of every table, and the schema.
fn everything(path: &Path) -> String {
    let uri = format!("file:{}?mode=ro&immutable=1", path.display());
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI;
    let connection = rusqlite::Connection::open_with_flags(uri, flags).unwrap();
    let mut all = String::new();
    let tables = "setting pulse person record answered choice message log unresolved head sqlite_schema";
    for table in tables.split(' ') {
        let mut statement = connection.prepare(&format!("SELECT rowid, * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                all.push_str(&format!("{:?} ", row.get_ref(column).unwrap()));
            }
        }
    }
    all
}

/// A gateway that was killed leaves no page digests. Then a changed byte is found, or it is in space that nothing uses:
/// every table still reads word for word as before, and SQLite finds its structure whole.
#[tokio::test]
async fn without_page_digests_a_changed_byte_is_found_or_changes_nothing_that_is_stored() {
    let it = journey().await;
    it.store.close().await.unwrap();
    fs::remove_file(it.folder.path().join("sharewell.db.pages")).unwrap();
    let path = it.path();
    let before = everything(&path);
    let whole = fs::read(&path).unwrap();
    let (mut tried, mut unused) = (0, 0);
    for at in (0..whole.len()).step_by(whole.len() / 500) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        fs::write(&path, &bytes).unwrap();
        tried += 1;
        if prove(&path, &[]).findings.is_empty() {
            assert_eq!(everything(&path), before, "byte {at}");
            unused += 1;
        }
    }
    println!("{tried} bytes changed one by one: {} found, {unused} in space that nothing uses", tried - unused);
    assert!(unused < tried);
}

fn event(kind: Kind) -> Event {
    let ods = |value: &str, display: &str| Name {
        identifier: Some(("https://fhir.nhs.uk/Id/ods-organization-code".to_owned(), value.to_owned())),
        display: display.to_owned(),
        address: Some("https://gateway.example/fhir".to_owned()),
    };
    let mut event = Event::new(kind, "e-1".to_owned(), "request-1", stored::start(), ods("X9N01", "gateway"));
    event.other = Some(Name { address: Some("203.0.113.7".to_owned()), ..ods("Y99002", "hospice") });
    event.person = Some(("https://fhir.nhs.uk/Id/nhs-number".to_owned(), "9990000018".to_owned()));
    event.purposes = vec!["TREAT".to_owned()];
    event.things = vec![
        Thing { kind: "Bundle".to_owned(), reference: "r-1".to_owned() },
        Thing { kind: "Consent".to_owned(), reference: "c-1/_history/2".to_owned() },
    ];
    event.query = (kind == Kind::Query).then(|| "GET /fhir/CarePlan?patient=…".to_owned());
    event.details = vec![("decision".to_owned(), "{\"decision\":\"redact\"}".to_owned())];
    event.message = Some("m-1".to_owned());
    event.reason = "the person's choice".to_owned();
    event
}

fn codes<'a>(value: &'a Value, pointer: &str) -> Vec<&'a str> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(|item| item.pointer(pointer)?.as_str()).collect()
}

#[test]
fn our_audit_events_say_what_the_published_examples_say_in_the_same_codes() {
    let pairs = [
        (Kind::Create, "AuditEvent-ex-auditBasicCreateServer.json"),
        (Kind::Query, "AuditEvent-ex-auditBasicQueryGetServer.json"),
        (Kind::Decision, "AuditEvent-ex-auditAuthZconsent-deny.json"),
        (Kind::Disclosure, "AuditEvent-ex-auditPrivacyDisclosure-source.json"),
    ];
    for (kind, name) in pairs {
        let Some(path) = published(&format!("ihe-balp/{name}")) else { return };
        let theirs: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let ours: Value = serde_json::from_str(&event(kind).entry().event).unwrap();
        for pointer in ["/type/system", "/type/code", "/action", "/resourceType"] {
            assert_eq!(ours.pointer(pointer), theirs.pointer(pointer), "{name} {pointer}");
        }
        assert_eq!(ours["subtype"][0]["code"], theirs["subtype"][0]["code"], "{name}");
        assert_eq!(ours["source"]["type"][0]["system"], theirs["source"]["type"][0]["system"], "{name}");
        let (known, used) =
            (codes(&theirs["agent"], "/type/coding/0/code"), codes(&ours["agent"], "/type/coding/0/code"));
        assert!(used.iter().all(|code| known.contains(code)), "{name}: {used:?} of {known:?}");
        let (known, used) = (codes(&theirs["entity"], "/role/code"), codes(&ours["entity"], "/role/code"));
        assert!(known.iter().filter(|c| ["1", "24"].contains(*c)).all(|c| used.contains(c)), "{name}: {used:?}");
    }
}

#[test]
fn an_audit_event_holds_no_name_in_an_entity_and_one_who_asked() {
    for kind in Kind::ALL {
        let mut event = event(kind);
        for alone in [false, true] {
            event.other = event.other.filter(|_| !alone);
            let json: Value = serde_json::from_str(&event.entry().event).unwrap();
            let asked = codes(&json["agent"], "/who/display").len();
            let requestors = json["agent"].as_array().unwrap().iter().filter(|a| a["requestor"] == true).count();
            assert_eq!((requestors, asked), (1, if alone { 1 } else { 2 }), "{kind:?}");
            assert!(json["entity"].as_array().unwrap().iter().all(|e| e.get("name").is_none()));
            assert_eq!(json["recorded"], "2026-06-01T09:00:00.000Z");
        }
    }
}

#[test]
fn our_audit_events_are_valid_r4_and_keep_our_own_profile() {
    let definitions = Definitions::base().unwrap_or_else(|report| panic!("{:?}", report.issues));
    let ours = "https://sharewell.example/fhir/StructureDefinition/sharewell-auditevent";
    for kind in Kind::ALL {
        for phase in [Phase::Intent, Phase::Completion, Phase::Whole] {
            let mut event = event(kind);
            (event.phase, event.intent) = (phase, Some("e-0".to_owned()));
            let report = check(&event.tree(), &[ours], &definitions);
            let wrong: Vec<String> = report.issues.iter().filter(|i| i.is_error()).map(ToString::to_string).collect();
            assert!(wrong.is_empty(), "{kind:?} {phase:?}: {wrong:#?}");
        }
    }
}

/// What a kill leaves: a database, its write-ahead log and the head of the last commit.
#[tokio::test]
async fn a_changed_byte_in_the_write_ahead_log_is_found_or_changes_nothing_and_a_gateway_refuses_to_go_on() {
    let it = journey().await;
    let left = copy(it.folder.path());
    let (path, log) = (stored::database(left.path()), left.path().join("sharewell.db-wal"));
    let (whole, database) = (fs::read(&log).unwrap(), fs::read(&path).unwrap());
    assert!(whole.len() > 40_000, "the log holds the journey");
    assert_eq!(prove(&path, &[]).findings, []);
    let (mut found, mut tried, mut refused) = (0, 0, 0);
    for at in (0..whole.len()).step_by(whole.len() / 120) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        fs::write(&log, &bytes).unwrap();
        fs::write(&path, &database).unwrap();
        let _ = fs::remove_file(left.path().join("sharewell.db-shm"));
        let proof = prove(&path, &[]);
        tried += 1;
        if proof.findings.is_empty() {
            assert_eq!(proof.entries, 12, "byte {at}: nothing of the trail is missing");
            continue;
        }
        found += 1;
        let opened = Sqlite::open(&path, &left.path().join("audit.key"), it.clock.clone());
        refused += u32::from(matches!(opened, Err(StoreError::Damaged(_))));
    }
    println!(
        "{tried} bytes of the write-ahead log changed one by one: {found} found, {refused} stores refused to open"
    );
    assert!(found > 0 && refused > 0);
}

#[tokio::test]
async fn a_store_that_refuses_to_open_leaves_the_evidence_as_it_was() {
    let it = journey().await;
    it.store.close().await.unwrap();
    sql(&it.path(), "DELETE FROM log WHERE sequence > 11; DELETE FROM head WHERE size > 11;");
    let opened = Sqlite::open(&it.path(), &it.folder.path().join("audit.key"), it.clock.clone());
    assert!(matches!(opened, Err(StoreError::Damaged(_))));
    let proof = prove(&it.path(), &[]);
    assert!(says(&proof, "page ") && says(&proof, "the log was cut"), "{:?}", proof.findings);
}
