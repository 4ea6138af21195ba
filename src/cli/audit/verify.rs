//! The proof, step by step: the file's bytes, SQLite's structure, the log, the heads, and everything else that is stored.

use super::heads::{Head, Signed};
use super::pages::{self, Pages};
use super::rows::{PLACE, TABLES, digest};
use super::trail::{Read, Reader, Signatory};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: a page, a table and row, a file.
    pub place: String,
    /// What is wrong there. No value of a record.
    pub what: String,
}

impl Finding {
    pub(super) fn new(place: impl Into<String>, what: String) -> Finding {
        Finding { place: place.into(), what }
    }
}

/// What the verifier was told by somebody else than the gateway.
#[derive(Clone, Debug, Default)]
pub struct Witness<'a> {
    /// Tree heads kept from earlier.
    pub heads: &'a [PathBuf],
    /// The gateway's public key, 32 bytes.
    pub key: Option<Vec<u8>>,
}

/// What was found, and what was looked at.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// Empty: proven.
    pub findings: Vec<Finding>,
    /// What could not be checked, and why.
    pub unchecked: Vec<String>,
    /// Log entries read.
    pub entries: u64,
    /// Signed heads that hold.
    pub heads: u64,
    /// Rows that the log vouches for.
    pub rows: u64,
    /// Intents without a completion.
    pub unresolved: u64,
    /// Entries whose time is seconds before that of an earlier one.
    pub went_back: u64,
    /// The root of the log, hexadecimal.
    pub root: String,
    /// The key that signs, hexadecimal.
    pub key: String,
}

/// `FILE.head`, `FILE.pages`, `FILE-wal`.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Opens the database so that nothing can be written, not even beside it where that can be helped.
pub(super) fn open(database: &Path) -> rusqlite::Result<Connection> {
    let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut uri = String::from("file:");
    for byte in database.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str(if pages::has_log(database) { "?mode=ro" } else { "?mode=ro&immutable=1" });
    let connection = Connection::open_with_flags(uri, read_only)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    Ok(connection)
}

/// Proves a database, or says where it is not as it was written.
///
/// # Errors
/// In words, when there is nothing to look at: the file is not there or cannot be read.
pub fn verify(database: &Path, witness: &Witness<'_>) -> Result<Proof, String> {
    std::fs::File::open(database).map_err(|error| format!("`{}` cannot be read: {error}", database.display()))?;
    let mut proof = Proof::default();
    let unreadable = |error: std::io::Error| format!("`{}` cannot be read: {error}", database.display());
    let pages = proof.bytes(database).map_err(unreadable)?;
    let heads = proof.heads_given(database, witness, pages.as_ref());
    let Some((_, first)) = heads.first() else { return Ok(proof) };
    let (store, key) = (first.store.clone(), proof.key.clone());
    if let Err(error) = proof.database(database, &store, &key, &heads) {
        proof.findings.push(Finding::new("the database", format!("cannot be read to its end: {error}")));
    }
    Ok(proof)
}

type NamedHead = (String, Head);

impl Proof {
    fn found(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.findings.push(Finding::new(place, what.into()));
    }

    /// The file's bytes against the signed digests, where it was closed.
    fn bytes(&mut self, database: &Path) -> std::io::Result<Option<Pages>> {
        pages::header(database, &mut self.findings)?;
        let path = beside(database, ".pages");
        if !path.exists() {
            self.unchecked.push(
                "bytes that no row uses: the database is open, or was not closed cleanly (there is no `.pages` file)"
                    .to_owned(),
            );
            return Ok(None);
        }
        if pages::has_log(database) {
            self.found(path.display().to_string(), "is there although the database was written to since");
        }
        match Pages::read(&path) {
            Ok(pages) => {
                pages.compare(database, &mut self.findings)?;
                Ok(Some(pages))
            }
            Err(why) => {
                self.found(path.display().to_string(), why);
                Ok(None)
            }
        }
    }

