//! Workloads that share a resource by id.

use api_types::{Resource, ResourceClaim, Workload};
use controller_kit::testing::TestApiServer;
use serde_json::{Value, json};

use crate::stage::{NAMESPACE, Stage, fixture, outcome, settle};

/// The claim of `postgres.default#main`.
const CLAIM: &str = "shared-dbe20400ad305b6e";

fn claim(stage: &Stage) -> ResourceClaim {
    stage.claim(CLAIM).unwrap()
}

/// The names of those who own the claim.
fn owners(stage: &Stage) -> Vec<String> {
    let owners = claim(stage).metadata.owner_references.unwrap();
    assert!(owners.iter().all(|owner| owner.controller.is_none()), "{owners:?}");
    owners.into_iter().map(|owner| owner.name).collect()
}

fn params(value: Value) -> Option<api_types::OpenObject> {
    serde_json::from_value(value).unwrap()
}

fn edit_resource(stage: &Stage, key: &str, change: impl FnOnce(&mut Resource)) {
    stage.edit(|workload| change(workload.spec.resources.get_mut(key).unwrap()));
}

/// The user removes everything that the Workload depends on.
fn give_up(stage: &Stage) {
    stage.edit(|workload| {
        workload.spec.resources.clear();
        workload.spec.containers.get_mut("main").unwrap().variables.clear();
    });
}

/// Settles, with a runtime that brings up every plan.
async fn run(stages: &[&Stage]) {
    settle(stages).await;
    for stage in stages.iter().filter(|stage| stage.plan().is_some()) {
        stage.runtime_says("True", "Succeeded", None);
    }
    settle(stages).await;
}

/// Two Workloads that share a database, and run.
async fn two_running() -> (Stage, Stage) {
    let first = Stage::with("shared.first.yaml");
    let second = first.joined_by("shared.second.yaml");
    settle(&[&first, &second]).await;
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    run(&[&first, &second]).await;
    assert_eq!((first.condition("Ready"), second.condition("Ready")), running());
    (first, second)
}

fn running() -> (String, String) {
    ("True/Succeeded".to_owned(), "True/Succeeded".to_owned())
}

#[tokio::test]
async fn workloads_that_name_one_id_share_one_claim() {
    let (first, second) = two_running().await;
    assert_eq!(first.server.list::<ResourceClaim>().len(), 1);
    assert_eq!(owners(&first), ["first", "second"]);
    let spec = claim(&first).spec;
    assert_eq!(
        (spec.workload_ref.name.as_str(), spec.key.as_str(), spec.id.as_deref()),
        ("first", "db-one", Some("main"))
    );
    for (stage, key) in [(&first, "db-one"), (&second, "db-two")] {
        let plan = stage.plan().unwrap().spec;
        assert_eq!(json!(plan.containers["main"].variables), json!({"DB": "db.team-a.svc:5432"}));
        assert_eq!(plan.claims[0].key, key);
        assert_eq!(stage.status().claims_bound.as_deref(), Some("1/1"));
    }
}

#[tokio::test]
async fn metadata_in_the_params_of_a_shared_resource_is_that_of_the_workload_that_defines_it() {
    let (first, _) = two_running().await;
    assert_eq!(claim(&first).spec.params.unwrap().0["schema"], "first");
}

#[tokio::test]
async fn those_who_share_write_nothing_once_everything_is_done() {
    let (first, second) = two_running().await;
    assert_eq!(settle(&[&second, &first]).await, 0);
}

#[tokio::test]
async fn it_makes_no_difference_who_is_looked_at_first() {
    let run = async |turn: [usize; 3]| {
        let first = Stage::with("shared.first.yaml");
        let stages = [first.joined_by("shared.second.yaml"), first.joined_by("shared.third.yaml"), first];
        let stages = turn.map(|index| &stages[index]);
        settle(&stages).await;
        stages[0].provisioner_says(CLAIM, fixture("db.bound.yaml"));
        settle(&stages).await;
        assert_eq!(owners(stages[0]), ["first", "second", "third"]);
        outcome(&stages[0].server)
    };
    let forward = run([2, 0, 1]).await;
    assert_eq!(run([1, 0, 2]).await, forward);
    assert_eq!(run([0, 2, 1]).await, forward);
}

