use api_types::{Workload, WorkloadSpec, WorkloadStatus};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Node},
};

use kube::core::{ApiResource, DynamicObject};

use super::*;
use crate::testing::TestApiServer;

fn setup() -> (TestApiServer, Applier) {
    let server = TestApiServer::new();
    let applier = Applier::new(server.client(), "score-test");
    (server, applier)
}

fn map(data: Value) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": "a", "namespace": "team"}, "data": data})).unwrap()
}

async fn write(applier: &Applier, desired: ConfigMap, live: Option<&ConfigMap>) -> ConfigMap {
    applier.apply(desired, live).await.unwrap().written().expect("should have written")
}

#[tokio::test]
async fn what_does_not_exist_is_created_by_a_forced_apply_of_the_manager() {
    let (server, applier) = setup();
    let written = write(&applier, map(json!({"k": "v"})), None).await;
    assert_eq!(written.annotations()[ANNOTATION_APPLIED].len(), 16);
    let [request] = server.writes().try_into().unwrap();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("PATCH", "/api/v1/namespaces/team/configmaps/a")
    );
    assert_eq!(
        (request.query["fieldManager"].as_str(), request.query["force"].as_str()),
        ("score-test", "true")
    );
    assert_eq!((&request.body["apiVersion"], &request.body["kind"]), (&json!("v1"), &json!("ConfigMap")));
}

#[tokio::test]
async fn what_is_as_desired_is_not_written_again() {
    let (server, applier) = setup();
    let live = write(&applier, map(json!({"k": "v"})), None).await;
    assert!(!applier.would_write(&map(json!({"k": "v"})), Some(&live)).unwrap());
    assert_eq!(applier.apply(map(json!({"k": "v"})), Some(&live)).await.unwrap(), Applied::Unchanged);
    assert_eq!(server.writes().len(), 1);
}

#[tokio::test]
async fn a_changed_field_is_written() {
    let (_server, applier) = setup();
    assert!(applier.would_write(&map(json!({"k": "v"})), None).unwrap());
    let live = write(&applier, map(json!({"k": "v"})), None).await;
    assert!(applier.would_write(&map(json!({"k": "w"})), Some(&live)).unwrap());
    let written = write(&applier, map(json!({"k": "w"})), Some(&live)).await;
    assert_eq!(written.data.unwrap()["k"], "w");
}

#[tokio::test]
async fn a_field_that_was_left_to_others_stays_when_it_is_no_longer_wanted() {
    let (server, applier) = setup();
    let live = write(&applier, map(json!({"left": "1", "kept": "2"})), None).await;
    applier.leave(&live, json!({"data": {"left": "1"}})).await.unwrap();
    let live = write(&applier, map(json!({"kept": "2"})), Some(&live)).await;
    assert_eq!(live.data, Some([("kept".into(), "2".into()), ("left".into(), "1".into())].into()));
    server.modify("team", "a", |map: &mut ConfigMap| {
        map.data.get_or_insert_default().insert("left".into(), "3".into());
    });
    let live: ConfigMap = server.get("team", "a").unwrap();
    assert_eq!(applier.apply(map(json!({"kept": "2"})), Some(&live)).await.unwrap(), Applied::Unchanged);
}

#[tokio::test]
async fn a_field_that_is_no_longer_wanted_is_removed() {
    let (server, applier) = setup();
    let live = write(&applier, map(json!({"old": "1", "kept": "2"})), None).await;
    write(&applier, map(json!({"kept": "2"})), Some(&live)).await;
    let stored: ConfigMap = server.get("team", "a").unwrap();
    assert_eq!(stored.data.unwrap().into_keys().collect::<Vec<_>>(), ["kept"]);
}

#[tokio::test]
async fn drift_is_repaired() {
    let (server, applier) = setup();
    write(&applier, map(json!({"k": "v"})), None).await;
    let drifted: ConfigMap = server
        .modify("team", "a", |map: &mut ConfigMap| map.data = Some([("k".into(), "x".into())].into()))
        .unwrap();
    write(&applier, map(json!({"k": "v"})), Some(&drifted)).await;
    assert_eq!(server.get::<ConfigMap>("team", "a").unwrap().data.unwrap()["k"], "v");
}

#[tokio::test]
async fn what_others_add_stays_and_causes_no_write() {
    let (server, applier) = setup();
    write(&applier, map(json!({"k": "v"})), None).await;
    let live = server
        .modify("team", "a", |map: &mut ConfigMap| {
            map.data.get_or_insert_default().insert("theirs".into(), "x".into());
            map.annotations_mut().insert("theirs".into(), "y".into());
        })
        .unwrap();
    assert_eq!(applier.apply(map(json!({"k": "v"})), Some(&live)).await.unwrap(), Applied::Unchanged);
    write(&applier, map(json!({"k": "w"})), Some(&live)).await;
    assert_eq!(server.get::<ConfigMap>("team", "a").unwrap().data.unwrap()["theirs"], "x");
}

