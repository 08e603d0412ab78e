//! Pods that ask for the planner's scheduler: no gate holds them, and a ticket releases them.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    reconcile::two_sets_are_kept_apart,
    world::{NAMESPACE, SET, World, asking_pod, is_held, pod},
};
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Node, Pod, PodCondition};
use kube::runtime::controller::Action;
use podset_types::{Enforcement, GATE, Ticket, TriggerState};
use serde_json::{Value, json};

fn schedule() -> Value {
    json!({"state": "Schedule"})
}

/// The scheduler has tried the pod `web-00` and put this message into its condition.
fn tried(world: &World, message: &str) {
    let condition: PodCondition = serde_json::from_value(json!({
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
    }))
    .unwrap();
    world.server.modify(NAMESPACE, "web-00", |pod: &mut Pod| {
        pod.status.as_mut().unwrap().conditions = Some(vec![condition]);
    });
}

#[tokio::test]
async fn a_set_costs_a_plan_a_few_statuses_and_one_write_for_each_pod() {
    let world = World::asking(&schedule(), 2, 3);
    world.pass().await.unwrap();
    world.assert_released_with_one_write_each(3);
    world.bind();
    let world = world.again().await;
    assert_eq!(world.condition("Ready"), "True Succeeded");
    world.server.clear_requests();
    let world = world.later(5).again().await;
    assert!(world.server.requests().is_empty(), "{:?}", world.written());
}

/// D1: with one feasible node the pods of a set were bound while the trigger was `Planning`.
#[tokio::test]
async fn d1_nobody_has_a_ticket_while_the_trigger_is_planning_also_with_one_node() {
    let world = World::asking(&json!({"state": "Planning"}), 9, 3);
    for name in ["n2", "n3"] {
        world.server.remove::<Node>("", name);
    }
    let world = world.again().await.again().await;
    assert!(world.pods().iter().all(is_held));
    assert!(world.plan().is_none());
    assert_eq!(world.condition("Released"), "False HeldByUser");
    assert_eq!(world.status().members.unwrap().gated, 3);
    world.set_state(TriggerState::Schedule);
    assert_eq!(world.again().await.released().len(), 3);
}

#[tokio::test]
async fn the_ticket_says_whether_the_pod_may_go_elsewhere() {
    for (name, enforcement) in [("Pin", Enforcement::Pin), ("Nominate", Enforcement::Nominate)] {
        let world = World::asking(&json!({"state": "Schedule", "enforcement": name}), 2, 1);
        world.pass().await.unwrap();
        let ticket = Ticket::of(&world.pod("web-00").metadata).unwrap();
        assert_eq!((ticket.enforcement, &ticket.node), (enforcement, &world.entries()["web-00"]));
    }
}

#[tokio::test]
async fn two_sets_that_are_planned_at_once_are_not_given_the_same_room() {
    two_sets_are_kept_apart(World::asking(&schedule(), 1, 3), asking_pod).await;
}

#[tokio::test]
async fn gated_pods_and_those_that_ask_are_planned_together_each_released_in_its_way() {
    let world = World::asking(&schedule(), 1, 1);
    world.server.insert(pod("gated", SET));
    let mut both = asking_pod("both", SET);
    both.spec.as_mut().unwrap().scheduling_gates = pod("both", SET).spec.unwrap().scheduling_gates;
    world.server.insert(both);
    let world = world.again().await;
    let nodes: BTreeSet<_> = world.released().into_values().collect();
    assert_eq!((world.released().len(), nodes.len()), (3, 3));
    assert_eq!(Ticket::of(&world.pod("gated").metadata), None);
    let gates = world.pod("both").spec.unwrap().scheduling_gates.unwrap_or_default();
    assert!(gates.iter().all(|gate| gate.name != GATE));
}

