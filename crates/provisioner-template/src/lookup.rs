//! Step 5: reads what the outputs refer to. Nothing but what was made for the claim is read: a Workload is given no
//! secret of anybody else.

use std::collections::BTreeMap;

use api_types::SecretKeyRef;
use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, core::DynamicObject};
use provisioner_kit::{Claim, Standing, standing};
use resource_template::{ObjectKindError, Outputs, Place};

use crate::{
    NAME,
    build::held,
    objects::{LookError, Objects, Spot},
};

/// What a reference of an output leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Referred {
    /// The value, and the uid of the object that holds it.
    Held(ByteString, String),
    /// Nothing yet.
    Absent,
    /// An object that was not made for the claim.
    Foreign,
}

/// What the outputs refer to, by output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct References {
    /// Of Secrets.
    pub secrets: BTreeMap<String, Referred>,
    /// Of ConfigMaps.
    pub config_maps: BTreeMap<String, Referred>,
}

/// The API server did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// To a question about a Secret.
    #[error("failed to read the secret of an output")]
    Secret(#[source] kube::Error),
    /// To a question about a ConfigMap.
    #[error(transparent)]
    Look(#[from] LookError),
    /// ConfigMaps are not called as they were.
    #[error(transparent)]
    Kind(#[from] ObjectKindError),
}

/// Reads what `outputs` refer to, of objects that belong to `claim` or to one of its `applied` objects.
///
/// # Errors
/// If the API server does not answer as it should.
pub async fn look_up(
    client: &Client,
    objects: &Objects,
    claim: &Claim,
    applied: &BTreeMap<String, DynamicObject>,
    outputs: &Outputs,
) -> Result<References, Error> {
    let mut references = References::default();
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &claim.namespace);
    for (output, reference) in &outputs.secrets {
        let secret = secrets.get_opt(&reference.name).await.map_err(Error::Secret)?;
        let meta = secret.as_ref().map(|secret| &secret.metadata);
        let value = secret.as_ref().and_then(|secret| held(secret, &reference.key));
        references.secrets.insert(output.clone(), judge(claim, applied, meta, value));
    }
    for (output, reference) in &outputs.config_maps {
        let map = config_map(objects, claim, reference).await?;
        let value = map.as_ref().and_then(|map| map.data.as_ref()?.get(&reference.key));
        let value = value.map(|value| ByteString(value.clone().into_bytes()));
        let referred = judge(claim, applied, map.as_ref().map(|map| &map.metadata), value.as_ref());
        references.config_maps.insert(output.clone(), referred);
    }
    Ok(references)
}

async fn config_map(
    objects: &Objects,
    claim: &Claim,
    reference: &SecretKeyRef,
) -> Result<Option<ConfigMap>, Error> {
    let Ok(name) = reference.name.parse() else { return Ok(None) };
    let place = Place { kind: "v1/ConfigMap".parse()?, name };
    match objects.look(&claim.namespace, &place).await? {
        Spot::Open(_, Some(object)) => {
            Ok(serde_json::to_value(*object).and_then(serde_json::from_value).ok())
        }
        Spot::Open(_, None) | Spot::Shut(_) => Ok(None),
    }
}

/// An object is the claim's if the claim made it, or if one of those that the claim made owns it.
fn judge(
    claim: &Claim,
    applied: &BTreeMap<String, DynamicObject>,
    meta: Option<&ObjectMeta>,
    value: Option<&ByteString>,
) -> Referred {
    let Some(meta) = meta else { return Referred::Absent };
    let uids: Vec<_> = applied.values().filter_map(|object| object.metadata.uid.as_deref()).collect();
    let owners = meta.owner_references.iter().flatten();
    let owned = owners.into_iter().any(|owner| uids.contains(&owner.uid.as_str()));
    if !owned && standing(Some(meta), claim, NAME) != Standing::Ours {
        return Referred::Foreign;
    }
    let uid = meta.uid.clone().unwrap_or_default();
    value.map_or(Referred::Absent, |value| Referred::Held(value.clone(), uid))
}
