//! Step 1: reads everything that the answer to a claim depends on.

use std::sync::Arc;

use api_types::ResourceClaim;
use controller_kit::{Cache, CacheClosed};
use futures::{TryFutureExt as _, try_join};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{Event, PersistentVolumeClaim, Pod, Secret, Service},
    },
};
use kube::{Api, Client, Resource, api::ListParams};
use serde::de::DeserializeOwned;

use crate::{health::serves, names::Names};

/// What this controller watches besides claims: only objects that carry its `managed-by` label.
#[derive(Clone, Debug)]
pub struct Caches {
    /// The volumes.
    pub volumes: Cache<PersistentVolumeClaim>,
    /// The services.
    pub services: Cache<Service>,
    /// The databases.
    pub databases: Cache<StatefulSet>,
    /// The pods, with little more than their state.
    pub pods: Cache<Pod>,
}

impl Caches {
    /// Waits until all of them hold the first list.
    ///
    /// # Errors
    /// If the process stops before.
    pub async fn ready(&self) -> Result<(), CacheClosed> {
        self.volumes.ready().await?;
        self.services.ready().await?;
        self.databases.ready().await?;
        self.pods.ready().await
    }

    /// Whether there is any part of a database of its own under `names`, besides credentials.
    pub(crate) fn hold(&self, names: &Names) -> bool {
        let Names { namespace, base, volume, .. } = names;
        self.volumes.get(namespace, volume).is_some()
            || self.services.get(namespace, base).is_some()
            || self.databases.get(namespace, base).is_some()
    }
}

/// What is there under the names that a claim needs, whoever made it.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The credentials. They are never watched, so that this controller need not be allowed to list Secrets.
    pub secret: Option<Secret>,
    /// The volume.
    pub volume: Option<Arc<PersistentVolumeClaim>>,
    /// The service.
    pub service: Option<Arc<Service>>,
    /// The database.
    pub database: Option<Arc<StatefulSet>>,
    /// The database's only pod.
    pub pod: Option<Arc<Pod>>,
    /// Why Kubernetes was not allowed to start the pod, in the API server's words.
    pub refusal: Option<String>,
    /// Whether the claim was Bound once with the volume that is there. No outputs are handed out before.
    pub was_bound: bool,
    /// The major version that PostgreSQL itself has told of, if it was asked.
    pub version: Option<u32>,
}

/// Something could not be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the {what} of the claim")]
pub struct Error {
    what: &'static str,
    source: kube::Error,
}

/// Reads what is there under `names` for the claim `object`.
///
/// # Errors
/// If the API server does not answer as it should.
pub async fn dereference(
    client: &Client,
    caches: &Caches,
    object: &ResourceClaim,
    names: &Names,
) -> Result<Found, Error> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &names.namespace);
    let (secret, volume, service, database) = try_join!(
        secrets.get_opt(&names.secret).map_err(failed("credentials")),
        find(client, &caches.volumes, names, &names.volume).map_err(failed("volume")),
        find(client, &caches.services, names, &names.base).map_err(failed("service")),
        find(client, &caches.databases, names, &names.base).map_err(failed("database")),
    )?;
    let pod = caches.pods.get(&names.namespace, &names.pod());
    let refusal = match &database {
        Some(database) if pod.is_none() && !serves(database) => refusal(client, database).await?,
        _ => None,
    };
    let revision = object.status.as_ref().and_then(|status| status.outputs_revision.as_ref());
    let was_bound = volume.is_some() && revision.is_some();
    Ok(Found { secret, volume, service, database, pod, refusal, was_bound, version: None })
}

fn failed(what: &'static str) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error { what, source }
}

/// The object from the cache, and if it is not there, from the API server: the watch shows only what carries this
/// controller's label, and what does not may still have the name.
async fn find<K>(
    client: &Client,
    cache: &Cache<K>,
    names: &Names,
    name: &str,
) -> Result<Option<Arc<K>>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    if let Some(object) = cache.get(&names.namespace, name) {
        return Ok(Some(object));
    }
    let api: Api<K> = Api::namespaced(client.clone(), &names.namespace);
    Ok(api.get_opt(name).await?.map(Arc::new))
}

/// Why the pod of `database` was not made. A StatefulSet tells it by events alone.
async fn refusal(client: &Client, database: &StatefulSet) -> Result<Option<String>, Error> {
    let (Some(namespace), Some(uid)) = (&database.metadata.namespace, &database.metadata.uid) else {
        return Ok(None);
    };
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let fields = format!("involvedObject.uid={uid},reason=FailedCreate");
    let list = events.list(&ListParams::default().fields(&fields)).await.map_err(failed("events"))?;
    let newest = list.items.into_iter().max_by_key(|event| event.last_timestamp.clone().map(|time| time.0));
    Ok(newest.and_then(|event| event.message))
}
