//! What is known of a resource behind an API stays known: whatever the claim is told meanwhile, whatever becomes of its
//! Secret, and whatever the API says later.

use crate::external::{assert_phase, set_size};
use crate::remote::Remote;
use crate::world::{NAMESPACE, RECORD, World, declare, edit};
use api_types::{ClaimPhase, DeprovisionPolicy, ResourceClaim};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::ResourceExt as _;
use provisioner_template::Retry;
use serde_json::json;

const TROUBLES: [&str; 6] = ["field", "api", "credentials", "secret param", "another way", "failure"];

/// Lets something keep the claim from being served.
fn trouble(claim: &mut ResourceClaim, what: &str) {
    match what {
        "field" => edit(claim, "/externalApis", json!({})),
        "api" => edit(claim, "/externalApi/url", "http://127.0.0.1:1/v1".into()),
        "credentials" => edit(claim, "/externalApi/secretRef", json!({"name": "api-ca"})),
        "secret param" => {
            let params = json!({"other": [{"secretKeyRef": {"name": "other", "key": "password"}}]});
            claim.spec.params = serde_json::from_value(params).unwrap();
            edit(claim, "/externalApi/headers/X-Other", "{{ params.other }}".into());
        }
        "another way" => {
            declare(claim, "{manifests: [{apiVersion: v1, kind: ConfigMap, metadata: {name: it}}]}");
        }
        _ => edit(claim, "/externalApi/failedWhen", "true".into()),
    }
}

fn lose_value(world: &World, key: &str) {
    world.server.modify(NAMESPACE, RECORD, |record: &mut Secret| {
        assert!(record.data.get_or_insert_default().remove(key).is_some());
    });
}

#[tokio::test]
async fn that_something_was_made_is_not_forgotten_whatever_the_claim_is_told_meanwhile() {
    for what in TROUBLES {
        let remote = Remote::start().await;
        let world = remote.world(DeprovisionPolicy::Retain).until_bound().await;
        let (bound, declared) = (world.status(), world.claim().spec.parameters);
        let world = world.changed(|claim| trouble(claim, what)).await;
        let status = world.status();
        assert_ne!(status.phase, ClaimPhase::Bound, "{what}");
        assert_eq!((status.outputs, status.outputs_available), (bound.outputs, false), "{what}");
        world.server.remove::<Secret>(NAMESPACE, RECORD);
        let world = world.changed(|claim| claim.spec.parameters = declared).await;
        assert_phase(&world, ClaimPhase::Failed, "is gone");
        assert_eq!((remote.asked("POST"), remote.buckets().len()), (1, 1), "{what}");
    }
}

#[tokio::test]
async fn what_is_known_to_be_gone_is_given_no_more() {
    for size in [1, 7] {
        let remote = Remote::start().await;
        let world = remote.changeable(|_| ()).until_bound().await;
        assert!(!world.status().outputs.is_empty());
        remote.lose();
        let world = world.changed(|claim| set_size(claim, size)).await;
        assert_phase(&world, ClaimPhase::Failed, "no longer at");
        assert!(world.status().outputs.is_empty(), "{size}");
    }
}

#[tokio::test]
async fn a_generated_value_that_is_still_sent_is_not_made_anew_when_it_is_lost() {
    let remote = Remote::start().await;
    let header = |claim: &mut ResourceClaim| {
        edit(claim, "/externalApi/headers/X-Key", "{{ generated('key') }}".into());
    };
    let world = remote.world_with(header).until_bound().await;
    let record: Secret = world.get(RECORD).unwrap();
    assert_eq!(record.annotations()["score.dev/generated"], "key,password");
    // Nobody sends it again, so nobody misses it.
    lose_value(&world, "password");
    world.server.clear_requests();
    assert_eq!(world.pass().await.unwrap(), Retry::Checked);
    assert_eq!((world.status().phase, world.written()), (ClaimPhase::Bound, Vec::new()));
    lose_value(&world, "key");
    remote.clear();
    assert_eq!(world.pass().await.unwrap(), Retry::Rarely);
    assert_phase(&world, ClaimPhase::Failed, "(`key` in `shop-cache-generated`)");
    assert_eq!((world.secret(RECORD, "key"), remote.got().len()), (None, 0));
    assert!(!world.status().outputs.is_empty() && world.get::<Secret>(RECORD).is_some());
}

#[tokio::test]
async fn the_latest_secret_is_given_unless_the_first_is_to_be_kept() {
    let latest = json!({"secret": "/credentials/secretKey"});
    let first = json!({"secret": "/credentials/secretKey", "from": "create"});
    for (output, expected) in [(latest, "********"), (first, "s3cret-of-b-1-0123456789")] {
        let remote = Remote::start().await;
        remote.mask_secrets();
        let world = remote.changeable(|claim| edit(claim, "/outputs/secret_key", output));
        let world = world.until_bound().await;
        let given = |world: &World| world.secret(RECORD, "output.secret_key").unwrap();
        assert_eq!(given(&world), expected);
        world.server.clear_requests();
        let world = world.restart();
        world.pass().await.unwrap();
        assert_eq!((given(&world).as_str(), world.written()), (expected, Vec::new()));
        let world = world.changed(|claim| set_size(claim, 7)).await;
        assert_eq!(given(&world), expected, "a change is no creation");
    }
}

#[tokio::test]
async fn a_first_secret_that_is_empty_is_none() {
    let remote = Remote::start().await;
    let output = json!({"secret": "/key", "from": "create"});
    let world = remote.world_with(|claim| edit(claim, "/outputs/secret_key", output)).until_bound().await;
    let first = world.secret(RECORD, "output.secret_key").unwrap();
    world.server.modify(NAMESPACE, RECORD, |record: &mut Secret| {
        let empty = ("output.secret_key".to_owned(), ByteString(Vec::new()));
        record.data.get_or_insert_default().extend([empty]);
    });
    let world = world.restart();
    world.pass().await.unwrap();
    assert_eq!(world.secret(RECORD, "output.secret_key").unwrap(), first);
}
