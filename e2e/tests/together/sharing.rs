//! One resource for several Workloads, and what becomes of resources that nothing uses any more.

use anyhow::{Context as _, ensure};
use api_types::{ConditionType, Reason, ResourceClaim, Workload};
use e2e::busybox::workload;
use e2e::wait::{PATIENCE, until_gone, until_there};
use e2e::{Context, Result, namespace, with_namespace};
use kube::ResourceExt as _;
use kube::api::ListParams;

/// A Workload that holds the name of its database in a variable.
fn user_of(resource: &str) -> String {
    format!(
        "  containers: {{main: {{image: BUSYBOX, command: SLEEP, variables: {{DB: '${{resources.db.name}} ${{resources.db.host}}'}}}}}}\n  \
         resources: {{db: {resource}}}\n"
    )
}

async fn claims(context: &Context) -> Result<Vec<ResourceClaim>> {
    Ok(context.api::<ResourceClaim>().list(&ListParams::default()).await?.items)
}

#[tokio::test]
async fn workloads_with_one_type_class_and_id_share_one_resource_until_the_last_one_goes() -> Result {
    with_namespace("shared", async |context: Context| {
        let spec = user_of("{type: postgres, id: main-db}");
        for name in ["first", "second"] {
            context.apply(&workload(name, &spec)).await?;
        }
        let mut seen = Vec::new();
        for name in ["first", "second"] {
            context.wait_ready(name).await?;
            seen.push(context.shell(name, "main", "echo $DB").await?);
        }
        ensure!(seen[0] == seen[1], "they see different databases: {seen:?}");
        let shared = claims(&context).await?;
        ensure!(shared.len() == 1 && shared[0].name_any().starts_with("shared-"), "{shared:?}");
        let owners: Vec<_> = shared[0].owner_references().iter().map(|owner| owner.name.as_str()).collect();
        ensure!(owners == ["first", "second"], "{owners:?}");

        context.delete::<Workload>("first").await?;
        let left = |claim: &ResourceClaim| {
            claim.owner_references().iter().map(|owner| owner.name.as_str()).eq(["second"])
        };
        let name = shared[0].name_any();
        let kept = until_there(&context.api(), &name, "second's alone", PATIENCE, left).await?;
        ensure!(kept.uid() == shared[0].uid() && kept.metadata.deletion_timestamp.is_none(), "{kept:?}");
        ensure!(context.shell("second", "main", "echo $DB").await? == seen[1]);
        context.wait_ready("second").await?;

        context.delete::<Workload>("second").await?;
        until_gone(&context.api(), &kept).await
    })
    .await
}

#[tokio::test]
async fn the_younger_of_two_workloads_that_disagree_about_a_shared_resource_is_told() -> Result {
    with_namespace("conflict", async |context: Context| {
        context.apply(&workload("older", &user_of("{type: postgres, id: main-db, params: {a: 1}}"))).await?;
        context.wait_condition("older", ConditionType::InputsValid, "True", Reason::Succeeded).await?;
        context
            .apply(&workload("younger", &user_of("{type: postgres, id: main-db, params: {a: 2}}")))
            .await?;
        let told = context
            .wait_condition("younger", ConditionType::InputsValid, "False", Reason::SpecInvalid)
            .await?;
        let message = namespace::message(&told, ConditionType::InputsValid);
        ensure!(message.contains("spec.resources.db.params") && message.contains("older"), "{message}");
        context.wait_condition("older", ConditionType::InputsValid, "True", Reason::Succeeded).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_resource_that_is_removed_goes_after_what_used_it_has_rolled_out() -> Result {
    with_namespace("removed", async |context: Context| {
        context.apply(&workload("it", &user_of("{type: postgres}"))).await?;
        context.wait_ready("it").await?;
        let claim = claims(&context).await?.pop().context("no claim")?;
        // The next version cannot roll out, so the one that uses the database still runs.
        let broken = "  containers: {main: {image: BUSYBOX-missing, command: SLEEP}}\n";
        context.apply(&workload("it", broken)).await?;
        context.wait_condition("it", ConditionType::RuntimeReady, "False", Reason::RuntimeDegraded).await?;
        let kept = context.api::<ResourceClaim>().get(&claim.name_any()).await?;
        ensure!(kept.metadata.deletion_timestamp.is_none(), "the claim went before what uses it");
        let mended = "  containers: {main: {image: BUSYBOX, command: SLEEP}}\n";
        context.apply(&workload("it", mended)).await?;
        context.wait_ready("it").await?;
        until_gone(&context.api(), &claim).await
    })
    .await
}
