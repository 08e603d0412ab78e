//! Judging what somebody else has planned.

use std::collections::BTreeMap;

use pod_planner::{Cause, Judgement, Options, Problem, Strategy, judge};

use crate::support::{World, uid};

fn judged(world: &World, assignment: &[(&str, &str)]) -> Judgement {
    let assignment: BTreeMap<_, _> =
        assignment.iter().map(|(pod, node)| (uid("default", pod), (*node).to_owned())).collect();
    judge(&world.cluster(), &world.members.iter().collect::<Vec<_>>(), &assignment, Strategy::Spread)
}

fn messages(judgement: &Judgement) -> Vec<String> {
    judgement.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_problem_is_told_at_once() {
    let world = World::of(
        "nodes: [{name: a, cpu: 1}, {name: b, cordoned: true}]
members: [{name: bound, on: a}, {name: p, cpu: 1}, {name: q, cpu: 1}, {name: r}, {name: s}, {name: t}]",
    );
    let assignment =
        [("bound", "b"), ("p", "a"), ("q", "a"), ("r", "b"), ("s", "nowhere"), ("stranger", "a")];
    let judgement = judged(&world, &assignment);
    assert_eq!(
        messages(&judgement),
        [
            "no pod of the set has the UID `uid-of-default-stranger`",
            "pod bound: bound to a already, so not to b",
            "pod s: there is no node `nowhere`",
            "pod r: does not fit on b, which is cordoned",
            "pod q: does not fit on a, which is insufficient cpu",
        ]
    );
    let missing: Vec<_> = judgement.missing.iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!(missing, ["t"]);
    assert!(!judgement.is_valid());
    assert_eq!(judgement.score.placed, 2, "the bound one and p");
}

#[test]
fn a_part_of_the_set_may_be_assigned_and_bound_members_be_named_where_they_are() {
    let world = World::of("nodes: [{name: a}]\nmembers: [{name: bound, on: a}, {name: p}, {name: q}]");
    let judgement = judged(&world, &[("bound", "a"), ("p", "a")]);
    assert!(judgement.is_valid(), "{:?}", judgement.problems);
    assert_eq!(judgement.missing.len(), 1);
}

#[test]
fn an_assignment_is_right_if_there_is_an_order_in_which_it_can_be_reached() {
    let world = World::of(
        "nodes: [{name: a, labels: {zone: x}}, {name: b, labels: {zone: y}}]
members:
- {name: client, spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
    {topologyKey: zone, labelSelector: {matchLabels: {app: db}}}]}}}}
- {name: db, labels: {app: db}}",
    );
    assert!(judged(&world, &[("client", "a"), ("db", "a")]).is_valid());
    let apart = judged(&world, &[("client", "a"), ("db", "b")]);
    let [Problem::DoesNotFit { pod, cause, .. }] = apart.problems.as_slice() else { panic!("{apart:?}") };
    assert_eq!((pod.name.as_str(), cause), ("client", &Cause::PodAffinity));
}

#[test]
fn pods_that_wait_for_each_other_are_never_right() {
    let near = |name: &str, own: &str, other: &str| {
        format!(
            "- {{name: {name}, labels: {{app: {own}}}, spec: {{affinity: {{podAffinity: {{\
             requiredDuringSchedulingIgnoredDuringExecution: [\
             {{topologyKey: kubernetes.io/hostname, labelSelector: {{matchLabels: {{app: {other}}}}}}}]}}}}}}}}\n"
        )
    };
    let world =
        World::of(&format!("nodes: [{{name: a}}]\nmembers:\n{}{}", near("p", "x", "y"), near("q", "y", "x")));
    assert_eq!(judged(&world, &[("p", "a"), ("q", "a")]).problems.len(), 2);
    assert!(world.plan(&Options::default()).placements.is_empty());
}

#[test]
fn of_two_right_assignments_the_one_that_follows_the_strategy_is_better() {
    let world = World::of("nodes: [{name: a}, {name: b}]\nmembers: [{name: p, cpu: 1}, {name: q, cpu: 1}]");
    let (even, dense) =
        (judged(&world, &[("p", "a"), ("q", "b")]), judged(&world, &[("p", "a"), ("q", "a")]));
    assert!(even.score > dense.score);
    let part = judged(&world, &[("p", "a")]);
    assert!(dense.score > part.score, "more placed is better than anything else");
}

#[test]
fn the_score_of_a_plan_is_the_score_that_judging_gives_it() {
    let world = World::of(
        "nodes: [{name: a}, {name: b}]
members: [{name: p, cpu: 1}, {name: q, cpu: 2}, {name: bound, on: a, cpu: 1}]",
    );
    let plan = world.plan(&Options::default());
    let assignment: Vec<_> =
        plan.placements.iter().map(|one| (one.pod.name.as_str(), one.node.as_str())).collect();
    assert_eq!(judged(&world, &assignment).score, plan.score);
}

#[test]
fn forty_pods_of_several_kinds_are_judged_in_the_order_that_suits_them() {
    let mut members = String::new();
    for number in 0..40 {
        let spec = match number % 3 {
            0 => {
                ", spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, \
                  labelSelector: {matchLabels: {app: w}}}]}"
            }
            1 => {
                ", spec: {topologySpreadConstraints: [{maxSkew: 3, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, \
                  labelSelector: {matchLabels: {app: w}}}]}"
            }
            _ => "",
        };
        members += &format!("- {{name: p{number:02}, labels: {{app: w}}{spec}}}\n");
    }
    let nodes = "nodes: [{name: a, pods: 30, labels: {zone: x}}, {name: b, pods: 30, labels: {zone: y}}]";
    let world = World::of(&format!("{nodes}\nmembers:\n{members}"));
    let plan = world.plan(&Options::default());
    assert!(plan.is_complete());
    let assignment: Vec<_> =
        plan.placements.iter().map(|one| (one.pod.name.as_str(), one.node.as_str())).collect();
    assert_eq!(messages(&judged(&world, &assignment)), [""; 0]);
}
