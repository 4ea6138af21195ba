//! A configuration tells every mistake at once, with its place and remedy, and never a secret.

use sharewell::config::{CertificateMatch, Config, Format, Limits, Right, Surroundings, load, read};
use sharewell::edge::authority::{Authority, Issued, Purpose};
use sharewell::pure::fhir::Report;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MINIMAL: &str = r#"
[gateway]
name = "t"
system = "urn:s"
value = "v"
base = "https://gateway.test/"
[listen]
address = "127.0.0.1:0"
[listen.tls]
certificate_file = "server.pem"
key_file = "server.key"
client_authorities_file = "ca.pem"
[store]
path = "s.db"
[[party]]
id = "a"
name = "A"
identifiers = [{ system = "urn:s", value = "a" }]
"#;

/// Reads the text alone, with mappings `care-act` and `portal` in folder `m`.
fn text_only(text: &str) -> Result<Config, Report> {
    let folder = |path: &Path| match path.ends_with("m") {
        true => Ok(vec!["care-act".to_owned(), "portal".to_owned(), "README.md".to_owned()]),
        false => Err(io::ErrorKind::NotFound.into()),
    };
    let around = Surroundings {
        base: Path::new("/base"),
        file: None,
        folder: &folder,
        variable: &|_| None,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    read(text, "g.toml", &around)
}

/// Id, line and column of each mistake.
fn mistakes(text: &str) -> Vec<(String, u32, u32)> {
    let report = text_only(text).expect_err("there are mistakes");
    for issue in &report.issues {
        assert!(issue.remedy.is_some(), "`{}` has no remedy", issue.id);
        let last = issue.text.chars().last();
        assert!(last != Some('.') && !issue.text.starts_with(char::is_uppercase), "`{}`", issue.text);
    }
    let place = |i: &sharewell::pure::fhir::Issue| i.place.clone().expect("there is a place");
    report.issues.iter().map(|i| (i.id.to_string(), place(i).line, place(i).column)).collect()
}

fn ids(text: &str) -> Vec<String> {
    mistakes(text).into_iter().map(|(id, ..)| id).collect()
}

fn with(more: &str) -> String {
    format!("{MINIMAL}{more}")
}

#[test]
fn a_minimal_configuration_is_read_with_its_defaults() {
    let config = text_only(MINIMAL).unwrap();
    assert_eq!(config.gateway.base, "https://gateway.test");
    assert_eq!(config.listen.limits, Limits::default());
    assert_eq!(config.store.path, PathBuf::from("/base/s.db"));
    assert!(config.log.json);
    assert!(config.parties[0].may.is_empty() && !config.parties[0].identity.groups_known);
}

#[test]
fn everything_that_can_be_said_is_read() {
    let config = text_only(&with(
        r#"
audiences = ["hospice"]
purposes = ["TREAT", "ETREAT"]
groups = ["Group/1"]
roles = ["health-professional"]
references = ["Organization/a"]
certificates = ["dns:A.Test", "sha256:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"]
person = { system = "https://fhir.nhs.uk/Id/nhs-number", value = "9990000018" }
may = ["send", "choose", "ask", "validate", "record", "explain", "operate"]
sends = ["care-act", "fhir"]
[folders]
mappings = "m"
[log]
format = "human"
filter = "warn,sharewell=debug"
[listen.limits]
body = "1 MiB"
header_time = "1500ms"
requests = 7
[[recipient]]
id = "r"
party = "a"
endpoint = "https://r.test/fhir/"
format = "portal"
idempotent = false
give_up_after = "24h"
certificate_file = "own.pem"
key_file = "own.key"
[[source]]
id = "s"
base = "https://s.test/fhir"
pages = 3
"#,
    ))
    .unwrap();
    let party = &config.parties[0];
    assert_eq!(party.certificates[0], CertificateMatch::Dns("a.test".to_owned()));
    assert!(matches!(party.certificates[1], CertificateMatch::Sha256(d) if d[1] == 0x11 && d[31] == 0xff));
    assert_eq!(party.may, Right::ALL);
    let person = party.identity.person.as_ref().map(|p| p.identifiers[0].1.as_str());
    assert_eq!(person, Some("9990000018"), "whose own app it is");
    assert_eq!((party.identity.groups_known, party.identifier.1.as_str()), (true, "a"));
    let recipient = &config.recipients[0];
    assert_eq!(recipient.format, Format::Local("portal".to_owned()));
    assert_eq!((recipient.endpoint.as_str(), recipient.idempotent), ("https://r.test/fhir", false));
    assert_eq!(recipient.give_up_after.as_secs(), 86400);
    assert_eq!(recipient.client.identity.as_ref().unwrap().1, PathBuf::from("/base/own.key"));
    assert_eq!((config.sources[0].pages, config.listen.limits.requests), (3, 7));
    assert_eq!(config.listen.limits.header_time.as_millis(), 1500);
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_text() {
    let text = r#"[gateway]
name = ""
sytem = "urn:s"
value = 7
base = "http://gateway.test"
[listen]
address = "everywhere"
[listen.limits]
body = "8 MB"
header_time = "soon"
requests = 0
[[party]]
id = "A B"
name = "A"
identifiers = [{ system = "urn:s", value = "a" }]
may = ["sned"]
[[recipient]]
id = "r"
party = "nobody"
endpoint = "https://user:hunter2@r.test"
format = "fihr"
"#;
    let found: Vec<(String, u32, u32)> = mistakes(text);
    let at = |id: &str, line, column| (id.to_owned(), line, column);
    let expected = [
        at("config-missing", 1, 1),
        at("config-missing", 1, 1),
        at("config-empty", 2, 8),
        at("config-unknown-key", 3, 1),
        at("config-wrong-type", 4, 9),
        at("config-address", 5, 8),
        at("config-missing", 6, 1),
        at("config-address", 7, 11),
        at("config-out-of-range", 9, 8),
        at("config-out-of-range", 10, 15),
        at("config-out-of-range", 11, 12),
        at("config-id", 13, 6),
        at("config-unknown-right", 16, 8),
        at("config-unknown-party", 19, 9),
        at("config-address", 20, 12),
        at("config-unknown-format", 21, 10),
    ];
    assert_eq!(found, expected);
    let report = text_only(text).unwrap_err();
    let remedy = |id: &str| report.issues.iter().find(|i| i.id == id).unwrap().remedy.clone().unwrap().to_string();
    assert_eq!(remedy("config-unknown-key"), "did you mean `system`?");
    assert_eq!(remedy("config-unknown-right"), "did you mean `send`?");
    assert_eq!(remedy("config-unknown-format"), "did you mean `fhir`?");
}

#[test]
fn syntax_errors_are_told_with_their_place() {
    let found = mistakes("[gateway]\nname = \"t\nvalue = = 3\n");
    assert!(found.iter().all(|(id, line, _)| id == "config-syntax" && *line >= 2), "{found:?}");
    assert!(!found.is_empty());
    assert_eq!(ids("a = 1\na = 2\n")[0], "config-syntax");
    assert!(!ids("").is_empty());
    assert!(!ids("\u{0}").is_empty());
}

#[test]
fn what_contradicts_itself_is_refused() {
    let twice = "[[party]]\nid = \"a\"\nname = \"B\"\nidentifiers = [{ system = \"urn:s\", value = \"a\" }]\n";
    assert_eq!(ids(&with(twice)), ["config-identifier-twice", "config-twice"]);
    assert_eq!(ids(&with("may = [\"ask\"]\n")), ["config-no-certificate"]);
    assert_eq!(ids(&with("may = [\"send\"]\ncertificates = [\"dns:a.test\"]\n")), ["config-no-format"]);
    assert_eq!(ids(&with("sends = [\"fhir\"]\n")), ["config-no-right"]);
    let both = "certificates = [\"dns:x.test\"]\n[[party]]\nid = \"b\"\nname = \"B\"\ncertificates = [\"dns:X.test\"]\n\
                identifiers = [{ system = \"urn:s\", value = \"b\" }]\n";
    assert_eq!(ids(&with(both)), ["config-certificate-twice"]);
    assert_eq!(ids(&with("certificates = [\"dns:*.test\", \"cn=a\", \"sha256:00\"]\n")), ["config-certificate"; 3]);
    assert_eq!(ids(&with("audiences = [\"hospise\"]\n")), ["config-unknown-audience"]);
    assert_eq!(ids(&with("purposes = [\"treat\"]\n")), ["config-purpose"]);
    let source = "[[source]]\nid = \"s\"\nbase = \"https://s.test?x=1\"\ncertificate_file = \"c.pem\"\n";
    assert_eq!(ids(&with(source)), ["config-missing", "config-address"]);
    assert_eq!(ids(&with("[listen.limits]\nunpacked = \"1 MiB\"\n")), ["config-limits"]);
}

#[test]
fn a_secret_in_the_text_is_refused_and_never_shown() {
    let text = with("[[source]]\nid = \"s\"\nbase = \"https://s.test\"\nbearer = \"hunter2\"\n");
    let report = text_only(&text).unwrap_err();
    assert_eq!(report.issues[0].id, "config-unknown-key");
    assert!(report.issues[0].remedy.as_ref().unwrap().contains("bearer_file"));
    for show in [format!("{report:?}"), report.outcome().root().to_json()] {
        assert!(!show.contains("hunter2"));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.toml");
    let password = with("[[source]]\nid = \"s\"\nbase = \"https://me:hunter2@s.test\"\n");
    let broken = with("[[source]]\nbearer = \"hunter2\n");
    for text in [text, password, broken] {
        std::fs::write(&path, text).unwrap();
        for output in ["human", "json"] {
            let done = check(&path, &["--text-only", "--output", output]);
            assert_eq!(done.status.code(), Some(1));
            let shown = [done.stdout, done.stderr].concat();
            assert!(!String::from_utf8_lossy(&shown).contains("hunter2"), "{}", String::from_utf8_lossy(&shown));
        }
    }
}

fn check(path: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sharewell"));
    command.args(["config", "check"]).arg(path).args(more).output().unwrap()
}

// ---- with files ------------------------------------------------------------------------------------------------------

struct Keys {
    folder: tempfile::TempDir,
    server: Issued,
    authority: Authority,
}

fn keys() -> Keys {
    let now = jiff::Timestamp::now();
    let authority = Authority::new("test", now).unwrap();
    let server = authority.issue(Purpose::Server, &["localhost"], &[], now, 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys { folder, server, authority };
    keys.write("server.pem", &keys.server.certificate);
    keys.write("server.key", &keys.server.key);
    keys.write("ca.pem", &keys.authority.certificate().unwrap());
    keys
}

impl Keys {
    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn load(&self, text: &str) -> Result<Config, Report> {
        load(text, &self.folder.path().join("g.toml"), true, jiff::Timestamp::now())
    }

    fn ids(&self, text: &str) -> Vec<String> {
        self.load(text).expect_err("there are mistakes").issues.iter().map(|i| i.id.to_string()).collect()
    }
}

#[test]
fn the_files_that_are_named_are_looked_at() {
    let keys = keys();
    assert!(keys.load(MINIMAL).is_ok());
    let now = jiff::Timestamp::now();
    let other = keys.authority.issue(Purpose::Server, &["other"], &[], now, 1).unwrap();
    keys.write("server.key", &other.key);
    assert_eq!(keys.ids(MINIMAL), ["config-key"]);
    keys.write("server.key", b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    assert_eq!(keys.ids(MINIMAL), ["config-key"]);
    let late = keys.authority.issue(Purpose::Server, &["localhost"], &[], now, -1).unwrap();
    keys.write("server.pem", &late.certificate);
    keys.write("server.key", &late.key);
    assert_eq!(keys.ids(MINIMAL), ["config-expired"]);
    keys.write("server.pem", b"no certificate");
    std::fs::remove_file(keys.folder.path().join("ca.pem")).unwrap();
    assert_eq!(keys.ids(MINIMAL), ["config-pem", "config-file"]);
}

#[test]
fn a_secret_is_read_from_its_file_and_is_mute() {
    let keys = keys();
    keys.write("token", b"hunter2\n");
    let text = with("[[source]]\nid = \"s\"\nbase = \"https://s.test\"\nbearer_file = \"token\"\n");
    let config = keys.load(&text).unwrap();
    assert_eq!(config.sources[0].client.bearer.as_ref().unwrap().reveal(), "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
    keys.write("token", b"two\nlines");
    assert_eq!(keys.ids(&text), ["config-secret"]);
    let absent = with("[[source]]\nid = \"s\"\nbase = \"https://s.test\"\nbearer_env = \"SHAREWELL_TEST_NO_SUCH\"\n");
    assert_eq!(keys.ids(&absent), ["config-secret"]);
}

#[test]
fn the_example_configuration_is_good() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/gateway.toml");
    let text = std::fs::read_to_string(&example).unwrap();
    let done = check(&example, &["--text-only"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    // With the files it names, too.
    let keys = keys();
    keys.write("tls/gateway.pem", &keys.server.certificate);
    keys.write("tls/gateway.key", &keys.server.key);
    keys.write("tls/clients-ca.pem", &keys.authority.certificate().unwrap());
    keys.write("tls/outgoing.pem", &keys.server.certificate);
    keys.write("tls/outgoing.key", &keys.server.key);
    let config = keys.load(&text).unwrap();
    assert_eq!(config.listen.limits, Limits::default(), "the example shows the defaults");
    assert_eq!((config.parties.len(), config.recipients.len(), config.sources.len()), (10, 4, 1));
    let commented = text.lines().filter(|l| l.trim_start().starts_with('#')).count();
    assert!(commented > 50, "the example explains itself");
}

#[test]
fn the_exit_code_tells_what_was_wrong() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(check(&folder.path().join("none.toml"), &[]).status.code(), Some(2));
    let path = folder.path().join("g.toml");
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert_eq!(check(&path, &[]).status.code(), Some(3));
    std::fs::write(&path, "nonsense").unwrap();
    let done = check(&path, &["--output", "json"]);
    assert_eq!(done.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&told["valid"], &told["outcome"]["resourceType"]), (&false.into(), &"OperationOutcome".into()));
}

#[test]
fn hostile_text_is_answered_in_time() {
    let began = std::time::Instant::now();
    let many: String = (0..20_000).map(|i| format!("k{i} = {i}\n")).collect();
    assert!(text_only(&many).is_err());
    let deep = format!("a = {}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(text_only(&deep).is_err());
    let long = format!("[gateway]\n{} = 1\n", "n".repeat(100_000));
    assert!(text_only(&long).is_err());
    assert!(began.elapsed().as_secs() < 10);
}
