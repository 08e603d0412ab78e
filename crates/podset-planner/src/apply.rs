//! Step 5: writes, in an order in which the process may die after any write.
//!
//! - What is decided stands in the plan, and of which pods, in its status, before room is reserved.
//! - Room is reserved before a pod is released, and a pod is released by one write, which holds for one version of it.
//!   Where no room can be reserved, that write takes it.
//! - A plan goes only when it says nothing of anybody.

use std::sync::Arc;

use controller_kit::{Applied, Applier};
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{Patch, PatchParams},
    core::NamespaceResourceScope,
};
use podset_types::{SchedulePlan, ScheduleTrigger};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    NAME,
    build::{Intent, Release, Wanted, patch, plan_status},
    caches::Caches,
    dereference::World,
    metrics::Metrics,
    renew,
};

/// How many writes to pods are under way at once.
const PARALLEL: usize = 32;

/// Writes. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    applier: Applier,
    caches: Caches,
    metrics: Metrics,
}

/// A write failed for a reason that may go away by itself.
#[derive(Debug, thiserror::Error)]
#[error("failed to write {what}")]
pub struct Error {
    what: String,
    source: kube::Error,
}

/// What became of a write that holds for one version of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It was made.
    Written,
    /// The object has changed, or is gone: look again.
    Outdated,
}

impl Writer {
    /// Writes with `client`, and remembers in `caches` what it has written.
    pub fn new(client: Client, applier: Applier, caches: Caches, metrics: Metrics) -> Self {
        Self { client, applier, caches, metrics }
    }

    /// Sets the state of `trigger` to `Schedule`.
    ///
    /// # Errors
    /// If the API server does not answer as it should.
    pub async fn fire(&self, trigger: &ScheduleTrigger) -> Result<Outcome, Error> {
        let fired = self.patch(trigger, None, Patch::Json(patch::fire(trigger))).await?;
        Ok(fired.map_or(Outcome::Outdated, |fired| {
            self.caches.stores.triggers.record(fired);
            Outcome::Written
        }))
    }

    /// Writes the plan, takes back who cannot get to its node, and reserves.
    ///
    /// # Errors
    /// If the API server does not answer as it should. Nothing is released then.
    pub async fn reserve(&self, world: &World, intent: &Intent) -> Result<Outcome, Error> {
        match (&intent.plan, &world.plan) {
            (Some(wanted), live) => self.plan(wanted, live.as_deref()).await?,
            (None, Some(live)) if live.metadata.deletion_timestamp.is_none() => {
                self.applier.delete(&**live).await.map_err(|source| failed(&**live, source))?;
            }
            (None, _) => {}
        }
        let recycled = self.recycle(&intent.recycle).await?;
        let withdrawn = intent.withdraw.iter().map(|pod| (pod.clone(), Patch::Json(patch::withdraw(pod))));
        let reserved =
            intent.reserve.iter().map(|(pod, node)| (pod.clone(), Patch::Json(patch::reserve(pod, node))));
        let patches: Vec<_> = withdrawn.chain(reserved).collect();
        let wanted = patches.len();
        let written = self.patch_pods(Some("status"), patches).await?;
        Ok(if written < wanted { Outcome::Outdated } else { recycled })
    }

    /// Deletes `pods`, as far as they are what they were: one that was bound meanwhile runs.
    async fn recycle(&self, pods: &[Arc<Pod>]) -> Result<Outcome, Error> {
        let mut outcome = Outcome::Written;
        for pod in pods {
            if self.applier.delete_unchanged(&**pod).await.map_err(|source| failed(&**pod, source))? {
                self.metrics.recycled();
            } else {
                outcome = Outcome::Outdated;
            }
        }
        Ok(outcome)
    }

