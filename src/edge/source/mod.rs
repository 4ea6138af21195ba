//! Systems of record: a question that was decided is put to an upstream FHIR server, and its answer comes back as bytes.
//!
//! Comes in: a resource type and a person's identifier, or an id. Goes out: the bytes of one searchset, all its pages
//! together, to enter the walk at parse like anything a stranger sent; nothing in them is believed here. Refused: plain
//! HTTP, redirects, proxies from the environment, a next page at another origin, more pages or bytes than configured.
//! The person's identifier travels in the body of a POST `_search`, so that it stands in nobody's access log.

mod pages;

use crate::config::{self, Secret};
use crate::pure::fhir::nhs_number;
use bytes::{Bytes, BytesMut};
use pages::Page;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Identity, RequestBuilder, Response, StatusCode, Url, redirect};
use std::fmt;
use std::time::Duration;

/// One upstream FHIR server. Keeps its connections.
pub struct Upstream {
    id: String,
    base: Url,
    client: Client,
    bearer: Option<Secret>,
    patient_system: String,
    bytes: usize,
    pages: usize,
}

/// Why a source gave no answer that can be used. Names nothing of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFault {
    /// It holds nothing of that type or id.
    Absent,
    /// It could not be reached, or did not answer in time.
    Unreachable,
    /// It answered with this status.
    Status(u16),
    /// Its answer is larger, or has more pages, than is read.
    TooLarge,
    /// Its answer is not what it should be.
    Malformed(&'static str),
}

impl fmt::Display for SourceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceFault::Absent => f.write_str("it holds nothing of that kind"),
            SourceFault::Unreachable => f.write_str("it could not be reached, or did not answer in time"),
            SourceFault::Status(status) => write!(f, "it answered with status {status}"),
            SourceFault::TooLarge => f.write_str("its answer is larger than is read"),
            SourceFault::Malformed(why) => f.write_str(why),
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({})", self.id)
    }
}

impl Upstream {
    /// Reads the certificates and makes the client; nothing is sent yet.
    ///
    /// # Errors
    /// Which file cannot be used, without what it holds.
    pub fn connect(source: &config::Source) -> Result<Upstream, String> {
        let mut base = Url::parse(&source.base).map_err(|_| "its address is none".to_owned())?;
        if base.scheme() != "https" {
            return Err("its address is not https".to_owned());
        }
        let folder = format!("{}/", base.path().trim_end_matches('/'));
        base.set_path(&folder);
        Ok(Upstream {
            id: source.id.clone(),
            base,
            client: client(source)?,
            bearer: source.client.bearer.clone(),
            patient_system: source.patient_system.clone(),
            bytes: source.bytes,
            pages: source.pages,
        })
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// All it holds of this type about a person (identifier system and value), with the Patient: one searchset.
    ///
    /// # Errors
    /// Why there is no answer that can be used.
    pub async fn search(&self, kind: &str, patient: (&str, &str), request_id: &str) -> Result<Bytes, SourceFault> {
        let system = if patient.0 == nhs_number::SYSTEM { &self.patient_system } else { patient.0 };
        let who = format!("{}|{}", escaped(system), escaped(patient.1));
        self.put(kind, &[("patient.identifier", &who)], request_id).await
    }

    /// The resource of this type and id, with its Patient: a searchset of none or one.
    ///
    /// # Errors
    /// Why there is no answer that can be used.
    pub async fn by_id(&self, kind: &str, id: &str, request_id: &str) -> Result<Bytes, SourceFault> {
        self.put(kind, &[("_id", &escaped(id))], request_id).await
    }

    async fn put(&self, kind: &str, ask: &[(&str, &str)], request_id: &str) -> Result<Bytes, SourceFault> {
        let address = self.base.join(&format!("{kind}/_search")).map_err(|_| SourceFault::Absent)?;
        let include = format!("{kind}:patient");
        let mut form = Url::parse("https://form/").map_err(|_| SourceFault::Absent)?;
        form.query_pairs_mut().extend_pairs(ask).append_pair("_include", &include);
        let form = form.query().unwrap_or_default().to_owned();
        let post = self.client.post(address).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        let mut left = self.bytes;
        let mut found = vec![self.page(post, request_id, &mut left).await?];
        while let Some(next) = found.last().and_then(|p| p.next.clone()) {
            if found.len() >= self.pages {
                return Err(SourceFault::TooLarge);
            }
            let address = self.next(&next)?;
            found.push(self.page(self.client.get(address), request_id, &mut left).await?);
        }
        Ok(pages::together(found))
    }

    /// The address of a next page, which must be where we asked in the first place.
    fn next(&self, link: &str) -> Result<Url, SourceFault> {
        let away = SourceFault::Malformed("its next page is at another address");
        let address = self.base.join(link).map_err(|_| away.clone())?;
        let plain = address.username().is_empty() && address.password().is_none();
        if address.origin() == self.base.origin() && plain { Ok(address) } else { Err(away) }
    }

    async fn page(&self, request: RequestBuilder, request_id: &str, left: &mut usize) -> Result<Page, SourceFault> {
        let request = request.headers(self.headers(request_id));
        let response = request.send().await.map_err(|_| SourceFault::Unreachable)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(SourceFault::Absent),
            status => return Err(SourceFault::Status(status.as_u16())),
        }
        let media = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !media.starts_with("application/fhir+json") && !media.starts_with("application/json") {
            return Err(SourceFault::Malformed("its answer is not FHIR JSON"));
        }
        let bytes = body(response, *left).await?;
        *left -= bytes.len();
        pages::read(bytes, self.bytes)
    }

