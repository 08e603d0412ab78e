//! A small HTTP client, for fetching pages from inside the cluster.

use std::{fmt, time::Duration};

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Uri,
    body::Bytes,
    client::conn::http1::handshake,
    header::{ACCEPT, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout, timeout_at},
};

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);

/// Why an attempt brought no page.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server answered with this status and body.
    Status(u16, String),
    /// There was no answer.
    NoAnswer(anyhow::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code, body) => write!(f, "it answered {code}: {}", body.trim()),
            Self::NoAnswer(error) => write!(f, "{error:#}"),
        }
    }
}

/// What `url` answers, as soon as it answers with success.
///
/// # Errors
/// If it did not within `patience`, with what it did the last time.
pub(crate) async fn fetch(url: &Uri, patience: Duration) -> anyhow::Result<String> {
    let deadline = Instant::now() + patience;
    let mut last = Failure::NoAnswer(anyhow::anyhow!("no answer yet"));
    loop {
        match timeout_at(deadline, attempt(url)).await {
            Ok(Ok(body)) => return Ok(body),
            Ok(Err(failure)) => last = failure,
            Err(_) => {}
        }
        if Instant::now() + PAUSE >= deadline {
            bail!("{url} did not answer with success in {} s: {last}", patience.as_secs());
        }
        sleep(PAUSE).await;
    }
}

/// What `url` answers now.
pub(crate) async fn attempt(url: &Uri) -> Result<String, Failure> {
    let (code, body) = match timeout(ATTEMPT, get(url)).await {
        Ok(answer) => answer.map_err(Failure::NoAnswer)?,
        Err(_) => return Err(Failure::NoAnswer(anyhow::anyhow!("no answer in {} s", ATTEMPT.as_secs()))),
    };
    if (200..300).contains(&code) { Ok(body) } else { Err(Failure::Status(code, body)) }
}

async fn get(url: &Uri) -> anyhow::Result<(u16, String)> {
    if url.scheme_str() != Some("http") {
        bail!("{url} is not an http:// URL");
    }
    let host = url.host().context("the URL names no host")?;
    let authority = url.authority().context("the URL names no host")?;
    // An IPv6 address stands in brackets in a URL, and without them everywhere else.
    let address = (host.trim_matches(['[', ']']), url.port_u16().unwrap_or(80));
    let stream =
        TcpStream::connect(address).await.with_context(|| format!("cannot connect to {authority}"))?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, authority.as_str())
        .header(ACCEPT, "text/plain, */*;q=0.5")
        .header(USER_AGENT, concat!("sample-app/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await.context("the connection broke")?;
    let code = response.status().as_u16();
    let body = response.into_body().collect().await.context("the connection broke")?.to_bytes();
    Ok((code, String::from_utf8_lossy(&body).into_owned()))
}
