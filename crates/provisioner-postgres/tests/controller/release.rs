//! What is to outlive a claim is released from it, whatever else is wrong.

use crate::world::{CLAIM, NAMESPACE, SECRET, World};
use api_types::{
    ClaimPhase,
    DeprovisionPolicy::{Delete, Retain},
    ResourceClaim,
};
use k8s_openapi::api::core::v1::Secret;
use provisioner_postgres::Retry;
use serde_json::json;

const UID: &str = "claim-uid";

/// A world with a database that goes with its claim, until the platform says now that it stays.
async fn protected() -> World {
    let world = World::new(Delete).until_bound().await;
    assert_eq!(world.owned_by(UID), 4);
    world.set_policy(Retain);
    world.server.clear_requests();
    world.restart()
}

#[tokio::test]
async fn a_database_is_kept_whatever_is_wrong_with_its_class_and_then_nothing_is_written() {
    let wrong: [fn(&mut ResourceClaim); 3] = [
        |claim| claim.spec.class = "misspelt".to_owned(),
        |claim| claim.spec.parameters = serde_json::from_value(json!({"storage": "lots"})).unwrap(),
        // Of the other kind, and not even right.
        |claim| claim.spec.parameters = serde_json::from_value(json!({"server": {}})).unwrap(),
    ];
    for change in wrong {
        let world = protected().await;
        world.server.modify(NAMESPACE, CLAIM, change);
        let (world, status) = world.fresh_pass().await;
        assert_eq!(status.phase, ClaimPhase::Failed);
        assert_eq!(world.owned_by(UID), 0);
        let parts = ["secrets", "persistentvolumeclaims", "services", "statefulsets", "resourceclaims"];
        assert_eq!(world.written(), parts.map(|part| format!("PATCH {part}")));

        world.server.clear_requests();
        let (world, _) = world.fresh_pass().await;
        assert_eq!(world.written(), [""; 0]);
    }
}

#[tokio::test]
async fn data_is_kept_also_when_its_credentials_are_lost() {
    let world = protected().await;
    world.server.remove::<Secret>(NAMESPACE, SECRET);
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert_eq!(world.status().phase, ClaimPhase::Failed);
    assert_eq!(world.owned_by(UID), 0);
}

#[tokio::test]
async fn a_part_that_the_api_server_keeps_does_not_keep_the_others_from_being_released() {
    let world = protected().await;
    // Once to be released, and once with everything else.
    for _ in 0..2 {
        world
            .server
            .fail_next(|request| request.is_write() && request.is_about("persistentvolumeclaims"), 403);
    }
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert_eq!(world.status().phase, ClaimPhase::Failed);
    assert_eq!(world.owned_by(UID), 1);
    let (world, status) = world.fresh_pass().await;
    assert_eq!((status.phase, world.owned_by(UID)), (ClaimPhase::Bound, 0));
}

#[tokio::test]
async fn a_part_that_is_refused_is_tried_again_now_and_then_also_while_the_class_is_wrong() {
    let world = protected().await;
    world.set_parameters(&json!({"storage": "lots"}));
    let world = world.restart();
    world.server.fail_next(|request| request.is_write() && request.is_about("services"), 422);
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert_eq!((world.status().phase, world.owned_by(UID)), (ClaimPhase::Failed, 1));
    assert_eq!(world.pass().await.unwrap(), Retry::Never);
    assert_eq!(world.owned_by(UID), 0);
}

#[tokio::test]
async fn what_could_not_be_released_for_the_moment_is_not_answered_before_it_is() {
    for (resource, code) in [("secrets", 500), ("statefulsets.apps", 409)] {
        let world = protected().await;
        world.server.fail_next(move |request| request.is_write() && request.is_about(resource), code);
        let pass = world.pass().await;
        assert!(pass.is_err() || matches!(pass, Ok(Retry::Soon)), "{resource}: {pass:?}");
        assert_eq!(world.owned_by(UID), 1, "{resource}");
        assert!(!world.written().contains(&"PATCH resourceclaims".to_owned()), "{:?}", world.written());
        let (world, status) = world.fresh_pass().await;
        assert_eq!((status.phase, world.owned_by(UID)), (ClaimPhase::Bound, 0));
    }
}
