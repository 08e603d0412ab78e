//! A Workload with a database of its own, from its first row to its removal.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use api_types::{ClaimPhase, ConditionType, Reason, ResourceClaim, Workload, WorkloadExposure, WorkloadPlan};
use e2e::history::{self, revision};
use e2e::namespace::says;
use e2e::{Context, Result, inventory, sample, secrets, traces, wait, with_namespace};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Secret};
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;

const EXAMPLE: &str = "docs/examples/node-postgres/workload.yaml";
const APP: &str = "node-postgres-app";
const CLAIM: &str = "node-postgres-app-db";
const SECRET: &str = "node-postgres-app-db-postgres-secret";
const DATABASE: &str = "node-postgres-app-db-postgres";

#[tokio::test]
async fn a_database_is_bound_used_kept_through_a_restart_and_gone_with_its_workload() -> Result {
    with_namespace("postgres", async |context: Context| {
        let before = inventory::made_in(&context.client, &context.namespace).await?;
        context.apply_file(EXAMPLE).await?;
        let ready = context.wait_ready(APP).await?;
        progress_was_shown(&context).await?;
        the_claim_is_bound_with_all_keys(&context).await?;
        let endpoint = ready.status.and_then(|status| status.endpoint).unwrap_or_default();
        let first = sample::rows(&sample::fetch(&context, &endpoint).await?)?;
        let second = sample::rows(&sample::fetch(&context, &endpoint).await?)?;
        ensure!(second > first, "{first} rows, then {second}: nothing was written");
        the_database_restarts(&context).await?;
        let third = sample::rows(&sample::fetch(&context, &endpoint).await?)?;
        ensure!(third > second, "{second} rows before the restart, {third} after");
        secrets::stay_in_their_secret(&context).await?;
        context.delete::<Workload>(APP).await?;
        wait::eventually("everything is gone that was made, the volume as well", wait::PATIENCE, async || {
            let now = inventory::made_in(&context.client, &context.namespace).await?;
            let volumes = inventory::volumes_of(&context.client, &context.namespace).await?;
            Ok((now == before && volumes.is_empty()).then_some(()))
        })
        .await
    })
    .await
}

async fn progress_was_shown(context: &Context) -> Result {
    let pending = |workload: &Workload| says(workload, ConditionType::Ready, "False", Reason::BindingPending);
    let bound = |workload: &Workload| says(workload, ConditionType::ClaimsReady, "True", Reason::Succeeded);
    let ready = |workload: &Workload| says(workload, ConditionType::Ready, "True", Reason::Succeeded);
    let versions = context.workloads.until(APP, "Ready", ready).await?;
    let first = |is: &dyn Fn(&Workload) -> bool| versions.iter().position(|version| is(version));
    let order = [first(&pending), first(&bound), first(&ready)];
    ensure!(order.iter().all(Option::is_some) && order.is_sorted(), "pending, bound, ready: {order:?}");
    Ok(())
}

async fn the_claim_is_bound_with_all_keys(context: &Context) -> Result {
    let claim = context.api::<ResourceClaim>().get(CLAIM).await?;
    let status = claim.status.context("the claim has no status")?;
    ensure!(status.phase == ClaimPhase::Bound && status.outputs_available, "the claim is {status:?}");
    let data = context.api::<Secret>().get(SECRET).await?.data.unwrap_or_default();
    let keys: BTreeSet<&str> = data.keys().map(String::as_str).collect();
    let expected = ["database", "host", "name", "password", "port", "uri", "username"];
    ensure!(keys == BTreeSet::from(expected), "the keys are {keys:?}");
    for name in ["password", "uri"] {
        let output = status.outputs.get(name).with_context(|| format!("no output {name}"))?;
        ensure!(output.value.is_none() && output.secret_key_ref.is_some(), "{name} is not kept secret");
    }
    Ok(())
}

/// Ready goes and comes back by itself; volume and credentials are the same.
async fn the_database_restarts(context: &Context) -> Result {
    let password = context.api::<Secret>().get(SECRET).await?.data;
    let volumes = volume_uids(context).await?;
    let from = revision(&context.api::<Workload>().get(APP).await?);
    context.api::<Pod>().delete(&format!("{DATABASE}-0"), &DeleteParams::default()).await?;
    let is_down = |workload: &Workload| {
        revision(workload) > from
            && workload.status.iter().flat_map(|status| &status.conditions).any(|condition| {
                condition.type_ == ConditionType::Ready.to_string() && condition.status == "False"
            })
    };
    context.workloads.until(APP, "not Ready while its database restarts", is_down).await?;
    context.wait_ready(APP).await?;
    ensure!(context.api::<Secret>().get(SECRET).await?.data == password, "the credentials have changed");
    ensure!(volume_uids(context).await? == volumes, "the volume is another one");
    Ok(())
}

