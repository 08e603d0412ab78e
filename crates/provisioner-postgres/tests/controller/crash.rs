//! The process dies at every write, before it and after it, and starts again.

use crate::world::World;
use api_types::{ClaimPhase, DeprovisionPolicy};
use controller_kit::testing::Fault;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Secret, Service},
};

/// More than a pass ever makes, so that the last rounds are undisturbed.
const WRITES: usize = 8;

/// Exactly one of everything, all of one claim.
fn assert_complete(world: &World, uid: &str, owned: usize) {
    assert_eq!(world.server.list::<Secret>().len(), 1);
    assert_eq!(world.server.list::<PersistentVolumeClaim>().len(), 1);
    assert_eq!(world.server.list::<Service>().len(), 1);
    assert_eq!(world.server.list::<StatefulSet>().len(), 1);
    assert_eq!(world.owned_by(uid), owned);
    assert_eq!(world.status().phase, ClaimPhase::Bound);
}

/// Whether the write that goes wrong is the end of the process, or the process tries again.
async fn go_on(world: World, dies: bool) -> World {
    if dies {
        return world.restart();
    }
    let _ = world.pass().await;
    world
}

#[tokio::test]
async fn a_creation_that_is_cut_off_anywhere_ends_as_if_it_had_not_been() {
    for number in 0..WRITES {
        for fault in [Fault::Refused(503), Fault::AnswerLost] {
            for dies in [true, false] {
                let world = World::new(DeprovisionPolicy::Delete);
                world.server.disturb(number, fault);
                let failed = world.pass().await.is_err();
                assert_eq!(failed, number < 5, "write {number}");
                let password = world.secret().map(|_| world.password());

                let world = go_on(world, dies).await.until_bound().await;
                assert_complete(&world, "claim-uid", 4);
                if let Some(password) = password {
                    assert_eq!(world.password(), password, "write {number}, {fault:?}");
                }
                // What was lost is written again, and nothing else is: five, and one for Bound.
                let writes = world.server.writes().len() - usize::from(number < 6);
                assert!((5..=6).contains(&writes), "write {number}, {fault:?}: {:?}", world.written());
            }
        }
    }
}

#[tokio::test]
async fn an_adoption_that_is_cut_off_anywhere_keeps_data_and_credentials() {
    for number in 0..WRITES {
        for fault in [Fault::Refused(503), Fault::AnswerLost] {
            for policy in [DeprovisionPolicy::Delete, DeprovisionPolicy::Retain] {
                let world = World::new(DeprovisionPolicy::Retain).until_bound().await;
                let (password, volume) =
                    (world.password(), world.server.list::<PersistentVolumeClaim>()[0].clone());
                world.recreate_claim(policy);
                let world = world.restart();
                world.server.disturb(number, fault);
                let _ = world.pass().await;

                let world = world.restart().until_bound().await;
                assert_complete(
                    &world,
                    "second-uid",
                    if policy == DeprovisionPolicy::Delete { 4 } else { 0 },
                );
                assert_eq!(world.password(), password);
                assert_eq!(world.server.list::<PersistentVolumeClaim>()[0].metadata.uid, volume.metadata.uid);
            }
        }
    }
}

#[tokio::test]
async fn a_claim_that_goes_while_it_adopts_never_leaves_data_without_credentials() {
    for number in 0..WRITES {
        for policy in [DeprovisionPolicy::Delete, DeprovisionPolicy::Retain] {
            let world = World::new(if policy == DeprovisionPolicy::Delete {
                DeprovisionPolicy::Retain
            } else {
                DeprovisionPolicy::Delete
            })
            .until_bound()
            .await;
            world.set_policy(policy);
            let world = world.restart();
            world.server.fail_after(number);
            let _ = world.pass().await;

            // The API server collects what the claim owns at this moment.
            let owned = |owners: Option<Vec<_>>| owners.is_some_and(|owners: Vec<_>| !owners.is_empty());
            let secret_goes = owned(world.secret().unwrap().metadata.owner_references);
            let volume = &world.server.list::<PersistentVolumeClaim>()[0];
            let volume_goes = owned(volume.metadata.owner_references.clone());
            assert!(volume_goes || !secret_goes, "{policy:?}, {number} writes");
        }
    }
}
