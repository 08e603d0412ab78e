//! Namespaces before and after each turn: there, and empty.

use std::time::{Duration, Instant};

use api_types::Workload;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Service, ServiceAccount};
use kube::api::{DeleteParams, DynamicObject, ListParams, ObjectMeta, PostParams};
use kube::{Api, Client, Resource};
use podset_types::ScheduleTrigger;

use crate::error::BenchError;
use crate::kinds::{dynamic, everything, of_pod_sets};
use crate::progress::{INTERVAL, say};

/// How long the garbage collector may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Makes `name` a namespace in which pods can be created.
pub(crate) async fn ensure_namespace(client: &Client, name: &str) -> Result<(), BenchError> {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    match Api::all(client.clone()).create(&PostParams::default(), &namespace).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        result => drop(result.map_err(BenchError::api(format!("create namespace {name}")))?),
    }
    // Until then pods are refused.
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), name);
    let found =
        || async { accounts.get_opt("default").await.map(|account| account.is_none().then_some("none yet")) };
    wait_until_none(&format!("the default ServiceAccount of {name}"), found).await
}

/// Deletes what the controllers' user makes and waits until everything that came of it is gone, too.
pub(crate) async fn delete_workloads(client: &Client, namespace: &str) -> Result<(), BenchError> {
    delete_all::<Workload>(client, namespace).await?;
    wait_until_empty(client, namespace).await
}

/// Deletes what the other writers make and waits until everything that came of it is gone, too.
pub(crate) async fn delete_everything(client: &Client, namespace: &str) -> Result<(), BenchError> {
    delete_all::<Workload>(client, namespace).await?;
    delete_all::<Deployment>(client, namespace).await?;
    delete_all::<Service>(client, namespace).await?;
    wait_until_empty(client, namespace).await
}

/// Deletes pod sets and pods that stand for them, and waits until everything that came of them is gone, too.
pub(crate) async fn delete_pod_sets(client: &Client, namespace: &str) -> Result<(), BenchError> {
    delete_all::<Deployment>(client, namespace).await?;
    delete_all::<ScheduleTrigger>(client, namespace).await?;
    wait_until_gone(namespace, &of_pod_sets(client, namespace)).await
}

async fn delete_all<K: Resource<DynamicType = ()>>(
    client: &Client,
    namespace: &str,
) -> Result<(), BenchError> {
    let api = dynamic::<K>(client, namespace);
    let deleted = api.delete_collection(&DeleteParams::background(), &ListParams::default()).await;
    deleted.map(drop).map_err(BenchError::api(format!("delete every {} in {namespace}", K::kind(&()))))
}

async fn wait_until_empty(client: &Client, namespace: &str) -> Result<(), BenchError> {
    wait_until_gone(namespace, &everything(client, namespace)).await
}

async fn wait_until_gone(
    namespace: &str,
    all: &[(&'static str, Api<DynamicObject>)],
) -> Result<(), BenchError> {
    wait_until_none(&format!("that namespace {namespace} is empty"), || first_kind_left(all)).await
}

async fn first_kind_left(
    all: &[(&'static str, Api<DynamicObject>)],
) -> Result<Option<&'static str>, kube::Error> {
    let one = ListParams::default().limit(1);
    for (kind, api) in all {
        if !api.list_metadata(&one).await?.items.is_empty() {
            return Ok(Some(*kind));
        }
    }
    Ok(None)
}

/// Waits for `what` until `left` says that nothing is left to wait for.
pub(crate) async fn wait_until_none<F>(what: &str, left: impl Fn() -> F) -> Result<(), BenchError>
where
    F: Future<Output = Result<Option<&'static str>, kube::Error>>,
{
    let began = Instant::now();
    let mut said = began;
    while let Some(kind) = left().await.map_err(BenchError::api(format!("wait for {what}")))? {
        if began.elapsed() > PATIENCE {
            let hint = "see the controller manager's log".to_owned();
            return Err(BenchError::Timeout {
                what: format!("no {what}: {kind}"),
                seconds: PATIENCE.as_secs(),
                hint,
            });
        }
        if said.elapsed() >= INTERVAL {
            said = Instant::now();
            say(&format!("waiting for {what}: {kind} left after {} s", began.elapsed().as_secs()));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
