//! What a docker `config.json` says about a registry.

use docker_credential::{CredentialRetrievalError as Problem, DockerCredential, get_credential_from_reader};
use oci_client::secrets::RegistryAuth;

use crate::Reference;

/// Finds the credentials for `reference` in the `config`. As with images in Kubernetes, an entry may name a registry
/// or a path below it, and the longest one wins.
///
/// # Errors
/// A text about the config that holds nothing of it.
pub(crate) fn find(config: &[u8], reference: &Reference) -> Result<RegistryAuth, &'static str> {
    let repository = reference.as_client().repository();
    let mut path = format!("{}/{repository}", reference.host());
    loop {
        match get_credential_from_reader(config, &path) {
            Ok(DockerCredential::UsernamePassword(name, password)) => {
                return Ok(RegistryAuth::Basic(name, password));
            }
            Ok(DockerCredential::IdentityToken(_)) => {
                return Err(
                    "it has an identity token, which is not supported; give a user name and a password",
                );
            }
            Err(Problem::NoCredentialConfigured) => match path.rfind('/') {
                Some(end) => path.truncate(end),
                None => return Ok(RegistryAuth::Anonymous),
            },
            Err(problem) => return Err(describe(&problem)),
        }
    }
}

/// The problem in words of ours: those of the library may hold what a credential helper has printed.
fn describe(problem: &Problem) -> &'static str {
    match problem {
        Problem::ConfigNotFound | Problem::ConfigReadError => "it is not the JSON of a docker config",
        Problem::CredentialDecodingError => "its `auth` is not the Base64 of user:password",
        Problem::CredentialMismatchError => "its `auth` differs from its `username` and `password`",
        _ => "its credential helper did not work; give the credentials in `auths`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(config: &serde_json::Value) -> Result<RegistryAuth, &'static str> {
        let digest = "0".repeat(64);
        let reference = format!("registry.example.com/team/config@sha256:{digest}").parse().unwrap();
        find(config.to_string().as_bytes(), &reference)
    }

    fn user(name: &str) -> serde_json::Value {
        serde_json::json!({"username": name, "password": "pa55"})
    }

    #[test]
    fn the_longest_entry_wins() {
        let auths = [
            ("registry.example.com/team/config", "exact"),
            ("registry.example.com/team", "team"),
            ("registry.example.com", "host"),
        ];
        for first in 0..auths.len() {
            let entries: serde_json::Map<_, _> =
                auths[first..].iter().map(|(key, name)| ((*key).to_owned(), user(name))).collect();
            let found = search(&serde_json::json!({"auths": entries})).unwrap();
            assert_eq!(found, RegistryAuth::Basic(auths[first].1.into(), "pa55".into()));
        }
    }

    #[test]
    fn an_entry_may_be_a_url() {
        let config = serde_json::json!({"auths": {"https://registry.example.com/v2/": user("app")}});
        assert_eq!(search(&config), Ok(RegistryAuth::Basic("app".into(), "pa55".into())));
    }

    #[test]
    fn entries_of_other_registries_are_not_used() {
        let config =
            serde_json::json!({"auths": {"registry.example.org": user("app"), "example.com": user("app")}});
        assert_eq!(search(&config), Ok(RegistryAuth::Anonymous));
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_showing_it() {
        for entry in [
            serde_json::json!({"identitytoken": "t0ken"}),
            serde_json::json!({"auth": "t0ken"}),
            serde_json::json!({"auth": "YXBwOnQwa2Vu", "username": "app", "password": "other"}),
        ] {
            let problem = search(&serde_json::json!({"auths": {"registry.example.com": entry}})).unwrap_err();
            assert!(problem.starts_with("it"), "{problem}");
        }
        assert_eq!(search(&serde_json::json!(["t0ken"])), Err("it is not the JSON of a docker config"));
    }

    #[test]
    fn a_credential_helper_that_is_missing_is_refused() {
        let config = serde_json::json!({"credHelpers": {"registry.example.com": "none-of-this-name"}});
        assert!(search(&config).unwrap_err().contains("`auths`"));
    }
}
