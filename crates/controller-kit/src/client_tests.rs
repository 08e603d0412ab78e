use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchParams},
    client::ClientBuilder,
};
use serde_json::json;

use super::*;
use crate::testing::TestApiServer;

fn measured() -> (Client, Registry) {
    let registry = Registry::new();
    let metrics = ApiMetrics::register(&registry).unwrap();
    let server = TestApiServer::new().client();
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move { server.send(request).await }
    });
    (ClientBuilder::new(service, "default").with_layer(&metrics).build(), registry)
}

fn counted(registry: &Registry) -> Vec<String> {
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("score_api_requests_total"));
    lines.map(|line| line.replace('"', "")).collect()
}

#[tokio::test]
async fn each_verb_is_counted_by_kind_and_never_by_name() {
    let (client, registry) = measured();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "team");
    let deployments: Api<Deployment> = Api::namespaced(client, "team");
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "secret-name"}})).unwrap();

    maps.create(&PostParams::default(), &map).await.unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap_err();
    maps.get("secret-name").await.unwrap();
    maps.list(&ListParams::default()).await.unwrap();
    maps.replace("secret-name", &PostParams::default(), &map).await.unwrap();
    let _ = maps.watch(&WatchParams::default(), "0").await.unwrap();
    let apply = Patch::Apply(json!({"apiVersion": "apps/v1", "kind": "Deployment"}));
    deployments.patch("secret-name", &PatchParams::apply("test"), &apply).await.unwrap();
    deployments.patch_status("secret-name", &PatchParams::default(), &Patch::Merge(json!({}))).await.unwrap();
    maps.delete("secret-name", &DeleteParams::default()).await.unwrap();

    assert_eq!(
        counted(&registry),
        [
            "{code=200,resource=configmaps,verb=delete} 1",
            "{code=200,resource=configmaps,verb=get} 1",
            "{code=200,resource=configmaps,verb=list} 1",
            "{code=200,resource=configmaps,verb=update} 1",
            "{code=200,resource=configmaps,verb=watch} 1",
            "{code=200,resource=deployments.apps/status,verb=patch} 1",
            "{code=201,resource=configmaps,verb=create} 1",
            "{code=201,resource=deployments.apps,verb=apply} 1",
            "{code=409,resource=configmaps,verb=create} 1",
        ]
    );
}

#[tokio::test]
async fn a_request_without_answer_is_counted_as_an_error() {
    let registry = Registry::new();
    let metrics = ApiMetrics::register(&registry).unwrap();
    let service = tower::service_fn(async |_: Request<Body>| {
        Err::<Response<Body>, _>(tower::BoxError::from("unreachable"))
    });
    let client = ClientBuilder::new(service, "default").with_layer(&metrics).build();
    client.apiserver_version().await.unwrap_err();
    assert_eq!(counted(&registry), ["{code=error,resource=discovery,verb=get} 1"]);
}

#[tokio::test]
async fn the_time_to_the_answer_is_measured() {
    let (client, registry) = measured();
    client.apiserver_version().await.unwrap();
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(
        text.contains(r#"score_api_request_duration_seconds_count{resource="discovery",verb="get"} 1"#),
        "{text}"
    );
}

#[test]
fn two_clients_cannot_count_in_one_registry_by_mistake() {
    let registry = Registry::new();
    ApiMetrics::register(&registry).unwrap();
    ApiMetrics::register(&registry).unwrap_err();
}
