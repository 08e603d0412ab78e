//! What the planner asks of a pod. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    NodeSelectorRequirement, NodeSelectorTerm, Pod, PodCondition, PodSchedulingGate,
};
use kube::ResourceExt as _;
use podset_types::{GATE, LABEL_POD_SET, SCHEDULER, Ticket};

/// How far a pod is on its way to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is held, by our gate or for want of a ticket.
    Held,
    /// It is not, and the scheduler has not bound it.
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
        None if is_held(pod) => Stage::Held,
        None => Stage::Released,
    }
}

/// Whether `pod` waits for us: our gate keeps every scheduler from it, or its scheduler asks us and it has no ticket.
pub fn is_held(pod: &Pod) -> bool {
    node_of(pod).is_none() && (gate(pod).is_some() || (asks_us(pod) && Ticket::of(&pod.metadata).is_none()))
}

/// Whether the scheduler of `pod` is the one that asks us where pods of sets may go.
pub fn asks_us(pod: &Pod) -> bool {
    let scheduler = pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
    scheduler == Some(SCHEDULER) && set_of(pod.labels()).is_some()
}

/// The ticket that `pod` was released with and has not used yet.
pub fn ticket(pod: &Pod) -> Option<Ticket> {
    Ticket::of(&pod.metadata).filter(|_| asks_us(pod) && stage(pod) == Stage::Released)
}

/// Whether room can be reserved for `pod`, which is held. A scheduler takes the nomination from a pod that it tries in
/// vain, and only a gate keeps it from trying.
pub fn is_reservable(pod: &Pod) -> bool {
    gate(pod).is_some()
}

/// The node that `pod` is bound to.
pub fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|node| !node.is_empty())
}

/// The place of our gate among the gates of `pod`.
pub fn gate(pod: &Pod) -> Option<usize> {
    gates(pod).iter().position(|gate| gate.name == GATE)
}

/// Whether any gate, ours or another's, keeps the scheduler from `pod`.
pub fn is_gated(pod: &Pod) -> bool {
    !gates(pod).is_empty()
}

/// Whether a gate of another's keeps the scheduler from `pod`.
pub fn has_other_gates(pod: &Pod) -> bool {
    gates(pod).iter().any(|gate| gate.name != GATE)
}

fn gates(pod: &Pod) -> &[PodSchedulingGate] {
    pod.spec.as_ref().and_then(|spec| spec.scheduling_gates.as_deref()).unwrap_or_default()
}

/// The node that `pod` of a set is on its way to: it is pinned there, and the scheduler will come to it.
pub fn on_its_way_to(pod: &Pod) -> Option<&str> {
    let is_on_its_way = set_of(pod.labels()).is_some() && node_of(pod).is_none() && !is_held(pod);
    pinned(pod).filter(|_| is_on_its_way && !is_unschedulable(pod))
}

/// The node whose room is reserved for `pod`.
pub fn nominated(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.nominated_node_name.as_deref().filter(|node| !node.is_empty())
}

/// How `pod` has ended, if it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has done its work.
    Succeeded,
    /// It has not.
    Failed,
}

/// How `pod` has ended; None if it has not.
pub fn end(pod: &Pod) -> Option<End> {
    match pod.status.as_ref()?.phase.as_deref()? {
        "Succeeded" => Some(End::Succeeded),
        "Failed" => Some(End::Failed),
        _ => None,
    }
}

/// Whether `pod` is being deleted.
pub fn is_leaving(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Whether `pod` has not ended, and is not about to.
pub fn is_alive(pod: &Pod) -> bool {
    !is_leaving(pod) && end(pod).is_none()
}

/// Whether `pod` takes room on a node or has some reserved.
pub fn takes_room(pod: &Pod) -> bool {
    let is_there_or_reserved = || node_of(pod).is_some() || nominated(pod).is_some();
    let is_on_its_way = || ticket(pod).is_some() || on_its_way_to(pod).is_some();
    end(pod).is_none() && (is_there_or_reserved() || is_on_its_way())
}

/// What the scheduler says if it has found no node for `pod`.
pub fn refusal(pod: &Pod) -> Option<&PodCondition> {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    })
}

/// Whether the scheduler has found no node for `pod`.
pub fn is_unschedulable(pod: &Pod) -> bool {
    refusal(pod).is_some()
}

