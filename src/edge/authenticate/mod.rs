//! Who is calling: a verified client certificate becomes a [`Caller`], or nobody.
//!
//! Comes in: the certificate that OpenSSL verified against our client authorities. Goes out: [`Caller`], which only this
//! room can make. Refused: no certificate, one that belongs to no party, one that belongs to two. No header is looked at.

use crate::config::{CertificateMatch, Config, Party, Right};
use openssl::hash::MessageDigest;
use openssl::x509::X509Ref;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A party that proved who it is. To hold one is the proof.
#[derive(Clone)]
pub struct Caller {
    party: Arc<Party>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({})", self.party.identity.id)
    }
}

impl Caller {
    /// Who it is, as configured.
    #[must_use]
    pub fn party(&self) -> &Arc<Party> {
        &self.party
    }

    /// Whether it holds a right.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        self.party.may.contains(&right)
    }

    /// Whether it may send this format (`fhir`, or the name of a mapping).
    #[must_use]
    pub fn sends(&self, format: &str) -> bool {
        self.may(Right::Send) && self.party.sends.iter().any(|f| f == format)
    }
}

/// Whose certificate is whose, made once from the configuration.
#[derive(Debug, Default)]
pub struct Register {
    by_name: HashMap<String, Arc<Party>>,
    by_digest: HashMap<[u8; 32], Arc<Party>>,
}

/// Why a certificate makes nobody a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// None was shown.
    NoCertificate,
    /// It belongs to no party.
    Unknown,
    /// It belongs to more than one party, so to none.
    Ambiguous,
}

impl Register {
    /// Reads the parties of the configuration.
    #[must_use]
    pub fn new(config: &Config) -> Register {
        let mut register = Register::default();
        for party in &config.parties {
            for certificate in &party.certificates {
                match certificate {
                    CertificateMatch::Dns(name) => {
                        register.by_name.insert(name.to_ascii_lowercase(), party.clone());
                    }
                    CertificateMatch::Sha256(digest) => {
                        register.by_digest.insert(*digest, party.clone());
                    }
                }
            }
        }
        register
    }

    /// The caller whose certificate this is. The handshake has already verified its signature, dates and purpose.
    ///
    /// # Errors
    /// Says why it is nobody's.
    pub fn authenticate(&self, certificate: Option<&X509Ref>) -> Result<Caller, Stranger> {
        let certificate = certificate.ok_or(Stranger::NoCertificate)?;
        let mut found: Option<&Arc<Party>> = None;
        let digest = certificate.digest(MessageDigest::sha256()).ok();
        let by_digest = digest.and_then(|d| self.by_digest.get(&*d));
        let names = certificate.subject_alt_names();
        let by_name = names.iter().flatten().filter_map(|n| n.dnsname());
        let by_name = by_name.filter_map(|n| self.by_name.get(&n.to_ascii_lowercase()));
        for party in by_digest.into_iter().chain(by_name) {
            match found {
                Some(other) if other.identity.id != party.identity.id => return Err(Stranger::Ambiguous),
                _ => found = Some(party),
            }
        }
        found.map(|party| Caller { party: party.clone() }).ok_or(Stranger::Unknown)
    }
}
