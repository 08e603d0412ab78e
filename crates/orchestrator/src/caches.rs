//! What the orchestrator reads: everything through watches, nothing by request.

use std::{collections::BTreeSet, pin::Pin};

use api_types::{ResourceClaim, Workload, WorkloadExposure, WorkloadPlan};
use controller_kit::{Cache, CacheClosed, Index, Kit, watch_cut};
use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _, core::PartialObjectMeta, runtime::watcher};

use crate::{
    concerned::Change,
    governance::{CurrentConfig, Governance},
    sharing,
};

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

/// Changes of the platform's part, as triggers.
pub type PlatformChanges = Pin<Box<dyn Stream<Item = Change> + Send>>;

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
    /// Changes of the platform's part.
    pub platform: PlatformChanges,
}

/// Starts a watch for each kind.
pub fn watch_all(kit: &Kit, config: CurrentConfig) -> (Caches, Governance, Triggers) {
    let (workloads, workload_changes) = kit.gated(watch_cut(kit.api(), watcher::Config::default(), |_| {}));
    let (claims, claim_changes) = kit.watch(kit.api(), watcher::Config::default(), |_| {});
    let (plans, plan_changes) = kit.watch(kit.api(), watcher::Config::default(), |_| {});
    let (exposures, exposure_changes) = kit.watch(kit.api(), watcher::Config::default(), |_| {});
    let caches = Caches::new(workloads, claims, plans, exposures);
    let (governance, platform_changes) = watch_platform(kit, config);
    let triggers = Triggers {
        workloads: Box::pin(workload_changes),
        claims: Box::pin(claim_changes),
        plans: Box::pin(plan_changes),
        exposures: Box::pin(exposure_changes),
        platform: platform_changes,
    };
    (caches, governance, triggers)
}

fn watch_platform(kit: &Kit, config: CurrentConfig) -> (Governance, PlatformChanges) {
    let everything = watcher::Config::default;
    let (policies, policy_changes) = kit.watch(Api::all(kit.client.clone()), everything(), |_| {});
    let (namespaces, namespace_changes) =
        kit.watch(Api::<PartialObjectMeta<Namespace>>::all(kit.client.clone()), everything(), |_| {});
    let changes_of_config = stream::unfold(config.clone(), |mut config| async move {
        config.changed().await.ok()?;
        Some((Change::Everywhere, config))
    });
    let changes_of_policies = policy_changes.map(|_| Change::Everywhere);
    let changes_of_namespaces = namespace_changes
        .filter_map(|namespace| async move { Some(Change::Namespace(namespace.ok()?.name_any())) });
    let changes = stream::select(changes_of_policies, changes_of_namespaces);
    // The end of the configuration is no end of the others.
    let changes = stream::select(changes, changes_of_config.chain(stream::pending()));
    (Governance::new(config, policies, namespaces), Box::pin(changes))
}
