//! Step 1: what is there for a Workload.

use std::{collections::BTreeMap, sync::Arc};

use api_types::{ResourceClaim, Workload, WorkloadExposure, WorkloadPlan, metadata::claim_name};
use kube::ResourceExt as _;

use crate::{caches::Caches, status::Answer};

/// What is there for one Workload, its own or in its way.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The claims by name: those made for this Workload, and those that stand where one of its own should.
    pub claims: BTreeMap<String, Arc<ResourceClaim>>,
    /// The plan of the Workload's name.
    pub plan: Option<Arc<WorkloadPlan>>,
    /// The exposure of the Workload's name.
    pub exposure: Option<Arc<WorkloadExposure>>,
}

impl World {
    /// The runtime's answer to the plan that is there.
    pub fn answer(&self) -> Option<Answer> {
        Answer::to(self.plan.as_ref()?, self.exposure.as_ref()?)
    }
}

/// Looks everything up in the caches.
pub fn dereference(caches: &Caches, workload: &Workload) -> World {
    let (name, namespace) = (workload.name_any(), workload.namespace().unwrap_or_default());
    let uid = workload.uid().unwrap_or_default();
    let mine = caches.claims.list(&namespace, |claim| claim.spec.workload_ref.uid == uid);
    let in_the_way = workload
        .spec
        .resources
        .keys()
        .filter_map(|key| caches.claims.get(&namespace, &claim_name(&name, key)));
    World {
        claims: mine.into_iter().chain(in_the_way).map(|claim| (claim.name_any(), claim)).collect(),
        plan: caches.plans.get(&namespace, &name),
        exposure: caches.exposures.get(&namespace, &name),
    }
}
