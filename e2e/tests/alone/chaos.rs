//! The controllers die at random moments, and it makes no difference.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use api_types::Workload;
use e2e::killer::{Killer, PATIENCE, Pace};
use e2e::{Context, Result, alone, apply, controllers, inventory, sample, secrets, traces, wait};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::json;

const WORKLOADS: usize = 20;
const WITH_DATABASE: usize = 4;
const AT_ONCE: usize = 5;
const PACE: Pace = Pace { kills: 5, longest_pause: 8.0 };

#[tokio::test]
async fn controllers_that_are_killed_at_any_moment_make_no_difference() -> Result {
    let seed = e2e::seed::seed()?;
    alone("chaos", async |context: Context| {
        let mut killer = Killer::new(&context.client, &controllers::NAMES, seed);
        let before = inventory::made_in(&context.client, &context.namespace).await?;

        killer.during("creation", PACE, create(&context)).await?;
        let databases = databases(&context).await?;
        killer.during("update", PACE, update(&context)).await?;
        ensure!(databases_are(&context, &databases).await?, "a database is not what it was");
        killer.all_are_back().await?;
        secrets::stay_in_their_secret(&context).await?;
        killer.during("deletion", PACE, delete(&context)).await?;
        wait::eventually("nothing is left behind", PATIENCE, async || {
            let now = inventory::made_in(&context.client, &context.namespace).await?;
            let volumes = inventory::volumes_of(&context.client, &context.namespace).await?;
            Ok((now == before && volumes.is_empty()).then_some(()))
        })
        .await?;
        killer.has_killed_processes()?;
        killer.all_are_back().await
    })
    .await
}

fn names() -> impl Iterator<Item = String> {
    (0..WORKLOADS).map(|number| format!("chaos-{number:02}"))
}

fn names_with_database() -> impl Iterator<Item = String> {
    names().take(WITH_DATABASE)
}

/// One of the examples under another name.
fn manifest(name: &str) -> Result<String> {
    let example = if names_with_database().any(|with| with == name) { "node-postgres" } else { "hello" };
    let text = apply::repository_file(&format!("docs/examples/{example}/workload.yaml"))?;
    let mut object: DynamicObject = serde_yaml_ng::from_str(&text)?;
    object.metadata.name = Some(name.to_owned());
    Ok(serde_json::to_string(&object)?)
}

async fn for_each_workload<F: Future<Output = Result>>(act: impl Fn(String) -> F) -> Result {
    stream::iter(names()).map(Ok).try_for_each_concurrent(AT_ONCE, act).await
}

async fn create(context: &Context) -> Result {
    for_each_workload(async |name| context.apply(&manifest(&name)?).await.map(drop)).await?;
    all_ready(context).await
}

async fn all_ready(context: &Context) -> Result {
    stream::iter(names())
        .map(async |name| context.wait_ready_within(&name, PATIENCE).await)
        .buffer_unordered(WORKLOADS)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(())
}

async fn update(context: &Context) -> Result {
    for_each_workload(async |name| {
        let workload = context.api::<Workload>().get(&name).await?;
        let container = workload.spec.containers.keys().next().context("no container")?;
        let patch = json!({"spec": {"containers": {container: {"variables": {"CHAOS": "survived"}}}}});
        context.patch(&name, patch).await.map(drop)
    })
    .await?;
    all_ready(context).await?;
    for name in names() {
        let deployment = context.api::<Deployment>().get(&name).await?;
        let is_updated = serde_json::to_string(&deployment.spec)?.contains("survived");
        ensure!(is_updated && traces::is_rolled_out(&deployment), "{name} is Ready without its update");
    }
    Ok(())
}

async fn delete(context: &Context) -> Result {
    for_each_workload(async |name| context.delete::<Workload>(&name).await).await
}

/// What makes a database the same one.
#[derive(Debug, PartialEq, Eq)]
struct Database {
    volumes: BTreeSet<(String, Option<String>)>,
    server: Option<String>,
    credentials: String,
}

/// The databases by Workload, and how many rows each holds after one more was written.
async fn databases(context: &Context) -> Result<BTreeMap<String, (Database, u64)>> {
    let mut databases = BTreeMap::new();
    for name in names_with_database() {
        let workload = context.wait_ready(&name).await?;
        let endpoint = workload.status.and_then(|status| status.endpoint).unwrap_or_default();
        let rows = sample::rows(&sample::fetch(context, &endpoint).await?)?;
        databases.insert(name.clone(), (database(context, &name).await?, rows));
    }
    Ok(databases)
}

async fn database(context: &Context, workload: &str) -> Result<Database> {
    let base = format!("{workload}-db-postgres");
    let volumes = context.api::<PersistentVolumeClaim>().list(&Default::default()).await?;
    let own = volumes.into_iter().filter(|volume| volume.name_any().contains(&base));
    let volumes = own.map(|volume| (volume.name_any(), volume.uid())).collect::<BTreeSet<_>>();
    ensure!(volumes.len() == 1, "the volumes of {workload} are {volumes:?}");
    let server = context.api::<StatefulSet>().get(&base).await?.uid();
    let credentials = context.api::<Secret>().get(&format!("{base}-secret")).await?.data;
    Ok(Database { volumes, server, credentials: serde_json::to_string(&credentials)? })
}

async fn databases_are(context: &Context, before: &BTreeMap<String, (Database, u64)>) -> Result<bool> {
    let now = databases(context).await?;
    let same = before.iter().all(|(name, (database, rows))| {
        now.get(name).is_some_and(|(now, rows_now)| now == database && rows_now > rows)
    });
    Ok(same)
}
