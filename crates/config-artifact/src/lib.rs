//! The platform's configuration document from an OCI registry, by digest.
//!
//! The document is one layer of an artifact. Any client that pushes artifacts can put it there; the digest that it
//! prints is what the document is asked for by:
//!
//! ```text
//! oras push registry.example.com/platform/config config.yaml:application/vnd.score.orchestrator-config.v1+yaml
//! ```
//!
//! * The layer has the media type [`MEDIA_TYPE`], and there is one of that type; layers of other types are passed over.
//!   An artifact whose only layer is `application/yaml` will do as well.
//! * The manifest must have the digest that was asked for, and the layer the digest that the manifest gives it. So the
//!   text is the one that was pushed, whoever runs the registry, and need not be fetched a second time.
//! * The document has at most [`LIMIT`] bytes and is UTF-8.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use config_artifact::{Options, Reference, fetch};
//!
//! let reference: Reference = "registry.example.com/platform/config@sha256:\
//!                             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse()?;
//! let options = Options {
//!     credentials: Some("/etc/score/registry/.dockerconfigjson".into()),
//!     ..Options::default()
//! };
//! let text = fetch(&reference, &options).await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Reference`] can be the type of a clap argument. The files named in [`Options`] are read at each call, since a
//! mounted Secret may change.

mod credentials;
mod error;
mod layer;
mod reference;
mod registry;

use std::{path::PathBuf, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};

use crate::registry::Registry;
pub use crate::{
    error::Error,
    layer::{LIMIT, MEDIA_TYPE},
    reference::{Reference, ReferenceError},
};

/// How a registry is spoken to.
#[derive(Clone, Debug)]
pub struct Options {
    /// A docker `config.json` with credentials, such as the key `.dockerconfigjson` of a Secret of type
    /// `kubernetes.io/dockerconfigjson`. None, or no entry for the registry: anonymous.
    pub credentials: Option<PathBuf>,
    /// CA certificates in PEM, which are trusted beside those of the system.
    pub ca_bundle: Option<PathBuf>,
    /// Speak HTTP without TLS, which also shows the credentials to the network. A registry on a loopback address is
    /// spoken to in this way by itself, unless there is a [`ca_bundle`](Self::ca_bundle).
    pub plain_http: bool,
    /// How long one attempt may take. There are at most five, with growing pauses of some seconds altogether.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { credentials: None, ca_bundle: None, plain_http: false, timeout: Duration::from_secs(10) }
    }
}

/// Returns the document that `reference` names, and tries again what may mend itself.
///
/// Installs ring as the process's TLS provider if there is none.
///
/// # Errors
/// See [`Error`]; its texts say what to do. No text holds a credential, or what the registry sent.
pub async fn fetch(reference: &Reference, options: &Options) -> Result<String, Error> {
    let registry = Registry::new(reference, options).await?;
    let attempt = async || {
        let pull = tokio::time::timeout(options.timeout, registry.pull());
        pull.await.unwrap_or_else(|_| Err(registry.timeout(options.timeout)))
    };
    attempt
        .retry(pauses())
        .when(Error::is_transient)
        .notify(|error, pause| tracing::warn!(%error, ?pause, "the configuration is asked for again"))
        .await
}

/// Between 0.2 and 0.4 seconds first, then twice as long each time.
fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(Duration::from_millis(200)).with_max_times(4).with_jitter()
}
