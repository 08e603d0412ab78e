//! What the planner asks of a pod. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{NodeSelectorTerm, Pod};
use kube::ResourceExt as _;
use podset_types::{GATE, LABEL_POD_SET};

/// How far a pod is on its way to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The gate holds it.
    Held,
    /// The gate is gone (or never was there), and the scheduler has not bound it.
    Released,
    /// It is bound to this node.
    Bound(String),
}

/// The set that the pod, trigger or plan with these labels is of. An empty value names none.
pub fn set_of(labels: &BTreeMap<String, String>) -> Option<&str> {
    labels.get(LABEL_POD_SET).map(String::as_str).filter(|set| !set.is_empty())
}

/// How far `pod` is.
pub fn stage(pod: &Pod) -> Stage {
    match node_of(pod) {
        Some(node) => Stage::Bound(node.to_owned()),
        None if gate(pod).is_some() => Stage::Held,
        None => Stage::Released,
    }
}

/// The node that `pod` is bound to.
pub fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|node| !node.is_empty())
}

/// The place of our gate among the gates of `pod`.
pub fn gate(pod: &Pod) -> Option<usize> {
    pod.spec.as_ref()?.scheduling_gates.as_ref()?.iter().position(|gate| gate.name == GATE)
}

/// Whether any gate, ours or another's, keeps the scheduler from `pod`.
pub fn is_gated(pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.scheduling_gates.as_ref()).is_some_and(|gates| !gates.is_empty())
}

/// The node whose room is reserved for `pod`.
pub fn nominated(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.nominated_node_name.as_deref().filter(|node| !node.is_empty())
}

/// Whether `pod` counts: it has not ended, and is not about to.
pub fn is_alive(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
}

/// Whether `pod` takes room on a node or has some reserved.
pub fn takes_room(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !matches!(phase, Some("Succeeded" | "Failed")) && (node_of(pod).is_some() || nominated(pod).is_some())
}

/// Whether the scheduler has found no node for `pod`.
pub fn is_unschedulable(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    })
}

/// The node that `pod` is pinned to: the only one that every term of its required affinity names.
pub fn pinned(pod: &Pod) -> Option<&str> {
    let affinity = pod.spec.as_ref()?.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
    let mut nodes = required.node_selector_terms.iter().map(named);
    let first = nodes.next()??;
    nodes.all(|node| node == Some(first)).then_some(first)
}

/// The one node that `term` names.
fn named(term: &NodeSelectorTerm) -> Option<&str> {
    let mut fields = term.match_fields.iter().flatten();
    let named = |values: &Vec<String>| values.len() == 1;
    let field = fields.find(|field| field.key == "metadata.name" && field.operator == "In")?;
    field.values.as_ref().filter(|values| named(values))?.first().map(String::as_str)
}

/// When `pod` was created.
pub fn created(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// Whether somebody makes another when `pod` is deleted.
pub fn is_owned(pod: &Pod) -> bool {
    pod.owner_references().iter().any(|owner| owner.controller == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(yaml: &str) -> Pod {
        serde_yaml_ng::from_str(&format!("metadata: {{name: a}}\n{yaml}")).unwrap()
    }

    #[test]
    fn a_pod_is_held_by_its_gate_until_it_is_bound() {
        let gated = "{containers: [], schedulingGates: [{name: example.com/other}, {name: planner.ciena.io/pod-set}]}";
        assert_eq!(stage(&pod(&format!("spec: {gated}"))), Stage::Held);
        assert_eq!(gate(&pod(&format!("spec: {gated}"))), Some(1));
        let other = "spec: {containers: [], schedulingGates: [{name: example.com/other}]}";
        assert_eq!(stage(&pod(other)), Stage::Released);
        assert_eq!(stage(&pod("spec: {containers: [], nodeName: n1}")), Stage::Bound("n1".into()));
        assert_eq!(stage(&Pod::default()), Stage::Released);
    }

    #[test]
    fn a_pod_is_pinned_if_every_term_names_the_same_node() {
        let affinity = |terms: &str| {
            pod(&format!(
                "spec: {{containers: [], affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: \
                 {{nodeSelectorTerms: [{terms}]}}}}}}}}"
            ))
        };
        let named =
            |node: &str| format!("{{matchFields: [{{key: metadata.name, operator: In, values: [{node}]}}]}}");
        assert_eq!(pinned(&affinity(&named("n1"))), Some("n1"));
        assert_eq!(pinned(&affinity(&format!("{}, {}", named("n1"), named("n1")))), Some("n1"));
        assert_eq!(pinned(&affinity(&format!("{}, {}", named("n1"), named("n2")))), None);
        assert_eq!(pinned(&affinity(&format!("{}, {{matchExpressions: []}}", named("n1")))), None);
        assert_eq!(pinned(&affinity("")), None);
        assert_eq!(pinned(&Pod::default()), None);
    }

    #[test]
    fn what_has_ended_or_is_about_to_does_not_count() {
        assert!(is_alive(&pod("status: {phase: Running}")) && is_alive(&Pod::default()));
        assert!(!is_alive(&pod("status: {phase: Failed}")) && !is_alive(&pod("status: {phase: Succeeded}")));
        let mut leaving = pod("status: {phase: Running}");
        leaving.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH));
        assert!(!is_alive(&leaving));
    }

    #[test]
    fn an_empty_label_names_no_set() {
        let labels = |value: &str| BTreeMap::from([(LABEL_POD_SET.to_owned(), value.to_owned())]);
        assert_eq!(set_of(&labels("a")), Some("a"));
        assert_eq!(set_of(&labels("")), None);
        assert_eq!(set_of(&BTreeMap::new()), None);
    }
}
