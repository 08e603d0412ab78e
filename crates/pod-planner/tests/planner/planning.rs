//! Planning a set: what is kept, what is moved, what is done with equal choices, and when it ends.

use std::collections::BTreeSet;

use pod_planner::{Binding, Effort, Options, Strategy};

use crate::support::World;

fn with(strategy: Strategy) -> Options {
    Options { strategy, ..Options::default() }
}

#[test]
fn spread_evens_the_load_and_pack_fills_one_node_after_the_other() {
    let world = World::of(
        "nodes: [{name: a}, {name: b}, {name: c}, {name: d}]
members: [{name: p, cpu: 1}, {name: q, cpu: 1}, {name: r, cpu: 1}, {name: s, cpu: 1}]",
    );
    let nodes = |strategy| world.answer(&with(strategy)).into_values().collect::<BTreeSet<_>>().len();
    assert_eq!(nodes(Strategy::Spread), 4);
    assert_eq!(nodes(Strategy::Pack), 1);
}

#[test]
fn many_pods_that_are_alike_are_spread_and_packed_as_few_are() {
    let members: Vec<_> = (0..40).map(|number| format!("{{name: p{number:02}, cpu: 1}}")).collect();
    let nodes: Vec<_> = (0..20).map(|number| format!("{{name: n{number:02}, cpu: 4}}")).collect();
    let world = World::of(&format!("nodes: [{}]\nmembers: [{}]", nodes.join(", "), members.join(", ")));
    for (strategy, nodes, on_each) in [(Strategy::Spread, 20, 2), (Strategy::Pack, 10, 4)] {
        let answer = world.answer(&with(strategy));
        let used: BTreeSet<_> = answer.values().collect();
        assert_eq!(used.len(), nodes, "{strategy:?}");
        for node in used {
            assert_eq!(answer.values().filter(|at| *at == node).count(), on_each, "{strategy:?}: {node}");
        }
    }
}

#[test]
fn the_seed_decides_between_equal_nodes_and_nothing_else_does() {
    let world = World::of(
        "nodes: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}]
members: [{name: p, cpu: 1}]",
    );
    let of = |seed| world.answer(&Options { seed, ..Options::default() });
    assert_eq!(of(1), of(1));
    let first: BTreeSet<_> = (0..20).map(|seed| of(seed)["p"].clone()).collect();
    assert!(first.len() > 1, "{first:?}");
}

#[test]
fn previous_placements_are_kept_and_new_members_go_elsewhere() {
    let world = World::of(
        "nodes: [{name: a}, {name: b}]
members: [{name: p, cpu: 2}, {name: q, cpu: 2}, {name: r, cpu: 2}]
previous: {p: a, r: a}",
    );
    let plan = world.plan(&Options::default());
    let answer = crate::support::answer(&plan);
    assert_eq!((answer["p"].as_str(), answer["q"].as_str(), answer["r"].as_str()), ("a", "b", "a"));
    assert_eq!(plan.score.moves, 0);
}

#[test]
fn a_previous_placement_that_does_not_fit_any_more_moves_alone() {
    let world = World::of(
        "nodes: [{name: a, cordoned: true}, {name: b}, {name: c}]
members: [{name: p, cpu: 1}, {name: q, cpu: 1}]
previous: {p: a, q: c}",
    );
    let plan = world.plan(&Options::default());
    let answer = crate::support::answer(&plan);
    assert_eq!((answer["p"].as_str(), answer["q"].as_str()), ("b", "c"));
    assert_eq!(plan.score.moves, 1);
}

#[test]
fn a_pod_moves_if_that_makes_room_for_another() {
    // `big` fits on a alone, where `small` was planned.
    let world = World::of(
        "nodes: [{name: a, cpu: 4}, {name: b, cpu: 2}]
members: [{name: big, cpu: 4}, {name: small, cpu: 2}]
previous: {small: a}",
    );
    let plan = world.plan(&Options::default());
    assert!(plan.is_complete());
    assert_eq!((crate::support::answer(&plan)["big"].as_str(), plan.score.moves), ("a", 1));
}

