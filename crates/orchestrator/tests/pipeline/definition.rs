//! Who defines a resource that is shared by id, and who has to agree.

use api_types::{PlatformPolicy, Resource};
use serde_json::{Value, json};

use crate::{
    sharing::{CLAIM, claim, edit_resource, give_up, owners, params, run, running, two_running},
    stage::{Stage, fixture, settle},
};

#[tokio::test]
async fn metadata_in_the_params_of_a_shared_resource_is_that_of_the_workload_that_defines_it() {
    let (first, _) = two_running().await;
    assert_eq!(claim(&first).spec.params.unwrap().0["schema"], "first");
}

#[tokio::test]
async fn a_younger_workload_with_other_params_is_told_whose_it_has_to_agree_with() {
    let (first, second) = two_running().await;
    let third = first.joined_by("shared.third.yaml");
    edit_resource(&third, "db-three", |resource| resource.params = params(json!({"schema": "third"})));
    settle(&[&third, &first, &second]).await;
    assert_eq!(third.condition("Ready"), "False/SpecInvalid");
    let message = third.message("InputsValid");
    let expected = "spec.resources.db-three.params: differs from `spec.resources.db-one.params` of Workload `first`, though \
                    both are the resource postgres.default#main: make them equal, remove it here, or change id";
    assert_eq!(message, expected);
    assert_eq!(owners(&first), ["first", "second"]);
    assert_eq!((first.condition("Ready"), second.condition("Ready")), running());
    edit_resource(&third, "db-three", |resource| {
        resource.params = params(json!({"schema": "${metadata.name}"}))
    });
    settle(&[&third, &first, &second]).await;
    assert_eq!(third.condition("InputsValid"), "True/Succeeded");
    assert_eq!(owners(&first), ["first", "second", "third"]);
    assert_eq!(claim(&first).spec.params.unwrap().0["schema"], "first");
}

#[tokio::test]
async fn metadata_of_a_shared_resource_is_agreed_upon_like_its_params() {
    let (first, second) = two_running().await;
    edit_resource(&second, "db-two", |resource| resource.metadata = params(json!({"tier": "gold"})).unwrap());
    settle(&[&first, &second]).await;
    assert_eq!(json!(claim(&first).spec.metadata), json!({"tier": "gold"}));
    let third = first.joined_by("shared.third.yaml");
    edit_resource(&third, "db-three", |resource| resource.metadata = params(json!({"tier": "tin"})).unwrap());
    settle(&[&first, &second, &third]).await;
    let message = third.message("InputsValid");
    assert!(
        message
            .starts_with("spec.resources.db-three.metadata: differs from `spec.resources.db-two.metadata`"),
        "{message}"
    );
}

#[tokio::test]
async fn who_runs_with_a_shared_resource_and_then_disagrees_goes_on_owning_it() {
    let (first, second) = two_running().await;
    edit_resource(&second, "db-two", |resource| resource.params = params(json!({})));
    settle(&[&first, &second]).await;
    assert_eq!(second.condition("Ready"), "False/SpecInvalid");
    assert_eq!(owners(&first), ["first", "second"]);
    assert_eq!(second.status().claims[0].key, "db-two");
}

#[tokio::test]
async fn the_oldest_workload_that_gives_params_defines_the_resource() {
    let second = Stage::with("shared.second.yaml");
    settle(&[&second]).await;
    assert_eq!(claim(&second).spec.workload_ref.name, "second");
    let third = second.joined_by("shared.third.yaml");
    edit_resource(&third, "db-three", |resource| {
        resource.params = params(json!({"schema": "${metadata.name}"}))
    });
    settle(&[&second, &third]).await;
    let spec = claim(&second).spec;
    assert_eq!((spec.workload_ref.name.as_str(), spec.key.as_str()), ("third", "db-three"));
    assert_eq!(spec.params.unwrap().0["schema"], "third");
    assert_eq!(owners(&second), ["second", "third"]);
}

