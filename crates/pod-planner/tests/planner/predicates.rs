//! Each rule by itself: tables in `fixtures/`. `plan` says where a pod goes or why nowhere, `fits` between which nodes the
//! planner may choose, `nominated` what is not taken into account.

use std::collections::BTreeMap;

use pod_planner::{Binding, Options, Strategy};
use serde_json::Value;

use crate::{
    checker,
    support::{World, answer},
};

fn check(text: &str) {
    let cases: Vec<Value> = {
        let mut cases: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).unwrap();
        cases.apply_merge().unwrap();
        serde_yaml_ng::from_value(cases).unwrap()
    };
    assert!(!cases.is_empty());
    for case in cases {
        for strategy in [Strategy::Spread, Strategy::Pack] {
            check_case(&case, strategy);
        }
    }
}

fn check_case(case: &Value, strategy: Strategy) {
    let name = case["name"].as_str().unwrap();
    let world = World::read(case);
    // Wishes are told apart from the strategy by the tables themselves, which are written for Spread.
    let wishes = case.to_string().contains("prefer") || case.to_string().contains("Prefer");
    if strategy == Strategy::Pack && (wishes || name.contains("wish")) {
        return;
    }
    let plan = world.plan(&Options { strategy, ..Options::default() });
    let found = answer(&plan);
    let expected = case.get("plan").and_then(Value::as_object).into_iter().flatten();
    for (pod, expected) in expected {
        assert_eq!(found[pod], expected.as_str().unwrap(), "{name}: {pod}");
    }
    for (pod, nodes) in case.get("fits").and_then(Value::as_object).into_iter().flatten() {
        assert!(
            nodes.as_array().unwrap().contains(&found[pod].as_str().into()),
            "{name}: {pod}: {}",
            found[pod]
        );
    }
    assert_eq!(found.len(), world.members.len(), "{name}");
    let nominated: BTreeMap<_, _> = plan
        .placements
        .iter()
        .filter_map(|placement| match &placement.binding {
            Binding::Nominate(why) => {
                let why: Vec<_> = why.iter().map(|one| Value::from(one.to_string())).collect();
                Some((placement.pod.name.clone(), Value::from(why)))
            }
            Binding::Pin | Binding::Bound => None,
        })
        .collect();
    let expected = case.get("nominated").and_then(Value::as_object).cloned().unwrap_or_default();
    assert_eq!(nominated, expected.into_iter().collect::<BTreeMap<_, _>>(), "{name}");
    if nominated.is_empty()
        && world.claims.is_empty()
        && !name.contains("exact")
        && !name.contains("every resource")
    {
        check_in_turn(&world, &plan, name);
    }
}

/// The other set of rules has the same opinion, which holds the tables against it as well.
fn check_in_turn(world: &World, plan: &pod_planner::Plan, name: &str) {
    let mut placed = checker::there(world);
    for placement in plan.placements.iter().filter(|placement| placement.binding == Binding::Pin) {
        let pod =
            world.members.iter().find(|pod| pod.metadata.name.as_ref() == Some(&placement.pod.name)).unwrap();
        let node = world.nodes.iter().find(|node| checker::name(node) == placement.node).unwrap();
        assert!(checker::fits(world, &placed, pod, node), "{name}: {}", placement.pod.name);
        placed.push((pod, node));
    }
}

macro_rules! tables {
    ($($test:ident: $file:literal,)*) => {
        $(
            #[test]
            fn $test() {
                check(include_str!(concat!("fixtures/", $file)));
            }
        )*
    };
}

tables! {
    d6_taints_tolerations_and_cordons_mean_what_they_mean_to_the_scheduler: "taints.yaml",
    what_pods_take_is_counted_as_the_scheduler_counts_it: "resources.yaml",
    nodes_are_chosen_by_their_labels_and_names: "nodes.yaml",
    a_host_port_is_given_once: "ports.yaml",
    pods_are_near_and_far_from_each_other_as_they_ask: "affinity.yaml",
    pods_are_spread_as_they_ask: "spread.yaml",
    volumes_say_where_a_pod_can_be: "volumes.yaml",
}
