//! Step 1: what is there for a Workload.

use std::{collections::BTreeMap, sync::Arc};

use api_types::{
    ResourceClaim, Workload, WorkloadExposure, WorkloadPlan,
    metadata::{ANNOTATION_TRACEPARENT, claim_name},
};
use kube::{Resource, ResourceExt as _};

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

impl World {
    /// The claims that were made for the Workload of this uid; none for a Workload that has no uid yet.
    pub fn claims_of(&self, uid: Option<&str>) -> impl Iterator<Item = &Arc<ResourceClaim>> {
        self.claims.values().filter(move |claim| Some(claim.spec.workload_ref.uid.as_str()) == uid)
    }

    /// The trace of this version of `workload`, from Workload to Ready: that of the plan made of it, or, before there
    /// is any plan, that of its claims. A later version begins a trace of its own.
    pub fn traceparent(&self, workload: &Workload) -> Option<&str> {
        let Some(plan) = &self.plan else {
            return self
                .claims_of(workload.metadata.uid.as_deref())
                .find_map(|claim| traceparent_of(&**claim));
        };
        let current = Some(plan.spec.observed_workload_generation) == workload.metadata.generation;
        current.then(|| traceparent_of(&**plan)).flatten()
    }
}

fn traceparent_of<K: Resource>(object: &K) -> Option<&str> {
    object.annotations().get(ANNOTATION_TRACEPARENT).map(String::as_str)
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn traced(mut object: Value, traceparent: &str) -> Value {
        object["metadata"]["annotations"] = json!({ANNOTATION_TRACEPARENT: traceparent});
        object
    }

    fn workload(generation: i64) -> Workload {
        let mut workload = Workload::new("shop", api_types::WorkloadSpec::default());
        (workload.metadata.uid, workload.metadata.generation) = (Some("uid".into()), Some(generation));
        workload
    }

    fn claims() -> World {
        let spec = json!({
            "workloadRef": {"name": "shop", "uid": "uid"}, "key": "db", "type": "postgres", "class": "default",
            "provisioner": "p", "deprovisionPolicy": "Delete",
        });
        let claim = traced(json!({"metadata": {"name": "shop-db"}, "spec": spec}), "of-claim");
        let claim: ResourceClaim = serde_json::from_value(claim).unwrap();
        World { claims: [("shop-db".to_owned(), Arc::new(claim))].into(), ..World::default() }
    }

    fn planned() -> World {
        let spec = json!({
            "workloadRef": {"name": "shop", "uid": "uid"}, "observedWorkloadGeneration": 1, "runtimeClass": "r",
            "backendId": "b", "template": {"kind": "manifests"}, "containers": {},
        });
        let plan = traced(json!({"metadata": {"name": "shop"}, "spec": spec}), "of-plan");
        World { plan: Some(Arc::new(serde_json::from_value(plan).unwrap())), ..claims() }
    }

    #[test]
    fn before_there_is_a_plan_the_trace_is_that_of_the_claims() {
        assert_eq!(claims().traceparent(&workload(1)), Some("of-claim"));
        assert_eq!(World::default().traceparent(&workload(1)), None);
    }

    #[test]
    fn the_trace_of_a_version_is_that_of_its_plan() {
        assert_eq!(planned().traceparent(&workload(1)), Some("of-plan"));
    }

    #[test]
    fn a_new_version_begins_a_trace_of_its_own() {
        assert_eq!(planned().traceparent(&workload(2)), None);
    }
}
