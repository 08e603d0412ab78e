//! Members that were released, and that the scheduler does not bind.

use std::time::Duration;

use crate::world::{NAMESPACE, World};
use k8s_openapi::api::core::v1::{Node, Pod, PodCondition};
use kube::runtime::controller::Action;
use serde_json::json;

/// The scheduler says of the pod that it finds no node for it.
fn refuse(world: &World, name: &str) {
    world.server.modify(NAMESPACE, name, |pod: &mut Pod| {
        let condition: PodCondition = serde_json::from_value(json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "a plug-in says no",
        }))
        .unwrap();
        pod.status.as_mut().unwrap().conditions = Some(vec![condition]);
    });
}

#[tokio::test]
async fn who_is_refused_where_it_seems_to_fit_is_named_after_half_a_minute_and_left() {
    let world = World::new(&json!({"state": "Schedule"}), 2, 1);
    world.pass().await.unwrap();
    refuse(&world, "web-00");
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Action::requeue(Duration::from_secs(30)));
    assert_eq!(world.condition("Degraded"), "False Succeeded");
    let world = world.later(30).again().await;
    assert_eq!(world.condition("Degraded"), "True Refused");
    world.server.clear_requests();
    let world = world.later(30).again().await;
    assert!(world.server.requests().is_empty(), "{:?}", world.written());
    world.bind();
    assert_eq!(world.again().await.condition("Ready"), "True Succeeded");
}

#[tokio::test]
async fn who_is_bound_while_it_is_taken_back_runs_on() {
    let world = World::new(&json!({"state": "Schedule"}), 2, 1);
    world.pass().await.unwrap();
    let node = world.entries()["web-00"].clone();
    world.server.remove::<Node>("", &node);
    let world = world.restart();
    world.bind_to("web-00", &node);
    assert_eq!(world.pass().await.unwrap(), Action::requeue(Duration::from_secs(1)));
    assert!(world.server.get::<Pod>(NAMESPACE, "web-00").is_some());
}