#[tokio::test]
async fn an_object_that_somebody_else_made_is_taken_over() {
    let (server, applier) = setup();
    let live = server.insert(map(json!({"k": "v"})));
    let written = write(&applier, map(json!({"k": "v"})), Some(&live)).await;
    assert!(written.annotations().contains_key(ANNOTATION_APPLIED));
}

#[tokio::test]
async fn the_status_is_never_in_an_apply_of_the_object() {
    let (server, applier) = setup();
    let mut workload = Workload::new("web", WorkloadSpec::default());
    workload.metadata.namespace = Some("team".into());
    workload.status = Some(WorkloadStatus::default());
    let _ = applier.apply(workload, None).await.unwrap();
    assert_eq!(server.writes()[0].body.get("status"), None);
}

#[tokio::test]
async fn defaults_of_the_api_server_cause_no_write() {
    let (server, applier) = setup();
    let desired: Deployment = serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "team"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"spec": {"containers": [
                {"name": "web", "image": "i", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1000m"}}},
            ]}},
        },
    }))
    .unwrap();
    let _ = applier.apply(desired.clone(), None).await.unwrap();
    let live = server.modify("team", "web", |deployment: &mut Deployment| {
        let spec = deployment.spec.as_mut().unwrap();
        spec.replicas = Some(1);
        let pod = spec.template.spec.as_mut().unwrap();
        pod.restart_policy = Some("Always".into());
        pod.containers[0].ports.as_mut().unwrap()[0].protocol = Some("TCP".into());
        let limits = pod.containers[0].resources.as_mut().unwrap().limits.as_mut().unwrap();
        limits.get_mut("cpu").unwrap().0 = "1".into();
    });
    assert_eq!(applier.apply(desired, live.as_ref()).await.unwrap(), Applied::Unchanged);
}

#[tokio::test]
async fn kinds_without_namespace_are_written_too() {
    let (server, applier) = setup();
    let node: Node = serde_json::from_value(json!({"metadata": {"name": "n"}})).unwrap();
    let _ = applier.apply(node, None).await.unwrap();
    assert_eq!(server.writes()[0].path, "/api/v1/nodes/n");
}

#[tokio::test]
async fn what_is_created_is_as_if_applied() {
    let (server, applier) = setup();
    let Created::Written(created) = applier.create(map(json!({"k": "v", "old": "1"}))).await.unwrap() else {
        panic!("nothing should be in the way");
    };
    assert_ne!(created.metadata.resource_version.as_deref(), Some(NEVER));
    assert_eq!(server.writes()[0].query["fieldManager"], "score-test");
    assert_eq!(
        applier.apply(map(json!({"k": "v", "old": "1"})), Some(&created)).await.unwrap(),
        Applied::Unchanged
    );
    write(&applier, map(json!({"k": "v"})), Some(&created)).await;
    let stored: ConfigMap = server.get("team", "a").unwrap();
    assert_eq!(stored.data.unwrap().into_keys().collect::<Vec<_>>(), ["k"]);
}

#[tokio::test]
async fn what_somebody_else_made_a_moment_ago_is_not_created_over() {
    let (server, applier) = setup();
    let theirs = server.insert(map(json!({"k": "theirs"})));
    assert_eq!(applier.create(map(json!({"k": "v"}))).await.unwrap(), Created::InTheWay);
    assert_eq!(server.get::<ConfigMap>("team", "a"), Some(theirs));
}

#[tokio::test]
async fn a_refused_creation_is_an_error() {
    let (server, applier) = setup();
    server.fail_next(|request| request.is_write(), 403);
    applier.create(map(json!({}))).await.unwrap_err();
}

#[tokio::test]
async fn a_kind_that_is_known_only_at_run_time_is_created_applied_and_deleted() {
    let (server, applier) = setup();
    let kind = ApiResource::erase::<ConfigMap>(&());
    let object = |data: Value| -> DynamicObject {
        serde_json::from_value(json!({"metadata": {"name": "a", "namespace": "team"}, "data": data})).unwrap()
    };
    let Created::Written(live) = applier.create_as(&kind, object(json!({"k": "v"}))).await.unwrap() else {
        panic!("nothing should be in the way");
    };
    let unchanged = applier.apply_as(&kind, object(json!({"k": "v"})), Some(&live)).await.unwrap();
    assert_eq!(unchanged, Applied::Unchanged);
    let live =
        applier.apply_as(&kind, object(json!({"k": "w"})), Some(&live)).await.unwrap().written().unwrap();
    assert_eq!(server.get::<ConfigMap>("team", "a").unwrap().data.unwrap()["k"], "w");
    applier.delete_as(&kind, &live).await.unwrap();
    assert!(server.list::<ConfigMap>().is_empty());
}

