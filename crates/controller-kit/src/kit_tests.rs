use std::{pin::pin, sync::Mutex, time::Duration};

use futures::StreamExt as _;
use k8s_controller::TraceMetadata;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{ResourceExt as _, runtime::controller::Action};
use prometheus::TextEncoder;
use serde_json::json;
use tokio::sync::mpsc;

use super::*;
use crate::testing::TestApiServer;

fn kit(server: &TestApiServer) -> (Kit, mpsc::Sender<()>) {
    server.kit("score-test")
}

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name, "namespace": "team"}})).unwrap()
}

/// Writes a copy of each ConfigMap, and stops the process when there is `last`.
struct Copy {
    applier: Applier,
    cache: Cache<ConfigMap>,
    stop: Mutex<Option<mpsc::Sender<()>>>,
}

#[async_trait::async_trait]
impl Context for Copy {
    type Resource = ConfigMap;
    type Error = kube::Error;

    async fn apply(
        &self,
        _: Client,
        map: &ConfigMap,
        _: &mut TraceMetadata,
    ) -> Result<Option<Action>, kube::Error> {
        if map.name_any() == "last" {
            self.stop.lock().unwrap().take();
        } else if !map.name_any().starts_with("copy-") {
            let mut copy = ConfigMap::default();
            copy.metadata.name = Some(format!("copy-{}", map.name_any()));
            copy.metadata.namespace = map.namespace();
            let live = self.cache.get("team", &copy.name_any());
            if let Some(written) = self.applier.apply(copy, live.as_deref()).await?.written() {
                self.cache.record(written);
            }
        }
        Ok(Some(Action::await_change()))
    }
}

#[tokio::test]
async fn a_controller_reconciles_each_object_is_measured_and_ends_when_asked_to() {
    let server = TestApiServer::new();
    server.insert(map("a"));
    let (kit, stop) = kit(&server);
    let (cache, triggers) = kit.watch(kit.api::<ConfigMap>(), watcher::Config::default(), |_| ());
    let context = Copy { applier: kit.applier(), cache: cache.clone(), stop: Mutex::new(Some(stop)) };
    let observer = async {
        while server.get::<ConfigMap>("team", "copy-a").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.insert(map("last"));
    };
    let triggers = runtime::Controller::for_stream(triggers, cache.store());
    tokio::join!(kit.run_controller(context, triggers), observer);

    let text = TextEncoder::new().encode_to_string(&kit.registry.gather()).unwrap();
    let passes =
        r#"score_reconciliations_total{controller="score-test",outcome="completed",phase="apply"} 3"#;
    assert!(text.contains(passes), "{text}");
    assert_eq!(server.writes().len(), 1);
    let lists = server
        .requests()
        .iter()
        .filter(|request| !request.is_write() && !request.query.contains_key("watch"))
        .count();
    assert_eq!(lists, 1, "one watch serves the trigger and the cache");
}

#[tokio::test]
async fn a_kit_works_in_the_one_namespace_that_was_given() {
    let (all, _stop) = kit(&TestApiServer::new());
    let one = Kit { namespace: Some("team".to_owned()), ..all.clone() };
    assert_eq!(all.api::<ConfigMap>().resource_url(), "/api/v1/configmaps");
    assert_eq!(one.api::<ConfigMap>().resource_url(), "/api/v1/namespaces/team/configmaps");
}

#[tokio::test]
async fn a_process_is_not_ready_before_its_caches_are() {
    let server = TestApiServer::new();
    server.insert(map("a"));
    let (kit, _stop) = kit(&server);
    let (cache, triggers) = kit.watch(kit.api::<ConfigMap>(), watcher::Config::default(), |_| ());
    assert!(kit.readiness.closed()[0].contains("configmaps"), "{:?}", kit.readiness.closed());
    pin!(triggers).next().await.unwrap().unwrap();
    cache.ready().await.unwrap();
    while !kit.readiness.closed().is_empty() {
        tokio::task::yield_now().await;
    }
}
