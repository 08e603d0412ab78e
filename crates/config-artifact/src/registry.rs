//! One registry, and what is asked of it.

use std::{path::Path, sync::Arc, time::Duration};

use futures::TryStreamExt as _;
use oci_client::{
    Client, RegistryOperation,
    client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol},
    secrets::RegistryAuth,
};
use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;

use crate::{
    Error, Options, Reference, credentials,
    error::{Subject, innermost},
    layer::{self, LIMIT},
};

/// Connecting is quick or will not succeed, and there is an attempt after this one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A registry with all that it takes to pull one artifact.
pub(crate) struct Registry<'a> {
    reference: &'a Reference,
    client: Client,
    auth: RegistryAuth,
    subject: Subject,
}

impl<'a> Registry<'a> {
    /// Reads the files of `options`. Nothing is asked of the registry yet.
    pub(crate) async fn new(reference: &'a Reference, options: &Options) -> Result<Self, Error> {
        let auth = match &options.credentials {
            Some(path) => load_credentials(path, reference).await?,
            None => RegistryAuth::Anonymous,
        };
        let subject = Subject {
            reference: reference.to_string(),
            registry: reference.host().to_owned(),
            anonymous: auth == RegistryAuth::Anonymous,
        };
        let config = ClientConfig {
            protocol: if speaks_http(reference, options) {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            extra_root_certificates: match &options.ca_bundle {
                Some(path) => certificates(&read("CA bundle", path).await?)?,
                None => Vec::new(),
            },
            // The digest is that of one artifact: there is nothing to choose.
            platform_resolver: None,
            connect_timeout: Some(CONNECT_TIMEOUT),
            user_agent: concat!("score-orchestrator/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        Ok(Self { reference, client: client(config)?, auth, subject })
    }

    /// Pulls the artifact's document once.
    pub(crate) async fn pull(&self) -> Result<String, Error> {
        let reference = self.reference.as_client();
        // By itself the library would pass over a failure of this, and then be refused for no apparent reason.
        self.authenticate().await?;
        // What it returns has the reference's digest.
        let (manifest, _) =
            self.client.pull_image_manifest(reference, &self.auth).await.map_err(|e| self.explain(e))?;
        // The digest alone, not the whole descriptor: that may name other hosts to take the layer from.
        let digest = layer::document(&manifest)?.digest.as_str();
        // The last item of the stream is an error if what came before has another digest.
        let mut stream =
            self.client.pull_blob_stream(reference, digest).await.map_err(|e| self.explain(e))?;
        let mut document = Vec::new();
        while let Some(bytes) = stream.try_next().await.map_err(|e| self.subject.explain_stream(&e))? {
            if document.len() + bytes.len() > LIMIT {
                return Err(Error::TooLarge);
            }
            document.extend_from_slice(&bytes);
        }
        String::from_utf8(document).map_err(|error| Error::NotText(error.utf8_error()))
    }

    /// The error of an attempt that took longer than `limit`.
    pub(crate) fn timeout(&self, limit: Duration) -> Error {
        Error::Timeout { registry: self.subject.registry.clone(), limit }
    }

    async fn authenticate(&self) -> Result<(), Error> {
        let token = self.client.auth(self.reference.as_client(), &self.auth, RegistryOperation::Pull).await;
        token.map(drop).map_err(|error| self.explain(error))
    }

    fn explain(&self, error: oci_client::errors::OciDistributionError) -> Error {
        self.subject.explain(error)
    }
}

/// A CA bundle says that there is TLS even on this machine.
fn speaks_http(reference: &Reference, options: &Options) -> bool {
    options.plain_http || (reference.is_loopback() && options.ca_bundle.is_none())
}

/// Makes a client, for which the library needs a TLS provider and certificates of the system whatever `config` says:
/// without one of them it would panic.
fn client(config: ClientConfig) -> Result<Client, Error> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    Verifier::new(provider).map_err(|error| Error::NoSystemRoots(error.to_string()))?;
    Client::try_from(config).map_err(|error| Error::CaBundle(innermost(&error)))
}

fn certificates(bundle: &[u8]) -> Result<Vec<Certificate>, Error> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bundle).collect();
    let parsed = parsed.map_err(|error| Error::CaBundle(error.to_string()))?;
    if parsed.is_empty() {
        return Err(Error::CaBundle("there is no BEGIN CERTIFICATE".to_owned()));
    }
    let certificate =
        |der: CertificateDer<'_>| Certificate { encoding: CertificateEncoding::Der, data: der.to_vec() };
    Ok(parsed.into_iter().map(certificate).collect())
}

async fn load_credentials(path: &Path, reference: &Reference) -> Result<RegistryAuth, Error> {
    let config = read("credentials", path).await?;
    credentials::find(&config, reference).map_err(|problem| Error::Credentials {
        path: path.to_owned(),
        registry: reference.host().to_owned(),
        problem,
    })
}

async fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    let content = tokio::fs::read(path).await;
    content.map_err(|problem| Error::File { what, path: path.to_owned(), problem })
}
