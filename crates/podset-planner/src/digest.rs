//! What planning sees of nodes and pods, as numbers: where they are equal, nothing is planned otherwise. Pure.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use k8s_openapi::{
    api::core::v1::{ContainerStatus, Node, Pod, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};
use kube::ResourceExt as _;

use crate::pods::{is_leaving, node_of, nominated, on_its_way_to, takes_room, ticket};

/// Of a node: not its heartbeat.
pub fn of_node(node: &Node) -> u64 {
    let mut digest = DefaultHasher::new();
    (node.uid(), node.name_any(), node.labels()).hash(&mut digest);
    let spec = node.spec.as_ref();
    let taints = spec.and_then(|spec| spec.taints.as_ref()).into_iter().flatten();
    for taint in taints {
        (&taint.key, &taint.value, &taint.effect).hash(&mut digest);
    }
    spec.and_then(|spec| spec.unschedulable).hash(&mut digest);
    let status = node.status.as_ref();
    hash_quantities(status.and_then(|status| status.allocatable.as_ref()), &mut digest);
    let conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    let ready = conditions.filter(|condition| condition.type_ == "Ready").map(|condition| &condition.status);
    ready.collect::<Vec<_>>().hash(&mut digest);
    digest.finish()
}

/// Of a pod that takes room or has some reserved, which others are planned around; None of others. Of the spec what can
/// change while it is so.
pub fn of_occupant(pod: &Pod) -> Option<u64> {
    if !takes_room(pod) {
        return None;
    }
    let mut digest = DefaultHasher::new();
    let place = (node_of(pod), nominated(pod), on_its_way_to(pod), ticket(pod).map(|ticket| ticket.node));
    (pod.uid(), place, is_leaving(pod), pod.labels()).hash(&mut digest);
    let spec = pod.spec.iter();
    for container in spec.flat_map(|spec| spec.containers.iter().chain(spec.init_containers.iter().flatten()))
    {
        hash_requests(container.resources.as_ref(), &mut digest);
    }
    hash_requests(pod.spec.as_ref().and_then(|spec| spec.resources.as_ref()), &mut digest);
    if let Some(status) = &pod.status {
        let containers = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
        containers.for_each(|status| hash_status(status, &mut digest));
        hash_quantities(status.allocated_resources.as_ref(), &mut digest);
        hash_requests(status.resources.as_ref(), &mut digest);
        let resizes = status.conditions.iter().flatten().filter(|one| one.type_ == "PodResizePending");
        resizes.map(|resize| &resize.reason).collect::<Vec<_>>().hash(&mut digest);
    }
    Some(digest.finish())
}

fn hash_status(status: &ContainerStatus, digest: &mut DefaultHasher) {
    hash_quantities(status.allocated_resources.as_ref(), digest);
    hash_requests(status.resources.as_ref(), digest);
}

fn hash_requests(resources: Option<&ResourceRequirements>, digest: &mut DefaultHasher) {
    resources.is_some().hash(digest);
    hash_quantities(resources.and_then(|resources| resources.requests.as_ref()), digest);
}

fn hash_quantities(quantities: Option<&BTreeMap<String, Quantity>>, digest: &mut DefaultHasher) {
    for (resource, amount) in quantities.into_iter().flatten() {
        (resource, &amount.0).hash(digest);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// `object` with another value in one place.
    fn changed(object: &Value, pointer: &str, value: Value) -> Value {
        let mut object = object.clone();
        *object.pointer_mut(pointer).unwrap() = value;
        object
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
        let digest = |node: &Value| of_node(&serde_json::from_value(node.clone()).unwrap());
        let changed = |pointer: &str, value: Value| digest(&changed(&node, pointer, value));
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

    #[test]
    fn a_pod_is_another_by_the_room_that_it_takes_and_not_by_how_it_does() {
        let requests = json!({"requests": {"cpu": "1"}});
        let pod = json!({
            "metadata": {"name": "a", "uid": "u", "labels": {"app": "x"}, "resourceVersion": "1", "deletionTimestamp": null},
            "spec": {"nodeName": "n1", "containers": [{"name": "it", "resources": requests}]},
            "status": {
                "phase": "Pending", "nominatedNodeName": null,
                "conditions": [{"type": "PodResizePending", "status": "True", "reason": "Deferred"}],
                "containerStatuses": [{
                    "name": "it", "ready": false, "restartCount": 0, "image": "i", "imageID": "i", "resources": requests,
                }],
            },
        });
        let digest = |pod: &Value| of_occupant(&serde_json::from_value(pod.clone()).unwrap());
        let changed = |pointer: &str, value: Value| digest(&changed(&pod, pointer, value));
        let first = digest(&pod);
        assert!(first.is_some());
        for (pointer, value) in [
            ("/metadata/resourceVersion", json!("2")),
            ("/status/phase", json!("Running")),
            ("/status/containerStatuses/0/ready", json!(true)),
        ] {
            assert_eq!(changed(pointer, value), first, "{pointer}");
        }
        for (pointer, value) in [
            ("/metadata/uid", json!("v")),
            ("/metadata/labels/app", json!("y")),
            ("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z")),
            ("/spec/nodeName", json!("n2")),
            ("/spec/containers/0/resources/requests/cpu", json!("2")),
            ("/status/nominatedNodeName", json!("n2")),
            ("/status/conditions/0/reason", json!("Infeasible")),
            ("/status/containerStatuses/0/resources/requests/cpu", json!("2")),
            ("/status/phase", json!("Succeeded")),
        ] {
            assert_ne!(changed(pointer, value), first, "{pointer}");
        }
    }
}
