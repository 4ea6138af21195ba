//! The trail in the store: entries become leaves of a Merkle tree, and every commit signs the tree's head.
//!
//! A leaf covers the words an entry is found by, the digests of the rows it vouches for, and SHA-256(salt ‖ event). When
//! the time comes to erase, salt and event can go and the tree stands.

use super::super::StoreError;
use super::seal::{Seal, hex};
use super::writer::Ledger;
use crate::pure::audit::merkle::{self, Frontier, Hash};
use crate::pure::audit::{Entry, Phase};
use jiff::Timestamp;
use openssl::pkey::{Id, PKey, Private};
use rusqlite::{Connection, OptionalExtension, params};
use std::io::Write;
use std::path::Path;

/// What an entry vouches for, one line each: `TABLE KEY DIGEST`, or `state MESSAGE STATE ATTEMPT`.
#[derive(Default)]
pub(super) struct Refs(String);

impl Refs {
    /// A row was written that will not change.
    pub(super) fn row(&mut self, table: &str, key: &str, digest: [u8; 32]) {
        self.0.push_str(&format!("{table} {key} {}\n", hex(&digest)));
    }

    /// A message stands here now.
    pub(super) fn state(&mut self, message: &str, state: &str, attempt: u32) {
        self.0.push_str(&format!("state {message} {state} {attempt}\n"));
    }
}

impl Ledger<'_> {
    /// 16 bytes nobody can guess.
    pub(super) fn salt(&self) -> [u8; 16] {
        let mut salt = [0; 16];
        salt.copy_from_slice(&self.clock.chance()[..16]);
        salt
    }

    /// Adds entries; the first of them vouches for what was done, and each for what its decision rests on.
    pub(super) fn append(&mut self, entries: &[Entry], refs: Refs) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Err(StoreError::Refused("nothing is done without an entry in the trail"));
        }
        let mut first = Some(refs);
        for entry in entries {
            let mut refs = first.take().unwrap_or_default();
            self.store_grounds(entry, &mut refs)?;
            self.append_one(entry, &refs.0)?;
        }
        Ok(())
    }

    fn append_one(&mut self, entry: &Entry, refs: &str) -> Result<(), StoreError> {
        let sequence = i64::try_from(self.frontier.size() + 1).map_err(|_| StoreError::Busy)?;
        let salt = self.salt();
        let leaf = leaf(sequence, entry, refs, &salt);
        let recorded = entry.recorded.as_microsecond();
        self.connection
            .prepare_cached(
                "INSERT INTO log (sequence, id, kind, phase, intent, outcome, request, party, message, recorded, refs,
                 salt, event, leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                sequence,
                entry.id,
                entry.kind.word(),
                entry.phase.word(),
                entry.intent,
                entry.outcome.code(),
                entry.request,
                entry.party,
                entry.message,
                recorded,
                refs,
                salt,
                entry.event,
                leaf
            ])?;
        match (entry.phase, &entry.intent) {
            (Phase::Intent, _) => {
                self.connection.prepare_cached("INSERT INTO unresolved (id) VALUES (?1)")?.execute([&entry.id])?;
            }
            (Phase::Completion, Some(intent)) => {
                self.connection.prepare_cached("DELETE FROM unresolved WHERE id = ?1")?.execute([intent])?;
            }
            _ => {}
        }
        self.frontier.append(leaf);
        Ok(())
    }
}

fn leaf(sequence: i64, entry: &Entry, refs: &str, salt: &[u8]) -> Hash {
    let mut commitment = openssl::sha::Sha256::new();
    commitment.update(salt);
    commitment.update(entry.event.as_bytes());
    let data = Seal::of("log")
        .number(sequence)
        .text(&entry.id)
        .text(entry.kind.word())
        .text(entry.phase.word())
        .maybe(entry.intent.as_deref())
        .text(entry.outcome.code())
        .text(&entry.request)
        .maybe(entry.party.as_deref())
        .maybe(entry.message.as_deref())
        .number(entry.recorded.as_microsecond())
        .text(refs)
        .bytes(&commitment.finish())
        .finish();
    merkle::leaf(&data)
}

/// A tree head, signed.
#[derive(Clone)]
pub(super) struct Head {
    store: String,
    size: u64,
    root: Hash,
    at: Timestamp,
    key: Vec<u8>,
    signature: Vec<u8>,
}

impl Head {
    fn statement(store: &str, size: u64, at: Timestamp, root: &Hash) -> String {
        format!(
            "sharewell tree head 1\nstore {store}\nsize {size}\ntime {}\nroot {}\n",
            at.as_microsecond(),
            openssl::base64::encode_block(root)
        )
    }