#[tokio::test]
async fn who_was_released_to_a_node_that_is_gone_is_recycled_and_its_successor_planned() {
    let world = World::asking(&schedule(), 2, 1);
    world.pass().await.unwrap();
    let first = world.entries()["web-00"].clone();
    world.server.remove::<Node>("", &first);
    let world = world.again().await;
    assert!(world.server.get::<Pod>(NAMESPACE, "web-00").is_none());
    world.server.insert(asking_pod("web-00", SET));
    let world = world.again().await;
    assert_ne!(world.entries()["web-00"], first);
    world.assert_released_as_planned();
}

#[tokio::test]
async fn who_finds_its_node_cordoned_is_recycled_once_the_scheduler_says_so_of_its_ticket() {
    let world = World::asking(&schedule(), 2, 1);
    // As the scheduler leaves it while it is held.
    tried(
        &world,
        "0/3 nodes are available: 3 held by the pod-set planner: trigger t: its set is being planned.",
    );
    let world = world.again().await;
    let planned = world.entries()["web-00"].clone();
    world.server.modify("", &planned, |node: &mut Node| {
        node.spec = serde_json::from_value(json!({"unschedulable": true})).unwrap();
    });
    let world = world.again().await;
    assert!(world.server.get::<Pod>(NAMESPACE, "web-00").is_some(), "it may have been bound by now");
    tried(&world, "0/3 nodes are available: 1 node(s) were unschedulable, 2 planned for another node.");
    assert!(world.again().await.server.get::<Pod>(NAMESPACE, "web-00").is_none());
}

#[tokio::test]
async fn who_comes_later_is_planned_around_those_that_have_a_ticket() {
    let world = World::asking(&schedule(), 1, 2);
    world.pass().await.unwrap();
    let before = world.entries();
    world.server.insert(asking_pod("late", SET));
    let world = world.again().await;
    let after = world.entries();
    assert!(before.iter().all(|(pod, node)| after[pod] == *node));
    assert_eq!(after.values().collect::<BTreeSet<_>>().len(), 3);
    assert!(!is_held(&world.pod("late")));
}

#[tokio::test]
async fn a_gang_has_tickets_when_all_of_it_has_a_place_and_is_taken_back_if_it_takes_too_long() {
    let world = World::asking(&json!({"state": "Schedule", "atomicity": "Gang", "gangTimeout": "30s"}), 1, 4);
    let world = world.again().await;
    assert_eq!((world.released().len(), world.condition("Released").as_str()), (0, "False GangIncomplete"));
    world.server.remove::<Pod>(NAMESPACE, "web-03");
    let world = world.again().await;
    assert_eq!(world.released().len(), 3);
    world.assert_released_as_planned();
    // First it is seen to be released, then it is late.
    let world = world.again().await.later(60).again().await;
    assert!(world.pods().is_empty(), "they are late, and their controller makes others");
}

#[tokio::test]
async fn who_is_released_to_a_scheduler_that_is_not_there_is_named_after_a_minute_and_not_deleted() {
    let mut world = World::asking(&schedule(), 2, 2);
    world.pass().await.unwrap();
    assert_eq!(world.pass().await.unwrap(), Action::requeue(Duration::from_secs(60)));
    assert_eq!(world.condition("Degraded"), "False Succeeded");
    world.now += SignedDuration::from_secs(60);
    world.pass().await.unwrap();
    assert_eq!((world.condition("Degraded").as_str(), world.pods().len()), ("True NoScheduler", 2));
    world.bind();
    assert_eq!(world.again().await.condition("Ready"), "True Succeeded");
}

#[tokio::test]
async fn what_runs_elsewhere_than_its_ticket_says_is_told() {
    let world = World::asking(&schedule(), 2, 1);
    world.pass().await.unwrap();
    let planned = world.entries();
    let elsewhere = ["n1", "n2"].into_iter().find(|node| planned["web-00"] != *node).unwrap();
    world.bind_to("web-00", elsewhere);
    let world = world.again().await;
    assert_eq!((world.entries(), world.condition("Degraded").as_str()), (planned, "True Drifted"));
}
