//! Step 1: what is there, from caches.

use std::{collections::BTreeSet, sync::Arc};

use controller_kit::{Cache, Index};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use pod_planner::{Cluster, Volumes};
use podset_types::{SchedulePlan, ScheduleTrigger, plan_name};

use crate::{
    caches::Caches,
    consult::Consulted,
    pods::{pinned, set_of, takes_room},
    resolve::resolved,
};

/// What there is of the set of a trigger.
#[derive(Clone, Debug)]
pub struct World {
    /// The trigger.
    pub trigger: Arc<ScheduleTrigger>,
    /// The other triggers of the set.
    pub others: Vec<Arc<ScheduleTrigger>>,
    /// The pods of the set, sorted by name, [as their tickets have them](resolved).
    pub pods: Vec<Arc<Pod>>,
    /// The set's plan.
    pub plan: Option<Arc<SchedulePlan>>,
    /// The nodes that pods are pinned to and that are not there.
    pub lost: BTreeSet<String>,
    /// What the set's external planners said; None if they were not asked.
    pub consulted: Option<Arc<Consulted>>,
    /// When this was read.
    pub now: Timestamp,
}

impl World {
    /// A trigger alone.
    pub fn without_set(trigger: Arc<ScheduleTrigger>, now: Timestamp) -> Self {
        Self {
            trigger,
            others: Vec::new(),
            pods: Vec::new(),
            plan: None,
            lost: BTreeSet::new(),
            consulted: None,
            now,
        }
    }
}

/// Reads what there is of the set of `trigger` at the time `now`.
pub fn dereference(caches: &Caches, trigger: &Arc<ScheduleTrigger>, now: Timestamp) -> World {
    let world = caches.sets().world(trigger, now);
    let pins = world.pods.iter().filter_map(|pod| pinned(pod));
    let lost = pins.filter(|node| caches.stores.nodes.get("", node).is_none()).map(str::to_owned).collect();
    World { lost, ..world }
}

/// What the parts of sets are found in, whatever else is known of the cluster.
#[derive(Clone, Copy)]
pub struct Sets<'a> {
    /// The pods by their set.
    pub members: &'a Index<Pod>,
    /// The triggers by their set.
    pub governing: &'a Index<ScheduleTrigger>,
    /// The plans.
    pub plans: &'a Cache<SchedulePlan>,
}

impl Sets<'_> {
    /// What there is of the set of `trigger` at the time `now`, but for the nodes that are lost.
    pub fn world(&self, trigger: &Arc<ScheduleTrigger>, now: Timestamp) -> World {
        let namespace = trigger.namespace().unwrap_or_default();
        let Some(set) = set_of(trigger.labels()).map(str::to_owned) else {
            return World::without_set(trigger.clone(), now);
        };
        let others = self.governing.get(&namespace, &set).into_iter();
        let pods = self.members.get(&namespace, &set).into_iter();
        World {
            others: others.filter(|other| other.metadata.name != trigger.metadata.name).collect(),
            plan: self.plans.get(&namespace, &plan_name(&namespace, &set)),
            pods: pods.map(resolved).collect(),
            ..World::without_set(trigger.clone(), now)
        }
    }
}

/// The pods that take room, or have some reserved, as their tickets have them.
pub fn occupants(caches: &Caches) -> Vec<Arc<Pod>> {
    caches.stores.pods.list_all(takes_room).into_iter().map(resolved).collect()
}

/// The room that there is: nodes, with all that takes room on them or has some reserved.
pub fn survey(caches: &Caches) -> Cluster {
    let stores = &caches.stores;
    let claims = stores.claims.list_all(|_| true);
    let volumes = stores.volumes.list_all(|_| true);
    let volumes = Volumes::new(claims.iter().map(AsRef::as_ref), volumes.iter().map(AsRef::as_ref));
    let nodes = stores.nodes.list_all(|_| true);
    let pods = occupants(caches);
    let namespaces = stores.namespaces.list_all(|_| true);
    Cluster::new(
        nodes.iter().map(AsRef::as_ref),
        pods.iter().map(AsRef::as_ref),
        &volumes,
        namespaces.iter().map(AsRef::as_ref),
    )
}
