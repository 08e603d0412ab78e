//! Why there is no document, and what to do about it.

use std::{error::Error as StdError, io, path::PathBuf, time::Duration};

use oci_client::errors::{DigestError, OciDistributionError, OciEnvelope, OciErrorCode};

use crate::layer::{LIMIT, MEDIA_TYPE};

/// Why the document could not be fetched. The texts say what to do. They hold no credential, and nothing of what the
/// registry sent but digests and media types: an answer may repeat what it was asked with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the options cannot be read.
    #[error("the {what} {} cannot be read ({problem}); check that it is mounted and readable", path.display())]
    File {
        /// `credentials` or `CA bundle`.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        problem: io::Error,
    },
    /// The credentials' file does not hold what it should.
    #[error("the credentials {} for {registry} cannot be used: {problem}", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// Whose credentials were looked for.
        registry: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The system has no CA certificate. A bundle cannot replace all of them.
    #[error(
        "this system has no CA certificates ({0}); install them (the package ca-certificates) or name a file of them in \
         the environment variable SSL_CERT_FILE"
    )]
    NoSystemRoots(String),
    /// The CA bundle does not hold what it should.
    #[error("the CA bundle holds no usable certificate ({0}); it must have certificates in PEM")]
    CaBundle(String),
    /// There is no connection, or it broke.
    #[error(
        "{registry} cannot be reached ({problem}); check its name, the network and which CA has signed its certificate"
    )]
    Unreachable {
        /// The host.
        registry: String,
        /// The innermost cause.
        problem: String,
    },
    /// An attempt took too long.
    #[error(
        "{registry} has not answered within {limit:?}; check the registry and the network, or allow more time"
    )]
    Timeout {
        /// The host.
        registry: String,
        /// The time that one attempt may take.
        limit: Duration,
    },
    /// The registry says that it is not able to answer now.
    #[error("{registry} is unable to answer now (HTTP status {status}); check the registry")]
    Unavailable {
        /// The host.
        registry: String,
        /// What it answers.
        status: u16,
    },
    /// The credentials do not do, or there are none.
    #[error(
        "{registry} refuses access to the artifact {}; give credentials that may pull it",
        if *anonymous { "without credentials" } else { "with the credentials given" }
    )]
    Unauthorized {
        /// The host.
        registry: String,
        /// Whether there were no credentials for it.
        anonymous: bool,
    },
    /// The manifest or the layer is not there.
    #[error(
        "{0} is not there; check repository and digest, that it has been pushed, and that the credentials may pull it"
    )]
    NotFound(String),
    /// The content has another digest than it must have.
    #[error(
        "{registry} serves content of the digest {actual} for {expected}; it is damaged: push the artifact again, and \
         find out who changed it"
    )]
    Digest {
        /// The host.
        registry: String,
        /// The digest that was asked for.
        expected: String,
        /// The digest of what came.
        actual: String,
    },
    /// The manifest is not that of a single artifact.
    #[error(
        "{0} is not the manifest of one artifact (an index, say); give the digest of the artifact itself"
    )]
    Manifest(String),
    /// No layer, or more than one, is the document. Holds the media types of all layers.
    #[error("the artifact must have one layer of type {MEDIA_TYPE}, and it has {}; push it again", list(.0))]
    Layers(Vec<String>),
    /// The document is larger than [`LIMIT`].
    #[error("the document is larger than {LIMIT} bytes; make it shorter")]
    TooLarge,
    /// The document is no text.
    #[error("the document is not UTF-8 ({0}); push it as plain YAML")]
    NotText(#[from] std::str::Utf8Error),
    /// The registry or the library refuses for another reason.
    #[error("{registry} has not served the artifact ({problem}); check that it is an OCI registry")]
    Refused {
        /// The host.
        registry: String,
        /// What is known of the reason.
        problem: String,
    },
}

impl Error {
    /// Whether the next attempt may succeed without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. } | Self::Unavailable { .. })
    }
}

/// What an error of the library is about.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The artifact.
    pub(crate) reference: String,
    /// The host that serves it.
    pub(crate) registry: String,
    /// Whether there were no credentials.
    pub(crate) anonymous: bool,
}

impl Subject {
    /// Says in words of ours what the library says.
    pub(crate) fn explain(&self, error: OciDistributionError) -> Error {
        use OciDistributionError as Library;
        match error {
            Library::RequestError(error) => self.unreachable(&error),
            Library::IoError(error) => self.explain_stream(&error),
            Library::DigestError(error) => self.explain_digest(&error),
            Library::AuthenticationFailure(_) | Library::UnauthorizedError { .. } => self.unauthorized(),
            Library::ServerError { code, .. } => self.explain_status(code),
            Library::RegistryError { envelope, .. } => self.explain_envelope(&envelope),
            Library::ImageIndexParsingNoPlatformResolverError
            | Library::ManifestParsingError(_)
            | Library::VersionedParsingError(_)
            | Library::UnsupportedMediaTypeError(_)
            | Library::UnsupportedSchemaVersionError(_) => Error::Manifest(self.reference.clone()),
            _ => self.refused("its answer is not understood"),
        }
    }

