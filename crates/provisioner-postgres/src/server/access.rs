//! What it takes to work on a server.

use std::{fmt, sync::Arc};

use deadpool_postgres::BuildError;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};
use tokio_postgres::{Config, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    authority::AuthorityAlone,
    connect::Limits,
    settings::{Holder, ServerAddress},
};
use crate::{NAME, credentials::Password};

/// What it takes to work on a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// Where it is.
    pub address: ServerAddress,
    /// The provisioner's role there.
    pub username: String,
    /// Its password.
    pub password: Password,
    /// The authorities that may vouch for it; none if it is not verified.
    pub authorities: Option<Authorities>,
}

/// Who may vouch for a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorities {
    /// Their certificates, as PEM.
    pub pem: Vec<u8>,
    /// Whose certificate it must be that they vouch for.
    pub vouch_for: Holder,
}

/// A server cannot be worked on with what is given for it.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// There is no certificate.
    #[error("the CA bundle holds no usable certificate")]
    Authority,
    /// The pool does not come about.
    #[error("no connection pool could be set up")]
    Pool(#[from] BuildError),
}

/// What verifies a server by `authorities`.
///
/// # Errors
/// If there is none that can be used.
pub fn connector(authorities: &Authorities) -> Result<MakeRustlsConnect, Unusable> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&authorities.pem) {
        roots.add(certificate.map_err(|_| Unusable::Authority)?).map_err(|_| Unusable::Authority)?;
    }
    if roots.is_empty() {
        return Err(Unusable::Authority);
    }
    // Named here, and not that of the process, so that nothing depends on what was installed before.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| Unusable::Authority)?;
    let builder = match authorities.vouch_for {
        Holder::Host => builder.with_root_certificates(roots),
        Holder::Anyone => {
            let verifier = AuthorityAlone::new(roots, algorithms);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

impl Access {
    /// How to connect.
    pub fn config(&self, limits: Limits) -> Config {
        let address = &self.address;
        let mut config = Config::new();
        config
            .host(&address.host)
            .port(address.port)
            .dbname(&address.database)
            .user(&self.username)
            .password(self.password.expose())
            .application_name(NAME)
            .ssl_mode(if self.authorities.is_some() { SslMode::Require } else { SslMode::Disable })
            .connect_timeout(limits.connect)
            .options(options(limits));
        config
    }

    /// A digest of everything that may change while the address stays the same.
    pub fn fingerprint(&self) -> [u8; 32] {
        let authorities = self.authorities.as_ref().map(|authorities| authorities.pem.as_slice());
        let authorities = authorities.unwrap_or_default();
        let mut digest = Sha256::new();
        for part in [self.username.as_bytes(), self.password.expose().as_bytes(), authorities] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Access").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What holds for every session, whatever the owner of a database has set for those in it: nobody else's functions and
/// operators are mistaken for PostgreSQL's own, and nothing lasts for ever.
fn options(limits: Limits) -> String {
    let milliseconds = limits.work.as_millis();
    format!(
        "-c search_path=pg_catalog -c default_transaction_read_only=off -c statement_timeout={milliseconds} \
         -c lock_timeout={milliseconds}"
    )
}