#[tokio::test]
async fn the_definition_goes_to_the_next_when_the_one_who_defined_the_resource_gives_it_up() {
    let (first, second) = two_running().await;
    let uid = claim(&first).metadata.uid;
    give_up(&first);
    run(&[&first, &second]).await;
    let left = claim(&first);
    assert_eq!((left.metadata.uid, left.spec.params), (uid, None));
    assert_eq!((left.spec.workload_ref.uid.as_str(), left.spec.key.as_str()), ("uid-second", "db-two"));
    assert_eq!(left.metadata.labels.unwrap()["score.dev/workload"], "second");
    assert_eq!(owners(&first), ["second"]);
    // What runs goes on running while the provisioner makes up its mind about the params that are gone.
    assert_eq!(second.condition("Ready"), "False/BindingPending");
    assert_eq!(second.condition("RuntimeReady"), "True/Succeeded");
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    run(&[&first, &second]).await;
    assert_eq!((first.condition("Ready"), second.condition("Ready")), running());
}

#[tokio::test]
async fn a_workload_that_becomes_invalid_still_defines_what_it_shares_as_it_was() {
    let (first, second) = two_running().await;
    let before = claim(&first).spec;
    first.edit(|workload| workload.spec.containers.get_mut("main").unwrap().image = ".".into());
    let third = first.joined_by("shared.third.yaml");
    run(&[&first, &second, &third]).await;
    assert_eq!(first.condition("Ready"), "False/SpecInvalid");
    assert_eq!(claim(&first).spec, before);
    assert_eq!(owners(&first), ["first", "second", "third"]);
    assert_eq!((second.condition("Ready"), third.condition("Ready")), running());
}

#[tokio::test]
async fn a_workload_that_was_never_valid_stands_in_nobodys_way() {
    let first = Stage::with("shared.first.yaml");
    first.edit(|workload| workload.spec.containers.get_mut("main").unwrap().image = ".".into());
    let second = first.joined_by("shared.second.yaml");
    edit_resource(&second, "db-two", |resource| resource.params = params(json!({"schema": "second"})));
    settle(&[&first, &second]).await;
    assert_eq!(claim(&first).spec.workload_ref.name, "second");
    assert_eq!(second.condition("InputsValid"), "True/Succeeded");
}

/// A policy that forbids the image of the Workload `first` alone.
fn against_first() -> Value {
    json!({"allowedImages": ["registry.example.com/second"]})
}

/// Two Workloads that share a database and give it different params.
fn disagreeing() -> (Stage, Stage) {
    let first = Stage::with("shared.first.yaml");
    let second = first.joined_by("shared.second.yaml");
    edit_resource(&second, "db-two", |resource| resource.params = params(json!({"schema": "second"})));
    (first, second)
}

#[tokio::test]
async fn a_workload_that_a_policy_blocks_stands_in_nobodys_way() {
    let (first, second) = disagreeing();
    first.policy("images", &against_first());
    settle(&[&first, &second]).await;
    assert_eq!(first.condition("Ready"), "False/PolicyViolation");
    assert_eq!(claim(&first).spec.workload_ref.name, "second");
    assert_eq!(owners(&first), ["second"]);
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    run(&[&second, &first]).await;
    assert_eq!(second.condition("Ready"), "True/Succeeded");
    assert_eq!(settle(&[&first, &second]).await, 0);
}

#[tokio::test]
async fn a_workload_with_a_wrong_annotation_stands_in_nobodys_way() {
    let (first, second) = disagreeing();
    first.edit(|workload| {
        workload.metadata.annotations = Some([("score.dev/replica".to_owned(), "2".to_owned())].into());
    });
    settle(&[&first, &second]).await;
    assert_eq!(first.condition("Ready"), "False/SpecInvalid");
    assert_eq!(claim(&first).spec.workload_ref.name, "second");
    assert_eq!(second.condition("InputsValid"), "True/Succeeded");
}

#[tokio::test]
async fn an_elder_that_is_allowed_at_last_defines_and_what_runs_goes_on_running() {
    let (first, second) = disagreeing();
    first.policy("images", &against_first());
    settle(&[&first, &second]).await;
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    run(&[&second, &first]).await;
    let plan = second.plan();
    first.server.remove::<PlatformPolicy>("", "images");
    settle(&[&first, &second]).await;
    assert_eq!(claim(&first).spec.workload_ref.name, "first");
    assert_eq!(second.condition("InputsValid"), "False/SpecInvalid");
    assert!(second.message("InputsValid").contains("of Workload `first`"));
    assert_eq!((second.plan(), owners(&first)), (plan, vec!["first".to_owned(), "second".to_owned()]));
}

