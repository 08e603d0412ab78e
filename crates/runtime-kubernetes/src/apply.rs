//! Step 4: makes the cluster hold what was built, without ever taking over what is somebody else's.

mod files;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use api_types::Reason;
use controller_kit::{Applied, Applier, Cache};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{apps::v1::Deployment, core::v1::Service},
};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    build::Resources,
    dereference::{Caches, Dereferenced},
    messages::{self, NAME_TAKEN, NOT_ALLOWED, PREDECESSOR, Refusal},
    observe::{Failing, Underway},
    validate::Identity,
};

pub use files::prune;

/// Writes to the cluster.
#[derive(Clone)]
pub struct Writer {
    /// Asks for what no cache holds.
    pub client: Client,
    /// Applies and deletes.
    pub applier: Applier,
}

/// What became of the objects.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The cluster holds them; this is the Deployment as it is now.
    Applied(Arc<Deployment>),
    /// The API server, or this controller's manners, said no.
    Refused(Failing),
    /// Something of the same name is on its way out.
    Waiting(Underway),
}

/// Neither done nor refused.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} the {kind} of the plan")]
pub struct Error {
    action: &'static str,
    kind: String,
    source: kube::Error,
}

/// Whose the object is that has the plan's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stance {
    /// Nobody's, or this plan's.
    Ours,
    /// It is being deleted, or belongs to an earlier plan of the name and will be.
    Leaving,
    /// It was not made for any plan of this name.
    Foreign,
}

/// Makes the cluster hold `resources`, and nothing that the plan no longer wants.
///
/// # Errors
/// If the API server cannot be asked or answers with something that the next attempt may mend.
pub async fn apply(
    writer: &Writer,
    caches: &Caches,
    identity: &Identity,
    resources: &Resources,
    found: &Dereferenced,
) -> Result<Outcome, Error> {
    // Without `..`, so that what is built and not applied does not compile.
    let Resources { deployment, service, config_maps } = resources;
    let (live_deployment, live_service) = tokio::try_join!(
        writer.live(Some(deployment), found.deployment.clone()),
        writer.live(service.as_ref(), found.service.clone())
    )?;
    let whose =
        worst(stance(live_deployment.as_deref(), identity), stance(live_service.as_deref(), identity));
    if let Some(outcome) = in_the_way(whose) {
        return Ok(outcome);
    }
    match files::ensure(writer, caches, identity, config_maps).await.map(in_the_way) {
        Ok(None) => {}
        Ok(Some(outcome)) => return Ok(outcome),
        Err(error) => return refused(error, deployment).map(Outcome::Refused),
    }
    let (applied, served) = tokio::join!(
        writer.write(deployment, live_deployment, &caches.deployments),
        writer.write_or_delete(service.as_ref(), live_service, &caches.services)
    );
    let refused = |error| refused(error, deployment);
    match (applied.map_err(refused), served.map_err(refused)) {
        (Ok(applied), Ok(())) => Ok(Outcome::Applied(applied)),
        (Err(Ok(one)), Err(Ok(other))) => Ok(Outcome::Refused(one.and(other))),
        (Err(Ok(failing)), _) | (_, Err(Ok(failing))) => Ok(Outcome::Refused(failing)),
        (Err(Err(error)), _) | (_, Err(Err(error))) => Err(error),
    }
}

/// What to do if not everything that has the names is the plan's.
fn in_the_way(whose: Stance) -> Option<Outcome> {
    match whose {
        Stance::Ours => None,
        Stance::Leaving => {
            let hint = Some(PREDECESSOR.to_owned());
            Some(Outcome::Waiting(Underway { hint, ..Underway::default() }))
        }
        Stance::Foreign => Some(Outcome::Refused(denied(NAME_TAKEN).slowly())),
    }
}

