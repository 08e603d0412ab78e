//! The controllers: their pods, logs, metrics and restarts.

use std::collections::BTreeMap;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, LogParams};
use kube::{Client, ResourceExt as _};

use crate::Result;

/// The namespace that the charts are installed in.
pub const NAMESPACE: &str = "score-system";
/// The controllers, by the name of their Deployment, service account, lease and field manager.
pub const NAMES: [&str; 4] = [
    "score-orchestrator",
    "score-provisioner-postgres",
    "score-provisioner-template",
    "score-runtime-kubernetes",
];

/// The controller of pod sets, likewise. A system of its own, in [a namespace of its own](namespace_of).
pub const PLANNER: &str = "planner-controller-manager";

/// The namespace that a controller is installed in.
pub fn namespace_of(controller: &str) -> &'static str {
    if controller == PLANNER { "planner-system" } else { NAMESPACE }
}

/// The pods of a controller that are not being deleted.
///
/// # Errors
/// The API server does not answer.
pub async fn pods(client: &Client, controller: &str) -> Result<Vec<Pod>> {
    let selector = ListParams::default().labels(&format!("app.kubernetes.io/name={controller}"));
    let mut pods =
        Api::<Pod>::namespaced(client.clone(), namespace_of(controller)).list(&selector).await?.items;
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    Ok(pods)
}

/// How often each controller's containers were restarted, by pod name: unequal before and after means that one
/// crashed or was replaced.
///
/// # Errors
/// The API server does not answer.
pub async fn restarts(client: &Client) -> Result<BTreeMap<String, i32>> {
    let mut counts = BTreeMap::new();
    for controller in NAMES {
        for pod in pods(client, controller).await? {
            counts.insert(pod.name_any(), restart_count(&pod));
        }
    }
    Ok(counts)
}

/// How often the containers of a pod were restarted.
pub fn restart_count(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    statuses.into_iter().flatten().map(|status| status.restart_count).sum()
}

/// What a controller answers to `GET path`, through the API server.
///
/// # Errors
/// It has no pod, or does not answer with a status of 200.
pub async fn get(client: &Client, controller: &str, path: &str) -> Result<String> {
    let pods = pods(client, controller).await?;
    let pod = pods.first().with_context(|| format!("{controller} has no pod"))?.name_any();
    let namespace = namespace_of(controller);
    let uri = format!("/api/v1/namespaces/{namespace}/pods/{pod}:8080/proxy{path}");
    let request = http::Request::get(&uri).body(Vec::new())?;
    client.request_text(request).await.with_context(|| format!("{controller} does not answer to GET {path}"))
}

/// The last log lines of each of these controllers, for a failed test to show.
pub async fn last_log_lines(client: &Client, controllers: &[&str], lines: i64) -> String {
    let mut text = String::new();
    let params = LogParams { tail_lines: Some(lines), ..LogParams::default() };
    for controller in controllers {
        let api: Api<Pod> = Api::namespaced(client.clone(), namespace_of(controller));
        for pod in pods(client, controller).await.unwrap_or_default() {
            let log = api.logs(&pod.name_any(), &params).await.unwrap_or_else(|error| error.to_string());
            text += &format!("--- {} (restarted {} times)\n{log}\n", pod.name_any(), restart_count(&pod));
        }
    }
    text
}