    /// The head as a file: what is signed, then the public key and the signature.
    pub(super) fn text(&self) -> String {
        signed_text(&Head::statement(&self.store, self.size, self.at, &self.root), &self.key, &self.signature)
    }

    /// Keeps it in the database.
    pub(super) fn store(&self, connection: &Connection, frontier: &Frontier) -> Result<(), StoreError> {
        let size = i64::try_from(self.size).map_err(|_| StoreError::Busy)?;
        connection
            .prepare_cached("INSERT INTO head (size, at, root, peaks, signature) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![size, self.at.as_microsecond(), self.root, frontier.peaks().concat(), self.signature])?;
        Ok(())
    }
}

fn signed_text(statement: &str, key: &[u8], signature: &[u8]) -> String {
    let base64 = openssl::base64::encode_block;
    format!("{statement}key {}\nsignature {}\n", base64(key), base64(signature))
}

/// Who signs heads: an Ed25519 key of this gateway, for one store.
pub(super) struct Signer {
    key: PKey<Private>,
    public: Vec<u8>,
    store: String,
}

impl Signer {
    /// Reads the key file, or makes it (and `FILE.pub` beside it) where there is none.
    pub(super) fn open(path: &Path, store: &str) -> Result<Signer, StoreError> {
        let key = match std::fs::read(path) {
            Ok(pem) => {
                PKey::private_key_from_pem(&pem).map_err(|_| unusable(path, "it holds no private key in PEM"))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make_key(path)?,
            Err(error) => return Err(unusable(path, &error.to_string())),
        };
        if key.id() != Id::ED25519 {
            return Err(unusable(path, "it is not an Ed25519 key"));
        }
        let public = key.raw_public_key().map_err(|_| unusable(path, "it has no public half"))?;
        Ok(Signer { key, public, store: store.to_owned() })
    }

    /// Signs the head of a tree.
    pub(super) fn sign(&self, frontier: &Frontier, at: Timestamp) -> Result<Head, StoreError> {
        // The signed text says microseconds; so does the database.
        let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
        let (size, root) = (frontier.size(), frontier.root());
        let signature = self.signature(Head::statement(&self.store, size, at, &root).as_bytes())?;
        Ok(Head { store: self.store.clone(), size, root, at, key: self.public.clone(), signature })
    }

    /// Signs a statement and gives it with the key and the signature below it.
    pub(super) fn sign_text(&self, statement: &str) -> Result<String, StoreError> {
        Ok(signed_text(statement, &self.public, &self.signature(statement.as_bytes())?))
    }

    fn signature(&self, statement: &[u8]) -> Result<Vec<u8>, StoreError> {
        openssl::sign::Signer::new_without_digest(&self.key)
            .and_then(|mut signer| signer.sign_oneshot_to_vec(statement))
            .map_err(|_| StoreError::Failed("the tree head cannot be signed".to_owned()))
    }
}

fn unusable(path: &Path, why: &str) -> StoreError {
    StoreError::Failed(format!("the signing key `{}` cannot be used: {why}", path.display()))
}

fn make_key(path: &Path) -> Result<PKey<Private>, StoreError> {
    let openssl = |_| unusable(path, "OpenSSL cannot make an Ed25519 key");
    let key = PKey::generate_ed25519().map_err(openssl)?;
    let pem = key.private_key_to_pem_pkcs8().map_err(openssl)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(&pem)?;
        file.sync_all()
    });
    written.map_err(|error| unusable(path, &error.to_string()))?;
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    let pem = key.public_key_to_pem().map_err(openssl)?;
    std::fs::write(&public, pem).map_err(|error| unusable(path, &error.to_string()))?;
    Ok(key)
}

/// The tree as the newest head in the database left it.
pub(super) fn frontier(connection: &Connection) -> Result<Frontier, StoreError> {
    let entries: i64 = connection.query_row("SELECT coalesce(max(sequence), 0) FROM log", [], |r| r.get(0))?;
    let head = connection
        .query_row("SELECT size, root, peaks FROM head ORDER BY size DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .optional()?;
    let Some((size, root, peaks)) = head else {
        return if entries == 0 { Ok(Frontier::default()) } else { Err(headless()) };
    };
    let (peaks, rest) = peaks.as_chunks::<32>();
    let frontier = Frontier::from_peaks(u64::try_from(size).unwrap_or_default(), peaks.to_vec());
    frontier.filter(|f| rest.is_empty() && size == entries && f.root()[..] == root[..]).ok_or_else(headless)
}

fn headless() -> StoreError {
    StoreError::Damaged("the newest tree head does not fit the log; `sharewell audit verify` says more".to_owned())
}
