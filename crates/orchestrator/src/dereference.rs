//! Step 1: what is there for a Workload.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use api_types::{
    ResourceClaim, Workload, WorkloadExposure, WorkloadPlan,
    metadata::{ANNOTATION_TRACEPARENT, claim_name},
};
use jiff::Timestamp;
use kube::{Resource, ResourceExt as _};

use crate::{
    caches::Caches,
    governance::Platform,
    grace::{self, Silence},
    sharing::{self, Shared},
    status::Answer,
};

/// What is there for one Workload, its own or in its way.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// When it was looked at.
    pub now: Timestamp,
    /// The claims by name: those that this Workload owns, and those that stand where one that it needs should.
    pub claims: BTreeMap<String, Arc<ResourceClaim>>,
    /// What this Workload shares with others, by the name of the claim, along with what that needs and what the Workload
    /// has not given up yet.
    pub shared: BTreeMap<String, Shared>,
    /// The plan of the Workload's name.
    pub plan: Option<Arc<WorkloadPlan>>,
    /// The exposure of the Workload's name.
    pub exposure: Option<Arc<WorkloadExposure>>,
    /// When the runtime was last heard to answer anybody in the namespace. Looked up only if it owes this Workload an answer
    /// for too long.
    pub runtime_heard: Option<Timestamp>,
}

impl World {
    /// The runtime's answer to the plan that is there.
    pub fn answer(&self) -> Option<Answer> {
        Answer::to(self.plan.as_ref()?, self.exposure.as_ref()?)
    }

    /// How long the runtime has not answered to the plan.
    pub fn silence_of_runtime(&self) -> Silence {
        let silence = |exposure| grace::of_runtime(self.plan.as_deref(), exposure, self.now);
        let silence = self.exposure.as_deref().map_or(Silence::Broken, silence);
        grace::of_busy_runtime(silence, self.runtime_heard, self.now)
    }

    /// When the next of those who have not answered counts as absent, from now.
    pub fn grace_left(&self) -> Option<Duration> {
        let provisioners = self.claims.values().map(|claim| grace::of_provisioner(claim, self.now));
        provisioners.chain([self.silence_of_runtime()]).filter_map(Silence::left).min()
    }

    /// The claims that were made for the Workload of this uid, or that it owns with others; none for a Workload that has
    /// no uid yet.
    pub fn claims_of(&self, uid: Option<&str>) -> impl Iterator<Item = &Arc<ResourceClaim>> {
        self.claims.values().filter(move |claim| uid.is_some_and(|uid| is_of(claim, uid)))
    }

    /// Whether this version of `workload` runs: until then something that runs may still use what it no longer names.
    pub fn has_rolled_out(&self, workload: &Workload) -> bool {
        has_rolled_out(workload, self.plan.as_deref(), self.exposure.as_deref())
    }

    /// The trace of this version of `workload`, from Workload to Ready: that of the plan made of it, or, before there
    /// is any plan, that of its claims. A later version begins a trace of its own.
    pub fn traceparent(&self, workload: &Workload) -> Option<&str> {
        let Some(plan) = &self.plan else {
            let uid = workload.metadata.uid.as_ref();
            let mut own = self.claims.values().filter(|claim| Some(&claim.spec.workload_ref.uid) == uid);
            return own.find_map(|claim| traceparent_of(&**claim));
        };
        let current = Some(plan.spec.observed_workload_generation) == workload.metadata.generation;
        current.then(|| traceparent_of(&**plan)).flatten()
    }
}

fn is_of(claim: &ResourceClaim, uid: &str) -> bool {
    claim.spec.workload_ref.uid == uid || claim.owner_references().iter().any(|owner| owner.uid == uid)
}

/// The plan was made from this generation of the Workload, and the runtime reports that very plan as running.
fn has_rolled_out(
    workload: &Workload,
    plan: Option<&WorkloadPlan>,
    exposure: Option<&WorkloadExposure>,
) -> bool {
    let (Some(plan), Some(exposure)) = (plan, exposure) else { return false };
    Some(&plan.spec.workload_ref.uid) == workload.metadata.uid.as_ref()
        && Some(plan.spec.observed_workload_generation) == workload.metadata.generation
        && Answer::to(plan, exposure).is_some_and(|answer| answer.is_ready())
}

fn traceparent_of<K: Resource>(object: &K) -> Option<&str> {
    object.annotations().get(ANNOTATION_TRACEPARENT).map(String::as_str)
}

