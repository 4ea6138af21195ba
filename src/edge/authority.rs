//! A throw-away certificate authority, for the demo and the tests: nothing that must last is signed here.
//!
//! Goes out: EC P-256 keys and X.509 v3 certificates in PEM, with subject alternative names and one purpose each.
//! Keys are made anew each time and live as long as whoever holds them.

use jiff::{Span, Timestamp};
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{CrlNumber, X509, X509Builder, X509CrlBuilder, X509Name, X509RevokedBuilder};
use std::fmt;
use std::net::IpAddr;

/// An authority with its key.
pub struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: Vec<u8>,
    /// Its private key, PKCS #8.
    pub key: Vec<u8>,
}

/// What a certificate is for. It serves for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A TLS server.
    Server,
    /// A TLS client.
    Client,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issued")
    }
}

impl Authority {
    /// A new authority, valid for a day around `now`.
    ///
    /// # Errors
    /// What OpenSSL says.
    pub fn new(name: &str, now: Timestamp) -> Result<Authority, ErrorStack> {
        let key = new_key()?;
        let mut builder = start(name, &key, now, Span::new().hours(24))?;
        builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(id)?;
        let own = subject(name)?;
        builder.set_issuer_name(&own)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Authority { certificate: builder.build(), key })
    }

    /// Its certificate, PEM.
    ///
    /// # Errors
    /// What OpenSSL says.
    pub fn certificate(&self) -> Result<Vec<u8>, ErrorStack> {
        self.certificate.to_pem()
    }

    /// A certificate for these DNS names and addresses, valid from an hour before `now` to `hours` after it; with
    /// `hours` below zero it has already expired.
    ///
    /// # Errors
    /// What OpenSSL says.
    pub fn issue(
        &self,
        purpose: Purpose,
        names: &[&str],
        addresses: &[IpAddr],
        now: Timestamp,
        hours: i64,
    ) -> Result<Issued, ErrorStack> {
        let key = new_key()?;
        let name = names.first().copied().unwrap_or("sharewell");
        let mut builder = start(name, &key, now, Span::new().hours(hours))?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        let mut usage = ExtendedKeyUsage::new();
        builder.append_extension(match purpose {
            Purpose::Server => usage.server_auth().build()?,
            Purpose::Client => usage.client_auth().build()?,
        })?;
        let mut alternatives = SubjectAlternativeName::new();
        names.iter().for_each(|n| {
            alternatives.dns(n);
        });
        addresses.iter().for_each(|a| {
            alternatives.ip(&a.to_string());
        });
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let extensions = [
            alternatives.build(&context)?,
            SubjectKeyIdentifier::new().build(&context)?,
            AuthorityKeyIdentifier::new().keyid(true).build(&context)?,
        ];
        for extension in extensions {
            builder.append_extension(extension)?;
        }
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(Issued { certificate: builder.build().to_pem()?, key: key.private_key_to_pem_pkcs8()? })
    }
}

impl Authority {
    /// A revocation list of these certificates, PEM, good for a day from `now`.
    ///
    /// # Errors
    /// What OpenSSL says.
    pub fn revoke(&self, revoked: &[&Issued], now: Timestamp) -> Result<Vec<u8>, ErrorStack> {
        let (now, next) = (now.as_second(), now.as_second() + 86_400);
        let (earlier, next) = (Asn1Time::from_unix(now - 3600)?, Asn1Time::from_unix(next)?);
        let mut list = X509CrlBuilder::new()?;
        list.set_issuer_name(self.certificate.subject_name())?;
        list.set_last_update(&earlier)?;
        list.set_next_update(&next)?;
        for issued in revoked {
            let mut entry = X509RevokedBuilder::new()?;
            entry.set_revocation_date(&earlier)?;
            entry.set_serial_number(X509::from_pem(&issued.certificate)?.serial_number())?;
            list.add_revoked(entry.build())?;
        }
        let blank = X509::builder()?;
        let context = blank.x509v3_context(Some(&self.certificate), None);
        list.append_extension(AuthorityKeyIdentifier::new().keyid(true).build(&context)?)?;
        list.append_extension(CrlNumber::new(BigNum::from_u32(1)?)?.build()?)?;
        list.sign(&self.key, MessageDigest::sha256())?;
        list.build()?.to_pem()
    }
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn subject(name: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509Name::builder()?;
    builder.append_entry_by_nid(Nid::ORGANIZATIONNAME, "Sharewell throw-away authority")?;
    // A common name holds 64 characters at most.
    let short: String = name.chars().take(64).collect();
    builder.append_entry_by_nid(Nid::COMMONNAME, &short)?;
    Ok(builder.build())
}

/// A builder with version, serial, dates, subject and public key set.
fn start(name: &str, key: &PKey<Private>, now: Timestamp, length: Span) -> Result<X509Builder, ErrorStack> {
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let serial: Asn1Integer = serial.to_asn1_integer()?;
    builder.set_serial_number(&serial)?;
    let until = now.checked_add(length).unwrap_or(now).as_second();
    let from = until.min(now.as_second()) - 3600;
    let (from, until) = (Asn1Time::from_unix(from)?, Asn1Time::from_unix(until)?);
    builder.set_not_before(&from)?;
    builder.set_not_after(&until)?;
    let subject = subject(name)?;
    builder.set_subject_name(&subject)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_issues_is_its_own_and_names_its_holder() {
        let now = Timestamp::now();
        let authority = Authority::new("test", now).unwrap();
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        let issued = authority.issue(Purpose::Server, &["localhost"], &[local], now, 1).unwrap();
        let certificate = X509::from_pem(&issued.certificate).unwrap();
        let public = X509::from_pem(&authority.certificate().unwrap()).unwrap().public_key().unwrap();
        assert!(certificate.verify(&public).unwrap());
        let names = certificate.subject_alt_names().unwrap();
        assert_eq!(names.iter().find_map(|n| n.dnsname()), Some("localhost"));
        let key = PKey::private_key_from_pem(&issued.key).unwrap();
        assert!(key.public_eq(&certificate.public_key().unwrap()));
    }

    #[test]
    fn an_expired_certificate_has_expired() {
        let now = Timestamp::now();
        let authority = Authority::new("test", now).unwrap();
        let issued = authority.issue(Purpose::Client, &["late.test"], &[], now, -1).unwrap();
        let certificate = X509::from_pem(&issued.certificate).unwrap();
        assert!(certificate.not_after() < Asn1Time::days_from_now(0).unwrap());
        assert!(certificate.not_before() < certificate.not_after());
    }
}
