//! How a Workload is reached from outside. The tests stand in for the cloud that gives addresses and for the controller of
//! the Gateway, which the local cluster has none of.

use anyhow::{Context as _, ensure};
use api_types::Workload;
use e2e::busybox::workload;
use e2e::platform::{offered, shipped_type};
use e2e::wait::{PATIENCE, eventually, until_there};
use e2e::{Context, Result, with_namespace};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

/// A profile whose Workloads get a load balancer, and one whose Workloads get a name at a Gateway.
const PROFILES: &str = "
    - name: balanced
      backends:
        - backendId: balanced
          runtimeClass: kubernetes
          template: {kind: manifests, values: {service: {type: LoadBalancer}}}
    - name: gated
      backends:
        - backendId: gated
          runtimeClass: kubernetes
          template:
            kind: manifests
            values: {gateway: {parentRefs: [{name: shared, namespace: infra}], domain: apps.example.com, https: true}}
";

fn serving(profile: &str, resources: &str) -> String {
    let spec = format!(
        "  profile: {profile}
  containers: {{main: {{image: BUSYBOX, command: SLEEP}}}}
  service: {{ports: [{{name: web, port: 80, targetPort: 8080}}, {{name: api, port: 8443}}]}}
{resources}"
    );
    workload("it", &spec)
}

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

fn inside(context: &Context) -> String {
    format!("http://it.{}.svc.cluster.local", context.namespace)
}

fn routes(context: &Context) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    Api::namespaced_with(context.client.clone(), &context.namespace, &ApiResource::from_gvk(&kind))
}

/// The controller of the Gateway says of `route`, as it is now, that it is in force or why not.
async fn judge(context: &Context, route: &str, (type_, status): (&str, &str)) -> Result<DynamicObject> {
    let routes = routes(context);
    let live = eventually("there is a route", PATIENCE, async || Ok(routes.get_opt(route).await?)).await?;
    let condition = |type_: &str, status: &str| {
        json!({"type": type_, "status": status, "reason": "Told", "message": "",
               "observedGeneration": live.metadata.generation, "lastTransitionTime": Timestamp::now().to_string()})
    };
    let parent = json!({
        "parentRef": live.data["spec"]["parentRefs"][0], "controllerName": "example.com/gateways",
        "conditions": [condition("Accepted", "True"), condition(type_, status)],
    });
    let patch = Patch::Merge(json!({"status": {"parents": [parent]}}));
    Ok(routes.patch_status(&live.name_any(), &PatchParams::default(), &patch).await?)
}

#[tokio::test]
async fn a_workload_is_reached_at_the_address_of_its_balancer_as_soon_as_and_as_long_as_it_has_one() -> Result
{
    with_namespace("balancer", async |context: Context| {
        offered(&context, PROFILES, &[], async {
            context.apply(&serving("balanced", "")).await?;
            context.wait_ready("it").await?;
            let kind = context.api::<Service>().get("it").await?.spec.context("no spec")?.type_;
            ensure!(kind.as_deref() == Some("LoadBalancer"), "{kind:?}");
            reached(&context, &inside(&context)).await?;
            give(&context, json!([{"ip": "192.0.2.7"}])).await?;
            reached(&context, "http://192.0.2.7").await?;
            give(&context, json!([{"hostname": "lb.example.com"}])).await?;
            reached(&context, "http://lb.example.com").await?;
            give(&context, Value::Null).await?;
            reached(&context, &inside(&context)).await?;
            context.wait_ready("it").await.map(drop)
        })
        .await
    })
    .await
}

#[tokio::test]
async fn a_workload_is_reached_through_its_gateway_once_and_as_long_as_the_gateway_says_so() -> Result {
    with_namespace("gated", async |context: Context| {
        offered(&context, PROFILES, &[], async {
            context.apply(&serving("gated", "")).await?;
            context.wait_ready("it").await?;
            reached(&context, &inside(&context)).await?;
            let route = judge(&context, "it", ("ResolvedRefs", "True")).await?;
            let host = format!("it.{}.apps.example.com", context.namespace);
            ensure!(route.data["spec"]["hostnames"] == json!([host]), "{}", route.data["spec"]);
            reached(&context, &format!("https://{host}")).await?;
            judge(&context, "it", ("Programmed", "False")).await?;
            reached(&context, &inside(&context)).await?;
            context.wait_ready("it").await.map(drop)
        })
        .await
    })
    .await
}

#[tokio::test]
async fn a_route_of_class_gateway_is_the_endpoint_of_its_workload() -> Result {
    const ENTRY: &str = "  resources:
    entry: {type: route, class: gateway, params: {host: shop.example.com, path: /shop, port: web}}
";
    with_namespace("entry", async |context: Context| {
        offered(&context, "", &[shipped_type("route")?], async {
            context.apply(&serving("web-service", ENTRY)).await?;
            judge(&context, "it-entry", ("ResolvedRefs", "True")).await?;
            context.wait_ready("it").await?;
            reached(&context, "http://shop.example.com/shop").await
        })
        .await
    })
    .await
}
