//! The platform's side: its configuration and its policies, in place for as long as a test runs.
//!
//! Both concern every Workload of the cluster, so a test that uses them runs [`alone`](crate::alone), unless all that it
//! does is to offer something more: see [`offered`].

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use api_types::GROUP;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, DynamicObject, Patch};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{Context, Result, apply, controllers};

/// The image of all servers and their clients, as the local cluster has it.
pub const DATASTORES: &str = "localhost/score/datastores:dev";
/// The images of the shipped types and of the page for which it stands.
const REPLACED: [&str; 5] = [
    "docker.io/library/redis:7",
    "docker.io/library/memcached:1.6",
    "docker.io/library/mariadb:11",
    "docker.io/library/rabbitmq:4",
    "ghcr.io/versity/versitygw:v1.7.0",
];
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

/// The fields of `spec` for [`configure`] of a platform that offers the built-in profile and these more, in YAML at the
/// indentation that they have there, and these provisioners, a list in YAML.
pub fn profiled(profiles: &str, provisioners: &str) -> String {
    let provisioners: String = provisioners.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "  profiles:
    - name: web-service
      backends:
        - {{backendId: kubernetes, runtimeClass: kubernetes, template: {{kind: manifests}}, priority: 100, version: 1.0.0}}
{profiles}
  defaults: {{profile: web-service}}
  provisioners:
{provisioners}"
    )
}

/// As [`profiled`], of PostgreSQL and these types in YAML, each a list of provisioners. Images that the local cluster does
/// not have are replaced.
pub fn offering(types: &[String]) -> String {
    offering_with("", types)
}

fn offering_with(profiles: &str, types: &[String]) -> String {
    const POSTGRES: &str = "- {type: postgres, provisioner: provisioner-postgres, classes: [{name: default}], deprovisionPolicy: Delete}";
    let mut spec = profiled(profiles, &format!("{POSTGRES}\n{}", types.join("\n")));
    for image in REPLACED {
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

/// The first example of a resource type under a heading of `docs/provisioners.md`: a list of provisioners.
///
/// # Errors
/// There is no such heading or example.
pub fn example_under(heading: &str) -> Result<Value> {
    let page = apply::repository_file("docs/provisioners.md")?;
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).context("no section")?;
    let (_, example) = section.split_once("```yaml\n").context("no example")?;
    let (example, _) = example.split_once("```").context("no end")?;
    Ok(serde_yaml_ng::from_str(example)?)
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

/// What the tests that run now offer, by their namespaces.
static OFFERS: Mutex<BTreeMap<String, Offer>> = Mutex::const_new(BTreeMap::new());

struct Offer {
    profiles: String,
    provisioners: Vec<String>,
}

/// Runs a test while the platform also offers these profiles (in YAML at the indentation that they have in a
/// configuration) and these types, each a list of provisioners in YAML; PostgreSQL is offered in any case. Tests that run
/// side by side offer things together, so what one offers must be of a name of its own, or the very same.
///
/// # Errors
/// The test's, or that the configuration cannot be changed.
pub async fn offered(
    context: &Context,
    profiles: &str,
    types: &[String],
    test: impl Future<Output = Result>,
) -> Result {
    let offer = Offer { profiles: profiles.to_owned(), provisioners: types.to_vec() };
    {
        let mut offers = OFFERS.lock().await;
        offers.insert(context.namespace.clone(), offer);
        put_together(context, &offers).await?;
    }
    // A test inside a test is more than the stack of a thread holds.
    let outcome = Box::pin(test).await;
    let mut offers = OFFERS.lock().await;
    offers.remove(&context.namespace);
    outcome.and(put_together(context, &offers).await)
}

async fn put_together(context: &Context, offers: &BTreeMap<String, Offer>) -> Result {
    if offers.is_empty() {
        return Ok(configs(context).delete(CONFIG, &DeleteParams::default()).await.map(drop)?);
    }
    let profiles: BTreeSet<_> = offers.values().map(|offer| offer.profiles.as_str()).collect();
    let profiles: String = profiles.into_iter().collect();
    let types: BTreeSet<_> = offers.values().flat_map(|offer| &offer.provisioners).cloned().collect();
    let types: Vec<_> = types.into_iter().collect();
    configure(context, "1.0.0", &offering_with(&profiles, &types)).await.map(drop)
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
    apply::with_object(&policies(context), &policy, test).await
}
