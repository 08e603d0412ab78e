//! What a ticket means, in the words that everything else understands.
//!
//! A pod that was released by taking its gate away is pinned by its affinity, and has its room there until it is bound,
//! though nothing need be reserved for it. One that was released by a ticket is as free, as far as its fields say; what its
//! scheduler will be told stands in the ticket. So wherever pods are planned with, they are seen with the pin and the
//! nomination that they would have. Pure.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{NodeSelectorTerm, Pod, PodSpec};
use podset_types::Enforcement;

use crate::pods::{is_empty, nominated, on_its_way_to, only, pinned, ticket};

/// Begins what a scheduler is told, and puts into the pod's condition, of a pod that is held.
pub const HELD: &str = "held by the pod-set planner";

/// `pod` as its ticket has it, or on its way; others as they are.
pub fn resolved(pod: Arc<Pod>) -> Arc<Pod> {
    let Some(ticket) = ticket(&pod) else { return on_its_way(pod) };
    let mut pod = Arc::unwrap_or_clone(pod);
    if ticket.enforcement == Enforcement::Pin && pinned(&pod) != Some(ticket.node.as_str()) {
        pin(pod.spec.get_or_insert_default(), &ticket.node);
    }
    let status = pod.status.get_or_insert_default();
    status.nominated_node_name = Some(ticket.node);
    // Why it found no node when it was held says nothing of whether it finds one now.
    status.conditions.get_or_insert_default().retain(|condition| {
        let message = condition.message.as_deref().unwrap_or_default();
        !message.contains(HELD)
    });
    Arc::new(pod)
}

fn on_its_way(pod: Arc<Pod>) -> Arc<Pod> {
    let Some(node) = on_its_way_to(&pod).filter(|_| nominated(&pod).is_none()).map(str::to_owned) else {
        return pod;
    };
    let mut pod = Arc::unwrap_or_clone(pod);
    pod.status.get_or_insert_default().nominated_node_name = Some(node);
    Arc::new(pod)
}

fn pin(spec: &mut PodSpec, node: &str) {
    let affinity = spec.affinity.get_or_insert_default().node_affinity.get_or_insert_default();
    let required = affinity.required_during_scheduling_ignored_during_execution.get_or_insert_default();
    let terms = &mut required.node_selector_terms;
    if terms.is_empty() {
        terms.push(NodeSelectorTerm { match_fields: Some(vec![only(node)]), match_expressions: None });
        return;
    }
    // One that matches no node matches this one as little.
    for term in terms.iter_mut().filter(|term| !is_empty(term)) {
        term.match_fields.get_or_insert_default().push(only(node));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::pods::{is_unschedulable, nominated, stage};

    fn pod(enforcement: Option<&str>, changes: &Value) -> Arc<Pod> {
        let mut pod = json!({
            "metadata": {"name": "a", "uid": "u", "labels": {"planner.ciena.io/pod-set": "web"}},
            "spec": {"containers": [], "schedulerName": "podset-planner-scheduler"},
        });
        if let Some(enforcement) = enforcement {
            let ticket = json!({"uid": "u", "node": "n1", "enforcement": enforcement}).to_string();
            pod["metadata"]["annotations"] = json!({"planner.ciena.io/ticket": ticket});
        }
        json_patch::merge(&mut pod, changes);
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    fn unschedulable(message: &str) -> Value {
        let condition =
            json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message});
        json!({"status": {"conditions": [condition]}})
    }

    #[test]
    fn who_has_a_ticket_is_pinned_and_has_its_room_whatever_affinity_it_has() {
        let zone = json!({"matchExpressions": [{"key": "zone", "operator": "Exists"}]});
        let required = |terms: Value| {
            let required = json!({"nodeSelectorTerms": terms});
            let affinity =
                json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}});
            json!({"spec": {"affinity": affinity}})
        };
        for changes in [json!({}), required(json!([zone, zone])), required(json!([zone, {}]))] {
            let seen = resolved(pod(Some("Pin"), &changes));
            assert_eq!((pinned(&seen), nominated(&seen)), (Some("n1"), Some("n1")));
            assert_eq!(resolved(seen.clone()), seen, "once is enough");
        }
        let seen = resolved(pod(Some("Nominate"), &json!({})));
        assert_eq!((pinned(&seen), nominated(&seen)), (None, Some("n1")));
    }

    #[test]
    fn who_is_on_its_way_to_the_node_that_it_is_pinned_to_has_its_room() {
        let field = json!({"key": "metadata.name", "operator": "In", "values": ["n1"]});
        let terms = json!({"nodeSelectorTerms": [{"matchFields": [field]}]});
        let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}});
        let spec = json!({"spec": {"schedulerName": "default-scheduler", "affinity": affinity}});
        let seen = |changes: Value| {
            let mut pinned = spec.clone();
            json_patch::merge(&mut pinned, &changes);
            nominated(&resolved(pod(None, &pinned))).map(str::to_owned)
        };
        assert_eq!(seen(json!({})).as_deref(), Some("n1"));
        let gates = json!([{"name": "planner.ciena.io/pod-set"}]);
        assert_eq!(seen(json!({"spec": {"schedulingGates": gates}})), None, "it is held");
        assert_eq!(seen(json!({"spec": {"nodeName": "n1"}})), None, "it is there");
        assert_eq!(seen(unschedulable("0/3 nodes are available")), None, "it is refused");
        assert_eq!(
            seen(json!({"metadata": {"labels": {"planner.ciena.io/pod-set": ""}}})),
            None,
            "it is of no set"
        );
    }

    #[test]
    fn everybody_else_is_seen_as_it_is() {
        for (enforcement, changes) in [
            (None, json!({})),
            (Some("Pin"), json!({"spec": {"nodeName": "n2"}})),
            (Some("Pin"), json!({"spec": {"schedulingGates": [{"name": "planner.ciena.io/pod-set"}]}})),
            (Some("Pin"), json!({"spec": {"schedulerName": "default-scheduler"}})),
        ] {
            let pod = pod(enforcement, &changes);
            assert!(Arc::ptr_eq(&resolved(pod.clone()), &pod), "{changes}: {:?}", stage(&pod));
        }
    }

    #[test]
    fn what_the_scheduler_said_of_a_pod_that_was_held_counts_no_more() {
        let said = |message: &str| is_unschedulable(&resolved(pod(Some("Pin"), &unschedulable(message))));
        assert!(!said(
            "0/3 nodes are available: 3 held by the pod-set planner: trigger t. preemption: none."
        ));
        assert!(said("0/3 nodes are available: 1 node(s) were unschedulable, 2 planned for another node."));
        assert!(is_unschedulable(&resolved(pod(None, &unschedulable(HELD)))));
    }
}
