//! What planners of pod sets have been seen to get wrong, each with the test that shows that this one does not. D6 has a
//! table of its own: `fixtures/taints.yaml`.

use pod_planner::{Binding, Options, Strategy};

use crate::support::{World, answer};

#[test]
fn d7_what_runs_and_what_is_planned_is_subtracted_from_what_a_node_has() {
    let world = World::of(
        "nodes: [{name: full, cpu: 4}, {name: free, cpu: 4}]
pods: [{name: there, on: full, cpu: 4}]
members: [{name: p, cpu: 1}, {name: q, cpu: 1}, {name: r, cpu: 1}, {name: s, cpu: 1}, {name: t, cpu: 1}]",
    );
    for strategy in [Strategy::Spread, Strategy::Pack] {
        let answer = world.answer(&Options { strategy, ..Options::default() });
        assert_eq!(answer.values().filter(|node| *node == "free").count(), 4, "{answer:?}");
        assert_eq!(answer["t"], "0/2 nodes fit: 2 insufficient cpu");
    }
}

#[test]
fn d7_disk_pod_count_overhead_and_sidecars_count() {
    let world = World::of(
        "nodes: [{name: a, cpu: 1, allocatable: {ephemeral-storage: 1Gi}}, {name: b, cpu: 1, pods: 0}]
members:
- {name: disk, requests: {ephemeral-storage: 2Gi}}
- {name: overhead, cpu: 900m, spec: {overhead: {cpu: 200m}}}
- name: sidecar
  spec:
    initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 600m}}}]
    containers: [{name: c, resources: {requests: {cpu: 600m}}}]",
    );
    for (pod, reason) in world.answer(&Options::default()) {
        let what = if pod == "disk" { "ephemeral-storage" } else { "cpu" };
        // Node b has no disk at all; of cpu it would have enough for none of them either.
        assert!(
            reason.starts_with("0/2 nodes fit: ") && reason.contains(&format!("insufficient {what}")),
            "{reason}"
        );
    }
}

#[test]
fn d8_preferred_anti_affinity_is_no_requirement() {
    let world = World::of(
        "nodes: [{name: a}]
pods: [{name: there, on: a, labels: {app: web}}]
members: [{name: p, spec: {affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [
  {weight: 100, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}}]}}}}]",
    );
    assert_eq!(world.answer(&Options::default())["p"], "a");
}

#[test]
fn d8_the_anti_affinity_of_others_and_its_topology_key_are_honoured() {
    let world = World::of(
        "nodes: [{name: a, labels: {zone: x}}, {name: b, labels: {zone: x}}]
pods: [{name: shy, on: a, spec: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
  {topologyKey: zone, labelSelector: {matchLabels: {app: web}}}]}}}}]
members: [{name: p, labels: {app: web}}]",
    );
    assert_eq!(
        world.answer(&Options::default())["p"],
        "0/2 nodes fit: 2 not matching the anti-affinity of pods there"
    );
}

#[test]
fn d8_a_pod_of_the_same_name_in_another_namespace_is_another_pod() {
    let world = World::of(
        "nodes: [{name: a}]
pods: [{name: p, namespace: other, on: a, labels: {app: web}}]
members: [{name: p, labels: {app: web}, spec: {affinity: {podAntiAffinity: {
  requiredDuringSchedulingIgnoredDuringExecution: [
    {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}, namespaces: [other]}]}}}}]",
    );
    assert_eq!(
        world.answer(&Options::default())["p"],
        "0/1 nodes fit: 1 not matching the pod's anti-affinity to pods"
    );
}

#[test]
fn d8_replicas_may_share_a_node_and_so_may_pods_without_an_owner() {
    let world = World::of("nodes: [{name: a}]\nmembers: [{name: p}, {name: q}, {name: r}]");
    assert!(world.plan(&Options::default()).is_complete());
}

#[test]
fn d11_a_pod_is_where_its_spec_says_whatever_its_status_says() {
    // Bound a moment ago: no host address yet, and a nomination that was not followed.
    let world = World::of(
        "nodes: [{name: a, cpu: 1}, {name: b, cpu: 1}]
pods: [{name: other, on: b, nominated: a, cpu: 1}]
members: [{name: p, on: a, nominated: b, cpu: 1}, {name: q, cpu: 1}]",
    );
    let plan = world.plan(&Options::default());
    assert_eq!((plan.placements[0].node.as_str(), &plan.placements[0].binding), ("a", &Binding::Bound));
    assert_eq!(answer(&plan)["q"], "0/2 nodes fit: 2 insufficient cpu");
}

#[test]
fn d15_nothing_is_left_to_chance() {
    let text = "nodes: [{name: a}, {name: b}, {name: c}, {name: d}]
members: [{name: p, cpu: 1}, {name: q, cpu: 1}, {name: r, cpu: 2}]";
    let first = World::of(text).plan(&Options::default());
    for _ in 0..50 {
        assert_eq!(World::of(text).plan(&Options::default()), first);
    }
}