#[tokio::test]
async fn who_joins_gets_no_plan_before_it_owns_the_claim() {
    let first = Stage::with("shared.first.yaml");
    settle(&[&first]).await;
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    settle(&[&first]).await;
    let second = first.joined_by("shared.second.yaml");
    second.pass().await.unwrap();
    assert!(second.plan().is_none());
    assert_eq!(
        second.message("ClaimsReady"),
        "Dependency `db-two`: waiting for Workload `first`, whose dependency `db-one` it is too."
    );
    assert_eq!(first.pass().await.unwrap(), 1);
    second.pass().await.unwrap();
    assert!(second.plan().is_some());
    assert_eq!(claim(&first).metadata.generation, Some(1));
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
async fn who_stops_sharing_owns_the_claim_until_its_new_plan_has_rolled_out() {
    let (first, second) = two_running().await;
    give_up(&second);
    settle(&[&first, &second]).await;
    assert_eq!(owners(&first), ["first", "second"]);
    second.runtime_says("False", "RuntimeDegraded", None);
    settle(&[&first, &second]).await;
    assert_eq!(owners(&first), ["first", "second"]);
    second.runtime_says("True", "Succeeded", None);
    settle(&[&first, &second]).await;
    assert_eq!(owners(&first), ["first"]);
    assert_eq!((first.condition("Ready"), second.condition("Ready")), running());
    assert_eq!(claim(&first).metadata.generation, Some(1));
}

#[tokio::test]
async fn the_claim_goes_with_the_last_who_shared_it() {
    let (first, second) = two_running().await;
    give_up(&first);
    give_up(&second);
    settle(&[&first, &second]).await;
    assert_eq!(owners(&first), ["first", "second"]);
    first.runtime_says("True", "Succeeded", None);
    settle(&[&first, &second]).await;
    assert!(first.claim(CLAIM).is_some());
    second.runtime_says("True", "Succeeded", None);
    settle(&[&first, &second]).await;
    assert!(first.claim(CLAIM).is_none());
    assert_eq!((first.condition("Ready"), second.condition("Ready")), running());
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
async fn a_workload_that_is_deleted_leaves_the_claim_to_the_others() {
    for deleted in ["first", "second"] {
        let (first, second) = two_running().await;
        first.server.remove::<Workload>(NAMESPACE, deleted);
        let left = if deleted == "first" { second } else { first };
        settle(&[&left]).await;
        left.provisioner_says(CLAIM, fixture("db.bound.yaml"));
        settle(&[&left]).await;
        assert_eq!(owners(&left), [left.workload().metadata.name.unwrap()]);
        assert_eq!(left.condition("Ready"), "True/Succeeded");
        assert_eq!(settle(&[&left]).await, 0);
    }
}

#[tokio::test]
async fn a_workload_that_is_being_deleted_counts_no_longer() {
    let (first, second) = two_running().await;
    first.edit(|workload| workload.metadata.finalizers = Some(vec!["example.com/held".into()]));
    first.server.remove::<Workload>(NAMESPACE, "first");
    assert!(first.workload().metadata.deletion_timestamp.is_some());
    settle(&[&second]).await;
    assert_eq!(owners(&second), ["second"]);
    assert_eq!(claim(&second).spec.workload_ref.name, "second");
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

#[tokio::test]
async fn params_of_a_workloads_own_resource_can_use_a_shared_one() {
    let (_, second) = two_running().await;
    second.edit(|workload| {
        let resource = json!({"type": "postgres", "params": {"near": "${resources.db-two.host}"}});
        workload.spec.resources.insert("copy".into(), serde_json::from_value(resource).unwrap());
    });
    second.pass().await.unwrap();
    assert_eq!(second.claim("second-copy").unwrap().spec.params.unwrap().0["near"], "db.team-a.svc");
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

#[tokio::test]
async fn a_claim_that_only_has_the_name_of_the_shared_one_is_left_alone_and_named() {
    let first = Stage::with("shared.first.yaml");
    let foreign = json!({
        "metadata": {"name": CLAIM, "namespace": NAMESPACE, "uid": "c"},
        "spec": {
            "workloadRef": {"name": "shared", "uid": "other"}, "key": "dbe20400ad305b6e", "type": "postgres",
            "class": "default", "provisioner": "provisioner-postgres", "deprovisionPolicy": "Delete",
        },
    });
    first.server.insert::<ResourceClaim>(serde_json::from_value(foreign).unwrap());
    let second = first.joined_by("shared.second.yaml");
    settle(&[&first, &second]).await;
    assert_eq!(claim(&first).spec.workload_ref.name, "shared");
    for stage in [&first, &second] {
        assert_eq!(stage.condition("ClaimsReady"), "False/BindingFailed");
        assert!(stage.message("ClaimsReady").contains("of Workload `shared`"));
    }
}

#[tokio::test]
async fn what_cannot_be_provided_is_said_to_all_who_share_it() {
    let first = Stage::with("shared.first.yaml");
    let second = first.joined_by("shared.second.yaml");
    for (stage, key) in [(&first, "db-one"), (&second, "db-two")] {
        edit_resource(stage, key, |resource| resource.class = Some("huge".into()));
    }
    settle(&[&first, &second]).await;
    for stage in [&first, &second] {
        assert_eq!(stage.condition("ClaimsReady"), "False/BindingFailed");
    }
}

#[tokio::test]
async fn a_resource_that_becomes_shared_leaves_its_own_claim_when_the_new_plan_runs() {
    let first = Stage::with("shared.first.yaml");
    edit_resource(&first, "db-one", |resource| resource.id = None);
    settle(&[&first]).await;
    first.provisioner_says("first-db-one", fixture("db.bound.yaml"));
    run(&[&first]).await;
    edit_resource(&first, "db-one", |resource| resource.id = Some("main".into()));
    settle(&[&first]).await;
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    settle(&[&first]).await;
    assert!(first.claim("first-db-one").is_some());
    first.runtime_says("True", "Succeeded", None);
    settle(&[&first]).await;
    assert!(first.claim("first-db-one").is_none() && first.claim(CLAIM).is_some());
}

#[tokio::test]
async fn a_process_that_dies_while_workloads_join_and_leave_is_followed_by_one_that_ends_the_same() {
    let story = async |writes: Option<usize>| -> TestApiServer {
        let first = Stage::with("shared.first.yaml");
        let second = first.joined_by("shared.second.yaml");
        let stages = [&first, &second];
        let disturbed = async || {
            if let Some(writes) = writes {
                first.server.fail_after(writes);
                for stage in stages {
                    let _ = stage.pass().await;
                }
                first.server.heal();
            }
            settle(&stages).await;
        };
        disturbed().await;
        first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
        disturbed().await;
        stages.iter().for_each(|stage| stage.runtime_says("True", "Succeeded", None));
        disturbed().await;
        give_up(&first);
        disturbed().await;
        first.runtime_says("True", "Succeeded", None);
        disturbed().await;
        first.server
    };
    let undisturbed = outcome(&story(None).await);
    for writes in 0..5 {
        assert_eq!(outcome(&story(Some(writes)).await), undisturbed, "died after {writes} writes");
    }
}
