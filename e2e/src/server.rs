//! A PostgreSQL server that a platform gives to its Workloads.

use std::time::Duration;

use api_types::{ResourceClaim, Workload};
use serde_json::Value;

use crate::platform::offered;
use crate::twin::{self, with_twin};
use crate::wait::{self, PATIENCE};
use crate::{Context, Result, apply, controllers, kubectl};

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
metadata: {name: NAME}
stringData: {username: score, password: CHANCE}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: NAME}
rules: [{apiGroups: [''], resources: [secrets], resourceNames: [NAME], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: NAME}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: NAME}
subjects: [{kind: ServiceAccount, name: score-provisioner-postgres, namespace: score-system}]
";

/// The databases that provisioners have made.
pub const DATABASES: &str =
    "select count(*) from pg_database where not datistemplate and datname <> 'postgres'";
/// Likewise the roles.
pub const ROLES: &str =
    "select count(*) from pg_roles where rolname not in ('postgres', 'score') and rolname not like 'pg\\_%'";

/// The name of the server's administrator's Secret, and of the class of the databases on it.
pub fn name(context: &Context) -> String {
    format!("{}-server", context.namespace)
}

/// The parameters of a class, or of a claim, for the server in the test's namespace.
pub fn parameters(context: &Context) -> serde_json::Value {
    serde_json::json!({"server": {
        "host": format!("server.{}.svc", context.namespace),
        "adminSecretRef": {"name": name(context)}, "tls": {"mode": "disable"},
    }})
}

/// Runs a story with a server in the test's namespace, which the platform offers as a class of `postgres` of its own,
/// [`name`], by a provisioner of its own, called as the namespace.
///
/// # Errors
/// The server does not start, or the story's.
pub async fn with_server(
    context: &Context,
    policy: &str,
    story: impl AsyncFnOnce(&Context) -> Result,
) -> Result {
    let (name, password) = (name(context), format!("{:032x}", rand::random::<u128>()));
    context.apply(&SERVER.replace("CHANCE", &password)).await?;
    let admin = ADMIN.replace("NAME", &name).replace("CHANCE", &password);
    apply::apply(&context.client, controllers::NAMESPACE, &admin).await?;
    let ready = ["wait", "--for=condition=Ready", "--timeout=240s", "pod/server"];
    context.kubectl(&ready).await?;
    sql(context, "CREATE ROLE score LOGIN CREATEROLE CREATEDB PASSWORD '$POSTGRES_PASSWORD'").await?;
    let class = serde_json::json!([{
        "type": "postgres", "provisioner": context.namespace, "deprovisionPolicy": policy,
        "selector": {"class": name}, "classes": [{"name": name, "parameters": parameters(context)}],
    }]);
    let may_read = |pod: &mut Value| twin::add_argument(pod, format!("--allowed-server-secret={name}"));
    let classes = [serde_yaml_ng::to_string(&class)?];
    let outcome = with_twin(context, "score-provisioner-postgres", may_read, async {
        offered(context, "", &classes, async {
            let told = story(context).await;
            // No claim may wait for a server that goes with the namespace.
            context.api::<Workload>().delete_collection(&Default::default(), &Default::default()).await?;
            // Some tests claim by themselves, and may have failed before they gave up what they had.
            context
                .api::<ResourceClaim>()
                .delete_collection(&Default::default(), &Default::default())
                .await?;
            told.and(gone(context, PATIENCE).await)
        })
        .await
    })
    .await;
    for kind in ["secret", "role", "rolebinding"] {
        kubectl::kubectl(&["--namespace", controllers::NAMESPACE, "delete", kind, &name]).await?;
    }
    outcome
}

/// Waits until no claim is left in the test's namespace.
///
/// # Errors
/// One is.
pub async fn gone(context: &Context, within: Duration) -> Result {
    wait::eventually("no claim is left", within, async || {
        Ok(context.api::<ResourceClaim>().list(&Default::default()).await?.items.is_empty().then_some(()))
    })
    .await
}

/// What the server's own administrator sees.
///
/// # Errors
/// The server does not answer, or not so.
pub async fn sql(context: &Context, query: &str) -> Result<String> {
    let line = format!("PGPASSWORD=$POSTGRES_PASSWORD psql -h 127.0.0.1 -U postgres -tAc \"{query}\"");
    Ok(context.kubectl(&["exec", "pod/server", "--", "sh", "-c", &line]).await?.trim().to_owned())
}
