//! What remains behind an API when a claim goes: every policy, whatever state the API is in.

use std::time::Duration;

use crate::remote::{Remote, Wrong};
use crate::world::{CLAIM, NAMESPACE, PLATFORM, RECORD, World};
use api_types::{ClaimPhase, DeprovisionPolicy, ResourceClaim};
use clap::Parser as _;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use provisioner_template::{Args, NAME, Retry, start};

fn is_there(world: &World) -> bool {
    world.server.get::<ResourceClaim>(NAMESPACE, CLAIM).is_some()
}

fn delete(world: World) -> World {
    world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
    world.restart()
}

fn abandon(world: &World) {
    world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
        claim.annotations_mut().insert("score.dev/abandon".to_owned(), "true".to_owned());
    });
}

#[tokio::test]
async fn only_policy_delete_removes_and_only_it_waits() {
    for policy in [DeprovisionPolicy::Delete, DeprovisionPolicy::Retain, DeprovisionPolicy::Orphan] {
        for state in ["up", "down", "gone"] {
            let remote = Remote::start().await;
            let world = remote.world(policy).until_bound().await;
            match state {
                "down" => remote.disturb("DELETE", Wrong::Says(503, "", None)),
                "gone" => remote.lose(),
                _ => {}
            }
            let world = delete(world);
            let removes = policy == DeprovisionPolicy::Delete;
            assert_eq!(is_there(&world), removes, "{policy:?}, {state}: nothing waits for what is kept");
            if removes {
                world.pass().await.unwrap();
                assert_eq!(is_there(&world), state == "down", "{state}");
            }
            let left = match (policy, state) {
                (_, "gone") | (DeprovisionPolicy::Delete, "up") => 0,
                _ => 1,
            };
            assert_eq!(remote.buckets().len(), left, "{policy:?}, {state}");
            assert_eq!(remote.asked("DELETE"), usize::from(removes));
            let record: Secret = world.get(RECORD).unwrap();
            assert_eq!(record.owner_references().len(), usize::from(removes), "{policy:?}, {state}");
        }
    }
}

#[tokio::test]
async fn who_gives_up_what_was_made_is_let_go() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
    remote.stop();
    let world = delete(world);
    // The socket closes once the task has ended.
    while world.pass().await.unwrap() != Retry::Soon {
        tokio::task::yield_now().await;
    }
    assert!(is_there(&world) && world.message().contains("score.dev/abandon=true"), "{}", world.message());
    abandon(&world);
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Never);
    assert!(!is_there(&world) && remote.buckets().len() == 1);
}

#[tokio::test]
async fn a_removal_that_takes_its_time_is_waited_for() {
    let remote = Remote::start().await;
    let world = delete(remote.world(DeprovisionPolicy::Delete).until_bound().await);
    remote.disturb("DELETE", Wrong::DoneThenSays(202, "{}"));
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert_eq!(
        (world.status().phase, world.message().as_str()),
        (ClaimPhase::Binding, "it is being removed")
    );
    let world = world.restart();
    world.pass().await.unwrap();
    assert!(!is_there(&world));
}

#[tokio::test]
async fn a_conflict_is_no_proof_that_there_is_nothing_to_remove() {
    let remote = Remote::start().await;
    // The first question is still at work when it is asked again.
    remote.disturb("POST", Wrong::DoneThenSays(409, "{\"message\": \"in progress\"}"));
    let world = remote.world(DeprovisionPolicy::Delete);
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert!(world.message().contains("(HTTP status 409: in progress)"), "{}", world.message());
    let world = delete(world);
    remote.disturb("POST", Wrong::Says(409, "{}", None));
    assert_eq!(world.pass().await.unwrap(), Retry::Soon);
    assert!(is_there(&world) && world.message().contains("HTTP status 409"), "{}", world.message());
    let world = world.restart();
    world.pass().await.unwrap();
    assert!(!is_there(&world) && remote.buckets().is_empty());
}

#[tokio::test]
async fn what_was_retained_is_adopted_with_its_secrets() {
    let remote = Remote::start().await;
    let world = delete(remote.world(DeprovisionPolicy::Retain).until_bound().await);
    assert!(world.server.get::<Secret>(NAMESPACE, RECORD).is_some());
    let claim: ResourceClaim = {
        let other = remote.world(DeprovisionPolicy::Delete);
        let mut claim = other.claim();
        claim.metadata.uid = Some("second-uid".to_owned());
        claim
    };
    world.server.insert(claim);
    let world = world.until_bound().await;
    assert_eq!((remote.asked("POST"), remote.buckets().len()), (1, 1));
    assert_eq!(world.secret(RECORD, "output.secret_key").unwrap(), "s3cret-of-b-1-0123456789");
    // It is this claim's now, and goes with it.
    let world = delete(world);
    world.pass().await.unwrap();
    assert!(!is_there(&world) && remote.buckets().is_empty());
}

#[tokio::test]
async fn what_was_orphaned_is_not_taken_up_until_it_is_released() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Orphan).until_bound().await;
    world.recreate_claim(DeprovisionPolicy::Retain);
    let world = world.restart();
    world.pass().await.unwrap();
    assert_eq!(world.status().phase, ClaimPhase::Failed);
    assert!(world.message().contains("left behind on purpose"), "{}", world.message());
    world.server.modify(NAMESPACE, RECORD, |record: &mut Secret| {
        record.annotations_mut().insert("score.dev/deprovision-policy".to_owned(), "Retain".to_owned());
    });
    world.until_bound().await;
    assert_eq!(remote.asked("POST"), 1);
}

/// Gives way to the controller until `is_so`.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let patient = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    // Only for a test that fails: one that succeeds never waits for a clock.
    assert!(tokio::time::timeout(Duration::from_secs(60), patient).await.is_ok(), "never: {what}");
}

#[tokio::test]
async fn the_controller_makes_a_bucket_and_removes_it_when_the_claim_is_deleted() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete);
    let server = world.server.clone();
    let (kit, stop) = server.kit(NAME);
    let flags = ["--allowed-origin", &remote.origin, "--allowed-api-secret", "buckets-api"];
    let args = [&["provisioner", "--secrets-namespace", PLATFORM], &flags[..]].concat();
    let args = Args::try_parse_from(args).unwrap();
    let claim = || server.get::<ResourceClaim>(NAMESPACE, CLAIM);
    let act = async {
        let phase = || Some(claim()?.status?.phase);
        until("the claim is bound", || phase() == Some(ClaimPhase::Bound)).await;
        server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
        until("the claim is gone", || claim().is_none()).await;
        assert!(remote.buckets().is_empty());
        drop(stop);
    };
    tokio::join!(start(kit, args), act);
}
