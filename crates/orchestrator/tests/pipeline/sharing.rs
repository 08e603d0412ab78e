//! Workloads that share a resource by id.

use api_types::{Resource, ResourceClaim, Workload};
use controller_kit::testing::TestApiServer;
use serde_json::{Value, json};

use crate::stage::{NAMESPACE, Stage, fixture, outcome, settle};

/// The claim of `postgres.default#main`.
pub(crate) const CLAIM: &str = "shared-dbe20400ad305b6e";

pub(crate) fn claim(stage: &Stage) -> ResourceClaim {
    stage.claim(CLAIM).unwrap()
}

/// The names of those who own the claim.
pub(crate) fn owners(stage: &Stage) -> Vec<String> {
    let owners = claim(stage).metadata.owner_references.unwrap();
    assert!(owners.iter().all(|owner| owner.controller.is_none()), "{owners:?}");
    owners.into_iter().map(|owner| owner.name).collect()
}

pub(crate) fn params(value: Value) -> Option<api_types::OpenObject> {
    serde_json::from_value(value).unwrap()
}

pub(crate) fn edit_resource(stage: &Stage, key: &str, change: impl FnOnce(&mut Resource)) {
    stage.edit(|workload| change(workload.spec.resources.get_mut(key).unwrap()));
}

/// The user removes everything that the Workload depends on.
pub(crate) fn give_up(stage: &Stage) {
    stage.edit(|workload| {
        workload.spec.resources.clear();
        workload.spec.containers.get_mut("main").unwrap().variables.clear();
    });
}

/// Settles, with a runtime that brings up every plan.
pub(crate) async fn run(stages: &[&Stage]) {
    settle(stages).await;
    for stage in stages.iter().filter(|stage| stage.plan().is_some()) {
        stage.runtime_says("True", "Succeeded", None);
    }
    settle(stages).await;
}

/// Two Workloads that share a database, and run.
pub(crate) async fn two_running() -> (Stage, Stage) {
    let first = Stage::with("shared.first.yaml");
    let second = first.joined_by("shared.second.yaml");
    settle(&[&first, &second]).await;
    first.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    run(&[&first, &second]).await;
    assert_eq!((first.condition("Ready"), second.condition("Ready")), running());
    (first, second)
}

pub(crate) fn running() -> (String, String) {
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
        "Dependency `db-two`: waiting for Workload `first`, which defines it as its dependency `db-one`."
    );
    assert_eq!(first.pass().await.unwrap(), 1);
    second.pass().await.unwrap();
    assert!(second.plan().is_some());
    assert_eq!(claim(&first).metadata.generation, Some(1));
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
async fn params_of_a_workloads_own_resource_can_use_a_shared_one() {
    let (_, second) = two_running().await;
    second.edit(|workload| {
        let resource = json!({"type": "postgres", "params": {"near": "${resources.db-two.host}"}});
        workload.spec.resources.insert("copy".into(), serde_json::from_value(resource).unwrap());
    });
    second.pass().await.unwrap();
    assert_eq!(second.claim("second-copy").unwrap().spec.params.unwrap().0["near"], "db.team-a.svc");
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
