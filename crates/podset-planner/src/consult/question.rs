//! What planners are asked. Pure, but for reading caches.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt as _;
use planner_api::SchedulePlanRequest;
use pod_planner::{Uid, eligible};

use super::Target;
use crate::{
    caches::Caches,
    dereference::{occupants, survey},
    pods::{node_of, nominated},
    validate::PodSet,
};

/// What is asked, of whom, and under which circumstances: two that are equal have the same answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    pub(super) targets: Vec<Target>,
    pub(super) request: SchedulePlanRequest,
    /// Who waits for a node.
    pub(super) members: BTreeSet<Uid>,
    /// A digest of what else the answer may depend on.
    circumstances: u64,
}

impl Question {
    /// Where the held members of `set` are to go. None if there is no node for any: who is asked for none of them would
    /// take that for all.
    pub(super) fn new(caches: &Caches, set: &PodSet, targets: Vec<Target>) -> Option<Self> {
        let held: Vec<&Pod> = set.held().map(|member| &*member.pod).collect();
        let eligible_nodes = eligible(&survey(caches), &held);
        if eligible_nodes.is_empty() {
            return None;
        }
        let request = SchedulePlanRequest {
            namespace: set.namespace.clone(),
            pod_set: set.name.clone(),
            scheduled_pod: set.held().next()?.name.clone(),
            eligible_nodes,
        };
        let members = set.held().map(|member| member.uid.clone()).collect();
        Some(Self { targets, request, members, circumstances: circumstances(caches) })
    }
}

/// What there is, and who takes room where. That a pod was bound where it had room reserved changes nothing, nor does a
/// node's heartbeat.
fn circumstances(caches: &Caches) -> u64 {
    let mut digest = DefaultHasher::new();
    for node in caches.stores.nodes.list_all(|_| true) {
        hash_node(&node, &mut digest);
    }
    for pod in occupants(caches) {
        (pod.uid(), node_of(&pod).or_else(|| nominated(&pod))).hash(&mut digest);
    }
    digest.finish()
}

fn hash_node(node: &Node, digest: &mut DefaultHasher) {
    (node.uid(), node.name_any(), node.labels()).hash(digest);
    let spec = node.spec.as_ref();
    let taints = spec.and_then(|spec| spec.taints.as_ref()).into_iter().flatten();
    for taint in taints {
        (&taint.key, &taint.value, &taint.effect).hash(digest);
    }
    spec.and_then(|spec| spec.unschedulable).hash(digest);
    let status = node.status.as_ref();
    for (resource, amount) in status.and_then(|status| status.allocatable.as_ref()).into_iter().flatten() {
        (resource, &amount.0).hash(digest);
    }
    let conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    let ready = conditions.filter(|condition| condition.type_ == "Ready").map(|condition| &condition.status);
    ready.collect::<Vec<_>>().hash(digest);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest(node: &serde_json::Value) -> u64 {
        let mut digest = DefaultHasher::new();
        hash_node(&serde_json::from_value(node.clone()).unwrap(), &mut digest);
        digest.finish()
    }

    #[test]
    fn a_node_is_another_by_what_is_planned_with_and_not_by_its_heartbeat() {
        let node = json!({
            "metadata": {"name": "n1", "uid": "u", "labels": {"zone": "x"}, "resourceVersion": "1"},
            "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]},
            "status": {
                "allocatable": {"cpu": "4"},
                "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}],
            },
        });
        let changed = |pointer: &str, value: serde_json::Value| {
            let mut node = node.clone();
            *node.pointer_mut(pointer).unwrap() = value;
            digest(&node)
        };
        let first = digest(&node);
        assert_eq!(changed("/status/conditions/0/lastHeartbeatTime", json!("2026-01-01T00:05:00Z")), first);
        assert_eq!(changed("/metadata/resourceVersion", json!("2")), first);
        for (pointer, value) in [
            ("/metadata/labels/zone", json!("y")),
            ("/metadata/uid", json!("v")),
            ("/spec/taints/0/key", json!("b")),
            ("/spec", json!({"unschedulable": true})),
            ("/status/allocatable/cpu", json!("8")),
            ("/status/conditions/0/status", json!("False")),
        ] {
            assert_ne!(changed(pointer, value), first, "{pointer}");
        }
    }
}
