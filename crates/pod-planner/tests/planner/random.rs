//! Random clusters and sets: what the planner answers, against [`checker`] and against trying everything.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, NodeSelectorTerm, Pod};
use pod_planner::{Binding, Effort, Options, Plan, Strategy, judge};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use crate::{
    checker::{self, Placed, fits},
    generate,
    support::World,
};

/// How many are tried.
const WORLDS: u64 = 1500;

fn options(seed: u64) -> Options {
    let strategy = if seed.is_multiple_of(2) { Strategy::Spread } else { Strategy::Pack };
    Options { strategy, seed, ..Options::default() }
}

fn free(world: &World) -> Vec<&Pod> {
    world.members.iter().filter(|pod| pod.spec.as_ref().unwrap().node_name.is_none()).collect()
}

/// Whether the pods can be placed one after the other, in whatever order, each on one of its nodes.
fn can_all_be_placed(world: &World, pods: &[&Pod], nodes: &dyn Fn(usize) -> Vec<usize>) -> bool {
    fn descend<'w>(
        world: &'w World,
        pods: &[&'w Pod],
        nodes: &dyn Fn(usize) -> Vec<usize>,
        at: &mut BTreeMap<usize, usize>,
        dead: &mut BTreeSet<Vec<(usize, usize)>>,
    ) -> bool {
        if at.len() == pods.len() {
            return true;
        }
        let key: Vec<_> = at.iter().map(|(pod, node)| (*pod, *node)).collect();
        if !dead.insert(key) {
            return false;
        }
        let mut placed: Placed<'w> = checker::there(world);
        placed.extend(at.iter().map(|(pod, node)| (pods[*pod], &world.nodes[*node])));
        for pod in (0..pods.len()).filter(|pod| !at.contains_key(pod)).collect::<Vec<_>>() {
            for node in nodes(pod) {
                if fits(world, &placed, pods[pod], &world.nodes[node]) {
                    at.insert(pod, node);
                    if descend(world, pods, nodes, at, dead) {
                        return true;
                    }
                    at.remove(&pod);
                }
            }
        }
        false
    }
    descend(world, pods, nodes, &mut BTreeMap::new(), &mut BTreeSet::new())
}

fn node<'w>(world: &'w World, name: &str) -> &'w Node {
    world.nodes.iter().find(|node| checker::name(node) == name).unwrap()
}

/// Every placement in turn, by the other set of rules; and that those left really have no node.
fn check(world: &World, plan: &Plan, seed: u64) {
    let mut placed = checker::there(world);
    for placement in plan.placements.iter().filter(|placement| placement.binding != Binding::Bound) {
        let pod =
            world.members.iter().find(|pod| pod.metadata.uid.as_ref() == Some(&placement.pod.uid)).unwrap();
        let at = node(world, &placement.node);
        assert!(fits(world, &placed, pod, at), "seed {seed}: {} on {}", placement.pod.name, placement.node);
        placed.push((pod, at));
    }
    for left in &plan.unplaced {
        let pod = world.members.iter().find(|pod| pod.metadata.uid.as_ref() == Some(&left.pod.uid)).unwrap();
        let fitting: Vec<_> = world.nodes.iter().filter(|node| fits(world, &placed, pod, node)).collect();
        assert!(fitting.is_empty(), "seed {seed}: {} fits on {}", left.pod.name, checker::name(fitting[0]));
        let counted: usize = left.reason.causes().iter().map(|(_, count)| count).sum();
        assert_eq!(counted, world.nodes.len(), "seed {seed}: a cause for each node");
    }
    assert_eq!(plan.placements.len() + plan.unplaced.len(), world.members.len(), "seed {seed}");
}

#[test]
fn no_plan_breaks_a_rule_and_where_all_fit_all_are_placed() {
    let (mut possible, mut found) = (0, 0);
    for seed in 0..WORLDS {
        let world = generate::world(seed);
        let plan = world.plan(&options(seed));
        check(&world, &plan, seed);
        let exists = can_all_be_placed(&world, &free(&world), &|_| (0..world.nodes.len()).collect());
        assert!(exists || !plan.is_complete(), "seed {seed}: complete although that is impossible");
        assert!(!exists || plan.is_complete() || plan.exhausted, "seed {seed}: given up too early");
        possible += usize::from(exists);
        found += usize::from(exists && plan.is_complete());
    }
    assert!(possible * 5 > WORLDS as usize, "{possible} worlds in which all fit are too few to say anything");
    assert!(
        possible * 5 < WORLDS as usize * 4,
        "{possible} worlds in which all fit: the worlds are too easy"
    );
    println!("{found} complete plans found of {possible} possible ones in {WORLDS} worlds");
    assert!(found * 100 >= possible * 99, "{found} of {possible} complete plans were found");
}

/// What a release makes of a pod that is to be pinned.
fn pin(pod: &mut Pod, node: &str) {
    let only = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let affinity = pod.spec.get_or_insert_default().affinity.get_or_insert_default();
    let affinity = affinity.node_affinity.get_or_insert_default();
    let required = affinity.required_during_scheduling_ignored_during_execution.get_or_insert_default();
    if required.node_selector_terms.is_empty() {
        required.node_selector_terms.push(NodeSelectorTerm::default());
    }
    for term in &mut required.node_selector_terms {
        term.match_fields.get_or_insert_default().push(only.clone());
    }
}

