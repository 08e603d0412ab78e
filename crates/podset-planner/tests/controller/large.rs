//! Large sets.

use crate::world::World;
use controller_kit::testing::{Fault, Recorded, until};
use serde_json::json;

/// S1: for each node and pod all pods of the cluster were listed.
#[tokio::test]
async fn s1_a_set_is_planned_and_released_without_a_single_read_from_the_api_server() {
    let world = World::new(&json!({"state": "Schedule"}), 50, 100);
    world.pass().await.unwrap();
    assert_eq!(world.released().len(), 100);
    let requests = world.server.requests();
    assert!(requests.iter().all(Recorded::is_write), "{requests:?}");
    assert_eq!(requests.len(), 3 + 100);
}

#[tokio::test]
async fn a_slow_write_keeps_no_other_from_being_made_and_nobody_is_released_before_it_is() {
    let world = World::new(&json!({"state": "Schedule", "atomicity": "Gang"}), 50, 100);
    let slow = |request: &Recorded| request.is_write() && request.path.ends_with("/pods/web-00/status");
    world.server.inject(slow, Fault::Hangs);
    let is_reserved = |pod: &k8s_openapi::api::core::v1::Pod| {
        pod.status.as_ref().is_some_and(|status| status.nominated_node_name.is_some())
    };
    tokio::select! {
        outcome = world.pass() => panic!("{outcome:?}"),
        () = until("all others are reserved", || world.pods().iter().filter(|pod| is_reserved(pod)).count() == 99) => {}
    }
    assert!(world.released().is_empty());
}

#[tokio::test]
async fn a_set_that_is_released_in_parts_is_looked_at_again_before_each() {
    let world = World::new(&json!({"state": "Schedule"}), 300, 300);
    let hangs = |request: &Recorded| request.is_write() && request.path.ends_with("/pods/web-00");
    world.server.inject(hangs, Fault::Hangs);
    tokio::select! {
        outcome = world.pass() => panic!("{outcome:?}"),
        () = until("the rest of the first part is released", || world.released().len() == 249) => {}
    }
    world.server.heal();
    let world = world.again().await;
    assert_eq!(world.released().len(), 300);
    world.assert_released_as_planned();
}
