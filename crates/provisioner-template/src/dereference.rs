//! Step 2: reads what is there under the names that a claim needs, whoever made it.

use std::collections::{BTreeMap, BTreeSet};

use api_types::SecretKeyRef;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, Client};
use provisioner_kit::Claim;
use resource_template::{Part, Rendered, generated_name, visible};
use serde_json::Value;

use crate::objects::{LookError, Objects, Spot};

/// What is there.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What was generated and made for the claim.
    pub record: Option<Secret>,
    /// What is where each object is to be, in their order.
    pub spots: Vec<Spot>,
    /// What the declaration reads, by id, as far as it is there.
    pub reads: BTreeMap<String, Spot>,
    /// The secrets of other resources, as far as they are there.
    pub copied: BTreeMap<SecretKeyRef, ByteString>,
}

/// The API server did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// To a question about a Secret.
    #[error("failed to read a secret of the claim")]
    Secret(#[source] kube::Error),
    /// To a question about another object.
    #[error(transparent)]
    Look(#[from] LookError),
}

/// Reads what there is for `rendered`.
///
/// # Errors
/// If the API server does not answer as it should.
pub async fn dereference(
    client: &Client,
    objects: &Objects,
    claim: &Claim,
    rendered: &Rendered,
) -> Result<Found, Error> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &claim.namespace);
    let record = secrets.get_opt(&generated_name(&claim.name)).await.map_err(Error::Secret)?;
    let mut found = Found { record, ..Found::default() };
    for manifest in &rendered.manifests {
        found.spots.push(objects.look(&claim.namespace, &manifest.place).await?);
    }
    for (id, place) in &rendered.reads {
        found.reads.insert(id.clone(), objects.look(&claim.namespace, place).await?);
    }
    for name in copied(rendered).iter().map(|reference| &reference.name).collect::<BTreeSet<_>>() {
        let data = secrets.get_opt(name).await.map_err(Error::Secret)?.and_then(|secret| secret.data);
        let values = data.unwrap_or_default().into_iter();
        found.copied.extend(values.map(|(key, value)| (SecretKeyRef { name: name.clone(), key }, value)));
    }
    Ok(found)
}

/// The secrets of other resources that are needed.
pub fn copied(rendered: &Rendered) -> BTreeSet<SecretKeyRef> {
    let parts = rendered.manifests.iter().flat_map(|manifest| manifest.secret.values()).flatten();
    parts
        .filter_map(|part| match part {
            Part::Copied(reference) => Some(reference.clone()),
            _ => None,
        })
        .collect()
}

impl Found {
    /// What expressions see of what the declaration reads; null where there is nothing.
    pub fn reads(&self, rendered: &Rendered) -> BTreeMap<String, Value> {
        let seen = |(id, place): (&String, &resource_template::Place)| {
            let object = match self.reads.get(id) {
                Some(Spot::Open(_, Some(object))) => serde_json::to_value(object).unwrap_or_default(),
                _ => return (id.clone(), Value::Null),
            };
            (id.clone(), visible(&place.kind, object))
        };
        rendered.reads.iter().map(seen).collect()
    }
}
