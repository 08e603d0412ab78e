//! The platform's side: its configuration and its policies, in place for as long as a test runs.
//!
//! Both concern every Workload of the cluster, so a test that uses them runs [`alone`](crate::alone).

use api_types::GROUP;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, DynamicObject, Patch};
use kube::core::{ApiResource, GroupVersionKind};

use crate::{Context, Result, apply, controllers};

/// The image of Redis and memcached, as the local cluster has it.
const DATASTORES: &str = "localhost/score/datastores:dev";
/// Where the orchestrator looks for its configuration.
const CONFIG: &str = "orchestrator-config";

/// Puts a configuration in place; `spec` is YAML at the indentation of the fields of `spec`.
///
/// # Errors
/// The API server refuses it.
pub async fn configure(context: &Context, version: &str, spec: &str) -> Result<ConfigMap> {
    let document = format!(
        "apiVersion: score.dev/v1b1\nkind: OrchestratorConfig\nmetadata: {{name: e2e, version: {version}}}\nspec:\n{spec}"
    );
    let object = serde_json::from_value(serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG}, "data": {"config.yaml": document},
    }))?;
    let patch: Patch<ConfigMap> = Patch::Apply(object);
    Ok(configs(context).patch(CONFIG, &apply::params(), &patch).await?)
}

/// The fields of `spec` for [`configure`] of a platform that offers the built-in profile and these provisioners, a list in
/// YAML.
pub fn providing(provisioners: &str) -> String {
    let mut spec = "  profiles:
    - name: web-service
      backends:
        - {backendId: kubernetes, runtimeClass: kubernetes, template: {kind: manifests}, priority: 100, version: 1.0.0}
  defaults: {profile: web-service}
  provisioners:
"
    .to_owned();
    for line in provisioners.lines() {
        spec += &format!("    {line}\n");
    }
    spec
}

/// As [`providing`], of PostgreSQL and these types in YAML, each a list of provisioners. Images that the local cluster does
/// not have are replaced.
pub fn offering(types: &[String]) -> String {
    const POSTGRES: &str = "- {type: postgres, provisioner: provisioner-postgres, classes: [{name: default}], deprovisionPolicy: Delete}";
    let mut spec = providing(&format!("{POSTGRES}\n{}", types.join("\n")));
    for image in ["docker.io/library/redis:7", "docker.io/library/memcached:1.6"] {
        spec = spec.replace(image, DATASTORES);
    }
    spec
}

/// The fields of `spec` of a Workload of busybox that has a Redis.
pub const CACHED: &str = r#"
  containers: {main: {image: BUSYBOX, command: SLEEP, variables: {CACHE: "${resources.cache.uri}"}}}
  resources: {cache: {type: redis}}
"#;

/// A resource type of `docs/examples/resource-types`.
///
/// # Errors
/// There is none of this name.
pub fn shipped_type(name: &str) -> Result<String> {
    apply::repository_file(&format!("docs/examples/resource-types/{name}.yaml"))
}

/// Runs a test, and removes the configuration after it, whatever comes of it.
///
/// # Errors
/// The test's, or that the configuration cannot be removed.
pub async fn configured(context: &Context, test: impl Future<Output = Result>) -> Result {
    // A test inside a test is more than the stack of a thread holds.
    let outcome = Box::pin(test).await;
    let removed = configs(context).delete(CONFIG, &DeleteParams::default()).await;
    outcome.and(removed.map(drop).map_err(Into::into))
}

/// The ConfigMaps of the controllers' namespace.
pub fn configs(context: &Context) -> Api<ConfigMap> {
    Api::namespaced(context.client.clone(), controllers::NAMESPACE)
}

/// The PlatformPolicies of the cluster.
pub fn policies(context: &Context) -> Api<DynamicObject> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, api_types::VERSION, "PlatformPolicy"));
    let kind = ApiResource { plural: "platformpolicies".to_owned(), ..kind };
    Api::all_with(context.client.clone(), &kind)
}

/// Runs a test with a policy for its namespace alone, `spec` is YAML at the indentation of the fields of `spec`; the
/// policy has the name of the namespace and is removed after it, whatever comes of it.
///
/// # Errors
/// The API server refuses it, the test's, or that the policy cannot be removed.
pub async fn with_policy(context: &Context, spec: &str, test: impl Future<Output = Result>) -> Result {
    let name = &context.namespace;
    let policy: DynamicObject = serde_yaml_ng::from_str(&format!(
        "apiVersion: score.dev/v1b1\nkind: PlatformPolicy\nmetadata: {{name: {name}}}\nspec:\n  \
         namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {name}}}}}\n{spec}"
    ))?;
    policies(context).patch(name, &apply::params(), &Patch::Apply(&policy)).await?;
    let outcome = Box::pin(test).await;
    let removed = policies(context).delete(name, &DeleteParams::default()).await;
    outcome.and(removed.map(drop).map_err(Into::into))
}