#[test]
fn a_plan_breaks_no_rule_either_once_its_pods_are_pinned() {
    let mut pinned = 0;
    for seed in 0..WORLDS {
        let mut world = generate::world(seed);
        let plan = world.plan(&options(seed));
        for placement in plan.placements.iter().filter(|placement| placement.binding == Binding::Pin) {
            let mut members = world.members.iter_mut();
            let pod = members.find(|pod| pod.metadata.uid.as_ref() == Some(&placement.pod.uid)).unwrap();
            pin(pod, &placement.node);
            pinned += 1;
        }
        check(&world, &plan, seed);
    }
    assert!(pinned > 1000, "{pinned}");
}

#[test]
fn plans_of_larger_sets_break_no_rule_and_are_judged_right() {
    let mut placed = 0;
    for seed in 0..150 {
        let world = generate::large_world(seed);
        let plan = world.plan(&Options { effort: Effort(200_000), ..options(seed) });
        check(&world, &plan, seed);
        let assignment: BTreeMap<_, _> = plan
            .placements
            .iter()
            .map(|placement| (placement.pod.uid.clone(), placement.node.clone()))
            .collect();
        let judgement =
            judge(&world.cluster(), &world.members.iter().collect::<Vec<_>>(), &assignment, Strategy::Spread);
        assert!(judgement.is_valid(), "seed {seed}: {:?}", judgement.problems);
        placed += plan.placements.len();
    }
    assert!(placed > 500, "{placed}");
}

#[test]
fn the_order_of_the_input_does_not_matter() {
    for seed in 0..WORLDS / 3 {
        let world = generate::world(seed);
        let mut shuffled = world.clone();
        let mut rng = StdRng::seed_from_u64(seed);
        shuffled.nodes.shuffle(&mut rng);
        shuffled.pods.shuffle(&mut rng);
        shuffled.members.shuffle(&mut rng);
        shuffled.namespaces.shuffle(&mut rng);
        assert_eq!(world.plan(&options(seed)), shuffled.plan(&options(seed)), "seed {seed}");
    }
}

#[test]
fn bound_members_never_move() {
    let mut bound = 0;
    for seed in 0..WORLDS / 3 {
        let world = generate::world(seed);
        let plan = world.plan(&options(seed));
        for member in &world.members {
            let Some(node) = &member.spec.as_ref().unwrap().node_name else { continue };
            let placement = plan
                .placements
                .iter()
                .find(|one| Some(&one.pod.uid) == member.metadata.uid.as_ref())
                .unwrap();
            assert_eq!((&placement.node, &placement.binding), (node, &Binding::Bound), "seed {seed}");
            bound += 1;
        }
    }
    assert!(bound > 20, "{bound}");
}

#[test]
fn a_plan_that_is_planned_again_stays_as_it_is() {
    for seed in 0..WORLDS / 3 {
        let mut world = generate::world(seed);
        let first = world.plan(&options(seed));
        let at = first.placements.iter().map(|placement| (placement.pod.uid.clone(), placement.node.clone()));
        world.previous = at.collect();
        let second = world.plan(&Options { seed: seed + 1, ..options(seed) });
        if first.is_complete() {
            let moved = second
                .placements
                .iter()
                .filter(|one| world.previous.get(&one.pod.uid) != Some(&one.node))
                .count();
            assert_eq!((moved, second.score.moves), (0, 0), "seed {seed}");
        }
    }
}

#[test]
fn judging_agrees_with_the_rules_on_plans_and_on_random_assignments() {
    let (mut right, mut wrong) = (0, 0);
    for seed in 0..WORLDS {
        let world = generate::world(seed);
        let mut rng = StdRng::seed_from_u64(seed);
        let free = free(&world);
        let plan = world.plan(&options(seed));
        let planned: BTreeMap<_, _> = plan
            .placements
            .iter()
            .map(|placement| (placement.pod.uid.clone(), placement.node.clone()))
            .collect();
        let any = |pod: &&Pod, rng: &mut StdRng| {
            let node = checker::name(&world.nodes[rng.random_range(0..world.nodes.len())]).to_owned();
            (pod.metadata.uid.clone().unwrap(), node)
        };
        let guessed: BTreeMap<_, _> =
            free.iter().take(1 + seed as usize % 3).map(|pod| any(pod, &mut rng)).collect();
        for assignment in [planned, guessed] {
            let members: Vec<_> = world.members.iter().collect();
            let judgement = judge(&world.cluster(), &members, &assignment, Strategy::Spread);
            let assigned: Vec<_> = free
                .iter()
                .copied()
                .filter(|pod| assignment.contains_key(pod.metadata.uid.as_ref().unwrap()))
                .collect();
            let node_of = |pod: usize| {
                let name = &assignment[assigned[pod].metadata.uid.as_ref().unwrap()];
                vec![world.nodes.iter().position(|node| checker::name(node) == name).unwrap()]
            };
            let is_right = can_all_be_placed(&world, &assigned, &node_of);
            assert_eq!(
                judgement.is_valid(),
                is_right,
                "seed {seed}: {assignment:?}: {:?}",
                judgement.problems
            );
            assert_eq!(judgement.missing.len(), free.len() - assigned.len(), "seed {seed}");
            if is_right { right += 1 } else { wrong += 1 }
        }
    }
    assert!(right > 500 && wrong > 300, "{right} right, {wrong} wrong");
}