fn workload() -> Workload {
    let mut workload = Workload::new("web", WorkloadSpec::default());
    workload.metadata.namespace = Some("team".into());
    workload
}

fn status(generation: i64) -> WorkloadStatus {
    WorkloadStatus { observed_generation: Some(generation), ..WorkloadStatus::default() }
}

#[tokio::test]
async fn a_status_is_applied_to_its_subresource_and_only_when_it_differs() {
    let (server, applier) = setup();
    let workload = server.insert(workload());
    let written = applier.apply_status(&workload, &status(1), None).await.unwrap().written().unwrap();
    let request = &server.writes()[0];
    assert_eq!(request.path, "/apis/score.dev/v1b1/namespaces/team/workloads/web/status");
    assert_eq!(request.query["fieldManager"], "score-test");
    let live = written.status.unwrap();
    let again = applier.apply_status(&workload, &status(1), Some(&live)).await.unwrap();
    assert_eq!((again, server.writes().len()), (Applied::Unchanged, 1));
}

#[tokio::test]
async fn a_status_does_not_reach_an_object_that_was_recreated() {
    let (server, applier) = setup();
    let old = server.insert(workload());
    server.remove::<Workload>("team", "web");
    server.insert(workload());
    let error = applier.apply_status(&old, &status(1), None).await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.is_conflict()));
}

#[tokio::test]
async fn a_status_creates_nothing() {
    let (server, applier) = setup();
    let gone = server.insert(workload());
    server.remove::<Workload>("team", "web");
    let error = applier.apply_status(&gone, &status(1), None).await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.is_not_found()));
    assert!(server.list::<Workload>().is_empty());
}

#[tokio::test]
async fn what_is_gone_already_is_deleted() {
    let (server, applier) = setup();
    let map = server.insert(map(json!({})));
    applier.delete(&map).await.unwrap();
    assert!(server.list::<ConfigMap>().is_empty());
    applier.delete(&map).await.unwrap();
}

#[tokio::test]
async fn what_must_be_gone_with_all_it_owns_stays_until_then() {
    let (server, applier) = setup();
    let map = server.insert(map(json!({})));
    applier.delete_after_dependents(&map).await.unwrap();
    let marked: ConfigMap = server.get("team", "a").unwrap();
    assert!(marked.metadata.deletion_timestamp.is_some());
    applier.delete_after_dependents(&marked).await.unwrap();
    server.collect_garbage();
    assert_eq!(server.get::<ConfigMap>("team", "a"), None);
    applier.delete_after_dependents(&marked).await.unwrap();
}

#[tokio::test]
async fn a_successor_of_the_same_name_is_not_deleted() {
    let (server, applier) = setup();
    let old = server.insert(map(json!({})));
    server.remove::<ConfigMap>("team", "a");
    server.insert(map(json!({})));
    applier.delete(&old).await.unwrap();
    assert_eq!(server.list::<ConfigMap>().len(), 1);
}

#[tokio::test]
async fn what_has_changed_is_not_deleted_if_this_version_alone_is_meant() {
    let (server, applier) = setup();
    let old = server.insert(map(json!({})));
    server.modify("team", "a", |map: &mut ConfigMap| map.data = None);
    let new: ConfigMap = server.get("team", "a").unwrap();
    assert!(!applier.delete_unchanged(&old).await.unwrap());
    assert!(applier.delete_unchanged(&new).await.unwrap());
    assert!(server.list::<ConfigMap>().is_empty());
    assert!(applier.delete_unchanged(&new).await.unwrap(), "it is gone");
}

#[tokio::test]
async fn a_refusal_is_an_error() {
    let (server, applier) = setup();
    let live = server.insert(map(json!({})));
    server.fail_next(|request| request.is_write(), 403);
    applier.apply(map(json!({"k": "v"})), None).await.unwrap_err();
    server.fail_next(|request| request.is_write(), 500);
    applier.delete(&live).await.unwrap_err();
}

#[test]
fn an_owner_is_referred_to_by_kind_name_and_uid() {
    let mut workload = workload();
    workload.metadata.uid = Some("u".into());
    let reference = serde_json::to_value(owner_reference(&workload)).unwrap();
    assert_eq!(
        reference,
        json!({
            "apiVersion": "score.dev/v1b1", "kind": "Workload", "name": "web", "uid": "u",
            "controller": true, "blockOwnerDeletion": true,
        })
    );
}
