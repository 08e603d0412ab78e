//! What pods and nodes of tests are made of, and what is read from them.

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, Pod};
use kube::ResourceExt as _;
use podset_types::{Enforcement, GATE, LABEL_POD_SET, SCHEDULER, Ticket};
use serde_json::{Value, json};

/// A gate of somebody else, which keeps a pod from being bound after the planner has let it go.
pub const OTHER_GATE: &str = "example.com/other";
/// What a scheduler says of a pod that is held.
pub const HELD: &str = "held by the pod-set planner";
/// What every node of the local cluster has, whatever else is loaded.
const IMAGE: &str = "localhost/score/pause:dev";

/// A node with room for so many cores, as a change of one.
pub fn room(cpu: u32) -> Value {
    let room = json!({"cpu": cpu.to_string(), "memory": "64Gi", "pods": "500"});
    json!({"status": {"capacity": room, "allocatable": room}})
}

/// A pod's container that asks for so many cores, as a change of its spec.
pub fn cores(cpu: u32) -> Value {
    let resources = json!({"requests": {"cpu": cpu.to_string()}});
    json!({"containers": [{"name": "main", "image": IMAGE, "resources": resources}]})
}

/// A gate that is not the planner's, as a change of a pod's spec.
pub fn other_gate() -> Value {
    json!({"schedulingGates": [{"name": OTHER_GATE}]})
}

/// Both changes of a spec.
pub fn both(mut one: Value, other: Value) -> Value {
    json_patch::merge(&mut one, &other);
    one
}

/// The node that a pod is bound to.
pub fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// The node whose room is reserved for a pod.
pub fn nominated(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.nominated_node_name.as_deref()
}

/// Whether the planner holds a pod: by its gate, or because its scheduler asks for a ticket that it has not.
pub fn is_held(pod: &Pod) -> bool {
    let gated =
        pod.spec.iter().flat_map(|spec| &spec.scheduling_gates).flatten().any(|gate| gate.name == GATE);
    let scheduler = pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
    let asks =
        scheduler == Some(SCHEDULER) && pod.labels().contains_key(LABEL_POD_SET) && node_of(pod).is_none();
    gated || (asks && Ticket::of(&pod.metadata).is_none())
}

/// The node planned for a pod that was let go, or has room reserved.
pub fn planned(pod: &Pod) -> Option<String> {
    let ticket = Ticket::of(&pod.metadata).map(|ticket| ticket.node);
    ticket.or_else(|| nominated(pod).map(str::to_owned))
}

/// Whether its scheduler has seen a pod, and left it alone because the planner holds it.
pub fn is_passed_over(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| &status.conditions).flatten();
    let mut told = conditions.filter_map(|condition| condition.message.as_deref());
    unscheduled_because(pod) == "SchedulingGated" || told.any(|message| message.contains(HELD))
}

/// Why the scheduler has not bound a pod, in its own word; empty if it has not looked at it, or has bound it.
pub fn unscheduled_because(pod: &Pod) -> &str {
    let conditions = pod.status.iter().flat_map(|status| &status.conditions).flatten();
    let mut waiting = conditions.filter(|one| one.type_ == "PodScheduled" && one.status == "False");
    waiting.find_map(|condition| condition.reason.as_deref()).unwrap_or_default()
}

/// The node names that the terms of a pod's required node affinity are narrowed to, one for each term; or that of its ticket.
pub fn pins(pod: &Pod) -> Vec<Option<String>> {
    if let Some(Ticket { node, enforcement: Enforcement::Pin, .. }) = Ticket::of(&pod.metadata) {
        return vec![Some(node)];
    }
    let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()?.node_affinity.as_ref());
    let required =
        affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    let terms = required.map(|required| required.node_selector_terms.as_slice()).unwrap_or_default();
    let pin = |fields: &Vec<NodeSelectorRequirement>| {
        let name = fields.iter().find(|field| field.key == "metadata.name" && field.operator == "In")?;
        name.values.as_ref()?.first().cloned()
    };
    terms.iter().map(|term| term.match_fields.as_ref().and_then(pin)).collect()
}
