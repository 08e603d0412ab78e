//! Step 1: what is there, from caches.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use controller_kit::{Cache, Index};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use pod_planner::{Cluster, Uid, Volumes};
use podset_types::{SchedulePlan, ScheduleTrigger, plan_name};

use crate::{
    caches::Caches,
    consult::Consulted,
    pods::{awaited, is_leaving, node_of, nominated, pinned, priority, set_of, takes_room},
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
    /// The pods of the set for which a node is nominated in their status, by uid: a ticket alone is no nomination.
    pub nominated: BTreeSet<Uid>,
    /// The nodes where members wait for others to go: the lowest priority of a pod that is going there.
    pub making_room: BTreeMap<String, i32>,
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
            nominated: BTreeSet::new(),
            making_room: BTreeMap::new(),
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
    let making_room = making_room(caches, &world.pods);
    World { lost, making_room, ..world }
}

/// The lowest priority of a pod that is going, for each node that some of `pods` await.
fn making_room(caches: &Caches, pods: &[Arc<Pod>]) -> BTreeMap<String, i32> {
    let mut lowest = BTreeMap::new();
    let awaited: BTreeSet<_> = pods.iter().filter_map(|pod| awaited(pod)).collect();
    if awaited.is_empty() {
        return lowest;
    }
    let is_going = |pod: &Pod| is_leaving(pod) && node_of(pod).is_some_and(|node| awaited.contains(node));
    for pod in caches.stores.pods.list_all(is_going) {
        let known = lowest.entry(node_of(&pod).unwrap_or_default().to_owned()).or_insert(i32::MAX);
        *known = priority(&pod).min(*known);
    }
    lowest
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
        let pods = self.members.get(&namespace, &set);
        World {
            others: others.filter(|other| other.metadata.name != trigger.metadata.name).collect(),
            plan: self.plans.get(&namespace, &plan_name(&namespace, &set)),
            nominated: pods
                .iter()
                .filter(|pod| nominated(pod).is_some())
                .filter_map(|pod| pod.uid())
                .collect(),
            pods: pods.into_iter().map(resolved).collect(),
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::caches::Stores;

    fn pod(name: &str, node: &str, priority: i32, leaving: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "deletionTimestamp": leaving},
            "spec": {"containers": [], "nodeName": node, "priority": priority},
        }))
        .unwrap()
    }

    /// Refused on `node`, to which it is pinned, with this nomination.
    fn refused(node: &str, nominated: &str) -> Arc<Pod> {
        let mut pod = pod("waits", "", 9, Value::Null);
        let field = json!({"key": "metadata.name", "operator": "In", "values": [node]});
        let terms = json!({"nodeSelectorTerms": [{"matchFields": [field]}]});
        let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}});
        pod.spec.as_mut().unwrap().affinity = Some(serde_json::from_value(affinity).unwrap());
        let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable"});
        let status = json!({"nominatedNodeName": nominated, "conditions": [condition]});
        pod.status = Some(serde_json::from_value(status).unwrap());
        Arc::new(pod)
    }

    #[test]
    fn room_is_made_by_who_goes_from_a_node_that_a_refused_member_awaits() {
        let now = json!("2026-01-01T00:00:00Z");
        let pods = [
            pod("low", "n1", 1, now.clone()),
            pod("high", "n1", 3, now.clone()),
            pod("stays", "n1", 0, Value::Null),
            pod("elsewhere", "n2", 0, now),
        ];
        let caches = Caches::new(Stores {
            triggers: Cache::from_objects([]),
            plans: Cache::from_objects([]),
            pods: Cache::from_objects(pods),
            nodes: Cache::from_objects([]),
            claims: Cache::from_objects([]),
            volumes: Cache::from_objects([]),
            namespaces: Cache::from_objects([]),
        });
        assert_eq!(making_room(&caches, &[refused("n1", "n1")]), [("n1".to_owned(), 1)].into());
        assert!(making_room(&caches, &[refused("n1", "n2"), refused("n1", "")]).is_empty());
    }
}