#[test]
fn a_fit_that_only_backtracking_finds_is_found() {
    // Two of five together, and twice four with two of three: no other way fills all three nodes.
    let world = World::of(
        "nodes: [{name: a, cpu: 10}, {name: b, cpu: 10}, {name: c, cpu: 10}]
members:
- {name: p1, cpu: 5}
- {name: p2, cpu: 5}
- {name: p3, cpu: 4}
- {name: p4, cpu: 4}
- {name: p5, cpu: 3}
- {name: p6, cpu: 3}
- {name: p7, cpu: 3}
- {name: p8, cpu: 3}",
    );
    for strategy in [Strategy::Spread, Strategy::Pack] {
        let plan = world.plan(&with(strategy));
        assert!(plan.is_complete(), "{:?}", plan.unplaced);
    }
}

#[test]
fn a_bounded_search_says_that_it_was_bounded_and_places_what_it_can() {
    // Each of the large ones leaves a node without room for the small one: known only after all has been tried.
    let world = World::of(
        "nodes: [{name: a, cpu: 10}, {name: b, cpu: 10}]
members: [{name: p, cpu: 7}, {name: q, cpu: 7}, {name: r, cpu: 4}]",
    );
    let (full, none) =
        (world.plan(&Options::default()), world.plan(&Options { effort: Effort(0), ..Options::default() }));
    assert_eq!((full.unplaced.len(), full.exhausted), (1, false));
    assert_eq!((none.unplaced.len(), none.exhausted), (1, true));
    assert_eq!(full.unplaced[0].reason.to_string(), "0/2 nodes fit: 2 insufficient cpu");
}

#[test]
fn that_a_large_set_has_no_room_is_seen_without_a_search() {
    // Two of whichever fit on a node, and one is over.
    let member =
        |number: usize| format!("{{name: p{number:03}, cpu: {}}}", ["2100m", "2200m", "2300m"][number % 3]);
    let members: Vec<_> = (0..201).map(member).collect();
    let nodes: Vec<_> = (0..100).map(|number| format!("{{name: n{number:03}, cpu: 6}}")).collect();
    let world = World::of(&format!("nodes: [{}]\nmembers: [{}]", nodes.join(", "), members.join(", ")));
    let plan = world.plan(&with(Strategy::Pack));
    assert_eq!((plan.unplaced.len(), plan.exhausted), (1, false));
}

#[test]
fn what_has_no_place_at_all_does_not_keep_the_others_from_theirs() {
    let world = World::of(
        "nodes: [{name: a}]
members: [{name: huge, cpu: 100}, {name: p, cpu: 1}]",
    );
    let plan = world.plan(&Options::default());
    assert_eq!((plan.placements.len(), plan.unplaced.len(), plan.exhausted), (1, 1, false));
}

#[test]
fn without_nodes_or_members_there_is_little_to_say() {
    let world = World::of("members: [{name: p}]");
    assert_eq!(world.answer(&Options::default())["p"], "there are no nodes");
    let empty = World::of("nodes: [{name: a}]").plan(&Options::default());
    assert!(empty.is_complete() && empty.placements.is_empty());
}

#[test]
fn members_that_have_ended_or_go_before_they_had_a_node_take_no_part() {
    let world = World::of(
        "nodes: [{name: a, cpu: 1}]
members:
- {name: done, on: a, cpu: 1, phase: Succeeded}
- {name: failed, cpu: 1, phase: Failed}
- {name: gone, cpu: 1, leaving: true}
- {name: p, cpu: 1}",
    );
    let answer = world.answer(&Options::default());
    assert_eq!(answer.keys().collect::<Vec<_>>(), ["p"]);
    assert_eq!(answer["p"], "a");
}

#[test]
fn a_member_bound_to_a_node_that_is_gone_stays_bound() {
    let world = World::of("nodes: [{name: a}]\nmembers: [{name: p, on: gone}]");
    let plan = world.plan(&Options::default());
    assert_eq!((plan.placements[0].node.as_str(), &plan.placements[0].binding), ("gone", &Binding::Bound));
}

#[test]
fn the_last_pods_of_a_stateful_set_are_as_good_as_the_first() {
    // Each has a label of its own, which nobody asks for.
    let member = |number| format!("{{name: p{number}, cpu: 1, labels: {{app: db, pod-index: '{number}'}}}}");
    let members: Vec<_> = (0..8).map(member).collect();
    let world = World::of(&format!("nodes: [{{name: a}}, {{name: b}}]\nmembers: [{}]", members.join(", ")));
    assert!(world.plan(&with(Strategy::Pack)).is_complete());
}
