//! Writes to pods that the API server refuses for good, as a policy makes it do.

use std::time::Duration;

use crate::world::{NAMESPACE, World};
use controller_kit::testing::Recorded;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::runtime::controller::Action;
use serde_json::{Value, json};

/// Pods that a gate holds, and pods whose scheduler asks.
const KINDS: [fn(&Value, u32, usize) -> World; 2] = [World::new, World::asking];

/// The next write to what ends like this is answered with `code`.
fn refuse(world: &World, path: &'static str, code: u16) {
    world
        .server
        .fail_next(move |request: &Recorded| request.is_write() && request.path.ends_with(path), code);
}

fn of(atomicity: &str) -> Value {
    json!({"state": "Schedule", "atomicity": atomicity})
}

#[tokio::test]
async fn who_may_not_be_released_is_named_and_left_for_a_while_and_the_others_go() {
    for new in KINDS {
        for atomicity in ["BestEffort", "Gang"] {
            let world = new(&of(atomicity), 2, 3);
            refuse(&world, "/pods/web-01", 403);
            assert_eq!(world.pass().await.unwrap(), Action::requeue(Duration::from_secs(5)));
            assert_eq!(world.released().keys().collect::<Vec<_>>(), ["web-00", "web-02"]);
            let members = world.status().members.unwrap();
            assert_eq!((members.gated, members.released), (1, 2));
            assert_eq!(world.condition("Degraded"), "True Rejected");
            world.server.clear_requests();
            world.pass().await.unwrap();
            assert!(world.server.requests().is_empty(), "{atomicity}: {:?}", world.written());
            // Another process knows nothing of it.
            let world = world.again().await;
            assert_eq!(world.released().len(), 3, "{atomicity}");
            assert_eq!(world.condition("Degraded"), "False Succeeded");
            world.assert_released_as_planned();
        }
    }
}

#[tokio::test]
async fn of_a_gang_nobody_is_released_while_room_may_not_be_reserved_for_one() {
    let world = World::new(&of("Gang"), 2, 3);
    refuse(&world, "/pods/web-01/status", 403);
    assert_eq!(world.pass().await.unwrap(), Action::requeue(Duration::from_secs(5)));
    assert_eq!((world.released().len(), world.condition("Degraded").as_str()), (0, "True Rejected"));
    let world = world.again().await;
    assert_eq!(world.released().len(), 3);
    world.assert_released_as_planned();
}

#[tokio::test]
async fn who_may_not_be_deleted_is_named() {
    let world = World::new(&of("BestEffort"), 2, 1);
    world.pass().await.unwrap();
    let node = world.entries()["web-00"].clone();
    world.server.remove::<Node>("", &node);
    let world = world.restart();
    refuse(&world, "/pods/web-00", 403);
    world.pass().await.unwrap();
    assert_eq!(world.condition("Degraded"), "True Rejected");
    assert!(world.again().await.server.get::<Pod>(NAMESPACE, "web-00").is_none());
}

#[tokio::test]
async fn what_became_of_the_others_is_told_although_a_write_failed_for_now() {
    let world = World::new(&of("BestEffort"), 2, 3);
    refuse(&world, "/pods/web-01", 503);
    world.pass().await.unwrap_err();
    let members = world.status().members.unwrap();
    assert_eq!((members.gated, members.released), (1, 2));
    assert_eq!(world.condition("Degraded"), "False Succeeded");
    world.pass().await.unwrap();
    assert_eq!(world.released().len(), 3);
}
