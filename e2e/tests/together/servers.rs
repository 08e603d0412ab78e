//! Databases on a server that the platform gives: made, rotated, kept and dropped.

use anyhow::ensure;
use api_types::{ResourceClaim, Workload};
use e2e::server::{self, DATABASES, ROLES, gone, sql, with_server};
use e2e::wait::{self, PATIENCE};
use e2e::{Context, Result, apply, sample, secrets, with_namespace};
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::json;

const EXAMPLE: &str = "docs/examples/node-postgres/workload.yaml";
const APP: &str = "node-postgres-app";
const CLAIM: &str = "node-postgres-app-db";

/// The Workload of the guide, with a database on the test's server.
fn example(context: &Context) -> Result<String> {
    let own = format!("type: postgres\n      class: {}", server::name(context));
    Ok(apply::repository_file(EXAMPLE)?.replace("type: postgres", &own))
}

async fn rows(context: &Context) -> Result<u64> {
    let workload = context.wait_ready(APP).await?;
    let endpoint = workload.status.and_then(|status| status.endpoint).unwrap_or_default();
    sample::rows(&sample::fetch(context, &endpoint).await?)
}

#[tokio::test]
async fn a_database_on_a_server_is_used_gets_new_credentials_and_is_dropped_with_its_workload() -> Result {
    with_namespace("server", async |context: Context| {
        with_server(&context, "Delete", async |context| {
            context.apply(&example(context)?).await?;
            let first = rows(context).await?;
            ensure!(rows(context).await? > first, "nothing was written");
            secrets::stay_in_their_secret(context).await?;

            let claims = context.api::<ResourceClaim>();
            let before = claims.get(CLAIM).await?.status.and_then(|status| status.outputs_revision);
            let rotate = json!({"metadata": {"annotations": {"score.dev/rotate": "now"}}});
            claims.patch(CLAIM, &PatchParams::default(), &Patch::Merge(rotate)).await?;
            let is_rotated = |claim: &ResourceClaim| {
                let status = claim.status.clone().unwrap_or_default();
                status.outputs_available && status.outputs_revision != before
            };
            wait::until_there(&claims, CLAIM, "given new credentials", PATIENCE, is_rotated).await?;
            ensure!(rows(context).await? > first + 1, "the rows are gone with the old credentials");
            secrets::stay_in_their_secret(context).await?;

            context.delete::<Workload>(APP).await?;
            gone(context, PATIENCE).await?;
            ensure!(sql(context, DATABASES).await? == "0", "the database is still there");
            ensure!(sql(context, ROLES).await? == "0", "a role is still there");
            Ok(())
        })
        .await
    })
    .await
}

#[tokio::test]
async fn a_database_that_is_retained_is_adopted_with_its_rows() -> Result {
    with_namespace("retain", async |context: Context| {
        with_server(&context, "Retain", async |context| {
            context.apply(&example(context)?).await?;
            let first = rows(context).await?;
            let claim = context.api::<ResourceClaim>().get(CLAIM).await?;
            context.delete::<Workload>(APP).await?;
            gone(context, PATIENCE).await?;
            ensure!(sql(context, DATABASES).await? == "1", "the database is not kept");
            context.apply(&example(context)?).await?;
            ensure!(rows(context).await? > first, "it is another database");
            let again = context.api::<ResourceClaim>().get(CLAIM).await?;
            ensure!(again.uid() != claim.uid(), "it is the same claim");
            ensure!(sql(context, DATABASES).await? == "1", "there are two databases");
            Ok(())
        })
        .await
    })
    .await
}