    fn headers(&self, request_id: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/fhir+json"));
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        let bearer = self.bearer.as_ref().and_then(|b| HeaderValue::from_str(&format!("Bearer {}", b.reveal())).ok());
        if let Some(mut bearer) = bearer {
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        headers
    }
}

async fn body(mut response: Response, most: usize) -> Result<Bytes, SourceFault> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| SourceFault::Unreachable)? {
        if whole.len() + chunk.len() > most {
            return Err(SourceFault::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// R4 search §3.1.1.4.0.2: `,`, `|`, `$` and `\` in a value are escaped, so that a value stays one value.
fn escaped(value: &str) -> String {
    value.chars().flat_map(|c| ",|$\\".contains(c).then_some('\\').into_iter().chain([c])).collect()
}

fn client(source: &config::Source) -> Result<Client, String> {
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .https_only(true)
        .min_tls_version(reqwest::tls::Version::TLS_1_2)
        .connect_timeout(source.request_time.min(Duration::from_secs(10)))
        .timeout(source.request_time)
        .pool_max_idle_per_host(8);
    let unread = |_| "a certificate or key file cannot be read".to_owned();
    for pem in source.client.read_authorities().map_err(unread)? {
        let list = Certificate::from_pem_bundle(&pem).map_err(|_| "its authorities are no certificates".to_owned())?;
        builder = builder.tls_certs_only(list);
    }
    if let Some((certificate, key)) = source.client.read_identity().map_err(unread)? {
        let identity = Identity::from_pkcs8_pem(&certificate, &key);
        builder = builder.identity(identity.map_err(|_| "our certificate for it cannot be used".to_owned())?);
    }
    builder.build().map_err(|_| "no client can be made for it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientTls;

    fn upstream(base: &str) -> Result<Upstream, String> {
        Upstream::connect(&config::Source {
            id: "records".to_owned(),
            base: base.to_owned(),
            client: ClientTls::default(),
            patient_system: "urn:local".to_owned(),
            request_time: Duration::from_secs(1),
            bytes: 1024,
            pages: 2,
        })
    }

    #[test]
    fn a_next_page_elsewhere_is_not_asked_for() {
        let upstream = upstream("https://records.example/fhir").unwrap();
        let next = |link: &str| upstream.next(link).map(|u| u.to_string()).ok();
        assert_eq!(next("https://records.example/fhir?page=2").as_deref(), Some("https://records.example/fhir?page=2"));
        assert_eq!(next("CarePlan?page=2").as_deref(), Some("https://records.example/fhir/CarePlan?page=2"));
        for away in [
            "https://records.example.evil.test/fhir",
            "https://records.example:444/fhir",
            "http://records.example/fhir",
            "//evil.test/fhir",
            "https://user@records.example/fhir",
            "file:///etc/passwd",
            "http://169.254.169.254/",
        ] {
            assert_eq!(next(away), None, "{away}");
        }
    }

    #[test]
    fn a_value_stays_one_value() {
        assert_eq!(escaped("a,b|c$d\\e"), "a\\,b\\|c\\$d\\\\e");
        assert!(upstream("http://records.example").is_err());
    }
}
