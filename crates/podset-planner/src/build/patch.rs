//! The JSON patches that are written to pods and triggers. Each holds only for the object that it was made from, so that
//! none can be applied twice, or to a successor of the same name.

use json_patch::{
    AddOperation, Patch, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation,
    jsonptr::PointerBuf,
};
use k8s_openapi::{
    api::core::v1::{NodeSelector, NodeSelectorTerm, Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::ResourceExt as _;
use podset_types::{ANNOTATION_TICKET, Enforcement, ScheduleTrigger, Ticket};
use serde_json::{Value, json};

use crate::pods::{asks_us, gate, is_empty, is_held, only, pinned};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// Of the status of `pod`: reserves room on `node` for it.
pub fn reserve(pod: &Pod, node: &str) -> Patch {
    Patch(vec![same(&pod.metadata), add(&["status", "nominatedNodeName"], node.into())])
}

/// Of the status of `pod`: gives the reserved room back.
pub fn withdraw(pod: &Pod) -> Patch {
    Patch(vec![same(&pod.metadata), unchanged(&pod.metadata), remove(&["status", "nominatedNodeName"])])
}

/// Lets `pod` go to `node`, and nowhere else if it is to be pinned there: takes our gate away, and gives it a ticket if
/// its scheduler asks for one. None if it is not held any more.
pub fn release(pod: &Pod, node: &str, pin: bool) -> Option<Patch> {
    if !is_held(pod) {
        return None;
    }
    let mut operations = vec![same(&pod.metadata), unchanged(&pod.metadata)];
    if let Some(gate) = gate(pod) {
        // What a gate does not hold any more cannot be changed: that is what tickets are for.
        operations.extend(pin.then(|| pin_to(pod, node)).into_iter().flatten());
        operations.push(remove(&["spec", "schedulingGates", &gate.to_string()]));
    }
    operations.extend(asks_us(pod).then(|| give_ticket(pod, node, pin)));
    Some(Patch(operations))
}

fn give_ticket(pod: &Pod, node: &str, pin: bool) -> PatchOperation {
    let enforcement = if pin { Enforcement::Pin } else { Enforcement::Nominate };
    let ticket =
        Ticket { uid: pod.uid().unwrap_or_default(), node: node.to_owned(), enforcement }.to_string();
    // Caches drop annotations one by one, so where there are some, there is a map.
    match &pod.metadata.annotations {
        Some(_) => add(&["metadata", "annotations", ANNOTATION_TICKET], ticket.into()),
        None => add(&["metadata", "annotations"], json!({ANNOTATION_TICKET: ticket})),
    }
}

/// Sets the state of `trigger` to `Schedule`.
pub fn fire(trigger: &ScheduleTrigger) -> Patch {
    let state = PatchOperation::Replace(ReplaceOperation {
        path: PointerBuf::from_tokens(["spec", "state"]),
        value: "Schedule".into(),
    });
    Patch(vec![same(&trigger.metadata), unchanged(&trigger.metadata), state])
}

/// What a gated pod allows: further requirements on each of its terms that has some, or terms where it has none. A pod
/// that is pinned there already, by a write that was cut off or by its author, needs nothing.
fn pin_to(pod: &Pod, node: &str) -> Vec<PatchOperation> {
    if pinned(pod) == Some(node) {
        return Vec::new();
    }
    let requirement = only(node);
    let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref());
    let of_nodes = affinity.and_then(|affinity| affinity.node_affinity.as_ref());
    let required = of_nodes
        .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref())
        .map(|required| &required.node_selector_terms);
    let term = NodeSelectorTerm { match_fields: Some(vec![requirement.clone()]), match_expressions: None };
    let selector = json!(NodeSelector { node_selector_terms: vec![term] });
    let (requirement, base) = (json!(requirement), ["spec", "affinity", "nodeAffinity", REQUIRED]);
    match (affinity, of_nodes, required) {
        (None, ..) => vec![add(&["spec", "affinity"], json!({"nodeAffinity": {REQUIRED: selector}}))],
        (_, None, _) => vec![add(&["spec", "affinity", "nodeAffinity"], json!({REQUIRED: selector}))],
        (_, _, None) => vec![add(&base, selector)],
        (_, _, Some(terms)) => {
            let terms = terms.iter().enumerate().filter(|(_, term)| !is_empty(term));
            terms.map(|(number, term)| append(number, term, &requirement)).collect()
        }
    }
}

fn append(number: usize, term: &NodeSelectorTerm, requirement: &Value) -> PatchOperation {
    let number = number.to_string();
    let base = ["spec", "affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms", &number, "matchFields"];
    if term.match_fields.is_some() {
        add(&[base.as_slice(), &["-"]].concat(), requirement.clone())
    } else {
        add(&base, json!([requirement]))
    }
}

fn same(metadata: &ObjectMeta) -> PatchOperation {
    test(&["metadata", "uid"], metadata.uid.as_deref())
}

fn unchanged(metadata: &ObjectMeta) -> PatchOperation {
    test(&["metadata", "resourceVersion"], metadata.resource_version.as_deref())
}

fn test(path: &[&str], value: Option<&str>) -> PatchOperation {
    PatchOperation::Test(TestOperation { path: pointer(path), value: json!(value.unwrap_or_default()) })
}

fn add(path: &[&str], value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path: pointer(path), value })
}

fn remove(path: &[&str]) -> PatchOperation {
    PatchOperation::Remove(RemoveOperation { path: pointer(path) })
}

