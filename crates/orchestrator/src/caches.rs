//! What the orchestrator reads: everything through watches, nothing by request.

use std::pin::Pin;

use api_types::{ResourceClaim, Workload, WorkloadExposure, WorkloadPlan};
use controller_kit::{Cache, CacheClosed, Kit};
use futures::Stream;
use kube::runtime::watcher;

/// The newest known state of every kind that the orchestrator reads or writes.
#[derive(Clone)]
pub struct Caches {
    /// The Workloads.
    pub workloads: Cache<Workload>,
    /// The claims.
    pub claims: Cache<ResourceClaim>,
    /// The plans.
    pub plans: Cache<WorkloadPlan>,
    /// The exposures.
    pub exposures: Cache<WorkloadExposure>,
}

impl Caches {
    /// Waits until every kind was listed once: whoever reads before takes what exists for missing.
    ///
    /// # Errors
    /// If a watch ended, as it does when the process stops.
    pub async fn ready(&self) -> Result<(), CacheClosed> {
        self.workloads.ready().await?;
        self.claims.ready().await?;
        self.plans.ready().await?;
        self.exposures.ready().await
    }
}

/// Changes of one kind, as triggers.
pub type Changes<K> = Pin<Box<dyn Stream<Item = Result<K, watcher::Error>> + Send>>;

/// The streams that keep [`Caches`] current; they must be polled.
pub struct Triggers {
    /// Changes of Workloads.
    pub workloads: Changes<Workload>,
    /// Changes of claims.
    pub claims: Changes<ResourceClaim>,
    /// Changes of plans.
    pub plans: Changes<WorkloadPlan>,
    /// Changes of exposures.
    pub exposures: Changes<WorkloadExposure>,
}

/// Starts a watch for each kind.
pub fn watch_all(kit: &Kit) -> (Caches, Triggers) {
    let (workloads, workload_changes) = kit.watch(kit.api(), watcher::Config::default(), |_| {});
    let (claims, claim_changes) = kit.watch(kit.api(), watcher::Config::default(), |_| {});
    let (plans, plan_changes) = kit.watch(kit.api(), watcher::Config::default(), |_| {});
    let (exposures, exposure_changes) = kit.watch(kit.api(), watcher::Config::default(), |_| {});
    let caches = Caches { workloads, claims, plans, exposures };
    let triggers = Triggers {
        workloads: Box::pin(workload_changes),
        claims: Box::pin(claim_changes),
        plans: Box::pin(plan_changes),
        exposures: Box::pin(exposure_changes),
    };
    (caches, triggers)
}
