//! Step 2: judges the claim and what was found. What passes can be built without further questions.

use k8s_openapi::{api::core::v1::PersistentVolumeClaim, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use provisioner_kit::{Answer, Claim, Marks, Retry, Standing, standing};
use quantity::Quantity;
use serde_json::{Map, Value};

use api_types::ResourceClaimSpec;

use crate::{
    NAME,
    credentials::Credentials,
    dereference::Found,
    names::Names,
    server::is_of_server,
    settings::{Defaults, Settings, settings},
    version::{self, Verdict},
};

/// The resource type that this provisioner serves.
pub const TYPE: &str = "postgres";
/// The class that this provisioner serves: a PostgreSQL of its own for each claim.
pub const CLASS: &str = "default";

/// A database that can be built: every name is free or the claim's own, every setting is valid.
#[derive(Clone, Debug)]
pub struct Database {
    /// Whose it is.
    pub claim: Claim,
    /// What its parts are called.
    pub names: Names,
    /// What its parts carry.
    pub marks: Marks,
    /// What it is made of.
    pub settings: Settings,
    /// The user and group that PostgreSQL runs as.
    pub run_as_user: i64,
    /// The host name under which it can be reached.
    pub host: String,
    /// The credentials that exist; none if they are to be made.
    pub credentials: Option<Credentials>,
    /// The version of its data, where that has to be written down.
    pub version: Option<u32>,
    /// Whether PostgreSQL has to be asked for its version before the image of the settings can be judged.
    pub asks: bool,
    /// Changes of the settings that were not made, and why.
    pub notes: Vec<String>,
}

/// Judges the claim `claim` with `spec`, given what was `found` under its names.
///
/// # Errors
/// The answer to a claim that cannot be served as it stands, or not yet.
pub fn validate(
    claim: Claim,
    spec: &ResourceClaimSpec,
    found: &Found,
    defaults: &Defaults,
) -> Result<Database, Answer> {
    served(spec)?;
    let parameters = spec.parameters.as_ref().map(|parameters| &parameters.0);
    let mut settings =
        settings(parameters, defaults).map_err(|errors| wrong_parameters(&spec.class, &errors))?;
    let names = Names::of(&claim.namespace, &claim.name);
    free(&claim, &names, found)?;
    if found.secret.as_ref().is_some_and(is_of_server) {
        return Err(other_kind(&claim));
    }
    let host = host(&names, defaults);
    let credentials = credentials(&names, found, &host)?;
    let storage = found.volume.as_ref().and_then(|volume| kept_storage(volume, &mut settings));
    let Verdict { kept, version, asks, note } = version::judge(&claim, found, &settings.image);
    settings.image = kept.unwrap_or(settings.image);
    let marks = Marks::of(&claim, NAME);
    Ok(Database {
        claim,
        names,
        marks,
        settings,
        run_as_user: defaults.run_as_user,
        host,
        credentials,
        version,
        asks,
        notes: storage.into_iter().chain(note).collect(),
    })
}

/// Pods look names up in `svc.<cluster domain>` too, so the domain can be left out, and is then never wrong.
fn host(names: &Names, defaults: &Defaults) -> String {
    let Names { base, namespace, .. } = names;
    match &defaults.cluster_domain {
        Some(domain) => format!("{base}.{namespace}.svc.{domain}"),
        None => format!("{base}.{namespace}.svc"),
    }
}

fn served(spec: &ResourceClaimSpec) -> Result<(), Answer> {
    // Whoever gives parameters to a class knows it.
    let is_known = spec.class == CLASS || spec.parameters.is_some();
    if spec.type_ != TYPE || !is_known {
        return Err(unknown(spec));
    }
    without_params(spec)
}

/// Whether a claim with `spec` is for a database, and asks for nothing that no class of this provisioner knows.
///
/// # Errors
/// The answer if not.
pub fn served_type(spec: &ResourceClaimSpec) -> Result<(), Answer> {
    if spec.type_ != TYPE {
        return Err(unknown(spec));
    }
    without_params(spec)
}

fn unknown(spec: &ResourceClaimSpec) -> Answer {
    Answer::failed(format!(
        "there is no resource of type `{}` and class `{}` here: use type `{TYPE}` with class `{CLASS}`",
        spec.type_, spec.class
    ))
}

fn without_params(spec: &ResourceClaimSpec) -> Result<(), Answer> {
    match spec.params.as_ref().map(|params| &params.0) {
        Some(params) if !params.is_empty() => Err(unsupported(spec, params)),
        _ => Ok(()),
    }
}

fn unsupported(spec: &ResourceClaimSpec, params: &Map<String, Value>) -> Answer {
    let (key, class) = (&spec.key, &spec.class);
    let names: Vec<_> = params.keys().map(|name| format!("`{name}`")).collect();
    Answer::failed(format!(
        "type `{TYPE}` with class `{class}` takes no params: remove {} from resources.{key}.params",
        names.join(", ")
    ))
}

/// The answer if the platform's parameters of `class` are wrong.
pub fn wrong_parameters(class: &str, errors: &[String]) -> Answer {
    Answer::failed(format!(
        "the platform's settings for type `{TYPE}` and class `{class}` are wrong, ask your platform team to correct \
         them: {}",
        errors.join("; ")
    ))
}

/// Whether every name that the claim needs is free or its own.
fn free(claim: &Claim, names: &Names, found: &Found) -> Result<(), Answer> {
    let parts = [
        (&names.secret, found.secret.as_ref().map(|secret| &secret.metadata)),
        (&names.volume, found.volume.as_ref().map(|volume| &volume.metadata)),
        (&names.base, found.service.as_ref().map(|service| &service.metadata)),
        (&names.base, found.database.as_ref().map(|database| &database.metadata)),
    ];
    let standings = parts.map(|(name, meta): (_, Option<&ObjectMeta>)| (name, standing(meta, claim, NAME)));
    judge(claim, &standings)
}

/// Whether names that stand to the claim like this are free or its own.
///
/// # Errors
/// The answer if not.
pub fn judge(claim: &Claim, standings: &[(&String, Standing)]) -> Result<(), Answer> {
    // What needs a person comes first: waiting for the rest would only put it off.
    for (name, standing) in standings {
        match standing {
            Standing::Foreign(owner) => return Err(taken(claim, name, owner)),
            Standing::Orphaned => return Err(orphaned(claim, name)),
            Standing::Absent | Standing::Ours | Standing::Adoptable | Standing::Leaving => {}
        }
    }
    match standings.iter().find(|(_, standing)| *standing == Standing::Leaving) {
        Some((name, _)) => Err(leaving(name)),
        None => Ok(()),
    }
}

fn other_kind(claim: &Claim) -> Answer {
    Answer::failed(format!(
        "this database is on a shared server, and the platform's class now asks for a server of its own: its data \
         would be left behind; ask your platform team to undo that change, or rename resources.{} to start empty",
        claim.key
    ))
    .retry(Retry::Rarely)
}

fn taken(claim: &Claim, name: &str, owner: &str) -> Answer {
    let key = &claim.key;
    let message =
        format!("the name `{name}` is taken by {owner}: rename resources.{key}, or remove what has the name");
    Answer::failed(message).retry(Retry::Rarely)
}

fn orphaned(claim: &Claim, name: &str) -> Answer {
    let key = &claim.key;
    let message = format!(
        "`{name}` of an earlier database was left behind on purpose (policy Orphan) and is not taken up again \
         automatically: rename resources.{key}, or ask your platform team to remove what was left or to release it for \
         reuse"
    );
    Answer::failed(message).retry(Retry::Rarely)
}

fn leaving(name: &str) -> Answer {
    let message =
        format!("an earlier database is being removed (`{name}`); the new one follows automatically");
    Answer::binding(message).retry(Retry::Soon)
}

/// The credentials, if they exist. Where they are gone but the volume is there, the volume may hold data that only
/// they can open: a volume is never made before the credentials.
fn credentials(names: &Names, found: &Found, host: &str) -> Result<Option<Credentials>, Answer> {
    match &found.secret {
        Some(secret) => match Credentials::read(secret, host) {
            Some(credentials) => Ok(Some(credentials)),
            None => Err(lost(names, "hold no password").retry(Retry::Rarely)),
        },
        // Whoever restores them does it where no watch looks; a volume that goes is seen.
        None if found.volume.is_some() => Err(lost(names, "are gone").retry(Retry::Rarely)),
        None => Ok(None),
    }
}

fn lost(names: &Names, what: &str) -> Answer {
    Answer::failed(format!(
        "the credentials of this database (`{}`) {what}, and new ones would not open its data: ask your platform team \
         to restore them, or to delete the volume `{}` as well to start empty",
        names.secret, names.volume
    ))
}

/// Takes back what cannot be changed, and says so.
fn kept_storage(volume: &PersistentVolumeClaim, settings: &mut Settings) -> Option<String> {
    let spec = volume.spec.as_ref()?;
    let storage: Quantity = spec.resources.as_ref()?.requests.as_ref()?.get("storage")?.0.parse().ok()?;
    let class = spec.storage_class_name.clone();
    // No class in the settings means any: the cluster has chosen one long since.
    let other_class = settings.storage_class.is_some() && settings.storage_class != class;
    let note = (storage != settings.storage || other_class).then(|| {
        format!("its volume stays as it was made ({storage}): the platform's new settings hold for new databases only")
    });
    settings.storage = storage;
    settings.storage_class = class;
    note
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
