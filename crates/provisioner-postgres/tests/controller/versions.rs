//! Which image a database has when its class names another one.

use std::sync::atomic::Ordering;

use crate::world::{DATABASE, NAMESPACE, SECRET, VOLUME, World};
use api_types::{
    ClaimPhase,
    DeprovisionPolicy::{Delete, Retain},
};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Secret},
};
use kube::ResourceExt as _;
use serde_json::json;

/// A pass after the class has come to name `image`.
async fn naming(image: &str, world: World) -> World {
    world.set_parameters(&json!({"image": image}));
    world.fresh_pass().await.0
}

fn database(world: &World) -> StatefulSet {
    world.server.get(NAMESPACE, DATABASE).unwrap()
}

fn image(world: &World) -> String {
    database(world).spec.unwrap().template.spec.unwrap().containers[0].image.clone().unwrap()
}

fn written_down(world: &World) -> Option<String> {
    database(world).annotations().get("score.dev/postgres-version").cloned()
}

#[tokio::test]
async fn a_version_that_never_ran_is_replaced_by_the_one_that_it_should_have_been() {
    let world = naming("r/postgres:99", World::new(Delete)).await;
    assert_eq!(image(&world), "r/postgres:99");
    assert!(world.status().outputs.is_empty(), "there is nothing yet that could be used");
    let world = naming("r/postgres:16", world).await;
    assert_eq!(image(&world), "r/postgres:16");
    let world = world.until_bound().await;
    assert!(!world.status().outputs.is_empty());
}

#[tokio::test]
async fn a_version_that_has_run_stays_and_the_claim_says_so_in_every_phase() {
    let world = World::new(Delete).until_bound().await;
    let stays = |world: &World| {
        assert_eq!(image(world), "registry/postgres:15");
        assert!(world.message().contains("it stays on PostgreSQL 15"), "{}", world.message());
    };
    let world = naming("r/postgres:16", world).await;
    stays(&world);
    assert_eq!(world.status().phase, ClaimPhase::Bound);
    world.set_serving(false);
    let (world, status) = world.fresh_pass().await;
    stays(&world);
    assert_eq!(status.phase, ClaimPhase::Binding);
    world.server.clear_requests();
    let (world, _) = world.fresh_pass().await;
    assert_eq!(world.written(), [""; 0]);
    assert_eq!(written_down(&world), None, "the image says it");
}

#[tokio::test]
async fn an_image_that_does_not_say_its_version_is_asked_once_as_soon_as_it_runs() {
    let world = naming("r/postgres:dev", World::new(Delete)).await.until_bound().await;
    world.set_serving(false);
    let world = naming("r/postgres:17", world.restart_telling(15)).await;
    assert_eq!(image(&world), "r/postgres:dev");
    assert!(world.message().contains("until PostgreSQL runs"), "{}", world.message());
    assert_eq!(world.login.count.load(Ordering::Relaxed), 0);

    world.set_serving(true);
    let (world, status) = world.fresh_pass().await;
    assert_eq!((image(&world).as_str(), status.phase), ("r/postgres:dev", ClaimPhase::Bound));
    assert!(world.message().contains("it stays on PostgreSQL 15"), "{}", world.message());
    assert_eq!(written_down(&world).as_deref(), Some("15"));

    world.server.clear_requests();
    let (world, _) = world.fresh_pass().await;
    assert_eq!(world.written(), [""; 0]);
    assert_eq!(world.login.count.load(Ordering::Relaxed), 0);
    let world = naming("r/postgres:15", world).await;
    assert_eq!(image(&world), "r/postgres:15");
}

#[tokio::test]
async fn what_is_adopted_while_it_is_down_keeps_its_version() {
    let world = World::new(Retain).until_bound().await;
    world.set_serving(false);
    world.recreate_claim(Retain);
    let mut world = naming("r/postgres:16", world).await;
    for _ in 0..2 {
        assert_eq!(image(&world), "registry/postgres:15");
        assert_eq!(written_down(&world).as_deref(), Some("15"));
        world = world.fresh_pass().await.0;
    }
}

#[tokio::test]
async fn a_database_that_starts_empty_again_has_no_version_to_keep() {
    let world = World::new(Delete).until_bound().await;
    // As the page says for credentials that are lost.
    world.server.remove::<Secret>(NAMESPACE, SECRET);
    world.server.remove::<PersistentVolumeClaim>(NAMESPACE, VOLUME);
    world.server.remove::<StatefulSet>(NAMESPACE, DATABASE);
    let world = naming("r/postgres:99", world).await;
    let world = naming("r/postgres:17", world).await;
    assert_eq!(image(&world), "r/postgres:17");
}
