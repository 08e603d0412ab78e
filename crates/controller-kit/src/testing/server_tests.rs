use api_types::{Workload, WorkloadSpec};
use futures::StreamExt as _;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::ConfigMap};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
    runtime::{
        WatchStreamExt as _,
        finalizer::{Event, finalizer},
        watcher,
    },
};
use serde_json::json;

use super::*;

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name, "namespace": "team"}})).unwrap()
}

fn maps(server: &TestApiServer) -> Api<ConfigMap> {
    Api::namespaced(server.client(), "team")
}

fn code<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> (u16, String) {
    match result.unwrap_err() {
        kube::Error::Api(status) => (status.code, status.reason),
        other => panic!("{other} is no answer of the server"),
    }
}

#[tokio::test]
async fn an_object_gets_what_only_the_server_gives() {
    let server = TestApiServer::new();
    let created = maps(&server).create(&PostParams::default(), &map("a")).await.unwrap();
    assert_eq!(created.resource_version().as_deref(), Some("2"));
    assert!(created.uid().is_some() && created.creation_timestamp().is_some());
    assert_eq!(created.metadata.generation, None);
    assert_eq!(server.get("team", "a"), Some(created));
}

#[tokio::test]
async fn what_is_missing_or_there_already_is_an_error() {
    let server = TestApiServer::new();
    assert_eq!(code(maps(&server).get("a").await), (404, "NotFound".into()));
    server.insert(map("a"));
    assert_eq!(
        code(maps(&server).create(&PostParams::default(), &map("a")).await),
        (409, "AlreadyExists".into())
    );
}

#[tokio::test]
async fn a_replace_of_an_old_version_is_a_conflict() {
    let server = TestApiServer::new();
    let old = server.insert(map("a"));
    server.modify("team", "a", |map: &mut ConfigMap| map.data = Some([("k".into(), "v".into())].into()));
    assert_eq!(
        code(maps(&server).replace("a", &PostParams::default(), &old).await),
        (409, "Conflict".into())
    );
}

#[tokio::test]
async fn names_are_validated() {
    let server = TestApiServer::new();
    let apply = Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap"}));
    assert_eq!(
        code(maps(&server).patch("Not_A_Name", &PatchParams::apply("m"), &apply).await),
        (422, "Invalid".into())
    );
    let mut labelled = map("a");
    labelled.labels_mut().insert("key".into(), "not a value".into());
    assert_eq!(code(maps(&server).create(&PostParams::default(), &labelled).await), (422, "Invalid".into()));
}

fn workload(server: &TestApiServer) -> Workload {
    let mut workload = Workload::new("web", WorkloadSpec::default());
    workload.metadata.namespace = Some("team".into());
    server.insert(workload)
}

#[tokio::test]
async fn the_generation_counts_changes_of_the_spec_alone() {
    let server = TestApiServer::new();
    assert_eq!(workload(&server).metadata.generation, Some(1));
    let api: Api<Workload> = Api::namespaced(server.client(), "team");
    let status = Patch::Merge(json!({"status": {"endpoint": "http://x"}, "spec": {"profile": "ignored"}}));
    let changed = api.patch_status("web", &PatchParams::default(), &status).await.unwrap();
    assert_eq!((changed.metadata.generation, changed.spec.profile), (Some(1), None));
    let labels = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}));
    assert_eq!(
        api.patch("web", &PatchParams::default(), &labels).await.unwrap().metadata.generation,
        Some(1)
    );
    let spec = Patch::Merge(json!({"spec": {"profile": "p"}, "status": {"endpoint": "ignored"}}));
    let changed = api.patch("web", &PatchParams::default(), &spec).await.unwrap();
    assert_eq!(changed.metadata.generation, Some(2));
    assert_eq!(changed.status.unwrap().endpoint.as_deref(), Some("http://x"));
}

#[tokio::test]
async fn what_changes_nothing_gets_no_new_version() {
    let server = TestApiServer::new();
    let apply = Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"}}));
    let one = maps(&server).patch("a", &PatchParams::apply("m"), &apply).await.unwrap();
    let two = maps(&server).patch("a", &PatchParams::apply("m"), &apply).await.unwrap();
    assert_eq!(one, two);
}

#[tokio::test]
async fn each_manager_gives_up_only_its_own_fields() {
    let server = TestApiServer::new();
    let data = |data| Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data}));
    let api = maps(&server);
    api.patch("a", &PatchParams::apply("one"), &data(json!({"a": "1", "b": "1"}))).await.unwrap();
    api.patch("a", &PatchParams::apply("two"), &data(json!({"c": "2"}))).await.unwrap();
    let map = api.patch("a", &PatchParams::apply("one"), &data(json!({"b": "1"}))).await.unwrap();
    assert_eq!(map.data.unwrap().into_keys().collect::<Vec<_>>(), ["b", "c"]);
}

