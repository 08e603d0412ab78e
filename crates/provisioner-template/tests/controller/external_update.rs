//! What is behind an API becomes what a claim asks for by now: once, in order, and not without saying what cannot.

use crate::external::{assert_phase, set_size, troubles};
use crate::remote::{Got, Remote, Wrong, make_changeable};
use crate::world::{CLAIM, NAMESPACE, RECORD, World, edit};
use api_types::{ClaimPhase, DeprovisionPolicy, Output, ResourceClaim};
use k8s_openapi::api::core::v1::Secret;
use provisioner_template::Retry;
use serde_json::{Value, json};

/// The sizes that the one bucket had, the first one first.
fn sizes(remote: &Remote) -> Value {
    let [bucket] = remote.buckets().try_into().unwrap();
    bucket["sizes"].clone()
}

fn set_params(claim: &mut ResourceClaim, params: Value) {
    set_size(claim, 0);
    claim.spec.params = serde_json::from_value(params).unwrap();
}

fn modify(world: &World, change: impl FnOnce(&mut ResourceClaim)) {
    world.server.modify(NAMESPACE, CLAIM, change);
}

/// The keys of all changes that were asked for.
fn keys(remote: &Remote) -> Vec<String> {
    let changes = remote.got().into_iter().filter(|got| got.method == "PATCH");
    changes.map(|got: Got| got.headers["idempotency-key"].clone()).collect()
}

#[tokio::test]
async fn a_change_of_params_is_passed_on_once_and_the_outputs_follow() {
    let remote = Remote::start().await;
    let world = remote.changeable(|_| ()).until_bound().await;
    let before = world.status();
    let world = world.changed(|claim| set_size(claim, 7)).await;
    assert_phase(&world, ClaimPhase::Bound, "ready");
    let status = world.status();
    assert_eq!(status.outputs["size"], Output::value(7));
    assert_eq!(world.secret(RECORD, "output.secret_key").unwrap(), "s3cret-of-b-1-with-size-7");
    assert_ne!(status.outputs_revision, before.outputs_revision);
    assert_eq!(status.observed_generation, world.claim().metadata.generation);
    assert_eq!((sizes(&remote), remote.asked("POST"), remote.asked("PATCH")), (json!([1, 7]), 1, 1));
    world.server.clear_requests();
    let world = world.restart();
    assert_eq!(world.pass().await.unwrap(), Retry::Checked);
    assert_eq!((world.written(), remote.asked("PATCH")), (Vec::<String>::new(), 1));
}

#[tokio::test]
async fn what_is_being_changed_is_waited_for_as_when_it_is_made() {
    let remote = Remote::start().await;
    let world = remote.changeable(|_| ()).until_bound().await;
    let outputs = world.status().outputs;
    remote.set_state("resizing");
    let world = world.changed(|claim| set_size(claim, 7)).await;
    assert_phase(&world, ClaimPhase::Binding, "the bucket is being made");
    assert_eq!(world.status().outputs.len(), outputs.len());
    remote.set_state("failed");
    let world = world.restart();
    world.pass().await.unwrap();
    assert_phase(&world, ClaimPhase::Failed, "the bucket could not be made");
    remote.set_state("ready");
    world.until_bound().await;
    assert_eq!(sizes(&remote), json!([1, 7]));
}

#[tokio::test]
async fn a_change_of_the_class_and_of_another_resources_secret_is_passed_on_as_well() {
    let remote = Remote::start().await;
    let reference = json!([{"secretKeyRef": {"name": "db", "key": "password"}}]);
    let world = remote.changeable(|claim| set_params(claim, json!({"note": reference})));
    let set_password = |world: &World, password: &str| {
        let text = format!("{{metadata: {{namespace: team, name: db}}, data: {{password: {password}}}}}");
        world.server.remove::<Secret>(NAMESPACE, "db");
        world.server.insert::<Secret>(serde_yaml_ng::from_str(&text).unwrap());
    };
    set_password(&world, "cGE1NS1vZi1kYg==");
    let world = world.until_bound().await;
    set_password(&world, "b3RoZXItcGE1NQ==");
    // Nothing tells; it is found when the bucket is looked at.
    let world = world.until_bound().await;
    assert_eq!((remote.asked("PATCH"), &remote.buckets()[0]["note"]), (1, &json!("other-pa55")));
    assert!(!world.secret(RECORD, "update.json").unwrap().contains("other-pa55"));
    let body = "/externalApi/update/body/tier";
    let world = world.changed(|claim| edit(claim, body, "{{ values.tier | default('basic') }}".into())).await;
    assert_eq!(remote.asked("PATCH"), 2);
    world.changed(|claim| edit(claim, "/values", json!({"tier": "fast"}))).await;
    let last = remote.got().into_iter().rfind(|got| got.method == "PATCH").unwrap();
    assert_eq!((remote.asked("PATCH"), &last.body["tier"]), (3, &json!("fast")));
}