/// Looks everything up in the caches, at the time `now`. What others may define that `workload` shares with them, `platform`
/// tells.
pub fn dereference(caches: &Caches, platform: &Platform, workload: &Workload, now: Timestamp) -> World {
    let (name, namespace) = (workload.name_any(), workload.namespace().unwrap_or_default());
    let owned = caches.owned.get(&namespace, &workload.uid().unwrap_or_default());
    let not_given_up = owned.iter().filter(|claim| claim.spec.id.is_some()).map(|claim| claim.name_any());
    let shared = sharing::claims_shared_by(workload).into_iter().chain(not_given_up).collect();
    let wanted = workload.spec.resources.iter().filter_map(|(key, resource)| {
        let name = sharing::claim_of(resource).unwrap_or_else(|| claim_name(&name, key));
        caches.claims.get(&namespace, &name)
    });
    let world = World {
        now,
        claims: wanted.chain(owned.iter().cloned()).map(|claim| (claim.name_any(), claim)).collect(),
        shared: all_shared(caches, platform, &namespace, shared),
        plan: caches.plans.get(&namespace, &name),
        exposure: caches.exposures.get(&namespace, &name),
        runtime_heard: None,
    };
    match (&world.exposure, world.silence_of_runtime()) {
        (Some(exposure), Silence::Long) => World { runtime_heard: last_heard(caches, exposure), ..world },
        _ => world,
    }
}

/// When the runtime that `exposure` asks was last heard to answer anybody in the namespace: one may work in some alone.
fn last_heard(caches: &Caches, exposure: &WorkloadExposure) -> Option<Timestamp> {
    let (class, namespace) = (&exposure.spec.runtime_class, exposure.namespace().unwrap_or_default());
    let asked = caches.exposures.list(&namespace, |other| other.spec.runtime_class == *class);
    asked.iter().filter_map(|other| grace::heard_in(other)).max()
}

/// The shared resources with claims of these names, and those that they need.
fn all_shared(
    caches: &Caches,
    platform: &Platform,
    namespace: &str,
    names: BTreeSet<String>,
) -> BTreeMap<String, Shared> {
    let mut found = BTreeMap::new();
    let mut open: Vec<String> = names.into_iter().collect();
    while let Some(name) = open.pop() {
        if let Entry::Vacant(new) = found.entry(name) {
            let shared = one_shared(caches, platform, namespace, new.key());
            open.extend(shared.users.iter().flat_map(|user| sharing::claims_needed_for(user, &shared.name)));
            new.insert(shared);
        }
    }
    found
}

fn one_shared(caches: &Caches, platform: &Platform, namespace: &str, name: &str) -> Shared {
    let stays = |workload: &Arc<Workload>| workload.metadata.deletion_timestamp.is_none();
    let mut users: Vec<_> = caches.sharers.get(namespace, name).into_iter().filter(stays).collect();
    users.sort_by_key(|user| sharing::age(user));
    let claim = caches.claims.get(namespace, name);
    let owners = claim.iter().flat_map(|claim| claim.owner_references());
    let owners = owners.filter(|owner| users.iter().all(|user| user.uid().as_ref() != Some(&owner.uid)));
    let former = owners.filter_map(|owner| {
        let workload = caches.workloads.get(namespace, &owner.name)?;
        let (plan, exposure) =
            (caches.plans.get(namespace, &owner.name), caches.exposures.get(namespace, &owner.name));
        let may_run_with_it = !has_rolled_out(&workload, plan.as_deref(), exposure.as_deref());
        let is_same = workload.uid().as_ref() == Some(&owner.uid);
        (is_same && stays(&workload) && may_run_with_it).then_some(workload)
    });
    let former = former.collect();
    Shared::new(name.to_owned(), users, former, claim, |user| lets_run(caches, platform, namespace, user))
}

/// Whether the platform lets `user` run, given the params of others for what it shares with them.
fn lets_run(caches: &Caches, platform: &Platform, namespace: &str, user: &Workload) -> bool {
    let claims = sharing::claims_shared_by(user);
    let sharers: Vec<_> = claims.iter().flat_map(|claim| caches.sharers.get(namespace, claim)).collect();
    let params = sharing::params_among(sharers.iter().map(Arc::as_ref));
    platform.lets_run(user, &sharing::given_to(user, &params))
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
