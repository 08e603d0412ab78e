//! What the orchestrator reads: everything through watches, nothing by request.

use std::{collections::BTreeSet, pin::Pin};

use api_types::{ResourceClaim, Workload, WorkloadExposure, WorkloadPlan};
use controller_kit::{Cache, CacheClosed, Index, Kit};
use futures::Stream;
use kube::{ResourceExt as _, runtime::watcher};

use crate::sharing;

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
    /// The Workloads by the names of the claims that they share with others.
    pub sharers: Index<Workload>,
    /// The claims by the uids of the Workloads that they were made for or that own them.
    pub owned: Index<ResourceClaim>,
}

impl Caches {
    /// These caches, and what finds objects in them.
    pub fn new(
        workloads: Cache<Workload>,
        claims: Cache<ResourceClaim>,
        plans: Cache<WorkloadPlan>,
        exposures: Cache<WorkloadExposure>,
    ) -> Self {
        let sharers = workloads.index(sharing::claims_shared_by);
        let owned = claims.index(owners);
        Self { workloads, claims, plans, exposures, sharers, owned }
    }

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

fn owners(claim: &ResourceClaim) -> BTreeSet<String> {
    let owners = claim.owner_references().iter().map(|owner| owner.uid.clone());
    owners.chain([claim.spec.workload_ref.uid.clone()]).collect()
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
    let caches = Caches::new(workloads, claims, plans, exposures);
    let triggers = Triggers {
        workloads: Box::pin(workload_changes),
        claims: Box::pin(claim_changes),
        plans: Box::pin(plan_changes),
        exposures: Box::pin(exposure_changes),
    };
    (caches, triggers)
}