    /// The heads beside the database and those kept elsewhere; all by one key.
    fn heads_given(&mut self, database: &Path, witness: &Witness<'_>, pages: Option<&Pages>) -> Vec<NamedHead> {
        let own = beside(database, ".head");
        let mut key = witness.key.clone();
        let mut heads: Vec<NamedHead> = Vec::new();
        for path in std::iter::once(&own).chain(witness.heads) {
            let name = path.display().to_string();
            let read = Signed::read(path, "sharewell tree head 1").and_then(|signed| Ok((signed.head()?, signed)));
            match read {
                Err(why) => self.found(name, why),
                Ok((_, signed)) if !signed.holds => self.found(name, "its signature does not hold"),
                Ok((head, signed)) => {
                    if *key.get_or_insert_with(|| signed.key.clone()) != signed.key {
                        self.found(&name, "was signed with another key");
                    }
                    heads.push((name, head));
                }
            }
        }
        if let Some(pages) = pages {
            let file = std::fs::read(&own).unwrap_or_default();
            if openssl::sha::sha256(&file)[..] != pages.head_file {
                self.found(own.display().to_string(), "is not the head that the database was closed with");
            }
            if key.as_ref() != Some(&pages.signed.key) {
                self.found(beside(database, ".pages").display().to_string(), "was signed with another key");
            }
        }
        if let Some((_, newest)) = heads.first() {
            let store = newest.store.clone();
            for (name, head) in &heads {
                if head.store != store {
                    self.findings.push(Finding::new(name, "is of another database".to_owned()));
                }
            }
        }
        self.key = key.map(|key| super::trail::hex(&key)).unwrap_or_default();
        heads
    }

    fn database(&mut self, path: &Path, store: &str, key: &str, heads: &[NamedHead]) -> rusqlite::Result<()> {
        let connection = open(path)?;
        // One view of it all, though a gateway may be writing.
        connection.execute_batch("BEGIN")?;
        pages::structure(&connection, &mut self.findings)?;
        self.schema(&connection)?;
        let key: Vec<u8> =
            (0..key.len() / 2).filter_map(|i| u8::from_str_radix(&key[2 * i..2 * i + 2], 16).ok()).collect();
        let asked: Vec<u64> = heads.iter().map(|(_, head)| head.size).collect();
        let signatory = Signatory { store, key: &key };
        let read = Reader::new(&connection, signatory, &mut self.findings).run(&asked)?;
        for (name, head) in heads {
            self.head(name, head, &read);
        }
        self.tables(&connection, store, &read)?;
        (self.entries, self.heads, self.unresolved) = (read.entries, read.heads, read.unresolved.len() as u64);
        (self.rows, self.went_back) = (read.vouched.values().sum(), read.went_back);
        self.root = super::trail::hex(&read.root);
        Ok(())
    }

    fn head(&mut self, name: &str, head: &Head, read: &Read) {
        if head.size > read.entries {
            let what = format!("signs {} log entries, and there are {}: the log was cut", head.size, read.entries);
            self.found(name, what);
        } else if head.size > 0 && read.roots.get(&head.size).map(|root| &root[..]) != Some(&head.root[..]) {
            let what =
                format!("the first {} log entries are not those that it signs: the log was rewritten", head.size);
            self.found(name, what);
        }
    }

    /// The tables are those that we make, word for word.
    fn schema(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let all = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY name";
        let read = |connection: &Connection| -> rusqlite::Result<Vec<[String; 4]>> {
            connection.prepare(all)?.query_map([], |r| Ok([r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?]))?.collect()
        };
        let version: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let ours = Connection::open_in_memory()?;
        let known = crate::edge::store::schema(version);
        if known.is_empty() {
            self.found("bytes 60 to 63 (file header)", "name a version of the tables that this program does not know");
        }
        ours.execute_batch(&known)?;
        for (table, here) in read(&ours)?.iter().map(|t| (t, connection)) {
            if !read(here)?.contains(table) {
                self.found(format!("the schema, `{}`", table[1]), "is not what it should be");
            }
        }
        let (here, there) = (read(connection)?.len(), read(&ours)?.len());
        if here != there {
            self.found("the schema", format!("has {here} tables and indexes, and should have {there}"));
        }
        let application: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        if application != 0x5348_5257 {
            self.found("bytes 68 to 71 (file header)", "do not say that the database is ours");
        }
        Ok(())
    }