/// Whether `pod` was released by a ticket, and no scheduler has tried it since. What the condition says of a pod that is
/// created with gates is the API server's own word.
pub fn is_untried(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut tries = conditions.filter(|condition| {
        condition.type_ == "PodScheduled" && condition.reason.as_deref() != Some("SchedulingGated")
    });
    ticket(pod).is_some() && !is_gated(pod) && tries.next().is_none()
}

/// How much `pod` matters beside others.
pub fn priority(pod: &Pod) -> i32 {
    pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or_default()
}

/// The node to which `pod` is pinned, although the scheduler refused it there, and for which it has a reservation: one that
/// the scheduler keeps or gives for a pod that it evicts others for.
pub fn awaited(pod: &Pod) -> Option<&str> {
    pinned(pod).filter(|node| is_unschedulable(pod) && nominated(pod) == Some(*node))
}

/// What allows one node alone.
pub fn only(node: &str) -> NodeSelectorRequirement {
    NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    }
}

/// The node that `pod` is pinned to: the only one that the terms of its required affinity leave. Terms that match no
/// node leave none, and have no say.
pub fn pinned(pod: &Pod) -> Option<&str> {
    let affinity = pod.spec.as_ref()?.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
    let mut only: Option<&str> = None;
    for term in required.node_selector_terms.iter().filter(|term| !is_empty(term)) {
        let mut names = named(term)?.into_iter();
        match (names.next(), names.next()) {
            (None, _) => {}
            (Some(node), None) if only.is_none_or(|only| only == node) => only = Some(node),
            _ => return None,
        }
    }
    only
}

/// Whether `term` says nothing. Such a term matches no node, and the API server lets nobody add to it.
pub fn is_empty(term: &NodeSelectorTerm) -> bool {
    term.match_fields.as_ref().is_none_or(Vec::is_empty)
        && term.match_expressions.as_ref().is_none_or(Vec::is_empty)
}

/// The names that `term` leaves, if it names any: each list of names has to have them.
fn named(term: &NodeSelectorTerm) -> Option<BTreeSet<&str>> {
    let fields = term.match_fields.iter().flatten();
    let lists = fields.filter(|field| field.key == "metadata.name" && field.operator == "In");
    let lists = lists.map(|field| field.values.iter().flatten().map(String::as_str).collect::<BTreeSet<_>>());
    lists.reduce(|left, names| &left & &names)
}