impl Writer {
    /// The object under the name of `desired`, also if it is none of those that the cache holds, which are ours: then
    /// it must not be overwritten. Costs a request, but only before something is created.
    async fn live<K>(&self, desired: Option<&K>, cached: Option<Arc<K>>) -> Result<Option<Arc<K>>, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let Some(desired) = desired.filter(|_| cached.is_none()) else { return Ok(cached) };
        let api = Api::<K>::namespaced(self.client.clone(), &desired.namespace().unwrap_or_default());
        let found = api.get_opt(&desired.name_any()).await;
        found.map(|found| found.map(Arc::new)).map_err(|source| error::<K>("look for", source))
    }

    async fn write<K>(&self, desired: &K, live: Option<Arc<K>>, cache: &Cache<K>) -> Result<Arc<K>, Error>
    where
        K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned,
    {
        match self.applier.apply(desired.clone(), live.as_deref()).await {
            Ok(Applied::Unchanged) => Ok(live.unwrap_or_else(|| Arc::new(desired.clone()))),
            Ok(Applied::Written(written)) => {
                cache.record(written.clone());
                Ok(Arc::new(written))
            }
            Err(source) => Err(error::<K>("apply", source)),
        }
    }

    async fn write_or_delete(
        &self,
        desired: Option<&Service>,
        live: Option<Arc<Service>>,
        cache: &Cache<Service>,
    ) -> Result<(), Error> {
        match (desired, live) {
            (Some(desired), live) => {
                let live = live.filter(|live| selector(live) == selector(desired));
                self.write(desired, live, cache).await.map(drop)
            }
            (None, Some(live)) => {
                self.applier.delete(&*live).await.map_err(|source| error::<Service>("delete", source))
            }
            (None, None) => Ok(()),
        }
    }
}

/// What a Service selects. One label more selects less, so what others add here is no addition but a change, unlike
/// elsewhere.
fn selector(service: &Service) -> Option<&BTreeMap<String, String>> {
    service.spec.as_ref()?.selector.as_ref()
}

fn stance<K: Resource>(live: Option<&K>, identity: &Identity) -> Stance {
    let Some(live) = live else { return Stance::Ours };
    let plan = identity.owner_reference();
    let of_such_a_plan = |kind: &str, name: &str| kind == plan.kind && name == plan.name;
    let owner = live.owner_references().iter().find(|owner| of_such_a_plan(&owner.kind, &owner.name));
    match owner {
        None => Stance::Foreign,
        Some(owner) if owner.uid != plan.uid || live.meta().deletion_timestamp.is_some() => Stance::Leaving,
        Some(_) => Stance::Ours,
    }
}

fn worst(one: Stance, other: Stance) -> Stance {
    match (one, other) {
        (Stance::Foreign, _) | (_, Stance::Foreign) => Stance::Foreign,
        (Stance::Leaving, _) | (_, Stance::Leaving) => Stance::Leaving,
        (Stance::Ours, Stance::Ours) => Stance::Ours,
    }
}

fn denied(message: &str) -> Failing {
    Failing::from(Refusal { reason: Reason::PermissionDenied, message: message.to_owned() })
}

fn error<K: Resource<DynamicType = ()>>(action: &'static str, source: kube::Error) -> Error {
    Error { action, kind: K::kind(&()).into_owned(), source }
}

/// What to tell the user of a refusal, or the error if it is none. To try again at once would not help, and nothing
/// that is watched may change when it would: so it is tried again slowly.
fn refused(error: Error, built: &Deployment) -> Result<Failing, Error> {
    let kube::Error::Api(status) = &error.source else { return Err(error) };
    let told = messages::refusal(&status.message).map(Failing::from);
    let failing = match status.code {
        // Webhooks choose their own code.
        400 => told,
        403 => told.or_else(|| Some(denied(NOT_ALLOWED))),
        422 => told.or_else(|| Some(Failing::degraded(messages::invalid(status, built)))),
        _ => None,
    };
    failing.map(Failing::slowly).ok_or(error)
}
