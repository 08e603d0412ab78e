//! Every object of every kind there is.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::discovery::{Discovery, Scope, verbs};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use crate::Result;

const AT_ONCE: usize = 8;

/// An object as the API server shows it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty where its kind has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// All of it.
    pub content: Value,
}

/// All objects of the cluster, of every kind that can be listed.
///
/// # Errors
/// The kinds, or the objects of one of them, cannot be listed.
pub async fn everything(client: &Client) -> Result<Vec<Found>> {
    listed(client, None).await
}

/// All objects of a namespace, of every kind that can be listed.
///
/// # Errors
/// As [`everything`].
pub async fn of_namespace(client: &Client, namespace: &str) -> Result<Vec<Found>> {
    listed(client, Some(namespace)).await
}

async fn listed(client: &Client, namespace: Option<&str>) -> Result<Vec<Found>> {
    let discovery = Discovery::new(client.clone()).run_aggregated().await?;
    let kinds = discovery.groups().flat_map(|group| group.recommended_resources());
    let kinds = kinds.filter(|(_, capabilities)| capabilities.supports_operation(verbs::LIST));
    let kinds =
        kinds.filter(|(_, capabilities)| namespace.is_none() || capabilities.scope == Scope::Namespaced);
    let apis: Vec<_> = kinds
        .map(|(kind, _)| {
            let api: Api<DynamicObject> = match namespace {
                Some(namespace) => Api::namespaced_with(client.clone(), namespace, &kind),
                None => Api::all_with(client.clone(), &kind),
            };
            (kind, api)
        })
        .collect();
    let lists: Vec<Vec<Found>> =
        stream::iter(apis).map(|(kind, api)| list(kind, api)).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(lists.into_iter().flatten().collect())
}

async fn list(kind: ApiResource, api: Api<DynamicObject>) -> Result<Vec<Found>> {
    let objects = match api.list(&ListParams::default()).await {
        // The kind went away between discovery and now.
        Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(vec![]),
        objects => objects?,
    };
    let found = |object: DynamicObject| {
        Ok(Found {
            kind: kind.kind.clone(),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            content: serde_json::to_value(object)?,
        })
    };
    objects.into_iter().map(found).collect()
}

/// What in a namespace is not there from the start or written about something else: `Kind/name`.
///
/// Events tell what was; metrics of pods are measurements.
///
/// # Errors
/// As [`everything`].
pub async fn made_in(client: &Client, namespace: &str) -> Result<BTreeSet<String>> {
    let from_the_start = ["ServiceAccount/default", "ConfigMap/kube-root-ca.crt"];
    let made = of_namespace(client, namespace).await?.into_iter();
    let made = made.filter(|object| !matches!(object.kind.as_str(), "Event" | "PodMetrics"));
    let names = made.map(|object| format!("{}/{}", object.kind, object.name));
    Ok(names.filter(|name| !from_the_start.contains(&name.as_str())).collect())
}

/// The volumes that were made for claims of a namespace: `PersistentVolume/name`.
///
/// # Errors
/// They cannot be listed.
pub async fn volumes_of(client: &Client, namespace: &str) -> Result<BTreeSet<String>> {
    use k8s_openapi::api::core::v1::PersistentVolume;
    let volumes = Api::<PersistentVolume>::all(client.clone()).list(&ListParams::default()).await?;
    let of_namespace = |volume: &PersistentVolume| {
        let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        claim.and_then(|claim| claim.namespace.as_deref()) == Some(namespace)
    };
    let names = volumes.into_iter().filter(of_namespace);
    Ok(names.map(|volume| format!("PersistentVolume/{}", volume.name_any())).collect())
}
