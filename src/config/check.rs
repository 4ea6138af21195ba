//! What a value must be beyond its type: an address, a known name, a certificate that is in date and has its key.

use super::read::{Reading, Surroundings};
use super::section::{Notes, Said};
use super::who::PartySaid;
use super::words::suggestion;
use super::{CertificateMatch, Folders, Right};
use openssl::asn1::Asn1Time;
use openssl::pkey::PKey;
use openssl::x509::X509;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The local formats there are: those of the folder, or those embedded.
pub(super) fn formats(folders: &Folders, around: &Surroundings<'_>) -> Vec<String> {
    let mut names: Vec<String> = match &folders.mappings {
        Some(path) => (around.folder)(path).unwrap_or_default(),
        None => crate::embedded::files("mappings/")
            .into_iter()
            .filter_map(|f| Some(f.path.split_once('/')?.0.to_owned()))
            .collect(),
    };
    names.retain(|n| crate::edge::listen::routes::is_format(n));
    names.sort();
    names.dedup();
    names
}

/// Notes that a format is no mapping's.
pub(super) fn unknown_format(notes: &mut Notes<'_>, said: &Said<String>, formats: &[String]) {
    let mut known = formats.to_vec();
    known.push("fhir".to_owned());
    let text = format!("there is no format `{}`", said.value);
    notes.mistake(&said.span, "config-unknown-format", text, suggestion(&said.value, &known));
}

/// What holds between parties, and between the keys of one.
pub(super) fn parties(notes: &mut Notes<'_>, parties: &[PartySaid], formats: &[String]) {
    let mut ids = Vec::new();
    let mut certificates: HashMap<&CertificateMatch, &str> = HashMap::new();
    let mut identifiers: HashMap<&(String, String), &str> = HashMap::new();
    for said in parties {
        let id = said.id.as_ref().map_or("", |i| i.value.as_str());
        if let Some(id) = &said.id {
            once(notes, id.clone(), &mut ids);
        }
        for (certificate, span) in &said.certificates {
            if let Some(other) = certificates.insert(certificate, id) {
                let text = format!("this certificate is already party `{other}`'s");
                notes.mistake(span, "config-certificate-twice", text, "a certificate belongs to one party");
            }
        }
        for identifier in said.party.iter().flat_map(|p| &p.identity.identifiers) {
            if let Some(other) = identifiers.insert(identifier, id) {
                let text = format!("an identifier of party `{id}` is already party `{other}`'s");
                notes.mistake(&said.span, "config-identifier-twice", text, "an identifier names one party");
            }
        }
        for format in said.sends.iter().filter(|s| s.value != "fhir" && !formats.contains(&s.value)) {
            unknown_format(notes, format, formats);
        }
        rights(notes, said, id);
    }
}

fn rights(notes: &mut Notes<'_>, said: &PartySaid, id: &str) {
    if !said.may.is_empty() && said.certificates.is_empty() {
        let text = format!("party `{id}` has rights and no certificate, so it cannot call");
        notes.mistake(&said.span, "config-no-certificate", text, "add `certificates = [\"dns:its.name.example\"]`");
    }
    match (said.may.contains(&Right::Send), said.sends.first()) {
        (true, None) => {
            let text = format!("party `{id}` may send, and `sends` names no format");
            notes.mistake(&said.span, "config-no-format", text, "add `sends = [\"fhir\"]`");
        }
        (false, Some(first)) => {
            let text = format!("party `{id}` sends a format and may not send");
            notes.mistake(&first.span, "config-no-right", text, "add `\"send\"` to its `may`");
        }
        _ => {}
    }
}

/// An id: lower case letters, digits and hyphens.
pub(super) fn id(notes: &mut Notes<'_>, said: Said<String>) -> Option<Said<String>> {
    if crate::edge::listen::routes::is_format(&said.value) {
        return Some(said);
    }
    let text = format!("`{}` is not an id", said.value);
    notes.mistake(&said.span, "config-id", text, "use up to 64 lower case letters, digits and hyphens");
    None
}