    fn tables(&mut self, connection: &Connection, store: &str, read: &Read) -> rusqlite::Result<()> {
        for table in &TABLES {
            // A database of an older version lacks the younger tables; `schema` has said so where it should not.
            let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
            if connection.query_row(sql, [table.name], |row| row.get::<_, u64>(0))? == 0 {
                continue;
            }
            let (rows, vouched) = (table.count(connection)?, read.vouched.get(table.name).copied().unwrap_or_default());
            if rows != vouched {
                let what = format!("has {rows} rows, and the log vouches for {vouched}");
                self.found(format!("table `{}`", table.name), what);
            }
            let Some(column) = table.counted else { continue };
            let sql = format!("SELECT coalesce(max({column}), 0) FROM {} NOT INDEXED", table.name);
            let last: u64 = connection.query_row(&sql, [], |row| row.get(0))?;
            if last != rows {
                let what = format!("has {rows} rows, and its last is {last}: the numbers have a gap");
                self.found(format!("table `{}`", table.name), what);
            }
        }
        self.places(connection, read)?;
        self.unresolved(connection, read)?;
        let named: Option<String> =
            connection.query_row("SELECT value FROM setting WHERE name = 'store'", [], |r| r.get(0)).optional()?;
        let settings: u64 = connection.query_row("SELECT count(*) FROM setting", [], |row| row.get(0))?;
        if named.as_deref() != Some(store) || settings != 1 {
            self.found("table `setting`", "does not name the store that the heads are signed for");
        }
        let mut statement = connection.prepare("SELECT id, at, seal FROM pulse")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if row.get_ref(2)?.as_blob().ok() != Some(&digest("pulse", row, 2)?[..]) {
                self.found("table `pulse`", "does not fit its seal");
            }
        }
        Ok(())
    }

    /// Where each message stands, against its own seal and against the log.
    fn places(&mut self, connection: &Connection, read: &Read) -> rusqlite::Result<()> {
        let mut statement = connection.prepare(&format!("SELECT {PLACE}, seal, id FROM message NOT INDEXED"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let count = PLACE.split(',').count();
            let place = format!("table `message`, row {}", row.get::<_, i64>(0)?);
            if row.get_ref(count)?.as_blob().ok() != Some(&digest("place", row, count)?[..]) {
                self.found(&place, "does not fit its seal");
            }
            let (state, attempt): (String, i64) = (row.get(1)?, row.get(2)?);
            let (said, said_attempt, entry) = match read.standing.get(&row.get::<_, String>(9)?) {
                Some(standing) => (standing.state.as_str(), standing.attempt, Some(standing.entry)),
                None => ("accepted", 0, None),
            };
            let goes = match said {
                "accepted" => matches!(state.as_str(), "accepted" | "ready" | "claimed"),
                "retry" | "sent" => state == said || state == "claimed",
                finished => state == finished,
            };
            if !goes || attempt < said_attempt || (attempt != said_attempt && state != "claimed" && said != "accepted")
            {
                let entry =
                    entry.map_or("the log says nothing of it but".to_owned(), |e| format!("log entry {e} says"));
                self.found(&place, format!("is `{state}`, and {entry} `{said}`"));
            }
        }
        Ok(())
    }

    fn unresolved(&mut self, connection: &Connection, read: &Read) -> rusqlite::Result<()> {
        let mut statement = connection.prepare("SELECT id FROM unresolved NOT INDEXED")?;
        let listed: HashSet<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for id in listed.symmetric_difference(&read.unresolved) {
            self.found(
                format!("table `unresolved`, row with id `{id}`"),
                "the list of unresolved intents is not what the log makes of it",
            );
        }
        Ok(())
    }

    /// For a person.
    #[must_use]
    pub fn text(&self, database: &Path) -> String {
        let mut text = String::new();
        let mut line = |words: String| text.push_str(&(words + "\n"));
        for finding in &self.findings {
            line(format!("{}: {}", finding.place, finding.what));
        }
        for unchecked in &self.unchecked {
            line(format!("not checked: {unchecked}"));
        }
        if self.went_back > 0 {
            line(format!("note: {} entries are dated before an earlier one: the clock was put back", self.went_back));
        }
        if self.unresolved > 0 {
            line(format!("note: {} intents have no completion: `sharewell audit query --unresolved`", self.unresolved));
        }
        line(format!(
            "{}: {}: {} log entries, {} signed heads, {} rows vouched for; root {}; key {}",
            database.display(),
            match self.findings.len() {
                0 => "proven".to_owned(),
                1 => "1 finding".to_owned(),
                many => format!("{many} findings"),
            },
            self.entries,
            self.heads,
            self.rows,
            self.root,
            self.key
        ));
        text
    }

    /// For a program.
    #[must_use]
    pub fn json(&self, database: &Path) -> Value {
        let findings: Vec<Value> = self.findings.iter().map(|f| json!({ "where": f.place, "what": f.what })).collect();
        json!({
            "database": database.display().to_string(), "proven": self.findings.is_empty(), "findings": findings,
            "unchecked": self.unchecked, "entries": self.entries, "heads": self.heads, "rows": self.rows,
            "unresolved": self.unresolved, "wentBack": self.went_back, "root": self.root, "key": self.key,
        })
    }
}
