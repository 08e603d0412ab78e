//! Asks APIs. Bounded in every way: how long it takes, how much is read, how many requests are under way at one of them,
//! and that nobody is led anywhere else.

use std::{
    collections::HashMap,
    error::Error as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use reqwest::{
    Client, Response,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use resource_template::Origin;
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

/// How many requests may be under way at one API, so that one that is slow does not keep all workers.
const AT_ONCE: usize = 4;
/// The most bytes of an answer.
const MOST_BYTES: usize = 256 * 1024;
/// Connections that nobody uses are closed after this.
const IDLE: Duration = Duration::from_secs(30);
/// The most clients that are kept; there is one for each set of authorities.
const MOST_CLIENTS: usize = 32;
/// How long an API may ask not to be asked.
const PAUSES: std::ops::RangeInclusive<u64> = 1..=600;

/// Asks APIs.
#[derive(Default)]
pub struct Http {
    clients: Mutex<HashMap<[u8; 32], Client>>,
    doors: Mutex<HashMap<Origin, Arc<Semaphore>>>,
}

/// A request with everything in it.
pub struct Call {
    /// What to do.
    pub method: &'static str,
    /// Where.
    pub url: String,
    /// What goes with it.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<Value>,
    /// How long it may take, all in all.
    pub timeout: Duration,
}

/// What came back.
#[derive(Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// For how long the API does not want to be asked again.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing came back. The words are for users, and the same for as long as the cause is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Others are at it: ask again in a moment.
    #[error("it is busy")]
    Busy,
    /// It cannot be used now.
    #[error("{0}")]
    Unavailable(&'static str),
    /// It is not who it should be, or the authority that should vouch for it is none.
    #[error("{0}")]
    Untrusted(String),
    /// What should be sent cannot be.
    #[error("{0}")]
    Unsendable(String),
}

const SLOW: Failure = Failure::Unavailable("it does not answer in time");

impl Http {
    /// Sends `call` to `origin`, for which `authority` may vouch (PEM) besides those that the system trusts.
    ///
    /// # Errors
    /// If nothing comes back that can be read.
    pub async fn send(
        &self,
        origin: &Origin,
        authority: Option<&[u8]>,
        call: Call,
    ) -> Result<Reply, Failure> {
        let client = self.client(authority)?;
        let door = {
            let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
            doors.entry(origin.clone()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))).clone()
        };
        let _permit = door.try_acquire().map_err(|_| Failure::Busy)?;
        let timeout = call.timeout;
        let exchange =
            async { read(request(&client, call)?.send().await.map_err(|error| failure(&error))?).await };
        tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(SLOW))
    }

    fn client(&self, authority: Option<&[u8]>) -> Result<Client, Failure> {
        let fingerprint: [u8; 32] = Sha256::digest(authority.unwrap_or_default()).into();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&fingerprint) {
            return Ok(client.clone());
        }
        if clients.len() >= MOST_CLIENTS {
            clients.clear();
        }
        let client = client(authority)?;
        clients.insert(fingerprint, client.clone());
        Ok(client)
    }
}

fn client(authority: Option<&[u8]>) -> Result<Client, Failure> {
    let untrusted = |why: &str| Failure::Untrusted(why.to_owned());
    let certificates =
        CertificateDer::pem_slice_iter(authority.unwrap_or_default()).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|_| untrusted("the given CA bundle is not valid PEM"))?;
    if authority.is_some() && certificates.is_empty() {
        return Err(untrusted("the given CA bundle holds no PEM certificate"));
    }
    // Named here, and not that of the process, so that nothing depends on what was installed before.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(certificates, provider.clone());
    let verifier = verifier.map_err(|_| untrusted("no usable CA certificate could be loaded"))?;
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| untrusted("no TLS configuration could be set up"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(AT_ONCE)
        .user_agent(concat!("score-orchestrator/", env!("CARGO_PKG_VERSION")));
    client.build().map_err(|_| untrusted("no TLS configuration could be set up"))
}

fn request(client: &Client, call: Call) -> Result<reqwest::RequestBuilder, Failure> {
    let unsendable = |what: &str| Failure::Unsendable(format!("{what} cannot be sent as it is"));
    let method = call.method.parse().map_err(|_| unsendable("the method"))?;
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    for (name, text) in &call.headers {
        let wrong = || unsendable(&format!("the header `{name}`"));
        let mut value = HeaderValue::from_str(text).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(name.parse::<HeaderName>().map_err(|_| wrong())?, value);
    }
    let mut request = client.request(method, call.url);
    if let Some(body) = call.body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request = request.body(body.to_string());
    }
    Ok(request.headers(headers))
}

async fn read(mut response: Response) -> Result<Reply, Failure> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.and_then(|text| pause(text, Timestamp::now()));
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + bytes.len() > MOST_BYTES {
            return Err(Failure::Unavailable("its answer is too large"));
        }
        body.extend_from_slice(&bytes);
    }
    Ok(Reply { status, retry_after, body })
}

/// What `Retry-After` says: seconds, or a moment. Bounded, so that nobody waits for ever.
fn pause(text: &str, now: Timestamp) -> Option<Duration> {
    let seconds = match text.trim().parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let moment = DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
            u64::try_from(moment.as_second().saturating_sub(now.as_second())).unwrap_or(0)
        }
    };
    Some(Duration::from_secs(seconds.clamp(*PAUSES.start(), *PAUSES.end())))
}

/// The library's own words are not shown: they hold the address.
fn failure(error: &reqwest::Error) -> Failure {
    let causes = || std::iter::successors(error.source(), |&cause| cause.source());
    if let Some(reason) = causes().find_map(of_tls) {
        return Failure::Untrusted(reason.to_string());
    }
    match error {
        error if error.is_timeout() => SLOW,
        error if error.is_connect() => Failure::Unavailable("it cannot be reached"),
        error if error.is_builder() => Failure::Unsendable("the address cannot be asked".to_owned()),
        _ => Failure::Unavailable("it broke off"),
    }
}

/// What is wrong with the encryption, if that is the cause; an error of the system may hold one of its own kind.
fn of_tls<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<std::io::Error>() {
        Some(error) => of_tls(error.get_ref()?),
        None => cause.downcast_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_seconds_or_a_moment_and_bounded() {
        let now: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("30", Some(30)),
            (" 7 ", Some(7)),
            ("0", Some(1)),
            ("86400", Some(600)),
            ("Sat, 21 Nov 2026 08:01:30 GMT", Some(90)),
            ("Fri, 20 Nov 2026 08:01:30 GMT", Some(1)),
            ("-5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(pause(text, now).map(|pause| pause.as_secs()), seconds, "{text}");
        }
    }

    #[test]
    fn an_authority_that_is_none_is_refused() {
        for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
            assert!(matches!(client(Some(pem.as_bytes())), Err(Failure::Untrusted(_))), "{pem}");
        }
        assert!(client(None).is_ok());
    }
}
