//! What containers are given: files, volumes, an order and annotations.

use api_types::{ResourceClaimStatus, WorkloadPlanSpec};
use serde_json::json;

use crate::stage::{Stage, fixture};

/// A Workload that uses everything, with its dependencies bound.
async fn planned() -> Stage {
    let stage = Stage::with("everything.yaml");
    stage.pass().await.unwrap();
    stage.provisioner_says("shop-all-db", fixture("db.bound.yaml"));
    stage.provisioner_says("shop-all-data", fixture("data.bound.yaml"));
    stage.pass().await.unwrap();
    stage
}

#[tokio::test]
async fn files_volumes_order_and_annotations_are_in_the_plan() {
    assert_eq!(planned().await.plan().unwrap().spec, fixture::<WorkloadPlanSpec>("everything.plan.yaml"));
}

#[tokio::test]
async fn a_changed_annotation_changes_the_plan_of_the_same_generation() {
    let stage = planned().await;
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    stage.edit(|workload| {
        let annotations = workload.metadata.annotations.get_or_insert_default();
        annotations.insert("example.com/tier".into(), "back".into());
    });
    stage.pass().await.unwrap();
    let plan = stage.plan().unwrap();
    assert_eq!(plan.spec.annotations["example.com/tier"], "back");
    assert_eq!(plan.spec.observed_workload_generation, 1);
    assert_eq!(stage.condition("Ready"), "False/RuntimeProvisioning");
}

#[tokio::test]
async fn a_resource_that_is_no_volume_is_named_and_not_waited_for() {
    let stage = planned().await;
    let mut answer: ResourceClaimStatus = fixture("data.bound.yaml");
    answer.outputs.remove("source");
    stage.provisioner_says("shop-all-data", answer);
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/ProjectionError");
    let message = stage.message("Ready");
    assert!(message.contains("spec.containers.main.volumes[\"/var/lib/shop\"].source"), "{message}");
    assert!(message.contains("it is no volume") && message.contains("refer to a resource"), "{message}");
}

#[tokio::test]
async fn a_file_waits_for_the_secret_that_it_holds() {
    let stage = Stage::with("everything.yaml");
    stage.pass().await.unwrap();
    stage.provisioner_says("shop-all-data", fixture("data.bound.yaml"));
    stage.pass().await.unwrap();
    assert!(stage.plan().is_none());
    assert_eq!(stage.condition("RuntimeReady"), "False/ProjectionError");
    let message = stage.message("RuntimeReady");
    assert!(message.contains("spec.containers.main.files[\"/etc/shop/db.ini\"].content"), "{message}");
}

#[tokio::test]
async fn a_volume_follows_the_outputs_of_its_resource() {
    let stage = planned().await;
    let mut answer: ResourceClaimStatus = fixture("data.bound.yaml");
    answer
        .outputs
        .insert("source".into(), api_types::Output::value(json!({"emptyDir": {"medium": "Memory"}})));
    stage.provisioner_says("shop-all-data", answer);
    stage.pass().await.unwrap();
    let volume = &stage.plan().unwrap().spec.containers["main"].volumes["/var/lib/shop"];
    assert_eq!(json!(volume.outputs)["source"], json!({"emptyDir": {"medium": "Memory"}}));
}