#[tokio::test]
async fn who_is_blocked_after_it_defined_a_resource_goes_on_defining_it_as_it_was() {
    let (first, second) = disagreeing();
    edit_resource(&second, "db-two", |resource| resource.params = None);
    settle(&[&first, &second]).await;
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    run(&[&first, &second]).await;
    let before = claim(&first).spec;
    first.policy("images", &against_first());
    let third = first.joined_by("shared.third.yaml");
    third.edit(|workload| {
        workload.spec.containers.get_mut("main").unwrap().image = "registry.example.com/second:2".into();
    });
    run(&[&first, &second, &third]).await;
    assert_eq!(first.condition("Ready"), "False/PolicyViolation");
    assert_eq!(first.condition("RuntimeReady"), "Unknown/RuntimeSelecting");
    assert_eq!(claim(&first).spec, before);
    assert_eq!(owners(&first), ["first", "second", "third"]);
    assert_eq!((second.condition("Ready"), third.condition("Ready")), running());
}

/// Two resources that two Workloads share, each of which one of them defines by what the other one defines.
fn crossed() -> (Stage, Stage) {
    let first = Stage::with("shared.first.yaml");
    first.edit(|workload| {
        let resources = json!({
            "aa": {"type": "postgres", "id": "aa", "params": {"x": "${resources.own.x}"}},
            "own": {"type": "postgres", "params": {"x": "${resources.bb.host}"}},
            "bb": {"type": "postgres", "id": "bb"},
        });
        workload.spec.resources = serde_json::from_value(resources).unwrap();
        workload.spec.containers.get_mut("main").unwrap().variables.clear();
    });
    let second = first.joined_by("shared.second.yaml");
    second.edit(|workload| {
        let resources = json!({
            "bb": {"type": "postgres", "id": "bb", "params": {"x": "${resources.aa.host}"}},
            "aa": {"type": "postgres", "id": "aa"},
        });
        workload.spec.resources = serde_json::from_value(resources).unwrap();
        workload.spec.containers.get_mut("main").unwrap().variables.clear();
    });
    (first, second)
}

#[tokio::test]
async fn a_cycle_across_workloads_is_told_to_the_youngest_of_them() {
    let (first, second) = crossed();
    settle(&[&first, &second]).await;
    assert_eq!(first.condition("InputsValid"), "True/Succeeded");
    assert_eq!(second.condition("InputsValid"), "False/SpecInvalid");
    let expected = "spec.resources.bb.params: a cycle exists involving resource param placeholders, through what is shared \
                    with Workload `first`: remove one of these placeholders";
    assert_eq!(second.message("Ready"), expected);
    edit_resource(&second, "bb", |resource| resource.params = params(json!({"x": 1})));
    settle(&[&first, &second]).await;
    assert_eq!(second.condition("InputsValid"), "True/Succeeded");
}

#[tokio::test]
async fn a_workload_beside_a_cycle_is_not_to_blame_for_it() {
    let (first, second) = crossed();
    let third = first.joined_by("shared.third.yaml");
    third.edit(|workload| {
        let resources = json!({"aa": {"type": "postgres", "id": "aa"}, "cc": {"type": "postgres", "params": {"x": "${resources.aa.x}"}}});
        workload.spec.resources = serde_json::from_value(resources).unwrap();
        workload.spec.containers.get_mut("main").unwrap().variables.clear();
    });
    settle(&[&first, &second, &third]).await;
    assert_eq!(third.condition("InputsValid"), "True/Succeeded");
}

#[tokio::test]
async fn one_workload_may_declare_a_shared_resource_twice() {
    let first = Stage::with("shared.first.yaml");
    first.edit(|workload| {
        let alias = Resource { params: None, ..workload.spec.resources["db-one"].clone() };
        workload.spec.resources.insert("alias".into(), alias);
    });
    settle(&[&first]).await;
    assert_eq!(claim(&first).spec.key, "db-one");
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    run(&[&first]).await;
    assert_eq!(first.condition("Ready"), "True/Succeeded");
    assert_eq!(first.status().claims_bound.as_deref(), Some("2/2"));
    assert_eq!(owners(&first), ["first"]);
}
