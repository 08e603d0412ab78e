//! Annotations of a Workload that runs are changed. The API server does not count that in the generation.

use crate::stage::Stage;

const REPLICAS: &str = "score.dev/replicas";

/// A Workload that runs.
async fn running() -> Stage {
    let stage = Stage::with("web.yaml");
    stage.pass().await.unwrap();
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "True/Succeeded");
    stage
}

fn annotate(stage: &Stage, key: &str, value: &str) {
    let before = stage.workload().metadata.generation;
    stage.edit(|workload| {
        workload.metadata.annotations.get_or_insert_default().insert(key.into(), value.into());
    });
    assert_eq!(stage.workload().metadata.generation, before);
}

fn observed(stage: &Stage, key: &str) -> Option<String> {
    stage.status().observed_annotations.get(key).cloned()
}

#[tokio::test]
async fn the_write_that_tells_of_a_new_annotation_takes_ready_away_until_it_has_rolled_out() {
    let stage = running().await;
    annotate(&stage, REPLICAS, "3");
    assert_eq!(observed(&stage, REPLICAS), None);
    assert_eq!(stage.pass().await.unwrap(), 2, "the plan and the status");
    assert_eq!(observed(&stage, REPLICAS).as_deref(), Some("3"));
    assert_eq!(stage.condition("Ready"), "False/RuntimeProvisioning");
    stage.runtime_says("True", "Succeeded", None);
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "True/Succeeded");
    assert_eq!(stage.pass().await.unwrap(), 0);
}

#[tokio::test]
async fn an_annotation_that_changes_nothing_is_told_and_the_workload_stays_ready() {
    let stage = running().await;
    annotate(&stage, "score.dev/profile", "web-service");
    assert_eq!(stage.pass().await.unwrap(), 1);
    assert_eq!(observed(&stage, "score.dev/profile").as_deref(), Some("web-service"));
    assert_eq!(stage.condition("Ready"), "True/Succeeded");
}

#[tokio::test]
async fn an_annotation_that_is_refused_is_told_together_with_why() {
    let stage = running().await;
    annotate(&stage, REPLICAS, "many");
    stage.pass().await.unwrap();
    assert_eq!(observed(&stage, REPLICAS).as_deref(), Some("many"));
    assert_eq!(stage.condition("Ready"), "False/SpecInvalid");
}

#[tokio::test]
async fn an_annotation_that_is_removed_is_told_no_more() {
    let stage = running().await;
    annotate(&stage, REPLICAS, "3");
    stage.pass().await.unwrap();
    stage.edit(|workload| workload.metadata.annotations = None);
    stage.pass().await.unwrap();
    assert_eq!(observed(&stage, REPLICAS), None);
}

#[tokio::test]
async fn annotations_of_others_are_not_repeated_and_take_ready_away_only_if_they_reach_what_runs() {
    let stage = running().await;
    annotate(&stage, "kubectl.kubernetes.io/last-applied-configuration", "{}");
    assert_eq!(stage.pass().await.unwrap(), 0);
    annotate(&stage, "example.com/team", "shop");
    stage.pass().await.unwrap();
    assert_eq!(stage.condition("Ready"), "False/RuntimeProvisioning");
    assert!(stage.status().observed_annotations.is_empty());
}