fn pointer(path: &[&str]) -> PointerBuf {
    PointerBuf::from_tokens(path.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATES: &str = "schedulingGates: [{name: example.com/other}, {name: planner.ciena.io/pod-set}]";
    const NAMED: &str = "matchFields: [{key: metadata.name, operator: In, values: [n1]}]";

    fn pod(affinity: &str) -> Value {
        let text = format!(
            "{{metadata: {{name: a, uid: u, resourceVersion: '7'}}, spec: {{containers: [], {GATES}{affinity}}}}}"
        );
        serde_yaml_ng::from_str(&text).unwrap()
    }

    fn released(before: &Value, node: Option<&str>) -> Value {
        let patch =
            release(&serde_json::from_value(before.clone()).unwrap(), node.unwrap_or("n1"), node.is_some())
                .unwrap();
        let mut after = before.clone();
        json_patch::patch(&mut after, &patch).unwrap();
        after
    }

    fn required(terms: &str) -> String {
        format!(", affinity: {{nodeAffinity: {{{REQUIRED}: {{nodeSelectorTerms: [{terms}]}}}}}}")
    }

    #[test]
    fn a_pin_goes_into_every_term_that_is_there_or_makes_one() {
        let zone = "matchExpressions: [{key: zone, operator: Exists}]";
        let rack = "matchFields: [{key: metadata.name, operator: NotIn, values: [n9]}]";
        let rack_and_name = rack.replace("}]", "}, {key: metadata.name, operator: In, values: [n1]}]");
        // What names other nodes leaves none once it is pinned.
        let elsewhere = NAMED.replace("n1", "n2");
        let and_here = "}, {key: metadata.name, operator: In, values: [n1]}]";
        let (twice, both) = (NAMED.replace("}]", and_here), elsewhere.replace("}]", and_here));
        let other = "podAntiAffinity: {}";
        for (before, after) in [
            (String::new(), required(&format!("{{{NAMED}}}"))),
            (
                format!(", affinity: {{{other}}}"),
                required(&format!("{{{NAMED}}}")).replace("affinity: {", &format!("affinity: {{{other}, ")),
            ),
            (", affinity: {nodeAffinity: {}}".to_owned(), required(&format!("{{{NAMED}}}"))),
            (
                required(&format!("{{{zone}}}, {{{rack}}}")),
                required(&format!("{{{zone}, {NAMED}}}, {{{rack_and_name}}}")),
            ),
            // An empty term matches no node, and may not be added to.
            (required(&format!("{{{zone}}}, {{}}")), required(&format!("{{{zone}, {NAMED}}}, {{}}"))),
            (
                required(&format!("{{{NAMED}}}, {{{elsewhere}}}")),
                required(&format!("{{{twice}}}, {{{both}}}")),
            ),
        ] {
            let after: Value = pod(&after);
            let released = released(&pod(&before), Some("n1"));
            assert_eq!(released["spec"]["affinity"], after["spec"]["affinity"], "{before}");
            assert_eq!(released["spec"]["schedulingGates"], json!([{"name": "example.com/other"}]));
            assert_eq!(pinned(&serde_json::from_value(released).unwrap()), Some("n1"));
        }
    }

    #[test]
    fn a_pod_that_is_pinned_already_or_is_only_nominated_keeps_its_affinity() {
        let before = pod(&required(&format!("{{{NAMED}}}")));
        assert_eq!(released(&before, Some("n1"))["spec"]["affinity"], before["spec"]["affinity"]);
        assert_eq!(released(&pod(""), None)["spec"].get("affinity"), None);
    }

    #[test]
    fn a_patch_holds_for_one_version_of_one_pod() {
        let made_from: Pod = serde_json::from_value(pod("")).unwrap();
        for (field, value) in [("uid", "other"), ("resourceVersion", "8")] {
            let mut object = pod("");
            object["metadata"][field] = value.into();
            let patch = release(&made_from, "n1", true).unwrap();
            assert!(json_patch::patch(&mut object, &patch).is_err(), "{field}");
        }
        assert_eq!(release(&Pod::default(), "n1", true), None);
    }

    /// A pod of a set whose scheduler asks for tickets.
    fn asking(metadata: &str, spec: &str) -> Value {
        let text = format!(
            "{{metadata: {{name: a, uid: u, resourceVersion: '7', labels: {{planner.ciena.io/pod-set: web}}{metadata}}}, \
             spec: {{containers: [], schedulerName: podset-planner-scheduler{spec}}}}}"
        );
        serde_yaml_ng::from_str(&text).unwrap()
    }

    #[test]
    fn a_pod_whose_scheduler_asks_us_gets_a_ticket_beside_its_annotations_and_is_else_as_it_was() {
        for metadata in ["", ", annotations: {}", ", annotations: {a: b}"] {
            for (node, enforcement) in [(Some("n1"), Enforcement::Pin), (None, Enforcement::Nominate)] {
                let before = asking(metadata, "");
                let mut after = released(&before, node);
                let metadata: ObjectMeta = serde_json::from_value(after["metadata"].clone()).unwrap();
                let expected = Ticket { uid: "u".to_owned(), node: "n1".to_owned(), enforcement };
                assert_eq!(Ticket::of(&metadata), Some(expected));
                let annotations = after["metadata"]["annotations"].as_object_mut().unwrap();
                annotations.remove(ANNOTATION_TICKET);
                let kept = before["metadata"].get("annotations").cloned().unwrap_or(json!({}));
                assert_eq!(after["metadata"]["annotations"], kept);
                assert_eq!(after["spec"], before["spec"]);
            }
        }
    }

    #[test]
    fn a_pod_that_is_held_in_both_ways_is_released_from_both_and_only_once() {
        let after = released(&asking("", &format!(", {GATES}")), Some("n1"));
        let pod: Pod = serde_json::from_value(after).unwrap();
        assert_eq!((pinned(&pod), crate::pods::ticket(&pod).unwrap().node.as_str()), (Some("n1"), "n1"));
        assert_eq!(release(&pod, "n1", true), None);
    }
}