#[tokio::test]
async fn whatever_goes_wrong_with_a_change_is_told_and_it_is_made_once() {
    for (wrong, phase, words, retry) in troubles() {
        let remote = Remote::start().await;
        let world = remote.changeable(|_| ()).until_bound().await;
        let outputs = world.status().outputs;
        remote.disturb("PATCH", wrong.clone());
        modify(&world, |claim| set_size(claim, 7));
        let world = world.restart();
        assert_eq!(world.pass().await.unwrap(), retry, "{wrong:?}");
        assert_phase(&world, phase, words);
        assert_eq!((&world.status().outputs, world.status().outputs_available), (&outputs, false));
        let world = world.until_bound().await;
        assert_eq!(
            (sizes(&remote), world.status().outputs["size"].clone()),
            (json!([1, 7]), Output::value(7))
        );
        let keys = keys(&remote);
        assert!(keys.len() == 2 && keys[0] == keys[1], "{wrong:?}: {keys:?}");
    }
}

#[tokio::test]
async fn a_change_without_an_answer_is_asked_for_again_before_the_next() {
    for wrong in [Wrong::DoneThenDies, Wrong::Says(503, "", None)] {
        let remote = Remote::start().await;
        let world = remote.changeable(|_| ()).until_bound().await;
        remote.disturb("PATCH", wrong.clone());
        let world = world.changed(|claim| set_size(claim, 7)).await;
        let world = world.changed(|claim| set_size(claim, 9)).await;
        world.until_bound().await;
        assert_eq!(sizes(&remote), json!([1, 7, 9]), "{wrong:?}");
        let keys = keys(&remote);
        assert!(keys.len() == 3 && keys[0] == keys[1] && keys[1] != keys[2], "{keys:?}");
    }
}

#[tokio::test]
async fn what_is_in_conflict_is_asked_for_as_it_was_until_there_is_an_answer() {
    let conflict = || Wrong::Says(409, "{}", None);
    let remote = Remote::start().await;
    let world = remote.changeable(|_| ());
    remote.disturb("POST", Wrong::DoneThenSays(409, "{}"));
    world.pass().await.unwrap();
    assert_phase(&world, ClaimPhase::Binding, "HTTP status 409");
    remote.disturb("POST", conflict());
    let world = world.changed(|claim| set_size(claim, 7)).await;
    assert_phase(&world, ClaimPhase::Binding, "HTTP status 409");
    let world = world.until_bound().await;
    assert_eq!(sizes(&remote), json!([1, 7]));
    remote.disturb("PATCH", conflict());
    let world = world.changed(|claim| set_size(claim, 9)).await;
    remote.disturb("PATCH", conflict());
    let world = world.changed(|claim| set_size(claim, 11)).await;
    assert_phase(&world, ClaimPhase::Binding, "HTTP status 409");
    world.until_bound().await;
    assert_eq!(sizes(&remote), json!([1, 7, 9, 11]));
}

#[tokio::test]
async fn a_change_that_is_refused_is_forgotten_once_it_is_taken_back() {
    let remote = Remote::start().await;
    let refuse = || remote.disturb("PATCH", Wrong::Says(422, "{\"message\": \"too large\"}", None));
    let world = remote.changeable(|_| ()).until_bound().await;
    refuse();
    let world = world.changed(|claim| set_size(claim, 7000)).await;
    assert_phase(&world, ClaimPhase::Failed, "too large");
    // It is not certain yet that it was never understood.
    refuse();
    let world = world.changed(|claim| set_size(claim, 1)).await;
    let world = world.until_bound().await;
    assert_phase(&world, ClaimPhase::Bound, "ready");
    assert_eq!((sizes(&remote), remote.asked("PATCH")), (json!([1]), 2));
}

#[tokio::test]
async fn to_and_fro_is_changed_each_time() {
    let remote = Remote::start().await;
    let mut world = remote.changeable(|_| ()).until_bound().await;
    for size in [7, 1, 7, 1] {
        world = world.changed(|claim| set_size(claim, size)).await.until_bound().await;
    }
    assert_eq!(sizes(&remote), json!([1, 7, 1, 7, 1]));
}

