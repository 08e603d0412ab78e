//! Judges a claim for a database on a server: pure. What passes can be worked on.

use api_types::ResourceClaimSpec;
use k8s_openapi::api::core::v1::Secret;
use provisioner_kit::{Answer, Claim, Given, Retry, standing, text};

use super::{
    access::{Access, Authorities},
    record::is_of_server,
    settings::{ServerSettings, Tls, settings},
};
use crate::{NAME, credentials::Password, names::Names, validate};

/// The settings in the claim's `spec`.
///
/// # Errors
/// The answer to a claim that cannot be served as it stands.
pub fn server_settings(spec: &ResourceClaimSpec) -> Result<ServerSettings, Answer> {
    validate::served_type(spec)?;
    let parameters = spec.parameters.as_ref().map(|parameters| &parameters.0);
    let parameters = parameters.cloned().unwrap_or_default();
    settings(&parameters).map_err(|errors| validate::wrong_parameters(&spec.class, &errors))
}

/// What it takes to work on the server of `settings`, from the platform's Secrets that it names.
///
/// # Errors
/// The answer if they are not there.
pub fn access(
    settings: &ServerSettings,
    admin: &Given,
    authority: Option<&Given>,
    namespace: &str,
) -> Result<Access, Answer> {
    let address = settings.server.clone();
    let admin = present(admin, &address.admin_secret, namespace)?;
    let field = |key| text(admin, key).ok_or_else(|| lacks(&address.admin_secret, key, namespace));
    let (username, _) = (field("username")?, field("password")?);
    let password =
        Password::read_line(admin).ok_or_else(|| lacks(&address.admin_secret, "password", namespace))?;
    let authorities = match (&address.tls, authority) {
        (Tls::Verify { of, secret, key }, Some(given)) => {
            let given = present(given, secret, namespace)?;
            let pem = text(given, key).ok_or_else(|| lacks(secret, key, namespace))?.into_bytes();
            Some(Authorities { pem, vouch_for: *of })
        }
        _ => None,
    };
    Ok(Access { address, username, password, authorities })
}

fn present<'a>(given: &'a Given, name: &str, namespace: &str) -> Result<&'a Secret, Answer> {
    match given {
        Given::Secret(secret) => Ok(secret),
        Given::Missing => Err(platform(&format!(
            "`{name}`, which the class names, does not exist in the namespace `{namespace}`"
        ))),
        Given::Forbidden => Err(platform(&format!(
            "the provisioner may not read `{name}`: it has to be named in the provisioner's chart value \
             `servers.secrets`"
        ))),
    }
}

fn lacks(name: &str, key: &str, namespace: &str) -> Answer {
    platform(&format!("`{name}` in the namespace `{namespace}` has no `{key}`"))
}

/// Nothing tells when the platform has put it right.
fn platform(what: &str) -> Answer {
    Answer::failed(format!(
        "the platform's access to the database server is not set up, ask your platform team to correct it: {what}"
    ))
    .retry(Retry::Rarely)
}

/// Whether the name of the claim's Secret is free or its own, and of a database on a server.
///
/// # Errors
/// The answer if it is not.
pub fn free(claim: &Claim, names: &Names, secret: Option<&Secret>) -> Result<(), Answer> {
    let standing = standing(secret.map(|secret| &secret.metadata), claim, NAME);
    validate::judge(claim, &[(&names.secret, standing)])?;
    match secret {
        Some(secret) if !is_of_server(secret) => Err(other_kind(claim)),
        _ => Ok(()),
    }
}

fn other_kind(claim: &Claim) -> Answer {
    Answer::failed(format!(
        "this database has a server of its own, and the platform's class now asks for one on a shared server: its data \
         would be left behind; ask your platform team to undo that change, or rename resources.{} to start empty",
        claim.key
    ))
    .retry(Retry::Rarely)
}

/// The answer if what is written down of the claim cannot be read.
pub fn damaged(names: &Names) -> Answer {
    Answer::failed(format!(
        "the credentials of this database (`{}`) were changed so that they cannot be read: ask your platform team to \
         restore them, or to delete them so that new ones are made",
        names.secret
    ))
    .retry(Retry::Rarely)
}
