//! The address that a load balancer gives a Workload. The test stands in for the cloud, which the local cluster has none of.

use anyhow::Context as _;
use api_types::Workload;
use e2e::busybox::workload;
use e2e::platform::{configure, configured};
use e2e::wait::{PATIENCE, until_there};
use e2e::{Context, Result, alone};
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

/// A profile whose Workloads get a load balancer.
const CONFIG: &str = r#"
  profiles:
    - name: public
      backends:
        - backendId: public
          runtimeClass: kubernetes
          template: {kind: manifests, values: {service: {type: LoadBalancer}}}
  defaults: {profile: public}
"#;

const SERVING: &str = r#"
  containers: {main: {image: BUSYBOX, command: SLEEP}}
  service: {ports: [{name: web, port: 80, targetPort: 8080}, {name: api, port: 8443}]}
"#;

/// The cloud gives the Workload's balancer these addresses.
async fn give(context: &Context, ingress: Value) -> Result {
    let patch = Patch::Merge(json!({"status": {"loadBalancer": {"ingress": ingress}}}));
    context.api::<Service>().patch_status("it", &PatchParams::default(), &patch).await?;
    Ok(())
}

/// Waits until the Workload is reached there.
async fn reached(context: &Context, endpoint: &str) -> Result {
    let is_there = |workload: &Workload| {
        workload.status.as_ref().is_some_and(|status| status.endpoint.as_deref() == Some(endpoint))
    };
    until_there(&context.api(), "it", &format!("reached at {endpoint}"), PATIENCE, is_there).await.map(drop)
}

#[tokio::test]
async fn a_workload_is_reached_at_the_address_of_its_balancer_as_soon_as_and_as_long_as_it_has_one() -> Result
{
    alone("balancer", async |context: Context| {
        configured(&context, async {
            configure(&context, "1.0.0", CONFIG).await?;
            context.apply(&workload("it", SERVING)).await?;
            context.wait_ready("it").await?;
            let kind = context.api::<Service>().get("it").await?.spec.context("no spec")?.type_;
            anyhow::ensure!(kind.as_deref() == Some("LoadBalancer"), "{kind:?}");
            let inside = format!("http://it.{}.svc.cluster.local", context.namespace);
            reached(&context, &inside).await?;
            give(&context, json!([{"ip": "192.0.2.7"}])).await?;
            reached(&context, "http://192.0.2.7").await?;
            give(&context, json!([{"hostname": "lb.example.com"}])).await?;
            reached(&context, "http://lb.example.com").await?;
            give(&context, Value::Null).await?;
            reached(&context, &inside).await?;
            context.wait_ready("it").await.map(drop)
        })
        .await
    })
    .await
}
