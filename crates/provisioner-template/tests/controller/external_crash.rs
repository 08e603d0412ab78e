//! The process dies at every write and at every request, before it and after it, and starts again.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::external::set_size;
use crate::remote::{Remote, Wrong};
use crate::world::{CLAIM, NAMESPACE, RECORD, World};
use api_types::{DeprovisionPolicy, ResourceClaim};
use controller_kit::testing::{Fault, Recorded};
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

/// More than a pass ever makes, so that the last rounds are undisturbed.
const WRITES: usize = 9;

const FAULTS: [Fault; 2] = [Fault::Refused(503), Fault::AnswerLost];

/// Lets the write with this number (from 0) go wrong, and every one after it: the process is dead.
fn die_at(world: &World, number: usize, fault: Fault) {
    let count = Arc::new(AtomicUsize::new(0));
    let matcher =
        move |request: &Recorded| request.is_write() && count.fetch_add(1, Ordering::Relaxed) == number;
    world.server.inject(matcher, fault);
}

async fn removed(remote: &Remote, mut world: World) {
    for _ in 0..8 {
        if world.server.get::<ResourceClaim>(NAMESPACE, CLAIM).is_none() {
            assert_eq!(remote.buckets().len(), 0);
            return;
        }
        world = world.restart();
        let _ = world.pass().await;
    }
    panic!("it is held for ever: {}", world.message());
}

#[tokio::test]
async fn a_creation_that_is_cut_off_anywhere_leaves_one_bucket() {
    for number in 0..WRITES {
        for fault in FAULTS {
            for policy in [DeprovisionPolicy::Delete, DeprovisionPolicy::Retain] {
                let remote = Remote::start().await;
                let world = remote.world(policy);
                die_at(&world, number, fault);
                let _ = world.pass().await;
                let world = world.until_bound().await;
                assert_eq!(remote.buckets().len(), 1, "write {number}, {fault:?}, {policy:?}");
                let secret = world.secret(RECORD, "output.secret_key").unwrap();
                assert_eq!(secret, "s3cret-of-b-1-0123456789");
            }
        }
    }
}

#[tokio::test]
async fn a_claim_that_is_deleted_after_any_write_leaves_no_bucket() {
    for number in 0..WRITES {
        for fault in FAULTS {
            for with_secret in [true, false] {
                let remote = Remote::start().await;
                let world = remote.world(DeprovisionPolicy::Delete);
                die_at(&world, number, fault);
                let _ = world.pass().await;
                world.server.heal();
                world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
                if !with_secret {
                    // As when the namespace is deleted.
                    world.server.remove::<Secret>(NAMESPACE, RECORD);
                }
                removed(&remote, world).await;
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_also_by_a_deletion() {
    for wrong in [Wrong::DoneThenDies, Wrong::DoneThenSays(502, "")] {
        for with_secret in [true, false] {
            let remote = Remote::start().await;
            remote.disturb("POST", wrong.clone());
            let world = remote.world(DeprovisionPolicy::Delete);
            world.pass().await.unwrap();
            assert_eq!(remote.buckets().len(), 1);
            world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
            if !with_secret {
                world.server.remove::<Secret>(NAMESPACE, RECORD);
            }
            removed(&remote, world).await;
            assert_eq!(remote.asked("POST"), 2);
        }
    }
}

#[tokio::test]
async fn a_deletion_that_is_cut_off_anywhere_is_brought_to_its_end() {
    for number in 0..3 {
        for fault in FAULTS {
            let remote = Remote::start().await;
            let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
            world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
            let world = world.restart();
            die_at(&world, number, fault);
            let _ = world.pass().await;
            removed(&remote, world).await;
        }
    }
}

#[tokio::test]
async fn a_change_of_policy_that_is_cut_off_anywhere_forgets_nothing() {
    let other = |policy| match policy {
        DeprovisionPolicy::Delete => DeprovisionPolicy::Retain,
        _ => DeprovisionPolicy::Delete,
    };
    for number in 0..4 {
        for policy in [DeprovisionPolicy::Delete, DeprovisionPolicy::Retain] {
            let remote = Remote::start().await;
            let world = remote.world(other(policy)).until_bound().await;
            world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
                claim.spec.deprovision_policy = policy;
            });
            let world = world.restart();
            world.server.fail_after(number);
            let _ = world.pass().await;
            world.server.heal();
            // The API server collects what the claim owns as soon as nothing holds the claim.
            let record: Secret = world.get(RECORD).unwrap();
            let goes = record.metadata.owner_references.is_some_and(|owners| !owners.is_empty());
            let held = world.claim().metadata.finalizers.is_some_and(|finalizers| !finalizers.is_empty());
            assert!(held || !goes, "{policy:?}, {number} writes");
        }
    }
}

#[tokio::test]
async fn a_change_that_is_cut_off_anywhere_is_made_once() {
    for number in 0..5 {
        for fault in FAULTS {
            for next in [None, Some(9)] {
                let remote = Remote::start().await;
                let world = remote.changeable(|_| ()).until_bound().await;
                world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| set_size(claim, 7));
                let world = world.restart();
                die_at(&world, number, fault);
                let _ = world.pass().await;
                world.server.heal();
                let asked_for_seven = remote.asked("PATCH") > 0
                    || world
                        .secret(RECORD, "update.json")
                        .is_some_and(|shape| !shape.contains("\"change\":null"));
                if let Some(next) = next {
                    world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| set_size(claim, next));
                }
                let mut sizes = vec![1];
                sizes.extend((asked_for_seven || next.is_none()).then_some(7));
                sizes.extend(next);
                let world = world.until_bound().await;
                assert_eq!(remote.buckets()[0]["sizes"], json!(sizes), "write {number}, {fault:?}, {next:?}");
                let secret = format!("s3cret-of-b-1-with-size-{}", sizes.last().unwrap());
                assert_eq!(world.secret(RECORD, "output.secret_key").unwrap(), secret);
            }
        }
    }
}
