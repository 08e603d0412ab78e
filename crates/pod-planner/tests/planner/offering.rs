//! Which nodes are offered to others, and planning on some nodes only.

use std::collections::BTreeSet;

use pod_planner::{Cause, Options, eligible, judge, plan};

use crate::support::{World, answer, uid};

fn eligible_in(world: &World) -> Vec<String> {
    eligible(&world.cluster(), &world.members.iter().collect::<Vec<_>>())
}

#[test]
fn a_node_is_eligible_if_it_takes_some_member_that_has_none() {
    let world = World::of(
        "nodes: [{name: big, cpu: 4}, {name: small, cpu: 1}, {name: full, cpu: 4}, {name: shut, cordoned: true},
  {name: tainted, taints: [a=b:NoSchedule]}]
pods: [{name: other, on: full, cpu: 4}]
members: [{name: p, cpu: 1}, {name: q, cpu: 2}, {name: bound, on: full}]",
    );
    assert_eq!(eligible_in(&world), ["big", "small"]);
}

#[test]
fn a_member_that_has_its_room_reserved_does_not_stand_in_its_own_way() {
    let world = World::of(
        "nodes: [{name: a, cpu: 1}]
pods: [{name: p, nominated: a, cpu: 1}]
members: [{name: p, nominated: a, cpu: 1}]",
    );
    assert_eq!(eligible_in(&world), ["a"]);
}

#[test]
fn a_node_that_only_waits_for_other_members_is_eligible() {
    let world = World::of(
        "nodes: [{name: a, labels: {zone: x}}, {name: b, labels: {zone: y}, cordoned: true}]
members: [{name: client, spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
    {topologyKey: zone, labelSelector: {matchLabels: {app: db}}}]}}}}]",
    );
    assert_eq!(eligible_in(&world), ["a"]);
}

#[test]
fn no_member_that_waits_has_no_eligible_node() {
    assert_eq!(eligible_in(&World::of("nodes: [{name: a}]\nmembers: [{name: p, on: a}]")), [""; 0]);
}

#[test]
fn nothing_is_placed_elsewhere_than_where_it_may_be() {
    let world = World::of(
        "nodes: [{name: a, cpu: 2}, {name: b, cpu: 2}]\nmembers: [{name: p, cpu: 2}, {name: q, cpu: 2}]",
    );
    let members: Vec<_> = world.members.iter().collect();
    let cluster = world.cluster().only(&BTreeSet::from(["b".to_owned(), "unknown".to_owned()]));
    let plan = plan(&cluster, &members, &world.previous, &Options::default());
    assert_eq!(plan.placements.iter().map(|placed| placed.node.as_str()).collect::<Vec<_>>(), ["b"]);
    assert!(plan.unplaced[0].reason.causes().contains(&(&Cause::NotOffered, 1)), "{:?}", answer(&plan));
}

#[test]
fn what_stands_on_a_node_that_may_not_be_used_counts_all_the_same() {
    let world = World::of(
        "nodes: [{name: a, labels: {zone: x}}, {name: b, labels: {zone: x}}]
pods: [{name: db, on: a, labels: {app: db}}]
members: [{name: p, spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
    {topologyKey: zone, labelSelector: {matchLabels: {app: db}}}]}}}}]",
    );
    let members: Vec<_> = world.members.iter().collect();
    let cluster = world.cluster().only(&BTreeSet::from(["b".to_owned()]));
    assert_eq!(plan(&cluster, &members, &world.previous, &Options::default()).placements[0].node, "b");
}

#[test]
fn a_judgement_tells_an_order_in_which_the_scheduler_accepts_the_members() {
    let world = World::of(
        "nodes: [{name: a, labels: {zone: x}}]
members:
- {name: client, spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
    {topologyKey: zone, labelSelector: {matchLabels: {app: db}}}]}}}}
- {name: db, labels: {app: db}}
- {name: left-out}",
    );
    let members: Vec<_> = world.members.iter().collect();
    let assignment = ["client", "db"].map(|pod| (uid("default", pod), "a".to_owned())).into();
    let judgement = judge(&world.cluster(), &members, &assignment, Options::default().strategy);
    let order: Vec<_> = judgement.order.iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!(order, ["db", "client"]);
}
