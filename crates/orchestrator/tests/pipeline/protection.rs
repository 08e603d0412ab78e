//! Resources that the platform protects from being deleted, and how many Workloads use one.

use api_types::{DeprovisionPolicy, ResourceClaim};
use kube::ResourceExt as _;

use crate::{
    sharing::{self, give_up, run, two_running},
    stage::{NAMESPACE, Stage, fixture},
};

const CONFIG: &str = "
apiVersion: score.dev/v1b1
kind: OrchestratorConfig
metadata: {name: test}
spec:
  profiles: [{name: web, backends: [{backendId: standard, runtimeClass: other, template: {kind: manifests}}]}]
  provisioners:
    - type: postgres
      provisioner: provisioner-postgres
      classes: [{name: default, protect: true}]
      deprovisionPolicy: Delete
";
const CLAIM: &str = "shop-api-db";

fn claim(stage: &Stage) -> ResourceClaim {
    stage.claim(CLAIM).unwrap()
}

fn message(stage: &Stage) -> String {
    stage.status().claims[0].message.clone().unwrap_or_default()
}

/// A Workload with a protected database that is there.
async fn bound() -> Stage {
    let stage = Stage::with("db.yaml").configured(CONFIG);
    stage.pass().await.unwrap();
    stage.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    stage
}

fn release(stage: &Stage, value: &str) {
    stage.server.modify(NAMESPACE, CLAIM, |claim: &mut ResourceClaim| {
        claim.annotations_mut().insert("score.dev/release".to_owned(), value.to_owned());
    });
}

#[tokio::test]
async fn what_is_protected_is_retained_and_its_user_is_told() {
    let stage = bound().await;
    assert_eq!(claim(&stage).spec.deprovision_policy, DeprovisionPolicy::Retain);
    assert_eq!(claim(&stage).labels()["score.dev/protected"], "true");
    assert!(message(&stage).contains("it is protected: what it holds is kept"), "{}", message(&stage));
    assert_eq!(stage.pass().await.unwrap(), 0);
}

#[tokio::test]
async fn the_platform_releases_what_is_protected_by_an_annotation_and_takes_that_back() {
    let stage = bound().await;
    release(&stage, "false");
    assert_eq!(stage.pass().await.unwrap(), 0, "only true releases");
    release(&stage, "true");
    stage.pass().await.unwrap();
    assert_eq!(claim(&stage).spec.deprovision_policy, DeprovisionPolicy::Delete);
    assert!(!claim(&stage).labels().contains_key("score.dev/protected"));
    stage.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    assert!(!message(&stage).contains("protected"), "{}", message(&stage));
    release(&stage, "");
    stage.pass().await.unwrap();
    assert_eq!(claim(&stage).spec.deprovision_policy, DeprovisionPolicy::Retain);
}

#[tokio::test]
async fn a_class_that_is_not_protected_or_not_deleted_anyway_is_as_it_was() {
    for (config, policy) in [
        (CONFIG.replace("protect: true", "protect: false"), DeprovisionPolicy::Delete),
        (CONFIG.replace("deprovisionPolicy: Delete", "deprovisionPolicy: Orphan"), DeprovisionPolicy::Orphan),
    ] {
        let stage = Stage::with("db.yaml").configured(&config);
        stage.pass().await.unwrap();
        assert_eq!(claim(&stage).spec.deprovision_policy, policy);
        assert!(!claim(&stage).labels().contains_key("score.dev/protected"));
    }
}

fn unprotected() -> String {
    CONFIG.replace("protect: true", "protect: false")
}

/// A Workload with a database that goes with it.
async fn bound_unprotected() -> Stage {
    let stage = bound().await.configured(&unprotected());
    stage.pass().await.unwrap();
    stage.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    assert_eq!(claim(&stage).spec.deprovision_policy, DeprovisionPolicy::Delete);
    stage
}

#[tokio::test]
async fn protection_reaches_the_claims_of_a_workload_that_is_not_valid() {
    let stage = bound_unprotected().await;
    stage.edit(|workload| workload.spec.containers.get_mut("main").unwrap().image = ".".into());
    let stage = stage.configured(CONFIG);
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("InputsValid"), "False/SpecInvalid");
    assert_eq!(claim(&stage).spec.deprovision_policy, DeprovisionPolicy::Retain);
    assert_eq!(claim(&stage).labels()["score.dev/protected"], "true");
    stage.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    assert_eq!(stage.pass().await.unwrap(), 0);
}

#[tokio::test]
async fn protection_reaches_a_claim_that_is_to_go_and_which_goes_once_its_provisioner_knows() {
    let stage = bound_unprotected().await;
    stage.edit(|workload| {
        workload.spec.resources.clear();
        workload.spec.containers.get_mut("main").unwrap().variables.clear();
    });
    let stage = stage.configured(CONFIG);
    stage.pass().await.unwrap();
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    assert_eq!(claim(&stage).spec.deprovision_policy, DeprovisionPolicy::Retain, "it is there, and retained");
    stage.provisioner_says(CLAIM, fixture("db.bound.yaml"));
    stage.pass().await.unwrap();
    assert!(stage.claim(CLAIM).is_none());
}

#[tokio::test]
async fn a_claim_says_how_many_workloads_use_it() {
    let users = |stage: &Stage| sharing::claim(stage).labels()["score.dev/users"].clone();
    let (first, second) = two_running().await;
    assert_eq!(users(&first), "2");
    give_up(&second);
    run(&[&first, &second]).await;
    assert_eq!(users(&first), "1");
}