    /// Says what went wrong in the middle of a layer.
    pub(crate) fn explain_stream(&self, error: &io::Error) -> Error {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<DigestError>()) {
            Some(error) => self.explain_digest(error),
            None => self.unreachable(error),
        }
    }

    fn explain_digest(&self, error: &DigestError) -> Error {
        match error {
            DigestError::VerificationError { expected, actual } => Error::Digest {
                registry: self.registry.clone(),
                expected: expected.clone(),
                actual: actual.clone(),
            },
            _ => self.refused("it names a digest of an unknown kind"),
        }
    }

    fn explain_envelope(&self, envelope: &OciEnvelope) -> Error {
        use OciErrorCode as Code;
        match envelope.errors.first().map(|error| &error.code) {
            Some(Code::Unauthorized | Code::Denied) => self.unauthorized(),
            Some(
                Code::ManifestUnknown
                | Code::ManifestBlobUnknown
                | Code::BlobUnknown
                | Code::NameUnknown
                | Code::NotFound,
            ) => Error::NotFound(self.reference.clone()),
            Some(Code::Toomanyrequests) => self.explain_status(429),
            Some(Code::Other(_)) | None => self.refused("for a reason of its own"),
            Some(code) => self.refused(&format!("{code:?}")),
        }
    }

    fn explain_status(&self, status: u16) -> Error {
        match status {
            401 | 403 => self.unauthorized(),
            404 => Error::NotFound(self.reference.clone()),
            408 | 429 | 500.. => Error::Unavailable { registry: self.registry.clone(), status },
            _ => self.refused(&format!("HTTP status {status}")),
        }
    }

    fn unauthorized(&self) -> Error {
        Error::Unauthorized { registry: self.registry.clone(), anonymous: self.anonymous }
    }

    fn refused(&self, problem: &str) -> Error {
        Error::Refused { registry: self.registry.clone(), problem: problem.to_owned() }
    }

    /// Only the innermost cause is told: those above may hold a signed URL.
    fn unreachable(&self, error: &(dyn StdError + 'static)) -> Error {
        Error::Unreachable { registry: self.registry.clone(), problem: innermost(error) }
    }
}

/// The cause below all others.
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.last().map_or_else(|| "for no given reason".to_owned(), ToString::to_string)
}

fn list(types: &[String]) -> String {
    if types.is_empty() { "none".to_owned() } else { types.join(", ") }
}

#[cfg(test)]
mod tests {
    use oci_client::errors::OciError;

    use super::*;

    fn subject() -> Subject {
        let registry = "registry.example.com".to_owned();
        Subject { reference: format!("{registry}/config@sha256:0"), registry, anonymous: true }
    }

    fn status(code: u16) -> Error {
        let url = "https://registry.example.com/?signature=s3cret".to_owned();
        subject().explain(OciDistributionError::ServerError { code, url, message: "s3cret".into() })
    }

    fn envelope(code: OciErrorCode) -> Error {
        let error = OciError { code, message: "s3cret".into(), detail: "s3cret".into() };
        let envelope = OciEnvelope { errors: vec![error] };
        subject().explain(OciDistributionError::RegistryError { envelope, url: "https://s3cret".into() })
    }

    #[test]
    fn what_may_pass_by_itself_is_tried_again_and_nothing_else() {
        for code in [408, 429, 500, 502, 503, 504] {
            assert!(status(code).is_transient(), "{code}");
        }
        for code in [301, 400, 401, 403, 404, 405, 418] {
            assert!(!status(code).is_transient(), "{code}");
        }
        assert!(envelope(OciErrorCode::Toomanyrequests).is_transient());
        for code in [OciErrorCode::Denied, OciErrorCode::ManifestUnknown, OciErrorCode::NameInvalid] {
            assert!(!envelope(code).is_transient());
        }
        let broken = io::Error::other(io::Error::from(io::ErrorKind::ConnectionReset));
        assert!(subject().explain_stream(&broken).is_transient());
        let digest =
            DigestError::VerificationError { expected: "sha256:1".into(), actual: "sha256:2".into() };
        assert!(!subject().explain_stream(&io::Error::other(digest)).is_transient());
    }

    #[test]
    fn a_denied_and_a_missing_artifact_are_told_apart() {
        assert!(matches!(envelope(OciErrorCode::Denied), Error::Unauthorized { anonymous: true, .. }));
        assert!(matches!(status(403), Error::Unauthorized { .. }));
        assert!(matches!(envelope(OciErrorCode::NameUnknown), Error::NotFound(_)));
        assert!(matches!(status(404), Error::NotFound(_)));
    }

    #[test]
    fn no_text_repeats_what_the_registry_has_sent() {
        let mut errors = vec![
            envelope(OciErrorCode::Other("s3cret".into())),
            envelope(OciErrorCode::Unsupported),
            envelope(OciErrorCode::Denied),
            subject().explain(OciDistributionError::AuthenticationFailure("s3cret".into())),
            subject().explain(OciDistributionError::ManifestParsingError("s3cret".into())),
            subject().explain(OciDistributionError::RegistryTokenDecodeError("s3cret".into())),
        ];
        errors.extend([401, 404, 418, 500].map(status));
        for error in errors {
            assert!(!error.to_string().contains("s3cret"), "{error}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
