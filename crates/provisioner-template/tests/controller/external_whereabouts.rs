//! The class of a claim comes to point to another API: nothing is asked there for what the first one has made.

use std::collections::BTreeMap;

use crate::external::assert_phase;
use crate::remote::{Remote, Wrong};
use crate::world::{CLAIM, NAMESPACE, RECORD, World, edit};
use api_types::{ClaimPhase, DeprovisionPolicy, ResourceClaim};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use provisioner_template::Retry;

const API: &str = "score.dev/remote-api";

fn address(remote: &Remote) -> String {
    format!("{}/v1", remote.origin)
}

fn point_to(claim: &mut ResourceClaim, url: &str) {
    edit(claim, "/externalApi/url", url.into());
}

fn annotate(world: &World, key: &str, value: &str) {
    world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
        claim.annotations_mut().insert(key.to_owned(), value.to_owned());
    });
}

/// As before it was written down, or after the platform has said that it is the same API.
fn forget_api(world: &World) {
    let forget = |annotations: &mut BTreeMap<String, String>| {
        assert!(annotations.remove(API).is_some());
    };
    world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| forget(claim.annotations_mut()));
    world.server.modify(NAMESPACE, RECORD, |record: &mut Secret| forget(record.annotations_mut()));
}

#[tokio::test]
async fn another_api_is_asked_for_nothing_that_the_first_has_made() {
    let (remote, other) = (Remote::start().await, Remote::start().await);
    for url in [address(&other), format!("{}/v2", remote.origin)] {
        let world = remote.world(DeprovisionPolicy::Delete).allowing(&other.origin).until_bound().await;
        let bound = world.status();
        remote.clear();
        world.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| point_to(claim, &url));
        let world = world.restart();
        assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
        assert_phase(&world, ClaimPhase::Failed, &format!("made at `{}`", address(&remote)));
        assert!(world.message().contains(&format!("now points to `{url}`")), "{}", world.message());
        assert_eq!((&world.status().outputs, world.status().outputs_available), (&bound.outputs, false));
        assert_eq!((remote.got().len(), other.got().len()), (0, 0), "{url}");
        // Nor when it is to be removed, until it is given up.
        world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
        let world = world.restart();
        for with_record in [true, false] {
            if !with_record {
                world.server.remove::<Secret>(NAMESPACE, RECORD);
            }
            assert_eq!(world.pass().await.unwrap(), Retry::Soon);
            assert_phase(&world, ClaimPhase::Binding, "still to be removed: it was made at");
            assert_eq!((remote.got().len(), other.got().len()), (0, 0), "{url}");
        }
        annotate(&world, "score.dev/abandon", "true");
        let world = world.restart();
        world.pass().await.unwrap();
        assert!(world.server.get::<ResourceClaim>(NAMESPACE, CLAIM).is_none(), "{url}");
    }
}

#[tokio::test]
async fn a_class_that_is_pointed_back_serves_and_removes_what_it_has_made() {
    let (remote, other) = (Remote::start().await, Remote::start().await);
    let world = remote.world(DeprovisionPolicy::Delete).allowing(&other.origin).until_bound().await;
    let world = world.changed(|claim| point_to(claim, &address(&other))).await;
    assert_phase(&world, ClaimPhase::Failed, "point it back");
    let world = world.changed(|claim| point_to(claim, &address(&remote))).await;
    assert_phase(&world, ClaimPhase::Bound, "ready");
    world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
    let world = world.restart();
    world.pass().await.unwrap();
    assert!(world.server.get::<ResourceClaim>(NAMESPACE, CLAIM).is_none() && remote.buckets().is_empty());
}

#[tokio::test]
async fn what_may_have_been_made_is_not_asked_for_elsewhere() {
    let (remote, other) = (Remote::start().await, Remote::start().await);
    remote.disturb("POST", Wrong::DoneThenDies);
    let world = remote.world(DeprovisionPolicy::Delete).allowing(&other.origin);
    world.pass().await.unwrap();
    let world = world.changed(|claim| point_to(claim, &address(&other))).await;
    assert_phase(&world, ClaimPhase::Failed, "point it back");
    world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
    let world = world.restart();
    world.pass().await.unwrap();
    assert_phase(&world, ClaimPhase::Binding, "still to be removed: it was made at");
    assert_eq!((remote.asked("POST"), other.got().len()), (1, 0));
}

#[tokio::test]
async fn where_it_was_made_is_completed_where_it_was_not_written_down() {
    let remote = Remote::start().await;
    let world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
    forget_api(&world);
    // A slash at the end makes no other API of it.
    let world = world.changed(|claim| point_to(claim, &format!("{}/", address(&remote)))).await;
    assert_phase(&world, ClaimPhase::Bound, "ready");
    assert_eq!(world.claim().annotations()[API], address(&remote));
    assert_eq!(world.get::<Secret>(RECORD).unwrap().annotations()[API], address(&remote));
    assert_eq!(remote.buckets().len(), 1);
}
