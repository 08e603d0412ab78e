//! What goes wrong is told apart, in the user's own words, and mended by mending its cause.

use anyhow::ensure;
use api_types::{ConditionType, Reason, Workload};
use e2e::{Context, Result, namespace, with_namespace};
use k8s_openapi::api::core::v1::{Namespace, ResourceQuota};
use kube::Api;
use kube::api::Patch;
use serde_json::{Value, json};

const IMAGE: &str = "localhost/score/sample-app:dev";

fn workload(container: Value) -> String {
    json!({
        "apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": "web"},
        "spec": {"containers": {"main": container}},
    })
    .to_string()
}

/// Waits for the reason and gives the message, which must hold each of `words` (that it holds no runtime noun is
/// checked for every message of every test).
async fn fails(context: &Context, type_: ConditionType, reason: Reason, words: &[&str]) -> Result<Workload> {
    let workload = context.wait_condition("web", type_, "False", reason).await?;
    let message = namespace::message(&workload, type_);
    for word in words {
        ensure!(message.contains(word), "the message does not hold {word:?}: {message}");
    }
    Ok(workload)
}

#[tokio::test]
async fn an_image_that_does_not_exist_is_named_and_correcting_it_helps() -> Result {
    with_namespace("image", async |context: Context| {
        context.apply(&workload(json!({"image": "localhost/score/no-such-image:dev"}))).await?;
        let words = ["spec.containers.main.image", "localhost/score/no-such-image:dev", "correct"];
        fails(&context, ConditionType::RuntimeReady, Reason::RuntimeDegraded, &words).await?;
        context.apply(&workload(json!({"image": IMAGE}))).await?;
        context.wait_ready("web").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_container_that_stops_is_named_with_its_exit_code_and_correcting_it_helps() -> Result {
    with_namespace("crash", async |context: Context| {
        context.apply(&workload(json!({"image": IMAGE, "args": ["no-such-command"]}))).await?;
        let words = ["container main", "exit code"];
        fails(&context, ConditionType::RuntimeReady, Reason::RuntimeDegraded, &words).await?;
        context.apply(&workload(json!({"image": IMAGE}))).await?;
        context.wait_ready("web").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_broken_update_is_reported_and_its_correction_rolls_out() -> Result {
    with_namespace("update", async |context: Context| {
        context.apply(&workload(json!({"image": IMAGE}))).await?;
        context.wait_ready("web").await?;
        context.apply(&workload(json!({"image": IMAGE, "command": ["/no-such-program"]}))).await?;
        let words = ["spec.containers.main.command"];
        fails(&context, ConditionType::RuntimeReady, Reason::RuntimeDegraded, &words).await?;
        context.apply(&workload(json!({"image": IMAGE}))).await?;
        context.wait_ready("web").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_quota_that_leaves_no_room_is_told_and_raising_it_helps() -> Result {
    with_namespace("quota", async |context: Context| {
        context
            .apply("{apiVersion: v1, kind: ResourceQuota, metadata: {name: none}, spec: {hard: {pods: '0'}}}")
            .await?;
        context.apply(&workload(json!({"image": IMAGE}))).await?;
        fails(&context, ConditionType::RuntimeReady, Reason::QuotaExceeded, &["quota"]).await?;
        context.delete::<ResourceQuota>("none").await?;
        context.wait_ready("web").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_type_that_nobody_provides_is_named_with_those_that_somebody_does() -> Result {
    with_namespace("type", async |context: Context| {
        context.apply(&workload(json!({"image": IMAGE}))).await?;
        context.wait_ready("web").await?;
        context.patch("web", json!({"spec": {"resources": {"cache": {"type": "flux-capacitor"}}}})).await?;
        let words = ["`cache`", "flux-capacitor", "postgres"];
        let failed = fails(&context, ConditionType::ClaimsReady, Reason::BindingFailed, &words).await?;
        let claims = failed.status.map(|status| status.claims).unwrap_or_default();
        ensure!(claims.len() == 1 && claims[0].key == "cache", "claims are {claims:?}");
        context.patch("web", json!({"spec": {"resources": {"cache": null}}})).await?;
        context.wait_ready("web").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_output_that_a_resource_does_not_give_is_named_and_the_last_good_plan_stays() -> Result {
    with_namespace("output", async |context: Context| {
        let spec = |host: &str| {
            json!({
                "apiVersion": "score.dev/v1b1", "kind": "Workload", "metadata": {"name": "web"},
                "spec": {
                    "containers": {"main": {"image": IMAGE, "variables": {"DATABASE_AT": host}}},
                    "resources": {"db": {"type": "postgres"}},
                },
            })
            .to_string()
        };
        context.apply(&spec("${resources.db.address}")).await?;
        let words = [
            "One or more required outputs are not resolved.",
            "spec.containers.main.variables.DATABASE_AT",
            "address",
        ];
        context.wait_condition("web", ConditionType::ClaimsReady, "True", Reason::Succeeded).await?;
        fails(&context, ConditionType::RuntimeReady, Reason::ProjectionError, &words).await?;
        context.apply(&spec("${resources.db.host}")).await?;
        let ready = context.wait_ready("web").await?;
        context.apply(&spec("${resources.db.address}")).await?;
        let spoilt = fails(&context, ConditionType::RuntimeReady, Reason::ProjectionError, &words).await?;
        ensure!(ready.metadata.generation < spoilt.metadata.generation, "no new generation");
        let plan = context.api::<api_types::WorkloadPlan>().get("web").await?;
        ensure!(
            Some(plan.spec.observed_workload_generation) == ready.metadata.generation,
            "the last good plan was touched"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_namespace_that_does_not_allow_the_workload_is_told_and_allowing_it_helps() -> Result {
    with_namespace("denied", async |context: Context| {
        hold_to(&context, "restricted").await?;
        context.apply(&workload(json!({"image": IMAGE}))).await?;
        let words = ["restricted", "ask your platform team"];
        fails(&context, ConditionType::RuntimeReady, Reason::PermissionDenied, &words).await?;
        hold_to(&context, "baseline").await?;
        context.wait_ready("web").await?;
        Ok(())
    })
    .await
}

async fn hold_to(context: &Context, level: &str) -> Result {
    let label = json!({"metadata": {"labels": {namespace::SECURITY_LEVEL: level}}});
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    namespaces.patch(&context.namespace, &Default::default(), &Patch::Merge(label)).await?;
    Ok(())
}