    /// Releases.
    ///
    /// # Errors
    /// If the API server does not answer as it should; some may be released then.
    pub async fn release(&self, releases: &[(Arc<Pod>, Release)]) -> Result<Outcome, Error> {
        let patches = releases.iter().filter_map(|(pod, release)| {
            Some((pod.clone(), Patch::Json(patch::release(pod, &release.node, release.pin)?)))
        });
        let patches: Vec<_> = patches.collect();
        let written = self.patch_pods(None, patches).await?;
        self.metrics.released(written);
        Ok(if written < releases.len() { Outcome::Outdated } else { Outcome::Written })
    }

    /// Tells `scheduler` what is reserved for `pods`. One that has changed meanwhile was written to, which tells it too.
    ///
    /// # Errors
    /// If the API server does not answer as it should.
    pub async fn renew(&self, pods: Vec<Arc<Pod>>, scheduler: &str) -> Result<(), Error> {
        let patches = pods.into_iter().map(|pod| {
            let patch = renew::patch(&pod, scheduler);
            (pod, patch)
        });
        self.patch_pods(None, patches.collect()).await.map(drop)
    }

    async fn plan(&self, wanted: &Wanted, live: Option<&SchedulePlan>) -> Result<(), Error> {
        let fail = |source| failed(&wanted.plan, source);
        let applied = self.applier.apply(wanted.plan.clone(), live).await.map_err(fail)?;
        let plan = match (applied, live) {
            (Applied::Written(plan), _) => {
                self.caches.stores.plans.record(plan.clone());
                plan
            }
            (Applied::Unchanged, Some(live)) => live.clone(),
            (Applied::Unchanged, None) => return Ok(()),
        };
        let status = plan_status(wanted, &plan);
        let told = self.applier.apply_status(&plan, &status, plan.status.as_ref()).await.map_err(fail)?;
        if let Some(told) = told.written() {
            self.caches.stores.plans.record(told);
        }
        Ok(())
    }

    /// Makes all of `patches`, several at a time, and tells how many still held. One that fails keeps none from being made,
    /// and one that is slow none from being begun. They are begun in their order.
    async fn patch_pods(
        &self,
        subresource: Option<&str>,
        patches: Vec<(Arc<Pod>, Patch<Value>)>,
    ) -> Result<usize, Error> {
        let written = stream::iter(patches).map(|(pod, patch)| async move {
            let patched = self.patch(&*pod, subresource, patch).await?;
            Ok(patched.map(|patched| self.caches.stores.pods.record(patched)))
        });
        let written: Vec<Result<Option<()>, Error>> = written.buffer_unordered(PARALLEL).collect().await;
        let written: Vec<_> = written.into_iter().collect::<Result<_, _>>()?;
        Ok(written.into_iter().flatten().count())
    }

    /// The object as it is after `patch`; None if the patch does not hold for it any more.
    async fn patch<K>(
        &self,
        object: &K,
        subresource: Option<&str>,
        patch: Patch<Value>,
    ) -> Result<Option<K>, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &object.namespace().unwrap_or_default());
        let params = PatchParams { field_manager: Some(NAME.to_owned()), ..PatchParams::default() };
        let name = object.name_any();
        let patched = match subresource {
            Some(subresource) => api.patch_subresource(subresource, &name, &params, &patch).await,
            None => api.patch(&name, &params, &patch).await,
        };
        match patched {
            Ok(patched) => Ok(Some(patched)),
            Err(error) if is_outdated(&error) => Ok(None),
            Err(source) => Err(failed(object, source)),
        }
    }
}

/// Whether the object is not the one that a patch was made for. A test that fails is answered like what is invalid, but
/// names neither a kind nor a field.
fn is_outdated(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let unnamed =
        status.details.as_ref().is_none_or(|details| details.kind.is_empty() && details.causes.is_empty());
    status.is_not_found() || status.is_conflict() || (status.code == 422 && unnamed)
}

fn failed<K: Resource<DynamicType = ()>>(object: &K, source: kube::Error) -> Error {
    Error { what: format!("{} {}", K::kind(&()), object.name_any()), source }
}
