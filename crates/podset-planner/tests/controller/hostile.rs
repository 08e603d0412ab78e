//! Plans that others have written.

use std::{collections::BTreeSet, sync::Arc};

use crate::world::{NAMESPACE, SET, TRIGGER, World, is_held};
use controller_kit::Applier;
use podset_planner::{NAME, sweep};
use podset_types::{LABEL_POD_SET, SchedulePlan, ScheduleTrigger, plan_name};
use serde_json::json;

/// A plan with the set's label, that says of each of these pods that it goes to `node`.
fn forged(name: &str, pods: &[&str], node: &str) -> SchedulePlan {
    let items: Vec<_> = pods.iter().map(|pod| json!({"pod": pod, "node": node})).collect();
    serde_json::from_value(json!({
        "apiVersion": "planner.ciena.io/v1alpha1", "kind": "SchedulePlan", "spec": {"plan": items},
        "metadata": {"namespace": NAMESPACE, "name": name, "labels": {LABEL_POD_SET: SET}},
    }))
    .unwrap()
}

#[tokio::test]
async fn a_forged_plan_releases_nobody_and_is_no_reason_to_go_where_there_is_no_room() {
    for node in ["n1", "nowhere", "Not a name"] {
        let held = World::new(&json!({"state": "Planning"}), 1, 3);
        held.server.insert(forged(
            &plan_name(NAMESPACE, SET),
            &["web-00", "web-01", "web-02", "stranger"],
            node,
        ));
        let held = held.again().await;
        assert!(held.pods().iter().all(is_held), "{node}");
        held.server.modify(NAMESPACE, TRIGGER, |trigger: &mut ScheduleTrigger| {
            trigger.spec.state = podset_types::TriggerState::Schedule;
        });
        let world = held.again().await;
        world.assert_released_as_planned();
        let nodes: BTreeSet<_> = world.released().into_values().collect();
        assert_eq!(nodes, ["n1", "n2", "n3"].map(str::to_owned).into(), "{node}");
        assert!(!world.entries().contains_key("stranger"), "{node}");
    }
}

#[tokio::test]
async fn a_plan_of_another_name_is_neither_heeded_nor_taken_away() {
    let world = World::new(&json!({"state": "Schedule"}), 1, 3);
    let other = forged("other", &["web-00", "web-01", "web-02"], "n1");
    world.server.insert(other.clone());
    let world = world.again().await;
    assert_eq!(world.released().into_values().collect::<BTreeSet<_>>().len(), 3);
    world.server.remove::<ScheduleTrigger>(NAMESPACE, TRIGGER);
    world.remove_pods();
    let world = world.restart();
    sweep(&world.caches, &Applier::new(world.server.client(), NAME), Arc::new(other)).await;
    let left = world.server.get::<SchedulePlan>(NAMESPACE, "other").unwrap();
    assert_eq!(left.spec.plan.len(), 3);
}