#[tokio::test]
async fn an_apply_with_the_uid_of_what_is_gone_is_a_conflict() {
    let server = TestApiServer::new();
    let apply = Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"uid": "gone"}}));
    assert_eq!(
        code(maps(&server).patch("a", &PatchParams::apply("m"), &apply).await),
        (409, "Conflict".into())
    );
}

#[tokio::test]
async fn a_finalizer_holds_an_object_until_it_is_removed() {
    let server = TestApiServer::new();
    let api = maps(&server);
    let added = || async {
        let map = api.get("a").await.unwrap();
        finalizer(&api, "score.dev/test", map.into(), async |event| match event {
            Event::Apply(_) | Event::Cleanup(_) => {
                Ok::<_, kube::Error>(kube::runtime::controller::Action::await_change())
            }
        })
        .await
        .unwrap();
    };
    server.insert(map("a"));
    added().await;
    assert_eq!(api.get("a").await.unwrap().finalizers(), ["score.dev/test"]);
    api.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(api.get("a").await.unwrap().metadata.deletion_timestamp.is_some());
    added().await;
    assert_eq!(api.get_opt("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_deletion_may_be_meant_for_one_object_only() {
    let server = TestApiServer::new();
    server.insert(map("a"));
    let other = Preconditions { uid: Some("other".into()), resource_version: None };
    let parameters = DeleteParams { preconditions: Some(other), ..DeleteParams::default() };
    assert_eq!(code(maps(&server).delete("a", &parameters).await), (409, "Conflict".into()));
}

#[tokio::test]
async fn a_list_is_of_one_namespace_or_all_and_of_what_is_selected() {
    let server = TestApiServer::new();
    let mut labelled = map("b");
    labelled.labels_mut().insert("app".into(), "web".into());
    server.insert(map("a"));
    server.insert(labelled);
    let mut elsewhere = map("c");
    elsewhere.metadata.namespace = Some("other".into());
    server.insert(elsewhere);
    let selected = ListParams::default().labels("app=web");
    assert_eq!(maps(&server).list(&selected).await.unwrap().items.len(), 1);
    assert_eq!(maps(&server).list(&ListParams::default()).await.unwrap().items.len(), 2);
    let all: Api<ConfigMap> = Api::all(server.client());
    assert_eq!(all.list(&ListParams::default()).await.unwrap().items.len(), 3);
}

#[tokio::test]
async fn a_watch_shows_every_step_in_order() {
    let server = TestApiServer::new();
    server.insert(map("a"));
    let events = watcher(maps(&server), watcher::Config::default()).default_backoff();
    let mut events = std::pin::pin!(events.filter_map(async |event| event.ok()));
    let mut next = async || match events.next().await.unwrap() {
        watcher::Event::Init => "init".to_owned(),
        watcher::Event::InitDone => "done".to_owned(),
        watcher::Event::InitApply(map) => format!("list {}", map.name_any()),
        watcher::Event::Apply(map) => format!("apply {}", map.name_any()),
        watcher::Event::Delete(map) => format!("delete {}", map.name_any()),
    };
    assert_eq!([next().await, next().await, next().await], ["init", "list a", "done"]);
    server.insert(map("b"));
    assert_eq!(next().await, "apply b");
    server.remove::<ConfigMap>("team", "a");
    server.insert(map("c"));
    assert_eq!([next().await, next().await], ["delete a", "apply c"]);
}

#[tokio::test]
async fn a_lease_can_be_taken_and_given_up() {
    let server = TestApiServer::new();
    let election = k8s_controller::LeaderElection::new(server.client(), "team", "lease", "me");
    election.with_lease(async {}).await.unwrap();
    let lease: Lease = server.get("team", "lease").unwrap();
    assert!(lease.spec.unwrap().holder_identity.unwrap_or_default().is_empty());
}

#[tokio::test]
async fn discovery_names_what_is_served() {
    let server = TestApiServer::new();
    assert!(kube::discovery::group(&server.client(), "score.dev").await.is_err());
    server.serve::<Workload>();
    let group = kube::discovery::group(&server.client(), "score.dev").await.unwrap();
    assert_eq!(group.recommended_kind("Workload").unwrap().0.plural, "workloads");
}