async fn volume_uids(context: &Context) -> Result<BTreeSet<Option<String>>> {
    let volumes = context.api::<PersistentVolumeClaim>().list(&Default::default()).await?;
    ensure!(!volumes.items.is_empty(), "the database has no volume");
    Ok(volumes.iter().map(|volume| volume.uid()).collect())
}

#[tokio::test]
async fn an_update_is_never_ready_before_it_has_rolled_out() -> Result {
    with_namespace("rollout", async |context: Context| {
        context.apply_file(EXAMPLE).await?;
        context.wait_ready(APP).await?;
        let deployments = history::of_namespace::<Deployment>(&context.client, &context.namespace).await?;
        let variables = json!({"NEW_VAR": "updated_value"});
        let containers = context.api::<Workload>().get(APP).await?.spec.containers;
        let container = containers.keys().next().context("no container")?;
        let patch = json!({"spec": {"containers": {container: {"variables": variables}}}});
        let patched = context.patch(APP, patch).await?;
        let ready = |workload: &Workload| {
            workload.metadata.generation == patched.metadata.generation
                && says(workload, ConditionType::Ready, "True", Reason::Succeeded)
        };
        let versions = context.workloads.until(APP, "Ready after the update", ready).await?;
        let fell = versions.iter().any(|workload| {
            workload.metadata.generation == patched.metadata.generation
                && says(workload, ConditionType::Ready, "False", Reason::RuntimeProvisioning)
        });
        ensure!(fell, "Ready did not go False for the new generation");
        let has_rolled_out =
            |deployment: &Deployment| sets(deployment, "NEW_VAR") && traces::is_rolled_out(deployment);
        let rolled_out = deployments.until(APP, "rolled out with the new variable", has_rolled_out).await?;
        let (Some(rolled_out), Some(ready)) = (rolled_out.last(), versions.last()) else { return Ok(()) };
        ensure!(
            revision(rolled_out.as_ref()) < revision(ready.as_ref()),
            "Ready at {}, rolled out only at {}",
            revision(ready.as_ref()),
            revision(rolled_out.as_ref())
        );
        Ok(())
    })
    .await
}

fn sets(deployment: &Deployment, variable: &str) -> bool {
    let pods = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let containers = pods.iter().flat_map(|pods| &pods.containers);
    containers.flat_map(|container| container.env.iter().flatten()).any(|set| set.name == variable)
}

#[tokio::test]
async fn a_resource_that_is_no_longer_used_goes_only_after_the_plan_without_it_runs() -> Result {
    with_namespace("unused", async |context: Context| {
        context.apply_file(EXAMPLE).await?;
        let before = context.wait_ready(APP).await?;
        let claims = history::of_namespace::<ResourceClaim>(&context.client, &context.namespace).await?;
        let exposures =
            history::of_namespace::<WorkloadExposure>(&context.client, &context.namespace).await?;
        let (name, container) = before.spec.containers.first_key_value().context("no container")?;
        let uses_the_database = |value: &String| value.contains("${resources.");
        let unused = container.variables.iter().filter(|(_, value)| uses_the_database(value));
        let removed: serde_json::Map<_, _> = unused.map(|(key, _)| (key.clone(), json!(null))).collect();
        ensure!(!removed.is_empty(), "the example does not use its database");
        let patch = json!({"spec": {"resources": null, "containers": {name: {"variables": removed}}}});
        context.patch(APP, patch).await?;
        let deleted = claims.deleted_at(CLAIM).await?;
        let plan = context.api::<WorkloadPlan>().get(APP).await?;
        let runs = |exposure: &WorkloadExposure| {
            let status = exposure.status.as_ref();
            status.is_some_and(|status| {
                status.observed_plan_generation == plan.metadata.generation
                    && status.conditions.iter().any(|c| c.type_ == "RuntimeReady" && c.status == "True")
            })
        };
        let reported = exposures.until(APP, "running the plan without the database", runs).await?;
        let reported = reported.last().map_or(u64::MAX, |exposure| revision(exposure.as_ref()));
        ensure!(deleted > reported, "the claim went at {deleted}, the plan without it ran at {reported}");
        let after = context.wait_ready(APP).await?;
        ensure!(after.status.is_some_and(|status| status.claims.is_empty()), "the status still has claims");
        wait::eventually("the database's volume is gone", wait::PATIENCE, async || {
            let made = inventory::made_in(&context.client, &context.namespace).await?;
            let is_of_database = |name: &String| name.contains("postgres-app-db");
            Ok((!made.iter().any(is_of_database)).then_some(()))
        })
        .await
    })
    .await
}