/// When `pod` was created.
pub fn created(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// Whether somebody makes another when `pod` is deleted.
pub fn is_owned(pod: &Pod) -> bool {
    pod.owner_references().iter().any(|owner| owner.controller == Some(true))
}

/// Whether `pod` can be deleted at no cost: somebody makes another. A Job does, and counts a failure.
pub fn is_replaceable(pod: &Pod) -> bool {
    pod.owner_references().iter().any(|owner| owner.controller == Some(true) && owner.kind != "Job")
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
    fn a_pod_whose_scheduler_asks_us_is_held_until_it_has_a_ticket_of_its_own() {
        let asking = |metadata: &str, spec: &str| -> Pod {
            let text =
                format!("{{metadata: {{name: a, uid: u, {metadata}}}, spec: {{containers: [], {spec}}}}}");
            serde_yaml_ng::from_str(&text).unwrap()
        };
        let (set, ours) =
            ("labels: {planner.ciena.io/pod-set: web}", "schedulerName: podset-planner-scheduler");
        let with = |uid: &str| {
            let ticket = format!("'{{\"uid\":\"{uid}\",\"node\":\"n1\",\"enforcement\":\"Pin\"}}'");
            format!("{set}, annotations: {{planner.ciena.io/ticket: {ticket}}}")
        };
        let (held, copied, released) =
            (asking(set, ours), asking(&with("other"), ours), asking(&with("u"), ours));
        assert_eq!([&held, &copied, &released].map(stage), [Stage::Held, Stage::Held, Stage::Released]);
        assert_eq!([&held, &copied, &released].map(takes_room), [false, false, true]);
        assert_eq!(ticket(&released).unwrap().node, "n1");
        let gated = format!("{ours}, schedulingGates: [{{name: planner.ciena.io/pod-set}}]");
        assert_eq!(stage(&asking(&with("u"), &gated)), Stage::Held);
        assert_eq!([is_reservable(&held), is_reservable(&asking(set, &gated))], [false, true]);
        for other in [asking("labels: {}", ours), asking(set, "schedulerName: default-scheduler")] {
            assert_eq!((stage(&other), ticket(&other)), (Stage::Released, None));
        }
        let bound = asking(set, &format!("{ours}, nodeName: n2"));
        assert!(!is_held(&bound) && stage(&bound) == Stage::Bound("n2".into()));
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
        let zone = "{matchExpressions: [{key: zone, operator: Exists}]}";
        assert_eq!(pinned(&affinity(&format!("{}, {zone}", named("n1")))), None);
        assert_eq!(pinned(&affinity("")), None);
        assert_eq!(pinned(&Pod::default()), None);
    }

    #[test]
    fn a_term_that_matches_no_node_has_no_say_in_where_a_pod_is_pinned() {
        let is_in = |nodes: &str| format!("{{key: metadata.name, operator: In, values: [{nodes}]}}");
        let term = |fields: &[&str]| {
            let lists: Vec<_> = fields.iter().map(|nodes| is_in(nodes)).collect();
            format!("{{matchFields: [{}]}}", lists.join(", "))
        };
        let pinned_by = |terms: &[String]| {
            let required = format!("{{nodeSelectorTerms: [{}]}}", terms.join(", "));
            let affinity = format!("{{requiredDuringSchedulingIgnoredDuringExecution: {required}}}");
            let pod = pod(&format!("spec: {{containers: [], affinity: {{nodeAffinity: {affinity}}}}}"));
            pinned(&pod).map(str::to_owned)
        };
        let empty = "{matchExpressions: []}".to_owned();
        assert_eq!(pinned_by(&[term(&["n1"]), empty.clone()]).as_deref(), Some("n1"));
        // As a pin leaves what its author has named.
        assert_eq!(pinned_by(&[term(&["n1", "n1"]), term(&["n2", "n1"])]).as_deref(), Some("n1"));
        assert_eq!(pinned_by(&[term(&["n1, n2", "n1"])]).as_deref(), Some("n1"));
        assert_eq!(pinned_by(&[term(&["n1, n2"])]), None);
        assert_eq!(pinned_by(&[term(&["n2", "n1"])]), None, "it matches no node");
        assert_eq!(pinned_by(&["{}".to_owned(), empty]), None);
    }

    #[test]
    fn a_pod_with_a_ticket_is_untried_until_a_scheduler_says_anything_of_it() {
        let with = |spec: &str, reason: Option<&str>| -> Pod {
            let ticket = "'{\"uid\":\"u\",\"node\":\"n1\",\"enforcement\":\"Pin\"}'";
            let metadata = format!(
                "{{name: a, uid: u, labels: {{planner.ciena.io/pod-set: web}}, annotations: {{planner.ciena.io/ticket: \
                 {ticket}}}}}"
            );
            let of_reason =
                |reason: &str| format!("{{type: PodScheduled, status: 'False', reason: {reason}}}");
            let conditions = reason.map(of_reason).unwrap_or_default();
            let spec = format!("{{containers: [], schedulerName: podset-planner-scheduler{spec}}}");
            let status = format!("{{conditions: [{conditions}]}}");
            serde_yaml_ng::from_str(&format!("metadata: {metadata}\nspec: {spec}\nstatus: {status}")).unwrap()
        };
        assert!(is_untried(&with("", None)));
        assert!(is_untried(&with("", Some("SchedulingGated"))), "it had a gate");
        assert!(
            !is_untried(&with("", Some("Unschedulable"))) && !is_untried(&with("", Some("SchedulerError")))
        );
        assert!(!is_untried(&with(", schedulingGates: [{name: example.com/other}]", None)), "it is held");
        assert!(!is_untried(&with(", nodeName: n1", None)), "it is bound");
        assert!(!is_untried(&Pod::default()));
    }

    #[test]
    fn only_who_is_made_again_at_no_cost_is_replaceable() {
        let owned = |kind: &str, controller: bool| -> Pod {
            let owner =
                format!("{{apiVersion: v1, kind: {kind}, name: o, uid: o, controller: {controller}}}");
            serde_yaml_ng::from_str(&format!("metadata: {{name: a, ownerReferences: [{owner}]}}")).unwrap()
        };
        assert!(is_replaceable(&owned("ReplicaSet", true)));
        assert!(!is_replaceable(&owned("Job", true)) && is_owned(&owned("Job", true)));
        assert!(!is_replaceable(&owned("ReplicaSet", false)) && !is_replaceable(&Pod::default()));
    }

    #[test]
    fn what_has_ended_or_is_about_to_is_not_alive() {
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
