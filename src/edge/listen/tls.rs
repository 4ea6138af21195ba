//! TLS as a server: OpenSSL, 1.2 or 1.3, client certificates verified against our client authorities.
//!
//! A client without a certificate gets through the handshake and is told 401 in HTTP; one whose certificate does not
//! verify (unknown authority, expired, revoked, not for clients) does not get through. Nothing is resumed, so every
//! connection proves itself anew.

use crate::config::ServerTls;
use openssl::error::ErrorStack;
use openssl::ssl::{
    AlpnError, SslAcceptor, SslFiletype, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion,
    select_next_proto,
};
use openssl::x509::X509;
use openssl::x509::store::{X509Lookup, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use std::fs;

/// Makes the acceptor.
///
/// # Errors
/// Which of the files cannot be used, without what it holds.
pub fn acceptor(tls: &ServerTls) -> Result<SslAcceptor, String> {
    let own = |_: ErrorStack| "openssl cannot be set up".to_owned();
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).map_err(own)?;
    let least = if tls.only_1_3 { SslVersion::TLS1_3 } else { SslVersion::TLS1_2 };
    builder.set_min_proto_version(Some(least)).map_err(own)?;
    builder.set_options(SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION | SslOptions::NO_COMPRESSION);
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_num_tickets(0).map_err(own)?;
    builder.set_alpn_select_callback(|_, offered| {
        select_next_proto(b"\x08http/1.1", offered).ok_or(AlpnError::ALERT_FATAL)
    });
    let certificate = tls.certificate.display();
    builder
        .set_certificate_chain_file(&tls.certificate)
        .map_err(|_| format!("`{certificate}` holds no certificate chain in PEM"))?;
    builder
        .set_private_key_file(&tls.key, SslFiletype::PEM)
        .map_err(|_| format!("`{}` holds no private key of `{certificate}` in PEM", tls.key.display()))?;
    builder.check_private_key().map_err(|_| format!("the key does not belong to `{certificate}`"))?;
    trust(&mut builder, tls)?;
    builder.set_verify(SslVerifyMode::PEER);
    builder.set_verify_depth(5);
    Ok(builder.build())
}

fn trust(builder: &mut openssl::ssl::SslAcceptorBuilder, tls: &ServerTls) -> Result<(), String> {
    let own = |_: ErrorStack| "openssl cannot be set up".to_owned();
    let mut store = X509StoreBuilder::new().map_err(own)?;
    for authority in authorities(tls)? {
        builder.add_client_ca(&authority).map_err(own)?;
        store.add_cert(authority).map_err(own)?;
    }
    if let Some(path) = &tls.client_revocations {
        let lookup = store.add_lookup(X509Lookup::file()).map_err(own)?;
        let broken = |_| format!("`{}` holds no revocation list in PEM", path.display());
        lookup.load_crl_file(path, SslFiletype::PEM).map_err(broken)?;
        store.set_flags(X509VerifyFlags::CRL_CHECK).map_err(own)?;
    }
    builder.set_verify_cert_store(store.build()).map_err(own)
}

fn authorities(tls: &ServerTls) -> Result<Vec<X509>, String> {
    let path = tls.client_authorities.display();
    let pem = fs::read(&tls.client_authorities).map_err(|_| format!("`{path}` cannot be read"))?;
    match X509::stack_from_pem(&pem) {
        Ok(list) if !list.is_empty() => Ok(list),
        _ => Err(format!("`{path}` holds no certificate in PEM")),
    }
}
