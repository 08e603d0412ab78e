//! Databases on a server that the platform gives: made, rotated, kept and dropped.

use std::time::Duration;

use anyhow::ensure;
use api_types::{ResourceClaim, Workload};
use e2e::platform::{configure, configured, providing};
use e2e::wait::{self, PATIENCE};
use e2e::{Context, Result, alone, apply, sample, secrets};
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::json;

const EXAMPLE: &str = "docs/examples/node-postgres/workload.yaml";
const APP: &str = "node-postgres-app";
const CLAIM: &str = "node-postgres-app-db";
const SERVER: &str = "
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{port: 5432}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 999, fsGroup: 999, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: postgres
      image: localhost/score/postgres:dev
      env: [{name: POSTGRES_PASSWORD, value: CHANCE}]
      readinessProbe: {exec: {command: [pg_isready, --host=127.0.0.1]}, periodSeconds: 1}
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts:
        - {name: data, mountPath: /var/lib/postgresql/data}
        - {name: run, mountPath: /var/run/postgresql}
  volumes: [{name: data, emptyDir: {}}, {name: run, emptyDir: {}}]
";
/// What the chart makes of `servers.secrets`.
const ADMIN: &str = "
apiVersion: v1
kind: Secret
metadata: {name: e2e-server-admin}
stringData: {username: score, password: CHANCE}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: e2e-server-admin}
rules: [{apiGroups: [''], resources: [secrets], resourceNames: [e2e-server-admin], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: e2e-server-admin}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: e2e-server-admin}
subjects: [{kind: ServiceAccount, name: score-provisioner-postgres, namespace: score-system}]
";

fn config(context: &Context, policy: &str) -> String {
    providing(&format!(
        "- type: postgres
  provisioner: provisioner-postgres
  deprovisionPolicy: {policy}
  classes:
    - name: default
      parameters:
        server:
          host: server.{}.svc
          adminSecretRef: {{name: e2e-server-admin}}
          tls: {{mode: disable}}",
        context.namespace
    ))
}

/// Runs a story with a server that the platform offers.
pub(crate) async fn with_server(
    theme: &str,
    policy: &str,
    story: impl AsyncFnOnce(&Context) -> Result,
) -> Result {
    alone(theme, async |context: Context| {
        let password = format!("{:032x}", rand::random::<u128>());
        context.apply(&SERVER.replace("CHANCE", &password)).await?;
        apply::apply(&context.client, "score-system", &ADMIN.replace("CHANCE", &password)).await?;
        let ready = ["wait", "--for=condition=Ready", "--timeout=120s", "pod/server"];
        context.kubectl(&ready).await?;
        sql(&context, "CREATE ROLE score LOGIN CREATEROLE CREATEDB PASSWORD '$POSTGRES_PASSWORD'").await?;
        let outcome = configured(&context, async {
            configure(&context, "1.0.0", &config(&context, policy)).await?;
            let told = story(&context).await;
            // No claim may wait for a server that goes with the namespace.
            context.api::<Workload>().delete_collection(&Default::default(), &Default::default()).await?;
            told.and(gone(&context, PATIENCE).await)
        })
        .await;
        for kind in ["secret", "role", "rolebinding"] {
            let delete = ["--namespace=score-system", "delete", kind, "e2e-server-admin"];
            e2e::kubectl::kubectl(&delete).await?;
        }
        outcome
    })
    .await
}

pub(crate) async fn gone(context: &Context, within: Duration) -> Result {
    wait::eventually("no claim is left", within, async || {
        Ok(context.api::<ResourceClaim>().list(&Default::default()).await?.items.is_empty().then_some(()))
    })
    .await
}

/// What the server's own administrator sees.
pub(crate) async fn sql(context: &Context, query: &str) -> Result<String> {
    let line = format!("PGPASSWORD=$POSTGRES_PASSWORD psql -h 127.0.0.1 -U postgres -tAc \"{query}\"");
    Ok(context.kubectl(&["exec", "pod/server", "--", "sh", "-c", &line]).await?.trim().to_owned())
}

pub(crate) const DATABASES: &str =
    "select count(*) from pg_database where not datistemplate and datname <> 'postgres'";
pub(crate) const ROLES: &str =
    "select count(*) from pg_roles where rolname not in ('postgres', 'score') and rolname not like 'pg\\_%'";

async fn rows(context: &Context) -> Result<u64> {
    let workload = context.wait_ready(APP).await?;
    let endpoint = workload.status.and_then(|status| status.endpoint).unwrap_or_default();
    sample::rows(&sample::fetch(context, &endpoint).await?)
}

#[tokio::test]
async fn a_database_on_a_server_is_used_gets_new_credentials_and_is_dropped_with_its_workload() -> Result {
    with_server("server", "Delete", async |context| {
        context.apply_file(EXAMPLE).await?;
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
}

#[tokio::test]
async fn a_database_that_is_retained_is_adopted_with_its_rows() -> Result {
    with_server("retain", "Retain", async |context| {
        context.apply_file(EXAMPLE).await?;
        let first = rows(context).await?;
        let claim = context.api::<ResourceClaim>().get(CLAIM).await?;
        context.delete::<Workload>(APP).await?;
        gone(context, PATIENCE).await?;
        ensure!(sql(context, DATABASES).await? == "1", "the database is not kept");
        context.apply_file(EXAMPLE).await?;
        ensure!(rows(context).await? > first, "it is another database");
        let again = context.api::<ResourceClaim>().get(CLAIM).await?;
        ensure!(again.uid() != claim.uid(), "it is the same claim");
        ensure!(sql(context, DATABASES).await? == "1", "there are two databases");
        Ok(())
    })
    .await
}