/// An id that is not taken yet.
pub(super) fn once(notes: &mut Notes<'_>, said: Said<String>, taken: &mut Vec<String>) -> Option<Said<String>> {
    if taken.contains(&said.value) {
        let text = format!("`{}` stands twice", said.value);
        notes.mistake(&said.span, "config-twice", text, "give each an id of its own");
        return None;
    }
    taken.push(said.value.clone());
    Some(said)
}

/// An https address without a slash at its end. A secret in it is refused, and not quoted.
pub(super) fn address(notes: &mut Notes<'_>, said: &Said<String>) -> Option<String> {
    let remedy = "write `https://`, a host, and a path where there is one";
    let wrong = |text: &str| Some((text.to_owned(), remedy));
    let fault = match reqwest::Url::parse(&said.value) {
        Err(_) => wrong("this is not an address"),
        Ok(url) if url.scheme() != "https" => wrong("this address is not `https`"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Some(("this address holds a user or a password".to_owned(), "use `bearer_file` or a client certificate"))
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => wrong("this address has a query or a fragment"),
        Ok(_) => None,
    };
    if let Some((text, remedy)) = fault {
        notes.mistake(&said.span, "config-address", text, remedy);
        return None;
    }
    Some(said.value.trim_end_matches('/').to_owned())
}

/// Codes of sharing-audience that exist.
pub(super) fn audiences(notes: &mut Notes<'_>, said: &[Said<String>]) {
    let known = audience_codes();
    for audience in said.iter().filter(|a| !known.is_empty() && !known.contains(&a.value)) {
        let text = format!("there is no audience `{}`", audience.value);
        notes.mistake(&audience.span, "config-unknown-audience", text, suggestion(&audience.value, &known));
    }
}

fn audience_codes() -> Vec<String> {
    let files = crate::embedded::files("profiles/sharewell/");
    let file = files.iter().find(|f| f.path == "CodeSystem-sharing-audience.json");
    let system = file.and_then(|f| serde_json::from_slice::<serde_json::Value>(&f.bytes).ok());
    let concepts = system.as_ref().and_then(|s| s["concept"].as_array());
    concepts.into_iter().flatten().filter_map(|c| Some(c["code"].as_str()?.to_owned())).collect()
}

/// Codes as v3 ActReason writes them.
pub(super) fn purposes(notes: &mut Notes<'_>, said: &[Said<String>]) {
    for purpose in said {
        if purpose.value.len() < 3 || !purpose.value.bytes().all(|b| b.is_ascii_uppercase()) {
            let text = format!("`{}` is not a purpose of use", purpose.value);
            notes.mistake(&purpose.span, "config-purpose", text, "use a code of v3 PurposeOfUse, such as `TREAT`");
        }
    }
}

/// `dns:name` or `sha256:hex`.
pub(super) fn certificate_match(notes: &mut Notes<'_>, said: &Said<String>) -> Option<CertificateMatch> {
    let found = match said.value.split_once(':') {
        Some(("dns", name)) => dns(name).map(CertificateMatch::Dns),
        Some(("sha256", digest)) => hex(digest).map(CertificateMatch::Sha256),
        _ => None,
    };
    if found.is_none() {
        let text = format!("`{}` matches no certificate", said.value);
        let remedy = "write `dns:` and a full name without wildcard, or `sha256:` and 64 hexadecimal digits";
        notes.mistake(&said.span, "config-certificate", text, remedy);
    }
    found
}

fn dns(name: &str) -> Option<String> {
    let plain = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (name.len() <= 253 && name.split('.').all(plain)).then(|| name.to_ascii_lowercase())
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.chars().filter(|c| *c != ':').filter_map(|c| c.to_digit(16)?.try_into().ok()).collect();
    let odd = text.chars().any(|c| c != ':' && !c.is_ascii_hexdigit());
    let bytes: Vec<u8> = digits.chunks(2).map(|p| p[0] * 16 + p.get(1).copied().unwrap_or(0)).collect();
    if odd || digits.len() != 64 { None } else { bytes.try_into().ok() }
}

/// A file's path, and what it holds where files are looked at.
pub(super) fn file(reading: &mut Reading<'_>, said: &Said<String>) -> (PathBuf, Option<Vec<u8>>) {
    let path = reading.path(&said.value);
    let Some(read) = reading.around.file else { return (path, None) };
    match read(&path) {
        Ok(bytes) => (path, Some(bytes)),
        Err(error) => {
            unreadable(reading, said, &path, &error);
            (path, None)
        }
    }
}

fn unreadable(reading: &mut Reading<'_>, said: &Said<String>, path: &Path, error: &std::io::Error) {
    let text = format!("`{}` cannot be read: {}", path.display(), reason(error));
    let remedy = "relative paths start from the folder of this file";
    reading.notes.mistake(&said.span, "config-file", text, remedy);
}

fn reason(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist",
        std::io::ErrorKind::PermissionDenied => "we are not allowed to",
        _ => "the system refuses",
    }
}

