//! Step 5: writes, in an order in which the process may die after any write.
//!
//! - What is decided stands in the plan, and of which pods, in its status, before room is reserved.
//! - Room is reserved before a pod is released, and a pod is released by one write, which holds for one version of it.
//!   Where no room can be reserved, that write takes it.
//! - A plan goes only when it says nothing of anybody.
//!
//! That a pod could not be written to keeps no other from it, and is a value: what came of the pass is to be told.

use std::{future::ready, sync::Arc, time::Instant};

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
    rejected::{Rejected, Rejections, Write},
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
    rejections: Arc<Rejections>,
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

/// What became of writes to pods, each of which holds for one version of its pod.
#[derive(Debug, Default)]
#[must_use]
pub struct Made {
    /// How many were made.
    pub written: usize,
    /// Whether some pod has changed, or is gone: look again.
    pub is_outdated: bool,
    /// Those that the API server refuses.
    pub rejected: Vec<Rejected>,
    /// Why the first failed of those that failed for a reason that may go away by itself.
    pub failed: Option<Error>,
}

impl Made {
    /// Both.
    pub fn and(mut self, other: Self) -> Self {
        self.rejected.extend(other.rejected);
        Self {
            written: self.written + other.written,
            is_outdated: self.is_outdated || other.is_outdated,
            rejected: self.rejected,
            failed: self.failed.or(other.failed),
        }
    }

    /// Whether what was decided may go on: no pod is another than it was, and the API server answers.
    pub fn is_current(&self) -> bool {
        !self.is_outdated && self.failed.is_none()
    }
}

/// A write to a pod.
struct Change {
    pod: Arc<Pod>,
    write: Write,
    patch: Patch<Value>,
}

impl Change {
    fn new(pod: &Arc<Pod>, write: Write, patch: json_patch::Patch) -> Self {
        Self { pod: pod.clone(), write, patch: Patch::Json(patch) }
    }
}

impl Writer {
    /// Writes with `client`, and remembers in `caches` what it has written.
    pub fn new(client: Client, applier: Applier, caches: Caches, metrics: Metrics) -> Self {
        Self { client, applier, caches, metrics, rejections: Arc::default() }
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
    /// If the plan could not be written. Nothing else was then.
    pub async fn reserve(&self, world: &World, intent: &Intent) -> Result<Made, Error> {
        match (&intent.plan, &world.plan) {
            (Some(wanted), live) => self.plan(wanted, live.as_deref()).await?,
            (None, Some(live)) if live.metadata.deletion_timestamp.is_none() => {
                self.applier.delete(&**live).await.map_err(|source| failed(&**live, source))?;
            }
            (None, _) => {}
        }
        let recycled = self.recycle(&intent.recycle).await;
        let withdrawn =
            intent.withdraw.iter().map(|pod| Change::new(pod, Write::Withdraw, patch::withdraw(pod)));
        let reserved = intent
            .reserve
            .iter()
            .map(|(pod, node)| Change::new(pod, Write::Reserve, patch::reserve(pod, node)));
        Ok(recycled.and(self.make(withdrawn.chain(reserved).collect()).await))
    }

    /// Gives back what is reserved for `pod`.
    pub async fn withdraw(&self, pod: &Arc<Pod>) -> Made {
        self.make(vec![Change::new(pod, Write::Withdraw, patch::withdraw(pod))]).await
    }

    /// Deletes `pods`, as far as they are what they were: one that was bound meanwhile runs.
    async fn recycle(&self, pods: &[Arc<Pod>]) -> Made {
        let mut made = Made::default();
        for pod in pods {
            made = made.and(self.delete(pod).await);
        }
        made
    }

    async fn delete(&self, pod: &Pod) -> Made {
        if let Some(rejected) = self.rejections.recall(pod, Write::Recycle, Instant::now()) {
            return Made { rejected: vec![rejected], ..Made::default() };
        }
        match self.applier.delete_unchanged(pod).await {
            Ok(true) => {
                self.metrics.recycled();
                Made { written: 1, ..Made::default() }
            }
            Ok(false) => Made { is_outdated: true, ..Made::default() },
            Err(source) => self.unmade(pod, Write::Recycle, failed(pod, source)),
        }
    }

    /// Releases. If they go `together`, none does as long as one of them is known to be refused.
    pub async fn release(&self, releases: &[(Arc<Pod>, Release)], together: bool) -> Made {
        if together {
            let known =
                |(pod, _): &(Arc<Pod>, Release)| self.rejections.recall(pod, Write::Release, Instant::now());
            let rejected: Vec<_> = releases.iter().filter_map(known).collect();
            if !rejected.is_empty() {
                return Made { rejected, ..Made::default() };
            }
        }
        let changes = releases.iter().filter_map(|(pod, release)| {
            Some(Change::new(pod, Write::Release, patch::release(pod, &release.node, release.pin)?))
        });
        let changes: Vec<_> = changes.collect();
        let is_outdated = changes.len() < releases.len();
        let made = self.make(changes).await;
        self.metrics.released(made.written);
        Made { is_outdated: made.is_outdated || is_outdated, ..made }
    }

    /// Tells `scheduler` what is reserved for `pods`. One that has changed meanwhile was written to, which tells it too.
    pub async fn renew(&self, pods: Vec<Arc<Pod>>, scheduler: &str) -> Made {
        let changes = pods.into_iter().map(|pod| {
            let patch = renew::patch(&pod, scheduler);
            Change { pod, write: Write::Renew, patch }
        });
        Made { is_outdated: false, ..self.make(changes.collect()).await }
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

    /// Makes all of `changes`, several at a time. One that fails keeps none from being made, and one that is slow none
    /// from being begun. They are begun in their order.
    async fn make(&self, changes: Vec<Change>) -> Made {
        let made = stream::iter(changes).map(|change| self.make_one(change)).buffer_unordered(PARALLEL);
        made.fold(Made::default(), |all, one| ready(all.and(one))).await
    }

    async fn make_one(&self, Change { pod, write, patch }: Change) -> Made {
        if let Some(rejected) = self.rejections.recall(&pod, write, Instant::now()) {
            return Made { rejected: vec![rejected], ..Made::default() };
        }
        match self.patch(&*pod, write.subresource(), patch).await {
            Ok(Some(patched)) => {
                self.rejections.forget(&pod, write);
                self.caches.stores.pods.record(patched);
                Made { written: 1, ..Made::default() }
            }
            Ok(None) => Made { is_outdated: true, ..Made::default() },
            Err(error) => self.unmade(&pod, write, error),
        }
    }

    /// `write` to `pod` was not made because of `error`, for good or for now.
    fn unmade(&self, pod: &Pod, write: Write, error: Error) -> Made {
        match refusal(&error.source) {
            Some(why) => {
                let rejected = self.rejections.remember(pod, write, why, Instant::now());
                Made { rejected: vec![rejected], ..Made::default() }
            }
            None => Made { failed: Some(error), ..Made::default() },
        }
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

/// What the API server says of a write that it will refuse again if nothing changes. That it does not know us for a
/// moment, or asks for patience, is none of that.
fn refusal(error: &kube::Error) -> Option<&str> {
    const PASSING: [u16; 3] = [401, 408, 429];
    let kube::Error::Api(status) = error else { return None };
    let is_refused = (400..500).contains(&status.code) && !PASSING.contains(&status.code);
    is_refused.then_some(status.message.as_str())
}

fn failed<K: Resource<DynamicType = ()>>(object: &K, source: kube::Error) -> Error {
    Error { what: format!("{} {}", K::kind(&()), object.name_any()), source }
}
