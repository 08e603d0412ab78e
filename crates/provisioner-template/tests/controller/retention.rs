//! What the policy of a claim has come to keep is released, whatever else is the matter with the claim.

use crate::world::{CLAIM, NAMESPACE, RECORD, World, declare, edit};
use api_types::{ClaimPhase, DeprovisionPolicy, ResourceClaim};
use controller_kit::testing::Recorded;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret, Service};
use kube::{Resource, ResourceExt as _};
use provisioner_template::Retry;
use serde::de::DeserializeOwned;
use serde_json::json;

const STORE: &str = r#"
manifests:
  - {apiVersion: v1, kind: Secret, metadata: {name: it}, stringData: {password: "{{ generated('password') }}"}}
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata: {name: it}
    spec: {resources: {requests: {storage: "{{ params.storage | default('1Gi') }}"}}}
  - {apiVersion: v1, kind: Service, metadata: {name: it}}
"#;

fn retain(claim: &mut ResourceClaim) {
    claim.spec.deprovision_policy = DeprovisionPolicy::Retain;
}

/// As a class that somebody misspelt.
fn misspell(claim: &mut ResourceClaim) {
    edit(claim, "/manifest", json!([]));
}

/// Whether an object stays when the claim goes, and is found again by the next one.
fn is_kept<K: Resource<DynamicType = ()> + DeserializeOwned>(world: &World, name: &str) -> bool {
    let object: K = world.get(name).unwrap();
    let policy = object.annotations().get("score.dev/deprovision-policy").cloned();
    object.owner_references().is_empty() && policy.as_deref() == Some("Retain")
}

/// The same of record, secret, volume and service.
fn kept(world: &World) -> [bool; 4] {
    [
        is_kept::<Secret>(world, RECORD),
        is_kept::<Secret>(world, "it"),
        is_kept::<PersistentVolumeClaim>(world, "it"),
        is_kept::<Service>(world, "it"),
    ]
}

#[tokio::test]
async fn what_is_there_is_kept_though_the_api_server_refuses_what_is_wanted_of_it() {
    let world = World::declaring(STORE).until_bound().await;
    assert_eq!(kept(&world), [false; 4]);
    // As of a class of volumes that cannot grow.
    let grows =
        |request: &Recorded| request.is_about("persistentvolumeclaims") && request.body["spec"].is_object();
    world.server.fail_next(grows, 422);
    let world = world
        .changed(|claim| {
            retain(claim);
            claim.spec.params = serde_json::from_value(json!({"storage": "2Gi"})).unwrap();
        })
        .await;
    assert_eq!((world.status().phase, kept(&world)), (ClaimPhase::Failed, [true; 4]));
}

#[tokio::test]
async fn what_is_there_is_kept_though_nobody_knows_what_is_wanted_and_that_is_written_once() {
    let world = World::declaring(STORE).until_bound().await;
    let world = world
        .changed(|claim| {
            retain(claim);
            misspell(claim);
        })
        .await;
    assert_eq!((world.status().phase, kept(&world)), (ClaimPhase::Failed, [true; 4]));
    world.server.clear_requests();
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Never);
    assert_eq!(world.written(), Vec::<String>::new());
}

#[tokio::test]
async fn one_object_that_is_refused_does_not_keep_the_others_from_it() {
    let about = |part: &'static str| {
        move |request: &Recorded| request.method == "PATCH" && request.path.ends_with(part)
    };
    for (part, left) in [(RECORD, [false, true, true, true]), ("services/it", [true, true, true, false])] {
        for (code, retry) in [(403, Retry::Rarely), (422, Retry::Rarely), (409, Retry::Soon)] {
            let world = World::declaring(STORE).until_bound().await;
            world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
                retain(claim);
                misspell(claim);
            });
            let world = world.restart();
            world.server.fail_next(about(part), code);
            assert_eq!(world.pass().await.unwrap(), retry, "{part}, {code}");
            // A record that has only changed is waited for: objects without their values are of little use.
            let left = if (part, code) == (RECORD, 409) { [false; 4] } else { left };
            assert_eq!(kept(&world), left, "{part}, {code}");
            assert_eq!(world.pass().await.unwrap(), Retry::Never);
            assert_eq!(kept(&world), [true; 4], "{part}, {code}");
        }
    }
}

#[tokio::test]
async fn what_an_earlier_claim_left_is_not_touched_by_one_that_cannot_be_served() {
    let world = World::of(|claim| {
        declare(claim, STORE);
        retain(claim);
    });
    let world = world.until_bound().await;
    world.recreate_claim(DeprovisionPolicy::Orphan);
    world.server.modify(NAMESPACE, CLAIM, misspell);
    world.server.clear_requests();
    let world = world.restart();
    world.pass().await.unwrap();
    assert_eq!(world.written(), ["PATCH resourceclaims"]);
    assert_eq!(kept(&world), [true; 4]);
}