/// A folder's path.
pub(super) fn folder(reading: &mut Reading<'_>, said: &Said<String>) -> PathBuf {
    let path = reading.path(&said.value);
    if reading.around.file.is_some()
        && let Err(error) = (reading.around.folder)(&path)
    {
        unreadable(reading, said, &path, &error);
    }
    path
}

/// A file of certificates in PEM, all in date.
pub(super) fn certificates(reading: &mut Reading<'_>, said: &Said<String>) -> PathBuf {
    let (path, bytes) = file(reading, said);
    if let Some(bytes) = bytes {
        chain(reading, said, &bytes);
    }
    path
}

fn chain(reading: &mut Reading<'_>, said: &Said<String>, bytes: &[u8]) -> Option<X509> {
    let list = X509::stack_from_pem(bytes).unwrap_or_default();
    if list.is_empty() {
        let text = format!("`{}` holds no certificate", said.value);
        reading.notes.mistake(&said.span, "config-pem", text, "put certificates in PEM there");
    }
    let now = Asn1Time::from_unix(reading.around.now.as_second()).ok();
    for certificate in &list {
        let order = now.as_ref().and_then(|n| certificate.not_after().compare(n).ok());
        if order.is_none_or(|o| o == Ordering::Less) {
            let text = format!("a certificate of `{}` has expired", said.value);
            reading.notes.mistake(&said.span, "config-expired", text, "renew it");
        }
    }
    list.into_iter().next()
}

/// A certificate and its key, which must belong together.
pub(super) fn key_pair(reading: &mut Reading<'_>, certificate: Option<&Said<String>>, key: Option<&Said<String>>) {
    let certificate = certificate.and_then(|said| {
        let bytes = file(reading, said).1?;
        chain(reading, said, &bytes)
    });
    let Some(said) = key else { return };
    let Some(bytes) = file(reading, said).1 else { return };
    // PKCS #8 is what every client and server here reads, and openssl would ask the terminal to open an encrypted key.
    let pkcs8 = bytes.windows(27).any(|w| w == b"-----BEGIN PRIVATE KEY-----");
    let key = if pkcs8 { PKey::private_key_from_pem(&bytes).ok() } else { None };
    match (key, certificate.and_then(|c| c.public_key().ok())) {
        (None, _) => {
            let text = format!("`{}` holds no private key that can be read", said.value);
            let remedy = "put an unencrypted PKCS #8 key in PEM there: `openssl pkcs8 -topk8 -nocrypt`";
            reading.notes.mistake(&said.span, "config-key", text, remedy);
        }
        (Some(key), Some(public)) if !key.public_eq(&public) => {
            let text = format!("`{}` is not the key of the certificate beside it", said.value);
            reading.notes.mistake(&said.span, "config-key", text, "name the key the certificate was made for");
        }
        _ => {}
    }
}
