//! The name of an artifact, which cannot be a moving one.

use std::{fmt, net::IpAddr, str::FromStr};

use oci_client::ParseError;

/// An artifact by its digest: `registry.example.com[:port]/repository@sha256:…`. A tag before the digest is allowed and
/// without effect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference(oci_client::Reference);

/// Why a text is no [`Reference`].
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReferenceError {
    /// It is not made as the names of artifacts are.
    #[error("{0}; the form is registry.example.com/repository@sha256:…")]
    Form(#[from] ParseError),
    /// It starts with a repository.
    #[error("the registry is missing; put its host name first: registry.example.com/repository@sha256:…")]
    NoRegistry,
    /// It has a tag or nothing instead of a digest.
    #[error(
        "the digest is missing; a tag can move, so end the name with @sha256:… (the digest that the push has printed)"
    )]
    NoDigest,
    /// Its digest is of another kind.
    #[error("the digest must be a SHA-256 digest: @sha256:…")]
    Algorithm,
}

impl Reference {
    /// The host that serves the artifact, with its port if that is not the usual one.
    pub(crate) fn host(&self) -> &str {
        self.0.resolve_registry()
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host().rsplit_once(':').map_or(self.host(), |(host, _port)| host);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    pub(crate) fn as_client(&self) -> &oci_client::Reference {
        &self.0
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let reference: oci_client::Reference = text.parse()?;
        // The library takes a name without a registry for one of Docker Hub.
        let named = text.split_once('/').map(|(first, _)| first);
        if named != Some(reference.registry()) && named != Some(reference.resolve_registry()) {
            return Err(ReferenceError::NoRegistry);
        }
        match reference.digest() {
            None => Err(ReferenceError::NoDigest),
            Some(digest) if !digest.starts_with("sha256:") => Err(ReferenceError::Algorithm),
            Some(_) => Ok(Self(reference)),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parse(name: &str) -> Result<Reference, ReferenceError> {
        name.replace("DIGEST", DIGEST).parse()
    }

    #[test]
    fn an_artifact_is_named_by_registry_repository_and_digest() {
        let reference = parse("registry.example.com:5000/team/config@DIGEST").unwrap();
        assert_eq!(reference.host(), "registry.example.com:5000");
        assert_eq!(reference.to_string(), format!("registry.example.com:5000/team/config@{DIGEST}"));
    }

    #[test]
    fn a_tag_alone_is_refused_and_beside_a_digest_allowed() {
        assert_eq!(parse("registry.example.com/config:v1"), Err(ReferenceError::NoDigest));
        assert_eq!(parse("registry.example.com/config"), Err(ReferenceError::NoDigest));
        assert!(parse("registry.example.com/config:v1@DIGEST").is_ok());
    }

    #[test]
    fn no_registry_is_assumed() {
        assert_eq!(parse("config@DIGEST"), Err(ReferenceError::NoRegistry));
        assert_eq!(parse("team/config@DIGEST"), Err(ReferenceError::NoRegistry));
        assert_eq!(parse("docker.io/team/config@DIGEST").unwrap().host(), "index.docker.io");
        assert_eq!(parse("index.docker.io/team/config@DIGEST").unwrap().host(), "index.docker.io");
    }

    #[test]
    fn other_digests_and_other_texts_are_refused() {
        let sha512 = format!("registry.example.com/config@sha512:{}", "0".repeat(128));
        assert_eq!(parse(&sha512), Err(ReferenceError::Algorithm));
        for text in
            ["", "https://registry.example.com/config@DIGEST", "registry.example.com/config@sha256:abc"]
        {
            assert!(matches!(parse(text), Err(ReferenceError::Form(_))), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (host, loopback) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.8.9.1", true),
            ("10.0.0.1:5000", false),
            ("localhost.example.com", false),
            ("127.0.0.1.example.com", false),
        ] {
            assert_eq!(parse(&format!("{host}/config@DIGEST")).unwrap().is_loopback(), loopback, "{host}");
        }
    }
}