#[tokio::test]
async fn what_only_a_creation_says_is_not_passed_on_and_said() {
    let remote = Remote::start().await;
    let world = remote.changeable(|_| ()).until_bound().await;
    let world = world.changed(|claim| set_params(claim, json!({"region": "us", "size": 7}))).await;
    assert_phase(&world, ClaimPhase::Bound, "as it was first asked for");
    assert_eq!(sizes(&remote), json!([1, 7]), "what can be changed is");
    let world = world.changed(|claim| set_params(claim, json!({"size": 7}))).await;
    assert_phase(&world, ClaimPhase::Bound, "ready");
    assert!(!world.message().contains("first") && remote.asked("PATCH") == 1, "{}", world.message());
}

#[tokio::test]
async fn a_question_that_was_answered_late_is_followed_by_the_change() {
    let remote = Remote::start().await;
    remote.disturb("POST", Wrong::DoneThenDies);
    let world = remote.changeable(|_| ());
    world.pass().await.unwrap();
    modify(&world, |claim| set_size(claim, 7));
    world.until_bound().await;
    assert_eq!((sizes(&remote), remote.asked("PATCH")), (json!([1, 7]), 1));
}

#[tokio::test]
async fn a_declaration_that_learns_to_change_catches_up() {
    for (changed, expected) in [(false, json!([1])), (true, json!([1, 7]))] {
        let remote = Remote::start().await;
        let mut world = remote.world(DeprovisionPolicy::Delete).until_bound().await;
        if changed {
            world = world.changed(|claim| set_size(claim, 7)).await;
            assert_phase(&world, ClaimPhase::Bound, "as it was first asked for");
        }
        let world = world.changed(make_changeable).await;
        assert_phase(&world, ClaimPhase::Bound, "ready");
        assert!(!world.message().contains("first"), "{}", world.message());
        assert_eq!(sizes(&remote), expected);
        // What it cannot do any more is said again.
        let world = world.changed(|claim| edit(claim, "/externalApi/update", Value::Null)).await;
        assert_eq!((world.message().as_str(), world.status().phase), ("ready", ClaimPhase::Bound));
        let world = world.changed(|claim| set_size(claim, 9)).await;
        assert_phase(&world, ClaimPhase::Bound, "as it was first asked for");
    }
}

#[tokio::test]
async fn what_is_gone_is_told_from_an_address_that_is_wrong() {
    let remote = Remote::start().await;
    let world = remote.changeable(|_| ()).until_bound().await;
    let nowhere = json!({"path": "/barrels/{{ remote.id }}", "body": {"size": "{{ params.size }}"}});
    let world = world
        .changed(|claim| {
            set_size(claim, 7);
            edit(claim, "/externalApi/update", nowhere);
        })
        .await;
    assert_phase(&world, ClaimPhase::Failed, "has no such address");
    remote.lose();
    let world = world.restart();
    world.pass().await.unwrap();
    assert_phase(&world, ClaimPhase::Failed, "no longer at");
    assert_eq!(remote.asked("POST"), 1);
}

#[tokio::test]
async fn a_claim_is_removed_in_the_middle_of_a_change() {
    for wrong in [Wrong::DoneThenDies, Wrong::Says(500, "", None), Wrong::Says(422, "{}", None)] {
        let remote = Remote::start().await;
        let world = remote.changeable(|_| ()).until_bound().await;
        remote.disturb("PATCH", wrong);
        let world = world.changed(|claim| set_size(claim, 7)).await;
        world.server.remove::<ResourceClaim>(NAMESPACE, CLAIM);
        let world = world.restart();
        world.pass().await.unwrap();
        assert!(world.server.get::<ResourceClaim>(NAMESPACE, CLAIM).is_none() && remote.buckets().is_empty());
    }
}

#[tokio::test]
async fn what_was_retained_becomes_what_its_next_claim_asks_for() {
    let remote = Remote::start().await;
    let retain = |claim: &mut ResourceClaim| claim.spec.deprovision_policy = DeprovisionPolicy::Retain;
    let world = remote.changeable(retain).until_bound().await;
    world.recreate_claim(DeprovisionPolicy::Retain);
    modify(&world, |claim| set_size(claim, 7));
    world.until_bound().await;
    assert_eq!((sizes(&remote), remote.asked("POST")), (json!([1, 7]), 1));
}
