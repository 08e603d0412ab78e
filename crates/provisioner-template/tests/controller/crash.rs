//! The process dies at every write, before it and after it, and starts again.

use crate::world::{CLAIM, NAMESPACE, RECORD, World, edit};
use api_types::{ClaimPhase, DeprovisionPolicy, ResourceClaim};
use controller_kit::testing::Fault;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Secret, Service},
};
use kube::ResourceExt as _;
use serde_json::{Value, json};

/// More than a pass ever makes, so that the last rounds are undisturbed.
const WRITES: usize = 8;

const ALL_FAULTS: [Fault; 2] = [Fault::Refused(503), Fault::AnswerLost];

fn assert_complete(world: &World, uid: &str, owned: usize) {
    assert_eq!(world.server.list::<Secret>().len(), 2);
    assert_eq!(world.server.list::<Service>().len(), 1);
    assert_eq!(world.server.list::<StatefulSet>().len(), 1);
    assert_eq!(world.owned_by(uid), owned);
    assert_eq!(world.status().phase, ClaimPhase::Bound);
}

#[tokio::test]
async fn a_creation_that_is_cut_off_anywhere_ends_as_if_it_had_not_been() {
    for number in 0..WRITES {
        for fault in ALL_FAULTS {
            let world = World::new();
            world.server.disturb(number, fault);
            assert_eq!(world.pass().await.is_err(), number < 5, "write {number}");
            let password = world.secret(RECORD, "password");
            let world = world.until_bound().await;
            assert_complete(&world, "claim-uid", 4);
            if let Some(password) = password {
                assert_eq!(world.secret(CLAIM, "password").unwrap(), password, "write {number}, {fault:?}");
            }
            let writes = world.server.writes().len() - usize::from(number < 6);
            assert!((5..=6).contains(&writes), "write {number}, {fault:?}: {:?}", world.written());
        }
    }
}

#[tokio::test]
async fn an_adoption_that_is_cut_off_anywhere_keeps_the_generated_values() {
    for number in 0..WRITES {
        for fault in ALL_FAULTS {
            for policy in [DeprovisionPolicy::Delete, DeprovisionPolicy::Retain] {
                let retained =
                    |claim: &mut ResourceClaim| claim.spec.deprovision_policy = DeprovisionPolicy::Retain;
                let world = World::of(retained).until_bound().await;
                let password = world.secret(CLAIM, "password");
                world.recreate_claim(policy);
                let world = world.restart();
                world.server.disturb(number, fault);
                let _ = world.pass().await;
                let world = world.until_bound().await;
                assert_complete(
                    &world,
                    "second-uid",
                    if policy == DeprovisionPolicy::Delete { 4 } else { 0 },
                );
                assert_eq!(world.secret(CLAIM, "password"), password);
            }
        }
    }
}

#[tokio::test]
async fn a_claim_that_goes_while_its_policy_changes_never_leaves_objects_without_their_values() {
    for number in 0..WRITES {
        for policy in [DeprovisionPolicy::Delete, DeprovisionPolicy::Retain] {
            let before = if policy == DeprovisionPolicy::Delete {
                DeprovisionPolicy::Retain
            } else {
                DeprovisionPolicy::Delete
            };
            let world = World::of(|claim| claim.spec.deprovision_policy = before).until_bound().await;
            world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
                claim.spec.deprovision_policy = policy;
            });
            let world = world.restart();
            world.server.fail_after(number);
            let _ = world.pass().await;
            // The API server collects what the claim owns at this moment.
            let record: Secret = world.get(RECORD).unwrap();
            let record_goes = !record.owner_references().is_empty();
            let all_go = world.owned_by("claim-uid") == 4;
            assert!(all_go || !record_goes, "{policy:?}, {number} writes");
        }
    }
}

#[tokio::test]
async fn nothing_is_forgotten_that_was_to_be_removed() {
    for number in 0..WRITES {
        for fault in ALL_FAULTS {
            let world = World::new().until_bound().await;
            world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
                edit(
                    claim,
                    "/manifests/1",
                    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "new"}}),
                );
            });
            let world = world.restart();
            world.server.disturb(number, fault);
            let _ = world.pass().await;
            // Before it is tried again the template changes once more.
            world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
                edit(claim, "/manifests/1", Value::Null)
            });
            world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
                edit(claim, "/outputs", json!({}));
            });
            let world = world.until_bound().await;
            assert!(world.server.list::<Service>().is_empty(), "write {number}, {fault:?}");
        }
    }
}
